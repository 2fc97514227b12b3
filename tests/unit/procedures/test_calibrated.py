"""Who the cameras of a calibration are: their identity in the rig file, and the place on the sensor that was used."""

from __future__ import annotations

from rigdriver.config import RigConfig
from rigdriver.images.region import ImageRegion
from rigdriver.procedures.calibrated import identities

CONFIG = RigConfig.model_validate(
    {
        "name": "bench",
        "box": {"url": "/dev/null"},
        "genicam": {"producers": ["x.cti"]},
        "cameras": [{"name": n, "serial": n.upper(), "output": i, "pod": n} for i, n in enumerate(("a", "b"))],
    }
)


def test_a_camera_is_calibrated_with_the_region_that_it_has_now() -> None:
    region = ImageRegion((16, 8), binning=(2, 2))
    found = identities(CONFIG, {"a": region})
    assert {name: (who.serial, who.pod, who.region) for name, who in found.items()} == {
        "a": ("A", "a", region),
        "b": ("B", "b", None),
    }
