"""The simulated camera: trigger in, exposure, frame out, in simulated true time.

In: trigger edges, the consumer's settings, planted faults. Out: exposures (passed on at once by `on_exposure`), frames
(painted into the feed's ring when they are due), events. Time: trigger -> latency and jitter -> exposure -> readout ->
link -> delivery; exposure overlaps readout; a trigger that comes too early is ignored and counted. A frame's bytes lie
ready while the link carries them, so with its last byte it is where it should be.
Its lies: the sensor reads out globally, automatic exposure is always right at once.
Not here: registers and GenTL (see features.py and feed/), and what is painted (see bench/).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rigdriver_sim.camera.control import FRAME_START, LINE0, LINE1, SENSOR_C, CameraControl
from rigdriver_sim.camera.description import EVENT_OVERTRIGGER
from rigdriver_sim.camera.faults import CameraFaults, amount_ns, is_hit
from rigdriver_sim.camera.frame_writer import DueFrame, write_frame
from rigdriver_sim.camera.outages import Outages
from rigdriver_sim.camera.pixel_formats import PIXEL_FORMATS
from rigdriver_sim.camera.shared_link import SharedLink
from rigdriver_sim.camera.spec import CameraSpec, Exposure, Painter
from rigdriver_sim.camera.timing import camera_time_ns, gauss, ticks
from rigdriver_sim.engine import Engine
from rigdriver_sim.feed.feed import CameraFeed

RESET_NS = 500_000_000
"""Time that a camera which reboots is away, in ns."""
ENDLESS = -1
_PACKETS_LOST = 3
"""Number of packets of one frame that are lost and sent again."""
PAINTED_BEFORE = 1.0
"""Share of the link's time that is left when a frame is painted."""
NEVER_NS = 2**62
"""Delivery time of a frame that the link never carries, in ns."""


@dataclass(slots=True)
class _Run:
    """From one AcquisitionStart to the next."""

    frames_left: int
    ordinal: int = 0
    edges: int = 0
    next_frame_id: int = 0
    last_trigger_ns: int = -NEVER_NS
    last_end_ns: int = -NEVER_NS
    link_free_ns: int = -NEVER_NS
    is_free: bool = False
    """Whether a free run is under way."""


