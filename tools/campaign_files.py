"""Damaged files of every kind that the programs read: each gives one sentence, and no traceback, crash, hang or flood.

In: valid files that are made here, a seed, a number of cases, perhaps some of the kinds. Out: a count of outcomes per
kind, and each case that was not read or refused, by its number: `--only N` with the same seed and kinds repeats it.
Cases run in a process of their own with bounded memory; a crash ends that process, which is counted, and the next one
goes on. Exit status 1 when a case was neither.
Not here: what the readers do with a good file (see tests/unit).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from file_kinds import KINDS, Kind

MOST_S = 2.0
MOST_BYTES = 1 << 30
SILENT_S = 60.0
"""Longest silence of a worker within a case, in s; after it, native code hangs."""
LOADING_S = 900.0
"""Longest time to the first case of a worker, in s, which imports and compiles beside whatever else runs."""
NASTY = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 400, b"99999999999999999999", b"null", b"[]", b"{}", b'""', b"\0",
    b"\xff\xfe", b"../../x", b"/etc/passwd", b"%s%n", b"'", b'"', b"\\", b"\r", b"[" * 5000, b'{"a":' * 5000,
    b"a." * 3000, b"- " * 3000, b"&a [*a]", b"<!DOCTYPE a>", b"\xf0\x9f\x92\xa9", b"\x7f\xff\xff\xff", b"\xff" * 8,
)  # fmt: skip
"""Pieces that parsers are known to stumble over."""
VALUES: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    0.5,
    -1e308,
    "",
    "../x",
    "NaN",
    [],
    {},
    [[]],
    [None] * 50,
    {"a": {}},
)


class _TooLongError(BaseException):
    """A case takes longer than it may."""


def damaged(raw: bytes, chance: random.Random, kind: Kind) -> bytes:
    """Return a file with one to four damages."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        acts: list[Callable[[bytes, random.Random], bytes]] = [_flip, _cut, _insert, _double, _swap]
        if kind.is_json:
            acts += [_change_json] * 6
        elif kind.is_text:
            acts += [_change_number, _change_number, _drop_line, _change_word]
        raw = chance.choice(acts)(raw, chance)
    return raw[: 4 << 20]


def _flip(raw: bytes, chance: random.Random) -> bytes:
    if not raw:
        return raw
    data = bytearray(raw)
    for _ in range(chance.choice((1, 3, 20))):
        # Heads decide more than what follows.
        end = len(data) if chance.random() < 0.5 else min(len(data), 200)
        data[chance.randrange(end)] = chance.randrange(256)
    return bytes(data)


