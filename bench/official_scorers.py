"""Do kinj's normalizers agree with the official scorers? Runs both on generated answers and compares texts and scores.

    python bench/official_scorers.py FOLDER [--cases 20000] [--seed 0] [--write tests/eval/official_scores.jsonl] [--json]

FOLDER holds the official programs, which are not part of kinj; fetch them yourself:

    squad.py     metrics/squad/compute_score.py      github.com/huggingface/evaluate (the official evaluate-v1.1.py)
    squad2.py    metrics/squad_v2/compute_score.py   github.com/huggingface/evaluate (the official evaluate-v2.0.py)
    triviaqa.py  evaluation/triviaqa_evaluation.py   github.com/mandarjoshi90/triviaqa
    nq.py        language/orqa/utils/eval_utils.py   github.com/google-research/language
    mlqa.py      mlqa_evaluation_v1.py               github.com/facebookresearch/MLQA

Their imports that only read files (tensorflow, utils) are put aside. NQ-open defines no F1. `--write` keeps some of the cases
with the official results, for the tests. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from kinj.eval.normalizers import MLQA_LANGUAGES, NORMALIZERS
from kinj.eval.scorers import score

PIECES = [
    *(
        "the",
        "a",
        "an",
        "The",
        "AN",
        "tea",
        "U.S.",
        "well-known",
        "rock_'n'_roll",
        "‘quote’",
        "´",
        "`",
        "—",
        "–",
        "the—man",
    ),
    *(
        "“Ça va”",
        "é",
        "e\u0301",
        "İ",
        "İi",
        "ß",
        "ﬁ",
        "ſ",
        "K",
        "n\u0303",
        "Å",
        "Å",
        "½",
        "\u0327",
        "\u200b",
        "𝔸",
        "\U0010ffff",
    ),
    *(
        " ",
        "  ",
        "\t",
        "\n",
        "\u00a0",
        "\u2003",
        "\x1c",
        "\x85",
        ",",
        ".",
        "!",
        "?",
        "$",
        "+",
        "=",
        "|",
        "~",
        "^",
        "_",
        "__",
        "-",
    ),
    *(
        "中国",
        "中",
        "文",
        "，",
        "。",
        "𠀀",
        "龥",
        "龦",
        "ال",
        "الكتاب",
        " ال",
        "el",
        "la",
        "los",
        "un",
        "der",
        "die",
        "das",
        "ein",
    ),
    *(
        "của",
        "là",
        "những",
        "Đà",
        "Nẵng",
        "हिन्दी",
        "ो",
        "का",
        "123",
        "1,000",
        "x1",
        "'s",
        "a-b",
        "١٢",
        "C++",
        "New York",
    ),
]
BLOCKS = [(0x20, 0x250), (0x20, 0x3000), (0x4E00, 0xA000), (0xE000, 0x10FFFF)]
"""Ranges of characters that one text in ten is drawn from."""

Official = Callable[[str, Sequence[str]], tuple[str, float, float | None]]
"""From a prediction and accepted answers to the normalised prediction, exact match and F1."""


def cases(count: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """Predictions with accepted answers: half of them other words, half variants of an accepted answer."""
    rng = random.Random(seed)
    for _ in range(count):
        answers = [text(rng) for _ in range(rng.randint(1, 3))]
        chosen = rng.choice(answers)
        yield rng.choice([text(rng), chosen, chosen.upper(), f"{chosen} {text(rng)}", f"the {chosen}."]), answers


def text(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return "".join(chr(rng.randrange(*rng.choice(BLOCKS))) for _ in range(rng.randrange(6)))
    return rng.choice(["", " "]).join(rng.choices(PIECES, k=rng.randrange(6)))


def load(path: Path) -> types.ModuleType:
    """The module in a file, without the imports it does not need for scoring."""
    needless = ("import tensorflow", "import utils")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(needless)]
    module = types.ModuleType(path.stem)
    exec(compile("\n".join(lines), str(path), "exec"), vars(module))
    return module


def officials(folder: Path) -> dict[str, Official]:
    """The official scorers by the name of kinj's normalizer."""

    def best(module: types.ModuleType, *language: str) -> Official:
        def run(prediction: str, answers: Sequence[str]) -> tuple[str, float, float | None]:
            match = max(float(module.exact_match_score(prediction, answer, *language)) for answer in answers)
            with_f1 = hasattr(module, "f1_score")
            f1 = max(float(module.f1_score(prediction, answer, *language)) for answer in answers) if with_f1 else None
            return module.normalize_answer(prediction, *language), match, f1

        return run

    squad2, mlqa = load(folder / "squad2.py"), load(folder / "mlqa.py")

    def refusing(prediction: str, answers: Sequence[str]) -> tuple[str, float, float | None]:
        question = {"id": "q", "answers": {"text": list(answers)}}
        match, f1 = squad2.get_raw_scores([{"paragraphs": [{"qas": [question]}]}], {"q": prediction})
        return squad2.normalize_answer(prediction), float(match["q"]), float(f1["q"])

    plain = {name: best(load(folder / f"{name}.py")) for name in ("squad", "triviaqa", "nq")}
    by_language = {f"mlqa-{language}": best(mlqa, language) for language in MLQA_LANGUAGES}
    return {**plain, "squad2": refusing, "mlqa": best(mlqa, "en"), **by_language}


def differences(official: dict[str, Official], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """The cases in which kinj does not say what the official scorer says."""
    for prediction, answers in cases(count, seed):
        for name, scorer in official.items():
            normalised, match, f1 = scorer(prediction, answers)
            ours = score(prediction, answers, name)
            same = NORMALIZERS[name].apply(prediction) == normalised and ours["exact_match"] == match
            if not same or (f1 is not None and abs(ours["f1"] - f1) > 1e-12):
                yield {
                    "normalizer": name,
                    "prediction": prediction,
                    "answers": answers,
                    "official": (normalised, match, f1),
                }


def golden(official: dict[str, Official], count: int) -> Iterator[dict[str, Any]]:
    """Cases of all normalizers with the official results, one line each."""
    for name, scorer in official.items():
        for prediction, answers in cases(count, seed=7):
            normalised, match, f1 = scorer(prediction, answers)
            row = {"normalizer": name, "prediction": prediction, "answers": answers, "normalised": normalised}
            yield row | {"exact_match": match, "f1": f1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    official = officials(options.folder)
    if options.write:
        options.write.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in golden(official, 60)))
    found = list(differences(official, options.cases, options.seed))
    counts = {name: sum(row["normalizer"] == name for row in found) for name in official}
    if options.json:
        print(json.dumps({"cases": options.cases, "differences": counts, "examples": found[:5]}))
    else:
        for name, count in counts.items():
            print(f"{name:<10} {options.cases:,} cases, {count:,} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
