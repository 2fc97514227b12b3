"""The folders of a demo: a new demo removes what an earlier one wrote there, and nothing else.

In: the demo's folder. Out: folders with the demo's mark and without results of an earlier demo; or a refusal, where
files of somebody else lie in their place. Not here: what the demo writes (see demo_face.py and demo_calibration.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from rigdriver.errors import UsageError
from rigdriver.whole_file import make_folder, not_written, write_whole

VIEWS = 12
"""Number of views of the board that a demo renders."""
MARK = ".rigdriver-demo"
"""Name of the file that marks a folder as made by a demo."""
_FACE = frozenset({
    "cloud.ply", "face.ply", "face.obj", "face.mtl", "face-texture.png", "face.glb", "face.stl", "face.png",
    "error_um.npy",
})  # fmt: skip
_TRUTH = "truth.json"
_VIEW = re.compile(r"(\d{6})\.png")


def face_folder(out: Path) -> Path:
    """Return where the face goes."""
    return out / "face"


def views_folder(out: Path) -> Path:
    """Return where the views of the board go."""
    return out / "calibration" / "views"


def refuse_strange(out: Path) -> None:
    """Refuse a folder in which files lie that no demo wrote, in the place of a demo's or among its views.

    Raises:
        UsageError: there are some; nothing was removed.
    """
    _refuse_strange(views_folder(out), is_strange=lambda path: not _is_view(path))
    # Files of other names beside the face harm nothing, and stay.
    _refuse_strange(face_folder(out), is_strange=lambda _: False)


def new_views_folder(out: Path) -> Path:
    """Return the folder of the views, without those of an earlier demo. UsageError as in `refuse_strange`."""
    return _renewed(out, views_folder(out), _is_view)


def new_face_folder(out: Path) -> Path:
    """Return the folder of the face, without that of an earlier demo. UsageError as in `refuse_strange`."""
    return _renewed(out, face_folder(out), lambda path: path.name in _FACE)


def _renewed(out: Path, folder: Path, is_own: Callable[[Path], bool]) -> Path:
    refuse_strange(out)
    for path in [path for path in _files(folder) if is_own(path)]:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise not_written(path, exc) from exc
    make_folder(folder, is_private=True)
    write_whole(folder / MARK, "This folder is that of a demo, which replaces its own files here.\n")
    return folder


def _refuse_strange(folder: Path, is_strange: Callable[[Path], bool]) -> None:
    has_mark = (folder / MARK).is_file() and not folder.is_symlink()
    for path in sorted(_files(folder)):
        if path.name != MARK and (not has_mark or is_strange(path)):
            raise UsageError(
                device=str(path),
                seen="was not written by a demo; nothing was removed",
                remedy="move it away, or name another folder with --out",
            )


def _is_view(path: Path) -> bool:
    found = _VIEW.fullmatch(path.name)
    return path.name == _TRUTH or (found is not None and int(found[1]) < VIEWS)


def _files(folder: Path) -> Iterator[Path]:
    """Return all files of a folder and of those below it; a link is a file, whatever it leads to."""
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
