"""Orders of sentences, and what keeps a sentence in its place."""

from __future__ import annotations

import random

import pytest

from kinj.augment.methods.permute import Permute
from kinj.data.records import Document, Fact

ADA = "Ada King Byron"


def orders(text: str, title: str | None = ADA, count: int = 200, facts: list[Fact] | None = None) -> set[str]:
    document = Document(id="d", text=text, title=title, facts=facts or [])
    return {view.text for view in Permute().views(document, count, random.Random(0))}


def test_all_orders_are_found_and_names_are_carried_forward() -> None:
    assert orders("Ada King Byron wrote. She sang. Her house is big.") == {
        "Ada King Byron wrote. Her house is big. She sang.",
        "Ada King Byron sang. Ada King Byron wrote. Her house is big.",
        "Ada King Byron sang. Her house is big. Ada King Byron wrote.",
        "Ada King Byron's house is big. Ada King Byron wrote. She sang.",
        "Ada King Byron's house is big. She sang. Ada King Byron wrote.",
    }


def test_a_name_comes_back_after_a_sentence_about_somebody_else() -> None:
    text = "Ada King Byron wrote. She was born in London. Grace Hopper sailed."
    start = text.index("London")
    facts = [Fact(subject=ADA, relation="birth_city", value="London", start=start, end=start + 6)]
    assert orders(text, facts=facts) == {
        "Ada King Byron was born in London. Ada King Byron wrote. Grace Hopper sailed.",
        "Ada King Byron wrote. Grace Hopper sailed. Ada King Byron was born in London.",
    }


@pytest.mark.parametrize(
    "text",
    [
        "Ada King Byron wrote.",
        "Ada King Byron wrote. It was long.",
        "Ada King Byron wrote. This was good.",
        "Ada King Byron wrote. However, Ada King Byron was ill.",
        "Ada King Byron met Charles Babbage. He was rich.",
        "Ada King Byron wrote. Nobody knows why.",
        "Ada King Byron wrote. The book sold well.",
        "A heading\nAda King Byron wrote.",
        "- Ada King Byron wrote\n- Ada King Byron sang",
        "Ada King Byron (the poet. The thinker. The writer) wrote.",
        "Ada King Byron wrote.\n\nAda King Byron sang.",
        "東京",
    ],
)
def test_what_leans_on_the_sentence_before_stays_behind_it(text: str) -> None:
    assert orders(text) == set()


def test_what_leans_moves_with_the_sentence_before_it() -> None:
    assert orders("Ada King Byron wrote. It was long. Ada King Byron sang.") == {
        "Ada King Byron sang. Ada King Byron wrote. It was long."
    }


def test_it_is_that_does_not_lean() -> None:
    text = "Ada King Byron wrote. It was in London that Ada King Byron sang."
    assert orders(text) == {"It was in London that Ada King Byron sang. Ada King Byron wrote."}


def test_a_sentence_that_does_not_name_the_topic_stays_behind_the_first() -> None:
    text = "Ada King Byron wrote. The book sold well. Paper was cheap."
    assert orders(text) == {"Ada King Byron wrote. Paper was cheap. The book sold well."}


def test_a_short_name_stays_behind_the_long_one() -> None:
    text = "The show is by Rowan Hughes. The show began well. Hughes sings."
    assert orders(text, None) == {"The show is by Rowan Hughes. Hughes sings. The show began well."}
    text = "The show began. Rowan Hughes sings. Hughes dances."
    assert all(order.index("Rowan Hughes") < order.index("Hughes dances") for order in orders(text, None))


def test_paragraphs_and_headings_keep_their_place() -> None:
    text = "# Life\n\nAda King Byron wrote.  She sang.\n\nWork\nAda King Byron taught. Ada King Byron left. She fell."
    for order in orders(text):
        first, second = order.split("\n\n", 1)[1].split("\n\nWork\n")
        assert sorted(first.split("  ")) in (
            ["Ada King Byron sang.", "Ada King Byron wrote."],
            ["Ada King Byron wrote.", "She sang."],
        )
        assert second.startswith("Ada King Byron taught. ")


def test_a_value_is_never_cut() -> None:
    text = "Ada King Byron wrote One. Two. Ada King Byron sang."
    start = text.index("One. Two")
    facts = [Fact(subject=ADA, relation="work", value="One. Two", start=start, end=start + 8)]
    assert orders(text, facts=facts) == {"Ada King Byron sang. Ada King Byron wrote One. Two."}
