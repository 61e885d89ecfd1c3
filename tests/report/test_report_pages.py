"""The pages: complete in themselves, safe with any name, and never without retention."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.report import plots, story
from kinj.report.blocks import Answer
from kinj.report.canvas import DRAWN, Plot
from kinj.report.card import write_card, write_sweep_card
from kinj.report.figures import main_figure
from kinj.report.html import write_run_report
from kinj.report.plots import Point, Series
from kinj.report.read import RunFiles
from kinj.report.run import run_report
from kinj.report.series import is_share, recall_series
from kinj.report.sweep import missing, write_sweep_report
from kinj.report.tables import comparison_lines, why_no_value
from tests.report.conftest import HOSTILE, PROBES, comparison, measure, write_run

VOID = {"meta", "link", "br", "wbr", "input"}


class Page(HTMLParser):
    """Checks that elements close in order, and collects addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "action")
        ]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += f" {data}"


def read(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    assert not [drawn for drawn in DRAWN.values() if drawn in text]
    assert not re.search(r"@import|url\((?!#)", text)
    page = Page(text)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not page.tags & {"iframe", "object", "img"}
    return page


def test_run_report_is_complete_and_stands_alone(run_dir: Path) -> None:
    page = read(write_run_report(run_dir))
    for words in ("a-run", "31.2 %", "[28.9, 33.6]", "perplexity", "14.9", "14 s", "other documents like these 120"):
        assert words in page.words
    assert "word for word: 0.0 %" in page.words
    assert "one was left out" in page.words
    assert "kinj train -c" in page.words
    assert "from 6 passes over the documents on; the loss fell by another" in page.words
    assert "svg" in page.tags


def test_sweep_report_is_complete_and_stands_alone(sweep_dir: Path) -> None:
    page = read(write_sweep_report(sweep_dir))
    for words in (
        "2 ways of teaching, compared",
        "+5.8 points [1.9, 9.7]",
        "3.9 points",
        "at equal passes",
        "1×",
        "2×",
    ):
        assert words in page.words
    assert "keeps the old ones: never replayed" in page.words
    assert "other people (3 data seeds)" in page.words
    assert f"kinj sweep -c {sweep_dir}/sweep.yaml data.seed=0,1,2 data.limit=null" in page.words
    assert "Recall beside the loss" in page.words


def test_a_command_given_is_shown(sweep_dir: Path) -> None:
    assert "make <demo>" in read(write_sweep_report(sweep_dir, "make <demo>")).words


def test_hostile_names_are_text(sweep_dir: Path, run_dir: Path) -> None:
    for path in (write_sweep_report(sweep_dir), write_run_report(run_dir)):
        assert HOSTILE in read(path).words
        text = path.read_text(encoding="utf-8")
        assert text.count("<script>") == 1  # the page's own, which its policy names by hash
        assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("probes", [{}, {"retention": {"not_measured": "no pool of older facts", "measures": {}}}])
def test_no_run_report_without_retention(tmp_path: Path, probes: dict[str, Any]) -> None:
    folder = write_run(tmp_path / "run", {"biographies": PROBES["biographies"], **probes}, on_the_way=False)
    for path in (write_run_report(folder), write_card(folder)):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"retention.*not measured", text, re.DOTALL)
        assert ("no pool of older facts" if probes else "no probe asked") in text


@pytest.mark.parametrize("write", [write_sweep_report, write_sweep_card])
def test_no_sweep_report_without_retention(
    sweep_dir: Path, results: dict[str, Any], write: Callable[[Path], Path]
) -> None:
    for group in results["groups"]:
        del group["measures"]["retention"]
    (sweep_dir / "results.json").write_text(json.dumps(results))
    text = write(sweep_dir).read_text(encoding="utf-8")
    assert "keeps the old ones" in text
    assert "not measured" in text


def test_a_run_that_has_only_begun(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {})
    for name in ("results.json", "summary.json", "metrics.jsonl", "events.jsonl", "env.json"):
        (folder / name).unlink()
    assert "No step was logged" in read(write_run_report(folder)).words
    assert "has not finished" in write_card(folder).read_text()


