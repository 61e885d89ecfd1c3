"""Reports as files: several together, Markdown, data, and plots beside them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from kinj.report.law import law_plot
from kinj.report.read import RunFiles
from kinj.report.run import environment, run_report
from kinj.report.sweep import missing, read_sweep, sweep_report
from kinj.report.write import write, write_plots
from tests.report.conftest import HOSTILE, LAW, write_law
from tests.report.test_report_pages import read


def test_several_stand_in_one_table_and_have_a_section_each(tmp_path: Path, sweep_dir: Path, run_dir: Path) -> None:
    reports = [
        sweep_report(sweep_dir, read_sweep(sweep_dir)),
        run_report(RunFiles(run_dir)),
        run_report(RunFiles(run_dir)),
    ]
    page = read(write(reports, tmp_path / "all.html", ["html"])[0])
    assert "3 reports side by side" in page.words
    assert page.words.count("a-run") > 3
    assert "a-sweep: 2 ways of teaching, compared" in page.words
    assert "a-run (2)" in page.words
    files = write_plots(reports, tmp_path / "all.html")
    assert len(files) == len(set(files))
    assert {file.parent.name for file in files} == {"all-plots"}
    for file in files:
        if file.suffix == ".svg":
            ElementTree.fromstring(file.read_text(encoding="utf-8"))
        else:
            assert file.read_bytes().startswith(b"\x89PNG")


def test_markdown_says_the_same_and_shows_the_plots(tmp_path: Path, sweep_dir: Path) -> None:
    write_law(sweep_dir)
    reports = [sweep_report(sweep_dir, read_sweep(sweep_dir))]
    text = write(reports, tmp_path / "page.html", ["md"])[0].read_text(encoding="utf-8")
    shown = {line.split("](")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")}
    files = write_plots(reports, tmp_path / "page.html")
    assert shown == {str(path.relative_to(tmp_path)) for path in files if path.suffix == ".svg"}
    assert text.startswith("# 2 ways of teaching, compared\n")
    assert "### At equal passes" in text
    assert "> **" in text
    assert "<script>" not in text


def test_data_holds_everything(tmp_path: Path, sweep_dir: Path, run_dir: Path, results: dict[str, Any]) -> None:
    write_law(sweep_dir)
    reports = [sweep_report(sweep_dir, read_sweep(sweep_dir)), run_report(RunFiles(run_dir))]
    found = json.loads(write(reports, tmp_path / "all.html", ["json"])[0].read_text(encoding="utf-8"))
    sweep, run = found["reports"]
    assert found["schema"] == 1
    assert (sweep["kind"], run["kind"]) == ("sweep", "run")
    assert sweep["results"] == results
    assert sweep["front"]["names"] == [HOSTILE]
    assert sweep["laws"][0]["law"] == "exposure"
    assert sweep["environment"]["cpu"] == "a processor"
    assert run["cost"]["passes"] == 200
    assert run["measure"] == {"probe": "biographies", "name": "recall"}
    assert run["settings"]["optim.lr"] == 0.002
    assert all(one["answer"] and one["repeat"].startswith("kinj ") and one["missing"] == [] for one in (sweep, run))


def test_a_law_is_told_with_its_band_and_what_was_held_out(tmp_path: Path, sweep_dir: Path) -> None:
    write_law(sweep_dir)
    page = read(write([sweep_report(sweep_dir, read_sweep(sweep_dir))], tmp_path / "page.html", ["html"])[0])
    for said in (
        f"Accuracy rises with exposures {HOSTILE}",
        "R² 0.970",
        "predicted, held out",
        "0.21",
        "Two trials were left",
    ):
        assert said in page.words
    assert "data-arm" not in law_plot(LAW)
    ElementTree.fromstring(law_plot(LAW))


def test_the_law_is_the_answer_where_nothing_was_compared(sweep_dir: Path, results: dict[str, Any]) -> None:
    write_law(sweep_dir)
    report = sweep_report(sweep_dir, {**results, "comparisons": []})
    assert report.parts[2].head == "A" + LAW["answer"].removeprefix("a")  # type: ignore[union-attr]  # the third part is the answer


def test_the_law_that_the_sweep_was_asked_for_is_the_answer(sweep_dir: Path, results: dict[str, Any]) -> None:
    write_law(sweep_dir)
    write_law(sweep_dir, law="collapse", answer="no collapse")
    (sweep_dir / "sweep.yaml").write_text("sweep: {law: null}\n")
    assert sweep_report(sweep_dir, results).answer == "No collapse"
    (sweep_dir / "sweep.yaml").write_text("sweep: {law: exposure}\n")
    assert sweep_report(sweep_dir, results).answer.startswith("Accuracy rises")


def test_a_law_of_fewer_trials_than_have_finished_is_said_to_be_old(
    tmp_path: Path, sweep_dir: Path, results: dict[str, Any]
) -> None:
    write_law(sweep_dir)
    assert list(sweep_report(sweep_dir, results).missing) == []
    results["groups"][0]["trials"].append({"trial": "id-more", "data_seed": 0, "seed": 1, "done": True})
    report = sweep_report(sweep_dir, results)
    said = f"The law “exposure” was fitted to 2 trials, and 3 have finished now. Fit it anew: kinj sweep {sweep_dir} --law exposure"
    assert list(report.missing) == [said]
    pages = write([report], tmp_path / "page.html", ["html", "md", "json"])
    assert said in read(pages[0]).words
    assert "was fitted to 2 trials, and 3 have finished now" in pages[1].read_text(encoding="utf-8")
    assert json.loads(pages[2].read_text(encoding="utf-8"))["reports"][0]["missing"] == [said]


def test_what_is_missing_in_a_sweep(results: dict[str, Any]) -> None:
    assert list(missing(Path("a sweep"), results)) == []
    results["groups"][0]["trials"] += [{"trial": name, "data_seed": 0, "seed": 1, "done": False} for name in "xyz"]
    results["failures"] = [{"trial": "x", "name": "one", "label": "", "error": "it broke\nhere"}]
    lines = list(missing(Path("a sweep"), results))
    assert lines[0].startswith("2 of 5 trials have not finished. ")
    assert lines[0].endswith(": kinj sweep 'a sweep' --worker")
    assert lines[1] == "one failed: it broke (trials/x/log.txt)"
    assert lines[2].endswith(": kinj sweep 'a sweep' --worker --retry-failed")
    results["groups"][0]["trials"] = results["groups"][0]["trials"][:3]
    assert next(missing(Path("a sweep"), results)).startswith("1 of 4 trials has not finished")


def test_a_sweep_in_which_nothing_has_happened(tmp_path: Path, results: dict[str, Any]) -> None:
    empty = {**results, "measure": None, "groups": [], "comparisons": [], "space": {}}
    page = read(write([sweep_report(tmp_path, empty)], tmp_path / "page.html", ["html"])[0])
    assert "Nothing was measured" in page.words


def test_machines_that_differ_are_all_named() -> None:
    found = environment([{"cpu": "one", "packages": {"torch": "2"}}, {"cpu": "two", "packages": {"torch": "2"}}])
    assert found is not None
    assert "one; two" in found.summary  # type: ignore[union-attr]  # a fold
    assert environment([{}]) is None
