"""Each planted fault alone: the right check fails, names the part to touch, and nothing else fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rigdriver.selftest.grounds import row_of
from rigdriver.selftest.result import Status
from rigdriver_sim.program.launch import RunningRig, launch
from tests.rig import selftest_faults
from tests.rig.selftest_faults import PLAYED, Fault, of_status

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]
OF_A_STAGE = re.compile(r"^\w+\.finished$")


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[RunningRig]:
    """Each rig of the matrix; pytest plays the faults of one rig together."""
    with launch(request.param) as running:
        yield running


@pytest.mark.parametrize(
    ("running", "fault"), [pytest.param(f.rig, f, id=f.name) for f in PLAYED], indirect=["running"], scope="module"
)
def test_a_fault_fails_its_check_and_no_other(running: RunningRig, fault: Fault) -> None:
    report = selftest_faults.tested(running, fault)
    failed = of_status(report, Status.FAILED)
    assert set(failed) == set(fault.fails)
    assert set(of_status(report, Status.UNKNOWN)) == set(fault.unknown)
    for name, remedy in failed.items():
        said = f"{remedy} {next(check.measured for check in report.checks if check.name == name)}"
        assert [word for word in fault.names if word not in said] == [], f"{name}: {said}"
    assert all(row_of(check.name) or OF_A_STAGE.match(check.name) for check in report.checks)
    assert not re.search(r"<\w+[.:]|0x[0-9a-f]+>", " ".join(check.remedy for check in report.checks))
