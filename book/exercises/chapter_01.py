"""The exercises of chapter 1, The whole machine in miniature."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from book.exercises.answers import Rows, Values
from book.exercises.exercise import exercise
from book.exercises.watch import Step

IGNORE = -100  # a target that does not count


# --- ★ What guessing costs --------------------------------------------------------


LOSSES = Values(
    "the loss of the first model, in nats",
    "the loss of the second, in nats",
    "what the second has gained, in bits",
)


@exercise("ln of what is left open; and every bit is a halving", LOSSES)
def guessing_loss() -> Iterator[tuple]:
    """`guessing_loss(vocab_size, n_left)`: nats, nats, and the bits between."""
    numbers = torch.randint(5, 60, (2,)).tolist()
    yield 61 * numbers[0], numbers[1]
    yield from ((2048, 64), (300, 1), (50, 50), (7, 6), (1, 1))


@guessing_loss.right
def logarithms(vocab_size, n_left):
    gained = math.log2(vocab_size / n_left)
    return math.log(vocab_size), math.log(n_left), gained


@guessing_loss.right
def losses_by_cross_entropy(vocab_size, n_left):
    sizes = (vocab_size, n_left)
    losses = [F.cross_entropy(torch.zeros(m), torch.tensor(0)) for m in sizes]
    return torch.stack([*losses, (losses[0] - losses[1]) / math.log(2)])


@guessing_loss.right
def surprises(vocab_size, n_left):
    first, second = -math.log(1 / vocab_size), -math.log(1 / n_left)
    return [first, second, np.log2(vocab_size / n_left)]


@guessing_loss.right
def mean_of_surprises(vocab_size, n_left):
    uniform = [np.full(m, 1 / m) for m in (vocab_size, n_left)]
    first, second = (float(-(p * np.log(p)).sum()) for p in uniform)
    return np.array([first, second, math.log2(vocab_size) - math.log2(n_left)])


@guessing_loss.mistake("the first number belongs to the model that knows nothing")
def swapped(vocab_size, n_left):
    return math.log(n_left), math.log(vocab_size), math.log2(vocab_size / n_left)


@guessing_loss.mistake(
    "a loss is not negative: ln of a probability is, so one sign is missing"
)
def logarithms_of_probabilities(vocab_size, n_left):
    return -math.log(vocab_size), -math.log(n_left), 0.0


@guessing_loss.mistake(
    "this loss is in bits (log2); nats come from the natural logarithm"
)
def bits_everywhere(vocab_size, n_left):
    gained = math.log2(vocab_size / n_left)
    return math.log2(vocab_size), math.log2(n_left), gained


@guessing_loss.mistake(
    "this is a logarithm to the base 10; nats come from the natural one"
)
def base_ten(vocab_size, n_left):
    return math.log10(vocab_size), math.log10(n_left), 1.0


@guessing_loss.mistake(
    "this is the probability of each token; how surprising is it?"
)
def probabilities(vocab_size, n_left):
    return 1 / vocab_size, 1 / n_left, vocab_size / n_left


@guessing_loss.mistake(
    "this is the number of tokens left open; the loss is a logarithm"
)
def numbers_of_tokens(vocab_size, n_left):
    return vocab_size, n_left, vocab_size / n_left


@guessing_loss.mistake("this is the probability to be wrong, not the surprise")
def chances_to_be_wrong(vocab_size, n_left):
    return 1 - 1 / vocab_size, 1 - 1 / n_left, 0.0


@guessing_loss.mistake(
    "this is one token's part of the sum; all of them can come, and each is equally "
    "surprising"
)
def parts_of_the_sum(vocab_size, n_left):
    return math.log(vocab_size) / vocab_size, math.log(n_left) / n_left, 0.0


@guessing_loss.mistake(
    "this is the surprise of the whole vocabulary together; the loss is a mean, and "
    "each token is equally surprising"
)
def sums_of_surprises(vocab_size, n_left):
    return vocab_size * math.log(vocab_size), n_left * math.log(n_left), 0.0


@guessing_loss.mistake(
    "one of the tokens is left out: whoever guesses can also be right at once, and the "
    "right one is among those left open"
)
def one_left_out(vocab_size, n_left):
    return math.log(max(1, vocab_size - 1)), math.log(max(1, n_left - 1)), 0.0


@guessing_loss.mistake(
    "this is what the second model has gained; its loss is what remains"
)
def gain_for_the_loss(vocab_size, n_left):
    gained = vocab_size / n_left
    return math.log(vocab_size), math.log(gained), math.log2(gained)


@guessing_loss.mistake(
    "it is as if the second still knew nothing: it chooses among the k that are left"
)
def second_like_the_first(vocab_size, n_left):
    return math.log(vocab_size), math.log(vocab_size), 0.0


@guessing_loss.mistake(
    "the second model chooses among the k it is left with, not among those it has ruled "
    "out"
)
def second_among_the_others(vocab_size, n_left):
    return math.log(vocab_size), math.log(max(1, vocab_size - n_left)), 0.0


def _gaining(gain: Callable[[int, int], float]) -> Callable:
    """Both losses right, and this for the gain."""

    def answer(vocab_size, n_left):
        return *logarithms(vocab_size, n_left)[:2], gain(vocab_size, n_left)

    return answer


guessing_loss.mistake(
    "the gain is in nats; the third number is in bits, and one bit is ln 2 nats"
)(_gaining(lambda n, k: math.log(n / k)))


guessing_loss.mistake(
    "nats to bits, not bits to nats: a bit is smaller than a nat, so it takes more of "
    "them"
)(_gaining(lambda n, k: math.log(n / k) * math.log(2)))


guessing_loss.mistake("the gain is negative: who knows more loses less")(
    _gaining(lambda n, k: -math.log2(n / k))
)


guessing_loss.mistake(
    "this is the loss that remains, in bits; the gain is what has gone"
)(_gaining(lambda n, k: math.log2(k)))


guessing_loss.mistake(
    "this is the whole loss of the first model in bits: subtract what the second still "
    "loses"
)(_gaining(lambda n, k: math.log2(n)))


guessing_loss.mistake("the two losses are divided; the gain is their difference")(
    _gaining(lambda n, k: math.log(n) / math.log(k) if k > 1 else math.nan)
)


guessing_loss.mistake("the two losses are divided; the gain is their difference")(
    _gaining(lambda n, k: math.log(n, max(k, 2)))
)


guessing_loss.mistake(
    "this is how many times fewer tokens are left; how many halvings is it?"
)(_gaining(lambda n, k: n / k))


guessing_loss.mistake(
    "it is not the number of tokens ruled out that counts, but the factor: from 2048 "
    "to 1024 is one bit"
)(_gaining(lambda n, k: math.log2(n - k) if k < n else math.nan))


guessing_loss.mistake(
    "a bit is not a whole number of halvings: half of a halving is half a bit; do not "
    "round"
)(_gaining(lambda n, k: round(math.log2(n / k))))


guessing_loss.mistake(
    "this is the share of its loss that the second has lost; the gain is in bits"
)(_gaining(lambda n, k: 1 - math.log(k) / math.log(n) if n > 1 else 0.0))


guessing_loss.refused("three numbers")(
    lambda vocab_size, n_left: math.log(vocab_size)
)
guessing_loss.refused("expected one number")(lambda vocab_size, n_left: ("a", 1, 1))
guessing_loss.refused("is nan, expected")(
    _gaining(lambda n, k: math.nan),
)


# --- ★ Shifting by one ------------------------------------------------------------


@exercise("every token is asked for once, the end token too", Rows())
def shift() -> Iterator[tuple]:
    """`shift(ids, end)`: one story's ids to x, from the end token on, and y."""
    ids, end = torch.randperm(50).tolist(), int(torch.randint(50, 100, ()))
    yield ids[:6], end
    yield ids[6:7], end
    yield [], end
    yield [3, 1, 3, 3, 2], 0
    yield [0, 5, 0], 6


