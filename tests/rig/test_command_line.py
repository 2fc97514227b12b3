"""The self-test and the command line on a whole rig, as a user starts them.

In: command lines, and a rig that runs beside them. Out: exit statuses, printed lines and files. What each verb computes
is tested under tests/unit.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from tests.rig.played import LOCKSTEP

RIGDRIVER = [sys.executable, "-m", "rigdriver.cli"]
SMALL_RIG = f"default?width=320&height=240&{LOCKSTEP}"
TIMEOUT_S = 600
"""Time limit that ends a hang and measures nothing, s; a demo that renders on a busy computer takes minutes."""


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RIGDRIVER, *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT_S, cwd=cwd, check=False
    )


def failures(told: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    return {check["name"]: check for check in told["checks"] if check["status"] not in ("good", "not checked")}


@pytest.mark.plants_faults
def test_a_sound_rig_passes_every_check(rig_file):
    result = run("selftest", "--rig", rig_file, "--json")
    told = json.loads(result.stdout)
    assert failures(told) == {}
    assert told["passed"] is True
    assert result.returncode == 0
    names = [check["name"] for check in told["checks"]]
    assert len(names) == len(set(names)) > 20
    assert set(told["checks"][0]) == {"name", "status", "measured", "expected", "unit", "remedy"}


def test_capture_writes_an_image_for_each_camera_and_a_proof_for_each_image(rig_file, tmp_path):
    result = run("capture", "--rig", rig_file, "--frames", 10, "--out", tmp_path / "out", "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert (told["frame_sets"], told["complete"], told["gaps"]) == (10, 10, 0)
    rows = list(csv.DictReader((tmp_path / "out" / "proofs.csv").read_text().splitlines()))
    for row in rows:
        image = cv2.imread(str(tmp_path / "out" / row["camera"] / f"{int(row['index']):06d}.png"), cv2.IMREAD_UNCHANGED)
        assert image is not None
        assert image.ndim == 2
    assert len(rows) == len(list((tmp_path / "out").rglob("*.png"))) >= 10
    assert "\x1b" not in result.stderr


def test_a_capture_is_not_written_over_another(rig_file, tmp_path):
    (tmp_path / "proofs.csv").write_text("precious")
    result = run("capture", "--rig", rig_file, "--frames", 1, "--out", tmp_path)
    assert result.returncode == 2
    assert (tmp_path / "proofs.csv").read_text() == "precious"


# ---------------------------------------------------------------- what fails


def changed(rig_file: Path, *changes: tuple[str, str]) -> Path:
    """Return a copy of a rig file beside it, with changes."""
    text = rig_file.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    copy = rig_file.with_name("changed.toml")
    copy.write_text(text)
    return copy


def one_error(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    return result.stderr


@pytest.mark.sim
@pytest.mark.plants_faults
def test_swapped_trigger_cables_are_found_by_name(launch_rig):
    swaps = ("output = 0\n", "output = 99\n"), ("output = 1\n", "output = 0\n"), ("output = 99\n", "output = 1\n")
    result = run("selftest", "--rig", changed(launch_rig().rig_file, *swaps), "--json")
    found = failures(json.loads(result.stdout))
    assert result.returncode == 1
    assert "left_lower" in found["wiring.left_upper.frames"]["measured"]
    assert "left_upper" in found["wiring.left_lower.frames"]["measured"]
    assert "wiring.right_upper.frames" not in found


@pytest.mark.sim
def test_a_missing_camera_is_one_line_and_its_check_has_failed(launch_rig, tmp_path):
    missing = changed(launch_rig().rig_file, ('"SIM0002"', '"SIM9999"'))
    result = run("selftest", "--rig", missing, "--json")
    assert "SIM9999" in one_error(result)
    assert failures(json.loads(result.stdout))["cameras.found"]["status"] == "failed"
    assert "SIM9999" in one_error(run("capture", "--rig", missing, "--frames", 1, "--out", tmp_path / "out"))


@pytest.mark.sim
def test_a_missing_producer_is_one_line(launch_rig, tmp_path):
    missing = changed(launch_rig().rig_file, ("rigsim.cti", "nothing.cti"))
    assert "nothing.cti" in one_error(run("capture", "--rig", missing, "--frames", 1, "--out", tmp_path / "out"))


@pytest.mark.sim
def test_a_port_in_use_is_one_line(launch_rig, tmp_path):
    rig = launch_rig()
    import serial

    with serial.Serial(rig.port, exclusive=True):
        told = one_error(run("capture", "--rig", rig.rig_file, "--frames", 1, "--out", tmp_path / "out"))
    assert "in use" in told or "no permission" in told


@pytest.mark.sim
def test_a_port_that_does_not_exist_is_one_line(launch_rig, tmp_path):
    rig = launch_rig()
    copy = changed(rig.rig_file, (rig.port, "/dev/ttyNOTHING"))
    assert "/dev/ttyNOTHING" in one_error(run("capture", "--rig", copy, "--frames", 1, "--out", tmp_path / "out"))


def test_an_unknown_key_is_one_line_with_its_line_number(rig_file, tmp_path):
    copy = tmp_path / "rig.toml"
    copy.write_text("colour = 1\n" + rig_file.read_text())
    for verb in (("selftest", "--rig", copy), ("config", "check", copy)):
        told = one_error(run(*verb))
        assert "line 1" in told
        assert "colour" in told


# ---------------------------------------------------------------- sim, Ctrl-C


@pytest.fixture
def sim() -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """`rigdriver sim --json`, and what it said."""
    process = subprocess.Popen([*RIGDRIVER, "sim", SMALL_RIG, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


@pytest.mark.sim
def test_sim_tells_others_how_to_reach_its_rig(sim, tmp_path):
    _, told = sim
    assert {"rig_file", "producer", "port"} <= set(told)
    result = run(
        "capture", "--rig", told["rig_file"], "--frames", 3, "--no-images", "--out", tmp_path / "out", "--json"
    )
    assert json.loads(result.stdout)["complete"] == 3
    listed = json.loads(run("list", "--producer", told["producer"], "--json").stdout)
    assert len(listed["producers"][0]["cameras"]) == 6


@pytest.mark.sim
def test_demo_proves_three_seconds_and_leaves_a_contact_sheet(tmp_path):
    result = run("demo", "--out", tmp_path / "demo", "--scenario", SMALL_RIG, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "30 complete, 0 gaps" in result.stdout
    sheet = cv2.imread(str(tmp_path / "demo" / "contact-sheet.png"))
    assert sheet is not None
    assert min(sheet.shape[:2]) > 600
    shutil.rmtree(tmp_path / "demo")


@pytest.mark.sim
@pytest.mark.slow
def test_demo_ends_with_a_measured_face_and_its_error_against_the_truth(tmp_path):
    words = ["demo", "--out", str(tmp_path / "demo"), "--scenario", "smile?width=800&height=600&scene.bank.views=1"]
    result = subprocess.run([*RIGDRIVER, *words], capture_output=True, text=True, timeout=4 * TIMEOUT_S, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Measured the face of that pulse" in result.stdout
    assert "Against the truth, over all points" in result.stdout
    picture = cv2.imread(str(tmp_path / "demo" / "face" / "face.png"))
    assert picture is not None
    assert picture.shape[1] > 2 * picture.shape[0]
    import trimesh

    assert trimesh.load(tmp_path / "demo" / "face" / "face.stl").is_watertight
    # 800 x 600: 0.02 px are 22 um.
    import numpy as np

    assert np.median(np.abs(np.load(tmp_path / "demo" / "face" / "error_um.npy"))) < 45
