"""Views rendered once, so that a live rig needs only light and noise for each exposure.

In: a spec and a resolution. Out: `paint`, which fills an image slot in a few milliseconds. Maps lie on disk under the
user's cache, by the hash of the spec and of this package's source; each has a checksum, is written whole or not at all,
and is rendered again when it does not fit. Two processes may build the same bank: both write the same bytes.
Lies: time stands still between the bank's views and is repeated after one period; noise comes from one tile of a
million normal numbers that starts elsewhere in each row of each exposure; no skewness of the shot noise.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rigdriver_sim.scene.compose import FULL_CODES, TILE_COUNT, Codes, compose, sensor_numbers
from rigdriver_sim.scene.hits import Floats32
from rigdriver_sim.scene.noise import fill_normal_codes, key_of, normal_table
from rigdriver_sim.scene.pods import AMBIENT, CAMERAS, PATTERN_LAMPS, WHITE_LAMPS
from rigdriver_sim.scene.render import LightUs, Renderer
from rigdriver_sim.scene.sensor import kill_pixels
from rigdriver_sim.scene.spec import CameraChange, SceneSpec

Progress = Callable[[int, int], None]
"""Called with the maps at hand and the maps wanted."""

_HEADER = struct.Struct("<8sIII12x")
_MAGIC = b"RDSCENE1"
_KEPT_BANKS = 3

Needs = Mapping[str, tuple[str, ...]]
"""Camera -> lamps."""


def cache_root() -> Path:
    """Return where banks are kept when nobody says otherwise: in the user's cache (XDG Base Directory)."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a path that is not absolute is to be ignored.
    return (Path(named) if Path(named).is_absolute() else Path.home() / ".cache") / "rigdriver" / "scenes"


def live_needs(spec: SceneSpec) -> Needs:
    """Return what is rendered ahead: pattern for all and white for texture, or white alone for a board."""
    white = (*WHITE_LAMPS, AMBIENT)
    if spec.kind == "board":
        return dict.fromkeys(CAMERAS, white)
    pattern = (*PATTERN_LAMPS, AMBIENT)
    return {camera: (*PATTERN_LAMPS, *white) if camera.endswith("_colour") else pattern for camera in CAMERAS}


