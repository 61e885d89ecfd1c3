"""Metrics in the form of Hugging Face `evaluate`, loaded from the package itself: no hub, no network.

- `closed_book_qa`: exact match, F1, containment, prefix match and ROUGE-L of texts against accepted answers;
- `choice_ranking`: is the right answer the likeliest: by raw sum, per character, corrected by a neutral premise (PMI);
- `truth_ratio`: how likely wrong answers are beside the right one (TOFU).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMES = ("closed_book_qa", "choice_ranking", "truth_ratio")


def load_metric(name: str) -> Any:
    """One of `NAMES`, ready for `compute`; its `inputs_description` says what it takes.

    kinj itself calls the functions behind them (`kinj.eval.scorers`, `kinj.eval.ranking`); this is for pipelines built on
    `evaluate`, whose import takes seconds.

    Raises:
        ValueError: there is no such metric.
    """
    if name not in NAMES:
        raise ValueError(f"there is no metric `{name}`; there are: {', '.join(NAMES)}")
    from evaluate.loading import load

    return load(str(Path(__file__).parent / name / f"{name}.py"))
