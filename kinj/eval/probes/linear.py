"""Where in a text a fact becomes linearly readable: P-probing and Q-probing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from kinj.data.biographies import base_population, documents
from kinj.data.records import Document
from kinj.data.rng import stable_seed
from kinj.eval.asking import NotMeasuredError, limited
from kinj.eval.base import Context, Measure
from kinj.eval.contexts import GIVEN_BY
from kinj.eval.heads import FOLDS, Array, Reading, crossfit
from kinj.eval.probes.calibration import met_population_a
from kinj.models.gap_codecs import GapCodec
from kinj.models.loading import LanguageModel
from kinj.models.states import states_at

FEWEST = 2 * FOLDS
"""People that heads need: those tested and those learned from."""
NAME, VALUE = "from_name", "before_value"
HEADLINES = {"from_name": NAME, "from_first": "from_slot_1", "before_value": VALUE}
"""Headline measures, and the place each reads at."""
Key = tuple[str, str]
"""A place and an attribute."""


@dataclass
class Cell:
    """What heads for an attribute at a place work on: a state, a value and a person in each row; the first `tested` are tested."""

    states: list[Array] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    tested: int = 0

    def read(self, key: Key) -> Reading:
        """How heads fare on the tested."""
        numbers = np.unique(self.values, return_inverse=True)[1]
        return crossfit(np.stack(self.states), numbers, self.tested, stable_seed("linear", *key))


class Linear:
    """Heads read each attribute of a person from one state of the last layer (arXiv 2309.14316).

    `from_name`: at the end of the name alone (Q-probing). In the person's text (P-probing): `from_first`, just before the first
    value, the attributes told later; `before_value`, just before the attribute's own value. Each is the share of the other
    values that a head scores below the right one, 0.5 by chance; `_accuracy` is how often that one is first. Heads have never
    learned from people they are tested on; those of `_shuffled` learned from values dealt out anew.
    """

    name = "linear"

    def measure(self, language_model: LanguageModel, context: Context) -> list[Measure]:
        """Raises NotMeasuredError where the data are not generated people, or too few, or the model also reads what comes later."""
        if isinstance(language_model.codec, GapCodec):
            raise NotMeasuredError(
                f"{language_model.codec.kind} reads from both sides, so no place says what is known so far"
            )
        texts, tested = _fitting(language_model, *_people(context), context.notices)
        if len(texts) < FEWEST:
            raise NotMeasuredError(
                f"heads need {FEWEST} people, data={context.data.name}, eval.limit and the model's context give {len(texts)}"
            )
        cells = _cells(language_model, texts, tested, context.settings.eval.batch_tokens)
        cells = {key: cell for key, cell in cells.items() if cell.tested}
        read = {key: (cell, cell.read(key)) for key, cell in cells.items() if len(cell.people) >= FEWEST}
        if len(read) < len(cells):
            left = len(cells) - len(read)
            context.notices.append(
                f"linear: {left} pairs of place and attribute have fewer than {FEWEST} people: left out"
            )
        headlines = [
            measure
            for name, place in HEADLINES.items()
            for measure in _headline(name, [found for key, found in read.items() if key[0] == place])
        ]
        return [*headlines, *(_detail(key, cell, reading) for key, (cell, reading) in read.items())]


def _people(context: Context) -> tuple[list[Document], int]:
    """Texts of people, and how many of them are tested: the first ones. Heads learn from the others besides: population A, where
    the model met it. Without a run that is who is tested. As many of each as
    `eval.limit` leaves.
    """
    if context.data.name != "biographies":
        raise NotMeasuredError(f"data={context.data.name} holds no generated people, many of whom share a value")
    data = context.settings.data
    form = data.biographies
    everybody = documents(base_population(), seed=data.seed, permute=form.permute, full_name=form.full_name)
    met = limited(everybody, context.settings)
    if context.run is None:
        return met, len(met)
    texts = [text for text in context.data.pool("documents") if isinstance(text, Document) and text.source is None]
    texts = limited(texts, context.settings)
    return [*texts, *(met if met_population_a(context) else [])], len(texts)


def _fitting(
    language_model: LanguageModel, texts: Sequence[Document], tested: int, notices: list[str]
) -> tuple[list[Document], int]:
    """The texts that the model can read whole, and how many of them are tested; a notice counts the others."""
    codec, longest = language_model.codec, language_model.codec.max_length
    fits = [len(codec.bos) + len(ids) <= longest for ids in codec.encode([text.text for text in texts])]
    if not all(fits):
        notices.append(
            f"linear: {fits.count(False):,} of {len(texts):,} people are left out: their texts are longer than the {longest:,} "
            "tokens that the model reads, and nothing is cut"
        )
    return [text for text, whole in zip(texts, fits, strict=True) if whole], sum(fits[:tested])


def _cells(language_model: LanguageModel, texts: Sequence[Document], tested: int, batch_tokens: int) -> dict[Key, Cell]:
    """The states of everybody by place and attribute."""
    names = [(text.facts[0].subject, [len(text.facts[0].subject)]) for text in texts]
    places = [_places(text) for text in texts]
    told = [(text.text, [start for start, _ in found]) for text, found in zip(texts, places, strict=True)]
    states = states_at(language_model, [*names, *told], batch_tokens)
    cells: dict[Key, Cell] = {}
    for number, text in enumerate(texts):
        values = {fact.relation: label(fact.relation, fact.value) for fact in text.facts}
        asked = [[(NAME, relation) for relation in values], *(keys for _, keys in places[number])]
        for keys, state in zip(asked, [*states[number], *states[len(texts) + number]], strict=True):
            for key in keys:
                cell = cells.setdefault(key, Cell())
                cell.states.append(state)
                cell.values.append(values[key[1]])
                cell.people.append(text.id)
                cell.tested += number < tested
    return cells


def _places(text: Document) -> list[tuple[int, list[Key]]]:
    """Where each value starts before which the person is named, and what is asked there: its own attribute and those told later,
    unless what was told before gives it away (`GIVEN_BY`)."""
    facts = sorted(text.facts, key=lambda fact: fact.start)
    found = []
    for number, fact in enumerate(facts):
        told = {earlier.relation for earlier in facts[:number]}
        asked = [later.relation for later in facts[number:] if GIVEN_BY.get(later.relation) not in told]
        keys = [(VALUE if relation == fact.relation else f"from_slot_{number + 1}", relation) for relation in asked]
        if fact.subject in text.text[: fact.start]:
            found.append((fact.start, keys))
    return found


def label(relation: str, value: str) -> str:
    """What heads are asked for: the value, of a date the month (hardly two people share a date)."""
    return value.split()[0] if relation == "birth_date" else value


def _headline(name: str, found: Sequence[tuple[Cell, Reading]]) -> list[Measure]:
    """Rank, accuracy and control at one place, over all attributes."""
    if not found:
        return []
    people = [person for cell, _ in found for person in cell.people[: cell.tested]]
    learned = max(len(cell.people) for cell, _ in found)

    def column(of: Callable[[Reading], Array]) -> list[float]:
        return [float(value) for _, reading in found for value in of(reading)]

    known = np.mean(column(lambda reading: reading.known.astype(np.float32)))
    by_frequency = np.mean(column(lambda reading: reading.frequent.rank))
    most_frequent = np.mean(column(lambda reading: reading.frequent.first))
    about = f"heads of up to {learned:,} people; {known:.1%} of the values are known from others"
    dealt = "heads that learned from values dealt out anew"
    return [
        _measure(name, 1, column(lambda r: r.heads.rank), people, f"ranked by frequency {by_frequency:.1%}; {about}"),
        _measure(
            f"{name}_accuracy", 1, column(lambda r: r.heads.first), people, f"most frequent value {most_frequent:.1%}"
        ),
        _measure(f"{name}_shuffled", 0, column(lambda r: r.shuffled.rank), people, dealt),
    ]


def _detail(key: Key, cell: Cell, reading: Reading) -> Measure:
    ranks, first = reading.heads.rank.tolist(), reading.heads.first.mean()
    return _measure("/".join(key), 1, ranks, cell.people[: cell.tested], f"first: {first:.1%} of {len(ranks):,}")


def _measure(name: str, direction: int, values: list[float], people: list[str], note: str) -> Measure:
    return Measure(name=name, unit="share", direction=direction, values=values, clusters=people, note=note)
