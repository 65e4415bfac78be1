"""Checkers for chapter 8, Attention from first principles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from book.exercises.verdict import (
    Wrong,
    answer_of,
    checker,
    compare,
    same,
    tensor_of,
)
from llm.attention import attention_weights, causal_mask


def _random(*shape: int) -> Tensor:
    """Fresh numbers at every check, in float64, so that only mistakes differ."""
    return torch.randn(*shape, dtype=torch.float64)


@checker
def softmax(function: Callable[[Tensor], Tensor]) -> str:
    """Check `softmax_by_hand(scores)`: scores (..., S) to weights (..., S)."""
    scores = _random(3, 5)
    result = tensor_of(function, scores, shape=(3, 5))
    e = scores.exp()
    compare(
        result,
        scores.softmax(-1),
        {
            "the weights of all rows together sum to one; each row is one question "
            "and needs a sum of its own": e / e.sum(),
            "the columns sum to one; the weights of one question stand in a row, so "
            "the sum runs over the last axis": scores.softmax(0),
            "the scores are divided by their sum, but a score may be negative: make "
            "them positive first": scores / scores.sum(-1, keepdim=True),
            "these are logarithms of weights: none is positive": scores.log_softmax(
                -1
            ),
            "the weights grow with the size of a score whatever its sign: a score of "
            "-3 must weigh less than one of 1": scores.abs().softmax(-1),
            "the largest score gets the smallest weight: one sign is wrong": (
                (-scores).softmax(-1)
            ),
            "the numbers are positive, but a row does not sum to one": e,
        },
    )
    _loud_scores(function)
    if not same(tensor_of(function, _random(2, 3, 4), shape=(2, 3, 4)).sum(-1),
                torch.ones(2, 3)):  # fmt: skip
        raise Wrong(
            "with scores (B, T, S) the sum must still run over the last axis"
        )
    return "positive, one row one unit, and steady at any loudness"


def _loud_scores(function: Callable[[Tensor], Tensor]) -> None:
    loud = torch.tensor([[1000.0, -1000.0, 0.0], [-1000.0, -1001.0, -1000.0]])
    loud = loud.double()
    result = tensor_of(function, loud, shape=(2, 3))
    if same(result, loud.softmax(-1)):
        return
    for row, sign in ((0, "1000"), (1, "-1000")):
        if not result[row].isfinite().all():
            raise Wrong(
                f"for a row with the score {sign} the weights are not numbers: exp "
                f"left the range of floating point. Adding one number to all scores "
                f"of a row changes no weight: which one keeps exp in range whatever "
                f"the others are?"
            )
    raise Wrong("right for small scores, wrong for scores around 1000")


@checker
def past_weights(function: Callable[[int], Tensor]) -> str:
    """Check `past_weights(n_positions)`: the weights (T, T) of a running average."""
    for n in (4, 7, 1):
        expected = causal_mask(n).double()
        expected = expected / expected.sum(-1, keepdim=True)
        result = tensor_of(function, n, shape=(n, n)).double()
        if n > 1:
            _look_at_past_weights(result, n)
        compare(result, expected, {})
    return "row t averages the positions 0 to t, and nothing else"


def _look_at_past_weights(result: Tensor, n: int) -> None:
    ones = torch.ones(n, n, dtype=torch.float64)
    strict = ones.tril(-1)
    mistakes = {
        "the positions that are not yet there get a weight as well: exp(0) is 1, so a "
        "score of 0 does not hide anything; which score does?": ones.tril().softmax(
            -1
        ),
        "row t sees the future and not the past: is the triangle upside down?": (
            ones.triu() / ones.triu().sum(-1, keepdim=True)
        ),
        f"every sum is divided by {n}; row t has only t + 1 terms": ones.tril() / n,
        "the columns sum to one; the weights of position t stand in row t": (
            ones.tril() / ones.tril().sum(0)
        ),
        "row t is divided by t + 1, so the divisors must stand in a column, (T, 1)": (
            ones.tril() / torch.arange(1, n + 1)
        ),
        "each position leaves itself out, so the first has nothing to average": (
            strict / strict.sum(-1, keepdim=True)
        ),
        "every row averages the whole sequence, its future included": ones / n,
        "the triangle is there, but a row sums to the number of its ones": ones.tril(),
    }
    for hint, typical in mistakes.items():
        if torch.allclose(result, typical, equal_nan=True):
            raise Wrong(hint)


@checker
def reverse_views(function: Callable[[int], tuple[Tensor, Tensor, Tensor]]) -> str:
    """Check `reverse_views(n_words)`: three matrices (2V, V) for the reverse question.

    A position's vector is [its word | its left neighbour], each one-hot. Asked with a
    price at the last position, attention over the earlier ones must return the item.
    """
    n_words = 8
    views = answer_of(function, n_words)
    if not isinstance(views, (tuple, list)) or len(views) != 3:
        raise Wrong("return three matrices: w_q, w_k, w_v")
    for name, view in zip(("w_q", "w_k", "w_v"), views, strict=True):
        if not isinstance(view, Tensor):
            raise Wrong(f"{name} is a {type(view).__name__}, not a tensor")
        if tuple(view.shape) == (n_words, 2 * n_words):
            raise Wrong(
                f"{name} is transposed: x @ {name} needs (2V, V), not (V, 2V)"
            )
        if tuple(view.shape) != (2 * n_words, n_words):
            raise Wrong(f"{name} has shape {tuple(view.shape)}, expected (2V, V)")
    items, prices = torch.randperm(4), 4 + torch.randperm(4)
    for asked in range(3):
        _ask_reversed(views, items, prices, asked)
    return "asked with a price, it answers with the item"


def _ask_reversed(views, items: Tensor, prices: Tensor, asked: int) -> None:
    board = torch.stack((items, prices), 1).flatten()
    ids = torch.cat((board, prices[asked : asked + 1]))  # (T,)
    words = torch.eye(8, dtype=torch.float64)[ids]
    left = torch.cat((torch.zeros(1, 8, dtype=torch.float64), words[:-1]))
    x = torch.cat((words, left), 1)
    q, k, v = (x @ view.double() for view in views)
    weights = attention_weights(60 * q[-1:], k[:-1])  # (1, T - 1)
    answer = (weights @ v[:-1])[0]
    found = int(answer.argmax())
    if answer.sort().values[-2] > 0.9:
        raise Wrong("the answer holds two words at once: what should a value tell?")
    if answer.max() > 0.9 and found == int(items[asked]):
        return
    follower = int(ids[2 * asked + 2])
    if answer.max() < 0.9:
        raise Wrong(
            f"no word gets more than {answer.max():.2f} of the answer: the question "
            f"fits several positions, or none; what does the query of the last "
            f"position hold, and which key is equal to it?"
        )
    if found == int(prices[asked]):
        raise Wrong(
            "it answers with the price it was asked: what should a value tell?"
        )
    if found == follower:
        raise Wrong(
            "it answers with the word that follows the price; that is the question "
            "of the chapter. Which position holds both the price and its item?"
        )
    raise Wrong("it answers with a word of another pair: which positions match?")


@checker
def kernel_scores(function: Callable[[Tensor, Tensor, float], Tensor]) -> str:
    """Check `kernel_scores(at, seen, bandwidth)`: (T,), (S,) to scores (T, S)."""
    at, seen, h = _random(4), _random(6), 0.7
    hints = {(6, 4): "one row for each place asked about, one column for each seen"}
    apart = at[:, None] - seen[None, :]
    raw = tensor_of(function, at, seen, h, shape=(4, 6), hints=hints)
    # whatever is constant along a row vanishes in the softmax, so compare weights
    compare(
        raw.softmax(-1),
        (-(apart**2) / (2 * h**2)).softmax(-1),
        {
            "the farthest point gets the largest weight: one sign is wrong": (
                (apart**2 / (2 * h**2)).softmax(-1)
            ),
            "the ½ of the Gaussian is missing": (-(apart**2) / h**2).softmax(-1),
            "the bandwidth is not squared: distance over bandwidth must have no unit": (
                (-(apart**2) / (2 * h)).softmax(-1)
            ),
            "this falls off with the distance, not with its square: that is another "
            "kernel (Laplace's), with a corner at every point": (
                (-apart.abs() / h).softmax(-1)
            ),
            "the bandwidth has no effect": (-(apart**2) / 2).softmax(-1),
            "a / 2 * h**2 multiplies by h²: put 2 * h**2 in brackets": (
                (-(apart**2) / 2 * h**2).softmax(-1)
            ),
            "this is the plain product of the two places: it prefers seen points that "
            "are far from zero, not those that are near": (
                (at[:, None] * seen / h**2).softmax(-1)
            ),
            "these are weights already; return what the softmax is given": (
                (-(apart**2) / (2 * h**2)).softmax(-1).softmax(-1)
            ),
            "these are the exponentials already; return what the softmax is given": (
                (-(apart**2) / (2 * h**2)).exp().softmax(-1)
            ),
        },
        "the softmax of your scores",
    )
    return "the smoother of 1964 is an attention with these scores"


@checker
def scores_gradient(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check `scores_gradient(weights, upstream)`: both (..., S), gradient (..., S)."""
    scores = _random(3, 5).requires_grad_()
    weights, g = scores.softmax(-1), _random(3, 5)
    (expected,) = torch.autograd.grad(weights, scores, g)
    w = weights.detach()
    result = tensor_of(function, w, g, shape=(3, 5))
    pull = (g * w).sum(-1, keepdim=True)
    compare(
        result,
        expected,
        {
            "raising one score lowers all other weights of the row; here each weight "
            "depends on its own score only (the diagonal of the Jacobian)": (
                g * w * (1 - w)
            ),
            "the term for the sum in the denominator is missing": g * w,
            "the sign is wrong: this walks uphill": -expected,
            "the sum runs over the questions; it must run over the keys of each": (
                w * (g - (g * w).sum(0, keepdim=True))
            ),
            "the average pull is subtracted, but the whole is not weighted by w": (
                g - pull
            ),
            "the average over keys must be weighted: w is the weight": (
                w * (g - g.mean(-1, keepdim=True))
            ),
            "this is the gradient through a log-softmax": (
                g - w * g.sum(-1, keepdim=True)
            ),
        },
    )
    return "equal to automatic differentiation"
