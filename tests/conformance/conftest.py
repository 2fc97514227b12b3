"""The boxes and the producers that the tests run on; a box is made per test, a producer is launched once per file.

In: the makers of box_makers.py, the names in camera_worlds.py. Out: the fixtures `made` and `host`, a box of each maker
in turn, and `outside` for what only some boxes allow; `backend`, each producer in turn, and `viky`, `tlsimu` and `sim`
for what only one can show. A producer that is not installed is skipped, with its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.box_errors import grown
from tests.conformance.box_makers import BoxMaker, Host, MadeBox, Outside, makers
from tests.conformance.camera_worlds import BACKENDS, TLSIMU, Backend, launched, simulated


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "maker" in metafunc.fixturenames:
        needs_outside = "outside" in metafunc.fixturenames
        fitting = [maker for maker in makers(metafunc.config) if maker.has_outside or not needs_outside]
        metafunc.parametrize("maker", fitting, ids=lambda maker: maker.name)


@pytest.fixture
def made(request: pytest.FixtureRequest, maker: BoxMaker, tmp_path: Path) -> Iterator[MadeBox]:
    """A box of the maker's kind, whose error counters the test may not raise unless it is marked plants_faults."""
    with maker.make(tmp_path) as made:
        before = made.host.box_errors()
        yield made
        if request.node.get_closest_marker("plants_faults") is None:
            errors = grown(before, made.host.box_errors())
            assert not errors, f"the box counted {errors}; a test that means it is marked plants_faults"


@pytest.fixture
def host(made: MadeBox) -> Host:
    """The computer that the box is plugged into."""
    return made.host


@pytest.fixture
def outside(made: MadeBox) -> Outside:
    """What can be done to the box beside talking to it; only makers that have it are taken."""
    assert made.outside is not None
    return made.outside


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
