"""`rigdriver schedule show` and `rigdriver proof`: what they print, write and refuse. No device is touched."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.frames import Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.recording.proof_files import ProofFiles

RIG = """name = "bench"
[box]
url = "/dev/ttyACM0"
[genicam]
producers = ["x.cti"]
[[cameras]]
name = "eye"
serial = "1"
output = 0
latency_us = 30
jitter_us = 5
[[cameras]]
name = "colour"
serial = "2"
role = "texture"
output = 1
latency_us = 30
jitter_us = 5
[[lamps]]
name = "speckle"
kind = "pattern"
output = 6
radiant_power_w = 2.0
"""


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def rig(tmp_path) -> Path:
    file = tmp_path / "rig.toml"
    file.write_text(RIG)
    return file


# ---------------------------------------------------------------- schedule show


def test_the_diagram_shows_trigger_exposure_and_light_of_one_pulse_to_scale(rig, run):
    result = run("schedule", "show", rig)
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert rows["eye"].index("|") < rows["eye"].index("=")
    assert (
        rows["eye"].index("=") <= rows["speckle"].index("#") <= rows["speckle"].rindex("#") <= rows["eye"].rindex("=")
    )
    assert rows["colour"].index("=") > rows["eye"].rindex("=")
    assert "next after 100000 us" in result.stdout


def test_the_figures_that_an_assessment_of_the_lamp_needs_are_printed(rig, run):
    # 2000 us of exposure, less 5 us of jitter and 50 us of guard at each end.
    assert "speckle: 1890 us at 10 Hz, duty 1.89%, 3.78 mJ per flash" in run("schedule", "show", rig).stdout


def test_json_holds_every_row_in_microseconds(rig, run):
    told = json.loads(run("schedule", "show", rig, "--json", "--rate", 5).stdout)
    rows = {row["name"]: row for row in told["rows"]}
    assert (told["passed"], told["rig"], told["rate_hz"], told["period_us"]) == (True, "bench", 5, 200_000)
    assert rows["eye"] == {
        "name": "eye", "trigger_us": 0, "exposure_us": [30, 2030], "jitter_us": 5, "light_us": None,
    }  # fmt: skip
    assert rows["colour"]["exposure_us"] == [2540, 4540]
    assert rows["speckle"]["light_us"] == [85, 1975]


def test_a_picture_is_written_as_its_name_says(rig, run, tmp_path):
    for name in ("timing.svg", "timing.png"):
        result = run("schedule", "show", rig, "--out", tmp_path / name)
        assert result.exit_code == 0
        assert name in result.stdout
    image = cv2.imread(str(tmp_path / "timing.png"))
    assert image is not None
    assert image.std() > 0
    svg = (tmp_path / "timing.svg").read_text()
    assert svg.rstrip().endswith("</svg>")
    assert len(svg) > 5000


@pytest.mark.parametrize(
    ("change", "words", "told"),
    [
        (("", ""), ["--rate", "20"], "expected at most 15 Hz (light.max_rate_hz)"),
        (("", ""), ["--rate", "0"], "expected more than 0"),
        (("", ""), ["--out", "timing.gif"], ".svg or .png"),
        (("jitter_us = 5", "jitter_us = 990"), [], "lengthen geometry_exposure_us or shorten guard_us"),
        (("output = 6", "output = 6\nmax_duty = 0.01"), [], "expected at most 1.0% (max_duty of this lamp)"),
        (("output = 6", "colour = 1"), [], "unknown key"),
    ],
)
def test_what_cannot_be_is_one_line_with_limit_and_remedy_and_status_2(tmp_path, run, change, words, told):
    file = tmp_path / "rig.toml"
    file.write_text(RIG.replace(*change, 1) if change[0] else RIG)
    result = run("schedule", "show", file, *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_a_rig_file_that_is_missing_is_one_line(tmp_path, run):
    result = run("schedule", "show", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


# ---------------------------------------------------------------- proof


def frame_set(index: int, is_complete: bool = True) -> FrameSet:
    proofs = {
        "eye": FrameProof(
            "eye", 1000 + index, 1300 + index, 21_300 + index, -1.25, 100.0, index + 4, counter=9,
            flash_shares={"speckle": 1.0}, notes=("delivered out of order",),
            unchecked=("exposure edges: no input is wired",),
        )
    }  # fmt: skip
    gaps = {} if is_complete else {"colour": Gap("colour", GapReason.NOT_EXPOSED)}
    reasons = tuple(str(gap) for gap in gaps.values())
    skew = 3.4 if is_complete else math.nan
    verdict = ProofVerdict.GAPS if gaps else ProofVerdict.PROVED
    proof = Proof(index, 5, 1000 + index, 10**7, proofs, skew, verdict, reasons, (), ("wires: eye",))
    return FrameSet(index, 0, 0, {}, gaps, proof)


@pytest.fixture
def capture(tmp_path) -> Path:
    with ProofFiles(tmp_path / "out", "bench") as files:
        for index in range(5):
            files.write(frame_set(index, is_complete=index != 3), index)
    return tmp_path / "out"


def test_a_capture_with_gaps_is_summed_up_with_their_reasons_and_status_1(capture, run):
    for path in (capture, capture / "proofs.json"):
        result = run("proof", path)
        assert result.exit_code == 1
        assert "5 frame sets, 4 proved, 1 not" in result.stdout
        assert "skew: at most 3.4 us" in result.stdout
        assert result.stdout.count("could not be checked: wires: eye") == 1
        assert result.stdout.count("frame set 3: camera colour: triggered, but the camera showed no exposure") == 1


def test_one_frame_set_is_explained_in_sentences(capture, run):
    result = run("proof", capture, "--index", 2)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    for said in (
        "frame set 2 (pulse 2 of generation 5): proved",
        "the box sent its trigger 0.0 us after the pulse began",
        "saw it expose from 30.0 to 2030.0 us",
        "frame 6's time stamp, mapped to the box's clock, is -1.25 us from that start (allowed: 100 us)",
        "the camera's own counter stood at 9",
        "100% of speckle's flash lies in this exposure",
        "note: delivered out of order",
        "could not be checked: exposure edges",
        "within 3.4 us of each other",
    ):
        assert said in text


def test_json_names_the_frame_sets_that_are_not_proved(capture, run):
    result = run("proof", capture, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"passed": False, "frame_sets": 5, "not_proved": [3]})
    assert run("proof", capture, "--json", "--index", 1).exit_code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read"),
        ("{", "is no proof of a capture"),
        ("[1, 2]", "is no proof of a capture"),
        ('{"frame_sets": [{"index": 1}]}', "is no proof of a capture"),
        ('{"frame_sets": [3]}', "is no proof of a capture"),
        ("[" * 100_000, "is no proof of a capture"),
        ('{"frame_sets": ' + "1" * 5000 + "}", "is no proof of a capture"),
        ('{"frame_sets": NaN}', "is no proof of a capture"),
    ],
)
def test_a_file_that_is_no_proof_is_one_line_and_status_2(tmp_path, run, text, told):
    file = tmp_path / "proofs.json"
    if text is not None:
        file.write_text(text)
    result = run("proof", file)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_without_a_frame_set_proves_nothing(tmp_path, run):
    file = tmp_path / "proofs.json"
    file.write_text('{"rig": "a", "frame_sets": []}')
    result = run("proof", file)
    assert (result.exit_code, "nothing that could be proved" in result.stdout) == (1, True)
    assert json.loads(run("proof", file, "--json").stdout)["passed"] is False


def test_a_frame_set_that_the_capture_does_not_hold_is_status_2(capture, run):
    result = run("proof", capture, "--index", 99)
    assert result.exit_code == 2
    assert "holds no frame set 99" in result.stderr


# ---------------------------------------------------------------- benches without a trigger box

BENCH = """name = "bench"
[genicam]
producers = ["x.cti"]
[schedule]
mode = "software"
rate_hz = 10
geometry_exposure_us = 2500
[[cameras]]
name = "eye"
serial = "1"
output = 0
"""


def bench_file(folder: Path, *changes: tuple[str, str]) -> Path:
    text = BENCH
    for before, after in changes:
        text = text.replace(before, after)
    (folder / "bench.toml").write_text(text)
    return folder / "bench.toml"


def test_the_schedule_of_a_bench_is_its_rate_and_exposures_and_the_rest_is_not_checked(tmp_path, run):
    result = run("schedule", "show", bench_file(tmp_path))
    assert result.exit_code == 0, result.output
    assert "no trigger box (schedule.mode = 'software')" in result.output
    assert "eye: exposes for 2500 us" in result.output
    assert "light: not checked: no trigger box" in result.output
    told = json.loads(run("schedule", "show", bench_file(tmp_path), "--json").output)
    assert (told["mode"], told["rate_hz"], told["rows"]) == ("software", 10, [{"name": "eye", "exposure_us": 2500}])
    assert told["not_checked"]["light"] == "no trigger box"


def test_a_free_camera_may_keep_its_own_exposure(tmp_path, run):
    result = run("schedule", "show", bench_file(tmp_path, ("software", "free")), "--json")
    assert json.loads(result.output)["rows"] == [{"name": "eye", "exposure_us": None}]


def test_an_exposure_longer_than_the_period_is_refused_without_a_box_too(tmp_path, run):
    result = run("schedule", "show", bench_file(tmp_path, ("2500", "250000")))
    assert result.exit_code == 2
    assert "camera eye: exposes for 250000 us; expected less than 100000 us, the time between" in result.stderr
    assert "two frames at 10 Hz; shorten the exposure or lower rate_hz" in result.stderr


def test_a_bench_has_no_diagram_to_draw(tmp_path, run):
    result = run("schedule", "show", bench_file(tmp_path), "--out", tmp_path / "plan.svg")
    assert result.exit_code == 2
    assert "no diagram without a trigger box" in result.stderr


def unproved(index: int, t_camera_ns: int | None) -> FrameSet:
    frame = Frame("eye", index, t_camera_ns, 5_000 + index, "Mono8", np.zeros((1, 1), np.uint8))
    proof = Proof(
        index, 0, 0, 0, {}, math.nan, ProofVerdict.UNPROVED, ("nothing proves it",), unchecked=("no trigger box",)
    )
    return FrameSet(index, 5_000, 6_000, {"eye": frame}, {}, proof)


def test_frames_that_nothing_proves_have_a_row_with_id_and_stamps_and_are_explained_without_nan(tmp_path, run):
    with ProofFiles(tmp_path, "bench") as files:
        files.write(unproved(0, 7_000))
        files.write(unproved(1, None))
    rows = list(csv.DictReader((tmp_path / "proofs.csv").read_text().splitlines()))
    told = [(row["verdict"], row["frame_id"], row["t_camera_ns"], row["t_host_ns"]) for row in rows]
    assert told == [("unproved", "0", "7000", "5000"), ("unproved", "1", "", "5001")]
    summary = run("proof", tmp_path).output
    assert summary.count("nothing proves it") == 1
    assert "not checked: no trigger box" in summary
    explained = run("proof", tmp_path, "--index", 1).output
    assert "camera eye: frame 1, no time stamp, arrived at 5001 ns" in explained
    assert "nan" not in (summary + explained + (tmp_path / "proofs.csv").read_text()).lower()
