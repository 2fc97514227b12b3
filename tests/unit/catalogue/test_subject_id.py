"""Ids of subjects: pseudonyms pass, whatever may be personal is refused, and no refusal repeats it."""

from __future__ import annotations

import pytest

from rigdriver.catalogue.subject_id import IdFault, checked_id, fault_of, new_id
from rigdriver.errors import UsageError

REFUSED = {
    "anna.smith@example.org": IdFault.MAIL, "Anna Smith": IdFault.CHARACTERS, "ANNA1234": IdFault.NAME,
    "MUELLER": IdFault.NAME, "SMI19870412": IdFault.NUMBER, "P120487": IdFault.NUMBER, "ABC1987": IdFault.YEAR,
    "P01": IdFault.LENGTH, "": IdFault.LENGTH, "P1" * 9: IdFault.LENGTH, "P1" * 10**6: IdFault.LENGTH,
    "../../P00012": IdFault.CHARACTERS, "P0/0012": IdFault.CHARACTERS, "P00..12": IdFault.CHARACTERS,
    "P00012\n": IdFault.CHARACTERS, "P00012\x00": IdFault.CHARACTERS, "P0'; DROP": IdFault.CHARACTERS,
    "-P00012": IdFault.CHARACTERS, "--yes1": IdFault.CHARACTERS, "p00012": IdFault.CHARACTERS,
    "Р00012": IdFault.CHARACTERS, "P0００12": IdFault.CHARACTERS, "P٠٠٠12": IdFault.CHARACTERS,
    "P00012\u200b": IdFault.CHARACTERS, "É00012": IdFault.CHARACTERS, "P000\ud80012": IdFault.CHARACTERS,
    "P%00012": IdFault.CHARACTERS, "AB1CD2EFGH": IdFault.NAME,
}  # fmt: skip
"""Texts with names, dates, numbers, paths, SQL, letters of other alphabets, and why each is refused."""


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_a_text_that_may_be_personal_or_leads_elsewhere_is_refused_and_not_repeated(text: str) -> None:
    assert fault_of(text) is REFUSED[text]
    with pytest.raises(UsageError) as caught:
        checked_id(text)
    if text:
        assert text not in str(caught.value)
    assert REFUSED[text].value in str(caught.value)


@pytest.mark.parametrize("text", ["P00012", "K7Q2M9X4", "AB12CD34", "S0001A", "ABC12345"])
def test_a_pseudonym_passes(text: str) -> None:
    assert checked_id(text) == text


def test_a_short_row_of_letters_is_no_id_without_a_digit() -> None:
    assert fault_of("ABCDEF") is IdFault.NAME


def test_new_ids_pass_and_differ() -> None:
    made = {new_id() for _ in range(500)}
    assert len(made) == 500
    assert {fault_of(text) for text in made} == {None}
