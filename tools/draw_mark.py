"""Draw the mark of the book, a causal mask, for the site.

    python tools/draw_mark.py      writes _static/mark.svg and _static/share.png

What may be looked at is filled, the more strongly the nearer it is; what is hidden is
an outline. share.png is what a link to the book shows elsewhere (1,200 × 630).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from llm.files import atomic_write  # noqa: E402

N = 4  # rows and columns
CELL, GAP = 13, 3  # of the mark, which is 64 wide with a margin of 1.5
INK, PAPER, SOFT, LINE = "#1F2933", "#FFFFFF", "#D5DCE3", "#52606D"
BLUE = "#2E8FD0"  # between the blues of the light and the dark page
HIDDEN = f'fill="none" stroke="{BLUE}" stroke-opacity="0.45" stroke-width="1"'
SHADES = (1.0, 0.75, 0.55, 0.4)  # by the distance from the diagonal
TITLE = "LLM from Scratch"
PROMISE = (
    "A book that runs: from raw text\nto a language model of your own,\non a laptop"
)


def cells() -> list[tuple[int, int, float | None]]:
    """Row, column and shade of each cell; None: hidden."""
    return [
        (i, j, SHADES[i - j] if j <= i else None)
        for i in range(N)
        for j in range(N)
    ]


def svg() -> str:
    """The mark, in the blue of the house, which is seen on white and on black."""
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img" '
        'aria-label="A causal mask">'
    ]
    for i, j, shade in cells():
        x, y = (1.5 + (CELL + GAP) * k for k in (j, i))
        place = f'x="{x}" y="{y}" width="{CELL}" height="{CELL}" rx="2.5"'
        look = f'fill="{BLUE}" fill-opacity="{shade}"' if shade else HIDDEN
        lines.append(f"  <rect {place} {look}/>")
    return "\n".join([*lines, "</svg>", ""])


def share(file: IO[bytes]) -> None:
    """The picture of a link: the mark, the title, the promise."""
    with mpl.rc_context({"font.family": "sans-serif"}):
        figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=INK)
        ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 6.3))
        ax.axis("off")
        draw_mask(ax, 0.9, 1.15, 4.0)
        ax.text(5.6, 4.25, TITLE, color=PAPER, size=44, weight="bold", va="center")
        ax.text(
            5.6, 2.6, PROMISE, color=SOFT, size=26, va="center", linespacing=1.35
        )
        figure.savefig(file, format="png")
        plt.close(figure)


def draw_mask(ax: Axes, left: float, bottom: float, width: float) -> None:
    step = width / N
    for i, j, shade in cells():
        corner = (left + j * step, bottom + (N - 1 - i) * step)
        ax.add_patch(
            FancyBboxPatch(
                corner,
                *(0.8 * step,) * 2,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor=BLUE if shade else "none",
                edgecolor="none" if shade else LINE,
                alpha=shade,
                lw=1.5,
            )
        )


def main() -> None:
    static = ROOT / "_static"
    with atomic_write(static / "mark.svg", "w", "utf-8") as file:
        file.write(svg())
    with atomic_write(static / "share.png") as file:
        share(file)


if __name__ == "__main__":
    main()
