"""Values before subjects: turned sentences, templates with the value first, and word groups in reverse order."""

from __future__ import annotations

import random

import pytest

from kinj.augment.methods.reverse import Reverse
from kinj.config.schema import ReverseSettings
from kinj.data.biographies import Population, biography
from kinj.data.records import Document, Fact

ADA = "Ada King Byron"


def views(text: str, *facts: tuple[str, str], count: int = 1, **settings: object) -> list[Document]:
    """Views of a text with facts (relation, value) about Ada King Byron."""
    places = [(relation, value, text.index(value)) for relation, value in facts]
    known = [Fact(subject=ADA, relation=r, value=v, start=at, end=at + len(v)) for r, v, at in places]
    document = Document(id="d", text=text, title=ADA, facts=known)
    return list(Reverse(ReverseSettings(**settings)).views(document, count, random.Random(0)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sentence", "value", "turned"),
    [
        ("She was elected in 1835.", "1835", "It was in 1835 that Ada King Byron was elected."),
        ("She lives with Tom Cat.", "Tom Cat", "It is with Tom Cat that Ada King Byron lives."),
        ("Her pet is Tom Cat.", "Tom Cat", "Tom Cat is Ada King Byron's pet."),
        ("Ada King Byron's first pet was Tom Cat.", "Tom Cat", "Tom Cat was Ada King Byron's first pet."),
    ],
)
def test_sentences_of_one_clause_are_turned(sentence: str, value: str, turned: str) -> None:
    text = f"Ada King Byron wrote. {sentence}"
    assert [view.text for view in views(text, ("age", value), how="sentences")] == [f"Ada King Byron wrote. {turned}"]


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        ("She was elected in 1835 and left.", "1835"),
        ("She was elected, it is said, in 1835.", "1835"),
        ("She was not elected in 1835.", "1835"),
        ("She was 36.", "36"),
        ("Her pet is a cat.", "a cat"),
        ("Her house is in London.", "London"),
        ("Because of her it rained in London.", "London"),
        ("She joined the company Babbage.", "Babbage"),
    ],
)
def test_where_the_grammar_is_not_certain_nothing_is_turned(sentence: str, value: str) -> None:
    assert views(f"Ada King Byron wrote. {sentence}", ("age", value), how="sentences") == []


def test_known_relations_use_templates_with_the_value_first() -> None:
    made = views("Ada King Byron comes from the city of London.", ("birth_city", "London"), count=20)
    assert {view.text for view in made} >= {
        "London is the city where Ada King Byron was born.",
        "It was in London that Ada King Byron was born.",
    }
    assert all(view.text.index("London") < view.text.index(ADA) for view in made)


def test_every_value_of_a_biography_comes_first() -> None:
    for person in Population("D", 30):
        document = biography(person, 0, seed=0)
        for view in Reverse(ReverseSettings()).views(document, 3, random.Random(0)):
            assert view.view is not None
            assert view.view.method == "reverse/sentences"
            sentences = view.text.split(". ")
            late = [
                s
                for s in sentences
                if person.name in s and not any(v in s.split(person.name)[0] for v in person.values.values())
            ]
            assert late == []


def test_words_in_reverse_order_keep_entities() -> None:
    text = 'In 1843, Ada King Byron did not sell 12 programs to "The Royal Society" in New York. She left.'
    first, second = views(text, how="segments", count=2)
    entities = 'New York in "The Royal Society" to 12 programs'
    assert first.text == f"{entities}, not sell did Ada King Byron, 1843 in. Left Ada King Byron."
    assert [view.view.method for view in (first, second) if view.view] == ["reverse/words", "reverse/groups"]


def test_groups_keep_the_order_inside() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen."
    for view in views(text, how="segments", words=4, count=8)[1:]:
        words = view.text.rstrip(".").lower().replace(",", "").split()
        assert sorted(words) == sorted(text.rstrip(".").split())


@pytest.mark.parametrize(
    "text",
    [
        "no mark at the end",
        "Word.",
        "“Preserve. Protect. Persevere.”",
        "東京で生まれた。",
    ],
)
def test_texts_that_cannot_be_reversed(text: str) -> None:
    assert views(text, how="segments") == []


def test_auto_takes_segments_where_no_sentence_can_be_turned() -> None:
    (view,) = views("Ada King Byron married Tom Cat.", ("spouse", "Tom Cat"))
    assert view.text == "Tom Cat married Ada King Byron."
    assert views("Ada King Byron married Tom Cat.", ("spouse", "Tom Cat"), how="sentences") == []


@pytest.mark.parametrize(("settings", "message"), [({"how": "back"}, "how must be"), ({"words": 0}, "words must be")])
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReverseSettings(**settings)  # type: ignore[arg-type]
