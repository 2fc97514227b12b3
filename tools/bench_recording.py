"""Benchmark: what recording costs, beside the writers that others would take, on the same frames in one run.

    .venv/bin/python tools/bench_recording.py [--seconds 10] [--repeat 3] [--folder DIR] [--json FILE]

In: six images of noise per frame set at 10 Hz (2048x1536, 8 bit), so 189 MB/s; each writer gets all of them in a
process of its own, in turns. Out: a table: CPU per second of recording, 99th percentile of the time in which a frame
set is handed to the system, and both as ratios to ours. Rivals that are not installed are left out and named: `mcap`
comes with the tests, `foxglove-sdk` and `acquire-zarr` by `pip install`. All leave out compression, which noise has
none of; ours and `mcap` write checksums. Not here: cameras (see bench_rig.py).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from types import MappingProxyType

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rigdriver.frames import Frame, FrameSet, Proof, ProofVerdict

CAMERAS = tuple(f"camera_{number}" for number in range(6))
SHAPE = (1536, 2048)
RATE_HZ = 10.0
RIVALS = {"mcap": "mcap", "foxglove-sdk": "foxglove", "acquire-zarr": "acquire_zarr"}
"""Module by package."""
Write = Callable[[FrameSet], None]


@dataclass(frozen=True, slots=True)
class WriterCost:
    """Medians of one writer."""

    name: str
    cpu_share: float
    """CPU time per second of recording, of all threads, without start and end."""
    p99_ms: float


def main() -> int:
    """Measure all writers that are installed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one recording (default 10)")
    parser.add_argument("--repeat", type=int, default=3, help="times that each is measured (default 3)")
    parser.add_argument("--folder", type=Path, help="folder on the disk to measure (default: the temporary one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file")
    parser.add_argument("--writer", choices=list(WRITERS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.writer:
        print(json.dumps(record(asked.writer, asked.seconds, asked.folder)))
        return 0
    present = [name for name in WRITERS if name == "rigdriver" or importlib.util.find_spec(RIVALS[name])]
    turns = [name for _ in range(asked.repeat) for name in present]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in present}
    for name in track(turns, "writers", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        found[name].append(_measured(name, asked.seconds, asked.folder))
    costs = [WriterCost(name, median(c for c, _ in all_), median(p for _, p in all_)) for name, all_ in found.items()]
    if asked.json:
        asked.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1) + "\n", encoding="utf-8")
    Console().print(_table(costs))
    for name in sorted(set(RIVALS) - set(present)):
        Console().print(f"{name} is not installed and was left out")
    return 0


def _measured(name: str, seconds: float, folder: Path | None) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        words = [sys.executable, __file__, "--writer", name, "--seconds", str(seconds), "--folder", place]
        cpu, p99 = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return cpu, p99


def record(name: str, seconds: float, folder: Path) -> tuple[float, float]:
    """Record in this process; return CPU per second, and the 99th percentile of a frame set's write in ms."""
    rng = np.random.default_rng(1)
    # A few different images: one would stay in the processor's cache.
    images = [rng.integers(0, 256, SHAPE, np.uint8) for _ in range(4 * len(CAMERAS))]
    times: list[float] = []
    with WRITERS[name](folder, times) as write:
        begun, cpu = time.monotonic(), time.process_time()
        for index in range(round(seconds * RATE_HZ)):
            time.sleep(max(0.0, begun + index / RATE_HZ - time.monotonic()))
            write(_frame_set(index, images))
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        cpu = time.process_time() - cpu
        took = time.monotonic() - begun
    return cpu / took, quantiles(times, n=100)[98] * 1e3


def _frame_set(index: int, images: list[np.ndarray]) -> FrameSet:
    first = index % 4 * len(CAMERAS)
    frames = {name: Frame(name, index, None, 0, "Mono8", images[first + number]) for number, name in enumerate(CAMERAS)}
    proof = Proof(index, 0, 0, 0, MappingProxyType({}), float("nan"), ProofVerdict.UNPROVED)
    utc_ns = 1_800_000_000_000_000_000 + round(index / RATE_HZ * 1e9)
    return FrameSet(index, 0, utc_ns, MappingProxyType(frames), MappingProxyType({}), proof)


@contextmanager
def _timed(act: Write, times: list[float]) -> Iterator[Write]:
    def timed(frame_set: FrameSet) -> None:
        begun = time.monotonic()
        act(frame_set)
        times.append(time.monotonic() - begun)

    yield timed


