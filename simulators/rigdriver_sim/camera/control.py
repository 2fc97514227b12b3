"""What follows from a write: bounds that move, values that are clamped, locks, counters, user sets, commands.

In: register writes of the consumer, and what happens in the camera. Out: registers that agree with each other, and
calls of the commands that the camera model offers. Not here: exposures and frames (see model.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rigdriver_sim.camera.chunks import trailing_bytes
from rigdriver_sim.camera.feature_table import CHUNKS, COUNTER_EVENTS, COUNTERS, feature_table
from rigdriver_sim.camera.features import Feature
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS, PixelFormat
from rigdriver_sim.camera.register_file import RegisterFile, Snapshot
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.camera.timing import allowed_rate_hz
from rigdriver_sim.feed.server import GC_ERR_ACCESS_DENIED, Refused

AUTOS = ("ExposureAuto", "GainAuto", "BalanceWhiteAuto")
ONCE, OFF = 1, 0
LINE0, LINE1 = 0, 1
"""Numbers of the line that takes triggers and of the line that tells exposures, whatever their names."""
FRAME_START = 0
"""Number of the trigger FrameStart."""
SENSOR_C, BOARD_COOLER_C = 41.0, 2.5
"""Temperature of a healthy camera's sensor, and by how much its main board is cooler, in degrees Celsius."""


