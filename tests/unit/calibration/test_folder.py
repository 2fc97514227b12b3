"""Folders of images in, a calibration and a report out; what cannot be used is told.

In: folders as people leave them, with odd files, mirrored images and the wrong board in them. Out: views by camera, a
report, and the cause of what could not be used.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from rigdriver.calibration.board.boards import PRESETS, paint, parse_board
from rigdriver.calibration.folder import detect_folder
from rigdriver.calibration.report.page import write_report
from rigdriver.calibration.report.verdict import figures
from rigdriver.calibration.solve.all_cameras import SolveOptions, solve
from rigdriver.errors import BoardMismatch, UsageError
from rigdriver.images.folder import list_images

FACE = PRESETS["face"]


def _write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def _sheet(square_px: int = 40) -> np.ndarray:
    image = cv2.copyMakeBorder(paint(FACE, square_px), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=255)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.8))


def test_images_are_found_by_camera_and_view_and_odd_ones_are_told(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "000.png", _sheet())
    _write(tmp_path / "a" / "001.png", _sheet(30))
    _write(tmp_path / "b" / "000.tiff", _sheet().astype(np.uint16) * 16)
    _write(tmp_path / "b" / "001.tiff", np.full_like(_sheet(), 128))
    (tmp_path / "b" / "002.png").write_bytes(b"no image")
    told: list[float] = []
    found = detect_folder(tmp_path, FACE, progress=lambda share, _what: told.append(share))
    assert found.observations.cameras == ("a", "b")
    assert found.images == 5
    counts = found.observations.counts()
    assert counts[found.observations.views.index("000")].tolist() == [108, 108]
    assert told[-1] == 1.0
    notes = "\n".join(found.notes)
    assert "001.png" in notes
    assert "pixels, the others" in notes
    assert "view 001, camera b: board not found" in notes
    assert "002.png: cannot be read as an image" in notes


def test_another_dictionary_is_named_as_the_cause(tmp_path: Path) -> None:
    for k in range(3):
        _write(tmp_path / "a" / f"{k}.png", _sheet())
    with pytest.raises(BoardMismatch, match=r"they show markers of DICT_5X5, so the described board is another one"):
        detect_folder(tmp_path, parse_board("charuco:13x10:15:11.25:DICT_4X4_250"))


def test_mirrored_images_are_refused_with_a_hint(tmp_path: Path) -> None:
    for k in range(2):
        _write(tmp_path / "a" / f"{k}.png", np.ascontiguousarray(_sheet()[:, ::-1]))
    with pytest.raises(BoardMismatch, match="mirrored"):
        detect_folder(tmp_path, FACE)


@pytest.mark.parametrize("missing", ["nothing", "empty"])
def test_a_folder_without_images_is_refused(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"expected DIR/<camera>/<index>.png"):
        list_images(tmp_path / missing)
    with pytest.raises(UsageError, match="for camera left"):
        list_images(tmp_path, ["left"])


def test_the_report_holds_four_pictures_and_a_verdict(solved: SimpleNamespace, tmp_path: Path) -> None:
    page = write_report(solved.solution, solved.board, tmp_path)
    text = page.read_text()
    assert "This calibration can be used." in text
    for name in ("coverage", "residuals", "histogram", "views"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
            assert picture.width > 500
        assert colours is not None
        assert len(colours) > 20
        assert f'src="{name}.png"' in text
    assert "SN-left_upper" in text


def test_the_figures_say_why_a_calibration_should_be_improved(solved: SimpleNamespace) -> None:
    assert figures(solved.solution, solved.board).to_json()["passed"] is True
    vague = solved.board.measured(solved.board.square_mm, 0.02)
    told = figures(solve(solved.observations, vague, SolveOptions()), vague).to_json()
    assert told["passed"] is False
    assert "measure the board's squares more exactly" in str(told["findings"])


def test_the_page_of_a_small_demo_says_so_instead_of_calling_it_poor(solved: SimpleNamespace, tmp_path: Path) -> None:
    vague = solved.board.measured(solved.board.square_mm, 0.02)
    solution = solve(solved.observations, vague, SolveOptions())
    text = write_report(solution, vague, tmp_path / "full").read_text()
    assert "This calibration should be improved." in text
    assert 'class="poor"' in text
    text = write_report(solution, vague, tmp_path / "demo", is_demo=True).read_text()
    assert "This is a small demo of" in text
    assert "should be improved" not in text
    assert 'class="poor"' not in text
    assert 'class="apart"' in text
