"""Cameras that deliver nothing, or nothing whole, on a bench without a trigger box: who they are, and what to do.

In: what arrives from each camera, this computer's triggers, and its time. Out: the cameras that have delivered no whole
frame for longer than their limit, and for each of them an error that names it. The limit follows from exposure and
period, or stands in the rig file. Not here: gaps of single frames (see sync/grouping.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rigdriver.config import CameraConfig, RigConfig
from rigdriver.errors import CameraError, CameraSilent, NoReply, RigError, gather
from rigdriver.own_pause import AttendedTime
from rigdriver.run.software_trigger import ANSWER_LIMIT_S, COMMAND
from rigdriver.schedule.plan import exposure_us
from rigdriver.sync.preamble import INCOMPLETE_REMEDY

SHORTEST_S, LONGEST_S = 1.0, 2.0
"""Bounds of the limit where the rig file gives none; one exposure and one period always fit into it."""
EXPOSURES_AND_PERIODS = 3
"""Number of exposures and periods in that limit, within its bounds."""
SPARE_S = 0.5
"""Time for read-out and transfer beyond one exposure and one period."""

REMEDIES: Mapping[str, str] = {
    "software": "check that its TriggerMode is On, its TriggerSource is Software and its exposure fits the rate, "
    "and check its cable",
    "free": 'another program may have left it triggered: set TriggerMode = "Off" in cameras.features; '
    "check its cable and power",
    "external": "check its trigger cable, its TriggerSource and that its exposure fits the trigger's rate",
}
SLOW_START = "; if it needs longer to start, raise sync.silence_timeout_s"
INTERRUPTED_REMEDY = (
    "check its cable, its power and the switches on its way, then start a new run: after a cut some producers deliver "
    "nothing more in the same one"
)
"""Remedy for a camera that has delivered before: its settings were right."""


def silence_limit_s(config: RigConfig, camera: CameraConfig, rate_hz: float) -> float:
    """Return the time after which a camera without a whole frame is reported."""
    if config.sync.silence_timeout_s is not None:
        return config.sync.silence_timeout_s
    turn_s = 1 / rate_hz + exposure_us(config, camera) / 1e6
    return max(min(max(SHORTEST_S, EXPOSURES_AND_PERIODS * turn_s), LONGEST_S), turn_s + SPARE_S)


@dataclass(slots=True)
class _Heard:
    """What has come from one camera since its last whole frame."""

    since_s: float
    """Time of that frame, or of the start, as the run's loop attended to it."""
    has_delivered: bool = False
    incomplete: int = 0
    triggers: int = 0
    refusal: str = ""
    """Message of the camera to the newest trigger that it refused; empty when it obeyed."""


class Silence:
    """Watches over the cameras of one run."""

    def __init__(self, config: RigConfig, rate_hz: float, now_s: float) -> None:
        self._config, self._rate_hz = config, rate_hz
        self._limits_s = {c.name: silence_limit_s(config, c, rate_hz) for c in config.cameras}
        self._now_s = now_s
        # While the whole computer stood still, frames lay unread; that is no silence of the cameras.
        self._time = AttendedTime(lambda: self._now_s)
        self._heard = {c.name: _Heard(0.0) for c in config.cameras}

    def whole_frame(self, camera: str) -> None:
        """Note that a frame has come, or would have come if this computer had had room for it."""
        if camera in self._heard:
            self._heard[camera] = _Heard(self._time.attended_s, has_delivered=True)

    def incomplete(self, camera: str, count: int) -> None:
        """Note that frames came with bytes missing."""
        if (heard := self._heard.get(camera)) is not None:
            heard.incomplete += count

    def triggered(self, camera: str, refusal: str = "") -> None:
        """Note that this computer has triggered the camera, and what the camera refused."""
        if (heard := self._heard.get(camera)) is not None:
            heard.triggers += 1
            heard.refusal = refusal

    def gone(self, camera: str) -> None:
        """A camera is lost: nothing more is expected of it."""
        self._heard.pop(camera, None)

    def excuse(self, held_up_s: float, but_for: str | None = None) -> None:
        """Leave out time in which nobody read what the cameras deliver; for that camera it counts."""
        for name, heard in self._heard.items():
            if name != but_for:
                heard.since_s = min(self._time.attended_s, heard.since_s + held_up_s)

    def excuse_others(self, camera: str, held_up_s: float) -> None:
        """Leave out time in which this computer waited for one camera, and triggered no other."""
        self.excuse(held_up_s, but_for=camera)

    def look(self, now_s: float, awaited: str | None = None) -> tuple[str, ...]:
        """Return the cameras beyond their limits; time in which nobody could look is excused.

        `awaited`: the camera for whose answer the camera process waits now, so that no other can deliver.
        """
        self._now_s = now_s
        before_s = self._time.attended_s
        attended_s = self._time.look()
        if awaited is not None:
            self.excuse_others(awaited, attended_s - before_s)
        return tuple(n for n, heard in self._heard.items() if attended_s - heard.since_s > self._limits_s[n])

    def refuses(self, camera: str) -> bool:
        """Return whether the camera has refused the newest trigger of this computer."""
        return bool(self._heard[camera].refusal)

    def is_total(self, silent: Sequence[str]) -> bool:
        """Return whether no camera that is left delivers."""
        return bool(silent) and len(silent) == len(self._heard)

    def error(self, silent: Sequence[str]) -> RigError:
        """Return one error that names the silent cameras, each with what was seen and what to do."""
        mode, heard = self._config.schedule.mode, [self._heard[name] for name in silent]
        # When all are silent, their one common cause is likelier than a fault of each: the trigger.
        if mode == "external" and self.is_total(silent) and not any(h.incomplete for h in heard):
            limit_s = max(self._limits_s[name] for name in silent)
            return NoReply(
                device=f"rig {self._config.name}",
                seen=f"no camera has delivered anything for {limit_s:.3g} s",
                expected="a frame per edge of the external trigger (schedule.mode = 'external')",
                remedy="check that the trigger runs and is connected to the cameras; if it pauses for longer, "
                "raise sync.silence_timeout_s in the rig file",
            )
        return gather("cameras that deliver no whole frame", [self.complaint(name) for name in silent])

    def unanswered(self, name: str) -> CameraSilent:
        """Return the error of a camera that leaves a trigger command unanswered."""
        return CameraSilent(
            device=f"camera {name} (SN {self._config.camera(name).serial})",
            seen=f"does not answer the command {COMMAND} for {ANSWER_LIMIT_S:g} s",
            remedy="check its cable and power; restart it",
        )

    def complaint(self, name: str) -> CameraError:
        """Return what is wrong with one silent camera."""
        camera, heard, limit_s = self._config.camera(name), self._heard[name], self._limits_s[name]
        device = f"camera {name} (SN {camera.serial})"
        if heard.incomplete:
            return CameraError(
                device=device,
                seen=f"no whole frame for {limit_s:.3g} s, but {heard.incomplete} with bytes missing",
                expected="whole frames",
                remedy=INCOMPLETE_REMEDY,
            )
        asked = f" after {heard.triggers} triggers by this computer" if heard.triggers else ""
        refused = f", and it refused the last one ({heard.refusal})" if heard.refusal else ""
        return CameraError(
            device=device,
            seen=f"no frame for {limit_s:.3g} s{asked}{refused}",
            expected=f"one per {1 / self._rate_hz:.3g} s",
            remedy=INTERRUPTED_REMEDY if heard.has_delivered else REMEDIES[self._config.schedule.mode] + SLOW_START,
        )
