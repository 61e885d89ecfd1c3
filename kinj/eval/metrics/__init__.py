"""Metrics in the form of Hugging Face `evaluate`, loaded from the package itself: no hub, no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CLOSED_BOOK_QA = Path(__file__).parent / "closed_book_qa" / "closed_book_qa.py"


def load_closed_book_qa() -> Any:
    """The metric `closed_book_qa`: exact match, F1, containment and ROUGE-L recall of predictions against accepted answers.

    `metric.compute(predictions=[...], references=[[...], ...], normalizer="squad")` gives the mean of each score. kinj itself
    calls `kinj.eval.scorers`; this is for pipelines built on `evaluate`, whose import takes seconds.
    """
    from evaluate.loading import load

    return load(str(CLOSED_BOOK_QA))