class CameraControl:
    """One camera's features, kept consistent."""

    def __init__(
        self,
        spec: CameraSpec,
        publish: Callable[[int, bytes], None],
        commands: Mapping[str, Callable[[], None]],
    ) -> None:
        self._spec = spec
        self.registers = RegisterFile(feature_table(spec), publish)
        self._lockable = [f for f in self.registers.features.values() if f.can_be_locked]
        self._commands = {
            "CounterReset": self._reset_counter,
            "UserSetSave": self._save_user_set,
            "UserSetLoad": self._load_user_set,
            **commands,
        }
        self._user_sets: dict[int, Snapshot] = {n: self.registers.save() for n in range(len(spec.make.user_sets))}
        self.is_acquiring = False
        self.registers.put("LineMode", 0, LINE0)
        self.registers.put("LineMode", 1, LINE1)
        self.registers.put("LineSource", 0, LINE0)
        self.registers.put("CounterEventSource", COUNTER_EVENTS.index("FrameTriggerMissed"), 1)
        self.set_temperature(SENSOR_C)

    def set_temperature(self, sensor_c: float) -> None:
        """Let the camera be so warm, in degrees Celsius; its main board stays a little cooler."""
        self.registers.put("DeviceTemperature", sensor_c, 0)
        self.registers.put("DeviceTemperature", sensor_c - BOARD_COOLER_C, 1)
        self.settle()

    # ---- what the model asks

    @property
    def pixel_format(self) -> PixelFormat:
        return PIXEL_FORMATS[self.registers.symbol("PixelFormat")]

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the region of interest."""
        return self.registers.integer("Width"), self.registers.integer("Height")

    @property
    def link_bytes_per_s(self) -> float:
        is_limited = self.registers.symbol("DeviceLinkThroughputLimitMode") == "On"
        return self.registers.real("DeviceLinkThroughputLimit") if is_limited else self._spec.link_bytes_per_s

    @property
    def is_triggered(self) -> bool:
        """Whether frames wait for a trigger."""
        return any(self.registers.of("TriggerMode", n) for n in range(len(self._spec.make.trigger_selectors)))

    def is_frame_triggered_by(self, source: str) -> bool:
        """Whether a trigger of that source starts a frame.

        A trigger of the whole acquisition, where a make has one, is never given: while it is on, no frame starts.
        """
        modes = [self.registers.of("TriggerMode", n) for n in range(len(self._spec.make.trigger_selectors))]
        is_frame_start_only = bool(modes[FRAME_START]) and not any(modes[FRAME_START + 1 :])
        return is_frame_start_only and self.trigger_symbol("TriggerSource") == source

    def trigger_symbol(self, name: str) -> str:
        """Return the symbol that the trigger FrameStart has in an enumeration."""
        return self.registers.features[name].symbol_of(int(self.registers.of(name, FRAME_START)))

    @property
    def enabled_chunks(self) -> tuple[str, ...]:
        """Names of the chunks that each frame carries now."""
        if not self.registers["ChunkModeActive"]:
            return ()
        return tuple(name for n, name in enumerate(CHUNKS) if self.registers.of("ChunkEnable", n))

    @property
    def allowed_rate_hz(self) -> float:
        """Highest rate at which triggers are obeyed."""
        return allowed_rate_hz(
            self._spec,
            exposure_us=self.registers.real("ExposureTime"),
            height=self.registers.integer("Height"),
            payload_bytes=self.registers.integer("PayloadSize"),
            link_bytes_per_s=self.link_bytes_per_s,
        )

    @property
    def free_rate_hz(self) -> float:
        """Rate of the free run."""
        is_limited = bool(self.registers["AcquisitionFrameRateEnable"])
        asked = self.registers.real("AcquisitionFrameRate") if is_limited else self._spec.max_rate_hz
        return min(asked, self.allowed_rate_hz)

    # ---- what happens

    def write(self, address: int, data: bytes) -> Feature:
        """Take a consumer's write and all that follows from it.

        Raises:
            Refused: the register does not take this now; nothing has changed.
        """
        feature = self.registers.accept(address, data)
        # The command comes before the registers settle: it changes what they must agree with.
        if command := self._commands.get(feature.name):
            command()
        self.settle()
        return feature

    def count(self, event: str) -> None:
        """Let the counters see an event (a name of `CounterEventSource`)."""
        number = COUNTER_EVENTS.index(event)
        for counter in range(len(COUNTERS)):
            if self.registers.of("CounterEventSource", counter) == number:
                self.registers.put("CounterValue", int(self.registers.of("CounterValue", counter)) + 1, counter)
        self.registers.flush()

    def counter(self, index: int) -> int:
        return int(self.registers.of("CounterValue", index))

    def set_acquiring(self, is_acquiring: bool) -> None:
        self.is_acquiring = is_acquiring
        self.settle()

    def power_up(self) -> None:
        """Start as after a power cycle: with the default user set."""
        # No user set holds this one (see RegisterFile.save), so it is cleared by itself.
        self.registers.put("TLParamsLocked", 0)
        self.registers.load(self._user_sets[self.registers.integer("UserSetDefault")])
        self.set_acquiring(False)

    def settle(self) -> None:
        """Make all registers agree, and publish them in one piece."""
        spec, (x_step, y_step) = self._spec, self._spec.offset_steps_px
        self._settle_region("Width", "OffsetX", spec.width, spec.min_width_px, spec.make.width_step_px, x_step)
        self._settle_region("Height", "OffsetY", spec.height, spec.min_height_px, spec.make.height_step_px, y_step)
        registers = self.registers
        image_bytes = self.pixel_format.padded_bytes(*self.size_px, spec.make.row_align)
        chunks = trailing_bytes(self.enabled_chunks) if registers["ChunkModeActive"] else 0
        # Before the rates: the time that a frame takes on the link follows from PayloadSize.
        registers.put("PayloadSize", image_bytes + chunks)
        allowed_hz = self.allowed_rate_hz
        low, _, step = registers.bounds("AcquisitionFrameRate")
        # Clamped without a word: a longer exposure or a larger region lowers the rate that was set before.
        if registers.real("AcquisitionFrameRate") > allowed_hz:
            registers.put("AcquisitionFrameRate", max(low, allowed_hz))
        registers.set_bounds("AcquisitionFrameRate", low, self._spec.max_rate_hz, step)
        registers.put("ResultingFrameRate", allowed_hz if self.is_triggered else self.free_rate_hz)
        for name in AUTOS:
            if registers[name] == ONCE:  # done at once: the simulated light is always right
                registers.put(name, OFF)
        # Its lie: the registers show both lines at rest; an exposure shows on the wire only.
        for feature in self._lockable:
            registers.set_locked(feature.name, self._lock_reason(feature))
        line1 = bool(registers.of("LineInverter", LINE1))
        registers.put("LineStatus", int(bool(registers.of("LineInverter", LINE0))), LINE0)
        registers.put("LineStatus", int(line1), LINE1)
        registers.put("LineStatusAll", int(bool(registers.of("LineInverter", LINE0))) | line1 << 1)
        registers.flush()

    # ---- commands

    def _reset_counter(self) -> None:
        self.registers.put("CounterValue", 0)

    def _save_user_set(self) -> None:
        number = self.registers.integer("UserSetSelector")
        # SFNC: Default holds the factory's settings, to which a user can always go back.
        if self.registers.symbol("UserSetSelector") == "Default":
            other = self._spec.make.user_sets[1]
            raise Refused(GC_ERR_ACCESS_DENIED, f"the user set Default cannot be overwritten; select {other}")
        self._user_sets[number] = self.registers.save()

    def _load_user_set(self) -> None:
        self.registers.load(self._user_sets[self.registers.integer("UserSetSelector")])

    def _lock_reason(self, feature: Feature) -> str:
        # TLParamsLocked is the transport layer's (SFNC): it holds the payload still before the acquisition starts, too.
        if feature.is_locked_in_stream and (self.is_acquiring or self.registers["TLParamsLocked"]):
            return "the camera streams; stop it first"
        for other, value in feature.locked_while:
            if self.registers.is_now(other, value):
                return f"{self.registers.features[other].shown_name} is {value}"
        return ""

    def _settle_region(self, size: str, offset: str, full: int, smallest: int, step: int, offset_step: int) -> None:
        registers = self.registers
        # SFNC: region and offset together stay within the sensor, so each bounds the other.
        room = full - registers.integer(size)
        # A camera of this make takes any size that its sensor has, and lowers the offset to make room.
        if self._spec.make.is_offset_moved:
            registers.put(offset, min(registers.integer(offset), room // offset_step * offset_step))
        largest = full if self._spec.make.is_offset_moved else full - registers.integer(offset)
        registers.set_bounds(size, smallest, largest, step)
        registers.set_bounds(offset, 0, room, offset_step)
