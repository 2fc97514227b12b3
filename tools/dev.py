#!/usr/bin/env python3
"""The one entrance for people who work on rigdriver: set up, demo, test, check.

In: a verb, and arguments that are handed on. Out: the exit status of what was run. Each verb first makes sure that
`.venv` holds the pinned packages and this project; the second time that takes no time. Needs nothing but Python 3.11
and, for the simulated cameras, a C compiler. Not here: what demo and tests do. The standard library alone is used, in a
grammar that older Pythons can read far enough to report what is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
PINS = "requirements-dev.txt"
LIBRARY = ROOT / "simulators" / "rigdriver_sim" / "rigsim.cti"
RECIPE = ROOT / "simulators" / "gentl_producer" / "build.py"
OLDEST = (3, 11)
# The version is printed before venv is asked for: Debian's
# Python has neither venv nor ensurepip, and is named then.
PROBE = "import sys; print('%d.%d' % sys.version_info[:2]); import venv, ensurepip"
# The first three could bring packages or warnings of another project into .venv. With the last one, which images for
# containers like to set, each process of the rig compiles all its modules anew.
STRAY = {"PYTHONPATH", "PYTHONHOME", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE"}
SOURCES = ("rigdriver", "simulators", "tests", "tools", "hatch_build.py")


class SetupFailed(Exception):
    """Setting up cannot go on; the message says why and what to do."""


# ---------------------------------------------------------------- set up


def find_python() -> str:
    """Return a Python that can make the virtual environment: this one if it can."""
    names = ["python3.13", "python3.12", "python3.11", "python3", "python"]
    lame = ""
    for candidate in [sys.executable, *filter(None, map(shutil.which, names))]:
        try:
            probe = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
            version = tuple(int(part) for part in probe.stdout.strip().split("."))
        except (OSError, ValueError, subprocess.SubprocessError):
            continue
        if version < OLDEST:
            continue
        if probe.returncode == 0:
            return candidate
        lame = lame or f"{candidate} (Python {probe.stdout.strip()})"
    if lame:
        raise SetupFailed(
            f"{lame} cannot make virtual environments: its modules venv and ensurepip are missing.\n"
            "Install them (Debian, Ubuntu: apt-get install python3-venv) and try again."
        )
    raise SetupFailed(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; this is Python {sys.version.split()[0]} and no newer one "
        "is on the PATH.\nInstall one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv) and try again."
    )


def make_venv() -> None:
    """Make `.venv` when there is none."""
    if PYTHON.exists():
        probe = subprocess.run([str(PYTHON), "-c", PROBE], capture_output=True, text=True, check=False)
        if probe.returncode == 0 and tuple(map(int, probe.stdout.split("."))) >= OLDEST:
            return
        raise SetupFailed(f"{VENV} does not work any more (its Python was moved or removed).\nRemove it and try again.")
    python = find_python()
    say(f"making {VENV.relative_to(ROOT)} with {python}")
    made = subprocess.run([python, "-m", "venv", str(VENV)], check=False)
    if made.returncode != 0:
        # Half an environment would pass for a whole one the next time.
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupFailed(f"{python} -m venv failed with exit status {made.returncode}; its message stands above.")


def install_pins() -> None:
    """Install the pinned packages, each checked against its hash."""
    stamp = Stamp("pins", [ROOT / PINS])
    if stamp.is_fresh():
        return
    say(f"installing the pinned packages of {PINS} (some 250 MB the first time, a few minutes)")
    pip("--require-hashes", "-r", PINS, what="installing the pinned packages")
    stamp.write()


def install_project() -> None:
    """Install this project editable, which compiles the simulated GenTL producer too."""
    recipe = sorted(p for p in RECIPE.parent.rglob("*") if p.suffix in {".c", ".h", ".py"})
    stamp = Stamp("project", [ROOT / "pyproject.toml", ROOT / "hatch_build.py", *recipe])
    if stamp.is_fresh() and LIBRARY.exists():
        return
    say("installing rigdriver (editable) and compiling the simulated cameras")
    # Neither dependencies nor a build environment: nothing is ever fetched that is not pinned (DECISIONS.md).
    pip("--no-deps", "--no-build-isolation", "--editable", ".", what="installing rigdriver")
    stamp.write()
    if not LIBRARY.exists():
        say_no_library()


def say_no_library() -> None:
    """Report that the simulated cameras are missing; compiling them once more shows why."""
    run([str(PYTHON), str(RECIPE), str(LIBRARY)])
    say("the simulated cameras were not built, for the reason above. The driver works; the simulated rig does not.")


def fetch_foreign_producers() -> None:
    """Get GenTL producers that nobody here wrote; the tests that need them say so when they are not there."""
    script = ROOT / "tools" / "foreign_producers.py"
    if not script.is_file():
        return
    stamp = Stamp("foreign", [script])
    if stamp.is_fresh():
        return
    if run([str(PYTHON), str(script)]) == 0:
        stamp.write()
    else:
        say("no foreign GenTL producers: the tests that need them are skipped")


class Stamp:
    """Remembers in `.venv` that a step was done with these very files, for a checkout at this very place."""

    def __init__(self, step: str, files: Sequence[Path]) -> None:
        self._file = VENV / f".rigdriver-{step}"
        digest = hashlib.sha256(str(ROOT).encode())
        for file in files:
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        self._digest = digest.hexdigest()

    def is_fresh(self) -> bool:
        """Whether the step was done before with the same files."""
        return self._file.is_file() and self._file.read_text(encoding="utf-8") == self._digest

    def write(self) -> None:
        """Note that the step is done."""
        self._file.write_text(self._digest, encoding="utf-8")


def pip(*arguments: str, what: str) -> None:
    """Run `pip install`; quiet in a pipe, with its progress on a terminal."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    options = ["--disable-pip-version-check", "--no-input", *quiet]
    status = run([str(PYTHON), "-m", "pip", "install", *options, *arguments])
    if status != 0:
        raise SetupFailed(
            f"{what} failed (pip's exit status {status}; its message stands above).\n"
            "Is the package index reachable, and is there disk space? Nothing is half done: try again."
        )


