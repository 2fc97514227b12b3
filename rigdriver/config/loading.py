"""Reading a rig file: from a path or a text to a checked `RigConfig`, or to one error with all findings.

In: a path, or a text and the folder where its relative paths start. Out: a `RigConfig`. Each finding names key, value,
bound and line. Not here: the tables and their bounds (see models.py).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from rigdriver.config.keys import all_keys, fields_of, nearest
from rigdriver.config.models import RigConfig, dotted
from rigdriver.config.toml_lines import KeyPath, key_lines
from rigdriver.errors import ConfigError
from rigdriver.file_text import toml_values
from rigdriver.findings import RigFileFinding

RENAMED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "light.max_train_pulses": "light.max_train_flashes",
        "light.max_session_pulses": "light.max_session_flashes",
        "light.max_pulse_width_us": "light.max_flash_width_us",
        "light.max_pulse_energy_mj": "light.max_flash_energy_mj",
        "lamps.max_pulse_width_us": "lamps.max_flash_width_us",
    }
)
"""Keys of earlier rig files and their names now. An old name is refused, so that no file states a limit twice."""
_LOOK_FOR_NUL_BYTES = 4096
_BARE_CR = re.compile(r"\r(?!\n)")
MOST_BYTES = 1 << 20
"""Largest rig file, in bytes; twelve cameras with all their features fill a tenth of it."""
ROUNDS = 8
"""Largest number of times that a rig file is checked anew without the keys that were wrong."""


def load(path: Path) -> RigConfig:
    """Read and check a rig file.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or says something impossible; every finding is named.
    """
    return parse(read_text(path), str(path), path.parent)


def read_text(path: Path) -> str:
    """Return the text of a rig file, without a byte order mark. ConfigError when it cannot be read or is no UTF-8."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as exc:
        raise ConfigError(
            device=str(path), seen=f"cannot be read: {exc.strerror}", remedy="name an existing rig file"
        ) from exc
    if len(raw) > MOST_BYTES:
        raise ConfigError(
            device=str(path),
            seen=f"has more than {MOST_BYTES >> 20} MB",
            remedy="name a rig file; a rig file is smaller",
        )
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in raw[:_LOOK_FOR_NUL_BYTES]:
        raise ConfigError(device=str(path), seen="is not UTF-8 but UTF-16 text", remedy="save it as UTF-8")
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError(
            device=f"{path} line {line}", seen=f"is not UTF-8 text (byte {exc.start})", remedy="save it as UTF-8"
        ) from exc
    if bare := _BARE_CR.search(text):
        line = text.count("\n", 0, bare.start()) + 1
        raise ConfigError(
            device=f"{path} line {line}", seen="a bare carriage return",
            remedy="save the file with LF or CR LF at line ends",
        )  # fmt: skip
    return text


def parse(text: str, origin: str, folder: Path) -> RigConfig:
    """Check the text of a rig file; `folder` is where its relative paths start. ConfigError with every finding."""
    checked = check(text, origin, folder)
    if checked.findings:
        raise ConfigError(findings=checked.findings)
    assert checked.usable is not None
    return checked.usable


@dataclass(frozen=True, slots=True)
class CheckedText:
    """What is wrong with the text of a rig file, and what can be used of it."""

    findings: tuple[RigFileFinding, ...]
    """Keys that are wrong; empty when the text is good."""
    usable: RigConfig | None
    """The configuration without the keys that are wrong; None when too much is wrong to tell more."""


def check(text: str, origin: str, folder: Path) -> CheckedText:
    """Find everything that is wrong, also what only shows when the other findings are out of the way.

    Each round leaves out the keys that are wrong, and looks again; a key that is required, or that is wrong only beside
    another, ends the rounds. All findings come at once, so that a technician mends a file in one go. ConfigError when
    the text is no TOML.
    """
    try:
        table = toml_values(text)
    except ValueError as exc:
        raise ConfigError(device=origin, seen=f"is no TOML: {exc}") from exc
    findings: list[RigFileFinding] = []
    lines = key_lines(text)
    for _ in range(ROUNDS):
        try:
            return CheckedText(tuple(findings), _from_folder(RigConfig.model_validate(table), folder))
        except ValidationError as exc:
            findings += [finding for finding in _findings(exc, origin, lines) if finding not in findings]
            if not _leave_out(table, exc):
                break
    return CheckedText(tuple(findings), None)


