"""Cables and what goes wrong on them: edges to cameras, lines to the box, lamps, truth.

In: output edges of the box, and planted cuts and swaps. Out: edges at the cameras and lines at the box, each at its
time, and a truth that tells what was done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigdriver_sim import chance
from rigdriver_sim.bench.lamps import LampLog
from rigdriver_sim.bench.lighting import Lighting
from rigdriver_sim.bench.line_delays import CameraLines
from rigdriver_sim.bench.truth import Truth
from rigdriver_sim.bench.wires import Plant, Wires, plant
from rigdriver_sim.camera.spec import Exposure
from rigdriver_sim.engine import EventEngine
from rigdriver_sim.faults.table import FaultTable
from rigdriver_sim.scenario import LampTable, load
from rigdriver_sim.trigger_box.behaviour import OutputChange

US = 1000
MS = 1_000_000
SEED = 7


class FakeCamera:
    """Exposes 20 us after each edge, for 2 ms."""

    def __init__(self, name: str, wires: Wires) -> None:
        self.name = name
        self.edges: list[int] = []
        self.falls: list[int] = []
        self._wires = wires

    def trigger(self, t_ns: int, *, is_rising: bool = True) -> Exposure | None:
        if not is_rising:
            self.falls.append(t_ns)
            return None
        ordinal = len(self.edges)
        self.edges.append(t_ns)
        start_ns = t_ns + 20 * US
        exposure = Exposure(self.name, ordinal, start_ns, start_ns + 2 * MS, start_ns + 5 * MS, 2000.0, t_ns)
        self._wires.exposed(exposure)
        return exposure


class FakeBox:
    def __init__(self) -> None:
        self.heard: list[tuple[int, int, int]] = []

    def input_edge(self, line: int, level: int, t_ns: int) -> None:
        self.heard.append((line, level, t_ns))


class Bench:
    """Six cameras on the wires, in an engine that leaps."""

    def __init__(self, folder: Path, scenario: str = "") -> None:
        self.engine = EventEngine(pace=0, wall_ns=lambda: 0)
        self.truth_file = folder / "truth.jsonl"
        self.truth = Truth(self.truth_file)
        table = load(scenario)
        self.names = [camera.name for camera in table.cameras]
        self.lamps = LampLog([lamp.output for lamp in table.lamps])
        self.wires = Wires(table.cameras, self.lamps, self.engine, self.truth, SEED)
        self.cameras = {name: FakeCamera(name, self.wires) for name in self.names}
        self.box = FakeBox()
        self.wires.connect(self.box, self.cameras, lambda: 42)

    def pulse(self, index: int | None, mask: int = 0x3F) -> int:
        """Let the box pulse outputs for 100 us, then let 90 ms pass; return the time of the edge."""
        t_ns = self.engine.now_ns
        self.wires.outputs_changed(t_ns, OutputChange(0, mask, mask, index))
        self.wires.outputs_changed(t_ns + 100 * US, OutputChange(1000, mask, 0, index))
        self.engine.at(t_ns + 90 * MS, lambda: None)
        while self.engine.now_ns < t_ns + 90 * MS:
            self.engine.step()
        return t_ns

    def told(self, what: str) -> list[dict[str, Any]]:
        self.truth.flush()
        lines = [json.loads(line) for line in self.truth_file.read_text().splitlines()]
        return [line for line in lines if line["what"] == what]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.truth.close()
    bench.engine.close()


def test_a_rising_output_triggers_its_camera_and_a_falling_one_does_not(bench: Bench) -> None:
    t_ns = bench.pulse(0, mask=0b000101)
    assert {name for name, camera in bench.cameras.items() if camera.edges == [t_ns]} == {"left_upper", "left_colour"}
    assert sum(len(camera.edges) for camera in bench.cameras.values()) == 2


def test_the_exposure_line_follows_the_exposure_after_its_delay(bench: Bench) -> None:
    t_ns = bench.pulse(0, mask=0b001000)
    start_ns = t_ns + 20 * US + 2 * US
    assert bench.box.heard == [(3, 1, start_ns), (3, 0, start_ns + 2 * MS)]


def opto(rise_us: float, more: str = "") -> str:
    """A scenario with opto-couplers in the lines of one camera."""
    keys = {"trigger_rise": rise_us, "trigger_fall": 25, "line_rise": 36, "line_fall": 18}
    return "?" + "&".join(f"cameras.right_upper.lines.{key}_us={us}" for key, us in keys.items()) + more


def test_opto_couplers_delay_rising_and_falling_edges_unequally(tmp_path: Path) -> None:
    bench = Bench(tmp_path, opto(7))
    t_ns = bench.pulse(0, mask=0b001000)
    camera = bench.cameras["right_upper"]
    assert (camera.edges, camera.falls) == ([t_ns + 7 * US], [t_ns + 125 * US])
    start_ns = t_ns + 27 * US
    assert bench.box.heard == [(3, 1, start_ns + 38 * US), (3, 0, start_ns + 2 * MS + 20 * US)]
    (told,) = bench.told("exposure")
    assert (told["start_ns"], told["pulse"]) == (start_ns, 0)
    bench.truth.close()


def test_a_trigger_pulse_shorter_than_the_delay_of_its_rise_does_not_pass(tmp_path: Path) -> None:
    bench = Bench(tmp_path, opto(101))
    bench.pulse(4, mask=0b001000)
    camera = bench.cameras["right_upper"]
    assert (camera.edges, camera.falls, bench.box.heard) == ([], [], [])
    assert [(fault["fault"], fault["pulse"]) for fault in bench.told("fault")] == [("short_trigger", 4)]
    bench.truth.close()


def test_the_delays_change_as_the_camera_warms_up(tmp_path: Path) -> None:
    warm = "".join(
        f"&cameras.right_upper.lines.{key}={value}"
        for key, value in {"delay_per_k": 0.01, "warming_k": 20, "warming_s": 60}.items()
    )
    lines = CameraLines(next(c for c in load(opto(10, warm)).cameras if c.name == "right_upper"))
    delays = [lines.trigger_ns(s * 10**9, is_rising=True) for s in (0, 60, 6000)]
    # 20 K warmer in the end: a fifth more; after one time constant 1 - 1 / e of that.
    assert delays == [10_000, pytest.approx(11_264, abs=1), 12_000]
    bench = CameraLines(load("").cameras[0])
    assert bench.trigger_ns(10**12, is_rising=True) == 0


def test_the_truth_names_pulse_camera_and_times_of_every_exposure(bench: Bench) -> None:
    bench.pulse(0)
    t_ns = bench.pulse(1)
    exposures = [line for line in bench.told("exposure") if line["pulse"] == 1]
    assert {line["camera"] for line in exposures} == set(bench.names)
    assert {line["start_ns"] for line in exposures} == {t_ns + 20 * US}
    assert {(line["run"], line["ordinal"]) for line in exposures} == {(42, 1)}


def test_the_truth_holds_every_edge_of_a_lamp_output_and_no_other(bench: Bench) -> None:
    t_ns = bench.pulse(3, mask=0x3F | 1 << 6 | 1 << 8)
    bare_ns = bench.pulse(None, mask=1 << 6)
    edges = [(e["output"], e["level"], e["t_ns"], e["pulse"], e["run"]) for e in bench.told("lamp")]
    assert edges == [
        (6, 1, t_ns, 3, 42),
        (8, 1, t_ns, 3, 42),
        (6, 0, t_ns + 100 * US, 3, 42),
        (8, 0, t_ns + 100 * US, 3, 42),
        (6, 1, bare_ns, None, 42),
        (6, 0, bare_ns + 100 * US, None, 42),
    ]


def test_a_painter_can_ask_for_the_pulse_of_an_exposure(bench: Bench) -> None:
    bench.pulse(17)
    assert bench.wires.pulse_of(Exposure("left_upper", 0, 0, 0, 0, 0.0, 0)) == 17
    assert bench.wires.pulse_of(Exposure("left_upper", 1, 0, 0, 0, 0.0, 0)) is None


def test_a_withheld_edge_reaches_nobody_and_only_that_one(bench: Bench) -> None:
    bench.wires.faults = FaultTable(withhold_trigger={"right_lower": (1,)})
    for pulse in range(3):
        bench.pulse(pulse)
    assert {name: len(camera.edges) for name, camera in bench.cameras.items()} == {
        name: 2 if name == "right_lower" else 3 for name in bench.names
    }
    faults = bench.told("fault")
    assert [(f["fault"], f["camera"], f["pulse"]) for f in faults] == [("withhold_trigger", "right_lower", 1)]


def test_swapped_cables_trigger_each_other(bench: Bench) -> None:
    bench.wires.faults = FaultTable(swap_triggers=("left_upper", "right_lower"))
    bench.pulse(0, mask=0b000001)
    assert [name for name, camera in bench.cameras.items() if camera.edges] == ["right_lower"]
    bench.pulse(1, mask=0b010010)
    assert len(bench.cameras["left_upper"].edges) == 1
    assert len(bench.cameras["left_lower"].edges) == 1


def test_a_doubled_edge_comes_again_later(bench: Bench) -> None:
    bench.wires.faults = FaultTable(double_trigger={"left_upper": (0,)}, double_trigger_after_us=30_000)
    t_ns = bench.pulse(0)
    assert bench.cameras["left_upper"].edges == [t_ns, t_ns + 30 * MS]
    assert len(bench.cameras["left_lower"].edges) == 1


def test_a_noise_edge_is_a_short_inversion_of_the_line(bench: Bench) -> None:
    bench.wires.faults = FaultTable(noise_edge={"left_upper": (0,)}, noise_edge_width_us=5)
    bench.pulse(0, mask=1)
    noise = bench.told("fault")[0]
    at = [heard for heard in bench.box.heard if heard[2] in (noise["t_ns"], noise["t_ns"] + 5 * US)]
    assert len(at) == 2
    assert at[0][1] != at[1][1]
    assert len(bench.box.heard) == 4
    assert bench.box.heard[-1][1] == 0 or at[1] == bench.box.heard[-1]


def test_one_in_fifty_hits_exactly_one_camera_in_each_block_of_fifty_pulses() -> None:
    faults = FaultTable(withhold_trigger_every=50)
    hits = [
        (pulse, number)
        for pulse in range(5000)
        for number in range(6)
        if plant(faults, SEED, f"camera{number}", number, 6, pulse).is_withheld
    ]
    assert [pulse // 50 for pulse, _ in hits] == list(range(100))
    assert {number for _, number in hits} == set(range(6))
    assert len({pulse % 50 for pulse, _ in hits}) > 20


def test_faults_depend_on_the_seed_and_on_nothing_else() -> None:
    faults = FaultTable(withhold_trigger_every=3, noise_edge_every=4, double_trigger_every=5)
    asked = [(pulse, number) for pulse in range(60) for number in range(6)]
    forward = {key: plant(faults, 1, "c", key[1], 6, key[0]) for key in asked}
    backward = {key: plant(faults, 1, "c", key[1], 6, key[0]) for key in reversed(asked)}
    other = {key: plant(faults, 2, "c", key[1], 6, key[0]) for key in asked}
    assert forward == backward
    assert forward != other
    assert all(plant(FaultTable(), 1, "c", n, 6, p) == Plant(False, False, False) for p, n in asked)


def test_chance_is_spread_evenly() -> None:
    shares = [chance.share(SEED, "x", n) for n in range(2000)]
    assert 0.47 < sum(shares) / len(shares) < 0.53
    assert min(shares) < 0.01
    assert max(shares) > 0.99
    assert len(set(shares)) == 2000


def test_an_edge_outside_of_frames_still_triggers(bench: Bench) -> None:
    bench.wires.faults = FaultTable(withhold_trigger_every=1)
    bench.pulse(None, mask=1)
    assert len(bench.cameras["left_upper"].edges) == 1


# ---------------------------------------------------------------- lamps


def one_flash(lamps: LampLog, output: int, on_ns: int, off_ns: int) -> None:
    lamps.note(on_ns, 1 << output, 1 << output)
    lamps.note(off_ns, 1 << output, 0)


def lighting(lamps: LampLog, **faults: object) -> Lighting:
    of_pod = [
        LampTable(name="left", kind="pattern", pod="left", output=6),
        LampTable(name="right", kind="pattern", pod="right", output=8),
    ]
    lighting = Lighting(of_pod, lamps)
    lighting.faults = FaultTable.model_validate(faults)
    return lighting


def test_the_share_of_a_flash_inside_an_exposure() -> None:
    lamps = LampLog([6, 8])
    one_flash(lamps, 6, 1000, 2000)
    light = lighting(lamps)
    assert light.share("left", 500, 2500) == 1.0
    assert light.share("left", 1250, 2500) == 0.75
    assert light.share("left", 0, 1100) == pytest.approx(0.1)
    assert light.share("left", 2000, 3000) == 0.0
    assert light.share("right", 500, 2500) == 0.0


def test_old_pulses_do_not_count() -> None:
    lamps = LampLog([6, 8])
    for n in range(1000):
        one_flash(lamps, 6, 100_000 * n, 100_000 * n + 1000)
    assert lighting(lamps).share("left", 99_900_500, 99_910_000) == 0.5
    assert lighting(lamps).share("left", 99_901_500, 99_910_000) == 0.0


def test_a_lamp_that_is_still_on_counts() -> None:
    lamps = LampLog([6])
    lamps.note(1000, 0x40, 0x40)
    assert lighting(lamps).share("left", 500, 3000) == 1.0


def test_a_dead_lamp_gives_nothing_and_a_weak_one_its_share() -> None:
    lamps = LampLog([6, 8])
    one_flash(lamps, 6, 1000, 2000)
    assert lighting(lamps, flash_power={"left": 0.0}).share("left", 500, 2500) == 0.0
    assert lighting(lamps, flash_power={"left": 0.25}).share("left", 500, 2500) == 0.25


def test_swapped_projectors_shine_when_the_other_should() -> None:
    lamps = LampLog([6, 8])
    one_flash(lamps, 6, 1000, 2000)
    light = lighting(lamps, swap_projectors=("left", "right"))
    assert (light.share("left", 500, 2500), light.share("right", 500, 2500)) == (0.0, 1.0)


# ---------------------------------------------------------------- truth


def test_the_truth_log_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rigdriver_sim.bench.truth.MAX_LINES", 3)
    truth = Truth(tmp_path / "t.jsonl")
    for n in range(10):
        truth.note("exposure", n=n)
    truth.close()
    truth.close()
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [line["what"] for line in lines] == ["exposure"] * 3 + ["truncated"]
