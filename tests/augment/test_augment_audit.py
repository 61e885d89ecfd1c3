"""The audit on simple sentences: what must be found, what must pass, and how it is reported."""

from __future__ import annotations

import pytest

from kinj.augment.audit import HOWS, KINDS, Change, audit
from kinj.data.records import Document, Fact

FILLER = " The weather was mild and the harvest went well."


def changes(original: str, view: str, *, whole: bool = True, title: str | None = None) -> list[Change]:
    return audit(Document(id="d", text=original, title=title), Document(id="d#m.1", text=view), whole=whole)


def kinds(original: str, view: str, *, whole: bool = True) -> set[tuple[str, str]]:
    return {(change.kind, change.how) for change in changes(original, view, whole=whole)}


EQUAL = [
    # numbers
    ("They sold 1,200 books.", "They sold 1200 books."),
    ("They sold 1,200 books.", "They sold 1.2 thousand books."),
    ("They sold 1,200 books.", "They sold twelve hundred books."),
    ("They sold 2,500,000 books.", "They sold 2.5 million books."),
    ("They sold twenty-one books.", "They sold 21 books."),
    ("They sold three hundred and five books.", "They sold 305 books."),
    ("They sold 12,000 books.", "They sold 12 000 books."),
    ("They sold half a million books.", "They sold 500,000 books."),
    ("They sold a hundred books.", "They sold 100 books."),
    ("They sold a dozen books.", "They sold 12 books."),
    ("They sold 1,198 books.", "They sold about 1,200 books."),
    ("They sold 1,234,567 books.", "They sold 1.2 million books."),
    ("She came in third.", "She came in 3rd."),
    ("It is the twenty-first edition.", "It is the 21st edition."),
    ("The share is two thirds.", "The share is 2/3."),
    ("The share is 50%.", "The share is 50 percent."),
    ("The share is 50 per cent.", "The share is half."),
    ("It took 2½ hours.", "It took 2.5 hours."),
    ("It took two and a half hours.", "It took 2.5 hours."),
    ("Pages 10–20 are lost.", "Pages 10 to 20 are lost."),
    ("It has between 5 and 10 rooms.", "It has 5-10 rooms."),
    ("It happened in World War II.", "It happened in World War Two."),
    # dates
    ("He was born on 14 May 1998.", "He was born on May 14, 1998."),
    ("He was born on 14 May 1998.", "He was born on 1998-05-14."),
    ("He was born on 14 May 1998.", "He was born on the 14th of May, 1998."),
    ("He was born on 14 May 1998.", "He was born on 14/05/1998."),
    ("He was born on 4 May 1998.", "He was born on 05/04/1998."),
    ("He was born on 14 May 1998.", "He was born on the fourteenth of May 1998."),
    ("He was born on 14 May 1998.", "His birthday is May 14. The year was 1998."),
    ("He was born on 3 Sep. 1998.", "He was born on September 3, 1998."),
    ("It fell in the 20th century.", "It fell in the twentieth century."),
    ("It began in the 1990s.", "It began in the 1990's."),
    ("He ruled in 1914–18.", "He ruled from 1914 to 1918."),
    ("It opens at 3:30 p.m.", "It opens at 15:30."),
    ("He died in 44 BC.", "He died in 44 B.C."),
    ("It was built in the 11–13th century.", "It was built in the 11th to 13th centuries."),
    ("It lasted from 24 August – 3 October 1572.", "It lasted from August 24 to October 3, 1572."),
    # quantities
    ("It is 100 km long.", "It is 62 miles long."),
    ("It is 5 km long.", "It is 5,000 metres long."),
    ("It is 26.2 miles long.", "It is 42.2 kilometres long."),
    ("It weighs 70 kg.", "It weighs 154 lb."),
    ("It was 20 °C.", "It was 68 °F."),
    ("It was −40 degrees Celsius.", "It was -40 degrees Fahrenheit."),
    ("It is 6 feet tall.", "It is 1.8 m tall."),
    ("It covers 10 square miles.", "It covers 26 km²."),
    ("It drove at 100 km/h.", "It drove at 62 mph."),
    ("It lasted 24 hours.", "It lasted 1 day."),
    ("It cost $5 million.", "It cost five million dollars."),
    ("It cost US$5m.", "It cost $5,000,000."),
    ("From 5 to 10 km are left.", "There are 5 km to 10 km left."),
    # names
    ("Ada Lovelace wrote. Lovelace also sang.", "Ada Lovelace wrote. She also sang."),
    ("It was made by Ada Lovelace.", "Ada Lovelace’s work it was."),
    ("He lived in Łódź with Zoë.", "He lived in Lodz with Zoe."),
    ("It was shown on the British Broadcasting Corporation.", "It was shown on the BBC."),
    ("He works for the UN in Rome.", "He works for the United Nations in Rome."),
    ("The U.S. has a flag.", "The United States has a flag."),
    ("She lives in Italy.", "She is an Italian resident."),
    ("He met Gay‑Lussac.", "He met Gay-Lussac."),
    ("Mr. Smith came to Paris.", "Smith came to Paris."),
    ("It is in St. Mary's Church.", "It is in St Mary’s Church."),
    ("Remarkably, the dog ran.", "Surprisingly, the dog ran."),
    ("He studied Middle Eastern history.", "He studied the history of the Middle East."),
    ("Illegal matters were punished hard.", "The legal reform was lasting."),
    # quotations
    ("He called it “a great day” then.", 'He called it "a great day" then.'),
    ("He called it 'a great day' then.", "He called it «a great day» then."),
    # negations
    ("He did not like rain.", "He didn’t like rain."),
    ("He could not swim.", "He was unable to swim."),
    ("The station was unofficial.", "The station was not official."),
    ("Not only rain but snow fell.", "Both rain and snow fell."),
    ("They were not allowed to vote.", "They were prohibited from voting, which was not allowed."),
]  # fmt: skip


