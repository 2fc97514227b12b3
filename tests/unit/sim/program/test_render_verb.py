"""The verb that renders a scenario to files: what it writes, and what it says when it cannot.

In: words of a command line. Out: files, an exit status, one line with the reason.
"""

from pathlib import Path

import cv2
import pytest

from rigdriver_sim.program.render_verb import SHEET_VIEW_PX, main

FLAT = "plate?width=2048&height=128"


def test_a_sheet_is_one_picture_of_six_views_in_two_lights(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.jpg"
    assert main([FLAT, "--sheet", str(path)]) == 0
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (4 * SHEET_VIEW_PX // 16, 3 * SHEET_VIEW_PX, 3)
    assert picture.max() > 100


def test_a_folder_gets_images_depths_and_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plate?width=96&height=64", "--out", str(tmp_path), "--frames", "1"]) == 0
    assert len(list(tmp_path.glob("*/000000.png"))) == len(list(tmp_path.glob("*/000000.depth.npz"))) == 6
    assert (tmp_path / "truth.json").is_file()
    assert "1 frames of six cameras and truth.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody", "--sheet", "s.jpg"], "no scenario 'nobody'; there are ball"),
        (["default", "--out", "d"], "default: has no [scene] to render; try smile"),
        (["smile?rate_hz=0", "--out", "d"], "rate_hz = 0: expected greater than 0"),
        ([FLAT, "--sheet", "sheet.gif"], "sheet.gif: expected the name of a .jpg or .png file"),
    ],
)
def test_what_cannot_be_rendered_is_told_with_its_reason(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_a_folder_or_a_sheet_must_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["smile"])
    assert ended.value.code == 2
    assert "one of the arguments --out/-o --sheet is required" in capsys.readouterr().err
