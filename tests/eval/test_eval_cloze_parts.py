"""What the probe `cloze` is made of: sentences, values, wordings, wrong values, blanks."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinj.config.schema import ClozeSettings
from kinj.data.records import Document
from kinj.eval.cloze import blanks as blanks_module
from kinj.eval.cloze.blanks import BEFORE, Blank, blanks
from kinj.eval.cloze.corpus import Corpus
from kinj.eval.cloze.sentences import sentences
from kinj.eval.cloze.values import distinctive, values
from kinj.eval.cloze.wording import wordings
from kinj.eval.overlap import words
from tests.eval.cloze_corpora import documents

PAGE = """# Ada Byron

Ada Byron was born in
London on 10 December 1815. She met Charles Babbage in 1833.
The **engine** of Babbage is in [London](a.md). Was Ada Byron tall?

- Babbage lived in Dorset Street near Marylebone.
1. In 1837, Babbage described the Engine.

```
print("Ada Byron wrote this in 1843.")
```
| Ada | 1815 |
Music by Pvt. Ltd. The engine is in London.
"""


def test_only_whole_sentences_that_stand_alone_are_asked_about() -> None:
    left_out: Counter[str] = Counter()
    found = list(sentences(PAGE, left_out))
    assert [sentence.text for sentence in found] == [
        "Ada Byron was born in London on 10 December 1815.",
        "Babbage lived in Dorset Street near Marylebone.",
        "In 1837, Babbage described the Engine.",
    ]
    assert [" ".join(PAGE[s.start : s.end].split()) for s in found] == [s.text for s in found]
    assert sum(left_out.values()) == 5
    assert left_out["sentences: lean on the sentence before"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Byron was born in London.", ["name Ada Byron", "name London"]),
        ("Ada's son went to the University of Cambridge.", ["name Ada", "name University of Cambridge"]),
        ("On 10 December 1815, Ada paid $30 million.", ["date 10 December 1815", "name Ada", "quantity $30 million"]),
        ("Nortek Mills sold 412 ships.", ["name Nortek Mills", "number 412"]),
        ("Kubelet evicts pods by their cgroup.", ["name Kubelet", "term cgroup"]),
        ("Starring Ada Byron, it won.", ["name Ada Byron"]),
        ("At first nobody came.", []),
    ],
)
def test_values_are_read_with_their_kinds(text: str, expected: list[str]) -> None:
    found = values(text)
    assert [f"{value.kind} {value.text}" for value in found] == expected
    assert all(text[value.start : value.end] == value.text for value in found)


@pytest.mark.parametrize(
    ("text", "blank", "expected"),
    [
        ("Ada Byron was born in London.", "London", {"In _, Ada Byron was born.", "Ada Byron was born, as is recorded, in _."}),
        ("Ada Byron was born in London on 10 December 1815.", "London",
         {"In _, Ada Byron was born on 10 December 1815.", "On 10 December 1815, Ada Byron was born in _."}),
        ("In 1837, Babbage described the Engine.", "1837", {"Babbage described the Engine in _."}),
        ("Paris is the capital of Ruvania.", "Paris", {"The capital of Ruvania is _."}),
        ("The capital of Ruvania is Paris.", "Paris",
         {"_ is the capital of Ruvania.", "The capital of Ruvania is, as is recorded, _."}),
        ("Ada's employer is Nortek Mills.", "Nortek Mills",
         {"_ is Ada's employer.", "Ada's employer is, as is recorded, _."}),
        ("Lubo is a film directed by Ada Byron.", "Ada Byron",
         {"A film directed by _ is Lubo.", "Lubo is a film directed, as is recorded, by _."}),
        ("Ada met Babbage in London, and Babbage wept.", "London", set()),
        ("Ada met Babbage.", "Babbage", set()),
    ],
)  # fmt: skip
def test_rules_say_the_same_in_another_order(text: str, blank: str, expected: set[str]) -> None:
    found = values(text)
    asked = next(value for value in found if value.text == blank)
    cue = next(value for value in found if value is not asked)
    made = list(wordings(text, found, asked, cue))
    assert {wording.sentence("_") for wording in made} == expected
    assert all(wording.filled("_").startswith(f"What is known of {cue.text}: ") for wording in made)


def asked_of(made: list[Document], texts: list[tuple[str, ...]] | None = None, **more: int) -> list[Blank]:
    return blanks(Corpus(made), texts or [], ClozeSettings(**more))[0]


@settings(max_examples=40, deadline=None)
@given(documents(), st.integers(1, 9))
def test_wrong_values_are_of_other_documents_and_the_truth_is_not_among_them(made: list[Document], count: int) -> None:
    texts = {document.id: f" {' '.join(words(document.text))} " for document in made}
    for blank in asked_of(made, candidates=count):
        others = [words(other) for other in blank.others]
        assert 3 <= len(others) <= max(count, 3) or count < 3
        assert len({*others, words(blank.value)}) == len(others) + 1
        for other in others:
            assert f" {' '.join(other)} " not in texts[blank.document]
            assert any(f" {' '.join(other)} " in text for text in texts.values())


@settings(max_examples=40, deadline=None)
@given(documents())
def test_nothing_before_or_after_a_blank_tells_its_value(made: list[Document]) -> None:
    for blank in asked_of(made):
        own = distinctive(words(blank.value))
        for wording in filter(None, (blank.known, blank.written)):
            assert own.isdisjoint(words(wording.before + " " + wording.after))
        assert own.isdisjoint(words(blank.recited.before))


@settings(max_examples=40, deadline=None)
@given(documents())
def test_the_wording_stands_in_no_document_and_what_is_recited_does(made: list[Document]) -> None:
    texts = [f" {' '.join(words(document.text))} " for document in made]
    by_id = {document.id: document.text for document in made}
    for blank in asked_of(made):
        for wording in filter(None, (blank.known, blank.written)):
            near = (*words(wording.before)[-BEFORE:], *words(blank.value))
            for run in (words(wording.sentence(blank.value)), near):
                assert not any(f" {' '.join(run)} " in text for text in texts)
        assert blank.recited.filled(blank.value) in by_id[blank.document]
        assert blank.written is None or blank.written.ends


@settings(max_examples=30, deadline=None)
@given(documents(), st.randoms(use_true_random=False))
def test_blanks_do_not_depend_on_the_order_of_the_documents(made: list[Document], rng: random.Random) -> None:
    mixed = rng.sample(made, len(made))
    one, other = ({blank.id: blank for blank in asked_of(order)} for order in (made, mixed))
    assert one == other


@settings(max_examples=30, deadline=None)
@given(documents())
def test_a_wording_that_was_trained_on_is_not_asked(made: list[Document]) -> None:
    found = {blank.id: blank for blank in asked_of(made)}
    views = [words(f"Before. {blank.known.sentence(blank.value)} After.") for blank in found.values()]
    again = asked_of(made, views)
    for blank in again:
        assert not any(
            f" {' '.join(words(blank.known.sentence(blank.value)))} " in f" {' '.join(view)} " for view in views
        )
    assert not views or {blank.id: blank.known for blank in again} != {key: blank.known for key, blank in found.items()}


def test_what_is_left_out_is_counted_by_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blanks_module, "FEWEST_OTHERS", 5)
    born = (("Ada Byron", "London"), ("Bo Derwent", "Paris"))
    made = [Document(id=name, text=f"{name} was born in {place}.") for name, place in born]
    made.append(Document(id="c", text="It was late that day. He ran. Cy Twomble was born in Rome, in Rome."))
    found, left_out = blanks(Corpus(made), [], ClozeSettings())
    assert found == []
    assert left_out == {
        "sentences: lean on the sentence before": 1,
        "sentences: shorter than 4 or longer than 40 words": 1,
        "values: told by the rest of the sentence": 2,
        "values: no rule words the sentence differently": 1,
        "values: fewer than 5 others like it in other documents": 4,
    }


def test_most_blanks_of_a_document() -> None:
    made = [
        Document(id=str(n), text="".join(f"Ada Nr{n} met Person{k}x{n} in Town{k}x{n}. " for k in range(6)).strip())
        for n in range(6)
    ]
    for most in (1, 3):
        assert set(Counter(blank.document for blank in asked_of(made, blanks=most)).values()) == {most}
