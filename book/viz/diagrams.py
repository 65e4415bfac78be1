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
    "tokenizer": (1.5, 1.95, "ids"),
    "embedding": (4.15, 1.95, "vectors"),
    "attention": (7.05, 1.95, ""),
    "feed-forward": (9.05, 1.95, ""),
    "head": (11.3, 1.95, "logits"),
    "sampler": (14.05, 1.95, ""),
    "loss": (12.6, 0.4, ""),
    "optimizer": (7.2, 0.4, ""),
}
MODEL = ("embedding", "attention", "feed-forward", "head")
WIDTH = 1.7
CENTRED = {"ha": "center", "fontsize": 9, "color": INK}


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


def path(ax: Axes, *points: tuple[float, float]) -> None:
    """An arrow that turns corners."""
    ax.plot(*zip(*points[:-1], strict=True), color=GREY, ls="-", lw=1.2, zorder=1)
    arrow(ax, points[-2], points[-1])


def frame(
    ax: Axes,
    low: tuple[float, float],
    high: tuple[float, float],
    text: str,
    line: str,
) -> None:
    """A frame around several boxes, its name inside, at the top."""
    width, height = high[0] - low[0], high[1] - low[1]
    shape = {"boxstyle": "round,pad=0,rounding_size=0.1", "fill": False}
    ax.add_patch(
        FancyBboxPatch(low, width, height, ls=line, lw=0.9, ec=GREY, **shape)
    )
    ax.text(low[0] + 0.15, high[1] - 0.27, text, fontsize=9, color=INK)


def machine(lit: str | None = None) -> Axes:
    """The map of the whole machine, with one box lit: where the reader stands.

    lit: a name in `MACHINE`, or "model" for all boxes of the model; None = none of
    them. Raises `ValueError` for another.
    """
    bright = MODEL if lit == "model" else (lit,)
    if lit is not None and not set(bright) <= MACHINE.keys():
        raise ValueError(
            f"no box {lit!r} on the map; choose from {', '.join(MACHINE)}, model"
        )
    ax = blank(7.4, 1.95, 15.9, 3.5)
    for name, (x, y, _) in MACHINE.items():
        box(ax, x, y, name.replace("-", "-\n"), width=WIDTH, lit=name in bright)
    row = [name for name, (_, y, _) in MACHINE.items() if y > 1]
    for here, there in pairwise(row):
        x, y, flows = MACHINE[here]
        arrow(ax, (x + WIDTH / 2, y), (MACHINE[there][0] - WIDTH / 2, y))
        ax.text(x + WIDTH / 2 + 0.1, y + 0.14, flows, fontsize=9, color=INK)
    for x, side in ((-0.2, "text"), (14.9, "text")):
        arrow(ax, (x, 1.95), (x + 0.85, 1.95))
        ax.text(x + 0.05, 2.09, side, fontsize=9, color=INK)
    # Writing: what was drawn is read next.
    path(ax, (14.05, 2.25), (14.05, 3.0), (2.92, 3.0), (2.92, 2.0))
    ax.text(8.5, 3.1, "writing: the token drawn is read next", **CENTRED)
    # Training: logits and next tokens to the loss, its gradient to every parameter.
    path(ax, (12.6, 1.9), (12.6, 0.7))
    path(ax, (2.92, 1.9), (2.92, 0.05), (12.6, 0.05), (12.6, 0.1))
    ax.text(4.6, 0.14, "the tokens that came", **CENTRED)
    path(ax, (11.75, 0.4), (8.05, 0.4))
    ax.text(9.9, 0.54, "training: the gradient", **CENTRED)
    path(ax, (7.2, 0.7), (7.2, 1.17))
    frame(ax, (3.1, 1.2), (12.22, 2.85), "the model", "-")
    frame(ax, (6.12, 1.5), (10.0, 2.7), "a block, L times", "--")
    return ax
