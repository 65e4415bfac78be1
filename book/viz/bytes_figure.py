"""A text as it is seen, as code points and as bytes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.viz.page import Bundle, interactive
from llm.style import GREY, VERMILLION

ALT = (
    "A table with a row for each character of a text: how it is seen, its code point, "
    "its bytes as hexadecimal numbers, and their bits. The bits at the front of each byte "
    "that say how many bytes there are stand out from those of the code point."
)


def byte_inspector(text: str, examples: Mapping[str, str]) -> Bundle:
    """What a text of the reader's is made of, and what becomes of bytes.

    text: what is shown at first, and in print. examples: texts to try, by the words on
    their buttons.
    """
    state = {"text": text, "examples": list(map(list, examples.items()))}
    return interactive("bytes", state, alt=ALT, figure=inspected(text))


def inspected(text: str) -> Figure:
    """The table of a short text on paper."""
    figure, ax = plt.subplots(figsize=(5.4, 0.3 * (len(text) + 1)))
    ax.set(xlim=(0, 10), ylim=(-len(text) - 0.5, 0.5))
    ax.axis("off")
    for x, title in (
        (0.4, "seen as"),
        (2.0, "code point"),
        (4.2, "bytes"),
        (6.4, "bits"),
    ):
        ax.text(x, 0, title, va="center", color=GREY)
    for row, character in enumerate(text, 1):
        data = character.encode()
        ax.text(0.4, -row, character, va="center", fontsize=11)
        ax.text(
            2.0, -row, f"U+{ord(character):04X}", va="center", family="monospace"
        )
        ax.text(4.2, -row, data.hex(" ").upper(), va="center", family="monospace")
        for i, byte in enumerate(data):
            write_bits(ax, 6.4 + 1.9 * i, -row, byte)
    return figure


def write_bits(ax: plt.Axes, x: float, y: float, byte: int) -> None:
    """The bits of a byte, those that say how many bytes there are in a colour, bold."""
    bits = f"{byte:08b}"
    n_marks = bits.index("0") + 1 if byte >= 0x80 else 1
    style = dict(va="center", family="monospace")
    ax.text(x, y, bits[:n_marks], color=VERMILLION, weight="bold", **style)
    ax.text(x, y, " " * n_marks + bits[n_marks:], **style)
