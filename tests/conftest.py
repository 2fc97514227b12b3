"""What every test may use, and what every test must leave behind: nothing.

In: `--rig FILE` (run tests/rig on that rig instead of the simulated one) and `--slow`. Out: fixtures, and a failure
for a test that leaks a thread, a child process or an open serial port. This file refuses to know what is tested.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rig", metavar="FILE", help="run tests/rig on the rig of this rig file, not on the simulated one"
    )
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_metal = config.getoption("--rig") is not None
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: give --slow to run it"))
        if item.get_closest_marker("sim") and on_metal:
            item.add_marker(pytest.mark.skip(reason="needs the simulated rig's truth or faults; --rig was given"))
