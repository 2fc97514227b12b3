"""A few cells of the matrix of first contact, and what makes a cell fail; tools/campaign_first_contact.py plays all."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
import pytest

from rigdriver.errors import CameraError
from rigdriver.frames import Frame, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig import first_contact
from tests.rig.first_contact import Cell, Played, judge, play_cells, scenario

pytestmark = pytest.mark.sim

MAKES = ("no_stamps", "aravis")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRig]:
    with launch(scenario(MAKES, tmp_path_factory.mktemp("makes"))) as running:
        yield running


@pytest.mark.plants_faults
@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("box", "incomplete"),
        ("box", "control_taken"),
        ("external", "link_down_2"),
        ("free", "link_down_8"),
        ("software", "hung"),
    ],
)
def test_a_fault_is_told_in_time_with_camera_and_cause_and_harms_no_other(
    running: RunningRig, mode: str, fault: str
) -> None:
    cells = play_cells(running, MAKES, mode, fault)
    assert cells
    assert [cell for cell in cells if cell.complaint] == []


# ---------------------------------------------------------------- what fails a cell


def frame_set(index: int, **ids: int) -> FrameSet:
    """Return a frame set of cameras c0 (make under trial) and c1 (witness) with those frame ids; the rest is a gap."""
    image = np.zeros((2, 2), np.uint8)
    frames = {name: Frame(name, number, 0, 0, "Mono8", image) for name, number in ids.items()}
    gaps = {name: Gap(name, GapReason.NOT_DELIVERED) for name in ("c0", "c1") if name not in ids}
    proof = Proof(index, 0, 0, 0, {}, 0.0, ProofVerdict.UNPROVED, ())
    return FrameSet(index, 0, 0, MappingProxyType(frames), MappingProxyType(gaps), proof)


def judged(monkeypatch: pytest.MonkeyPatch, fault: str, *frame_sets: FrameSet, **more: object) -> str:
    """Return the complaint about camera c0, when a frame set comes per second and the fault is there from the start."""
    few = first_contact.Fault(
        **{f: getattr(first_contact.FAULTS[fault], f) for f in ("reasons", "words")}, frames=len(frame_sets)
    )
    monkeypatch.setitem(first_contact.FAULTS, fault, few)
    played = Played(frame_sets=list(frame_sets), times_s=[float(n) for n in range(len(frame_sets))], **more)  # type: ignore[arg-type]
    return judge(played, Cell("plain", "free", fault), "c0", {"c1"}).complaint


def test_complete_frames_without_a_fault_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, "none", frame_set(0, c0=0, c1=0), frame_set(1, c0=1, c1=1)) == ""


def test_a_missing_frame_without_a_fault_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 of 2 frames are missing" in judged(monkeypatch, "none", frame_set(0, c0=0, c1=0), frame_set(1, c1=1))


def test_a_frame_that_is_neither_delivered_nor_a_gap_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    told = judged(
        monkeypatch, "one_in_three_lost", frame_set(0, c1=0), frame_set(1, c0=1, c1=1), frame_set(2, c0=3, c1=2)
    )
    assert told == "1 frames lost in silence"


def test_a_fault_that_nobody_tells_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(monkeypatch, "incomplete", frame_set(0, c1=0)) == "camera and cause were never told"


def test_a_fault_that_is_told_late_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    late = CameraError("camera c0: no whole frame, but 20 with bytes missing")
    assert judged(monkeypatch, "incomplete", frame_set(0, c1=0), error=late, ended_s=2.1) == "told after 2.1 s"
    assert judged(monkeypatch, "incomplete", frame_set(0, c1=0), error=late, ended_s=1.9) == ""


def test_a_gap_of_a_camera_without_a_fault_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "healthy camera c1 has gaps" in judged(monkeypatch, "one_in_three_lost", frame_set(0), frame_set(1, c0=1))
