"""Takes of a subject with a simulated rig: numbers, names, quality, early ends, derived results, and erasing them.

In: command lines. Out: what the catalogue says, files that their owner alone can read, and nothing after an erasure.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.frames import FrameSet
from rigdriver.procedures.record import RecordOptions, record
from rigdriver.procedures.subject_take import TakeWishes, running_take
from rigdriver_sim.program.launch import launch
from tests.rig.played import LOCKSTEP

pytestmark = pytest.mark.sim
ID = "K7Q2M9X4"


@pytest.fixture(scope="module")
def rig() -> Iterator[Path]:
    with launch(f"default?width=160&height=120&rate_hz=10&seed=3&{LOCKSTEP}") as running:
        yield running.rig_file


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, folder in (("XDG_DATA_HOME", "share"), ("XDG_CACHE_HOME", "cache"), ("HOME", "home")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "share" / "rigdriver"


def told(*words: object, status: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == status, done.output
    return dict(json.loads(done.stdout)) if done.stdout else {}


def test_a_subject_is_recorded_captured_exported_shown_and_erased(rig: Path, data: Path) -> None:
    umask = os.umask(0)
    try:
        assert told("subject", "new", ID, "--consent", "form 12", "--keep-until", "2020-01-31")["id"] == ID
        first = told("record", "--rig", rig, "-n", 3, "--subject", ID, "--note", "hair wet")
        assert first["file"] == str(data / f"sub-{ID}" / f"sub-{ID}_take-001.mcap")
        assert told("capture", "--rig", rig, "-n", 2, "--subject", ID)["folder"].endswith(f"sub-{ID}_take-002")
        told("recording", "export", first["file"], "-o", "images")
    finally:
        os.umask(umask)
    for path in [*data.rglob("*"), *Path("images").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    one, two = told("subject", "show", ID)["takes"]
    assert (one["state"], one["frame_sets"], one["complete"], one["gaps"], one["note"]) == (
        "complete",
        3,
        3,
        0,
        "hair wet",
    )
    assert 0 <= one["worst_skew_us"] < 100
    assert (two["state"], two["frame_sets"], two["number"]) == ("complete", 2, 2)
    assert len(one["files"]) == 1 + 3 + 3 * 6, "the recording, images.json and proofs of the export, six cameras"
    assert [take["number"] for take in told("subject", "expired")["expired"][0]["takes"]] == [1, 2]
    assert "there is no terminal to ask at" in CliRunner().invoke(app, ["subject", "erase", ID]).output
    assert len(told("subject", "show", ID)["takes"]) == 2
    (erased,) = told("subject", "erase", ID, "--yes")["erased"]
    assert erased["is_proved"]
    assert erased["not_promised"]
    assert sorted(path.name for path in data.rglob("*")) == ["catalogue.sqlite"]
    assert not Path("images").exists()
    assert ID.encode() not in (data / "catalogue.sqlite").read_bytes()
    told("subject", "erase", ID, "--yes", status=2)


def test_a_take_that_ends_early_says_so_and_one_that_never_began_leaves_nothing(rig: Path, data: Path) -> None:
    told("subject", "new", ID)
    wishes = TakeWishes(data / "catalogue.sqlite", ID)

    def recorded() -> None:
        with running_take(wishes, None, 500, ".mcap") as take:

            def stop(frame_set: FrameSet) -> None:
                take.watch(frame_set)
                if take.frame_sets == 2:
                    raise KeyboardInterrupt

            record(rig, RecordOptions(take.path, 500, watch=stop))

    with pytest.raises(KeyboardInterrupt):
        recorded()
    (only,) = told("subject", "show", ID)["takes"]
    assert (only["state"], only["frame_sets"], only["planned"]) == ("incomplete", 2, 500)
    assert "it was stopped by hand" in only["reason"]
    told("record", "--rig", "missing.toml", "-n", 1, "--subject", ID, status=2)
    assert len(told("subject", "show", ID)["takes"]) == 1


def test_neither_an_error_nor_a_log_repeats_what_may_be_a_name(
    rig: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for words in (
        ("record", "--rig", rig, "-n", 1, "--subject", "Anna Smith"), ("subject", "new", "anna@example.org"),
        ("subject", "show", "ANNASMITH"), ("subject", "erase", "../Anna", "--yes"), ("subject", "add", "Anna", "."),
    ):  # fmt: skip
        done = CliRunner().invoke(app, list(map(str, words)))
        assert done.exit_code == 2, done.output
        assert "subject id: " in done.output or "no catalogue" in done.output
        assert "anna" not in (done.output + caplog.text).lower()
    assert not data.exists()
