"""Section paths before passages."""

from __future__ import annotations

import random

import pytest

from kinj.augment.headings import passages
from kinj.augment.methods.title import FRAMES, SEPARATORS, Title
from kinj.data.records import Document, Fact

TEXT = """# Guide

Intro here.

## Install
Do this. And that.

Second *paragraph*.

```
# not a heading

code
```

Setext
------

Under it.

== Wiki ==
=== Inner ===
Wiki text.

Plain Heading

Text of it.

2.1 Numbered

More text, here.
"""


def paths(text: str) -> list[tuple[str, tuple[str, ...], bool]]:
    """Each passage's first line, its path, and whether it is the first of its section."""
    return [(text[p.start :].split("\n")[0], p.path, p.opens) for p in passages(text)]


def test_headings_of_all_kinds() -> None:
    assert paths(TEXT) == [
        ("Intro here.", ("Guide",), True),
        ("Do this. And that.", ("Guide", "Install"), True),
        ("Second *paragraph*.", ("Guide", "Install"), False),
        ("```", ("Guide", "Install"), False),
        ("Under it.", ("Guide", "Setext"), True),
        ("Wiki text.", ("Wiki", "Inner"), True),
        ("Text of it.", ("Plain Heading",), True),
        ("More text, here.", ("Plain Heading", "2.1 Numbered"), True),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "One sentence.",
        "first line\nsecond line",
        "small letters first",
        "A sentence that goes on for more than ten words and has no mark",
        "- an item",
        "#hashtag is none",
        "key = value",
        "a | b",
    ],
)
def test_what_is_no_heading(text: str) -> None:
    assert [path for _, path, _ in paths(f"{text}\n\nText.")] == [(), ()]


def views(text: str, title: str | None, count: int = 200, facts: list[Fact] | None = None) -> list[Document]:
    document = Document(id="d", text=text, title=title, facts=facts or [])
    return list(Title().views(document, count, random.Random(0)))


def test_a_text_without_headings_has_its_title() -> None:
    made = views("Ada wrote.", "Ada Byron")
    assert {view.text for view in made} == {f"{frame.format('Ada Byron')}\n\nAda wrote." for frame in FRAMES}


def test_every_passage_or_every_section() -> None:
    text = "# Life\n\nAda wrote.\n\nShe sang.\n"
    made = {view.text: view.view.method for view in views(text, "Ada") if view.view}
    assert made["# Life\n\nAda > Life:\n\nAda wrote.\n\nAda > Life:\n\nShe sang.\n"] == "title/passages"
    assert made["# Life\n\n[Ada / Life]\n\nAda wrote.\n\nShe sang.\n"] == "title/sections"
    assert len(made) == len(FRAMES) * len(SEPARATORS) * 2


def test_a_heading_that_repeats_the_title_stands_once() -> None:
    assert "Ada\n\nAda wrote." in [view.text.removeprefix("# Ada\n\n") for view in views("# Ada\n\nAda wrote.", "Ada")]


@pytest.mark.parametrize("title", [None, "", " \n"])
def test_without_title_and_headings_there_are_no_views(title: str | None) -> None:
    assert views("Ada wrote. She sang.", title) == []


def test_braces_in_a_title_are_kept_and_a_value_is_not_torn() -> None:
    text = "Ada wrote.\n\nShe sang.\n\nShe left."
    fact = Fact(subject="Ada", relation="did", value="wrote.\n\nShe", start=4, end=15)
    for view in views(text, "{Ada} {}", facts=[fact]):
        assert view.text[view.facts[0].start : view.facts[0].end] == fact.value
        assert view.text.count("{Ada} {}") in (1, 2)
