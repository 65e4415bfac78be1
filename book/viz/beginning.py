"""Chapter 1: the reader's own beginning of a story, continued by three models."""

from __future__ import annotations

import html
import textwrap
from itertools import islice
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from book.bundle import Bundle
from book.viz.machines import (
    COLOURS,
    NAMES,
    SHOWN,
    UNPRINTABLE,
    WIDTH,
    check_machines,
    percent,
    piece_of,
    spelled,
)
from book.viz.page import WIDGET, Picture
from llm.corpora import story
from llm.generate import new_tokens, temperature
from llm.model import GPT
from llm.ngram import BigramTable, WindowModel
from llm.oracle import Oracle, ParseError, start
from llm.style import STYLE
from llm.tokenizers import END_OF_TEXT, Tokenizer


class Written(NamedTuple):
    """What a machine wrote behind a beginning, and what the parser says to it.

    good, rest: the text up to where it stops being a story, and from there on.
    verdict: one sentence.
    """

    good: str
    rest: str
    verdict: str


def machines_panel(
    table: BigramTable, window: WindowModel, transformer: GPT, tokenizer: Tokenizer
) -> Bundle:
    """The reader's own beginning of a story, as each of three models continues it.

    Says for each continuation whether the parser still takes it for the beginning of
    a story, and where not, where it ceases to be one; and shows what the oracle
    expects after the reader's own words.
    """
    import ipywidgets

    check_machines(table, window, transformer, tokenizer)
    models = dict(zip(NAMES, (table, window, transformer), strict=False))
    oracle, seed = Oracle(tokenizer), 1
    prompt = ipywidgets.Textarea(" ".join(story(1, 0).split()[:12]))
    prompt.layout.width, prompt.layout.height = "100%", "4.5em"
    t = ipywidgets.FloatSlider(1.0, min=0.2, max=2, step=0.1)
    n_tokens = ipywidgets.IntSlider(40, min=5, max=100)
    button, shown = ipywidgets.Button(description="Write again"), ipywidgets.HTML()
    for control, name in (
        (prompt, "beginning"),
        (t, "temperature"),
        (n_tokens, "tokens"),
    ):
        control.description, control.continuous_update = name, False
        control.style.description_width = "7em"

    def written() -> tuple[str, dict[str, Written]]:
        text = prompt.value.strip()
        wish = (t.value, n_tokens.value, seed)
        found = {
            name: judged(text, continue_text(model, tokenizer, text, *wish))
            for name, model in models.items()
        }
        return said_by_oracle(oracle, text), found

    def show(change: Any = None) -> tuple[str, dict[str, Written]]:
        nonlocal seed
        seed += change is button
        found = written()
        shown.value = as_page(*found)
        return found

    said = show()
    for control in (prompt, t, n_tokens):
        control.observe(show, names="value")
    button.on_click(show)
    box = ipywidgets.VBox([prompt, t, n_tokens, button, shown])
    beginning = f"Each of three models continues “{prompt.value}”"
    still = f"<p>{html.escape(beginning)}:</p>{shown.value}"
    page = f'<div style="text-align:left">{still}</div>'
    data = {WIDGET: box._repr_mimebundle_()[WIDGET], "text/html": page}
    picture = Picture.of(draw_written(beginning, *said))
    return picture.bundle(data | {"text/plain": as_text(beginning, *said)})


def continue_text(
    model: nn.Module,
    tokenizer: Tokenizer,
    text: str,
    t: float = 1.0,
    n_tokens: int = 40,
    seed: int = 1,
) -> str:
    """What a model writes behind a text, up to `n_tokens` tokens; `<|endoftext|>` is
    the last of them if it ends the story."""
    end = tokenizer.special_tokens[END_OF_TEXT]
    ids, new = [end, *tokenizer.encode(text)], []
    sees = getattr(model, "context_length", getattr(model, "n_tokens", 1))

    @torch.no_grad()
    def reader(texts: list[list[int]]) -> Tensor:
        return model(torch.tensor(texts)[:, -sees:])[:, -1]

    dice = [torch.Generator().manual_seed(seed)]
    for (id,) in islice(new_tokens(reader, [ids], temperature(t), dice), n_tokens):
        new.append(id)
        if id == end:
            break
    whole = tokenizer.decode([*ids[1:], *new])
    return whole[len(text) :]


