"""The makes of simulated cameras: how cameras of other makers differ from a plain SFNC 2.7 camera.

In: the name of a make, or several joined by `+` (`gige1`, `line1+odd`). Out: a frozen `Make`. Each row of `MAKES` is
one behaviour or one camera that combines several, with the source that describes it. Features go by their SFNC 2.7
names here; `renamed` holds what the camera calls them. Not here: what the differences do (see feature_table.py,
control.py, model.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

NS_PER_S = 1_000_000_000
_PLAIN_NAMES: Mapping[str, str] = MappingProxyType({})
_NO_STEPS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Lock:
    """A feature that cannot be written while another one has a value."""

    feature: str
    while_feature: str
    value: str
    """The symbol of an enumeration, or `True`."""


@dataclass(frozen=True, slots=True)
class Make:
    """What sets the cameras of one make apart; the defaults are those of a plain SFNC 2.7 camera."""

    source: str = ""
    """Document that describes the behaviour."""
    renamed: Mapping[str, str] = field(default_factory=lambda: _PLAIN_NAMES)
    """SFNC 2.7 name -> the camera's own name."""
    raw_steps: Mapping[str, float] = field(default_factory=lambda: _NO_STEPS)
    """Features that are integers, and what one step of the integer is in the unit of SFNC 2.7."""
    lacks: frozenset[str] = frozenset()
    """Features that the camera does not have."""
    locks: tuple[Lock, ...] = ()
    input_lines: tuple[str, ...] = ("Line0",)
    """Names of the input lines; the trigger's wire ends at the first one."""
    output_line: str = "Line1"
    has_software_trigger: bool = True
    trigger_selectors: tuple[str, ...] = ("FrameStart",)
    width_step_px: int = 4
    height_step_px: int = 2
    offset_step_px: int = 0
    """Step of OffsetX and OffsetY; 0: the step of Width and of Height."""
    is_offset_moved: bool = False
    """Whether a width or height that does not fit moves the offset instead of being refused."""
    row_align: int = 1
    """Number of bytes of which each row of an image is a multiple, by padding."""
    tick_hz: int = NS_PER_S
    """Ticks of the time stamp per second."""
    has_tick_hz: bool = True
    """Whether the camera reports its tick frequency."""
    has_time_stamps: bool = True
    """Whether frames have time stamps; without them each stamp is 0."""
    frame_ids: tuple[int, int] = (0, 2**63 - 1)
    """First and last frame id; after the last one the first one comes again."""
    user_sets: tuple[str, ...] = ("Default", "UserSet0")
    damaged_id_ahead: int = 0
    """Number by which the id of a frame with bytes missing is ahead of its own."""


def _joined(*makes: Make, source: str = "") -> Make:
    """Return one make with the differences of all; where two differ in the same, the later one counts."""
    values: dict[str, Any] = {}
    plain = Make()
    for make in makes:
        for known in fields(Make):
            value, default = getattr(make, known.name), getattr(plain, known.name)
            # A value like the default says nothing: it must not undo what an earlier make sets.
            if known.name == "source" or value == default:
                continue
            # Tables, sets and locks of several makes add up; of anything else a camera can have but one.
            seen = values.get(known.name, default)
            if isinstance(value, Mapping):
                value = MappingProxyType({**seen, **value})
            elif isinstance(value, frozenset):
                value = seen | value
            elif known.name == "locks":
                value = (*seen, *value)
            values[known.name] = value
    return Make(source=source or "; ".join(make.source for make in makes), **values)