@shift.right
def marks_at_both_ends(ids, end):
    row = [end, *ids, end]
    return row[:-1], row[1:]


@shift.right
def mark_in_front_and_behind(ids, end):
    return torch.tensor([end, *ids]), torch.tensor([*ids, end])


@shift.right
def rows_of_one_tensor(ids, end):
    row = torch.tensor([end, *ids, end])
    return torch.stack((row[:-1], row[1:]))


@shift.right
def batch_of_one(ids, end):
    row = F.pad(torch.tensor([ids], dtype=torch.long), (1, 1), value=end)
    return row[:, :-1], row[:, 1:]


@shift.right
def pairs_of_neighbours(ids, end):
    pairs = list(zip([end, *ids], [*ids, end], strict=True))
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


@shift.right
def rolled(ids, end):
    x = np.array([end, *ids])
    return x, np.roll(x, -1)


BACK = (
    "the targets stand one place back: each is the token before the one that is read; "
    "or x and y are swapped"
)


@shift.mistake(BACK)
def wrong_way(ids, end):
    return [*ids, end], [end, *ids]


@shift.mistake(
    "each target is the token before: it has been read already. What is asked for comes "
    "next"
)
def token_before(ids, end):
    return [end, *ids], [end, end, *ids][: len(ids) + 1]


READ_ALREADY = "the targets are the inputs: what is asked for has been read already"
shift.mistake(READ_ALREADY)(lambda ids, end: ([end, *ids], [end, *ids]))
shift.mistake(READ_ALREADY)(lambda ids, end: ([*ids, end], [*ids, end]))
shift.mistake(READ_ALREADY)(lambda ids, end: (ids, ids))
shift.mistake(READ_ALREADY)(lambda ids, end: ([end, *ids, end], [end, *ids, end]))


NOT_ASKED = "the first token is never asked for: x begins with the end token"


@shift.mistake(NOT_ASKED)
def begin_with_the_story(ids, end):
    return ids, [*ids[1:], end]


@shift.mistake(NOT_ASKED)
def no_marks(ids, end):
    return ids[:-1], ids[1:]


@shift.mistake("the end token is never asked for: who learns from this never stops")
def no_stop(ids, end):
    return [end, *ids][:-1], ids


CIRCLE = (
    "the last target is the first token: a story is not a circle, and after its last "
    "token comes the end token"
)


@shift.mistake(CIRCLE)
def circle(ids, end):
    return ids, np.roll(ids, -1).tolist()


@shift.mistake(CIRCLE)
def circle_from_the_mark(ids, end):
    return [end, *ids], [*ids, *ids[:1]]


@shift.mistake("the last token is asked for twice; after it comes the end token")
def last_token_again(ids, end):
    return [end, *ids], [*ids, *(ids[-1:] or [end])]


STOPPING = (
    "the last target does not count, so nobody learns where to stop: it is the end "
    "mark"
)


@shift.mistake(STOPPING)
def stop_does_not_count(ids, end):
    return [end, *ids], [*ids, IGNORE]


@shift.mistake(STOPPING)
def no_mark_and_no_stop(ids, end):
    return ids, [*ids[1:], IGNORE]


ANOTHER_STORY = (
    "the end token at the end is read as well; what follows is another story"
)


@shift.mistake(ANOTHER_STORY)
def read_the_stop(ids, end):
    return [end, *ids, end], [*ids, end, IGNORE]


@shift.mistake(ANOTHER_STORY)
def stop_twice(ids, end):
    return [end, *ids, end], [*ids, end, end]


@shift.mistake(ANOTHER_STORY)
def begin_again(ids, end):
    return [end, *ids, end], [*ids, end, *ids[:1]]


@shift.mistake("the targets are two places on")
def two_places(ids, end):
    return [end, *ids[:-1]], [*ids[1:], end]


@shift.mistake(
    "the targets are two places on, and the end token is asked for twice"
)
def two_places_and_a_mark(ids, end):
    return [end, *ids], [*ids[1:], end, end]


@shift.mistake(
    "0 stands where the end token belongs: 0 is a token like any other, and the end token "
    "has the id `end`"
)
def zero_for_the_mark(ids, end):
    return [0, *ids], [*ids, 0]


@shift.mistake(
    "only the end of y is the end token; a story starts where another has ended, so x "
    "begins with it, too, and not with 0"
)
def zero_in_front(ids, end):
    return [0, *ids], [*ids, end]


@shift.mistake("the rows are turned round: the story is read from its end")
def from_the_end(ids, end):
    return [end, *ids[::-1]], [*ids[::-1], end]


@shift.mistake(
    "tokens that come again are lost, or their order is: ids are a row, not a set"
)
def each_token_once(ids, end):
    once = list(dict.fromkeys(ids))
    return [end, *once], [*once, end]


@shift.mistake("tokens with the id 0 are left out; 0 is a token like any other")
def zeros_left_out(ids, end):
    some = [i for i in ids if i]
    return [end, *some], [*some, end]


shift.refused("each place that is read has one target")(
    lambda ids, end: ([end, *ids, end], [*ids, end])
)
shift.refused("each place that is read has one target")(
    lambda ids, end: ([end, *ids], ids)
)
shift.refused("list of ids, or a tensor of integers")(
    lambda ids, end: (torch.tensor([end, *ids]).float(), ids)
)
shift.refused("two things, x and y")(lambda ids, end: [end, *ids, end, end])


@shift.refused("`ids` is not what it was")
def ids_appended_to(ids, end):
    ids.append(end)
    return [end, *ids[:-1]], ids


# --- ★★ Counting pairs ------------------------------------------------------------


