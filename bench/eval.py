"""Speed of asking questions beside lm-eval's transformers backend and transformers' own `generate`: same model, same questions.

    python bench/eval.py [--questions 1000] [--rounds 3] [--batch-sizes 16 64 128] [--shots 0] [--quick] [--json]

Two sets of questions go to the embedded model: about people it was taught (`known`) and about people it never met (`unknown`). All
arms get the same prompts, take the likeliest tokens, at most 32 of them, and end at EOS; that all answers are equal is checked.

- kinj: as `kinj eval` asks, the accepted answers given as drafts;
- kinj, no drafts: the same without them;
- lm-eval: `HFLM.generate_until` of the installed lm-eval, one question at a time as it comes, and at each of `--batch-sizes`;
- generate: `model.generate` on prompts sorted by length, at each of `--batch-sizes`.

Every round runs each arm once, in turn; medians of CPU seconds of one thread are compared, tokenising included, since the clock
on the wall depends on what else the machine does. lm-eval's batches of one answer a tenth of the questions. `ratio_lm_eval_…` is
against lm-eval as it comes, `ratio_lm_eval_…_batched` and `ratio_generate_…` against the fastest of the batch sizes. `growth` is
the cost of a question among all of them, as a multiple of its cost among a quarter of them: 1 where time is linear.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from score import measure

from kinj.config.schema import DataSettings, ModelSettings
from kinj.data import open_data
from kinj.data.records import Question
from kinj.eval.scorers import exact_match, final_answer
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request

POOLS = {"known": "unquestioned", "unknown": "questions"}
NEW_TOKENS = 32
SCORED = 100_000
"""Predictions whose scoring is timed (`bench/score.py`)."""

Arm = Callable[[LanguageModel, Sequence[Request]], list[str]]
"""Answers to requests, without white space around them."""


def requests_of(pool: str, count: int, shots: int) -> list[Request]:
    """The first questions of a pool, each after the same `shots` other ones with their answers."""
    found = [q for q in open_data(DataSettings()).pool(pool) if isinstance(q, Question)][: count + shots]
    before = tuple((q.prompt, q.answers[0]) for q in found[:shots])
    return [
        Request(kind="generate", prompt=q.prompt, shots=before, max_new_tokens=NEW_TOKENS, drafts=tuple(q.answers))
        for q in found[shots:]
    ]


def kinj(model: LanguageModel, requests: Sequence[Request]) -> list[str]:
    return [response.text or "" for response in answer(model, requests)]


def kinj_without_drafts(model: LanguageModel, requests: Sequence[Request]) -> list[str]:
    return kinj(
        model, [Request(kind="generate", prompt=r.prompt, shots=r.shots, max_new_tokens=NEW_TOKENS) for r in requests]
    )


def prompt_text(model: LanguageModel, request: Request) -> str:
    return model.codec.decode(model.codec.prompts([request])[0])


def lm_eval(size: int) -> Arm:
    def run(model: LanguageModel, requests: Sequence[Request]) -> list[str]:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        backend = HFLM(pretrained=model.model, tokenizer=model.tokenizer, batch_size=size)
        options = {"until": [], "max_gen_toks": NEW_TOKENS, "do_sample": False}
        asked = [
            Instance(
                request_type="generate_until", doc={}, arguments=(prompt_text(model, request), options), idx=number
            )
            for number, request in enumerate(requests)
        ]
        return [text.strip() for text in backend.generate_until(asked, disable_tqdm=True)]

    return run


def generate(size: int) -> Arm:
    def run(model: LanguageModel, requests: Sequence[Request]) -> list[str]:
        tokenizer = model.tokenizer
        tokenizer.padding_side = "left"
        texts = [prompt_text(model, request) for request in requests]
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        found = [""] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), size):
                batch = order[start : start + size]
                rows = tokenizer(
                    [texts[i] for i in batch], return_tensors="pt", padding=True, return_token_type_ids=False
                )
                ids = model.model.generate(**rows, max_new_tokens=NEW_TOKENS, do_sample=False)
                said = tokenizer.batch_decode(ids[:, rows["input_ids"].shape[1] :], skip_special_tokens=True)
                for i, text in zip(batch, said, strict=True):
                    found[i] = text.strip()
        return found

    return run


PEERS = {"lm-eval": lm_eval, "generate": generate}
AS_IT_COMES = "lm-eval, batch 1"


def arms(sizes: Sequence[int]) -> dict[str, Arm]:
    peers = {f"{name}, batch {size}": make(size) for name, make in PEERS.items() for size in sizes}
    return {"kinj": kinj, "kinj, no drafts": kinj_without_drafts, AS_IT_COMES: lm_eval(1), **peers}


def measured(arm: Arm, model: LanguageModel, requests: Sequence[Request]) -> tuple[float, list[str]]:
    """CPU seconds, and the answers."""
    began = time.process_time()
    found = arm(model, requests)
    return time.process_time() - began, found


def compare(model: LanguageModel, requests: Sequence[Request], sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Median CPU seconds of each arm for 1,000 questions, and whether all of them gave the same answers."""
    costs: dict[str, list[float]] = {}
    answers: dict[str, list[str]] = {}
    for arm in arms(sizes).values():
        arm(model, requests[:8])  # what is imported or set up at the first call is no cost of a question
    for _ in range(rounds):
        for name, arm in arms(sizes).items():
            asked = requests[:: 10 if name == AS_IT_COMES else 1]
            taken, answers[name] = measured(arm, model, asked)
            costs.setdefault(name, []).append(1000 * taken / len(asked))
    medians = {name: statistics.median(values) for name, values in costs.items()}
    ours = answers["kinj"]
    right = [exact_match(final_answer(text), r.drafts) for text, r in zip(ours, requests, strict=True)]
    return {
        "questions": len(requests),
        "accuracy": round(statistics.mean(right), 3),
        "seconds_per_thousand": {name: round(value, 3) for name, value in medians.items()},
        "ranges": {name: [round(min(values), 3), round(max(values), 3)] for name, values in costs.items()},
        "ratio_lm_eval": round(medians[AS_IT_COMES] / medians["kinj"], 2),
        "ratio_lm_eval_batched": ratio(medians, "lm-eval"),
        "ratio_generate": ratio(medians, "generate"),
        "answers_equal": all(found == ours[:: 10 if name == AS_IT_COMES else 1] for name, found in answers.items()),
    }


