"""Fetch GenTL producers that nobody here wrote, so that the driver is tested against more than its own simulator.

    python tools/foreign_producers.py [FOLDER]

In: a folder (default: foreign-producers in this interpreter's environment), and the pin in foreign-producers.txt. Out:
TLSimu.cti and its library in that folder, and exit status 0; 1 with a reason when they cannot be had. The wheel that
holds them is unpacked, never installed: its bindings are older than those that the driver uses. Standard library only.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PINS = Path(__file__).with_name("foreign-producers.txt")
FILES = ("TLSimu.cti", "libVirtualFG.so")
WHEELS_FOR = ("Linux", "x86_64")


def main(arguments: list[str]) -> int:
    """Fetch the producers unless they are there."""
    folder = Path(arguments[0]) if arguments else Path(sys.prefix) / "foreign-producers"
    if (platform.system(), platform.machine()) != WHEELS_FOR:
        here = f"{platform.system()} {platform.machine()}"
        print(f"foreign producers: there are none for {here}, only for {' '.join(WHEELS_FOR)}", file=sys.stderr)
        return 1
    if all((folder / name).is_file() for name in FILES):
        return 0
    try:
        with tempfile.TemporaryDirectory() as scratch:
            unpack(download(Path(scratch)), folder)
    except (subprocess.CalledProcessError, OSError, KeyError, zipfile.BadZipFile) as exc:
        print(f"foreign producers: cannot be fetched: {exc}", file=sys.stderr)
        return 1
    return 0


def download(scratch: Path) -> Path:
    """Download the pinned wheel, whichever Python runs this: only its C libraries are wanted."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
            *("--platform", "manylinux2014_x86_64", "--dest", str(scratch), "--requirement", str(PINS)),
        ],
        check=True,
        timeout=300,
    )
    return next(scratch.glob("*.whl"))


def unpack(wheel: Path, folder: Path) -> None:
    """Take the producers out of the wheel. KeyError when it lacks one."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        for name in FILES:
            # Whole or not at all: the files are taken as they are as soon as they have their names.
            part = folder / f"{name}.part"
            part.write_bytes(archive.read(members[name]))
            part.replace(folder / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