def _rows(n_tokens: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Rows of texts in the tokens 0 … n_tokens − 1, filled up on the right.

    The filling of x is 0, which is a token like any other; that of y is −100.
    """
    x = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    y = torch.full_like(x, IGNORE)
    for row, length in enumerate(lengths):
        text = torch.randint(n_tokens, (length + 1,))
        text[:3] = torch.tensor([n_tokens - 1, 0, 1])[
            : length + 1
        ]  # 0 on both sides
        x[row, :length], y[row, :length] = text[:-1], text[1:]
    return x, y


def _random_rows(n_tokens: int, lengths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The same, with texts that begin anyhow."""
    x, y = _rows(n_tokens, lengths)
    first, second = torch.randint(n_tokens, (2, len(x)))
    x[:, 0], y[:, 0], x[:, 1] = first, second, second
    return x, y


def _down_the_columns(x: Tensor) -> Tensor:
    """The same numbers, not lying row by row in memory."""
    return x.T.contiguous().T


@exercise("every pair as often as it came, and nothing else")
def pair_table() -> Iterator[tuple]:
    """`pair_table(x, y, vocab_size)`: how often y came after x, (V, V)."""
    # Above 100 tokens, an index of −100 is no error: it counts from the end.
    yield *_rows(4, (8, 5, 8, 3, 6)), 120
    yield *_rows(4, (3, 7)), 4
    yield *map(_down_the_columns, _rows(5, (6, 0, 4))), 5
    yield (
        torch.tensor([[100, 7, 100, 7, 100]]),
        torch.tensor([[7, 100, 7, 100, 0]]),
        101,
    )
    yield torch.tensor([[2]]), torch.tensor([[2]]), 3


@pair_table.right
def pairs_with_numbers(x, y, vocab_size):
    pairs = (vocab_size * x + y)[y >= 0]
    return pairs.bincount(minlength=vocab_size**2).view(vocab_size, vocab_size)


@pair_table.right
def pairs_put_together(x, y, vocab_size):
    real, one = y >= 0, torch.tensor(1.0)
    counts = torch.zeros(vocab_size, vocab_size)
    return counts.index_put((x[real], y[real]), one, accumulate=True)


@pair_table.right
def pairs_in_a_loop(x, y, vocab_size):
    return _counted_by(x, y, vocab_size, skips=lambda a, b: b == IGNORE)


@pair_table.right
def pairs_by_product(x, y, vocab_size):
    real = y != IGNORE
    came = F.one_hot(y[real], vocab_size).double()
    return F.one_hot(x[real], vocab_size).double().T @ came


@pair_table.right
def pairs_by_counter(x, y, vocab_size):
    pairs = Counter(zip(x.flatten().tolist(), y.flatten().tolist(), strict=True))
    tokens = range(vocab_size)
    return [[pairs[a, b] for b in tokens] for a in tokens]


def _counted_by(x, y, vocab_size, skips=lambda a, b: b == IGNORE) -> Tensor:
    counts = torch.zeros(vocab_size, vocab_size, dtype=torch.long)
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        for a, b in zip(row, targets, strict=True):
            if not skips(a, b):
                counts[a, b] += 1
    return counts


@pair_table.mistake(
    "each pair is counted once, however often it comes: counts[x, y] += 1 reads and "
    "writes every place once. What adds up instead?"
)
def counted_once(x, y, vocab_size):
    counts, real = torch.zeros(vocab_size, vocab_size), y >= 0
    counts[x[real], y[real]] += 1
    return counts


def _became_a_token(x, y, vocab_size) -> str:
    last = (
        f"the token {vocab_size - 100}" if vocab_size > 100 else "no token at all"
    )
    return (
        f"the target −100 is counted: as an index, Python counts it from the end, so "
        f"it became {last}"
    )


@pair_table.mistake(_became_a_token)
def index_from_the_end(x, y, vocab_size):
    return _counted_by(x, y, vocab_size, skips=lambda a, b: False)


@pair_table.mistake("the filling is counted, as if the token 0 came next")
def filling_is_a_token(x, y, vocab_size):
    return pairs_put_together(x, y.clamp(min=0), vocab_size)


@pair_table.mistake(
    "the pairs whose target is 0 are missing: 0 is a token like any other; what does "
    "not count is −100"
)
def target_zero_is_filling(x, y, vocab_size):
    return _counted_by(x, y, vocab_size, skips=lambda a, b: b <= 0)


@pair_table.mistake(
    "the pairs that begin with 0 are missing: 0 fills x up, but it is a token like any "
    "other; the target tells which is which"
)
def x_zero_is_filling(x, y, vocab_size):
    return _counted_by(x, y, vocab_size, skips=lambda a, b: a == 0 or b < 0)


@pair_table.mistake(
    "the pairs with a 0 in them are missing on both sides: 0 is a token like any other; "
    "the target −100 alone tells what does not count"
)
def zero_is_filling(x, y, vocab_size):
    return _counted_by(x, y, vocab_size, skips=lambda a, b: a == 0 or b <= 0)


@pair_table.mistake(
    "the table is transposed: the row is the token read, the column the token that came"
)
def transposed_table(x, y, vocab_size):
    return pairs_with_numbers(x, y, vocab_size).T


@pair_table.mistake(
    "pairs are counted in both directions: who came after whom is no mutual relation"
)
def both_directions(x, y, vocab_size):
    counts = pairs_with_numbers(x, y, vocab_size)
    return counts + counts.T


@pair_table.mistake("these are shares; return the counts")
def shares_without_nan(x, y, vocab_size):
    counts = pairs_put_together(x, y, vocab_size)
    return (counts / counts.sum(-1, keepdim=True)).nan_to_num(0)


@pair_table.mistake("these are shares of all pairs; return the counts")
def shares_of_all(x, y, vocab_size):
    counts = pairs_put_together(x, y, vocab_size)
    return counts / counts.sum()


@pair_table.mistake("this is the table of the first row only")
def first_row(x, y, vocab_size):
    return pairs_put_together(x[:1], y[:1], vocab_size)


@pair_table.mistake(
    "this is the table of the last row only: the counting begins anew in every row"
)
def last_row(x, y, vocab_size):
    return pairs_put_together(x[-1:], y[-1:], vocab_size)


@pair_table.mistake(
    "these pairs are neighbours in x: the last target of each row is missing, and the "
    "filling counts"
)
def neighbours_in_x(x, y, vocab_size):
    return pairs_put_together(x[:, :-1], x[:, 1:], vocab_size)


@pair_table.mistake("these pairs are neighbours in x, across the ends of the rows")
def across_the_ends(x, y, vocab_size):
    return pairs_put_together(x.flatten()[:-1], x.flatten()[1:], vocab_size)


@pair_table.mistake(
    "the targets are shifted once more: y holds what came next already, at the same place"
)
def shifted_again(x, y, vocab_size):
    return pairs_put_together(x[:, :-1], y[:, 1:], vocab_size)


@pair_table.mistake("the last target of each row is missing")
def last_target_missing(x, y, vocab_size):
    y = y.clone()
    last = (y != IGNORE).sum(-1) - 1
    rows = torch.arange(len(y))[last >= 0]
    y[rows, last[last >= 0]] = IGNORE
    return pairs_put_together(x, y, vocab_size)


@pair_table.mistake("every pair has one too many: the counting begins at 0")
def begins_at_one(x, y, vocab_size):
    return pairs_put_together(x, y, vocab_size) + 1


@pair_table.mistake(
    "a table for as many tokens as occur; every token of the vocabulary has its row and "
    "its column, also if it never comes"
)
def as_many_as_occur(x, y, vocab_size):
    n = int(max(x.max(), y.max())) + 1
    return pairs_put_together(x, y, n)


@pair_table.symptom
def undefined_shares(counts, x, y, vocab_size):
    if not counts.isfinite().all():
        return "these are shares, and some are 0/0; return the counts"
    return None


@undefined_shares.mistake
def shares(x, y, vocab_size):
    counts = pairs_put_together(x, y, vocab_size)
    return counts / counts.sum(-1, keepdim=True)


@pair_table.symptom
def long_row(counts, x, y, vocab_size):
    if counts.dim() == 1 and len(counts) > vocab_size:
        return (
            f"the shape is {tuple(counts.shape)}; make of it a row for each token, and "
            f"in it a column for each"
        )
    return None


@long_row.mistake
def flat_table(x, y, vocab_size):
    return pairs_put_together(x, y, vocab_size).flatten()


@long_row.mistake
def long_row_cut_off(x, y, vocab_size):
    return (vocab_size * x + y)[y >= 0].bincount()


@pair_table.symptom
def row_for_filling(counts, x, y, vocab_size):
    if counts.shape == (vocab_size + 1, vocab_size + 1):
        return (
            f"the shape is {tuple(counts.shape)}: −100 is no token: it needs no row and "
            f"no column"
        )
    return None


@row_for_filling.mistake
def token_for_filling(x, y, vocab_size):
    y = torch.where(y < 0, vocab_size, y)
    return pairs_put_together(x, y, vocab_size + 1)


@pair_table.refused("reshape takes any, view does not")
def viewed(x, y, vocab_size):
    x, y = x.view(-1), y.view(-1)
    return pairs_put_together(x, y, vocab_size)


@pair_table.refused("`y` is not what it was")
def targets_overwritten(x, y, vocab_size):
    real = y != IGNORE
    y[~real] = 0
    pairs = (vocab_size * x + y)[real]
    return pairs.bincount(minlength=vocab_size**2).view(vocab_size, vocab_size)


# --- ★★ Warmer and colder ---------------------------------------------------------


def _random_distributions(*shape: int) -> Tensor:
    """Random distributions (..., V), each with one token that never comes."""
    probs = torch.rand(*shape, dtype=torch.float64) + 0.1
    rows = probs.view(-1, shape[-1])
    numbers = torch.arange(len(rows))
    rows[numbers, numbers % shape[-1]] = 0
    return probs / probs.sum(-1, keepdim=True)


@exercise("colder is bolder, warmer is wilder, and 0 stays 0")
def at_temperature() -> Iterator[tuple]:
    """`at_temperature(probs, t)`: distributions (..., V) to those at t."""
    yield _random_distributions(3, 5), 0.6
    yield _random_distributions(2, 3, 4), 0.8
    yield _down_the_columns(_random_distributions(4, 3).float()), 0.5
    yield _random_distributions(6), 1.0
    yield _random_distributions(4, 5), 1.6
    yield torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), 0.7
    yield torch.tensor([[0.5, 0.3, 0.2, 0.0]], dtype=torch.float64), 40.0
    rows = [[0.9, 0.1, 0.0, 0.0], [0.3, 0.25, 0.24, 0.21], [0.4, 0.2, 0.4, 0.0]]
    yield torch.tensor(rows, dtype=torch.float64), 5e-4


