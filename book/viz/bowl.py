"""Chapter 14: a bowl of two parameters, and the way an optimizer takes down it."""

from __future__ import annotations

import math
from collections.abc import Callable

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.optim import Optimizer

from book.viz.page import Bundle, interactive
from llm.optim import SGD, Adam
from llm.style import BLUE, GREY, VERMILLION

N_STEPS = 200
OPTIMIZERS: dict[str, Callable[[Tensor, float], Optimizer]] = {
    "descent": lambda p, rate: SGD([p], rate),
    "momentum": lambda p, rate: SGD([p], rate, momentum=0.9),
    "adam": lambda p, rate: Adam([p], rate),
}
NAMES = {"descent": "gradient descent", "momentum": "momentum", "adam": "Adam"}
PRINTED = {"descent": 1.9, "momentum": 1.0, "adam": 0.1}  # rates
ALT = (
    "Three plots of a long narrow valley, seen from above, and a way down it. Gradient "
    "descent leaps from wall to wall and creeps along the floor; momentum swings "
    "to and fro, past the bottom and back; Adam goes straight down the diagonal. A "
    "fourth plot shows the loss of each against the step."
)


def bowl(condition: float, angle: float = 0.0) -> Tensor:
    """The matrix H of the loss ½ pᵀHp: (2, 2), in float64.

    Its curvature is 1 in one direction and 1 / condition in the other. At an angle of
    0 degrees the steep direction is the first parameter, the flat one the second.
    """
    turn = rotation(angle)
    curvatures = torch.tensor([1.0, 1.0 / condition], dtype=torch.float64)
    return turn @ torch.diag(curvatures) @ turn.T


def rotation(angle: float) -> Tensor:
    """The matrix that turns the plane by an angle in degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def walk(
    optimizer: str,
    rate: float,
    condition: float,
    angle: float = 0.0,
    n_steps: int = N_STEPS,
) -> tuple[Tensor, Tensor]:
    """The way of an optimizer down the bowl, from (1, 1) turned with it.

    Returns the points (n_steps + 1, 2) and their losses (n_steps + 1,).
    """
    matrix = bowl(condition, angle)
    p = (rotation(angle) @ torch.ones(2, dtype=torch.float64)).requires_grad_()
    moves, points = OPTIMIZERS[optimizer](p, rate), [p.detach().clone()]
    for _ in range(n_steps):
        p.grad = (matrix @ p).detach()
        moves.step()
        points.append(p.detach().clone())
    way = torch.stack(points)  # (n_steps + 1, 2)
    return way, (way @ matrix * way).sum(-1) / 2


def bowl_figure(
    optimizer: str = "descent",
    rate: float = 1.9,
    condition: float = 100,
    angle: float = 0,
) -> Bundle:
    """A bowl to walk down: optimizer, learning rate, condition number and angle.

    optimizer: a name in `OPTIMIZERS`. Raises `ValueError` for another.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(
            f"optimizer={optimizer!r} is none of {', '.join(OPTIMIZERS)}"
        )
    state = {
        "optimizer": optimizer,
        "rate": rate,
        "condition": condition,
        "angle": angle,
    }
    return interactive("bowl", state, alt=ALT, figure=picture(condition, angle))


def picture(condition: float, angle: float) -> Figure:
    """The ways of the three side by side, and their losses."""
    figure, axes = plt.subplots(2, 2, figsize=(6.4, 5.6))
    styles = zip((BLUE, VERMILLION, GREY), ("-", "--", "-."), strict=True)
    for (name, rate), ax, (colour, dashes) in zip(
        PRINTED.items(), axes.flat, styles, strict=False
    ):
        way, losses = walk(name, rate, condition, angle)
        draw_way(ax, way, condition, angle, colour)
        ax.set_title(f"{NAMES[name]}, rate {rate:g}")
        axes[1, 1].semilogy(
            losses / losses[0], color=colour, ls=dashes, label=NAMES[name]
        )
    axes[1, 1].set(xlabel="step", ylabel="loss, of that at the start")
    axes[1, 1].set_ylim(1e-9, 3)
    axes[1, 1].legend()
    return figure


def draw_way(
    ax: Axes, way: Tensor, condition: float, angle: float, colour: str = BLUE
) -> None:
    """One way over the contours of its bowl."""
    side = torch.linspace(-1.6, 1.6, 161, dtype=torch.float64)
    plane = torch.cartesian_prod(side, side)  # (161², 2)
    heights = (plane @ bowl(condition, angle) * plane).sum(-1) / 2
    root = math.sqrt(condition)  # radii of the ellipses, as in js/bowl.js
    radii = {0.4, 0.8, 1.2} | {f * root for f in (0.1, 0.25, 0.45, 0.7, 1, 1.35)}
    levels = sorted(radius**2 / condition / 2 for radius in radii)
    ax.contour(
        side, side, heights.view(161, 161).T, levels, colors=GREY,
        linewidths=0.6, linestyles="solid",
    )  # fmt: skip
    ax.plot(*way.T, "o-", color=colour, markersize=2.5, linewidth=1)
    ax.plot(0, 0, "k+", markersize=9)
    ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    ax.set(xlabel="first parameter", ylabel="second parameter")
    ax.grid(False)
