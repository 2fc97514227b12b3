"""A board in a recording: the frame sets that are looked at, and their images as views.

In: a recording, a board. Out: corners, as from a folder of images. A recording shows the same view many times, so that
at most `MOST_VIEWS` frame sets are taken, evenly spread. Not here: the search (see calibration/folder.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rigdriver.arrays import Pixels
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.folder import FoundCorners, ViewImage, detect_images
from rigdriver.errors import RecordingDamaged, UsageError
from rigdriver.progress import Progress
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.recording_file import Recording

MOST_VIEWS = 60
"""Largest number of frame sets that are looked at; a good calibration has 20 to 40 views."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedImage:
    """One camera's image of a frame set, which is read when it is needed."""

    at: Callable[[int], Indexed]
    """Function that reads a frame set of the recording by its place."""
    place: int
    camera: str

    @property
    def name(self) -> str:
        """Name of the frame set."""
        return f"frame set {self.place}"

    def read(self) -> Pixels | None:
        """Return its pixels; None where the camera has none."""
        try:
            frame = self.at(self.place).frame_set.frames.get(self.camera)
        except RecordingDamaged:
            return None
        return None if frame is None else frame.pixels

    def __str__(self) -> str:
        return f"{self.name}, camera {self.camera}"


def find_recorded_board(recording: Recording, board: Board, cameras: Sequence[str], progress: Progress) -> FoundCorners:
    """Search the board in frame sets of a recording.

    Raises:
        UsageError: it holds no frame set.
        BoardMismatch: the board is nowhere; says which markers are there instead.
    """
    places = spread(len(recording))
    if not places:
        raise UsageError(device=str(recording.path), seen="holds no frame set", remedy="name another recording")
    if len(places) < len(recording):
        progress.note(f"{len(places)} of {len(recording)} frame sets are looked at, evenly spread")
    frames: dict[str, dict[str, ViewImage]] = {name: {} for name in cameras or recording.plan.cameras}
    formats: dict[str, str] = {}
    # The newest ones are kept, since all cameras' images are asked for one by one.
    at = lru_cache(maxsize=2)(recording.__getitem__)
    for place in places:
        taken: Indexed = at(place)
        for frame in taken.frame_set:
            if frame.camera in frames:
                frames[frame.camera][taken.name] = RecordedImage(at, place, frame.camera)
                formats[frame.camera] = frame.pixel_format
    images = {name: views for name, views in frames.items() if views}
    with progress.stage("searching the board", 100) as advance:
        return detect_images(
            str(recording.path), images, board, progress=lambda share, _what: advance(round(100 * share)),
            pixel_formats=formats,
        )  # fmt: skip


def spread(count: int, most: int = MOST_VIEWS) -> list[int]:
    """Return at most that many places of `count`, evenly spread, the first and the last one among them."""
    if count <= most:
        return list(range(count))
    return [round(k * (count - 1) / (most - 1)) for k in range(most)]