class SimulatedCamera:
    """One camera; all calls on the engine's thread."""

    def __init__(self, spec: CameraSpec, engine: Engine, feed: CameraFeed, seed: int) -> None:
        self.spec = spec
        self.faults = CameraFaults()
        self.on_exposure: Callable[[Exposure], None] = _tell_nobody
        self.painter: Painter = paint_ramp
        self.on_published: Callable[[Exposure, int], None] = _tell_no_time
        """Callback that gets each frame that was handed over, with the host's time just before that."""
        self.is_light_known: Callable[[Exposure], bool] = _always
        """Whether all light of an exposure that is over is known by now; only then is it painted before it is due."""
        self.shared_link: SharedLink | None = None
        """Host controller that this camera shares with others."""
        self.outages = Outages(engine, feed)
        self._engine = engine
        self._feed = feed
        self._seed = seed
        self._exposures = 0
        """Number of exposures in all runs so far: the index of the dice."""
        self._stamp_shift_ns = 0
        self._run: _Run | None = None
        self._newest_run: _Run | None = None
        self._on_link: DueFrame | None = None
        """Frame that lies ready in the next slot."""
        commands = {
            "AcquisitionStart": self._start,
            "AcquisitionStop": self._stop,
            "TriggerSoftware": self._trigger_by_software,
            "TimestampLatch": self._latch_time_stamp,
            "DeviceReset": self._reset,
        }
        self._trigger_line = spec.make.input_lines[0]
        self._control = CameraControl(spec, feed.write_registers, commands)
        feed.on_write = self._write
        feed.on_release = self._release

    # ---- for the rig

    @property
    def is_acquiring(self) -> bool:
        """Between AcquisitionStart and its end."""
        return self._run is not None

    @property
    def exposure_us(self) -> float:
        """Exposure time as set now."""
        return self._control.registers.real("ExposureTime")

    def trigger(self, t_ns: int, *, is_rising: bool = True) -> Exposure | None:
        """Take an edge on the trigger's line; return the exposure that it starts, or None when it is ignored."""
        if self.outages.is_deaf:
            return None
        # Before all else: a line counter sees edges that the trigger logic ignores.
        if is_rising:
            self._control.count("Line0")
        run = self._run
        if run is None or is_rising != self._wants_rising():
            return None
        edge = run.edges
        run.edges += 1
        if is_hit(self.faults.withhold_trigger, edge):
            return None
        if is_hit(self.faults.double_trigger, edge):
            again_ns = t_ns + self.faults.double_trigger_after_ns
            self._engine.at(again_ns, lambda: self._bounce(again_ns))
        return self._obey(self._trigger_line, t_ns)

    def has_room(self) -> bool:
        """A frame that is due now would find a place; True while nobody streams."""
        return not self._feed.is_streaming or self._feed.has_room()

    def set_temperature(self, sensor_c: float | None) -> None:
        """Let the camera be so warm, in degrees Celsius; None: as warm as usual."""
        self._control.set_temperature(SENSOR_C if sensor_c is None else sensor_c)

    def unplug(self) -> None:
        """Pull the cable: open handles fail for good, the camera leaves the list. Harmless when it is out."""
        self._run = None
        # Frames that are still on the link are lost with the cable.
        self._newest_run = None
        self.outages.pull_power()

    def replug(self) -> None:
        """Put the cable back: the camera starts with its default user set. Harmless when it is in."""
        if not self.outages.has_power:
            self._control.power_up()
            self.outages.give_power()

    # ---- settings and commands

    def _write(self, address: int, data: bytes) -> None:
        feature = self._control.write(address, data)
        # Switched off while the camera acquires, the trigger no longer holds frames back: they run free at once.
        if feature.name == "TriggerMode" and self._run is not None:
            self._begin_free_run(self._run)

    def _release(self) -> None:
        self._stop()
        # A consumer that died cannot unlock what it locked, and the next one would find Width refused.
        self._control.registers.put("TLParamsLocked", 0)
        self._control.settle()

    def _start(self) -> None:
        if self._run is not None:
            return
        registers = self._control.registers
        counts = {"Continuous": ENDLESS, "SingleFrame": 1, "MultiFrame": registers.integer("AcquisitionFrameCount")}
        self._run = self._newest_run = _Run(counts[registers.symbol("AcquisitionMode")])
        self._control.set_acquiring(True)
        self._begin_free_run(self._run)

    def _stop(self) -> None:
        # The newest run stays known: frames that were exposed before the stop are still delivered.
        self._run = None
        self._control.set_acquiring(False)

    def _reset(self) -> None:
        # The answer to the command still goes out; then the camera is away.
        self._engine.at(self._engine.now_ns, self.unplug)
        self._engine.at(self._engine.now_ns + RESET_NS, self.replug)

    def _latch_time_stamp(self) -> None:
        self._control.registers.put("TimestampLatchValue", self._ticks(self._engine.now_ns))

    def _stamp_ns(self, t_ns: int) -> int:
        return camera_time_ns(self.spec, t_ns) + self._stamp_shift_ns

    def _ticks(self, t_ns: int) -> int:
        return ticks(self.spec, self._stamp_ns(t_ns))

    # ---- triggers

    def _wants_rising(self) -> bool:
        return self._control.trigger_symbol("TriggerActivation") == "RisingEdge"

    def _trigger_by_software(self) -> None:
        self._obey("Software", self._engine.now_ns)

    def _bounce(self, t_ns: int) -> None:
        # Past the rules of the faults: an edge that bounces is counted once and cannot bounce again.
        self._obey(self._trigger_line, t_ns)

    def _obey(self, source: str, t_ns: int) -> Exposure | None:
        run = self._run
        if run is None or self.outages.is_deaf or not self._control.is_frame_triggered_by(source):
            return None
        self._control.count("FrameTrigger")
        delay_ns = round(float(self._control.registers.of("TriggerDelay", FRAME_START)) * 1000)
        # A real camera ignores triggers above its ResultingFrameRate without a word. One nanosecond is left for
        # rounding: a trigger at exactly that rate is obeyed.
        is_early = t_ns - run.last_trigger_ns < 1e9 / self._control.allowed_rate_hz - 1
        if is_early or t_ns + delay_ns + self._latency_ns(run) < run.last_end_ns:
            self._miss(run, t_ns)
            return None
        return self._expose(run, t_ns, delay_ns)

    def _miss(self, run: _Run, t_ns: int) -> None:
        self._control.count("FrameTriggerMissed")
        if self._control.registers.symbol("EventNotification") == "On":
            self._feed.push_event(EVENT_OVERTRIGGER, self._ticks(t_ns), self.spec.frame_id(run.next_frame_id))

    def _begin_free_run(self, run: _Run) -> None:
        if not run.is_free and not self._control.is_triggered:
            run.is_free = True
            self._step_free_run(run)

    def _step_free_run(self, run: _Run) -> None:
        if self._run is not run or self.outages.is_deaf or self._control.is_triggered:
            run.is_free = False
            return
        now_ns = self._engine.now_ns
        self._expose(run, now_ns, 0)
        # The exposure may have been the last one of SingleFrame or MultiFrame, which ends the run.
        if self._run is run:
            self._engine.at(now_ns + round(1e9 / self._control.free_rate_hz), lambda: self._step_free_run(run))

    # ---- exposure

    def _latency_ns(self, run: _Run) -> int:
        late_ns = amount_ns(self.faults.late_exposure_ns, run.ordinal)
        jitter_us = self.spec.jitter_us * gauss(self._seed, self.spec.name, "jitter", self._exposures)
        return round((self.spec.latency_us + jitter_us) * 1000) + late_ns

    def _expose(self, run: _Run, trigger_ns: int, delay_ns: int) -> Exposure:
        exposure = self._plan(run, trigger_ns, delay_ns)
        frame = self._due_frame(run, exposure)
        run.last_trigger_ns, run.last_end_ns = trigger_ns, exposure.end_ns
        run.ordinal += 1
        self._exposures += 1
        for event in ("FrameStart", "ExposureEnd"):
            self._control.count(event)
        if run.frames_left > 0:
            run.frames_left -= 1
            if run.frames_left == 0:
                self._stop()
        if not is_hit(self.faults.stick_line, exposure.ordinal):
            self.on_exposure(exposure)
        if frame is not None:
            self._engine.at(self._sent_ns(exposure), lambda: self._send(run, exposure, frame))
            self._engine.at(exposure.deliver_ns, lambda: self._deliver(run, exposure, frame))
        return exposure

    def _plan(self, run: _Run, trigger_ns: int, delay_ns: int) -> Exposure:
        control, registers, number = self._control, self._control.registers, run.ordinal
        # Jitter is symmetric; a large one must not let an exposure begin before its cause.
        start_ns = max(trigger_ns, trigger_ns + delay_ns + self._latency_ns(run))
        length_ns = round(self.exposure_us * 1000) + amount_ns(self.faults.longer_exposure_ns, number)
        width, height = control.size_px
        # A sensor is read line by line, so only the height of the region makes its readout shorter.
        readout_ns = round(self.spec.readout_us * 1000 * height / self.spec.height)
        transfer_ns = round(1e9 * registers.integer("PayloadSize") / control.link_bytes_per_s)
        # Readout and link run side by side; the link starts with the first line.
        begun_ns = max(start_ns + length_ns, run.link_free_ns)
        run.link_free_ns = begun_ns + max(readout_ns, transfer_ns)
        arrives_ns: int | None = run.link_free_ns
        if self.shared_link is not None:
            shared_ns = self.shared_link.carry(self.spec.name, begun_ns, registers.integer("PayloadSize"))
            arrives_ns = None if shared_ns is None else max(run.link_free_ns, shared_ns)
        return Exposure(
            camera=self.spec.name,
            ordinal=number,
            start_ns=start_ns,
            end_ns=start_ns + length_ns,
            deliver_ns=NEVER_NS if arrives_ns is None else arrives_ns + amount_ns(self.faults.deliver_late_ns, number),
            exposure_us=length_ns / 1000,
            trigger_ns=trigger_ns,
            pixel_format=control.pixel_format.name,
            width=width,
            height=height,
            offset_x=registers.integer("OffsetX"),
            offset_y=registers.integer("OffsetY"),
            gain_db=registers.real("Gain"),
            black_level_dn=registers.real("BlackLevel"),
        )

    def _due_frame(self, run: _Run, exposure: Exposure) -> DueFrame | None:
        """Number and stamp the frame now; None when it will never be seen."""
        faults, number = self.faults, exposure.ordinal
        # Before any return: a clock that has jumped stays shifted, even when this frame is never seen.
        self._stamp_shift_ns += amount_ns(faults.stamp_jump_ns, number)
        jitter_ns = self.spec.stamp_jitter_ns * gauss(self._seed, self.spec.name, "stamp", self._exposures)
        stamp_ns = self._stamp_ns(exposure.start_ns) + round(jitter_ns) + amount_ns(faults.stamp_error_ns, number)
        stamp = ticks(self.spec, stamp_ns)
        if is_hit(faults.skip_frame, number):
            return None
        if is_hit(faults.reset_frame_id, number):
            run.next_frame_id = 0
        if is_hit(faults.repeat_frame_id, number):
            run.next_frame_id = max(0, run.next_frame_id - 1)
        frame_id = self.spec.frame_id(run.next_frame_id)
        run.next_frame_id += 1
        # Lost behind the camera, a frame has used up its id; skipped within the camera (above), it has not.
        if is_hit(faults.lose_frame, number) or exposure.deliver_ns >= NEVER_NS:
            return None
        known: dict[str, int | float] = {
            "Timestamp": stamp,
            "FrameID": frame_id,
            "ExposureTime": float(exposure.exposure_us),
            "CounterValue": self._control.counter(0),
            "LineStatusAll": 1 << LINE0 | 1 << LINE1,
        }
        chunks = {name: known[name] for name in self._control.enabled_chunks}
        is_chunked = bool(self._control.registers["ChunkModeActive"])
        if is_hit(faults.resend, number):
            self._feed.resend(_PACKETS_LOST)
        is_incomplete = is_hit(faults.incomplete, number)
        if is_incomplete:
            frame_id = self.spec.frame_id(run.next_frame_id - 1 + self.spec.make.damaged_id_ahead)
        return DueFrame(frame_id, stamp, chunks, is_chunked, is_incomplete)

    # ---- delivery

    def _sent_ns(self, exposure: Exposure) -> int:
        """Return when so much of the frame is on the link that painting all of it is not too early."""
        payload = self._control.registers.integer("PayloadSize")
        transfer_ns = 1e9 * payload / self._control.link_bytes_per_s
        return max(exposure.end_ns, exposure.deliver_ns - round(PAINTED_BEFORE * transfer_ns))

    def _is_wanted(self, run: _Run) -> bool:
        return self._newest_run is run and self._feed.is_streaming and not self.outages.is_cut_off

    def _send(self, run: _Run, exposure: Exposure, frame: DueFrame) -> None:
        """Paint into the next slot, unless a frame lies there or the time is not come."""
        if self._is_wanted(run) and not self._on_link and self._feed.has_room() and self.is_light_known(exposure):
            self._paint(exposure, frame)
            self._feed.send()
            self._on_link = frame

    def _deliver(self, run: _Run, exposure: Exposure, frame: DueFrame) -> None:
        is_ready = self._on_link is frame
        if is_ready:
            self._on_link = None
        if not self._is_wanted(run):
            return
        if not is_ready:
            if not self._feed.has_room():
                self._feed.drop()
                return
            self._on_link = None  # a frame that this one overtakes is painted again when its turn comes
            self._paint(exposure, frame)
        # Read before the frame is handed over, so that no driver can have seen it earlier than the truth says.
        t_host_ns = self._engine.host_ns()
        self._feed.publish()
        self._engine.delivered()
        self.on_published(exposure, t_host_ns)

    def _paint(self, exposure: Exposure, frame: DueFrame) -> None:
        slot, data = self._feed.next_slot()
        pixel_format = PIXEL_FORMATS[exposure.pixel_format]
        write_frame(slot, data, exposure, pixel_format, frame, self.painter, self.spec.make.row_align)


def paint_ramp(exposure: Exposure, out: npt.NDArray[Any]) -> None:
    """Paint a diagonal ramp that moves by one per frame: what a camera without a scene sees."""
    height, width = out.shape
    top = PIXEL_FORMATS[exposure.pixel_format].max_dn
    row = (np.arange(width + height, dtype=np.int64) + exposure.ordinal) & top
    for y in range(height):
        out[y] = row[y : y + width]


def _always(_exposure: Exposure) -> bool:
    return True


def _tell_nobody(exposure: Exposure) -> None:
    pass


def _tell_no_time(exposure: Exposure, t_host_ns: int) -> None:
    pass
