"""Ids of the records of a corpus of any size: repeated ones are found, and texts without one get one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinj.augment.met import NEVER, Hashes, Met, Numbers, hashes
from kinj.config.schema import FieldSettings
from kinj.data.forms import Json, RecordError, content_of, is_question, question_from_json
from kinj.data.records import content_id

Spot = tuple[str, int | None, str]
_NUMBER_BITS = 40
"""Bits of a remembered place that hold the number of the line; the source is above them."""

HINT = "ids must differ; leave `id` out to get one from the text"


class Identities:
    """Remembers the ids and contents of all records so far, 25 bytes a record.

    An id counts as met even where its record turns out to be unusable for another reason.
    """

    def __init__(self, fields: FieldSettings) -> None:
        self._fields = fields
        self._ids, self._texts = Met(), Met()
        self._sources: list[str] = []

    def look_at(
        self, forms: Sequence[Json | None], spots: Sequence[Spot]
    ) -> tuple[dict[int, str], dict[int, tuple[str, str]], list[int]]:
        """Takes in the next records.

        Args:
            forms: their objects; None where a line holds none.
            spots: the fields of their places.

        Returns:
            By number among these records: new ids of texts without one that occur again; why records whose id was met
            cannot be used (reason and hint); and which have the text of an earlier one, or are the question that it is.
        """
        named = [(number, *self._identity(form)) for number, form in enumerate(forms) if form is not None]
        found = [(number, identity, given) for number, identity, given in named if identity is not None]
        names, wrong = self._note_ids(found, spots)
        return names, wrong, self._note_texts(forms)

    def _identity(self, form: Json) -> tuple[str | None, bool]:
        """The id that the record will have, and whether it stands in the object."""
        value = form.get(self._fields.id)
        if value is not None:
            return str(value), True
        content = self._content(form)
        return (None, False) if content is None else (content_id(content), False)

    def _content(self, form: Json) -> str | None:
        """What the record's id is made from where it has none; None where the object is no record."""
        if is_question(form, self._fields):
            try:
                return content_of(question_from_json(form, self._fields))
            except RecordError:
                return None
        text = form.get(self._fields.text)
        return text if isinstance(text, str) else None

    def _note_ids(
        self, found: list[tuple[int, str, bool]], spots: Sequence[Spot]
    ) -> tuple[dict[int, str], dict[int, tuple[str, str]]]:
        keys = hashes([identity for _, identity, _ in found])
        places = np.array([self._packed(spots[number]) for number, _, _ in found], np.int64)
        earlier = self._ids.find(keys)
        if (earlier == NEVER).all() and len(np.unique(keys)) == len(keys):
            self._ids.add(keys, places)
            return {}, {}
        return self._settle(found, spots, keys, places, earlier)

    def _settle(
        self,
        found: list[tuple[int, str, bool]],
        spots: Sequence[Spot],
        keys: Hashes,
        places: Numbers,
        earlier: Numbers,
    ) -> tuple[dict[int, str], dict[int, tuple[str, str]]]:
        """The same one by one, where at least one id was met before."""
        names: dict[int, str] = {}
        wrong: dict[int, tuple[str, str]] = {}
        here: dict[int, int] = {}
        for row, (number, identity, given) in enumerate(found):
            key, place = int(keys[row]), int(places[row])
            first = here.get(key, NEVER) if earlier[row] == NEVER else int(earlier[row])
            if first == NEVER:
                here[key] = place
            elif given:
                wrong[number] = (f"has the id `{identity}` of {self._place(first, spots[number])}", HINT)
            else:
                names[number], key = self._free(identity, here)
                here[key] = place
        self._ids.add(np.array(list(here), np.uint64), np.array(list(here.values()), np.int64))
        return names, wrong

    def _free(self, identity: str, here: dict[int, int]) -> tuple[str, int]:
        """The id with `-2`, `-3`, …, and its hash."""
        count = 1
        while True:
            count += 1
            candidate = f"{identity}-{count}"
            keys = hashes([candidate])
            if int(keys[0]) not in here and self._ids.find(keys)[0] == NEVER:
                return candidate, int(keys[0])

    def _note_texts(self, forms: Sequence[Json | None]) -> list[int]:
        texts = [(number, self._content(form)) for number, form in enumerate(forms) if form is not None]
        found = [(number, text) for number, text in texts if text is not None]
        keys = hashes([text for _, text in found])
        _, first = np.unique(keys, return_index=True)
        new = np.zeros(len(keys), bool)
        new[first] = True
        new &= self._texts.find(keys) == NEVER
        self._texts.add(keys[new], np.zeros(int(new.sum()), np.int8))
        return [number for (number, _), is_new in zip(found, new, strict=True) if not is_new]

    def _packed(self, spot: Spot) -> int:
        source, number, _ = spot
        if not self._sources or self._sources[-1] != source:
            self._sources.append(source)
        return (len(self._sources) - 1) << _NUMBER_BITS | (number or 0)

    def _place(self, packed: int, beside: Spot) -> str:
        """A place in words that stand beside a record of another place."""
        source, number = self._sources[packed >> _NUMBER_BITS], packed & ((1 << _NUMBER_BITS) - 1)
        unit = beside[2] if source == beside[0] else "line"
        if not number:
            return source
        return f"{unit} {number:,}" if source == beside[0] else f"{source} {unit} {number:,}"
