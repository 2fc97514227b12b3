"""Every error that rigdriver raises, drawn as a tree.

    RigError
    |-- UsageError(ValueError)               the caller asked wrongly
    |   |-- ConfigError                      the rig file says something impossible
    |   |-- ScheduleError(HasFindings)       the plan would break a limit
    |   `-- StateError(RuntimeError)         not in this state
    |-- FileNotWritten(OSError)              a file or folder cannot be written
    |-- DeviceError                          a device answered wrongly or not at all
    |   |-- LinkError(OSError)               the way to the device
    |   |   |-- PortUnavailable              no such port, or another program has it
    |   |   |-- LinkLost(ConnectionError)    it was there and is gone
    |   |   |-- NoReply(TimeoutError)        nothing came back in time
    |   |   `-- BadReply                     something came back that is no answer
    |   |-- NotATriggerBox                   a Harp device or a port, but not ours
    |   |-- InterfaceMismatch                our box with another interface
    |   |-- BoxRefused                       the box refused a request
    |   |-- BoxFault                         the box turned everything off
    |   |-- ProjectorRefused                 the projector refused a command
    |   |-- ProducerError                    a GenTL producer that cannot be used
    |   |-- CameraMissing                    configured but not found
    |   |-- CameraError                      a camera refused or failed
    |   |   `-- CameraSilent(TimeoutError)   it does not answer
    |   |-- CameraProcessLost(ConnectionError) the process that holds the cameras ended or hangs
    |   `-- DevicesFailed                    several of the above at once
    |-- NotMeasured                          what was to be measured was not in view
    |-- CatalogueUnusable                    the catalogue of subjects cannot be read or written
    |-- RecordingDamaged                     a recording whose content does not fit its checksums
    |-- RunCutShort                          a run ended by itself with fewer frame sets than were asked for
    |-- SyncError                            all answered, but the times do not fit
    |   `-- SyncLost                         a camera's clock or counter can no longer be trusted
    `-- CalibrationError                     the rig's geometry cannot be found or trusted
        |-- BoardMismatch                    what the cameras saw is not the board that was described
        |-- ViewsInsufficient                too few views, or cameras without a common one
        |-- ViewsInconsistent                the board, a camera or the timing moved between the cameras' images
        |-- NotAccepted                      the last acceptance test does not allow measuring
        `-- CalibrationMismatch(ValueError)  a file of another rig, camera or resolution, or no calibration at all

A missing frame is no error: it is a `Gap` in its `FrameSet`. The docstring of each class ends with a message as an
example. A message names the device, what was seen, what was expected (with unit) and what to do; an error that is
raised with these four as values makes the sentence itself, and carries the values for programs.
Not here: what all of them are made of (see rig_error.py), and findings, the values with a kind that some errors hold
(see findings.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.findings import (
    BrokenLimit,
    CatalogueFault,
    Finding,
    HasFindings,
    MismatchKind,
    RigFileFinding,
    alone_or_none,
)
from rigdriver.rig_error import RigError as RigError  # noqa: PLC0414  the root of the tree belongs to it
from rigdriver.run_end import EndCause


class UsageError(RigError, ValueError):
    """The caller asked wrongly.

    `frames = -1: expected at least 1`
    """


class ConfigError(UsageError):
    """A rig file cannot be used; `findings` holds all that is wrong in a file that can be read.

    `rig.toml line 12: schedule.rate_hz = 0: expected greater than 0`
    """

    def __init__(
        self,
        message: str = "",
        *,
        device: str = "",
        seen: str = "",
        expected: str = "",
        remedy: str = "",
        findings: Sequence[RigFileFinding] = (),
    ) -> None:
        self.findings: tuple[RigFileFinding, ...] = tuple(findings)
        sentences = message or "\n".join(map(str, self.findings))
        super().__init__(sentences, device=device, seen=seen, expected=expected, remedy=remedy)


class ScheduleError(UsageError, HasFindings[BrokenLimit]):
    """A plan would break a limit of a camera, a lamp or the box; `findings` holds each one with its kind.

    `lamp left_white: lit 12.0% of the time; expected at most 5.0% (light.max_duty); lower rate_hz`
    """

    def __init__(
        self,
        message: str = "",
        *,
        kind: BrokenLimit | None = None,
        device: str = "",
        seen: str = "",
        expected: str = "",
        remedy: str = "",
        findings: Sequence[Finding[BrokenLimit]] = (),
    ) -> None:
        self.findings = tuple(findings) or alone_or_none(kind, device, seen, expected, remedy)
        sentences = message or "\n".join(map(str, findings))
        super().__init__(sentences, device=device, seen=seen, expected=expected, remedy=remedy)


class StateError(UsageError, RuntimeError):
    """The object is in a state that does not allow this.

    `cameras: closed; open them again`
    """


class FileNotWritten(RigError, OSError):
    """A file or folder cannot be written; an older file of that name is as it was.

    `out/face.ply: cannot be written: No space left on device; free space on the disk`
    """


class DeviceError(RigError):
    """A device answered wrongly or not at all.

    `simulated rig: cannot be started: no such scene`
    """


class LinkError(DeviceError, OSError):
    """The way to a device failed; the four classes below say how.

    `trigger box on COM3: nothing answers; check that the box has power`
    """


class PortUnavailable(LinkError):
    """A serial port or a projector is not there, or another program holds it.

    `trigger box port COM3: no such port; ports of this computer: none; check the cable and box.url`
    """


class LinkLost(LinkError, ConnectionError):
    """A link that worked is gone.

    `trigger box on COM3: the port is gone; check its cable and power, open it again`
    """


class NoReply(LinkError, TimeoutError):
    """A device did not answer within its time.

    `trigger box on COM3: no reply to the read within 0.5 s; check cable, power and box.url`
    """


class BadReply(LinkError):
    """A device answered something that is no valid answer to the request.

    `edge event 7: 99 records; expected at most 16`
    """


class NotATriggerBox(DeviceError):
    """What answers on this port is no rigdriver trigger box.

    `trigger box on COM3: Harp device 'Behavior' (WhoAmI 1216); expected 'TriggerBox'; check box.url`
    """


class InterfaceMismatch(DeviceError):
    """The box has another interface than this driver.

    `trigger box on COM3: firmware 1.2.0 has interface 5f2a, this driver expects 91cc; flash the firmware`
    """


class BoxRefused(DeviceError):
    """The box refused a request.

    `trigger box on COM3: refused the commit; its state or its limits do not allow it`
    """


class BoxFault(DeviceError):
    """The box turned all outputs off by itself.

    `trigger box: turned everything off: the interlock opened; close it; then clear the fault and commit again`
    """


class ProjectorRefused(DeviceError):
    """The projector answered a command with its error flag.

    `projector: refused command 0x1a24; switch the projector off and on`
    """


class ProducerError(DeviceError):
    """A GenTL producer is missing, cannot be loaded, crashed or hangs.

    `producer vendor.cti: cannot be loaded; install the vendor's package`
    """


class CameraMissing(DeviceError):
    """A configured camera was not found.

    `camera left_upper (SN 23A7): not found; producers list SN 11, SN 12`
    """


class CameraError(DeviceError):
    """A camera refused a feature or failed while streaming.

    `camera left_upper (SN 23A7): Gain = 99.0 refused; expected 0 to 24`
    """


class CameraSilent(CameraError, TimeoutError):
    """A camera did not answer within its producer's time-out.

    `camera left_upper (SN 23A7): does not answer; check its cable and power`
    """


class CameraProcessLost(DeviceError, ConnectionError):
    """The process that holds the cameras ended or no longer answers.

    `camera process: ended with signal 11; open the cameras again`
    """


class DevicesFailed(DeviceError):
    """Several devices failed at once; `errors` holds one error per device, in the order of the rig file.

    `rig face: 2 failed`, then one line per device
    """

    def __init__(self, what: str, errors: Sequence[RigError]) -> None:
        self.what = what
        self.errors: tuple[RigError, ...] = tuple(errors)
        super().__init__("\n".join([f"{what}: {len(self.errors)} failed", *(f"  {error}" for error in self.errors)]))


class NotMeasured(RigError):
    """What was to be measured was not in view.

    `plate: 3 of 7 positions, then no new one for 120 s (hold it still)`
    """


class CatalogueUnusable(RigError):
    """The catalogue of subjects is damaged, foreign, too new, held by another program or not writable.

    `catalogue.sqlite: is held by another program for more than 5 s; try again when it has ended`

    `kind` holds the reason.
    """

    def __init__(
        self,
        message: str = "",
        *,
        kind: CatalogueFault | None = None,
        device: str = "",
        seen: str = "",
        expected: str = "",
        remedy: str = "",
    ) -> None:
        self.kind = kind
        super().__init__(message, device=device, seen=seen, expected=expected, remedy=remedy)


class RecordingDamaged(RigError):
    """A part of a recording is not what was written; nothing is made of it.

    `take.mcap: at byte 123456: the checksum of a chunk is wrong; `rigdriver recording recover` copies what is whole`
    """


class RunCutShort(RigError):
    """A run ended with fewer frame sets than were asked for, and this application has not asked it to end.

    `run: 11 of 50 frame sets came; another program has stopped the trigger box; close that program; start a new run`

    `frame_sets` holds how many came, `asked` how many were asked for (None: as many as come until it is stopped), and
    `cause` what ended it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        device: str = "",
        seen: str = "",
        expected: str = "",
        remedy: str = "",
        frame_sets: int = 0,
        asked: int | None = None,
        cause: EndCause = EndCause.FAILED,
    ) -> None:
        self.frame_sets = frame_sets
        self.asked = asked
        self.cause = cause
        super().__init__(message, device=device, seen=seen, expected=expected, remedy=remedy)


