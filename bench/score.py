"""How long does scoring take? Writes generated predictions, scores them from file to file as `kinj eval --from-predictions` does.

    python bench/score.py [--predictions 200000] [--normalizer squad] [--rounds 3] [--json]

`score_seconds_per_million`: CPU seconds (user and system) of one process for a million predictions: reading, normalising,
four scores, writing each line, the means and their intervals clustered by document; the median of the rounds. `ratio_to_quarter`:
time for all over time for a quarter of them; 4 is linear. Two of five predictions are right, one holds the answer in a sentence,
the others are wrong; a question has one to four accepted answers.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from kinj.data.files import Rejects
from kinj.eval.predictions import score_file


def write(path: Path, count: int) -> None:
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(5000)]
    words += ["the", "of", "a", "in", "1901", "U.S.", "well-known"] * 50
    with path.open("wb") as file:
        for number in range(count):
            answers = [
                " ".join(rng.choices(words, k=rng.randint(1, 4))).title() for _ in range(rng.choice([1, 1, 1, 2, 4]))
            ]
            sentence = f"It is {answers[-1]}, {' '.join(rng.choices(words, k=6))}."
            wrong = " ".join(rng.choices(words, k=rng.randint(1, 12)))
            row = {"id": f"q{number}", "document": f"d{number // 4}", "answers": answers}
            file.write(
                orjson.dumps(row | {"prediction": rng.choice([answers[0], answers[0], sentence, wrong, wrong])}) + b"\n"
            )


def seconds(source: Path, normalizer: str) -> float:
    """CPU seconds to score a file."""
    with TemporaryDirectory() as folder:
        start = time.process_time()
        score_file(str(source), normalizer, Path(folder), Rejects())
        return time.process_time() - start


def measure(count: int, normalizer: str, rounds: int) -> dict[str, float]:
    """The two numbers of this benchmark (bench/eval.py takes the first)."""
    with TemporaryDirectory() as folder:
        all_of_them, quarter = Path(folder) / "all.jsonl", Path(folder) / "quarter.jsonl"
        write(all_of_them, count)
        write(quarter, count // 4)
        pairs = [(seconds(all_of_them, normalizer), seconds(quarter, normalizer)) for _ in range(rounds)]
    full, part = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {"score_seconds_per_million": round(full / count * 1e6, 2), "ratio_to_quarter": round(full / part, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=200_000)
    parser.add_argument("--normalizer", default="squad")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.predictions, options.normalizer, options.rounds)
    print(json.dumps(found) if options.json else "\n".join(f"{name}  {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