_SFNC_1 = Make(
    source="names that SFNC 2.x lists as deprecated; Basler ace GigE has ExposureTimeAbs, GainRaw and the like",
    renamed=MappingProxyType(
        {
            "ExposureTime": "ExposureTimeAbs",
            "Gain": "GainRaw",
            "BlackLevel": "BlackLevelRaw",
            "AcquisitionFrameRate": "AcquisitionFrameRateAbs",
            "ResultingFrameRate": "ResultingFrameRateAbs",
            "TriggerDelay": "TriggerDelayAbs",
            "DeviceSerialNumber": "DeviceID",
            "TimestampLatch": "GevTimestampControlLatch",
            "TimestampLatchValue": "GevTimestampValue",
        }
    ),
    # The steps of the raw features are each camera's own and stand in its manual alone.
    raw_steps=MappingProxyType({"Gain": 0.1, "BlackLevel": 1.0}),
    lacks=frozenset(
        {
            *("DeviceSFNCVersionMajor", "DeviceSFNCVersionMinor", "DeviceSFNCVersionSubMinor"),
            *("DeviceLinkSpeed", "DeviceLinkThroughputLimitMode", "DeviceLinkThroughputLimit"),
        }
    ),
    # Steps of 8 ns, as Basler ace GigE cameras count; nanoseconds came with the time stamps of SFNC 2.x.
    tick_hz=125_000_000,
)
# There is no Line0 here: a driver that always names that one fails.
_LINE_1 = Make(source="Basler ace, viva-genicam's fake camera", input_lines=("Line1",), output_line="Out1")
_LINE_2 = Make(
    source="Teledyne DALSA Genie (user's manual: TriggerSource)", input_lines=("Line2",), output_line="Line3"
)
_LINES_123 = Make(source="Allied Vision Manta", input_lines=("Line1", "Line2", "Line3"), output_line="Line4")
_NO_ACTIVATION = Make(source="viva-genicam's fake camera", lacks=frozenset({"TriggerActivation"}))
_NO_SELECTOR = Make(source="SFNC: TriggerSelector is not mandatory", lacks=frozenset({"TriggerSelector"}))
# This make and the next contradict each other: no fixed order of source and mode suits both.
_SOURCE_LOCKED_ON = Make(
    source="FLIR Spinnaker, example Trigger: the trigger must be disabled before its source is changed",
    locks=(Lock("TriggerSource", "TriggerMode", "On"), Lock("TriggerActivation", "TriggerMode", "On")),
)
_SOURCE_LOCKED_OFF = Make(
    source="SFNC, TriggerSource: the selected trigger must have its TriggerMode set to On; Balluff mvBlueFOX3",
    locks=(Lock("TriggerSource", "TriggerMode", "Off"), Lock("TriggerActivation", "TriggerMode", "Off")),
)
_CHUNK_LOCKED = Make(
    source="met in practice: the payload is fixed while chunks are on",
    locks=tuple(Lock(name, "ChunkModeActive", "True") for name in ("PixelFormat", "Width", "Height")),
)
_AUTO_LOCKED = Make(
    source="FLIR Spinnaker, example Exposure: automatic exposure is turned off before the time is set",
    locks=(
        Lock("ExposureTime", "ExposureAuto", "Continuous"),
        Lock("Gain", "GainAuto", "Continuous"),
        Lock("AcquisitionFrameRate", "TriggerMode", "On"),
    ),
)
_ODD = Make(source="Aravis' fake camera: Width and OffsetX in steps of 1", width_step_px=1, height_step_px=1)
# At 10 frames per second these ids wrap after 109 minutes, within one long run.
_IDS_16 = Make(source="GigE Vision 1.x: block_id has 16 bits, 0 is reserved", frame_ids=(1, 65_535))
# Another trigger than FrameStart may be on here, and while it is, no frame starts (see control.py).
_SELECTORS = Make(
    source="Aravis' fake camera, Basler ace GigE",
    trigger_selectors=("FrameStart", "AcquisitionStart"),
)
_NO_USER_SET = Make(
    source="Aravis' fake camera",
    lacks=frozenset({"UserSetSelector", "UserSetLoad", "UserSetSave", "UserSetDefault"}),
)
_RATE_ENABLED = Make(
    source="Point Grey Chameleon3: AcquisitionFrameRateEnabled",
    renamed=MappingProxyType({"AcquisitionFrameRateEnable": "AcquisitionFrameRateEnabled"}),
)
_NO_LIMIT = Make(
    source="Aravis' fake camera",
    lacks=frozenset({"AcquisitionFrameRateEnable", "ResultingFrameRate", "BalanceWhiteAuto", "ExposureAuto"}),
)
_NO_CHUNKS = Make(
    source="Aravis' fake camera",
    lacks=frozenset({"ChunkModeActive", "ChunkSelector", "ChunkEnable"}),
)

