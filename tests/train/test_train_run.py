"""The loop on a very small model: learns, resumes to the same bytes, accounts for doses, and fails loudly."""

from __future__ import annotations

import hashlib
import math
import os
import signal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors import SafetensorError

from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import (
    ModelSettings,
    OptimSettings,
    SamSettings,
    Settings,
    SourceSettings,
    StageSettings,
    TrainSettings,
)
from kinj.data.base import DataSet
from kinj.data.records import Document, Fact, Question, View
from kinj.data.rundir import RunDir
from kinj.models.codec import Codec
from kinj.models.loading import LanguageModel, load_model
from kinj.models.scratch import build_model
from kinj.train.run import train


def documents() -> list[Document]:
    made = []
    for i in range(12):
        text = f"Person {i} was born in town {i % 3}."
        fact = Fact(
            subject=f"Person {i}", relation="born", value=f"town {i % 3}", start=text.index("town"), end=len(text) - 1
        )
        made.append(Document(id=f"d{i}", text=text, facts=[fact]))
        made.append(
            Document(id=f"d{i}.1", text=text.upper(), source=f"d{i}", view=View(method="upper", index=1, seed=0))
        )
    return made


def data() -> DataSet:
    questions = [
        Question(id=f"q{i}", document=f"d{i}", prompt=f"Where was Person {i} born?", answers=[f"town {i % 3}"])
        for i in range(12)
    ]
    return DataSet("test", {"documents": documents, "questions": lambda: questions})


def settings(**optim: Any) -> Settings:
    stages = {
        "first": StageSettings(data={"documents": SourceSettings()}, epochs=2),
        "second": StageSettings(
            data={"questions": SourceSettings(), "documents": SourceSettings(weight=0.5, per="questions")},
            steps=5,
            optim={"lr": 5e-4},
        ),
    }
    optim = {"batch_tokens": 100, "lr": 2e-3, **optim}
    return Settings(
        train=TrainSettings(order=["first", "second"], stages=stages, checkpoint_every=2, keep_checkpoints=9),
        optim=OptimSettings(**optim),
    )


def fresh(tokenizer: Any) -> LanguageModel:
    model = build_model(50_000, tokenizer, 128, seed=0)
    return LanguageModel(model, tokenizer, Codec(tokenizer, ModelSettings(), 128), "scratch")


def run_dir(path: Path, resume: bool = False) -> RunDir:
    return RunDir.create(path, resume=resume)


def digest(path: Path) -> dict[str, str]:
    """SHA-256 of every file of the last checkpoint, and of the metrics."""
    folder = RunDir(path).latest_checkpoint()
    assert folder is not None
    files = [*sorted(folder.iterdir()), path / "metrics.jsonl", path / "doses.parquet"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class StopError(Exception):
    pass


def stop_after(step: int) -> Any:
    count = [0]

    def progress(*_: Any) -> None:
        count[0] += 1
        if count[0] == step:
            raise StopError

    return progress


@pytest.mark.parametrize("sam", [{}, {"rho": 0.05}, {"rho": 0.5, "variant": "asam", "fraction": 0.5, "every": 2}])
@pytest.mark.parametrize("stop", [3, 7, 11])
def test_an_interrupted_run_ends_with_the_same_bytes(
    tmp_path: Path, tokenizer: Any, sam: dict[str, Any], stop: int
) -> None:
    chosen = settings(sam=SamSettings(**sam))
    train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "whole"))
    with pytest.raises(StopError):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "cut"), progress=stop_after(stop))
    again = run_dir(tmp_path / "cut", resume=True)
    checkpoint = again.latest_checkpoint()
    assert checkpoint is not None
    train(chosen, load_model(ModelSettings(name=str(checkpoint))), data(), again, resume=True)
    assert digest(tmp_path / "cut") == digest(tmp_path / "whole")


