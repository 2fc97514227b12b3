"""Spikes on an exposure line: each is counted and told, and none moves the start of a proved exposure."""

from __future__ import annotations

from tests.unit.sync.planted import CAMERAS, World, run
from tests.unit.sync.test_planted_faults import plant, wrong_frames

PULSES = 400


def test_a_spike_near_the_start_of_an_exposure_is_told_and_moves_no_proved_start() -> None:
    faults = plant("line_spiked", seed=31, pulses=PULSES, count=60)
    spiked, _, matcher = run(World(seed=31, waits=True, faults=faults), PULSES)
    assert wrong_frames(spiked) == []
    assert sum(matcher.noise_edges.values()) == len(faults)
    for camera, pulse in faults:
        assert any(f"camera {camera}: noise on its exposure line" in why for why in spiked[pulse].proof.reasons)
    starts = [
        (r.pulse_index, n, p.exposure_start_ticks - p.trigger_ticks) for r in spiked for n, p in r.proof.frames.items()
    ]
    # The latency is 20 us in this world, with a standard deviation of 1.5 us.
    assert [start for start in starts if abs(start[2] - 200) > 100] == []
    assert [r.pulse_index for r in spiked if r.gaps] == []


def test_no_noise_is_counted_without_spikes() -> None:
    _, _, matcher = run(World(seed=32), 50)
    assert matcher.noise_edges == dict.fromkeys(CAMERAS, 0)