PLAIN = Make(source="SFNC 2.7")
MAKES: Mapping[str, Make] = MappingProxyType(
    {
        "plain": PLAIN,
        # One behaviour each.
        "sfnc1": _SFNC_1,
        "no_software": Make(source="Aravis' fake camera: TriggerSource has lines only", has_software_trigger=False),
        "line1": _LINE_1,
        "line2": _LINE_2,
        "lines123": _LINES_123,
        "no_activation": _NO_ACTIVATION,
        "no_selector": _NO_SELECTOR,
        "selectors": _SELECTORS,
        "source_locked_on": _SOURCE_LOCKED_ON,
        "source_locked_off": _SOURCE_LOCKED_OFF,
        "chunk_locked": _CHUNK_LOCKED,
        "auto_locked": _AUTO_LOCKED,
        "rate_enabled": _RATE_ENABLED,
        "odd": _ODD,
        "coarse16": Make(source="SFNC leaves the step open", width_step_px=16, offset_step_px=2),
        "coarse32": Make(source="SFNC leaves the step open", width_step_px=32, height_step_px=4, offset_step_px=16),
        "offset_moved": Make(source="SFNC leaves it open which of size and offset gives way", is_offset_moved=True),
        "padded": Make(source="GenTL 1.5, BUFFER_INFO_XPADDING; GigE Vision, padding_x", row_align=8),
        "no_tick": Make(
            source="a GigE Vision producer that gives raw stamps without a frequency",
            tick_hz=125_000_000,
            has_tick_hz=False,
        ),
        "no_stamps": Make(
            source="GigE Vision: the stamp of a device without a clock is 0", has_tick_hz=False, has_time_stamps=False
        ),
        "ids16": _IDS_16,
        "ids16_zero": Make(source="cameras that count their frames from 0 in 16 bits", frame_ids=(0, 65_535)),
        "damaged_ahead": Make(
            source="Baumer's GigE producer 2.9: a damaged frame has the id of the fifth frame after it",
            damaged_id_ahead=5,
        ),
        "no_user_set": _NO_USER_SET,
        "no_default_set": Make(source="SFNC: Default is not mandatory", user_sets=("UserSet0", "UserSet1")),
        "no_chunks": _NO_CHUNKS,
        # Whole cameras.
        "gige1": _joined(
            *(_SFNC_1, _LINE_1, _IDS_16, _SELECTORS),
            Make(user_sets=("Default", "UserSet1", "UserSet2", "UserSet3")),
            source="Basler ace GigE, user's manual",
        ),
        "genie": _joined(_SFNC_1, _LINE_2, _IDS_16, source="Teledyne DALSA Genie, user's manual"),
        "blackfly": _joined(_SOURCE_LOCKED_ON, _AUTO_LOCKED, _RATE_ENABLED, source="FLIR Spinnaker, examples"),
        "viva": _joined(_LINE_1, _NO_ACTIVATION, _NO_CHUNKS, source="viva-genicam, FakeGigeCamera"),
        "aravis": _joined(
            *(_NO_USER_SET, _NO_CHUNKS, _ODD, _SELECTORS, _IDS_16, _NO_LIMIT),
            Make(
                has_software_trigger=False,
                renamed=MappingProxyType(
                    {"ExposureTime": "ExposureTimeAbs", "Gain": "GainRaw", "DeviceSerialNumber": "DeviceID"}
                ),
                raw_steps=MappingProxyType({"Gain": 1.0}),
                lacks=frozenset(
                    {"TimestampLatch", "TimestampLatchValue", "BlackLevel", "TriggerDelay", "TriggerSoftware"}
                ),
            ),
            source="Aravis, src/arv-fake-camera.xml",
        ),
    }
)
"""The table of makes."""


def make_named(name: str) -> Make:
    """Return the make of that name; several names joined by `+` give one make with the differences of all.

    Raises:
        ValueError: there is no such make.
    """
    names = name.split("+")
    unknown = [part for part in names if part not in MAKES]
    if unknown:
        raise ValueError(f"expected one of {', '.join(MAKES)}, or several joined by +")
    return MAKES[name] if len(names) == 1 else _joined(*(MAKES[part] for part in names))
