"""The compiler's settings for every kernel of the worlds."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

from simcore.worlds.voxel import kernel_cache

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """Compile `function` with numba on its first call, without the interpreter lock; cached on disk where possible.

    Division follows numpy (no exception on zero) and no fast-math is allowed, so that a frame is bit for bit
    the same whether its environment is stepped alone or in a batch.
    """
    folder = kernel_cache.find_folder()
    if folder is not None:
        try:
            with kernel_cache.cached_in(folder):
                return cast(Kernel, njit(cache=True, nogil=True, error_model="numpy")(function))
        except RuntimeError:  # numba caches no function without a file, and none if the folder has gone
            pass
    return cast(Kernel, njit(nogil=True, error_model="numpy")(function))


def inlined(function: Kernel) -> Kernel:
    """Compile a small function into each kernel that calls it, where a call would cost more than its work."""
    return cast(Kernel, njit(nogil=True, error_model="numpy", forceinline=True)(function))
