"""What a reconstructor has compiled, or loaded, before the first frame set; in a process that has compiled nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rigdriver.calibration.file import save

COUNT = """
import sys
from pathlib import Path
import numpy as np
from rigdriver.calibration.file import load
from rigdriver.images.raw_image import RawImage
from rigdriver.stereo.reconstruct import CellReconstructor

def loops():
    found = [value for name, module in sys.modules.items() if name.startswith("rigdriver.stereo")
             for value in vars(module).values() if hasattr(value, "signatures")]
    return {(loop.__module__, loop.__name__, signature) for loop in found for signature in loop.signatures}

made = CellReconstructor(load(Path(sys.argv[1])))
if sys.argv[3] == "warm":
    made.warm_up()
before = loops()
images = dict(np.load(sys.argv[2]))
for pixels in images.values():
    pixels.flags.writeable = False
wide = {name: pixels.astype(np.uint16) << 4 for name, pixels in images.items()}
for pixels in wide.values():
    pixels.flags.writeable = False
clouds = [made.reconstruct(images)]
clouds.append(made.reconstruct({name: RawImage(pixels, "Mono12") for name, pixels in wide.items()}))
print(len(before), len(loops() - before), *(len(cloud) for cloud in clouds))
"""


@pytest.mark.parametrize(("how", "is_all_there"), [("warm", True), ("cold", False)])
def test_a_reconstructor_that_was_warmed_up_has_no_loop_left_to_load(head, tmp_path, how, is_all_there):
    save(head.calibration, tmp_path / "calibration.json")
    np.savez(tmp_path / "images.npz", **head.images)
    words = [sys.executable, "-c", COUNT, tmp_path / "calibration.json", tmp_path / "images.npz", how]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout
    before, left, *points = map(int, told.split())
    assert min(points) > 3000
    assert (left == 0) == is_all_there, told
    assert (before > 0) == is_all_there
