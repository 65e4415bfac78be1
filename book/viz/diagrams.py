"""Diagrams in one drawing language: rounded boxes for what computes, plain words for
what flows, an arrow for where it goes."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from llm.style import BLUE, GREY

INK, PALE = "#222222", "#F3F5F7"

# The machine, in the order of the flow: centre of each box, and what comes out.
MACHINE = {
    "tokenizer": (1.7, 1.55, "ids"),
    "embedding": (3.95, 1.55, "vectors"),
    "attention": (7.05, 1.55, ""),
    "feed-forward": (9.05, 1.55, ""),
    "head": (11.3, 1.55, "logits"),
    "sampler": (14.05, 1.55, ""),
    "loss": (11.3, 0.4, ""),
    "optimizer": (8.05, 0.4, ""),
}
WIDTH = 1.7


def blank(width: float, height: float, across: float, up: float) -> Axes:
    """An empty sheet of width × height inches, measured in across × up units."""
    ax = plt.subplots(figsize=(width, height))[1]
    ax.set(xlim=(0, across), ylim=(0, up))
    ax.axis("off")
    return ax


def box(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    width: float = 1.0,
    lit: bool = False,
) -> None:
    """A box that computes, centred at (x, y), its text as written, $ included; a lit
    one is filled and bold."""
    shape = FancyBboxPatch(
        (x - width / 2, y - 0.3),
        width,
        0.6,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=BLUE if lit else PALE,
        edgecolor=BLUE,
        linewidth=1.6 if lit else 1.0,
        zorder=2,
    )
    ax.add_patch(shape)
    ax.text(
        x, y, text, ha="center", va="center", zorder=3, fontsize=9,
        color="white" if lit else INK, weight="bold" if lit else "normal",
        parse_math=False,
    )  # fmt: skip


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str = "",
    *,
    bend: float = 0.0,
    above: float = 0.13,
) -> None:
    """An arrow from start to end, with the name of what flows above its middle; in it
    $…$ is a formula."""
    style = {
        "arrowstyle": "-|>",
        "color": GREY,
        "lw": 1.2,
        "shrinkA": 0,
        "shrinkB": 0,
        "connectionstyle": f"arc3,rad={bend}",
    }
    ax.annotate("", end, start, arrowprops=style, zorder=1)
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + above)
    ax.text(*middle, text, ha="center", va="center", fontsize=9, color=INK)


def machine(lit: str | None = None) -> Axes:
    """The map of the whole machine, with one box lit: where the reader stands.

    lit: a name in `MACHINE`; None = the whole. Raises `ValueError` for another.
    """
    if lit is not None and lit not in MACHINE:
        raise ValueError(
            f"no box {lit!r} on the map; choose from {', '.join(MACHINE)}"
        )
    ax = blank(7.4, 1.6, 15.9, 2.6)
    for name, (x, y, _) in MACHINE.items():
        box(ax, x, y, name.replace("-", "-\n"), width=WIDTH, lit=name == lit)
    row = [name for name, (_, y, _) in MACHINE.items() if y > 1]
    for here, there in pairwise(row):
        x, y, flows = MACHINE[here]
        arrow(ax, (x + WIDTH / 2, y), (MACHINE[there][0] - WIDTH / 2, y))
        ax.text(x + WIDTH / 2 + 0.08, y + 0.14, flows, fontsize=9, color=INK)
    arrow(ax, (0.0, 1.55), (0.85, 1.55))
    arrow(ax, (14.9, 1.55), (15.8, 1.55))
    for x, at in ((0.02, "text"), (14.98, "text")):
        ax.text(x, 1.69, at, fontsize=9, color=INK)
    arrow(ax, (11.3, 1.25), (11.3, 0.7))
    arrow(ax, (10.45, 0.4), (8.9, 0.4))
    arrow(ax, (8.05, 0.7), (8.05, 1.03))
    shape = {"boxstyle": "round,pad=0,rounding_size=0.1", "fill": False}
    frame = FancyBboxPatch(
        (6.08, 1.05), 3.94, 1.0, ls="--", lw=0.9, ec=GREY, **shape
    )
    ax.add_patch(frame)
    ax.text(8.05, 2.17, "a block, L times", ha="center", fontsize=9, color=INK)
    return ax
