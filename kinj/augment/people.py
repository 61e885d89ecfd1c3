"""Which pronouns of a text certainly stand for a person whose full name is known. Where there is doubt there is no answer.

`he`, `she`, `his`, `her` and `him` are looked at, never `it` or `they`, and nothing inside quotation marks. A pronoun stands
for a person (the subject of a fact, or the title, written like a full name) if

- its sentence holds the value of a fact about that person and no other name that may be a person's, or
- that person is the only one named so far (by full name; by last name where the title has the full one), and nobody else
  is, by name or otherwise (*her brother*).

Every pronoun taken to be the same person has the same gender, and a sentence with both genders has no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from kinj.augment.names import is_full_name, name_runs, possible_people
from kinj.augment.passages import Sentence, inside, overlaps, quotations
from kinj.data.records import Document, Fact

_PRONOUN = re.compile(r"\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|[Hh]im|[Hh]imself|[Hh]erself|[Hh]ers)\b(?!['’]\w)")
_TITLE_NOTE = re.compile(r"\s*\([^()]*\)$")
_THING_RELATION = re.compile(
    r"(?:birth|born|dat[ei]|day|year|age|city|town|country|state|place|birthplace|location|residence|nationality|"
    r"citizenship|universit|college|school|alma|education|major|degree|field|subject|company|employer|employed|firm|office|"
    r"work|job|occupation|profession|position|club|team|language|award|genre|religion|death|died|number|amount)",
    re.IGNORECASE,
)
"""Relations whose values are certainly not people."""

_OTHER_PERSON = re.compile(
    r"\b(?:(?:god|step|grand)?(?:father|mother|parent|brother|sister|sibling|son|daughter)s?|wi(?:fe|ves)|husbands?|uncle|aunt|"
    r"cousins?|nephew|niece|twins?|friends?|colleagues?|partners?|rivals?|m[ae]n|wom[ae]n|boys?|girls?|child(?:ren)?|someone|"
    r"somebody|king|queen|prince|princess|emperor|lord|lady)\b"
    r"|\b(?:an?|the|another|his|her) (?:[\w-]+ )?(?:[\w-]+(?:ist|ian|woman|man)|teacher|writer|worker|doctor|lawyer|soldier|"
    r"officer|farmer|painter|singer|actor|actress|director|producer|president|minister|professor|programmer|engineer|"
    r"leader|owner|founder|editor|author|poet|player|coach|manager|merchant|student(?! years)|nurse|priest|judge|captain)\b"
)
_PREDICATE = re.compile(r"\b(?:was|is|be|been|being|as|became|become|becoming|remained)(?: [\w-]+){0,4} ?$")

_AFTER_OBJECT = re.compile(
    r"\s*(?:$|[.,;:!?)]|(?:a|about|after|all|among|an|and|as|at|because|before|by|during|for|from|if|in|into|it|nor|of|on|or|"
    r"over|since|so|than|that|the|then|this|through|to|under|until|up|upon|when|where|which|while|who|with)\b)"
)
_POSSESSED = re.compile(r" (?!(?!family)\w+ly\b)[a-z]")
_BEFORE_TWO_OBJECTS = re.compile(
    r"\b(?:g[ai]ves?|given|giving|t(?:ell|old|each|aught)s?|offer(?:s|ed)?|sen[dt]s?|show(?:s|ed|n)?|ma[dk]es?|pa(?:ys?|id)|"
    r"b(?:uy|ought)|cost|award(?:s|ed)?|grant(?:s|ed)?|let|help(?:s|ed)?|saw|see|hear|heard|call(?:s|ed)?|le(?:nd|nt|ft)|bring|"
    r"brought|w[io]ns?|earn(?:s|ed)?|allow(?:s|ed)?|ask(?:s|ed)?|nam(?:e|es|ed)) $"
)


@dataclass(frozen=True)
class Pronoun:
    """A pronoun that certainly stands for `person`; `form` is `subject`, `object` or `possessive`."""

    start: int
    end: int
    person: str
    form: str
    feminine: bool

    def named(self, text: str) -> str:
        """The full name as it stands in the pronoun's place."""
        apostrophe = "’" if "’" in text else "'"
        return f"{self.person}{apostrophe}s" if self.form == "possessive" else self.person


@dataclass(frozen=True)
class Reference:
    """Whom a sentence speaks of.

    Attributes:
        named: people whose name stands in it.
        pronoun: its first pronoun, if it certainly stands for somebody whom the sentence does not name.
        unknown: it holds a pronoun for a person of whom nobody can be sure.
        others: it speaks of somebody else, or may do so.
    """

    named: tuple[str, ...]
    pronoun: Pronoun | None
    unknown: bool
    others: bool


