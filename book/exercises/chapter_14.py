"""The exercises of chapter 14, Optimizers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from book.exercises.answers import Values
from book.exercises.exercise import exercise
from book.exercises.watch import Step
from llm.optim import Adam, orthogonalised

# --- ★ The best rate of gradient descent -------------------------------------------


@exercise(
    "the steepest and the flattest parameter shrink alike",
    Values("the rate", "the factor"),
)
def best_rate() -> Iterator[tuple]:
    """`best_rate(curvatures)`: the rate and the factor of gradient descent."""
    yield (torch.tensor([1.0, 5.0, 0.25], dtype=torch.float64),)
    yield (torch.tensor([0.3, 2.0, 0.01, 5.0, 0.7]),)
    yield (torch.rand(6, dtype=torch.float64) + 0.1,)
    yield (torch.tensor([3.0]),)
    yield (torch.tensor([2, 8, 5]),)
    yield (torch.full((4,), 0.5),)


@best_rate.right
def rate_between(curvatures):
    largest, smallest = float(curvatures.max()), float(curvatures.min())
    total = largest + smallest
    return 2 / total, (largest - smallest) / total


@best_rate.right
def rate_by_condition(curvatures):
    h = sorted(curvatures.tolist())
    condition = h[-1] / h[0]
    return 2 / h[0] / (condition + 1), (condition - 1) / (condition + 1)


@best_rate.right
def rate_by_halving(curvatures):
    """Where the factor of the steepest, ηh − 1, meets that of the flattest."""
    low, high = 0.0, 2 / float(curvatures.max())
    for _ in range(80):
        rate = (low + high) / 2
        factors = 1 - rate * curvatures.double()
        low, high = (rate, high) if factors.max() > -factors.min() else (low, rate)
    return rate, factors.abs().max()


@best_rate.mistake(
    "2/h of the steepest parameter is the limit, not the best: there the factor is -1, "
    "and the steepest leaps from one side to the other for ever"
)
def at_the_limit(curvatures):
    return 2 / float(curvatures.max()), 1.0


@best_rate.mistake(
    "at 1/h of the steepest that one arrives in a single step, and the flattest gains "
    "nothing by it: a larger rate makes the flattest faster, and may do so until both "
    "shrink alike"
)
def steepest_in_one_step(curvatures):
    h = curvatures.double()
    return 1 / h.max(), 1 - h.min() / h.max()


@best_rate.mistake(
    "at 1/h of the flattest that one arrives at once, but the steepest is thrown out: "
    "its factor is below -1"
)
def flattest_in_one_step(curvatures):
    h = curvatures.double()
    return 1 / h.min(), (1 - h / h.min()).abs().max()


@best_rate.mistake(
    "the mean of all curvatures does not matter: of the factors the largest counts, "
    "and that is the one of the steepest or of the flattest"
)
def by_the_mean(curvatures):
    h = curvatures.double()
    return 1 / h.mean(), (1 - h / h.mean()).abs().max()


@best_rate.mistake(
    "the first and the last curvature were taken; they are not sorted: take the "
    "largest and the smallest"
)
def first_and_last(curvatures):
    a, b = float(curvatures[0]), float(curvatures[-1])
    return 2 / (a + b), abs(a - b) / (a + b)


@best_rate.mistake(
    "2 over the sum of all curvatures: only the largest and the smallest belong into "
    "the sum"
)
def sum_of_all(curvatures):
    h = curvatures.double()
    rate = 2 / h.sum()
    return rate, (1 - rate * h).abs().max()


@best_rate.mistake(
    "half of the best rate: the two factors are equal in size where 1 - ηh of the "
    "flattest is ηh - 1 of the steepest. Solve that for η once more"
)
def half_the_rate(curvatures):
    h = curvatures.double()
    rate = 1 / (h.max() + h.min())
    return rate, (1 - rate * h).abs().max()


@best_rate.mistake(
    "the rate is right; the factor has a sign here, and its size is asked for"
)
def signed_factor(curvatures):
    rate, factor = rate_between(curvatures)
    return rate, -factor


@best_rate.mistake(
    "the rate is right; 1 - 1/κ is near the factor only when κ is large, and here it "
    "is asked for exactly"
)
def nearly_the_factor(curvatures):
    h = curvatures.double()
    return rate_between(curvatures)[0], 1 - h.min() / h.max()


@best_rate.mistake(
    "the rate is right; the factor has roots of the condition number, as that of "
    "momentum has. Gradient descent shrinks by |1 − ηh|"
)
def factor_of_momentum(curvatures):
    h = curvatures.double()
    root = (h.max() / h.min()).sqrt()
    return rate_between(curvatures)[0], (root - 1) / (root + 1)


@best_rate.mistake(
    "the rate is right; your factor is that of the loss, which falls with the square. "
    "The factor of the parameters is asked for"
)
def factor_of_the_loss(curvatures):
    rate, factor = rate_between(curvatures)
    return rate, factor**2


@best_rate.mistake(
    "the rate is right; the second number is the condition number. By how much does "
    "the slowest parameter shrink in one step?"
)
def condition_for_factor(curvatures):
    h = curvatures.double()
    return rate_between(curvatures)[0], h.max() / h.min()


@best_rate.mistake("the two numbers are right and exchanged: first the rate")
def exchanged(curvatures):
    return rate_between(curvatures)[::-1]


@best_rate.mistake(
    "the rate is right; the factor is that of one step of the *fastest* parameter; the "
    "slowest decides"
)
def fastest_factor(curvatures):
    rate, _ = rate_between(curvatures)
    return rate, (1 - rate * curvatures.double()).abs().min()


# --- ★★ Adam by hand ---------------------------------------------------------------


@exercise("both means, both corrected, one divided by the root of the other")
def adam_steps() -> Iterator[tuple]:
    """`adam_steps(gradients, rate, beta1, beta2)`: (n, d) to what is subtracted."""
    yield torch.randn(6, 3, dtype=torch.float64), 0.1, 0.9, 0.99
    yield torch.randn(4, 2), 1.0, 0.5, 0.8
    yield 1e-7 * torch.randn(5, 3, dtype=torch.float64), 0.5, 0.8, 0.9
    yield (
        torch.randn(4, 3, dtype=torch.float64) * torch.tensor([1, 0, 1]),
        1,
        0.9,
        0.9,
    )
    yield torch.randn(1, 4), 0.3, 0.9, 0.999
    yield torch.randint(-3, 4, (5, 2)), 0.1, 0.7, 0.9
    yield torch.randn(3, 5).T, 0.2, 0.9, 0.95


def _adam(gradients, rate, beta1, beta2, step_of=None, **other):
    """The steps of Adam, and of those who write one part of it in another way."""
    say = {
        "mean": lambda m, g: beta1 * m + (1 - beta1) * g,
        "square": lambda s, g: beta2 * s + (1 - beta2) * g**2,
        "share1": lambda t: 1 - beta1**t,
        "share2": lambda t: 1 - beta2**t,
        "step": lambda m, s, g: m / (s.sqrt() + 1e-8),
    } | other
    gradients = gradients.double()
    mean = square = torch.zeros_like(gradients[0])
    steps = []
    for t, g in enumerate(gradients, start=1):
        mean, square = say["mean"](mean, g), say["square"](square, g)
        ratio = say["step"](mean / say["share1"](t), square / say["share2"](t), g)
        steps.append(rate * ratio)
    return torch.stack(steps)


@adam_steps.right
def adam_by_loop(gradients, rate, beta1, beta2):
    return _adam(gradients, rate, beta1, beta2)


@adam_steps.right
def adam_by_weights(gradients, rate, beta1, beta2):
    """Both means as weighted averages of all gradients so far."""
    g, n = gradients.double(), torch.arange(len(gradients))
    ago = (n[:, None] - n).double()  # (n, n)

    def mean(x, beta):
        weights = (beta**ago).tril()
        return weights / weights.sum(1, keepdim=True) @ x

    return rate * mean(g, beta1) / (mean(g**2, beta2).sqrt() + 1e-8)


@adam_steps.right
def adam_of_the_book(gradients, rate, beta1, beta2):
    p = torch.zeros(gradients.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer, steps = Adam([p], rate, (beta1, beta2)), []
    for gradient in gradients.double():
        before = p.detach().clone()
        p.grad = gradient
        optimizer.step()
        steps.append(before - p.detach())
    return torch.stack(steps)


@adam_steps.right
def adam_number_by_number(gradients, rate, beta1, beta2):
    columns = []
    for column in gradients.double().T.tolist():
        mean, square, steps = 0.0, 0.0, []
        for t, g in enumerate(column, start=1):
            mean += (1 - beta1) * (g - mean)
            square += (1 - beta2) * (g * g - square)
            root = (square / (1 - beta2**t)) ** 0.5
            steps.append(rate * mean / (1 - beta1**t) / (root + 1e-8))
        columns.append(steps)
    return torch.tensor(columns, dtype=torch.float64).T


def _mistake_of_adam(hint: str, **other) -> None:
    """Register Adam with one part written in another way."""

    @adam_steps.mistake(hint)
    def another(gradients, rate, beta1, beta2):
        parts = {
            name: lambda *x, f=part: f(*x, beta1, beta2)
            for name, part in other.items()
        }
        return _adam(gradients, rate, beta1, beta2, **parts)


_mistake_of_adam(
    "neither mean is corrected: both begin at zero, and are divided by the share that "
    "is there already, 1 - beta**t",
    share1=lambda t, a, b: 1,
    share2=lambda t, a, b: 1,
)
_mistake_of_adam(
    "only the mean of the gradients is corrected; that of the squares begins at zero "
    "as well",
    share2=lambda t, a, b: 1,
)
_mistake_of_adam(
    "only the mean of the squares is corrected; that of the gradients begins at zero "
    "as well",
    share1=lambda t, a, b: 1,
)
_mistake_of_adam(
    "every step is corrected like the first: the share that is there grows with the "
    "step, 1 - beta**t",
    share1=lambda t, a, b: 1 - a,
    share2=lambda t, a, b: 1 - b,
)
_mistake_of_adam(
    "both means are corrected with beta1; that of the squares forgets with beta2",
    share2=lambda t, a, b: 1 - a**t,
)
_mistake_of_adam(
    "the two betas are exchanged: beta1 belongs to the gradients, beta2 to the squares",
    mean=lambda m, g, a, b: b * m + (1 - b) * g,
    square=lambda s, g, a, b: a * s + (1 - a) * g**2,
    share1=lambda t, a, b: 1 - b**t,
    share2=lambda t, a, b: 1 - a**t,
)
_mistake_of_adam(
    "beta and 1 - beta are exchanged: a mean keeps beta of what it was",
    mean=lambda m, g, a, b: (1 - a) * m + a * g,
    square=lambda s, g, a, b: (1 - b) * s + b * g**2,
)
_mistake_of_adam(
    "the root is missing: divided by a mean of squares, a step gets shorter the larger "
    "its gradients are",
    step=lambda m, s, g, a, b: m / (s + 1e-8),
)
_mistake_of_adam(
    "this divides the mean by its own size, and leaves a sign; the squares have a mean "
    "of their own",
    step=lambda m, s, g, a, b: m / (m.abs() + 1e-8),
)
_mistake_of_adam(
    "eps stands inside the root; it is added to the root, or gradients of a ten "
    "millionth no longer move anything",
    step=lambda m, s, g, a, b: m / (s + 1e-8).sqrt(),
)
_mistake_of_adam(
    "a parameter that never had a gradient becomes nan: 0 / 0. That is what eps is for",
    step=lambda m, s, g, a, b: m / s.sqrt(),
)
_mistake_of_adam(
    "the gradient itself is divided, not its mean: beta1 does nothing here",
    step=lambda m, s, g, a, b: g / (s.sqrt() + 1e-8),
    share1=lambda t, a, b: 1,
)
_mistake_of_adam(
    "the gradients are summed, as in momentum; here they are averaged: each new one "
    "counts 1 - beta1",
    mean=lambda m, g, a, b: a * m + g,
    share1=lambda t, a, b: 1,
)
_mistake_of_adam(
    "multiplied by the root instead of divided by it: large gradients get even larger",
    step=lambda m, s, g, a, b: m * (s.sqrt() + 1e-8),
)
_mistake_of_adam(
    "the sign is the wrong way round: return what is subtracted from the parameters, "
    "which points along the gradient",
    step=lambda m, s, g, a, b: -m / (s.sqrt() + 1e-8),
)


@adam_steps.mistake(
    "the steps are counted from 0, and 1 - beta**0 is 0: the first step is step 1"
)
def counted_from_zero(gradients, rate, beta1, beta2):
    return _adam(
        gradients,
        rate,
        beta1,
        beta2,
        share1=lambda t: 1 - beta1 ** (t - 1),
        share2=lambda t: 1 - beta2 ** (t - 1),
    )


@adam_steps.mistake(
    "these are sums: how far the parameters have come after each step. Each step by "
    "itself is asked for"
)
def summed_up(gradients, rate, beta1, beta2):
    return _adam(gradients, rate, beta1, beta2).cumsum(0)


@adam_steps.mistake("the learning rate is missing")
def without_the_rate(gradients, rate, beta1, beta2):
    return _adam(gradients, 1.0, beta1, beta2)


# --- ★★ One length for all ---------------------------------------------------------


@exercise("one factor for all, and short gradients as they were")
def clip_together() -> Iterator[tuple]:
    """`clip_together(gradients, max_norm)`: K gradients of N numbers, (K, N)."""
    yield torch.tensor([[3.0, 4.0], [0.0, 12.0], [0.1, -0.2]]), 1.0
    yield torch.randn(3, 4, dtype=torch.float64) / 10, 5.0
    yield torch.randn(4, 3, dtype=torch.float64) * 10, 2.5
    yield torch.tensor([[0.6, 0.5], [0.5, 0.6]]), 1.0
    yield torch.zeros(2, 3), 1.0
    yield torch.randn(5, 2).T * 7, 0.5
    yield torch.tensor([[2, -1, 2]]), 1.5
    yield torch.tensor([[100.0, 0.0], [0.3, 0.4], [0.2, 0.1]]), 3.0
    yield torch.tensor([[0.3, 0.0], [0.0, -0.4]]), 0.2


def _length(gradients: Tensor) -> Tensor:
    return gradients.double().square().sum().sqrt()


@clip_together.right
def by_one_factor(gradients, max_norm):
    return gradients.double() * (max_norm / _length(gradients)).clamp(max=1)


@clip_together.right
def if_longer(gradients, max_norm):
    length = sum(float(g) ** 2 for g in gradients.flatten()) ** 0.5
    return gradients.double() * (max_norm / length if length > max_norm else 1)


@clip_together.right
def by_the_longer_of_two(gradients, max_norm):
    flat = gradients.reshape(-1).double()
    return (flat * max_norm / max(float(flat.norm()), max_norm)).view(
        gradients.shape
    )


@clip_together.mistake(
    "every gradient is shortened by itself: that changes how they compare, and so the "
    "direction of the step. All together have one length, and one factor"
)
def each_by_itself(gradients, max_norm):
    lengths = gradients.double().norm(dim=1, keepdim=True)
    return gradients.double() * (max_norm / lengths).clamp(max=1).nan_to_num(1)


@clip_together.mistake(
    "every number is cut off by itself, which turns the step: make all smaller by one "
    "factor instead"
)
def number_by_number(gradients, max_norm):
    return gradients.double().clamp(-max_norm, max_norm)


@clip_together.mistake(
    "short gradients were made longer: only those above the limit are touched"
)
def always_to_the_limit(gradients, max_norm):
    return gradients.double() * max_norm / _length(gradients).clamp(min=1e-12)


@clip_together.mistake(
    "zero gradients become nan: 0 / 0. Short gradients, zero among them, stay as they "
    "are"
)
def to_the_limit_and_nan(gradients, max_norm):
    return gradients.double() / _length(gradients) * max_norm


@clip_together.mistake(
    "the length is the root of the sum of the squares; yours is the sum of the sizes"
)
def sum_of_sizes(gradients, max_norm):
    length = gradients.double().abs().sum()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "the length is the root of the sum of the squares; yours is the largest number"
)
def largest_number(gradients, max_norm):
    length = gradients.double().abs().max()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake("the root is missing: this is the square of the length")
def without_the_root(gradients, max_norm):
    length = gradients.double().square().sum()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "the squares are averaged; they are summed, so that a model of more parameters has "
    "a longer gradient"
)
def root_of_the_mean(gradients, max_norm):
    length = gradients.double().square().mean().sqrt()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "the longest of the gradients gives the length; all of them together are one "
    "vector, and have one length"
)
def longest_of_them(gradients, max_norm):
    length = gradients.double().norm(dim=1).max()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "the length of each column was taken; all numbers together have one length"
)
def column_by_column(gradients, max_norm):
    lengths = gradients.double().norm(dim=0, keepdim=True)
    return gradients.double() * (max_norm / lengths).clamp(max=1).nan_to_num(1)


@clip_together.mistake(
    "the lengths of the gradients are added; their squares are: sum all squares, and "
    "take one root"
)
def sum_of_lengths(gradients, max_norm):
    length = gradients.double().norm(dim=1).sum()
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "divided by the length only where it is above 1; the limit is max_norm, and may be "
    "below 1"
)
def only_above_one(gradients, max_norm):
    length = _length(gradients).clamp(min=1)
    return gradients.double() * (max_norm / length).clamp(max=1)


@clip_together.mistake(
    "a gradient that is too long is thrown away; it is made shorter, and still points "
    "where it did"
)
def thrown_away(gradients, max_norm):
    return gradients.double() * float(_length(gradients) <= max_norm)


@clip_together.mistake(
    "divided by the length, and the limit is forgotten: what is too long ends with the "
    "length 1, not max_norm"
)
def to_length_one(gradients, max_norm):
    length = _length(gradients)
    return gradients.double() / (length if length > max_norm else 1)


@clip_together.mistake(
    "the right factor, but only for those gradients that are too long by themselves: "
    "that turns the step. All get the same factor"
)
def only_the_long_ones(gradients, max_norm):
    factor = (max_norm / _length(gradients)).clamp(max=1)
    long = gradients.double().norm(dim=1, keepdim=True) > max_norm
    return torch.where(long, gradients.double() * factor, gradients.double())


# --- ★★ Where the noise holds it ---------------------------------------------------


@exercise("it hovers where noise and shrinking balance", Values("the mean loss"))
def hover() -> Iterator[tuple]:
    """`hover(rate, curvature, noise)`: the loss at which noisy descent stays."""
    yield 0.1, 1.0, 1.0
    yield 0.5, 2.0, 3.0
    yield 1.5, 0.8, 0.3
    yield 0.02, 10.0, 5.0
    yield 0.3, 0.5, float(torch.rand(())) + 0.5


@hover.right
def by_balance(rate, curvature, noise):
    return rate * noise**2 / (2 * (2 - rate * curvature))


@hover.right
def by_repetition(rate, curvature, noise):
    spread = 0.0
    for _ in range(20_000):
        spread = (1 - rate * curvature) ** 2 * spread + (rate * noise) ** 2
    return curvature * spread / 2


@hover.right
def by_a_series(rate, curvature, noise):
    """Every noise of the past, shrunk as often as it was long ago."""
    steps = torch.arange(20_000, dtype=torch.float64)
    kept = (1 - rate * curvature) ** (2 * steps)
    return curvature / 2 * float((kept * (rate * noise) ** 2).sum())


@hover.mistake(
    "the loss is half of the curvature times the mean square: ½ is missing"
)
def without_the_half(rate, curvature, noise):
    return 2 * by_balance(rate, curvature, noise)


@hover.mistake(
    "this is the mean square of the parameter; the loss is ½ of the curvature times that"
)
def the_spread(rate, curvature, noise):
    return 2 / curvature * by_balance(rate, curvature, noise)


@hover.mistake(
    "right for small rates only: (1 - ηh)² is 1 - 2ηh + η²h², and the last term counts"
)
def for_small_rates(rate, curvature, noise):
    return rate * noise**2 / 4


@hover.mistake(
    "the parameter shrinks by 1 - ηh, and so its square by (1 - ηh)²: the square is "
    "missing"
)
def shrunk_once(rate, curvature, noise):
    return rate * noise**2 / 2


@hover.mistake(
    "the noise comes in through the step: it is multiplied by the rate, and its square "
    "by the square of the rate"
)
def noise_without_the_rate(rate, curvature, noise):
    return by_balance(rate, curvature, noise) / rate**2


@hover.mistake(
    "the square of η·noise is η²·noise²: the rate was left unsquared, or divided out "
    "only half"
)
def rate_not_squared(rate, curvature, noise):
    return by_balance(rate, curvature, noise) / rate


@hover.mistake(
    "the noise is not squared: independent noises add up in their squares"
)
def noise_not_squared(rate, curvature, noise):
    return by_balance(rate, curvature, noise) / noise


@hover.mistake(
    "the curvature is missing in 1 - ηh: a parameter shrinks faster where it is steep"
)
def steepness_forgotten(rate, curvature, noise):
    return rate * noise**2 / (2 * (2 - rate))


@hover.mistake(
    "2 + ηh in the denominator: multiply (1 - ηh)² out once more, and mind the sign"
)
def wrong_sign(rate, curvature, noise):
    return rate * noise**2 / (2 * (2 + rate * curvature))


@hover.mistake(
    "the mean of the parameter is zero, but its loss is not: the mean of a square is "
    "not the square of a mean"
)
def loss_of_the_mean(rate, curvature, noise):
    return 0.0


@hover.mistake(
    "this is the loss that one noisy step makes; the steps before it are not forgotten "
    "at once"
)
def one_step(rate, curvature, noise):
    return curvature * (rate * noise) ** 2 / 2


@hover.mistake(
    "the rate does not come in here, as if the parameter had the spread of the noise: "
    "by how much does one noise move it?"
)
def spread_of_the_noise(rate, curvature, noise):
    return curvature * noise**2 / 2


# --- ★★★ All the way to one --------------------------------------------------------


@exercise("the directions stay, and every singular value goes to one")
def to_one() -> Iterator[tuple]:
    """`to_one(matrix, n_steps)`: (M, N) to the same shape."""
    yield torch.randn(4, 4, dtype=torch.float64), 3
    yield 5 * torch.randn(3, 6, dtype=torch.float64), 4
    yield torch.randn(6, 3, dtype=torch.float64) / 9, 2
    yield torch.randn(5, 5, dtype=torch.float64), 40
    yield torch.randn(3, 4, dtype=torch.float64), 1
    yield torch.randn(2, 5), 0
    yield torch.randn(4, 3, dtype=torch.float64).T, 6


def _cubic(matrix, n_steps, scale=None, step=None, behind=None):
    """The iteration, and that of those who write one part of it in another way."""
    x = matrix.double()
    x = x / (x.norm() if scale is None else scale(x))
    for _ in range(n_steps):
        x = 1.5 * x - 0.5 * x @ x.mT @ x if step is None else step(x)
    return x if behind is None else behind(x)


@to_one.right
def by_rows(matrix, n_steps):
    return _cubic(matrix, n_steps)


@to_one.right
def by_columns(matrix, n_steps):
    return _cubic(matrix, n_steps, step=lambda x: (3 * x - x @ (x.mT @ x)) / 2)


@to_one.right
def by_einsum(matrix, n_steps):
    x = matrix.double() / matrix.double().square().sum().sqrt()
    for _ in range(n_steps):
        x = 1.5 * x - 0.5 * torch.einsum("ij,kj,kl->il", x, x, x)
    return x


@to_one.right
def by_a_factor(matrix, n_steps):
    """Everything from the left, in one factor."""
    x, one = matrix.double(), torch.eye(len(matrix), dtype=torch.float64)
    x = x / x.norm()
    for _ in range(n_steps):
        x = (one + (one - x @ x.mT) / 2) @ x
    return x


def _mistake_of_cubic(hint: str, **other) -> None:
    @to_one.mistake(hint)
    def another(matrix, n_steps):
        return _cubic(matrix, n_steps, **other)


_mistake_of_cubic(
    "the matrix is not divided by its length: a singular value above √3 changes its "
    "sign in the first step, and one above √5 grows without end",
    scale=lambda x: 1,
)
_mistake_of_cubic(
    "divided by its largest entry, a matrix can still have singular values above √3: "
    "divide by the root of the sum of all squares",
    scale=lambda x: x.abs().max(),
)
_mistake_of_cubic(
    "divided by the *square* of its length: the root is missing",
    scale=lambda x: x.square().sum(),
)
_mistake_of_cubic(
    "every number by itself goes through the cubic; the singular values should: x³ "
    "stands for X Xᵀ X",
    step=lambda x: 1.5 * x - 0.5 * x**3,
)
_mistake_of_cubic(
    "a plus where a minus belongs: s = 1 would go to 2 and not stay",
    step=lambda x: 1.5 * x + 0.5 * x @ x.mT @ x,
)
_mistake_of_cubic(
    "the two numbers are exchanged: with 0.5 s - 1.5 s³, s = 1 goes to -1",
    step=lambda x: 0.5 * x - 1.5 * x @ x.mT @ x,
)
_mistake_of_cubic(
    "the old matrix is missing: 1.5 X minus half of X Xᵀ X",
    step=lambda x: -0.5 * x @ x.mT @ x,
)
_mistake_of_cubic(
    "divided by its length again in every step: then the sum of the squares of all "
    "singular values is 1, and they cannot all be 1",
    step=lambda x: _cubic(x, 1) / _cubic(x, 1).norm(),
)
_mistake_of_cubic(
    "the result is transposed: it must have the shape of the matrix, and its "
    "directions",
    behind=lambda x: x.mT,
)


@to_one.mistake("one step too few")
def one_too_few(matrix, n_steps):
    return _cubic(matrix, max(0, n_steps - 1))


@to_one.mistake("one step too many")
def one_too_many(matrix, n_steps):
    return _cubic(matrix, n_steps + 1)


@to_one.mistake("always five steps; `n_steps` of them are asked for")
def always_five(matrix, n_steps):
    return _cubic(matrix, 5)


@to_one.mistake(
    "these are the coefficients of Muon, whose singular values end around 1; with 1.5 "
    "and -0.5 they settle at 1"
)
def of_muon(matrix, n_steps):
    return orthogonalised(matrix.double(), n_steps)


@to_one.forbids(
    "the singular values are asked for without a decomposition: products of matrices "
    "are enough"
)
def decomposition(step: Step, matrix: Tensor, n_steps: int) -> bool:
    return any(name in step.name for name in ("svd", "eig", "linalg_qr"))


@decomposition.mistake
def by_svd(matrix, n_steps):
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.norm()
    for _ in range(n_steps):
        s = 1.5 * s - 0.5 * s**3
    return u @ torch.diag(s) @ v


@decomposition.mistake
def by_eigenvectors(matrix, n_steps):
    x = matrix.double() / matrix.double().norm()
    values, u = torch.linalg.eigh(x @ x.mT)
    factor = torch.ones_like(values)
    for _ in range(n_steps):
        factor = 1.5 * factor - 0.5 * factor**3 * values
    return u @ torch.diag(factor) @ u.mT @ x


@to_one.forbids(
    "the singular values are asked for without a decomposition, NumPy's included: "
    "products of matrices are enough",
    calls=True,
)
def decomposition_by_numpy(step: Step, matrix: Tensor, n_steps: int) -> bool:
    return step.name in ("svd", "eig", "eigh", "qr")


@decomposition_by_numpy.mistake
def by_svd_of_numpy(matrix, n_steps):
    u, s, v = np.linalg.svd(matrix.double().numpy(), full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(n_steps):
        s = 1.5 * s - 0.5 * s**3
    return (u * s) @ v