@pytest.mark.parametrize(("original", "view"), EQUAL)
def test_what_says_the_same_passes(original: str, view: str) -> None:
    assert changes(original + FILLER, view + FILLER) == []
    assert changes(original + FILLER, view + FILLER, whole=False) == []


PLANTED = [
    ("They sold 1,200 books.", "They sold 1,201 books.", "number"),
    ("They sold twelve books.", "They sold thirteen books.", "number"),
    ("They sold 1,200 books.", "They sold 1.3 thousand books.", "number"),
    ("She came in third.", "She came in fourth.", "number"),
    ("She was the first to come.", "She was the second to come.", "number"),
    ("The share is two thirds.", "The share is 1/3.", "number"),
    ("There is one door.", "There are two doors.", "number"),
    ("He was born on 14 May 1998.", "He was born on 15 May 1998.", "date"),
    ("He was born on 14 May 1998.", "He was born on June 14, 1998.", "date"),
    ("He was born in 1998.", "He was born in 1999.", "date"),
    ("It fell in the 20th century.", "It fell in the 19th century.", "date"),
    ("It began in the 1990s.", "It began in the 1980s.", "date"),
    ("He died in 44 BC.", "He died in AD 44.", "date"),
    ("It opens at 3:30 p.m.", "It opens at 4:30 p.m.", "date"),
    ("It opens on Monday.", "It opens on Tuesday.", "date"),
    ("It is 100 km long.", "It is 101 km long.", "quantity"),
    ("It is 100 km long.", "It is 100 miles long.", "quantity"),
    ("It is 100 km long.", "It is 70 miles long.", "quantity"),
    ("It was 20 °C.", "It was 20 °F.", "quantity"),
    ("It cost $5 million.", "It cost $6 million.", "quantity"),
    ("It cost $5 million.", "It cost $5 billion.", "quantity"),
    ("The share is 50%.", "The share is 51%.", "quantity"),
    ("It lasted 3 hours.", "It lasted 3 days.", "quantity"),
    ("It was made by Ada Lovelace.", "It was made by Mary Shelley.", "name"),
    ("He lived in Paris then.", "He lived in Warsaw then.", "name"),
    ("He met John Smith.", "He met John Miller.", "name"),
    ("He called it “a great day” then.", "He called it “a sad day” then.", "quote"),
    ("He liked rain and snow.", "He never liked rain and snow.", "negation"),
    ("The bridge was built of stone.", "The bridge was not built of stone.", "negation"),
    ("The bridge wasn’t built of stone.", "The bridge was built of stone.", "negation"),
    ("The vote was official.", "The vote was unofficial.", "negation"),
    ("It is possible to win.", "It is impossible to win.", "negation"),
]  # fmt: skip


@pytest.mark.parametrize(("original", "view", "kind"), PLANTED)
def test_what_says_something_else_is_found(original: str, view: str, kind: str) -> None:
    assert kind in {change.kind for change in changes(original + FILLER, view + FILLER)}
    assert kind in {change.kind for change in changes(original + FILLER, view + FILLER, whole=False)}


def test_a_change_pairs_what_was_lost_with_what_came() -> None:
    original = "Ada had 12 cats. She met Charles Babbage in 1833. The house was 5 km away."
    found = changes(
        original, original.replace("12", "13").replace("Charles Babbage", "Mary Shelley").replace("5 km", "6 km")
    )
    assert found == [
        Change("number", "changed", "12", "13"),
        Change("quantity", "changed", "5 km", "6 km"),
        Change("name", "changed", "Charles Babbage", "Mary Shelley"),
    ]
    assert str(found[0]) == "number changed: `12` → `13`"


def test_lost_and_added() -> None:
    assert kinds("Ada had 12 cats and lived in Paris.", "Ada lived in Paris.") == {("number", "lost")}
    assert kinds("Ada lived in Paris.", "Ada lived in Paris. The station opened in 1950.") == {("date", "added")}


