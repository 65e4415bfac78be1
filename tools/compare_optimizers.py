"""Compare optimizers by the steps they need to a target loss on the stories.

    python tools/compare_optimizers.py [--steps 600]

Writes data/checkpoints/stories_optimizers.json, and brings data/SOURCES.md up to
date. Every optimizer has the same trials: seven learning rates, each twice the one
before, on seed 0. The rate that needs the fewest steps is then run on three other
seeds. A seed gives every optimizer the same first parameters and the same stories, and
nothing but the optimizer differs: no clipping, no schedule but a warm-up of twenty
steps. Takes about an hour on one core. The chapter that shows the record is then
to be run again:

    python tools/run_notebooks.py chapters/14*
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import list_sources
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from llm.corpora import story
from llm.data import documents
from llm.evaluate import held_out_loss
from llm.files import atomic_write
from llm.model import GPTConfig, build, cross_entropy
from llm.optim import SGD, Adam, AdamW, Muon, muon_groups, parameter_groups
from llm.runs import stories_and_floor
from llm.tokenizers import END_OF_TEXT, BPETokenizer

PATH = (
    Path(__file__).resolve().parents[1] / "data/checkpoints/stories_optimizers.json"
)
VOCAB_SIZE, CONTEXT_LENGTH, BATCH_SIZE = 512, 512, 4
HELD_OUT, EVERY, WARMUP, TUNING = 32, 20, 20, 0
SEEDS = (1, 2, 3)
TARGET = 2.5  # nats per token
DECAY = 0.1
BETAS = (0.9, 0.95)

Curve = list[tuple[int, float]]  # step, held-out loss
Trial = dict[str, Any]
Make = Callable[[nn.Module, float], Optimizer]
OPTIMIZERS: dict[str, tuple[float, Make]] = {  # the lowest rate tried
    "SGD": (2**-6, lambda m, lr: SGD(m.parameters(), lr)),
    "momentum": (2**-9, lambda m, lr: SGD(m.parameters(), lr, momentum=0.9)),
    "Adam": (5e-4, lambda m, lr: Adam(m.parameters(), lr, betas=BETAS)),
    "AdamW": (
        5e-4,
        lambda m, lr: AdamW(parameter_groups(m, DECAY), lr, betas=BETAS),
    ),
    "Muon": (2e-3, lambda m, lr: Muon(muon_groups(m, DECAY), lr, betas=BETAS)),
}
TRIALS = 7


def small_model(seed: int) -> nn.Module:
    """A Transformer of two layers, with the first parameters of a seed."""
    torch.manual_seed(seed)
    return build(
        GPTConfig(
            architecture="llama",
            vocab_size=VOCAB_SIZE,
            context_length=CONTEXT_LENGTH,
            d_model=64,
            n_layers=2,
        )
    )


@cache
def tokenizer() -> BPETokenizer:
    """The tokenizer of all runs, from the first stories of seed 0."""
    texts = [story(0, i) for i in range(1000)]
    return BPETokenizer.train(texts, VOCAB_SIZE, [END_OF_TEXT])


@cache
def rows(seed: int, step: int) -> tuple[Tensor, Tensor]:
    """The stories of one step, the same for every optimizer."""
    end = tokenizer().special_tokens[END_OF_TEXT]
    numbers = range(step * BATCH_SIZE, (step + 1) * BATCH_SIZE)
    texts = [tokenizer().encode(story(1000 + seed, i)) for i in numbers]
    return documents(texts, end, CONTEXT_LENGTH)


def descent(
    name: str, rate: float, seed: int, steps: int, held_out: tuple
) -> Curve:
    """The held-out loss after every so many steps, until it is on target, or lost."""
    model = small_model(seed)
    optimizer = OPTIMIZERS[name][1](model, rate)
    curve = [(0, held_out_loss(model, *held_out)[0])]
    for step in range(steps):
        x, y = rows(seed, step)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / WARMUP)
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            curve.append((step + 1, held_out_loss(model, *held_out)[0]))
            if not TARGET < curve[-1][1] < 2 * curve[0][1]:
                break
    return [(step, round(loss, 4)) for step, loss in curve if math.isfinite(loss)]


def steps_needed(curve: Curve) -> float | None:
    """Where a curve crosses the target, between two measurements on a straight line;
    None if it does not."""
    for (begin, above), (end, below) in pairwise(curve):
        if below <= TARGET:
            return begin + (end - begin) * (above - TARGET) / (above - below)
    return None


def tuned(name: str, steps: int, held_out: tuple) -> list[Trial]:
    """A trial of each learning rate, from the middle of the grid outwards, the best
    first. One that is slower than the best so far is broken off there."""
    lowest, middle = OPTIMIZERS[name][0], TRIALS // 2
    trials: list[Trial] = []
    longest = steps
    for i in sorted(range(TRIALS), key=lambda i: abs(i - middle)):
        curve = descent(name, lowest * 2**i, TUNING, longest, held_out)
        needed = steps_needed(curve)
        trials.append({"rate": lowest * 2**i, "needed": needed, "last": curve[-1]})
        print(name, trials[-1], flush=True)
        if needed:
            longest = min(longest, math.ceil(needed / EVERY) * EVERY)
    return sorted(trials, key=lambda t: (t["needed"] or math.inf, rank(t, longest)))


def rank(trial: Trial, longest: int) -> float:
    """The last loss of a trial; infinite for one that was lost before the end."""
    step, loss = trial["last"]
    return loss if step >= longest else math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=PATH)
    args = parser.parse_args()
    held_out, floor = stories_and_floor(tokenizer(), 1, HELD_OUT, CONTEXT_LENGTH)
    log: dict = {
        "target": TARGET,
        "floor": float(floor.sum()) / int((held_out[1] >= 0).sum()),
        "steps": args.steps,
        "trials": {},
        "curves": {},
    }
    for name in OPTIMIZERS:
        trials = log["trials"][name] = tuned(name, args.steps, held_out)
        rate = trials[0]["rate"]
        curves = [descent(name, rate, seed, args.steps, held_out) for seed in SEEDS]
        log["curves"][name] = curves
        print(name, rate, list(map(steps_needed, curves)), flush=True)
    with atomic_write(args.out, "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
