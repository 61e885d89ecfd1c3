"""Scores answers that were made elsewhere: from lines of questions and answers to the same results as `kinj eval` gives."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import compress
from pathlib import Path
from typing import Any

from kinj.config.errors import KinjError
from kinj.data.files import Ids, Rejects, atomic_open, atomic_write, nothing_in, to_json
from kinj.data.forms import Json, RecordError
from kinj.data.rows import read_rows
from kinj.eval.base import SCHEMA, Measure
from kinj.eval.documents import document_rows
from kinj.eval.normalizers import NORMALIZERS
from kinj.eval.scorers import SCORES, Scorer
from kinj.eval.summary import measure_json

HINT = 'a line looks like {"id": "q1", "answers": ["Paris"], "prediction": "in Paris"}; "document" and "kind" may be there too'


class _Scored:
    """The scores of some questions as columns, with the document and the kind of each."""

    def __init__(self) -> None:
        self.columns = {name: array("d") for name in SCORES}
        self.documents: list[str] = []
        self.kinds: list[str] = []

    def add(self, form: Json, scores: dict[str, float]) -> None:
        for name, column in self.columns.items():
            column.append(scores[name])
        self.documents.append(str(form["id"] if form.get("document") is None else form["document"]))
        self.kinds.append(str(form.get("kind") or ""))

    def measures(self) -> list[Measure]:
        """The four scores, and exact match by kind where there are several."""
        measures = [self._measure(name, name) for name in SCORES]
        kinds = list(dict.fromkeys(self.kinds))
        named = [kind for kind in kinds if kind and len(kinds) > 1]
        return measures + [self._measure(f"exact_match/{kind}", "exact_match", kind) for kind in named]

    def _measure(self, name: str, score: str, kind: str | None = None) -> Measure:
        chosen = [kind in (None, other) for other in self.kinds]
        values, documents = compress(self.columns[score], chosen), compress(self.documents, chosen)
        return Measure(name=name, unit="share", direction=1, values=list(values), clusters=list(documents))


def score_file(source: str, normalizer: str, folder: Path, rejects: Rejects) -> dict[str, Any]:
    """Scores the answers of a file; writes `predictions/qa.jsonl` (each line with `scores` added) and `results.json`.

    The whole of a prediction counts, as in the official scorers. A line without `document` stands for itself in the intervals.

    Args:
        source: lines of `id`, `answers` (a list; a text counts as one answer) and `prediction`; `.gz`, `.csv`, … by name.
        normalizer: one of `kinj.eval.normalizers`.
        folder: an existing one.
        rejects: takes bad lines.

    Returns:
        The content of results.json (docs/evaluation.md).

    Raises:
        UsageError: there is no such file.
        BadRecord: a line is bad and the policy is to stop.
        KinjError: there is no line to score.
    """
    found, scorer = _Scored(), Scorer(normalizer)
    with atomic_open(folder / "predictions" / "qa.jsonl") as file:
        for form in _read(source, normalizer, rejects):
            scores = scorer(form["prediction"], form["answers"])
            found.add(form, scores)
            file.write(to_json(form | {"scores": scores}) + b"\n")
        if not found.documents:
            raise KinjError(nothing_in(source, rejects), HINT)
    if by_document := list(document_rows(found.documents, found.columns)):
        lines = b"".join(to_json(row) + b"\n" for row in by_document)
        atomic_write(folder / "predictions" / "qa.documents.jsonl", lines)
    probe = {
        "measures": {measure.name: measure_json(measure) for measure in found.measures()},
        "prompt_overlap": None,
        "requests": len(found.documents),
        "empty": scorer.empty,
    }
    results = {"schema": SCHEMA, "model": source, "fingerprint": None, "before": None, "normalizer": normalizer}
    results |= {"probes": {"qa": probe}, "notices": scorer.notices("qa")}
    atomic_write(folder / "results.json", to_json(results, indent=True) + b"\n")
    return results


def _read(source: str, normalizer: str, rejects: Rejects) -> Iterator[Json]:
    """The lines that can be scored, `answers` as a list of texts."""
    ids, refusals = Ids(), NORMALIZERS[normalizer].refusals
    for place, form in read_rows(source, rejects):
        try:
            form["prediction"] = _text(form, "prediction", form.get("prediction"))
            form["answers"] = _answers(form, refusals)
            ids.add(_text(form, "id", form.get("id")), place)
        except RecordError as error:
            rejects.reject(place, error.reason, to_json(form), error.hint)
            continue
        yield form


def _answers(form: Json, refusals: bool) -> list[str]:
    given = form.get("answers")
    answers = [_text(form, "answers", answer) for answer in (given if isinstance(given, list) else [given])]
    if not answers and not refusals:
        hint = "unanswerable questions have no answers in SQuAD 2.0: --normalizer squad2"
        raise RecordError("has no accepted answer (`answers` is empty)", hint)
    return answers


def _text(form: Json, key: str, value: object) -> str:
    """A text, or a number as a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if key not in form:
        raise RecordError(f"has no field `{key}`; it has: {', '.join(form) or 'nothing'}", HINT)
    raise RecordError(f"has a field `{key}` that is neither a text nor a number", HINT)
