"""Benchmark: what lossless codecs make of the simulated cameras' images of a face, for compacting recordings.

    .venv/bin/python tools/bench_codecs.py [--repeat 3] [--width 2048] [--height 1536]

In: one geometry camera and one colour camera, with shot and read noise, in 8 bits and in 12 bits of 16. Out: a table of
ratio, and megabytes of raw pixels per second of CPU time of one core, to encode and to decode. Each image is decoded
and compared: a codec that changes one pixel or drops to 8 bits is named so. Not here: what is done with it (see
rigdriver/recording/compaction.py).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import imagecodecs
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from rigdriver_sim.scene.render import Renderer
from rigdriver_sim.scene.spec import parse_scene

Image: TypeAlias = "npt.NDArray[Any]"
FULL_WELL_E, READ_NOISE_E = 10_000.0, 2.5
"""Full well and read noise in electrons, near those of a common industrial sensor (Sony IMX250: 10,500 and 2.3)."""
CAMERAS = {"left_upper": ("left_pattern",), "left_colour": ("left_white", "right_white")}


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to write an image."""

    name: str
    encode: Callable[[Image], bytes]
    decode: Callable[[bytes, Image], Image]
    """Takes the image that was encoded for its shape and type."""


def main() -> int:
    """Measure all codecs on all images."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="times that each is measured; the fastest counts")
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--height", type=int, default=1536)
    chosen = parser.parse_args()
    table = Table("image", "codec", "ratio", "encode MB/s", "decode MB/s", "exact")
    for name, image in images(chosen.width, chosen.height):
        for codec in codecs():
            table.add_row(name, codec.name, *_measured(codec, image, chosen.repeat))
    Console().print(table)
    return 0


def images(width: int, height: int) -> Iterator[tuple[str, Image]]:
    """Yield name and pixels."""
    renderer = Renderer(parse_scene({"kind": "head", "seed": 21}), width, height)
    rng = np.random.default_rng(1)
    for camera, lamps in CAMERAS.items():
        seen = renderer.view(camera, 0.0, lamps)
        light = np.sum(list(seen.lamps.values()), axis=0)
        noisy = rng.poisson(np.minimum(light, FULL_WELL_E)) + rng.normal(0, READ_NOISE_E, light.shape)
        for bits, dtype in ((8, np.uint8), (12, np.uint16)):
            full = 2**bits - 1
            yield f"{camera} {bits} bit", np.clip(noisy / FULL_WELL_E * full, 0, full).astype(dtype)


def codecs() -> list[Codec]:
    """Return what is compared."""
    efforts = [Codec(f"JPEG XL effort {effort}", _jxl(effort), _plain("jpegxl_decode")) for effort in (1, 2, 3)]
    return [
        *efforts,
        Codec("PNG level 1", lambda image: bytes(imagecodecs.png_encode(image, level=1)), _plain("png_decode")),
        Codec("zstd 1", lambda image: bytes(imagecodecs.zstd_encode(image.tobytes(), level=1)), _unpacked),
        Codec("zstd 1 of differences", _differences, _summed),
        Codec("JPEG-LS", lambda image: bytes(imagecodecs.jpegls_encode(image)), _plain("jpegls_decode")),
    ]


def _jxl(effort: int) -> Callable[[Image], bytes]:
    return lambda image: bytes(imagecodecs.jpegxl_encode(image, lossless=True, effort=effort, numthreads=1))


def _plain(name: str) -> Callable[[bytes, Image], Image]:
    decode: Callable[[bytes], Image] = getattr(imagecodecs, name)
    return lambda raw, _like: decode(raw)


def _unpacked(raw: bytes, like: Image) -> Image:
    return np.frombuffer(imagecodecs.zstd_decode(raw), like.dtype).reshape(like.shape)


def _differences(image: Image) -> bytes:
    return bytes(imagecodecs.zstd_encode(imagecodecs.delta_encode(image, axis=1).tobytes(), level=1))


def _summed(raw: bytes, like: Image) -> Image:
    summed: Image = imagecodecs.delta_decode(_unpacked(raw, like).copy(), axis=1)
    return summed


def _measured(codec: Codec, image: Image, repeat: int) -> list[str]:
    raw, back = b"", image
    encoding, decoding = [], []
    for _ in range(repeat):
        begun = time.process_time()
        raw = codec.encode(image)
        encoding.append(time.process_time() - begun)
        begun = time.process_time()
        back = codec.decode(raw, image)
        decoding.append(time.process_time() - begun)
    is_exact = back.dtype == image.dtype and back.shape == image.shape and np.array_equal(back, image)
    megabytes = image.nbytes / 1e6
    figures = [f"{image.nbytes / len(raw):.2f}", f"{megabytes / min(encoding):.0f}", f"{megabytes / min(decoding):.0f}"]
    return [*figures, "yes" if is_exact else f"NO: {back.dtype}"]


if __name__ == "__main__":
    raise SystemExit(main())
