"""Checkers for chapter 1, The whole machine in miniature."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from itertools import product
from typing import Any

import torch
from torch import Tensor

from book.exercises.verdict import (
    Wrong,
    answer_of,
    checker,
    close,
    compare,
    compare_numbers,
    number_of,
    same,
    tensor_of,
)

IGNORE = -100  # a target that does not count


# --- ★ What guessing costs --------------------------------------------------------


@checker
def guessing_loss(function: Callable[[int, int], Sequence[float]]) -> str:
    """Check `guessing_loss(vocab_size, n_left)`: nats, nats, and the bits between."""
    numbers = torch.randint(5, 60, (2,)).tolist()
    for n, k in ((61 * numbers[0], numbers[1]), (2048, 64), (300, 1), (50, 50)):
        answer = answer_of(function, n, k)
        if not isinstance(answer, (tuple, list, Tensor)) or len(answer) != 3:
            raise Wrong(
                "return three numbers: the loss of the first in nats, the loss of the "
                "second in nats, and what the second has gained in bits"
            )
        _look_at_guesses(
            [number_of(part, "one of the three") for part in answer], n, k
        )
    return "ln of what is left open; and every bit is a halving"


def _look_at_guesses(answer: list[float], n: int, k: int) -> None:
    first, second, gained = answer
    if k < n and close(first, math.log(k)) and close(second, math.log(n)):
        raise Wrong("the first number belongs to the model that knows nothing")
    gain = "this is what the second model has gained; its loss is what remains"
    gained_instead = {gain: math.log(n / k)} if n != k * k else {}
    for found, m, more in ((first, n, {}), (second, k, gained_instead)):
        what = f"with {m} tokens left open the loss"
        compare_numbers(what, found, math.log(m), _of_one(m) | more)
    compare_numbers(
        f"what is gained from {n} to {k} tokens",
        gained,
        math.log2(n / k),
        {
            "the gain is in nats; the third number is in bits, and one bit is ln 2 "
            "nats": math.log(n / k),
            "nats to bits, not bits to nats: a bit is smaller than a nat, so it takes "
            "more of them": math.log(n / k) * math.log(2),
            "the gain is negative: who knows more loses less": -math.log2(n / k),
            "this is the loss that remains, in bits; the gain is what has gone": (
                math.log2(k)
            ),
            "this is the whole loss of the first model in bits: subtract what the "
            "second still loses": math.log2(n),
            "the two losses are divided; the gain is their difference": (
                math.log(n) / math.log(k) if k > 1 else math.nan
            ),
            "this is how many times fewer tokens are left; how many halvings is it?": (
                n / k
            ),
            "it is not the number of tokens ruled out that counts, but the factor: "
            "from 2048 to 1024 is one bit": math.log2(n - k) if k < n else math.nan,
        },
    )


def _of_one(m: int) -> dict[str, float]:
    """What somebody gets for m equally likely tokens, who makes a mistake."""
    return {
        "a loss is not negative: ln of a probability is, so one sign is missing": (
            -math.log(m)
        ),
        "this loss is in bits (log2); nats come from the natural logarithm": (
            math.log2(m)
        ),
        "this is a logarithm to the base 10; nats come from the natural one": (
            math.log10(m)
        ),
        "this is the probability of each token; how surprising is it?": 1 / m,
        "this is the number of tokens left open; the loss is a logarithm": m,
        "this is the probability to be wrong, not the surprise": 1 - 1 / m,
        "this is one token's part of the sum; all of them can come, and each is "
        "equally surprising": math.log(m) / m,
    }


# --- ★ Shifting by one ------------------------------------------------------------


@checker
def shift(function: Callable[[list[int], int], tuple]) -> str:
    """Check `shift(ids, end)`: one story's ids to x, from the end mark on, and y."""
    ids = torch.randperm(50).tolist()
    end = int(torch.randint(50, 100, ()))
    for n in (6, 1, 0):
        x, y = _two_rows(answer_of(function, ids[:n], end))
        _look_at_rows(x, y, ids[:n], end)
    return "every token is asked for once, the end mark too"


