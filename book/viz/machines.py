"""Chapter 1: three small models and the truth, side by side, to draw from."""

from __future__ import annotations

import base64
import html
import textwrap
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import regex
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from book.viz.page import WIDGET, Bundle, Picture, interactive
from book.viz.plots import BLANKS
from llm.corpora import story
from llm.generate import new_tokens, temperature
from llm.model import GPT, TransformerBlock
from llm.ngram import BigramTable, WindowModel
from llm.oracle import Oracle, ParseError, start
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

    The models run in the page: the table exactly, the others with weights rounded to
    eight bits. stories: three or four that the models have not seen. alt: as in
    `interactive`. read: tokens of the first story that have been read at the
    beginning, and in the picture for paper.

    Raises `ValueError` for models of different vocabularies, a Transformer other than
    the `llama` preset, and a text that is no story or too long for the Transformer.
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
    laws = [law_after(m, ids[: read + 1]) for m in (table, window, transformer)]
    truth = as_tensor(
        oracle.after(ids[: read + 1]).distribution(), tokenizer.vocab_size
    )
    state = {
        "tokens": spelled(tokenizer),
        "end": end,
        "table": packed_table(table),
        "window": packed_window(window),
        "transformer": packed_transformer(transformer),
        "stories": told,
        "read": read,
    }
    before = tokenizer.decode(ids[1 : read + 1])
    figure = draw_laws([*laws, truth], ids[read + 1], before, state["tokens"], end)
    return interactive("machines", state, alt=alt, figure=figure)


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
    if transformer.config.architecture != "llama":
        raise ValueError(
            f"the page knows the parts of architecture='llama', and this model has "
            f"architecture={transformer.config.architecture!r}"
        )
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT}: train it with "
            f"special_tokens=[{END_OF_TEXT!r}]"
        )


# --- What the page needs to know --------------------------------------------------


def read_story(oracle: Oracle, text: str, end: int, room: int) -> dict[str, Any]:
    """A story as the page wants it: a name, its ids, and the oracle's law at every
    place, [id, probability, …], the likeliest first."""
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
    laws = [[number for pair in law for number in pair] for law in ranked]
    return {"name": name, "ids": ids, "laws": laws}


def spelled(tokenizer: Tokenizer) -> list[str]:
    """For each id its bytes, each as the character of that number; special tokens
    have none."""
    spellings = map(tokenizer.spelling, range(tokenizer.vocab_size))
    return [(spelling or b"").decode("latin-1") for spelling in spellings]


