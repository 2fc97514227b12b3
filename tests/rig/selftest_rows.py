"""The rows of the self-test's fault matrix: what is planted, which checks must fail, and what they must name.

In: nothing. Out: `FAULTS`, and the changes of a rig file that stand for a technician's mistakes. Not here: playing them
(see selftest_faults.py), and the test (see test_selftest_matrix.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rigdriver.calibration.file import save
from rigdriver.config import ProjectorConfig, RigConfig
from rigdriver.config.device_tables import LinkConfig
from rigdriver_sim.projector.controller import DlpController, ProjectorTrouble
from rigdriver_sim.scenario import load as load_scenario
from rigdriver_sim.scene.render import Renderer
from tests.rig.played import LOCKSTEP
from tests.stereo_truth import calibration_of

SIZE = (320, 240)
FLAT = f"default?width={SIZE[0]}&height={SIZE[1]}&seed=1&{LOCKSTEP}"
FACE = f"smile?width={SIZE[0]}&height={SIZE[1]}&seed=1&{LOCKSTEP}&scene.bank.views=1"
GEOMETRY_SIZE = (480, 360)
"""Size at which a pod's speckle shows whether a camera has turned; at 320x240 a face gives no match that counts."""
WITH_GEOMETRY = f"smile?width={GEOMETRY_SIZE[0]}&height={GEOMETRY_SIZE[1]}&seed=1&{LOCKSTEP}&scene.bank.views=1"
BRIGHT_ROOM = f"{FACE}&scene.light.ambient=0.6"
FAST_BOX = f"{FLAT}&box.drift_ppm=290"
OLD_FIRMWARE = f"{FLAT}&box.interface_hash={'ab' * 20}"
OPTO_DELAYS_US = {"left_upper": (7, 25, 36, 18), "right_colour": (18, 9, 25, 7)}
"""Delays of opto-couplers after FLIR's data sheets, in us: trigger line rising and falling, exposure line likewise."""
OPTO = "&".join(
    [
        FLAT,
        *(
            f"cameras.{camera}.lines.{key}_us={us}"
            for camera, delays in OPTO_DELAYS_US.items()
            for key, us in zip(("trigger_rise", "trigger_fall", "line_rise", "line_fall"), delays, strict=True)
        ),
    ]
)
OPTO_CHECKS = ("exposure_start", "line_rise", "line_fall", "trigger_fall")
ALWAYS = list(range(64))
"""Pulses of every run at which a fault that lasts is planted."""
CAMERAS = tuple(f"{pod}_{camera}" for pod in ("left", "right") for camera in ("upper", "lower", "colour"))

NO_RUN = ("run", "calibration.health")
NO_LIGHT = ("light", "ambient", "focus")
NO_SWEEP = ("optical",)
"""The swept flash takes as long as all other stages, and few faults concern it."""
NO_WATCHDOG = ("box.watchdog", "box.outputs_cut")
OF_WIRING = (*NO_RUN, *NO_LIGHT, *NO_SWEEP, *NO_WATCHDOG)
"""What is left out where only opening, box and wiring are tested."""
OF_THE_RUN = (*NO_LIGHT, *NO_SWEEP, *NO_WATCHDOG)
OF_LIGHT = (*NO_RUN, *NO_SWEEP, *NO_WATCHDOG, "wiring")
OF_OPENING = (*OF_WIRING, "wiring")

Change = Callable[[RigConfig], RigConfig]


def as_built(config: RigConfig) -> RigConfig:
    """Change nothing."""
    return config


