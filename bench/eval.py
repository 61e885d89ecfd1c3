"""Speed of asking questions beside lm-eval's transformers backend and transformers' own `generate`: same model, same questions.

    python bench/eval.py [--questions 1000] [--rounds 3] [--batch-sizes 16 64 128] [--shots 0] [--quick] [--json]

Two sets of questions go to the embedded model: about people it was taught (`known`) and about people it never met (`unknown`). All
arms get the same prompts, take the likeliest tokens, at most 32 of them, and end at EOS; that all answers are equal is checked.

- kinj: as `kinj eval` asks, the accepted answers given as drafts;
- kinj, no drafts: the same without them;
- lm-eval: `HFLM.generate_until` of the installed lm-eval;
- generate: `model.generate` on prompts sorted by length.

The peers run at each of `--batch-sizes`, and every ratio is against their fastest; lm-eval's default, one question at a time,
stands beside it, measured on a tenth of the questions. Every round runs each arm once, in turn; medians of CPU seconds of one
thread are compared, tokenising included, since the clock on the wall depends on what else the machine does. `growth` is the
cost of a question among all of them, as a multiple of its cost among a quarter of them: 1 where time is linear.
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

from kinj.config.schema import DataSettings, ModelSettings
from kinj.data import open_data
from kinj.data.records import Question
from kinj.eval.scorers import exact_match, final_answer
from kinj.models.answering import answer
from kinj.models.loading import LanguageModel, load_model
from kinj.models.requests import Request

POOLS = {"known": "unquestioned", "unknown": "questions"}
NEW_TOKENS = 32

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


def arms(sizes: Sequence[int]) -> dict[str, Arm]:
    peers = {f"{name}, batch {size}": make(size) for name, make in PEERS.items() for size in sizes}
    return {"kinj": kinj, "kinj, no drafts": kinj_without_drafts, **peers}


PEERS = {"lm-eval": lm_eval, "generate": generate}


def measured(arm: Arm, model: LanguageModel, requests: Sequence[Request]) -> tuple[float, list[str]]:
    """CPU seconds, and the answers."""
    began = time.process_time()
    found = arm(model, requests)
    return time.process_time() - began, found


def compare(model: LanguageModel, requests: Sequence[Request], sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Median CPU seconds of each arm, and whether all of them gave the same answers."""
    seconds: dict[str, list[float]] = {}
    answers: dict[str, list[str]] = {}
    for arm in arms(sizes).values():
        arm(model, requests[:8])  # what is imported or set up at the first call is no cost of a question
    for _ in range(rounds):
        for name, arm in arms(sizes).items():
            taken, answers[name] = measured(arm, model, requests)
            seconds.setdefault(name, []).append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    few = requests[: max(1, len(requests) // 10)]
    single, _ = measured(lm_eval(1), model, few)
    right = [exact_match(final_answer(text), r.drafts) for text, r in zip(answers["kinj"], requests, strict=True)]
    return {
        "questions": len(requests),
        "accuracy": round(statistics.mean(right), 3),
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "ranges": {name: [round(min(values), 3), round(max(values), 3)] for name, values in seconds.items()},
        "ratio_lm_eval": ratio(medians, "lm-eval"),
        "ratio_generate": ratio(medians, "generate"),
        "ratio_lm_eval_default": round(single / len(few) * len(requests) / medians["kinj"], 2),
        "answers_equal": all(found == answers["kinj"] for found in answers.values()),
    }


def ratio(medians: dict[str, float], peer: str) -> float:
    """How many times as long the fastest arm of a peer takes."""
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
        "ratio_generate_known": found["known"]["ratio_generate"],
        "answers_equal": all(part["answers_equal"] for part in found.values()),
        "growth": growth(model, requests_of(POOLS["known"], options.questions, options.shots), options.rounds),
        "shots": options.shots,
        **found,
    }


def show(result: dict[str, Any]) -> None:
    for part in POOLS:
        found = result[part]
        print(f"{part}: {found['questions']:,} questions, {found['accuracy']:.0%} right")
        for name, value in found["seconds"].items():
            low, high = found["ranges"][name]
            rate = found["questions"] / value
            print(f"  {name:<22} {value:>7.2f} s CPU [{low:.2f}, {high:.2f}]  {rate:>7,.0f} questions/s")
        default = f"{found['ratio_lm_eval_default']}x at its default batch of 1"
        print(
            f"  kinj is {found['ratio_lm_eval']}x as fast as lm-eval ({default}), {found['ratio_generate']}x as generate"
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
