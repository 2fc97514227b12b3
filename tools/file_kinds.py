"""The kinds of files that the programs read, each with a valid file and its reader, for campaign_files.py.

In: a folder. Out: a valid file in it. Not here: how it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import trimesh
from trimesh.exchange.ply import export_ply
from trimesh.exchange.stl import export_stl_ascii

from rigdriver.acceptance.judge import Acceptance, Characteristic
from rigdriver.acceptance.lock import check_lock
from rigdriver.calibration import file as calibration_file
from rigdriver.calibration.board.boards import Board
from rigdriver.calibration.calibration import Accuracy, CameraCalibration, Covariance, RigCalibration
from rigdriver.calibration.exchange import export_kalibr, export_opencv, import_kalibr, import_opencv
from rigdriver.config import load as load_rig
from rigdriver.devices.cameras.settings_file import read_settings
from rigdriver.errors import RigError
from rigdriver.images.folder import read_image
from rigdriver.images.region import ImageRegion
from rigdriver.recording.proof_files import read_proofs
from rigdriver.recording.stored_formats import Sidecar, StoredImages, read_sidecar, write_sidecar
from rigdriver.stereo.mesh.files import write_mesh
from rigdriver.stereo.mesh.reading import read_mesh
from rigdriver.stereo.mesh.surface_mesh import SurfaceMesh
from rigdriver_sim.scenario import ScenarioError
from rigdriver_sim.scenario import load as load_scenario

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, with its maker and its reader."""

    name: str
    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    is_text: bool = True
    is_json: bool = False
    refusals: tuple[type[Exception], ...] = (RigError,)
    """Errors whose sentence a verb prints."""


def known() -> RigCalibration:
    """Return a calibration of two cameras."""
    cameras = {}
    for n, name in enumerate(NAMES):
        pose = np.eye(4)
        pose[0, 3] = -80.0 * n
        lens, bend = np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]]), np.array([-0.1, 0.01, 0.0, 0.0, 0.0])
        cameras[name] = CameraCalibration(
            name, f"SN{n}", (640, 480), lens, bend, pose, 0.1, MappingProxyType({"fx": 0.1}), region=ImageRegion()
        )
    board = Board("chessboard", 10, 7, 20.0)
    return RigCalibration(
        "rig", "2026-01-01T00:00:00+00:00", board, (0.0, 0.0, 0.0), MappingProxyType(cameras), 0.1, 10, 100, 1.0,
        Accuracy((0.0, 0.0, 900.0), 300.0, 5.0, 9.0, 5.0, 9.0, 30.0, 60.0),
        Covariance((f"{NAMES[0]}.fx", f"{NAMES[1]}.tx"), np.array([[0.01, 0.001], [0.001, 0.04]])), True, ("a note",),
    )  # fmt: skip


def _calibration(folder: Path) -> Path:
    path = folder / "calibration.json"
    calibration_file.save(known(), path)
    return path


def _read_hashed(path: Path) -> object:
    """Read a file whose hash somebody has made to fit, so that what is behind the hash is reached."""
    try:
        table = json.loads(path.read_bytes())
        table["sha256"] = calibration_file._digest(table)  # noqa: SLF001
        path.write_text(json.dumps(table), encoding="utf-8")
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    return calibration_file.load(path)


