"""Chapter 9: a mask to draw in, and what can be learned behind it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from book.viz.page import Bundle, interactive
from llm.style import AMOUNTS

N_DAYS = 8
# The masks to begin with, as in js/masks.js: may day t look at day s?
MASKS = {
    "causal": lambda t, s: s <= t,
    "hole": lambda t, s: s <= t or (t, s) == (3, 4),
    "day-after": lambda t, s: s != t + 1,
    "shifted": lambda t, s: s <= t + 1,
}
TITLES = {
    "causal": "causal",
    "hole": "one hole",
    "day-after": "tomorrow hidden,\nthe day after not",
    "shifted": "shifted by one",
}
ALT = (
    "Four masks for pages of eight days, and the least loss behind each: causal, "
    "with nothing above the diagonal; the same with one hole; one in which each day "
    "sees all days but the next; and one shifted by one day. The least loss falls "
    "from mask to mask."
)


def draw_a_mask(
    transition: Tensor, weathers: Sequence[str], mask: str = "causal"
) -> Bundle:
    """A square to draw a mask in, and a forecaster trained behind it in the page.

    transition: (V, V), the probability of each weather after each; weathers: their V
    names, *storm* among them, with which the diaries begin that it writes. mask: the
    name of the one that is there at first. In print: the masks of `MASKS`, and the
    least loss that each allows.
    """
    if mask not in MASKS:
        raise ValueError(f"mask={mask!r} is none of {', '.join(MASKS)}")
    state = {
        "weathers": list(weathers),
        "transition": transition,
        "shares": stationary(transition),
        "least": least_by_gap(transition),
        "mask": mask,
        "place": "before",
    }
    return interactive("masks", state, alt=ALT, figure=picture(state["least"]))


def stationary(transition: Tensor) -> Tensor:
    """The share of the days that each weather has in the long run: (V,)."""
    return torch.linalg.matrix_power(transition.double(), 200)[0]


def least_by_gap(transition: Tensor) -> list[float]:
    """What tomorrow costs whoever knows today and the day `gap` days ahead, in nats.

    The first entry, for a gap of 0, is the cost for whoever knows no later day.
    """
    steps = transition.double()
    between = torch.eye(len(steps), dtype=steps.dtype)  # from tomorrow to that day
    today_and_tomorrow = stationary(transition)[:, None] * steps  # (V, V)
    costs = [entropy(today_and_tomorrow) - entropy(stationary(transition))]
    for _ in range(1, N_DAYS):
        joint = today_and_tomorrow[:, :, None] * between  # (V, V, V)
        costs.append(max(0.0, entropy(joint) - entropy(joint.sum(dim=1))))
        between = steps @ between
    return costs


def entropy(probabilities: Tensor) -> float:
    """The entropy of a distribution of any shape, in nats."""
    return float(torch.special.entr(probabilities).sum())


def least_loss(mask: str, costs: Sequence[float]) -> float:
    """The least mean loss behind a mask, applied before the softmax.

    Today is known in any case. Of the later days in sight only the nearest counts,
    since the weather of a day decides about the days behind it.
    """
    sees, days = MASKS[mask], range(N_DAYS)
    gaps = [next((s - t for s in days if s > t and sees(t, s)), 0) for t in days]
    return sum(costs[gap] for gap in gaps) / N_DAYS


def picture(costs: Sequence[float]) -> Figure:
    """The masks side by side, each under its name and the least loss behind it."""
    figure, axes = plt.subplots(1, len(MASKS), figsize=(7.2, 2.5), sharey=True)
    for ax, (name, sees) in zip(axes, MASKS.items(), strict=True):
        days = range(N_DAYS)
        ax.imshow([[sees(t, s) for s in days] for t in days], cmap=AMOUNTS)
        for t, s in itertools.product(days, days):
            if s > t and sees(t, s):
                ax.text(s, t, "!", ha="center", va="center", weight="bold")
        ax.set_title(
            f"{TITLES[name]}\n{least_loss(name, costs):.2f} nats", fontsize=9
        )
        ticks = [0, 3, 7]
        ax.set(xlabel="day looked at", xticks=ticks, yticks=ticks)
        ax.set(xticklabels=[1, 4, 8], yticklabels=[1, 4, 8])
        ax.grid(False)
    axes[0].set_ylabel("day that looks")
    return figure
