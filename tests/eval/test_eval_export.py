"""Questions as tasks of lm-eval: it gives the same answers the same scores."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from kinj.cli.main import app
from kinj.config.errors import UsageError
from kinj.config.schema import ModelSettings
from kinj.eval.asking import generation
from kinj.eval.export import export
from kinj.eval.ranking import ranking_requests
from kinj.models.loading import LanguageModel, load_model
from tests.eval.conftest import ask_about
from tests.gap_models import save

QUESTIONS = [
    ask_about("a", 'Where was "{{ Ada }}" born?', "London", kind="where", choices=["London", "Rome"]),
    ask_about("a", "Who\nwas she?", "A mathematician", "Ada", kind="who"),
    ask_about("b", "Where was Grace Hopper born?", "New York", kind="where", choices=["Rome", "New York", "Kyiv"]),
]


def run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]


def test_tasks_hold_what_the_model_is_asked(language_model: LanguageModel, settings: Any, tmp_path: Path) -> None:
    settings.eval.stop = ["\n"]
    requests = [generation(question, settings) for question in QUESTIONS]
    requests += [r for q in (QUESTIONS[0], QUESTIONS[2]) for r in ranking_requests(q, q.choices or [])]
    names = export("qa", requests, language_model.codec, tmp_path)
    assert names == ["kinj_qa_where", "kinj_qa_who", "kinj_qa_ranked"]
    rows = [json.loads(line) for line in (tmp_path / "kinj_qa_where.jsonl").read_text().splitlines()]
    assert rows[0]["text"] == 'Question: Where was "{{ Ada }}" born?\nAnswer:'
    assert [row["answers"] for row in rows] == [["London"], ["New York"]]
    text = (tmp_path / "kinj_qa_where.yaml").read_text()
    task = yaml.safe_load(text.replace("!function ", ""))
    assert task["generation_kwargs"] == {"until": ["\n"], "max_gen_toks": 32, "do_sample": False}
    assert task["custom_dataset"] == "kinj_task.questions"
    assert [metric["metric"] for metric in task["metric_list"]][:2] == ["exact_match", "f1"]


def test_models_that_fill_gaps_are_not_exported(settings: Any, tmp_path: Path) -> None:
    model = load_model(ModelSettings(name=str(save("bert", tmp_path / "bert"))))
    with pytest.raises(UsageError, match="fill a gap"):
        export("qa", [generation(QUESTIONS[0], settings)], model.codec, tmp_path / "tasks")


def test_the_command_writes_tasks_and_says_how_to_run_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("questions.jsonl").write_text(
        '{"prompt": "Where was Ada Byron born?", "answers": ["London"], "kind": "where"}\n'
    )
    settings = ["tiny", "--probe", "qa", "data=corpus", "data.questions=[questions.jsonl]"]

    def export_as(form: str, folder: str, *more: str) -> Result:
        return CliRunner().invoke(app, ["eval", *settings, "--export", form, folder, *more])

    done = export_as("lm-eval", "tasks", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["exported"] == ["kinj_qa"]
    assert "--tasks kinj_qa" in told["command_line"]
    assert Path("tasks/kinj_qa.yaml").is_file()

    again = export_as("lm-eval", "tasks")
    assert again.exit_code == 2
    assert "tasks is not empty" in again.stderr
    replaced = export_as("lm-eval", "tasks", "--overwrite")
    assert replaced.stdout.strip() == str(Path("tasks/kinj_qa.yaml"))
    assert told["command_line"] in " ".join(replaced.stderr.split())
    unknown = export_as("helm", "others")
    assert unknown.exit_code == 2
    assert "there are: lm-eval" in unknown.stderr
    assert not Path("others").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed (pip install kinj[bench])"
)
def test_lm_eval_finds_the_same_scores(tmp_path: Path) -> None:
    data, tasks, ours, theirs = (tmp_path / name for name in ("questions.jsonl", "tasks", "ours", "theirs"))
    rows = [
        {
            "id": f"q{n}",
            "document": f"d{n % 3}",
            "kind": "where",
            "prompt": f"Where was {name} born?",
            "answers": [town],
        }
        | ({"choices": [town, "Rome", "Kyiv"]} if n % 2 else {})
        for n, (name, town) in enumerate(
            [("Ada Byron", "London"), ("Grace Hopper", "New York"), ("Bo", "{{Lima}}")] * 4
        )
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    ask = [
        sys.executable,
        "-m",
        "kinj",
        "eval",
        "tiny",
        "--probe",
        "qa",
        "data=corpus",
        f"data.questions=[{data}]",
        "eval.max_new_tokens=8",
    ]
    run([*ask, "-o", str(ours)], tmp_path)
    run([*ask, "--export", "lm-eval", str(tasks)], tmp_path)
    names = sorted(path.stem for path in tasks.glob("*.yaml"))
    assert names == ["kinj_qa", "kinj_qa_ranked"]
    from kinj.models.places import locate

    options = f"pretrained={locate('tiny')},dtype=float32,add_bos_token=True"
    asked = ["--model", "hf", "--model_args", options, "--include_path", str(tasks), "--tasks", ",".join(names)]
    more = ["--device", "cpu", "--batch_size", "4", "--output_path", str(theirs), "--log_samples"]
    run([sys.executable, "-m", "lm_eval", "run", *asked, *more], tmp_path)

    results = json.loads((ours / "results.json").read_text())["probes"]["qa"]["measures"]
    (file,) = theirs.rglob("results_*.json")
    found = json.loads(file.read_text())["results"]
    predictions = {
        row["id"]: row for row in map(json.loads, (ours / "predictions" / "qa.jsonl").read_text().splitlines())
    }
    (samples,) = theirs.rglob("samples_kinj_qa_2*.jsonl")
    for sample in map(json.loads, samples.read_text().splitlines()):
        mine = predictions[sample["doc"]["id"]]
        assert sample["resps"][0][0].strip() == mine.get("generated", mine["prediction"])
        assert {name: sample[name] for name in mine["scores"]} == mine["scores"]
    for name in predictions["q0"]["scores"]:
        assert found["kinj_qa"][f"{name},none"] == pytest.approx(results[name]["value"])
    assert found["kinj_qa_ranked"]["ranked_first,none"] == pytest.approx(results["choice"]["value"])