def bank_key(spec: SceneSpec, width: int, height: int) -> str:
    """Return the name of a bank: it changes with the scene, the resolution and the code that renders.

    What has happened to single cameras is not in it: their maps tell that by their own names.
    """
    digest = hashlib.blake2b(digest_size=12)
    digest.update(json.dumps([asdict(replace(spec, cameras={})), width, height], sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def time_of_view(spec: SceneSpec, view: int) -> float:
    """Return the scene time, s, of a bank's view; views repeat."""
    return (view % spec.bank.views) * (spec.dwell_s or spec.period_s / spec.bank.views)


def _change_key(change: CameraChange) -> str:
    if change == CameraChange():
        return "as-built"
    return hashlib.blake2b(json.dumps(asdict(change), sort_keys=True).encode(), digest_size=6).hexdigest()


class Bank:
    """A looping bank of views. Open it with `Bank.open`; paint from one thread."""

    def __init__(self, spec: SceneSpec, width: int, height: int, folder: Path) -> None:
        self.spec = spec
        self.width = width
        self.height = height
        self.folder = folder
        self._renderer = Renderer(spec, width, height)
        self._changes: dict[str, CameraChange] = dict(spec.cameras)
        self._maps: dict[Path, Codes] = {}
        # Longer than the places at which a row may begin: the last of them still has a whole row behind it.
        self._tile = np.empty(TILE_COUNT + 2 * max(width, 4096), np.int8)
        fill_normal_codes(np.uint64(key_of("tile", spec.seed)), normal_table(), self._tile)

    @classmethod
    def open(
        cls,
        spec: SceneSpec,
        width: int,
        height: int,
        *,
        root: Path | None = None,
        needs: Needs | None = None,
        progress: Progress | None = None,
        workers: int = 2,
    ) -> Bank:
        """Load or render the maps that `needs` names; others are rendered when first painted, which takes a second."""
        root = cache_root() if root is None else root
        needs = live_needs(spec) if needs is None else needs
        folder = root / bank_key(spec, width, height)
        folder.mkdir(parents=True, exist_ok=True)
        # Banks are thrown away by their age, so each use makes this one young again.
        os.utime(folder)
        _prune(root, keep=folder)
        bank = cls(spec, width, height, folder)
        jobs = [(camera, index) for index in range(bank.views) for camera in needs]
        with ThreadPoolExecutor(workers, thread_name_prefix="bank") as pool:
            done = pool.map(lambda job: bank._provide(job[0], job[1], needs[job[0]]), jobs)
            for count, _ in enumerate(done, start=1):
                if progress is not None:
                    progress(count, len(jobs))
        return bank

    @property
    def views(self) -> int:
        """How many moments the bank holds."""
        return self.spec.bank.views

    def t_of(self, index: int) -> float:
        """Return the scene time, s, of a view."""
        return time_of_view(self.spec, index)

    def change(self, camera: str, change: CameraChange) -> None:
        """Let something happen to a camera; its views are rendered before it takes effect, a second each.

        May be called from another thread than `paint`'s, which goes on painting the old views meanwhile.
        """
        changed = self._renderer.with_changes({**self._changes, camera: change})
        lamps = live_needs(self.spec)[camera]
        maps: dict[Path, Codes] = {}
        for index in range(self.views):
            maps |= self._render(changed, camera, index, change, lamps)
        self._maps |= maps
        # The maps come first: another thread paints meanwhile, and must find them as soon as the change is named.
        self._renderer = changed
        self._changes = {**self._changes, camera: change}

    def paint(
        self, camera: str, index: int, light_us: LightUs, ordinal: int, out: npt.NDArray[np.generic], bits: int = 8
    ) -> None:
        """Fill `out`, (H, W) uint8 or uint16, with the pixel values of a view under that light."""
        sensor, full_scale = self.spec.sensor, (1 << bits) - 1
        # In one order always: a sum of floats depends on it, and the same light must give the same pixels.
        lit = {lamp: us for lamp, us in sorted(light_us.items()) if np.any(us)}
        maps = self._provide(camera, index % self.views, tuple(lit))
        shares = [np.asarray(us, np.float32) / np.float32(self.spec.light.nominal_us) for us in lit.values()]
        key = np.uint64(key_of("bank noise", self.spec.seed, camera, ordinal))
        compose([maps[lamp] for lamp in lit], shares, self._tile, key, sensor_numbers(sensor, full_scale), out)
        kill_pixels(out, sensor, self.spec.seed, camera, full_scale)

    def _provide(self, camera: str, index: int, lamps: tuple[str, ...]) -> Mapping[str, Codes]:
        change = self._changes.get(camera, CameraChange())
        paths = {lamp: self._path(camera, change, index, lamp) for lamp in lamps}
        for path in paths.values():
            if path not in self._maps and (found := _load(path, self.height, self.width)) is not None:
                self._maps[path] = found
        missing = tuple(lamp for lamp, path in paths.items() if path not in self._maps)
        if missing:
            self._maps |= self._render(self._renderer, camera, index, change, missing)
        return {lamp: self._maps[path] for lamp, path in paths.items()}

    def _render(
        self, renderer: Renderer, camera: str, index: int, change: CameraChange, lamps: tuple[str, ...]
    ) -> dict[Path, Codes]:
        view = renderer.view(camera, self.t_of(index), lamps)
        rendered = {}
        for lamp in lamps:
            path = self._path(camera, change, index, lamp)
            codes = _codes(view.lamps[lamp], self.spec.sensor.full_well_e)
            _store(path, codes)
            # From the disk if it can be: what is mapped there needs no memory of its own.
            stored = _map(path, self.height, self.width)
            rendered[path] = codes if stored is None else stored
        return rendered

    def _path(self, camera: str, change: CameraChange, index: int, lamp: str) -> Path:
        return self.folder / f"{camera}-{_change_key(change)}-{index:04d}-{lamp}.map"


def _codes(electrons: Floats32, full_well_e: float) -> Codes:
    scale = np.float32(65535 / (FULL_CODES * full_well_e))
    codes: Codes = np.clip(electrons * scale + np.float32(0.5), 0, 65535).astype(np.uint16)
    return codes


def _store(path: Path, codes: Codes) -> None:
    """Write a map whole or not at all."""
    payload = np.ascontiguousarray(codes, "<u2").tobytes()
    # A full or read-only disk costs only the time to render again: the map stays in memory.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_HEADER.pack(_MAGIC, zlib.crc32(payload), *codes.shape))
                file.write(payload)
                # Hundreds of megabytes that the kernel flushes later would stall the rig's own files while it runs.
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)


def _load(path: Path, height: int, width: int) -> Codes | None:
    """Return a stored map, or None when there is none or it is not what was written."""
    codes = _map(path, height, width)
    if codes is None:
        return None
    with suppress(OSError, struct.error), path.open("rb") as file:
        magic, checksum, rows, columns = _HEADER.unpack(file.read(_HEADER.size))
        if (magic, rows, columns) == (_MAGIC, height, width) and zlib.crc32(codes.data) == checksum:
            return codes
    return None


def _map(path: Path, height: int, width: int) -> Codes | None:
    """Return the codes of a file of the right size, unchecked."""
    with suppress(OSError):
        if path.stat().st_size == _HEADER.size + 2 * height * width:
            return np.memmap(path, "<u2", "r", _HEADER.size, (height, width))
    return None


def _prune(root: Path, keep: Path) -> None:
    """Leave the banks that were used last; another process keeps what it has mapped."""
    try:
        banks = sorted((p for p in root.iterdir() if p.is_dir() and p != keep), key=lambda p: p.stat().st_mtime)
    except OSError:
        return
    for old in banks[: max(0, len(banks) - (_KEPT_BANKS - 1))]:
        shutil.rmtree(old, ignore_errors=True)
