"""Files that anybody may have written are read within bounds, and a name leads nowhere else.

In: texts that are too large, too deep, or hold numbers that are none. Out: a ValueError with a reason, and never a
traceback of the stack or the memory.
"""

from __future__ import annotations

import pytest

from rigdriver.file_text import is_plain_name, json_values, read_utf8, toml_values


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 1000 + "]" * 1000,
        '{"a":' * 80 + "1" + "}" * 80,
        "NaN",
        "[Infinity]",
        "1e999",
        "1" * 5000,
        "{",
        "",
    ],
)
def test_a_json_text_that_cannot_be_used_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"\w"):
        json_values(text)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 3000, "a = " + "[" * 100 + "]" * 100, "a." * 100_000 + "b = 1", "[" + "a." * 90 + "b]", "="]
)
def test_a_toml_text_that_cannot_be_used_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"\w"):
        toml_values(text)


def test_usual_texts_are_read():
    assert json_values('{"a": [1, 2.5, null, true]}') == {"a": [1, 2.5, None, True]}
    assert toml_values("[a.b]\nc = [[1, 2]]") == {"a": {"b": {"c": [[1, 2]]}}}


def test_a_file_is_read_up_to_its_bound_and_as_utf8(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbf" + "grün".encode())
    assert read_utf8(path) == "grün"
    with pytest.raises(ValueError, match="more than 0 MB"):
        read_utf8(path, 3)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        read_utf8(path)


@pytest.mark.parametrize("name", ["left_upper", "cam 1", "0", "kamera-ü", "a" * 100])
def test_a_plain_name_is_one(name):
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "C:x", ".hidden", "a\n", "a\0b", "a" * 101, " a", "\udc80"],
)
def test_a_name_that_leads_elsewhere_is_none(name):
    assert not is_plain_name(name)
