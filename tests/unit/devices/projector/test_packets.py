"""The bytes of a DLPC350's HID reports: requests as TI's guide writes them, replies in one report and in several."""

from __future__ import annotations

import pytest

from rigdriver.devices.projector.packets import reply_data, reply_head, request


@pytest.mark.parametrize(
    ("command", "data", "sequence", "is_read", "begins"),
    [
        # The example of TI's guides (DLPU010, 1.2.2): read the colour of the curtain.
        (0x1100, b"", 0x11, True, "c0 11 02 00 00 11"),
        (0x1100, bytes.fromhex("ff01ff01ff01"), 0x12, False, "40 12 08 00 00 11 ff 01 ff 01 ff 01"),
        (0x1A24, b"\x02", 7, False, "40 07 03 00 24 1a 02"),
    ],
)
def test_a_request_is_one_report_of_64_bytes(
    command: int, data: bytes, sequence: int, is_read: bool, begins: str
) -> None:
    (report,) = request(command, data, sequence, is_read)
    assert report == bytes.fromhex(begins).ljust(64, b"\0")


def test_what_does_not_fit_into_one_report_goes_on_in_the_next_without_a_head() -> None:
    data = bytes(range(1, 251))
    reports = request(0x1A34, data, 1, False)
    assert [len(report) for report in reports] == [64] * 4
    assert b"".join(reports).rstrip(b"\0") == bytes.fromhex("40 01 fc 00 34 1a") + data


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 124, 125, 384])
def test_a_reply_of_any_length_is_put_together(length: int) -> None:
    data = bytes(n % 251 for n in range(length))
    message = bytes([0xC0, 9]) + length.to_bytes(2, "little") + data
    first, *rest = [message[at : at + 64].ljust(64, b"\0") for at in range(0, len(message), 64)]
    head = reply_head(first)
    assert head is not None
    assert (head.sequence, head.is_error, head.more_reports) == (9, False, len(rest))
    assert reply_data(head, rest) == data


@pytest.mark.parametrize("raw", ["", "c0 01 00", "80 01 00 00", "c0 01 01 02"])
def test_what_is_too_short_or_too_long_or_no_reply_is_none(raw: str) -> None:
    assert reply_head(bytes.fromhex(raw)) is None


def test_bit_5_of_the_flags_is_an_error() -> None:
    head = reply_head(bytes.fromhex("e0 01 00 00"))
    assert head is not None
    assert head.is_error
