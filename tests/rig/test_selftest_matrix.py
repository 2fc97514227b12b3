"""Each planted fault alone: the right check fails, names the part to touch, and nothing else fails."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from rigdriver.selftest.grounds import row_of
from rigdriver.selftest.result import Status
from rigdriver_sim.program.launch import launch
from tests.rig.selftest_faults import MARK, PAGE, TestedRig, documented, in_order, of_status
from tests.rig.selftest_rows import FAULTS, NO_SWEEP, Fault

pytestmark = [pytest.mark.sim, pytest.mark.plants_faults]
OF_A_STAGE = re.compile(r"^\w+\.finished$")
LEAST_ROWS, LEAST_WHOLE = 40, 8


@pytest.fixture(scope="module")
def rig(request: pytest.FixtureRequest) -> Iterator[TestedRig]:
    """Each rig of the matrix; pytest plays the faults of one rig together."""
    with launch(request.param) as running, TestedRig(running) as rig:
        yield rig


@pytest.mark.parametrize(
    ("rig", "fault"), [pytest.param(f.rig, f, id=f.name) for f in in_order(FAULTS)], indirect=["rig"], scope="module"
)
def test_a_fault_fails_its_check_and_no_other(rig: TestedRig, fault: Fault) -> None:
    report = rig.tested(fault)
    failed = of_status(report, Status.FAILED)
    assert set(failed) == set(fault.fails)
    assert set(of_status(report, Status.UNKNOWN)) == set(fault.unknown)
    unsure = of_status(report, Status.UNKNOWN)
    for name, remedy in (failed or (unsure if not fault.fails else {})).items():
        said = f"{remedy} {next(check.measured for check in report.checks if check.name == name)}"
        assert [word for word in fault.names if word not in said] == [], f"{name}: {said}"
    assert all(row_of(check.name) or OF_A_STAGE.match(check.name) for check in report.checks)
    assert not re.search(r"<\w+[.:]|0x[0-9a-f]+>", " ".join(check.remedy for check in report.checks))


def test_the_page_holds_the_rows_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8").partition(MARK)[2].strip() == documented().strip()


def test_the_matrix_has_many_rows_and_some_of_them_make_all_stages_but_the_swept_flash() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= LEAST_ROWS
    assert sum(fault.skip in {(), NO_SWEEP} for fault in FAULTS) >= LEAST_WHOLE
    # What a row says must fail is not left out.
    assert [
        fault.name for fault in FAULTS for check in fault.fails if any(check.startswith(name) for name in fault.skip)
    ] == []
