"""What the reader predicted: kept under a name, shown beside the result.

On the site a box asks for it (`_ext/book_predict.py`) and the page keeps it. Where a
kernel runs, `predict` keeps it, and tables and figures made later show it.
"""

from __future__ import annotations

import html
import math
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from book.bundle import Bundle
from book.predictions import BLANK
from book.viz.page import Picture
from llm.style import PURPLE

said: dict[str, float | str] = {}


def predict(name: str, value: Any = ...) -> str:
    """Keep what you predict, a number or a choice, under the name of its box.

    Tables and figures that are made from now on show it beside the result. Three dots
    in place of the value forget it.

    >>> predict("average", 0.4)
    'You said 0.4. Run on, and compare.'
    """
    if value is None or isinstance(value, types.EllipsisType):
        said.pop(name, None)
        return "Nothing yet: write your number in place of the dots, and run again."
    said[name] = checked(value)
    return f"You said {Said(name)}. Run on, and compare."


def checked(value: Any) -> float | str:
    """The prediction as a number or a text; refuse what is neither."""
    if isinstance(value, str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"predict one number or one choice, not {value!r}")
    return number


@dataclass(frozen=True)
class Said:
    """A place in a table or a figure for what was predicted under this name."""

    name: str

    @property
    def value(self) -> float | str | None:
        """The prediction; None where the kernel knows of none."""
        return said.get(self.name)

    def __str__(self) -> str:
        value = self.value
        if value is None:
            return BLANK
        return value if isinstance(value, str) else f"{value:.6g}"

    def html(self) -> str:
        """The prediction, in an element that the script of a page fills."""
        name, shown = html.escape(self.name), html.escape(str(self))
        return f'<span class="llm-said" data-said="{name}">{shown}</span>'


def with_prediction(
    ax: Axes, name: str | Iterable[str], *, along: str = "y", alt: str
) -> Bundle:
    """A figure with a line where the reader predicted: end its cell with this.

    name: of one prediction or of several, each a number on the axis `along`, "x" or
    "y". alt: what is to be seen, and what it shows. What the kernel knows of is drawn
    into the picture; for the rest the page has a mark that its script moves.
    """
    if along not in ("x", "y"):
        raise ValueError(
            f"a prediction stands along the axis 'x' or 'y', not {along!r}"
        )
    predictions = [Said(n) for n in ([name] if isinstance(name, str) else name)]
    waiting = [p for p in predictions if p.value is None]
    limits = getattr(ax, f"get_{along}lim")()
    for prediction in predictions:
        if prediction.value is not None:
            draw(ax, prediction, along)
    with mpl.rc_context({"savefig.bbox": "standard"}):  # nothing is cut off
        ax.figure.canvas.draw()
        box, picture = ax.get_position(), Picture.of(ax)
    scale = getattr(ax, f"get_{along}scale")()
    marks = "".join(mark(p.name, along, *limits, scale) for p in waiting)
    area = (
        f"position:absolute;left:{box.x0:.2%};bottom:{box.y0:.2%};"
        f"width:{box.width:.2%};height:{box.height:.2%}"
    )
    page = (
        f'<div class="llm-predicted"><span style="position:relative;display:block">'
        f'{picture.html(alt)}<span style="{area}">{marks}</span></span></div>'
    )
    return picture.bundle({"text/html": page, "text/plain": alt})


def draw(ax: Axes, prediction: Said, along: str) -> None:
    """Draw what was predicted across the axes, with its label."""
    line = ax.axhline if along == "y" else ax.axvline
    line(float(prediction.value), color=PURPLE, ls=(0, (1, 1)), lw=2)
    across = (0.99, prediction.value) if along == "y" else (prediction.value, 0.99)
    ax.annotate(
        f"you said {prediction}",
        across,
        xycoords=ax.get_yaxis_transform()
        if along == "y"
        else ax.get_xaxis_transform(),
        ha="right",
        va="bottom" if along == "y" else "top",
        bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1},
    )


def mark(name: str, along: str, low: float, high: float, scale: str) -> str:
    """The mark of a prediction in the page, hidden until there is one.

    Its line is the edge of a box that holds the label; the script of the page says
    where the box stands, and which edge is the line.
    """
    side = "left:0;right:0" if along == "y" else "top:0;bottom:0"
    style = (
        f"position:absolute;{side};border:0 dotted {PURPLE};text-align:right;"
        "font-size:0.8rem;line-height:1.3;color:#111;white-space:nowrap"
    )
    return (
        f'<span hidden class="llm-mark" style="{style}" data-along="{along}" '
        f'data-said="{html.escape(name)}" data-scale="{scale}" '
        f'data-low="{low:.5g}" data-high="{high:.5g}"></span>'
    )
