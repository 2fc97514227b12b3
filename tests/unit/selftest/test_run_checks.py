"""A run's frame sets, judged."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rigdriver.config import RigConfig
from rigdriver.devices.cameras.events import CameraStatistics
from rigdriver.frames import FrameProof, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import Told
from rigdriver.selftest.result import Status
from rigdriver.selftest.run_checks import FRAME_SETS, Observed, judge_recorded, judge_run, keep

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": n, "serial": n, "output": i, "input": i} for i, n in enumerate(("a", "b"))],
    }
)
TICKS = 10_000_000
NOTHING = CameraStatistics(0, 0, 0, 0, 0)


def frame_proof(
    camera: str, residual_us: float = 3.0, unchecked: tuple[str, ...] = (), frame_id: int = 1
) -> FrameProof:
    return FrameProof(camera, 0, 200, 20_200, residual_us, 100.0, frame_id, unchecked=unchecked)


def proof(index: int, cameras=("a", "b"), period: int = TICKS // 10, skew_us: float = 4.0, **kwargs) -> Proof:
    frames = {camera: frame_proof(camera, **kwargs) for camera in cameras}
    return Proof(index, 1, index * period, TICKS, frames, skew_us, ProofVerdict.PROVED)


def observed(proofs, gaps=(), dropped=0, after=NOTHING):
    names = [camera.name for camera in CONFIG.cameras]
    return Observed(tuple(proofs), tuple(gaps), dropped, dict.fromkeys(names, NOTHING), dict.fromkeys(names, after))


def failures(*args, **kwargs) -> dict[str, str]:
    checks = judge_run(observed(*args, **kwargs), CONFIG)
    return {check.name: check.remedy for check in checks if check.status is not Status.GOOD}


def test_thirty_whole_frame_sets_are_good():
    assert failures(proof(i) for i in range(FRAME_SETS)) == {}


def test_a_gap_fails_completeness_and_its_reason_is_the_remedy():
    proofs = [proof(i) for i in range(FRAME_SETS - 1)] + [proof(29, cameras=("a",), skew_us=math.nan)]
    found = failures(proofs, [Gap("b", GapReason.NOT_EXPOSED)])
    assert set(found) == {"run.b.frames"}
    assert "check its trigger cable" in found["run.b.frames"]


def test_the_same_reason_of_many_frames_is_told_once_with_its_count():
    proofs = [proof(i, cameras=("a",), skew_us=math.nan) for i in range(21)] + [proof(i) for i in range(21, 30)]
    remedy = failures(proofs, [Gap("b", GapReason.NOT_EXPOSED, Told(f"pulse {i}")) for i in range(21)])["run.b.frames"]
    assert remedy.startswith("camera b (SN b): 21 times: triggered, but the camera showed no exposure")
    assert remedy.count("triggered") == 1


def with_ids(camera: str, ids: list[int | None]) -> list[Proof]:
    """One proof per id, of which a None stands for a frame that lacks."""
    proofs = [proof(n, cameras=("a", "b") if i is not None else ("b",)) for n, i in enumerate(ids)]
    made = zip(proofs, ids, strict=True)
    return [
        replace(p, frames={**p.frames, camera: frame_proof(camera, frame_id=i)} if i is not None else p.frames)
        for p, i in made
    ]


@pytest.mark.parametrize(
    ("ids", "extra"),
    [
        ([*range(30)], 0),
        ([*range(10), *range(11, 31)], 1),
        ([*range(10), *range(12, 22), *range(23, 33)], 3),
        ([*range(10), None, None, *range(12, 30)], 0),  # lost on the link: their ids are used up
        ([*range(10), None, None, *range(10, 28)], 0),  # never triggered
        ([*range(65_530, 65_536), *range(24)], 0),  # ids of 16 bits
    ],
)
def test_a_camera_that_makes_frames_without_a_trigger_is_named(ids: list[int | None], extra: int) -> None:
    (check,) = [c for c in judge_run(observed(with_ids("a", ids)), CONFIG) if c.name == "run.a.extra_frames"]
    assert (check.measured, check.status) == (extra, Status.FAILED if extra else Status.GOOD)
    assert ("camera a (SN a)" in check.remedy and "trigger cable at box output 0" in check.remedy) is bool(extra)


def test_a_camera_that_counts_on_from_run_to_run_has_no_extra_frames() -> None:
    runs = [replace(seen, generation=1 + n) for n in range(3) for seen in with_ids("a", list(range(9 * n, 9 * n + 5)))]
    (check,) = [c for c in judge_recorded(observed(runs), CONFIG) if c.name == "run.a.extra_frames"]
    assert (check.measured, check.status) == (0, Status.GOOD)


def test_frames_that_lack_are_no_missing_edges():
    """Before, the check counted proved frames, so each failed report said that exposure edges are missing."""
    proofs = [proof(i) for i in range(FRAME_SETS - 1)] + [proof(29, cameras=("a",), skew_us=math.nan)]
    found = failures(proofs, [Gap("b", GapReason.NOT_DELIVERED)])
    assert set(found) == {"run.b.frames"}


def test_signals_on_a_line_that_are_no_exposure_name_the_line():
    one = observed([proof(i) for i in range(FRAME_SETS)])
    checks = judge_run(replace(one, noise_edges={"b": 4}), CONFIG)
    (bad,) = [check for check in checks if check.status is not Status.GOOD]
    assert (bad.name, bad.measured) == ("run.b.noise_edges", 4)
    assert "box input 1" in bad.remedy


def test_too_few_frame_sets_fail_although_each_is_complete():
    assert "run.frame_sets" in failures(proof(i) for i in range(FRAME_SETS - 1))


def test_another_rate_fails():
    assert set(failures(proof(i, period=TICKS // 10 + 2000) for i in range(FRAME_SETS))) == {"run.rate"}


def test_one_large_skew_fails():
    proofs = [proof(i) for i in range(FRAME_SETS - 1)] + [proof(29, skew_us=101)]
    assert set(failures(proofs)) == {"run.skew"}


@pytest.mark.parametrize("residual_us", [-101.0, 101.0])
def test_one_large_residual_of_either_sign_fails(residual_us):
    proofs = [proof(i) for i in range(FRAME_SETS - 1)] + [proof(29, residual_us=residual_us)]
    assert set(failures(proofs)) == {"run.a.residual", "run.b.residual"}


def test_frames_proved_without_their_wired_exposure_line_fail():
    proofs = [proof(i) for i in range(FRAME_SETS - 1)] + [proof(29, unchecked=("exposure edges: none seen",))]
    assert set(failures(proofs)) == {"run.a.exposure_edges", "run.b.exposure_edges"}


@pytest.mark.parametrize(
    ("counter", "name"),
    [("incomplete", "incomplete_frames"), ("underrun", "frames_lost"), ("no_slot", "no_slot")],
)
def test_each_counter_of_losses_fails_its_check(counter, name):
    after = CameraStatistics(**{"delivered": 9, "incomplete": 0, "no_slot": 0, "underrun": 0, "copied": 0, counter: 2})
    assert set(failures([proof(i) for i in range(FRAME_SETS)], after=after)) == {f"run.a.{name}", f"run.b.{name}"}


def test_dropped_frame_sets_fail():
    assert set(failures([proof(i) for i in range(FRAME_SETS)], dropped=1)) == {"run.queue_dropped"}


def test_nothing_at_all_is_no_pass():
    checks = {check.name: check.status for check in judge_run(observed([]), CONFIG)}
    assert checks["run.frame_sets"] is Status.FAILED
    unknown = ("run.rate", "run.skew", "run.a.frames", "run.a.residual", "run.a.exposure_edges")
    assert {checks[name] for name in unknown} == {Status.UNKNOWN}


def test_pixels_are_not_kept():
    sets = [SimpleNamespace(proof=proof(0), gaps={"b": Gap("b", GapReason.INCOMPLETE)}, frames={"a": object()})]
    proofs, gaps = keep(iter(sets))
    assert proofs == (sets[0].proof,)
    assert [gap.camera for gap in gaps] == ["b"]