@dataclass(frozen=True)
class Fault:
    """One row of the matrix."""

    name: str
    fails: tuple[str, ...]
    """Checks that must fail, and no others."""
    names: tuple[str, ...] = ()
    """Words that the remedy of each of them holds: the part to touch."""
    planted: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the simulator's fault table."""
    unknown: tuple[str, ...] = ()
    """Checks that were not reached."""
    does: str = ""
    """Act of the simulator instead of a fault, perhaps with a camera: `camera.hang left_upper`."""
    computer: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the scenario's table `computer`: the rig hangs on such a computer."""
    projector: Callable[[], DlpController | None] = DlpController
    """Makes the projector at USB."""
    rig: str = FLAT
    change: Change = as_built
    skip: tuple[str, ...] = NO_SWEEP
    """Checks that are left out to save time."""
    shown_by: tuple[str, ...] = ()
    """Checks that tell of the fault where those that must fail are not run."""
    touches: tuple[str, ...] = ()
    """Parts that are at fault, where they do not follow from what is planted (selftest_pairs.py)."""

    @property
    def opens_anew(self) -> bool:
        """Whether the rig must be opened for this row alone."""
        return self.change is not as_built or self.does.startswith("camera.")


def with_projector(config: RigConfig) -> RigConfig:
    """State in the rig file that one pattern lamp is a projector at USB; each rig of the matrix has it."""
    # The simulated bus answers at once or never.
    table = ProjectorConfig(lamp="left_pattern", green_level=104, firmware="4.4.0", reply_timeout_s=0.02)
    return config.model_copy(update={"projector": table})


def with_patterns(**keys: Any) -> Change:
    """Change the projector's table of the rig file."""

    def change(config: RigConfig) -> RigConfig:
        assert config.projector is not None
        return config.model_copy(update={"projector": config.projector.model_copy(update=keys)})

    return change


def with_camera(name: str, **values: Any) -> Change:
    """Change one camera's table of the rig file."""

    def change(config: RigConfig) -> RigConfig:
        cameras = [c.model_copy(update=values) if c.name == name else c for c in config.cameras]
        return config.model_copy(update={"cameras": tuple(cameras)})

    return change


def swapped(key: str, one: str, other: str) -> Change:
    """Exchange a line of two cameras in the rig file: to the driver this is a swap of two cables."""

    def change(config: RigConfig) -> RigConfig:
        lines = {one: getattr(config.camera(other), key), other: getattr(config.camera(one), key)}
        return with_camera(other, **{key: lines[other]})(with_camera(one, **{key: lines[one]})(config))

    return change


def with_lamp(name: str, **values: Any) -> Change:
    """Change one lamp's table of the rig file."""

    def change(config: RigConfig) -> RigConfig:
        lamps = [lamp.model_copy(update=values) if lamp.name == name else lamp for lamp in config.lamps]
        return config.model_copy(update={"lamps": tuple(lamps)})

    return change


def with_gain(config: RigConfig) -> RigConfig:
    """Ask one camera for a gain."""
    features = {**config.camera("left_upper").features, "Gain": 3.0}
    return with_camera("left_upper", features=features)(config)


def on_a_slow_controller(config: RigConfig) -> RigConfig:
    """State in the rig file that the controller of all cameras carries 3 MB/s."""
    cameras = tuple(camera.model_copy(update={"link": "usb"}) for camera in config.cameras)
    links = (LinkConfig(name="usb", megabytes_per_s=3.0),)
    return config.model_copy(update={"cameras": cameras, "links": links})


def calibrated(config: RigConfig) -> RigConfig:
    """Give the rig the true calibration of its scene."""
    assert config.computer is not None
    path = config.computer.parent / "calibration.json"
    scene = load_scenario(WITH_GEOMETRY).scene_spec
    assert scene is not None
    save(calibration_of(Renderer(scene, *GEOMETRY_SIZE).pods.cameras, config), path)
    return config.model_copy(update={"calibration": path})


