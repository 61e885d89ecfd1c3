"""A judge at an endpoint: verdicts beside the scores, how far they agree, and an endpoint that fails or says something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import openai._base_client
import pytest

from kinj.config.errors import UsageError
from kinj.config.schema import EvalSettings, JudgeSettings
from kinj.eval.judge import Judge, verdict
from kinj.eval.run import evaluate
from kinj.models.loading import LanguageModel
from tests.augment.endpoints import Server, server
from tests.cli.conftest import Kinj, kinj
from tests.eval.conftest import ask_about

__all__ = ["kinj", "server"]

LINES: list[dict[str, Any]] = [
    {
        "id": f"q{n}",
        "document": f"d{n % 4}",
        "prompt": f"Where is {n}?",
        "answers": [f"Town {n}", "T."],
        "prediction": given,
    }
    for n, given in enumerate(["Town 0", "in Town 1", "the town", "Rome", "Town 4", "Oslo", "", "Town 7"])
]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(openai._base_client, "INITIAL_RETRY_DELAY", 0.01)
    Path("answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))


def lenient(prompt: str) -> str:
    """Says yes where a town is named, whatever its number; is at a loss about Oslo."""
    given = re.findall(r"Answer given: (.*)", prompt)[0]
    return "Hm." if given == "Oslo" else f"<think>no</think>\n**{'Yes' if 'own' in given else 'No'}**."


def judged(kinj: Kinj, server: Server, *more: str) -> Any:
    return kinj("eval", "--from-predictions", "answers.jsonl", "--judge", f"openai:j@{server.url}", *more)


def rows_of(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "predictions", "qa.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        *[(text, True) for text in ("yes", "Yes.", " YES, it is", '"yes"', "**Yes**", "<think>no no</think> yes")],
        *[(text, False) for text in ("no", "No, it is not", "- no")],
        *[(text, None) for text in ("", "maybe", "I think yes", "yesterday", "nothing", "<think>yes")],
    ],
)
def test_what_counts_as_a_verdict(reply: str, expected: bool | None) -> None:
    assert verdict(reply) is expected


def test_verdicts_stand_beside_the_scores_and_their_agreement_is_reported(kinj: Kinj, server: Server) -> None:
    server.write = lenient
    result = judged(kinj, server, "-o", "out", "--json")
    assert result.exit_code == 0, result.stderr
    probe = json.loads(result.stdout)["results"][0]["probes"]["qa"]
    assert [row["judge"]["right"] for row in rows_of("out")] == [True, True, True, False, True, None, False, True]
    assert rows_of("out")[5]["judge"]["reply"] == "Hm."
    found = probe["judge"]
    assert (found["asked"], found["unparseable"], found["without_question"]) == (8, 1, 0)
    assert (found["right"]["value"], found["right"]["n"], found["right"]["clusters"]) == (pytest.approx(5 / 7), 7, 4)
    exact = found["agreement"]["exact_match"]
    assert (exact["both"], exact["judge_only"], exact["score_only"], exact["neither"]) == (3, 2, 0, 2)
    assert exact["share"]["value"] == pytest.approx(5 / 7)
    assert exact["kappa"] == pytest.approx((5 / 7 - 23 / 49) / (1 - 23 / 49))
    assert found["agreement"]["contains"]["judge_only"] == 1
    plain = kinj("eval", "--from-predictions", "answers.jsonl", "-o", "plain", "--json")
    without = json.loads(plain.stdout)["results"][0]["probes"]["qa"]
    assert probe["measures"] == without["measures"], "verdicts changed the scores"
    bodies = [json.loads(body) for body in server.received]
    assert {(b["model"], b["temperature"], b["max_tokens"]) for b in bodies} == {("j", 0.0, 16)}
    assert any("Town 1\nT.\n" in body["messages"][0]["content"] for body in bodies)


def test_the_summary_names_counts_and_kappa(kinj: Kinj, server: Server) -> None:
    server.write = lenient
    shown = judged(kinj, server).stdout
    assert "qa, judged by openai:j@" in shown
    assert "right 71.4 % [" in shown
    assert "1 of 8 replies begin with neither yes nor no" in shown
    assert re.search(
        r"as exact_match: 71.4 % \[.*\], kappa 0.46 \(both right 3, judge only 2, score only 0, neither 2\)", shown
    )


def test_an_endpoint_that_fails_in_the_middle_keeps_scores_and_replies(kinj: Kinj, server: Server) -> None:
    server.write = lenient
    server.fault = lambda exchange: exchange.number > 3 and exchange.refuse(401, "no more")
    stopped = judged(kinj, server, "eval.in_flight=1")
    assert stopped.exit_code == 1
    assert "failed after 3 of 8 answers" in stopped.stderr
    assert "continue with: kinj eval --from-predictions answers.jsonl" in stopped.stderr
    assert stopped.stderr.rstrip().endswith("--resume")
    (folder,) = Path("runs").iterdir()
    assert "exact_match" in json.loads((folder / "results.json").read_text())["probes"]["qa"]["measures"]
    assert len((folder / "cache" / "judge.jsonl").read_text().splitlines()) == 3
    server.fault = lambda exchange: False
    before = server.number
    assert judged(kinj, server, "eval.in_flight=1", "--resume").exit_code == 0
    assert server.number - before == 5
    assert list(Path("runs").iterdir()) == [folder]
    assert rows_of(str(folder))[7]["judge"]["right"] is True


def test_lines_without_a_question_are_counted_and_not_judged(kinj: Kinj, server: Server) -> None:
    server.write = lenient
    lines = [{key: line[key] for key in line if key != "prompt"} for line in LINES[:3]]
    lines[0]["question"] = "Where?"
    Path("answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    shown = judged(kinj, server, "-o", "out").stdout
    assert "2 lines have no question (`prompt`) and were not judged" in shown
    assert ["judge" in row for row in rows_of("out")] == [True, False, False]


def test_replies_none_of_which_is_a_verdict(kinj: Kinj, server: Server) -> None:
    server.write = lambda prompt: "Who knows"
    shown = judged(kinj, server).stdout
    assert "8 of 8 replies begin with neither yes nor no" in shown
    assert "kappa" not in shown


def test_answers_of_a_model_are_judged(
    server: Server, language_model: LanguageModel, with_pools: Any, tmp_path: Path
) -> None:
    server.write = lambda prompt: "no"
    context = with_pools("corpus", questions=[ask_about("d", "Who?", "Ada"), ask_about("e", "Where?", "Rome")])
    context.settings.eval.judge = JudgeSettings(model=f"openai:j@{server.url}")
    context.settings.eval.max_new_tokens = 4
    progress: list[tuple[str, int, int]] = []
    results = evaluate(
        context.settings, language_model, context, ["qa"], tmp_path / "out", lambda *told: progress.append(told)
    )
    found = results["probes"]["qa"]["judge"]
    assert (found["right"]["value"], found["agreement"]["exact_match"]["kappa"]) == (0.0, None)
    assert ("judge", 2, 2) in progress
    assert json.loads((tmp_path / "out" / "results.json").read_text())["probes"]["qa"]["judge"] == found


def test_a_prompt_of_ones_own_and_wrong_ones(kinj: Kinj, server: Server) -> None:
    server.write = lambda prompt: "yes" if prompt.startswith("Right?") else "no"
    Path("mine.yaml").write_text("ask: 'Right? {question} {prediction}'")
    result = judged(kinj, server, "eval.judge.prompt=mine.yaml", "-o", "out", "--json")
    assert json.loads(result.stdout)["results"][0]["probes"]["qa"]["judge"]["right"]["value"] == 1
    Path("mine.yaml").write_text("ask: 'Right? {question} {answer}'")
    wrong = judged(kinj, server, "eval.judge.prompt=mine.yaml")
    assert (wrong.exit_code, "did you mean {answers}?" in wrong.stderr) == (2, True)
    Path("mine.yaml").write_text("ask: 'Right? {question}'")
    assert "does not use {prediction}" in judged(kinj, server, "eval.judge.prompt=mine.yaml").stderr
    absent = judged(kinj, server, "eval.judge.prompt=absent.yaml")
    assert (absent.exit_code, "eval.judge.prompt: absent.yaml does not exist" in absent.stderr) == (2, True)
    shown = kinj("show", "prompt", "judge")
    assert "{prediction}" in shown.stdout
    assert "judge" in kinj("show", "prompt").stdout


def test_a_judge_that_is_none_is_refused_before_anything_is_scored(kinj: Kinj) -> None:
    for name, phrase in (("tiny", "is not a served model"), ("openai:x", "names no served model")):
        result = kinj("eval", "--from-predictions", "answers.jsonl", "--judge", name, "-o", "out")
        assert (result.exit_code, phrase in result.stderr) == (2, True)
        assert not Path("out").exists()
    with pytest.raises(UsageError, match="is not a served model"):
        Judge(EvalSettings(judge=JudgeSettings(model="tiny")))
    unused = kinj("eval", "--from-predictions", "answers.jsonl", "eval.judge.max_new_tokens=4", "-o", "out")
    assert "no judge is asked" in unused.stderr