def eight_bit(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as whole numbers from −127 to 127, and the scale of each row.

    matrix: (rows, columns). Returns int8 (rows, columns) and float32 (rows,); their
    product is the matrix, to half a scale.
    """
    matrix = matrix.detach().float().cpu()
    scales = matrix.abs().amax(dim=1).clamp(min=1e-30) / 127
    return (matrix / scales[:, None]).round().to(torch.int8), scales


def text_of(numbers: Tensor) -> str:
    """float32 or int8 numbers as base64 of their bytes."""
    array = numbers.detach().cpu().numpy()
    kind = "i1" if numbers.dtype == torch.int8 else "<f4"
    return base64.b64encode(
        np.ascontiguousarray(array, dtype=kind).tobytes()
    ).decode()


def packed(layer: nn.Module) -> dict[str, str]:
    """The weight of a layer in eight bits."""
    return packed_matrix(layer.weight)


def packed_matrix(matrix: Tensor) -> dict[str, str]:
    """A matrix in eight bits, each row with a scale of its own."""
    integers, scales = eight_bit(matrix)
    return {"eight": text_of(integers), "scales": text_of(scales)}


def packed_table(table: BigramTable) -> dict[str, Any]:
    """The counts of the pairs that were seen; `readCounts` in js/machines.js says how."""
    stream = bytearray()
    for row in table.counts.round().long():
        ids = row.nonzero().flatten()
        steps = torch.diff(ids, prepend=ids.new_zeros(1))
        for number in [
            len(ids),
            *torch.stack((steps, row[ids]), 1).flatten().tolist(),
        ]:
            while number > 127:
                stream.append(number & 127 | 128)
                number >>= 7
            stream.append(number)
    return {"alpha": table.alpha, "counts": base64.b64encode(stream).decode()}


def packed_window(window: WindowModel) -> dict[str, Any]:
    return {
        "n_tokens": window.n_tokens,
        "embedding": packed(window.tokens),
        "up": packed(window.up),
        "upBias": text_of(window.up.bias),
        "head": packed(window.head),
        "headBias": text_of(window.head.bias),
    }


def packed_transformer(transformer: GPT) -> dict[str, Any]:
    attention = transformer.blocks[0].attention
    heads, key_heads = attention.n_heads, attention.n_kv_heads
    cos, sin = attention.rotate.cos[1], attention.rotate.sin[1]
    return {
        "heads": heads,
        "keyHeads": key_heads,
        "angles": text_of(torch.atan2(sin, cos)),  # of one step to the right
        "embedding": packed(transformer.embedding.tokens),
        "blocks": [packed_block(block) for block in transformer.blocks],
        "norm": packed_norm(transformer.norm),
        "head": packed(transformer.head),
    }


def packed_block(block: TransformerBlock) -> dict[str, Any]:
    attention, feed_forward = block.attention, block.feed_forward
    parts = (attention.query, attention.key, attention.value)
    side_by_side = torch.cat([part.weight for part in parts])
    return {
        "norm1": packed_norm(block.norm1),
        "qkv": packed_matrix(side_by_side),
        "project": packed(attention.output),
        "norm2": packed_norm(block.norm2),
        "gate": packed(feed_forward.gate),
        "up": packed(feed_forward.up),
        "down": packed(feed_forward.down),
    }


def packed_norm(norm: nn.Module) -> dict[str, Any]:
    return {"weight": text_of(norm.weight), "eps": norm.eps}


# --- Laws, and the picture of four of them ----------------------------------------


@torch.no_grad()
def law_after(model: nn.Module, ids: Sequence[int]) -> Tensor:
    """The probabilities (V,) of what a model expects after these ids."""
    return model(torch.tensor([ids]))[0, -1].float().softmax(dim=-1)


def as_tensor(law: dict[int, float], vocab_size: int) -> Tensor:
    """A law of a few ids as probabilities (V,)."""
    probs = torch.zeros(vocab_size)
    probs[list(law)] = torch.tensor(list(law.values()))
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


def draw_laws(
    laws: Sequence[Tensor],
    next_id: int,
    before: str,
    spelling: Sequence[str],
    end: int,
) -> Figure:
    """Four laws side by side, with what came before above them."""
    with mpl.rc_context(STYLE):
        rows = SHOWN + any((law > law[next_id]).sum() >= SHOWN for law in laws)
        figure = plt.figure(figsize=(WIDTH, 0.9 + 0.27 * rows))
        text = f"“{before} ▁”"
        if len(text) > 150:
            text = f"“… {text[-150:].partition(' ')[2]}"
        above = figure.suptitle(
            textwrap.fill(text, 78), x=0.01, ha="left", fontsize=9
        )
        above.set_parse_math(False)
        pieces = [piece_of(id, spelling, end) for id in range(len(spelling))]
        axes = figure.subplots(1, len(laws))
        for ax, law, name, colour in zip(axes, laws, NAMES, COLOURS, strict=True):
            draw_law(ax, law.tolist(), next_id, colour, pieces)
            ax.set_title(name, fontsize=9, fontweight="bold", loc="left")
            ax.set(xlim=(0, 1), ylim=(rows - 0.5, -0.9))
            ax.axis("off")
    return figure


def draw_law(
    ax: Axes, law: Sequence[float], next_id: int, colour: str, pieces: Sequence[str]
) -> None:
    """The likeliest tokens as bars under their names, and a frame around the true one."""
    order = sorted(range(len(law)), key=lambda id: -law[id])
    rank = order.index(next_id)
    ids = [id for id in order[:SHOWN] if law[id] > 0]
    ids += [next_id] if rank >= SHOWN else []
    for y, id in enumerate(ids):
        true = id == next_id
        far = f"{rank + 1}: " if true and rank >= SHOWN else ""
        style = {"va": "center", "parse_math": False}
        style["fontweight"] = "bold" if true and not far else "normal"
        ax.barh(y, law[id], height=0.86, color=colour, alpha=0.3, lw=0)
        if true:
            ax.barh(y, 1, height=0.86, facecolor="none", edgecolor=BLACK, lw=0.9)
        mark = "►" if true else ""
        ax.text(0.02, y, f"{mark}{far}{pieces[id]}", **style)
        ax.text(0.98, y, percent(law[id]), ha="right", **style)
    dashes = "--" if colour == BLACK else "-"
    ax.plot([0, 1], [-0.75, -0.75], color=colour, linestyle=dashes, lw=2)


# --- The panel for JupyterLab -----------------------------------------------------


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
    a story, and where not, where it ceases to be one; and shows the oracle's law for
    what comes after the reader's own words.
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
    """The oracle's law for the next token, in words; or why there is none."""
    tokenizer = oracle.tokenizer
    end = tokenizer.special_tokens[END_OF_TEXT]
    if not text:
        return "Nothing is written yet, so the three begin at the beginning. " + (
            law_in_words(oracle.after([end]).distribution(), tokenizer)
        )
    try:
        start(end=END_OF_TEXT).read(text)
    except ParseError as error:
        return (
            f"This is not how a story begins, and the oracle has no law: {error}."
        )
    state = oracle.after([end, *tokenizer.encode(text)])
    if state is None:
        return (
            "A story may begin like this, but not with these tokens: the text breaks "
            "off inside a word. End it with a whole word, and the oracle has a law."
        )
    return law_in_words(state.distribution(), tokenizer)


def law_in_words(law: dict[int, float], tokenizer: Tokenizer) -> str:
    """The likeliest tokens of a law with their probabilities."""
    spelling, end = spelled(tokenizer), tokenizer.special_tokens[END_OF_TEXT]
    ranked = sorted(law.items(), key=lambda pair: (-pair[1], pair[0]))
    best = ", ".join(
        f"{piece_of(id, spelling, end)} {percent(p)}" for id, p in ranked[:SHOWN]
    )
    others = f", and {len(law) - SHOWN} others" if len(law) > SHOWN else ""
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
