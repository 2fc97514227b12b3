"""The SFNC features of a simulated camera, category by category, in the order in which GenApi browsers show them.

In: a `CameraSpec`. Out: its features with their defaults and first bounds. Names, units and categories are those of the
GenICam Standard Features Naming Convention 2.7; the make of the camera (see makes.py) renames, hides and locks some.
Not here: what writing a feature does (see control.py).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rigdriver_sim.camera.features import Feature, Kind
from rigdriver_sim.camera.makes import NS_PER_S, Make
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.spec import CameraSpec

CHUNKS = ("Timestamp", "FrameID", "ExposureTime", "CounterValue", "LineStatusAll")
COUNTERS = ("Counter0", "Counter1")
COUNTER_EVENTS = ("Off", "FrameTrigger", "FrameTriggerMissed", "FrameStart", "ExposureEnd", "Line0")
EXPOSURE_US = (10.0, 1_000_000.0, 1.0)
GAIN_DB = (0.0, 24.0, 0.1)


def _entries(*symbols: str) -> tuple[tuple[str, int], ...]:
    return tuple((symbol, number) for number, symbol in enumerate(symbols))


def feature_table(spec: CameraSpec) -> tuple[Feature, ...]:
    """Return all features; the first six stand at addresses that the producer knows (see feed_layout)."""
    features = (
        *_name_plate(spec),
        *_device(spec),
        *_image_format(spec),
        *_acquisition(spec),
        *_analog(),
        *_lines(spec.make),
        *_counters(spec.make),
        *_events(),
        *_user_sets(spec.make),
        *_chunks(),
    )
    return tuple(_as_made(feature, spec.make) for feature in features)


def _as_made(feature: Feature, make: Make) -> Feature:
    """Return the feature as cameras of the make have it."""
    name = feature.name
    made = replace(
        feature,
        own_name=make.renamed.get(name, ""),
        is_absent=feature.is_absent or name in make.lacks,
        locked_while=tuple((lock.while_feature, lock.value) for lock in make.locks if lock.feature == name),
    )
    step = make.raw_steps.get(name)
    if step is None or feature.bounds is None:
        return made
    low, high, _ = feature.bounds
    # A raw feature shows neither unit nor step: what one step means stands in the camera's manual.
    bounds = (round(low / step), round(high / step), 1)
    default = round(float(feature.default) / step)
    return replace(made, kind=Kind.INTEGER, unit="", bounds=bounds, default=default, scale=step)


def _name_plate(spec: CameraSpec) -> tuple[Feature, ...]:
    text = partial(Feature, kind=Kind.STRING, category="DeviceControl")
    return (
        text("DeviceVendorName", default=spec.vendor),
        text("DeviceModelName", default=spec.model),
        text("DeviceSerialNumber", default=spec.serial),
        text("DeviceFirmwareVersion", default=spec.firmware),
        text("DeviceUserID", default=spec.user_id, is_writable=True, text="Name that the user gave the camera."),
        Feature(
            *("PayloadSize", Kind.INTEGER, "TransportLayerControl"),
            unit="B",
            depends_on=("Width", "Height", "PixelFormat", "ChunkModeActive", "ChunkEnable"),
            text="Bytes of a frame, chunks included.",
        ),
    )


def _device(spec: CameraSpec) -> tuple[Feature, ...]:
    make = spec.make
    number = partial(Feature, kind=Kind.INTEGER, category="DeviceControl")
    choice = partial(Feature, kind=Kind.ENUMERATION, category="DeviceControl")
    command = partial(Feature, kind=Kind.COMMAND, category="DeviceControl", is_writable=True)
    return (
        # Written by the consumer's software, not by people: it
        # locks what must not change while a stream runs (SFNC).
        Feature("TLParamsLocked", Kind.INTEGER, "TransportLayerControl", 0, True, bounds=(0, 1, 1)),
        Feature("DeviceManufacturerInfo", Kind.STRING, "DeviceControl", "simulated camera"),
        number("DeviceSFNCVersionMajor", default=2),
        number("DeviceSFNCVersionMinor", default=7),
        number("DeviceSFNCVersionSubMinor", default=0),
        choice("DeviceScanType", entries=_entries("Areascan")),
        choice("DeviceTemperatureSelector", is_writable=True, entries=_entries("Sensor", "Mainboard")),
        Feature(
            *("DeviceTemperature", Kind.FLOAT, "DeviceControl", 41.0),
            unit="C",
            selector="DeviceTemperatureSelector",
        ),
        number("DeviceLinkSpeed", default=int(spec.link_bytes_per_s), unit="Bps"),
        choice("DeviceLinkThroughputLimitMode", is_writable=True, default=1, entries=_entries("Off", "On")),
        number(
            "DeviceLinkThroughputLimit",
            default=int(spec.link_bytes_per_s),
            is_writable=True,
            unit="Bps",
            bounds=(min(1_000_000, int(spec.link_bytes_per_s)), int(spec.link_bytes_per_s), 1),
        ),
        command("TimestampLatch", text="Keep the present time stamp in TimestampLatchValue."),
        number("TimestampLatchValue", unit="ns" if make.tick_hz == NS_PER_S else "", depends_on=("TimestampLatch",)),
        number(
            *("GevTimestampTickFrequency",),
            default=make.tick_hz,
            unit="Hz",
            # A feature of GigE Vision; where stamps are nanoseconds (SFNC 2.x) there is nothing to tell.
            is_absent=make.tick_hz == NS_PER_S or not make.has_tick_hz,
        ),
        command("DeviceReset", visibility="Guru", text="Reboot: the camera vanishes for a while."),
    )


def _image_format(spec: CameraSpec) -> tuple[Feature, ...]:
    number = partial(Feature, kind=Kind.INTEGER, category="ImageFormatControl", unit="px")
    size = partial(number, is_writable=True, is_locked_in_stream=True)
    # The entries' numbers are PFNC codes: GenTL tells the format of a buffer by the same ones.
    formats = tuple((name, PIXEL_FORMATS[name].pfnc) for name in spec.pixel_formats)
    x_step, y_step = spec.offset_steps_px
    return (
        number("SensorWidth", default=spec.width),
        number("SensorHeight", default=spec.height),
        number("WidthMax", default=spec.width),
        number("HeightMax", default=spec.height),
        size(
            *("Width",),
            default=spec.width,
            bounds=(spec.min_width_px, spec.width, spec.make.width_step_px),
            depends_on=("OffsetX",),
        ),
        size(
            *("Height",),
            default=spec.height,
            bounds=(spec.min_height_px, spec.height, spec.make.height_step_px),
            depends_on=("OffsetY",),
        ),
        # At full size an offset has no room; control.py moves its bound when the region gets smaller.
        size("OffsetX", bounds=(0, 0, x_step), depends_on=("Width",)),
        size("OffsetY", bounds=(0, 0, y_step), depends_on=("Height",)),
        Feature(
            *("PixelFormat", Kind.ENUMERATION, "ImageFormatControl", formats[0][1], True),
            entries=formats,
            is_locked_in_stream=True,
        ),
    )


def _acquisition(spec: CameraSpec) -> tuple[Feature, ...]:
    choice = partial(Feature, kind=Kind.ENUMERATION, category="AcquisitionControl", is_writable=True)
    command = partial(Feature, kind=Kind.COMMAND, category="AcquisitionControl", is_writable=True)
    real = partial(Feature, kind=Kind.FLOAT, category="AcquisitionControl")
    rate_bounds = (0.1, spec.max_rate_hz, 0.0)
    sources = _entries("Software", *spec.make.input_lines)
    return (
        choice(
            "AcquisitionMode", entries=_entries("Continuous", "SingleFrame", "MultiFrame"), is_locked_in_stream=True
        ),
        command("AcquisitionStart"),
        command("AcquisitionStop"),
        Feature(
            *("AcquisitionFrameCount", Kind.INTEGER, "AcquisitionControl", 1, True),
            bounds=(1, 65535, 1),
            is_locked_in_stream=True,
        ),
        Feature("AcquisitionFrameRateEnable", Kind.BOOLEAN, "AcquisitionControl", 1, True),
        real(
            "AcquisitionFrameRate",
            default=min(10.0, spec.max_rate_hz),
            is_writable=True,
            unit="Hz",
            bounds=rate_bounds,
            text="Free-running rate; the camera clamps it to what exposure, readout and link allow.",
        ),
        real(
            "ResultingFrameRate",
            default=spec.max_rate_hz,
            unit="Hz",
            depends_on=("ExposureTime", "Width", "Height", "PixelFormat", "AcquisitionFrameRate"),
            text="Highest rate at which triggers are obeyed; in free run the rate itself.",
        ),
        choice("TriggerSelector", entries=_entries(*spec.make.trigger_selectors)),
        choice("TriggerMode", entries=_entries("Off", "On"), selector="TriggerSelector"),
        command("TriggerSoftware", selector="TriggerSelector"),
        choice(
            *("TriggerSource",),
            # The lines keep their numbers without Software, so that 1 is the first line of every make.
            entries=sources if spec.make.has_software_trigger else sources[1:],
            default=1,
            selector="TriggerSelector",
        ),
        choice("TriggerActivation", entries=_entries("RisingEdge", "FallingEdge"), selector="TriggerSelector"),
        real(
            "TriggerDelay",
            default=0.0,
            is_writable=True,
            unit="us",
            bounds=(0.0, 1_000_000.0, 0.0),
            selector="TriggerSelector",
        ),
        choice("ExposureMode", entries=_entries("Timed")),
        real("ExposureTime", default=2000.0, is_writable=True, unit="us", bounds=EXPOSURE_US),
        choice("ExposureAuto", entries=_entries("Off", "Once", "Continuous")),
    )


def _analog() -> tuple[Feature, ...]:
    real = partial(Feature, kind=Kind.FLOAT, category="AnalogControl", default=0.0, is_writable=True)
    choice = partial(Feature, kind=Kind.ENUMERATION, category="AnalogControl", is_writable=True)
    modes = _entries("Off", "Once", "Continuous")
    return (
        real("Gain", unit="dB", bounds=GAIN_DB),
        choice("GainAuto", entries=modes),
        real("BlackLevel", unit="DN", bounds=(0.0, 255.0, 0.0)),
        choice("BalanceWhiteAuto", entries=modes),
    )


def _lines(make: Make) -> tuple[Feature, ...]:
    first, *others = make.input_lines
    choice = partial(Feature, kind=Kind.ENUMERATION, category="DigitalIOControl")
    flag = partial(Feature, kind=Kind.BOOLEAN, category="DigitalIOControl", selector="LineSelector")
    return (
        choice("LineSelector", is_writable=True, entries=_entries(first, make.output_line, *others)),
        choice("LineMode", entries=_entries("Input", "Output"), selector="LineSelector"),
        choice(
            "LineSource",
            is_writable=True,
            default=1,
            entries=_entries("Off", "ExposureActive"),
            selector="LineSelector",
        ),
        flag("LineInverter", is_writable=True),
        flag("LineStatus"),
        Feature("LineStatusAll", Kind.INTEGER, "DigitalIOControl"),
    )


def _counters(make: Make) -> tuple[Feature, ...]:
    # The last event is a line, and each make has its own name for it; places stay, since they are the numbers.
    events = (*COUNTER_EVENTS[:-1], make.input_lines[0])
    choice = partial(Feature, kind=Kind.ENUMERATION, category="CounterAndTimerControl", is_writable=True)
    return (
        choice("CounterSelector", entries=_entries(*COUNTERS)),
        choice("CounterEventSource", default=1, entries=_entries(*events), selector="CounterSelector"),
        Feature(
            *("CounterReset", Kind.COMMAND, "CounterAndTimerControl", 0, True),
            selector="CounterSelector",
        ),
        Feature(
            *("CounterValue", Kind.INTEGER, "CounterAndTimerControl"),
            selector="CounterSelector",
            depends_on=("CounterReset", "CounterEventSource"),
        ),
    )


def _events() -> tuple[Feature, ...]:
    choice = partial(Feature, kind=Kind.ENUMERATION, category="EventControl", is_writable=True)
    return (
        choice("EventSelector", entries=_entries("FrameStartOvertrigger")),
        choice("EventNotification", default=1, entries=_entries("Off", "On"), selector="EventSelector"),
    )


def _user_sets(make: Make) -> tuple[Feature, ...]:
    sets = _entries(*make.user_sets)
    command = partial(Feature, kind=Kind.COMMAND, category="UserSetControl", selector="UserSetSelector")
    return (
        Feature("UserSetSelector", Kind.ENUMERATION, "UserSetControl", 0, True, entries=sets),
        command("UserSetLoad", is_writable=True, is_locked_in_stream=True),
        command("UserSetSave", is_writable=True),
        Feature("UserSetDefault", Kind.ENUMERATION, "UserSetControl", 0, True, entries=sets),
    )


def _chunks() -> tuple[Feature, ...]:
    flag = partial(Feature, kind=Kind.BOOLEAN, category="ChunkDataControl", is_writable=True, is_locked_in_stream=True)
    return (
        flag("ChunkModeActive"),
        Feature("ChunkSelector", Kind.ENUMERATION, "ChunkDataControl", 0, True, entries=_entries(*CHUNKS)),
        flag("ChunkEnable", selector="ChunkSelector"),
    )
