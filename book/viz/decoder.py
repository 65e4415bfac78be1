"""Chapter 16: a model that writes in the page, with the reader's sampler, and the
oracle beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.bundle import Bundle
from book.viz.machines import as_tensor, draw_one, expected_by, spelled
from book.viz.machines import piece_of as piece
from book.viz.page import interactive
from llm.export import unpack
from llm.model import GPT
from llm.oracle import Oracle
from llm.sampling import Sampler
from llm.style import BLACK, BLUE, GREEN, STYLE
from llm.tokenizers import END_OF_TEXT, Tokenizer

SHOWN = 8  # bars, as in js/decoder.js
WIDTH = 5.4  # inches: the text of a printed page


def writing_model(
    data: bytes,
    texts: Mapping[str, str],
    *,
    sampler: Sampler,
    alt: str,
    read: int = 6,
) -> Bundle:
    """A model to write with in the page, and what the oracle says of some texts.

    data: a `GPT` with its tokenizer, packed by `llm.export.pack`. texts: by their
    names, each the beginning of a document; the oracle is worked out along each, up
    to where it stops being a story. alt: as in `interactive`. sampler, read: for the
    picture on paper, which shows the first text after so many tokens; in the page
    the sampler is the reader's.

    Raises `ValueError` for a text that the model's context has no room for.
    """
    model, tokenizer = unpack(data)
    end, oracle = tokenizer.special_tokens[END_OF_TEXT], Oracle(tokenizer)
    given = [
        worked_out(oracle, name, [end, *tokenizer.encode(text)])
        for name, text in texts.items()
    ]
    longest = max(len(text["ids"]) for text in given)
    if longest > model.context_length:
        raise ValueError(
            f"a text of {longest} tokens does not fit into a context of "
            f"{model.context_length}: take a shorter one"
        )
    state = {"end": end, "texts": given, "read": read + 1}
    figure = picture(model, tokenizer, given[0], read + 1, sampler)
    return interactive(
        "decoder", state, alt=alt, figure=figure, files={"model": data}
    )


def worked_out(oracle: Oracle, name: str, ids: Sequence[int]) -> dict[str, Any]:
    """A text as the page wants it: its ids, and what the oracle expects after each,
    [id, probability, …], the likeliest first; no more after what is impossible."""
    behind = []
    for n in range(1, len(ids) + 1):
        state = oracle.after(ids[:n])
        if state is None:
            break
        pairs = sorted(state.distribution().items(), key=lambda p: (-p[1], p[0]))
        behind.append([number for pair in pairs for number in pair])
    return {"name": name, "ids": list(ids), "oracle": behind}


def picture(
    model: GPT,
    tokenizer: Tokenizer,
    text: Mapping[str, Any],
    n_read: int,
    sampler: Sampler,
) -> Figure:
    """The model, what the sampler leaves, and the oracle, after so many ids."""
    ids, end = text["ids"][:n_read], text["ids"][0]
    expected = expected_by(model, ids)  # (V,)
    left = sampler(expected.log()).softmax(-1)  # (V,)
    sparse = text["oracle"][n_read - 1]
    truth = as_tensor(
        dict(zip(sparse[::2], sparse[1::2], strict=True)), len(expected)
    )
    following = text["ids"][n_read]
    pieces = [piece(i, spelled(tokenizer), end) for i in range(len(expected))]
    columns = {
        "the model": (expected, BLUE),
        "after the sampler": (left, GREEN),
        "the oracle": (truth, BLACK),
    }
    with mpl.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, 3.2))
        before = f"“{tokenizer.decode(ids[1:])} ▁”"
        above = figure.suptitle(before, x=0.01, ha="left", fontsize=9)
        above.set_parse_math(False)
        axes = figure.subplots(1, len(columns))
        for ax, (name, (probs, colour)) in zip(axes, columns.items(), strict=True):
            draw_one(ax, probs.tolist(), following, colour, pieces)
            ax.set_title(name, fontsize=9, fontweight="bold", loc="left")
            ax.set(xlim=(0, 1), ylim=(SHOWN + 0.5, -0.9))
            ax.axis("off")
    return figure
