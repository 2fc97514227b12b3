"""`rigdriver report`: pack one file to attach to a bug report, and list what is in it.

In: a rig file. Out: a ZIP file; exit status 0, also when the rig cannot be opened: the reason is then in the file. The
rig is opened to read counters; nothing is triggered and no lamp flashes. Not here: what is packed (see
selftest/bug_report.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rigdriver.cli.overwriting import OverwriteOption
from rigdriver.cli.screen import note, show, show_json
from rigdriver.cli.source import DEFAULT_RIG_FILE, JsonOption
from rigdriver.cli.verb import GOOD, verb
from rigdriver.config import RigConfig, load
from rigdriver.errors import RigError
from rigdriver.outputs import refuse_overwriting
from rigdriver.rig import Rig
from rigdriver.selftest.bug_report import packed, report_texts
from rigdriver.whole_file import write_whole

DEFAULT_FILE = Path("rigdriver-report.zip")


@verb
def report(
    rig: Annotated[Path, typer.Option("--rig", metavar="FILE", help="Rig file.")] = DEFAULT_RIG_FILE,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="ZIP file to write.")] = DEFAULT_FILE,
    json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> int:
    """Pack one file for a bug report: rig file, versions, last self-tests, counters, topology, light log.

    It holds no images, no subjects, and no names of users, of their folders or of this computer.
    """
    refuse_overwriting([out], overwrite)
    texts = gathered(rig)
    write_whole(out, packed(texts), is_private=True)
    if json:
        show_json({"file": str(out), "holds": {name: len(text.encode()) for name, text in texts.items()}})
        return GOOD
    for name, text in texts.items():
        show(f"{name:<16} {len(text.encode()):>8} B")
    show(f"written: {out}; look through it before you send it")
    return GOOD


def gathered(rig_file: Path) -> dict[str, str]:
    """Return the texts of the report, of a rig that can be opened or not."""
    config: RigConfig | None = None
    try:
        config = load(rig_file)
        with Rig.open(config) as opened:
            return report_texts(rig_file, config, opened)
    except RigError as exc:
        note(f"the rig cannot be opened, so counters are left out: {exc}")
        return report_texts(rig_file, config, None, str(exc))
