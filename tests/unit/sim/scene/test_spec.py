"""The scene table: what is wrong with it is told with key, value, bound and line.

In: scene tables with wrong and with missing keys. Out: all findings in one error, or the scene that they describe.
Nothing is rendered.
"""

from pathlib import Path

import pytest

from rigdriver_sim.scene.spec import SceneError, SceneSpec, load_scene, parse_scene

SCENARIOS = Path(__file__).parents[4] / "simulators" / "rigdriver_sim" / "scenarios"

BAD = """
seed = 1

[scene]
kind = "hed"
seed = -3

[scene.motion]
smile = 3
swing = 1.0
brow = "much"

[scene.cameras.left_upper]
yaw_urad = 1e9
"""


def test_everything_wrong_is_told_at_once_with_key_value_bound_and_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD, encoding="utf-8")
    with pytest.raises(SceneError) as caught:
        load_scene(file)
    told = str(caught.value).splitlines()
    assert told == [
        f"{file} line 5: scene.kind = 'hed': expected one of head, board, ball_bar, plate, empty",
        f"{file} line 6: scene.seed = -3: expected 0 to 2.14748e+09",
        f"{file} line 9: scene.motion.smile = 3: expected 0 to 1",
        f"{file} line 10: scene.motion.swing: unknown key; known: period_s, smile, mouth, brow, sway_mm, turn_mm_s",
        f"{file} line 11: scene.motion.brow = 'much': expected a number from 0 to 1",
        f"{file} line 14: scene.cameras.left_upper.yaw_urad = 1000000000.0: expected -50000 to 50000",
    ]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"kind": 3}, "scene.kind = 3"),
        ({"seed": True}, "scene.seed = True: expected a whole number"),
        ({"seed": 1.5}, "scene.seed = 1.5: expected a whole number"),
        ({"light": {"has_shadows": 1}}, "scene.light.has_shadows = 1: expected true or false"),
        ({"optics": 5}, "scene.optics = 5: expected a table"),
        ({"cameras": 5}, "scene.cameras = 5: expected a table of cameras"),
        ({"board": {"marker_mm": 20.0}}, "scene.board.marker_mm = 20.0: expected less than square_mm"),
        ({"board": {"dictionary": "DICT_9X9_50"}}, "scene.board.dictionary = 'DICT_9X9_50': expected one of"),
        (
            {"board": {"squares_x": 30, "squares_y": 30, "dictionary": "DICT_4X4_50"}},
            "expected one of at least 450 markers",
        ),
        ({"motion": {"period_s": float("nan")}}, "scene.motion.period_s = nan"),
    ],
)
def test_a_wrong_value_names_its_key(table: dict[str, object], told: str) -> None:
    with pytest.raises(SceneError, match=r"^scenario: ") as caught:
        parse_scene(table)
    assert told in str(caught.value)


def test_an_empty_table_is_the_average_scene() -> None:
    assert parse_scene({}) == SceneSpec()


def test_whole_numbers_stand_for_numbers() -> None:
    spec = parse_scene({"motion": {"smile": 1}, "cameras": {"left_upper": {"yaw_urad": 100}}})
    assert isinstance(spec.motion.smile, float)
    assert spec.cameras["left_upper"].yaw_urad == 100.0


@pytest.mark.parametrize("name", ["smile", "board", "ballbar", "plate", "default"])
def test_each_packaged_scenario_holds_a_good_scene(name: str) -> None:
    kinds = {"smile": "head", "board": "board", "ballbar": "ball_bar", "plate": "plate", "default": "head"}
    assert load_scene(SCENARIOS / f"{name}.toml").kind == kinds[name]
