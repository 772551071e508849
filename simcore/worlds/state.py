"""States as flat dicts of arrays: their check, and the conversion of numpy's generators."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WORD = 2**64


def check(state: dict[str, NDArray[Any]], example: dict[str, NDArray[Any]]) -> None:
    """Raise `ValueError` unless `state` has the keys, shapes and types of `example`."""
    if state.keys() != example.keys():
        missing, unknown = sorted(example.keys() - state.keys()), sorted(state.keys() - example.keys())
        raise ValueError(f"the state's keys do not fit: missing {missing}, unknown {unknown}")
    for name, expected in example.items():
        given = np.asarray(state[name])
        if given.shape != expected.shape or given.dtype != expected.dtype:
            raise ValueError(
                f"state[{name!r}] is {given.dtype} {given.shape}; it must be {expected.dtype} {expected.shape}"
            )


def encode(generator: np.random.Generator) -> NDArray[np.uint64]:
    """Return the state of a PCG64 generator (numpy's and Gymnasium's default), `uint64 [6]`."""
    state = generator.bit_generator.state
    numbers = state["state"]["state"], state["state"]["inc"]
    words = [word for number in numbers for word in divmod(number, _WORD)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def decode(words: NDArray[np.uint64]) -> np.random.Generator:
    """Return the generator whose state `encode` gave."""
    numbers = [int(word) for word in words]
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": numbers[0] * _WORD + numbers[1], "inc": numbers[2] * _WORD + numbers[3]},
        "has_uint32": numbers[4],
        "uinteger": numbers[5],
    }
    return np.random.Generator(bits)
