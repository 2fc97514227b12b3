"""Frame sets for recordings: every kind of pixels, with proofs, gaps and chunk data. Not here: files."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from rigdriver.frames import Flash, Frame, FrameProof, FrameSet, Gap, GapReason, Proof, ProofVerdict
from rigdriver.gap_facts import Told
from rigdriver.recording.seal import Plan

FORMATS = {"left": "Mono8", "right": "Mono12", "colour": "BayerGB8", "deep": "BayerRG12", "rgb": "RGB8"}
CAMERAS = tuple(FORMATS)
RESIDUALS_US = {"deep": None}
BEGIN_NS = 1_700_000_000_000_000_000


def frame_set(index: int, shape: tuple[int, int] = (12, 16), lost: tuple[str, ...] = ()) -> FrameSet:
    """Return the frame set of that pulse, with gaps for the lost cameras; its pixels differ from all others'."""
    rng = np.random.default_rng(index)
    frames, gaps = {}, {}
    for name, pixel_format in FORMATS.items():
        if name in lost:
            gaps[name] = Gap(name, GapReason.NOT_DELIVERED, Told("frame id 7"))
            continue
        is_deep = pixel_format.endswith("12")
        size = (*shape, 3) if name == "rgb" else shape
        pixels = rng.integers(0, 4096 if is_deep else 256, size, np.uint16 if is_deep else np.uint8)
        stamp = None if name == "deep" else 10**15 + index
        chunks = {"ExposureTime": 8000.5, "FrameID": index}
        frames[name] = Frame(name, index + 1, stamp, 2000 + index, pixel_format, pixels, chunks)
    proofs = {
        name: FrameProof(
            name,
            100,
            300,
            20_300,
            None if name == "deep" else -1.25,
            100.0,
            index + 1,
            9,
            {"lamp": 0.5},
            ("late",),
            ("x",),
        )
        for name in frames
    }
    skew = 4.0 if len(frames) > 1 else math.nan
    verdict = ProofVerdict.GAPS if gaps else ProofVerdict.PROVED
    flashes = (Flash("lamp", 400, 900),)
    proof = Proof(index, 3, 90, 10**7, MappingProxyType(proofs), skew, verdict, ("why",), flashes, ("interlock",))
    utc_ns = BEGIN_NS + index * 100_000_000
    return FrameSet(index, 5_000 + index, utc_ns, MappingProxyType(frames), MappingProxyType(gaps), proof)


def plan(frame_sets: int | None = None, interval_s: float = 1.0) -> Plan:
    """Return the plan of a recording of these cameras."""
    return Plan(
        rig="bench",
        cameras=CAMERAS,
        t_utc_ns=1_700_000_000_000_000_000,
        frame_sets=frame_sets,
        sync_interval_s=interval_s,
    )


def same(ours: FrameSet, theirs: FrameSet) -> bool:
    """Return whether two frame sets are the same to the last bit."""
    assert ours.frames.keys() == theirs.frames.keys()
    for name, frame in ours.frames.items():
        other = theirs.frames[name]
        assert frame.pixels.dtype == other.pixels.dtype
        assert np.array_equal(frame.pixels, other.pixels)
        for part in ("camera", "frame_id", "t_camera_ns", "t_host_ns", "pixel_format"):
            assert getattr(frame, part) == getattr(other, part)
        assert dict(frame.chunks) == dict(other.chunks)
    assert dict(ours.gaps) == dict(theirs.gaps)
    assert ours.proof.to_json() == theirs.proof.to_json()
    return (ours.pulse_index, ours.t_host_ns, ours.t_utc_ns) == (theirs.pulse_index, theirs.t_host_ns, theirs.t_utc_ns)
