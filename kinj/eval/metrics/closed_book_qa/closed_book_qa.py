"""`kinj.eval.scorers` as a metric of Hugging Face `evaluate`."""

from __future__ import annotations

from typing import Any

from datasets import Features, Value
from datasets import Sequence as Listed
from evaluate import module  # not `Metric` itself: evaluate takes the first metric class it finds in this file
from evaluate.info import MetricInfo

from kinj.config.names import NORMALIZERS
from kinj.eval.scorers import prefix_match, rouge_l_f, score

CITATION = """\
SQuAD: 100,000+ Questions for Machine Comprehension of Text. Rajpurkar, Zhang, Lopyrev, Liang. 2016. arXiv 1606.05250.
ROUGE: A Package for Automatic Evaluation of Summaries. Lin. 2004. ACL workshop Text Summarization Branches Out."""


class ClosedBookQA(module.Metric):
    """Means of exact match, token F1, word-bounded containment, prefix match, ROUGE-L recall and F."""

    def _info(self) -> MetricInfo:
        text = Value("string")
        features: Any = {"predictions": text, "references": Listed(text)}
        return MetricInfo(
            description="Exact match, token F1, containment, prefix match, ROUGE-L; of several accepted answers the best counts.",
            citation=CITATION,
            inputs_description="predictions: texts, all of which counts; references: lists of accepted answers; "
            f"normalizer: {', '.join(NORMALIZERS)}.",
            features=Features(features),
        )

    def _compute(
        self, *, predictions: Any = None, references: Any = None, normalizer: str = "squad", **kwargs: Any
    ) -> dict[str, float]:
        if kwargs:
            raise TypeError(f"closed_book_qa takes `normalizer` and no other setting, got {', '.join(kwargs)}")
        rows = [_scores(text, answers, normalizer) for text, answers in zip(predictions, references, strict=True)]
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _scores(text: str, answers: list[str], normalizer: str) -> dict[str, float]:
    others = {"prefix_match": prefix_match(text, answers, normalizer), "rouge_l_f": rouge_l_f(text, answers)}
    return score(text, answers, normalizer) | others
