"""Record short training runs: healthy ones, and ones with one fault planted in each.

    python tools/record_training_runs.py [--steps 200]

Writes data/checkpoints/stories_training_runs.json, and brings data/SOURCES.md up to
date. All runs learn from the stories of a small part of the world
(book/small_stories.py), with a Transformer of one layer:

    runs       one healthy run and one for each fault: loss, length of the gradient and
               learning rate of every step, held-out loss of every tenth
    warmup     gaps to the floor with and without warm-up, at four rates, three seeds
    schedules  gaps to the floor on the way, three shapes of the rate, three seeds
    stories    what each held-out story costs at best, and costs models early and late
               in a run four times as long, and two runs of different seeds

Takes about six minutes on one core. The chapter that shows the record is then to be
run again:

    python tools/run_notebooks.py chapters/15*
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import list_sources
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from book.small_stories import BATCH_SIZE, small_held_out, small_model, small_supply
from llm.data import Supply
from llm.evaluate import above_the_floor, mean_and_error, row_losses
from llm.fast import speed_up
from llm.files import atomic_write
from llm.optim import parameter_groups, warmup_cosine, warmup_stable_decay
from llm.train import TrainConfig, set_rate, training_step

PATH = (
    Path(__file__).resolve().parents[1]
    / "data/checkpoints/stories_training_runs.json"
)
PEAK, WARMUP, EVERY, N_HELD_OUT, PLENTY = 0.02, 20, 10, 32, 8000
RATES = (0.01, 0.03, 0.1, 0.2)
SEEDS = (0, 1, 2)
NEVER = 1e9  # a limit that no gradient reaches

Rate = Callable[[int], float]
Rows = tuple[Tensor, Tensor]


@dataclass(kw_only=True)
class Run:
    """What one run does; a fault is a value that is not the usual one."""

    steps: int
    rate: Rate | None = None  # None: warm-up, then a cosine, to the usual peak
    seed: int = 0
    supply: Supply | None = None  # None: plenty of stories, none twice
    held_out: Rows | None = None  # None: those of another seed
    clip_norm: float = 1.0
    keep_gradients: bool = False
    new_optimizer_at: int | None = None
    keep: tuple[int, ...] = ()  # after which updates the cost of each story is kept

    def optimizer(self, model: nn.Module) -> Optimizer:
        return AdamW(parameter_groups(model, 0.1), betas=(0.9, 0.95))

    def record(self) -> dict[str, list]:
        """Loss, length of the gradient, rate of every step; [step, loss] held out."""
        model, optimizer = small_model(self.seed), None
        speed_up(model)
        supply = self.supply or small_supply(PLENTY)
        rate = self.rate or cosine(self.steps, PEAK)
        rows, floor = small_held_out(N_HELD_OUT)
        said: dict[str, list] = {"loss": [], "grad_norm": [], "rate": []}
        said |= {"held_out": [], "gap": [], "costs": []}
        config = TrainConfig(clip_norm=self.clip_norm, device="cpu")
        for step in range(self.steps):
            if optimizer is None or step == self.new_optimizer_at:
                optimizer = self.optimizer(model)
                if self.keep_gradients:
                    optimizer.zero_grad = lambda: None
            set_rate(optimizer, rate(step))
            x, y = supply.batch(step)
            loss, norm = training_step(model, optimizer, x, y, config)
            for name, number in (("loss", loss), ("grad_norm", norm)):
                said[name].append(float(f"{float(number):.4g}"))
            said["rate"].append(float(f"{rate(step):.3g}"))
            if (step + 1) % EVERY == 0:
                loss, gap = measured(model, self.held_out or rows, floor)
                said["held_out"].append([step + 1, round(loss, 4)])
                said["gap"].append([step + 1, round(gap, 4)])
            if step + 1 in self.keep:
                said["costs"].append(
                    rounded(row_losses(model, *small_held_out(64)[0]))
                )
        return said


def measured(model: nn.Module, rows: Rows, floor: Tensor) -> tuple[float, float]:
    """The held-out loss and what it is above the floor, in nats per token."""
    sums, counts = row_losses(model, *rows), (rows[1] >= 0).sum(1)
    gap = above_the_floor(sums, counts, floor)["gap"]
    return mean_and_error(sums, counts)[0], gap


def rounded(costs: Tensor) -> list[float]:
    """Nats of each story, to three decimals."""
    return [round(cost, 3) for cost in costs.tolist()]


def cosine(steps: int, peak: float, warmup: int = WARMUP) -> Rate:
    """Warm-up, then half a cosine down to a tenth of the peak."""
    return partial(
        warmup_cosine,
        peak=peak,
        minimum=peak / 10,
        warmup_steps=warmup,
        n_steps=steps,
    )


def level_then_down(steps: int, peak: float, share: float = 0.3) -> Rate:
    """Warm-up, level, and a straight line down to a tenth over the last share."""
    return partial(
        warmup_stable_decay,
        peak=peak,
        minimum=peak / 10,
        warmup_steps=WARMUP,
        decay_steps=round(share * steps),
        n_steps=steps,
    )


def level(steps: int, peak: float) -> Rate:
    """Warm-up, and then no change."""
    return lambda step: peak * min(1, (step + 1) / (WARMUP + 1))


# --- The faults -------------------------------------------------------------------


class Changed:
    """A supply of batches, some of which are not what they should be."""

    def __init__(self, change: Callable[[int, Tensor, Tensor], Rows]) -> None:
        self.plain, self.change = small_supply(PLENTY), change

    def batch(self, step: int) -> Rows:
        return self.change(step, *self.plain.batch(step))


def unshifted(x: Tensor, y: Tensor) -> Rows:
    """The tokens themselves as targets, where there is a target."""
    return x, torch.where(y < 0, y, x)


def shuffled_once(at: int, step: int, x: Tensor, y: Tensor) -> Rows:
    """In steps `at` to `at` + 2, targets that have nothing to do with the text."""
    if not at <= step < at + 3:
        return x, y
    generator = torch.Generator().manual_seed(step)
    order = torch.randperm(y.numel(), generator=generator)
    mixed = y.flatten()[order].view_as(y)
    return x, torch.where(y < 0, y, mixed.clamp(min=0))


def faults(steps: int) -> dict[str, Run]:
    """The healthy run, and the others."""
    of_training = small_supply(PLENTY, N_HELD_OUT).batch(0)
    leaky, _ = small_held_out(N_HELD_OUT)
    run = partial(Run, steps=steps)
    return {
        "healthy": run(),
        "rate too high": run(rate=cosine(steps, 20 * PEAK)),
        "rate too low": run(rate=cosine(steps, PEAK / 50)),
        "overfitting": run(supply=small_supply(5 * BATCH_SIZE)),
        "targets not shifted": run(
            supply=Changed(lambda step, x, y: unshifted(x, y)),
            held_out=unshifted(*leaky),
        ),
        "held-out texts in training": run(
            supply=small_supply(5 * BATCH_SIZE), held_out=of_training
        ),
        "gradients never zeroed": run(keep_gradients=True),
        "optimizer not saved": run(new_optimizer_at=steps // 2),
        "bad batches": run(supply=Changed(partial(shuffled_once, 3 * steps // 5))),
        "rate never lowered": run(rate=level(steps, 2 * PEAK)),
    }


# --- The comparisons --------------------------------------------------------------


def warmup(steps: int) -> dict[str, dict[str, list[float]]]:
    """The gap to the floor at the end, by rate, with and without, for each seed."""
    return {
        f"{rate:g}": {
            name: [
                Run(steps=steps, rate=cosine(steps, rate, n), seed=seed).record()[
                    "gap"
                ]
                for seed in SEEDS
            ]
            for name, n in (("without", 0), ("with", WARMUP))
        }
        for rate in RATES
    }


def schedules(steps: int) -> dict[str, list]:
    """The gaps to the floor on the way, by shape, for each seed."""
    shapes = {
        "level": level(steps, PEAK),
        "cosine": cosine(steps, PEAK),
        "level, then down": level_then_down(steps, PEAK),
    }
    return {
        name: [Run(steps=steps, rate=rate, seed=s).record()["gap"] for s in SEEDS]
        for name, rate in shapes.items()
    }


def stories(steps: int) -> dict[str, Any]:
    """What each of 64 held-out stories costs at best, and costs five models."""
    (_, y), floor = small_held_out(64)
    moments = (steps // 5, steps, 4 * steps)
    long = Run(steps=4 * steps, keep=moments).record()["costs"]
    seeds = [
        Run(steps=steps, seed=s, keep=(steps,)).record()["costs"][0] for s in (0, 1)
    ]
    return {
        "tokens": (y >= 0).sum(1).tolist(),
        "floor": rounded(floor),
        "long": dict(zip(map(str, moments), long, strict=True)),
        "seeds": seeds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path, default=PATH)
    args = parser.parse_args()
    (_, y), floor = small_held_out(N_HELD_OUT)
    log: dict[str, Any] = {
        "steps": args.steps,
        "floor": float(floor.sum()) / int((y >= 0).sum()),
        "runs": {},
    }
    for name, run in faults(args.steps).items():
        log["runs"][name] = run.record()
        print(name, log["runs"][name]["held_out"][-1], flush=True)
    log["warmup"] = warmup(args.steps // 2)
    log["schedules"] = schedules(args.steps)
    log["stories"] = stories(args.steps)
    with atomic_write(args.out, "w") as file:
        json.dump(log, file)
    list_sources.main([])


if __name__ == "__main__":
    main()