def _two_rows(answer: Any) -> tuple[list[int], list[int]]:
    """The answer as two lists of ids of one length."""
    if not isinstance(answer, (tuple, list, Tensor)) or len(answer) != 2:
        raise Wrong("return two things, x and y")
    x, y = (_ids(name, row) for name, row in zip("xy", answer, strict=True))
    return x, y


def _ids(name: str, row: Any) -> list[int]:
    row = row.tolist() if isinstance(row, Tensor) else row
    if not isinstance(row, (list, tuple)) or not all(type(i) is int for i in row):
        raise Wrong(f"{name} must be a list of ids, or a tensor (T,) of integers")
    return list(row)


def _look_at_rows(x: list[int], y: list[int], ids: list[int], end: int) -> None:
    row = [end, *ids, end]
    right, left = row[:-1], row[1:]
    if (x, y) == (right, left):
        return
    mistakes = {
        "the targets stand one place back: each is the token before the one that is "
        "read; or x and y are swapped": [(left, right)],
        "the targets are the inputs: what is asked for has been read already": [
            (right, right), (left, left), (ids, ids), (row, row),
        ],
        "the first token is never asked for: x begins with the end mark": [
            (ids, [*ids[1:], end]), (ids[:-1], ids[1:]),
        ],
        "the end mark is never asked for: who learns from this never stops": [
            (right[:-1], ids),
        ],
        "the last target is the first token: a story is not a circle, and after its "
        "last token comes the end mark": [(ids, [*ids[1:], *ids[:1]])],
        "the last target does not count, so nobody learns where to stop: it is the "
        "end mark": [(ids, [*ids[1:], IGNORE]), (right, [*ids, IGNORE])],
        "the end mark at the end is read as well; what follows is another story": [
            (row, [*left, more]) for more in (end, IGNORE, *ids[:1])
        ],
        "the targets are two places on": [(row[:-2], row[2:])],
    }  # fmt: skip
    for hint, typical in mistakes.items():
        if ids and (x, y) in typical:
            raise Wrong(hint)
    story = f"for ids = {ids} and end = {end}"
    if len(x) != len(y):
        raise Wrong(
            f"{story}, x has {len(x)} ids and y {len(y)}: each place that is read has "
            f"one target"
        )
    raise Wrong(f"{story}, x = {x} and y = {y}; expected {right} and {left}")


# --- ★★ Counting pairs ------------------------------------------------------------


