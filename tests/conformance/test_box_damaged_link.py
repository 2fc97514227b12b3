"""What every trigger box does over a link that damages bytes: the simulated one, or one on metal with `--box PORT`.

In: requests and runs while some bytes are changed. Out: true values, or errors and events that are counted as lost.
"""

import pytest

from rigdriver.devices.box.events import EventsLost
from rigdriver.errors import NoReply
from tests.conformance.box_makers import Host
from tests.conformance.box_runs import EDGES, PERIOD, Log, merged, run, schedule
from tests.conformance.box_worlds import DamagingPort


@pytest.mark.plants_faults
@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_bytes_never_become_wrong_values_and_the_link_recovers(host: Host, seed: int) -> None:
    port = DamagingPort(host.port(), one_in=250, seed=seed)
    box = host.identified(port, reply_timeout_s=0.05, watchdog_s=1)
    box.listen()
    given_up = 0
    try:
        port.is_on = True
        last_ticks = 0
        for generation in range(1, 21):
            try:
                box.commit(schedule(generation))
                ticks = box.probe_clock().t_box_ticks
                assert last_ticks < ticks < last_ticks + 100 * 10_000_000
                last_ticks = ticks
                assert box.status().generation == generation
            except NoReply:
                given_up += 1
        port.is_on = False
        assert given_up <= 4
        seen = box.link_counters
        assert port.damaged > 10
        assert seen.abandoned > 0
        assert seen.checksum_errors + seen.header_errors + seen.unfinished > 0
        box.commit(schedule(99, pulses=5))
        before = box.link_counters.abandoned
        log = Log(host, box)
        run(box, schedule(100, pulses=5))
        log.wait_for_end()
        assert merged(log.pulses) == {index: list(EDGES) for index in range(5)}
        assert box.link_counters.abandoned == before
    finally:
        port.is_on = False
        box.close()


@pytest.mark.plants_faults
@pytest.mark.parametrize("seed", [3, 4])
def test_events_on_a_damaged_link_are_true_or_counted_as_lost(host: Host, seed: int) -> None:
    port = DamagingPort(host.port(), one_in=1500, seed=seed)
    box = host.identified(port, reply_timeout_s=0.05, watchdog_s=2)
    box.listen()
    try:
        log = Log(host, box)
        run(box, schedule(7, pulses=100))
        port.is_on = True
        log.wait_for(lambda _: bool(log.pulses) and log.pulses[-1].pulse_index > 80)
        port.is_on = False
        log.wait_for_end()
        lost = [event for event in log.events if isinstance(event, EventsLost)]
        start = log.pulses[0].start_ticks - log.pulses[0].pulse_index * PERIOD
        for pulse in log.pulses:
            assert pulse.start_ticks == start + pulse.pulse_index * PERIOD
            for edge in pulse.edges:
                assert (edge.t_box_ticks - pulse.start_ticks, edge.mask, edge.levels) in EDGES
        assert lost
        assert port.damaged > 5
        received = sum(not isinstance(event, EventsLost) for event in log.events)
        assert received + sum(event.count for event in lost) == box.counters().events_sent
    finally:
        port.is_on = False
        box.close()
