"""Chapter 11: query and key as arrows on dials, turned by their positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from book.bundle import Bundle
from book.viz.page import interactive
from llm.layers import rotary_speeds
from llm.style import BLUE, GREY, VERMILLION

PRINTED = ((7, 5), (27, 25), (27, 5))  # positions of query and key, row by row
MOST = 256  # as in js/dial.js
ALT = (
    "Three rows of four dials; in each dial a solid arrow, the query, and a dashed "
    "one, the key. From the first row to the second all arrows turn, those of the "
    "first dial most, and the angle between the two of a dial stays, as does the score. "
    "In the third row only the query stands farther along: angles and score differ."
)


def turned(vector: Tensor, position: int, base: float) -> Tensor:
    """The points of a vector (D,) at a position: (D/2, 2)."""
    first, second = vector.double().chunk(2)
    angles = position * rotary_speeds(len(vector), base).double()
    c, s = angles.cos(), angles.sin()
    return torch.stack((first * c - second * s, second * c + first * s), dim=-1)


def shares(query: Tensor, key: Tensor, at: int, of: int, base: float) -> Tensor:
    """What each pair of components adds to the score: (D/2,).

    at, of: the positions of the query and of the key.
    """
    product = turned(query, at, base) * turned(key, of, base)
    return product.sum(-1) / math.sqrt(len(query))


def rotation_dial(
    query: Sequence[float] | Tensor,
    key: Sequence[float] | Tensor,
    *,
    at: int = 7,
    of: int = 5,
    base: float = 10_000.0,
) -> Bundle:
    """A dial for each pair of components, with query and key as arrows.

    query, key: D numbers each, D even; component i and component i + D/2 are a point.
    at, of: their positions at first, 0 … `MOST`. Raises `ValueError` for vectors of
    different or odd width, or that have a point without length, and for other
    positions.
    """
    q, k = torch.as_tensor(query), torch.as_tensor(key)
    if q.shape != k.shape or q.dim() != 1 or len(q) % 2:
        raise ValueError(
            f"query and key have shapes {tuple(q.shape)} and {tuple(k.shape)}: give "
            f"both the same even number of components"
        )
    if any(not float(turned(x, 0, base).norm(dim=-1).min()) for x in (q, k)):
        raise ValueError(
            "a pair of components is zero: an arrow needs a length to point anywhere"
        )
    if not (0 <= at <= MOST and 0 <= of <= MOST):
        raise ValueError(f"positions {at} and {of} must be from 0 to {MOST}")
    state = {"query": q, "key": k, "base": base, "at": at, "of": of}
    return interactive("dial", state, alt=ALT, figure=picture(q, k, base))


def picture(query: Tensor, key: Tensor, base: float) -> Figure:
    """Three pairs of positions, one below the other, dial by dial."""
    speeds = rotary_speeds(len(query), base)
    longest = float(
        max(turned(x, 0, base).norm(dim=-1).max() for x in (query, key))
    )
    figure, axes = plt.subplots(
        len(PRINTED), len(speeds), figsize=(6.4, 5.4), squeeze=False
    )
    for n, (line, (at, of)) in enumerate(zip(axes, PRINTED, strict=True)):
        q, k = turned(query, at, base), turned(key, of, base)
        score = float(shares(query, key, at, of, base).sum())
        for ax, speed, a, b in zip(line, speeds, q, k, strict=True):
            draw_dial(ax, a / longest, b / longest)
            if n == 0:
                ax.set_title(f"speed {float(speed):.3g}", fontsize=9)
        said = f"query {at}, key {of}\nscore {score:.2f}".replace("-", "−")
        line[0].text(-1.5, 0, said, ha="right", va="center", fontsize=9)
    return figure


def draw_dial(ax: Axes, query: Tensor, key: Tensor) -> None:
    """One dial: the key dashed, the query solid."""
    ax.add_patch(plt.Circle((0, 0), 1, fill=False, ec=GREY, lw=0.8))
    for name, point, colour, dashes in (
        ("k", key, VERMILLION, "--"),
        ("q", query, BLUE, "-"),
    ):
        x, y = point.tolist()
        ax.plot([0, x], [0, y], color=colour, ls=dashes, lw=1.8)
        ax.plot(x, y, "o", color=colour, ms=3.5)
        size = math.hypot(x, y)
        ax.text(
            x + 0.2 * x / size, y + 0.2 * y / size, name,
            ha="center", va="center", fontsize=9,
        )  # fmt: skip
    ax.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    ax.axis("off")
