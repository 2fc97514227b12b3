"""The options that say what image files hold, for folders that do not say it themselves.

In: nothing. Out: options --pixel-format and --bits.
Not here: what they mean (see recording/stored_formats.py).
"""

from __future__ import annotations

from typing import Annotated

import typer

PixelFormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pixel-format",
        "--mosaic",
        metavar="[CAMERA=]FORMAT",
        help="Pixel format of images without images.json: Mono12, BayerGB8, left_upper=Mono10. May be repeated.",
    ),
]
BitsOption = Annotated[
    int | None,
    typer.Option("--bits", metavar="N", help="Bits per sample in a folder's 16-bit files: 10, 12, 14 or 16."),
]
