"""Any documents, without questions and without a language model: values blanked in their sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kinj.data.records import Document, Question
from kinj.eval.asking import NotMeasuredError, QuestionProbe, generated, generation, hits, limited, question_of
from kinj.eval.base import Context, Measure
from kinj.eval.cloze.blanks import Blank, blanks
from kinj.eval.cloze.corpus import Corpus
from kinj.eval.cloze.wording import ALONE, Wording
from kinj.eval.overlap import training_texts
from kinj.eval.ranking import Ranking, ranked_beside_chance, rankings
from kinj.eval.scorers import final_answer, prefix_match
from kinj.models.requests import Request, Response

GAP = "____"
FEW = 30
"""With fewer blanks it is said that the figures are rough."""
KNOWN, WRITTEN, RECITED, RECITED_WRITTEN = "known", "written", "recited", "recited_written"


class Cloze(QuestionProbe):
    """`known`: the true value makes the likeliest sentence among about ten; `known_written`: it is what the model goes on with.

    The sentence is isolated and worded in an order that stands in no text trained on (`kinj.eval.cloze`). What is not
    knowledge stands under `not_knowledge/`: the same blanks in the document's own text (recitation), and the values without
    any sentence.
    """

    name = "cloze"

    def questions(self, context: Context) -> list[Question]:
        """Each blank in its own words and in the document's, to rank and to write. Raises NotMeasuredError where there is none."""
        return list({r.meta["question"].id: r.meta["question"] for r in self.requests(context)}.values())

    def requests(self, context: Context) -> list[Request]:
        """Every value in every blank; the values alone; and the beginnings to go on with, where a wording ends with its blank."""
        return [request for blank in _blanks(context) for request in _requests(blank, context)]

    def measures(self, responses: Sequence[Response]) -> list[Measure]:
        every = rankings(responses)
        known, recited = ({k: r for k, r in every.items() if _asks(r.first) == asks} for asks in (KNOWN, RECITED))
        written = {asks: [r for r in generated(responses) if _asks(r) == asks] for asks in (WRITTEN, RECITED_WRITTEN)}
        own = "its own training text"
        found = [
            *ranked_beside_chance("known", known, lambda ranking: ranking.raw, "reordered sentence"),
            *_written("known_written", written[WRITTEN], "begins with the value"),
            *ranked_beside_chance("known/pmi", known, lambda ranking: ranking.corrected, "minus the value alone"),
            *_by_kind(known),
            *ranked_beside_chance("not_knowledge/recited", recited, lambda ranking: ranking.raw, own),
            *_written("not_knowledge/recited_written", written[RECITED_WRITTEN], own),
            *ranked_beside_chance(
                "not_knowledge/value_alone", known, lambda ranking: ranking.neutral, "without a sentence"
            ),
        ]
        return [replace(m, direction=0) if m.name.startswith("not_knowledge/") else m for m in found]


def _blanks(context: Context) -> list[Blank]:
    """The blanks of the pool `documents`, as many as `eval.limit` leaves; what was left out goes to the notices."""
    if "documents" not in context.data.pools:
        raise NotMeasuredError(f"data={context.data.name} has no documents; pass --data FOLDER")
    pool = [record for record in context.data.pool("documents") if isinstance(record, Document)]
    originals = [document for document in pool if document.view is None or document.view.index == 0]
    corpus = Corpus(originals)
    found, left_out = blanks(corpus, training_texts(context).texts, context.settings.eval.cloze)
    left_out["documents: views of others"] += len(pool) - len(originals)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(left_out.items()) if count)
    if not found:
        raise NotMeasuredError(
            f"{len(originals):,} documents have no value to ask for; left out: {reasons or 'nothing, there is no sentence'}. "
            "It takes sentences with two names, or a name and a number or date, in several documents"
        )
    asked = len({blank.document for blank in found})
    context.notices.append(
        f"cloze: {len(found):,} blanks in {asked:,} of {len(originals):,} documents; left out: {reasons}"
    )
    if len(found) < FEW:
        context.notices.append(f"cloze: with fewer than {FEW} blanks the figures are rough")
    return limited(found, context.settings)


def _requests(blank: Blank, context: Context) -> list[Request]:
    known, recited = _question(blank, KNOWN, blank.known), _question(blank, RECITED, blank.recited)
    values = [blank.value, *blank.others]
    found = [_filled(known, "raw", value, blank.known.filled(value)) for value in values]
    found += [_filled(known, "neutral", value, ALONE.format(value=value)) for value in values]
    found += [_filled(recited, "raw", value, blank.recited.filled(value)) for value in values]
    if blank.written:
        begun = ((WRITTEN, blank.written), (RECITED_WRITTEN, blank.recited))
        found += [generation(_question(blank, asks, wording, begun=True), context.settings) for asks, wording in begun]
    return found


def _question(blank: Blank, asks: str, wording: Wording, *, begun: bool = False) -> Question:
    """The blank as a question: the sentence with a gap or, to be gone on with, its beginning."""
    meta = {"asks": asks, "rule": wording.rule, "recitation": asks in (RECITED, RECITED_WRITTEN)}
    return Question(
        id=blank.id if asks == KNOWN else f"{blank.id}/{asks}",
        document=blank.document,
        prompt=wording.before if begun else wording.filled(GAP),
        answers=[blank.value],
        kind=blank.kind,
        meta=meta | ({"form": "completion"} if begun else {}),
    )


def _filled(question: Question, premise: str, value: str, text: str) -> Request:
    meta = {"question": question, "premise": premise, "candidate": value}
    return Request(kind="rolling", prompt=text, id=question.id, meta=meta)


def _asks(response: Response) -> str:
    return str(question_of(response).meta["asks"])


def _by_kind(found: Mapping[str, Ranking]) -> list[Measure]:
    """`known` by kind of value and by the rule of the wording."""
    groups: dict[str, dict[str, Ranking]] = {}
    for key, ranking in found.items():
        question = question_of(ranking.first)
        for label in (question.kind, str(question.meta["rule"]).replace(" ", "_")):
            groups.setdefault(label, {})[key] = ranking
    return [
        measure
        for label in sorted(groups)
        for measure in ranked_beside_chance(f"known/{label}", groups[label], lambda ranking: ranking.raw, "")
    ]


def _written(name: str, responses: Sequence[Response], note: str) -> list[Measure]:
    """Share of the beginnings that the model goes on with the value; none where no wording ends with its blank."""

    def value(response: Response) -> float:
        prediction, meta = final_answer(response.text or ""), response.request.meta
        return prefix_match(prediction, question_of(response).answers, meta["normalizer"])

    return [hits(name, responses, value, note)] if responses else []
