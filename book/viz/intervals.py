"""Chapter 18: fifty comparisons of two recipes, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from book.viz.page import Bundle, interactive
from llm.evaluate import mean_and_error
from llm.intervals import mean_interval, normal_quantile, student_quantile
from llm.style import BLUE, GREEN, GREY, VERMILLION

N_EXPERIMENTS, REACH = 50, 0.08
WAYS = {
    "stories": "one run each,\nover the stories",
    "apart": "three seeds each,\nothers for each",
    "paired": "three seeds,\nthe same for both",
}
ALT = (
    "Three columns of fifty horizontal intervals around a line at zero. With one run for "
    "each recipe and an interval over the stories, most intervals leave out zero, some "
    "on the left and some on the right. With three seeds the intervals are wide and most "
    "hold zero; for this recipe the pairs are the widest of all."
)


class Interval(NamedTuple):
    middle: float
    low: float
    high: float


def compared(usual: Tensor, other: Tensor, tokens: Tensor, way: str) -> Interval:
    """The difference of two recipes, in nats per token, and an interval of 95 %.

    usual, other: (n_runs, n_stories), nats of each story; tokens: (n_stories,). way:
    "stories", the first runs, over the stories; "apart" or "paired", over the runs.
    Raises `ValueError` for another.
    """
    if way not in WAYS:
        raise ValueError(f"way={way!r} is none of {', '.join(WAYS)}")
    if way == "stories":
        middle, error = mean_and_error(other[0] - usual[0], tokens)
        half = normal_quantile(0.975) * error
        return Interval(middle, middle - half, middle + half)
    a, b = (costs.double().sum(1) / tokens.sum() for costs in (usual, other))
    if way == "paired":
        return Interval(float((b - a).mean()), *mean_interval(b - a))
    middle, n = float(b.mean() - a.mean()), len(a)
    half = student_quantile(0.975, 2 * n - 2)
    half *= math.sqrt(float(a.var() + b.var()) / n)
    return Interval(middle, middle - half, middle + half)


def experiments(
    usual: Tensor, other: Tensor, tokens: Tensor, way: str, n_seeds: int = 3
) -> list[Interval]:
    """Fifty comparisons, each of runs that are drawn at random, on all stories."""
    generator = torch.Generator().manual_seed(18)
    n = 1 if way == "stories" else n_seeds
    found = []
    for _ in range(N_EXPERIMENTS):
        order = torch.randperm(len(usual), generator=generator)
        runs = order[:n], order[:n] if way == "paired" else order[n : 2 * n]
        found.append(compared(usual[runs[0]], other[runs[1]], tokens, way))
    return found


def intervals_figure(
    costs: Mapping[str, Sequence[Sequence[float]]],
    tokens: Sequence[int],
    recipe: str,
    way: str = "stories",
    seeds: int = 3,
) -> Bundle:
    """Fifty comparisons of a recipe with the usual one, again and again.

    costs: by recipe, one of which is "usual": what each held-out story costs each run.
    tokens: of each story. recipe, way and seeds: what is shown first.
    """
    few = [student_quantile(0.975, n) for n in range(1, len(costs["usual"]))]
    state = {
        "costs": costs,
        "tokens": tokens,
        "factors": {"many": normal_quantile(0.975), "few": few},
        "reach": REACH,
        "recipe": recipe,
        "way": way,
        "seeds": seeds,
        "stories": len(tokens),
    }
    return interactive(
        "intervals", state, alt=ALT, figure=picture(costs, tokens, recipe)
    )


def picture(
    costs: Mapping[str, Sequence[Sequence[float]]],
    tokens: Sequence[int],
    recipe: str,
) -> Figure:
    """The three ways to compare, side by side."""
    usual, other = torch.tensor(costs["usual"]), torch.tensor(costs[recipe])
    counts = torch.tensor(tokens)
    truth = float((other - usual).double().sum(1).mean() / counts.sum())
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 4), sharex=True, sharey=True)
    for (way, title), ax in zip(WAYS.items(), axes, strict=True):
        for i, one in enumerate(experiments(usual, other, counts, way)):
            colour = BLUE if one.high < 0 else VERMILLION if one.low > 0 else GREY
            width = 0.9 if colour == GREY else 1.6
            ax.plot([one.low, one.high], [i, i], "-", color=colour, lw=width)
            ax.plot(one.middle, i, ".", color=colour, ms=3)
        ax.axvline(0, color="black", lw=0.8)
        ax.axvline(truth, color=GREEN, ls="--", lw=1.2)
        ax.set(title=title, xlim=(-REACH, REACH), yticks=[])
        ax.grid(False)
    axes[0].set(ylabel="experiments")
    axes[1].set(xlabel=f"{recipe}: difference to the usual recipe (nats per token)")
    return figure
