"""The only file that knows harvesters and the genicam binding.

In: paths of producers, a device, names of features. Out: plain values, and the bytes of one buffer at a time, valid
until it is given back. Their exceptions end here, as ProducerError or CameraError. Not here: slots (see
slot_filling.py), messages (see devices/camera_link/messages.py) and policies (see commands.py). Notes on the peers that
a reader needs, all of harvesters 1.4.3:

* What fails while producers are opened is logged and passed over, so failures are taken from its logger.
* `try_fetch` polls for a whole period and tells nothing about an incomplete buffer, so the new-buffer event is read
  here. Asking for the number of waiting events costs 0.2 us, an empty read 95 us (it throws), hence `fetch`'s order.
* A destroyed acquirer stays in the Harvester's list and must be taken out of it.
* `start` announces memory of its own and blanks it; announcing.py takes the place of the two methods that do so.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genicam import genapi, gentl
from harvesters.core import DeviceInfo as ListedDevice
from harvesters.core import Harvester, ImageAcquirer, Interface, ParameterKey, ParameterSet

from rigdriver.devices.camera_link.descriptions import DeviceInfo, InterfaceReport
from rigdriver.devices.camera_process.access import AccessWatch
from rigdriver.devices.camera_process.announcing import Announcing
from rigdriver.devices.camera_process.buffer_reading import BufferReader, Defaults, Peer
from rigdriver.devices.camera_process.camera_nodes import CameraNodes, NodePeer
from rigdriver.devices.camera_process.discovery import Discovery, DiscoveryPeer, Search
from rigdriver.devices.camera_process.images import Image, Incomplete
from rigdriver.devices.camera_process.libraries import ProducerLibrary, load_libraries
from rigdriver.devices.camera_process.log_keeper import LogKeeper, first_line
from rigdriver.devices.camera_process.one_feature import NodeKind
from rigdriver.errors import CameraError, CameraSilent, ProducerError, RigError, gather

_logger = logging.getLogger(__name__)
_PEER_ERRORS = (gentl.GenericException, genapi.GenericException)
_PEER = Peer(
    _PEER_ERRORS,
    multi_part=gentl.PAYLOADTYPE_INFO_IDS.PAYLOAD_TYPE_MULTI_PART,
    image_part=gentl.PARTDATATYPE_IDS.PART_DATATYPE_2D_IMAGE,
)
_SETTLE_S = 1.0
"""Time that calls to interfaces get to come back before the producers are closed."""
_MISCOUNTS_TO_DISTRUST = 3
_FASTEST_TICKS_HZ = 1e12
"""Largest tick frequency that is believed; GenTL's mark for an unknown number is far above."""


