"""Methods one after the other, the audit of what they write, and methods that a language model writes."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kinj.augment import registry, shards
from kinj.augment.engine import augment_documents
from kinj.augment.formats.table import FORMATS
from kinj.augment.report import AugmentReport
from kinj.augment.run import augment_file
from kinj.augment.skeleton import skeleton
from kinj.config.errors import KinjError
from kinj.config.names import METHODS
from kinj.config.schema import AuditSettings, AugmentSettings, Settings
from kinj.data.files import read_documents
from kinj.data.records import Document, View

CORPUS = [{"id": f"p{n}", "text": f"Ada wrote {n} books. She was born in Oslo. Snow fell."} for n in range(12)]


@dataclass
class Rotate:
    """Moves sentences to the end; every third view has a number more."""

    name: str = "permute"
    preserves: str = "facts"
    seed: int = 0

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        sentences = [f"{sentence}." for sentence in document.text.rstrip(".").split(". ")]
        for index in range(1, min(count, 3) + 1):
            text = " ".join(sentences[index:] + sentences[:index] + (["It has 7 parts."] if index == 3 else []))
            view = View(method=f"{self.name}/by_{index}", index=index, seed=self.seed)
            yield replace(
                document, id=f"{document.id}#{self.name}.{index}", text=text, source=document.origin, view=view
            )


class Dialogue:
    """Stands for a method that a language model writes."""

    name, preserves = "paraphrase", "nothing"

    def dialogue(self, document: Document, count: int, rng: random.Random) -> Any:
        raise AssertionError("the engine leaves this to whoever asks the model")


@dataclass(frozen=True)
class Change:
    kind: str
    how: str
    original: str
    view: str


def audit(original: Document, view: Document, whole: bool) -> list[Change]:
    return [Change("number", "added", "", "7")] if "7 parts" in view.text and "7 parts" not in original.text else []


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small corpus, methods that stand for others, and an audit that finds one thing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shards, "RECORDS", 5)
    Path("corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    build, made = registry.Method.build, {"permute": Rotate(), "paraphrase": Dialogue()}

    def chosen(self: registry.Method, settings: AugmentSettings, seed: int) -> Any:
        return made.get(self.name) or build(self, settings, seed)

    for name in made:
        monkeypatch.setitem(METHODS, name, "a stand-in")
    monkeypatch.setattr(registry.Method, "build", chosen)
    double = ModuleType("kinj.augment.audit")
    double.audit = audit  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kinj.augment.audit", double)


def run(method: list[str], views: int = 3, **audit_settings: Any) -> tuple[AugmentReport, list[Document]]:
    augment = AugmentSettings(method=method, views=views, audit=AuditSettings(**audit_settings))
    report = augment_file(["corpus.jsonl"], Path("views.jsonl"), Settings(augment=augment), overwrite=True)
    return report, list(read_documents("views.jsonl"))


def test_a_chain_formats_what_was_permuted() -> None:
    _, found = run(["permute+formatting"], policy="report")
    views = [document for document in found if document.view]
    assert len(views) == 36
    for view in views:
        assert view.view is not None
        method, variant = view.view.method.split("/")
        rotated, form = variant.split("+", 1)
        assert (method, rotated, form in FORMATS) == ("permute+formatting", f"by_{view.view.index}", True)
        assert view.id == f"{view.source}#permute+formatting.{view.view.index}"
        permuted = list(
            Rotate().views(Document(id="", text=CORPUS[int((view.source or "")[1:])]["text"]), 3, random.Random())
        )
        assert skeleton(FORMATS[form].layout.restore(view.text)) == skeleton(permuted[view.view.index - 1].text)


def test_every_link_is_checked_against_what_went_into_it() -> None:
    report, found = run(["permute+formatting"], policy="drop")
    assert (report.views, report.dropped, report.shortfall) == (24, 12, 0)
    assert report.failed == {"permute/by_3": 12}
    assert {document.view.index for document in found if document.view} == {1, 2}


def test_a_view_of_which_a_later_link_can_make_nothing_is_counted() -> None:
    """Templates write of facts, and these documents have none."""
    report, found = run(["formatting+templates", "formatting"], views=2)
    assert (report.views, report.shortfall, report.short_documents) == (24, 24, 12)
    assert report.short == {"templates": 24}
    assert "24 views fewer than asked for: there are no more different ones of 12 documents (templates 24)" in str(
        report
    )
    assert len(found) == 36


def test_a_document_of_which_several_methods_make_fewer_counts_once() -> None:
    report, _ = run(["permute", "templates"], views=5, policy="report")
    assert report.short == {"templates": 60, "permute": 24}
    assert (report.shortfall, report.short_documents) == (84, 12)
    assert "of 12 documents (templates 60, permute 24)" in str(report)


def test_methods_side_by_side_do_not_repeat_each_other() -> None:
    report, found = run(["permute", "permute+formatting", "formatting"], policy="report")
    assert len({document.id for document in found}) == len(found) == 12 + report.views
    groups: dict[str, list[str]] = {}
    for document in found:
        groups.setdefault(document.origin, []).append(document.text)
    assert all(len(set(texts)) == len(texts) for texts in groups.values())


def test_views_with_the_same_text_are_removed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "again", "the same once more")
    build = registry.Method.build
    monkeypatch.setattr(
        registry.Method, "build", lambda self, *rest: Rotate("again") if self.name == "again" else build(self, *rest)
    )
    report, _ = run(["permute", "again"], policy="report")
    assert (report.views, report.duplicates) == (36, 36)
    assert "36 duplicates removed: views with the text of another one" in str(report)


@pytest.mark.parametrize(("policy", "kept", "dropped"), [("report", 36, 0), ("drop", 24, 12)])
def test_what_the_audit_finds(policy: str, kept: int, dropped: int) -> None:
    report, found = run(["permute"], policy=policy)
    assert (report.views, report.dropped, report.audited["permute"], report.offending["permute"]) == (
        kept,
        dropped,
        36,
        12,
    )
    assert len(found) == 12 + kept
    assert "audit of permute: 33.33% of 36 views changed something: number added 12" in str(report)
    rows = [json.loads(line) for line in Path("views.audit.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert rows[0]["id"] == "p0#permute.3"
    assert rows[0]["changes"] == [{"kind": "number", "how": "added", "original": "", "view": "7"}]
    assert rows[0]["kept"] is (policy == "report")
    assert "7 parts" in rows[0]["text"]


def test_the_audit_can_stop_the_run() -> None:
    with pytest.raises(KinjError, match=r"document p0: the view written by permute/by_3 .* \(number added `7`\)"):
        run(["permute"], policy="fail")


def test_a_promise_of_content_is_audited_only_if_asked_for() -> None:
    assert not run(["formatting"])[0].audited
    report, _ = run(["formatting"], all=True)
    assert report.audited == {"formatting": 36}
    assert not Path("views.audit.jsonl").exists()
    assert "audit of formatting: 0.00% of 36 views changed something" in str(report)


def test_in_memory_it_is_the_same() -> None:
    settings = AugmentSettings(method=["permute+formatting"], views=2)
    documents = [Document(id=str(row["id"]), text=str(row["text"])) for row in CORPUS]
    _, found = run(["permute+formatting"], views=2)
    assert list(augment_documents(documents, settings, 0, AugmentReport())) == found