def _leave_out(table: dict[str, Any], exc: ValidationError) -> bool:
    """Remove the keys that are wrong; False when one of them cannot be missing."""
    for error in _own_errors(exc):
        path: KeyPath = tuple(error["loc"])
        if error["type"] in {"whole_file", "missing"} or not path:
            return False
        if "features" in path:
            path = path[: path.index("features") + 2]
        field = fields_of(path[:-1]).get(str(path[-1]))
        if isinstance(path[-1], int) or (field is not None and field.is_required()):
            return False
        place: Any = table
        for part in path[:-1]:
            place = place[part]
        place.pop(path[-1], None)
    return True


def _from_folder(config: RigConfig, folder: Path) -> RigConfig:
    """Return the configuration with its relative paths made to start at the rig file's folder."""
    # Not at the folder where the driver is started: a rig file means the same everywhere.
    producers = tuple((folder / p).resolve() for p in config.genicam.producers)
    log = None if config.light.log is None else (folder / config.light.log).resolve()
    calibration = None if config.calibration is None else (folder / config.calibration).resolve()
    timebase = None if config.timebase is None else (folder / config.timebase).resolve()
    computer = None if config.computer is None else (folder / config.computer).resolve()
    tests = None if config.acceptance.history is None else (folder / config.acceptance.history).resolve()
    return config.model_copy(
        update={
            "genicam": config.genicam.model_copy(update={"producers": producers}),
            "light": config.light.model_copy(update={"log": log}),
            "acceptance": config.acceptance.model_copy(update={"history": tests}),
            "calibration": calibration,
            "timebase": timebase,
            "computer": computer,
        }
    )


def _findings(exc: ValidationError, origin: str, lines: Mapping[KeyPath, int]) -> list[RigFileFinding]:
    return list(dict.fromkeys(_finding(error, origin, lines) for error in _own_errors(exc)))


def _own_errors(exc: ValidationError) -> list[Mapping[str, Any]]:
    """Return the errors, but not that a list with wrong elements is too short: that is no finding of its own."""
    errors: list[Mapping[str, Any]] = [*exc.errors(include_url=False)]
    faulty = {error["loc"][:-n] for error in errors for n in range(1, len(error["loc"]))}
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in faulty]


def _finding(error: Mapping[str, Any], origin: str, lines: Mapping[KeyPath, int]) -> RigFileFinding:
    path: KeyPath = tuple(error["loc"])
    bounds: Mapping[str, Any] = error.get("ctx", {})
    seen = error.get("input")
    if error["type"] == "whole_file":
        # Findings of the whole file come without a place; they bring the key that they are about.
        path, seen = bounds["path"], bounds["seen"]
    elif "features" in path:
        path = path[: path.index("features") + 2]  # what follows names the kinds of value that were tried
    told = repr(seen) if isinstance(seen, bool | int | float | str) and error["type"] != "missing" else ""
    # A key that is missing has no line; that of the table around it is named.
    line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
    expected = _expected(error["type"], bounds, error["msg"], path, seen)
    return RigFileFinding(origin, line, dotted(path), told, expected)


def _expected(kind: str, bounds: Mapping[str, Any], message: str, path: KeyPath, seen: object) -> str:
    """Say in the user's words what would be right."""
    if "features" in path and kind != "whole_file":
        return "expected true, false, a number or a text"
    new_name = RENAMED_KEYS.get(".".join(part for part in path if isinstance(part, str)))
    if kind == "extra_forbidden" and new_name is not None:
        return f"is called {new_name} now; rename the key"
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "string_type" and isinstance(seen, int | float) and not isinstance(seen, bool):
        return f'expected a text: put it in quotes, {path[-1]} = "{seen}"'
    special = {
        "missing": "is missing; add it",
        "string_pattern_mismatch": "expected a letter, then letters, digits, _ or -, 40 at most",
        "string_too_short": "expected a text that is not empty",
        "tuple_type": "expected a list in [ ]",
        "too_short": f"expected at least {bounds.get('min_length')} of them",
        "too_long": f"expected at most {bounds.get('max_length')} of them",
        "model_type": "expected a table",
    }
    return special.get(kind, message.replace("Input should be", "expected"))


def _unknown_key(path: KeyPath) -> str:
    """Say what was probably meant by a key that does not exist."""
    name = str(path[-1])
    homes = [key.table for key in all_keys() if key.name == name and key.table]
    if len(homes) == 1:
        return f"unknown key here; it belongs into {homes[0]}"
    meant = nearest(name, fields_of(path[:-1]))
    guess = f"did you mean {meant}?" if meant is not None else "remove it"
    return f"unknown key; {guess} (`rigdriver config keys` prints every key)"