def judged(text: str, continuation: str) -> Written:
    """How far a continuation of a text is the beginning of a story, or a whole one."""
    try:
        start(end=END_OF_TEXT).read(text + continuation)
    except ParseError as error:
        place = error.position - len(text)
        if place < 0:
            return Written(continuation, "", "The beginning was no story already.")
        return Written(
            continuation[:place],
            continuation[place:],
            f"No story from the ✗ on, after {place} of {len(continuation)} characters.",
        )
    if continuation.endswith(END_OF_TEXT):
        return Written(continuation, "", "A whole story, as the corpus has them.")
    return Written(continuation, "", "Still the beginning of a story.")


def said_by_oracle(oracle: Oracle, text: str) -> str:
    """What the oracle expects next, in words; or why it expects nothing."""
    tokenizer = oracle.tokenizer
    end = tokenizer.special_tokens[END_OF_TEXT]
    if not text:
        return "Nothing is written yet, so the three begin at the beginning. " + (
            in_words(oracle.after([end]).distribution(), tokenizer)
        )
    try:
        start(end=END_OF_TEXT).read(text)
    except ParseError as error:
        return f"This is not how a story begins, and the oracle expects nothing: {error}."
    state = oracle.after([end, *tokenizer.encode(text)])
    if state is None:
        return (
            "A story may begin like this, but not with these tokens: the text breaks "
            "off inside a word. End it with a whole word, and the oracle expects something."
        )
    return in_words(state.distribution(), tokenizer)


def in_words(expected: dict[int, float], tokenizer: Tokenizer) -> str:
    """The likeliest tokens of a distribution with their probabilities."""
    spelling, end = spelled(tokenizer), tokenizer.special_tokens[END_OF_TEXT]
    ranked = sorted(expected.items(), key=lambda pair: (-pair[1], pair[0]))
    best = ", ".join(
        f"{piece_of(id, spelling, end)} {percent(p)}" for id, p in ranked[:SHOWN]
    )
    others = (
        f", and {len(expected) - SHOWN} others" if len(expected) > SHOWN else ""
    )
    return f"The oracle expects next: {best}{others}."


# --- What was written, as a page, as text and on paper ----------------------------


def as_page(said: str, written: dict[str, Written]) -> str:
    """What the panel shows, as HTML: nothing that was written can act as markup."""
    blocks = [f"<p>{html.escape(said)}</p>"]
    for (name, found), colour in zip(written.items(), COLOURS, strict=False):
        good, rest = html.escape(found.good), html.escape(found.rest)
        wavy = "text-decoration:underline wavy #D55E00"
        tail = f'<b>✗</b><span style="{wavy}">{rest}</span>' if rest else ""
        blocks.append(
            f'<p style="border-left:3px solid {colour};padding-left:.6em">'
            f"<b>{name}:</b> …{good}{tail}<br><i>{found.verdict}</i></p>"
        )
    page = "".join(blocks).replace(html.escape(END_OF_TEXT), " ∎")
    return f'<div style="line-height:1.5;max-width:46em">{page}</div>'


def in_lines(name: str, found: Written) -> str:
    """What one machine wrote, and what the parser says to it, on one line."""
    tail = f"✗{found.rest}" if found.rest else ""
    line = f"{name}: …{found.good}{tail}".replace(END_OF_TEXT, " ∎")
    return UNPRINTABLE.sub("\ufffd", line)


def as_text(beginning: str, said: str, written: dict[str, Written]) -> str:
    lines = [f"{in_lines(*pair)} ({pair[1].verdict})" for pair in written.items()]
    return "\n".join([f"{beginning}.", said, *lines])


def draw_written(beginning: str, said: str, written: dict[str, Written]) -> Figure:
    """The panel as a picture: a paragraph for each machine, its colour beside it."""
    lines = [(line, "normal", None) for line in textwrap.wrap(f"{beginning}:", 82)]
    for (name, found), colour in zip(written.items(), COLOURS, strict=False):
        wrapped = textwrap.wrap(in_lines(name, found), 80)
        lines += [
            ("", "normal", None),
            *((line, "normal", colour) for line in wrapped),
        ]
        lines.append((found.verdict, "italic", colour))
    lines += [(line, "normal", None) for line in ["", *textwrap.wrap(said, 82)]]
    with mpl.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, 0.17 * len(lines)))
        figure.set_layout_engine("none")
        ax = figure.add_axes(
            (0, 0, 1, 1), xlim=(-0.005, 1), ylim=(len(lines), -0.6)
        )
        ax.axis("off")
        for y, (line, style, colour) in enumerate(lines):
            x = 0.02 if colour else 0
            ax.text(x, y, line, va="center", style=style, parse_math=False)
            if colour:
                ax.plot([0, 0], [y - 0.5, y + 0.5], color=colour, ls="-", lw=3)
    return figure
