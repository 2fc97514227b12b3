"""Compile the simulated GenTL producer: `python build.py OUT` writes the file OUT, or `rigsim.cti` into the folder OUT.

In: the C sources beside this file, and the first C compiler on the path. Out: one shared library that needs libc only.
Standard library only, so that the packaging hook can import it. Not here: who loads the result (see
rigdriver_sim/producer.py).
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "src"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = (
    *("-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-pthread"),
    *("-fvisibility=hidden", "-fno-strict-aliasing"),
)
LINK_FLAGS = ("-shared", "-Wl,-Bsymbolic", "-Wl,--no-undefined", "-ldl")


class NoCompiler(RuntimeError):
    """No C compiler is on the path."""


class BuildFailed(RuntimeError):
    """The compiler refused the sources."""


def find_compiler() -> str:
    """Return the path of a C compiler.

    Raises:
        NoCompiler: there is none, or this is no system that the producer can run on.
    """
    if platform.system() != "Linux":
        raise NoCompiler(f"the simulated cameras run on Linux, this is {platform.system()}; use real cameras here")
    for name in COMPILERS:
        if found := shutil.which(name):
            return found
    raise NoCompiler(
        f"no C compiler found (looked for {', '.join(COMPILERS)}); the simulated cameras need one: "
        "install gcc (Debian, Ubuntu: apt install gcc libc6-dev) and install rigdriver again"
    )


def build(out: Path, extra_flags: Sequence[str] = ()) -> Path:
    """Compile the producer to `out` (a file, or a folder that gets `rigsim.cti`) and return the file.

    Raises:
        NoCompiler: see `find_compiler`.
        BuildFailed: with what the compiler said.
    """
    target = out / "rigsim.cti" if out.is_dir() else out
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    command = [find_compiler(), *FLAGS, *extra_flags, "-o", str(partial), *sources, *LINK_FLAGS]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if ran.returncode != 0:
        raise BuildFailed(f"{command[0]} failed with status {ran.returncode}:\n{ran.stderr.strip()}")
    partial.replace(target)  # a process that has the old file mapped keeps it
    return target


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build(Path(sys.argv[1] if len(sys.argv) > 1 else '.'))}\n")
    except (NoCompiler, BuildFailed) as error:
        sys.exit(str(error))
