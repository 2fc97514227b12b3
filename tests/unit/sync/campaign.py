"""Kinds of worlds for the campaign against wrong frame sets, and what came of one world.

In: a kind, a seed, a number of pulses. Out: an `Outcome`, to be added up. `tools/campaign_sync.py` runs many of them,
the tests a few. Not here: how the driver matches.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import astuple, dataclass

from rigdriver.frames import GapReason
from tests.unit.sync.planted import BENDS, FAULTS, NASTY, World, run

STEPS = {"clock_step", "stamp_jump"}
NAMES = tuple(f"camera_{n}" for n in range(12))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one world, or many, came to."""

    frame_sets: int = 0
    frames: int = 0
    faults: int = 0
    gaps: int = 0
    complete: int = 0
    """Frame sets without a gap."""
    needless: int = 0
    """Gaps at places where no fault was planted: frames given up for safety."""
    notes: int = 0
    wrong: int = 0
    """Frames in the frame set of another pulse."""

    @property
    def complete_share(self) -> float:
        """Share of the frame sets that have no gap; NaN where there are none."""
        return self.complete / self.frame_sets if self.frame_sets else math.nan

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def _faults(
    rng: random.Random, cameras: tuple[str, ...], pulses: int, kinds: tuple[str, ...]
) -> dict[tuple[str, int], str]:
    """Plant faults at a density that is drawn, too: lone ones, and some that meet."""
    share = rng.choice([0.005, 0.03, 0.1])
    return {(c, p): rng.choice(kinds) for c in cameras for p in range(pulses) if rng.random() < share}


def _steps(rng: random.Random, world: World) -> World:
    """Draw every step of a clock anew: of any size, one in ten by whole pulse periods."""
    for place, fault in world.faults.items():
        if STEPS & set(fault.split("+")) and place not in world.step_of:
            size_ns = rng.randint(1, 10) * 1e9 / world.rate_hz if rng.random() < 0.1 else 10 ** rng.uniform(5.3, 12)
            world.step_of[place] = round(rng.choice([-1, 1]) * size_ns)
    return world


def _mixed(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 12)]
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY)
    return World(rng.randrange(2**31), rng.choice([10, 30, 60]), cameras=cameras, faults=faults)


def _one_kind(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 3)]
    faults = _faults(rng, cameras, pulses, (rng.choice(FAULTS + NASTY),))
    return World(rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras, faults=faults)


def _fast(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY)
    jitter_ns = rng.choice([1e5, 1e6, 5e6, 2e7])
    return World(
        rng.randrange(2**31), 500, cameras=cameras, faults=faults, exposure_us=500, arrival_jitter_ns=jitter_ns
    )


def _late(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    rate = rng.choice([10, 60])
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY)
    jitter_ns = rng.choice([0.3, 1, 3]) * 1e9 / rate
    return World(rng.randrange(2**31), rate, cameras=cameras, faults=faults, arrival_jitter_ns=jitter_ns)


def _deaf(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY)
    lost = {p: rng.choice([0.2, 0.5, 1.0]) for p in range(pulses) if rng.random() < 0.08}
    rate = rng.choice([10, 60, 200])
    jitter_ns = rng.choice([1e6, 0.5e9 / rate])
    return World(
        rng.randrange(2**31), rate, cameras=cameras, faults=faults, lost_reports=lost, arrival_jitter_ns=jitter_ns,
        exposure_us=1000,
    )  # fmt: skip


def _long(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    rate = rng.choice([10, 60])
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY)
    return World(rng.randrange(2**31), rate, cameras=cameras, faults=faults, exposure_us=0.7e6 / rate)


