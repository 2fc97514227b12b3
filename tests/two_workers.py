"""How pytest-xdist's workers share the suite: a file stays on one worker, real-time tests never run side by side.

In: names of tests. Out: their order, and the scope that each belongs to; a worker takes whole scopes. Tests about real
time are those of the files `test_realtime_*.py`: xdist gives its scheduler the names of tests and nothing else, and its
own groups are lost with pytest 9.2. Plain pytest without `-n` does not load this file. Not here: hooks (conftest.py).
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

REALTIME = "realtime"
"""Name of the scope of all real-time tests."""

LONG_FILES = (
    "tests/rig/test_command_line.py",
    "tests/unit/schedule/test_replay.py",
    "tests/unit/stereo/test_reconstruct.py",
    "tests/rig/test_faults_in_devices.py",
    "tests/rig/test_frame_sets.py",
    "tests/conformance/test_foreign_producers.py",
    "tests/unit/calibration/test_solve.py",
    "tests/unit/calibration/test_health.py",
    "tests/unit/sim/scene/test_artefacts.py",
    "tests/rig/test_policies.py",
    "tests/rig/test_reconstruct_live.py",
    "tests/conformance/test_box_link.py",
    "tests/rig/test_faults_in_light_and_disk.py",
    "tests/conformance/producer/test_c_program.py",
)
"""Files that take more than 20 s. They start first, longest first, so that all workers end at about the same time."""


def scope_of(nodeid: str) -> str:
    """Return what must stay on one worker with this test: its file, or all real-time tests."""
    file = nodeid.partition("::")[0]
    return REALTIME if file.rpartition("/")[2].startswith("test_realtime_") else file


def in_order_of_length(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests with those of the long scopes first; all others stay in their order."""
    ranks = {scope: rank for rank, scope in enumerate((REALTIME, *LONG_FILES))}
    return sorted(items, key=lambda item: ranks.get(scope_of(item.nodeid), len(ranks)))


class FilesAndRealTime(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    """Hands out whole files, and all real-time tests as if they were one file."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
