"""`python -m rigdriver_sim serve [SCENARIO]`: run a simulated rig until it is told to end."""

from __future__ import annotations

import sys

from rigdriver_sim import serve


def main() -> int:
    """Run the verb that the command line names."""
    if sys.argv[1:2] != ["serve"]:
        sys.stderr.write("usage: python -m rigdriver_sim serve [SCENARIO] [--folder FOLDER]\n")
        return 2
    return serve.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
