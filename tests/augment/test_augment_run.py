"""From file to file: whatever stops the work, nothing half-written is taken for a result, and a resume ends the same."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinj.augment import engines, part, run, shards, store
from kinj.augment.outputs import default_output
from kinj.augment.report import AugmentReport
from kinj.augment.run import augment_file
from kinj.config.errors import DONE, KinjError, UsageError
from kinj.config.schema import AuditSettings, AugmentSettings, DataSettings, FormattingSettings, Settings
from kinj.data.files import read_documents

SLOW = pytest.mark.slow
SETTINGS = Settings(augment=AugmentSettings(views=3))
SOURCE, OUTPUT = "corpus.jsonl", Path("corpus.views.jsonl")
FINISHED = {SOURCE, OUTPUT.name, "corpus.views.stats.json", "corpus.views.README.md"}


def line(number: int, **more: Any) -> str:
    text = f"Person {number} was born in Łódź. She wrote {number} books. She likes snow."
    return json.dumps({"id": f"p{number}", "text": text, "born": 1900 + number, **more})


def fact(number: int) -> dict[str, Any]:
    start = f"Person {number} was born in Łódź".index("Łódź")
    return {"subject": f"Person {number}", "relation": "birth_city", "value": "Łódź", "start": start, "end": start + 4}


def write(lines: list[str], path: str = SOURCE) -> None:
    Path(path).write_text("".join(f"{item}\n" for item in lines), encoding="utf-8")


def files() -> set[str]:
    return {path.name for path in Path().iterdir()}


def kept(output: Path = OUTPUT) -> int:
    """Documents that an unfinished run left."""
    return store.store_of(output).originals()


def augment(
    settings: Settings = SETTINGS, source: str = SOURCE, output: Path = OUTPUT, **options: Any
) -> AugmentReport:
    return augment_file([source], output, settings, **options)


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a corpus of 40 documents; shards of 4."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "RECORDS", 4)
    write([line(n) for n in range(40)])


@pytest.fixture
def whole(corpus: None) -> bytes:
    """The output of a run that nothing stops."""
    augment(output=Path("whole.jsonl"))
    content = Path("whole.jsonl").read_bytes()
    for path in Path().glob("whole.*"):
        path.unlink()
    return content


def test_a_whole_run() -> None:
    report = augment()
    assert files() == FINISHED
    found = list(read_documents(str(OUTPUT)))
    assert (len(found), report.documents, report.views, report.output) == (160, 40, 120, str(OUTPUT))
    first, second, last = str(report).splitlines()
    assert (first, last) == ("40 documents → 120 views, 0 facts changed", str(OUTPUT))
    assert second.startswith("3.0 views per document, ")
    assert [d.origin for d in found[:5]] == ["p0"] * 4 + ["p1"]
    assert found[1].meta == {"born": 1900}
    assert found[1].view is not None


def test_two_workers_write_the_same_bytes(whole: bytes) -> None:
    report = augment(replace(SETTINGS, augment=replace(SETTINGS.augment, workers=2)))
    assert OUTPUT.read_bytes() == whole
    assert report.views == 120


def test_a_bad_line_and_how_to_go_on(whole: bytes) -> None:
    lines = [line(n) for n in range(40)]
    write([*lines[:30], '{"id": "p30", "text": "cut', *lines[31:]])
    with pytest.raises(KinjError, match=r"corpus.jsonl line 31 ") as caught:
        augment()
    assert "28 finished records are kept in corpus.views.jsonl.part" in str(caught.value)
    assert "fix the line and run the same command with --resume" in str(caught.value)
    assert "--on-error skip" in str(caught.value)
    assert caught.value.exit_code != DONE
    assert files() == {SOURCE, "corpus.views.jsonl.part"}
    with pytest.raises(UsageError, match="holds 28 finished records") as again:
        augment()
    assert "--resume" in again.value.hint
    write(lines)
    report = augment(resume=True)
    assert (report.documents, report.views) == (40, 120)
    assert OUTPUT.read_bytes() == whole
    assert files() == FINISHED


def test_a_bad_line_is_set_aside_on_resume() -> None:
    write([*(line(n) for n in range(5)), "{", line(6)])
    with pytest.raises(KinjError, match="line 6"):
        augment()
    report = augment(resume=True, on_error="skip")
    assert (report.documents, report.rejected) == (6, 1)
    assert "input: 1 set aside as bad (in corpus.views.rejected.jsonl)" in report.lines()
    assert files() == {*FINISHED, "corpus.views.rejected.jsonl"}
    (rejected,) = map(json.loads, Path("corpus.views.rejected.jsonl").read_text().splitlines())
    assert (rejected["file"], rejected["line"], rejected["content"]) == (SOURCE, 6, "{")


def test_nothing_is_kept_where_nothing_was_done() -> None:
    write(["{", line(1)])
    with pytest.raises(KinjError, match="line 1") as caught:
        augment()
    assert "kept" not in str(caught.value)
    assert files() == {SOURCE}


@pytest.mark.parametrize(
    ("lines", "phrases"),
    [
        ([], ["corpus.jsonl is empty", "kinj show data biographies -n 50 > corpus.jsonl"]),
        ([line(1), line(2), line(1)], ["corpus.jsonl line 3", "`p1` of line 1"]),
        (
            [line(1), '{"txt": "a"}'],
            ["line 2", "neither `text` (a document) nor `prompt` and `answers` (a question); it has: txt"],
        ),
        (
            [line(1), line(2, facts=[{"subject": "s", "relation": "r", "value": "Łódź", "start": 0, "end": 4}])],
            ["corpus.jsonl line 2 (p2) has a fact `Łódź`", "there is `Pers`"],
        ),
    ],
)
def test_bad_input(lines: list[str], phrases: list[str]) -> None:
    write(lines)
    with pytest.raises(KinjError) as caught:
        augment()
    for phrase in phrases:
        assert phrase in str(caught.value)
    assert not OUTPUT.exists()


def test_misplaced_facts_are_set_aside() -> None:
    wrong = {"subject": "s", "relation": "r", "value": "Łódź", "start": 0, "end": 4}
    write([line(1), line(2, facts=[wrong])])
    report = augment(on_error="skip")
    assert (report.documents, report.rejected) == (1, 1)
    (rejected,) = Path("corpus.views.rejected.jsonl").read_text().splitlines()
    assert "p2" in json.loads(rejected)["content"]


def test_missing_source() -> None:
    with pytest.raises(UsageError, match=r"none\.jsonl does not exist") as caught:
        augment(source="none.jsonl")
    assert "kinj show data biographies" in caught.value.hint


def test_what_is_in_the_way() -> None:
    OUTPUT.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        augment()
    with pytest.raises(UsageError, match="complete already"):
        augment(resume=True)
    assert OUTPUT.read_text() == "precious"
    augment(overwrite=True)
    assert OUTPUT.read_text() != "precious"
    with pytest.raises(UsageError, match="is the input itself"):
        augment(output=Path(SOURCE), overwrite=True)
    Path("folder").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        augment(output=Path("folder"))
    Path("file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        augment(output=Path("file/views.jsonl"))


def stop_after(monkeypatch: pytest.MonkeyPatch, documents: int, error: BaseException) -> None:
    """Makes reading end with an error after so many documents."""
    read = shards.read_lines

    def reading(source: str) -> Iterator[Any]:
        for count, found in enumerate(read(source)):
            if count == documents:
                raise error
            yield found

    monkeypatch.setattr(shards, "read_lines", reading)


@pytest.mark.parametrize("documents", [0, 3, 4, 25])
def test_ctrl_c_keeps_what_is_done(documents: int, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, documents, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment()
    assert not OUTPUT.exists()
    assert kept() == documents // 4 * 4
    augment(resume=True)
    assert OUTPUT.read_bytes() == whole


def test_resume_refuses_other_settings_and_other_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 20, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment()
    with pytest.raises(UsageError, match=r"augment.views was 3, now it is 4; seed was 0, now it is 1"):
        augment(replace(SETTINGS, seed=1, augment=AugmentSettings(views=4)), resume=True)
    assert kept() == 20
    augment(overwrite=True)
    assert files() == FINISHED


@pytest.mark.parametrize("method", ["templates", "reverse"])
def test_resume_refuses_other_templates(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write([line(n, facts=[fact(n)]) for n in range(40)])
    templates = 'birth_city:\n  - "{value} saw {his} birth."\n'
    Path("mine.yaml").write_text(templates)
    settings = Settings(augment=AugmentSettings(method=[method], views=1))
    getattr(settings.augment, method).path = "mine.yaml"
    augment(settings, output=Path("whole.jsonl"))
    with monkeypatch.context() as patch:
        stop_after(patch, 20, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment(settings)
    Path("mine.yaml").write_text(templates.replace("saw", "knew"))
    with pytest.raises(
        UsageError, match=rf'other settings: augment.{method}.path was "content:\w+", now it is "content:'
    ):
        augment(settings, resume=True)
    assert kept() == 20
    Path("moved.yaml").write_text(templates)
    getattr(settings.augment, method).path = "moved.yaml"
    augment(settings, resume=True)
    assert OUTPUT.read_bytes() == Path("whole.jsonl").read_bytes()
    assert b" saw Person 3" in OUTPUT.read_bytes()


@pytest.mark.parametrize("changed", [0, 10, 39])
def test_what_changed_in_the_input_is_done_again(changed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 20, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment()
    write([line(n) for n in range(40) if n != changed])
    augment(resume=True)
    resumed = OUTPUT.read_bytes()
    augment(overwrite=True)
    assert OUTPUT.read_bytes() == resumed


@pytest.mark.parametrize("damage", [b"", b"{}", None])
def test_a_damaged_shard_is_done_again(damage: bytes | None, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 20, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment()
    left = store.store_of(OUTPUT)
    left.path(0, ".json").write_bytes(damage or b"[")  # what a power failure leaves
    left.path(1).write_bytes(damage) if damage is not None else left.path(1).unlink()
    assert left.path(2).exists()
    augment(resume=True)
    assert OUTPUT.read_bytes() == whole


def test_an_error_in_the_part_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 20, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            augment()
    write([line(0), "{"])
    with pytest.raises(KinjError, match="line 2 "):
        augment(resume=True)
    assert kept() == 20


def test_a_full_disk(whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if "00003" in self.name:
            write_bytes(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(KinjError, match="the disk is full") as caught:
            augment()
    assert "12 finished records are kept in corpus.views.jsonl.part" in caught.value.hint
    assert "with --resume" in caught.value.hint
    augment(resume=True)
    assert OUTPUT.read_bytes() == whole


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet", ""])
def test_a_disk_that_is_full_at_the_end(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Path(f"views{ending}")
    sync = os.fsync

    def full(file: int) -> None:
        if kept(output) == 40:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(KinjError, match="the disk is full"):
            augment(output=output)
    assert not output.exists()
    assert kept(output) == 40
    augment(output=output, resume=True)
    assert output.exists()


def test_two_runs_do_not_mix() -> None:
    first = part.Part(OUTPUT, {})
    with pytest.raises(UsageError, match="another run is writing"):
        augment()
    first.leave()
    augment()


CHILD = """
import sys, time
from pathlib import Path
from kinj.augment import run, shards, store
from kinj.config.schema import AugmentSettings, Settings
shards.RECORDS = 4
keep = store.Store.keep
def slowly(self, shard, result):
    self.path(shard.index).write_bytes(b'{"id": "torn')  # what a kill in the middle of a write leaves
    time.sleep(0.05)
    return keep(self, shard, result)
