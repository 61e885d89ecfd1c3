"""Rows of several texts that do not see each other: the attention that makes them cheap, and which models read them right."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from kinj.models.batch import MicroBatch, predictions

WITHIN = "kinj_within_texts"
"""Name, for transformers, of the attention below."""
WAYS = ("sdpa", "flex_attention", "flash_attention_2", "flash_attention_3")
"""Attention of transformers that need not compute what texts of a row would be to each other; `sdpa` becomes `WITHIN`."""
NOT_SEEN, ALIKE = 1e-4, 0.02
"""Of the largest logit: how much those of a text may change with another one before it, and with its place in the row."""


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """transformers' SDPA attention; in a packed row (`cu_seq_lens_q`, as for flash attention) of each text on its own.

    Args:
        query: (rows, heads, tokens, width), and so `key` and `value`, which may have fewer heads.
    """
    ends = options.get("cu_seq_lens_q")
    if attention_mask is not None or ends is None:
        found: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return found
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16) and not options.get("dropout"):
        return _varlen(query, key, value, options), None
    # Texts of one length stand side by side (`pack` sorts them) and share a call.
    groups = [(length, len(list(same))) for length, same in groupby(ends.diff().tolist())]
    sizes = [length * count for length, count in groups]
    parts = []
    for (_, count), *tensors in zip(groups, *(t[0].split(sizes, 1) for t in (query, key, value)), strict=True):
        q, k, v = (t.unflatten(1, (count, -1)).transpose(0, 1) for t in tensors)
        parts.append(sdpa_attention_forward(module, q, k, v, None, **options)[0].flatten(0, 1))
    return torch.cat(parts)[None], None


def _varlen(query: Tensor, key: Tensor, value: Tensor, options: dict[str, Any]) -> Tensor:
    """The same by torch's own kernel for texts of various lengths (GPUs, half precision)."""
    from torch.nn.attention.varlen import varlen_attn

    ends, longest = options["cu_seq_lens_q"], options["max_length_q"]
    q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))
    fewer = query.shape[1] != key.shape[1]
    causal = (-1, 0)
    out = varlen_attn(
        q, k, v, ends, ends, longest, longest, scale=options.get("scaling"), window_size=causal, enable_gqa=fewer
    )
    return torch.as_tensor(out)[None]


def mask(*, q_length: int, kv_length: int, attention_mask: Tensor | None = None, **options: Any) -> Tensor | None:
    """None where `attend` knows by itself what each token sees: what is before it in its text. Else transformers' own mask."""
    window = options.get("local_size")
    plain = attention_mask is None and q_length == kv_length and not options.get("use_vmap")
    if plain and (window is None or window >= kv_length):
        return None
    made: Tensor | None = sdpa_mask(q_length=q_length, kv_length=kv_length, attention_mask=attention_mask, **options)
    return made


AttentionInterface.register(WITHIN, attend)
AttentionMaskInterface.register(WITHIN, mask)


def let_pack(model: Any) -> str | None:
    """Makes a causal model read packed rows without waste; None, or why it cannot. What else it reads, it reads as before."""
    before: str = model.config._attn_implementation
    if before not in (*WAYS, WITHIN):
        return f"its attention is `{before}`; that of {', '.join(WAYS)} can keep the texts of a row apart"
    if before == "sdpa":
        model.set_attn_implementation(WITHIN)
        if model.config._attn_implementation != WITHIN:  # transformers logs it and goes on
            return "its attention cannot be exchanged: it does not use transformers' attention interface"
    problem = mixes(model)
    if problem is not None:
        model.set_attn_implementation(before)
    return problem


@torch.no_grad()
def mixes(model: Any) -> str | None:
    """What goes wrong when a model reads two texts in one row, or None: each text is read as if it stood alone."""
    training, size = model.training, model.get_input_embeddings().num_embeddings
    first, other, second = (torch.arange(n, n + 5) * 7 % size for n in (1, 2, 3))
    model.eval()
    try:
        packed, changed, alone = (_logits(model, texts) for texts in ([first, second], [other, second], [second]))
    # A model may refuse such rows in any of these ways; then it gets padded ones, and the user is told why.
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        return f"it cannot read such rows: {str(error).splitlines()[0]}"
    finally:
        model.train(training)
    largest = alone.abs().max()
    if (packed[-4:] - changed[-4:]).abs().max() > NOT_SEEN * largest:
        return "texts of a row see each other in it"
    if (packed[-4:] - alone).abs().max() > ALIKE * largest:
        return "it reads a text in a row otherwise than alone"
    return None


def _logits(model: Any, texts: list[Tensor]) -> Tensor:
    ids = torch.cat(texts)[None]
    labels = torch.cat([torch.cat([text.new_tensor([-100]), text[1:]]) for text in texts])[None]
    batch = MicroBatch(ids, labels, ids.numel(), lengths=tuple(map(len, texts)))
    return predictions(model, batch)[0].flatten(0, -2).float()
