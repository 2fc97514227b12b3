"""`rigdriver proof FILE`: print the proofs of a capture and explain what they prove, or the gaps they name.

In: a proofs.json that `rigdriver capture` wrote, and perhaps a frame set's index. Out: a summary, or one frame set
explained line by line. Exit status 0 when everything is proved, 1 when there are gaps, 2 when the file is no proof.
"""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

from rigdriver.cli.screen import show, show_json
from rigdriver.cli.source import JsonOption
from rigdriver.cli.verb import CHECK_FAILED, GOOD, verb
from rigdriver.errors import UsageError

_MOST_LINES = 20


@verb
def proof_show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="proofs.json, or the folder of a capture.")],
    index: Annotated[int | None, typer.Option("--index", "-i", metavar="N", help="Explain this frame set.")] = None,
    json: JsonOption = False,
) -> int:
    """Print the proofs of a capture and explain them."""
    path = file / "proofs.json" if file.is_dir() else file
    frame_sets = _read(path)
    if index is not None:
        frame_sets = [f for f in frame_sets if f["index"] == index]
        if not frame_sets:
            raise UsageError(f"{path}: holds no frame set {index}")
    unproved = [f for f in frame_sets if f["proof"]["verdict"] != "proved"]
    if json:
        show_json({"passed": not unproved, "frame_sets": len(frame_sets), "not_proved": [f["index"] for f in unproved]})
    elif index is not None:
        show("\n".join(_explain(frame_sets[0])))
    else:
        show("\n".join(_summary(frame_sets, unproved)))
    return CHECK_FAILED if unproved else GOOD


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        content = json_format.loads(path.read_text(encoding="utf-8"))
        frame_sets: list[dict[str, Any]] = content["frame_sets"]
        for f in frame_sets:
            proof = f["proof"]
            _ = f["index"], f["gaps"], proof["pulse_index"], proof["verdict"], proof["tick_rate_hz"]
            _ = [p["flash_shares"] for p in proof["frames"].values()]
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read: {exc.strerror}; name a capture's folder or its proofs.json") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise UsageError(f"{path}: is no proof of a capture ({type(exc).__name__}: {exc})") from exc
    return frame_sets


def _summary(frame_sets: list[dict[str, Any]], unproved: list[dict[str, Any]]) -> list[str]:
    skews = [f["proof"]["skew_us"] for f in frame_sets if f["proof"]["skew_us"] is not None]
    lines = [f"{len(frame_sets)} frame sets, {len(frame_sets) - len(unproved)} proved, {len(unproved)} not"]
    if skews:
        lines.append(f"skew: at most {max(skews):.1f} us, median {sorted(skews)[len(skews) // 2]:.1f} us")
    for f in unproved[:_MOST_LINES]:
        lines += [f"frame set {f['index']}: {text}" for text in _reasons(f)]
    if len(unproved) > _MOST_LINES:
        lines.append(f"... and {len(unproved) - _MOST_LINES} more; --index N explains one")
    weaker = dict.fromkeys(text for f in frame_sets for text in f["proof"].get("unchecked", []))
    return [*lines, *(f"could not be checked: {text}" for text in weaker)]


def _reasons(frame_set: dict[str, Any]) -> list[str]:
    return list(
        dict.fromkeys([g["text"] for g in frame_set["gaps"].values()] + list(frame_set["proof"].get("reasons", [])))
    )


def _explain(frame_set: dict[str, Any]) -> list[str]:
    """Return one frame set's proof in sentences."""
    proof = frame_set["proof"]
    us = 1e6 / proof["tick_rate_hz"] if proof["tick_rate_hz"] else 0.0
    pulse = f"pulse {proof['pulse_index']} of generation {proof['generation']}"
    lines = [f"frame set {frame_set['index']} ({pulse}): {proof['verdict']}"]
    for name, p in proof["frames"].items():
        lines += _explain_frame(name, p, proof["start_ticks"], us)
    lines += [f"gap: {text}" for text in _reasons(frame_set)]
    if proof["skew_us"] is not None:
        lines.append(
            f"the exposures began within {proof['skew_us']:.1f} us of each other, planned differences taken off"
        )
    return lines


def _explain_frame(name: str, p: dict[str, Any], start_ticks: int, us: float) -> list[str]:
    keys = ("trigger_ticks", "exposure_start_ticks", "exposure_end_ticks")
    trigger, begin, end = ((p[key] - start_ticks) * us for key in keys)
    residual = f"{p['residual_us']:+.2f} us from that start (allowed: {p['tolerance_us']:g} us)."
    return [
        f"camera {name}:",
        f"  the box sent its trigger {trigger:.1f} us after the pulse began,",
        f"  and saw it expose from {begin:.1f} to {end:.1f} us;",
        f"  frame {p['frame_id']}'s time stamp, mapped to the box's clock, is {residual}",
        *([] if p.get("counter") is None else [f"  the camera's own counter stood at {p['counter']}."]),
        *(f"  {share:.0%} of {lamp}'s flash lies in this exposure." for lamp, share in p["flash_shares"].items()),
        *(f"  note: {text}" for text in p["notes"]),
        *(f"  could not be checked: {text}" for text in p["unchecked"]),
    ]
