"""Calibrate from images of a board, check whether a calibration still holds, and mend it; exchange files.

In: folders DIR/<camera>/<index>.png or recordings, a board or a calibration. Out: a calibration file and its figures, a
verdict, or a camera's pose solved again.
Not here: taking the images (see calibrate_capture.py); the solving (see rigdriver.calibration).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.exchange import import_kalibr, import_opencv
from rigdriver.calibration.file import load, save
from rigdriver.calibration.folder import FoundCorners, detect_folder
from rigdriver.calibration.health.evidence import board_observations
from rigdriver.calibration.health.monitor import DriftVerdict
from rigdriver.calibration.health.monitor import check as check_health
from rigdriver.calibration.solve.all_cameras import CameraIdentity, SolveOptions
from rigdriver.calibration.solve.one_camera import ResolvedCamera, resolve_camera
from rigdriver.config import RigConfig
from rigdriver.config import load as load_rig
from rigdriver.errors import UsageError
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.calibrated import Calibrated, calibrated, identities
from rigdriver.procedures.recorded_board import find_recorded_board
from rigdriver.progress import SILENT, Progress
from rigdriver.recording.recording_file import Recording, is_recording
from rigdriver.recording.stored_formats import read_sidecar

ROLES = ("geometry", "texture")
"""Roles of a camera, the usual one first."""


@dataclass(frozen=True, slots=True)
class SolveFolderOptions:
    """What is known of a folder of board images, and where the result goes."""

    board: Board
    out: Path
    rig_file: Path | None = None
    """Names, serials and pods of the cameras; without it the folder's names are taken."""
    lens_coefficients: int = 5
    identities: Mapping[str, CameraIdentity] = field(default_factory=lambda: MappingProxyType({}))
    """Roles and pods by camera, where there is no rig file."""
    report: Path | None = None


def solve_folder(folder: Path, options: SolveFolderOptions, progress: Progress = SILENT) -> Calibrated:
    """Calibrate all cameras from a folder of board images.

    Raises:
        UsageError: the folder holds no images.
        CalibrationError: the images do not determine the cameras.
    """
    config = load_rig(options.rig_file) if options.rig_file else None
    names = tuple(c.name for c in config.cameras) if config else ()
    found = _noted(find_board(folder, options.board, names, progress), progress)
    regions = stored_regions(folder)
    who = identities(config, regions) if config else _who(options.identities, found.observations.cameras, regions)
    solving = SolveOptions(
        config.name if config else "unnamed", options.lens_coefficients, identities=MappingProxyType(dict(who))
    )
    return calibrated(found.observations, options.board, solving, options.out, options.report, progress)


def _who(
    said: Mapping[str, CameraIdentity], cameras: Sequence[str], regions: Mapping[str, ImageRegion | None]
) -> Mapping[str, CameraIdentity]:
    unknown = [name for name in said if name not in cameras]
    if unknown:
        raise UsageError(
            device=f"--camera {unknown[0]}", seen="the folder has no such camera",
            expected=f"one of {', '.join(cameras)}",
        )  # fmt: skip
    return {name: replace(said.get(name, CameraIdentity()), region=regions.get(name)) for name in cameras}


def check_folder(folder: Path, file: Path, rig_file: Path | None = None, progress: Progress = SILENT) -> DriftVerdict:
    """Check with board images whether a calibration still holds, and which camera moved."""
    known = load(file, load_rig(rig_file) if rig_file else None)
    found = _noted(find_board(folder, known.board, tuple(known.cameras), progress), progress)
    known.check_sizes(dict(zip(found.observations.cameras, found.observations.sizes_px, strict=True)))
    known.check_regions(stored_regions(folder))
    return check_health(known, board_observations(found.observations, known.board))


def resolve_folder(folder: Path, camera: str, file: Path, out: Path, progress: Progress = SILENT) -> ResolvedCamera:
    """Solve the pose of one moved camera again, and write the calibration with it."""
    known = load(file)
    found = _noted(find_board(folder, known.board, tuple(known.cameras), progress), progress)
    known.check_regions(stored_regions(folder))
    resolved = resolve_camera(known, found.observations, known.board, camera)
    save(resolved.calibration, out)
    return resolved


def import_calibration(source: Path, rig_file: Path, out: Path) -> RigCalibration:
    """Read another program's calibration: a folder of OpenCV files, or Kalibr's camchain; write it as ours."""
    config = load_rig(rig_file)
    serials = {c.name: c.serial for c in config.cameras}
    if source.is_dir():
        found = import_opencv(source, config.name, serials)
    else:
        found = import_kalibr(source, [c.name for c in config.cameras], config.name, serials)
    found = _with_pods(found, config)
    # These formats hold no serial numbers: the check shows at least that all cameras of the rig are there.
    found.check_rig(config)
    save(found, out)
    return found


def _with_pods(found: RigCalibration, config: RigConfig) -> RigCalibration:
    """Return the calibration with the rig file's pods and roles, which other programs' files do not hold."""
    who = {camera.name: camera for camera in config.cameras}
    cameras = {
        name: replace(camera, pod=who[name].pod, role=who[name].role) if name in who else camera
        for name, camera in found.cameras.items()
    }
    return replace(found, cameras=MappingProxyType(cameras))


def parse_identities(texts: Sequence[str]) -> Mapping[str, CameraIdentity]:
    """Read `NAME[:ROLE[:POD]]`, what a person says of cameras without a rig file.

    Raises:
        UsageError: another role, or a part too many.
    """
    found = {}
    for text in texts:
        parts = [*text.split(":"), "", ""]
        name, role, pod = parts[:3]
        if not name or any(parts[3:]) or role not in {"", *ROLES}:
            raise UsageError(
                device=f"--camera {text}", seen="is not understood", expected=f"NAME:{' or '.join(ROLES)}:POD"
            )
        found[name] = CameraIdentity(role=role or ROLES[0], pod=pod or CameraIdentity().pod)
    return found


def stored_regions(folder: Path) -> Mapping[str, ImageRegion | None]:
    """Return the place on the sensor of each camera's images, as far as the folder or the recording says it."""
    if is_recording(folder):
        with Recording(folder) as recording:
            return recording.regions()
    sidecar = read_sidecar(folder)
    return {name: stored.region for name, stored in sidecar.cameras.items()} if sidecar else {}


def find_board(folder: Path, board: Board, cameras: Sequence[str], progress: Progress) -> FoundCorners:
    """Search the board in all images of a folder, or in frame sets of a recording."""
    if is_recording(folder):
        with Recording(folder) as recording:
            return find_recorded_board(recording, board, cameras, progress)
    sidecar = read_sidecar(folder)
    # Without a sidecar the images themselves show whether they are mosaics.
    formats = {name: stored.pixel_format for name, stored in sidecar.cameras.items()} if sidecar else {}
    with progress.stage("searching the board", 100) as advance:
        return detect_folder(
            folder, board, cameras, progress=lambda share, _what: advance(round(100 * share)), pixel_formats=formats
        )


def _noted(found: FoundCorners, progress: Progress) -> FoundCorners:
    """Note what could not be used."""
    for text in found.notes:
        progress.note(text)
    return found