def set_up() -> None:
    """Make everything that the other verbs need."""
    make_venv()
    install_pins()
    install_project()


# ---------------------------------------------------------------- verbs


def setup(_: list[str]) -> int:
    """Set up and say where things are."""
    fetch_foreign_producers()
    say(f"ready: {BIN.relative_to(ROOT) / 'rigdriver'} --help")
    return 0


def demo(rest: list[str]) -> int:
    """Start the simulated rig, test it, capture three seconds, show what was proved."""
    return run([str(BIN / "rigdriver"), "demo", "--out", "out/demo", "--overwrite", *rest])


def test(rest: list[str]) -> int:
    """Run the tests on three workers (`-n 2` or `-n 4` for others); further arguments go to pytest."""
    fetch_foreign_producers()
    return run([str(PYTHON), "-m", "pytest", *workers(rest), *rest])


def workers(rest: Sequence[str]) -> list[str]:
    """Return what makes pytest use three workers, unless there is one rig to test or somebody who looks on."""
    alone = ("--rig", "--pdb", "--trace", "--collect-only", "--co")
    if any(word.split("=")[0] in alone for word in rest):
        return []
    return ["-n", "3", "--dist", "loadfile"]


def lint(_: list[str]) -> int:
    """Check format, lint, types, import floors and generated files."""
    python = str(PYTHON)
    steps = {
        "format": [python, "-m", "ruff", "format", "--check", "--quiet", *SOURCES],
        "lint": [python, "-m", "ruff", "check", "--quiet", *SOURCES],
        "types": [python, "-m", "mypy"],
        "import floors": [str(BIN / "lint-imports")],
        "generated files": [python, "-m", "tools.registers", "--check"],
    }
    failed = [name for name, command in steps.items() if not passes(name, command)]
    if failed:
        say("failed: " + ", ".join(failed))
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    """Run one static check; its output is shown only when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env=environment()
    )
    say(f"{name}: {'good' if done.returncode == 0 else 'FAILED'}")
    if done.returncode != 0:
        print(done.stdout, flush=True)
    return done.returncode == 0


def check(rest: list[str]) -> int:
    """Run everything that a change must pass: `lint`, then the tests."""
    static = lint([])
    return test(rest) or static


def write_format(_: list[str]) -> int:
    """Format the sources in place and mend what ruff can mend."""
    python = str(PYTHON)
    run([python, "-m", "ruff", "check", "--fix-only", "--quiet", *SOURCES])
    return run([python, "-m", "ruff", "format", *SOURCES])


def pin(rest: list[str]) -> int:
    """Write requirements*.txt anew from pyproject.toml (`--upgrade` for newer versions)."""
    base = [str(PYTHON), "-m", "uv", "pip", "compile", "pyproject.toml"]
    # A header would hold the command, and with it the address of the package index.
    options = ["--universal", "--fork-strategy", "fewest", "--generate-hashes", "--no-header", "--quiet", *rest]
    first = run([*base, *options, "-o", "requirements.txt"])
    return first or run([*base, "--group", "dev", *options, "-o", PINS])


VERBS: dict[str, Callable[[list[str]], int]] = {
    "setup": setup,
    "demo": demo,
    "test": test,
    "check": check,
    "lint": lint,
    "format": write_format,
    "pin": pin,
}


def run(command: list[str]) -> int:
    """Run a command in the project's folder and return its exit status; Ctrl-C is the command's to handle."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def environment() -> dict[str, str]:
    """Return this environment with the project's programs first and no stray Python settings."""
    env = {key: value for key, value in os.environ.items() if key not in STRAY}
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", os.defpath)])
    env["VIRTUAL_ENV"] = str(VENV)
    return env


def say(text: str) -> None:
    """Print what goes on."""
    print(f"dev: {text}", flush=True)


def main() -> int:
    """Run the verb of the command line."""
    verbs = "\n".join(f"  {name:8} {(act.__doc__ or '').splitlines()[0]}" for name, act in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Set up and work on rigdriver.",
        epilog=f"verbs:\n{verbs}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("verb", choices=list(VERBS), metavar="verb", help="what to do; see below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="handed on to what the verb runs")
    arguments = parser.parse_args()
    try:
        set_up()
        return VERBS[arguments.verb](arguments.rest)
    except SetupFailed as exc:
        print(f"dev: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
