"""What benchmarks on the simulated rig share: their options, load on the cores, and how figures are printed.

In: a benchmark's docstring and its measurement. Out: one JSON object, or a table. Not here: what is measured (see the
benchmarks).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager


def options(doc: str | None, burners: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all have; `burners` is the default."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=2048, help="pixels")
    parser.add_argument("--height", type=int, default=1536, help="pixels")
    parser.add_argument("--burners", type=int, default=burners, help="processes that keep a core busy each meanwhile")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def spec(arguments: argparse.Namespace, **more: float) -> str:
    """Return the scenario that the options ask for."""
    values = {"width": arguments.width, "height": arguments.height, **more}
    return "default?" + "&".join(f"{key}={value}" for key, value in values.items())


@contextmanager
def burning(burners: int) -> Iterator[None]:
    """Keep that many processes busy meanwhile."""
    with ExitStack() as stack:
        for _ in range(burners):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            # Undone backwards: killed first, then waited for by Popen's own exit.
            stack.callback(process.kill)
        yield


def tell(arguments: argparse.Namespace, figures: Mapping[str, object], print_table: Callable[[], None]) -> None:
    """Print the figures for programs, or have them printed for people."""
    if arguments.json:
        print(json.dumps(figures))
    else:
        print_table()
