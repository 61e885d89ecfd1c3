"""What the engine checks, counts and refuses."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kinj.augment import registry
from kinj.augment.base import Augmenter
from kinj.augment.engine import augment_documents
from kinj.augment.methods.formatting import FAMILIES, HELD_OUT_FAMILIES, Formatting
from kinj.augment.report import AugmentReport
from kinj.config.errors import KinjError, UsageError
from kinj.config.schema import AuditSettings, AugmentSettings, FormattingSettings
from kinj.data.records import Document, Fact

TEXT = "Ada was born in London. She wrote 12 programs."
DOCUMENT = Document(id="a", text=TEXT, facts=[Fact(subject="Ada", relation="city", value="London", start=16, end=22)])


class Careless:
    """Swaps a name in every second view, or moves a fact to another place."""

    name = "formatting"
    preserves = "content"

    def __init__(self, damage: str) -> None:
        self.damage = damage
        self.sound = Formatting(FormattingSettings())

    def views(self, document: Document, count: int, rng: random.Random) -> Iterator[Document]:
        for view in self.sound.views(document, count, rng):
            assert view.view is not None
            if view.view.index % 2:
                yield view
            elif self.damage == "name":
                yield replace(view, text=view.text.replace("London", "Dublin"))
            else:
                yield replace(view, facts=[replace(f, start=f.start - 1, end=f.end - 1) for f in view.facts])

    def restore(self, view: Document) -> str:
        return self.sound.restore(view)

    def restore_span(self, view: Document, start: int, end: int) -> str:
        return self.sound.restore_span(view, start, end)


@pytest.fixture(params=["name", "fact"])
def careless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(self: registry.Method, settings: AugmentSettings, seed: int) -> Augmenter:
        return Careless(request.param)

    monkeypatch.setattr(registry.Method, "build", build)


def with_policy(policy: str) -> AugmentSettings:
    return AugmentSettings(views=4, audit=AuditSettings(policy=policy))


@pytest.mark.usefixtures("careless")
@pytest.mark.parametrize(("policy", "emitted", "dropped"), [("report", 4, 0), ("drop", 2, 2)])
def test_failed_views_are_counted(policy: str, emitted: int, dropped: int) -> None:
    report = AugmentReport()
    found = list(augment_documents([DOCUMENT], with_policy(policy), 0, report))
    assert len(found) == 1 + emitted == 1 + report.views
    assert (sum(report.failed.values()), report.dropped, report.shortfall) == (2, dropped, 0)
    assert "2 views failed their check" in str(report)


@pytest.mark.usefixtures("careless")
def test_a_failed_view_ends_the_run() -> None:
    with pytest.raises(KinjError, match="document a: the view written by formatting/") as caught:
        list(augment_documents([DOCUMENT], with_policy("fail"), 0))
    assert "augment.audit.policy=drop" in caught.value.hint


@pytest.mark.parametrize("start", [15, 41, 60, -3])
def test_a_fact_that_stands_elsewhere_is_refused(start: int) -> None:
    fact = replace(DOCUMENT.facts[0], start=start, end=start + 6)
    with pytest.raises(KinjError, match="document a has a fact `London`") as caught:
        list(augment_documents([replace(DOCUMENT, facts=[fact])], AugmentSettings(), 0))
    assert "count characters of the text" in caught.value.hint


def test_a_shortfall_is_reported() -> None:
    report = AugmentReport()
    found = list(augment_documents([Document(id="x", text="x")], AugmentSettings(views=2000), 0, report))
    assert len({d.text for d in found}) == len(found) == 1 + report.views
    assert report.shortfall == 2000 - report.views > 0
    assert report.short_documents == 1
    assert "fewer than asked for: there are no more different ones of 1 document" in str(report)


def test_a_shortfall_is_logged_where_nobody_asked(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(list(augment_documents([Document(id="x", text="\n \t")], AugmentSettings(views=3), 0))) == 1
    assert "3 views fewer than asked for" in caplog.text


def test_a_method_named_twice_runs_once() -> None:
    twice = AugmentSettings(method=["formatting", "formatting"], views=2)
    assert len(list(augment_documents([DOCUMENT], twice, 0))) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_alone_and_left_out(family: str) -> None:
    from kinj.augment.formats.table import FORMATS

    def used(settings: FormattingSettings) -> list[tuple[str, ...]]:
        found = augment_documents([DOCUMENT], AugmentSettings(views=400, formatting=settings), 0, AugmentReport())
        return [FORMATS[d.view.method.split("/")[1]].families for d in found if d.view]

    alone = used(FormattingSettings(families=[family]))
    assert alone
    assert all(families[0] == family for families in alone)
    rest = used(FormattingSettings(exclude=[family]))
    assert rest
    assert all(family not in families for families in rest)


def test_nothing_left_to_draw_from() -> None:
    for settings in (
        FormattingSettings(exclude=list(FAMILIES)),
        FormattingSettings(families=["html"], exclude=list(HELD_OUT_FAMILIES)),
    ):
        with pytest.raises(UsageError, match="leaves no format family") as caught:
            Formatting(settings)
        assert "key_value" in caught.value.hint


def test_ten_views_come_from_ten_families() -> None:
    found = augment_documents([DOCUMENT], AugmentSettings(views=10), 0)
    from kinj.augment.formats.table import FORMATS

    assert len({FORMATS[d.view.method.split("/")[1]].families[0] for d in found if d.view}) >= 9


def test_report_survives_json() -> None:
    report = AugmentReport()
    list(augment_documents([DOCUMENT], AugmentSettings(), 0, report))
    assert AugmentReport.from_json(report.to_json()) == report
    total = AugmentReport()
    total.add(report)
    total.add(report)
    assert (total.documents, total.views) == (2, 20)
