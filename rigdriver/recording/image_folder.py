"""Images of a folder as frame sets: a capture of this rig, or files from elsewhere.

In: DIR/<camera>/<index>.png or .tiff, with images.json and proofs.json where it is a capture. Out: frame sets, read one
by one; each frame says its pixel format, and the proof and gaps of a capture come with it. A camera without an image of
an index is a gap, and so is a file that cannot be used: it ends nothing but its own frame. Files from elsewhere carry
no proof: their frame sets are unproved, and say so.
Not here: what the digital numbers mean when nothing says it (see stored_formats.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from rigdriver.arrays import Pixels
from rigdriver.config import RigConfig
from rigdriver.errors import UsageError
from rigdriver.frames import Frame, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import Told
from rigdriver.images.folder import in_counting_order, list_images, read_image
from rigdriver.images.region import ImageRegion
from rigdriver.recording.frame_source import Indexed
from rigdriver.recording.proof_files import Arrival, StoredProof, has_proofs, read_proofs
from rigdriver.recording.stored_formats import NO_ANSWERS, FormatAnswers, format_of, read_sidecar, refuse_unfit_file

NO_PROOF = "the folder holds no proof of these images"
ASKED_FILES = 3
"""Number of files of each camera that are read to learn what all of them hold: two outvote a bad one."""


class ImageFolder:
    """The frame sets of a folder; a `FrameSource`. Iterating reads them one by one."""

    def __init__(self, folder: Path, roles: Mapping[str, str], answers: FormatAnswers = NO_ANSWERS) -> None:
        """`roles`: role by camera (geometry, texture); other folders are left alone. `answers` count without a sidecar.

        Raises:
            UsageError: none of the cameras has a usable image there, or it is not clear what the files hold.
        """
        found = list_images(folder)
        self._paths = {name: found[name] for name in roles if name in found}
        if not self._paths:
            raise UsageError(
                device=str(folder),
                seen=f"holds folders {', '.join(found)}",
                expected=f"one per camera of the calibration: {', '.join(roles)}",
            )
        self.names = in_counting_order({index for paths in self._paths.values() for index in paths})
        sidecar = read_sidecar(folder)
        self._config = sidecar.config if sidecar else None
        self._sizes: dict[str, tuple[int, int]] = {}
        self._regions: dict[str, ImageRegion | None] = {}
        self.pixel_formats: dict[str, str] = {}
        for name, paths in self._paths.items():
            stored = sidecar.cameras.get(name) if sidecar else None
            self._regions[name] = stored.region if stored else None
            if stored is not None:
                self._sizes[name], self.pixel_formats[name] = stored.size_px, stored.pixel_format
                continue
            pixels = _typical(paths, is_grey=roles[name] == "geometry")
            if pixels is None:  # each of its frames will be a gap with the file's own reason
                continue
            self._sizes[name] = (pixels.shape[1], pixels.shape[0])
            self.pixel_formats[name] = format_of(name, roles[name], pixels, answers)
        if not self.pixel_formats:
            read_image(next(iter(next(iter(self._paths.values())).values())))  # raises with the first file's reason
        self._proofs = {p.index: p for p in read_proofs(folder)} if has_proofs(folder) else {}

    @property
    def config(self) -> RigConfig | None:
        """The rig that captured the images; None when that is not known."""
        return self._config

    def sizes_px(self) -> Mapping[str, tuple[int, int]]:
        """Return width and height of each camera's images."""
        return MappingProxyType(self._sizes)

    def regions(self) -> Mapping[str, ImageRegion | None]:
        """Return each camera's place on the sensor; None where the folder does not say it."""
        return MappingProxyType(self._regions)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Indexed]:
        for place, name in enumerate(self.names):
            # A capture's file names are its indices, and its proofs are found by them. Other names only give an order.
            index = int(name) if _is_index(name) else place
            is_out_of_place = bool(self._proofs) and not (_is_index(name) and index in self._proofs)
            yield Indexed(index, name, self._frame_set(name, index), is_out_of_place)

    def _frame_set(self, name: str, index: int) -> FrameSet:
        known = self._proofs.get(index) if _is_index(name) else None
        frames = {}
        gaps = dict(known.gaps) if known else {}
        for camera, paths in self._paths.items():
            try:
                # An image of a camera whose frame is known to be missing stands for it and shows nothing.
                if name in paths and camera not in gaps:
                    frames[camera] = self._frame(camera, paths[name], index, known)
            except UsageError as exc:
                gaps[camera] = Gap(camera, GapReason.UNUSABLE_FILE, Told(str(exc)))
        gaps = {c: gaps.get(c, Gap(c, GapReason.NOT_STORED)) for c in self._paths if c not in frames}
        if known is None:
            # Zeros stand for times that nobody measured; the verdict and its reason say so.
            proof = Proof(index, 0, 0, 0, MappingProxyType({}), float("nan"), ProofVerdict.UNPROVED, (NO_PROOF,))
            # A frame set from elsewhere keeps its place and nothing else.
            return FrameSet(index, 0, 0, MappingProxyType(frames), MappingProxyType(gaps), proof)
        # The host's monotonic clock of that run means nothing here: 0. UTC is kept.
        return FrameSet(
            known.proof.pulse_index, 0, known.t_utc_ns, MappingProxyType(frames), MappingProxyType(gaps), known.proof
        )

    def _frame(self, camera: str, path: Path, index: int, known: StoredProof | None) -> Frame:
        pixels = read_image(path)
        # Each file is looked at, not the first one alone: one number beyond full scale proves the answer wrong.
        refuse_unfit_file(path, pixels, self.pixel_formats[camera])
        pixels.flags.writeable = False
        arrival = known.arrivals.get(camera) if known else None
        if arrival is None:  # a folder from elsewhere, or of an earlier version
            proved = known.proof.frames.get(camera) if known else None
            arrival = Arrival(proved.frame_id if proved else index, None, 0)
        return Frame(
            camera, arrival.frame_id, arrival.t_camera_ns, arrival.t_host_ns, self.pixel_formats[camera], pixels
        )


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _typical(paths: Mapping[str, Path], *, is_grey: bool) -> Pixels | None:
    """Return an image of the kind (type, size, channels) that most of a camera's files have; None without any.

    One odd file, the first one included, does not decide what a camera's files hold; some of them are asked.
    """
    seen: dict[tuple[object, ...], list[Pixels]] = {}
    rows = list(paths.values())
    spread = [rows[k * (len(rows) - 1) // (ASKED_FILES - 1)] for k in range(ASKED_FILES)]
    for path in dict.fromkeys([*spread, *rows]):
        if sum(map(len, seen.values())) == ASKED_FILES:
            break
        with suppress(UsageError):
            pixels = read_image(path)
            seen.setdefault((pixels.dtype, pixels.shape), []).append(pixels)
    # A geometry camera's files are grey whatever lies beside them. The earliest kind wins a draw.
    kinds = [same for same in seen.values() if not is_grey or same[0].ndim == 2] or list(seen.values())
    return max(kinds, key=len)[0] if kinds else None
