"""Chapter 10: the heads of a Transformer at work on a text."""

from __future__ import annotations

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from book.viz.page import Bundle, interactive
from book.viz.plots import heatmap
from llm.attention import attention_weights, causal_mask
from llm.export import unpack
from llm.model import GPT
from llm.tokenizers import END_OF_TEXT


@torch.no_grad()
def weights_of_heads(model: GPT, ids: Tensor) -> Tensor:
    """What every head of every layer looks at on one text.

    ids: integers (T,). Returns the weights, (L, H, T, T).
    """
    positions, mask = torch.arange(len(ids)), causal_mask(len(ids))
    x, of_layers = model.embedding(ids[None], positions), []
    for block in model.blocks:
        q, k, _ = block.attention.heads(block.norm1(x), positions)
        k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)  # (1, H, T, D)
        of_layers.append(attention_weights(q, k, mask)[0])
        x = block(x, mask, positions)  # (1, T, C)
    return torch.stack(of_layers)


def heads_at_work(
    data: bytes, text: str, *, alt: str, head: tuple[int, int] = (1, 1)
) -> Bundle:
    """A text of the reader's, and what each head of a model looks at in it.

    data: a `GPT` with its tokenizer, packed by `llm.export.pack`; it runs in the page.
    text: what is there at first, alt: as in `interactive`. head: layer and head that
    are chosen at first, both counted from 1. In print: what the last token looks at,
    head by head.

    Raises `ValueError` for a head that there is not.
    """
    model, tokenizer = unpack(data)
    L, H = model.config.n_layers, model.config.n_heads
    layer, number = head
    if not (1 <= layer <= L and 1 <= number <= H):
        raise ValueError(
            f"there is no head {layer}.{number}: the model has {L} layers of {H} heads"
        )
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(text)]
    state = {"text": text, "head": (layer - 1) * H + number - 1}
    pieces = ["▷", *(tokenizer.decode([id]) for id in ids[1:])]
    figure = picture(weights_of_heads(model, torch.tensor(ids)), pieces)
    return interactive(
        "heads", state, alt=alt, figure=figure, files={"model": data}
    )


def picture(weights: Tensor, pieces: list[str]) -> Figure:
    """What the last token looks at, a row for each head."""
    L, H = weights.shape[:2]
    names = [f"{layer + 1}.{head + 1}" for layer in range(L) for head in range(H)]
    last = weights[:, :, -1].flatten(0, 1)  # (L·H, T)
    figure, ax = plt.subplots(figsize=(6.4, 0.9 + 0.24 * len(names)))
    heatmap(
        last, names, pieces, ax=ax, row_label="head",
        column_label=f"what “{pieces[-1].strip()}” looks at",
    )  # fmt: skip
    ax.set_aspect("auto")
    return figure
