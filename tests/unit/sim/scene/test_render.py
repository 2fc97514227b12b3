"""The whole image: same pixels everywhere, light where lamps shine, colours where the filters are.

In: small scenes under single lamps. Out: images whose light, speckle, shadow and colour follow what was asked; digests
pin the pixels for every Python.
"""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rigdriver_sim.scene.contact_sheet import contact_sheet
from rigdriver_sim.scene.offline import RenderPlan, render_image, render_to
from rigdriver_sim.scene.optics import inverse, transform
from rigdriver_sim.scene.pods import CAMERAS, LAMPS
from rigdriver_sim.scene.render import Renderer, expose
from rigdriver_sim.scene.sensor import digitise
from rigdriver_sim.scene.spec import CameraChange, LightSpec, MotionSpec, OpticsSpec, PlateSpec, SceneSpec, SensorSpec

SMALL = RenderPlan(width=192, height=144)
DIGESTS = {
    "left_upper": "4fc4bcc897cfa3fd",
    "right_colour": "df0fa8a71b1d6851",
}
"""Digests of the pixels of seed 11 at rest; they change only when the scene's looks are meant to change."""


@pytest.fixture(scope="module")
def face() -> Renderer:
    return Renderer(SceneSpec(seed=11), SMALL.width, SMALL.height)


@pytest.mark.parametrize("camera", DIGESTS)
def test_the_pixels_are_the_same_on_every_python(face: Renderer, camera: str) -> None:
    pixels, _depth = render_image(face, SMALL, 0, camera)
    assert hashlib.blake2b(pixels.astype("<u2").tobytes(), digest_size=8).hexdigest() == DIGESTS[camera]


def test_a_second_renderer_gives_the_same_pixels_and_another_seed_does_not() -> None:
    spec = SceneSpec(kind="plate", seed=4)
    once, again = (render_image(Renderer(spec, 192, 144), SMALL, 0, "left_upper")[0] for _ in range(2))
    other, _ = render_image(Renderer(SceneSpec(kind="plate", seed=5), 192, 144), SMALL, 0, "left_upper")
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_no_lamp_leaves_the_image_dark_and_half_a_flash_gives_half(face: Renderer) -> None:
    maps = face.view("left_upper", 0.0).lamps
    full = expose(maps, {"left_pattern": 1800.0}, 1800.0)
    half = expose(maps, {"left_pattern": 900.0}, 1800.0)
    assert full.max() > 5000
    assert np.allclose(half, full / 2, rtol=1e-5)
    assert expose(maps, {}, 1800.0).max() == 0.0


def test_both_cameras_of_a_pod_see_one_pattern_on_one_surface() -> None:
    """What a matcher lives on: at the pixels that truth pairs, the two images agree to hundredths of a pixel."""
    renderer = Renderer(SceneSpec(seed=11, optics=OpticsSpec(psf_px=0.3)), 512, 384)
    upper, lower = renderer.pods.cameras["left_upper"], renderer.pods.cameras["left_lower"]
    views = [renderer.view(model.name, 0.0, ("left_pattern",)) for model in (upper, lower)]
    depth = views[0].hits.depth_mm
    rows, columns = np.mgrid[0 : upper.height, 0 : upper.width]
    slopes = upper.lens.slopes(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float))
    points = np.concatenate([slopes, np.ones((depth.size, 1))], axis=1) * np.nan_to_num(depth, nan=900.0).reshape(-1, 1)
    pairs = lower.lens.project(transform(lower.T_cam_world @ inverse(upper.T_cam_world), points))
    pairs = pairs.reshape(*depth.shape, 2).astype(np.float32)
    one, other = (view.lamps["left_pattern"] for view in views)
    warped = cv2.remap(other, pairs[..., 0], pairs[..., 1], cv2.INTER_LANCZOS4)
    shifts = []
    for y in range(40, 340, 15):
        for x in range(40, 460, 15):
            window = np.s_[y - 7 : y + 8, x - 7 : x + 8]
            a, b = one[window].astype(float), warped[window].astype(float)
            if not np.isfinite(depth[window]).all() or a.min() < 100 or np.ptp(depth[window]) > 6:
                continue
            gx, gy = np.gradient(one.astype(float)[y - 8 : y + 9, x - 8 : x + 9])[::-1]
            design = np.stack([gx[1:-1, 1:-1].ravel(), gy[1:-1, 1:-1].ravel(), a.ravel(), np.ones(a.size)], axis=1)
            shifts.append(np.linalg.lstsq(design, b.ravel(), rcond=None)[0][:2])
    assert len(shifts) > 100
    assert np.abs(np.median(shifts, axis=0)).max() < 0.01
    assert np.median(np.abs(shifts)) < 0.02


