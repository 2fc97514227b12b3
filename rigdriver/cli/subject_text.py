"""How subjects, takes and erasures are shown, to people and to scripts.

In: values of the procedures. Out: lines of text, and values for JSON. Not here: the verbs (see subject.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from rigdriver.catalogue.byte_search import ByteSearch
from rigdriver.catalogue.subjects import Subject
from rigdriver.catalogue.takes import Take, TakePlace
from rigdriver.json_values import JsonObject
from rigdriver.procedures.erase_subject import NOT_PROMISED, Erased, ErasurePlan
from rigdriver.procedures.subjects import SubjectTakes

_MOST_LINES = 20


def counted(number: int, noun: str) -> str:
    """Return `1 take` or `2 takes`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def subject_line(known: SubjectTakes) -> str:
    """Return one line about a subject."""
    subject = known.subject
    parts = [subject.id, counted(len(known.takes), "take"), f"added {subject.created_utc[:10]}"]
    parts.append(f"kept until {subject.keep_until}" if subject.keep_until else "no last day")
    parts.append(f"consent {subject.consent}" if subject.consent else "no consent noted")
    if subject.is_erasing:
        parts.append("an erasure has begun: `rigdriver subject erase` finishes it")
    return ", ".join(parts)


def take_lines(take: Take, places: Iterable[TakePlace]) -> list[str]:
    """Return what is known of a take."""
    lines = [f"take {take.number}: {take.state}, began {take.began_utc}" + _until(take)]
    quality = take.quality
    if quality is not None:
        skew = "not measured" if quality.worst_skew_us is None else f"at most {quality.worst_skew_us:.1f} us"
        planned = f" of {take.planned} planned" if take.planned is not None else ""
        lines.append(
            f"  {quality.frame_sets}{planned} frame sets, {quality.complete} complete, {quality.gaps} gaps, skew {skew}"
        )
        lines += [f"  {quality.reason}"] if quality.reason else []
    lines += [f"  note: {take.note}"] if take.note else []
    paths = [str(place.path) for place in places if place.take_number == take.number and not place.is_folder]
    return lines + _shortened([f"  {path}" for path in paths])


def plan_lines(plan: ErasurePlan) -> list[str]:
    """Return what an erasure would remove."""
    what = "the subject with all its takes" if plan.is_whole else counted(len(plan.takes), "take")
    lines = [f"{plan.subject.id}: {what}: {counted(len(plan.sizes), 'file')}, {sum(plan.sizes.values()) / 1e6:.1f} MB"]
    lines += _shortened([f"  {path} ({size / 1e6:.1f} MB)" for path, size in plan.sizes.items()])
    if plan.missing:
        lines.append(f"  {len(plan.missing)} files are not where the catalogue has them: moved or removed before")
        lines += _shortened([f"  {path}" for path in plan.missing])
    return lines


def erased_lines(done: Erased) -> list[str]:
    """Return what an erasure did, and what nobody can promise."""
    were = "was" if done.removed == 1 else "were"
    lines = [f"{counted(done.removed, 'file')} {were} removed" + _missing(done)]
    lines += [str(removal) for removal in (*done.kept, *done.failures)]
    if done.search is None:
        return [
            *lines,
            "NOT ERASED: the catalogue keeps its rows until what is named above is mended; then erase again",
        ]
    lines += search_lines(done.search)
    if done.is_proved:
        lines.append("ERASED: nothing was found")
    else:
        lines.append("NOT PROVED: look at what is named above")
    return [*lines, "What this cannot promise:", *(f"- {text}" for text in NOT_PROMISED)]


def search_lines(search: ByteSearch) -> list[str]:
    """Return what was searched, and what was found."""
    lines = [f"searched {counted(search.files, 'file')} with {search.bytes / 1e6:.1f} MB, names and bytes, in"]
    lines += [f"  {folder}" for folder in search.folders]
    lines += _shortened([f"found in {path}" for path in search.found])
    return lines + _shortened([f"cannot be read: {path}" for path in search.unread])


def subject_facts(known: SubjectTakes) -> JsonObject:
    """Return a subject for scripts."""
    subject = known.subject
    return {
        **_subject(subject),
        "takes": [take_facts(take, known.places) for take in known.takes],
    }


def take_facts(take: Take, places: Iterable[TakePlace]) -> JsonObject:
    """Return a take for scripts."""
    quality = take.quality
    return {
        "number": take.number, "state": take.state, "began_utc": take.began_utc, "ended_utc": take.ended_utc,
        "keep_until": str(take.keep_until) if take.keep_until else None, "note": take.note, "planned": take.planned,
        "reason": quality.reason if quality else None, "frame_sets": quality.frame_sets if quality else None,
        "complete": quality.complete if quality else None, "gaps": quality.gaps if quality else None,
        "worst_skew_us": quality.worst_skew_us if quality else None,
        "files": [str(place.path) for place in places if place.take_number == take.number and not place.is_folder],
    }  # fmt: skip


def erased_facts(plan: ErasurePlan | None, done: Erased) -> JsonObject:
    """Return an erasure for scripts."""
    search = done.search
    return {
        "is_proved": done.is_proved, "removed": done.removed, "missing": [str(path) for path in done.missing],
        "kept": [str(removal.path) for removal in done.kept],
        "failures": [
            {"path": str(removal.path), "kind": removal.kind.name.lower(), "detail": removal.detail}
            for removal in done.failures
        ],
        "takes": [take.number for take in plan.takes] if plan else [], "is_whole": plan.is_whole if plan else True,
        "search": None if search is None else {
            "folders": [str(folder) for folder in search.folders], "files": search.files, "bytes": search.bytes,
            "found": [str(path) for path in search.found], "unread": [str(path) for path in search.unread],
        },
        "not_promised": list(NOT_PROMISED),
    }  # fmt: skip


def _subject(subject: Subject) -> dict[str, str | bool | None]:
    return {
        "id": subject.id, "created_utc": subject.created_utc, "consent": subject.consent, "note": subject.note,
        "keep_until": str(subject.keep_until) if subject.keep_until else None, "is_erasing": subject.is_erasing,
    }  # fmt: skip


def _until(take: Take) -> str:
    return f", kept until {take.keep_until}" if take.keep_until else ""


def _missing(done: Erased) -> str:
    return f"; {len(done.missing)} were not there any more" if done.missing else ""


def _shortened(lines: list[str]) -> list[str]:
    rest = len(lines) - _MOST_LINES
    return lines if rest <= 0 else [*lines[:_MOST_LINES], f"  and {rest} more"]
