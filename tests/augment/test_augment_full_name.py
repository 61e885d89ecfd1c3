"""Which pronouns become names, and which are left alone because somebody else may be meant."""

from __future__ import annotations

import random

import pytest

from kinj.augment.methods.full_name import FullName
from kinj.data.records import Document, Fact

ADA = "Ada King Byron"


def named(text: str, title: str | None = ADA, facts: list[Fact] | None = None) -> str:
    """The first view, which names the person wherever that is certain; the text itself if there is no view."""
    document = Document(id="d", text=text, title=title, facts=facts or [])
    views = FullName().views(document, 1, random.Random(0))
    return next((view.text for view in views), text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada King Byron wrote. She lived in London.", "Ada King Byron wrote. Ada King Byron lived in London."),
        ("Ada King Byron wrote. Her notes remain.", "Ada King Byron wrote. Ada King Byron's notes remain."),
        ("Ada King Byron wrote. People read her.", "Ada King Byron wrote. People read Ada King Byron."),
        (
            "Ada King Byron wrote. The firm pays her for it.",
            "Ada King Byron wrote. The firm pays Ada King Byron for it.",
        ),
        ("Byron wrote. She thought.", "Byron wrote. Ada King Byron thought."),
        (
            "Ada King Byron’s work is known. His life is not.",
            "Ada King Byron’s work is known. Ada King Byron’s life is not.",
        ),
        ("Ada King Byron wrote. She said she was ill.", "Ada King Byron wrote. Ada King Byron said she was ill."),
    ],
)
def test_pronouns_become_names(text: str, expected: str) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Ada King Byron wrote. It was long. They liked it.",
        "Ada King Byron met Charles Babbage. He was rich.",
        "Ada King Byron had a brother. He was rich.",
        "Ada King Byron knew a programmer. He was rich.",
        "Ada King Byron was a programmer. “She was rich,” they said.",
        'Ada King Byron was a programmer. "Everybody knew. He was rich," they said.',
        "She wrote. Ada King Byron lived in London.",
        "Ada King Byron said that she wrote.",
        "Ada King Byron wrote. He liked her work.",
        "Ada King Byron wrote. People gave her books.",
        "Ada King Byron wrote. She's ill.",
        "Ada King Byron wrote. Herself she liked.",
        "Ada King Byron wrote. When she left, Charles Babbage wept.",
        "Somebody wrote. She lived in London.",
    ],
)
def test_in_doubt_nothing_changes(text: str) -> None:
    assert named(text) == text


@pytest.mark.parametrize(
    "title", [None, "Byron", "Ada King: A Life", "Ada Film Festival", "The Ada Byron", "ada king byron"]
)
def test_a_title_that_is_no_full_name_names_nobody(title: str | None) -> None:
    text = "Ada King Byron wrote. She lived in London."
    assert named(text, title) == text


def test_a_note_after_the_title_is_no_name() -> None:
    assert named("Ada King Byron wrote. She left.", "Ada King Byron (writer)").endswith("Ada King Byron left.")


def about(text: str, *facts: tuple[str, str, str]) -> list[Fact]:
    found = [(who, what, value, text.index(value)) for who, what, value in facts]
    return [Fact(subject=s, relation=r, value=v, start=at, end=at + len(v)) for s, r, v, at in found]


def test_a_fact_says_whom_its_sentence_speaks_of() -> None:
    text = "Ada King Byron met Grace Hopper. She was born in London. She died in Arlington. She left."
    facts = about(text, (ADA, "birth_city", "London"), ("Grace Hopper", "place_of_death", "Arlington"))
    expected = "Ada King Byron was born in London. Grace Hopper died in Arlington. She left."
    assert named(text, None, facts) == f"Ada King Byron met Grace Hopper. {expected}"


def test_a_value_that_may_be_a_person_leaves_doubt() -> None:
    text = "Ada King Byron wrote. She married William King. She left."
    assert named(text, None, about(text, (ADA, "spouse", "William King"))).endswith("She left.")
    where = "Ada King Byron wrote. She came to Port William. She left."
    assert named(where, None, about(where, (ADA, "city", "Port William"))).endswith("Ada King Byron left.")


def test_a_pronoun_inside_a_value_stays() -> None:
    text = "Ada King Byron wrote. The title is She Left."
    assert named(text, None, about(text, (ADA, "work", "She Left"))) == text


def test_every_pronoun_first_and_then_some() -> None:
    document = Document(id="d", text="Ada King Byron wrote. She sang. She left.", title=ADA)
    views = list(FullName().views(document, 9, random.Random(0)))
    assert [view.view.method for view in views if view.view] == ["full_name/every", "full_name/some", "full_name/some"]
    assert views[0].text.count(ADA) == 3
    assert {view.text.count(ADA) for view in views[1:]} == {2}
