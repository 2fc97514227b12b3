"""Cameras on one host controller queue behind each other."""

from __future__ import annotations

from rigdriver_sim.camera.shared_link import SharedLink

MS = 1_000_000


def test_frames_that_are_ready_together_arrive_one_after_the_other() -> None:
    link = SharedLink(bytes_per_s=1e6)
    assert [link.carry(name, 5 * MS, 10_000) for name in "abc"] == [15 * MS, 25 * MS, 35 * MS]


def test_a_free_link_carries_at_once() -> None:
    link = SharedLink(bytes_per_s=1e6)
    link.carry("a", 0, 10_000)
    assert link.carry("b", 100 * MS, 10_000) == 110 * MS


def test_a_camera_whose_memory_is_full_loses_the_frame_and_recovers() -> None:
    link = SharedLink(bytes_per_s=1e6, camera_buffer_frames=2)
    assert [link.carry("a", 0, 100_000) for _ in range(3)] == [100 * MS, 200 * MS, None]
    assert link.carry("b", 0, 100_000) == 300 * MS
    assert link.carry("a", 150 * MS, 100_000) == 400 * MS
