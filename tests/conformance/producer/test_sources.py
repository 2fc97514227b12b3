"""The producer's C sources as a structure.

In: the sources, each compiled alone. Out: who calls whom runs one way, as it does in the Python packages.
"""

from __future__ import annotations

import subprocess
from graphlib import TopologicalSorter


def symbols(compiled):
    """Return the names that an object file defines, and those that it needs."""
    told = subprocess.run(["nm", "--extern-only", compiled], capture_output=True, text=True, check=True).stdout
    kinds = [line.split()[-2:] for line in told.splitlines()]
    return {name for kind, name in kinds if kind != "U"}, {name for kind, name in kinds if kind == "U"}


def test_no_circle_of_sources_that_call_each_other(recipe, tmp_path):
    found = {}
    for source in recipe.SOURCES.glob("*.c"):
        compiled = tmp_path / f"{source.stem}.o"
        subprocess.run([recipe.find_compiler(), *recipe.FLAGS, "-c", source, "-o", compiled], check=True)
        found[source.stem] = symbols(compiled)
    calls = {
        name: {other for other, (defined, _) in found.items() if other != name and defined & needed}
        for name, (_, needed) in found.items()
    }
    assert calls["stream"]
    TopologicalSorter(calls).prepare()  # a circle is a CycleError that names it