@at_temperature.right
def softmax_of_logarithms(probs, t):
    return (probs.log() / t).softmax(-1)


@at_temperature.right
def powers_of_shares(probs, t):
    power = (probs / probs.amax(-1, keepdim=True)) ** (1 / t)
    return power / power.sum(-1, keepdim=True)


@at_temperature.right
def law_by_law(probs, t):
    rows = []
    for row in probs.reshape(-1, probs.shape[-1]).tolist():
        power = [(p / max(row)) ** (1 / t) for p in row]
        rows.append([p / sum(power) for p in power])
    return torch.tensor(rows).view(probs.shape)


@at_temperature.right
def where_it_can_come(probs, t):
    logits = probs.double().log() / t
    logits = logits - logits.amax(-1, keepdim=True)
    power = torch.where(probs > 0, logits.exp(), 0.0)
    return power / power.sum(-1, keepdim=True)


def _shares(x: Tensor) -> Tensor:
    return x / x.sum(-1, keepdim=True)


NO_EFFECT = (
    "the temperature has no effect: whatever all probabilities are divided by, or all "
    "logits lose, cancels when they are made to sum to one again. It is the logits that "
    "are divided"
)


@at_temperature.mistake(NO_EFFECT)
def shares_of_quotients(probs, t):
    return _shares(probs / t)


@at_temperature.mistake(
    "warm and cold are mixed up: below 1 the likely tokens must gain"
)
def times_t(probs, t):
    return (probs.log() * t).softmax(-1)


@at_temperature.mistake(
    "the probabilities are taken for logits: a token that never came gets a chance. "
    "What is the logit of a token with the probability p?"
)
def probabilities_are_logits(probs, t):
    return (probs / t).softmax(-1)


@at_temperature.mistake(
    "the logarithm is divided twice: once by t and, as the power 1/t, once more"
)
def divided_twice(probs, t):
    return (probs.log() / t**2).softmax(-1)


@at_temperature.mistake(NO_EFFECT)
def subtracted(probs, t):
    return (probs.log() - t).softmax(-1)


@at_temperature.mistake(
    "the numbers are right up to a factor: they do not sum to one any more"
)
def power_alone(probs, t):
    return probs ** (1 / t)


@at_temperature.mistake("a distribution is divided by t and not made to sum to one")
def quotient_alone(probs, t):
    return probs / t


@at_temperature.mistake("these are logits at temperature t; the softmax is missing")
def logits_alone(probs, t):
    return probs.log() / t


@at_temperature.mistake(
    "all distributions together sum to one; each needs a sum of its own"
)
def one_sum_for_all(probs, t):
    return probs ** (1 / t) / (probs ** (1 / t)).sum()


OVER_ROWS = "the sum runs over the rows; it must run over the last axis, the tokens"


@at_temperature.mistake(OVER_ROWS)
def over_the_laws(probs, t):
    return (probs.log() / t).softmax(0)


@at_temperature.mistake(OVER_ROWS)
def over_the_laws_by_power(probs, t):
    return probs ** (1 / t) / (probs ** (1 / t)).sum(0)


@at_temperature.mistake(
    "with probs (B, T, V) the sum must still run over the last axis: that is axis -1, "
    "and 1 only of a matrix"
)
def over_axis_one(probs, t):
    return (probs.log() / t).softmax(1)


@at_temperature.mistake("these are logarithms of probabilities")
def log_probabilities(probs, t):
    return (probs.log() / t).log_softmax(-1)


@at_temperature.mistake(
    "the logarithm has the base 2; the softmax takes e to the power, so the logarithm "
    "has to be the natural one"
)
def base_two(probs, t):
    return (probs.log2() / t).softmax(-1)


