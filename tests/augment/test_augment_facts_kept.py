"""Every method with `preserves = "facts"`, over hostile and generated documents: facts move exactly, and views are views."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kinj.augment import registry
from kinj.augment.base import Augmenter
from kinj.augment.drafts import Drafting
from kinj.augment.engine import augment_documents
from kinj.augment.written.base import Written
from kinj.config.schema import AugmentSettings, MaskedSettings, ReverseSettings
from kinj.data.biographies import Population, biography
from kinj.data.records import Document, Fact

BUILT: dict[str, Augmenter | Written] = {
    **{name: registry.get(name).build(AugmentSettings(), 3) for name in registry.names()},
    "masked words": registry.get("masked").build(AugmentSettings(masked=MaskedSettings(units="words")), 3),
    "reverse segments": registry.get("reverse").build(AugmentSettings(reverse=ReverseSettings(how="segments")), 3),
}
METHODS: dict[str, Augmenter] = {name: method for name, method in BUILT.items() if isinstance(method, Drafting)}

PIECES = [
    "Ada Lovelace Byron was born in London. ",
    "She wrote 12 programs. ",
    "Her employer is Babbage & Co. ",
    "Grace Hopper met her in New York on 9 December 1906. ",
    "He didn't know. “She left,” he said. ",
    "It was in Paris that she died. However, this is not certain. ",
    "(See no. 5. It is long.) ",
    "# A heading\n\nText under it.\n\n== Another ==\n",
    "```\ncode. Not text.\n\n# no heading\n```\n",
    "- first item\n- second item.\n\n1. third\n",
    "a wrapped line\nthat goes on. ",
    "東京で生まれた。彼は「はい」と言った。",
    "İstanbul’da doğdu. Straße ½ Ⅷ. ",
    "ולד בירושלים. مرحبا بالعالم؟ ",
    "e\u0301 👩‍👩‍👧 {braces} {name} %s \\n ",
    "\x00\x1b\x85\u2028\u2029\u00a0\ufeff",
    "...!!!???....",
    "\r\n\r\n",
    " ",
    "",
]

hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=12).map("".join)
SUBJECTS = ["Ada Lovelace Byron", "Grace Hopper", "s", "{name}", ""]
RELATIONS = ["birth_city", "company", "spouse", "", "{value}"]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A hostile text with facts at arbitrary places."""
    text = draw(hostile)
    place = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    spans = [(a, b) for a, b in draw(st.lists(place, max_size=4)) if a < b]
    facts = [
        Fact(
            subject=draw(st.sampled_from(SUBJECTS)),
            relation=draw(st.sampled_from(RELATIONS)),
            value=text[start:end],
            start=start,
            end=end,
        )
        for start, end in spans
    ]
    return Document(
        id="d", text=text, title=draw(st.sampled_from([None, "", "Ada Lovelace Byron", "A. B"])), facts=facts
    )


def check(document: Document, method: Augmenter, count: int = 3) -> list[Document]:
    views = list(method.views(document, count, random.Random(5)))
    assert len({view.text for view in views} | {document.text}) == len(views) + 1
    assert len(views) <= count
    for index, view in enumerate(views, start=1):
        assert view.id == f"{document.id}#{method.name}.{index}"
        told = [(fact.subject, fact.relation, fact.value) for fact in view.facts]
        assert told == [(fact.subject, fact.relation, fact.value) for fact in document.facts], method.name
        for fact in view.facts:
            assert view.text[fact.start : fact.end] == fact.value, method.name
    return views


@given(document=documents())
def test_facts_move_exactly_in_hostile_documents(document: Document) -> None:
    for method in METHODS.values():
        check(document, method)


@given(index=st.integers(0, 9999), view=st.integers(0, 5), permute=st.booleans(), named=st.booleans())
@example(index=1627, view=0, permute=False, named=False)  # its sentences all tell the value first: few ways are left
def test_facts_move_exactly_in_biographies(index: int, view: int, permute: bool, named: bool) -> None:
    document = biography(Population("D", 10_000).person(index), view, seed=1, permute=permute, full_name=named)
    for name, method in METHODS.items():
        views = check(document, method)
        least, most = (0, 0) if name == "full_name" and named else (1 if name == "reverse" else 3, 3)
        assert least <= len(views) <= most, name


@given(document=documents(), count=st.integers(1, 4))
def test_the_first_views_do_not_depend_on_how_many_are_asked_for(document: Document, count: int) -> None:
    for method in METHODS.values():
        few = list(method.views(document, count, random.Random(1)))
        assert list(method.views(document, 5, random.Random(1)))[:count] == few


@pytest.mark.parametrize("name", METHODS)
def test_documents_with_nothing_to_do_have_no_views(name: str) -> None:
    for text in ("", " \n ", "!", "\n\n\n"):
        assert check(Document(id="d", text=text), METHODS[name]) == []


@pytest.mark.parametrize("name", METHODS)
def test_long_texts_take_linear_time(name: str) -> None:
    sentence = "Ada Byron was born in London in 1815. She didn't write “12” programs (in Paris). "
    for text in (sentence * 1000, "A" * 100_000, "A " * 10_000, '"(' * 20_000, "\n" * 50_000, "a. " * 10_000):
        start = text.find("London")
        facts = [Fact(subject="Ada Byron", relation="birth_city", value="London", start=start, end=start + 6)]
        document = Document(id="d", text=text, title="Ada Byron", facts=facts if start >= 0 else [])
        check(document, METHODS[name], count=1)


def test_views_are_documents_that_another_method_can_take() -> None:
    document = biography(Population("D", 1).person(0), 0, seed=0)
    for first in METHODS.values():
        (view,) = check(document, first, count=1)
        list(augment_documents([view], AugmentSettings(views=2), 0))
        for second in METHODS.values():
            check(view, second, count=2)
