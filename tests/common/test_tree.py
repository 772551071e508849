"""Trees of tensors."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from simcore.common.tree import detach, exchange, leaves, plain, stack, to_device, tree_map


class Leaf(NamedTuple):
    a: Tensor
    b: Tensor


class Branch(NamedTuple):
    left: Leaf
    right: Tensor
    plain: tuple[Tensor, Leaf]


def tree(offset: float = 0.0) -> Branch:
    """A tree of every kind of node, with five leaves `[2, 3, ...]` that differ."""
    leaves = [torch.arange(6.0).view(2, 3) + 10 * i + offset for i in range(5)]
    leaves[1] = leaves[1][..., None].expand(2, 3, 4)
    return Branch(Leaf(leaves[0], leaves[1]), leaves[2], (leaves[3], Leaf(leaves[4], torch.zeros(2, 3, 0))))


def flat(tree: Branch) -> list[Tensor]:
    return [*tree.left, tree.right, tree.plain[0], *tree.plain[1]]


def assert_same_kinds(one: Branch) -> None:
    assert isinstance(one, Branch)
    assert isinstance(one.left, Leaf)
    assert type(one.plain) is tuple
    assert isinstance(one.plain[1], Leaf)


def test_a_map_meets_corresponding_leaves_and_keeps_the_kinds_of_nodes() -> None:
    mapped = tree_map(lambda x, y, z: x + 2 * y - z, tree(), tree(1.0), tree(5.0))
    assert_same_kinds(mapped)
    for value, expected in zip(flat(mapped), flat(tree()), strict=True):
        assert torch.equal(value, 2 * expected - 3)


def test_a_tensor_is_a_tree() -> None:
    assert torch.equal(tree_map(torch.neg, torch.arange(3)), -torch.arange(3))


def test_a_dict_is_a_tree() -> None:
    one = {"a": torch.ones(2), "b": {"c": (torch.zeros(3), None)}}
    two = {"b": {"c": (torch.ones(3), None)}, "a": torch.ones(2)}  # its order does not matter
    summed = tree_map(torch.add, one, two)
    assert list(summed) == ["a", "b"]
    assert torch.equal(summed["a"], torch.full((2,), 2.0))
    assert torch.equal(summed["b"]["c"][0], torch.ones(3))
    assert summed["b"]["c"][1] is None
    assert [leaf.shape for leaf in leaves(one)] == [(2,), (3,)]
    arrays = exchange(one, Tensor, Tensor.numpy)
    assert type(arrays["a"]) is np.ndarray
    assert torch.equal(exchange(arrays, np.ndarray, torch.from_numpy)["b"]["c"][0], torch.zeros(3))
    assert to_device(one, torch.device("meta"))["b"]["c"][0].device.type == "meta"
    assert plain({"a": Leaf(torch.ones(1), torch.ones(1))}) == {"a": (torch.ones(1), torch.ones(1))}
    with pytest.raises(ValueError, match="differ in their keys"):
        tree_map(torch.add, one, {"a": torch.ones(2)})


@pytest.mark.parametrize("leaf", [[torch.zeros(1)], {torch.zeros(1)}, 1.0])
def test_a_leaf_that_is_no_tensor_is_refused(leaf: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(leaf).__name__}"):
        tree_map(torch.neg, (torch.zeros(1), leaf))


def test_none_stays_none_in_every_tree_or_in_none() -> None:
    assert tree_map(torch.neg, (None, torch.ones(1))) == (None, -torch.ones(1))
    assert tree_map(torch.add, None, None) is None
    with pytest.raises((TypeError, AttributeError)):
        tree_map(torch.add, (None,), (torch.ones(1),))


def test_trees_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        tree_map(torch.add, (torch.zeros(1), torch.zeros(1)), (torch.zeros(1),))


def test_stacking_adds_a_first_dimension_in_the_order_given() -> None:
    offsets = [3.0, 0.0, 7.0]
    stacked = stack([tree(offset) for offset in offsets])
    assert_same_kinds(stacked)
    for position, offset in enumerate(offsets):
        one = tree_map(lambda leaf, position=position: leaf[position], stacked)
        for value, expected in zip(flat(one), flat(tree(offset)), strict=True):
            assert torch.equal(value, expected)


def test_detaching_keeps_values_and_cuts_the_graph() -> None:
    grown = tree_map(lambda leaf: leaf.clone().requires_grad_() * 2, tree())
    assert all(leaf.requires_grad for leaf in flat(grown)), "the test wants a graph to cut"
    cut = detach(grown)
    assert_same_kinds(cut)
    for value, expected in zip(flat(cut), flat(grown), strict=True):
        assert not value.requires_grad
        assert torch.equal(value, expected)
    assert all(leaf.requires_grad for leaf in flat(grown)), "the original is left alone"


def test_a_plain_tree_has_the_same_leaves_in_plain_tuples() -> None:
    original = tree()
    plainer = plain(original)
    assert type(plainer) is tuple
    assert type(plainer[0]) is tuple
    assert type(plainer[2][1]) is tuple
    assert plainer[2][1][0] is original.plain[1].a
