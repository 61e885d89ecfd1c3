"""The scores of a probe by document: where a model knows everything, and where nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kinj.eval.scorers import SCORES
from kinj.stats.clusters import cluster_sums, numbered


def document_rows(documents: Sequence[str], columns: Mapping[str, Sequence[float]]) -> Iterator[dict[str, Any]]:
    """One line per document, in order of appearance: `document`, `questions`, and the mean of each score.

    None where every document has one question: its line would say what the prediction says.

    Args:
        documents: of each question.
        columns: scores by name, one value per question.
    """
    names = list(dict.fromkeys(documents))
    if len(names) == len(documents):
        return
    groups = numbered(documents, len(documents))
    counts = np.bincount(groups)
    means = {name: cluster_sums(np.asarray(values), groups) / counts for name, values in columns.items()}
    for number, name in enumerate(names):
        about = {"document": name, "questions": int(counts[number])}
        yield about | {score: float(mean[number]) for score, mean in means.items()}


def rows_by_document(predictions: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same from the lines of a predictions file."""
    scored = [row for row in predictions if "scores" in row]
    columns = {name: [row["scores"][name] for row in scored] for name in SCORES}
    yield from document_rows([row.get("document") or row["id"] for row in scored], columns)
