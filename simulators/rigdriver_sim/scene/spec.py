"""The `[scene]` table of a scenario file: subject, motion, artefacts, optics, light, sensor, bank.

In: the parsed table. Out: one frozen `SceneSpec`; below this file nobody checks again. All mistakes are reported at
once, each with key, value, bound and line. Not here: the scenario's other tables (see scenario.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from rigdriver_sim.scene.spec_lines import KeyPath, find_key_lines

KINDS = ("head", "board", "ball_bar", "plate", "empty")


class SceneError(ValueError):
    """A scene table says something impossible: `smile.toml line 4: scene.motion.smile = 3: expected 0 to 1`."""


def _number(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _choice(default: Any, *choices: Any) -> Any:
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """Proportions of the head as factors of the average; what is left out (0) is drawn from the seed."""

    width: float = _number(0.0, 0.0, 1.2)
    face_length: float = _number(0.0, 0.0, 1.2)
    nose_length: float = _number(0.0, 0.0, 1.6)
    nose_width: float = _number(0.0, 0.0, 1.5)
    lips: float = _number(0.0, 0.0, 1.6)
    chin: float = _number(0.0, 0.0, 1.5)
    eye_depth: float = _number(0.0, 0.0, 1.5)
    ears: float = _number(0.0, 0.0, 1.4)
    asymmetry_mm: float = _number(-1.0, -1.0, 4.0)
    """-1: drawn from the seed."""
    skin_tone: float = _number(-1.0, -1.0, 1.0)
    """0 light to 1 dark; -1: drawn from the seed."""


@dataclass(frozen=True, slots=True)
class LooksSpec:
    """What makes a head more than an average adult's under a cap; each 0, or `none`, leaves it out."""

    size: float = _number(1.0, 0.6, 1.2)
    """Factor on all lengths of the head."""
    lines_mm: float = _number(0.0, 0.0, 3.0)
    """Depth of the deepest lines of an old face."""
    open_mm: float = _number(0.0, 0.0, 25.0)
    """Distance of the lips of a mouth that stands open, with teeth behind them."""
    hair_mm: float = _number(0.0, 0.0, 20.0)
    beard_mm: float = _number(0.0, 0.0, 20.0)
    """Thickness of hair in place of the cap, and of a beard."""
    wet: float = _number(0.0, 0.0, 1.0)
    """Gloss of lips and eyes; 1 is that of water."""
    glasses_mm: float = _number(0.0, 0.0, 6.0)
    """Thickness of the wire of glasses."""


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """What stands behind the subject."""

    wall_mm: float = _number(0.0, 0.0, 5000.0)
    """Distance of a lit wall behind the working point; 0: no wall."""
    wall_albedo: float = _number(0.6, 0.02, 0.95)
    has_chair: bool = False


@dataclass(frozen=True, slots=True)
class MotionSpec:
    """What the head does; it repeats after `period_s`."""

    period_s: float = _number(2.0, 0.05, 600.0)
    smile: float = _number(0.0, 0.0, 1.0)
    mouth: float = _number(0.0, 0.0, 1.0)
    brow: float = _number(0.0, 0.0, 1.0)
    sway_mm: float = _number(0.0, 0.0, 60.0)
    turn_mm_s: float = _number(0.0, 0.0, 1000.0)
    """Top speed of the nose tip in a turn to the left and right within one period."""


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """A ChArUco board that rests in one pose for `dwell_s`, then in the next."""

    squares_x: int = _number(13, 3, 40)
    squares_y: int = _number(10, 3, 40)
    square_mm: float = _number(15.0, 2.0, 100.0)
    marker_mm: float = _number(11.25, 1.0, 90.0)
    dictionary: str = _choice("DICT_5X5_1000", *(f"DICT_{n}X{n}_{c}" for n in (4, 5, 6) for c in (50, 100, 250, 1000)))
    print_scale_ppm: float = _number(0.0, -20_000.0, 20_000.0)
    """How much larger than it claims the board was printed."""
    bow_mm: float = _number(0.0, -5.0, 5.0)
    """Height of the middle above the edges."""
    poses: int = _number(36, 1, 1000)
    dwell_s: float = _number(0.1, 0.001, 60.0)
    spread: float = _number(1.0, 0.0, 2.0)
    """Size of the shifts and tilts between poses; 0 leaves it upright in the middle."""