def test_pattern_light_is_speckled_and_white_light_is_not(face: Renderer) -> None:
    view = face.view("left_upper", 0.0)

    def roughness(lamp: str) -> float:
        image = view.lamps[lamp]
        lit = view.lamps["left_white"] > 2000
        smooth = cv2.GaussianBlur(image, (0, 0), 4.0)
        return float((image - smooth)[lit].std() / image[lit].mean())

    assert roughness("left_pattern") > 0.15
    assert roughness("left_white") < 0.6 * roughness("left_pattern")


def test_the_lens_darkens_towards_its_corners_as_the_square_of_the_distance() -> None:
    even, dark = (
        Renderer(
            SceneSpec(kind="plate", plate=PlateSpec(size_mm=400.0), optics=OpticsSpec(corner_falloff=share)), 192, 144
        )
        for share in (0.0, 0.3)
    )
    lens = dark.pods.cameras["left_upper"].lens
    row, column = np.mgrid[0:144, 0:192]
    r2 = ((column - lens.cx_px) ** 2 + (row - lens.cy_px) ** 2) / (96**2 + 72**2)
    flat, vignetted = (r.view("left_upper", 0.0, ("left_white",)).lamps["left_white"] for r in (even, dark))
    # Away from the plate's rim and from shadows, where the lens mixes neighbours of unlike brightness.
    lit = cv2.erode((flat > 0.5 * np.median(flat[flat > 0])).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert lit.mean() > 0.3
    assert r2[lit].max() > 0.6
    assert np.abs(vignetted[lit] / flat[lit] - (1 - 0.3 * r2[lit])).max() < 0.002


def test_a_lamp_lights_by_the_cosine_and_the_inverse_square() -> None:
    plate = Renderer(SceneSpec(kind="plate", plate=PlateSpec(size_mm=400.0)), 192, 144)
    view = plate.view("left_upper", 0.0, ("left_white", "right_white"))
    camera = plate.pods.cameras["left_upper"]
    row, column = np.mgrid[40:104, 60:132]
    depth = view.hits.depth_mm[row, column]
    places = cv2.undistortPoints(
        np.stack([column, row], axis=-1).reshape(-1, 1, 2).astype(np.float64),
        camera.lens.matrix, np.array(camera.lens.distortion),
    ).reshape(*row.shape, 2)  # fmt: skip
    in_camera = np.concatenate([places, np.ones((*row.shape, 1))], axis=-1) * depth[..., None]
    world = transform(inverse(camera.T_cam_world), in_camera.reshape(-1, 3)).reshape(*row.shape, 3)
    normal = view.hits.normal[row, column]
    expected = {}
    for name in ("left_white", "right_white"):
        T_lamp_world = plate.pods.lamps[name].T_lamp_world
        to_lamp = -T_lamp_world[:3, :3].T @ T_lamp_world[:3, 3] - world
        away = np.linalg.norm(to_lamp, axis=-1)
        expected[name] = (normal * to_lamp).sum(axis=-1) / away**3
    # The ratio of two lamps at one pixel knows neither albedo nor lens.
    seen = view.lamps["left_white"][row, column] / view.lamps["right_white"][row, column]
    assert np.abs(seen / (expected["left_white"] / expected["right_white"]) - 1).max() < 0.002


def test_skin_takes_the_asked_share_of_the_contrast_away() -> None:
    def pattern(kind: str, skin_blur: float, contrast: float) -> np.ndarray:
        light = LightSpec(skin_blur=skin_blur, speckle_contrast=contrast)
        maps = (
            Renderer(SceneSpec(kind=kind, seed=11, light=light), 96, 72)
            .view("left_upper", 0.0, ("left_pattern",))
            .lamps
        )
        return maps["left_pattern"].astype(float)

    for kind, kept in (("head", 0.55), ("plate", 1.0)):
        even = pattern(kind, 0.0, 0.0)
        bare, skin = pattern(kind, 0.0, 0.9) - even, pattern(kind, 0.45, 0.9) - even
        assert np.abs(bare).max() > 1000
        assert np.allclose(skin, kept * bare, atol=0.5)


def test_the_nose_throws_a_shadow_that_can_be_turned_off() -> None:
    def lit_share(has_shadows: bool) -> float:
        spec = SceneSpec(seed=11, light=LightSpec(has_shadows=has_shadows))
        return float(
            (Renderer(spec, 192, 144).view("left_upper", 0.0, ("right_white",)).lamps["right_white"] > 50).mean()
        )

    assert lit_share(True) < 0.9 * lit_share(False)


def test_the_mosaic_begins_with_red_as_opencv_reads_it(face: Renderer) -> None:
    """Lips are redder than the cap only when red, green and blue sit where RGGB has them."""
    model = face.pods.cameras["left_colour"]
    view = face.view("left_colour", 0.0)
    electrons = expose(view.lamps, {"left_white": 1800.0, "right_white": 1800.0}, 1800.0)
    clean = SensorSpec(dead_pixels_ppm=0.0)
    mosaic = digitise(electrons, clean, 8, 1, model.name, 0).astype(np.uint8)
    blue, green, red = cv2.split(cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2BGR).astype(float))
    material = view.hits.material
    lips = (np.abs(material[..., 0]) < 0.06) & (np.abs(material[..., 1] + 0.40) < 0.02) & (electrons > 500)
    cap = (material[..., 1] > 0.45) & (electrons > 500)
    assert lips.sum() > 10
    assert cap.sum() > 200
    assert red[lips].mean() > 1.5 * blue[lips].mean()
    assert blue[cap].mean() > 1.02 * red[cap].mean()
    # Straight from the mosaic, without OpenCV: even rows begin with red.
    rows, columns = np.nonzero(lips)
    is_red, is_blue = (rows % 2 == 0) & (columns % 2 == 0), (rows % 2 == 1) & (columns % 2 == 1)
    assert mosaic[rows[is_red], columns[is_red]].mean() > 1.5 * mosaic[rows[is_blue], columns[is_blue]].mean()
    assert abs(green[cap].mean() / red[cap].mean() - 1) < 0.5


