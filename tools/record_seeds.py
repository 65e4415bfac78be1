"""Record what many seeds of four recipes end with, held-out story by story.

    python tools/record_seeds.py [--seeds 20]

Writes data/checkpoints/stories_seeds.json, and brings data/SOURCES.md up to date. A
seed decides the first parameters and which stories a run learns from; the recipes
differ in one setting each, and a seed means the same for all of them. All runs learn
from the stories of a small part of the world (book/small_stories.py), with a
Transformer of one layer, in a hundred steps:

    tokens, floor   of each held-out story: how many there are, what it costs at best
    costs           by recipe and seed: what each held-out story costs the model (nats)

Takes about five minutes on one core. The chapter that shows the record is then to be
run again:

    python tools/run_notebooks.py chapters/18*
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import list_sources
import torch
from torch.optim import AdamW

from book.small_stories import (
    BATCH_SIZE,
    CONTEXT_LENGTH,
    small_held_out,
    small_ids,
    small_model,
    small_tokenizer,
)
from llm.data import DocumentBatches
from llm.evaluate import row_losses
from llm.fast import speed_up
from llm.files import atomic_write
from llm.optim import parameter_groups, warmup_cosine
from llm.runs import end_mark
from llm.train import TrainConfig, set_rate, training_step

PATH = Path(__file__).resolve().parents[1] / "data/checkpoints/stories_seeds.json"
N_STEPS, WARMUP, N_HELD_OUT = 100, 20, 100
# The highest rate, the lowest one as a share of it, and the weight decay.
RECIPES: dict[str, dict[str, float]] = {
    "usual": dict(peak=0.02, lowest=0.1, weight_decay=0.1),
    "higher rate": dict(peak=0.03, lowest=0.1, weight_decay=0.1),
    "down to zero": dict(peak=0.02, lowest=0.0, weight_decay=0.1),
    "no weight decay": dict(peak=0.02, lowest=0.1, weight_decay=0.0),
}


def costs(
    seed: int, *, peak: float, lowest: float, weight_decay: float
) -> list[float]:
    """Nats of each held-out story after a run with this seed, to three decimals."""
    model = small_model(seed)
    speed_up(model)
    optimizer = AdamW(parameter_groups(model, weight_decay), betas=(0.9, 0.95))
    n_stories = N_STEPS * BATCH_SIZE  # none comes twice, and no two seeds share one
    supply = DocumentBatches(
        lambda i: small_ids(seed * n_stories + i),
        end_mark(small_tokenizer()),
        CONTEXT_LENGTH,
        BATCH_SIZE,
    )
    config = TrainConfig(clip_norm=1.0, device="cpu")
    for step in range(N_STEPS):
        rate = warmup_cosine(
            step,
            peak=peak,
            minimum=peak * lowest,
            warmup_steps=WARMUP,
            n_steps=N_STEPS,
        )
        set_rate(optimizer, rate)
        training_step(model, optimizer, *supply.batch(step), config)
    (x, y), _ = small_held_out(N_HELD_OUT)
    return [round(cost, 3) for cost in row_losses(model, x, y).tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", type=Path, default=PATH)
    args = parser.parse_args()
    torch.set_num_threads(1)
    (_, y), floor = small_held_out(N_HELD_OUT)
    log: dict[str, Any] = {
        "recipes": RECIPES,
        "tokens": (y >= 0).sum(1).tolist(),
        "floor": [round(nats, 3) for nats in floor.tolist()],
        "costs": {name: [] for name in RECIPES},
    }
    for seed in range(args.seeds):
        for name, recipe in RECIPES.items():
            log["costs"][name].append(costs(seed, **recipe))
            gap = (sum(log["costs"][name][-1]) - sum(log["floor"])) / sum(
                log["tokens"]
            )
            print(f"seed {seed}, {name}: {gap:.4f} above the floor", flush=True)
    with atomic_write(args.out, "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
