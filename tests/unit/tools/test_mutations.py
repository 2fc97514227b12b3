"""Each mutation of the campaign fits the code as it is, so that the campaign can always be run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import campaign_mutations as campaign


@pytest.mark.parametrize("mutation", campaign.MUTATIONS, ids=lambda m: m.name)
def test_a_mutation_changes_exactly_one_place_and_its_tests_exist(mutation: campaign.Mutation, tmp_path: Path) -> None:
    target = tmp_path / mutation.file
    target.parent.mkdir(parents=True)
    shutil.copy(campaign.ROOT / mutation.file, target)
    before = target.read_text()
    campaign.apply(mutation, tmp_path)
    assert target.read_text() != before
    compile(target.read_text(), mutation.file, "exec")
    assert [test for test in mutation.tests if not (campaign.ROOT / test).exists()] == []


def test_a_mutation_that_no_longer_fits_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("a = 1\n")
    with pytest.raises(ValueError, match="holds 'b = 1' 0 times"):
        campaign.apply(campaign.Mutation("x", "file.py", "b = 1", "b = 2", ()), tmp_path)
