"""The README's example, run as it stands.

In: README.md and a rig. Out: frame sets from the example as it is printed there. A change that breaks the newcomer's
walk fails here.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_ten_lines_of_the_readme_run_on_this_rig(rig_file, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(example.splitlines()) <= 10
    script = tmp_path / "example.py"
    script.write_text(example.replace('"sim"', repr(str(rig_file))).replace("frames=100", "frames=5"))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
