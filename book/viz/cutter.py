"""Documents cut into rows of inputs and targets, as windows, one in a row, or packed."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from book.viz.page import Bundle, interactive
from book.viz.plots import visible
from llm.data import IGNORE, WindowDataset, documents, pack
from llm.style import BLUE, GREY, VERMILLION
from llm.tokenizers.pretokens import pretokenise

END = 0  # the id of the end mark; the others are numbered as they are met
CHARACTER, LINE = 0.088, 0.24  # inches: of a token, and down to the next line
ALT = (
    "The same documents three times, as rows of inputs above rows of targets, which "
    "are the inputs moved by one: as windows of one long row, which cut documents in "
    "two; with one document in each row, where many places at the ends are filled "
    "up; and packed, with several documents in a row and few places filled up."
)
Row = tuple[list[int], list[int]]


def cutter(
    text: Sequence[str], length: int, stride: int, form: str = "windows"
) -> Bundle:
    """Cut documents into rows, with the controls of all that decides how.

    text: the documents to begin with, each of one line; length: the context length;
    stride: of the windows; form: windows, documents or packed. In print: all three.
    """
    state = {
        "text": "\n".join(text),
        "length": length,
        "stride": stride,
        "form": form,
    }
    figure = three_forms(text, length, stride)
    return interactive("cutter", state, alt=ALT, figure=figure)


def three_forms(text: Sequence[str], length: int, stride: int) -> Figure:
    """Windows, one document in a row, and several: each with its share of filling."""
    pieces = [list(pretokenise(one)) for one in text]
    names = ["end", *dict.fromkeys(piece for one in pieces for piece in one)]
    ids = [[names.index(piece) for piece in one] for one in pieces]
    stream = torch.tensor([i for one in ids for i in (*one, END)])
    windows = WindowDataset(stream, length, stride)
    forms = {
        "windows of one long row": [as_row(x, y) for x, y in windows],
        "one document in a row": rows_of(documents(ids, END, length)),
        "several documents in a row": rows_of(pack(ids, END, length)),
    }
    n_lines = sum(1.6 + 2.3 * len(rows) for rows in forms.values())
    figure, ax = plt.subplots(figsize=(6.4, LINE * n_lines))
    y = 0.0
    for name, rows in forms.items():
        filled = sum(target == IGNORE for _, targets in rows for target in targets)
        places = sum(len(targets) for _, targets in rows)
        said = f"{name}: {len(rows)} rows, {filled} of {places} places filled up"
        ax.text(0, y, said, va="center", size=9, color="black")
        y -= LINE * 1.1
        for row in rows:
            draw_row(ax, row, names, y)
            y -= LINE * 2.3
        y -= LINE * 0.5
    ax.set(xlim=(-0.05, 6.35), ylim=(y + LINE, LINE))
    ax.axis("off")
    return figure


def as_row(x: torch.Tensor, y: torch.Tensor) -> Row:
    return x.tolist(), y.tolist()


def rows_of(both: tuple[torch.Tensor, torch.Tensor]) -> list[Row]:
    return [as_row(x, y) for x, y in zip(*both, strict=True)]


def draw_row(ax: Axes, row: Row, names: Sequence[str], y: float) -> None:
    """The inputs, and below each its target; what does not count is dashed."""
    left = 0.18
    for name, at in (("x", y), ("y", y - LINE)):
        ax.text(0, at, name, va="center", size=9, style="italic")
    for i, target in zip(*row, strict=True):
        counts = target != IGNORE
        above = names[i] if counts else "·"
        below = names[target] if counts else "·"
        width = CHARACTER * max(map(len, (above, below))) + 0.1
        draw_token(ax, above, (left, y, width), BLUE if counts else GREY)
        draw_token(
            ax, below, (left, y - LINE, width), VERMILLION if counts else GREY
        )
        left += width + 0.03


def draw_token(
    ax: Axes, text: str, place: tuple[float, float, float], colour: str
) -> None:
    x, y, width = place
    dashed = {"linestyle": "--"} if colour == GREY else {}
    size = (x, y - LINE * 0.42), width, LINE * 0.84
    ax.add_patch(
        plt.Rectangle(*size, fill=False, edgecolor=colour, lw=0.8, **dashed)
    )
    ax.text(
        x + width / 2,
        y,
        visible(text),
        ha="center",
        va="center",
        family="monospace",
        size=8,
    )