@at_temperature.mistake(
    "the logarithm has the base 10; the softmax takes e to the power, so the logarithm "
    "has to be the natural one"
)
def base_of_ten(probs, t):
    return (probs.log10() / t).softmax(-1)


@at_temperature.mistake(
    "log1p is the logarithm of 1 + p: it keeps 0 finite and changes all the others"
)
def logarithm_of_one_more(probs, t):
    return (probs.log1p() / t).softmax(-1)


@at_temperature.mistake(
    "0 stands where ln 0 does: but a logit of 0 is that of the probability 1. What never "
    "comes has the logit −∞"
)
def zero_for_minus_infinity(probs, t):
    return (torch.where(probs > 0, probs.log(), 0.0) / t).softmax(-1)


@at_temperature.mistake(
    "these are log-odds, ln(p / (1 − p)): right for a choice of two by a sigmoid. Here "
    "the softmax makes a distribution of ln p"
)
def log_odds(probs, t):
    return ((probs / (1 - probs)).log() / t).softmax(-1)


@at_temperature.mistake(
    "only the likeliest token is left: that is the limit of t → 0"
)
def greedy(probs, t):
    return F.one_hot(probs.argmax(-1), probs.shape[-1]).double()


@at_temperature.symptom
def something_small(found, probs, t):
    if found.shape != probs.shape or not (gets := found[probs == 0]).numel():
        return None
    if t > 1 and gets.max() > 0:
        return (
            f"at t = {t:g} a token with the probability 0 gets {float(gets.max()):.2g}: "
            f"something small was put in its place, but warmth makes it large. What "
            f"never comes must not come at any temperature"
        )
    return None


@something_small.mistake
def little_added(probs, t):
    return ((probs + 1e-9).log() / t).softmax(-1)


@something_small.mistake
def clamped(probs, t):
    return (probs.double().clamp(min=1e-30).log() / t).softmax(-1)


@something_small.mistake
def low_logit(probs, t):
    logits = torch.where(probs > 0, probs.log(), -100.0)
    return (logits / t).softmax(-1)


@at_temperature.symptom
def vanished(found, probs, t):
    if found.shape == probs.shape and t < 0.01 and not found.isfinite().all():
        return (
            f"at t = {t:g} some answers are not numbers: powers of small numbers vanish, "
            f"and 0/0 is nothing. A factor common to one row changes nothing: which one "
            f"keeps its largest number from vanishing?"
        )
    return None


@vanished.mistake
def powers_never_vanish(probs, t):
    return _shares(probs ** (1 / t))


@vanished.mistake
def one_largest_for_all(probs, t):
    return _shares((probs / probs.max()) ** (1 / t))


@vanished.mistake
def softmax_by_hand(probs, t):
    return _shares((probs.log() / t).exp())


@at_temperature.symptom
def no_numbers(found, probs, t):
    if found.shape == probs.shape and not found.isfinite().all():
        return (
            "some answers are not numbers. One token of each row never comes: its "
            "probability is 0, and ln 0 is −∞. The softmax can take −∞ (not +∞: is a "
            "sign wrong?), few other things can"
        )
    return None


@no_numbers.mistake
def surprises_are_logits(probs, t):
    return (-probs.log() / t).softmax(-1)


@no_numbers.mistake
def entropy_for_logits(probs, t):
    return (probs * probs.log() / t).softmax(-1)


@at_temperature.symptom
def ties_broken(found, probs, t):
    if t >= 0.01 or found.shape != probs.shape:
        return None
    if torch.allclose(
        found[:2].double(), softmax_of_logarithms(probs, t)[:2], atol=1e-3
    ):
        return "two equally likely tokens stay equally likely, however cold"
    return f"right for t around 1; at t = {t:g} the likeliest must take all"


@ties_broken.mistake
def one_winner(probs, t):
    if t > 0.1:
        return softmax_of_logarithms(probs, t)
    return F.one_hot(probs.argmax(-1), probs.shape[-1]).double()


@ties_broken.mistake
def never_below_a_tenth(probs, t):
    return softmax_of_logarithms(probs, max(t, 0.1))


@at_temperature.refused("`probs` is not what it was")
def in_place(probs, t):
    return probs.log_().div_(t).softmax(-1)


# --- ★★★ A step by hand -----------------------------------------------------------


@exercise("equal to automatic differentiation")
def table_step() -> Iterator[tuple]:
    """`table_step(logits, x, y, rate)`: one step down the loss, logits (V, V)."""
    # Above 100 tokens, an index of −100 is no error: it counts from the end.
    yield torch.randn(105, 105), *_rows(5, (7, 4, 6, 2)), 2.5
    yield torch.randn(6, 6), *_rows(5, (7, 4, 6, 2)), 0.4
    down = map(_down_the_columns, (torch.randn(5, 5), *_rows(5, (3, 0, 5))))
    yield *down, 1.7
    yield torch.randn(3, 3), torch.tensor([[2]]), torch.tensor([[2]]), 1.0
    yield torch.zeros(4, 4), *_rows(4, (9, 2)), 4.0


@table_step.right
def given_minus_seen(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: n * p - counts)


@table_step.right
def place_by_place(logits, x, y, rate):
    p, new, total = logits.softmax(-1), logits.clone(), int((y >= 0).sum())
    for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        if b >= 0:
            new[a] -= rate * p[a] / total
            new[a, b] += rate / total
    return new


@table_step.right
def one_hot_pulls(logits, x, y, rate):
    return logits - rate * _mean_pull(logits, x, y, lambda p, seen: p - seen)


@table_step.right
def step_in_float64(logits, x, y, rate):
    return given_minus_seen(logits.double(), x, y, rate)


@table_step.right
def row_by_row(logits, x, y, rate):
    """The share given minus the share seen, times how often the question came."""
    new = logits.clone()
    for i in x[y >= 0].unique().tolist():
        came = y[(x == i) & (y >= 0)]
        seen = came.bincount(minlength=len(logits)) / len(came)
        often = len(came) / (y >= 0).sum()
        new[i] += rate * often * (seen - logits[i].softmax(-1))
    return new


def _step(logits, x, y, rate, pull) -> Tensor:
    """One step; `pull(p, counts, n)` is the gradient of the sum of all losses."""
    counts = pairs_put_together(x, y, len(logits)).to(logits)
    gradient = pull(logits.softmax(-1), counts, counts.sum(-1, keepdim=True))
    return logits - rate * gradient / counts.sum()


def _mean_pull(logits, x, y, pull) -> Tensor:
    """The mean of `pull(p, seen)`, one row for each target, in the rows of x."""
    real = y >= 0
    pulls = pull(logits[x[real]].softmax(-1), F.one_hot(y[real], len(logits)))
    return torch.zeros_like(logits).index_add(0, x[real], pulls) / len(pulls)


@table_step.mistake("this is the gradient; return the table after the step")
def gradient_alone(logits, x, y, rate):
    return logits - given_minus_seen(logits, x, y, 1.0)


