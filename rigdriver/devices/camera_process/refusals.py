"""Why a camera does not do what it was asked, in words.

In: a write, and what the camera says of the feature. Out: the CameraError that tells camera, feature, what was seen,
what was expected and what to do. Not here: which writes are refused (see one_feature.py and features.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

from rigdriver.devices.camera_process.feature_names import nearest, same_feature
from rigdriver.devices.camera_process.feature_write import FeatureWrite, Origin
from rigdriver.errors import CameraError

if TYPE_CHECKING:
    from rigdriver.devices.camera_process.one_feature import Nodes

# What often locks a feature, for cameras that do not say it themselves.
_OFTEN = ("TLParamsLocked", "ChunkModeActive")
_SUSPECTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ExposureTime": ("ExposureAuto", "ExposureMode"),
        "ExposureTimeAbs": ("ExposureAuto", "ExposureMode"),
        "ExposureTimeRaw": ("ExposureAuto", "ExposureMode"),
        "Gain": ("GainAuto",),
        "GainRaw": ("GainAuto",),
        "BlackLevel": ("BlackLevelAuto",),
        "BalanceRatio": ("BalanceWhiteAuto",),
        "AcquisitionFrameRate": ("AcquisitionFrameRateEnable", "TriggerMode"),
        "TriggerSource": ("TriggerMode", "TriggerSelector"),
        "TriggerActivation": ("TriggerSource", "TriggerMode"),
        "TriggerMode": ("TriggerSelector", "AcquisitionMode"),
        "PixelFormat": _OFTEN,
        "Width": ("TLParamsLocked", "BinningHorizontal"),
        "Height": ("TLParamsLocked", "BinningVertical"),
        "OffsetX": ("TLParamsLocked", "Width"),
        "OffsetY": ("TLParamsLocked", "Height"),
        "ChunkEnable": ("ChunkModeActive",),
        "ChunkModeActive": ("TLParamsLocked",),
    }
)


def unknown(camera: str, nodes: Nodes, write: FeatureWrite) -> CameraError:
    """Return the refusal of a feature that the camera does not have; a name that nobody wrote has no spelling."""
    if write.origin is not Origin.DEMAND:
        return CameraError(device=camera, seen=f"has no feature {write.name}")
    named = [name for name in sorted(same_feature(write.name) - {write.name}) if nodes.facts(name) is not None]
    if named:
        return CameraError(
            device=camera,
            seen=f"has no feature {write.name}",
            remedy=f"this camera names it {' or '.join(named)}; its unit may differ",
        )
    alike = nearest(write.name, nodes.names())
    hint = f"nearest are {', '.join(alike)}" if alike else "check its spelling in the camera's documentation"
    return CameraError(device=camera, seen=f"has no feature {write.name}", remedy=hint)


def no_entry(camera: str, write: FeatureWrite, name: str, entries: Sequence[str]) -> CameraError:
    """Return the refusal of a camera whose feature has none of the entries that would do."""
    wanted = "none is a line that a trigger can come on" if write.is_any_line else f"none is {write.value}"
    return CameraError(
        device=camera,
        seen=f"{name} has the entries {', '.join(entries) or '(none)'}: {wanted}",
        remedy=f'write the right one into its features: {name} = "..."',
    )


def locked(
    camera: str, nodes: Nodes, write: FeatureWrite, name: str, locked_by: Sequence[str], is_readable: bool
) -> CameraError:
    """Return the refusal of a feature that cannot be written now, with what it depends on."""
    state = f"is {nodes.read(name)!r} and " if is_readable else ""
    return CameraError(
        device=camera,
        seen=f"{asked(write, name)} refused: it {state}cannot be written now; {why_locked(nodes, name, locked_by)}",
    )


def why_locked(nodes: Nodes, name: str, locked_by: Sequence[str]) -> str:
    """Return what a feature depends on: as the camera says it, or as a guess that says that it is one."""
    if locked_by:
        return f"the camera locks it by {_with_values(nodes, locked_by)}"
    suspects = [s for s in _SUSPECTS.get(name, ()) if nodes.facts(s) is not None]
    if suspects:
        return (
            f"the camera does not say what locks it; a guess: {_with_values(nodes, suspects)}, or an acquisition that "
            "goes on"
        )
    return "it is fixed, or locked by another feature or by acquisition"


def asked(write: FeatureWrite, name: str) -> str:
    """Return what was asked, and under which name the camera has it."""
    other = f" (here {name})" if name != write.name else ""
    return f"{write.key} = {write.value!r}{other}"


def _with_values(nodes: Nodes, names: Sequence[str]) -> str:
    return ", ".join(_with_value(nodes, name) for name in names)


def _with_value(nodes: Nodes, name: str) -> str:
    with suppress(CameraError):
        facts = nodes.facts(name)
        if facts is not None and facts.is_readable:
            return f"{name} (now {nodes.read(name)})"
    return name
