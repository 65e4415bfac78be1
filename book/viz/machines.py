"""Chapter 1: three small models and the truth, side by side, to draw from."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import regex
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from book.bundle import Bundle
from book.viz.page import interactive
from book.viz.plots import BLANKS
from llm.export import pack
from llm.model import GPT
from llm.ngram import BigramTable, WindowModel
from llm.oracle import Oracle
from llm.style import BLACK, BLUE, GREY, STYLE, VERMILLION
from llm.tokenizers import END_OF_TEXT, Tokenizer

NAMES = ("the table", "the window", "the Transformer", "the oracle")
COLOURS = (GREY, VERMILLION, BLUE, BLACK)
SHOWN, LENGTH = 8, 40  # bars, and tokens written on, as in js/machines.js
UNPRINTABLE = regex.compile(r"[\p{C}\ufffd]")
WIDTH = 5.4  # inches: the text of a printed page


def three_machines(
    table: BigramTable,
    window: WindowModel,
    transformer: GPT,
    tokenizer: Tokenizer,
    *,
    stories: Sequence[str],
    alt: str,
    read: int = 20,
) -> Bundle:
    """What each of three models expects next in a story, beside the truth, at any
    temperature; and how each of them writes on.

    The models run in the page: the table exactly, the others with weights in float16,
    as the shipped ones have them. stories: three or four that the models have not
    seen. alt: as in `interactive`. read: tokens of the first story that have been read
    at the beginning, and in the picture for paper.

    Raises `ValueError` for models of different vocabularies, and a text that is no
    story or too long for the Transformer.
    """
    check_machines(table, window, transformer, tokenizer)
    end, oracle = tokenizer.special_tokens[END_OF_TEXT], Oracle(tokenizer)
    room = transformer.context_length - LENGTH
    told = [read_story(oracle, text, end, room) for text in stories]
    if not told or not 0 <= read <= len(told[0]["ids"]):
        raise ValueError(
            f"read={read} must be between 0 and the number of tokens of the first of "
            f"{len(told)} stories, {len(told[0]['ids']) if told else 'none'}"
        )
    ids = [end, *told[0]["ids"], end]
    before = ids[: read + 1]
    expected = [expected_by(m, before) for m in (table, window, transformer)]
    truth = as_tensor(oracle.after(before).distribution(), tokenizer.vocab_size)
    state = {"end": end, "stories": told, "read": read}
    files = {
        "table": pack(table),
        "window": pack(window, tokenizer, precision="float16"),
        "transformer": pack(transformer, tokenizer, precision="float16"),
    }
    text, pieces = tokenizer.decode(before[1:]), spelled(tokenizer)
    figure = draw_all([*expected, truth], ids[read + 1], text, pieces, end)
    return interactive("machines", state, alt=alt, figure=figure, files=files)


def check_machines(
    table: BigramTable, window: WindowModel, transformer: GPT, tokenizer: Tokenizer
) -> None:
    """Raise `ValueError` unless these fit together and into the page."""
    sizes = {
        "table": len(table.counts),
        "window": len(window.head.weight),
        "transformer": len(transformer.head.weight),
        "tokenizer": tokenizer.vocab_size,
    }
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(
            f"the vocabularies differ: {said}; take models of one kind"
        )
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT}: train it with "
            f"special_tokens=[{END_OF_TEXT!r}]"
        )


# --- What the page needs to know --------------------------------------------------


def read_story(oracle: Oracle, text: str, end: int, room: int) -> dict[str, Any]:
    """A story as the page wants it: a name, its ids, and the oracle's distribution at
    every place, [id, probability, …], the likeliest first."""
    ids = oracle.tokenizer.encode(text)
    name = " ".join(text.split()[:4]).rstrip(",") + " …"
    states = [oracle.after([end, *ids[:n]]) for n in range(len(ids) + 1)]
    if None in states or end not in states[-1].distribution():
        raise ValueError(
            f"{name!r} is no whole story: take one of llm.corpora.story"
        )
    if len(ids) > room:
        raise ValueError(
            f"{name!r} has {len(ids)} tokens; the Transformer's context_length leaves "
            f"room for {room}: take a shorter one"
        )
    ranked = [
        sorted(s.distribution().items(), key=lambda pair: (-pair[1], pair[0]))
        for s in states
    ]
    flat = [[number for pair in place for number in pair] for place in ranked]
    return {"name": name, "ids": ids, "oracle": flat}


def spelled(tokenizer: Tokenizer) -> list[str]:
    """For each id its bytes, each as the character of that number; special tokens
    have none."""
    spellings = map(tokenizer.spelling, range(tokenizer.vocab_size))
    return [(spelling or b"").decode("latin-1") for spelling in spellings]


# --- Distributions, and the picture of four of them -------------------------------


@torch.no_grad()
def expected_by(model: nn.Module, ids: Sequence[int]) -> Tensor:
    """The probabilities (V,) of what a model expects after these ids."""
    return model(torch.tensor([ids]))[0, -1].float().softmax(dim=-1)


def as_tensor(distribution: dict[int, float], vocab_size: int) -> Tensor:
    """A distribution over a few ids as probabilities (V,)."""
    probs = torch.zeros(vocab_size)
    probs[list(distribution)] = torch.tensor(list(distribution.values()))
    return probs


def percent(share: float) -> str:
    """A share as the columns show it.

    >>> percent(0.123), percent(0.0123), percent(0.0001)
    ('12%', '1.2%', '<0.1%')
    """
    if share >= 0.0995:
        return f"{share:.0%}"
    return "<0.1%" if share < 0.0005 else f"{share:.1%}"


def piece_of(id: int, spelling: Sequence[str], end: int) -> str:
    """A token as it is shown: bytes that are no characters by their numbers."""
    if id == end:
        return "(the end)"
    token = spelling[id].encode("latin-1")
    shown = token.decode("utf-8", "replace").translate(BLANKS)
    return f"⟨{token.hex(' ')}⟩" if UNPRINTABLE.search(shown) else shown


def draw_all(
    expected: Sequence[Tensor],
    next_id: int,
    before: str,
    spelling: Sequence[str],
    end: int,
) -> Figure:
    """Four distributions side by side, with what came before above them."""
    with mpl.rc_context(STYLE):
        rows = SHOWN + any((p > p[next_id]).sum() >= SHOWN for p in expected)
        figure = plt.figure(figsize=(WIDTH, 0.9 + 0.27 * rows))
        text = f"“{before} ▁”"
        if len(text) > 150:
            text = f"“… {text[-150:].partition(' ')[2]}"
        above = figure.suptitle(
            textwrap.fill(text, 78), x=0.01, ha="left", fontsize=9
        )
        above.set_parse_math(False)
        pieces = [piece_of(id, spelling, end) for id in range(len(spelling))]
        axes = figure.subplots(1, len(expected))
        for ax, p, name, colour in zip(axes, expected, NAMES, COLOURS, strict=True):
            draw_one(ax, p.tolist(), next_id, colour, pieces)
            ax.set_title(name, fontsize=9, fontweight="bold", loc="left")
            ax.set(xlim=(0, 1), ylim=(rows - 0.5, -0.9))
            ax.axis("off")
    return figure


def draw_one(
    ax: Axes,
    probs: Sequence[float],
    next_id: int,
    colour: str,
    pieces: Sequence[str],
) -> None:
    """The likeliest tokens as bars under their names, and a frame around the true one."""
    order = sorted(range(len(probs)), key=lambda id: -probs[id])
    rank = order.index(next_id)
    ids = [id for id in order[:SHOWN] if probs[id] > 0]
    ids += [next_id] if rank >= SHOWN else []
    for y, id in enumerate(ids):
        true = id == next_id
        far = f"{rank + 1}: " if true and rank >= SHOWN else ""
        style = {"va": "center", "parse_math": False}
        style["fontweight"] = "bold" if true and not far else "normal"
        ax.barh(y, probs[id], height=0.86, color=colour, alpha=0.3, lw=0)
        if true:
            ax.barh(y, 1, height=0.86, facecolor="none", edgecolor=BLACK, lw=0.9)
        mark = "►" if true else ""
        ax.text(0.02, y, f"{mark}{far}{pieces[id]}", **style)
        ax.text(0.98, y, percent(probs[id]), ha="right", **style)
    dashes = "--" if colour == BLACK else "-"
    ax.plot([0, 1], [-0.75, -0.75], color=colour, linestyle=dashes, lw=2)
