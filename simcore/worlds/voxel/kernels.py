"""The compiler's settings for every kernel of the worlds, and a cache that notices edits."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """Compile `function` with numba on its first call: cached on disk, without the interpreter lock.

    Division follows numpy (no exception on zero) and no fast-math is allowed, so that a frame is bit for bit
    the same whether its environment is stepped alone or in a batch.
    """
    compiled = njit(cache=True, nogil=True, error_model="numpy")(function)
    # Numba's cache looks at the file a kernel stands in, not at the files of the kernels it calls: an edit of
    # `raster.py` alone would leave the old renderer inside the cached `batch.py`. So the stamp covers all
    # sources.
    cache_file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if cache_file is not None and hasattr(cache_file, "_source_stamp"):
        cache_file._source_stamp = _fingerprint()
    return cast(Kernel, compiled)


def inlined(function: Kernel) -> Kernel:
    """Compile a small function into each kernel that calls it, where a call would cost more than its work."""
    return cast(Kernel, njit(nogil=True, error_model="numpy", forceinline=True)(function))


@cache
def _fingerprint() -> str:
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