@table_step.mistake(
    "this is what the table moves by; return the table after the step"
)
def move_alone(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate) - logits


@table_step.mistake("the rate has no effect")
def no_rate(logits, x, y, rate):
    return given_minus_seen(logits, x, y, 1.0)


@table_step.mistake("nothing has moved")
def nothing(logits, x, y, rate):
    return logits


@table_step.mistake(
    "these are the probabilities of the table after the step; return its logits"
)
def probabilities_after(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate).softmax(-1)


@table_step.mistake(
    "it is the probabilities that have moved, and not the logits: the gradient says how "
    "the loss changes with each logit"
)
def probabilities_moved(logits, x, y, rate):
    return logits.softmax(-1) + move_alone(logits, x, y, rate)


SHIFTED = (
    "the probabilities are right, but the logits are others: what is added to a row "
    "changes no probability, but the table after the step is the one before, moved by "
    "the gradient"
)


@table_step.mistake(SHIFTED)
def normalised_before(logits, x, y, rate):
    return given_minus_seen(logits.log_softmax(-1), x, y, rate)


@table_step.mistake(SHIFTED)
def normalised_after(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate).log_softmax(-1)


@table_step.mistake("only the first row of the batch is looked at")
def first_row_only(logits, x, y, rate):
    return given_minus_seen(logits, x[:1], y[:1], rate)


@table_step.mistake(
    "the exponentials of the logits stand where the probabilities belong: they do not "
    "sum to one"
)
def exponentials(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: n * logits.exp() - counts)


@table_step.mistake(
    "every probability has to come from the table before the step; here it is changed "
    "while it is still being read"
)
def step_by_step(logits, x, y, rate):
    """Each target changes the table that the next one is read from."""
    table, count = logits.clone(), (y >= 0).sum()
    for a, b in zip(x.flatten(), y.flatten(), strict=True):
        if b >= 0:
            pull = table[a].softmax(-1)
            pull[b] -= 1
            table[a] -= rate / count * pull
    return table


@table_step.mistake(
    "uphill: what was seen has become less likely. Subtract the gradient"
)
def uphill(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: counts - n * p)


@table_step.mistake(
    "this is the gradient of the sum; the loss is the mean over the targets that count"
)
def of_the_sum(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate * int((y >= 0).sum()))


@table_step.mistake("the sum is divided by all places, the filling included")
def over_all_places(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate * int((y >= 0).sum()) / y.numel())


@table_step.mistake(
    "the sum is divided by the number of rows; the loss is the mean over all targets"
)
def over_the_rows(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate * int((y >= 0).sum()) / len(y))


@table_step.mistake(
    "the sum is divided by the size of the vocabulary; the loss is the mean over the "
    "targets that count"
)
def over_the_vocabulary(logits, x, y, rate):
    return given_minus_seen(logits, x, y, rate * int((y >= 0).sum()) / len(logits))


@table_step.mistake(
    "each row takes a mean of its own; a token that comes often counts often"
)
def each_row_its_mean(logits, x, y, rate):
    counts = pairs_put_together(x, y, len(logits))
    seen = counts.sum(-1, keepdim=True)
    gradient = logits.softmax(-1) - counts / seen.clamp(min=1)
    return logits - rate * gradient * (seen > 0)


@table_step.mistake(
    "rows of tokens that never occurred have moved: where nothing was seen there is "
    "nothing to learn"
)
def unseen_rows_move(logits, x, y, rate):
    counts = pairs_put_together(x, y, len(logits))
    seen = counts.sum(-1, keepdim=True)
    return logits - rate * (logits.softmax(-1) - counts / seen.clamp(min=1))


@table_step.mistake(
    "what the table gave must be counted once for every time that the token occurred: "
    "a token that came often was a question often"
)
def given_once(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: p - counts)


@table_step.mistake(
    "what was seen is pushed up and nothing is pushed down: the logits compete, since "
    "the probabilities of a row sum to one"
)
def only_up(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: -counts)


@table_step.mistake(
    "everything is pushed down and nothing up: the bracket is missing, 1 for the token "
    "that came"
)
def only_down(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: n * p)


@table_step.mistake(
    "in each row only the token that came moves: raising any other makes it less "
    "likely, so their logits must sink"
)
def only_what_came(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: counts * (p - 1))


@table_step.mistake(
    "pairs that come again are lost: of those that write to one row, the last one "
    "stays (t[x] -= … and t[x] += … read and write each row once)"
)
def rows_written_once(logits, x, y, rate):
    new, real = logits.clone(), y >= 0
    pull = logits[x[real]].softmax(-1) - F.one_hot(y[real], len(logits))
    new[x[real]] -= rate * pull / len(pull)
    return new


@table_step.mistake(
    "pairs that come again are pushed up once: t[x, y] -= 1 reads and writes every "
    "place once"
)
def pairs_written_once(logits, x, y, rate):
    counts = pairs_put_together(x, y, len(logits))
    gradient = logits.softmax(-1) * counts.sum(-1, keepdim=True)
    gradient[x[y >= 0], y[y >= 0]] -= 1
    return logits - rate * gradient / counts.sum()


@table_step.mistake(
    "the probabilities sum to one over the columns; a row is one distribution"
)
def columns_are_laws(logits, x, y, rate):
    counts = pairs_put_together(x, y, len(logits))
    gradient = counts.sum(-1, keepdim=True) * logits.softmax(0) - counts
    return logits - rate * gradient / counts.sum()


@table_step.mistake("the logits stand where the probabilities belong")
def logits_for_probabilities(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: n * logits - counts)


@table_step.mistake("this is the gradient of −p; the loss is −ln p")
def of_the_probability(logits, x, y, rate):
    def pull(p, seen):
        return (p * seen).sum(-1, keepdim=True) * (p - seen)

    return logits - rate * _mean_pull(logits, x, y, pull)


@table_step.mistake(
    "this is the gradient of the squared distance of p and what was seen; the loss is "
    "−ln p, and its gradient is simpler"
)
def of_the_square(logits, x, y, rate):
    def pull(p, seen):
        return 2 * p * ((p - seen) - ((p - seen) * p).sum(-1, keepdim=True))

    return logits - rate * _mean_pull(logits, x, y, pull)


@table_step.mistake("the counts are transposed: the row is the token read")
def transposed_counts(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: n * p - counts.T)


@table_step.mistake(
    "the rows are those of the tokens that came; a distribution belongs to the token read"
)
def rows_of_the_targets(logits, x, y, rate):
    real = y >= 0
    return given_minus_seen(logits, y[real][None], x[real][None], rate)


@table_step.mistake("the filling takes part, as if the token 0 came next")
def filling_takes_part(logits, x, y, rate):
    pull = logits[x].softmax(-1) - F.one_hot(y.clamp(min=0), len(logits))
    flat = pull.flatten(0, 1)
    gradient = torch.zeros_like(logits).index_add(0, x.flatten(), flat)
    return logits - rate * gradient / y.numel()


