"""What was found in a mesh, and the sentences for the person who measures on it.

In: counts and sizes. Out: `MeshFindings`, and `MeshNote`s of what was mended or needs care. Not here: how it is found
(see repair.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MOST_DOUBLE_SHARE = 1e-3
"""Largest share of a surface that may lie twice, or inside a body, while its area or volume is still believed."""


class MeshNoteKind(Enum):
    """Findings about a mesh; the value is the sentence, with the number to fill in."""

    MERGED = "{number:.0f} vertices stood at the place of another one and were merged with it"
    DROPPED = "{number:.0f} triangles had no area or stood there twice and were left out"
    TURNED = "{number:.0f} triangles faced against their neighbours and were turned"
    INSIDE_OUT = "its inside was out, and was turned in"
    CROWDED = "{number:.0f} edges belong to more than two triangles: surfaces meet there that do not go on"
    LAYERED = "{number:.2g} % of its area lies in two layers: the same surface stands there twice"
    OVERLAPPING = "{number:.2g} % of its surface lies inside another body of it, or inside itself"


@dataclass(frozen=True, slots=True)
class MeshNote:
    """One thing to know about a mesh."""

    kind: MeshNoteKind
    number: float = 0.0

    def __str__(self) -> str:
        return self.kind.value.format(number=self.number)


@dataclass(frozen=True, slots=True)
class MeshFindings:
    """What was found in a mesh, and what was mended."""

    size_mm: tuple[float, float, float]
    low_mm: tuple[float, float, float]
    """Lowest coordinates."""
    vertices: int
    faces: int
    merged_vertices: int
    """Vertices that stood more than once at one place, and are one now."""
    dropped_faces: int
    """Triangles without an area, or that stood there twice."""
    turned_faces: int
    """Triangles that were turned to the side of their neighbours."""
    was_inside_out: bool
    """The whole was turned, or closed parts of it."""
    parts: int
    """Parts that hang together."""
    largest_part: float
    """Share of the triangles that belong to the largest part."""
    borders: int
    """Closed lines of open borders: the rim of a scan, and each hole."""
    border_mm: float
    """Length of all open borders."""
    crowded_edges: int
    """Edges that more than two triangles share."""
    layered_share: float
    """Share of the area that lies in more than one layer."""
    overlapping_share: float
    """Share of the surface of a closed mesh that lies inside another body of it, or inside itself; 0 when open."""

    @property
    def is_closed(self) -> bool:
        """Whether the mesh has an inside."""
        return self.borders == 0 and self.crowded_edges == 0

    @property
    def is_in_one_layer(self) -> bool:
        """Whether each place of the surface is there once, so that its area is that of a surface."""
        return max(self.layered_share, self.overlapping_share) <= MOST_DOUBLE_SHARE

    @property
    def notes(self) -> tuple[MeshNote, ...]:
        """What was mended, then what cannot be."""
        told = (
            (MeshNoteKind.MERGED, self.merged_vertices),
            (MeshNoteKind.DROPPED, self.dropped_faces),
            (MeshNoteKind.TURNED, self.turned_faces),
            (MeshNoteKind.INSIDE_OUT, float(self.was_inside_out)),
            (MeshNoteKind.CROWDED, self.crowded_edges),
            (MeshNoteKind.LAYERED, 100 * self.layered_share if self.layered_share > MOST_DOUBLE_SHARE else 0),
            (
                MeshNoteKind.OVERLAPPING,
                100 * self.overlapping_share if self.overlapping_share > MOST_DOUBLE_SHARE else 0,
            ),
        )
        return tuple(MeshNote(kind, float(number)) for kind, number in told if number)
