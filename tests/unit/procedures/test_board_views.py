"""Guided capture on a rig that plays made-up frame sets: what is kept, when it ends, what Ctrl-C leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import cast

import numpy as np
import pytest

from rigdriver.calibration.board.boards import PRESETS, paint
from rigdriver.calibration.solve.all_cameras import SolveOptions
from rigdriver.calibration.views.capture import Offer, OfferKind
from rigdriver.config import RigConfig
from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.board_views import ViewOffer, ViewWishes, take_views
from rigdriver.procedures.calibrate import stored_regions
from rigdriver.progress import SilentProgress
from rigdriver.rig import Rig
from tests.fake_time import FakeTime

RIG = {
    "name": "played",
    "box": {"url": "/dev/null"},
    "genicam": {"producers": ["x.cti"]},
    "cameras": [{"name": "only", "serial": "1", "output": 0}],
}
BOARD = PRESETS["face"]
SIZE_PX = (640, 480)
REGION = ImageRegion((16, 8))


def picture(left: int, top: int) -> np.ndarray:
    """The board seen from straight ahead, its corner at that pixel."""
    print_ = paint(BOARD, 24)
    image = np.full((SIZE_PX[1], SIZE_PX[0]), 110, np.uint8)
    image[top : top + print_.shape[0], left : left + print_.shape[1]] = 20 + (print_ * 0.75).astype(np.uint8)
    return image


def frame_set(pulse: int, pixels: np.ndarray, verdict: ProofVerdict = ProofVerdict.PROVED) -> FrameSet:
    frames = {"only": Frame("only", pulse, 0, 0, "Mono8", pixels)}
    reasons = () if verdict == ProofVerdict.PROVED else ("clocks disagree",)
    proof = Proof(pulse, 1, 0, 1_000_000, MappingProxyType({}), float("nan"), verdict, reasons)
    return FrameSet(pulse, 0, 0, frames, MappingProxyType({}), proof)


class PlayedRig:
    """A rig of one camera whose runs play lists of frame sets; then nothing more comes."""

    def __init__(self, *runs: list[FrameSet], end: type[BaseException] = KeyboardInterrupt) -> None:
        self.config = RigConfig.model_validate(RIG)
        self.timebase = FakeTime()
        self._runs = list(runs)
        self._end = end

    def sizes_px(self) -> dict[str, tuple[int, int]]:
        return {"only": SIZE_PX}

    def regions(self) -> dict[str, ImageRegion]:
        return {"only": REGION}

    @contextmanager
    def run(self) -> Iterator[list[FrameSet]]:
        if not self._runs:
            raise self._end
        yield self._runs.pop(0)


def take(rig: PlayedRig, folder: Path, wishes: ViewWishes = ViewWishes()):  # noqa: B008
    watcher = Watcher()
    taken, ending = take_views(cast(Rig, rig), BOARD, folder, wishes, SolveOptions(), watcher)
    return taken, ending, watcher.offers


class Watcher(SilentProgress):
    """Keeps what was noted of each frame set."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    def note(self, what: object) -> None:
        assert isinstance(what, ViewOffer)
        self.offers.append(what.offer)


@pytest.fixture(scope="module")
def places() -> list[np.ndarray]:
    return [picture(60, 40), picture(150, 90), picture(240, 160)]


def test_ctrl_c_keeps_the_views_that_were_taken_with_their_proofs(tmp_path, places):
    rig = PlayedRig([frame_set(n, places[n // 2]) for n in range(4)])
    taken, ending, _ = take(rig, tmp_path)
    assert (taken.views, ending.is_enough, ending.was_stopped) == (2, False, True)
    assert sorted(p.name for p in (tmp_path / "only").iterdir()) == ["000000.png", "000001.png"]
    proofs = json.loads((tmp_path / "proofs.json").read_text())["frame_sets"]
    assert [(p["index"], p["proof"]["pulse_index"]) for p in proofs] == [(0, 1), (1, 3)]


def test_views_keep_the_place_on_the_sensor_from_which_they_come(tmp_path, places):
    rig = PlayedRig([frame_set(n, places[n // 2]) for n in range(4)])
    take(rig, tmp_path)
    assert stored_regions(tmp_path) == {"only": REGION}


def test_views_of_a_second_run_do_not_overwrite_those_of_the_first(tmp_path, places):
    rig = PlayedRig(*([frame_set(0, place), frame_set(1, place)] for place in places))
    taken, ending, _ = take(rig, tmp_path, ViewWishes(views=3))
    assert (taken.views, ending.is_enough, ending.reason) == (3, True, "as many as were asked for")
    assert len(list((tmp_path / "only").iterdir())) == 3


def test_what_is_not_proved_is_neither_searched_nor_kept(tmp_path, places):
    rig = PlayedRig([frame_set(n, places[0], ProofVerdict.UNPROVED) for n in range(4)])
    taken, _, told = take(rig, tmp_path)
    assert taken.views == 0
    assert told[-1].kind is OfferKind.UNPROVED
    assert told[-1].reason == "frame set of pulse 3 is not proved synchronous: clocks disagree"
    assert not (tmp_path / "only").exists()


def test_it_ends_when_nothing_new_comes_for_long(tmp_path, places):
    rig = PlayedRig([frame_set(n, places[0]) for n in range(9)])
    _, ending, _ = take(rig, tmp_path, ViewWishes(patience_s=0.0))
    assert not ending.is_enough
    assert ending.reason == "not enough: no new view for 0 s"


def test_it_ends_when_the_solver_expects_a_small_error(tmp_path, places, mocker):
    accuracy = SimpleNamespace(point_um_95=4.2, step_um_95=5.0, scale_ppm_95=20.0)
    solution = SimpleNamespace(calibration=SimpleNamespace(accuracy=accuracy))
    mocker.patch("rigdriver.procedures.board_views.solve", return_value=solution)
    mocker.patch("rigdriver.procedures.board_views.has_enough_views", side_effect=lambda coverage: True)
    rig = PlayedRig(
        *([frame_set(n, place) for n in range(3)] for place in places), *([frame_set(9, places[0])] * 3,) * 99
    )
    taken, ending, _ = take(rig, tmp_path)
    assert taken.views == 3
    assert ending.reason == "enough: the expected 3D error is 4.2 um (95 %)"
