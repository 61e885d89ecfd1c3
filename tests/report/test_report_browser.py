"""The page in a real browser: nothing is fetched, tables sort, rows hide, letters can be read, and it fits a phone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kinj.report.html import write_run_report
from kinj.report.sweep import write_sweep_report
from tests.report.conftest import PROBES, comparison, group, write_law, write_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")

PAPER = 680
"""Width of A4 between its margins, in CSS pixels."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=f"no browser here: none of {', '.join(BROWSERS)} is on the PATH"),
]

CONTRASTS = """
() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("white");
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !element.checkVisibility() || element.closest("script")) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), element.tagName + ": " + walk.currentNode.textContent.trim().slice(0, 40)]);
  }
  return found;
}
"""
"""The contrast of every piece of text that can be seen with what is behind it, as WCAG 2 computes it."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def sweep_page(tmp_path: Path, results: dict[str, Any]) -> Path:
    """The report of a sweep with all there can be on it: a law, flips, a failure and a trial that has not finished."""
    folder = tmp_path / "sweep"
    keys = [f"train.stages.inject.data.documents.setting_{number}" for number in range(6)]
    names = ["plain, twice as long", "+ both", "+ a way whose name is too long for any narrow column of a table"]
    results["groups"] = [group(name, 0.3 + 0.1 * n, 100 * (n + 1)) for n, name in enumerate(names)]
    results["groups"][2]["trials"].append({"trial": "open", "data_seed": 1, "seed": 1, "done": False})
    results["groups"][1]["settings"] = dict.fromkeys(keys, "a_value_of_some_length")
    results["comparisons"] = [comparison(names[1], names[0], 0.058, 0.019, 0.097)]
    results["failures"] = [{"trial": "gone", "name": "one", "label": "", "error": "it broke"}]
    example = {
        "question": "Where?",
        "answers": ["Here"],
        "a": "Here",
        "b": "There",
        "right": "a",
        "seed": 0,
        "data_seed": 0,
    }
    counts = {"pairs": 1, "questions": 9, "gained": 1, "lost": 0}
    results["flips"] = {"a": names[1], "b": names[0], **counts, "examples": [example]}
    for one in results["groups"]:
        write_run(folder / "trials" / one["trials"][0]["trial"], PROBES)
    write_law(folder)
    (folder / "results.json").write_text(json.dumps(results))
    return write_sweep_report(folder)


def opened(browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> Any:
    """The page, opened; what it asks for and what it complains of is collected in `page.asked` and `page.said`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(path.as_uri())
    return page


def test_nothing_is_fetched_and_nothing_goes_wrong(browser: Any, sweep_page: Path, run_dir: Path) -> None:
    for path in (sweep_page, write_run_report(run_dir)):
        page = opened(browser, path)
        assert [url for url in page.asked if not url.startswith("data:")] == [path.as_uri()]
        assert page.said == []


def test_headings_plots_and_tables_can_be_found_by_ear(browser: Any, sweep_page: Path) -> None:
    page = opened(browser, sweep_page)
    levels = [int(tag[1]) for tag in page.eval_on_selector_all("h1,h2,h3,h4,h5", "all => all.map(one => one.tagName)")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.get_attribute("html", "lang") == "en"
    assert page.locator("svg[role=img]").count() == page.locator("svg").count() > 5
    assert all(page.eval_on_selector_all("svg", "all => all.map(one => one.getAttribute('aria-label').length > 20)"))
    assert page.locator("th:not([scope])").count() == 0
    assert page.eval_on_selector_all("[id]", "all => all.length - new Set(all.map(one => one.id)).size") == 0


def test_tables_sort_by_pointer_and_by_keyboard(browser: Any, sweep_page: Path) -> None:
    page = opened(browser, sweep_page)
    table = page.locator("#result table")
    heads = table.locator("thead th")
    column = table.locator("tbody tr td:nth-child(2) b")
    before = column.all_inner_texts()
    heads.nth(1).locator("button").click()
    assert heads.nth(1).get_attribute("aria-sort") == "ascending"
    assert column.all_inner_texts() == sorted(before)
    page.keyboard.press("Enter")
    assert heads.nth(1).get_attribute("aria-sort") == "descending"
    assert column.all_inner_texts() == sorted(before, reverse=True)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    heads.nth(0).locator("button").click()
    assert [head.get_attribute("aria-sort") for head in heads.all()][:2] == ["ascending", None]


def test_rows_hide_in_tables_and_plots(browser: Any, sweep_page: Path) -> None:
    page = opened(browser, sweep_page)
    row, marks = page.locator("#result tbody tr[data-arm='1']"), page.locator(".mark[data-arm='1']")
    assert row.is_visible()
    assert marks.count() > 3
    page.get_by_label("+ both", exact=True).uncheck()
    assert not row.is_visible()
    assert page.locator(".mark[data-arm='1']:not(.off)").count() == 0
    assert page.locator(".mark[data-arm='0'].off").count() == 0
    page.get_by_label("+ both", exact=True).check()
    assert row.is_visible()


def test_points_say_their_values(browser: Any, sweep_page: Path) -> None:
    page = opened(browser, sweep_page)
    page.locator("#result svg").first.focus()
    page.keyboard.press("ArrowRight")
    tip = page.locator(".tip")
    assert tip.is_visible()
    assert re.search(r"plain, twice as long: .*\d", tip.inner_text())
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.locator("#result svg .mark[data-arm='1']").last.hover()
    assert "+ both" in tip.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_what_is_behind_them(browser: Any, sweep_page: Path, run_dir: Path, scheme: str) -> None:
    for path in (sweep_page, write_run_report(run_dir)):
        page = opened(browser, path, scheme=scheme)
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        found = page.evaluate(CONTRASTS)
        assert len(found) > 60
        assert [text for contrast, text in found if contrast < 4.5] == []
    assert len({page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(251, 251, 250)"}) == (
        1 if scheme == "light" else 2
    )


def test_it_fits_a_phone(browser: Any, sweep_page: Path, run_dir: Path) -> None:
    for path in (sweep_page, write_run_report(run_dir)):
        page = opened(browser, path, width=390)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_print_is_light_and_whole(browser: Any, sweep_page: Path) -> None:
    page = opened(browser, sweep_page, width=PAPER, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.scrollWidth") == PAPER
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("fieldset.arms").is_visible()
    assert page.get_by_text("trials/open").is_visible()
    assert [text for contrast, text in page.evaluate(CONTRASTS) if contrast < 4.5] == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_scripts_the_values_are_there(browser: Any, sweep_page: Path) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(sweep_page.as_uri())
    assert page.locator("fieldset.arms").is_hidden()
    assert page.locator("svg title").count() > 20
    assert page.locator("#result tbody tr").count() == 3
