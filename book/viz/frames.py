"""Attention as a series of frames: softmax(QKᵀ)V, one matrix at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from book.viz.page import Bundle, interactive
from book.viz.plots import as_array, hatch_missing, name_ticks
from llm.attention import softmax
from llm.style import AMOUNTS, VERMILLION

ALT = (
    "Three rows of tables. First, the queries times the transposed keys give a square "
    "table of scores. Second, scores where one may not look become minus infinity, and "
    "the softmax of each row gives weights. Third, the weights times the values give "
    "the answers: the row of the position that asks is framed in each."
)


def attention_frames(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor,
    words: Sequence[str],
    components: Sequence[str],
    *,
    temperature: float = 1.0,
) -> Bundle:
    """How the answers come about, step by step, for the position one chooses.

    queries, keys, values: (T, D). mask: boolean (T, T), True = may look. words: T
    strings; components: the names of the D components. temperature: divides the
    scores, besides √D. In print, all steps for the last position.
    """
    scores = queries @ keys.T / math.sqrt(queries.shape[1]) / temperature  # (T, T)
    hidden = scores.masked_fill(~mask, -math.inf)  # (T, T)
    weights = softmax(hidden)  # (T, T)
    tables = {
        "queries": queries,
        "keys": keys,
        "values": values,
        "scores": scores,
        "weights": weights,
        "answers": weights @ values,
    }
    state = tables | {
        "mask": mask.int(),
        "words": list(words),
        "components": list(components),
        "temperature": temperature,
    }
    tables |= {"hidden": hidden, "keys": keys.T}
    picture = series(tables, words, components)
    return interactive("frames", state, alt=ALT, figure=picture)


def series(
    tables: dict[str, Tensor], words: Sequence[str], components: Sequence[str]
) -> Figure:
    """All steps on paper, for the last position."""
    figure, axes = plt.subplots(3, 3, figsize=(6.4, 6.6))
    asks, ours = len(words) - 1, dict(rows=words, columns=components)
    square = dict(rows=words, columns=words)
    draw(axes[0, 0], tables["queries"], "queries Q (T, D)", asks, **ours)
    draw(
        axes[0, 1],
        tables["keys"],
        "keys, turned: Kᵀ (D, T)",
        None,
        components,
        words,
    )
    draw(axes[0, 2], tables["scores"], "scores QKᵀ/√D (T, T)", asks, **square)
    draw(axes[1, 0], tables["hidden"], "future hidden (T, T)", asks, **square)
    draw(axes[1, 1], tables["weights"], "softmax: weights (T, T)", asks, **square)
    axes[1, 2].axis("off")
    draw(axes[2, 0], tables["weights"], "weights (T, T)", asks, **square)
    draw(axes[2, 1], tables["values"], "values V (T, D)", None, **ours)
    draw(axes[2, 2], tables["answers"], "answers (T, D)", asks, **ours)
    for row, signs in zip(axes, ("@=", "→", "@="), strict=True):
        for ax, sign in zip(row, signs, strict=False):
            ax.text(
                1.12, 0.5, sign, transform=ax.transAxes, ha="center", fontsize=11
            )
    return figure


def draw(
    ax: Axes,
    table: Tensor,
    title: str,
    asks: int | None,
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """One table, the row of the position that asks in a frame."""
    numbers = np.ma.masked_invalid(as_array(table))
    ax.imshow(numbers, cmap=AMOUNTS, vmin=0, vmax=max(float(numbers.max()), 1e-9))
    hatch_missing(ax, numbers.mask)
    ax.set_title(title, fontsize=9)
    name_ticks(ax, rows, columns)
    if asks is not None:
        width = numbers.shape[1]
        frame = plt.Rectangle(
            (-0.5, asks - 0.5), width, 1, fill=False, clip_on=False
        )
        frame.set(edgecolor=VERMILLION, linewidth=2)
        ax.add_patch(frame)