@dataclass(frozen=True, slots=True)
class BallBarSpec:
    """Matt white spheres on a thin dark bar, certified."""

    spheres: int = _number(2, 1, 5)
    diameter_mm: float = _number(40.0, 5.0, 100.0)
    spacing_mm: float = _number(150.0, 10.0, 400.0)
    poses: int = _number(7, 1, 100)
    dwell_s: float = _number(0.1, 0.001, 60.0)


@dataclass(frozen=True, slots=True)
class PlateSpec:
    """A matt plate, flat but for `bow_mm`."""

    shape: str = _choice("disc", "disc", "square")
    size_mm: float = _number(180.0, 10.0, 600.0)
    bow_mm: float = _number(0.0, -5.0, 5.0)
    poses: int = _number(7, 1, 100)
    dwell_s: float = _number(0.1, 0.001, 60.0)


@dataclass(frozen=True, slots=True)
class OpticsSpec:
    """The two pods: two mono cameras one above the other, a colour camera between them, each."""

    distance_mm: float = _number(900.0, 300.0, 3000.0)
    field_mm: float = _number(300.0, 50.0, 1500.0)
    """Width of what a camera sees at that distance."""
    convergence_deg: float = _number(20.0, 2.0, 45.0)
    pods_deg: float = _number(90.0, 10.0, 150.0)
    roll_deg: float = _number(0.0, -180.0, 180.0)
    """Cameras turned about their axis; 90 stands them upright."""
    distortion_parameters: int = _choice(5, 5, 8)
    distortion: float = _number(1.0, 0.0, 5.0)
    """0 leaves ideal lenses."""
    deviations: float = _number(1.0, 0.0, 10.0)
    """Size of the manufacturing and mounting deviations, drawn from the seed."""
    corner_falloff: float = _number(0.12, 0.0, 0.9)
    psf_px: float = _number(0.55, 0.0, 5.0)


@dataclass(frozen=True, slots=True)
class LightSpec:
    """Lamps. A lamp that shines `nominal_us` into an exposure at gain 0 brings bright skin to `peak` of full scale."""

    nominal_us: float = _number(1800.0, 1.0, 1e6)
    peak: float = _number(0.85, 0.01, 10.0)
    ambient: float = _number(0.01, 0.0, 10.0)
    """Room light as a share of a lamp's."""
    speckle_px: float = _number(3.5, 0.8, 40.0)
    """Full width at half maximum of the speckle's correlation, in pixels of a camera of this resolution."""
    speckle_contrast: float = _number(0.9, 0.0, 1.0)
    skin_blur: float = _number(0.45, 0.0, 1.0)
    """Share of the speckle contrast that skin scatters away."""
    has_shadows: bool = True


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One sensor model for all cameras."""

    full_well_e: float = _number(10_000.0, 100.0, 1e6)
    read_noise_e: float = _number(4.0, 0.0, 1000.0)
    gain_db: float = _number(0.0, 0.0, 36.0)
    black_level: float = _number(0.008, 0.0, 0.5)
    """As a share of full scale."""
    dead_pixels_ppm: float = _number(10.0, 0.0, 10_000.0)
    row_time_us: float = _number(0.0, 0.0, 1000.0)
    """0: global shutter; above: each row starts so much later than the one before."""


@dataclass(frozen=True, slots=True)
class BankSpec:
    """Views rendered ahead for live use."""

    views: int = _number(6, 1, 200)
    """Spread evenly over one period of a head's motion; the first poses of an artefact."""
    pulses_a_view: int = _number(1, 1, 1000)
    """A view is shown for so many pulses of a live rig; a board that is to be seen to rest needs three."""