def test_folders_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run directory"):
        write_run_report(tmp_path)
    with pytest.raises(UsageError, match="no results of a sweep"):
        write_sweep_report(tmp_path)


def test_a_file_that_was_cut_off_is_named(run_dir: Path) -> None:
    (run_dir / "results.json").write_text('{"probes": ')
    with pytest.raises(KinjError, match=r"results\.json is not valid JSON"):
        write_run_report(run_dir)


def test_cards_tell_the_same_in_markdown(run_dir: Path, sweep_dir: Path) -> None:
    run, sweep = write_card(run_dir).read_text(), write_sweep_card(sweep_dir).read_text()
    assert "| biographies | recall | 31.2 % | \\[28.9, 33.6\\] | 600 |" in run
    assert "| start model | tiny |" in run
    assert "| optim.lr | 0.002 |" in run
    assert "steps 100, passes 200" in run
    assert "\\<script\\>" in sweep
    assert "<script>" not in sweep
    assert "+5.8 points" in sweep


def test_plot_of_a_sweep_brings_its_own_colours(sweep_dir: Path) -> None:
    card = write_sweep_card(sweep_dir).read_text(encoding="utf-8")
    assert "](plot.svg)" in card
    text = (sweep_dir / "plot.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    used, said = set(re.findall(r"var\((--\w+)\)", text)), set(re.findall(r"(--\w+):", text))
    assert used
    assert used <= said


def test_reference_failures_and_notices_are_shown(sweep_dir: Path, results: dict[str, Any]) -> None:
    larger = comparison(HOSTILE, "plain, twice as long", 0.041, 0.026, 0.056, clusters=10)
    results["reference"] = {"source": "docs/results/ablation", "comparisons": [larger], "groups": []}
    results["failures"] = [{"trial": "abc", "name": "one", "label": "", "error": "it broke"}]
    results["notices"] = ["half are new"]
    (sweep_dir / "results.json").write_text(json.dumps(results))
    words = read(write_sweep_report(sweep_dir)).words
    for said in (
        "The same over 10 seeds: +4.1 points",
        "one failed: it broke",
        "half are new",
        "+4.1 points [2.6, 5.6]",
    ):
        assert said in words


VERDICTS = [
    (0.019, 0.097, 1, "does better"),
    (-0.097, -0.019, 1, "does worse"),
    (0.019, 0.097, -1, "does worse"),
    (-0.01, 0.02, 1, "No difference shown"),
    (None, None, 1, "No difference shown"),
]


@pytest.mark.parametrize(("low", "high", "direction", "words"), VERDICTS)
def test_the_answer_follows_the_interval(
    results: dict[str, Any], low: float | None, high: float | None, direction: int, words: str
) -> None:
    results["comparisons"] = [comparison("a", "b", 0.0, low, high, direction=direction)]
    assert words in story.answer(results)[0]


def test_the_answer_without_comparisons(results: dict[str, Any]) -> None:
    results["comparisons"] = []
    head, beside = story.answer(results)
    assert head.startswith(f"Best: {HOSTILE}, with 38.8 %")
    assert "may be chance" in beside[0]
    results["groups"] = results["groups"][:1]
    assert story.answer(results)[0] == "knows the new facts: 31.2 % [10.0, 90.0]"
    results["measure"] = None
    assert story.answer(results)[0] == "Nothing was measured."


def test_what_a_full_disk_interrupted_has_not_failed(results: dict[str, Any]) -> None:
    trial = {"trial": "abc", "data_seed": 0, "seed": 1, "done": False}
    results["groups"][0]["trials"].append(trial)
    results["failures"] = [{"trial": "abc", "name": "one", "label": "", "error": "no room", "state": "interrupted"}]
    said = " ".join(missing(Path("runs/lr"), results))
    assert "or with: kinj sweep runs/lr --worker one was interrupted: no room (trials/abc/log.txt)" in said
    assert "failed" not in said
    assert "interrupted: one: no room (trials/abc/log.txt)" in comparison_lines(results)
    results["failures"][0]["state"] = "failed"
    assert list(missing(Path("runs/lr"), results)) == [
        "one failed: no room (trials/abc/log.txt)",
        "Failed trials are tried again with: kinj sweep runs/lr --worker --retry-failed",
    ]


def test_rows_that_are_alike_have_no_best_one(results: dict[str, Any]) -> None:
    results["comparisons"] = []
    for one in results["groups"]:
        one["measures"]["biographies"]["recall"] = measure(0.0, None, None)
    head, beside = story.answer(results)
    assert head == "All 2 rows have the same value: 0.0 %"
    assert "do not tell" in beside[0]
    results["groups"].append({**results["groups"][0], "measures": {"biographies": {"recall": measure(0.3)}}})
    assert story.answer(results)[0].startswith("Best: ")
    results["groups"].append(results["groups"][-1])
    assert story.answer(results)[0] == "The best 2 of 4 rows have the same value: 30.0 %"


def test_where_there_is_no_interval_none_is_said_to_cover_anything(tmp_path: Path, results: dict[str, Any]) -> None:
    alone = measure(0.5, None, None, covers="other documents like these 1")
    results["comparisons"] = []
    results["groups"] = results["groups"][:1]
    results["groups"][0]["measures"]["biographies"]["recall"] = alone
    said = "There is no interval, so this says nothing beyond what was asked (other documents like these 1)"
    assert story.answer(results) == ("knows the new facts: 50.0 %", [f"{said}."])
    run = RunFiles(write_run(tmp_path / "run", {"biographies": {"measures": {"recall": alone}}}))
    beside = next(part for part in run_report(run).parts if isinstance(part, Answer)).beside
    assert beside[0] == f"{said}; one run says nothing about other seeds."


def test_a_measure_that_is_no_share_is_not_told_in_percent(tmp_path: Path, results: dict[str, Any]) -> None:
    results |= {"comparisons": [], "measure": {"probe": "generalization", "name": "attribute_loss"}}
    lost = measure(13.9, None, None, unit="nats", direction=-1)
    for group in results["groups"]:
        group["measures"]["generalization"] = {"attribute_loss": lost}
    found = main_figure(results)
    assert found is not None
    assert "ercent" not in found.caption + found.plot.svg
    assert story.answer(results)[0].endswith("same value: attribute loss 13.9")
    run = RunFiles(write_run(tmp_path / "run", {"generalization": {"measures": {"attribute_loss": lost}}}))
    rows = [{"step": step, "probe": "generalization", "measure": "attribute_loss", "value": 15.0} for step in (20, 40)]
    with (run.path / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    series = recall_series(run, "attribute_loss")
    assert series is not None
    assert series.y == [15.0, 15.0]
    assert not is_share(run, "attribute_loss")
    assert is_share(run, "recall")
    assert story.beside_loss("attribute loss", share=False) == "Attribute loss beside the training loss"


def test_a_row_of_which_nothing_is_left_reads_pruned(results: dict[str, Any]) -> None:
    group = results["groups"][0]
    group["measures"], group["trials"] = {}, [{**trial, "done": False} for trial in group["trials"]]
    assert why_no_value(results, group) == "no finished trial"
    results["pruned"] = [{"trial": trial["trial"]} for trial in group["trials"]]
    assert why_no_value(results, group) == "pruned"


def test_parting_of_recall_and_loss() -> None:
    loss = Series("loss", [1, 2, 3, 4], [4.0, 3.0, 2.0, 1.0])
    arrived, rising = Series("r", [1, 2, 3], [10, 50, 50.5]), Series("r", [1, 2, 4], [10, 30, 50])
    assert story.parting(arrived, loss, "passes") == (
        "Recall was within a point of its best from 2 passes on; the loss fell by another 2.00 without more recall."
    )
    assert "still rising" in str(story.parting(rising, loss, "passes"))
    fallen = Series("r", [1, 2, 3, 4], [10, 50, 49.5, 20])
    assert story.parting(fallen, loss, "passes") == (
        "Recall did not stay at its best: 50.0 % at 2 passes, 20.0 % at the last measurement."
    )
    assert story.parting(Series("r", [1], [1]), loss, "passes") is None


def test_plots_are_svg_with_the_page_s_colours_and_equal_bytes() -> None:
    def draw() -> Plot:
        series = {
            "a": [Point("x", 1.0, 0.5, 1.5, (0.9, 1.1)), Point("long " * 20, None)],
            "b": [Point("x", 2.0), Point("y", 3.0)],
        }
        return plots.dots(series, HOSTILE, zero=True)

    svg = draw().svg
    assert svg == draw().svg
    assert "var(--accent)" in svg
    root = ElementTree.fromstring(svg)
    assert str(root.get("aria-label")).startswith(HOSTILE)
    assert root.get("width") is None
    assert ElementTree.fromstring(plots.bars([Point(HOSTILE, 2.0, text="2×")], "cost").svg) is not None


def test_more_lines_than_colours() -> None:
    lines = [Series(str(number), [0, 1], [number, 1.0]) for number in range(6)]
    assert ElementTree.fromstring(plots.curves(lines, [], ("up", "down", "x"), "curves").svg) is not None


def test_measures_without_interval_are_points() -> None:
    assert plots.point("a", measure(0.5, None, None)) == Point("a", 50.0, None, None, [], "a: 50.0 %")
    assert plots.point("a", None) == Point("a", None)


def test_questions_that_flipped_and_settings_that_differ(sweep_dir: Path, results: dict[str, Any]) -> None:
    said = {
        "question": "Where is it?",
        "answers": ["Here", "There"],
        "a": "Here",
        "b": "Nowhere",
        "right": "a",
        "seed": 3,
    }
    counts = {"pairs": 2, "questions": 72, "gained": 7, "lost": 6, "examples": [said]}
    results["flips"] = {"a": HOSTILE, "b": "plain, twice as long", **counts}
    results["groups"][1]["settings"] = {"optim.sam.rho": 0.05, "seed_only": None}
    (sweep_dir / "sweep.yaml").write_text("optim: {sam: {rho: 0.0}}\n")
    (sweep_dir / "results.json").write_text(json.dumps(results))
    words = " ".join(read(write_sweep_report(sweep_dir)).words.split())
    assert f"Of 72 questions asked of both, “{HOSTILE}” alone answers 7 and “plain, twice as long” alone 6" in words
    assert "Where is it? Here or There ✓ Here ✗ Nowhere 3" in words
    assert "plain, twice as long 0 as it is" in words
    assert "0.05 null" in words


@pytest.mark.parametrize(
    ("about", "lead", "command"),
    [
        (
            {"model": "a + b", "fingerprint": "f", "before": None},
            "a + b was asked about biographies; nothing was trained here.",
            "kinj eval 'a + b' -c",
        ),
        (
            {"model": "m", "fingerprint": "f", "before": "n"},
            "m was asked about biographies; nothing was trained here.",
            "kinj eval m n --compare -c",
        ),
        (
            {"model": "answers.jsonl", "fingerprint": None, "before": None},
            "The answers in answers.jsonl were scored, compared as nq.",
            "kinj eval --from-predictions answers.jsonl -c",
        ),
    ],
)
def test_an_evaluation_is_not_told_as_training(tmp_path: Path, about: dict[str, Any], lead: str, command: str) -> None:
    folder = write_run(tmp_path / "asked", {})
    for name in ("summary.json", "metrics.jsonl", "overrides.txt", "results.json"):
        (folder / name).unlink()
    stopped = " ".join(read(write_run_report(folder)).words.split())
    assert "the evaluation was stopped" in stopped
    assert "raining" not in stopped.replace("other training seeds", "")
    content = {
        "schema": 1,
        "probes": {"qa": {"measures": {"exact_match": measure(0.4)}}},
        "notices": [],
        "normalizer": "nq",
    }
    (folder / "results.json").write_text(json.dumps(content | about))
    words = " ".join(read(write_run_report(folder)).words.split())
    assert lead in words
    assert command in words
    assert not [told for told in ("was taught", "kinj train", "While it learned", "optim.lr ") if told in words]
