"""Frame sets into surfaces, in three ways: live as they come, captured first, and from a folder.

In: flash trains of a rig, or a folder of images; a reconstructor. Out: results, or images and proofs in a folder; a
progress bar, and a line for what went wrong. This file refuses to know the verb's options and what results leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rigdriver.cli.flash_trains import FlashTrains
from rigdriver.cli.image_writer import ImageFormat, ImageWriter
from rigdriver.cli.proof_files import ProofFiles
from rigdriver.cli.screen import note, progress_bar
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch
from rigdriver.frames import FrameSet

if TYPE_CHECKING:
    from rigdriver.stereo.folder import ImageFolder
    from rigdriver.stereo.reconstruct import CellReconstructor
    from rigdriver.stereo.results import Results

LIVE_QUEUE = 8
"""Frame sets that may wait, so that a hiccup of some tenths of a second loses none."""


def dropping(config: RigConfig) -> RigConfig:
    """Return the rig with runs that go on when frame sets come too fast, and count those that were dropped."""
    run = config.run.model_copy(
        update={"slow_consumer": "drop_oldest", "queue_frame_sets": LIVE_QUEUE, "on_gap": "continue"}
    )
    return config.model_copy(update={"run": run})


def measure_live(trains: FlashTrains, frames: int, made: CellReconstructor, results: Results) -> None:
    """Measure what comes; one that comes while others wait pushes the oldest of them out, whole."""
    told: set[str] = set()
    with progress_bar("measuring live", frames) as advance, closing(iter(trains)) as frame_sets:
        for index, frame_set in frame_sets:
            cloud = made.reconstruct(frame_set)
            results.add(f"{index:06d}", cloud)
            _tell_once((cloud.reason, *cloud.figures.warnings), index, frame_set, told)
            advance(index + 1)


def _tell_once(reasons: Iterable[str], index: int, frame_set: FrameSet, told: set[str]) -> None:
    """Ten times a second the same line helps nobody; figures.json holds them all."""
    kinds = {f"camera {name}: {gap.reason.name}": str(gap) for name, gap in frame_set.gaps.items()}
    texts = set(kinds.values())
    kinds |= {reason.partition(":")[0]: reason for reason in reasons if reason and reason not in texts}
    for kind, text in kinds.items():
        if kind not in told:
            told.add(kind)
            note(f"frame set {index}: {text} (told once)")


def captured(trains: FlashTrains, frames: int, folder: Path, config: RigConfig, mosaic: str) -> str:
    """Write all images and proofs, so that nothing is lost while surfaces are found; return the mosaic's format."""
    with (
        progress_bar("capturing", frames) as advance,
        ProofFiles(folder, config.name) as proofs,
        ImageWriter(folder, ImageFormat.PNG) as images,
        closing(iter(trains)) as frame_sets,
    ):
        for index, frame_set in frame_sets:
            proofs.write(frame_set, index)
            images.write(frame_set, index)
            formats = [f.pixel_format for f in frame_set if f.pixel_format.startswith("Bayer")]
            mosaic = formats[0] if formats else mosaic
            advance(index + 1)
    return mosaic


def measure_folder(images: ImageFolder, made: CellReconstructor, results: Results) -> None:
    """Measure all that a folder holds.

    Raises:
        CalibrationMismatch: with the frame set whose images do not fit.
    """
    with progress_bar("reconstructing", len(images)) as advance:
        for done, (index, found) in enumerate(images, start=1):
            try:
                cloud, surfaces = made.reconstruct_surfaces(found)
            except CalibrationMismatch as exc:
                raise CalibrationMismatch(f"frame set {index}: {exc}") from exc
            if cloud.is_empty:
                note(f"frame set {index}: {cloud.reason}")
            results.add(index, cloud, surfaces, found)
            advance(done)
