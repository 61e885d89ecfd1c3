"""Weights of several models added up (`kinj.models.expressions`): the result and one more model in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from kinj.config.errors import UsageError
from kinj.models.expressions import Amounts

Pair = tuple[Any, Any]
"""A tokenizer and its transformers model."""

OTHERWISE = (
    *(
        "_name_or_path",
        "architectures",
        "dtype",
        "torch_dtype",
        "transformers_version",
        "use_cache",
        "initializer_range",
    ),
    *("bos_token_id", "eos_token_id", "pad_token_id", "max_position_embeddings", "max_length", "model_max_length"),
)
"""Keys of a model's configuration, besides those of dropout, that do not change what its weights compute."""


def combine(found: Amounts, load: Callable[[str], Pair]) -> Pair:
    """The sum of some models. Its configuration and tokenizer are those of the model named first.

    Args:
        found: how much of which model.
        load: gives one of them in fp32. Called once for each; models of amount 0 are checked like the others.

    Raises:
        UsageError: the models differ in more than the values of their weights.
    """
    names = iter(found)
    first = next(names)
    tokenizer, model = load(first)
    weights = dict(_weights(model))
    for tensor in weights.values():
        if found[first] != 1:
            tensor.mul_(found[first])
    for name in names:
        other_tokenizer, other = load(name)
        for what, difference in _differences(model, other, tokenizer, other_tokenizer):
            raise UsageError(
                f"{first} and {name} cannot be combined: they differ in {what}: {difference}",
                "a model expression needs models of one architecture and tokenizer, as runs from the same start are",
            )
        if found[name] != 0:  # adding 0 would turn -0.0 into 0.0
            for key, tensor in _weights(other):
                weights[key].add_(tensor, alpha=found[name])
        del other  # before the next one is read
    return tokenizer, model


def _weights(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters, shared ones once, and what else is saved with a model in floating point."""
    yield from ((name, parameter.data) for name, parameter in model.named_parameters())
    saved = model.state_dict()
    yield from ((name, t) for name, t in model.named_buffers() if name in saved and t.is_floating_point())


def _differences(model: Any, other: Any, tokenizer: Any, other_tokenizer: Any) -> Iterator[tuple[str, str]]:
    """What keeps two models from being added, as (what, how they differ), most telling first."""
    if type(model) is not type(other):
        yield "their kind", f"{type(model).__name__} and {type(other).__name__}"
    left, right = _computed(model), _computed(other)
    for key in sorted(left.keys() | right.keys()):
        if left.get(key) != right.get(key):
            yield f"config.json ({key})", f"{left.get(key)} and {right.get(key)}"
    shapes, others = ({name: tuple(tensor.shape) for name, tensor in _weights(m)} for m in (model, other))
    for name in [*shapes, *others]:
        if shapes.get(name) != others.get(name):
            yield f"the tensor {name}", f"{shapes.get(name, 'absent')} and {others.get(name, 'absent')}"
    words, other_words = tokenizer.get_vocab(), other_tokenizer.get_vocab()
    if words != other_words:
        apart = sum(words.get(word) != other_words.get(word) for word in words.keys() | other_words.keys())
        yield "their tokenizers", f"{apart:,} tokens have another number or are in one of them only"


def _computed(model: Any) -> dict[str, Any]:
    values: dict[str, Any] = model.config.to_dict()
    return {key: value for key, value in values.items() if key not in OTHERWISE and "drop" not in key}
