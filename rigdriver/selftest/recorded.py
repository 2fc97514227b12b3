"""The run's checks of the self-test, made on a recording: what its proofs and gaps say of the rig that made it.

In: a recording. Out: a `Report`. Nothing is opened, and nothing flashes; counters of cameras and box are not in a
recording, and their checks are left out or named as not checked. Not here: the checks (see run_checks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from rigdriver.devices.cameras.events import CameraStatistics
from rigdriver.errors import RecordingDamaged
from rigdriver.frames import Gap, Proof
from rigdriver.recording.recording_file import Recording
from rigdriver.recording.seal import SealState
from rigdriver.selftest.result import CheckResult, Report, unknown, verdict
from rigdriver.selftest.run_checks import Observed, judge_recorded


def check_recording(recording: Recording) -> Report:
    """Make the checks.

    Raises:
        UsageError: the recording does not say of which rig it is.
    """
    config = recording.config_or_refuse()
    proofs: list[Proof] = []
    gaps: list[Gap] = []
    damaged = 0
    for place in range(len(recording)):
        try:
            frame_set = recording[place].frame_set
        except RecordingDamaged:
            damaged += 1
            continue
        proofs.append(frame_set.proof)
        gaps += frame_set.gaps.values()
    checks = [_judge_state(recording), _judge_damage(damaged)]
    if not proofs:
        checks.append(unknown("run.frame_sets", "> 0", "no frame set can be read", "frame sets"))
    elif any(proof.tick_rate_hz for proof in proofs):
        nothing: Mapping[str, CameraStatistics] = MappingProxyType({})
        checks += judge_recorded(Observed(tuple(proofs), tuple(gaps), 0, nothing, nothing), config)
    return Report(config.name, tuple(checks), was_opened=True)


def check_recording_file(path: Path) -> Report:
    """Open a recording and make the checks.

    Raises:
        UsageError: it is no recording, or does not say of which rig it is.
    """
    with Recording(path) as recording:
        return check_recording(recording)


def _judge_state(recording: Recording) -> CheckResult:
    state, seal = recording.state, recording.seal
    remedy = f"the recording lacks what was planned: {seal.reason if seal else 'it has no seal that can be read'}"
    return verdict(state is SealState.COMPLETE, "recording.state", state.value, SealState.COMPLETE.value, "", remedy)


def _judge_damage(damaged: int) -> CheckResult:
    remedy = "`rigdriver recording recover` copies what is whole"
    return verdict(damaged == 0, "recording.damaged", damaged, 0, "frame sets", remedy)
