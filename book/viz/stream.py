"""Chapter 12: where the norm stands, and one token followed through a stream."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from book.bundle import Bundle
from book.viz.diagrams import CENTRED, INK, arrow, blank, box, path
from book.viz.machines import percent, piece_of, spelled
from book.viz.page import interactive
from llm.attention import causal_mask
from llm.export import pack, unpack
from llm.model import GPT
from llm.style import BLUE, GREEN, GREY, STYLE
from llm.tokenizers import END_OF_TEXT, Tokenizer

MOST = 160  # tokens of a text that are read, as in js/stream.js


# --- Where the norm stands --------------------------------------------------------


def three_blocks() -> Axes:
    """A part beside a stream: without a norm, with post-norm, with pre-norm."""
    ax = blank(6.4, 2.5, 12.6, 4.6)
    for left, name in ((0, "none"), (4.3, "post-norm"), (8.6, "pre-norm")):
        one_block(ax, left, name)
    return ax


def one_block(ax: Axes, left: float, name: str) -> None:
    """The stream runs upwards; a part reads a copy and adds what it writes."""
    x, side, plus = left + 0.9, left + 2.75, 2.7
    top = 3.3 if name == "post-norm" else plus
    ax.plot([x, x], [0.1, plus - 0.2], color=BLUE, lw=2.5, ls="-")
    ax.plot([x, x], [plus + 0.2, 4.0], color=BLUE, lw=2.5, ls="-", zorder=1)
    arrow(ax, (x, 3.9), (x, 4.25))
    ax.add_patch(plt.Circle((x, plus), 0.2, fill=False, ec=BLUE, lw=1.6))
    ax.text(x, plus - 0.02, "+", va="center", **CENTRED)
    if name == "post-norm":
        box(ax, x, top + 0.2, "norm", width=1.3, lit=True)
    ax.plot([x, side], [0.5, 0.5], color=GREY, lw=1.2, ls="-")
    arrow(ax, (side, 0.5), (side, 0.7 if name == "pre-norm" else 1.5))
    if name == "pre-norm":
        box(ax, side, 1.0, "norm", width=1.3, lit=True)
        arrow(ax, (side, 1.3), (side, 1.6))
    box(ax, side, 1.9, "part", width=1.3)
    ax.plot([side, side], [2.2, plus], color=GREY, lw=1.2, ls="-")
    arrow(ax, (side, plus), (x + 0.2, plus))
    ax.text(left + 1.8, 4.35, name, weight="bold", **CENTRED)


def whole_block() -> Axes:
    """The pre-norm block: two parts beside one stream, which runs to the right."""
    ax = blank(7.2, 1.8, 14.4, 3.6)
    pluses, y = (6.4, 12.6), 0.9
    for start, end in zip(
        (0.2, *(x + 0.2 for x in pluses)), (*pluses, 14), strict=True
    ):
        ax.plot([start, end - 0.2], [y, y], color=BLUE, lw=2.5, ls="-")
    arrow(ax, (13.7, y), (14.2, y))
    ax.text(0.2, y - 0.4, "x, the stream (B, T, C)", fontsize=9, color=INK)
    for plus, norm, part in zip(
        pluses, ("norm 1", "norm 2"), ("attention", "feed-forward"), strict=True
    ):
        one_part(ax, plus, y, norm, part)
    return ax


def one_part(ax: Axes, plus: float, y: float, norm: str, part: str) -> None:
    """A branch above the stream: it leaves, is normed, and comes back to a plus."""
    leaves, up = plus - 5.4, y + 2.1
    ax.add_patch(plt.Circle((plus, y), 0.2, fill=False, ec=BLUE, lw=1.6))
    ax.text(plus, y - 0.02, "+", va="center", **CENTRED)
    path(ax, (leaves, y), (leaves, up), (leaves + 0.7, up))
    box(ax, leaves + 1.35, up, norm, width=1.3, lit=True)
    arrow(ax, (leaves + 2.0, up), (leaves + 2.6, up))
    box(ax, leaves + 3.65, up, part, width=2.1)
    path(ax, (leaves + 4.7, up), (plus, up), (plus, y + 0.2))
    ax.text(leaves + 0.15, y + 0.9, "reads", fontsize=9, color=INK)
    ax.text(plus - 0.15, y + 0.9, "writes", fontsize=9, color=INK, ha="right")


# --- One token through the stream -------------------------------------------------


class Station(NamedTuple):
    """The stream of a token behind one part of a model.

    written: what the part has added, (C,); stream: what is there now, (C,); probs:
    what the head makes of it, (V,).
    """

    name: str
    written: Tensor
    stream: Tensor
    probs: Tensor

    @property
    def size(self) -> float:
        return float(self.stream.square().mean().sqrt())

    @property
    def writes(self) -> float:
        return float(self.written.square().mean().sqrt())

    @property
    def cosine(self) -> float:
        """Of what was written, with what was there before."""
        return float(
            F.cosine_similarity(self.written, self.stream - self.written, dim=0)
        )


@torch.no_grad()
def stations(model: GPT, ids: Sequence[int]) -> list[Station]:
    """The last token of `ids`, followed through all parts of the model."""
    positions = torch.arange(len(ids))
    mask = causal_mask(len(ids))
    x = model.embedding(torch.tensor([ids]), positions)  # (1, T, C)
    written = [("embedding", x)]
    for n, block in enumerate(model.blocks, start=1):
        heard = block.attention(block.norm1(x), mask, positions)  # (1, T, C)
        x = x + heard  # (1, T, C)
        thought = block.feed_forward(block.norm2(x))  # (1, T, C)
        x = x + thought  # (1, T, C)
        written += [(f"{n} attention", heard), (f"{n} feed-forward", thought)]
    found, stream = [], torch.zeros_like(x[0, -1])
    for name, added in written:
        stream = stream + added[0, -1]
        probs = model.head(model.norm(stream)).softmax(-1)  # (V,)
        found.append(Station(name, added[0, -1], stream, probs))
    return found


def follow_the_stream(
    model: GPT,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    alt: str,
    at: int = -1,
) -> Bundle:
    """One token of a text, followed through the stream of a model: the size of what
    each part writes, its cosine with what was there, and the guess behind each part.

    The model runs in the page, with weights in float16. texts: those to choose from,
    beside the reader's own; each is read behind the sign that begins a text. at: the
    token of the first one that is followed at the beginning, and in the picture for
    paper; -1 is the last.

    Raises `ValueError` without a text, for a tokenizer without the end of a text, and
    for a text without this token.
    """
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT}: train it with "
            f"special_tokens=[{END_OF_TEXT!r}]"
        )
    if not texts:
        raise ValueError("texts is empty: give at least one beginning of a story")
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids = [end, *tokenizer.encode(texts[0])][: min(MOST, model.context_length)]
    if not -len(ids) <= at < len(ids):
        raise ValueError(
            f"at={at} is no token of the first text: it has {len(ids)}"
        )
    at %= len(ids)
    packed = pack(model, tokenizer, precision="float16")
    found = stations(unpack(packed)[0], ids[: at + 1])
    state = {"texts": list(texts), "end": end, "at": at, "part": len(found) - 1}
    pieces = [
        piece_of(i, spelled(tokenizer), end) for i in range(len(found[0].probs))
    ]
    figure = draw_stations(found, pieces, tokenizer.decode(ids[1 : at + 1]))
    return interactive(
        "stream", state, alt=alt, figure=figure, files={"model": packed}
    )


def draw_stations(
    found: Sequence[Station], pieces: Sequence[str], before: str
) -> Figure:
    """For each part a bar for what it writes and one for the stream, and the guess."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            3,
            figsize=(5.4, 0.9 + 0.26 * len(found)),
            sharey=True,
            width_ratios=[3, 3, 4],
        )
        above = figure.suptitle(
            textwrap.fill(f"“{before} ▁”", 78), x=0.01, ha="left", fontsize=9
        )
        above.set_parse_math(False)
        rows = range(len(found))
        axes[0].barh(rows, [s.writes for s in found], color=GREEN, height=0.7)
        axes[1].barh(rows, [s.size for s in found], color=BLUE, height=0.7)
        axes[0].set_yticks(rows, [s.name for s in found])
        axes[0].set(title="the part writes", ylim=(len(found) - 0.5, -0.5))
        axes[1].set_title("the stream")
        for y, station in enumerate(found):
            best = int(station.probs.argmax())
            text = f"{pieces[best]}  {percent(float(station.probs[best]))}"
            axes[2].text(0, y, text, va="center", fontsize=9, parse_math=False)
        axes[2].set_title("the guess", loc="left")
        axes[2].axis("off")
        for ax in axes[:2]:
            ax.set_xlabel("size")
            ax.tick_params(axis="y", length=0)
            ax.grid(visible=False, axis="y")
    return figure
