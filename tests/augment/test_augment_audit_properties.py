"""The audit over hostile text, over formats of generated documents, and over planted changes and equal re-expressions."""

from __future__ import annotations

import calendar
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kinj.augment.audit import audit
from kinj.augment.formats.flat import Flat
from kinj.augment.formats.table import FORMATS
from kinj.config.schema import BiographySettings, DataSettings
from kinj.data.biographies import data_set
from kinj.data.records import Document

PIECES = [
    "Ada Byron was born in London on 10 December 1815. ",
    "Dr. J. R. Smith of the U.S. met Mrs. Doe at 3 p.m. on May 5, 1999. She didn't leave! ",
    "It cost US$5.2 million (−3.5 %), not 2/3 of 1,200 km². ",
    "In the 20th and 21st centuries, 1914–18, 44 BC, the '90s, 3:30, 99:99, 31/02/1998, 0/0/0000. ",
    "İstanbul’da doğdu. Straße ﬁn ½ Ⅷ ² ٣٤ ",
    "東京で1999年に生まれた。彼は「はい」と言った。",
    "ולד בירושלים ב-1948. مرحبا بالعالم؟ ",
    "e\u0301 👩‍👩‍👧 ❤️ \U0001d7d8 ",
    "see https://example.org/a?b=1&c=<2>#3. ",
    'He said "no." Then: \\n \\" &amp; &quot; <b>x</b> {"a": ["b", "c"]} ',
    "\n\n1. First\n2) Second\n- third\n> fourth\n## Fifth\n**Sixth:** x\n| 7 | 8 |\n",
    "line 3: x\nQuestion 2: y\n[4] z; [citation needed] ",
    "\x00\x07\x1b\x1e\x7f\x85\u2028\u2029\u200b\u00a0\ufeff",
    "twenty-one hundred and and million half a thirds of the first one-third ",
    "''\"“”‘’«»\"'",
    "$ £ % ° °C -- - 1,2,3 1.2.3 1e9 .5 5. 1,00 ",
    "A",
    "7",
    "",
]
hostile = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=12)), max_size=8).map("".join)


@given(text=hostile, title=st.none() | hostile)
def test_a_text_says_what_it_says(text: str, title: str | None) -> None:
    document = Document(id="d", text=text, title=title)
    assert audit(document, document) == []
    assert audit(document, replace(document, title=None)) == []


@given(text=hostile, other=hostile, whole=st.booleans())
def test_any_two_texts_can_be_compared(text: str, other: str, whole: bool) -> None:
    found = audit(Document(id="d", text=text), Document(id="v", text=other), whole=whole)
    assert len(found) == len(set(found))
    for change in found:
        assert (change.original == "") == (change.how == "added")
        assert (change.view == "") == (change.how == "lost")
        assert whole or change.how != "lost"


@given(text=hostile)
def test_what_is_put_before_and_after_a_text_loses_nothing(text: str) -> None:
    document = Document(id="d", text=text)
    longer = Document(id="v", text=f"{text}\n\nIt rained.\n")
    assert [change for change in audit(document, longer) if change.how == "lost"] == []


PEOPLE = data_set(DataSettings(biographies=BiographySettings(people=12))).pool("documents")


@given(document=st.sampled_from(PEOPLE), data=st.data())
def test_formats_are_never_flagged(document: Document, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FORMATS)))
    layout = FORMATS[name].layout
    text, _ = layout.render(Flat(document))
    # As the engine does: what a format declares it adds (numbers of list items, labels) is taken off first.
    assert audit(document, replace(document, text=layout.restore(text), facts=[])) == [], name


PLACES = ["Paris", "Warsaw", "New York", "Łódź", "Rio Grande", "Kyoto"]
MONTHS = ["January", "March", "May", "June", "August", "October", "December"]


@given(
    st.integers(2, 10**7),
    st.integers(1, 50),
    st.sampled_from(["They sold {} books.", "{} people came.", "Of {}, none left."]),
)
def test_a_number_that_is_off_is_found(number: int, off: int, sentence: str) -> None:
    original, view = sentence.format(f"{number:,}"), sentence.format(f"{number + off:,}")
    assert {c.kind for c in audit(Document(id="d", text=original), Document(id="v", text=view))} & {"number", "date"}


@given(st.integers(2000, 10**7))
def test_a_number_written_in_another_way_passes(number: int) -> None:
    written = f"{number:,}"
    document = Document(id="d", text=f"They sold {written} books.")
    for way in (written.replace(",", "\u202f"), str(number), f"{number / 1000:.10g} thousand", spell(number)):
        assert audit(document, Document(id="v", text=f"They sold {way} books.")) == [], way


@given(st.integers(1, 28), st.integers(0, 6), st.integers(1001, 2099), st.integers(1, 4))
def test_dates_in_other_forms_pass_and_other_dates_do_not(day: int, month: int, year: int, off: int) -> None:
    name = MONTHS[month]
    number = list(calendar.month_name).index(name)
    document = Document(id="d", text=f"The bridge opened on {day} {name} {year}.")
    forms = [
        f"{name} {day}, {year}",
        f"{year}-{number:02}-{day:02}",
        f"{day}.{number}.{year}",
        f"{name[:3]} {day}, {year}",
    ]
    for form in forms:
        assert audit(document, Document(id="v", text=f"The bridge opened on {form}.")) == [], form
    for form in (f"{day} {name} {year + off}", f"{name} {day + 1}, {year}", f"{day} {MONTHS[month - 1]} {year}"):
        assert audit(document, Document(id="v", text=f"The bridge opened on {form}.")) != [], form


@given(st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_a_name_in_place_of_another_is_found(here: str, there: str) -> None:
    document = Document(id="d", text=f"The weather in {here} was mild. She moved to {here} later.")
    found = audit(document, Document(id="v", text=document.text.replace(here, there)))
    assert {change.kind for change in found} == (set() if here == there else {"name"})


@given(
    st.integers(1, 900),
    st.sampled_from([("km", "miles", 0.621371), ("kg", "pounds", 2.204623), ("m", "feet", 3.28084)]),
)
def test_converted_units_pass_and_wrong_ones_do_not(value: int, units: tuple[str, str, float]) -> None:
    here, there, factor = units
    document = Document(id="d", text=f"The stone was found {value} {here} away.")
    for digits in (1, 2):
        view = f"The stone was found {value * factor:.{digits}f} {there} away."
        assert audit(document, Document(id="v", text=view)) == [], view
    assert (
        audit(document, Document(id="v", text=f"The stone was found {value * factor * 1.2 + 1:.1f} {there} away."))
        != []
    )


SMALL = re.findall(
    r"\w+",
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen""",
)
TENS = re.findall(r"\w+", "_ _ twenty thirty forty fifty sixty seventy eighty ninety")


def spell(number: int) -> str:
    """A whole number below a billion in words."""
    for size, name in ((10**6, "million"), (10**3, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {spell(number % size)}" if number % size else ""
            return f"{spell(number // size)} {name}{rest}"
    if number < 20:
        return SMALL[number]
    return TENS[number // 10] + (f"-{SMALL[number % 10]}" if number % 10 else "")