def test_a_part_of_the_text_may_leave_things_out_but_not_change_or_add() -> None:
    original = "Ada had 12 cats. She was born in Paris on 3 May 1801. She did not smoke."
    assert changes(original, "Where was Ada born? In Paris.", whole=False) == []
    assert {change.how for change in changes(original, "Where was Ada born? In Paris.")} == {"lost"}
    assert kinds(original, "How many cats had Ada? Ada had 13 cats.", whole=False) == {("number", "changed")}
    assert kinds(original, "When was Ada born? In 1802.", whole=False) == {("date", "changed")}
    assert kinds(original, "She did smoke.", whole=False) == {("negation", "changed")}


def test_values_that_changed_places_are_found_although_both_texts_hold_them() -> None:
    original = "Ada has 3 cats and 5 dogs in Paris. Bob beat Carla at chess."
    assert kinds(original, original.replace("3 cats and 5", "5 cats and 3"), whole=False) == {("number", "changed")}
    assert kinds(original, original.replace("Bob beat Carla", "Carla beat Bob"), whole=False) == {("name", "changed")}
    told = "The Dome was opened in Rome in 1950. In 1960 the Tower was opened in Paris."
    assert changes(told, "The Tower was opened in Paris in 1960.", whole=False) == []
    listed = "The colours were seen in Paris, London and Rome by Ada and Bob."
    assert changes(listed, "The colours were seen in Rome, Paris and London by Bob and Ada.") == []


def test_a_negation_taken_away_is_a_change_even_in_a_part() -> None:
    original = "The committee did not approve the large bridge over the river. It rained."
    found = changes(original, "The committee did approve the large bridge over the river.", whole=False)
    assert [(change.kind, change.how) for change in found] == [("negation", "changed")]


def test_titles_and_facts_of_the_original_may_be_used() -> None:
    fact = Fact(subject="Ada Lovelace", relation="born", value="1815", start=12, end=16)
    original = Document(id="d", text="Born in May 1815.", title="Countess of Essex", facts=[fact])
    view = Document(id="v", text="Ada Lovelace, Countess of Essex, was born in May 1815.", facts=[])
    assert audit(original, view) == []


def fact_document(text: str, value: str, identity: str = "d") -> Document:
    start = text.index(value)
    return Document(
        id=identity,
        text=text,
        facts=[Fact(subject="Ada", relation="birth", value=value, start=start, end=start + len(value))],
    )


def test_facts_must_stand_where_the_view_says() -> None:
    original = fact_document("Ada was born on 14 May 1998.", "14 May 1998")
    same = fact_document("Ada was born on May 14, 1998.", "May 14, 1998")
    assert audit(original, same) == []
    other = fact_document("Ada was born on 15 May 1998.", "15 May 1998")
    assert Change("fact", "changed", "14 May 1998", "15 May 1998") in audit(original, other)
    gone = Document(id="v", text="Ada was born.")
    assert Change("fact", "lost", "14 May 1998", "") in audit(original, gone)
    assert audit(original, gone, whole=False) == []
    without_offsets = Document(id="v", text="Ada was born on 1998-05-14.")
    assert audit(original, without_offsets) == []


def test_a_fact_that_the_original_does_not_have_is_added() -> None:
    original = fact_document("Ada was born on 14 May 1998.", "14 May 1998")
    view = fact_document("Ada was born on 14 May 1998.", "14 May 1998")
    view.facts = [*view.facts, Fact(subject="Ada", relation="home", value="Ada", start=0, end=3)]
    assert audit(original, view) == [Change("fact", "added", "", "Ada")]


@pytest.mark.parametrize(
    ("original", "view"),
    [
        ("It was 12 cm [citation needed] long.[3]", "It was 12 cm long."),
        ("Ada sang. Bob danced.", "1. Ada sang.\n2. Bob danced."),
        ("Ada sang. Bob danced.", "<ol>\n<li>Ada sang.</li>\n<li>Bob danced.</li>\n</ol>"),
        ("Ada sang. Bob danced.", '{"1": "Ada sang.", "sentence 2": "Bob danced."}'),
        ("Ada sang. Bob danced.", "**Musical Evening:** Ada sang. Bob danced."),
        ("Ada sang. Bob danced.", "Question 7: Who sang?\nAnswer 7: Ada sang.\n\nQuestion 8: Who danced?\nAnswer 8: Bob danced."),
        ("She moved in 1998. She left.", "She moved in\n1998. She left."),
    ],
)  # fmt: skip
def test_markup_and_numbering_are_not_content(original: str, view: str) -> None:
    assert changes(original, view) == []


def test_every_change_has_a_known_kind_and_direction() -> None:
    original = 'Ada had 12 cats, 3 km of wool and a "very red" hat in 1833. She did not dance.'
    view = 'Bob had 13 cats, 4 km of wool and a "very blue" hat in 1834. She danced with Carla and could not sing.'
    found = changes(original, view)
    assert {change.kind for change in found} == set(KINDS) - {"fact"}
    assert {change.how for change in found} <= set(HOWS)