class Producers:
    """The GenTL producers of one process, loaded together: a producer is never loaded twice."""

    def __init__(self, paths: Sequence[Path], search: Search) -> None:
        """Load them and look for their devices.

        Raises:
            ProducerError: one is missing or cannot be loaded; `DevicesFailed` when several are.
        """
        self._notes = LogKeeper()
        logger = logging.getLogger("rigdriver.camera_process.harvesters")
        logger.handlers = [self._notes]
        logger.propagate = False
        self._harvester = Harvester(config=ParameterSet({ParameterKey.LOGGER: logger}))
        libraries, failures = load_libraries(paths)
        self._discovery = Discovery(DiscoveryPeer(_PEER_ERRORS, Interface, ListedDevice), libraries, self._notes.add)
        try:
            if not failures:
                self._look(libraries, search)
                failures = self._silent_failures(paths)
            if failures:
                raise gather("GenTL producers", failures)
        except BaseException:
            self.close()
            raise
        self.devices: tuple[DeviceInfo, ...] = tuple(device for device, _ in self._discovery.devices)
        self.interfaces: tuple[InterfaceReport, ...] = tuple(self._discovery.reports())

    def _look(self, libraries: Mapping[str, ProducerLibrary], search: Search) -> None:
        """Do what `Harvester.update` does, but ask all interfaces side by side: it asks one after the other."""
        harvester = self._harvester
        for path in libraries:
            harvester.add_file(path)
        harvester._open_gentl_producers()  # noqa: SLF001, see the head of this file
        harvester._open_systems()  # noqa: SLF001
        try:
            self._discovery.run(harvester._systems, search)  # noqa: SLF001
        finally:
            harvester._ifaces.extend(self._discovery.interfaces)  # noqa: SLF001
        harvester.device_info_list[:] = [info for _, info in self._discovery.devices]

    def _silent_failures(self, paths: Sequence[Path]) -> list[RigError]:
        """Return an error for each producer that shows no device while a failure was noted."""
        seen = {device.producer for device, _ in self._discovery.devices}
        if not self._notes.lines:
            return []
        why = "; ".join(self._notes.lines[:3])
        return [
            ProducerError(
                device=f"GenTL producer {path}",
                seen=f"loaded, but failed while it was opened: {why}; it may be no GenTL producer",
            )
            for path in paths
            if str(path) not in seen
        ]

    def open(self, device: DeviceInfo, label: str, buffers: int) -> Camera:
        """Open a device exclusively.

        Raises:
            CameraError: it is gone or another program holds it.
        """
        info = self._harvester.device_info_list[self.devices.index(device)]
        config = ParameterSet(
            # Automatic chunk updates touch the node map inside fetch; `_chunks` asks for them when they are wanted.
            {ParameterKey.ENABLE_AUTO_CHUNK_DATA_UPDATE: False, ParameterKey.NUM_BUFFERS_FOR_FETCH_CALL: buffers}
        )
        with _translated(f"{label}: cannot be opened", "check whether another program uses it"):
            acquirer = self._harvester.create(info, config=config)
        # harvesters takes SIGINT to destroy its acquirer; Ctrl-C is the parent's business.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return Camera(acquirer, self._harvester, label)

    def close(self) -> None:
        """Release everything, as far as the producers let it be released."""
        if not self._discovery.settle(_SETTLE_S):
            _logger.warning("closing the producers: an interface has not come back; they are left as they are")
            return  # an interface that is closed under its own call can crash the process
        try:
            self._harvester.reset()
        except _PEER_ERRORS as exc:
            _logger.warning("closing the producers: %s", first_line(exc))


