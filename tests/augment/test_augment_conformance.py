"""One row per registered method; every test runs on every row. A new method cannot forget its row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kinj.augment import registry
from kinj.augment.base import ContentPreserving
from kinj.augment.engine import augment_documents
from kinj.augment.report import AugmentReport
from kinj.augment.skeleton import skeleton
from kinj.config.errors import UsageError
from kinj.config.names import WRITTEN
from kinj.config.schema import (
    AtomicSettings,
    AugmentSettings,
    EntigraphSettings,
    FormattingSettings,
    LlmSettings,
    ParaphraseSettings,
    QaSettings,
    ReverseSettings,
    StructuredSettings,
    TemplatesSettings,
)
from kinj.data.records import Document, Fact
from tests.augment.endpoints import Exchange, said, serving

ROOT = Path(__file__).parents[2]
HEADINGS = ["What it does", "When it helps", "When it does not help", "Settings to start from", "Cost", "Effect",
            "Known failures", "Origin of the idea"]  # fmt: skip

CASES = {
    name: AugmentSettings(method=[name], views=4)
    for name in ("formatting", "permute", "full_name", "reverse", "masked", "templates", "title", *WRITTEN)
}
KEEPING = [name for name in CASES if name not in WRITTEN]
BAD = {
    "formatting": (AugmentSettings(formatting=FormattingSettings(families=["bulets"])), "did you mean bullets?"),
    "reverse": (AugmentSettings(reverse=ReverseSettings(path="no/such.yaml")), "{value}"),
    "templates": (AugmentSettings(templates=TemplatesSettings(path="no/such.yaml")), "{value}"),
    "paraphrase": (AugmentSettings(paraphrase=ParaphraseSettings(styles=["new"])), "did you mean news?"),
    "qa": (AugmentSettings(qa=QaSettings(prompt="none.yaml")), "kinj show prompt"),
    "entigraph": (AugmentSettings(entigraph=EntigraphSettings(prompt="none.yaml")), "kinj show prompt"),
    "atomic": (AugmentSettings(atomic=AtomicSettings(prompt="none.yaml")), "kinj show prompt"),
    "structured": (AugmentSettings(structured=StructuredSettings(forms=["dialog"])), "did you mean dialogue?"),
}
"""Settings that only building the method can refuse, and what the hint says; all others are checked in the schema."""


def document(identity: str, city: str) -> Document:
    text = (
        f"Ada Byron was born in {city}. She wrote 12 programs. Her notes were printed in 1843. "
        "The Royal Society read them. Nobody knows why she stopped."
    )
    start = text.index(city)
    fact = Fact(subject="Ada Byron", relation="birth_city", value=city, start=start, end=start + len(city))
    return Document(id=identity, text=text, title="Ada Byron", facts=[fact], meta={"year": 1840})


CORPUS = [document("a", "London"), document("b", "New York"), document("c", "Łódź")]


def views(case: AugmentSettings, documents: list[Document] = CORPUS, seed: int = 0) -> list[Document]:
    return list(augment_documents(documents, case, seed))


@pytest.fixture(scope="module", autouse=True)
def endpoint() -> Iterator[None]:
    """A language model that writes another text for every seed."""

    def write(exchange: Exchange) -> bool:
        seed = exchange.body["seed"]
        found = f"Text {seed}."
        if '"entities"' in exchange.prompt:
            found = '{"entities": ["Ada", "London", "programs", "12"]}'
        elif '"question"' in exchange.prompt:
            found = f'[{{"question": "What is {seed}?", "answer": "A number"}}]'
        elif '["...", "...", ...]' in exchange.prompt:
            found = f'["There is {seed}.", "It is a number."]'
        return exchange.reply(said(found))

    with serving() as server:
        server.fault = write
        for name in WRITTEN:
            CASES[name].llm = LlmSettings(url=server.url, model="m", key_env=None)
        yield


def test_table_is_complete() -> None:
    assert set(CASES) == set(registry.names()) >= set(BAD)


@pytest.mark.parametrize("name", CASES)
def test_it_works(name: str) -> None:
    report = AugmentReport()
    found = list(augment_documents(CORPUS, CASES[name], 0, report))
    assert [d.id for d in found if d.view is None] == ["a", "b", "c"]
    assert (report.documents, report.views, report.shortfall, sum(report.failed.values())) == (3, 12, 0, 0)
    assert len({d.text for d in found}) == len(found) == len({d.id for d in found})
    assert sum(report.by_transform.values()) == 12


@pytest.mark.parametrize("name", CASES)
def test_views_know_where_they_come_from(name: str) -> None:
    for view in [d for d in views(CASES[name], seed=7) if d.view]:
        assert view.view is not None
        assert view.source == view.origin == view.id.split("#")[0]
        assert view.id == f"{view.source}#{name}.{view.view.index}"
        assert view.view.method.split("/")[0] == name
        assert view.view.seed == 7
        assert (view.title, view.meta["year"]) == ("Ada Byron", 1840)


@pytest.mark.parametrize("name", CASES)
def test_a_view_of_a_view_keeps_the_original_as_its_source(name: str) -> None:
    copy = replace(CORPUS[0], id="a#other.1", source="a")
    assert {d.source for d in views(CASES[name], [copy])} == {"a"}


@pytest.mark.parametrize("name", KEEPING)
def test_content_and_facts_are_kept(name: str) -> None:
    method = registry.get(name).build(CASES[name], 0)
    originals = {d.id: d for d in CORPUS}
    assert (method.preserves == "content") == isinstance(method, ContentPreserving)
    for view in [d for d in views(CASES[name]) if d.view]:
        if isinstance(method, ContentPreserving):
            assert skeleton(method.restore(view)) == skeleton(originals[view.origin].text)
        assert [f.value for f in view.facts] == [f.value for f in originals[view.origin].facts]
        assert all(skeleton(view.text[f.start : f.end]) == skeleton(f.value) for f in view.facts)


@pytest.mark.parametrize("name", CASES)
def test_it_is_deterministic_and_independent_of_the_order(name: str) -> None:
    by_id = {d.id: d for d in views(CASES[name])}
    assert {d.id: d for d in views(CASES[name], CORPUS[::-1])} == by_id
    assert views(CASES[name], [CORPUS[1]]) == [d for d in by_id.values() if d.origin == "b"]
    assert {d.text for d in views(CASES[name], seed=1)} != {d.text for d in by_id.values()}


@pytest.mark.parametrize("name", CASES)
def test_the_first_views_do_not_depend_on_how_many_are_asked_for(name: str) -> None:
    few = views(replace(CASES[name], views=2))
    assert [d for d in views(CASES[name]) if d.view is None or d.view.index <= 2] == few


@pytest.mark.parametrize("name", CASES)
def test_it_has_a_card_and_settings(name: str) -> None:
    card = (ROOT / "docs" / "methods" / f"{name}.md").read_text(encoding="utf-8")
    found = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert [heading.split(" (")[0] for heading in found] == HEADINGS
    settings = yaml.safe_load((ROOT / "conf" / "augment" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert settings["method"] == [name]
    section = {name: type(getattr(AugmentSettings(), name))(**settings[name])} if name in settings else {}
    assert AugmentSettings(**settings | section) == AugmentSettings(method=[name])


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_explained(name: str) -> None:
    settings, hint = BAD[name]
    with pytest.raises(UsageError, match=f"augment.{name}") as caught:
        views(replace(settings, method=[name]))
    assert hint in caught.value.hint


def test_unknown_method() -> None:
    with pytest.raises(UsageError, match="no augmentation method `formating`") as caught:
        registry.get("formating")
    assert "did you mean formatting?" in caught.value.hint
    assert registry.get("formatting").summary
