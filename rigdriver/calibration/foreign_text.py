"""Texts of other calibration programs, read with bounded parsers: OpenCV's YAML, XML and JSON, and plain YAML.

In: a file. Out: its top-level keys with plain values; matrices as arrays of a stated shape. OpenCV's own parser is not
asked: a file without `cols` ends the whole process in it. Aliases, deep nesting and large files are refused, for none
of these programs writes them. Not here: what the keys mean (see exchange.py).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from rigdriver.arrays import Array
from rigdriver.errors import CalibrationMismatch, UsageError
from rigdriver.file_text import MOST_NESTING, json_values, read_utf8
from rigdriver.findings import MismatchKind

MOST_BYTES = 4 << 20
"""Largest file, in bytes; OpenCV's calibration sample writes 200 kB with all points of 50 views."""
MOST_NUMBERS = 64
"""Most numbers of a matrix that is read: 4 x 4, or 14 distortion parameters, with room."""
_OPENCV_HEAD = re.compile(r"\A%YAML[: ]1\.[0-9]\s*\n")


def opencv_values(path: Path) -> Mapping[str, Any]:
    """Return the top-level keys of a file that OpenCV's FileStorage wrote; numbers may still be texts.

    Raises:
        CalibrationMismatch: it cannot be read, or is no such file.
    """
    values: Any
    try:
        text = read_utf8(path, MOST_BYTES)
        if text.lstrip().startswith("<"):
            values = _xml_values(text)
        elif text.lstrip().startswith("{"):
            values = json_values(text)
        else:
            values = yaml_values(_OPENCV_HEAD.sub("", text))
    except OSError as exc:
        raise _unreadable(path, f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise _unreadable(path, f"is no file that OpenCV writes: {exc}") from exc
    if not isinstance(values, Mapping):
        raise _unreadable(path, "holds no keys")
    return values


def _unreadable(path: Path, seen: str) -> CalibrationMismatch:
    return CalibrationMismatch(
        kind=MismatchKind.UNREADABLE, device=str(path), seen=seen, remedy="name OpenCV's YAML, XML or JSON file"
    )


def _damaged(
    path: Path, seen: str, expected: str = "the content that OpenCV's calibration writes"
) -> CalibrationMismatch:
    return CalibrationMismatch(kind=MismatchKind.DAMAGED, device=str(path), seen=seen, expected=expected)


def matrix(path: Path, values: Mapping[str, Any], key: str, *shapes: tuple[int, int]) -> Array:
    """Return a matrix of one of these shapes; a vector may lie either way.

    Raises:
        CalibrationMismatch: it is missing, of another shape, or holds something else than finite numbers.
    """
    if key not in values:
        raise _damaged(path, f"lacks the matrix {key}")
    table = values[key]
    try:
        rows, cols = _shape(table)
        data = table["data"]
        numbers = data.split() if isinstance(data, str) else data
        if not isinstance(numbers, Sequence) or len(numbers) > MOST_NUMBERS:
            raise ValueError("its data is no short list of numbers")
        found = np.array([number(part) for part in numbers], dtype=np.float64)
        if found.size != rows * cols:
            raise ValueError(f"{found.size} numbers for {rows} x {cols}")
    except (KeyError, TypeError, IndexError, AttributeError) as exc:
        raise _damaged(path, f"{key} is no matrix with rows, cols and data") from exc
    except ValueError as exc:
        raise _damaged(path, f"{key}: {exc}") from exc
    for shape in shapes:
        if (rows, cols) == shape or (1 in shape and (cols, rows) == shape):
            return found.reshape(shape)
    likely = " or ".join(f"{r} x {c}" for r, c in shapes)
    raise _damaged(path, f"{key} has {rows} x {cols} numbers", likely)


def scalar(path: Path, values: Mapping[str, Any], key: str) -> float:
    """Return a number above 0. Raises CalibrationMismatch."""
    if key not in values:
        raise _damaged(path, f"lacks {key}")
    try:
        found = number(values[key])
    except (TypeError, ValueError) as exc:
        raise _damaged(path, f"{key}: {exc}") from exc
    if not found > 0:
        raise _damaged(path, f"{key} = {found:g}", "a number above 0")
    return found


def number(value: object) -> float:
    """Return a finite number; TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{str(value)[:40]} is no number")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{str(value)[:40]!r} is no number") from None
    if not np.isfinite(found):
        raise ValueError(f"{str(value)[:40]} is not finite")
    return found


def _shape(table: Mapping[str, Any]) -> tuple[int, int]:
    if "sizes" not in table:
        return _whole(table["rows"]), _whole(table["cols"])
    # OpenCV 5 writes a vector with one size.
    sizes = table["sizes"]
    found = [_whole(part) for part in (sizes.split() if isinstance(sizes, str) else sizes)]
    if len(found) not in (1, 2):
        raise ValueError(f"it has {len(found)} sizes")
    return found[0], found[1] if len(found) == 2 else 1


def _whole(value: object) -> int:
    found = number(value)
    if not (found.is_integer() and 0 < found <= MOST_NUMBERS):
        raise ValueError(f"{found:g} is no number of rows or columns")
    return int(found)


def yaml_values(text: str) -> Any:
    """Return the values of a YAML text: mappings, lists and texts. ValueError: it is none, or is not simple.

    Numbers stay texts, so that nobody's rules on what a number looks like stand between a file and its value.
    """
    yaml = _yaml()
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        depth = 0
        # Event by event first: the parser goes down by recursion only when it builds the values.
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError("it refers from one place to another (an alias)")  # noqa: TRY004
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_NESTING:
                raise ValueError(f"it nests deeper than {MOST_NESTING} levels")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as exc:
        raise ValueError(" ".join(str(exc).split())[:200]) from exc


def to_yaml(values: object) -> str:
    """Return values as a YAML text, keys in their order."""
    text: str = _yaml().safe_dump(values, sort_keys=False, default_flow_style=None)
    return text


def _yaml() -> ModuleType:
    """Import PyYAML, which nothing else of the driver needs."""
    try:
        return importlib.import_module("yaml")
    except ImportError as exc:
        raise UsageError(
            device="PyYAML",
            seen="is not installed",
            expected="this package, because other programs' calibrations are YAML",
            remedy="pip install pyyaml",
        ) from exc


def _xml_values(text: str) -> dict[str, Any]:
    # Entities are never needed, and can grow a small text without bounds.
    if "<!" in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        raise ValueError("it declares a document type")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, LookupError, ValueError) as exc:
        raise ValueError(f"it is no XML ({exc})") from exc
    return {node.tag: {part.tag: part.text or "" for part in node} or (node.text or "") for node in root}
