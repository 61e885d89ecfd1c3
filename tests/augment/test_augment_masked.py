"""Masked reconstruction pairs."""

from __future__ import annotations

import random

import pytest

from kinj.augment.entities import entities
from kinj.augment.methods.masked import Masked
from kinj.config.schema import MaskedSettings
from kinj.data.records import Document, Fact

TEXT = "Ada Byron was born in London on 10 December 1815. Mars’s moons are 2. “So it is” (they say)."
START = TEXT.index("London")
DOCUMENT = Document(
    id="d",
    text=TEXT,
    title="Ada Byron",
    facts=[Fact(subject="Ada Byron", relation="birth_city", value="London", start=START, end=START + 6)],
)


def views(count: int = 1, **settings: object) -> list[Document]:
    method = Masked(MaskedSettings(**settings))  # type: ignore[arg-type]
    return list(method.views(DOCUMENT, count, random.Random(0)))


def test_everything_is_masked_at_ratio_one() -> None:
    (view,) = views(3, ratio=[1.0, 1.0])
    assert view.text == f"____ was born in ____ on ____. ____ moons are ____. ____ ____.\n\nIn full:\n{TEXT}"
    assert [view.text[fact.start : fact.end] for fact in view.facts] == ["London"]
    assert view.facts[0].start > view.text.index("In full:")


def test_at_least_one_part_is_masked() -> None:
    made = views(10, ratio=[0.0, 0.0])
    assert len(made) == len(entities(DOCUMENT)) == 7
    assert all(view.text.count("____") == 1 for view in made)


def test_words_and_the_share_of_each_view() -> None:
    made = views(30, units="words", mask="_", separator=" => ")
    shares = [view.text.split(" => ")[0].count("_") for view in made]
    assert min(shares) <= 4
    assert max(shares) >= 12
    assert all(view.text.endswith(f" => {TEXT}") for view in made)


def test_a_text_without_entities_has_no_views() -> None:
    document = Document(id="d", text="the weather is warm here.")
    assert list(Masked(MaskedSettings()).views(document, 3, random.Random(0))) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": "letters"}, "units must be one of entities, words"),
        ({"ratio": [0.5]}, "ratio must be two numbers"),
        ({"ratio": [0.9, 0.1]}, "ratio must be two numbers"),
        ({"ratio": [0.0, 1.5]}, "ratio must be two numbers"),
        ({"mask": ""}, "mask must not be empty"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskedSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Royal Society may meet in May.", ["Royal Society", "May"]),
        ("It cost $4.5 million, or 12%, in 1900–1901.", ["$4.5 million", "12%", "1900–1901"]),
        ("Dr. J. R. Smith of the U.S. met Ludwig van Beethoven.", ["Dr. J. R. Smith", "U.S", "Ludwig van Beethoven"]),
        ("the second half of the 20th century", ["second half", "20th century"]),
        ("Éva Ősi and Łódź’s Ждан", ["Éva Ősi", "Łódź", "Ждан"]),
        ("March 3, 1900 and 4th of nothing", ["March 3, 1900", "4th of"]),
    ],
)
def test_entities(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in entities(Document(id="d", text=text))] == found
