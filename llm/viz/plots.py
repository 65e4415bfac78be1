"""Plots: a table of weights, a course of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from llm.files import atomic_write
from llm.viz.style import AMOUNTS, BLACK, BLUE, SIGNED, STYLE, VERMILLION

NUMBERED = 10  # a table with at most this many columns shows its numbers too
BARRED = 3  # one with at least this many rows has a bar of colours beside it


def visible(token: str) -> str:
    """The token with its blanks to be seen: a space as ␣, a line end as ⏎."""
    return token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def heatmap(
    weights: Tensor | np.ndarray,
    row_tokens: Sequence[str],
    column_tokens: Sequence[str] | None = None,
    *,
    limit: float | None = None,
    row_label: str = "query: who looks",
    column_label: str = "key: who is looked at",
    label: str = "weight",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of weights or scores, one row for each token that looks.

    weights: (T, S); −inf and NaN are hatched: nothing to see there. Numbers that
    are never negative go from 0 to `limit` (their maximum unless told), signed
    numbers from −limit to limit. row_tokens: T strings; column_tokens: S strings,
    the rows' own unless told. Small tables show their numbers. Returns the axes
    drawn on.

    Raises `ValueError` when the tokens do not fit the shape.
    """
    table = as_array(weights)
    column_tokens = row_tokens if column_tokens is None else column_tokens
    if table.shape != (len(row_tokens), len(column_tokens)):
        raise ValueError(
            f"weights of shape {table.shape} do not fit {len(row_tokens)} row "
            f"tokens and {len(column_tokens)} column tokens; give a (T, S) table"
        )
    ax = ax or plt.subplots(figsize=table_size(*table.shape))[1]
    table = np.ma.masked_invalid(table)
    limit = limit or float(abs(table).max()) or 1.0
    signed = bool((table < 0).any())
    image = ax.imshow(
        table, cmap=SIGNED if signed else AMOUNTS, vmin=-limit * signed, vmax=limit
    )
    hatch_missing(ax, table.mask)
    if table.shape[1] <= NUMBERED:
        write_numbers(ax, table, image)
    name_ticks(ax, row_tokens, column_tokens)
    ax.set(xlabel=column_label, ylabel=row_label)
    if table.shape[0] >= BARRED:
        ax.figure.colorbar(image, ax=ax, label=label, shrink=0.85)
    return ax


def as_array(values: Tensor | np.ndarray) -> np.ndarray:
    """The numbers of a tensor or an array, in float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def table_size(rows: int, columns: int) -> tuple[float, float]:
    """Inches for a table: square cells, at most as wide as a printed page."""
    cell = min(0.5, 4.0 / max(columns, 1))
    return 1.4 + cell * columns, 0.9 + cell * rows


def hatch_missing(ax: Axes, missing: np.ndarray) -> None:
    """Hatch the cells where there is no number."""
    for row, column in np.argwhere(
        np.broadcast_to(missing, ax.images[0].get_size())
    ):
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, hatch="////", lw=0)
        cell.set(facecolor="#F2F2F2", edgecolor="#B0B0B0")
        ax.add_patch(cell)


def write_numbers(ax: Axes, table: np.ma.MaskedArray, image: Any) -> None:
    """Write each number into its cell, black or white, whichever can be read.

    Counts are written as counts: whole numbers, when some are above 1.
    """
    places = 0 if table.max() > 1 and (table == table.round()).all() else 2
    for (row, column), value in np.ma.ndenumerate(table, compressed=True):
        red, green, blue, _ = image.cmap(image.norm(value))
        light = 0.299 * red + 0.587 * green + 0.114 * blue
        colour = "black" if light > 0.5 else "white"
        ax.text(
            column,
            row,
            f"{value:.{places}f}",
            ha="center",
            va="center",
            color=colour,
        )


def name_ticks(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Put the tokens at the edges of the table, and no grid inside."""
    turned = 90 if max(map(len, columns), default=0) > 3 else 0
    ax.set_xticks(range(len(columns)), map(visible, columns), rotation=turned)
    ax.set_yticks(range(len(rows)), map(visible, rows))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)


def curve(
    records: Sequence[Mapping[str, Any]],
    path: str | Path | None = None,
    *,
    floor: float | None = None,
    log_x: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the losses of a training run against its steps.

    records: the lines of a training log, with `step` and `loss`, some of them with
    `validation_loss` and `validation_standard_error`, all in nats per token. The
    band is two standard errors to either side. floor: the loss that no honest model
    gets below; None = the `floor` of the last record that has one. Where there is one,
    the steep fall in the first tenth of the steps may leave the picture, so that the
    way still to go can be seen. path: where to store the picture as PNG (whole, or
    not at all). Returns the axes drawn on.

    Raises `ValueError` when there is no record with a loss.
    """
    trained = [record for record in records if "loss" in record]
    if not trained:
        raise ValueError("no record has a loss: there is nothing to draw")
    with mpl.rc_context(STYLE):
        if ax is None:
            ax = Figure().subplots() if path else plt.subplots()[1]
        draw_training(ax, trained)
        draw_validation(ax, [r for r in records if "validation_loss" in r])
        draw_floor(ax, records, floor)
        ax.set(xlabel="step", ylabel="loss (nats per token)")
        if log_x:
            ax.set_xscale("log")
        ax.legend()
        if path:
            with atomic_write(path) as file:
                ax.figure.savefig(file, format="png", dpi=200)
    return ax


def draw_training(ax: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    steps = [record["step"] for record in records]
    losses = [record["loss"] for record in records]
    marker = "." if len(steps) == 1 else ""
    ax.plot(
        steps, losses, color=BLUE, linestyle="-", marker=marker, label="training"
    )


def draw_validation(ax: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    if not records:
        return
    steps = [record["step"] for record in records]
    losses = np.array([record["validation_loss"] for record in records])
    errors = [record.get("validation_standard_error", 0.0) for record in records]
    ax.plot(
        steps,
        losses,
        color=VERMILLION,
        linestyle="-",
        marker="o",
        label="validation",
    )
    band = 2 * np.array(errors)
    ax.fill_between(
        steps, losses - band, losses + band, color=VERMILLION, alpha=0.2
    )


def draw_floor(
    ax: Axes, records: Sequence[Mapping[str, Any]], floor: float | None
) -> None:
    known = [record["floor"] for record in records if "floor" in record]
    floor = known[-1] if floor is None and known else floor
    if floor is None:
        return
    label = f"the floor, {floor:.2f}"
    ax.axhline(floor, color=BLACK, linestyle="--", label=label)
    last = max(record["step"] for record in records)
    late = [record for record in records if record["step"] >= last / 10]
    losses = [r[n] for r in late for n in ("loss", "validation_loss") if n in r]
    lowest, highest = min(floor, *losses), max(floor, *losses)
    margin = (highest - lowest) / 10 or 1.0
    ax.set_ylim(lowest - margin, highest + margin)
