"""A simulated camera whose time and triggers a test gives.

In: settings, edges. Out: a `Rig` with the camera, its registers, its frames and its exposures. No producer, no memory
that is shared, no wall clock.
"""

import struct

import numpy as np

from rigdriver_sim.camera.model import SimulatedCamera
from rigdriver_sim.camera.spec import CameraSpec
from rigdriver_sim.feed import layout

MS = 1_000_000


class Loop:
    """An engine whose time a test moves."""

    def __init__(self):
        self.now_ns = 0
        self.actions = []

    def at(self, t_ns, action):
        self.actions.append((t_ns, len(self.actions), action))

    def host_ns(self):
        return self.now_ns

    def delivered(self):
        """Nobody follows this time."""

    def run_until(self, t_ns):
        while due := sorted(entry for entry in self.actions if entry[0] <= t_ns):
            self.actions.remove(due[0])
            self.now_ns = max(self.now_ns, due[0][0])
            due[0][2]()
        self.now_ns = t_ns


class Feed:
    """A feed of one camera in plain memory."""

    def __init__(self, slots=100):
        self.registers = bytearray(layout.REGISTER_BYTES)
        self.is_present = self.is_streaming = True
        self.slots = slots
        self.frames = []
        self.sent = []
        self.events = []
        self.dropped = 0
        self.handles_dropped = 0
        self.on_write = self.on_release = None

    def write_registers(self, address, data):
        self.registers[address : address + len(data)] = data

    def set_present(self, is_present):
        self.is_present = is_present

    def set_reachable(self, is_reachable):
        self.is_present = is_reachable

    def drop_handles(self):
        self.handles_dropped += 1

    def has_room(self):
        return len(self.frames) < self.slots

    def drop(self):
        self.dropped += 1

    def next_slot(self):
        self.filling = (layout.Slot(), np.zeros(1 << 16, np.uint8))
        return self.filling

    def send(self):
        self.sent.append(self.filling[0].frame_id)

    def publish(self):
        self.frames.append(self.filling)

    def push_event(self, event_id, t_camera_ns, frame_id):
        self.events.append((event_id, t_camera_ns, frame_id))


class Rig:
    def __init__(self, **spec):
        plain = {"width": 64, "height": 48, "jitter_us": 0.0, "readout_us": 1000.0, "max_rate_hz": 100.0}
        self.loop, self.feed = Loop(), Feed()
        self.exposures = []
        self.camera = SimulatedCamera(CameraSpec("eye", "S1", **(plain | spec)), self.loop, self.feed, seed=3)
        self.camera.on_exposure = self.exposures.append
        self.registers = self.camera._control.registers

    def write(self, name, value):
        kind = self.registers.features[name].kind.value
        raw = struct.pack("<d" if kind == "Float" else "<q", value)
        self.feed.on_write(self.registers.address(name), raw)

    def start(self, **features):
        for name, value in {"TriggerMode": 1, **features}.items():
            self.write(name, value)
        self.write("AcquisitionStart", 1)
        return self

    def pulse(self, count, period_ns=20 * MS):
        first = self.loop.now_ns + period_ns
        taken = []
        for n in range(count):
            self.loop.run_until(first + n * period_ns)
            taken.append(self.camera.trigger(self.loop.now_ns))
        self.loop.run_until(self.loop.now_ns + 100 * MS)
        return taken

    @property
    def ids(self):
        return [slot.frame_id for slot, _ in self.feed.frames]
