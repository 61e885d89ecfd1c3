"""What a model has lost of what it believed, without any test set: text drawn from the model that training started from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from kinj.config.errors import KinjError, UsageError
from kinj.data.files import atomic_write
from kinj.eval.asking import NotMeasuredError, run_settings
from kinj.eval.base import Context, Measure
from kinj.models.codec import Codec
from kinj.models.fingerprints import fingerprint
from kinj.models.loading import LanguageModel, load_model
from kinj.models.sampling import Drift, draw_passages, drift, same_vocabulary

START = "start_model"
"""Key of `Context.extras`: the model before, where no run says what training started from."""
FILE = "sampled.jsonl"
"""In the run's directory: the text, so that all its checkpoints are measured on the same."""


def sampled_measures(language_model: LanguageModel, context: Context, tokens: int) -> list[Measure]:
    """`sampled_kl`: KL(start model || model), and `sampled_loss`: the model's loss, both in nats per token of that text.

    Nothing where there is no start model, or `tokens` (how many are drawn) is 0.

    Raises:
        NotMeasuredError: the start model is gone, or cannot be compared with this one.
    """
    start = _start(context) if tokens else None
    if start is None:
        return []
    if type(start.codec) is not Codec or type(language_model.codec) is not Codec:
        raise NotMeasuredError(f"text is drawn from causal language models, and {start.name} is {start.codec.kind}")
    if not same_vocabulary(start, language_model):
        raise NotMeasuredError(
            f"{start.name}, the model before, has another vocabulary: what both expect cannot be compared"
        )
    start.model.to(language_model.device)
    passages = _passages(start, context, tokens)
    found = drift(start, language_model, passages)
    if not all(math.isfinite(amount) for passage in found for amount in (*passage.divergence, *passage.loss)):
        raise NotMeasuredError(f"{language_model.name} rules out what {start.name} expects: the divergence has no end")
    return _measures(found, f"{sum(map(len, passages)):,} tokens drawn from {start.name}")


def _start(context: Context) -> LanguageModel | None:
    """The model that the run started from; without a run, the one that this one is compared with."""
    if context.run is None:
        before: LanguageModel | None = context.extras.get(START)
        return before
    settings = run_settings(context)
    if settings.model.name == "scratch":
        return None  # new weights believe nothing
    try:
        return load_model(settings.model, settings.seed, max_tokens=settings.data.max_tokens)
    except (KinjError, UsageError) as error:
        why = " ".join(str(error).split())
        raise NotMeasuredError(f"the model that the run started from cannot be loaded: {why}") from error


def _passages(start: LanguageModel, context: Context, tokens: int) -> list[list[int]]:
    """The passages: those drawn earlier, or kept by the run, where they are of this model, this seed and this length."""
    about = {"model": fingerprint(start), "tokens": tokens, "seed": context.settings.eval.retention.seed}
    earlier, path = context.extras.get(FILE), context.run / FILE if context.run else None
    if earlier is not None and earlier[0] == about:
        passages: list[list[int]] = earlier[1]
        return passages
    found = _read(path, about) if path is not None else None
    if found is None:
        found = draw_passages(start, tokens, context.settings.eval.retention.seed)
        if path is not None and path.parent.is_dir():
            rows = [{"ids": ids, "text": start.codec.decode(ids)} for ids in found]
            atomic_write(path, b"".join(orjson.dumps(row) + b"\n" for row in (about, *rows)))
    context.extras[FILE] = (about, found)
    return found


def _read(path: Path, about: dict[str, object]) -> list[list[int]] | None:
    """What stands in the file; None where it is not there, or of something else."""
    if not path.exists():
        return None
    try:
        head, *rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        return [row["ids"] for row in rows] if head == about else None
    except (ValueError, LookupError, TypeError) as error:
        raise KinjError(f"{path} is broken: {error}", "delete it; the same text is drawn again") from error


def _measures(found: Sequence[Drift], drawn: str) -> list[Measure]:
    """One value per token; the tokens of a passage are one cluster."""
    clusters = [str(number) for number, passage in enumerate(found) for _ in passage.loss]
    start_losses = [loss for passage in found for loss in passage.start_loss]
    note = f"{drawn}, whose own loss is {sum(start_losses) / len(start_losses):.4g}"
    kl = Measure(
        name="sampled_kl",
        unit="nats",
        direction=-1,
        values=[amount for passage in found for amount in passage.divergence],
        clusters=clusters,
        note=f"KL(start model || model) over the whole vocabulary, per token; {drawn}",
        aggregate="per_token",
    )
    losses = [loss for passage in found for loss in passage.loss]
    return [kl, replace(kl, name="sampled_loss", values=losses, note=note)]
