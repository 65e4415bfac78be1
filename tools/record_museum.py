"""Record the bug museum: a short run with each mistake of `llm.bugs`, and what each
invariant says of it.

    python tools/record_museum.py [--steps 120]

Writes data/checkpoints/museum.json, and brings data/SOURCES.md up to date. The
runs learn the copying language (book/copying.py), whose floor is known, with a
Transformer of two narrow layers (book/museum.py):

    floor    of the held-out texts, in nats per token
    checks   the names of the invariants, in their order
    healthy  for each of three seeds: losses, held-out losses, what fired
    bugs     for each bug by name: the same, of the first seed

Takes about three minutes on one core. Chapter 17 is then to be run again:

    python tools/run_notebooks.py chapters/17*
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import list_sources
import torch

from book import museum
from llm import bugs
from llm.data import IGNORE
from llm.files import atomic_write

PATH = Path(__file__).resolve().parents[1] / "data/checkpoints/museum.json"
SEEDS = (0, 1, 2)
MOST = 1e4  # a loss above this is written as this


# What a run of training does not go through: its curve is that of the healthy run.
UNTOUCHED = {"tokenizer", "generation"}
UNTOUCHED_BUGS = {bugs.held_out_in_training, bugs.same_order_every_epoch}


def exhibit(bug: bugs.Bug, seed: int, steps: int) -> dict[str, Any]:
    """The run of a bug, and what each check says; only what fired is kept."""
    cut = museum.BATCH_SIZE // 4 if bug.part == "loop" else None
    with bug():
        run = museum.trained(seed, steps, cut)
        said = museum.verdicts(seed)
    said[museum.BELOW] = run.below
    return {
        "loss": [rounded(loss) for loss in run.loss],
        "held_out": [[step, rounded(loss)] for step, loss in run.held_out],
        "stopped": run.stopped,
        "fired": {name: text for name, text in said.items() if text},
    }


def only_checked(bug: bugs.Bug, seed: int) -> dict[str, Any]:
    """What each check says, where training does not go through the bug."""
    said = museum.verdicts_with(bug, seed)
    return {"fired": {name: text for name, text in said.items() if text}}


def rounded(loss: float) -> float:
    return float(f"{min(loss, MOST):.4g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=museum.STEPS)
    parser.add_argument("--out", type=Path, default=PATH)
    args = parser.parse_args()
    torch.set_num_threads(1)
    (_, y), costs = museum.rows(museum.HELD_OUT, museum.N_HELD_OUT)
    record: dict[str, Any] = {
        "steps": args.steps,
        "floor": round(float(costs.sum()) / int((y != IGNORE).sum()), 4),
        "checks": [*museum.CHECKS, museum.BELOW],
        "healthy": [exhibit(bugs.none, seed, args.steps) for seed in SEEDS],
        "bugs": {},
    }
    for bug in bugs.BUGS:
        record["bugs"][bug.name] = exhibit(bug, SEEDS[0], args.steps)
        fired = list(record["bugs"][bug.name]["fired"])
        print(
            bug.name, record["bugs"][bug.name]["held_out"][-1:], fired, flush=True
        )
    with atomic_write(args.out, "w") as file:
        json.dump(record, file, ensure_ascii=False)
    list_sources.main([])


if __name__ == "__main__":
    main()
