"""Registers as values: bounds, sizes, enumerations, and tables that agree with device.yml.

In: values inside and outside their bounds, payloads of wrong sizes, and device.yml. Out: bytes and values that survive
the way, or an error that names the field.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigdriver.errors import BadReply, UsageError
from rigdriver.wire import registers
from rigdriver.wire.layout import Access

ROOT = Path(__file__).parents[3]


@given(st.integers(0, 31), st.integers(1, 0xFFFF), st.integers(0, 2**32 - 1), st.integers(10, 2**32 - 1))
def test_record_survives_the_way_through_bytes(index: int, mask: int, delay: int, width: int) -> None:
    step = registers.StageStepRecord(index, registers.Outputs(mask), delay, width)
    assert registers.STAGE_STEP.unpack(registers.STAGE_STEP.pack(step)) == step


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ((32, 1, 0, 10), "index"),
        ((0, 0, 0, 10), "output_mask"),
        ((0, 1, 0, 9), "width_ticks"),
        ((0, 1, -1, 10), "delay"),
    ],
)
def test_field_out_of_its_bounds_is_named(step: tuple[int, int, int, int], field: str) -> None:
    index, mask, delay, width = step
    with pytest.raises(UsageError, match=f"StageStep.{field}"):
        registers.STAGE_STEP.pack(registers.StageStepRecord(index, registers.Outputs(mask), delay, width))


def test_number_out_of_bounds_is_named_with_its_bounds() -> None:
    with pytest.raises(UsageError, match="WatchdogTimeout: 99999; expected 100000 to 20000000"):
        registers.WATCHDOG_TIMEOUT.pack(99_999)


def test_number_that_does_not_fit_its_type_is_refused() -> None:
    with pytest.raises(UsageError, match="WatchdogFeed"):
        registers.WATCHDOG_FEED.pack(2**32)


def test_payload_of_another_size_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="3 bytes of payload; expected 4"):
        registers.TICK_RATE.unpack(bytes(3))


def test_number_that_an_enumeration_lacks_is_a_bad_reply() -> None:
    with pytest.raises(BadReply, match="BoxState"):
        registers.BOX_STATE.unpack(b"\x09")


def test_reserved_bytes_are_written_as_zero_and_not_looked_at() -> None:
    event = registers.STATUS_EVENT.unpack(b"\1" * registers.STATUS_EVENT.payload_bytes)
    packed = registers.STATUS_EVENT.pack(event)
    assert packed[35] == 0
    assert registers.STATUS_EVENT.unpack(packed[:35] + b"\xff" + packed[36:]) == event


def test_every_payload_fits_one_message() -> None:
    assert max(register.payload_bytes for register in registers.REGISTERS) <= 245


def test_fields_of_each_record_stand_inside_its_payload_in_order() -> None:
    for register in registers.REGISTERS:
        offsets = [field.offset for field in register.fields]
        assert offsets == sorted(offsets)
        assert all(offset < register.payload_bytes for offset in offsets)


def test_core_registers_are_there_and_own_ones_start_at_32() -> None:
    addresses = sorted(registers.BY_ADDRESS)
    assert addresses[:20] == list(range(20))
    assert addresses[20] == 32
    assert Access.EVENT in registers.EDGE_EVENT.access


def run_generator(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.registers", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600, check=False)


def test_generated_tables_have_not_drifted_from_device_yml() -> None:
    done = run_generator(ROOT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_changed_device_yml_is_shown_as_drift_and_mended_by_generating(tmp_path: Path) -> None:
    for folder in ("tools", "firmware-protocol", "rigdriver/wire", "simulators/rigdriver_sim/trigger_box"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "firmware"))
    device = tmp_path / "firmware-protocol" / "device.yml"
    device.write_text(device.read_text().replace("maxValue: 20000000", "maxValue: 30000000"))
    drift = run_generator(tmp_path, "--check")
    assert drift.returncode == 1
    assert '+    "WatchdogTimeout", 50, PayloadType.U32, 1, Access.WRITE' in drift.stdout
    assert run_generator(tmp_path).returncode == 0
    assert run_generator(tmp_path, "--check").returncode == 0


def test_bytes_of_the_vectors_follow_from_their_values(tmp_path: Path) -> None:
    for folder in ("tools", "firmware-protocol", "rigdriver/wire", "simulators/rigdriver_sim/trigger_box"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "firmware"))
    vectors = tmp_path / "firmware-protocol" / "vectors.json"
    golden = vectors.read_text()
    spoilt = golden.replace('"hex": "01 04 00 FF 02 06"', '"hex": "01 04 00 FF 02 07"')
    assert spoilt != golden
    vectors.write_text(spoilt)
    assert run_generator(tmp_path, "--check").returncode == 1
    assert run_generator(tmp_path).returncode == 0
    assert vectors.read_text() == golden
