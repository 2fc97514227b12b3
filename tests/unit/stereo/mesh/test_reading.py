"""Meshes as other programs write them: read, mended and told, or refused by their cause.

In: a ball and a tetrahedron in every form, turned, open, doubled, in metres, damaged. Out: the same area and volume, or
one sentence. No bytes give an error of another kind.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
import trimesh

from rigdriver.errors import UsageError
from rigdriver.procedures.measure import MeasureOptions, measure_mesh
from rigdriver.stereo.mesh.findings import MeshNoteKind
from rigdriver.stereo.mesh.reading import Unit, read_checked

RADIUS = 37.3
BALL = trimesh.creation.icosphere(3, RADIUS)
TETRA = trimesh.Trimesh([[0, 0, 0], [30, 0, 0], [0, 30, 0], [0, 0, 30]], [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def written(body: trimesh.Trimesh, path, **options):
    body.export(path, **options)
    return path


def turned(body: trimesh.Trimesh, count: int) -> trimesh.Trimesh:
    faces = body.faces.copy()
    faces[:count] = faces[:count, ::-1]
    return trimesh.Trimesh(body.vertices, faces, process=False)


def ascii_ply(body: trimesh.Trimesh) -> bytes:
    head = ["ply", "format ascii 1.0", "comment caf\xe9", f"element vertex {len(body.vertices)}"]
    head += [f"property float {axis}" for axis in ("x", "y", "z", "sigma_mm")]
    head += [f"element face {len(body.faces)}", "property list uchar int vertex_indices", "end_header"]
    rows = [f"{x} {y} {z} 0.02" for x, y, z in body.vertices] + [f"3 {a} {b} {c}" for a, b, c in body.faces]
    return ("\n".join([*head, *rows]) + "\n").encode("latin-1")


def text_stl(body: trimesh.Trimesh) -> bytes:
    rows = ["solid caf\xe9"]
    for triangle in body.triangles:
        rows += ["facet normal 0 0 0", "outer loop", *(f"vertex {x} {y} {z}" for x, y, z in triangle)]
        rows += ["endloop", "endfacet"]
    return "\n".join([*rows, "endsolid"]).encode("latin-1")


def binary_stl(body: trimesh.Trimesh, promised: int | None = None) -> bytes:
    rows = b"".join(struct.pack("<12fH", 0, 0, 0, *t.ravel(), 0) for t in body.triangles)
    return b"solid of a program that begins so".ljust(80) + struct.pack("<I", promised or len(body.faces)) + rows


def obj(body: trimesh.Trimesh) -> bytes:
    rows = ["# M\xfcller", "o B\xfcste"] + [f"v {x} {y} {z}" for x, y, z in body.vertices]
    return "\n".join(rows + [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in body.faces]).encode("latin-1")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.ply", ascii_ply(TETRA)), ("a.obj", obj(TETRA)), ("text.stl", text_stl(TETRA)),
        ("binary.stl", binary_stl(TETRA)), ("longer.stl", binary_stl(TETRA) + b"trailing bytes" * 7),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_body(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    found = measure_mesh(tmp_path / name, MeasureOptions(has_volume=True)).quantities
    assert found["volume"].value == pytest.approx(4500)
    assert found["area"].value == pytest.approx(TETRA.area)


def test_text_carries_sigma_as_bytes_do(tmp_path):
    (tmp_path / "a.ply").write_bytes(ascii_ply(TETRA))
    assert np.allclose(read_checked(tmp_path / "a.ply").mesh.sigma_mm, 0.02)


@pytest.mark.parametrize(
    ("count", "kind"),
    [(300, MeshNoteKind.TURNED), (900, MeshNoteKind.TURNED), (len(BALL.faces), MeshNoteKind.INSIDE_OUT)],
)
def test_turned_triangles_are_turned_back_and_told(tmp_path, count, kind):
    path = written(turned(BALL, count), tmp_path / "ball.ply")
    found = measure_mesh(path, MeasureOptions(has_volume=True))
    assert found.quantities["volume"].value == pytest.approx(BALL.volume, rel=1e-6)
    assert kind in {note.kind for note in found.notes["ball.ply"]}


def test_a_cavity_is_taken_off_and_not_turned(tmp_path):
    hollow = trimesh.util.concatenate([BALL, turned(trimesh.creation.icosphere(3, 20.0), 1280)])
    found = measure_mesh(written(hollow, tmp_path / "hollow.ply"), MeasureOptions(has_volume=True))
    assert found.quantities["volume"].value == pytest.approx(
        BALL.volume - trimesh.creation.icosphere(3, 20.0).volume, rel=1e-6
    )


def test_bodies_side_by_side_add_up_whichever_way_they_face(tmp_path):
    other = turned(BALL, len(BALL.faces))
    other.apply_translation([100, 0, 0])
    path = written(trimesh.util.concatenate([BALL, other]), tmp_path / "two.ply")
    assert measure_mesh(path, MeasureOptions(has_volume=True)).quantities["volume"].value == pytest.approx(
        2 * BALL.volume, rel=1e-6
    )


@pytest.mark.parametrize("shift", [20.0, 0.0])
def test_bodies_that_pass_through_each_other_have_no_volume(tmp_path, shift):
    other = trimesh.creation.icosphere(3, RADIUS if shift else 20.0).apply_translation([shift, 0, 0])
    path = written(trimesh.util.concatenate([BALL, other]), tmp_path / "two.ply")
    with pytest.raises(UsageError, match="inside another body"):
        measure_mesh(path, MeasureOptions(has_volume=True))


def test_a_surface_that_stands_there_twice_has_no_area_there(tmp_path):
    again = BALL.copy().apply_translation([0.02, 0.01, 0.03])
    half = again.submesh([np.flatnonzero(again.triangles_center[:, 0] > 0)], append=True)
    path = written(trimesh.util.concatenate([BALL, half]), tmp_path / "twice.ply")
    with pytest.raises(UsageError, match="two layers"):
        measure_mesh(path, MeasureOptions())
    with pytest.raises(UsageError, match="of the region lies in two layers"):
        measure_mesh(path, MeasureOptions(within_mm=((RADIUS, 0, 0), 20.0)))
    # What does not touch the second layer is measured, and other measures are, too.
    assert measure_mesh(path, MeasureOptions(within_mm=((-RADIUS, 0, 0), 20.0))).quantities["area"].value > 0
    told = measure_mesh(path, MeasureOptions(section=((0, 0, 5), (0, 0, 1))))
    assert "area" in told.refused
    assert "section" in told.quantities


def test_doubled_triangles_count_once(tmp_path):
    twice = trimesh.Trimesh(BALL.vertices, np.concatenate([BALL.faces, BALL.faces[:, [1, 2, 0]]]), process=False)
    found = measure_mesh(written(twice, tmp_path / "twice.ply"), MeasureOptions(has_volume=True))
    assert found.quantities["area"].value == pytest.approx(BALL.area, rel=1e-6)
    assert MeshNoteKind.DROPPED in {note.kind for note in found.notes["twice.ply"]}


def test_unwelded_triangles_hang_together_again(tmp_path):
    corners = BALL.triangles.reshape(-1, 3) + np.random.default_rng(1).normal(0, 2e-6, (3 * len(BALL.faces), 3))
    loose = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), process=False)
    path = written(loose, tmp_path / "loose.ply")
    found = measure_mesh(path, MeasureOptions(points_mm=((RADIUS, 0, 0), (0, RADIUS, 0)), has_volume=True))
    assert found.quantities["volume"].value == pytest.approx(BALL.volume, rel=1e-5)
    assert found.quantities["distance along the surface"].value == pytest.approx(RADIUS * np.pi / 2, rel=5e-3)


def test_metres_are_not_taken_for_millimetres(tmp_path):
    small = BALL.copy().apply_scale(1e-3)
    path = written(small, tmp_path / "metres.ply")
    with pytest.raises(UsageError, match=r"0\.129 mm large.*--unit m where"):
        measure_mesh(path, MeasureOptions())
    asked = MeasureOptions(has_volume=True, unit=Unit.M)
    assert measure_mesh(path, asked).quantities["volume"].value == pytest.approx(BALL.volume, rel=1e-5)
    assert measure_mesh(path, MeasureOptions(unit=Unit.MM)).quantities["area"].value == pytest.approx(small.area)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("cut.stl", binary_stl(TETRA)[:-60], "4 triangles are promised, 2 whole ones are there"),
        ("cut-text.stl", text_stl(TETRA)[:-90], "cut off"),
        ("many.stl", binary_stl(TETRA, promised=4_000_000_000), "4000000000 triangles are promised"),
        ("empty.stl", b"", "a head of 84 bytes"),
        ("cut.ply", ascii_ply(TETRA)[:-8], "cannot be read"),
        ("many.ply", ascii_ply(TETRA).replace(b"vertex 4\n", b"vertex 4000000000\n"), "promises 4000000004 rows"),
        ("none.ply", b"nothing", "no PLY header"),
        ("far.obj", obj(TETRA) + b"\nf 1 2 99\n", "cannot be read"),
        ("x.glb", b"glTF" + b"\0" * 40, "cannot be read"),
        ("x.gltf", b"{", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, name, data, why):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=why) as told:
        read_checked(tmp_path / name)
    assert name in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("form", ["ply", "text.ply", "obj", "stl", "text.stl", "glb"])
def test_no_bytes_end_in_another_error(tmp_path, form):
    chance = np.random.default_rng(11)
    sound = {
        "text.ply": ascii_ply(TETRA), "text.stl": text_stl(TETRA), "stl": binary_stl(TETRA), "obj": obj(TETRA),
        "ply": TETRA.export(file_type="ply"), "glb": TETRA.export(file_type="glb"),
    }[form]  # fmt: skip
    path = tmp_path / f"x.{form}"
    refused = 0
    for _ in range(120):
        data = bytearray(sound)
        for _ in range(int(chance.integers(1, 6))):
            at = int(chance.integers(len(data)))
            kind = int(chance.integers(3))
            if kind == 0:
                data[at] = int(chance.integers(256))
            elif kind == 1:
                del data[at : at + int(chance.integers(1, 40))]
            else:
                data[at:at] = bytes(chance.integers(0, 256, int(chance.integers(1, 12)), np.uint8))
            if not data:
                break
        path.write_bytes(bytes(data))
        try:
            read_checked(path)
        except UsageError:
            refused += 1
    assert refused > 10
