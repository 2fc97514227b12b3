"""Everything is written by one of two ways: as a whole (whole_file.py), or line by line (line_file.py).

In: the source of the driver. Out: no other call that makes or changes a file or a folder.
Not here: what these two ways do (see test_whole_file.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITERS = {"rigdriver/whole_file.py", "rigdriver/line_file.py", "rigdriver/recording/mcap/writer.py"}
"""The two that all others use, and recordings, which grow chunk by chunk."""
CALLS = {
    "write_text",
    "write_bytes",
    "mkdir",
    "makedirs",
    "touch",
    "imwrite",
    "imwritemulti",
    "VideoWriter",
    "savez",
    "savez_compressed",
    "savetxt",
    "tofile",
    "to_csv",
    "to_file",
    "mkstemp",
    "mkdtemp",
    "NamedTemporaryFile",
    "truncate",
    "copyfile",
    "copy2",
    "copytree",
    "ZipFile",
}
"""Calls that make a file or a folder, whatever they are called on."""
NOT_FILES = {
    ("rigdriver/selftest/bug_report.py", "ZipFile"): "in memory; whole_file writes it",
    ("rigdriver/cli/verb.py", "open"): "the null device, in place of a closed stdout",
    ("rigdriver/images/preview_video.py", "VideoWriter"): "a temporary file, which gets its name when it is whole",
    ("rigdriver/devices/camera_link/slots.py", "mkstemp"): "memory that two processes share; its name is removed",
}
"""Calls that write no file that anybody reads."""


def calls_that_write(source: str) -> Iterator[tuple[str, int]]:
    """Return name and line of each call that may make or change a file."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in CALLS or _opens_for_writing(name, node) or _is_drawn_to_a_path(name, node):
            yield name, node.lineno


def _opens_for_writing(name: str, node: ast.Call) -> bool:
    texts = [ast.unparse(part) for part in (*node.args, *(key.value for key in node.keywords))]
    if name == "FileStorage":
        return any("WRITE" in text or "APPEND" in text for text in texts) and not any("MEMORY" in t for t in texts)
    if name not in {"open", "fdopen"}:
        return False
    return any("O_CREAT" in text or _is_mode_of_writing(text.strip("'\"")) for text in texts)


def _is_mode_of_writing(text: str) -> bool:
    return 0 < len(text) <= 4 and set(text) <= set("rwaxbt+") and bool(set(text) & set("wax+"))


def _is_drawn_to_a_path(name: str, node: ast.Call) -> bool:
    """Whether a picture is saved under a name: what goes into memory says of what format it is."""
    return name == "savefig" and not any(key.arg == "format" for key in node.keywords)


@pytest.mark.parametrize(
    "line",
    [
        "path.open('w')",
        "path.open(mode='r+b')",
        "open(path, 'xb')",
        "os.open(path, os.O_WRONLY | os.O_CREAT)",
        "cv2.imwrite('a.png', x)",
        "cv2.FileStorage(name, cv2.FILE_STORAGE_WRITE)",
        "figure.savefig(path)",
        "(folder / 'a').write_text('x')",
    ],
)
def test_a_call_that_writes_is_found(line: str) -> None:
    assert len(list(calls_that_write(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "path.open()",
        "path.open('rb')",
        "Rig.open(source)",
        "os.open(path, os.O_RDONLY)",
        "cv2.FileStorage('.yaml', cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)",
        "figure.savefig(memory, format='png')",
    ],
)
def test_a_call_that_reads_or_writes_memory_is_none(line: str) -> None:
    assert list(calls_that_write(line)) == []


def test_the_driver_writes_by_the_three_ways_alone() -> None:
    paths = sorted((ROOT / "rigdriver").rglob("*.py"))
    assert len(paths) > 200
    found = []
    for path in paths:
        file = path.relative_to(ROOT).as_posix()
        if file not in WRITERS:
            calls = calls_that_write(path.read_text(encoding="utf-8"))
            found += [f"{file}:{line}: {name}" for name, line in calls if (file, name) not in NOT_FILES]
    assert found == []