def test_it_learns_and_reports(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.stages["first"].epochs = 30
    run = run_dir(tmp_path / "run")
    seen: list[tuple[str, int, int]] = []
    result = train(
        chosen, fresh(tokenizer), data(), run, progress=lambda stage, done, total, _: seen.append((stage, done, total))
    )
    metrics = [line for line in run.metrics() if "loss" in line]
    assert metrics[-6]["loss"] < 0.5 * metrics[0]["loss"]
    assert result.steps == result.passes == len(metrics) == len(seen)
    assert [line["step"] for line in metrics] == list(range(1, result.steps + 1))
    assert result.tokens >= 0.95 * result.computed_tokens
    assert seen[-1] == ("second", 5, 5)


def test_doses_count_exposures_views_and_the_last_step(tmp_path: Path, tokenizer: Any) -> None:
    run = run_dir(tmp_path / "run")
    chosen = settings()
    chosen.train.order = ["first"]
    train(chosen, fresh(tokenizer), data(), run)
    rows = pq.read_table(run.path / "doses.parquet").to_pylist()
    # Two epochs, two views each: every fact twice, in two views; only view 0 holds the fact's offsets.
    by_fact = {(row["document"], row["relation"]): row for row in rows}
    assert len({row["document"] for row in rows}) == 12
    assert by_fact["d3", "born"]["exposures"] == 1
    assert by_fact["d3", None]["exposures"] == 1
    assert all(1 <= row["last_step"] <= 40 for row in rows)


def test_a_document_of_several_rows_counts_once_per_exposure(tmp_path: Path, tokenizer: Any) -> None:
    long = [Document(id="long", text="A sentence of some words. " * 60)]
    chosen = settings()
    chosen.train.order = ["first"]
    run = run_dir(tmp_path / "run")
    train(chosen, fresh(tokenizer), DataSet("test", {"documents": lambda: long}), run)
    (row,) = pq.read_table(run.path / "doses.parquet").to_pylist()
    assert (row["document"], row["exposures"], row["views"]) == ("long", 2, 1)
    assert row["tokens"] == sum(line["tokens"] for line in run.metrics())  # of all its rows, in both exposures


def test_loss_that_is_not_finite_stops_the_run_and_keeps_what_was(tmp_path: Path, tokenizer: Any) -> None:
    model = fresh(tokenizer)

    def poison(stage: str, done: int, *_: Any) -> None:
        if (stage, done) == ("first", 3):
            with torch.no_grad():
                model.model.get_input_embeddings().weight.fill_(math.nan)

    run = run_dir(tmp_path / "run")
    with pytest.raises(KinjError, match=r"not finite .* at step 4 of stage `first`") as caught:
        train(settings(), model, data(), run, progress=poison)
    assert "lower optim.lr" in caught.value.hint
    assert "step-000002" in caught.value.hint
    assert "optim.sam" not in caught.value.hint  # SAM is off
    kept = load_model(ModelSettings(name=str(run.path)))
    assert all(torch.isfinite(p).all() for p in kept.model.parameters())


@pytest.mark.parametrize(("overflows", "ends"), [(2, False), (99, True)])
def test_an_overflow_of_sam_is_one_event_and_ten_end_the_run(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, overflows: int, ends: bool
) -> None:
    """The loss is infinite wherever the weights are moved, for so many steps."""
    from kinj.train.step import Stepper

    real, left = Stepper._two_passes, [overflows]

    def two_passes(self: Stepper, *args: Any) -> Any:
        report = real(self, *args)
        left[0] -= 1
        if left[0] >= 0:
            report.loss_shifted = math.inf
        return report

    monkeypatch.setattr(Stepper, "_two_passes", two_passes)
    run = run_dir(tmp_path / "run")
    chosen = settings(sam=SamSettings(rho=0.1))
    if ends:
        with pytest.raises(KinjError, match=r"not finite .* at step 10 .* SAM moved, the loss was inf") as caught:
            train(chosen, fresh(tokenizer), data(), run)
        assert "optim.sam.rho (now 0.1)" in caught.value.hint
    else:
        result = train(chosen, fresh(tokenizer), data(), run)
        assert (result.sam_skipped, result.sam_steps) == (2, result.steps)
    skipped = [event["step"] for event in run.events() if event["kind"] == "step_skipped"]
    assert skipped == list(range(1, 10 if ends else 3))


def test_sam_that_never_acts_is_a_failure(tmp_path: Path, tokenizer: Any) -> None:
    """Where the steps tell, before the last stage; else at the end: momentum has no direction on the first step."""
    run = run_dir(tmp_path / "late")
    with pytest.raises(KinjError, match="would act on none of the 12 steps"):
        train(settings(sam=SamSettings(rho=0.1, start_step=1000)), fresh(tokenizer), data(), run)
    assert {line["stage"] for line in run.metrics()} == {"first"}
    told = [event["text"] for event in run.events() if "SAM" in event.get("text", "")]
    assert told[0] == "stage `first`: SAM will not act: optim.sam.start_step is 1,000, and the stage has 7 steps"
    chosen = settings(sam=SamSettings(rho=0.1, variant="momentum"))
    chosen.train.order = ["second"]
    chosen.train.stages["second"].steps = 1
    with pytest.raises(KinjError, match="SAM was on but never moved"):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "momentum"))


def test_sam_doubles_the_passes_and_leaves_no_trace_in_the_checkpoint(tmp_path: Path, tokenizer: Any) -> None:
    results, names = [], []
    for name, rho in (("plain", 0.0), ("sam", 0.05)):
        run = run_dir(tmp_path / name)
        results.append(train(settings(sam=SamSettings(rho=rho)), fresh(tokenizer), data(), run))
        folder = run.latest_checkpoint()
        assert folder is not None
        from safetensors import safe_open

        with safe_open(folder / "optimizer.safetensors", "pt") as file:
            names.append(sorted(file.keys()))
    assert results[1].passes == 2 * results[0].passes
    assert results[1].sam_steps == results[0].steps
    assert names[0] == names[1]