PAIR = ("left_upper", "right_lower")
PATTERNS = ("light.left_pattern", "light.right_pattern")
LAMPS = tuple(f"light.{pod}_{kind}" for pod in ("left", "right") for kind in ("pattern", "white"))
OF_ANOTHER_COMPUTER = (
    Fault("left_upper has fallen back to USB 2", ("usb.left_upper",), ("left_upper", "USB 2"),
          computer={"usb": "usb2"}, skip=OF_OPENING),
    Fault("all cameras hang on one slow controller", ("usb.controller.0000:00:14.0",), ("another controller",),
          computer={"usb": "one_controller"}, change=on_a_slow_controller, skip=OF_OPENING),
    Fault("the disk is slow", ("computer.write_speed",), ("disk",), computer={"disk_mb_per_s": 2},
          skip=OF_OPENING),
    Fault("the disk is full", ("computer.disk_space",), ("free space",), computer={"free_disk_mb": 20},
          skip=OF_OPENING),
    Fault("little memory is free", ("computer.memory",), ("close other programs",),
          computer={"free_memory_mb": 1}, skip=OF_OPENING),
    Fault("the computer has one processor", ("computer.cpus",), ("processor",), computer={"cpus": 1},
          skip=OF_OPENING),
    Fault("the computer is busy", (), unknown=("computer.load",), computer={"load": 30.0}, skip=OF_OPENING),
    Fault("other virtual machines take time", ("computer.stolen_time",), ("virtual machines",),
          computer={"stolen": 0.2}, skip=OF_OPENING),
    Fault("memory for USB transfers is short", ("computer.usbfs_memory",), ("usbfs_memory_mb",),
          computer={"usbfs_memory_mb": 1}, skip=OF_OPENING),
    Fault("the kernel counts milliseconds", ("computer.clock_source",), ("jiffies",),
          computer={"clock_source": "jiffies"}, skip=OF_OPENING),
)  # fmt: skip
OF_A_LAMP = (
    Fault("left_pattern is dead", ("light.left_pattern",), ("left_pattern", "output 6"),
          {"flash_power": {"left_pattern": 0.0}}),
    Fault("right_white is dead", ("light.right_white",), ("right_white", "output 9"),
          {"flash_power": {"right_white": 0.0}}, skip=OF_LIGHT),
    Fault("right_pattern is dead", ("light.right_pattern",), ("right_pattern", "output 7"),
          {"flash_power": {"right_pattern": 0.0}}, rig=FACE, skip=OF_LIGHT),
    Fault("both pattern lamps are dead", PATTERNS, ("its cable at box output",),
          {"flash_power": {"left_pattern": 0.0, "right_pattern": 0.0}}, skip=OF_LIGHT),
    Fault("all lamps are dead", LAMPS, ("the lamps' supply",),
          {"flash_power": {name.removeprefix("light."): 0.0 for name in LAMPS}}, skip=OF_LIGHT),
    Fault("left_white is weak", ("light.left_white",), ("left_white", "supply"), {"flash_power": {"left_white": 0.4}},
          skip=OF_LIGHT),
    Fault("right_pattern is weak", ("light.right_pattern",), ("right_pattern",),
          {"flash_power": {"right_pattern": 0.4}}, rig=FACE, skip=OF_LIGHT),
    Fault("strobe cables of the pattern lamps are exchanged", PATTERNS,
          ("left_pattern", "right_pattern", "exchange their cables"),
          {"swap_projectors": ["left_pattern", "right_pattern"]}, rig=FACE, skip=OF_LIGHT),
    Fault("strobe cables of the white lamps are exchanged", ("light.left_white", "light.right_white"),
          ("left_white", "right_white", "exchange their cables"), {"swap_projectors": ["left_white", "right_white"]},
          skip=OF_LIGHT),
    Fault("strobe cables of pattern and white lamp are exchanged", ("light.left_pattern", "light.left_white"),
          ("left_pattern", "left_white", "exchange their cables"),
          {"swap_projectors": ["left_pattern", "left_white"]}, rig=FACE, skip=OF_LIGHT),
    Fault("the room is bright", tuple(f"ambient.{camera}" for camera in CAMERAS), ("darken the room",),
          rig=BRIGHT_ROOM, skip=OF_LIGHT),
)  # fmt: skip
OF_A_LENS = (
    Fault("left_upper is out of focus", ("focus.left_upper",), ("left_upper",), {"defocus_px": {"left_upper": 3.0}},
          rig=FACE),
    Fault("right_lower is out of focus", ("focus.right_lower",), ("right_lower",),
          {"defocus_px": {"right_lower": 3.0}}, rig=FACE, skip=OF_LIGHT),
    Fault("all geometry cameras are out of focus alike",
          tuple(f"focus.{pod}_{camera}" for pod in ("left", "right") for camera in ("upper", "lower")),
          ("pattern lamps may be out of focus",),
          {"defocus_px": {f"{pod}_{camera}": 3.0 for pod in ("left", "right") for camera in ("upper", "lower")}},
          rig=FACE, skip=OF_LIGHT),
    Fault("left_colour is out of focus", ("focus.left_colour",), ("left_colour", "set its focus"),
          {"defocus_px": {"left_colour": 3.0}}, rig=FACE, skip=OF_LIGHT),
    Fault("left_colour has turned by 1 mrad", ("calibration.texture.left_colour",), ("left_colour", "fix its mount"),
          {"bump_camera": {"left_colour": {"yaw_urad": 1000}}}, rig=WITH_GEOMETRY, change=calibrated, skip=OF_LIGHT),
    Fault("right_colour was shifted by 1 mm", ("calibration.texture.right_colour",), ("right_colour", "fix its mount"),
          {"bump_camera": {"right_colour": {"shift_mm": 1.0}}}, rig=WITH_GEOMETRY, change=calibrated, skip=OF_LIGHT),
    Fault("left_upper has turned by 1 mrad", ("calibration.health.left",), ("left_upper", "calibrate the rig"),
          {"bump_camera": {"left_upper": {"pitch_urad": 1000}}}, rig=WITH_GEOMETRY, change=calibrated,
          skip=OF_THE_RUN),
    Fault("left_upper has turned by 2 mrad", (), ("turned cannot be told", "show the board"),
          {"bump_camera": {"left_upper": {"pitch_urad": 2000}}}, rig=WITH_GEOMETRY, change=calibrated,
          unknown=("calibration.health.left", "calibration.health.right"), skip=OF_THE_RUN),
)  # fmt: skip
OF_A_CABLE = (
    Fault("trigger cables are exchanged", tuple(f"wiring.{c}.frames" for c in PAIR), PAIR, {"swap_triggers": PAIR}),
    Fault("trigger cables of cameras of two roles are exchanged",
          ("wiring.left_upper.frames", "wiring.left_colour.frames"), ("left_upper", "left_colour"),
          {"swap_triggers": ["left_upper", "left_colour"]}, skip=OF_WIRING),
    Fault("a trigger cable is cut", ("wiring.left_upper.frames",), ("left_upper", "trigger cable at box output 0"),
          {"withhold_trigger": {"left_upper": ALWAYS}}, skip=OF_WIRING),
    Fault("trigger cables of a whole pod are cut",
          tuple(f"wiring.right_{c}.frames" for c in ("upper", "lower", "colour")), ("right_", "trigger cable at box"),
          {"withhold_trigger": {f"right_{c}": ALWAYS for c in ("upper", "lower", "colour")}}, skip=OF_WIRING),
    Fault("exposure lines are exchanged", tuple(f"wiring.{c}.exposure_line" for c in PAIR), (*PAIR, "box inputs"),
          change=swapped("input", *PAIR), skip=OF_WIRING, touches=tuple(f"exposure line of {c}" for c in PAIR)),
    Fault("an exposure line is cut", ("wiring.left_lower.exposure_line",), ("left_lower", "box input 1"),
          {"dead_line": {"left_lower": ALWAYS}}),
    Fault("noise on an exposure line", ("run.right_upper.noise_edges",), ("right_upper", "box input 3"),
          {"noise_edge": {"right_upper": [3, 5, 8, 10]}}, skip=OF_THE_RUN),
    Fault("a camera loses frames on its link", ("run.left_lower.incomplete_frames",), ("left_lower", "cable"),
          {"incomplete": {"left_lower": [4, 5, 9]}}, skip=OF_THE_RUN),
    Fault("packets of a camera are sent again", ("run.left_lower.resends",), ("left_lower", "cable"),
          {"resend": {"left_lower": [4, 5, 9]}}, skip=OF_THE_RUN),
    Fault("a camera skips triggers", ("run.left_lower.frames",), ("left_lower", "3 times", "trigger cable"),
          {"withhold_trigger": {"left_lower": [4, 5, 9]}}),
    Fault("the delays of opto-couplers are not in the rig file",
          tuple(f"optical.{camera}.{check}" for camera in OPTO_DELAYS_US for check in OPTO_CHECKS),
          ("selftest --write-delays",), rig=OPTO, skip=(),
          shown_by=tuple(f"wiring.{camera}.{check}" for camera in OPTO_DELAYS_US for check in ("latency", "exposure"))),
    Fault("a trigger cable rings", ("run.left_lower.extra_frames",), ("left_lower", "trigger cable at box output 1"),
          {"double_trigger": {"left_lower": [4, 5, 9]}}, skip=OF_THE_RUN),
    Fault("frames of a camera are lost", ("run.left_lower.frames",), ("left_lower", "3 times", "cable"),
          {"lose_frame": {"left_lower": [4, 5, 9]}}, skip=OF_THE_RUN),
)  # fmt: skip
OF_A_DEVICE = (
    Fault("a feature is clamped", ("cameras.left_upper.features",), ("left_upper", "Gain"),
          {"clamp_features": {"left_upper": {"Gain": 1.0}}}, change=with_gain, skip=OF_OPENING),
    Fault("the box has other firmware", ("box.interface",), ("flash the firmware",), rig=OLD_FIRMWARE,
          unknown=("producers",)),
    Fault("the interlock is open", ("box.interlock",), ("close the interlock",), does="interlock.open"),
    Fault("a camera is missing", ("cameras.found",), ("SIM9999",), change=with_camera("left_lower", serial="SIM9999"),
          unknown=("box.identity",)),
    Fault("a camera refuses a feature", ("cameras.features",), ("left_upper", "Gain"),
          {"refuse_features": {"left_upper": ["Gain"]}}, unknown=("box.identity",), change=with_gain,
          skip=OF_OPENING),
    Fault("a camera hangs", (), ("left_lower", "cable and power"), does="camera.hang left_lower",
          unknown=("wiring.finished",), skip=OF_WIRING),
    Fault("a camera hangs in the middle of a run", (), ("left_lower", "cable and power"),
          {"hang_camera": {"left_lower": [5]}}, unknown=("run.finished",), skip=OF_THE_RUN),
    Fault("the box's clock runs fast", ("box.clock_drift",), ("290 ppm fast", "trigger box"), rig=FAST_BOX,
          skip=OF_WIRING),
    Fault("a camera is too warm", ("cameras.right_colour.temperature",), ("right_colour", "too warm"),
          {"temperature_c": {"right_colour": 79.0}}, skip=OF_OPENING),
    Fault("the rig file names an output that limits no light", ("rig_file",), ("left_white", "lamps.2.output = 12"),
          change=with_lamp("left_white", output=12), skip=OF_OPENING, touches=("lamp of left_white",)),
    Fault("the rig file names a wrong latency", ("wiring.left_upper.latency",), ("left_upper", "cameras.latency_us"),
          change=with_camera("left_upper", latency_us=400.0), skip=OF_WIRING,
          shown_by=("optical.left_upper.exposure_start",)),
    Fault("a camera exposes late", ("wiring.right_upper.latency",), ("right_upper", "TriggerDelay"),
          {"late_exposure": {"right_upper": ALWAYS}, "late_exposure_us": 60.0}, skip=OF_WIRING,
          shown_by=("optical.right_upper.exposure_start",)),
)  # fmt: skip


