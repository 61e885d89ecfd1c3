"""No method emits a wording that a probe uses, a held-out sentence, or the form in which a probe asks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

import pytest

from kinj.augment import registry
from kinj.augment.base import Augmenter
from kinj.augment.relations import shipped_templates
from kinj.augment.written.base import Written
from kinj.config.schema import AugmentSettings, MaskedSettings, ModelSettings, ReverseSettings
from kinj.data.biographies import RELATIONS, Person, Population, biography
from kinj.data.biographies.questions import wordings
from kinj.data.biographies.text import PRONOUNS, name_forms, templates
from kinj.eval.overlap import words

PEOPLE = Population("D", 200)
BUILT: dict[str, Augmenter | Written] = {
    **{name: registry.get(name).build(AugmentSettings(), 0) for name in registry.names()},
    "masked words": registry.get("masked").build(AugmentSettings(masked=MaskedSettings(units="words")), 0),
    "reverse segments": registry.get("reverse").build(AugmentSettings(reverse=ReverseSettings(how="segments")), 0),
}
METHODS = {
    name: method for name, method in BUILT.items() if method.preserves != "nothing" and not isinstance(method, Written)
}
SPLITS = ("held_out", "fresh")


def joined(text: str) -> str:
    """The words of a text between spaces, so that a run of words is a part of the string."""
    return f" {' '.join(words(text))} "


def forbidden(person: Person) -> Iterator[str]:
    """Everything that is only asked, or only said in evaluation, about a person."""
    for split in SPLITS:
        for relation in RELATIONS:
            yield from (question.format(name=person.name) for question in wordings("forward", relation, split))
        for form in ("reverse", "two_hop"):
            yield from (q.format(name=person.name, **person.values) for q in wordings(form, "name", split))
    yield f"Was {person.name} born in {person.values['birth_city']}?"  # the yes-no form of the WikiDYK probe
    for relation in RELATIONS:
        for sentence in templates(relation, "held_out"):
            for forms in (name_forms(person.name), PRONOUNS[person.pronoun]):
                yield sentence.format(value=person.values[relation], **forms)


@cache
def runs(index: int) -> list[str]:
    """The same of person number `index`, as runs of words."""
    return [joined(wording) for wording in forbidden(PEOPLE.person(index))]


def found(text: str, person: Person) -> list[str]:
    told = joined(text)
    return [run for run in runs(person.index) if run in told]


@pytest.mark.parametrize("name", METHODS)
def test_no_view_holds_a_wording_of_a_probe(name: str) -> None:
    asked = [part.strip() for part in ModelSettings().prompt.split("{prompt}")]
    for person in PEOPLE:
        document = biography(person, 0, seed=0, permute=bool(person.index % 2))
        for view in METHODS[name].views(document, 4, random.Random(person.index)):
            assert found(view.text, person) == []
            assert not any(part in view.text for part in asked)


def test_the_check_sees_held_out_sentences_and_questions() -> None:
    person = PEOPLE.person(0)
    assert len(found(biography(person, 0, seed=0, split="held_out").text, person)) == len(RELATIONS)
    for question in forbidden(person):
        assert joined(question) in found(f"Before it. ({question.upper()}) And after.", person)


def test_shipped_templates_are_those_that_may_be_trained_on() -> None:
    for relation, shipped in shipped_templates().items():
        sentences = {f"{template.before}{{value}}{template.after}" for template in shipped}
        assert sentences <= set(templates(relation, "train"))
        assert sentences.isdisjoint(templates(relation, "held_out"))
        assert len(sentences) >= 20
        assert sum(template.value_first for template in shipped) >= 5


def test_no_shipped_template_says_what_a_held_out_one_says() -> None:
    person = PEOPLE.person(0)
    for relation, shipped in shipped_templates().items():
        for template in shipped:
            for forms in (name_forms(person.name), PRONOUNS[person.pronoun]):
                before, after = template.around(person.values[relation], forms)
                assert found(f"{before}{person.values[relation]}{after}", person) == []