def _rows(n_tokens: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Rows of texts in the tokens 0 … n_tokens − 1, filled up on the right.

    The filling of x is 0, which is a token like any other; that of y is −100.
    """
    x = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    y = torch.full_like(x, IGNORE)
    for row, length in enumerate(lengths):
        text = torch.randint(n_tokens, (length + 1,))
        text[:3] = torch.tensor([n_tokens - 1, 0, 1])  # the token 0 on both sides
        x[row, :length], y[row, :length] = text[:-1], text[1:]
    return x, y


def _counted(x: Tensor, y: Tensor, vocab_size: int) -> Tensor:
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
    for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        if b != IGNORE:
            counts[a, b] += 1
    return counts


def _in_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with integers as good as other numbers."""

    @wraps(function)
    def wrapped(*inputs: Any) -> Any:
        result = function(*inputs)
        return result.double() if isinstance(result, Tensor) else result

    return wrapped


@checker
def pair_table(function: Callable[[Tensor, Tensor, int], Tensor]) -> str:
    """Check `pair_table(x, y, vocab_size)`: how often y came after x, (V, V)."""
    # Above 100 tokens, an index of −100 is no error: it counts from the end.
    for n, lengths in ((120, (8, 5, 8, 3, 6)), (4, (3, 7))):
        x, y = _rows(4, lengths)
        hints = {
            (n * n,): "a row for each token, and in it a column for each",
            (n + 1, n + 1): "−100 is no token: it needs no row and no column",
        }
        result = tensor_of(_in_floats(function), x, y, n, shape=(n, n), hints=hints)
        if not result.isfinite().all():
            raise Wrong("these are shares, and some are 0/0; return the counts")
        expected = _counted(x, y, n)
        compare(result, expected, _miscounted(x, y, n, expected))
    return "every pair as often as it came, and nothing else"


def _miscounted(x: Tensor, y: Tensor, n: int, right: Tensor) -> dict[str, Tensor]:
    last, flat = n - 100 if n > 100 else 0, x.flatten()
    return {
        "each pair is counted once, however often it comes: counts[x, y] += 1 reads "
        "and writes every place once. What adds up instead?": (right > 0).double(),
        f"the target −100 is counted: as an index, Python counts it from the end, so "
        f"it became the token {last}": _counted(x, torch.where(y < 0, last, y), n),
        "the filling is counted, as if the token 0 came next": (
            _counted(x, y.clamp(min=0), n)
        ),
        "the pairs whose target is 0 are missing: 0 is a token like any other; what "
        "does not count is −100": _counted(x, torch.where(y == 0, IGNORE, y), n),
        "the pairs that begin with 0 are missing: 0 fills x up, but it is a token "
        "like any other; the target tells which is which": (
            _counted(x, torch.where(x == 0, IGNORE, y), n)
        ),
        "the table is transposed: the row is the token read, the column the token "
        "that came": right.T,
        "these are shares; return the counts": (
            right / right.sum(-1, keepdim=True).clamp(min=1)
        ),
        "this is the table of the first row only": _counted(x[:1], y[:1], n),
        "these pairs are neighbours in x: the last target of each row is missing, and "
        "the filling counts": _counted(x[:, :-1], x[:, 1:], n),
        "these pairs are neighbours in x, across the ends of the rows": (
            _counted(flat[:-1], flat[1:], n)
        ),
        "every pair has one too many: the counting begins at 0": right + 1,
    }  # fmt: skip


# --- ★★ Warmer and colder ---------------------------------------------------------


def _random_laws(*shape: int) -> Tensor:
    """Random laws (..., V), each with one token that never comes."""
    probs = torch.rand(*shape, dtype=torch.float64) + 0.1
    rows = probs.view(-1, shape[-1])
    numbers = torch.arange(len(rows))
    rows[numbers, numbers % shape[-1]] = 0
    return probs / probs.sum(-1, keepdim=True)


@checker
def temperature_law(function: Callable[[Tensor, float], Tensor]) -> str:
    """Check `temperature_law(probs, t)`: laws (..., V) to laws at temperature t."""
    for shape, t in (((3, 5), 0.6), ((2, 3, 4), 0.8), ((6,), 1.0)):
        probs = _random_laws(*shape)
        power = probs ** (1 / t)
        expected = power / power.sum(-1, keepdim=True)
        result = tensor_of(function, probs, t, shape=shape)
        if same(result.exp(), expected):
            raise Wrong("these are logarithms of probabilities")
        if not result.isfinite().all():
            raise Wrong(
                "some answers are not numbers. One token of each law never comes: its "
                "probability is 0, and ln 0 is −∞. The softmax can take −∞ (not +∞: is "
                "a sign wrong?), few other things can"
            )
        compare(result, expected, _mistempered(probs, t))
    _hot(function)
    _cold(function)
    return "colder is bolder, warmer is wilder, and 0 stays 0"


def _mistempered(probs: Tensor, t: float) -> dict[str, Tensor]:
    """What somebody gets who makes a mistake. At t = 1 most are right."""
    power = probs ** (1 / t)
    return {
        "the temperature has no effect: whatever all probabilities are divided by, it "
        "cancels when they are made to sum to one again. It is the logits that are "
        "divided": probs,
        "warm and cold are mixed up: below 1 the likely tokens must gain": (
            (probs.log() * t).softmax(-1)
        ),
        "the probabilities are taken for logits: a token that never came gets a "
        "chance. What is the logit of a token with the probability p?": (
            (probs / t).softmax(-1)
        ),
        "the numbers are right up to a factor: they do not sum to one any more": power,
        "a law is divided by t and not made to sum to one": probs / t,
        "all laws together sum to one; each needs a sum of its own": (
            power / power.sum()
        ),
        "the sum runs over the laws; it must run over the last axis, the tokens": (
            power / power.sum(0)
        ),
        "the logarithm has the base 2; the softmax takes e to the power, so the "
        "logarithm has to be the natural one": (probs.log2() / t).softmax(-1),
        "the logarithm has the base 10; the softmax takes e to the power, so the "
        "logarithm has to be the natural one": (probs.log10() / t).softmax(-1),
        "only the likeliest token is left: that is the limit of t → 0": (
            (probs == probs.amax(-1, keepdim=True)).double()
        ),
    }


def _hot(function: Callable[[Tensor, float], Tensor]) -> None:
    probs = torch.tensor([[0.5, 0.3, 0.2, 0.0]], dtype=torch.float64)
    result = tensor_of(function, probs, 40.0, shape=(1, 4))
    if result[0, -1] > 1e-6:
        raise Wrong(
            f"at t = 40 a token with the probability 0 gets {float(result[0, -1]):.2f}: "
            f"something small was put in its place, but warmth makes it large. What "
            f"never comes must not come at any temperature"
        )
    compare(result, (probs.log() / 40).softmax(-1), {})


def _cold(function: Callable[[Tensor, float], Tensor]) -> None:
    laws = [[0.9, 0.1, 0.0, 0.0], [0.3, 0.25, 0.24, 0.21], [0.4, 0.2, 0.4, 0.0]]
    probs = torch.tensor(laws, dtype=torch.float64)
    result = tensor_of(function, probs, 5e-4, shape=(3, 4))
    expected = torch.tensor([[1.0, 0, 0, 0], [1, 0, 0, 0], [0.5, 0, 0.5, 0]])
    if not result.isfinite().all():
        raise Wrong(
            "at t = 0.0005 some answers are not numbers: powers of small numbers "
            "vanish, and 0/0 is nothing. A factor common to one law changes nothing: "
            "which one keeps its largest number from vanishing?"
        )
    if same(result[:2], expected[:2], 1e-3) and not same(result, expected, 1e-3):
        raise Wrong("two equally likely tokens stay equally likely, however cold")
    if not same(result, expected, 1e-3):
        raise Wrong(
            "right for t around 1; at t = 0.0005 the likeliest must take all"
        )


# --- ★★★ A step by hand -----------------------------------------------------------


@checker
def table_step(function: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str:
    """Check `table_step(logits, x, y, rate)`: one step down the loss, logits (V, V)."""
    # Above 100 tokens, an index of −100 is no error: it counts from the end.
    for n, rate in ((105, 2.5), (6, 0.4)):
        x, y = _rows(5, (7, 4, 6, 2))
        logits = torch.randn(n, n, requires_grad=True)
        with torch.no_grad():
            result = _by_hand(function, logits.detach(), x, y, rate)
        loss = torch.nn.functional.cross_entropy(logits[x].mT, y)
        (gradient,) = torch.autograd.grad(loss, logits)
        if not result.isfinite().all():
            raise Wrong(
                "some logits are not numbers any more: a row whose token never occurred "
                "was divided by its count, 0"
            )
        start, pace = logits.detach(), rate / (y != IGNORE).sum()
        mistakes = {
            "this is the gradient; return the table after the step": gradient,
            "the rate has no effect": start - gradient,
            "nothing has moved": start,
            "every probability has to come from the table before the step; here it is "
            "changed while it is still being read": _one_by_one(start, x, y, pace),
        }
        for hint, pull in _misled(start, x, y).items():
            mistakes[hint] = start - pace * pull
        compare(result, start - rate * gradient, mistakes)
    return "equal to automatic differentiation"


def _one_by_one(table: Tensor, x: Tensor, y: Tensor, pace: Tensor) -> Tensor:
    """The table after a step of its own for each target."""
    table = table.clone()
    for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        if b != IGNORE:
            pull = table[a].softmax(-1)
            pull[b] -= 1
            table[a] -= pace * pull
    return table


def _by_hand(function: Callable[..., Any], logits: Tensor, *inputs: Any) -> Tensor:
    try:
        return tensor_of(function, logits, *inputs, shape=logits.shape)
    except Wrong as wrong:
        if "does not require grad" in str(wrong):
            raise Wrong(
                "by hand, please: backward() is switched off here"
            ) from wrong
        raise


def _misled(logits: Tensor, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradients (V, V) of somebody who makes a mistake, of the sum of all losses."""
    n = len(logits)
    probs, counts = logits.softmax(-1), _counted(x, y, n).float()
    seen = counts.sum(-1, keepdim=True)
    total, right = seen.sum(), seen * probs - counts
    in_a_row = total * (probs - counts / seen.clamp(min=1))
    last, bare = torch.zeros(n, n), torch.zeros(n, n)
    for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        if b != IGNORE:
            last[a] = probs[a] - torch.eye(n)[b]
            bare[a] += probs[a, b] * last[a]

    def with_padding(token: int) -> Tensor:
        counts = _counted(x, torch.where(y < 0, token, y), n).float()
        pull = counts.sum(-1, keepdim=True) * probs - counts
        return pull * total / y.numel()

    return {
        "uphill: what was seen has become less likely. Subtract the gradient": -right,
        "this is the gradient of the sum; the loss is the mean over the targets that "
        "count": right * total,
        "the sum is divided by all places, the filling included": (
            right * total / y.numel()
        ),
        "each row takes a mean of its own; a token that comes often counts often": (
            in_a_row * (seen > 0)
        ),
        "rows of tokens that never occurred have moved: where nothing was seen there "
        "is nothing to learn": in_a_row,
        "what the table gave must be counted once for every time that the token "
        "occurred: a token that came often was a question often": probs - counts,
        "what was seen is pushed up and nothing is pushed down: the logits compete, "
        "since the probabilities of a row sum to one": -counts,
        "in each row only the token that came moves: raising any other makes it less "
        "likely, so their logits must sink": counts * (probs - 1),
        "pairs that come again are lost: of those that write to one row, the last "
        "one stays (t[x] -= … and t[x] += … read and write each row once)": last,
        "pairs that come again are pushed up once: t[x, y] -= 1 reads and writes "
        "every place once": seen * probs - (counts > 0).float(),
        "the probabilities sum to one over the columns; a row is one law": (
            seen * logits.softmax(0) - counts
        ),
        "the logits stand where the probabilities belong": seen * logits - counts,
        "this is the gradient of −p; the loss is −ln p": bare,
        "the counts are transposed: the row is the token read": (
            seen * probs - counts.T
        ),
        "the filling takes part, as if the token 0 came next": with_padding(0),
        f"the target −100 takes part: as an index, Python counts it from the end, so "
        f"it became the token {n - 100}": with_padding(max(n - 100, 0)),
    }  # fmt: skip


# --- ★★★ Which gap can close ------------------------------------------------------

Key = Callable[[list[int], int], Hashable]


def _groups(x: Tensor, y: Tensor, key: Key) -> dict[Hashable, Counter]:
    """For each context, as `key` makes it of a row and a place, what came next."""
    groups: dict[Hashable, Counter] = defaultdict(Counter)
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        for t, target in enumerate(targets):
            if target != IGNORE:
                groups[key(row, t)][target] += 1
    return groups


def _mean_surprise(groups: dict[Hashable, Counter]) -> float:
    parts = [(c, g.total()) for g in groups.values() for c in g.values()]
    return sum(c * math.log(n / c) for c, n in parts) / sum(c for c, _ in parts)


def _window(n: int) -> Key:
    return lambda row, t: tuple(row[max(0, t + 1 - n) : t + 1])


@checker
def best_loss(function: Callable[[Tensor, Tensor, int], float]) -> str:
    """Check `best_loss(x, y, n_sees)`: the least loss with n_sees tokens in view."""
    x, y = _rows(2, 6 * (9, 5, 10, 7, 12))
    for n in (3, 2, 1, 50):
        found = number_of(answer_of(function, x, y, n), "the loss")
        expected = _mean_surprise(_groups(x, y, _window(n)))
        mistakes = _misjudged(x, y, n) if n == 3 else {}
        compare_numbers(
            f"for n_sees = {n} the loss", found, expected, mistakes, 1e-7
        )
    for k, n in product((1, 3, 6), (1, 4, 16)):
        _repeat_after(function, k, n)
    return "no training needed: what is in view decides how far a loss can fall"


def _repeat_after(function: Callable[..., Any], k: int, n: int) -> None:
    """Texts of ones and twos in which each token repeats the one k places back."""
    texts = [(begin * 8)[:8] for begin in product((1, 2), repeat=k)]
    y = torch.tensor(texts)
    x = torch.tensor([(0, *text[:-1]) for text in texts])
    found = number_of(answer_of(function, x, y, n), "the loss")
    expected = math.log(2) * (k / 8 if n >= k else 1)
    what = f"every token repeats the one {k} before it; for n_sees = {n} the loss"
    compare_numbers(what, found, expected, {})


def _misjudged(x: Tensor, y: Tensor, n: int) -> dict[str, float]:
    """The losses of somebody who makes a mistake."""
    right = _groups(x, y, _window(n))
    total = sum(g.total() for g in right.values())
    best = [
        (g.total() / total, max(g.values()) / g.total()) for g in right.values()
    ]
    both = Counter({(k, b): c for k, g in right.items() for b, c in g.items()})
    one_each = [_mean_surprise({k: g}) for k, g in right.items()]
    late = torch.where(torch.arange(len(x[0])) < n - 1, IGNORE, y)

    def loss(key: Key, x: Tensor = x, y: Tensor = y) -> float:
        return _mean_surprise(_groups(x, y, key))

    least = loss(_window(n))
    return {
        "the loss is in bits; nats come from the natural logarithm": (
            least / math.log(2)
        ),
        "a loss is not negative: one sign is missing": -least,
        "the sum is divided by all places, the filling included": (
            least * total / y.numel()
        ),
        "this is the sum over all targets; the loss is their mean": least * total,
        "this is e to the loss (the perplexity); return the loss": math.exp(least),
        "every context counts the same; one that comes often counts often": (
            sum(one_each) / len(one_each)
        ),
        "this is the surprise of context and target together; the context is given": (
            _mean_surprise({None: both})
        ),
        "the token that is read now is not in view: the window ends with place t "
        "itself": loss(lambda row, t: tuple(row[max(0, t - n) : t])),
        "one token too many is in view: n_sees counts the present one": (
            loss(_window(n + 1))
        ),
        "the window is one token short: n_sees counts the present one, and all of "
        "them are in view": loss(_window(n - 1)),
        "whatever n_sees is, only the present token is in view": loss(_window(1)),
        "nothing is in view: this is the surprise of a token by itself": (
            loss(lambda row, t: ())
        ),
        "the whole past is in view, whatever n_sees is": loss(_window(len(x[0]))),
        "contexts at different places are kept apart: who sees the same tokens cannot "
        "tell where they stand": loss(lambda row, t: (t, _window(n)(row, t))),
        "the order of the tokens in view is lost: a window is a tuple, not a heap": (
            loss(lambda row, t: tuple(sorted(_window(n)(row, t))))
        ),
        "each token in view counts once: a window is a tuple, not a set": (
            loss(lambda row, t: frozenset(_window(n)(row, t)))
        ),
        "the windows at the start of a row have gone wrong: a negative index counts "
        "from the end": loss(lambda row, t: tuple(row[t + 1 - n : t + 1])),
        "the first places are left out, where the window is not full yet: they are "
        "questions as well": loss(_window(n), y=late),
        "the targets −100 are counted": loss(_window(n), y=y.clamp(min=-1)),
        "the windows reach across the ends of the rows: each is a story of its own": (
            loss(_window(n), x.view(1, -1), y.view(1, -1))
        ),
        "this is the surprise of the likeliest token, but the others come as well": (
            -sum(share * math.log(p) for share, p in best)
        ),
        "this is how often the best guess is wrong; the loss is a surprise in nats": (
            1 - sum(share * p for share, p in best)
        ),
    }  # fmt: skip
