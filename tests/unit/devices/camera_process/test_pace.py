"""How closely the camera process looks at its cameras, and when.

In: deliveries at given times. Out: pauses. No clock and no camera.
"""

from __future__ import annotations

from collections.abc import Sequence

from rigdriver.devices.camera_process.pace import EXPECTING_S, IDLE_S, QUIET_S, RESTING_S, STREAMING_S, Pace

MS = 1_000_000


def deliver(pace: Pace, now_ns: int, cameras: Sequence[int] = range(6)) -> None:
    pace.turned(now_ns, cameras, 6)
    pace.turned(now_ns + 1, (), 6)


def quiet(pace: Pace, now_ns: int, turns: int = 30) -> float:
    for _ in range(turns):
        pace.turned(now_ns, (), 6)
    return pace.pause_s(now_ns, 6)


def test_nothing_is_looked_for_while_no_camera_streams() -> None:
    pace = Pace()
    pace.turned(0, (), 0)
    assert pace.pause_s(0, 0) == IDLE_S


def test_a_turn_that_found_frames_is_followed_at_once_by_another() -> None:
    pace = Pace()
    pace.turned(0, [2], 6)
    assert pace.pause_s(0, 6) == 0.0


def test_pauses_grow_when_nothing_comes() -> None:
    pace = Pace()
    assert quiet(pace, 5_000 * MS, 3) == STREAMING_S
    assert quiet(pace, 5_000 * MS, 30) == QUIET_S


def test_the_rest_of_a_pulse_is_looked_for_closely_but_not_for_ever() -> None:
    pace = Pace()
    deliver(pace, 5_000 * MS, [0, 1, 3])
    assert quiet(pace, 5_008 * MS) == EXPECTING_S
    deliver(pace, 5_009 * MS, [2, 4, 5])
    assert quiet(pace, 5_015 * MS) == QUIET_S
    deliver(pace, 6_000 * MS, [0])
    assert quiet(pace, 6_011 * MS) == QUIET_S


def test_the_next_pulse_is_looked_for_closely_about_when_it_is_due() -> None:
    pace = Pace()
    deliver(pace, 5_000 * MS)
    deliver(pace, 5_100 * MS)
    assert [quiet(pace, 5_000 * MS + t * MS) for t in (150, 197, 199, 205, 207)] == [
        QUIET_S,
        QUIET_S,
        EXPECTING_S,
        EXPECTING_S,
        QUIET_S,
    ]


def test_fast_cameras_are_not_looked_for_closely_all_the_time() -> None:
    pace = Pace()
    deliver(pace, 5_000 * MS)
    deliver(pace, 5_004 * MS)
    assert quiet(pace, 5_006 * MS) == QUIET_S
    assert quiet(pace, 5_008 * MS) == EXPECTING_S


def test_a_long_pause_is_no_rhythm() -> None:
    pace = Pace()
    deliver(pace, 5_000 * MS)
    deliver(pace, 9_000 * MS)
    assert quiet(pace, 13_000 * MS) == QUIET_S


def expected(pace: Pace, now_ns: int) -> None:
    """Deliver while the cameras are looked at all the time."""
    pace.turned(now_ns - MS // 10, (), 6)
    deliver(pace, now_ns)


def test_between_pulses_of_equal_periods_the_loop_rests_but_is_awake_when_the_next_is_due() -> None:
    pace = Pace()
    for t_ms in (5_000, 5_100, 5_200):
        expected(pace, t_ms * MS)
    assert [quiet(pace, (5_200 + t_ms) * MS, 1) for t_ms in (1, 50, 92, 95, 97)] == [RESTING_S] * 3 + [0.003, 0.001]
    assert quiet(pace, 5_299 * MS, 1) == EXPECTING_S


def test_frames_that_were_found_after_a_pause_are_no_rhythm_to_rest_by() -> None:
    """They came at some time in the pause: rests after such a guess would find every pulse late."""
    pace = Pace()
    for t_ms in (5_000, 5_100):
        expected(pace, t_ms * MS)
    pace.turned(5_195 * MS, (), 6)
    deliver(pace, 5_200 * MS)
    assert quiet(pace, 5_250 * MS) == QUIET_S


def test_a_pulse_that_does_not_come_ends_the_rest() -> None:
    pace = Pace()
    for t_ms in (5_000, 5_100, 5_200):
        expected(pace, t_ms * MS)
    assert quiet(pace, 5_350 * MS) == QUIET_S
