"""The one place where stereo's loops are compiled.

In: a function over numbers and arrays. Out: machine code that holds no GIL and is kept on disk beside its source.
Sums may be reordered so that they use the machine's vector units, but NaN keeps its meaning. The same machine gives the
same bits with any number of threads; another machine may differ in the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

FAST = frozenset({"nsz", "arcp", "contract", "reassoc"})
F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile `function` on first use."""
    return cast(F, njit(nogil=True, cache=True, error_model="numpy", fastmath=set(FAST))(function))
