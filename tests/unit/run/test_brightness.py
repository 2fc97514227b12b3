"""A lamp that is dead or weak shows in the images, whatever the box says of its output.

In: frames with a planted brightness. Out: a note that names the camera, or none. What the lamp was told to do is not
asked.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rigdriver.arrays import Pixels
from rigdriver.frames import Frame
from rigdriver.run.brightness import Brightness

LAMPS = {"left": ("left_pattern", "right_pattern"), "bare": ()}


def frames(level: int, camera: str = "left", pixel_format: str = "Mono8") -> dict[str, Frame]:
    dark = np.zeros((256, 256), np.uint16)
    pixels: Pixels = (dark + level).astype(np.uint8) if pixel_format == "Mono8" else dark + np.uint16(level)
    return {camera: Frame(camera, 0, 0, 0, pixel_format, pixels)}


def test_a_frame_of_usual_brightness_is_not_told() -> None:
    brightness = Brightness(LAMPS)
    assert [said for level in (90, 95, 88, 92, 91, 80, 99) for said in brightness.judge(frames(level))] == []


def test_a_weak_frame_is_told_with_its_share_and_the_lamps_to_check() -> None:
    brightness = Brightness(LAMPS)
    for _ in range(10):
        brightness.judge(frames(100))
    assert brightness.judge(frames(40)) == [
        "camera left: 40% of its usual brightness; check lamp left_pattern and right_pattern"
    ]


def test_a_frame_that_was_measured_when_it_came_is_judged_like_any_other() -> None:
    brightness = Brightness(LAMPS)
    said: list[str] = []
    for frame_id, level in enumerate([*[100] * 10, 40]):
        (frame,) = frames(level).values()
        frame = replace(frame, frame_id=frame_id)
        brightness.measure(frame)
        brightness.measure(replace(frame, frame_id=frame_id + 100, pixels=frame.pixels // 2))
        said = brightness.judge({"left": frame})
    assert said == ["camera left: 40% of its usual brightness; check lamp left_pattern and right_pattern"]


def test_a_lamp_that_is_dead_from_the_first_frame_is_told_by_the_dark_image() -> None:
    assert Brightness(LAMPS).judge(frames(1))[0].startswith("camera left: dark (1.0 of 255)")
    assert Brightness(LAMPS).judge(frames(60, pixel_format="Mono12"))[0].startswith("camera left: dark (60.0 of 4095)")


def test_a_camera_without_a_lamp_may_be_dark() -> None:
    assert Brightness(LAMPS).judge(frames(0, camera="bare")) == []
