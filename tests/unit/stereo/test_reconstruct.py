"""The built-in reconstructor against the simulator's truth, and against images that lie."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np
import pytest

from rigdriver.calibration.calibration import CameraCalibration, RigCalibration
from rigdriver.errors import CalibrationMismatch
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.geometry.rectify import WorkingVolume
from rigdriver.stereo.reconstruct import CellReconstructor, reconstruct

# 640 x 480: 0.47 mm and 1.35 mm of depth a pixel, so 0.02 px are 27 um.
MEDIAN_UM, RMS_UM = 40.0, 140.0


@pytest.fixture(scope="module")
def face_cloud(head):
    return reconstruct(head.images, head.calibration)


def test_face_lies_within_hundredths_of_a_pixel_of_the_true_surface(head, face_cloud):
    errors = np.abs(head.errors_um(face_cloud))
    assert len(errors) > 10_000
    assert np.median(errors) < MEDIAN_UM
    assert np.sqrt(np.mean(errors**2)) < RMS_UM


def test_plate_is_measured_flat(plate):
    cloud = reconstruct(plate.images, plate.calibration)
    errors = plate.errors_um(cloud)
    assert len(cloud) > 4_000
    assert np.median(np.abs(errors)) < MEDIAN_UM


def test_predicted_sigma_tells_good_points_from_bad_ones(head, face_cloud):
    errors = np.abs(head.errors_um(face_cloud))
    order = np.argsort(face_cloud.sigma_mm)
    tenth = len(order) // 10
    assert np.median(errors[order[-tenth:]]) > 1.5 * np.median(errors[order[:tenth]])


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "head", "seed": 421, "motion": {"smile": 0.5}},
        {"kind": "plate", "seed": 421, "plate": {"bow_mm": 4.0}},
        {"kind": "ball_bar", "seed": 421},
    ],
    ids=lambda table: table["kind"],
)
def test_two_sigma_hold_for_as_many_points_as_they_should_whatever_the_surface(render, table):
    views = render(table)
    cloud = reconstruct(views.images, views.calibration)
    held = np.mean(np.abs(views.errors_um(cloud)) < 2e3 * cloud.sigma_mm)
    # 0.954 of a normal distribution; detail finer than the windows of this small rig can only be estimated.
    assert 0.92 < held < 0.985


def test_a_pods_figures_hold_the_whole_sigma_and_the_noise_in_it(face_cloud):
    sigma_um = 1e3 * np.asarray(face_cloud.sigma_mm)
    for number, pod in enumerate(face_cloud.figures.pods):
        assert 0 < pod.noise_um < pod.sigma_um
        # Cells are weighed by pixels there, points by area here.
        assert pod.sigma_um == pytest.approx(float(np.median(sigma_um[face_cloud.pod == number])), rel=0.3)


def test_normals_point_out_of_the_surface(head, face_cloud):
    sample = slice(None, None, 50)
    points, normals = face_cloud.points_mm[sample].astype(float), face_cloud.normals[sample]
    outside = head.distance_mm(points + 0.5 * normals) - head.distance_mm(points)
    assert np.median(outside) == pytest.approx(0.5, abs=0.02)


def test_same_images_give_the_same_bits(head, face_cloud):
    again = reconstruct(head.images, head.calibration)
    assert np.array_equal(again.points_mm, face_cloud.points_mm)


def test_arrays_of_a_cloud_cannot_be_changed(face_cloud):
    with pytest.raises(ValueError, match="read-only"):
        face_cloud.points_mm[0] = 0


def test_a_missing_camera_leaves_the_other_pod_and_a_warning(head):
    images = {name: image for name, image in head.images.items() if name != "left_lower"}
    cloud = reconstruct(images, head.calibration)
    assert cloud.pod_names == ("right",)
    assert any("left_lower" in str(warning) for warning in cloud.figures.warnings)


@pytest.mark.parametrize("value", [0, 255])
def test_blank_or_saturated_images_give_an_empty_cloud_with_the_cameras_name(head, value):
    images = {name: np.full_like(image, value) for name, image in head.images.items()}
    cloud = reconstruct(images, head.calibration)
    assert cloud.is_empty
    assert "left_upper" in cloud.reason


def test_saturated_face_is_told_as_saturated(head):
    images = {name: np.where(image > 12, 255, 2).astype(np.uint8) for name, image in head.images.items()}
    cloud = reconstruct(images, head.calibration)
    assert cloud.is_empty
    assert "saturated" in cloud.reason


def _swapped(images, a, b):
    return {**images, a: images[b], b: images[a]}


@pytest.mark.parametrize(
    ("first", "second"), [("left_upper", "left_lower"), ("left_upper", "right_upper"), ("left_lower", "right_upper")]
)
def test_swapped_images_never_give_points_of_that_pod(head, first, second):
    cloud = reconstruct(_swapped(head.images, first, second), head.calibration)
    pods = {first.split("_")[0], second.split("_")[0]}
    assert not pods & {cloud.pod_names[n] for n in np.unique(cloud.pod)}
    assert cloud.is_empty or any(pod in " ".join(map(str, cloud.figures.warnings)) for pod in pods)


def test_images_of_different_moments_give_no_points(head, render):
    later = render({"kind": "head", "seed": 22, "motion": {"smile": 0.5, "sway_mm": 12.0, "period_s": 1.0}}, index=3)
    images = {**head.images, "left_lower": later.images["left_lower"], "right_lower": later.images["right_lower"]}
    cloud = reconstruct(images, head.calibration)
    assert cloud.is_empty
    assert cloud.reason


def _turned(camera: CameraCalibration, pitch_rad: float, yaw_rad: float) -> CameraCalibration:
    T = np.eye(4)
    T[:3, :3] = cv2.Rodrigues(np.array([pitch_rad, yaw_rad, 0.0]))[0]
    return CameraCalibration(
        name=camera.name, serial=camera.serial, size_px=camera.size_px, K=camera.K.copy(),
        distortion=camera.distortion.copy(), T_cam_world=T @ camera.T_cam_world, pod=camera.pod, role=camera.role,
    )  # fmt: skip


def test_a_camera_turned_across_its_rows_is_seen_in_the_row_residual(head):
    bad = head.calibration.with_camera(_turned(head.calibration["left_lower"], 0.0, 1e-3))
    cloud = reconstruct(head.images, bad)
    row = {p.pod: p.row_residual_px for p in cloud.figures.pods}
    # 1 mrad at a focal length of 1920 px is 1.9 px; half a pixel and more must be refused.
    assert abs(row["right"]) < 0.05
    assert "left" not in cloud.pod_names
    assert any("left" in str(warning) for warning in cloud.figures.warnings)


@pytest.mark.parametrize("turn_rad", [3e-4, -3e-4, 1e-3])
def test_a_camera_turned_along_its_rows_is_seen_in_the_step_between_the_pods(head, turn_rad):
    # 0.3 mrad are 0.6 px, nearly a millimetre of depth, and leave the rows in line.
    bad = head.calibration.with_camera(_turned(head.calibration["left_lower"], turn_rad, 0.0))
    cloud = reconstruct(head.images, bad)
    assert cloud.is_empty
    assert "um apart" in cloud.reason


def test_images_of_another_size_give_an_empty_result_with_the_reason(head):
    images = {name: image[::2, ::2] for name, image in head.images.items()}
    cloud = reconstruct(images, head.calibration)
    assert cloud.is_empty
    assert "left_upper: images of 320x240 px; expected 640x480 px, as calibrated" in cloud.reason


def test_a_colour_image_in_place_of_a_grey_one_costs_its_pod_only(head):
    images = {**head.images, "left_upper": np.dstack([head.images["left_upper"]] * 3)}
    cloud = reconstruct(images, head.calibration)
    assert set(cloud.pod_names) == {"right"}
    assert any("left_upper: image of shape" in str(warning) for warning in cloud.figures.warnings)


def test_closing_twice_is_harmless(head):
    made = CellReconstructor(head.calibration)
    made.close()
    made.close()


def test_sixteen_bit_images_give_the_same_surface(head, face_cloud):
    images = {name: RawImage(image.astype(np.uint16) * 257, "Mono16") for name, image in head.images.items()}
    cloud = reconstruct(images, head.calibration)
    assert abs(len(cloud) - len(face_cloud)) < 0.02 * len(face_cloud)
    assert np.median(np.abs(head.errors_um(cloud))) < MEDIAN_UM


def _with_upper(calibration: RigCalibration, **changes) -> RigCalibration:
    """The calibration with something else in left_upper."""
    cameras = {**calibration.cameras, "left_upper": replace(calibration["left_upper"], **changes)}
    return replace(calibration, cameras=MappingProxyType(cameras))


@pytest.mark.parametrize(
    "changes",
    [
        {"K": np.full((3, 3), np.nan)},
        {"K": np.diag([0.0, 0.0, 1.0])},
        {"distortion": np.full(5, np.inf)},
        {"T_cam_world": np.full((4, 4), np.nan)},
    ],
)
def test_a_calibration_that_holds_no_numbers_is_refused_with_the_cameras_name(head, changes):
    with pytest.raises(CalibrationMismatch, match="left_upper: its calibration holds"):
        CellReconstructor(_with_upper(head.calibration, **changes))


@pytest.mark.parametrize(
    ("radius_mm", "half_depth_mm", "centre_mm"),
    [(0.0, 50.0, 0.0), (-5.0, 50.0, 0.0), (100.0, np.inf, 0.0), (100.0, 5e3, 0.0), (100.0, 50.0, np.nan), (2, 2, 0)],
)
def test_a_volume_in_which_nothing_can_be_measured_is_refused(head, radius_mm, half_depth_mm, centre_mm):
    volume = WorkingVolume((centre_mm, 0.0, 0.0), radius_mm, half_depth_mm)
    with pytest.raises(CalibrationMismatch, match="volume"):
        CellReconstructor(head.calibration, volume)


def test_cameras_that_look_in_parallel_need_a_volume(head):
    cameras = {
        name: replace(c, T_cam_world=np.block([[np.eye(3), -c.centre_mm[:, None]], [np.zeros((1, 3)), 1.0]]))
        for name, c in head.calibration.cameras.items()
    }
    with pytest.raises(CalibrationMismatch, match="parallel"):
        CellReconstructor(replace(head.calibration, cameras=MappingProxyType(cameras)))


@pytest.mark.parametrize("angle_deg", [0.0, 0.05, 0.4])
def test_cameras_that_look_nearly_in_parallel_are_refused_and_a_volume_helps(head, angle_deg):
    """Their lines of sight meet tens of metres away, or behind them, by errors of the calibration alone."""
    cameras = {}
    for n, (name, c) in enumerate(head.calibration.cameras.items()):
        R = cv2.Rodrigues(np.array([0.0, np.radians(angle_deg) * (n % 2), 0.0]))[0]
        place = np.array([120.0 * n, 0.0, 0.0])
        T = np.block([[R, -(R @ place)[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
        cameras[name] = replace(c, T_cam_world=T)
    calibration = replace(head.calibration, cameras=MappingProxyType(cameras))
    with pytest.raises(CalibrationMismatch, match=r"in parallel .*--volume"):
        CellReconstructor(calibration)
    with CellReconstructor(calibration, WorkingVolume((200.0, 0.0, 2500.0), 200.0, 150.0)) as made:
        assert made.pairs
