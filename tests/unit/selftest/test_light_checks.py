"""Lamps, room light and focus, judged from what cameras saw of each lamp alone."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import pytest

from rigdriver.config import RigConfig
from rigdriver.selftest.focus_checks import judge_focus
from rigdriver.selftest.history import append, changes, read
from rigdriver.selftest.lamps import NO_DETAIL, SPECKLE, Detail, LightSeen, detail_of
from rigdriver.selftest.light_checks import judge_light
from rigdriver.selftest.result import Report, Status

CAMERAS = ("left_upper", "left_lower", "left_colour", "right_upper", "right_lower", "right_colour")
LAMPS = ("left_pattern", "right_pattern", "left_white", "right_white")
CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [
            {
                "name": name,
                "serial": name,
                "output": number,
                "pod": name.split("_")[0],
                "role": "texture" if name.endswith("colour") else "geometry",
            }
            for number, name in enumerate(CAMERAS)
        ],
        "lamps": [
            {"name": name, "kind": name.split("_")[1], "pod": name.split("_")[0], "output": 6 + number}
            for number, name in enumerate(LAMPS)
        ],
    }
)
FINE, SKIN = Detail(0.25, 0.35), Detail(0.2, 0.12)


def rig(
    powers: Mapping[str, float] | None = None,
    place: Mapping[str, str] | None = None,
    room: float = 0.01,
    blurred: Mapping[str, float] | None = None,
) -> LightSeen:
    """A rig whose lamps light their own pod by 0.2 and the other by 0.04; `place`: socket -> lamp that hangs there."""
    lit: dict[str, dict[str, float]] = {}
    detail: dict[str, dict[str, Detail]] = {}
    for socket in LAMPS:
        lamp = (place or {}).get(socket, socket)
        pod, _ = lamp.split("_")
        power = (powers or {}).get(lamp, 1.0)
        exposing = [c for c in CAMERAS if c.endswith("colour") == socket.endswith("white")]
        shares = {c: (0.2 if c.startswith(pod) else 0.04) if c in exposing else 0 for c in CAMERAS}
        lit[socket] = {c: room + power * share for c, share in shares.items()}
        kind = (FINE if lamp.endswith("pattern") else SKIN) if power else NO_DETAIL
        detail[socket] = {
            c: Detail(kind.contrast, kind.sharpness * (blurred or {}).get(c, 1.0))
            for c in exposing
            if c.startswith(socket.split("_")[0])
        }
    return LightSeen(dict.fromkeys(CAMERAS, room), lit, detail)


def bad(seen: LightSeen) -> dict[str, str]:
    checks = [*judge_light(seen, CONFIG), *judge_focus(seen, CONFIG)]
    assert len({check.name for check in checks}) == len(checks) == len(LAMPS) + 2 * len(CAMERAS)
    return {check.name: check.remedy for check in checks if check.status is Status.FAILED}


def test_a_sound_rig_is_good():
    assert bad(rig()) == {}


@pytest.mark.parametrize("lamp", LAMPS)
def test_a_dead_lamp_is_named_with_its_output(lamp):
    found = bad(rig({lamp: 0.0}))
    assert set(found) == {f"light.{lamp}"}
    assert f"box output {6 + LAMPS.index(lamp)}" in found[f"light.{lamp}"]


@pytest.mark.parametrize("lamp", LAMPS)
def test_a_weak_lamp_is_told_from_a_dead_one(lamp):
    found = bad(rig({lamp: 0.5}))
    assert set(found) == {f"light.{lamp}"}
    assert "50% of the light of" in found[f"light.{lamp}"]


def test_two_dead_lamps_of_a_kind_are_both_named():
    assert set(bad(rig({"left_pattern": 0.0, "right_pattern": 0.0}))) == {"light.left_pattern", "light.right_pattern"}


def test_without_any_light_the_supply_comes_first():
    found = bad(rig(dict.fromkeys(LAMPS, 0.0)))
    assert set(found) == {f"light.{lamp}" for lamp in LAMPS}
    assert all("no camera sees light of any lamp" in remedy for remedy in found.values())


@pytest.mark.parametrize(
    "pair", [("left_pattern", "right_pattern"), ("left_white", "right_white"), ("left_pattern", "left_white")]
)
def test_exchanged_lamps_name_each_other_and_no_camera_is_blamed(pair):
    one, other = pair
    found = bad(rig(place={one: other, other: one}))
    assert {name for name in found if name.startswith("light.")} == {f"light.{one}", f"light.{other}"}
    assert f"lamps {one} and {other} are exchanged" in found[f"light.{one}"]


def test_light_of_the_room_is_told_camera_by_camera():
    found = bad(rig(room=0.1))
    assert set(found) == {f"ambient.{camera}" for camera in CAMERAS}


def test_a_lamp_whose_only_peer_is_dead_is_not_called_good():
    """What a weak lamp should give shows only its peer."""
    checks = {check.name: check for check in judge_light(rig({"left_white": 0.4, "right_white": 0.0}), CONFIG)}
    assert checks["light.right_white"].status is Status.FAILED
    assert checks["light.left_white"].status is Status.NOT_RUN
    assert "light.right_white" in checks["light.left_white"].remedy


def test_cameras_that_are_all_blurred_alike_are_named_and_the_lamps_too():
    geometry = [name for name in CAMERAS if not name.endswith("colour")]
    found = bad(rig(blurred=dict.fromkeys(geometry, 0.04)))
    assert set(found) == {f"focus.{camera}" for camera in geometry}
    assert all("pattern lamps may be out of focus" in remedy for remedy in found.values())


@pytest.mark.parametrize("camera", [name for name in CAMERAS if not name.endswith("colour")])
def test_a_blurred_camera_is_named_alone(camera):
    assert set(bad(rig(blurred={camera: 0.2}))) == {f"focus.{camera}"}


def test_skin_in_white_light_says_nothing_about_focus():
    checks = {check.name: check.status for check in judge_focus(rig(), CONFIG)}
    assert {name for name, status in checks.items() if status is Status.NOT_CHECKED} == {
        "focus.left_colour",
        "focus.right_colour",
    }


def in_speckle(light: Mapping[str, float], sharpness: Mapping[str, float]) -> LightSeen:
    """A rig whose colour cameras were shown the pattern lamps, too."""
    seen = rig()
    detail = {camera: Detail(0.2, share) for camera, share in sharpness.items()}
    return LightSeen(seen.dark, {**seen.lit, SPECKLE: light}, {**seen.detail, SPECKLE: detail})


COLOUR = ("left_colour", "right_colour")


@pytest.mark.parametrize(
    ("sharpness", "blurred"),
    [((0.4, 0.38), set()), ((0.4, 0.15), {"focus.right_colour"}), ((0.05, 0.06), {f"focus.{c}" for c in COLOUR})],
)
def test_colour_cameras_that_see_speckle_are_judged_by_it(sharpness, blurred):
    seen = in_speckle(dict.fromkeys(COLOUR, 0.2), dict(zip(COLOUR, sharpness, strict=True)))
    assert set(bad(seen)) == blurred
    checks = {check.name: check.status for check in judge_focus(seen, CONFIG)}
    assert Status.NOT_CHECKED not in checks.values()


def test_a_colour_camera_that_the_pattern_lamps_do_not_reach_is_not_judged_by_its_noise():
    seen = in_speckle({"left_colour": 0.2, "right_colour": 0.01}, {"left_colour": 0.4, "right_colour": 0.02})
    checks = {check.name: check for check in judge_focus(seen, CONFIG)}
    assert {checks[f"focus.{camera}"].status for camera in COLOUR} == {Status.NOT_CHECKED}
    assert "no second texture camera" in checks["focus.left_colour"].remedy


def test_a_colour_camera_that_goes_out_of_focus_stands_out_in_the_history(tmp_path):
    def blurred(sharpness: float) -> Report:
        seen = rig()
        light = {lamp: {camera: Detail(0.08, sharpness) if camera == "left_colour" else detail
                        for camera, detail in found.items()} for lamp, found in seen.detail.items()}  # fmt: skip
        return Report("bench", tuple(judge_focus(LightSeen(seen.dark, seen.lit, light), CONFIG)), True)

    for sharpness in (0.36, 0.40, 0.38):
        append(tmp_path / "history", blurred(sharpness))
    earlier = read(tmp_path / "history")
    assert [change.name for change in changes(blurred(0.19), earlier)] == ["focus.left_colour"]
    assert changes(blurred(0.37), earlier) == []


def test_a_camera_without_frames_is_unknown_not_good():
    seen = rig()
    without = {lamp: {c: light for c, light in lit.items() if c != "left_colour"} for lamp, lit in seen.lit.items()}
    checks = judge_light(LightSeen(seen.dark, without, seen.detail), CONFIG)
    statuses = {check.name: check.status for check in checks}
    assert statuses["light.left_white"] is Status.UNKNOWN
    assert statuses["ambient.left_colour"] is Status.UNKNOWN


def test_a_view_without_detail_says_nothing_about_focus():
    seen = rig()
    plain = {lamp: dict.fromkeys(found, Detail(0.0, 0.0)) for lamp, found in seen.detail.items()}
    checks = judge_focus(LightSeen(seen.dark, seen.lit, plain), CONFIG)
    assert {check.status for check in checks if not check.name.endswith("colour")} == {Status.UNKNOWN}


def speckle(blur_px: float, noise: float, bits: int = 8) -> np.ndarray:
    rng = np.random.default_rng(1)
    grain = cv2.GaussianBlur(rng.standard_normal((240, 320)).astype(np.float32), (0, 0), float(np.hypot(1.2, blur_px)))
    image = 0.4 + 0.1 * grain / float(grain.std()) + noise * rng.standard_normal((240, 320))
    full = 2**bits - 1
    return np.clip(image * full, 0, full).astype(np.uint8 if bits == 8 else np.uint16)


def test_blur_lowers_the_sharpness_and_noise_does_not_raise_it():
    sharp, blurred = (detail_of(speckle(blur, 0.0), "Mono8", 0.0).sharpness for blur in (0.0, 3.0))
    noisy = detail_of(speckle(3.0, 0.02), "Mono8", 0.0).sharpness
    assert blurred < 0.3 * sharp
    assert noisy == pytest.approx(blurred, abs=0.03)


def test_detail_is_the_same_at_eight_and_at_twelve_bits():
    eight, twelve = detail_of(speckle(0.0, 0.0), "Mono8", 0.0), detail_of(speckle(0.0, 0.0, 12), "Mono12", 0.0)
    assert eight.contrast == pytest.approx(twelve.contrast, rel=0.02)
    assert eight.sharpness == pytest.approx(twelve.sharpness, rel=0.02)


def test_an_image_that_is_too_small_or_dark_has_no_detail():
    assert detail_of(np.zeros((240, 320), np.uint8), "Mono8", 0.0).contrast == 0
    assert detail_of(speckle(0.0, 0.0)[:20, :20], "Mono8", 0.0).contrast == 0
