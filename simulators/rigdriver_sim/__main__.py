"""`python -m rigdriver_sim VERB`: `serve` a rig, plant a `fault`, `render` a scene, `score` what was measured of it."""

from __future__ import annotations

import sys
from importlib import import_module

VERBS = {
    "serve": "rigdriver_sim.program.serve",
    "fault": "rigdriver_sim.program.fault_verb",
    "render": "rigdriver_sim.program.render_verb",
    "score": "rigdriver_sim.program.score_verb",
}


def main() -> int:
    """Run the verb that the command line names."""
    module = VERBS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if module is None:
        sys.stderr.write(f"usage: python -m rigdriver_sim {'|'.join(VERBS)} ...\n")
        return 2
    status: int = import_module(module).main(sys.argv[2:])
    return status


if __name__ == "__main__":
    sys.exit(main())
