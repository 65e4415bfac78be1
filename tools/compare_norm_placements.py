"""Train twelve blocks at several learning rates, with the norm in several places.

    python tools/compare_norm_placements.py [--steps 200] [--seeds 3]

Characters of stories, windows of 32, width 32, twelve blocks, Adam without warm-up
and without clipping; all as in chapter 12, which shows the record and repeats one run
of it. Writes into data/checkpoints:

    stories_norm_placements.json  for each kind of block, each learning rate and each
                                  seed the held-out loss after the last step, in nats
                                  per character, or null where a loss was not finite

and brings data/SOURCES.md up to date. Takes about a quarter of an hour on one core.
Chapter 12 is then to be run again:

    python tools/run_notebooks.py chapters/12*
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import list_sources
import torch
from torch import Tensor, nn

from llm.attention import causal_mask
from llm.corpora import story
from llm.fast import speed_up
from llm.files import atomic_write
from llm.layers import LayerNorm
from llm.model import TransformerBlock, cross_entropy

FOLDER = Path(__file__).resolve().parents[1] / "data/checkpoints"
N_BLOCKS, WIDTH, HEADS, WINDOW, BATCH = 12, 32, 4, 32, 8
SCALE = (2 * N_BLOCKS) ** -0.5  # of the matrices that write, two in each block
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


class PlainBlock(TransformerBlock):
    """Each part replaces what it reads: no stream, no norm."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.feed_forward(self.attention(x, mask))


class PostNormBlock(TransformerBlock):
    """The norm stands in the stream, behind each addition."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.attention(x, mask))
        return self.norm2(x + self.feed_forward(x))


bare = partial(TransformerBlock, norm=nn.Identity)
# By name, the block, and what the matrices that write are multiplied by at the start.
BLOCKS: dict[str, tuple[Callable[..., nn.Module], float]] = {
    "none": (bare, 1.0),
    "none, scaled": (bare, SCALE),
    "post-norm": (PostNormBlock, 1.0),
    "post-norm, scaled": (PostNormBlock, SCALE),
    "pre-norm": (TransformerBlock, 1.0),
    "no stream": (partial(PlainBlock, norm=nn.Identity), 1.0),
}


class Stack(nn.Module):
    """Characters in, blocks in a row, logits out."""

    def __init__(
        self,
        block: Callable,
        vocab_size: int,
        n_blocks: int = N_BLOCKS,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocab_size, WIDTH)
        self.places = nn.Embedding(WINDOW, WIDTH)
        self.blocks = nn.ModuleList(block(WIDTH, HEADS) for _ in range(n_blocks))
        self.norm = LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocab_size)
        self.mask = causal_mask(WINDOW)
        for name, p in self.named_parameters():
            if name.startswith(("characters", "places")):
                nn.init.normal_(p, std=0.5**0.5)  # their sum has variance 1
            elif p.dim() > 1:
                writes = name.endswith(("output.weight", "down.weight"))
                std = scale if writes else 1.0
                nn.init.normal_(p, std=std * p.shape[1] ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.characters(ids) + self.places.weight
        for block in self.blocks:
            x = block(x, self.mask)
        return self.head(self.norm(x))


def batch(ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random windows, and what comes next at each place of them."""
    starts = torch.randint(len(ids) - WINDOW, (BATCH, 1), generator=generator)
    windows = ids[starts + torch.arange(WINDOW + 1)]
    return windows[:, :-1], windows[:, 1:]


@torch.no_grad()
def held_out_loss(model: nn.Module, ids: Tensor) -> float | None:
    """Of thirty-two batches, the same in every call; None where it is not finite."""
    generator = torch.Generator().manual_seed(1)
    batches = [batch(ids, generator) for _ in range(32)]
    loss = float(sum(cross_entropy(model(x), y) for x, y in batches) / len(batches))
    return loss if math.isfinite(loss) else None


def trained(
    name: str,
    rate: float,
    seed: int,
    texts: tuple[Tensor, Tensor],
    vocab_size: int,
    n_steps: int,
    n_blocks: int = N_BLOCKS,
) -> float | None:
    """The held-out loss after so many steps."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    block, scale = BLOCKS[name]
    model = speed_up(Stack(block, vocab_size, n_blocks, scale))
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    for _ in range(n_steps):
        x, y = batch(texts[0], generator)
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not loss.isfinite():
            return None
    return held_out_loss(model, texts[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    text, unseen = (
        "\n".join(story(seed, i) for i in range(300)) for seed in (0, 1)
    )
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    texts = tuple(
        torch.tensor([number[c] for c in t if c in number]) for t in (text, unseen)
    )
    train = partial(
        trained, texts=texts, vocab_size=len(characters), n_steps=args.steps
    )
    log: dict = {"steps": args.steps, "rates": RATES, "losses": {}, "one block": []}
    for seed in range(args.seeds):
        losses = [train("no stream", r, seed, n_blocks=1) for r in RATES]
        log["one block"].append(losses)
    for name in BLOCKS:
        losses = log["losses"][name] = []
        for seed in range(args.seeds):
            losses.append([train(name, rate, seed) for rate in RATES])
            print(name, seed, losses[-1], flush=True)
    with atomic_write(args.folder / "stories_norm_placements.json", "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
