"""Draw the course of a training run: losses against steps, and the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from llm.files import atomic_write
from llm.style import BLACK, BLUE, STYLE, VERMILLION


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
    """Draw the loss of each step, in nats per token."""
    steps = [record["step"] for record in records]
    losses = [record["loss"] for record in records]
    marker = "." if len(steps) == 1 else ""
    ax.plot(
        steps, losses, color=BLUE, linestyle="-", marker=marker, label="training"
    )


def draw_validation(ax: Axes, records: Sequence[Mapping[str, Any]]) -> None:
    """Draw the held-out losses, in nats per token, in their band of two standard
    errors."""
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
        label="held-out",
    )
    band = 2 * np.array(errors)
    ax.fill_between(
        steps, losses - band, losses + band, color=VERMILLION, alpha=0.2
    )


def draw_floor(
    ax: Axes, records: Sequence[Mapping[str, Any]], floor: float | None
) -> None:
    """Draw the floor, in nats per token, if one is known, and choose what is shown."""
    known = [record["floor"] for record in records if "floor" in record]
    floor = known[-1] if floor is None and known else floor
    if floor is None or not math.isfinite(floor):
        return
    label = f"the floor, {floor:.2f}"
    ax.axhline(floor, color=BLACK, linestyle="--", label=label)
    last = max(record["step"] for record in records)
    late = [record for record in records if record["step"] >= last / 10]
    losses = [r[n] for r in late for n in ("loss", "validation_loss") if n in r]
    # A run whose loss was no number at some step has a curve as well.
    shown = [floor, *filter(math.isfinite, losses)]
    lowest, highest = min(shown), max(shown)
    margin = (highest - lowest) / 10 or 1.0
    ax.set_ylim(lowest - margin, highest + margin)
