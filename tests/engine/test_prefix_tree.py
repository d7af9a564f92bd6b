"""Prefixes that prompts share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.engine.prefix_tree import build_prefix_tree

PROMPTS = st.lists(
    st.builds(
        lambda head, tail: tuple([1] * head + tail),
        st.integers(0, 40),
        st.lists(st.integers(1, 3), min_size=1, max_size=30),
    ),
    max_size=25,
)


@given(PROMPTS, st.integers(1, 12), st.integers(1, 60))
def test_shared_prefixes_are_correct_and_long_enough(
    prompts: list[tuple[int, ...]], min_tokens: int, min_saving: int
) -> None:
    tree = build_prefix_tree(prompts, min_tokens=min_tokens, min_saving=min_saving)
    users = [0] * len(tree.nodes)
    for prompt, leaf in zip(prompts, tree.leaf, strict=True):
        if leaf is not None:
            assert tree.nodes[leaf].end < len(prompt)
        node = leaf
        while node is not None:
            found = tree.nodes[node]
            assert prompt[found.start : found.end] == found.ids
            assert found.parent is None or found.parent < node
            assert found.start == (0 if found.parent is None else tree.nodes[found.parent].end)
            users[node] += 1
            node = found.parent
    for node, count in zip(tree.nodes, users, strict=True):
        assert len(node.ids) >= min_tokens
        assert len(node.ids) * (count - 1) >= min_saving


def test_prefixes_nest() -> None:
    system, first, second = tuple(range(100, 130)), tuple(range(200, 240)), tuple(range(300, 340))
    prompts = [
        (*system, *first, 1),
        (*system, *second, 2),
        (*system, *first, 3),
        (*system, *second, 4),
        (*system, 5),
    ]
    tree = build_prefix_tree(prompts, min_tokens=16, min_saving=30)
    spans = {(n.start, n.end, n.ids[0]) for n in tree.nodes}
    assert spans == {(0, 30, 100), (30, 70, 200), (30, 70, 300)}
    assert tree.leaf[0] == tree.leaf[2] != tree.leaf[1] == tree.leaf[3]
    assert tree.leaf[4] == 0


def test_identical_prompts_keep_their_last_token() -> None:
    prompts = [tuple(range(50))] * 3
    tree = build_prefix_tree(prompts)
    assert [n.end for n in tree.nodes] == [49]
    assert tree.leaf == (0, 0, 0)
