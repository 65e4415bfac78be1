"""Four tokenizers side by side, on a text of the reader's."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.viz.merges_figure import CHARACTER, GAP
from book.viz.page import Bundle, interactive
from book.viz.plots import visible
from llm.style import BLUE, GREY
from llm.tokenizers import (
    UNKNOWN,
    BPETokenizer,
    CharacterTokenizer,
    Tokenizer,
    UnigramTokenizer,
    WordPieceTokenizer,
)
from llm.tokenizers.pretokens import pretokenise
from llm.tokenizers.wordpiece import INSIDE

LINE = 0.3  # inches from one row of boxes to the next
WIDTH = 6.2


def four_tokenizers(
    text: str,
    characters: CharacterTokenizer,
    bpe: BPETokenizer,
    wordpiece: WordPieceTokenizer,
    unigram: UnigramTokenizer,
) -> Bundle:
    """How four tokenizers cut a text, with their counts; in print, the first text."""
    state = {
        "text": text,
        "alphabet": list(pieces_of(characters)),
        "merges": [[p.decode("latin-1") for p in pair] for pair in bpe.merges],
        "pieces": list(pieces_of(wordpiece)),
        "scores": [[p, score] for p, score in unigram.scores.items()],
    }
    tokenizers = {
        "characters": characters,
        "byte-pair encoding": bpe,
        "WordPiece": wordpiece,
        "Unigram": unigram,
    }
    alt = (
        "The same text four times as a row of boxes, one box for each token: "
        + ", ".join(f"{n} {len(t.encode(text))}" for n, t in tokenizers.items())
        + " tokens. Where the vocabularies differ, the same word is cut at other places."
    )
    return interactive("tokenizers", state, alt=alt, figure=cut(text, tokenizers))


def pieces_of(tokenizer: Tokenizer) -> list[str]:
    """The pieces of a vocabulary, special tokens left out, as they are written."""
    special = {name.encode() for name in tokenizer.special_tokens}
    return [token.decode() for token in tokenizer.vocab if token not in special]


def rows_of(tokenizer: Tokenizer, text: str) -> list[list[str]]:
    """The tokens of each pre-token, as they are written in the vocabulary."""
    names = list(tokenizer.vocab)
    return [
        [
            names[id].decode(errors="backslashreplace")
            for id in tokenizer.encode(word)
        ]
        for word in pretokenise(text)
    ]


def cut(text: str, tokenizers: Mapping[str, Tokenizer]) -> Figure:
    """The rows of boxes on paper, one part for each tokenizer."""
    figure, ax = plt.subplots(figsize=(WIDTH, 4))
    y = 0.0
    for name, tokenizer in tokenizers.items():
        rows = rows_of(tokenizer, text)
        n = sum(map(len, rows))
        title = f"{name}: {n} tokens, {len(text.encode()) / n:.2f} bytes each"
        ax.text(0, y, title, va="center", color=GREY)
        x, y = 0.0, y - LINE
        for word in rows:
            wide = sum(map(width, word))
            if x and x + wide > WIDTH - 0.1:
                x, y = 0.0, y - LINE
            for token in word:
                draw(ax, token, x, y)
                x += width(token)
            x += GAP
        y -= 1.4 * LINE
    height = LINE - y
    figure.set_size_inches(WIDTH, height)
    ax.set(xlim=(-0.05, WIDTH - 0.05), ylim=(y + LINE / 2, LINE / 2))
    ax.axis("off")
    return figure


def width(token: str) -> float:
    """Inches that the box of a token takes."""
    return CHARACTER * len(visible(written(token))) + 0.05


def written(token: str) -> str:
    return "unknown" if token == UNKNOWN else token


def draw(ax: plt.Axes, token: str, x: float, y: float) -> None:
    """One box; more than one character is on a coloured ground."""
    box = (x, y - 0.11), width(token) - 0.03, 0.22
    long = len(token.removeprefix(INSIDE)) > 1
    fill = {"facecolor": BLUE, "alpha": 0.25} if long else {"fill": False}
    ax.add_patch(plt.Rectangle(*box, **fill, lw=0))
    ax.add_patch(plt.Rectangle(*box, fill=False, edgecolor=GREY))
    middle = x + width(token) / 2 - 0.015
    style = dict(ha="center", va="center", family="monospace", size=9)
    ax.text(middle, y, visible(written(token)), **style)
