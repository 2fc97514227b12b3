"""Where on its sensor a camera takes its images.

In: features as cameras have them, or lack them. Out: regions, the same after they were stored.
"""

from __future__ import annotations

import json

import pytest

from rigdriver.images.region import ImageRegion, region_from_json, region_of
from rigdriver.json_values import JsonObject


def test_a_camera_without_such_features_uses_its_whole_sensor() -> None:
    assert region_of(lambda _name: None) == ImageRegion()


def test_a_region_is_read_from_the_cameras_features() -> None:
    features: dict[str, float] = {
        "OffsetX": 160.0, "OffsetY": 120.0, "BinningHorizontal": 2.0, "DecimationVertical": 4.0, "ReverseY": 1.0,
    }  # fmt: skip
    region = region_of(features.get)
    assert region == ImageRegion((160, 120), (2, 1), (1, 4), (False, True))
    assert str(region) == "offset 160,120 px, binning 2x1, decimation 1x4, ReverseY"


def test_a_region_is_the_same_after_it_was_stored() -> None:
    region = ImageRegion((16, 8), (2, 2), (1, 1), (True, False))
    assert region_from_json(json.loads(json.dumps(region.to_json()))) == region
    assert region_from_json(None) is None


@pytest.mark.parametrize("table", [{}, {"offset_px": [1]}, {"offset_px": ["a", "b"]}])
def test_what_is_no_region_is_an_error(table: JsonObject) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        region_from_json(table)
