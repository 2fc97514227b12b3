"""Features that make an image another one when a camera changes them: size, place, format, binning, flips.

In: reports of what a camera made of demands. Out: refusals with the true cause: a step, a bound, or an offset or a
binning that is in the way. Images of another size than asked are worse than none.
Not here: changes that leave the image's geometry alone, such as a shorter exposure; those are reported only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.descriptions import FeatureReport
from rigdriver.errors import CameraError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue
    from rigdriver.devices.camera_process.one_feature import NodeFacts, Nodes

IMAGE_FEATURES = (
    "Width", "Height", "OffsetX", "OffsetY", "PixelFormat", "BinningHorizontal", "BinningVertical",
    "DecimationHorizontal", "DecimationVertical", "ReverseX", "ReverseY",
)  # fmt: skip
# Offset and size share the sensor: OffsetX + Width is at most WidthMax (SFNC, Image Format Control).
_OTHER_SIDE = {"Width": "OffsetX", "Height": "OffsetY", "OffsetX": "Width", "OffsetY": "Height"}
_SHRINKING = {
    "Width": ("BinningHorizontal", "DecimationHorizontal"),
    "OffsetX": ("BinningHorizontal", "DecimationHorizontal"),
    "Height": ("BinningVertical", "DecimationVertical"),
    "OffsetY": ("BinningVertical", "DecimationVertical"),
}


def refuse_changed_images(
    camera: str, nodes: Nodes, reports: Sequence[FeatureReport], demanded: Collection[str]
) -> list[CameraError]:
    """Return a refusal for each demand on the image that the camera changed."""
    changed = [r for r in reports if r.is_clamped and r.name in IMAGE_FEATURES and r.name in demanded]
    return [_refusal(camera, nodes, report, demanded) for report in changed]


def _refusal(camera: str, nodes: Nodes, report: FeatureReport, demanded: Collection[str]) -> CameraError:
    facts = nodes.facts(report.name)
    causes = list(_causes(nodes, report, facts, demanded)) if facts is not None else []
    why = "; ".join(causes) or "the camera changed it and does not say why; ask for what it gives"
    return CameraError(
        device=camera,
        seen=(
            f"{report.name} = {report.asked!r} refused: the camera uses {report.got!r} instead, so its images would "
            "differ from what was asked"
        ),
        remedy=why,
    )


def _causes(nodes: Nodes, report: FeatureReport, facts: NodeFacts, demanded: Collection[str]) -> Iterator[str]:
    asked = report.asked
    if isinstance(asked, bool | str) or facts.low is None or facts.high is None:
        return
    # GenApi gives a bound but not its cause, so the causes that are known are looked up.
    if asked > facts.high:
        yield f"at most {facts.high:.10g} is possible now"
        yield from _in_the_way(nodes, report.name, demanded)
    elif asked < facts.low:
        yield f"at least {facts.low:.10g} is possible"
    elif facts.step and (asked - facts.low) % facts.step:
        below = facts.low + (asked - facts.low) // facts.step * facts.step
        above = [value for value in (below + facts.step,) if value <= facts.high]
        choice = " or ".join(f"{value:.10g}" for value in (below, *above))
        yield f"its step is {facts.step:.10g}: write {choice}"


def _in_the_way(nodes: Nodes, name: str, demanded: Collection[str]) -> Iterator[str]:
    other = _OTHER_SIDE.get(name)
    value = _value(nodes, other) if other else None
    if other and value and other not in demanded:
        yield f'{other} = {value} was left in the camera; write {other} into its features, or reset = "known"'
    elif other and value:
        yield f"{other} = {value} takes the rest; lower one of the two"
    for shrinking in _SHRINKING.get(name, ()):
        factor = _value(nodes, shrinking)
        if isinstance(factor, int) and factor > 1:
            yield f"{shrinking} = {factor} makes the image smaller"


def _value(nodes: Nodes, name: str) -> FeatureValue | None:
    with suppress(CameraError):
        facts = nodes.facts(name)
        return nodes.read(name) if facts is not None and facts.is_readable else None
    return None