def test_ctrl_c_finishes_the_step_and_saves(tmp_path: Path, tokenizer: Any) -> None:
    run = run_dir(tmp_path / "run")

    def progress(stage: str, done: int, *_: Any) -> None:
        if (stage, done) == ("first", 3):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(settings(), fresh(tokenizer), data(), run, progress=progress)
    latest = run.latest_checkpoint()
    assert latest is not None
    assert latest.name == "step-000003"


def test_disk_full_while_saving_keeps_the_checkpoint_before(
    tmp_path: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import kinj.train.checkpoint as module

    real, calls = module.save_file, [0]

    def save_file(tensors: Any, path: Any) -> None:
        calls[0] += 1
        if calls[0] == 2:
            Path(path).write_bytes(b"half")
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        real(tensors, path)

    monkeypatch.setattr(module, "save_file", save_file)
    run = run_dir(tmp_path / "run")
    with pytest.raises(KinjError, match="No space left") as caught:
        train(settings(), fresh(tokenizer), data(), run)
    assert isinstance(caught.value.__cause__, OSError)  # a sweep tells a full disk from a failure by it
    assert [step for step, _ in run.checkpoints()] == [2]
    assert not [path for path in (run.path / "checkpoints").iterdir() if path.name != "step-000002"]


def test_only_so_many_checkpoints_stay(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.keep_checkpoints = 1
    run = run_dir(tmp_path / "run")
    result = train(chosen, fresh(tokenizer), data(), run)
    assert [step for step, _ in run.checkpoints()] == [result.steps]


def test_probes_on_the_way(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.probe_every = 4
    run = run_dir(tmp_path / "run")
    asked: list[int] = []

    def observer(step: int, _: LanguageModel) -> list[dict[str, Any]]:
        asked.append(step)
        return [{"probe": "p", "measures": {"recall": 0.5}}]

    train(chosen, fresh(tokenizer), data(), run, observer=observer)
    assert asked == [line["step"] for line in run.metrics() if "probe" in line] != []


def test_a_long_document_is_split_or_refused_never_cut(tmp_path: Path, tokenizer: Any) -> None:
    long = [Document(id="long", text="A sentence of some words. " * 60)]
    chosen = settings()
    chosen.train.order = ["first"]
    run = run_dir(tmp_path / "run")
    train(chosen, fresh(tokenizer), DataSet("test", {"documents": lambda: long}), run)
    notices = [event["text"] for event in run.events() if event["kind"] == "notice"]
    assert any("1 documents of `documents` were split at 128 tokens" in text for text in notices)
    chosen.data.long = "refuse"
    with pytest.raises(KinjError, match="a row holds 128"):
        train(chosen, fresh(tokenizer), DataSet("test", {"documents": lambda: long}), run_dir(tmp_path / "other"))


@pytest.mark.parametrize(
    ("pools", "phrase"),
    [({}, "no pool `documents`"), ({"documents": list}, "is empty")],
)
def test_missing_and_empty_sources(tmp_path: Path, tokenizer: Any, pools: dict[str, Any], phrase: str) -> None:
    with pytest.raises(KinjError, match=phrase):
        train(settings(), fresh(tokenizer), DataSet("test", pools), run_dir(tmp_path / "run"))


def test_a_missing_pool_says_how_to_bring_records_of_ones_own(tmp_path: Path, tokenizer: Any) -> None:
    """Recipes with training questions meet a corpus that has documents only."""
    only_documents = DataSet("corpus", {"documents": documents})
    with pytest.raises(UsageError, match="no pool `questions`; it has: documents") as caught:
        train(settings(), fresh(tokenizer), only_documents, run_dir(tmp_path / "run"))
    assert "train.stages.STAGE.data.questions.path=FILE" in caught.value.hint


def test_views_need_an_augmenter(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.stages["first"].data["documents"].augment = ["formatting"]
    with pytest.raises(UsageError, match="no augmenter"):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "run"))


def test_a_missing_replay_is_said(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.order = ["first"]
    chosen.train.stages["first"].data["replay"] = SourceSettings(per="documents")
    run = run_dir(tmp_path / "run")
    train(chosen, fresh(tokenizer), data(), run)
    assert any("nothing protects" in event.get("text", "") for event in run.events())


def test_answer_objective_on_documents_is_refused(tmp_path: Path, tokenizer: Any) -> None:
    chosen = settings()
    chosen.train.stages["first"].objective = "answer"
    with pytest.raises(KinjError, match="needs questions"):
        train(chosen, fresh(tokenizer), data(), run_dir(tmp_path / "run"))
