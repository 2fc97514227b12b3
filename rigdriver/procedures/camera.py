"""Browse one camera of a rig: its features, changes to them, its settings as a file, and one image.

In: a rig, a camera's name, and what to do. Out: a value with what the camera has and made of it. Only that camera is
opened, without the box. It is left as it is, but for what is asked for; for an image it first gets the rig's settings.
Not here: what is printed (see cli/camera.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rigdriver.config import CameraConfig, FeatureValue, RigConfig
from rigdriver.devices.camera_link.descriptions import CameraReport, FeatureReport
from rigdriver.devices.camera_link.feature_tree import FeatureDescription, SettableFeatures, SettingsOutcome
from rigdriver.devices.cameras.camera_features import CameraFeatures
from rigdriver.devices.cameras.cameras import Cameras
from rigdriver.devices.cameras.settings_file import read_settings
from rigdriver.errors import CameraError, UsageError
from rigdriver.images.image_writer import snapshot_png
from rigdriver.rig import trigger_features
from rigdriver.run.snap import Snapshot, snap, snap_timeout_s
from rigdriver.sources import resolve
from rigdriver.timebase import open_timebase
from rigdriver.whole_file import refuse_existing, write_new

PICTURE = ".png"


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """One feature that is to be written."""

    key: str
    """Name as a rig file spells it, selector included."""
    value: FeatureValue


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What is to be done with a camera, in this order: load, change, save, list, snap."""

    load: Path | None = None
    changes: tuple[FeatureChange, ...] = ()
    save: Path | None = None
    search: str | None = None
    """Text that listed features hold; the empty text lists all, None lists none."""
    snap: Path | None = None


@dataclass(frozen=True, slots=True)
class BrowsedCamera:
    """What a camera has, and what it made of what was asked."""

    report: CameraReport
    features: tuple[FeatureDescription, ...] = ()
    loaded: SettingsOutcome | None = None
    changed: SettingsOutcome | None = None
    """Outcome of the changes; it ends with the first refusal."""
    saved: SettableFeatures | None = None
    snapshot: Snapshot | None = None

    @property
    def has_refused(self) -> bool:
        """Whether a change was refused, and all that follows it was left out."""
        return self.changed is not None and bool(self.changed.refusals)

    @property
    def is_as_asked(self) -> bool:
        """Whether every feature that was written has the value that was asked for."""
        return all(outcome is None or outcome.is_as_asked for outcome in (self.loaded, self.changed))


def browse_camera(source: str | Path | RigConfig, camera: str, options: CameraOptions) -> BrowsedCamera:
    """Open one camera of a rig, and do what the options say.

    Raises:
        UsageError: the rig has no such camera, a file to write is there already, or a file to load cannot be read.
        DeviceError: the camera is missing, or refuses an image.
    """
    _check(options)
    with ExitStack() as stack:
        config = resolve(source, stack)
        chosen = _chosen(config, camera)
        settings = {camera: trigger_features(config, chosen)} if options.snap is not None else {}
        cameras = stack.enter_context(Cameras.open(config.genicam, [chosen], settings, config.timebase))
        features = cameras[camera].features
        report = cameras.reports[camera]
        loaded = None if options.load is None else features.load(options.load)
        changed = _change(features, options.changes) if options.changes else None
        if changed is not None and changed.refusals:
            return BrowsedCamera(report, loaded=loaded, changed=changed)
        saved = None if options.save is None else features.save(options.save)
        listed = () if options.search is None else features.search(options.search)
        snapshot = None
        if options.snap is not None:
            timebase = open_timebase(config.timebase)
            snapshot = snap(cameras, camera, snap_timeout_s(config, camera), timebase)
            _write_picture(options.snap, snapshot)
        return BrowsedCamera(report, listed, loaded, changed, saved, snapshot)


def _check(options: CameraOptions) -> None:
    """Find what the caller has asked wrongly before a camera is opened."""
    if options.snap is not None and options.snap.suffix.lower() != PICTURE:
        raise UsageError(device=str(options.snap), seen="cannot be written", expected=f"a name that ends in {PICTURE}")
    for path in (options.save, options.snap):
        if path is not None:
            refuse_existing(path)
    if options.load is not None:
        read_settings(options.load)


def _chosen(config: RigConfig, camera: str) -> CameraConfig:
    for known in config.cameras:
        if known.name == camera:
            return known
    names = ", ".join(known.name for known in config.cameras)
    raise UsageError(device=f"camera {camera}", seen="is not in the rig file", expected=f"one of {names}")


def _change(features: CameraFeatures, changes: tuple[FeatureChange, ...]) -> SettingsOutcome:
    """Write one feature after the other, up to the first refusal."""
    reports: list[FeatureReport] = []
    for change in changes:
        try:
            reports.append(features.set(change.key, change.value))
        except CameraError as exc:
            return SettingsOutcome(tuple(reports), (exc,))
    return SettingsOutcome(tuple(reports))


def _write_picture(path: Path, snapshot: Snapshot) -> None:
    try:
        picture = snapshot_png(snapshot.frame)
    except ValueError as exc:
        raise CameraError(
            device=f"camera {snapshot.frame.camera}",
            seen=f"its pixel format {snapshot.frame.pixel_format} cannot be written as PNG",
            remedy="set another PixelFormat",
        ) from exc
    write_new(path, picture, is_private=True)
