"""Pictures of a calibration that a technician can act on: coverage, residual vectors, residual histogram, rig.

In: a `Solution` and its coverage. Out: PNG files. The title of each picture describes a good result in one sentence,
and the picture marks what is not good. matplotlib's Agg canvas draws, so no display is needed.
Not here: figures and limits (see verdict.py).
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rigdriver.arrays import Array
from rigdriver.calibration.solve.all_cameras import Solution
from rigdriver.calibration.views.coverage import ENOUGH_CELLS, Coverage, count_cells
from rigdriver.calibration.views.observations import Observations
from rigdriver.whole_file import make_folder, write_whole

GOOD, POOR, OFF, APART = "#1b7837", "#b2182b", "#d95f02", "#666666"
"""Colours of good results, of poor ones, of what is left out, and of what is poor but was not asked for."""
MOST_ARROWS = 700
"""Most residuals that are drawn per camera."""


def draw_all(solution: Solution, coverage: Coverage, folder: Path, is_demo: bool = False) -> list[Path]:
    """Write all pictures and return their paths."""
    make_folder(folder)
    return [
        draw_coverage(solution.observations, coverage, folder / "coverage.png", is_demo),
        draw_residuals(solution, folder / "residuals.png"),
        draw_histogram(solution, folder / "histogram.png"),
        draw_views(solution, folder / "views.png"),
    ]


def _grid(count: int, title: str, width_mm: float = 95, height_mm: float = 78) -> tuple[Figure, list[Axes]]:
    columns = min(3, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(columns * width_mm / 25.4, (rows * height_mm + 14) / 25.4), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=11)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def _save(figure: Figure, path: Path) -> Path:
    figure.set_canvas(FigureCanvasAgg(figure))
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    write_whole(path, drawn.getbuffer())
    return path


def draw_coverage(observations: Observations, coverage: Coverage, path: Path, is_demo: bool = False) -> Path:
    """Draw the corners over each camera's field; red cells hold none. In a demo, which needs no more, they are grey."""
    rest = "grey would need the board in a full calibration" if is_demo else "red needs the board"
    figure, all_axes = _grid(
        len(observations.cameras), f"Coverage: green is covered, {rest} ({coverage.progress:.0%} of enough)"
    )
    empty, poor = ((0.90, 0.90, 0.90), APART) if is_demo else ((0.97, 0.80, 0.78), POOR)
    for c, axes in enumerate(all_axes):
        name, (width, height) = observations.cameras[c], observations.sizes_px[c]
        points = observations.points_px[observations.camera == c]
        covered = count_cells(points, (width, height)) > 0
        shade = np.where(covered[..., None], (0.85, 0.94, 0.85), empty)
        axes.imshow(shade, extent=(0, width, height, 0), interpolation="nearest")
        axes.plot(points[:, 0], points[:, 1], ",", color="#33691e", alpha=0.6)
        own = coverage.cameras[name]
        is_good = own.covered >= ENOUGH_CELLS and own.progress > 0.9
        missing = [d for d, n in own.tilted.items() if n < 2]
        told = f"{own.views} views, {own.covered:.0%} of the field, depth +-{own.depth_spread / 2:.0%}"
        told += f"\nmissing tilts: {', '.join(missing)}" if missing else "\nall tilts"
        axes.set_title(f"{name}\n{told}", fontsize=8, color=GOOD if is_good else poor)
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.tick_params(labelsize=6)
    return _save(figure, path)


