"""Whether each lamp gives light, enough of it, where it should; and whether the room is dark enough.

In: what the cameras saw of each lamp alone. Out: one check per lamp (dead, weak, swapped) and one per camera (light of
the room). Not here: flashing the lamps (see lamps.py), and focus (see focus_checks.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rigdriver.config import CameraConfig, LampConfig, RigConfig
from rigdriver.run.brightness import DARK, WEAK
from rigdriver.selftest.lamps import LightSeen, lit_cameras
from rigdriver.selftest.result import CheckResult, Status, not_checked, not_run, unknown, verdict

AMBIENT = 0.25
"""Largest good light of the room, as a share of a lamp's: with more, a fifth of all contrast is gone."""
PLAIN = 0.5
"""Share of the fine contrast in white light below which a pattern lamp shows no pattern."""


def judge_light(seen: LightSeen, config: RigConfig) -> list[CheckResult]:
    """Judge every lamp, and the room's light at every camera."""
    if not config.lamps:
        return []
    return [
        *(replace(_judge_lamp(lamp, seen, config), figure=level(lamp, seen, config)) for lamp in config.lamps),
        *(_judge_room(camera, seen, config) for camera in config.cameras),
    ]


def _judge_lamp(lamp: LampConfig, seen: LightSeen, config: RigConfig) -> CheckResult:
    name, cameras = f"light.{lamp.name}", lit_cameras(config, lamp)
    own = level(lamp, seen, config)
    if own is None:
        return unknown(name, "seen", f"none of {', '.join(cameras)} gave a frame", "of full scale")
    measured, enough = _told(lamp, seen, config), f"> {DARK:.0%} of full scale"
    if (remedy := _swapped(lamp, seen, config)) or (remedy := _dead(lamp, own, seen, config)):
        return verdict(False, name, measured, enough, "", remedy)
    peers = {p.name: light for p in _peers(lamp, config) if (light := level(p, seen, config)) is not None}
    if not peers:
        return verdict(True, name, measured, enough)
    best = max(peers, key=lambda peer: peers[peer])
    if peers[best] <= DARK:  # nothing says how bright this lamp should be
        return not_run(CheckResult(name, Status.UNKNOWN, None, enough), f"light.{best}", " is not good")
    remedy = (
        f"lamp {lamp.name}: it gives {own / max(peers[best], 1e-9):.0%} of the light of {best}; clean it, and check "
        "its supply and its current"
    )
    expected = f">= {WEAK * peers[best]:.1%} of full scale"
    return verdict(own >= WEAK * peers[best], name, measured, expected, "", remedy)


def level(lamp: LampConfig, seen: LightSeen, config: RigConfig) -> float | None:
    """Return the mean of what the lamp adds to its own pod's cameras; None without a frame of theirs."""
    return _mean(lamp, lit_cameras(config, lamp), seen)


def _mean(lamp: LampConfig, cameras: Sequence[str], seen: LightSeen) -> float | None:
    levels = [net for camera in cameras if (net := seen.net(lamp.name, camera)) is not None]
    return float(np.mean(levels)) if levels else None


def _told(lamp: LampConfig, seen: LightSeen, config: RigConfig) -> str:
    """Return which cameras see the lamp, and how bright."""
    nets = {camera.name: seen.net(lamp.name, camera.name) or 0.0 for camera in config.cameras}
    return ", ".join(f"{net:.1%} at {camera}" for camera, net in nets.items() if net > DARK) or "no light"


def _peers(lamp: LampConfig, config: RigConfig) -> list[LampConfig]:
    """Return the lamps of the same kind in other pods."""
    return [p for p in config.lamps if p.kind == lamp.kind and p.pod != lamp.pod]