def ratio(medians: dict[str, float], peer: str) -> float:
    """How many times as long the fastest of a peer's batch sizes takes."""
    return round(min(value for name, value in medians.items() if name.startswith(peer)) / medians["kinj"], 2)


def growth(model: LanguageModel, requests: Sequence[Request], rounds: int) -> float:
    """The cost of a question among all, by that among the first quarter."""
    costs = [
        statistics.median(measured(kinj, model, part)[0] / len(part) for _ in range(rounds))
        for part in (requests, requests[: len(requests) // 4])
    ]
    return round(costs[0] / costs[1], 2)


def figures(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that `--json` prints."""
    model = load_model(ModelSettings(name="tiny"))
    found = {
        name: compare(model, requests_of(pool, options.questions, options.shots), options.batch_sizes, options.rounds)
        for name, pool in POOLS.items()
    }
    return {
        "ratio_lm_eval_known": found["known"]["ratio_lm_eval"],
        "ratio_lm_eval_unknown": found["unknown"]["ratio_lm_eval"],
        "ratio_lm_eval_known_batched": found["known"]["ratio_lm_eval_batched"],
        "ratio_lm_eval_unknown_batched": found["unknown"]["ratio_lm_eval_batched"],
        "ratio_generate_known": found["known"]["ratio_generate"],
        "answers_equal": all(part["answers_equal"] for part in found.values()),
        "growth": growth(model, requests_of(POOLS["known"], options.questions, options.shots), options.rounds),
        "shots": options.shots,
        "score_seconds_per_million": measure(SCORED, "squad", 1)["score_seconds_per_million"],
        **found,
    }


def show(result: dict[str, Any]) -> None:
    for part in POOLS:
        found = result[part]
        print(f"{part}: {found['questions']:,} questions, {found['accuracy']:.0%} right")
        for name, value in found["seconds_per_thousand"].items():
            low, high = found["ranges"][name]
            print(
                f"  {name:<22} {1000 / value:>7,.0f} questions/s   {value:.2f} s CPU per 1,000 [{low:.2f}, {high:.2f}]"
            )
        batched = f"{found['ratio_lm_eval_batched']}x in its fastest batches"
        print(
            f"  kinj is {found['ratio_lm_eval']}x as fast as lm-eval ({batched}), {found['ratio_generate']}x as generate"
        )
    print(
        f"answers equal: {result['answers_equal']}; a question among all costs {result['growth']}x one among a quarter"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[16, 64, 128])
    parser.add_argument("--shots", type=int, default=0, help="examples put before each question, the same for all")
    parser.add_argument("--quick", action="store_true", help="a look at the bench itself: one round of little")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.questions, options.rounds, options.batch_sizes = 40, 1, [16]
    torch.set_num_threads(1)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    result = figures(options)
    print(json.dumps(result)) if options.json else show(result)


if __name__ == "__main__":
    main()
