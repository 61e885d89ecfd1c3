"""How far the string scores agree with a language model's verdicts on real answers: SEAL's published files.

    python bench/judged.py FOLDER

FOLDER holds `judged_*.json(.gz)` of SEAL (arXiv 2506.10943, knowledge-incorporation/results): answers of models with and
without adapters to SQuAD questions, each judged by GPT-4.1. A score counts as right from 0.5 on, as for `kinj eval --judge`.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from kinj.eval.judge import RIGHT
from kinj.eval.scorers import SCORES, score
from kinj.stats import confusion


def judged(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Prediction, accepted answer and verdict of every judged answer."""
    for path in sorted(folder.glob("judged_*.json*")):
        content = json.loads((gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8").read())
        for article in content["articles"]:
            for asked in (q for completion in article["completions"] for q in completion["questions"]):
                for who in ("baseline", "adapter"):
                    yield asked[f"{who}_answer"], asked["answer"], bool(asked[f"{who}_correct"])


def main(folder: Path) -> None:
    """Prints a row of the table for each score."""
    found = list(judged(folder))
    verdicts = [right for _, _, right in found]
    scored = [score(prediction, [answer]) for prediction, answer, _ in found]
    print(f"{len(found):,} answers, {sum(verdicts) / len(found):.1%} of them right by the judge")
    for name in SCORES:
        counts = confusion(verdicts, [row[name] >= RIGHT for row in scored])
        same = (counts.both + counts.neither) / len(found)
        print(f"{name:<15} agrees {same:.1%}, kappa {counts.kappa:.2f}, {counts}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
