"""Prompts and drafts as trees: every path is there once, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kinj.models.trees import ROOT, Tree, plant

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=6)
rows = st.lists(st.tuples(tokens, st.lists(tokens, max_size=3)), min_size=1, max_size=12)


def spelled(tree: Tree, node: int) -> list[int]:
    return [tree.tokens[i] for i in tree.path(node)]


@given(rows, st.integers(1, 40))
def test_each_prompt_and_draft_is_a_path_and_no_path_is_there_twice(
    found: list[tuple[list[int], list[list[int]]]], capacity: int
) -> None:
    found.sort()
    prompts, drafts = [prompt for prompt, _ in found], [following for _, following in found]
    trees, leaves = plant(prompts, drafts, capacity)
    assert [leaf.tree for leaf in leaves] == sorted(leaf.tree for leaf in leaves)
    for (prompt, following), leaf in zip(found, leaves, strict=True):
        tree = trees[leaf.tree]
        assert spelled(tree, leaf.node) == prompt
        assert tree.scored[leaf.node]
        for draft in following:
            node: int | None = leaf.node
            for token in draft:
                assert node is not None
                node = tree.scored_child(node, token)
            assert node is not None
            assert spelled(tree, node) == prompt + draft
    for number, tree in enumerate(trees):
        paths = {tuple(spelled(tree, node)) for node in range(len(tree))}
        assert len(paths) == len(tree)
        assert tree.depths == [len(tree.path(node)) - 1 for node in range(len(tree))]
        alone = sum(leaf.tree == number for leaf in leaves) == 1
        assert len(tree) <= capacity or alone


def test_a_node_of_a_longer_prompt_is_not_scored() -> None:
    (tree,), (short, long) = plant([[1], [1, 2, 3]], [[], []], 10)
    assert tree.scored_child(short.node, 2) is None
    assert [tree.scored[node] for node in tree.path(long.node)] == [True, False, True]
    assert tree.missing([1, 2, 9]) == 1
    assert tree.add([], ROOT) == ROOT
