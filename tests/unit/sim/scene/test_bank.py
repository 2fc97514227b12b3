"""The bank: the same light as an exact exposure, noise that behaves, a cache that survives anything.

In: a small scene, a folder for the cache, and harm done to it. Out: frames whose mean and noise are those of an exact
exposure, whatever happened to the disk.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rigdriver_sim.scene.bank import Bank, bank_key, cache_root, live_needs
from rigdriver_sim.scene.painter import SceneFlash, ScenePainter
from rigdriver_sim.scene.pods import CAMERAS
from rigdriver_sim.scene.render import Renderer, expose
from rigdriver_sim.scene.spec import BankSpec, CameraChange, SceneSpec, SensorSpec

WIDTH, HEIGHT = 160, 120
SPEC = SceneSpec(kind="plate", seed=2, bank=BankSpec(views=2), sensor=SensorSpec(dead_pixels_ppm=0.0))
LIGHT = {"left_pattern": 1800.0, "right_pattern": 1800.0, "ambient": 2000.0}


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path, workers=1)


def paint(bank: Bank, ordinal: int = 0, bits: int = 8, light: dict[str, float] | None = None) -> np.ndarray:
    out = np.empty((HEIGHT, WIDTH), np.uint8 if bits == 8 else np.uint16)
    bank.paint("left_upper", 0, LIGHT if light is None else light, ordinal, out, bits)
    return out


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_painted_frames_have_the_mean_and_the_noise_of_exact_ones(bank: Bank, bits: int) -> None:
    maps = Renderer(SPEC, WIDTH, HEIGHT).view("left_upper", 0.0).lamps
    electrons = np.minimum(expose(maps, LIGHT, SPEC.light.nominal_us), 10_000.0)
    per_e = ((1 << bits) - 1) / 10_000
    frames = np.stack([paint(bank, ordinal, bits) for ordinal in range(400)]).astype(float)
    lit = (electrons > 1000) & (electrons < 8500)
    expected = electrons[lit] * per_e + SPEC.sensor.black_level * ((1 << bits) - 1)
    assert np.abs(frames.mean(axis=0)[lit] - expected).mean() < 0.06 * np.sqrt(expected.mean() * per_e) + 0.02
    variance = (electrons[lit] + SPEC.sensor.read_noise_e**2) * per_e**2 + 1 / 12
    assert abs((frames.var(axis=0)[lit] / variance).mean() - 1) < 0.02


def test_noise_of_two_frames_is_unrelated(bank: Bank) -> None:
    mean = np.mean([paint(bank, ordinal) for ordinal in range(100, 200)], axis=0)
    one, other = paint(bank, 0) - mean, paint(bank, 1) - mean
    lit = mean > 30
    assert abs(np.corrcoef(one[lit], other[lit])[0, 1]) < 0.05


def test_a_second_bank_paints_the_same_pixels_from_the_disk(bank: Bank, tmp_path: Path) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in bank.folder.iterdir()}
    again = Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path)
    assert len(stamps) == 2 * sum(len(lamps) for lamps in live_needs(SPEC).values())
    assert np.array_equal(paint(bank, 3), paint(again, 3))
    assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == stamps


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "folder gone"])
def test_a_harmed_cache_is_rendered_again(bank: Bank, tmp_path: Path, harm: str) -> None:
    before = paint(bank, 3)
    path = bank.folder / "left_upper-as-built-0000-left_pattern.map"
    data = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "flipped":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :])
    elif harm == "empty":
        path.write_bytes(b"")
    assert np.array_equal(paint(Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path), 3), before)
    assert path.read_bytes() == data


def test_two_who_build_one_bank_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    def build(_number: int) -> np.ndarray:
        return paint(Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path, workers=1), 3)

    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(build, range(4)))
    assert all(np.array_equal(images[0], image) for image in images)
    (folder,) = tmp_path.iterdir()
    assert len(list(folder.iterdir())) == 2 * sum(len(lamps) for lamps in live_needs(SPEC).values())


def test_lamps_that_were_not_rendered_ahead_are_rendered_when_they_shine(tmp_path: Path) -> None:
    late = Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path, needs={})
    assert not list(late.folder.iterdir())
    assert paint(late, light={"left_white": 1800.0}).max() > 60
    assert [path.name for path in late.folder.iterdir()] == ["left_upper-as-built-0000-left_white.map"]


def test_an_unwritable_cache_costs_time_but_no_frame(tmp_path: Path) -> None:
    bank = Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path, needs={})
    bank.folder.rmdir()
    bank.folder.write_bytes(b"in the way")
    assert paint(bank).max() > 60


def test_progress_counts_every_view(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    Bank.open(SPEC, WIDTH, HEIGHT, root=tmp_path, progress=lambda done, wanted: seen.append((done, wanted)))
    assert seen == [(n, 12) for n in range(1, 13)]


def test_old_banks_are_removed_and_new_ones_are_not(tmp_path: Path) -> None:
    specs = [SceneSpec(kind="empty", seed=seed, bank=BankSpec(views=1)) for seed in range(6)]
    folders = [Bank.open(spec, 32, 24, root=tmp_path, needs={}).folder for spec in specs]
    assert folders[-1].is_dir()
    assert len(list(tmp_path.iterdir())) == 3


def test_the_name_of_a_bank_follows_scene_and_resolution() -> None:
    keys = {
        bank_key(SPEC, WIDTH, HEIGHT),
        bank_key(SPEC, WIDTH, HEIGHT + 1),
        bank_key(SceneSpec(kind="plate", seed=3), WIDTH, HEIGHT),
    }
    assert len(keys) == 3
    assert bank_key(SPEC, WIDTH, HEIGHT) in keys


def test_a_flash_that_misses_the_exposure_leaves_the_frame_dark(bank: Bank) -> None:
    painter = ScenePainter(bank, "left_upper")
    lit, half, missed = (np.empty((HEIGHT, WIDTH), np.uint8) for _ in range(3))
    for start_ns, out in ((50_000, lit), (-900_000, half), (5_000_000, missed)):
        flashes = [SceneFlash("left_pattern", start_ns, start_ns + 1_800_000)]
        painter.paint(0, 2_000_000, 0, flashes, 0, out)
    black = SPEC.sensor.black_level * 255
    assert missed.mean() < 6
    ratio = (half.astype(float).mean() - missed.mean()) / (lit.astype(float).mean() - missed.mean())
    assert abs(ratio - 0.5) < 0.01
    assert missed.min() <= black + 2


def test_a_weak_flash_gives_less_and_a_foreign_lamp_nothing(bank: Bank) -> None:
    painter = ScenePainter(bank, "left_upper")
    flashes = [SceneFlash("left_pattern", 0, 1_000_000, power=0.25), SceneFlash("spare", 0, 1_000_000)]
    assert painter.light_us(0, 2_000_000, flashes) == {"ambient": 2000.0, "left_pattern": 250.0}


def test_a_rolling_shutter_lights_rows_one_after_the_other(tmp_path: Path) -> None:
    spec = SceneSpec(kind="plate", seed=2, bank=BankSpec(views=1), sensor=SensorSpec(row_time_us=10.0))
    painter = ScenePainter(Bank.open(spec, WIDTH, HEIGHT, root=tmp_path, needs={}), "left_upper")
    light = painter.light_us(0, 1_000_000, [SceneFlash("left_pattern", 0, 1_000_000)])
    assert np.allclose(light["left_pattern"], np.maximum(0.0, 1000.0 - 10.0 * np.arange(HEIGHT)))
    out = np.empty((HEIGHT, WIDTH), np.uint8)
    painter.paint(0, 1_000_000, 0, [SceneFlash("left_pattern", 0, 1_000_000)], 0, out)
    assert out.max() > 60


def test_a_camera_that_the_scene_does_not_have_is_refused(bank: Bank) -> None:
    with pytest.raises(ValueError, match="camera third_eye: the scene has no such camera; it knows left_upper"):
        ScenePainter(bank, "third_eye")


def test_a_bumped_camera_paints_what_an_exact_view_of_it_shows(bank: Bank) -> None:
    bump = CameraChange(yaw_urad=8000.0, defocus_px=1.0)
    before, others = paint(bank), len(list(bank.folder.iterdir()))
    bank.change("left_upper", bump)
    after = paint(bank)
    maps = Renderer(replace(SPEC, cameras={"left_upper": bump}), WIDTH, HEIGHT).view("left_upper", 0.0).lamps
    exact = np.minimum(expose(maps, LIGHT, SPEC.light.nominal_us), 10_000.0) * 255 / 10_000
    frames = np.mean([paint(bank, ordinal) for ordinal in range(200)], axis=0) - SPEC.sensor.black_level * 255
    assert np.abs(frames - exact).max() < 3
    assert np.abs(after.astype(float) - before).max() > 50
    assert len(list(bank.folder.iterdir())) == others + 2 * 3
    bank.change("left_upper", CameraChange())
    assert np.array_equal(paint(bank), before)


def test_a_board_is_prepared_in_white_light_for_every_camera() -> None:
    assert set(live_needs(SceneSpec(kind="board"))) == set(CAMERAS)
    assert live_needs(SceneSpec(kind="board"))["left_upper"] == ("left_white", "right_white", "ambient")
    assert "left_pattern" in live_needs(SceneSpec())["left_upper"]


def test_a_view_is_shown_for_as_many_pulses_as_the_scene_says(tmp_path: Path) -> None:
    spec = replace(SPEC, bank=BankSpec(views=2, pulses_a_view=3))
    painter = ScenePainter(Bank.open(spec, WIDTH, HEIGHT, root=tmp_path, workers=1), "left_upper")
    shown = np.empty((8, HEIGHT, WIDTH), np.uint8)
    for pulse, out in enumerate(shown):
        painter.paint(0, 2_000_000, pulse, [SceneFlash("left_pattern", 0, 1_800_000)], 0, out)
    changed = [bool(np.any(shown[pulse] != shown[pulse - 1])) for pulse in range(1, 8)]
    assert changed == [False, False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("named", "where"), [("/some/cache", "/some/cache"), ("some/cache", "~/.cache"), ("", "~/.cache")]
)
def test_banks_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, named: str, where: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert cache_root() == Path(where).expanduser() / "rigdriver" / "scenes"
