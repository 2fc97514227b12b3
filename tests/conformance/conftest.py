"""The producers that the cameras' tests run on, launched once a file.

In: nothing but the names in camera_worlds.py. Out: the fixture `backend`, which is each of them in turn, and `viky`,
`tlsimu` and `sim` for what only one can show. A producer that is not installed is skipped, with its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.camera_worlds import BACKENDS, TLSIMU, Backend, launched, simulated


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import rigdriver_sim

    text = (Path(rigdriver_sim.__file__).parent / "scenarios" / "default.toml").read_text(encoding="utf-8")
    scenario = tmp_path_factory.mktemp("scenario") / "formats.toml"
    formats = 'pixel_formats = ["Mono8", "Mono12p", "Mono12Packed"]'
    scenario.write_text(text.replace('name = "left_upper"', f'name = "left_upper"\n{formats}', 1), encoding="utf-8")
    with launched(f"{scenario}?width=320&height=240&seed=1&lockstep=true&pace=0") as running:
        yield running


@pytest.fixture(scope="module")
def sim(rig: Any) -> Backend:
    return simulated(rig)


@pytest.fixture(scope="module", params=[*BACKENDS, "sim"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "sim":
        backend: Backend = request.getfixturevalue("sim")
        return backend
    found = BACKENDS[request.param]
    if not found.producer.is_file():
        pytest.skip(f"{found.producer} is not there; tools/foreign_producers.py gets it on Linux x86_64 only")
    return found


@pytest.fixture
def viky() -> Backend:
    return BACKENDS["viky"]


@pytest.fixture
def tlsimu() -> Backend:
    if not TLSIMU.is_file():
        pytest.skip(f"{TLSIMU} is not there; tools/foreign_producers.py gets it on Linux x86_64 only")
    return BACKENDS["tlsimu"]
