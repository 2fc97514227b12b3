"""The commands that the README shows are there, with the options that it shows.

In: the README's text. Out: agreement with the command line. Nothing is run; tests/rig does that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from rigdriver.cli.verbs import app

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
SHOWN = sorted(
    {
        line.strip().split("  ")[0]
        for line in (
            *re.findall(r"^    (rigdriver .*)$", README, re.MULTILINE),
            *re.findall(r"`(rigdriver [^`]*)`", README),
        )
    }
)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that the words lead to, and the words behind it."""
    command: Any = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("shown", SHOWN)
def test_a_shown_command_exists_with_its_options(shown: str) -> None:
    for part in shown.replace("reconstruct, measure, verify", "reconstruct; rigdriver measure; rigdriver verify").split(
        ";"
    ):
        command, rest = command_of(part.split()[1:])
        assert rest != part.split()[1:], f"{part}: no such verb"
        if command.context_settings.get("allow_extra_args"):
            continue  # the simulator's own words
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.split("=")[0] for word in rest if word.startswith("-")} <= known, part


def test_files_that_the_readme_links_to_are_there_and_pictures_are_small() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        path = Path(__file__).parents[3] / link
        assert path.exists(), link
        if path.suffix in {".jpg", ".png"}:
            assert path.stat().st_size < 300_000, link