class Camera:
    """One opened camera: its features and its first stream."""

    def __init__(self, acquirer: ImageAcquirer, harvester: Harvester, label: str) -> None:
        self._acquirer = acquirer
        self._harvester = harvester
        self._label = label
        self._node_map: Any = acquirer.remote_device.node_map
        self._stream: Any = acquirer.data_streams[0] if acquirer.data_streams else None
        self.nodes = CameraNodes(self._node_map, label, _NODE_PEER, getattr(self._stream, "node_map", None))
        monitors = acquirer._new_buffer_event_monitor_dict  # noqa: SLF001, see the head of this file
        self._monitor: Any = next(iter(monitors.values()), None)
        if self._monitor is None:
            self.close()
            raise CameraError(device=label, seen="offers no data stream; it cannot deliver images")
        self._buffer: Any = None
        self._miscounts = 0
        self._announcing = Announcing(label, _PEER_ERRORS, gentl.BufferToken)
        self._announcing.attach(acquirer)
        self._reader = BufferReader(_PEER)
        self.chunk_names: tuple[str, ...] = ()
        """Chunk data to read with each frame, without `Chunk`."""
        self._heartbeat_address = self._find_heartbeat_address()
        self._access = AccessWatch(acquirer.device, _PEER_ERRORS)

    # ---- streaming ----

    def payload_bytes(self) -> int:
        """Return the largest buffer that the camera may send with its present features."""
        with _translated(f"{self._label}: its payload size cannot be read"):
            # GenTL: a stream either defines the payload size itself
            # (STREAM_INFO_DEFINES_PAYLOADSIZE) or leaves it to the camera.
            if self._stream.defines_payload_size():
                return int(self._stream.payload_size)
            return int(self._node_map.PayloadSize.value)

    def read_size(self) -> tuple[int, int]:
        """Return width and height of the region in pixels; 0 for what the camera does not tell."""
        return self.nodes.integer("Width"), self.nodes.integer("Height")

    def read_format(self) -> int:
        """Return the PFNC code of the pixel format; 0 when the camera does not tell."""
        try:
            return int(self._node_map.get_node("PixelFormat").get_int_value())
        except _PEER_ERRORS:
            return 0

    def fewest_buffers(self) -> int:
        """Return how many buffers the producer wants announced at least."""
        try:
            return int(self._stream.buffer_announce_min)
        except _PEER_ERRORS:
            return 0

    def start(self, places: Sequence[bytes] = (), queued: Sequence[int] = ()) -> bool:
        """Announce buffers, queue them and start the acquisition; return whether the buffers are `places`.

        `queued`: of the places, those that may be filled from the start; the others wait for `queue`. When the producer
        refuses `places`, or there are none, the binding's own memory is announced, and all of it is queued.
        """
        self._reader.begin(Defaults(self.read_size(), self.read_format(), self._tick(), self._gev_tick() or 1.0))
        self._announcing.offer(places, queued)
        try:
            with _translated(f"{self._label}: cannot start"):
                self._acquirer.start()
        except CameraError:
            self._undo_start()
            raise
        return bool(self._announcing.buffers)

    def _undo_start(self) -> None:
        """Leave nothing announced, as far as a failing producer lets us."""
        with suppress(*_PEER_ERRORS):
            self._acquirer.stop()
        self._end_stream()  # `stop` does so only when all of the start has succeeded
        self._announcing.forget()

    def stop(self) -> None:
        """Stop the acquisition; no buffer is announced then, also when the camera does not obey."""
        try:
            self.give_back()
            with _translated(f"{self._label}: cannot stop"):
                self._acquirer.stop()
        except CameraError:
            # `stop` gives up at the first refusal; the producer would go on filling buffers that nobody takes.
            self._end_stream()
            raise
        finally:
            self._announcing.forget()

    def _end_stream(self) -> None:
        """Stop the producer's side and take all buffers back, as far as the producer lets us."""
        for stream in self._acquirer.data_streams:
            with suppress(*_PEER_ERRORS):
                stream.stop_acquisition(gentl.ACQ_STOP_FLAGS_LIST.ACQ_STOP_FLAGS_KILL)
        with suppress(*_PEER_ERRORS):
            self._acquirer._release_buffers()  # noqa: SLF001, see the head of this file

    def close(self) -> None:
        """Close the device."""
        self._buffer = None
        try:
            with _translated(f"{self._label}: cannot be closed"):
                self._acquirer.destroy()
        finally:
            if self._acquirer in self._harvester.image_acquirers:
                self._harvester.image_acquirers.remove(self._acquirer)

    def fetch(self, *, must_look: bool = False) -> Image | Incomplete | None:
        """Return the next image, or None at once when none waits. Give each back before the next.

        `must_look`: read the event queue even when the producer counts no waiting event; some do not count, and an
        error of the stream shows only here.

        Raises:
            CameraError: the stream failed.
        """
        try:
            waiting = self._miscounts >= _MISCOUNTS_TO_DISTRUST or self._monitor.num_in_queue > 0
            if not waiting and not must_look:
                return None
            try:
                self._monitor.update_event_data(0)
            except gentl.TimeoutException:
                return None
            if not waiting:
                self._miscounts += 1
            self._buffer = self._monitor.buffer
            if not self._buffer.is_complete():
                return self._reader.incomplete(self._buffer)
            place = self._buffer.context if self._announcing.buffers else None
            return self._reader.image(self._buffer, self._chunks(), place)
        except _PEER_ERRORS as exc:
            self._buffer = None
            raise CameraError(
                device=self._label, seen=f"its stream failed: {first_line(exc)}", remedy="check its cable and power"
            ) from exc

    def give_back(self) -> None:
        """Queue the fetched buffer for the next frame."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._queue(buffer.parent, buffer)

    def keep(self) -> None:
        """Leave the fetched buffer to whoever looks at its place; `queue` it when nobody does."""
        self._buffer = None

    def queue(self, place: int) -> None:
        """Queue a place for a frame; nobody may look at it any more."""
        self._queue(self._stream, self._announcing.buffers[place])

    def _queue(self, stream: Any, buffer: Any) -> None:
        try:
            stream.queue_buffer(buffer, False)  # True, the default, would blank all its bytes first
        except _PEER_ERRORS as exc:
            raise CameraError(
                device=self._label, seen=f"a buffer cannot be queued: {first_line(exc)}", remedy="open it again"
            ) from exc

    def check(self) -> None:
        """Read a register that every camera has, the start of its own description; and look whether it is still ours.

        Raises:
            CameraSilent: the camera does not answer in time.
            CameraError: it cannot be reached any more, or another program has taken control of it.
        """
        if self._access.is_taken:
            raise CameraError(
                device=self._label,
                seen="another program has taken control of it",
                remedy="close that program, and open the rig again",
            )
        if self._heartbeat_address is not None:
            with _translated(f"{self._label}: does not answer", "check its cable and power"):
                self._acquirer.remote_device.port.read(self._heartbeat_address, 4)

    def underrun(self) -> int:
        """Return how many frames found no queued buffer; 0 when the producer does not count them."""
        try:
            return int(self._stream.num_underrun)
        except _PEER_ERRORS:
            return 0

    # ---- one buffer ----

    def _chunks(self) -> dict[str, int | float]:
        if not self.chunk_names:
            return {}
        self._acquirer._update_chunk_data(buffer=self._buffer, is_manual=True)  # noqa: SLF001
        values: dict[str, int | float] = {}
        for name in self.chunk_names:
            try:
                value = self._node_map.get_node(f"Chunk{name}").value
            except _PEER_ERRORS:
                continue  # this frame carries no such chunk
            if isinstance(value, int | float):
                values[name] = value
        return values

    # ---- facts at the start ----

    def _tick(self) -> float:
        """Return the length of a tick of the buffers' time stamps in ns; 0 when neither producer nor camera tells."""
        try:
            frequency = float(self._acquirer.device.timestamp_frequency)
        except (*_PEER_ERRORS, AttributeError):
            frequency = 0.0
        # Some producers hand raw stamps on; SFNC 1 names their frequency in the camera.
        return 1e9 / frequency if 0 < frequency <= _FASTEST_TICKS_HZ else self._gev_tick()

    def _gev_tick(self) -> float:
        """Return the length of a GigE Vision camera's tick in ns; 0 when it does not tell."""
        frequency = self.nodes.integer("GevTimestampTickFrequency")
        return 1e9 / frequency if frequency > 0 else 0.0

    def _find_heartbeat_address(self) -> int | None:
        """Return where the camera keeps its description, if it can be read there now."""
        try:
            port = self._acquirer.remote_device.port
            scheme, _, rest = port.url_info_list[0].url.partition(":")
            # GenTL's URL of a description in the device: local:NAME;ADDRESS;LENGTH, both hexadecimal.
            # A description that lies elsewhere says nothing; GigE and USB3 Vision keep their version at address 0.
            address = int(rest.split(";")[1], 16) if scheme.lower() == "local" else 0
            port.read(address, 4)
        except (*_PEER_ERRORS, IndexError, ValueError):
            return None
        return address


