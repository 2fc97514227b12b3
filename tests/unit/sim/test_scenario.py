"""Scenario files, spec strings and what their errors say.

In: TOML and spec strings, sound and not. Out: the scenario, the rig file that the driver reads, or one error with key,
value and line.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from rigdriver import config
from rigdriver_sim.bench.camera_bank import ports_of
from rigdriver_sim.feed.layout import WHOLE_TIMEOUT
from rigdriver_sim.reach.rig_file import rig_file_text
from rigdriver_sim.scenario import ScenarioError, load


def test_the_default_scenario_is_the_rig_as_it_is_built() -> None:
    scenario = load("")
    assert [(c.name, c.output, c.input, c.serial) for c in scenario.cameras] == [
        ("left_upper", 0, 0, "SIM0001"),
        ("left_lower", 1, 1, "SIM0002"),
        ("left_colour", 2, 2, "SIM0003"),
        ("right_upper", 3, 3, "SIM0004"),
        ("right_lower", 4, 4, "SIM0005"),
        ("right_colour", 5, 5, "SIM0006"),
    ]
    assert [(lamp.name, lamp.output) for lamp in scenario.lamps] == [
        ("left_pattern", 6),
        ("right_pattern", 7),
        ("left_white", 8),
        ("right_white", 9),
    ]
    assert (scenario.width, scenario.height, scenario.rate_hz, scenario.pace) == (2048, 1536, 10.0, 1.0)


def test_a_rig_of_twelve_cameras_has_exposure_lines_as_far_as_the_inputs_of_the_box_go(tmp_path: Path) -> None:
    cameras = (
        f'[[cameras]]\nname = "camera{n}"\nserial = "X{n}"\noutput = {n}\n' + (f"input = {n}\n" if n < 6 else "")
        for n in range(12)
    )
    path = tmp_path / "twelve.toml"
    path.write_text("\n".join(cameras), encoding="utf-8")
    text = rig_file_text(load(str(path)), "/dev/pts/3", "x.cti")
    known = config.parse(text, "rig.toml", tmp_path)
    assert [camera.input for camera in known.cameras] == [*range(6), *[None] * 6]


SIZES = ("_us", "_ms", "_s", "_images", "_side")


def test_no_fault_is_planted_by_default() -> None:
    for key, value in load("default").faults:
        if not key.endswith(SIZES):
            assert not value or value == -1, key


def test_an_error_in_a_file_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    lines = [
        'name = "wrong"',
        "rate_hz = 5000",
        "[[cameras]]",
        'name = "only"',
        'serial = "X1"',
        "output = 0",
        "input = 9",
        "[scene.motion]",
        "smile = 3",
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(ScenarioError) as caught:
        load(str(path))
    told = str(caught.value).splitlines()
    assert told == [
        f"{path} line 2: rate_hz = 5000: expected less than or equal to 1000",
        f"{path} line 7: cameras.0.input = 9: expected less than or equal to 7",
    ]
    with pytest.raises(ScenarioError, match=r"line 9: scene.motion.smile = 3: expected 0 to 1"):
        load(f"{path}?rate_hz=10&cameras.only.input=0")


def test_an_error_in_an_override_names_no_line_of_the_file() -> None:
    with pytest.raises(ScenarioError, match=r"^default\?rate_hz=5000: rate_hz = 5000"):
        load("default?rate_hz=5000")


def test_overrides_reach_tables_and_cameras_by_name() -> None:
    scenario = load(
        "default?width=640&height=480&rate_hz=60&pace=0&seed=7&faults.withhold_trigger_every=50"
        "&cameras.left_lower.drift_ppm=-40&box.tcp=true&faults.withhold_trigger.left_upper=[3, 5]&name=quick"
    )
    assert (scenario.width, scenario.height, scenario.rate_hz, scenario.pace, scenario.seed) == (640, 480, 60, 0, 7)
    assert scenario.faults.withhold_trigger_every == 50
    assert scenario.faults.withhold_trigger == {"left_upper": (3, 5)}
    assert scenario.cameras[1].drift_ppm == -40
    assert scenario.box.tcp
    assert scenario.name == "quick"


def test_a_camera_is_of_its_own_make_or_of_that_of_all() -> None:
    scenario = load("default?make=gige1&cameras.left_lower.make=line2+odd&cameras.left_lower.width=641")
    makes = [scenario.make_of(camera) for camera in scenario.cameras]
    assert makes[0].input_lines == ("Line1",)
    assert (makes[1].input_lines, makes[1].width_step_px) == (("Line2",), 1)
    assert makes[2] == makes[0]


@pytest.mark.parametrize(
    ("keys", "seen_by"),
    [
        ("", [(0,)] * 6),
        ("producer.interfaces=6&producer.cameras=last", [(5,)] * 6),
        ("producer.interfaces=4&producer.cameras=spread", [(0,), (1,), (2,), (3,), (0,), (1,)]),
        ("producer.interfaces=2&producer.cameras=all", [(0, 1)] * 6),
        ("producer.interfaces=3&cameras.left_lower.interfaces=[1, 2]", [(0,), (1, 2), (0,), (0,), (0,), (0,)]),
    ],
)
def test_interfaces_see_the_cameras_that_the_scenario_gives_them(keys: str, seen_by: list[tuple[int, ...]]) -> None:
    assert ports_of(load(f"default?{keys}")).seen_by == tuple(seen_by)


def test_interfaces_search_as_long_as_the_scenario_says() -> None:
    keys = (
        "producer.interfaces=3&producer.update_s=0.1&producer.slow_interfaces=[1]&producer.slow_s=7&producer.search_s=2"
    )
    ports = ports_of(load(f"default?{keys}"))
    assert (ports.update_ms, ports.search_ms) == ((100, 7000, 100), 2000)
    assert ports_of(load("default?producer.uses_whole_timeout=true")).update_ms == (WHOLE_TIMEOUT,)


def test_a_file_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text('name = "one"\n[[cameras]]\nname = "only"\nserial = "X1"\noutput = 0\ninput = 0\n')
    assert [camera.name for camera in load(f"{path}?pace=2").cameras] == ["only"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("smiel", ["no scenario 'smiel'", "default"]),
        ("default?rate_hz=5000", ["rate_hz = 5000", "less than or equal to 1000"]),
        ("default?rate_hz=fast", ["rate_hz = 'fast'", "valid number"]),
        ("default?hight=480", ["hight", "unknown key"]),
        ("default?faults.withold=3", ["faults.withold", "unknown key"]),
        ("default?width", ["'width'", "expected key=value"]),
        ("default?cameras.middle.drift_ppm=1", ["no table 'middle'"]),
        ("default?cameras.drift_ppm=1", ["cameras.drift_ppm", "cameras.NAME.drift_ppm"]),
        ("default?pace.x=1", ["pace.x", "no table 'pace'"]),
        ("default?cameras.left_upper.output=1", ["cameras.1.output = 1: expected another, since left_upper has it"]),
        ("default?lamps.left_white.output=6", ["lamps.2.output = 6: expected another, since left_pattern has it"]),
        ("default?faults.swap_triggers=['left_upper']", ["swap_triggers = ['left_upper']: expected none or two"]),
        ("default?cameras.left_upper.link=usb", ["cameras.0.link = 'usb': expected one of [[links]]: none"]),
        ("default?width=641", ["width = 641: expected a multiple of 4"]),
        ("default?make=coarse32&width=656&height=480", ["width = 656: expected a multiple of 32"]),
        ("default?make=gige9", ["make = 'gige9': expected one of plain, sfnc1"]),
        ("default?cameras.left_upper.interfaces=[1]", ["cameras.0.interfaces = 1: expected less than", "= 1"]),
        ("default?producer.slow_interfaces=[2]", ["producer.slow_interfaces = 2: expected less than"]),
        ("default?cameras.left_upper.height=99", ["cameras.0.height = 99: expected a multiple of 2"]),
        ("default?cameras.left_upper.pixel_formats=['Mono9']", ["pixel_formats.0 = 'Mono9': expected one of Mono8"]),
        ("default?faults.withhold_trigger.middle=[1]", ["middle", "expected cameras of this scenario"]),
        ("no/such/file.toml", ["no/such/file.toml", "cannot be read"]),
    ],
)
def test_errors_name_key_value_and_bound(spec: str, said: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(spec)
    for words in said:
        assert words in str(caught.value)


def test_a_file_that_is_no_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("name = \n")
    with pytest.raises(ScenarioError, match=r"bad\.toml: is no TOML.*line 1"):
        load(str(path))


def test_a_rule_about_several_keys_names_the_line_that_breaks_it(tmp_path: Path) -> None:
    path = tmp_path / "twice.toml"
    camera = '[[cameras]]\nname = "{0}"\nserial = "{0}"\noutput = {1}\ninput = {1}\n'
    path.write_text(camera.format("one", 0) + camera.format("two", 0))
    with pytest.raises(ScenarioError) as caught:
        load(str(path))
    assert str(caught.value) == f"{path} line 9: cameras.1.output = 0: expected another, since one has it"
    path.write_text(camera.format("one", 0) + "[faults.lose_frame]\nthree = [1]\n")
    with pytest.raises(ScenarioError) as caught:
        load(str(path))
    assert str(caught.value) == f"{path} line 7: faults.lose_frame.three = [1]: expected cameras of this scenario"


@pytest.mark.parametrize("spec", ["", "default?width=640&height=480&rate_hz=60", "default?rate_hz=0.5&name=slow"])
def test_the_rig_file_of_a_scenario_is_accepted_by_the_driver(spec: str, tmp_path: Path) -> None:
    scenario = load(spec)
    text = rig_file_text(scenario, "/tmp/some port", "rigsim.cti")
    rig = config.parse(text, "rig.toml", tmp_path)
    assert rig.required_box().url == "/tmp/some port"
    assert rig.genicam.producers == (tmp_path / "rigsim.cti",)
    assert rig.schedule.rate_hz == scenario.rate_hz
    assert [(c.name, c.serial, c.role, c.pod, c.output, c.input) for c in rig.cameras] == [
        (c.name, c.serial, c.role, c.pod, c.output, c.input) for c in scenario.cameras
    ]
    assert rig.camera("left_colour").features["PixelFormat"] == "BayerRG8"
    assert rig.camera("left_upper").features["Width"] == scenario.width
    for ours, theirs in zip(scenario.cameras, rig.cameras, strict=True):
        assert theirs.jitter_us > 3 * ours.jitter_us
    assert [(lamp.name, lamp.kind, lamp.pod, lamp.output) for lamp in rig.lamps] == [
        (lamp.name, lamp.kind, lamp.pod, lamp.output) for lamp in scenario.lamps
    ]


def test_names_with_quotes_survive_the_rig_file(tmp_path: Path) -> None:
    scenario = load('default?cameras.left_upper.serial="a\\"b\\\\c"')
    text = rig_file_text(scenario, 'C:\\port "1"', "rigsim.cti")
    assert tomllib.loads(text)["box"]["url"] == 'C:\\port "1"'
    assert config.parse(text, "rig.toml", tmp_path).camera("left_upper").serial == 'a"b\\c'
