"""Build hook: compile the simulated GenTL producer into the wheel.

In: the C sources in simulators/gentl_producer. Out: rigsim.cti beside the simulator's Python files, in wheels and in
editable installs alike, and a wheel tag that names the platform. Without a C compiler the package still installs,
pure Python, with a warning; only the simulated rig is then missing. Not here: how the producer is compiled
(see simulators/gentl_producer/build.py).
"""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = Path("simulators/rigdriver_sim/rigsim.cti")
RECIPE = Path("simulators/gentl_producer/build.py")


class ProducerBuildHook(BuildHookInterface[BuilderConfig]):
    """Compiles rigsim.cti before a wheel is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell hatchling what came of it."""
        del version
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        if not (root / RECIPE).is_file():
            self.app.display_warning(f"{RECIPE} is missing: the simulated cameras are left out of this build")
            return
        try:
            _load(root / RECIPE).build(root / LIBRARY)
        except (OSError, RuntimeError, ValueError) as exc:
            self.app.display_warning(f"the simulated cameras are left out of this build: {exc}")
            return
        build_data["artifacts"].append(LIBRARY.as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("rigdriver_producer_recipe", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
