"""The rig file: one TOML text that names the rig's cameras, lamps, box, light limits and schedule.

In: a path. Out: a frozen, checked `RigConfig`; below this package nobody checks again. `models.py` and
`device_tables.py` hold the tables and their bounds, `loading.py` reads a file and reports all its findings at once,
`writing.py` changes keys of a file and keeps its comments and its order.
Not here: whether the devices can do what the file says (see rigdriver.devices and rigdriver.schedule.limits).
"""

from rigdriver.config.device_tables import (
    BoxConfig,
    CameraConfig,
    GenicamConfig,
    LampConfig,
    LinkConfig,
    ProjectorConfig,
)
from rigdriver.config.loading import load, parse
from rigdriver.config.models import (
    AcceptanceConfig,
    LightConfig,
    RigConfig,
    RunConfig,
    ScheduleConfig,
    SyncConfig,
    VolumeConfig,
)
from rigdriver.config.owned_features import FeatureValue
from rigdriver.config.writing import write

__all__ = [
    "AcceptanceConfig",
    "BoxConfig",
    "CameraConfig",
    "FeatureValue",
    "GenicamConfig",
    "LampConfig",
    "LightConfig",
    "LinkConfig",
    "ProjectorConfig",
    "RigConfig",
    "RunConfig",
    "ScheduleConfig",
    "SyncConfig",
    "VolumeConfig",
    "load",
    "parse",
    "write",
]
