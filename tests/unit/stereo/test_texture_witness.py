"""Speckle in a texture camera's image: a true calibration is left in peace, a camera that moved shows by how much."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.calibration.calibration import RigCalibration
from rigdriver.calibration.project import rotation_matrix
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.texture_witness import TextureWitness, joined, misplaced_mm

HEAD = {"kind": "head", "seed": 22, "motion": {"smile": 0.5}}
SIZE_PX = (1024, 768)


def moved(calibration: RigCalibration, camera: str, turn_urad=(0.0, 0.0, 0.0), shift_mm: float = 0.0) -> RigCalibration:
    """The calibration as it is wrong after that camera was turned, or shifted to its left, from another place."""
    T = calibration[camera].T_cam_world.copy()
    T[:3] = rotation_matrix(-1e-6 * np.array(turn_urad)) @ T[:3]
    T[0, 3] += shift_mm
    bent = replace(calibration[camera], T_cam_world=T)
    return replace(calibration, cameras=MappingProxyType({**calibration.cameras, camera: bent}))


@pytest.fixture(scope="module")
def view(render):
    """A head in speckle light, at all six cameras."""
    return render(HEAD, index=0, size_px=SIZE_PX, with_colour=True, texture_light="pattern")


def in_colour(images):
    return {name: RawImage(i, "BayerRG8" if name.endswith("colour") else "Mono8") for name, i in images.items()}


def seen(view, known: RigCalibration, camera: str, images=None):
    found = TextureWitness(known).observe_images(in_colour(images or view.images))
    return [offsets for offsets in found if offsets.camera == camera]


@pytest.mark.parametrize("camera", ["left_colour", "right_colour"])
def test_a_true_calibration_puts_each_colour_in_its_place(view, camera):
    (offsets,) = seen(view, view.calibration, camera)
    assert offsets.found.sum() > 0.7 * len(offsets.found) > 30
    assert np.median(misplaced_mm(view.calibration[camera], offsets)) < 0.05


@pytest.mark.parametrize("camera", ["left_colour", "right_colour"])
@pytest.mark.parametrize("turn_urad", [(800.0, 0.0, 0.0), (0.0, -800.0, 0.0), (4000.0, 3000.0, 0.0)])
def test_a_turn_is_measured(view, camera, turn_urad):
    known = moved(view.calibration, camera, turn_urad)
    (offsets,) = seen(view, known, camera)
    away_px = np.nanmedian(offsets.seen_px - offsets.predicted_px, axis=0)
    # To second order a turn about x moves the image along y by the focal length times the angle, and the other way.
    expected_px = known[camera].K[0, 0] * 1e-6 * np.array([turn_urad[1], -turn_urad[0]])
    assert np.linalg.norm(away_px) == pytest.approx(np.linalg.norm(expected_px), rel=0.08)
    assert np.median(misplaced_mm(known[camera], offsets)) > 0.3


def test_a_shift_is_measured_in_millimetres_on_the_surface(view):
    known = moved(view.calibration, "left_colour", shift_mm=1.5)
    (offsets,) = seen(view, known, "left_colour")
    assert np.median(misplaced_mm(known["left_colour"], offsets)) == pytest.approx(1.5, abs=0.1)


def test_white_light_and_a_camera_that_looks_elsewhere_find_nothing(view, render):
    white = render(HEAD, index=0, size_px=SIZE_PX, with_colour=True).images["left_colour"]
    (plain,) = seen(view, view.calibration, "left_colour", {**view.images, "left_colour": white})
    assert plain.found.mean() < 0.2
    away = moved(view.calibration, "left_colour", (40_000.0, 0.0, 0.0))
    (elsewhere,) = seen(view, away, "left_colour")
    assert elsewhere.found.mean() < 0.2


def test_missing_images_give_nothing(view):
    images = {name: image for name, image in view.images.items() if name != "left_lower"}
    assert seen(view, view.calibration, "left_colour", images) == []
    without = {name: image for name, image in view.images.items() if name != "left_colour"}
    assert seen(view, view.calibration, "left_colour", without) == []


def test_a_blank_texture_image_has_no_block_that_is_found(view):
    blank = np.zeros_like(view.images["left_colour"])
    (offsets,) = seen(view, view.calibration, "left_colour", {**view.images, "left_colour": blank})
    assert not offsets.found.any()


def test_what_several_images_show_is_joined(view):
    (offsets,) = seen(view, view.calibration, "left_colour")
    both = joined([offsets, offsets])
    assert len(both.seen_px) == len(both.predicted_px) == len(both.points_mm) == 2 * len(offsets.points_mm)
