"""Every train is announced before it starts and every flash is written down, or there is no light.

In: trains and reports of a box, and disks that take no more. Out: the lines of the light log. Not here: a whole run
that is killed (see tests/rig/test_light_log.py).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.box.events import EventsLost
from rigdriver.errors import FileNotWritten
from rigdriver.frames import Edge, PulseReport
from rigdriver.run.light_log import LightLog
from rigdriver.schedule.plan import compile_schedule
from tests.unit.sync.planted import TICKS, rig_config

LAMP = {"name": "flash", "kind": "pattern", "output": 6}
FULL = Path("/dev/full")
"""Linux's disk that is always full."""


def rig(**light: object) -> RigConfig:
    table = rig_config().model_dump()
    table["lamps"] = [LAMP]
    table["light"] = {"max_train_flashes": 100, "max_session_flashes": 300, "min_train_pause_s": 5, **light}
    return RigConfig.model_validate(table, strict=False)


def part(*edges: tuple[int, int], index: int = 3) -> PulseReport:
    """A part of a pulse: (tick, level of output 6) each."""
    return PulseReport(index, 7, 0, tuple(Edge(tick, False, 1 << 6, level << 6) for tick, level in edges), False, 0)


def light_log(path: Path | None, power_w: float | None = 2.0) -> LightLog:
    table = rig().model_dump()
    table["lamps"] = [{**LAMP, "radiant_power_w": power_w}]
    table["light"]["log"] = path
    return LightLog(
        RigConfig.model_validate(table, strict=False), TICKS, lambda tick: 1_700_000_000 * 10**9 + tick * 100, lambda: 0
    )


def lines_of(path: Path, kind: str = "flash") -> list[dict[str, object]]:
    return [line for line in map(json.loads, path.read_text().splitlines()) if line["kind"] == kind]


def test_every_flash_is_a_line_with_time_lamp_width_and_energy(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "light.jsonl"
    for _ in range(2):
        log = light_log(path)
        log.open()
        log.hear(part((1000, 1), (16_000, 0)))
        log.write()
        log.close()
        log.close()
    assert len(lines_of(path)) == 2
    assert lines_of(path)[0] == {
        "kind": "flash",
        "t_utc_ns": 1_700_000_000_000_100_000,
        "rig": "planted",
        "train": "",
        "generation": 7,
        "pulse_index": 3,
        "lamp": "flash",
        "width_us": 1500.0,
        "energy_mj": 3.0,
    }


def test_a_flash_in_two_reports_is_one_line_and_one_without_an_end_says_so(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.hear(part((1000, 1)))
    log.hear(part((16_000, 0)))
    log.hear(part((1_001_000, 1), index=4))
    log.close()
    assert [(x["pulse_index"], x["width_us"], x["energy_mj"]) for x in lines_of(tmp_path / "light.jsonl")] == [
        (3, 1500.0, 3.0),
        (4, None, None),
    ]


def test_reports_of_the_box_that_were_lost_stand_in_the_log(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.hear(EventsLost(4, 1, 5, 0))
    log.close()
    assert [line["reports_lost"] for line in lines_of(tmp_path / "light.jsonl", "lost")] == [4]


def test_a_log_that_cannot_be_written_is_told_before_there_is_light(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotWritten, match=r"light\.log = .*cannot be written"):
        light_log(tmp_path / "file" / "light.jsonl").open()


def test_without_a_file_flashes_are_summed_up_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="rigdriver.light")
    log = light_log(None, power_w=None)
    log.open()
    for index in (0, 1):
        log.hear(part((1000, 1), (16_000, 0), index=index))
    log.close()
    assert caplog.messages == ["light emitted by rig planted: flash x2"]


def played(log: LightLog, *, is_dark: bool = True, lost: int = 0) -> None:
    log.open()
    log.announce(compile_schedule(rig(), TICKS, 7, 50))
    log.hear(part((1000, 1), (16_000, 0)))
    if lost:
        log.hear(EventsLost(lost, 1, 5, 0))
    log.close(is_dark)


def test_a_train_stands_in_the_log_before_it_starts_with_the_most_that_it_lights(tmp_path: Path) -> None:
    path = tmp_path / "light.jsonl"
    log = light_log(path)
    log.open()
    log.announce(compile_schedule(rig(), TICKS, 7, 50))
    (line,) = lines_of(path, "announced")
    assert (line["generation"], line["first_pulse"], line["pulses"], line["flashes_per_pulse"]) == (
        7,
        0,
        50,
        {"flash": 1},
    )
    log.hear(part((1000, 1), (16_000, 0)))
    log.write()
    (flash,) = lines_of(path)  # at once, and not when the log is closed
    assert flash["train"] == line["train"]
    log.close()


@pytest.mark.parametrize(("is_dark", "lost", "is_complete"), [(True, 0, True), (False, 0, False), (True, 3, False)])
def test_the_end_of_a_train_says_whether_all_flashes_stand_there(tmp_path, is_dark, lost, is_complete) -> None:
    path = tmp_path / "light.jsonl"
    played(light_log(path), is_dark=is_dark, lost=lost)
    (line,) = lines_of(path, "ended")
    assert (line["flashes"], line["is_complete"]) == ({"flash": 1}, is_complete)
    assert line["train"] == lines_of(path, "announced")[0]["train"]


def test_an_end_is_not_complete_while_a_lamp_may_be_on(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.announce(compile_schedule(rig(), TICKS, 7, 50))
    log.hear(part((1000, 1)))
    log.close()
    assert lines_of(tmp_path / "light.jsonl", "ended")[0]["is_complete"] is False


def test_a_train_is_not_announced_on_a_full_disk_and_the_log_is_named() -> None:
    log = light_log(FULL)
    log.open()
    with pytest.raises(FileNotWritten, match=r"light\.log = /dev/full: cannot be written: No space left on device"):
        log.announce(compile_schedule(rig(), TICKS, 7, 50))
    log.close()


def test_a_flash_that_cannot_be_written_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    log = light_log(tmp_path / "light.jsonl")
    log.open()
    log.announce(compile_schedule(rig(), TICKS, 7, 50))
    (tmp_path / "light.jsonl").unlink()
    log.hear(part((1000, 1), (16_000, 0)))
    with pytest.raises(FileNotWritten, match=r"light\.log = .*light\.jsonl: cannot be written: it was removed"):
        log.write()
    with pytest.raises(FileNotWritten, match=r"light\.log"):
        log.close()
    log.close()