@dataclass(frozen=True, slots=True)
class CameraChange:
    """What has happened to one camera since it was calibrated; turns are about its own axes."""

    yaw_urad: float = _number(0.0, -50_000.0, 50_000.0)
    pitch_urad: float = _number(0.0, -50_000.0, 50_000.0)
    roll_urad: float = _number(0.0, -50_000.0, 50_000.0)
    shift_mm: float = _number(0.0, -50.0, 50.0)
    """To its right."""
    focal_ppm: float = _number(0.0, -50_000.0, 50_000.0)
    defocus_px: float = _number(0.0, 0.0, 30.0)
    """Extra blur, one standard deviation."""


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """One scene."""

    kind: str = _choice("head", *KINDS)
    seed: int = _number(1, 0, 2**31 - 1)
    subject: SubjectSpec = SubjectSpec()
    looks: LooksSpec = LooksSpec()
    room: RoomSpec = RoomSpec()
    motion: MotionSpec = MotionSpec()
    board: BoardSpec = BoardSpec()
    ball_bar: BallBarSpec = BallBarSpec()
    plate: PlateSpec = PlateSpec()
    optics: OpticsSpec = OpticsSpec()
    light: LightSpec = LightSpec()
    sensor: SensorSpec = SensorSpec()
    bank: BankSpec = BankSpec()
    cameras: Mapping[str, CameraChange] = field(default_factory=dict)

    @property
    def dwell_s(self) -> float:
        """How long an artefact rests in one pose; 0 for what moves smoothly."""
        rests = {"board": self.board.dwell_s, "ball_bar": self.ball_bar.dwell_s, "plate": self.plate.dwell_s}
        return rests.get(self.kind, 0.0)

    @property
    def period_s(self) -> float:
        """After so long the scene repeats."""
        poses = {"board": self.board.poses, "ball_bar": self.ball_bar.poses, "plate": self.plate.poses}
        return poses[self.kind] * self.dwell_s if self.kind in poses else self.motion.period_s


def load_scene(path: Path) -> SceneSpec:
    """Read the `[scene]` table of a scenario file. SceneError tells all that is wrong with it."""
    text = path.read_text(encoding="utf-8")
    return parse_scene(tomllib.loads(text).get("scene", {}), str(path), find_key_lines(text))


def parse_scene(
    table: Mapping[str, object], origin: str = "scenario", lines: Mapping[KeyPath, int] | None = None
) -> SceneSpec:
    """Check a `[scene]` table; `lines` maps key paths that begin with "scene" to lines of `origin`."""
    findings: list[str] = []

    def complain(path: KeyPath, text: str) -> None:
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None) if lines else None
        where = f"{origin} line {line}" if line else origin
        findings.append(f"{where}: {'.'.join(str(part) for part in path)}{text}")

    spec: SceneSpec = _read(SceneSpec, table, ("scene",), complain)
    board = spec.board
    if not findings and board.marker_mm >= board.square_mm:
        complain(("scene", "board", "marker_mm"), f" = {board.marker_mm}: expected less than square_mm")
    markers, known = board.squares_x * board.squares_y // 2, int(board.dictionary.split("_")[2])
    if not findings and markers > known:
        complain(
            ("scene", "board", "dictionary"), f" = {board.dictionary!r}: expected one of at least {markers} markers"
        )
    if findings:
        raise SceneError("\n".join(findings))
    return spec


def _read(cls: type, table: object, path: KeyPath, complain: Any) -> Any:
    if not isinstance(table, Mapping):
        complain(path, f" = {table!r}: expected a table")
        return cls()
    known: dict[str, Field[Any]] = {f.name: f for f in fields(cls)}
    hints = get_type_hints(cls)
    values: dict[str, object] = {}
    for key, value in table.items():
        here = (*path, key)
        if key not in known:
            complain(here, f": unknown key; known: {', '.join(known)}")
        elif key == "cameras":
            values[key] = _read_cameras(value, here, complain)
        elif is_dataclass(hints[key]):
            values[key] = _read(hints[key], value, here, complain)
        elif (problem := _problem(known[key], hints[key], value)) is not None:
            complain(here, f" = {value!r}: expected {problem}")
        else:
            values[key] = float(value) if hints[key] is float else value
    return cls(**values)


def _read_cameras(table: object, path: KeyPath, complain: Any) -> Mapping[str, CameraChange]:
    if not isinstance(table, Mapping):
        complain(path, f" = {table!r}: expected a table of cameras")
        return {}
    return {name: _read(CameraChange, t, (*path, name), complain) for name, t in table.items()}


def _problem(known: Field[Any], hint: type, value: Any) -> str | None:
    assert known.default is not MISSING
    if hint is bool:
        return None if isinstance(value, bool) else "true or false"
    choices = known.metadata.get("choices")
    if choices is not None:
        return None if value in choices and type(value) is hint else f"one of {', '.join(str(c) for c in choices)}"
    low, high = known.metadata["low"], known.metadata["high"]
    kind = "a whole number" if hint is int else "a number"
    if isinstance(value, bool) or not isinstance(value, int if hint is int else (int, float)):
        return f"{kind} from {low:g} to {high:g}"
    return None if low <= value <= high else f"{low:g} to {high:g}"
