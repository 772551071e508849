"""The floating-point operations of calls into PyTorch, two for each multiply-add.

Matrix products, convolutions, recurrent layers, weighted sums of rows, factorisations and solves are counted.
Element-wise operations are not: they are a few per cent, and limited by memory.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

aten, mkldnn = torch.ops.aten, torch.ops.mkldnn

Shape = Sequence[int]
Formula = Callable[..., int]


def product_flop(a: Shape, b: Shape) -> int:
    """Return the operations of a product of matrices `[..., M, K]` and `[..., K, N]`, or with a vector `[K]`."""
    return 2 * prod(a) * (b[-1] if len(b) > 1 else 1)


def lstm_flop(inputs: Shape, from_input: Shape, from_hidden: Shape) -> int:
    """Return the operations of an LSTM layer's forward pass; its backward pass takes twice as many.

    Args:
        inputs: `[T, B, I]`.
        from_input: `[4 N_h, I]`.
        from_hidden: `[4 N_h, N_h]`.
    """
    return 2 * prod(inputs[:2]) * (prod(from_input) + prod(from_hidden))


def cholesky_flop(matrix: Shape) -> int:
    """Return the operations of the Cholesky factorisation of `[..., K, K]`: K³ / 3 each."""
    return prod(matrix) * matrix[-1] // 3


def cholesky_solve_flop(vectors: Shape, factor: Shape) -> int:
    """Return the operations of solving for `[..., K, n]` with a Cholesky factor and its transpose."""
    return 2 * prod(vectors) * factor[-1]


def _second_and_third(_: Any, a: Any, b: Any, **__: Any) -> int:
    return product_flop(a.shape, b.shape)


def _linear(inputs: Any, weight: Any, *_: Any, **__: Any) -> int:
    return product_flop(inputs.shape, weight.shape[::-1])


def _mkldnn_lstm(inputs: Any, from_input: Any, from_hidden: Any, *_: Any, **__: Any) -> int:
    return lstm_flop(inputs.shape, from_input.shape, from_hidden.shape)


def _mkldnn_lstm_backward(*args: Any, **_: Any) -> int:
    return 2 * _mkldnn_lstm(*args)


def _cudnn_lstm(inputs: Any, weights: Sequence[Any], *_: Any, **__: Any) -> int:
    return lstm_flop(inputs.shape, weights[0].shape, weights[1].shape)


def _cudnn_lstm_backward(*args: Any, **_: Any) -> int:
    return 2 * _cudnn_lstm(*args)


def _embedding_bag(table: Any, rows: Any, *_: Any, **__: Any) -> int:
    return 2 * prod(rows.shape) * int(table.shape[-1])


FORMULAS: dict[Any, Formula] = {
    aten.addmm_: _second_and_third,
    aten.baddbmm_: _second_and_third,
    aten.addmv: _second_and_third,
    aten.addmv_: _second_and_third,
    aten.mv: lambda a, b, **_: product_flop(a.shape, b.shape),
    aten.dot: lambda a, b, **_: product_flop(a.shape, b.shape),
    aten.mkldnn_rnn_layer: _mkldnn_lstm,
    aten.mkldnn_rnn_layer_backward: _mkldnn_lstm_backward,
    aten._cudnn_rnn: _cudnn_lstm,
    aten._cudnn_rnn_backward: _cudnn_lstm_backward,
    aten._embedding_bag: _embedding_bag,
    aten._embedding_bag_forward_only: _embedding_bag,
    aten.linalg_cholesky_ex: lambda matrix, **_: cholesky_flop(matrix.shape),
    aten.cholesky_solve: lambda vectors, factor, *_, **__: cholesky_solve_flop(vectors.shape, factor.shape),
}
"""Formulas by operation, where torch's registry has none, or has it under another name."""

if hasattr(mkldnn, "_linear_pointwise"):
    FORMULAS[mkldnn._linear_pointwise] = _linear


def flop_of(operation: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> int:
    """Return the floating-point operations of a call, 0 for one that is not counted.

    Args:
        operation: as a dispatch mode receives it.
        args: its positional arguments.
        kwargs: its keyword arguments.
        result: its result.
    """
    packet = operation.overloadpacket
    if packet in FORMULAS:
        return FORMULAS[packet](*args, **kwargs)
    if packet in flop_registry:
        return int(flop_registry[packet](*args, **kwargs, out_val=result))
    return 0
