"""All writes of one camera: in rounds, until nothing more changes; then what became of them.

In: planned writes, and something that reads and writes nodes. Out: reports, refusals and notes. A camera may lock
features by each other in either order, and one write may change what an earlier one has set, so what was refused or
changed is written again as long as that helps.
Not here: one write (see one_feature.py), and what is wanted (see feature_plan.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rigdriver.devices.camera_link.descriptions import FeatureReport, SetupNote, SetupNoteKind
from rigdriver.devices.camera_link.settings import CameraSettings
from rigdriver.devices.camera_process import one_feature
from rigdriver.devices.camera_process.feature_names import ALIASES
from rigdriver.devices.camera_process.feature_plan import is_clamped, plan
from rigdriver.devices.camera_process.feature_write import EVERY, FeatureWrite, Origin
from rigdriver.devices.camera_process.image_settings import refuse_changed_images
from rigdriver.devices.camera_process.known_state import CARRIED_LOOKED_AT, LOAD, neutral_value
from rigdriver.devices.camera_process.one_feature import NodeFacts, NodeKind, Nodes, Written, find_place, write_one
from rigdriver.errors import CameraError

if TYPE_CHECKING:  # the camera process does without pydantic, which takes longer to load than all the rest
    from rigdriver.config import FeatureValue

__all__ = ["MOST_ROUNDS", "NodeFacts", "NodeKind", "Nodes", "SetupOutcome", "set_up", "write_all"]

MOST_ROUNDS = 6
"""Largest number of rounds; a chain of locks has as many links at most, and two features that fight end here."""
_KEPT_OVER_LOAD = ("GevSCPSPacketSize", "GevSCPD", "GevHeartbeatTimeout")
"""Features of the link that the producer has agreed with the camera; a user set does not know them better."""
_WITHOUT_WORDS = frozenset({"TriggerSelector", "TriggerActivation", "AcquisitionMode"})
"""Features that a camera without a choice need not have."""
_SHOWN_WITHOUT_USER_SET = ("PixelFormat",)


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """What became of the writes of one camera."""

    reports: tuple[FeatureReport, ...]
    refusals: tuple[CameraError, ...]
    notes: tuple[SetupNote, ...]


class _Try:
    """One write, and how far it got."""

    __slots__ = ("refusal", "write", "written")

    def __init__(self, write: FeatureWrite) -> None:
        self.write = write
        self.written: Written | None = None
        self.refusal: CameraError | None = None


def set_up(camera: str, nodes: Nodes, settings: CameraSettings) -> SetupOutcome:
    """Bring a camera to the state that is asked for; what it changed of its images is refused, too.

    Raises:
        ConfigError: a key of the settings is no feature name.
    """
    outcome = _Setup(camera, nodes, plan(settings)).done()
    changed = refuse_changed_images(camera, nodes, outcome.reports, settings.demands)
    return replace(outcome, refusals=(*outcome.refusals, *changed))


def write_all(
    camera: str, nodes: Nodes, writes: Sequence[FeatureWrite]
) -> tuple[list[FeatureReport], list[CameraError]]:
    """Do all writes; then read the asked ones back, as later writes may have changed earlier ones."""
    outcome = _Setup(camera, nodes, writes).done()
    return list(outcome.reports), list(outcome.refusals)


class _Setup:
    """The rounds of one camera."""

    def __init__(self, camera: str, nodes: Nodes, writes: Sequence[FeatureWrite]) -> None:
        self._camera, self._nodes = camera, nodes
        self._tries = [_Try(write) for write in writes]
        self._asked = [t for t in self._tries if not t.write.is_preparation]
        self._asked_names = {t.write.name for t in self._asked}
        self._has_loaded = False
        self._notes: list[SetupNote] = []

    def done(self) -> SetupOutcome:
        """Write in rounds, and return the outcome."""
        for attempt in self._tries:
            self._first(attempt)
        for _ in range(MOST_ROUNDS - 1):
            self._select_again()
            helped = [self._again(attempt) for attempt in self._tries]  # all of them, whichever helps
            if not any(helped):
                break
        reports, refusals = self._read_back()
        self._note_carried()
        return SetupOutcome(tuple(reports), tuple(refusals), tuple(self._notes))

    # ---- rounds

    def _first(self, attempt: _Try) -> None:
        write = attempt.write
        if write.is_fallback and self._has_loaded:
            return
        if write.name == LOAD and write.is_preparation:
            self._load(attempt)
        elif write.selector is not None and write.selector[1] == EVERY:
            self._write_everywhere(write)
        else:
            self._write(attempt)

    def _again(self, attempt: _Try) -> bool:
        """Write what was refused or has changed since; return whether that helped."""
        write = attempt.write
        if write.is_preparation:
            return self._prepare_again(attempt)
        if attempt.written is None:
            return self._write(attempt)
        # A command has no value that could have changed, and done twice it may undo later writes, as UserSetLoad does.
        if attempt.written.place.facts.kind is NodeKind.COMMAND:
            return False
        before = self._value(attempt)
        if before is None or not self._is_off(attempt, before):
            return False
        self._write(attempt)
        return self._value(attempt) != before

    def _prepare_again(self, attempt: _Try) -> bool:
        """Try a preparation once more that stands in nobody's way; one that is asked for, too, has had its time."""
        write = attempt.write
        is_once = write.name in self._asked_names or write.value is True or write.is_fallback
        if attempt.written is not None or attempt.refusal is None or is_once or write.selector is not None:
            return False
        return self._write(attempt)

    def _write(self, attempt: _Try) -> bool:
        write = attempt.write
        try:
            if write.value_from:
                write = replace(write, value=self._nodes.read(write.value_from) if self._has(write.value_from) else 0)
                if not write.value:
                    return False
            if write.origin is Origin.DEMAND or find_place(self._nodes, write) is not None:
                attempt.written, attempt.refusal = write_one(self._camera, self._nodes, write), None
                self._free_line(attempt)
        except CameraError as exc:
            attempt.refusal = exc
            return False
        return attempt.written is not None

    def _value(self, attempt: _Try) -> FeatureValue | None:
        with suppress(CameraError):
            return one_feature.read_one(self._camera, self._nodes, attempt.write)
        return None

    def _is_off(self, attempt: _Try, value: FeatureValue) -> bool:
        assert attempt.written is not None
        return is_clamped(attempt.written.value, value, one_feature.step_of(attempt.written.place))

    def _select_again(self) -> None:
        """Let plain features lie behind the selectors again that were asked for."""
        for attempt in self._asked:
            is_selector = attempt.write.name.endswith("Selector")
            if is_selector and attempt.written is not None and self._value(attempt) != attempt.written.value:
                self._write(attempt)

    # ---- preparations with a turn of their own

    def _load(self, attempt: _Try) -> None:
        """Load the user set Default where there is one; what producer and camera have agreed stays."""
        # Default is the factory's user set (SFNC), so nothing of an earlier program is in it.
        selector = self._nodes.facts("UserSetSelector")
        if selector is None or attempt.write.selector is None or attempt.write.selector[1] not in selector.entries:
            return
        kept: dict[str, FeatureValue] = {}
        for name in _KEPT_OVER_LOAD:
            with suppress(CameraError):
                if self._has(name):
                    kept[name] = self._nodes.read(name)
        self._has_loaded = self._write(attempt)
        if attempt.refusal is not None:
            self._notes.append(SetupNote(SetupNoteKind.NOT_LOADED, LOAD, str(attempt.refusal)))
        for name, value in kept.items():
            with suppress(CameraError):
                write_one(self._camera, self._nodes, FeatureWrite(name, name, value, None, Origin.PREPARATION))

    def _write_everywhere(self, write: FeatureWrite) -> None:
        """Write behind each entry of a selector; without the selector there is one place."""
        assert write.selector is not None
        facts = self._nodes.facts(write.selector[0])
        # A camera keeps one value per entry of the selector (SFNC); an earlier program may have used any of them.
        places = [(write.selector[0], entry) for entry in facts.entries] if facts is not None else [None]
        for place in places:
            with suppress(CameraError):
                write_one(self._camera, self._nodes, replace(write, selector=place))

    def _free_line(self, attempt: _Try) -> None:
        """Make the chosen trigger line an input that is not inverted, unless the rig file says what lines are."""
        written = attempt.written
        if written is None or not written.among or any(n.startswith("Line") for n in self._asked_names):
            return
        for name, value in (("LineMode", "Input"), ("LineInverter", False)):
            with suppress(CameraError):
                selector = ("LineSelector", str(written.value))
                write_one(self._camera, self._nodes, FeatureWrite(name, name, value, selector, Origin.PREPARATION))

    def _has(self, name: str) -> bool:
        facts = self._nodes.facts(name)
        return facts is not None and facts.is_readable

    # ---- the outcome

    def _read_back(self) -> tuple[list[FeatureReport], list[CameraError]]:
        reports: list[FeatureReport] = []
        refusals: list[CameraError] = []
        for attempt in self._asked:
            if attempt.written is None:
                self._judge_unwritten(attempt, refusals)
                continue
            # Reading behind a selector has moved it; plain features are meant where the rig file points it.
            if attempt.write.selector is None and any(t.write.selector for t in self._asked):
                self._select_again()
            try:
                reports.append(one_feature.report(self._camera, self._nodes, attempt.write, attempt.written))
            except CameraError as exc:
                refusals.append(exc)
            if attempt.written.among:
                self._notes.append(
                    SetupNote(
                        SetupNoteKind.CHOSEN_LINE, attempt.write.name, str(attempt.written.value), attempt.written.among
                    )
                )
        if any(t.write.selector for t in self._asked):
            self._select_again()  # reading the last feature back has moved its selector
        return reports, refusals

    def _judge_unwritten(self, attempt: _Try, refusals: list[CameraError]) -> None:
        write = attempt.write
        is_due = write.origin is Origin.DEMAND or write.is_any_line or not self._lacks_choice(write)
        if is_due and attempt.refusal is not None:
            refusals.append(attempt.refusal)
            return
        if write.name not in _WITHOUT_WORDS and write.value != "Off":
            tried = tuple(alias.name for alias in ALIASES.get(write.name, ()))
            self._notes.append(SetupNote(SetupNoteKind.LACKS, write.name, others=tried))

    def _lacks_choice(self, write: FeatureWrite) -> bool:
        """Return whether a camera has none of the entries that the driver knows for a feature that it may lack."""
        place = find_place(self._nodes, write)
        if place is None:
            return True
        known = (write.value, *write.others)
        is_choice = place.facts.kind is NodeKind.ENUMERATION and write.name in _WITHOUT_WORDS
        return is_choice and not any(entry in place.facts.entries for entry in known)

    def _note_carried(self) -> None:
        """Note what still has a value that nobody asked for, on a camera that was to be used as it is."""
        if not any(t.write.is_preparation and t.write.name == "AcquisitionStop" for t in self._tries):
            return  # nobody wants more than single features
        is_known = any(t.write.name == "ExposureMode" and t.write.is_preparation for t in self._tries)
        looked_at = () if self._has_loaded else _SHOWN_WITHOUT_USER_SET if is_known else CARRIED_LOOKED_AT
        for name in (*looked_at, *(self._refused_preparations() if is_known else ())):
            if name in self._asked_names or not self._has(name):
                continue
            with suppress(CameraError):
                value = self._nodes.read(name)
                if name in _SHOWN_WITHOUT_USER_SET or value != neutral_value(name):
                    self._notes.append(SetupNote(SetupNoteKind.CARRIED, name, str(value)))

    def _refused_preparations(self) -> list[str]:
        names = [t.write.name for t in self._tries if t.write.is_preparation and t.written is None]
        return [name for name in names if name in CARRIED_LOOKED_AT]
