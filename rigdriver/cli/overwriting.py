"""The option that allows verbs to replace results.

In: nothing. Out: `OverwriteOption`. Not here: the rule (see rigdriver.outputs).
"""

from __future__ import annotations

from typing import Annotated

import typer

from rigdriver.outputs import OVERWRITE

OverwriteOption = Annotated[bool, typer.Option(OVERWRITE, help="Replace results that are there already.")]