def _opencv(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        there = folder / f"opencv{suffix}"
        (path, *_) = export_opencv(known(), there)
        if suffix == ".yaml":
            return path
        storage = cv2.FileStorage(suffix, cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
        camera = known()[NAMES[0]]
        storage.write("image_width", 640)
        storage.write("image_height", 480)
        storage.write("camera_matrix", np.array(camera.K))
        storage.write("distortion_coefficients", np.array(camera.distortion).reshape(1, -1))
        storage.write("T_cam_world", np.eye(4))
        for other in there.iterdir():
            other.unlink()
        path = there / f"left{suffix}"
        path.write_text(storage.releaseAndGetString(), encoding="utf-8")
        return path

    return make


def _kalibr(folder: Path) -> Path:
    path = folder / "camchain.yaml"
    export_kalibr(known(), path)
    return path


def _proofs(folder: Path) -> Path:
    frame: dict[str, object] = {
        "trigger_ticks": 100, "exposure_start_ticks": 120, "exposure_end_ticks": 320, "residual_us": 0.5,
        "tolerance_us": 50.0, "frame_id": 1, "counter": None, "flash_shares": {"white": 1.0}, "notes": [],
        "unchecked": [],
    }  # fmt: skip
    proof = {
        "pulse_index": 0, "generation": 1, "start_ticks": 90, "tick_rate_hz": 10_000_000, "skew_us": 1.0,
        "verdict": "proved", "reasons": [], "flashes": [{"lamp": "white", "rise_ticks": 130, "fall_ticks": 200}],
        "unchecked": [], "frames": {"left": frame},
    }  # fmt: skip
    gap = {"reason": "NOT_STORED", "detail": ""}
    one = {"index": 0, "t_utc_ns": 10**18, "gaps": {"right": gap}, "proof": proof, "arrivals": {}}
    path = folder / "proofs.json"
    path.write_text(json.dumps({"rig": "rig", "frame_sets": [one]}, indent=1), encoding="utf-8")
    return path


def _sidecar(folder: Path) -> Path:
    there = folder / "sidecar"
    there.mkdir()
    write_sidecar(there, Sidecar(MappingProxyType({"left": StoredImages("Mono8", (640, 480))})))
    return there / "images.json"


def _history(folder: Path) -> Path:
    path = folder / "history.jsonl"
    line = Characteristic("flatness", "range", 10.0, 50.0, None, 3.0, is_passed=True)
    done = Acceptance("2026-03-04T12:00:00+00:00", "rig", "2026-01-01", (line,), 1, 0)
    path.write_text(f"{json.dumps(asdict(done))}\n" * 2, encoding="utf-8")
    return path


def _copied(source: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / Path(source).name
        path.write_bytes((ROOT / source).read_bytes())
        return path

    return make


def _settings(folder: Path) -> Path:
    path = folder / "settings.toml"
    path.write_text(
        '[features]\nWidth = 640\nGain = 1.5\n"LineMode[LineSelector=Line1]" = "Output"\n', encoding="utf-8"
    )
    return path


def _rig(folder: Path) -> Path:
    path = folder / "rig.toml"
    path.write_text(RIG, encoding="utf-8")
    return path


RIG = """name = "rig"
[box]
url = "/dev/ttyACM0"
[genicam]
producers = ["a.cti"]
[schedule]
rate_hz = 10
[[cameras]]
name = "left"
serial = "1"
output = 0
input = 0
[[cameras]]
name = "right"
serial = "2"
output = 1
input = 1
features = { Gain = 3.0, PixelFormat = "Mono8" }
[[lamps]]
name = "white"
kind = "pattern"
output = 6
"""


def _image(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"image{suffix}"
        cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 255, (24, 32, 3)).astype(np.uint8))
        return path

    return make


def _deep_image(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"deep{suffix}"
        cv2.imwrite(str(path), np.random.default_rng(1).integers(0, 4096, (24, 32)).astype(np.uint16))
        return path

    return make


def _text_mesh(suffix: str) -> Callable[[Path], Path]:
    """A mesh in the text form of a kind of file that the driver itself writes in binary."""

    def make(folder: Path) -> Path:
        path = folder / f"text{suffix}"
        body = trimesh.creation.box((9, 9, 9))
        path.write_text(export_ply(body, encoding="ascii").decode() if suffix == ".ply" else export_stl_ascii(body))
        return path

    return make


def _mesh(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        there = folder / f"mesh{suffix}"
        there.mkdir()
        path = there / f"mesh{suffix}"
        corners = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]], np.float64)
        faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
        write_mesh(SurfaceMesh(corners, faces, np.ones((4, 3), np.float32), np.ones(4, np.float32)), path)
        return path

    return make


def _serials(path: Path) -> object:
    return import_opencv(path.parent, "rig", {})


NOW = datetime(2026, 3, 5, tzinfo=UTC)
KINDS = (
    Kind("rig", _rig, load_rig),
    Kind("scenario", _copied("simulators/rigdriver_sim/scenarios/default.toml"), lambda p: load_scenario(str(p)),
         refusals=(ScenarioError,)),
    Kind("calibration", _calibration, calibration_file.load, is_json=True),
    Kind("calibration-hashed", lambda f: _calibration(f / "hashed"), _read_hashed, is_json=True),
    Kind("opencv-yaml", _opencv(".yaml"), _serials),
    Kind("opencv-xml", _opencv(".xml"), _serials),
    Kind("opencv-json", _opencv(".json"), _serials, is_json=True),
    Kind("kalibr", _kalibr, lambda p: import_kalibr(p, NAMES, "rig", {})),
    Kind("proofs", _proofs, read_proofs, is_json=True),
    Kind("sidecar", _sidecar, lambda p: read_sidecar(p.parent), is_json=True),
    Kind("history", _history, lambda p: check_lock(p, NOW, 7), is_json=True),
    Kind("settings", _settings, read_settings),
    *(Kind(f"image{s}", _image(s), read_image, is_text=False) for s in (".png", ".tiff", ".bmp", ".jpg")),
    *(Kind(f"deep-image{s}", _deep_image(s), read_image, is_text=False) for s in (".png", ".tiff")),
    *(Kind(f"text-mesh{s}", _text_mesh(s), read_mesh) for s in (".ply", ".stl")),
    *(Kind(f"mesh{s}", _mesh(s), read_mesh, is_text=s in (".obj", ".gltf"), is_json=s == ".gltf")
      for s in (".ply", ".obj", ".stl", ".glb", ".gltf")),
)  # fmt: skip
"""All kinds; a case's number says of which kind it is."""