@contextmanager
def _ours(folder: Path, times: list[float]) -> Iterator[Write]:
    """The recorder with its queue and its disk thread; timed is what its thread hands to the system."""
    from rigdriver.recording.mcap.writer import McapWriter  # noqa: PLC0415  each writer loads its own
    from rigdriver.recording.recorder import Recorder  # noqa: PLC0415
    from rigdriver.recording.seal import Plan  # noqa: PLC0415

    real = McapWriter.write_chunk

    def write_chunk(self: McapWriter, messages: object) -> None:
        begun = time.monotonic()
        real(self, messages)  # type: ignore[arg-type]
        times.append(time.monotonic() - begun)

    McapWriter.write_chunk = write_chunk  # type: ignore[method-assign]
    plan = Plan(rig="bench", cameras=CAMERAS, t_utc_ns=0, sync_interval_s=1.0)
    with Recorder(folder / "take.mcap", plan, capacity=100) as recorder:
        yield recorder.write


@contextmanager
def _mcap(folder: Path, times: list[float]) -> Iterator[Write]:
    from foxglove_schemas_protobuf.RawImage_pb2 import RawImage  # noqa: PLC0415
    from mcap.writer import CompressionType, Writer  # noqa: PLC0415

    with (folder / "take.mcap").open("wb") as file:
        writer = Writer(file, compression=CompressionType.NONE)
        writer.start()
        schema = writer.register_schema("foxglove.RawImage", "protobuf", b"")
        channels = {name: writer.register_channel(f"/{name}", "protobuf", schema) for name in CAMERAS}

        def write(frame_set: FrameSet) -> None:
            for frame in frame_set:
                height, width = frame.pixels.shape
                image = RawImage(width=width, height=height, encoding="mono8", step=width, data=frame.pixels.tobytes())
                at = frame_set.t_utc_ns
                writer.add_message(channels[frame.camera], at, image.SerializeToString(), at, frame.frame_id)

        with _timed(write, times) as timed:
            yield timed
        writer.finish()  # type: ignore[no-untyped-call]


@contextmanager
def _foxglove(folder: Path, times: list[float]) -> Iterator[Write]:
    import foxglove  # noqa: PLC0415
    from foxglove.channels import RawImageChannel  # noqa: PLC0415
    from foxglove.mcap import MCAPCompression, MCAPWriteOptions  # noqa: PLC0415
    from foxglove.messages import RawImage  # noqa: PLC0415

    channels = {name: RawImageChannel(f"/{name}") for name in CAMERAS}
    options = MCAPWriteOptions(compression=None) if MCAPCompression else None
    with foxglove.open_mcap(folder / "take.mcap", writer_options=options):

        def write(frame_set: FrameSet) -> None:
            for frame in frame_set:
                height, width = frame.pixels.shape
                image = RawImage(width=width, height=height, encoding="mono8", step=width, data=frame.pixels.tobytes())
                channels[frame.camera].log(image, log_time=frame_set.t_utc_ns)

        with _timed(write, times) as timed:
            yield timed


@contextmanager
def _zarr(folder: Path, times: list[float]) -> Iterator[Write]:
    import acquire_zarr as zarr  # noqa: PLC0415

    height, width = SHAPE
    sizes = [("t", zarr.DimensionType.TIME, 0, 1), ("c", zarr.DimensionType.CHANNEL, len(CAMERAS), 1)]
    sizes += [("y", zarr.DimensionType.SPACE, height, height), ("x", zarr.DimensionType.SPACE, width, width)]
    dimensions = [
        zarr.Dimension(name=name, kind=kind, array_size_px=size, chunk_size_px=chunk, shard_size_chunks=1)
        for name, kind, size, chunk in sizes
    ]
    array = zarr.ArraySettings(dimensions=dimensions, data_type=zarr.DataType.UINT8)
    stream = zarr.ZarrStream(zarr.StreamSettings(store_path=str(folder / "take.zarr"), arrays=[array]))

    def write(frame_set: FrameSet) -> None:
        for frame in frame_set:
            stream.append(frame.pixels)

    with _timed(write, times) as timed:
        yield timed
    stream.close()


WRITERS = {"rigdriver": _ours, "mcap": _mcap, "foxglove-sdk": _foxglove, "acquire-zarr": _zarr}


def _table(costs: list[WriterCost]) -> Table:
    table = Table(title=f"six images of {SHAPE[1]}x{SHAPE[0]}, {RATE_HZ:g} Hz")
    for heading in ("writer", "CPU, % of a core", "ratio", "p99, ms", "ratio"):
        table.add_column(heading, justify="left" if heading == "writer" else "right")
    ours = costs[0]
    for cost in costs:
        table.add_row(
            cost.name, f"{100 * cost.cpu_share:.1f}", f"{cost.cpu_share / ours.cpu_share:.2f}",
            f"{cost.p99_ms:.1f}", f"{cost.p99_ms / ours.p99_ms:.2f}",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(main())