def draw_residuals(solution: Solution, path: Path) -> Path:
    """Draw residual vectors over each camera's field: single ones thin, means of cells thick; good means are dots."""
    table, miss = solution.observations, solution.residuals_px
    longest = max(3 * solution.noise_px, 1e-6)
    title = (
        "Residuals: thin arrows are single corners, thick ones means of a cell. Good: thick arrows are short "
        "and without\npattern. Swirls or fans: use 8 lens parameters. All arrows one way: the camera moved. "
        "Orange crosses: left out"
    )
    figure, all_axes = _grid(len(table.cameras), title)
    for c, axes in enumerate(all_axes):
        width, height = table.sizes_px[c]
        kept = np.flatnonzero((table.camera == c) & solution.kept)
        lost = np.flatnonzero((table.camera == c) & ~solution.kept)
        shown = kept[:: max(1, len(kept) // MOST_ARROWS)]
        zoom = width / 18 / longest
        axes.plot(table.points_px[lost, 0], table.points_px[lost, 1], "x", color=OFF, markersize=3, markeredgewidth=0.6)
        _arrows(axes, table.points_px[shown], miss[shown], zoom, "#7393b3", 0.0018)
        places, means = _cell_means(table.points_px[kept], miss[kept], (width, height))
        _arrows(axes, places, means, 3 * zoom, "black", 0.005)
        camera = solution.calibration[table.cameras[c]]
        axes.set_title(
            f"{camera.name}: RMS {camera.rms_px:.3f} px, {len(lost)} of {len(lost) + len(kept)} left out", fontsize=8
        )
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
        for row, (text, factor, colour) in enumerate((("single", 1, "#7393b3"), ("mean", 3, "black"))):
            y = height * (0.97 - 0.06 * row)
            axes.plot([width * 0.02, width * 0.02 + factor * zoom * longest / 3], [y, y], color=colour, linewidth=2)
            axes.text(width * 0.21, y, f"{longest / 3:.3f} px ({text})", fontsize=6, va="center")
        axes.tick_params(labelsize=6)
    return _save(figure, path)


def _arrows(axes: Axes, places: Array, vectors: Array, zoom: float, colour: str, width: float) -> None:
    if len(places):
        axes.quiver(
            places[:, 0], places[:, 1], vectors[:, 0], vectors[:, 1], color=colour, angles="xy", scale_units="xy",
            scale=1 / zoom, width=width,
        )  # fmt: skip


def _cell_means(points: Array, vectors: Array, size_px: tuple[int, int]) -> tuple[Array, Array]:
    """Return middle and mean vector of each cell with ten corners or more."""
    rows, columns = 7, 9
    row = np.clip(points[:, 1] / size_px[1] * rows, 0, rows - 1).astype(int)
    column = np.clip(points[:, 0] / size_px[0] * columns, 0, columns - 1).astype(int)
    places, means = [], []
    for cell in range(rows * columns):
        mine = row * columns + column == cell
        if mine.sum() >= 10:
            places.append(((cell % columns + 0.5) / columns * size_px[0], (cell // columns + 0.5) / rows * size_px[1]))
            means.append(vectors[mine].mean(axis=0))
    return np.array(places).reshape(-1, 2), np.array(means).reshape(-1, 2)


def draw_histogram(solution: Solution, path: Path) -> Path:
    """Draw the distribution of the residuals per camera, beside the curve of pure noise."""
    table = solution.observations
    figure = Figure(figsize=(8.5, 4.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    noise = max(solution.noise_px, 1e-6)
    edges = np.linspace(0, 6 * noise, 61)
    distance = np.linalg.norm(solution.residuals_px, axis=1)
    for c, name in enumerate(table.cameras):
        mine = distance[(table.camera == c) & np.isfinite(distance)]
        axes.hist(
            np.clip(mine, 0, edges[-1] * 0.999), edges.tolist(), histtype="step", density=True, label=name, linewidth=1
        )
    middle = (edges[1:] + edges[:-1]) / 2
    # Rayleigh density r / s^2 exp(-r^2 / (2 s^2)): lengths of Gaussian noise of s per axis.
    axes.plot(middle, middle / noise**2 * np.exp(-(middle**2) / (2 * noise**2)), "k--", label="pure noise", linewidth=1)
    axes.axvline(4 * noise, color=OFF, linewidth=1)
    axes.text(4.05 * noise, axes.get_ylim()[1] * 0.6, "left out beyond\n(last bin: all farther)", fontsize=7, color=OFF)
    axes.set_xlabel("distance of seen and predicted corner, px")
    axes.set_ylabel("share of the corners per px")
    axes.set_title(
        f"Residuals: curves on the dashed line are good. RMS {solution.calibration.rms_px:.3f} px, "
        f"{solution.calibration.kept_share:.1%} kept", fontsize=9,
    )  # fmt: skip
    axes.legend(fontsize=7)
    return _save(figure, path)


def draw_views(solution: Solution, path: Path) -> Path:
    """Draw the median residual of each view in each camera: a dark row is a moved board, a dark column a camera."""
    table = solution.observations
    grid = np.full((len(table.views), len(table.cameras)), np.nan)
    distance = np.linalg.norm(solution.residuals_px, axis=1)
    for view, camera, part in table.groups():
        finite = distance[part][np.isfinite(distance[part])]
        grid[view, camera] = np.median(finite) if len(finite) else np.nan
    used = np.zeros(grid.shape, dtype=bool)
    used[table.view[solution.kept], table.camera[solution.kept]] = True
    figure = Figure(figsize=(6.5, max(3.0, 0.17 * len(table.views) + 1.4)), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    limit = 5 * solution.noise_px
    image = axes.imshow(grid, aspect="auto", cmap="YlOrRd", vmin=0, vmax=limit, interpolation="nearest")
    for view, camera in np.argwhere(~used & np.isfinite(grid)):
        axes.plot(camera, view, "x", color="black", markersize=5)
    for lost in np.flatnonzero((table.counts().sum(axis=1) > 0) & ~used.any(axis=1)):
        axes.text(len(table.cameras) - 0.45, float(lost), "dropped", fontsize=6, va="center", color=POOR)
    axes.set_xticks(range(len(table.cameras)), table.cameras, rotation=25, ha="right", fontsize=7)
    step = max(1, len(table.views) // 40)
    axes.set_yticks(range(0, len(table.views), step), table.views[::step], fontsize=6)
    axes.set_title(
        "Median residual by view: red row: the board moved;\n"
        "red column: the camera moved; x: left out; white: no board seen",
        fontsize=9,
    )
    figure.colorbar(image, label="px")
    return _save(figure, path)
