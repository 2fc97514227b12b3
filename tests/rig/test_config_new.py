"""`rigdriver config new` on a simulated rig: from its producer and its port to a rig file that runs.

In: a producer, a port, answers in options. Out: a file with which the rig opens and delivers; what is there is kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.config import load
from rigdriver.rig import Rig
from tests.rig.played import dark

pytestmark = pytest.mark.sim


@pytest.fixture
def sources(launch_rig) -> tuple[str, str, str]:
    known = load(Path(launch_rig().rig_file))
    assert known.box is not None
    return str(known.genicam.producers[0]), known.box.url, str(known.timebase)


def test_what_is_connected_becomes_a_rig_file_that_runs_as_it_stands(sources, tmp_path, monkeypatch):
    producer, url, timebase = sources
    file = tmp_path / "lab.toml"
    monkeypatch.setenv("GENICAM_GENTL64_PATH", str(Path(producer).parent))
    wanted = ["--camera", "SIM0002=lower:geometry:left", "--camera", "SIM0003=colour:texture:left"]
    done = CliRunner().invoke(app, ["config", "new", str(file), "--box", url, *wanted, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cameras"] == {"lower": "SIM0002", "colour": "SIM0003"}
    file.write_text(f'timebase = "{timebase}"\n' + file.read_text())  # only so that the simulated time waits
    config = load(file)
    assert [(c.name, c.role, c.pod, c.output) for c in config.cameras] == [
        ("lower", "geometry", "left", 0), ("colour", "texture", "left", 1),
    ]  # fmt: skip
    wired = [c.model_copy(update={"output": output}) for c, output in zip(config.cameras, (1, 2), strict=True)]
    with Rig.open(dark(config.model_copy(update={"cameras": tuple(wired)}))) as rig:
        frame_sets = list(rig.run(frames=3))
    assert [set(f.frames) for f in frame_sets] == [{"lower", "colour"}] * 3


def test_a_file_that_is_there_is_kept_and_a_camera_that_is_not_there_is_named(sources, tmp_path):
    producer, _, _ = sources
    file = tmp_path / "lab.toml"
    missing = CliRunner().invoke(app, ["config", "new", str(file), "--producer", producer, "--camera", "SIM0099=a"])
    assert missing.exit_code == 2
    assert "camera SIM0099: not found; expected one of SIM0001, SIM0002" in missing.stderr
    assert not file.exists()
    file.write_text("mine")
    kept = CliRunner().invoke(app, ["config", "new", str(file), "--producer", producer])
    assert kept.exit_code == 2
    assert "never overwritten" in kept.stderr
    assert file.read_text() == "mine"


def test_without_a_word_on_the_box_none_is_asked_and_the_bench_says_that_it_proves_nothing(sources, tmp_path):
    producer, _, _ = sources
    file = tmp_path / "lab.toml"
    done = CliRunner().invoke(app, ["config", "new", str(file), "--producer", producer])
    assert done.exit_code == 0, done.output
    assert "no trigger box was looked for: name its port with --box PORT" in done.stderr
    assert "prove nothing" in done.stdout
    assert load(file).schedule.mode == "software"
    assert len(load(file).cameras) == 6


def test_a_producer_goes_by_its_bare_name_and_bad_entries_of_the_path_are_named(sources, tmp_path, monkeypatch):
    producer = Path(sources[0])
    monkeypatch.setenv("GENICAM_GENTL64_PATH", f"/nowhere{os.pathsep}{producer.parent}")
    by_path = CliRunner().invoke(app, ["config", "new", str(tmp_path / "a.toml"), "--box", "none"])
    assert by_path.exit_code == 0, by_path.output
    assert "GENICAM_GENTL64_PATH: /nowhere" in by_path.stderr
    words = ["config", "new", str(tmp_path / "b.toml"), "--box", "none", "--producer", producer.name]
    by_name = CliRunner().invoke(app, words)
    assert by_name.exit_code == 0, by_name.output
    assert load(tmp_path / "b.toml").genicam.producers == (producer,)
