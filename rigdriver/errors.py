"""Every error that rigdriver raises, drawn as a tree.

    RigError
    |-- UsageError(ValueError)               you asked wrongly
    |   |-- ConfigError                      the rig file says something impossible
    |   |-- ScheduleError                    the plan would break a limit
    |   `-- StateError(RuntimeError)         not in this state
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
    |   |-- ProducerError                    a GenTL producer that cannot be used
    |   |-- CameraMissing                    configured but not found
    |   |-- CameraError                      a camera refused or failed
    |   |-- CameraProcessLost(ConnectionError) the process that holds the cameras ended or hangs
    |   `-- DevicesFailed                    several of the above at once
    |-- SyncError                            all answered, but the times do not fit
    |   `-- SyncLost                         a camera's clock or counter can no longer be trusted
    `-- CalibrationError                     the rig's geometry cannot be found or trusted
        |-- BoardMismatch                    what the cameras saw is not the board that was described
        |-- ViewsInsufficient                too few views, or cameras without a common one
        |-- ViewsInconsistent                the board, a camera or the timing moved between the cameras' images
        `-- CalibrationMismatch(ValueError)  a file of another rig, camera or resolution, or no calibration at all

A missing frame is no error: it is a `Gap` in its `FrameSet`. A message says which device, what was seen, what was
expected, and what to do. This file knows no other file.
"""

from __future__ import annotations

from collections.abc import Sequence


class RigError(Exception):
    """Anything that rigdriver raises on purpose. `except RigError` catches all of it."""


class UsageError(RigError, ValueError):
    """You asked wrongly: `rig.run(frames=-1)`."""


class ConfigError(UsageError):
    """A rig file cannot be used: `rig.toml line 12: schedule.rate_hz = 0: expected more than 0`."""


class ScheduleError(UsageError):
    """A plan would break a limit of a camera, a lamp or the box: `lamp left_white: lit 12 % of the time`."""


class StateError(UsageError, RuntimeError):
    """The object is in a state that does not allow this: iterating a closed rig."""


class DeviceError(RigError):
    """A device answered wrongly or not at all."""


class LinkError(DeviceError, OSError):
    """The way to a device failed."""


class PortUnavailable(LinkError):
    """A serial port is not there, or another program holds it."""


class LinkLost(LinkError, ConnectionError):
    """A link that worked is gone: the box was unplugged."""


class NoReply(LinkError, TimeoutError):
    """A device did not answer within its time."""


class BadReply(LinkError):
    """A device answered something that is no valid answer to the request."""


class NotATriggerBox(DeviceError):
    """What answers on this port is no rigdriver trigger box: a Harp device of another kind."""


class InterfaceMismatch(DeviceError):
    """The box speaks another interface than this driver: its hash differs."""


class BoxRefused(DeviceError):
    """The box refused a request: a commit that breaks a light limit."""


class BoxFault(DeviceError):
    """The box turned all outputs off by itself: watchdog, interlock or light limit."""


class ProducerError(DeviceError):
    """A GenTL producer is missing, cannot be loaded, crashed or hangs."""


class CameraMissing(DeviceError):
    """A configured camera was not found: `camera left_upper (SN 23A7): not found; producers list SN 11, SN 12`."""


class CameraError(DeviceError):
    """A camera refused a feature or failed while streaming."""


class CameraProcessLost(DeviceError, ConnectionError):
    """The process that holds the cameras ended or no longer answers."""


class DevicesFailed(DeviceError):
    """Several devices failed at once; all of them are told.

    `errors` holds them in the order of the rig file.
    """

    def __init__(self, what: str, errors: Sequence[RigError]) -> None:
        self.errors: tuple[RigError, ...] = tuple(errors)
        super().__init__("\n".join([f"{what}: {len(self.errors)} failed", *(f"  {error}" for error in self.errors)]))


class SyncError(RigError):
    """All devices answered, but the times do not fit together."""


class SyncLost(SyncError):
    """A camera's clock or counter can no longer be trusted: start the run again."""


class CalibrationError(RigError):
    """The rig's geometry cannot be found, or can no longer be trusted."""


class BoardMismatch(CalibrationError):
    """What the cameras saw is not the board that was described: a mirrored print, other counts of squares."""


class ViewsInsufficient(CalibrationError):
    """The views do not determine all cameras: `camera right_colour: 2 usable views; expected at least 4`."""


class ViewsInconsistent(CalibrationError):
    """The cameras contradict each other: the board moved during the exposure, a camera was bumped meanwhile."""


class CalibrationMismatch(CalibrationError, ValueError):
    """A calibration file cannot be used here: `camera left_upper: file says SN 23A7, rig has SN 23B1`."""


def gather(what: str, errors: Sequence[RigError]) -> RigError:
    """Return one error for several: the error itself when it is alone, else `DevicesFailed`."""
    return errors[0] if len(errors) == 1 else DevicesFailed(what, errors)