def test_a_bumped_camera_sees_the_scene_shifted_by_its_turn() -> None:
    still = Renderer(SceneSpec(kind="plate"), 192, 144)
    turned = Renderer(SceneSpec(kind="plate", cameras={"left_upper": CameraChange(yaw_urad=1000.0)}), 192, 144)
    point = np.array([[0.0, 0.0, 0.0]])

    def pixel(renderer: Renderer, camera: str) -> np.ndarray:
        model = renderer.pods.cameras[camera]
        return np.asarray(model.lens.project(point @ model.T_cam_world[:3, :3].T + model.T_cam_world[:3, 3]))[0]

    moved = pixel(turned, "left_upper") - pixel(still, "left_upper")
    # A camera that yaws to its right sees things wander to the left by f times the angle.
    assert abs(moved[0] + 576 * 1e-3) < 0.02
    assert abs(moved[1]) < 0.02
    assert np.array_equal(pixel(turned, "right_upper"), pixel(still, "right_upper"))


def test_more_moments_in_one_exposure_blur_what_moves() -> None:
    renderer = Renderer(SceneSpec(seed=11, motion=MotionSpec(turn_mm_s=400.0)), 192, 144)
    plan = RenderPlan(width=192, height=144, exposure_us=40_000.0, texture_light="white")
    blurred = RenderPlan(width=192, height=144, exposure_us=40_000.0, texture_light="white", exposure_samples=4)
    sharp, soft = (render_image(renderer, p, 0, "left_colour")[0].astype(float) for p in (plan, blurred))
    assert np.abs(sharp - soft).mean() > 0.5
    assert abs(sharp.mean() / soft.mean() - 1) < 0.02


def test_the_contact_sheet_shows_six_views_in_two_lights(face: Renderer) -> None:
    sheet = contact_sheet(face, 0.0)
    assert sheet.shape == (4 * SMALL.height, 3 * SMALL.width, 3)
    grey = sheet[: SMALL.height, : SMALL.width].astype(int)
    colour = sheet[-SMALL.height :, -SMALL.width :].astype(int)
    assert np.ptp(grey, axis=2).max() == 0
    assert (colour[..., 2] - colour[..., 0])[colour[..., 2] > 100].mean() > 20


def test_render_to_writes_images_and_truth(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    plan = RenderPlan(frames=2, width=192, height=144, bits=12, workers=2)
    truth_file = render_to(
        tmp_path, SceneSpec(kind="board", seed=3), plan, lambda done, wanted: seen.append((done, wanted))
    )
    truth = json.loads(truth_file.read_text(encoding="utf-8"))
    assert seen == [(n, 12) for n in range(1, 13)]
    assert list(truth["cameras"]) == list(CAMERAS)
    assert [frame["t_s"] for frame in truth["frames"]] == [0.0, 0.1]
    assert np.array(truth["frames"][1]["T_world_body"]).shape == (4, 4)
    assert set(truth["lamps"]) == set(LAMPS) - {"ambient"}
    for camera in CAMERAS:
        image = cv2.imread(str(tmp_path / camera / "000001.png"), cv2.IMREAD_UNCHANGED)
        assert image is not None
        assert image.shape == (144, 192)
        assert image.dtype == np.uint16
        assert 255 < image.max() <= 4095
        with np.load(tmp_path / camera / "000001.depth.npz") as kept:
            assert kept["depth_mm"].shape == (144, 192)
