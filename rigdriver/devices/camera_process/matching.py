"""Find each configured camera among the devices that the producers list.

In: the serial of the rig file, and all devices. Out: one device, or an error that says what is there. Not here: GenTL
(see binding.py).

A camera is known by its serial number. A device without one is known by its GenTL id, its user-defined name, or, when
it is the only one of its kind, its model. A serial that two producers list is one camera reached in two ways: the
producer that the rig file names first has it. A serial that one producer lists twice is ambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.devices.camera_link.descriptions import DeviceInfo
from rigdriver.errors import CameraError, CameraMissing


def find(name: str, serial: str, devices: Sequence[DeviceInfo], producers: Sequence[str]) -> DeviceInfo:
    """Return the device that `serial` means.

    Raises:
        CameraMissing: no device fits.
        CameraError: several fit.
    """
    for candidates in (
        [d for d in devices if d.serial == serial],
        [d for d in devices if not d.serial and serial == d.id],
        [d for d in devices if not d.serial and serial == d.user_id],
        [d for d in devices if not d.serial and serial == d.model],
    ):
        for producer in producers:
            of_producer = [d for d in candidates if d.producer == producer]
            if len(of_producer) > 1:
                raise CameraError(
                    device=f"camera {name} (SN {serial})",
                    seen=(
                        f"{len(of_producer)} devices of {producer} bear this serial "
                        f"({', '.join(d.id for d in of_producer)})"
                    ),
                    expected="one",
                )
            if of_producer:
                return of_producer[0]
    raise CameraMissing(
        device=f"camera {name} (SN {serial})",
        seen=f"not found; {_listing(devices)}",
        remedy="check its power, cable and serial",
    )


def _listing(devices: Sequence[DeviceInfo]) -> str:
    if not devices:
        return "the producers list no device"
    return "the producers list " + ", ".join(
        f"SN {d.serial} ({d.model})" if d.serial else f"{d.id} ({d.model}, no serial)" for d in devices
    )
