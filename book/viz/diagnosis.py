"""Chapter 15: recorded training runs, with one fault in each, to be found by looking."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.viz.page import Bundle, interactive
from llm.style import BLACK, BLUE, VERMILLION

# What was planted in a run, and by what it is recognised, in the order of the record.
SIGNS = {
    "healthy": (
        "Training and held-out loss fall together, fast and then slowly, and stay "
        "above the floor; the gradient gets shorter."
    ),
    "rate too high": (
        "After the first fall both losses stay high for most of the run, with spikes "
        "in the gradient, and fall again as the rate is lowered."
    ),
    "rate too low": (
        "Both losses fall smoothly and slowly, and at the end are still far from the "
        "floor; the gradient hardly changes its length."
    ),
    "overfitting": (
        "The held-out loss turns and rises while the training loss falls through the "
        "floor."
    ),
    "targets not shifted": (
        "Both losses fall to nearly zero in a few dozen steps, far below the floor: "
        "the token asked for is the one that is read."
    ),
    "held-out texts in training": (
        "Both losses follow each other down, and slowly pass below the floor: the "
        "held-out texts are learned by heart with the others."
    ),
    "gradients never zeroed": (
        "Both losses fall too slowly from the beginning, and the gradient does not "
        "get shorter: the old ones are still in it."
    ),
    "optimizer not saved": (
        "In the middle of the run both losses jump, and so does the gradient a "
        "little; ten or twenty steps later nothing is to be seen of it."
    ),
    "bad batches": (
        "For a few steps the training loss is higher than that of a model that knows "
        "nothing; the gradient is long, and the held-out loss needs some time to "
        "recover."
    ),
    "rate never lowered": (
        "All is well at first; but the rate stays level, and both losses stay further "
        "from the floor at the end than those of the healthy run."
    ),
}
# Which run has which letter: no rule, so that none can be guessed.
ORDER = (5, 8, 0, 6, 2, 3, 9, 4, 7, 1)
LOWEST, HIGHEST = 0.02, 20.0  # nats per token, on a logarithmic axis
ALT = (
    "Ten small plots, A to J, of training and held-out loss against the step, on a "
    "logarithmic axis, with the floor: some fall together and stay above the floor, some "
    "pass below it, one parts, and others have a jump or a spike or stay high."
)


def in_order() -> dict[str, str]:
    """Which letter has which fault."""
    names = list(SIGNS)
    return {ascii_uppercase[i]: names[n] for i, n in enumerate(ORDER)}


def diagnosis_figure(record: Mapping[str, Any], letter: str = "A") -> Bundle:
    """The recorded runs, one at a time; the reader says what is wrong.

    record: what tools/record_training_runs.py writes; letter: of the run shown first.
    Raises `ValueError` for a record that lacks a run, and for another letter.
    """
    letters = in_order()
    missing = sorted(SIGNS.keys() - record["runs"].keys())
    if missing:
        raise ValueError(
            f"the record has no run {missing[0]!r}; make it again with "
            f"python tools/record_training_runs.py"
        )
    if letter not in letters:
        raise ValueError(f"letter={letter!r} is none of {', '.join(letters)}")
    runs = {a: shown(record["runs"][name]) for a, name in letters.items()}
    state = {"runs": runs, "faults": letters, "signs": SIGNS}
    state |= {"floor": record["floor"], "letter": letter}
    state |= {"limits": [LOWEST, HIGHEST]}
    return interactive("diagnosis", state, alt=ALT, figure=picture(record))


def shown(run: Mapping[str, list]) -> dict[str, list]:
    """What the page gets of a run: the rate only as a share of its peak."""
    top = max(run["rate"])
    share = [round(rate / top, 3) for rate in run["rate"]]
    return {
        "loss": run["loss"],
        "norm": run["grad_norm"],
        "rate": share,
        "heldOut": run["held_out"],
    }


def picture(record: Mapping[str, Any]) -> Figure:
    """All runs on paper, each with its letter."""
    figure, axes = plt.subplots(
        5, 2, figsize=(6.4, 8.4), sharex=True, sharey=True, layout="constrained"
    )
    for (letter, name), ax in zip(in_order().items(), axes.flat, strict=True):
        run = record["runs"][name]
        steps = range(1, len(run["loss"]) + 1)
        ax.plot(steps, run["loss"], color=BLUE, lw=1, label="training")
        ax.plot(
            *zip(*run["held_out"], strict=True),
            color=VERMILLION,
            marker="o",
            ms=2.5,
            lw=1,
            label="held-out",
        )
        ax.axhline(record["floor"], color=BLACK, ls="--", lw=1, label="floor")
        ax.set(yscale="log", ylim=(LOWEST, HIGHEST))
        ax.set_title(letter)
    axes[0, 0].legend(fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("step")
    axes[2, 0].set_ylabel("loss (nats per token)")
    return figure