def _cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def _insert(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice(NASTY) + raw[at:]


def _double(raw: bytes, chance: random.Random) -> bytes:
    a, b = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
    return raw[:b] + raw[a:b] + raw[b:]


def _swap(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def _drop_line(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def _change_word(raw: bytes, chance: random.Random) -> bytes:
    words = raw.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(NASTY)
    return b" ".join(words)


def _change_number(raw: bytes, chance: random.Random) -> bytes:
    places = [n for n, byte in enumerate(raw) if 48 <= byte <= 57]
    if not places:
        return raw
    at = chance.choice(places)
    return raw[:at] + chance.choice((b"-", b"1e308", b"9" * 30, b"nan", b'"x"', b"[]", b"")) + raw[at + 1 :]


def _change_json(raw: bytes, chance: random.Random) -> bytes:
    """Put another value in a place of the tree, or take it out."""
    lines = raw.split(b"\n")
    at = chance.randrange(len(lines)) if len(lines) > 1 and lines[0].endswith(b"}") else -1
    try:
        table = json.loads(lines[at] if at >= 0 else raw)
    except (ValueError, RecursionError):
        return raw
    places = list(_places(table))
    if places:
        where, key = chance.choice(places)
        if isinstance(where, dict) and chance.random() < 0.2:
            del where[key]
        else:
            where[key] = chance.choice(VALUES)
    try:
        changed = json.dumps(table).encode()
    except ValueError:  # it was put into itself
        return raw
    if at < 0:
        return changed
    lines[at] = changed
    return b"\n".join(lines)


def _places(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return [(value, key) for key in value] + [p for part in value.values() for p in _places(part)]
    if isinstance(value, list):
        return [(value, n) for n in range(len(value))] + [p for part in value for p in _places(part)]
    return []


# ---------------------------------------------------------------- a worker


def kinds_of(names: str) -> tuple[Kind, ...]:
    """Return the kinds whose name begins with one of the names, which commas separate; all kinds for no name."""
    wanted = tuple(name for name in names.split(",") if name)
    return tuple(kind for kind in KINDS if not wanted or kind.name.startswith(wanted))


def work(kinds: tuple[Kind, ...], seed: int, first: int, count: int) -> None:
    """Run cases, and tell of each when it begins and how it ended."""
    signal.signal(signal.SIGALRM, _stop)
    with tempfile.TemporaryDirectory(prefix="damaged-") as name:
        made = [(kind, kind.make(Path(name))) for kind in kinds]
        for kind, path in made:  # the first call loads and compiles
            kind.read(path)
        soft = _now_bytes("VmSize") + 2 * MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
        whole = {path: path.read_bytes() for _, path in made}
        for number in range(first, first + count):
            kind, path = made[number % len(made)]
            path.write_bytes(damaged(whole[path], random.Random(f"{seed} {number}"), kind))
            print(f"begin {number} {kind.name}", flush=True)
            print(f"end {number} {kind.name} {outcome(kind, path)}", flush=True)
            path.write_bytes(whole[path])


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _TooLongError


def outcome(kind: Kind, path: Path) -> str:
    """Return `read`, `refused`, or what went wrong, in one line."""
    before = _now_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here (proc(5))
    signal.setitimer(signal.ITIMER_REAL, MOST_S * 5)
    began = time.process_time()
    try:
        kind.read(path)
        told = "read"
    except kind.refusals as exc:
        told = "refused" if str(exc).strip() and "Traceback" not in str(exc) else "REFUSED WITHOUT A REASON"
    except _TooLongError:
        told = "HANG"
    except BaseException as exc:  # noqa: BLE001  each of them would be a traceback
        told = f"TRACEBACK {type(exc).__name__}: {' '.join(str(exc).split())[:120]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if time.process_time() - began > MOST_S:
        told = f"SLOW {time.process_time() - began:.1f} s, {told}"
    if _now_bytes("VmHWM") - before > MOST_BYTES:
        told = f"FLOOD {(_now_bytes('VmHWM') - before) >> 20} MB, {told}"
    return told


def _now_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) << 10
    return 0


# ---------------------------------------------------------------- the campaign


def campaign(
    names: str, seed: int, first: int, count: int, tell: Callable[[int], None]
) -> tuple[Counter[str], list[str]]:
    """Return the number of cases per kind and outcome, and one line for each that was neither read nor refused."""
    counts: Counter[str] = Counter()
    bad: list[str] = []
    at, end = first, first + count
    while at < end:
        words = [sys.executable, __file__, "--kinds", names, "--seed", str(seed), "--first", str(at)]
        words += ["--count", str(end - at), "--work"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout is not None, "started with a pipe"
            begun, patience_s = "", LOADING_S
            while select.select([child.stdout], [], [], patience_s)[0] and (line := child.stdout.readline().decode()):
                what, number, kind, *rest = line.split(maxsplit=3)
                patience_s = SILENT_S
                if what == "begin":
                    begun = f"{number} {kind}"
                    continue
                told = rest[0].strip()
                begun = ""
                at = int(number) + 1
                counts[f"{kind}: {told.split()[0]}"] += 1
                if told not in {"read", "refused"}:
                    bad.append(f"{number} {kind}: {told}")
                tell(at - first)
            child.kill()
            status = child.wait()
        if at < end:
            counts["worker: CRASH"] += 1
            bad.append(f"{begun or at}: CRASH or hang in native code (status {status})")
            if not begun:
                break
            at = int(begun.split()[0]) + 1
    return counts, bad


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; 1 when a case was neither read nor refused in one sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--kinds", default="", help="beginnings of the kinds' names: mesh,text-mesh")
    parser.add_argument("--only", type=int, help="repeat one case")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if not (kinds := kinds_of(asked.kinds)):
        parser.error(f"--kinds {asked.kinds}: no such kind; there are {', '.join(kind.name for kind in KINDS)}")
    if asked.work:
        work(kinds, asked.seed, asked.first, asked.count)
        return 0
    first, count = (asked.only, 1) if asked.only is not None else (asked.first, asked.count)

    def tell(done: int) -> None:
        if sys.stderr.isatty() or done % 500 == 0:
            print(f"\r{done} of {count}", end="", file=sys.stderr, flush=True)

    counts, bad = campaign(asked.kinds, asked.seed, first, count, tell)
    print(file=sys.stderr)
    print("\n".join(f"{number:6} {what}" for what, number in sorted(counts.items())))
    print("\n".join(bad) if bad else "every file was read or refused in a sentence")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
