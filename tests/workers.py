"""How pytest-xdist's workers share the suite: a file stays on one worker, real-time tests never run side by side.

In: collected tests, some with the marker `realtime`. Out: their order, and the scope that each belongs to; a worker
takes whole scopes. xdist gives its scheduler the names of tests and no markers (and its own groups are lost with pytest
9.2), so each worker writes the names of the real-time tests into a folder that the scheduler reads. Plain pytest
without `-n` does not load this file. Not here: the hooks (see conftest.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from xdist.scheduler import LoadScopeScheduling

REALTIME = "realtime"
"""Name of the marker, and of the scope of all tests that have it."""
FOLDER = "realtime_folder"
"""Key of the folder among what xdist gives to each worker."""
_NAMES = pytest.StashKey[TemporaryDirectory[str]]()

LONG_FILES = (
    "tests/unit/stereo/test_warm_up.py",
    "tests/rig/test_selftest_matrix.py",
    "tests/rig/test_faults_in_devices.py",
    "tests/rig/test_benches.py",
    "tests/conformance/test_foreign_producers.py",
    "tests/conformance/test_box_damaged_link.py",
    "tests/rig/test_damaged_line.py",
    "tests/rig/test_camera_verb.py",
    "tests/rig/test_makes_in_a_rig.py",
    "tests/rig/test_command_line.py",
    "tests/rig/test_policies.py",
    "tests/unit/sync/test_planted_faults.py",
    "tests/unit/stereo/measure/test_way.py",
    "tests/unit/calibration/test_cli_calibrate.py",
    "tests/unit/calibration/solve/test_all_cameras.py",
    "tests/rig/test_light_safety.py",
    "tests/unit/calibration/health/test_monitor.py",
    "tests/rig/test_faults_in_light_and_disk.py",
    "tests/rig/test_calibrate_live.py",
    "tests/conformance/test_box_link.py",
    "tests/rig/test_ways_to_end.py",
    "tests/rig/test_frame_sets.py",
    "tests/rig/test_reconstruct_live.py",
)
"""Files that take more than 20 s. They start first, longest first, so that all workers end at about the same time. The
first one compiles the loops of stereo: in a fresh clone each worker that needs them at once would compile them, too."""


def file_of(nodeid: str) -> str:
    """Return the file of a test."""
    return nodeid.partition("::")[0]


def folder_of_names(config: pytest.Config) -> str:
    """Return the folder, made once, that goes with the session of the controller."""
    if _NAMES not in config.stash:
        config.stash[_NAMES] = TemporaryDirectory(prefix="realtime-")
        config.add_cleanup(config.stash[_NAMES].cleanup)
    return config.stash[_NAMES].name


def share(worker: dict[str, Any], items: list[pytest.Item]) -> None:
    """Put the real-time tests and the long files first, and write down which tests are about real time."""
    realtime = {item.nodeid for item in items if item.get_closest_marker(REALTIME)}
    ranks = {scope: rank for rank, scope in enumerate((REALTIME, *LONG_FILES))}
    items.sort(
        key=lambda item: ranks.get(REALTIME if item.nodeid in realtime else file_of(item.nodeid), len(ranks)),
    )
    path = Path(worker[FOLDER]) / worker["workerid"]
    path.write_text("\n".join(realtime), encoding="utf-8")


class FilesAndRealTime(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    """Hands out whole files, and all real-time tests as if they were one file."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._realtime: frozenset[str] = frozenset()

    def schedule(self) -> None:
        """Hand out the first files; all workers have collected, and so written, by now."""
        written: Sequence[Path] = list(Path(folder_of_names(self.config)).iterdir())
        self._realtime = frozenset(name for path in written for name in path.read_text(encoding="utf-8").splitlines())
        super().schedule()

    def remove_node(self, node: Any) -> str | None:
        """Count the test in which a worker died as run: xdist itself would let each new worker die in it again."""
        left = ((unit, nodeid) for unit in self.assigned_work[node].values() for nodeid in unit if not unit[nodeid])
        fatal = next(left, None)
        if fatal is None:
            return cast("str | None", super().remove_node(node))
        unit, nodeid = fatal
        unit[nodeid] = True
        super().remove_node(node)
        return nodeid

    def _reschedule(self, node: Any) -> None:
        """Give more work to the worker, once it has collected; a worker that replaces a dead one begins without."""
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        # A worker keeps its last test back until there is another one, or it is told that no more will come.
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)

    def _split_scope(self, nodeid: str) -> str:
        return REALTIME if nodeid in self._realtime else file_of(nodeid)
