"""A demo removes what an earlier demo wrote, and nothing else.

In: folders as a demo, and as other people leave them. Out: what is left, or a refusal that removes nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rigdriver.cli.verbs import app
from rigdriver.errors import UsageError
from rigdriver.procedures.demo_folder import new_face_folder, new_views_folder, refuse_strange

OWN = ("face/cloud.ply", "face/face.stl", "calibration/views/left/000011.png", "calibration/views/truth.json")
STRANGE = ("face/cloud.ply", "face/notes.txt", "calibration/views/left/000003.png", "calibration/views/notes.txt")


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("precious")
    return path


def test_a_second_demo_replaces_what_the_first_one_wrote(tmp_path):
    for _ in range(2):
        refuse_strange(tmp_path)
        assert [new_views_folder(tmp_path), new_face_folder(tmp_path)]
        assert [name for name in OWN if (tmp_path / name).exists()] == []
        for name in OWN:
            write(tmp_path / name)


@pytest.mark.parametrize("name", STRANGE)
def test_files_where_no_demo_was_are_refused_before_anything_is_done(tmp_path, name):
    precious = write(tmp_path / name)
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--overwrite"])
    assert result.exit_code == 2
    assert f"{precious}: was not written by a demo; nothing was removed; move it away" in result.stderr
    for renew in (new_views_folder, new_face_folder):
        with pytest.raises(UsageError, match="name another folder with --out"):
            renew(tmp_path)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["000012.png", "holiday.png"])
def test_views_of_somebody_else_among_those_of_a_demo_are_refused(tmp_path, name):
    precious = write(new_views_folder(tmp_path) / "left" / name)
    with pytest.raises(UsageError, match=name):
        refuse_strange(tmp_path)
    assert precious.exists()


def test_files_beside_the_face_of_a_demo_stay(tmp_path):
    precious = write(new_face_folder(tmp_path) / "notes.txt")
    new_face_folder(tmp_path)
    assert precious.read_text() == "precious"


def test_a_link_to_somebodys_folder_is_not_followed(tmp_path):
    precious = write(tmp_path / "elsewhere" / "000001.png")
    folder = new_views_folder(tmp_path / "out")
    (folder / "left").symlink_to(precious.parent)
    with pytest.raises(UsageError, match="left: was not written by a demo"):
        new_views_folder(tmp_path / "out")
    assert precious.exists()
