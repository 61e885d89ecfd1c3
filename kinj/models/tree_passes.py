"""Forward passes over trees of prompts and drafts, for causal models.

Each node attends to its ancestors and stands at its depth, so a path is read as if it stood alone (the token tree of SpecInfer,
Miao et al., arXiv 2305.09781). A draft that is what greedy decoding says is thereby confirmed without being generated; where
greedy decoding departs from all drafts, generation goes on from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinj.models.passes import LOGITS, Ending, Prefix, Scored, choose, kept_logits
from kinj.models.trees import Leaf, Tree, plant

TREE = 256
"""Nodes of a tree, if prompts are short: attention costs grow with its square, and most is shared between near neighbours."""
CPU_NODES = 1024
"""Most nodes read at once on a CPU, where what leaves the caches is slow."""


@dataclass(eq=False)
class Grove:
    """What a model holds after reading some trees, each a row padded on the left.

    `columns` is the place of each node in its row. Scored nodes stand last: `logits`, `best` (the likeliest token) and `logprobs`
    (of that) are those of the columns from `first` on.
    """

    trees: list[Tree]
    columns: list[list[int]]
    cache: Any
    first: int
    logits: Tensor
    best: list[list[int]]
    logprobs: list[list[float]]

    def next_logits(self, leaf: Leaf) -> Tensor:
        """Logits of the token after a scored node."""
        return self.logits[leaf.tree, self.columns[leaf.tree][leaf.node] - self.first]

    def agreed(self, leaf: Leaf, ending: Ending) -> tuple[Scored, Leaf | None]:
        """What greedy decoding says after a prompt, as far as the tree shows it.

        Returns:
            The tokens, and where it stands when generation has to go on; None where the answer is complete.
        """
        tree, node, found = self.trees[leaf.tree], leaf.node, Scored([])
        while True:
            column = self.columns[leaf.tree][node] - self.first
            token = self.best[leaf.tree][column]
            complete, child = ending.after([*found.tokens, token]), tree.scored_child(node, token)
            if not complete and child is None:
                return found, Leaf(leaf.tree, node)
            found.add(token, self.logprobs[leaf.tree][column])
            if complete or child is None:
                return found, None
            node = child


Place = tuple[Grove, Leaf]
"""A node of a tree that was read."""


def confirm(
    model: Any,
    prompts: Sequence[Sequence[int]],
    drafts: Sequence[Sequence[Sequence[int]]],
    endings: Sequence[Ending],
    pad_id: int,
) -> tuple[list[Scored], list[Place | None]]:
    """What greedy decoding says after each prompt, as far as a draft says the same, and where it goes on from there.

    Args:
        prompts: token ids, in an order in which those that begin alike are neighbours.
        drafts: for each prompt, token ids that may follow; a row that is to be drawn has none and stays where it is.
        endings: when each answer is complete.

    Returns:
        The agreed tokens of each answer; and a place in what was read from which to go on, None where the answer is complete.
    """
    trees, leaves = plant(prompts, drafts, _capacity(prompts))
    found: list[Scored] = []
    places: list[Place | None] = []
    for first, group in _groups(trees, _nodes_a_pass(model)):
        grove = read_trees(model, group, pad_id)
        for leaf in leaves[len(found) :]:
            if leaf.tree >= first + len(group):
                break
            number = len(found)
            here = Leaf(leaf.tree - first, leaf.node)
            result, last = grove.agreed(here, endings[number]) if drafts[number] else (Scored([]), here)
            found.append(result)
            places.append(None if last is None else (grove, last))
    return found, places


def _capacity(prompts: Sequence[Sequence[int]]) -> int:
    """Nodes of a tree: enough for several prompts, and not so many that attention over all of them costs more than they share."""
    return max(TREE, min(3 * max(map(len, prompts)), 4 * TREE))


def _groups(trees: list[Tree], most: int) -> Iterator[tuple[int, list[Tree]]]:
    """Neighbouring trees of at most `most` nodes together (one at least), padding included, with the number of the first."""
    first, width = 0, 0
    for number, tree in enumerate(trees):
        width = max(width, len(tree))
        if number > first and width * (number + 1 - first) > most:
            yield first, trees[first:number]
            first, width = number, len(tree)
    yield first, trees[first:]


def _nodes_a_pass(model: Any) -> int:
    """Most nodes read in one pass: on a CPU few enough to stay in its caches, elsewhere as many as the logits allow."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    most: int = LOGITS // model.get_input_embeddings().num_embeddings
    return min(most, CPU_NODES) if on_cpu else most


