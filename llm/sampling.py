"""Samplers: pure functions from logits to logits, and the draw that follows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

Sampler = Callable[[Tensor], Tensor]

# Each takes logits (..., V) and returns logits (..., V): −inf for what must not come.


def unchanged(logits: Tensor) -> Tensor:
    """Draw from the distribution that the model gives."""
    return logits


def greedy(logits: Tensor) -> Tensor:
    """Leave only the likeliest token; of equals, the first.

    >>> greedy(torch.tensor([1.0, 3.0, 2.0]))
    tensor([-inf, 3., -inf])
    """
    best = logits.argmax(dim=-1, keepdim=True)  # (..., 1)
    return torch.full_like(logits, -math.inf).scatter(
        -1, best, logits.gather(-1, best)
    )


def temperature(t: float) -> Sampler:
    """Divide the logits by t: below 1 the likely tokens gain, above 1 they lose.

    Raises `ValueError` unless t is positive and finite; its limit at 0 is `greedy`.

    **Source:** Ackley, Hinton and Sejnowski (1985), the Boltzmann distribution.
    """
    if not 0 < t < math.inf:
        raise ValueError(
            f"temperature={t} must be above 0 and finite; for 0 take greedy"
        )
    if 1e-6 < t < 1e6:
        return lambda logits: logits / t

    def extreme(logits: Tensor) -> Tensor:  # the quotients would overflow
        below_best = logits - logits.amax(dim=-1, keepdim=True)
        return (below_best.double() / t).to(logits.dtype)

    return extreme


def top_k(k: int) -> Sampler:
    """Leave only the k likeliest tokens, and those equal to the last of them.

    Raises `ValueError` unless k is at least 1.

    **Source:** Fan, Lewis and Dauphin (2018), section 5.2.

    >>> top_k(2)(torch.tensor([1.0, 3.0, 2.0]))
    tensor([-inf, 3., 2.])
    """
    if k < 1:
        raise ValueError(f"top_k={k} must be at least 1")

    def keep_k(logits: Tensor) -> Tensor:
        least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]  # (..., 1)
        return logits.masked_fill(logits < least, -math.inf)

    return keep_k


def top_p(p: float) -> Sampler:
    """Leave the fewest tokens, likeliest first, that together have probability p.

    Raises `ValueError` unless 0 < p ≤ 1.

    **Source:** Holtzman et al. (2020), equation 2.

    >>> top_p(0.6)(torch.tensor([0.1, 0.5, 0.4]).log()).exp()
    tensor([0.0000, 0.5000, 0.4000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"top_p={p} must be above 0 and at most 1")

    def keep_p(logits: Tensor) -> Tensor:
        ranked, ids = logits.sort(dim=-1, descending=True, stable=True)
        probs = ranked.softmax(dim=-1)  # (..., V)
        before = probs.cumsum(dim=-1) - probs  # (..., V)
        ranked = ranked.masked_fill(before >= p, -math.inf)
        return torch.empty_like(logits).scatter(-1, ids, ranked)

    return keep_p


def min_p(p: float) -> Sampler:
    """Leave the tokens that are at least p times as likely as the likeliest.

    Raises `ValueError` unless 0 ≤ p ≤ 1; 0 changes nothing.

    **Source:** Nguyen et al. (2025).

    >>> min_p(0.5)(torch.tensor([0.6, 0.3, 0.1]).log()).exp()
    tensor([0.6000, 0.3000, 0.0000])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"min_p={p} must be between 0 and 1; 0 leaves every token")
    if p == 0:
        return unchanged

    def keep_likely(logits: Tensor) -> Tensor:
        least = logits.amax(dim=-1, keepdim=True) + math.log(p)  # (..., 1)
        return logits.masked_fill(logits < least, -math.inf)

    return keep_likely


def typical(p: float) -> Sampler:
    """Leave the fewest tokens that together have probability p, those first whose
    surprise is nearest to the surprise that is expected, the entropy.

    The likeliest token may go. Raises `ValueError` unless 0 < p ≤ 1.

    **Source:** Meister et al. (2023).

    >>> typical(0.45)(torch.tensor([0.4, 0.3, 0.2, 0.1]).log()).exp()
    tensor([0.0000, 0.3000, 0.2000, 0.0000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"typical={p} must be above 0 and at most 1")

    def keep_typical(logits: Tensor) -> Tensor:
        surprise = -logits.log_softmax(dim=-1)  # (..., V)
        probs = logits.softmax(dim=-1)
        entropy = (probs * surprise.masked_fill(probs == 0, 0)).sum(
            -1, keepdim=True
        )
        ids = (surprise - entropy).abs().argsort(dim=-1, stable=True)
        sorted_probs = probs.gather(-1, ids)  # (..., V)
        before = sorted_probs.cumsum(dim=-1) - sorted_probs
        ranked = logits.gather(-1, ids).masked_fill(before >= p, -math.inf)
        return torch.empty_like(logits).scatter(-1, ids, ranked)

    return keep_typical


def compose(*samplers: Sampler) -> Sampler:
    """Apply samplers one after the other, the first one first; none changes
    nothing."""
    return lambda logits: reduce(lambda x, sampler: sampler(x), samplers, logits)


# --- The draw ---------------------------------------------------------------------


def draw(logits: Tensor, generators: Sequence[torch.Generator]) -> list[int]:
    """Draw one token for each row, each with its own generator.

    A point between 0, excluded, and 1, included, falls into the share of one token
    when the shares lie side by side; a token without a share is never hit.

    logits: (B, V). Returns B ids. Raises `ValueError` for logits that are no
    numbers, or leave no token at all.
    """
    probs = logits.float().softmax(dim=-1).cpu()  # (B, V)
    up_to = probs.cumsum(dim=-1, dtype=torch.double)  # (B, V)
    check_finite(up_to[:, -1])
    dice = [torch.rand(1, dtype=torch.double, generator=g) for g in generators]
    points = (1 - torch.stack(dice)) * up_to[:, -1:]  # (B, 1)
    return torch.searchsorted(up_to, points).squeeze(-1).tolist()


def check_finite(numbers: Tensor) -> None:
    """Raises `ValueError` where one number of each row is no number: nan, or ±inf.

    numbers: (B,), such as the largest logits, or the sums of the probabilities.
    """
    wrong = [i for i, n in enumerate(numbers.tolist()) if not math.isfinite(n)]
    if wrong:
        raise ValueError(
            f"nothing can be drawn for text {wrong[0]}: its logits hold nan or "
            f"inf, or no token is left; has the training diverged, or a sampler "
            f"removed everything?"
        )