@dataclass
class _Reader:
    """What is known after the sentences read so far."""

    document: Document
    people: Sequence[str]
    titled: str
    quoted: Sequence[tuple[int, int]]
    named: set[str] = field(default_factory=set)
    others: bool = False
    feminine: dict[str, bool] = field(default_factory=dict)

    def read(self, sentence: Sentence) -> Reference:
        text = self.document.text
        facts = [fact for fact in self.document.facts if sentence.holds(fact)]
        named = tuple(name for name in self.people if self._names(sentence, name))
        others = self._others(sentence, facts)
        pronouns = [
            match
            for match in _PRONOUN.finditer(text, sentence.start, sentence.end)
            if not inside(match.start(), self.quoted)
        ]
        pronoun = None
        if pronouns and not named and not self._says_a_name(sentence):
            person = self._person(facts, others, opens=pronouns[0].start() == sentence.start)
            pronoun = self._resolved(pronouns, person, sentence) if person else None
        self.named.update(named)
        self.others |= others
        return Reference(named, pronoun, bool(pronouns and not named and not pronoun), others)

    def _names(self, sentence: Sentence, person: str) -> bool:
        """Whether the full name stands in the sentence or, for the person in the title, the last name alone."""
        text = self.document.text
        if text.find(person, sentence.start, sentence.end) >= 0:
            return True
        last = person.split()[-1]
        return person == self.titled and any(
            text[start:end] == last for start, end in name_runs(text, sentence.start, sentence.end)
        )

    def _others(self, sentence: Sentence, facts: Sequence[Fact]) -> bool:
        """Whether somebody else may be meant by a name or a noun."""
        text = self.document.text
        things = [(f.start, f.end) for f in facts if _THING_RELATION.search(f.relation)]
        parts = {word for name in self.people for word in name.split()}
        if any(
            not overlaps(*span, things) and not parts.issuperset(text[slice(*span)].split())
            for span in possible_people(text, sentence.start, sentence.end)
        ):
            return True
        return any(
            not overlaps(*match.span(), things) and not _PREDICATE.search(text, sentence.start, match.start())
            for match in _OTHER_PERSON.finditer(text, sentence.start, sentence.end)
        )

    def _says_a_name(self, sentence: Sentence) -> bool:
        """Whether a part of somebody's name stands in the sentence, such as the last name."""
        words = set(re.findall(r"\w+", self.document.text[sentence.start : sentence.end]))
        return any(len(part) > 2 and part in words for name in self.people for part in name.split())

    def _person(self, facts: Sequence[Fact], others: bool, *, opens: bool) -> str | None:
        subjects = {fact.subject for fact in facts}
        told = len(subjects) == 1 and subjects <= set(self.people)
        if told and not others and all(_THING_RELATION.search(fact.relation) for fact in facts):
            return subjects.pop()
        alone = len(self.named) == 1 and not self.others and (opens or not others)
        return next(iter(self.named)) if alone else None

    def _resolved(self, pronouns: Sequence[re.Match[str]], person: str, sentence: Sentence) -> Pronoun | None:
        genders = {match.group()[0] in "Ss" or match.group().lower().startswith("her") for match in pronouns}
        if len(genders) != 1 or self.feminine.setdefault(person, *genders) not in genders:
            self.others = True
            return None
        first = pronouns[0]
        if any(overlaps(*first.span(), [(f.start, f.end)]) for f in self.document.facts):
            return None
        form = _form(self.document.text, first, sentence)
        return Pronoun(*first.span(), person, form, *genders) if form else None


def references(document: Document, sentences: Sequence[Sentence]) -> list[Reference]:
    """Whom each sentence speaks of."""
    title = titled(document)
    names = [*(fact.subject for fact in document.facts), title]
    people = [name for name in dict.fromkeys(names) if is_full_name(name)]
    reader = _Reader(document, people, title, quotations(document.text))
    return [reader.read(sentence) for sentence in sentences]


def titled(document: Document) -> str:
    """The title without a note in brackets, such as *(film)*; empty if there is none."""
    return _TITLE_NOTE.sub("", document.title or "")


def _form(text: str, pronoun: re.Match[str], sentence: Sentence) -> str | None:
    """How a pronoun is used; None where a name in its place could change the grammar."""
    word = pronoun.group().lower()
    if word != "her":
        return {"he": "subject", "she": "subject", "his": "possessive", "him": "object"}.get(word)
    if _AFTER_OBJECT.match(text, pronoun.end(), sentence.end):
        return "object"
    certain = _POSSESSED.match(text, pronoun.end()) and not _BEFORE_TWO_OBJECTS.search(
        text, sentence.start, pronoun.start()
    )
    return "possessive" if certain else None
