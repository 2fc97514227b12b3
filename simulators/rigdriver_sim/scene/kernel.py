"""The one place where loops are compiled.

In: a function over numbers and arrays. Out: the same function as machine code that holds no GIL and is kept on disk
beside its source. No fast-math: the same input gives the same bits on every Python and with any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile `function` on first use; no GIL, cached, strict floating point."""
    compiled = njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast(F, compiled)
