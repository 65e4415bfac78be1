"""Byte-pair encoding, merge by merge, on texts of the reader's."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from book.viz.page import Bundle, interactive
from book.viz.plots import visible
from llm.style import BLUE, GREY, VERMILLION
from llm.tokenizers import BPETokenizer
from llm.tokenizers.merges import Merge, train_by_rescanning
from llm.tokenizers.pretokens import count_pretokens, pretokenise

CHARACTER, GAP, LINE = 0.11, 0.12, 0.4  # inches: in a box, between words, down


def merge_player(text: str, other: str, n_merges: int) -> Bundle:
    """Training on one text and encoding another, as a player; in print, both rows.

    text: what is trained on at first. other: what is encoded. n_merges: how many are
    learned at first, and in print.
    """
    merges = train_by_rescanning(count_pretokens([text]), n_merges + 1)
    learned, following = merges[:n_merges], merges[n_merges:]
    alt = (
        f"A text as a row of tokens in boxes after {n_merges} merges, with the pair "
        "that is merged next in a frame; below it, another text as these merges cut it."
    )
    state = {"text": text, "other": other, "merges": n_merges}
    return interactive(
        "merges",
        state,
        alt=alt,
        figure=played([text, other], learned, following),
    )


def played(
    texts: Sequence[str], merges: Sequence[Merge], following: Sequence[Merge]
) -> Figure:
    """Texts as the merges cut them; in the first, the pair to be merged next."""
    tokenizer = BPETokenizer(merges)
    figure, ax = plt.subplots(figsize=(6.2, LINE * (len(texts) * 2 + 0.2)))
    titles = (f"trained on, after {len(merges)} merges", "encoded with them")
    for i, (title, text) in enumerate(zip(titles, texts, strict=True)):
        y = -2 * i * LINE
        ax.text(0, y, title, va="center", color=GREY)
        words = [
            [tokenizer.spelling(id) for id in tokenizer.encode(word)]
            for word in pretokenise(text)
        ]
        draw_row(ax, words, y - LINE, following[0] if following and not i else None)
    ax.set(xlim=(-0.05, 6.15), ylim=(-LINE * len(texts) * 2 + 0.1, LINE / 2))
    ax.axis("off")
    return figure


def draw_row(
    ax: Axes, words: Sequence[Sequence[bytes]], y: float, pair: Merge | None
) -> None:
    """Words as boxes in a row, those of `pair` in a frame."""
    x = 0.0
    for word in words:
        for i, token in enumerate(word):
            next_one = pair in (
                tuple(word[i : i + 2]),
                tuple(word[max(i - 1, 0) : i + 1]),
            )
            x += draw_token(ax, token, x, y, next_one)
        x += GAP


def draw_token(ax: Axes, token: bytes, x: float, y: float, framed: bool) -> float:
    """One box; returns how wide it is."""
    text = visible(token.decode(errors="backslashreplace"))
    width = CHARACTER * len(text) + 0.05
    edge = {"edgecolor": VERMILLION, "lw": 2} if framed else {"edgecolor": GREY}
    fill = {"facecolor": BLUE, "alpha": 0.25} if len(token) > 1 else {"fill": False}
    size = (x, y - 0.12), width - 0.03, 0.24
    ax.add_patch(plt.Rectangle(*size, **fill, lw=0))
    ax.add_patch(plt.Rectangle(*size, fill=False, **edge))
    middle = x + width / 2 - 0.015
    ax.text(middle, y, text, ha="center", va="center", family="monospace", size=9)
    return width