def _wrapping(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    faults = _faults(rng, cameras, pulses, FAULTS + NASTY) if rng.random() < 0.7 else {}
    first = 2**16 - rng.randrange(10, pulses)
    return World(
        rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras, faults=faults, wrap=(2**16, rng.choice([0, 1])),
        first_id=first,
    )  # fmt: skip


def _blind(rng: random.Random, pulses: int) -> World:
    """No exposure line is wired; of the faults those that need none."""
    cameras = NAMES[: rng.randint(1, 6)]
    kinds = tuple(f for f in FAULTS + NASTY if f not in {"line_dead", "line_split", "line_ghost", "late_exposure"})
    faults = _faults(rng, cameras, pulses, kinds)
    return World(rng.randrange(2**31), rng.choice([10, 60]), inputs=False, cameras=cameras, faults=faults)


def _telling(rng: random.Random, pulses: int) -> World:
    cameras = NAMES[: rng.randint(1, 6)]
    faults = _faults(rng, cameras, pulses, ("lost_frame", "lost_frame", "id_reset", "reordered", "stalled"))
    reason = rng.choice([GapReason.INCOMPLETE, GapReason.NO_SLOT])
    return World(
        rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras, faults=faults, tells_losses=reason,
        damaged_id_ahead=rng.choice([0, 0, 1, 5]),
    )  # fmt: skip


def _bent_alike(rng: random.Random, pulses: int) -> World:
    """Two of clock, counter and arrival are bent by whole pulses, often in one frame and by as many; not all three."""
    cameras = NAMES[: rng.randint(1, 6)]
    rate = rng.choice([10, 60])
    places = _faults(rng, cameras, pulses, ("bent",))
    clock, counter = ("clock_step", "stamp_jump", "frozen_stamp"), ("id_step", "id_jump", "repeated_id", "lost_frame")
    losing = (*counter, "uncounted_loss", "lagging_header")
    witnesses = rng.choice([(clock, losing), (clock, ("late", "lost_frame")), (counter, ("late", "lost_frame"))])
    world = World(
        rng.randrange(2**31), rate, cameras=cameras, arrival_jitter_ns=rng.choice([1e6, 0.1e9 / rate]),
        first_id=rng.choice([1, 2**16 - rng.randrange(10, pulses)]), wrap=rng.choice([None, (2**16, 0), (2**16, 1)]),
    )  # fmt: skip
    for place in places:
        bends = [rng.choice(kinds) for kinds in witnesses]
        world.faults[place] = "+".join(rng.sample(bends, rng.randint(1, 2)))
        pulses_off = rng.choice([-2, -1, 1, 2])
        world.step_of[place] = round(pulses_off * 1e9 / rate)
        world.ids_of[place] = pulses_off
        world.late_of[place] = rng.choice([1, 2])
    return world


def _paired(rng: random.Random, pulses: int) -> World:
    """Two faults meet in one frame, or two cameras have one in the same pulse, or the box's report is lost with it."""
    cameras = NAMES[: rng.randint(2, 6)]
    faults: dict[tuple[str, int], str] = {}
    lost: dict[int, float] = {}
    kinds = [k for k in FAULTS + NASTY + BENDS if k != "doubled_frame"]
    for pulse in (p for p in range(pulses) if rng.random() < 0.05):
        hit = rng.sample(cameras, 2)
        match rng.randrange(3):
            case 0:
                faults[hit[0], pulse] = "+".join(rng.sample(kinds, 2))
            case 1:
                faults.update({(camera, pulse): rng.choice(kinds) for camera in hit})
            case _:
                faults[hit[0], pulse] = rng.choice(["id_reset", "clock_step", "restart", "id_step", "missed_trigger"])
                lost[pulse] = rng.choice([0.5, 1.0])
    return World(rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras, faults=faults, lost_reports=lost)


def _other_cameras(rng: random.Random, pulses: int) -> World:
    """Cameras of other makes: coarse or short tick counters, stamps of the exposure's end, ids that count triggers."""
    cameras = NAMES[: rng.randint(1, 6)]
    return World(
        rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras,
        faults=_faults(rng, cameras, pulses, (*FAULTS, *NASTY, *BENDS, "restart")),
        stamp_tick_ns=rng.choice([1, 8, 1000, 10_000]), stamp_wrap_ns=rng.choice([None, 2**32 * 8, 2**40]),
        is_stamped_at_end=rng.random() < 0.5, is_counting_triggers=rng.random() < 0.5, first_id=rng.choice([0, 1]),
    )  # fmt: skip


def drawn_spells(rng: random.Random, pulses: int) -> dict[int, tuple[float, float]]:
    """Let the computer fall behind every 10 to 25 pulses, by up to 2.5 periods; it catches up before the next time."""
    spells: dict[int, tuple[float, float]] = {}
    pulse = rng.randint(3, 12)
    while pulse < pulses:
        most = rng.uniform(0.4, 2.5)
        spells[pulse] = most, min(most * rng.uniform(1.2, 4), 9.0)
        pulse += rng.randint(10, 25)
    return spells


def _busy(rng: random.Random, pulses: int) -> World:
    """This computer falls behind in everything that it reads, and catches up."""
    cameras = NAMES[: rng.randint(1, 6)]
    kinds = rng.choice([FAULTS + NASTY + BENDS, FAULTS + NASTY, BENDS, ("lagging_header", "lost_image")])
    faults = _faults(rng, cameras, pulses, kinds) if rng.random() < 0.8 else {}
    world = World(rng.randrange(2**31), rng.choice([10, 60]), cameras=cameras, faults=faults)
    world.spells = drawn_spells(rng, pulses)
    return world


KINDS: dict[str, Callable[[random.Random, int], World]] = {
    "one kind of fault": _one_kind,
    "all kinds mixed": _mixed,
    "500 Hz": _fast,
    "late and jittering": _late,
    "reports lost": _deaf,
    "long exposures": _long,
    "16-bit frame ids": _wrapping,
    "no exposure lines": _blind,
    "losses told": _telling,
    "busy computer": _busy,
    "bent alike": _bent_alike,
    "faults in pairs": _paired,
    "other cameras": _other_cameras,
}


def planted_outcome(kind: str, seed: int, pulses: int) -> Outcome:
    """Play one world of that kind."""
    return _outcome(planted_world(kind, seed, pulses), pulses)


def planted_world(kind: str, seed: int, pulses: int) -> World:
    """Return the world of that kind and seed."""
    rng = random.Random(f"{kind} {seed}")
    return _steps(rng, KINDS[kind](rng, pulses))


def clean_outcome(seed: int, pulses: int) -> Outcome:
    """Play one world without a fault."""
    rng = random.Random(f"clean {seed}")
    world = World(rng.randrange(2**31), rng.choice([10, 30, 60]), cameras=NAMES[: rng.choice([1, 6, 12])])
    return _outcome(world, pulses)


def _outcome(world: World, pulses: int) -> Outcome:
    resolved, _, _ = run(world, pulses)
    assert [r.pulse_index for r in resolved] == list(range(len(resolved)))
    told = [(c, r.pulse_index) for r in resolved for c in r.gaps]
    return Outcome(
        frame_sets=len(resolved),
        frames=sum(len(r.frames) for r in resolved),
        faults=len(world.faults) + len(world.lost_reports),
        gaps=len(told),
        complete=sum(not r.gaps for r in resolved),
        needless=sum(1 for place in told if place not in world.faults and place[1] not in world.lost_reports),
        notes=sum(len(p.notes) for r in resolved for p in r.proof.frames.values()),
        wrong=sum(int(f.pixels[0, 0]) != r.pulse_index & 0xFFFF for r in resolved for f in r.frames.values()),
    )
