"""The one place where stereo's loops are compiled.

In: a function over numbers and arrays. Out: machine code that holds no GIL and is kept on disk beside its source.
Sums may be reordered so that they use the machine's vector units, but NaN keeps its meaning. Code read from disk gives
the same bits on the same machine with any number of threads; the process that compiled it may differ in the last digit
(1e-4 mm at most was seen), and so may another machine.
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
