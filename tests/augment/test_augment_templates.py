"""Known facts in other sentences, and files of templates."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kinj.augment.methods.templates import RelationTemplates
from kinj.config.errors import UsageError
from kinj.config.schema import TemplatesSettings
from kinj.data.records import Document, Fact

ADA = "Ada King Byron"
FILE = 'pet:\n  - "{Name} keeps {value}."\n  - "{value} is {his} pet."\nbirth_city:\n  - "{His} cradle: {value}."\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "templates.yaml"
    file.write_text(FILE, encoding="utf-8")
    return file


def views(text: str, path: Path | None, *facts: tuple[str, str], count: int = 20) -> set[str]:
    places = [(relation, value, text.index(value)) for relation, value in facts]
    known = [Fact(subject=ADA, relation=r, value=v, start=at, end=at + len(v)) for r, v, at in places]
    document = Document(id="d", text=text, title=ADA, facts=known)
    method = RelationTemplates(TemplatesSettings(path=path and str(path)))
    return {view.text for view in method.views(document, count, random.Random(0))}


def test_a_statement_is_said_with_every_template(path: Path) -> None:
    assert views("Ada King Byron owns Tom Cat.", path, ("pet", "Tom Cat")) == {
        "Ada King Byron keeps Tom Cat.",
        "Tom Cat is Ada King Byron's pet.",
    }


def test_a_pronoun_stays_a_pronoun_and_other_sentences_stay(path: Path) -> None:
    text = "Ada King Byron wrote. She was born in London. It rained."
    assert views(text, path, ("birth_city", "London")) == {"Ada King Byron wrote. Her cradle: London. It rained."}


def test_several_facts_become_several_sentences(path: Path) -> None:
    text = "Ada King Byron came from London with Tom Cat."
    found = views(text, path, ("birth_city", "London"), ("pet", "Tom Cat"))
    assert "Ada King Byron's cradle: London. Ada King Byron keeps Tom Cat." in found


def test_a_sentence_does_not_begin_with_a_small_letter_or_end_twice(path: Path) -> None:
    assert views("Ada King Byron owns a cat.", path, ("pet", "a cat")) == {"Ada King Byron keeps a cat."}
    found = views("Ada King Byron owns Cats Inc. today.", path, ("pet", "Cats Inc."))
    assert found == {"Ada King Byron keeps Cats Inc.", "Cats Inc. is Ada King Byron's pet."}


@pytest.mark.parametrize(
    "text",
    [
        "Ada King Byron did not own Tom Cat.",
        "Ada King Byron owned Tom Cat for 3 years.",
        "Ada King Byron owned Tom Cat for three years.",
        "Ada King Byron owned Tom Cat with Charles Babbage.",
        "Ada King Byron owned “the great” Tom Cat.",
        "Ada King Byron owned Tom Cat; it purred.",
        "Ada King Byron, as everybody in the whole large town knew very well, owned poor old Tom Cat.",
        "Ada King Byron owned Tom Cat",
        "Somebody came, he said, and Tom Cat left!",
    ],
)
def test_a_sentence_that_says_more_stays(text: str, path: Path) -> None:
    assert views(text, path, ("pet", "Tom Cat")) == set()


def test_a_relation_without_templates_stays() -> None:
    assert views("Ada King Byron owns Tom Cat.", None, ("pet", "Tom Cat")) == set()


def test_a_file_takes_the_place_of_shipped_templates_of_its_relations_only(path: Path) -> None:
    own = RelationTemplates(TemplatesSettings(path=str(path))).templates
    shipped = RelationTemplates(TemplatesSettings()).templates
    assert len(own["birth_city"]) == 1
    assert own["major"] == shipped["major"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it holds no relations"),
        ("- a\n", "it holds no relations"),
        ("pet: a cat\n", "pet: not a list of sentences"),
        ("pet: []\n", "pet: not a list of sentences"),
        ('pet: ["{Name} is here."]\n', "must hold {value} once"),
        ('pet: ["{Name} {value} {value}."]\n', "must hold {value} once"),
        ('pet: ["It is {value}."]\n', "does not name the subject"),
        (
            'pet: ["{Person} has {value}."]\n',
            "has the placeholder {Person}; there are Name, name, him, His, his, value",
        ),
        ('pet: ["{Name has {value}."]\n', "pet: `{Name has {value}.` has"),
        ('pet: ["{Name!r} has {value}."]\n', "has a format after"),
        ("pet: [", "cannot be read"),
    ],
)
def test_a_bad_file_is_explained(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        RelationTemplates(TemplatesSettings(path=str(file)))
    assert message in str(caught.value)
    assert str(file) in str(caught.value)
    assert "augment.templates.path" in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text('a: ["x"]\nb: ["{Name}"]\nc: 1\n', encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        RelationTemplates(TemplatesSettings(path=str(file)))
    assert str(caught.value).count("\n") >= 3
