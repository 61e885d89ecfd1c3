"""Prompts and drafts as trees: what several of them begin with is there once.

A node is a token, its path the tokens from the root to it. A prompt is a path; its drafts (texts that the model may well
answer) go on from the prompt's last node. The nodes whose next token matters are `scored`: last nodes of prompts, and drafts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

ROOT = -1


@dataclass
class Tree:
    """Nodes in the order in which they came: parents before children."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    scored: list[bool] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def scored_child(self, node: int, token: int) -> int | None:
        """The scored node that goes on with a token; None if there is none."""
        found = self._children.get((node, token))
        return found if found is not None and self.scored[found] else None

    def add(self, ids: Iterable[int], below: int = ROOT, *, scored: bool = False) -> int:
        """Adds what is missing of a path below a node; all its nodes are scored, or none. Returns its last node."""
        for token in ids:
            found = self._children.get((below, token))
            if found is None:
                found = self._children[below, token] = len(self.tokens)
                self.tokens.append(token)
                self.parents.append(below)
                self.depths.append(0 if below == ROOT else self.depths[below] + 1)
                self.scored.append(False)
            self.scored[found] = self.scored[found] or scored
            below = found
        return below

    def missing(self, ids: Sequence[int]) -> int:
        """How many nodes a path from the root would add."""
        node = ROOT
        for known, token in enumerate(ids):
            found = self._children.get((node, token))
            if found is None:
                return len(ids) - known
            node = found
        return 0

    def path(self, node: int) -> list[int]:
        """Nodes from the root to this one."""
        nodes = []
        while node != ROOT:
            nodes.append(node)
            node = self.parents[node]
        return nodes[::-1]


@dataclass(frozen=True)
class Leaf:
    """Where a prompt ends: the number of its tree, and its last node there."""

    tree: int
    node: int


def plant(
    prompts: Sequence[Sequence[int]], drafts: Sequence[Sequence[Sequence[int]]], capacity: int
) -> tuple[list[Tree], list[Leaf]]:
    """Trees that hold prompts and their drafts, and where each prompt ends.

    Args:
        prompts: token ids, none empty, in an order in which those that share much are neighbours.
        drafts: for each prompt, token ids that may follow it.
        capacity: most nodes of a tree; a prompt with more has a tree of its own.
    """
    trees, leaves = [Tree()], []
    for prompt, following in zip(prompts, drafts, strict=True):
        tree = trees[-1]
        if len(tree) and len(tree) + tree.missing(prompt) + sum(map(len, following)) > capacity:
            tree = Tree()
            trees.append(tree)
        node = tree.add(prompt)
        tree.scored[node] = True
        for draft in following:
            tree.add(draft, node, scored=True)
        leaves.append(Leaf(len(trees) - 1, node))
    return trees, leaves