def read_trees(model: Any, trees: list[Tree], pad_id: int) -> Grove:
    """Reads some trees in one forward pass."""
    from transformers import DynamicCache

    parameter = next(model.parameters())
    width = max(map(len, trees))
    ids = np.full((len(trees), width), pad_id)
    positions = np.zeros_like(ids)
    seen = np.zeros((len(trees), width, width), dtype=bool)
    seen[:, range(width), range(width)] = True  # padding sees itself: a row that sees nothing would be NaN
    columns = []
    for row, tree in enumerate(trees):
        places = _columns(tree, width)
        ids[row, places], positions[row, places] = tree.tokens, tree.depths
        for place, parent in zip(places, tree.parents, strict=True):
            if parent >= 0:
                seen[row, place] |= seen[row, places[parent]]
        columns.append(places)
    unseen = torch.finfo(parameter.dtype).min
    mask = torch.zeros(seen.shape, dtype=parameter.dtype).masked_fill_(torch.from_numpy(~seen), unseen)
    cache = DynamicCache(config=model.config)
    kept = max(sum(tree.scored) for tree in trees)
    logits = kept_logits(
        model,
        kept,
        input_ids=torch.from_numpy(ids).to(parameter.device),
        attention_mask=mask[:, None].to(parameter.device),
        position_ids=torch.from_numpy(positions).to(parameter.device),
        past_key_values=cache,
    )
    best, logprobs = choose(logits.flatten(0, 1), [])
    shape = (len(trees), kept)
    return Grove(
        trees, columns, cache, width - kept, logits, best.view(shape).tolist(), logprobs.view(shape).double().tolist()
    )


def _columns(tree: Tree, width: int) -> list[int]:
    """The place of each node in a row padded on the left in which scored nodes stand last."""
    order = sorted(range(len(tree)), key=tree.scored.__getitem__)
    places = [0] * len(tree)
    for place, node in enumerate(order, start=width - len(tree)):
        places[node] = place
    return places


def go_on(model: Any, places: Sequence[Place]) -> Prefix:
    """What a model holds after reading some paths, each given by its last node; those of one grove are neighbours."""
    from transformers import DynamicCache

    device = places[0][0].logits.device
    paths = [
        [grove.columns[leaf.tree][node] for node in grove.trees[leaf.tree].path(leaf.node)] for grove, leaf in places
    ]
    lengths = torch.tensor([len(path) for path in paths], device=device)
    width = max(map(len, paths))
    mask = (torch.arange(width, device=device) >= width - lengths[:, None]).long()
    columns = torch.tensor([[0] * (width - len(path)) + path for path in paths], device=device)
    trees = torch.tensor([leaf.tree for _, leaf in places], device=device)
    groups = [(grove, len(list(group))) for grove, group in groupby(grove for grove, _ in places)]
    sizes = [size for _, size in groups]
    cache = DynamicCache(config=model.config)
    for layer in range(len(groups[0][0].cache.layers)):
        parts = [
            _paths(grove.cache.layers[layer], rows, where)
            for (grove, _), rows, where in zip(groups, trees.split(sizes), columns.split(sizes), strict=True)
        ]
        keys, values = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        cache.update(keys, values, layer)
    logits = torch.stack([grove.next_logits(leaf) for grove, leaf in places])
    return Prefix(model, cache, mask, lengths, logits)


def _paths(layer: Any, trees: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of some paths, `[paths, heads, columns, size]`."""
    keys, values = (tensor[trees[:, None], :, columns].transpose(1, 2) for tensor in (layer.keys, layer.values))
    return keys, values


def reads_trees(model: Any) -> bool:
    """Whether a model reads a path in a tree as it reads it alone; it is tried on two short paths.

    It does not where attention is not given by a mask over all that was read (sliding windows, recurrent layers, flash
    attention), or where the model takes its positions from elsewhere (ALiBi).
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    layers = DynamicCache(config=model.config).layers
    if model.config._attn_implementation not in ("sdpa", "eager") or {type(layer) for layer in layers} != {
        DynamicLayer
    }:
        return False
    vocabulary = model.get_input_embeddings().num_embeddings
    paths = [[i % vocabulary for i in path] for path in ([5, 7, 11, 13], [5, 7, 3, 2, 17])]
    tree = Tree()
    ends = [Leaf(0, tree.add(path, scored=True)) for path in paths]
    parameter = next(model.parameters())
    try:
        grove = read_trees(model, [tree], 0)
        alone = [model(input_ids=torch.tensor([path], device=parameter.device)).logits[0, -1] for path in paths]
    except Exception:  # whatever a model says to such a mask: it is then asked without
        return False
    error = max(float((grove.next_logits(end) - other).abs().max()) for end, other in zip(ends, alone, strict=True))
    rounding: float = torch.finfo(parameter.dtype).eps
    return error <= float(alone[0].abs().max()) * math.sqrt(rounding)
