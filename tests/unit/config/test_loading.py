"""A rig file that cannot be used says which key, which value, which bound and which line.

In: rig files with planted mistakes. Out: the configuration, or one error with all findings. Whether a device agrees is
not known here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from rigdriver.config import LampConfig, LightConfig, load, parse
from rigdriver.config.loading import RENAMED_KEYS
from rigdriver.errors import ConfigError

RIG = """\
name = "bench"
[box]
url = "/dev/ttyACM0"
[genicam]
producers = ["vendor.cti"]
[[cameras]]
name = "left"
serial = "11"
output = 0
input = 0
features = { PixelFormat = "Mono8", Gain = 3.5 }
[[cameras]]
name = "right"
serial = "12"
output = 1
[[lamps]]
name = "flash"
kind = "pattern"
output = 6
[schedule]
rate_hz = 10
"""


def test_a_rig_file_is_read_with_its_defaults_and_paths_start_at_its_folder(tmp_path: Path) -> None:
    config = parse(RIG, "rig.toml", tmp_path)
    assert config.genicam.producers == (tmp_path / "vendor.cti",)
    assert config.camera("left").features == {"PixelFormat": "Mono8", "Gain": 3.5}
    assert config.camera("right").input is None
    assert config.light.max_train_flashes == 100


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rate_hz = 10", "rate_hz = 0", ["line 21", "schedule.rate_hz = 0", "greater than 0"]),
        ("rate_hz = 10", 'rate_hz = "10"', ["line 21", "schedule.rate_hz = '10'", "valid number"]),
        ("rate_hz = 10", "rate_hz = nan", ["line 21", "finite"]),
        ("rate_hz = 10", "rate_hz = true", ["line 21", "rate_hz"]),
        ("rate_hz = 10", "rat_hz = 10", ["line 21", "schedule.rat_hz", "unknown key"]),
        ("output = 6", "output = 16", ["line 19", "lamps.0.output = 16", "15"]),
        ("output = 6", "output = 1", ["line 19", "lamps.0.output = 1", "already used by cameras.1.output"]),
        ('serial = "12"', 'serial = "11"', ["line 14", "cameras.1.serial = '11'", "already used by cameras.0"]),
        ('name = "right"', 'name = "left"', ["line 13", "cameras.1.name = 'left'"]),
        ('kind = "pattern"', 'kind = "laser"', ["line 18", "lamps.0.kind = 'laser'", "'pattern' or 'white'"]),
        ('url = "/dev/ttyACM0"', "", ["box.url", "is missing"]),
        (
            "[schedule]",
            '[projector]\nlamp = "flsh"\n[schedule]',
            ["line 21", "projector.lamp = 'flsh'", "one of [[lamps]] of kind pattern: flash"],
        ),
        ("[schedule]", '[projector]\nlamp = "flash"\ngreen_level = 256\n[schedule]', ["line 22", "green_level = 256"]),
        ('name = "right"', 'name = "right camera"', ["line 13", "cameras.1.name = 'right camera'", "a letter, then"]),
        ("Gain = 3.5", "Gain = [1]", ["line 11", "cameras.0.features.Gain: expected true, false, a number or a text"]),
    ],
)
def test_what_is_wrong_is_named_with_key_value_bound_and_line(old: str, new: str, told: list[str]) -> None:
    assert old in RIG
    with pytest.raises(ConfigError) as caught:
        parse(RIG.replace(old, new), "rig.toml", Path())
    for part in told:
        assert part in str(caught.value)


def test_all_findings_come_in_one_error() -> None:
    text = RIG.replace("rate_hz = 10", "rate_hz = 0").replace("output = 6", "output = 99")
    with pytest.raises(ConfigError) as caught:
        parse(text, "rig.toml", Path())
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"a = = 1", "is no TOML"), (b"\xff\xfe", "is not UTF-8"), (b"", "is missing")],
)
def test_a_file_that_is_no_rig_file_is_told_so(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        load(path)


def test_a_missing_rig_file_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("key", sorted(RENAMED_KEYS))
def test_a_key_of_an_earlier_version_is_refused_with_its_line_and_its_new_name(key: str) -> None:
    table, _, old = key.partition(".")
    text = f"{RIG}\n[[{table}]]\n{old} = 1\n" if table == "lamps" else f"{RIG}\n[{table}]\n{old} = 1\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "rig.toml", Path())
    (told,) = [line for line in str(caught.value).splitlines() if old in line.split(" = ")[0]]
    assert f"line {len(text.splitlines())}" in told
    assert told.endswith(f"is called {RENAMED_KEYS[key]} now; rename the key")


def test_every_new_name_of_a_renamed_key_is_a_key_of_the_rig_file() -> None:
    tables: dict[str, type[BaseModel]] = {"light": LightConfig, "lamps": LampConfig}
    for old, new in RENAMED_KEYS.items():
        table, _, key = new.partition(".")
        assert key in tables[table].model_fields
        assert old.partition(".")[2] not in tables[table].model_fields


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RIG.encode())
    assert load(path).name == "bench"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told_as_such_with_and_without_its_mark(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(RIG.encode(codec))
    with pytest.raises(ConfigError, match=r"rig.toml: is not UTF-8 but UTF-16 text; save it as UTF-8"):
        load(path)


def test_windows_line_ends_are_read_and_findings_name_the_right_line(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RIG.replace("\n", "\r\n").encode())
    assert load(path).camera("right").serial == "12"
    path.write_bytes(RIG.replace("rate_hz = 10", "rate_hz = 0").replace("\n", "\r\n").encode())
    with pytest.raises(ConfigError, match=r"line 21: schedule\.rate_hz = 0"):
        load(path)


def test_old_line_ends_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(RIG.replace('"11"\n', '"11"\r').encode())
    with pytest.raises(ConfigError, match=r"line 8: a bare carriage return; save the file with LF or CR LF"):
        load(path)


def test_a_character_that_is_no_line_end_of_toml_does_not_move_the_lines(tmp_path: Path) -> None:
    text = RIG.replace('name = "bench"', 'name = "bench" # \u2028 \u0085').replace("rate_hz = 10", "rate_hz = 0")
    with pytest.raises(ConfigError, match=r"line 21: schedule\.rate_hz = 0"):
        parse(text, "rig.toml", tmp_path)


def test_a_latin_1_comment_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rig.toml"
    path.write_bytes(RIG.replace('url = "/dev/ttyACM0"', 'url = "/dev/ttyACM0" # \xfcber USB').encode("latin-1"))
    with pytest.raises(ConfigError, match=r"rig.toml line 3: is not UTF-8 text \(byte \d+\); save it as UTF-8"):
        load(path)


def test_cameras_with_one_serial_are_allowed_on_two_interfaces_only(tmp_path: Path) -> None:
    twice = RIG.replace('serial = "11"', 'serial = "0"\ninterface = "eth0"').replace(
        'serial = "12"', 'serial = "0"\ninterface = "eth1"'
    )
    assert [c.interface for c in parse(twice, "rig.toml", tmp_path).cameras] == ["eth0", "eth1"]
    with pytest.raises(ConfigError, match=r"already used by cameras\.0"):
        parse(twice.replace("eth1", "eth0"), "rig.toml", tmp_path)
