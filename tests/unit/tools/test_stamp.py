"""When a step of the set-up is done again: its files have changed, or the checkout has moved since."""

from __future__ import annotations

from pathlib import Path

import pytest

import dev


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for the files of a step; the notes of what was done lie there, too."""
    monkeypatch.setattr(dev, "VENV", tmp_path)
    (tmp_path / "pins.txt").write_text("numpy")
    return tmp_path


def stamp(folder: Path) -> dev.Stamp:
    return dev.Stamp("step", [folder / "pins.txt"])


def test_a_step_that_was_done_is_not_done_again(files: Path) -> None:
    assert not stamp(files).is_fresh()
    stamp(files).write()
    assert stamp(files).is_fresh()


def test_a_step_is_done_again_with_other_files(files: Path) -> None:
    stamp(files).write()
    (files / "pins.txt").write_text("scipy")
    assert not stamp(files).is_fresh()


def test_a_step_is_done_again_in_a_checkout_that_has_moved(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The environment would go on to import from where the checkout was.
    stamp(files).write()
    monkeypatch.setattr(dev, "ROOT", dev.ROOT.parent / "moved")
    assert not stamp(files).is_fresh()
