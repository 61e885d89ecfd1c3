"""`kinj.eval.ranking` as a metric of Hugging Face `evaluate`."""

from __future__ import annotations

from typing import Any

from datasets import Features, Value
from datasets import Sequence as Listed
from evaluate import module  # not `Metric` itself: evaluate takes the first metric class it finds in this file
from evaluate.info import MetricInfo

from kinj.eval.ranking import wins

CITATION = "Surface Form Competition. Holtzman, West, Shwartz, Choi, Zettlemoyer. 2021. arXiv 2104.08315 (PMI)."


class ChoiceRanking(module.Metric):
    """Share of questions whose right candidate is the likeliest."""

    def _info(self) -> MetricInfo:
        features: Any = {"predictions": Listed(Value("float64")), "references": Listed(Value("string"))}
        return MetricInfo(
            description="Share of questions whose right candidate has the largest log-probability; a tie counts as a share.",
            citation=CITATION,
            inputs_description="predictions: for each question the summed log-probabilities of its candidates, the right one "
            "first; references: the candidates' texts; neutral: log-probabilities under a neutral premise, for `pmi`.",
            features=Features(features),
        )

    def _compute(
        self, *, predictions: Any = None, references: Any = None, neutral: Any = None, **kwargs: Any
    ) -> dict[str, float]:
        if kwargs:
            raise TypeError(f"choice_ranking takes `neutral` and no other setting, got {', '.join(kwargs)}")
        amounts = {
            "raw": predictions,
            "per_character": _each(predictions, references, lambda p, text: p / max(1, len(text))),
        }
        if neutral is not None:
            amounts["pmi"] = _each(predictions, neutral, lambda p, without: p - without)
        return {name: sum(map(wins, rows)) / len(rows) for name, rows in amounts.items()}


def _each(left: Any, right: Any, combine: Any) -> list[list[float]]:
    return [[combine(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]
