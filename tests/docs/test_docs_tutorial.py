"""Pages that tell the reader to type something are typed, in order, in an empty folder, with few people and few questions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, records, typed

SMALL = {
    "KINJ__DATA__BIOGRAPHIES__PEOPLE": "6",
    "KINJ__DATA__BIOGRAPHIES__TEACHERS": "4",
    "KINJ__EVAL__LIMIT": "12",
    "KINJ__EVAL__MAX_NEW_TOKENS": "8",
}
"""What makes the commands quick; in the environment, so that each line stays as it is typed."""
SHORT = {stage: f"train.stages.{stage}.epochs=1" for stage in ("inject", "distill")}


def begins(line: str) -> str:
    """What a line of output begins with, whatever its numbers are."""
    return re.sub(r"\d[\d.,]*", "N", (line.split() or [""])[0])


def small(script: str) -> str:
    """The commands with the limits that are typed in them made small, and training cut short."""
    lines = re.sub(r"eval\.(limit|max_new_tokens)=\d+", r"eval.\1=12", script).splitlines()
    return "\n".join(f"{line} {SHORT[stage_of(line)]}" if line.startswith("kinj train") else line for line in lines)


def stage_of(line: str) -> str:
    return "distill" if "train=distill" in line else "inject"


def play(page: str, folder: Path) -> None:
    """Types every block of commands of a page; the block of output after one shows how its lines begin."""
    said = ""
    for block in blocks(page):
        if block.language == "bash":
            said = typed(small(block.text), folder, **SMALL)
        elif block.language == "text" and said and not block.text.startswith("kinj "):
            printed = {begins(line) for line in said.splitlines()}
            missing = [line for line in block.text.splitlines() if begins(line) not in {*printed, "", "…"}]
            assert missing == [], f"{page} shows what its commands no longer print:\n{said}"
            said = ""


@pytest.mark.slow
def test_the_tutorial_runs_and_shows_what_it_promises(tmp_path: Path) -> None:
    play("tutorial.md", tmp_path)
    originals = {view["id"] for view in records(tmp_path / "views.jsonl") if "view" not in view}
    assert originals == {path.name for path in (tmp_path / "people").iterdir()}
    for run in ("views", "held", "gentle"):
        results = json.loads((tmp_path / "runs" / run / "results.json").read_text(encoding="utf-8"))
        assert {"known", "known_written", "not_knowledge/recited"} <= set(results["probes"]["cloze"]["measures"])
        assert "known_unreplayed" in results["probes"]["retention"]["measures"]
        assert (tmp_path / "runs" / run / "report.html").exists()
    assert list((tmp_path / "runs" / "views" / "predictions").glob("*.flips.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["inject-a-folder", "choose-rho", "choose-the-dose"])
def test_the_commands_of_a_how_to_run(name: str, tmp_path: Path) -> None:
    play(f"how-to/{name}.md", tmp_path)
    assert any((tmp_path / "runs").iterdir())


def test_the_numbers_of_the_tutorial_agree_with_one_another() -> None:
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    shown: dict[str, str] = {}
    for found in re.finditer(r"^(?:cloze|retention)? +(\w[\w/]+) +(-?\d+\.\d) % ", page, re.MULTILINE):
        shown.setdefault(found[1], found[2])
    row = re.search(r"\| `runs/views` \| (.*) \|", page)
    assert row is not None
    values = [cell.split(" %")[0] for cell in row[1].split(" | ")]
    assert values == [shown[name] for name in ("known", "known_written", "not_knowledge/recited", "known_unreplayed")]
