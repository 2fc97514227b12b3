"""Ids of subjects: pseudonyms that say nothing about a person, or a refusal that says why.

In: a text. Out: the same text, or an error that does not repeat it, because it may be somebody's name. Only capital
letters A to Z and digits are taken: the label of BIDS (`sub-<label>`, letters and digits) without letters that look
like others. A new id is random. Not here: which subjects there are.
"""

from __future__ import annotations

import secrets
import string
from enum import Enum
from itertools import groupby

from rigdriver.errors import UsageError

SHORTEST, LONGEST = 6, 16
"""Numbers of characters of an id. A shorter one stands in images by chance, so that no search could prove it gone."""
MOST_LETTERS, MOST_DIGITS = 3, 5
"""Largest numbers of letters and of digits in a row: longer rows hold names, dates of birth, and numbers of patients,
telephones and identity cards."""
YEARS = range(1900, 2100)
_LETTERS, _DIGITS = frozenset(string.ascii_uppercase), frozenset(string.digits)
_CLEAR = "ACDEFGHJKLMNPQRTUVWXYZ2346789"
"""Letters and digits that no reader takes for others: without B, I, O, S, 0, 1, 5."""
_NEW_LENGTH = 8
_FORM = f"{SHORTEST} to {LONGEST} capital letters A to Z and digits, such as P00012 or K7Q2M9X4"


class IdFault(Enum):
    """Reason why a text is no id of a subject. The value is what an operator reads."""

    MAIL = "looks like an e-mail address"
    NAME = f"has more than {MOST_LETTERS} letters in a row, as names have"
    NUMBER = f"has more than {MOST_DIGITS} digits in a row, as dates of birth and numbers of patients have"
    YEAR = "holds what may be a year"
    LENGTH = f"is not {SHORTEST} to {LONGEST} characters long"
    CHARACTERS = "has characters other than capital letters A to Z and digits"
    NO_DIGIT = "has no digit, as names have none"


def checked_id(text: str) -> str:
    """Return the id.

    Raises:
        UsageError: it is none; the text is not repeated.
    """
    fault = fault_of(text)
    if fault is None:
        return text
    raise UsageError(
        device="subject id", seen=f"{fault.value} (its text is neither shown nor kept)", expected=_FORM,
        remedy="let `rigdriver subject new` make one, and keep the list of names elsewhere",
    )  # fmt: skip


def fault_of(text: str) -> IdFault | None:
    """Return why a text is no id; None when it is one."""
    if "@" in text:
        return IdFault.MAIL
    if not set(text) <= _LETTERS | _DIGITS:
        return IdFault.CHARACTERS
    if not SHORTEST <= len(text) <= LONGEST:
        return IdFault.LENGTH
    rows = ["".join(row) for _, row in groupby(text, key=_DIGITS.__contains__)]
    return next(filter(None, map(_fault_of_row, rows)), None if _DIGITS & set(text) else IdFault.NO_DIGIT)


def _fault_of_row(row: str) -> IdFault | None:
    if row[0] not in _DIGITS:
        return IdFault.NAME if len(row) > MOST_LETTERS else None
    if len(row) > MOST_DIGITS:
        return IdFault.NUMBER
    return IdFault.YEAR if len(row) == 4 and int(row) in YEARS else None


def new_id() -> str:
    """Return a random id."""
    while True:
        text = "".join(secrets.choice(_CLEAR) for _ in range(_NEW_LENGTH))
        if fault_of(text) is None:
            return text