def _dead(lamp: LampConfig, own: float, seen: LightSeen, config: RigConfig) -> str:
    if own > DARK:
        return ""
    lights = [level(other, seen, config) or 0.0 for other in config.lamps]
    if max(lights) <= DARK and len(lights) > 1:
        return (
            f"lamp {lamp.name}: no camera sees light of any lamp; check the lamps' supply, and hold a sheet of paper "
            "or have somebody sit before the rig"
        )
    return (
        f"lamp {lamp.name}: its cameras see no light of it; check its supply and its cable at box output {lamp.output}"
    )


def _swapped(lamp: LampConfig, seen: LightSeen, config: RigConfig) -> str:
    """Return the remedy when this lamp shines where, or as, another one should."""
    other = next((p for p in _peers(lamp, config) if _are_crossed(lamp, p, seen, config)), None)
    if other is None and not _is_plain_everywhere(seen, config):
        other = next((p for p in _partners(lamp, config) if _are_exchanged(lamp, p, seen, config)), None)
    if other is None:
        return ""
    return (
        f"lamps {lamp.name} and {other.name} are exchanged: exchange their cables at the box outputs {lamp.output} and "
        f"{other.output}, or mend lamps.output"
    )


def _are_crossed(lamp: LampConfig, other: LampConfig, seen: LightSeen, config: RigConfig) -> bool:
    """Whether each of two lamps lights the other's pod more than its own; the cameras' gains cancel out."""
    mine, theirs = lit_cameras(config, lamp), lit_cameras(config, other)
    own, cross = [_mean(lamp, mine, seen), _mean(other, theirs, seen)], [
        _mean(lamp, theirs, seen), _mean(other, mine, seen),
    ]  # fmt: skip
    levels = [max(light or 0.0, 0.0) for light in (*own, *cross)]
    return min(levels[2:]) > DARK and levels[0] * levels[1] < levels[2] * levels[3]


def _partners(lamp: LampConfig, config: RigConfig) -> list[LampConfig]:
    """Return the lamps of the other kind in the same pod."""
    return [p for p in config.lamps if p.kind != lamp.kind and p.pod == lamp.pod]


def _is_plain_everywhere(seen: LightSeen, config: RigConfig) -> bool:
    """Whether the pattern lamps of several pods all show no pattern: their focus, or the cameras', is at fault then."""
    patterns = [lamp for lamp in config.lamps if lamp.kind == "pattern"]
    plain = [any(_are_exchanged(lamp, p, seen, config) for p in _partners(lamp, config)) for lamp in patterns]
    return len(plain) > 1 and all(plain)


def _are_exchanged(lamp: LampConfig, other: LampConfig, seen: LightSeen, config: RigConfig) -> bool:
    """Whether the pattern lamp of the two shows less detail than the white one: then the pattern is at the other."""
    if min(level(one, seen, config) or 0.0 for one in (lamp, other)) <= DARK:
        return False  # a lamp that gives no light shows no detail either
    pattern, white = (lamp, other) if lamp.kind == "pattern" else (other, lamp)
    details = [[d.fine for d in seen.detail.get(p.name, {}).values()] for p in (pattern, white)]
    return all(details) and float(np.mean(details[0])) < PLAIN * float(np.mean(details[1]))


def _judge_room(camera: CameraConfig, seen: LightSeen, config: RigConfig) -> CheckResult:
    name, expected = f"ambient.{camera.name}", f"<= {AMBIENT:.0%}"
    lamps = [lamp for lamp in config.lamps if camera.name in lit_cameras(config, lamp)]
    if not lamps:
        return not_checked(name, "no lamp lights this camera")
    dark = seen.dark.get(camera.name)
    best = max((seen.net(lamp.name, camera.name) or 0.0 for lamp in lamps), default=0.0)
    if dark is None or best <= DARK:
        return unknown(name, expected, f"camera {camera.name} gave no frame in a lamp's light", "of the lamps' light")
    remedy = (
        f"camera {camera.name}: the room's light is too strong beside the lamps'; darken the room, or shade the window "
        "and ceiling lamps that it sees"
    )
    return verdict(dark <= AMBIENT * best, name, f"{dark / best:.1%}", expected, "of the lamps' light", remedy)
