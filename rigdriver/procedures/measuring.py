"""Frame sets into surfaces: live as they come, or one after the other from any source.

In: the frame sets of a live rig or of another source, a reconstructor. Out: results in a folder; a stage, and a note
for what went wrong.
Not here: which source and which options (see reconstruct.py); what results leave (see stereo/results.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import closing, contextmanager

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.config import RigConfig
from rigdriver.errors import CalibrationMismatch, RunCutShort
from rigdriver.frames import FrameSet, GapReason
from rigdriver.procedures.fitting_images import without_unfit
from rigdriver.procedures.flash_trains import FlashTrains
from rigdriver.procedures.notes import FrameSetNote
from rigdriver.progress import Progress
from rigdriver.recording.frame_source import FrameSetSink, FrameSource, Indexed
from rigdriver.stereo.cloud import PointCloud, empty_cloud
from rigdriver.stereo.geometry.surface import Surface
from rigdriver.stereo.reasons import Reason, ReasonKind
from rigdriver.stereo.reconstruct import Reconstructor
from rigdriver.stereo.reconstructors import SurfaceReconstructor
from rigdriver.stereo.results import Results

LIVE_QUEUE = 8
"""Number of frame sets that may wait, so that a delay of some tenths of a second loses none."""

NOT_PROVED = (
    "the folder's proofs do not hold this frame set, so nothing says that its images are of one moment; measure images "
    "from elsewhere in a folder of their own"
)
"""Note about images that were put into a capture."""


def dropping(config: RigConfig) -> RigConfig:
    """Return the rig with runs that go on when frame sets come too fast, and count those that were dropped."""
    run = config.run.model_copy(
        update={"slow_consumer": "drop_oldest", "queue_frame_sets": LIVE_QUEUE, "on_gap": "continue"}
    )
    return config.model_copy(update={"run": run})


def measure_live(trains: FlashTrains, frames: int, made: Reconstructor, results: Results, progress: Progress) -> None:
    """Measure what comes; a frame set that comes while others wait pushes the oldest of them out, whole.

    What a run that is cut short has brought is kept, and the end is noted.
    """
    told: set[object] = set()
    with _kept(progress), progress.stage("measuring live", frames) as advance, closing(iter(trains)) as frame_sets:
        for taken in frame_sets:
            cloud = made.reconstruct(taken.frame_set)
            results.add(taken.name, cloud)
            _note_once((*cloud.reasons, *cloud.figures.warnings), taken, told, progress)
            advance(taken.index + 1)


def _note_once(reasons: Iterable[Reason], taken: Indexed, told: set[object], progress: Progress) -> None:
    """Note each kind of reason once; figures.json holds all of them."""
    gaps = taken.frame_set.gaps
    # By camera and reason, not by sentence: figures in a sentence would make each one new.
    kinds: dict[object, str] = {(name, gap.reason): str(gap) for name, gap in gaps.items()}
    kinds |= {reason.key: str(reason) for reason in reasons if reason.gap is None}
    for kind, text in kinds.items():
        if kind not in told:
            told.add(kind)
            progress.note(FrameSetNote(taken.name, text, is_shown_once=True))


def keep_all(trains: FlashTrains, frames: int, sink: FrameSetSink, progress: Progress) -> None:
    """Keep every frame set, so that nothing is lost while surfaces are found afterwards.

    What a run that is cut short has brought is kept, too, and the end is noted.
    """
    with (
        progress.stage("capturing", frames) as advance, sink, _kept(progress), closing(iter(trains)) as frame_sets
    ):  # fmt: skip
        for taken in frame_sets:
            sink.write(taken.frame_set, taken.index)
            advance(taken.index + 1)


@contextmanager
def _kept(progress: Progress) -> Iterator[None]:
    """Note the end of a run that is cut short, and go on with what has come."""
    try:
        yield
    except RunCutShort as exc:
        progress.note(exc)


def measure_all(
    source: FrameSource, known: RigCalibration, made: Reconstructor, results: Results, progress: Progress
) -> None:
    """Measure all that a source holds; an image that cannot be used ends nothing but its own frame set."""
    count = len(source) if isinstance(source, Sized) else None
    with progress.stage("reconstructing", count) as advance:
        for done, taken in enumerate(source, start=1):
            frame_set = without_unfit(known, taken.frame_set)
            if taken.is_out_of_place:
                progress.note(FrameSetNote(taken.name, NOT_PROVED, is_shown_once=True))
            cloud, surfaces = _measured(made, frame_set)
            if cloud.is_empty:
                progress.note(FrameSetNote(taken.name, cloud.reason))
            else:
                _note_unusable(frame_set, taken.name, progress)
            results.add(taken.name, cloud, surfaces, frame_set.frames)
            advance(done)


def _note_unusable(frame_set: FrameSet, name: str, progress: Progress) -> None:
    """Note files that could not be used where a surface came in spite of them: of a colour camera, or of one pod."""
    for gap in frame_set.gaps.values():
        if gap.reason is GapReason.UNUSABLE_FILE:
            progress.note(FrameSetNote(name, str(gap)))


def _measured(made: Reconstructor, frame_set: FrameSet) -> tuple[PointCloud, tuple[Surface, ...]]:
    try:
        # A registered reconstructor may give points only.
        if isinstance(made, SurfaceReconstructor):
            return made.reconstruct_surfaces(frame_set)
        return made.reconstruct(frame_set), ()
    except CalibrationMismatch as exc:
        return empty_cloud((Reason(ReasonKind.UNFIT, error=exc),)), ()