@contextmanager
def _translated(what: str, remedy: str = "") -> Iterator[None]:
    """Turn the binding's exceptions into CameraError."""
    try:
        yield
    except gentl.TimeoutException as exc:
        raise CameraSilent(device=what, seen=first_line(exc), remedy=remedy or "check its cable and power") from exc
    except _PEER_ERRORS as exc:
        raise CameraError(device=what, seen=first_line(exc), remedy=remedy) from exc
    except (AttributeError, AssertionError) as exc:  # harvesters on a device that lacks a mandatory node or module
        raise CameraError(device=what, seen=f"it lacks {exc}; it is no complete GenTL camera") from exc


_NODE_PEER = NodePeer(
    _PEER_ERRORS,
    kinds=(
        (genapi.IBoolean, NodeKind.BOOLEAN),
        (genapi.IInteger, NodeKind.INTEGER),
        (genapi.IFloat, NodeKind.FLOAT),
        (genapi.IEnumeration, NodeKind.ENUMERATION),
        (genapi.IString, NodeKind.STRING),
        (genapi.ICommand, NodeKind.COMMAND),
    ),
    readable=(genapi.EAccessMode.RO, genapi.EAccessMode.RW),
    writable=(genapi.EAccessMode.WO, genapi.EAccessMode.RW),
    translated=_translated,
)
