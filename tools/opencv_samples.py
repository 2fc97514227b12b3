"""Fetch OpenCV's stereo chessboard images (Debian package opencv-doc) for the calibration tests.

In: a folder, `.venv/opencv-samples` unless named. Out: DIR/left/NN.jpg and DIR/right/NN.jpg, from `apt-get download` as
any user, nothing is installed; exit 0, or 2 with the reason when this machine has no such package (96 MB).
The images are not bundled, because they are not this project's.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "opencv-doc"
FOLDER = Path(__file__).resolve().parents[1] / ".venv" / "opencv-samples"
PAIRS = 13
"""Number of pairs: left01 to left14 without left10."""


class NoSamplesError(Exception):
    """The package cannot be had here."""


def fetch(folder: Path = FOLDER) -> Path:
    """Return the folder with the images, fetching them when they are not there yet."""
    if has_samples(folder):
        return folder
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NoSamplesError(f"no apt-get or dpkg-deb on this machine; put the images into {folder}/left and /right")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        _run(["apt-get", "download", PACKAGE], work)
        packages = list(work.glob("*.deb"))
        if not packages:
            raise NoSamplesError(f"apt-get brought no {PACKAGE} package")
        _run(["dpkg-deb", "-x", str(packages[0]), "files"], work)
        for path in (work / "files").rglob("*.jpg"):
            match = re.fullmatch(r"(left|right)(\d\d)\.jpg", path.name)
            if match:
                to = folder / match[1] / f"{match[2]}.jpg"
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
    if not has_samples(folder):
        raise NoSamplesError(f"{PACKAGE} of this distribution holds no stereo chessboard images")
    return folder


def has_samples(folder: Path = FOLDER) -> bool:
    """All pairs are there."""
    return all(len(list((folder / side).glob("*.jpg"))) == PAIRS for side in ("left", "right"))


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=600)
    except subprocess.CalledProcessError as exc:
        raise NoSamplesError(f"{' '.join(command)}: {exc.stderr.decode(errors='replace').strip()[-300:]}") from exc
    except subprocess.TimeoutExpired as exc:
        raise NoSamplesError(f"{' '.join(command)}: took longer than {exc.timeout:g} s") from exc


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="DIR")
    try:
        print(fetch(parser.parse_args().to))
    except NoSamplesError as exc:
        print(f"opencv_samples: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