def _took_part(logits, x, y, rate) -> str:
    return (
        f"the target −100 takes part: as an index, Python counts it from the end, so it "
        f"became the token {len(logits) - 100}"
    )


@table_step.mistake(_took_part)
def index_of_the_filling(logits, x, y, rate):
    pull = logits[x].softmax(-1)
    for b in range(len(y)):
        for t in range(len(y[0])):
            pull[b, t, y[b, t]] -= 1
    flat = pull.flatten(0, 1)
    gradient = torch.zeros_like(logits).index_add(0, x.flatten(), flat)
    return logits - rate * gradient / y.numel()


@table_step.symptom
def divided_by_nothing(table, logits, x, y, rate):
    if not table.isfinite().all():
        return (
            "some logits are not numbers any more: a row whose token never occurred was "
            "divided by its count, 0"
        )
    return None


@divided_by_nothing.mistake
def shares_of_nothing(logits, x, y, rate):
    return _step(logits, x, y, rate, lambda p, counts, n: p - counts / n)


@table_step.forbids(
    "by hand, please: this is automatic differentiation, and what it gives is the one "
    "fact above, added up over all targets"
)
def derived_by_machine(step: Step, logits, x, y, rate) -> bool:
    return step.is_automatic


@derived_by_machine.mistake
def let_autograd_do_it(logits, x, y, rate):
    z = logits.clone().requires_grad_()
    F.cross_entropy(z[x].mT, y).backward()
    return (z - rate * z.grad).detach()


@derived_by_machine.mistake
def let_grad_do_it(logits, x, y, rate):
    slope = torch.func.grad(lambda z: F.cross_entropy(z[x].mT, y))
    return logits - rate * slope(logits)


@derived_by_machine.mistake
def let_an_optimizer_do_it(logits, x, y, rate):
    z = torch.nn.Parameter(logits.clone())
    sgd = torch.optim.SGD([z], lr=rate)
    F.cross_entropy(z[x].mT, y).backward()
    sgd.step()
    return z


@table_step.refused("`logits` is not what it was")
def stepped_in_place(logits, x, y, rate):
    logits -= logits - given_minus_seen(logits, x, y, rate)
    return logits


@table_step.refused("your answer is")
def forget_everything(logits, x, y, rate):
    y.fill_(IGNORE)
    return logits.zero_()


# --- ★★★ Which gap can close ------------------------------------------------------


Key = Callable[[Sequence[int], int], Hashable]


def _echo(k: int) -> tuple[Tensor, Tensor]:
    """Texts of ones and twos in which each token repeats the one k places back."""
    texts = [(begin * 8)[:8] for begin in product((1, 2), repeat=k)]
    y = torch.tensor(texts)
    return F.pad(y[:, :-1], (1, 0)), y


@exercise(
    "no training needed: what is in view decides how far a loss can fall",
    Values("the loss"),
)
def best_loss() -> Iterator[tuple]:
    """`best_loss(x, y, n_sees)`: the least loss with n_sees tokens in view."""
    x, y = _random_rows(3, 14 * (9, 5, 10, 7, 12))
    for n in (3, 2, 1, 50):
        yield x, y, n
    yield *_random_rows(9, 6 * (9, 4)), 1
    for k, n in product((1, 3, 6), (1, 4, 16)):
        yield *_echo(k), n
    names = torch.tensor(
        [1, 11, 111]
    )  # "1" and "11" in a row look like "11" and "1"
    x, y = (
        torch.where(r < 0, r, names[r.clamp(min=0)])
        for r in _random_rows(3, 20 * (6, 4))
    )
    yield *map(_down_the_columns, (x, y)), 2
    yield torch.tensor([[7]]), torch.tensor([[7]]), 3


def _window(row: Sequence[int], t: int, n: int) -> tuple[int, ...]:
    return tuple(row[max(0, t + 1 - n) : t + 1])


def _followers(x, y, key: Key, counts=lambda t, b: b != IGNORE) -> dict:
    """For each context, as `key` makes it of a row and a place, what came next."""
    groups: dict[Hashable, Counter] = defaultdict(Counter)
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        for t, target in enumerate(targets):
            if counts(t, target):
                groups[key(row, t)][target] += 1
    return groups


def _mean_surprise(groups: dict) -> float:
    parts = [(c, g.total()) for g in groups.values() for c in g.values()]
    return sum(c * math.log(n / c) for c, n in parts) / sum(c for c, _ in parts)


@best_loss.right
def counted_windows(x, y, n_sees):
    return _mean_surprise(_followers(x, y, lambda row, t: _window(row, t, n_sees)))


@best_loss.right
def difference_of_entropies(x, y, n_sees):
    """H(context, target) − H(context), with windows filled up on the left."""

    def entropy(keys):
        _, counts = np.unique(keys, axis=0, return_counts=True)
        return float(-(counts / len(keys) * np.log(counts / len(keys))).sum())

    seen = F.pad(x, (n_sees - 1, 0), value=-1).unfold(1, n_sees, 1)[y >= 0]
    both = torch.cat((seen, y[y >= 0][:, None]), 1)
    return entropy(both.numpy()) - entropy(seen.numpy())


@best_loss.right
def law_of_the_window(x, y, n_sees):
    groups: dict[tuple, list[int]] = {}
    for row, targets in zip(x, y, strict=True):
        for t in range(int((targets != IGNORE).sum())):
            seen = tuple(row[: t + 1][-n_sees:].tolist())
            groups.setdefault(seen, []).append(int(targets[t]))
    surprises = [-math.log(g.count(b) / len(g)) for g in groups.values() for b in g]
    return torch.tensor(surprises).mean()


@best_loss.right
def names_of_windows(x, y, n_sees):
    """A text for a key, with a mark between the ids."""
    groups = _followers(
        x, y, lambda row, t: " ".join(map(str, _window(row, t, n_sees)))
    )
    return [_mean_surprise(groups)]


def _scaled(factor: Callable[[Tensor], float]) -> Callable:
    return lambda x, y, n_sees: counted_windows(x, y, n_sees) * factor(y)


def _in_view(key: Callable[[Sequence[int], int, int], Hashable]) -> Callable:
    """The answer of somebody for whom this is in view."""

    def answer(x, y, n_sees):
        return _mean_surprise(_followers(x, y, lambda row, t: key(row, t, n_sees)))

    return answer


def _weighed(weigh: Callable[[dict], float]) -> Callable:
    """The answer of somebody who makes this of what came after each window."""

    def answer(x, y, n_sees):
        return weigh(_followers(x, y, lambda row, t: _window(row, t, n_sees)))

    return answer


best_loss.mistake("the loss is in bits; nats come from the natural logarithm")(
    _scaled(lambda y: 1 / math.log(2))
)


best_loss.mistake(
    "the logarithm has the base 10; nats come from the natural logarithm"
)(_scaled(lambda y: 1 / math.log(10)))


best_loss.mistake("a loss is not negative: one sign is missing")(
    _scaled(lambda y: -1)
)


best_loss.mistake("the sum is divided by all places, the filling included")(
    _scaled(lambda y: int((y >= 0).sum()) / y.numel())
)