def _with_trouble(**trouble: Any) -> Callable[[], DlpController]:
    return lambda: DlpController(trouble=ProjectorTrouble(**trouble))


TO_SET = ("left_pattern", "rigdriver projector set")
OF_THE_PROJECTOR = (
    Fault("the projector is missing", ("projector.found",), ("power", "USB cable of the projector"),
          projector=lambda: None, skip=OF_OPENING),
    Fault("the projector shows video", ("projector.mode",), TO_SET,
          projector=lambda: DlpController(is_pattern_mode=False), skip=OF_OPENING),
    Fault("the projector takes its patterns from a video input", ("projector.mode",), TO_SET,
          projector=lambda: DlpController(pattern_source=0), skip=OF_OPENING),
    Fault("the current of an LED differs", ("projector.levels",), ("green 60", *TO_SET),
          projector=lambda: DlpController(led_registers=bytes([255, 195, 255])), skip=OF_OPENING),
    Fault("the projector waits for falling edges", ("projector.trigger",), ("falling edge", "box output 6", *TO_SET),
          projector=lambda: DlpController(words=[2 | 1 << 8 | 7 << 12]), skip=OF_OPENING),
    Fault("the projector is triggered by a video input", ("projector.trigger",), ("VSYNC", "box output 6", *TO_SET),
          projector=lambda: DlpController(trigger_mode=0), skip=OF_OPENING),
    Fault("the projector shines by its own clock", ("projector.trigger",), ("its own clock", *TO_SET),
          projector=lambda: DlpController(words=[0 | 1 << 8 | 7 << 12]), skip=OF_OPENING),
    Fault("the projector's sequencer has aborted", ("projector.status",), ("sequencer has aborted", *TO_SET),
          projector=lambda: DlpController(hardware_status=0x41, is_running=False), skip=OF_OPENING),
    Fault("the projector's sequence is stopped", ("projector.sequence",), ("does not run", *TO_SET),
          projector=lambda: DlpController(is_running=False), skip=OF_OPENING),
    Fault("the projector shows other patterns", ("projector.patterns",), ("pattern 3 of 8 bits", *TO_SET),
          projector=lambda: DlpController(words=[1 | 3 << 2 | 8 << 8 | 2 << 12]), skip=OF_OPENING),
    Fault("the projector shows its patterns for another time", ("projector.times",), ("1000 in 3000", *TO_SET),
          projector=lambda: DlpController(exposure_us=1000), skip=OF_OPENING),
    Fault("the rig file asks the projector for too short a time", ("projector.table",), ("exposure", "bit_depth"),
          projector=lambda: DlpController(words=[1 | 8 << 8 | 7 << 12]), change=with_patterns(bit_depth=8),
          skip=OF_OPENING),
    Fault("the projector has other firmware", ("projector.firmware",), ("3.0.0", "projector.firmware"),
          projector=lambda: DlpController(version=(3, 0, 0)), skip=OF_OPENING),
    Fault("the projector refuses a command", ("projector.replies",), ("left_pattern", "refused"),
          projector=_with_trouble(refused={0x0B01}), skip=OF_OPENING),
    Fault("the projector does not answer", ("projector.replies",), ("left_pattern", "USB cable"),
          projector=_with_trouble(silent={0x0205}), skip=OF_OPENING),
    Fault("the projector answers late", ("projector.replies",), ("left_pattern", "no reply"),
          projector=_with_trouble(late={0x1A23}), skip=OF_OPENING),
    Fault("the projector answers another request", ("projector.replies",), ("left_pattern", "close other programs"),
          projector=_with_trouble(sequence_off=7), skip=OF_OPENING),
)  # fmt: skip
FAULTS = (
    Fault("none", (), skip=()),
    Fault("none, with a face in view", (), rig=FACE),
    *OF_A_LAMP,
    *OF_A_LENS,
    *OF_A_CABLE,
    *OF_A_DEVICE,
    *OF_THE_PROJECTOR,
    *OF_ANOTHER_COMPUTER,
)
