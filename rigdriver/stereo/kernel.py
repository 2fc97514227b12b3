"""The one place where stereo's loops are compiled.

In: a function over numbers and arrays. Out: machine code that does not hold the GIL and is kept on disk beside its
source. The compiler may reorder sums to use the machine's vector units, but NaN keeps its meaning. Code that is read
from disk gives the same bits on the same machine with any number of threads. The process that compiled it, and another
machine, may differ in the last digit (a difference of 1e-4 mm was the largest seen).
Not here: any loop (see match/, geometry/ and mesh/).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

FAST = frozenset({"nsz", "arcp", "contract", "reassoc"})
"""LLVM's fast-math flags that are allowed. `nnan` and `ninf` are missing: NaN marks what was not measured."""
F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile `function` on first use."""
    return cast(F, njit(nogil=True, cache=True, error_model="numpy", fastmath=set(FAST))(function))


def exact_kernel(function: F) -> F:
    """Compile `function` on first use; it rounds every operation as NumPy does, on every machine."""
    return cast(F, njit(nogil=True, cache=True, error_model="numpy")(function))