best_loss.mistake("this is the sum over all targets; the loss is their mean")(
    _scaled(lambda y: int((y >= 0).sum()))
)


best_loss.mistake(
    "the sum is divided by the number of rows; the loss is the mean over all targets"
)(_scaled(lambda y: int((y >= 0).sum()) / len(y)))


@best_loss.mistake("this is e to the loss (the perplexity); return the loss")
def perplexity(x, y, n_sees):
    return math.exp(counted_windows(x, y, n_sees))


def _surprise(g: Counter) -> float:
    return -sum(k * math.log(k / g.total()) for k in g.values()) / g.total()


@best_loss.mistake(
    "every context counts the same; one that comes often counts often"
)
@_weighed
def every_context_alike(groups):
    return sum(map(_surprise, groups.values())) / len(groups)


@best_loss.mistake(
    "every pair of context and target counts the same; one that comes often counts often"
)
@_weighed
def every_pair_alike(groups):
    parts = [-math.log(c / g.total()) for g in groups.values() for c in g.values()]
    return sum(parts) / len(parts)


@best_loss.mistake(
    "this is the surprise of context and target together; the context is given"
)
@_weighed
def both_together(groups):
    counts = [k for g in groups.values() for k in g.values()]
    return -sum(k * math.log(k / sum(counts)) for k in counts) / sum(counts)


@best_loss.mistake(
    "this is the surprise of the contexts; what is asked for is the target that follows"
)
@_weighed
def of_the_contexts(groups):
    counts = [g.total() for g in groups.values()]
    return -sum(k * math.log(k / sum(counts)) for k in counts) / sum(counts)


@best_loss.mistake(
    "this is the surprise of the likeliest token, but the others come as well"
)
@_weighed
def of_the_likeliest(groups):
    total = sum(g.total() for g in groups.values())
    likely = [(g.total(), max(g.values()) / g.total()) for g in groups.values()]
    return sum(-n * math.log(p) for n, p in likely) / total


@best_loss.mistake(
    "this is how often the best guess is wrong; the loss is a surprise in nats"
)
@_weighed
def errors_of_the_best(groups):
    total = sum(g.total() for g in groups.values())
    return 1 - sum(max(g.values()) for g in groups.values()) / total


@best_loss.mistake(
    "after each context all tokens that can come are taken for equally likely; each has "
    "the share with which it comes"
)
@_weighed
def how_many_can_come(groups):
    total = sum(g.total() for g in groups.values())
    return sum(g.total() * math.log(len(g)) for g in groups.values()) / total


@best_loss.mistake(
    "one was added to every count: that is for a sample; here the rows are all there is, "
    "and the shares are the distribution"
)
@_weighed
def one_added(groups):
    n = len({b for g in groups.values() for b in g})
    parts = [
        (c, (c + 1) / (g.total() + n)) for g in groups.values() for c in g.values()
    ]
    return -sum(c * math.log(p) for c, p in parts) / sum(c for c, _ in parts)


best_loss.mistake(
    "the token that is read now is not in view: the window ends with place t itself"
)(_in_view(lambda r, t, n: tuple(r[max(0, t - n) : t])))


best_loss.mistake("one token too many is in view: n_sees counts the present one")(
    _in_view(lambda r, t, n: _window(r, t, n + 1))
)


best_loss.mistake(
    "the window is one token short: n_sees counts the present one, and all of them are "
    "in view"
)(_in_view(lambda r, t, n: _window(r, t, n - 1)))


best_loss.mistake("whatever n_sees is, only the present token is in view")(
    _in_view(lambda r, t, n: r[t])
)


best_loss.mistake(
    "only the token n_sees − 1 places back is in view; all from there to the present are"
)(_in_view(lambda r, t, n: r[max(0, t + 1 - n)]))


best_loss.mistake("nothing is in view: this is the surprise of a token by itself")(
    _in_view(lambda r, t, n: 0)
)


best_loss.mistake("the whole past is in view, whatever n_sees is")(
    _in_view(lambda r, t, n: tuple(r[: t + 1]))
)


best_loss.mistake("the future is in view: the whole row is")(
    _in_view(lambda r, t, n: (t, tuple(r)))
)


best_loss.mistake(
    "contexts at different places are kept apart: who sees the same tokens cannot tell "
    "where they stand"
)(_in_view(lambda r, t, n: (t, _window(r, t, n))))


best_loss.mistake(
    "the order of the tokens in view is lost: a window is a tuple, not a heap"
)(_in_view(lambda r, t, n: tuple(sorted(_window(r, t, n)))))


best_loss.mistake("each token in view counts once: a window is a tuple, not a set")(
    _in_view(lambda r, t, n: frozenset(_window(r, t, n)))
)


best_loss.mistake(
    "the windows at the start of a row have gone wrong: a negative index counts from "
    "the end"
)(_in_view(lambda r, t, n: tuple(r[t + 1 - n : t + 1])))


best_loss.mistake(
    "the ids of a window are written together, and 1, 11 looks like 11, 1: take a tuple"
)(_in_view(lambda r, t, n: "".join(map(str, _window(r, t, n)))))


best_loss.mistake(
    "a window is made one number, and (1,) looks like (1, 0): take a tuple"
)(_in_view(lambda r, t, n: sum(v * 10**i for i, v in enumerate(_window(r, t, n)))))


best_loss.mistake(
    "the windows at the start are filled up with the token 0, which is a token like any "
    "other: a short window is a context of its own"
)(_in_view(lambda r, t, n: ((0,) * n + _window(r, t, n))[-n:]))


@best_loss.mistake(
    "the first places are left out, where the window is not full yet: they are "
    "questions as well"
)
def only_full_windows(x, y, n_sees):
    return _mean_surprise(
        _followers(
            x,
            y,
            lambda row, t: _window(row, t, n_sees),
            counts=lambda t, b: (t >= n_sees - 1 or len(x[0]) < n_sees) and b >= 0,
        )
    )


@best_loss.mistake("the targets −100 are counted")
def filling_counts(x, y, n_sees):
    return counted_windows(x, y.clamp(min=-1), n_sees)


@best_loss.mistake(
    "the targets that are 0 are left out: 0 is a token like any other; what does not "
    "count is −100"
)
def zero_is_no_target(x, y, n_sees):
    return counted_windows(x, torch.where(y == 0, IGNORE, y), n_sees)


@best_loss.mistake(
    "the windows reach across the ends of the rows: each is a story of its own"
)
def one_long_row(x, y, n_sees):
    return counted_windows(x.reshape(1, -1), y.reshape(1, -1), n_sees)


@best_loss.refused("expected one number")
def table_of_losses(x, y, n_sees):
    return [counted_windows(x, y, n_sees)] * 2


@best_loss.refused("is nan, expected")
def no_number(x, y, n_sees):
    return math.nan


@best_loss.refused("`y` is not what it was")
def filling_written_over(x, y, n_sees):
    found = counted_windows(x, y, n_sees)
    y[y < 0] = 0
    return found
