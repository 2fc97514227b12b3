"""Files with the settings of one camera: TOML with a table `[features]`, whose keys are spelled as in a rig file.

In: a camera's settings, or a file. Out: the file's text, or values by key in the file's order, which is one in which
they can be written again. Not here: reading and writing a camera (see camera_features.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tomlkit

from rigdriver.config import FeatureValue
from rigdriver.devices.camera_link.descriptions import CameraReport
from rigdriver.devices.camera_link.feature_tree import SettableFeatures
from rigdriver.errors import UsageError
from rigdriver.file_text import read_utf8, toml_values

MOST_BYTES = 1 << 20
"""Largest settings file; cameras with 2000 features fill a tenth of it."""
_TABLE = "features"


def settings_text(report: CameraReport, settings: SettableFeatures) -> str:
    """Return the text of a settings file; comments name the camera and what the file lacks."""
    document = tomlkit.document()
    document.add(
        tomlkit.comment(f"Settings of camera {report.name} ({report.vendor} {report.model}, SN {report.serial}).")
    )
    if settings.present_only:
        document.add(tomlkit.comment("At the present entries of their selectors only:"))
        _list(document, settings.present_only)
    if settings.left_out:
        document.add(tomlkit.comment("Left out, as an automatic function sets them or they cannot be read:"))
        _list(document, settings.left_out)
    table = tomlkit.table()
    for key, value in settings.values.items():
        table.add(key, value)
    document.add(_TABLE, table)
    return tomlkit.dumps(document)


def read_settings(path: Path) -> Mapping[str, FeatureValue]:
    """Return the values of a settings file.

    Raises:
        UsageError: the file cannot be read, is no TOML, or holds no table of values.
    """
    try:
        table = toml_values(read_utf8(path, MOST_BYTES)).get(_TABLE)
    except OSError as exc:
        raise UsageError(device=str(path), seen=f"cannot be read: {exc.strerror}") from exc
    except ValueError as exc:  # no TOML, or no UTF-8
        raise UsageError(device=str(path), seen=f"is no TOML: {exc}") from exc
    if not isinstance(table, dict):
        raise UsageError(
            device=str(path), seen=f"has no table [{_TABLE}]", expected="a file of `rigdriver camera --save`"
        )
    for key, value in table.items():
        if not isinstance(value, bool | int | float | str):
            expected = "true or false, a number or a text; a key with a selector stands in quotes"
            raise UsageError(device=f"{path}: {key}", seen=repr(value), expected=expected)
    return table


def _list(document: tomlkit.TOMLDocument, names: tuple[str, ...]) -> None:
    for name in names:
        document.add(tomlkit.comment(f"  {name}"))
