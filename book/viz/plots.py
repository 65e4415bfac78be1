"""Plots: a table of weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import regex
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from llm.style import AMOUNTS, SIGNED

NUMBERED = 10  # a table with at most this many columns shows its numbers too
BARRED = 3  # one with at least this many rows has a bar of colours beside it
BLANKS = str.maketrans({" ": "␣", "\n": "⏎", "\t": "⇥"})
UNSEEN = regex.compile(r"[\p{C}\p{Z}]")
# Tokens are drawn as written: as formulas $a$ loses its signs and $$ is an error.
AS_WRITTEN = {"parse_math": False}


def visible(token: str) -> str:
    """The token with its blanks to be seen: a space as ␣, a line end as ⏎, and what no
    font has a picture of, such as a byte order mark, by its number.

    >>> visible("a b\\n"), visible("\\ufeffa")
    ('a␣b⏎', '⟨U+FEFF⟩a')
    """
    return UNSEEN.sub(
        lambda found: f"⟨U+{ord(found[0]):04X}⟩", token.translate(BLANKS)
    )


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
    numbers from −limit to limit; a mask, of booleans, is drawn as 1 and 0.
    row_tokens: T strings; column_tokens: S strings, the rows' own unless told.
    Small tables show their numbers. Tokens and labels are drawn as written, $
    included. Returns the axes drawn on.

    Raises `ValueError` when the tokens do not fit the shape.
    """
    table, is_mask = as_array(weights), str(weights.dtype).endswith("bool")
    column_tokens = row_tokens if column_tokens is None else column_tokens
    if table.shape != (len(row_tokens), len(column_tokens)) or table.size == 0:
        raise ValueError(
            f"weights of shape {table.shape} do not fit {len(row_tokens)} row "
            f"tokens and {len(column_tokens)} column tokens; give a (T, S) table of "
            "at least one number"
        )
    size = table_size(*table.shape, below=turned_height(column_tokens))
    ax = ax or plt.subplots(figsize=size)[1]
    table = np.ma.masked_invalid(table)
    limit = limit or float(np.ma.filled(abs(table).max(), 0)) or 1.0
    signed = bool((table < 0).any())
    image = ax.imshow(
        table, cmap=SIGNED if signed else AMOUNTS, vmin=-limit * signed, vmax=limit
    )
    hatch_missing(ax, table.mask)
    if table.shape[1] <= NUMBERED:
        write_numbers(ax, table, image, whole=is_mask)
    name_ticks(ax, row_tokens, column_tokens)
    ax.set_xlabel(column_label, **AS_WRITTEN)
    ax.set_ylabel(row_label, **AS_WRITTEN)
    if table.shape[0] >= BARRED and not is_mask:
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.85)
        bar.set_label(label, **AS_WRITTEN)
    return ax


def as_array(values: Tensor | np.ndarray) -> np.ndarray:
    """The numbers of a tensor or an array, in float64."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def table_size(rows: int, columns: int, below: float = 0) -> tuple[float, float]:
    """Inches for a table: square cells, at most as wide as a printed page.

    below: the height of the names of the columns.
    """
    cell = min(0.5, 4.0 / max(columns, 1))
    return 1.4 + cell * columns, 0.9 + below + max(cell * rows, 0.25)


def is_turned(columns: Sequence[str]) -> bool:
    """Whether the names of the columns are too long to stand side by side."""
    return max(map(len, columns), default=0) > 3


def turned_height(columns: Sequence[str]) -> float:
    """Inches that the names of the columns take, if they are turned."""
    longest = max(map(len, map(visible, columns)), default=0)
    return 0.075 * longest if is_turned(columns) else 0


def hatch_missing(ax: Axes, missing: np.ndarray) -> None:
    """Hatch the cells where there is no number."""
    for row, column in np.argwhere(
        np.broadcast_to(missing, ax.images[0].get_size())
    ):
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, hatch="////", lw=0)
        cell.set(facecolor="#F2F2F2", edgecolor="#B0B0B0")
        ax.add_patch(cell)


def write_numbers(
    ax: Axes, table: np.ma.MaskedArray, image: Any, whole: bool = False
) -> None:
    """Write each number into its cell, black or white, whichever can be read.

    Counts are written as counts: whole numbers, when some are above 1, or told so.
    """
    counts = table.max() > 1 and (table == table.round()).all()
    places = 0 if whole or counts else 2
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
    rows, columns = (list(map(visible, tokens)) for tokens in (rows, columns))
    turned = 90 if is_turned(columns) else 0
    ax.set_xticks(range(len(columns)), columns, rotation=turned, **AS_WRITTEN)
    ax.set_yticks(range(len(rows)), rows, **AS_WRITTEN)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
