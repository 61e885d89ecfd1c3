"""`kinj.eval.ranking.truth_ratio` as a metric of Hugging Face `evaluate`."""

from __future__ import annotations

from typing import Any

from datasets import Features, Value
from datasets import Sequence as Listed
from evaluate import module  # not `Metric` itself: evaluate takes the first metric class it finds in this file
from evaluate.info import MetricInfo

from kinj.eval import ranking

CITATION = "TOFU: A Task of Fictitious Unlearning for LLMs. Maini, Feng, Schwarzschild, Lipton, Kolter. 2024. arXiv 2401.06121."


class TruthRatio(module.Metric):
    """Means of TOFU's truth ratio and of max(0, 1 - truth ratio)."""

    def _info(self) -> MetricInfo:
        features: Any = {"predictions": Listed(Value("float64")), "references": Value("float64")}
        return MetricInfo(
            description="How likely wrong answers are beside the right one.",
            citation=CITATION,
            inputs_description="references: mean log-probability per token of the right answer; predictions: those of wrong ones.",
            features=Features(features),
        )

    def _compute(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> dict[str, float]:
        if kwargs:
            raise TypeError(f"truth_ratio takes no settings, got {', '.join(kwargs)}")
        pairs = list(zip(references, predictions, strict=True))
        ratios = [ranking.truth_ratio(right, wrong) for right, wrong in pairs]
        scores = [ranking.truth_score(right, wrong) for right, wrong in pairs]
        return {"truth_ratio": sum(ratios) / len(ratios), "truth": sum(scores) / len(scores)}