class SyncError(RigError):
    """All devices answered, but the times do not fit together.

    `camera left_upper: its frames fit no pulse`
    """


class SyncLost(SyncError):
    """A camera's clock or counter can no longer be trusted.

    `the cameras' clocks cannot be tied to the box's: left_upper: 3 pairs; start the run again`
    """


class CalibrationError(RigError):
    """The rig's geometry cannot be found, or can no longer be trusted.

    `no pod has two geometry cameras: no 3D error can be stated`
    """


class BoardMismatch(CalibrationError):
    """What the cameras saw is not the board that was described.

    `board a4: 30 of 36 images show it mirrored; expected x to the right and y down on its front`
    """


class ViewsInsufficient(CalibrationError):
    """The views do not determine all cameras.

    `camera right_colour: 2 usable views; expected at least 3; show the board to this camera`
    """


class ViewsInconsistent(CalibrationError):
    """The cameras contradict each other: the board, a camera or the timing moved.

    `camera left_lower: contradicts the other cameras in 12 of 36 views; fix it and capture again`
    """


class NotAccepted(CalibrationError):
    """The rig is locked: its last acceptance test failed, is too old or was of another calibration, or there is none.

    `last acceptance test (2026-03-04): is 8 days old; expected at most 7 days; run `rigdriver verify` again`
    """


class CalibrationMismatch(CalibrationError, ValueError, HasFindings[MismatchKind]):
    """A calibration cannot be used here; `findings` holds each reason with its kind.

    `camera left_upper: has SN 23B1; expected SN 23A7, which was calibrated; calibrate this rig`
    """

    def __init__(
        self,
        message: str = "",
        *,
        kind: MismatchKind | None = None,
        device: str = "",
        seen: str = "",
        expected: str = "",
        remedy: str = "",
        findings: Sequence[Finding[MismatchKind]] = (),
    ) -> None:
        """`findings` stand for `seen` and `expected`; `remedy` is then that of all of them."""
        self.findings = tuple(findings) or alone_or_none(kind, device, seen, expected, remedy)
        told = seen or "; ".join(map(str, findings))
        super().__init__(message, device=device, seen=told, expected=expected, remedy=remedy)


def gather(what: str, errors: Sequence[RigError]) -> RigError:
    """Return one error for several: the error itself when it is alone, else `DevicesFailed`."""
    # A single failure keeps its class, so that a caller can catch CameraMissing and need not unpack a group.
    return errors[0] if len(errors) == 1 else DevicesFailed(what, errors)