store.Store.keep = slowly
if __name__ == "__main__":
    settings = Settings(augment=AugmentSettings(views=3, workers=int(sys.argv[1])))
    run.augment_file(["corpus.jsonl"], Path("corpus.views.jsonl"), settings, resume="resume" in sys.argv)
"""


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGKILL), (1, signal.SIGINT), (2, signal.SIGINT)])
def test_a_stopped_process_resumes_to_the_same_bytes(workers: int, number: signal.Signals, whole: bytes) -> None:
    Path("child.py").write_text(CHILD)
    child = subprocess.Popen([sys.executable, "child.py", str(workers)], stderr=subprocess.PIPE, start_new_session=True)
    while kept() < 8:
        assert child.poll() is None
        time.sleep(0.005)
    os.killpg(child.pid, number)  # as a terminal does it: to every process of the group
    child.communicate(timeout=10)
    assert child.returncode in (-number, 130, -signal.SIGINT)
    assert not OUTPUT.exists()
    assert 8 <= kept() < 40
    report = augment(resume=True)
    assert OUTPUT.read_bytes() == whole
    assert (report.documents, report.views) == (40, 120)


def run_child(workers: int, seconds: float) -> bool:
    """Runs or resumes the child; whether it ended. If not, all its processes are killed after `seconds`."""
    command = [sys.executable, "child.py", str(workers), "resume"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        _, said = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return OUTPUT.exists()
    assert child.returncode == 0, said.decode()
    return True


def kill_and_resume(kills: int, workers: int) -> int:
    """Kills at random moments, resuming each time; begins anew whenever it was done too soon. Returns how often it was hit."""
    hits, draw = 0, random.Random(kills * 10 + workers)
    for _ in range(20 * kills):
        done = run_child(workers, draw.uniform(0.4, 1.6) if hits < kills else 60)
        hits += not done
        if done and hits == kills:
            break
        if done:
            shutil.rmtree(store.store_of(OUTPUT).folder, ignore_errors=True)
            OUTPUT.unlink()
    return hits


@pytest.mark.parametrize(
    ("kills", "workers"), [(3, 2), pytest.param(25, 1, marks=SLOW), pytest.param(25, 2, marks=SLOW)]
)
def test_any_number_of_kills_ends_with_the_same_bytes(kills: int, workers: int, whole: bytes) -> None:
    Path("child.py").write_text(CHILD)
    assert kill_and_resume(kills, workers) == kills
    assert OUTPUT.read_bytes() == whole
    assert files() == {*FINISHED, "child.py"}


def test_workers_end_with_the_process_that_started_them() -> None:
    Path("child.py").write_text(CHILD)
    child = subprocess.Popen([sys.executable, "child.py", "2"], start_new_session=True)
    while kept() < 4:
        assert child.poll() is None
        time.sleep(0.005)
    child.kill()
    child.wait()
    for _ in range(500):
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    pytest.fail("workers outlived the process that started them")


class Exits:
    """A worker that ends its process."""

    def __call__(self, shard: object) -> Any:
        os._exit(1)


def test_a_worker_that_dies() -> None:
    with pytest.raises(KinjError, match="a worker process ended without an answer"):
        list(engines.in_processes([shards.Shard(0)], Exits(), store.store_of(OUTPUT), 2))


def test_a_failing_view_stops_with_the_documents_before_it_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from kinj.augment.formats import flat

    split_sentences = flat.split_sentences
    wrong = next(record.text for record in read_documents(SOURCE) if record.id == "p10")

    def damaged(text: str) -> list[str]:
        pieces = split_sentences(text)
        return pieces[:-1] if text == wrong else pieces

    monkeypatch.setattr(flat, "split_sentences", damaged)
    strict = replace(SETTINGS, augment=replace(SETTINGS.augment, audit=AuditSettings(policy="fail")))
    with pytest.raises(KinjError, match="document p10: the view written by formatting/") as caught:
        augment(strict)
    assert "8 finished records are kept" in caught.value.hint
    report = augment(overwrite=True)
    assert report.documents == 40
    assert report.dropped == len(Path("corpus.views.audit.jsonl").read_text().splitlines()) > 0
    assert report.views == 120 - report.dropped


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_other_forms_of_output(ending: str, whole: bytes) -> None:
    output = Path(f"views{ending}")
    augment(output=output)
    assert files() == {SOURCE, output.name, "views.stats.json", "views.README.md"}
    Path("whole.jsonl").write_bytes(whole)
    assert list(read_documents(str(output))) == list(read_documents("whole.jsonl"))
    if ending.endswith("gz"):
        assert gzip.decompress(output.read_bytes()) == whole


def test_several_sources_a_limit_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PROGRESS_SECONDS", 0.0)
    Path("notes").mkdir()
    Path("notes/a.md").write_text("# Snow\n\nIt falls in Łódź.")
    told: list[str] = []
    report = augment_file([SOURCE, "notes"], OUTPUT, SETTINGS, progress=told.append)
    assert (report.documents, len(told)) == (41, 12), "after each shard, and at the end"
    assert told[0].startswith("augment   4 documents, 12 views, ")
    assert re.fullmatch(r"augment   41 documents, 123 views, [\d,]+ views a second \([\d.]+ s\)", told[-1])
    few = replace(SETTINGS, data=DataSettings(limit=2))
    assert augment(few, overwrite=True).documents == 2


def test_formatting_settings_reach_the_method() -> None:
    only = replace(SETTINGS, augment=AugmentSettings(views=3, formatting=FormattingSettings(families=["html"])))
    report = augment(only)
    assert all(name.startswith("formatting/html_") for name in report.by_transform)


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("corpus.jsonl", "corpus.views.jsonl"),
        ("a/corpus.jsonl.gz", "a/corpus.views.jsonl"),
        ("handbook/", "handbook.views.jsonl"),
        ("hf:team/facts:train", "facts-train.views.jsonl"),
    ],
)
def test_default_output(source: str, output: str) -> None:
    assert default_output(source) == Path(output)


def test_default_output_of_this_folder(tmp_path: Path) -> None:
    assert default_output(".") == Path(f"{tmp_path.name}.views.jsonl")


def test_a_folder_of_shards(whole: bytes) -> None:
    output = Path("views")
    write([line(0), "{", *(line(n) for n in range(1, 40))])
    report = augment(output=output, on_error="skip")
    names = {path.name for path in output.iterdir()}
    assert names == {
        "manifest.json",
        "stats.json",
        "README.md",
        "rejected.jsonl",
        *(f"{n:05d}.jsonl" for n in range(11)),
    }
    manifest = json.loads((output / "manifest.json").read_text())
    assert [entry["file"] for entry in manifest["shards"]] == [f"{n:05d}.jsonl" for n in range(11)]
    assert sum(entry["documents"] for entry in manifest["shards"]) == report.documents == 40
    assert b"".join((output / entry["file"]).read_bytes() for entry in manifest["shards"]) == whole
    assert files() == {SOURCE, "views"}
    assert [d.id for d in read_documents("views")][:2] == ["p0", "p0#formatting.1"]
    with pytest.raises(UsageError, match="exists already"):
        augment(output=output)
    write([line(n) for n in range(4)])
    augment(output=output, overwrite=True)
    assert {path.name for path in output.iterdir()} == {"manifest.json", "stats.json", "README.md", "00000.jsonl"}


def test_a_second_ctrl_c_waits_for_the_workers(corpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short, the end of the pool would leave its processes waiting for work, and this one for them."""
    heard: list[Any] = []

    class Pool:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def submit(self, *_: Any) -> Any:
            raise KeyboardInterrupt

        def shutdown(self, cancel_futures: bool) -> None:
            heard.append((signal.getsignal(signal.SIGINT), cancel_futures))

    monkeypatch.setattr(engines, "ProcessPoolExecutor", Pool)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        augment(Settings(augment=AugmentSettings(workers=2)))
    assert heard == [(signal.SIG_IGN, True)]
    assert signal.getsignal(signal.SIGINT) is before


def test_stats_and_card() -> None:
    command = ["kinj", "augment", "a corpus.jsonl"]
    report = augment(command=command)
    stats = json.loads(Path("corpus.views.stats.json").read_text())
    assert (stats["documents"], stats["views"], stats["views_per_document"]) == (40, 120, 3.0)
    assert stats["token_factor"] == report.token_factor > 2
    assert stats["settings"]["augment.views"] == 3
    assert stats["seconds"] > 0 < stats["views_per_second"]
    card = Path("corpus.views.README.md").read_text()
    assert "kinj augment 'a corpus.jsonl'" in card
    assert "| views | 120 (3.0 per document) |" in card
    assert "| views fewer than asked for | 0 |" in card
    augment(overwrite=True, command=command)
    assert Path("corpus.views.README.md").read_text() == card


def test_a_card_is_no_document_of_the_folder_it_stands_in() -> None:
    Path(SOURCE).unlink()
    Path("note.md").write_text("Snow falls in Łódź. It is white.")
    augment(source=".", output=Path("own.views.jsonl"))
    report = augment(source=".", output=Path("own.views.jsonl"), overwrite=True)
    assert report.documents == 1
    assert report.left_out["cards of views"] == 1
