"""How far to step, and in which direction: schedules, groups, clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


def warmup_cosine(
    step: int, *, peak: float, minimum: float, warmup_steps: int, n_steps: int
) -> float:
    """The learning rate of a step: up in a straight line, down in half a cosine.

    step: updates already made, 0 … n_steps − 1. The rate is `peak` at step
    `warmup_steps` and would be `minimum` at step `n_steps`.

    **Source:** Loshchilov and Hutter (2017), equation 5, without restarts; the
    warm-up from Goyal et al. (2017), section 2.2.

    >>> rates = dict(peak=1.0, minimum=0.1, warmup_steps=2, n_steps=6)
    >>> [round(warmup_cosine(step, **rates), 2) for step in range(6)]
    [0.33, 0.67, 1.0, 0.87, 0.55, 0.23]
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    done = (step - warmup_steps) / max(1, n_steps - warmup_steps)
    return minimum + (peak - minimum) * (1 + math.cos(math.pi * min(1, done))) / 2


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """The parameters in two groups: matrices shrink, vectors do not.

    Gains and biases have no business near zero; the decay is for the weights that
    multiply.

    Returns what PyTorch's optimizers take; a group without parameters is left out.
    Raises `ValueError` where every parameter is frozen.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            "no parameter of the model requires a gradient, so there is nothing to "
            "train; set requires_grad=True on those that should learn"
        )
    matrices = [p for p in parameters if p.dim() > 1]
    vectors = [p for p in parameters if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Shrink all gradients by one factor if together they are longer than
    `max_norm`.

    Returns their length before, a scalar: the root of the sum of all squares.

    **Source:** Pascanu, Mikolov and Bengio (2013), algorithm 1.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = [gradient.square().sum() for gradient in gradients]
    length = torch.stack(squares).sum().sqrt() if squares else torch.zeros(())
    for gradient in gradients:
        gradient *= (max_norm / (length + 1e-6)).clamp(max=1)  # 0 / 0 is no factor
    return length
