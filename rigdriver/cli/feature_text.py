"""Features of a camera as a person or a script reads them.

In: descriptions of features, and what became of changes. Out: lines of text, category by category, and JSON. Not here:
the verb (see camera.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from rigdriver.devices.camera_link.feature_tree import FeatureDescription, SettingsOutcome
from rigdriver.json_values import JsonObject, JsonValue
from rigdriver.procedures.camera import BrowsedCamera, CameraOptions

_UNBOUNDED = 2**63 - 1
"""Bound that a description gives where it means none: the largest integer, or a larger float."""


def feature_lines(features: Sequence[FeatureDescription]) -> list[str]:
    """Return the features as a tree: a line per category, and a line per feature with aligned columns."""
    rows = {f.name: (_name(f), f.kind.value, _value(f), _range(f), _access(f)) for f in features}
    widths = [min(40, max(map(len, column))) for column in zip(*rows.values(), strict=True)] if rows else []
    lines: list[str] = []
    for category, group in groupby(features, key=lambda feature: feature.category):
        lines.append(category or "(no category)")
        for feature in group:
            cells = zip(rows[feature.name], widths, strict=True)
            lines.append("  " + "  ".join(cell.ljust(width) for cell, width in cells).rstrip())
    return lines


def browsed_json(browsed: BrowsedCamera, options: CameraOptions) -> JsonObject:
    """Return what was done and found, for `--json`; what was not asked for is null."""
    report, snapshot = browsed.report, browsed.snapshot
    told: dict[str, JsonValue] = {
        "passed": browsed.is_as_asked,
        "camera": report.name,
        "serial": report.serial,
        "vendor": report.vendor,
        "model": report.model,
        "loaded": _outcome(browsed.loaded),
        "changed": _outcome(browsed.changed),
        "saved": None,
        "features": None,
        "snap": None,
    }
    if browsed.saved is not None:
        told["saved"] = {"file": str(options.save), **asdict(browsed.saved), "values": dict(browsed.saved.values)}
    if options.search is not None:
        told["features"] = [_finite(asdict(feature)) for feature in browsed.features]
    if snapshot is not None:
        height, width = snapshot.frame.pixels.shape[:2]
        told["snap"] = {
            "file": str(options.snap), "pixel_format": snapshot.frame.pixel_format, "trigger": snapshot.trigger.value,
            "width": width, "height": height,
        }  # fmt: skip
    return told


def _outcome(outcome: SettingsOutcome | None) -> JsonValue:
    if outcome is None:
        return None
    reports = [_finite(asdict(report)) for report in outcome.reports]
    return {"reports": reports, "refusals": [str(refusal) for refusal in outcome.refusals]}


def _finite(table: dict[str, JsonValue]) -> JsonObject:
    # JSON has neither NaN nor infinity (RFC 8259, section 6).
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in table.items()}


def _name(feature: FeatureDescription) -> str:
    return f"{feature.name}[{', '.join(feature.selectors)}]" if feature.selectors else feature.name


def _value(feature: FeatureDescription) -> str:
    value = feature.value
    if value is None:
        return "-"
    if isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = value if isinstance(value, str) else _number(value)
    return f"{text} {feature.unit}" if feature.unit else text


def _range(feature: FeatureDescription) -> str:
    if feature.entries:
        return ", ".join(feature.entries)
    low, high = feature.low, feature.high
    if low is None or high is None or max(abs(low), abs(high)) >= _UNBOUNDED:
        return ""
    step = f" step {_number(feature.step)}" if feature.step not in (None, 0, 1) else ""
    return f"{_number(low)} to {_number(high)}{step}"


def _number(value: float | None) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _access(feature: FeatureDescription) -> str:
    return "; ".join(_access_parts(feature))


def _access_parts(feature: FeatureDescription) -> Iterator[str]:
    words = (["read"] if feature.is_readable else []) + (["write"] if feature.is_writable else [])
    yield "/".join(words) or "not available now"
    if feature.is_locked:
        yield f"locked by {', '.join(feature.locked_by)}" if feature.locked_by else "locked"
    if feature.failure:
        yield feature.failure
