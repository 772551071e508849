"""Trees: nested named tuples and dicts of tensors, such as states, which are moved or sliced by a single map."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Tree = TypeVar("Tree")
HOST = torch.device("cpu")


def tree_map(function: Callable[..., Tensor], *trees: Tree) -> Tree:
    """Apply `function` to the corresponding tensors of equal trees, and return a tree of the results.

    A tree is a tensor, None, a (named) tuple of trees, or a dict of trees; where the trees are None, so is the result.

    Raises:
        TypeError: a leaf is neither a tensor, None, a tuple nor a dict.
        ValueError: tuples differ in length, or dicts in their keys.
    """
    first = trees[0]
    if all(tree is None for tree in trees):
        return first
    if isinstance(first, Tensor):
        return cast(Tree, function(*trees))
    if isinstance(first, tuple):
        children = [tree_map(function, *children) for children in zip(*trees, strict=True)]
        make = getattr(type(first), "_make", tuple)  # a plain tuple has no _make
        return cast(Tree, make(children))
    if isinstance(first, dict):
        dicts = cast(tuple[dict[Any, Any], ...], trees)
        if any(other.keys() != first.keys() for other in dicts):
            raise ValueError(f"trees differ in their keys: {', '.join(str(list(each)) for each in dicts)}")
        return cast(Tree, {key: tree_map(function, *(each[key] for each in dicts)) for key in first})
    raise TypeError(f"a tree holds tensors, None, tuples and dicts, not {type(first).__name__}")


def require_alike(own: Any, saved: Any, name: str) -> None:
    """Check that a state that was read is made as this one is.

    Args:
        own: nested dicts of tensors and numbers.
        saved: what must have the same keys, and the same types, shapes and dtypes.
        name: of the state, for the message.

    Raises:
        ValueError: it differs, or a number of `saved` is negative.
    """
    if isinstance(own, dict) and isinstance(saved, dict):
        if own.keys() != saved.keys():
            raise ValueError(f"{name} holds {', '.join(map(str, saved)) or 'nothing'}, not {', '.join(map(str, own))}")
        for key, part in own.items():
            require_alike(part, saved[key], f"{name}.{key}")
    elif isinstance(own, Tensor) and isinstance(saved, Tensor):
        if own.dtype != saved.dtype or own.shape != saved.shape:
            kinds = [f"{each.dtype} {tuple(each.shape)}" for each in (saved, own)]
            raise ValueError(f"{name} is {kinds[0]}, not {kinds[1]}")
    elif type(own) is not type(saved) or saved < 0:
        raise ValueError(f"{name} is {str(saved)[:40]}, not a number from 0 on")


def with_structure(like: Tree, saved: Any) -> Tree:
    """Return a state that was read as a tree of the named tuples of `like`, whose sizes may differ.

    Raises:
        ValueError: a leaf is not of the type, dtype and number of dimensions of the one in `like`, or there are others.
        TypeError: it is no tree.
    """

    def checked(one: Tensor, other: Any) -> Tensor:
        if not isinstance(other, Tensor) or other.dtype != one.dtype or other.dim() != one.dim():
            raise ValueError(f"a part of the state is {str(other)[:40]}, not {one.dtype} of {one.dim()} dimensions")
        return other

    return tree_map(checked, like, saved)


def exchange(tree: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """Return a tree with `function(leaf)` for each leaf of a type, for instance to turn arrays into tensors."""
    if isinstance(tree, kind):
        return function(tree)
    if isinstance(tree, tuple):
        make = getattr(type(tree), "_make", tuple)  # a plain tuple has no _make
        return make(exchange(child, kind, function) for child in tree)
    if isinstance(tree, dict):
        return {key: exchange(child, kind, function) for key, child in tree.items()}
    return tree


def stack(trees: list[Tree]) -> Tree:
    """Stack equal trees along a new first dimension."""
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def leaves(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors of a tree, in order."""
    if isinstance(tree, Tensor):
        yield tree
    for child in _children(tree):
        yield from leaves(child)


def detach(tree: Tree) -> Tree:
    """Return the same values, detached from autograd's graph."""
    return tree_map(lambda leaf: leaf.detach(), tree)


def to_device(tree: Tree, device: torch.device) -> Tree:
    """Move a tree to a device, except the fields that a named tuple lists in `on_host`, which go to the CPU.

    Copies from pinned memory to a GPU are asynchronous.
    """
    if isinstance(tree, Tensor):
        return cast(Tree, tree.to(device, non_blocking=device.type != "cpu"))
    if isinstance(tree, tuple):
        stays: frozenset[str] = getattr(tree, "on_host", frozenset())
        names = getattr(tree, "_fields", range(len(tree)))
        moved = [to_device(part, HOST if name in stays else device) for name, part in zip(names, tree, strict=True)]
        return cast(Tree, getattr(type(tree), "_make", tuple)(moved))
    if isinstance(tree, dict):
        return cast(Tree, {key: to_device(part, device) for key, part in tree.items()})
    return tree


def plain(tree: Any) -> Any:
    """Replace the named tuples of a tree by plain ones, which a checkpoint can hold."""
    if isinstance(tree, dict):
        return {key: plain(child) for key, child in tree.items()}
    return tuple(plain(child) for child in tree) if isinstance(tree, tuple) else tree


def _children(tree: Any) -> Iterable[Any]:
    """Return what a node holds, in order; nothing of a leaf."""
    if isinstance(tree, dict):
        return tree.values()
    return tree if isinstance(tree, tuple) else ()
