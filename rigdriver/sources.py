"""From what a user names as a rig to a rig file: a path, or `sim`, `sim:smile`, or another rig of an entry point.

In: a string, a path or a `RigConfig`. Out: the checked configuration, and whatever must be closed when the rig is.
Rigs with a name register under the entry point group `rigdriver.rigs`: a callable that takes the text after the colon
and returns a context manager with a `rig_file`. Not here: what such a rig is made of (see the package that registers
it).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from rigdriver.config import RigConfig, load
from rigdriver.errors import ConfigError, DeviceError, RigError

GROUP = "rigdriver.rigs"


class NamedRig(AbstractContextManager["NamedRig"], Protocol):
    """What an entry point of the group returns: a running rig."""

    @property
    def rig_file(self) -> Path:
        """A rig file that `rigdriver.config.load` accepts."""
        ...


def resolve(source: str | Path | RigConfig, stack: ExitStack) -> RigConfig:
    """Return the configuration of a rig; a rig that had to be started is closed by `stack`.

    Raises:
        ConfigError: no such file or named rig, or the rig file is wrong.
        DeviceError: the named rig could not be started.
    """
    if isinstance(source, RigConfig):
        return source
    # By entry point, so that the driver can start a simulator without importing it.
    named = {entry.name: entry for entry in entry_points(group=GROUP)}
    name, _, spec = str(source).partition(":")
    # A file that exists comes before a rig of that name, and a Path is always a file.
    if isinstance(source, Path) or name not in named or (str(source).endswith(".toml") and Path(source).exists()):
        path = Path(source)
        if not path.exists() and path.suffix != ".toml":
            raise ConfigError(
                device=str(source),
                seen="no such rig file",
                remedy=f"name a .toml file or one of: {', '.join(sorted(named))}",
            )
        return load(path)
    return load(_start(named[name], spec, stack))


def _start(entry: EntryPoint, spec: str, stack: ExitStack) -> Path:
    try:
        rig: NamedRig = entry.load()(spec)
        stack.enter_context(rig)
        return rig.rig_file
    except RigError:
        raise
    # A starter refuses a bad text after the colon with ValueError; everything else is the rig that cannot start.
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    except Exception as exc:
        raise DeviceError(device=f"rig {entry.name}", seen=f"cannot be started: {exc}") from exc
