"""What a verb makes from a subject's take is noted without its doing, and erasing the subject removes it.

In: a recording of a subject, verbs with an output. Out: the files that the catalogue names. Not here: clouds and meshes
(see tests/unit/stereo/test_results_of_takes.py), how a file is noted (see tests/unit/procedures/test_derived.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.recording import compaction
from rigdriver.recording.recorder import Recorder
from tests.unit.procedures.test_export_recording import CONFIG
from tests.unit.recording.recorded import frame_set, plan

ID = "K7Q2M9X4"


def told(*words: object, status: int = 0) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == status, done.output
    return dict(json.loads(done.stdout)) if done.stdout else {}


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    known = {"config": CONFIG.model_dump(mode="json"), "rate_hz": 10.0}
    with Recorder(tmp_path / "take.mcap", plan(3).model_copy(update=known)) as recorder:
        for index in range(3):
            recorder.write(frame_set(index))
    told("subject", "new", ID)
    told("subject", "add", ID, "take.mcap")
    return tmp_path / "take.mcap"


def noted() -> set[str]:
    """Return the names of the subject's files."""
    return {Path(file).name for take in told("subject", "show", ID)["takes"] for file in take["files"]}


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("recording", "recover", "take.mcap", "-o", "again.mcap"), {"again.mcap"}),
        (("recording", "export", "take.mcap", "-o", "images"), {"proofs.csv", "proofs.json", "images.json"}),
        (("selftest", "--recording", "take.mcap", "--html", "page.html", "--junit", "checks.xml"),
         {"page.html", "checks.xml"}),
    ],
    ids=("recover", "export", "selftest"),
)  # fmt: skip
def test_the_result_of_a_verb_is_the_takes_and_goes_with_the_subject(
    take: Path, words: tuple[str, ...], made: set[str]
) -> None:
    assert CliRunner().invoke(app, list(words)).exit_code in {0, 1}
    assert made <= noted() - {take.name}
    (erased,) = told("subject", "erase", ID, "--yes")["erased"]
    assert erased["is_proved"]
    assert {path.name for path in take.parent.iterdir()} == {"home"}


def test_what_an_interrupted_compaction_leaves_is_the_takes_and_a_finished_one_leaves_nothing(
    take: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_recording: object, place: int, *_rest: object) -> None:
        if place == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(compaction, "copy_told", stop)
        assert CliRunner().invoke(app, ["recording", "compact", "take.mcap"]).exit_code == 130
    assert noted() == {"take.mcap", "take.mcap.compact-1.part"}
    told("recording", "compact", "take.mcap")
    assert noted() == {"take.mcap"}
    told("recording", "compact", "take.mcap", status=2)


def test_a_verb_that_makes_nothing_asks_no_catalogue(take: Path) -> None:
    (take.parent / "home" / "rigdriver" / "catalogue.sqlite").write_text("damaged")
    told("recording", "info", "take.mcap")
    assert CliRunner().invoke(app, ["recording", "export", "take.mcap", "-o", "images"]).exit_code == 2
    assert not (take.parent / "images").exists()
