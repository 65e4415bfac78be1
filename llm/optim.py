"""How far to step, and in which direction: optimizers, schedules, clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class StepByStep(Optimizer):
    """What all optimizers here share: one parameter after the other is moved.

    A subclass says in `move` how; `state` is what it remembers of this parameter,
    at first nothing, `group` its settings: `lr`, the learning rate, and others.
    Groups, state dictionaries and `zero_grad` are those of PyTorch.
    """

    def __init__(self, params: Iterable, **settings: float | bool) -> None:
        check_settings(settings)
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self) -> None:
        """Make one update; a parameter without a gradient stays as it is."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.move(p, p.grad, self.state[p], group)

    def move(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """Change one parameter in place. p, grad: of the same shape."""
        raise NotImplementedError


class SGD(StepByStep):
    """Step against the gradient; with momentum, against a running sum of gradients.

    lr: learning rate; momentum: what is kept of the sum in each step, at least 0
    and below 1.

    **Source:** Robbins and Monro (1951); momentum from Polyak (1964), equation 9.
    """

    def __init__(self, params: Iterable, lr: float, momentum: float = 0.0) -> None:
        super().__init__(params, lr=lr, momentum=momentum)

    def move(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        velocity = group["momentum"] * state.get("velocity", 0) + grad
        if group["momentum"]:
            state["velocity"] = velocity
        p -= group["lr"] * velocity


class Adam(StepByStep):
    """Step by the mean of the gradients over the root of the mean of their squares.

    Both means forget: an old gradient counts less by a factor of beta in each step.
    They begin at zero, so the first are too small, and are divided by the share
    that is there already. Every component is thus moved by about `lr`, however
    large its gradient.

    betas: what is kept of the mean, and of the mean square. eps: keeps the division
    from failing where there never was a gradient.

    **Source:** Kingma and Ba (2015), algorithm 1.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        **more: float | bool,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, **more)

    def move(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        beta1, beta2 = group["betas"]
        step = state["step"] = state.get("step", 0) + 1
        state["mean"] = beta1 * state.get("mean", 0) + (1 - beta1) * grad
        state["square"] = beta2 * state.get("square", 0) + (1 - beta2) * grad**2
        mean = state["mean"] / (1 - beta1**step)
        square = state["square"] / (1 - beta2**step)
        p -= group["lr"] * mean / (square.sqrt() + group["eps"])


class AdamW(Adam):
    """Adam, and before each step every parameter shrinks by the same factor.

    The shrinking does not pass through the means, so a parameter with large
    gradients shrinks as much as others.

    weight_decay: times the learning rate, the share by which a parameter shrinks.

    **Source:** Loshchilov and Hutter (2019), algorithm 2.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.01,
        **more,
    ) -> None:
        super().__init__(params, lr, weight_decay=weight_decay, **more)

    def move(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        p *= 1 - group["lr"] * group["weight_decay"]
        super().move(p, grad, state, group)


class Muon(AdamW):
    """Momentum whose singular values are all made about 1, for groups of matrices
    with `orthogonal` set; AdamW for the others.

    A gradient has a few large singular values and many small ones; a step in which
    all are equal moves the rare directions as far as the frequent ones. The factor
    behind it makes the components of a step about as large as those of AdamW, so
    that one learning rate fits both.

    momentum: what is kept of the mean gradient in each step. See `muon_groups`.

    **Source:** Jordan et al. (2024); the factor from Liu et al. (2025), section
    2.2.
    """

    def __init__(
        self, params: Iterable, lr: float = 1e-3, *, momentum: float = 0.95, **more
    ) -> None:
        super().__init__(params, lr, momentum=momentum, orthogonal=False, **more)

    def move(self, p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        if not group["orthogonal"]:
            return super().move(p, grad, state, group)
        kept = group["momentum"]
        state["mean"] = kept * state.get("mean", 0) + (1 - kept) * grad
        # Nesterov's: the mean as it would be if this gradient came once more
        ahead = kept * state["mean"] + (1 - kept) * grad
        p *= 1 - group["lr"] * group["weight_decay"]
        factor = 0.2 * math.sqrt(max(p.shape))
        p -= group["lr"] * factor * orthogonalised(ahead)


def orthogonalised(matrix: Tensor, n_steps: int = 5) -> Tensor:
    """The matrix with all its singular values moved to between about 0.7 and 1.2.

    Each step applies the polynomial a·s + b·s³ + c·s⁵ to every singular value s,
    by matrix products alone. The coefficients are chosen so that small values grow
    fast; in return the large ones do not settle at 1, but around it.

    matrix: (..., M, N), one or several of one shape. Returns the same shape.

    **Source:** Jordan et al. (2024), the Newton–Schulz iteration.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    # Of the two squares, X Xᵀ and XᵀX, the smaller one is computed.
    standing = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if standing else matrix
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)  # no value above 1
    for _ in range(n_steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if standing else x


def check_settings(settings: dict) -> None:
    """Raises `ValueError` for a setting out of its range, with name and value."""
    rates = {name: settings.get(name, 0) for name in ("lr", "weight_decay", "eps")}
    for name, value in rates.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}={value} must be a number from 0")
    shares = {"momentum": settings.get("momentum", 0)}
    shares |= {
        f"betas[{i}]": beta for i, beta in enumerate(settings.get("betas", ()))
    }
    for name, value in shares.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} must be at least 0 and below 1")


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


def warmup_stable_decay(
    step: int,
    *,
    peak: float,
    minimum: float,
    warmup_steps: int,
    decay_steps: int,
    n_steps: int,
) -> float:
    """The learning rate of a step: up in a straight line, level, and down in
    another over the last `decay_steps`.

    step: updates already made, 0 … n_steps − 1. How long a run is need not be known
    before the descent begins. The rate would be `minimum` at step `n_steps`.

    **Source:** Hu et al. (2024), section 4; the straight line down, Hägele et al.
    (2024).

    >>> rates = dict(peak=1.0, minimum=0.0, warmup_steps=1, n_steps=6)
    >>> [round(warmup_stable_decay(t, decay_steps=2, **rates), 2) for t in range(6)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.5]
    """
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    left = min(1, max(0, n_steps - step) / max(1, decay_steps))
    return minimum + (peak - minimum) * left


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


def muon_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """The groups of `parameter_groups`, the hidden matrices apart, for `Muon`.

    Hidden is a matrix that multiplies vectors of the stream: the weight of an
    `nn.Linear` within `model.blocks`. Embedding and head are tables with a row for
    each token, and stay with AdamW.
    """
    hidden = {
        part.weight
        for part in getattr(model, "blocks", nn.ModuleList()).modules()
        if isinstance(part, nn.Linear)
    }
    groups = []
    for group in parameter_groups(model, weight_decay):
        for orthogonal in (True, False):
            chosen = [p for p in group["params"] if (p in hidden) == orthogonal]
            if chosen:
                groups.append(group | {"params": chosen, "orthogonal": orthogonal})
    return groups


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
