"""vLLM in place of kinj's own forward passes, where it is installed (`eval.engine=vllm`).

Token ids go in, tokens and log-probabilities come out; encoding, endings and what is scored stay kinj's. The model is also
held by transformers, which tells its weights from others (`fingerprint`) and serves probes that look into the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from kinj.config.errors import UsageError
from kinj.config.schema import ModelSettings
from kinj.models import adapters
from kinj.models.asking import Engine
from kinj.models.asking_causal import AskingCausal, Row
from kinj.models.codec import Codec
from kinj.models.expressions import amounts
from kinj.models.loading import LanguageModel
from kinj.models.passes import Scored, checked
from kinj.models.places import locate
from kinj.models.requests import Request

CHUNK = 512
"""Requests handed over at a time: vLLM makes batches of its own, and answers are kept after each of these."""


def engine(language_model: LanguageModel, settings: ModelSettings) -> Engine:
    """vLLM with the weights of a model that is loaded.

    Args:
        language_model: a causal model; its name leads to a folder or is a Hub id.
        settings: `model` of the settings.

    Raises:
        UsageError: vLLM is not installed, or the model is none that it reads as kinj does.
    """
    try:
        from vllm import LLM
    except ImportError as error:  # also one that is there and does not fit the other packages
        raise UsageError(
            f"eval.engine=vllm: vLLM cannot be used: {error}", "pip install vllm, or eval.engine=transformers"
        ) from error
    llm = LLM(
        model=_place(language_model),
        revision=settings.revision,
        dtype=settings.dtype,
        max_model_len=language_model.codec.max_length,
        trust_remote_code=settings.trust_remote_code,
        seed=0,
    )
    return Engine("vllm", partial(AskingVllm, llm=llm))


def _place(language_model: LanguageModel) -> str:
    name, codec = language_model.name, language_model.codec
    if type(codec) is not Codec:
        raise UsageError(f"eval.engine=vllm: {name} is {codec.kind}; vLLM is asked for causal models only")
    folder = None if amounts(name) else locate(name)
    if name == "scratch" or amounts(name) or (folder and adapters.is_adapters(folder)):
        raise UsageError(
            f"eval.engine=vllm: the weights of {name} stand in no folder of their own",
            "adapters: merge them (model.lora.merge=true) and name RUN/merged; else eval.engine=transformers",
        )
    return str(folder or name)


@dataclass
class AskingVllm(AskingCausal):
    """Asks a causal model through `llm`, a `vllm.LLM`."""

    llm: Any = None

    def generate(self, requests: list[Request]) -> None:
        """Goes on from the prompts until an answer is complete, or the context is full."""
        from vllm import SamplingParams

        rows = self.prompts(requests)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            endings = [self.ending(request, self.codec.max_length - len(prompt)) for request, prompt in chunk]
            wanted = [
                SamplingParams(
                    temperature=request.temperature,
                    seed=request.seed if request.temperature else None,
                    max_tokens=ending.limit,
                    stop_token_ids=sorted(ending.stops),
                    stop=list(ending.texts) or None,
                    ignore_eos=True,  # it is among the stops
                    logprobs=0,
                )
                for (request, _), ending in zip(chunk, endings, strict=True)
            ]
            for (request, _), output in zip(chunk, self._run([prompt for _, prompt in chunk], wanted), strict=True):
                found = output.outputs[0]
                logprob = _number(found.cumulative_logprob)
                self.said(request, Scored(list(found.token_ids) or [self.codec.eos_id], logprob))
            self.report()

    def _score(self, requests: list[Request], rows: list[Row]) -> None:
        """Scores what follows the head of each row: log-probabilities that vLLM gives of a prompt's own tokens."""
        from vllm import SamplingParams

        scored = [row for row in rows if row.rest]
        self.to_score(requests, (row.request for row in scored))
        wanted = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
        for start in range(0, len(scored), CHUNK):
            chunk = scored[start : start + CHUNK]
            outputs = self._run([[*row.head, *row.rest] for row in chunk], [wanted] * len(chunk))
            for row, output in zip(chunk, outputs, strict=True):
                given = zip(row.rest, output.prompt_logprobs[len(row.head) :], strict=True)
                found = [known[token] for token, known in given]
                total = _number(sum(one.logprob for one in found))
                self.scored(row.request, Scored(row.rest, total, all(one.rank == 1 for one in found)))
            self.report()

    def _run(self, prompts: Sequence[list[int]], wanted: Sequence[Any]) -> list[Any]:
        given = [{"prompt_token_ids": ids} for ids in prompts]
        outputs: list[Any] = self.llm.generate(given, list(wanted), use_tqdm=False)
        return outputs


def _number(logprob: float) -> float:
    """A log-probability, if it is a number. Raises KinjError where it is not."""
    return float(checked(torch.tensor([logprob], dtype=torch.float64))[0])
