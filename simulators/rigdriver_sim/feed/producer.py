"""Where the compiled GenTL producer is: packaged with the simulator, or compiled now in a source checkout.

In: nothing. Out: the path of an up-to-date rigsim.cti, or an error that says what is missing and what to do. Not here:
how C is compiled (see gentl_producer/build.py).
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
from pathlib import Path

PACKAGED = Path(__file__).parents[1] / "rigsim.cti"
CHECKOUT = Path(__file__).parents[2] / "gentl_producer"


class ProducerMissing(RuntimeError):
    """No rigsim.cti: no C compiler when the package was installed."""


def producer() -> Path:
    """Return the producer, compiled first when this is a checkout and it is missing or older than its sources.

    Raises:
        ProducerMissing: there is none and none can be made.
    """
    recipe = CHECKOUT / "build.py"
    if not recipe.is_file():
        if PACKAGED.is_file():
            return PACKAGED
        raise ProducerMissing(
            "the simulated cameras are missing from this installation (no rigsim.cti): there was no C compiler when it "
            "was installed; install one (Debian, Ubuntu: apt install gcc libc6-dev), then install rigdriver again"
        )
    # The folder itself is the lock: two rigs that start at once must not compile into one file.
    lock = os.open(CHECKOUT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_stale():
            _build(recipe)
    finally:
        os.close(lock)
    return PACKAGED


def _is_stale() -> bool:
    if not PACKAGED.is_file():
        return True
    built = PACKAGED.stat().st_mtime
    # Headers count, too: a library with an old feed.h would be refused when its layout is compared.
    return any(path.stat().st_mtime > built for path in (CHECKOUT / "src").iterdir())


def _build(recipe: Path) -> None:
    spec = importlib.util.spec_from_file_location("rigdriver_producer_recipe", recipe)
    if spec is None or spec.loader is None:
        raise ProducerMissing(f"{recipe}: is no Python file; check out the sources again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    partial = PACKAGED.with_name(f"rigsim.{os.getpid()}.cti")
    try:
        module.build(partial)
        # Replaced as a whole: a rig that starts may just be copying the old one.
        partial.replace(PACKAGED)
    except RuntimeError as exc:
        raise ProducerMissing(f"the simulated cameras cannot be compiled: {exc}") from exc
    finally:
        partial.unlink(missing_ok=True)
