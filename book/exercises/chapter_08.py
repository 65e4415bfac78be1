"""The exercises of chapter 8, Attention from first principles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from book.exercises.answers import (
    Numbers,
    Weighed,
    Weights,
    briefly,
    has_parts,
    tensor_of,
)
from book.exercises.exercise import exercise
from book.exercises.verdict import Wrong
from book.exercises.watch import Step
from llm.attention import attention_weights


def _rows(x: Tensor) -> Tensor:
    """Each row divided by its sum."""
    return x / x.sum(-1, keepdim=True)


# --- ★ A softmax that survives large scores ----------------------------------------


@exercise("positive, one row one unit, and steady for scores of any size")
def softmax() -> Iterator[tuple]:
    """`softmax_by_hand(scores)`: scores (..., S) to weights (..., S)."""
    yield (torch.randn(3, 5, dtype=torch.float64),)
    yield (torch.randn(2, 3, 4),)
    yield (torch.randn(5, 3).T,)
    yield (torch.tensor(list(permutations([1000.0, -1000.0, 0.0]))),)
    yield (torch.tensor([[1000.0, 999.0], [-1000.0, -1000.0]]),)
    yield (torch.tensor([[-1000.0, -1001.0, -1000.0], [1.0, 2.0, 3.0]]),)
    yield (torch.randint(-3, 4, (2, 4)),)
    yield (torch.randn(6),)
    yield (torch.randn(2, 1),)


@softmax.right
def softmax_of_rows(scores):
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


@softmax.right
def softmax_by_numpy_habits(scores):
    largest = torch.max(scores, dim=-1, keepdim=True).values
    e = math.e ** (scores - largest)
    return torch.einsum("...s,...->...s", e, 1 / torch.sum(e, -1))


@softmax.right
def softmax_by_logarithms(scores):
    shifted = scores - scores.sort(-1).values[..., -1:]
    return (shifted - shifted.exp().sum(-1, keepdim=True).log()).exp()


@softmax.right
def softmax_by_pairs(scores):
    """One over a sum of exponentials of differences; a weight of 0 is 1 / ∞."""
    return 1 / (scores[..., None, :] - scores[..., :, None]).exp().sum(-1)


@softmax.right
def softmax_by_loop(scores):
    weights = torch.zeros(scores.shape)
    for row, out in zip(
        scores.reshape(-1, scores.shape[-1]),
        weights.view(-1, scores.shape[-1]),
        strict=True,
    ):
        e = [math.exp(s - max(row.tolist())) for s in row.tolist()]
        for i, one in enumerate(e):
            out[i] = one / sum(e)
    return weights


@softmax.mistake(
    "the weights of all rows together sum to one; each row is one question and needs a "
    "sum of its own"
)
def everything_at_once(scores):
    return scores.exp() / scores.exp().sum()


@softmax.mistake(
    "the columns sum to one; the weights of one question stand in a row, so the sum "
    "runs over the last axis"
)
def columns(scores):
    return scores.double().softmax(0)


@softmax.mistake(
    "with scores (B, T, S) the sum must still run over the last axis: that is axis -1, "
    "and 1 only of a matrix"
)
def middle_axis(scores):
    return scores.double().softmax(1)


softmax.mistake(
    "the scores are divided by their sum, but a score may be negative: make them "
    "positive first"
)(_rows)


@softmax.mistake("these are logarithms of weights: none is positive")
def logarithms(scores):
    return scores.double().log_softmax(-1)


@softmax.mistake(
    "the weights grow with the size of a score whatever its sign: a score of -3 must "
    "weigh less than one of 1"
)
def absolute(scores):
    return softmax_of_rows(scores.abs())


@softmax.mistake(
    "the weights grow with the square of a score, whatever its sign: a score of -3 "
    "must weigh less than one of 1"
)
def squares(scores):
    return _rows(scores**2)


@softmax.mistake("the largest score gets the smallest weight: one sign is wrong")
def smallest_first(scores):
    return softmax_of_rows(-scores)


softmax.mistake("the numbers are positive, but a row does not sum to one")(
    torch.exp
)


@softmax.mistake("the squares of a row sum to one; the weights themselves must")
def unit_length(scores):
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    return e / e.square().sum(-1, keepdim=True).sqrt()


@softmax.mistake(
    "this is a sigmoid, made to sum to one: it flattens out where scores are high; exp "
    "does not"
)
def sigmoids(scores):
    return _rows(scores.sigmoid())


@softmax.mistake(
    "the sum is that of the scores as they were given; it must be that of the "
    "exponentials"
)
def sum_of_the_scores(scores):
    return scores.exp() / scores.sum(-1, keepdim=True)


@softmax.mistake(
    "shifted, but a row does not sum to one: the largest weight is 1, whatever stands "
    "beside it"
)
def largest_weight_one(scores):
    return (scores - scores.amax(-1, keepdim=True)).exp()


@softmax.mistake(
    "the base is 2, and exp has the base e: all rows sum to one, and every weight is "
    "nearer to the others than it should be"
)
def base_two(scores):
    return _rows(2 ** (scores - scores.amax(-1, keepdim=True)))


@softmax.mistake(
    "negative scores get no weight at all: a weight is small, never cut off. What makes "
    "any number positive?"
)
def cut_at_zero(scores):
    return _rows(scores.clamp(min=0))


@softmax.mistake(
    "the scores are cut off to keep exp in range, and what is beyond the limit weighs "
    "the same: 1000 and 999 are not equal. Shift the row instead"
)
def cut_at_fifty(scores):
    return _rows(scores.clamp(-50, 50).exp())


@softmax.mistake(
    "the scores are divided by the largest one, which changes all weights: what is "
    "subtracted from all scores of a row changes none"
)
def divided_by_the_largest(scores):
    return softmax_of_rows(scores / scores.abs().amax(-1, keepdim=True))


@softmax.mistake(
    "the largest score of each column is subtracted: that is another number for each "
    "score of a row, and changes the weights; all of a row must lose the same"
)
def largest_of_the_column(scores):
    return _rows((scores - scores.amax(0, keepdim=True)).exp())


@softmax.mistake(
    "the *first* score of each row is subtracted; for a row in which another one is "
    "larger by 1000, exp leaves the range all the same. Which score can be anywhere in "
    "its row, and keeps exp in range whatever the others are?"
)
def first_score(scores):
    return _rows((scores - scores[..., :1]).exp())


@softmax.mistake(
    "the *last* score of each row is subtracted; for a row in which another one is "
    "larger by 1000, exp leaves the range all the same. Which score can be anywhere in "
    "its row, and keeps exp in range whatever the others are?"
)
def last_score(scores):
    return _rows((scores - scores[..., -1:]).exp())


@softmax.mistake(
    "right for floating-point scores; for whole ones the weights are rounded to 0: the "
    "answer is written into a tensor of the type of the scores"
)
def softmax_into_integers(scores):
    weights = torch.empty_like(scores)
    weights.copy_(softmax_of_rows(scores))
    return weights


@softmax.symptom
def out_of_range(weights, scores):
    """Weights that are not numbers: which row says whether exp grew or vanished."""
    if weights.shape != scores.shape or weights.isfinite().all():
        return None
    row = scores[~weights.isfinite().all(-1)][0]
    if row.abs().max() < 100:
        return "some weights are not numbers: what is divided by 0, or a logarithm of it?"
    which = "1000" if row.max() > 100 else "-1000"
    return (
        f"for a row with the score {which} the weights are not numbers: exp left the "
        f"range of floating point. Adding one number to all scores of a row changes no "
        f"weight: which one keeps exp in range whatever the others are?"
    )


@out_of_range.mistake
def exp_alone(scores):
    return _rows(scores.exp())


@out_of_range.mistake
def one_maximum_for_all_rows(scores):
    return _rows((scores - scores.max()).exp())


@out_of_range.mistake
def minimum(scores):
    return _rows((scores - scores.amin(-1, keepdim=True)).exp())


@out_of_range.mistake
def mean(scores):
    return _rows((scores - scores.double().mean(-1, keepdim=True)).exp())


@out_of_range.mistake
def middle(scores):
    return _rows(
        (scores - (scores.amax(-1, True) + scores.amin(-1, True)) / 2).exp()
    )


@softmax.symptom
def large_and_wrong(weights, scores):
    if weights.shape == scores.shape and scores.abs().max() > 100:
        return "right for small scores, wrong for scores around 1000"
    return None


@large_and_wrong.mistake
def no_numbers_are_zeros(scores):
    return _rows((scores - scores.max()).exp()).nan_to_num(0)


@large_and_wrong.mistake
def a_little_added(scores):
    return _rows((scores - scores.max()).exp() + 1e-30)


@softmax.forbids(
    "the library's softmax and logsumexp do inside what is asked for here: write it with "
    "exp and sum"
)
def softmax_of_the_library(step: Step, scores: Tensor) -> bool:
    return step.is_softmax


@softmax_of_the_library.mistake
def library_method(scores):
    return scores.double().softmax(-1)


@softmax_of_the_library.mistake
def library_module(scores):
    return torch.nn.Softmax(dim=-1)(scores.float())


@softmax_of_the_library.mistake
def library_attention(scores):
    """Each question is a 1, each key a score, each value one of the unit vectors."""
    rows = scores.float().reshape(-1, 1, scores.shape[-1])
    values = torch.eye(scores.shape[-1]).expand(len(rows), -1, -1)
    ones = torch.ones(len(rows), 1, 1)
    return torch.nn.functional.scaled_dot_product_attention(
        ones, rows.mT.contiguous(), values, scale=1.0
    ).view(scores.shape)


@softmax_of_the_library.mistake
def library_logsumexp(scores):
    return (scores - scores.double().logsumexp(-1, keepdim=True)).exp()


# --- ★ The running average is an attention ----------------------------------------


@exercise("row t averages the positions 0 to t, and nothing else", Weights())
def past_weights() -> Iterator[tuple]:
    """`past_weights(n_positions)`: the weights (T, T) of a running average."""
    yield (4,)
    yield (7,)
    yield (2,)
    yield (1,)
    yield (int(torch.randint(8, 20, ())),)


@past_weights.right
def past_by_division(n_positions):
    ones = torch.ones(n_positions, n_positions).tril()
    return ones / ones.sum(1, keepdim=True)


@past_weights.right
def past_by_softmax(n_positions):
    hidden = torch.ones(n_positions, n_positions).triu(1).bool()
    return (
        torch.zeros(n_positions, n_positions)
        .masked_fill(hidden, -math.inf)
        .softmax(-1)
    )


@past_weights.right
def past_by_loop(n_positions):
    weights = torch.zeros(n_positions, n_positions)
    for t in range(n_positions):
        weights[t, : t + 1] = 1 / (t + 1)
    return weights


@past_weights.right
def past_of_the_unit_vectors(n_positions):
    """What a running average makes of x = I."""
    return (
        torch.eye(n_positions).cumsum(0) / torch.arange(1, n_positions + 1)[:, None]
    )


@past_weights.right
def past_by_recursion(n_positions):
    """Each average is the one before, moved a little towards what is new."""
    rows = [[1.0] + [0.0] * (n_positions - 1)]
    for t in range(1, n_positions):
        row = [t / (t + 1) * w for w in rows[-1]]
        row[t] = 1 / (t + 1)
        rows.append(row)
    return rows


@past_weights.mistake(
    "the positions that are not yet there get a weight as well: exp(0) is 1, so a "
    "score of 0 does not hide anything; which score does?"
)
def zero_hides(n_positions):
    return torch.ones(n_positions, n_positions).tril().softmax(-1)


@past_weights.mistake(
    "row t sees the future and not the past: is the triangle upside down?"
)
def upper_triangle(n_positions):
    return _rows(torch.ones(n_positions, n_positions).triu())


def _divided_by_all(n_positions: int) -> str:
    return f"every sum is divided by {n_positions}; row t has only t + 1 terms"


@past_weights.mistake(_divided_by_all)
def divided_by_all(n_positions):
    return torch.ones(n_positions, n_positions).tril() / n_positions


@past_weights.mistake(_divided_by_all)
def hidden_after_the_softmax(n_positions):
    return torch.zeros(n_positions, n_positions).softmax(-1).tril()


@past_weights.mistake(
    "the columns sum to one; the weights of position t stand in row t"
)
def columns_sum_to_one(n_positions):
    return torch.ones(n_positions, n_positions).tril() / torch.ones(
        n_positions, n_positions
    ).tril().sum(0)


@past_weights.mistake(
    "the columns sum to one; the weights of position t stand in row t: transposed"
)
def transposed_average(n_positions):
    return past_by_division(n_positions).T


@past_weights.mistake(
    "row t is divided by t + 1, so the divisors must stand in a column, (T, 1)"
)
def divisors_in_a_row(n_positions):
    return torch.ones(n_positions, n_positions).tril() / torch.arange(
        1, n_positions + 1
    )


@past_weights.mistake(
    "row t is divided by t, but it has t + 1 terms: the positions 0 to t. The first "
    "row is divided by 0"
)
def divided_by_t(n_positions):
    return (
        torch.ones(n_positions, n_positions).tril()
        / torch.arange(n_positions)[:, None]
    )


LEFT_OUT = "each position leaves itself out, so the first has nothing to average"


@past_weights.mistake(LEFT_OUT)
def strict_past(n_positions):
    return _rows(torch.ones(n_positions, n_positions).tril(-1))


@past_weights.mistake(LEFT_OUT)
def strict_past_by_softmax(n_positions):
    return (
        torch.zeros(n_positions, n_positions)
        .masked_fill(torch.ones(n_positions, n_positions).triu().bool(), -math.inf)
        .softmax(-1)
    )


@past_weights.mistake(LEFT_OUT)
def strict_past_without_nan(n_positions):
    return _rows(torch.ones(n_positions, n_positions).tril(-1)).nan_to_num(0)


@past_weights.mistake("every row averages the whole sequence, its future included")
def everything(n_positions):
    return torch.ones(n_positions, n_positions) / n_positions


@past_weights.mistake(
    "the triangle is there, but a row sums to the number of its ones"
)
def ones_alone(n_positions):
    return torch.ones(n_positions, n_positions).tril()


@past_weights.mistake(
    "the triangle reaches one position too far: row t sees t + 1, which is its future"
)
def one_too_far(n_positions):
    return _rows(torch.ones(n_positions, n_positions).tril(1))


@past_weights.mistake(
    "all weights together sum to one; each row is an average of its own"
)
def one_sum_for_all(n_positions):
    return (
        torch.ones(n_positions, n_positions).tril()
        / torch.ones(n_positions, n_positions).tril().sum()
    )


@past_weights.mistake(
    "masked_fill hides where the mask is True: this one hides the past and the present, "
    "and shows the future"
)
def hidden_where_it_may_look(n_positions):
    hidden = torch.ones(n_positions, n_positions).tril().bool()
    return (
        torch.zeros(n_positions, n_positions)
        .masked_fill(hidden, -math.inf)
        .softmax(-1)
    )


@past_weights.mistake(
    "what is hidden gets 0 after the softmax, but has taken its share before: the rows no "
    "longer sum to one. Hide before the softmax, by a score of −∞"
)
def zeros_hide_and_cut(n_positions):
    return torch.ones(n_positions, n_positions).tril().softmax(-1).tril()


@past_weights.mistake(
    "later positions weigh more: an average gives each the same, so each of the t + 1 "
    "gets 1 / (t + 1)"
)
def growing_weights(n_positions):
    return _rows(torch.arange(1.0, n_positions + 1).repeat(n_positions, 1).tril())


@past_weights.mistake(
    "each position sees itself only: row t averages the positions 0 to t"
)
def itself_only(n_positions):
    return torch.eye(n_positions)


@past_weights.mistake(
    "the latest positions weigh more: an average gives each the same, so all scores "
    "that are not hidden must be equal"
)
def growing_scores(n_positions):
    return (
        torch.arange(float(n_positions))
        .repeat(n_positions, 1)
        .masked_fill(torch.ones(n_positions, n_positions).triu(1).bool(), -math.inf)
        .softmax(-1)
    )


@past_weights.symptom
def future_is_faint(weights, n_positions):
    if weights.shape != (n_positions, n_positions) or weights.dtype == torch.bool:
        return None
    faint = weights[torch.ones(n_positions, n_positions).triu(1).bool()]
    if faint.numel() and faint.min() > 0 and faint.max() < 0.05:
        return (
            f"the future has a weight of {float(faint.max()):.2g}: a score that is low "
            f"hides a little less than wholly; which score hides?"
        )
    return None


@future_is_faint.mistake
def minus_ten(n_positions):
    hidden = torch.ones(n_positions, n_positions).triu(1).bool()
    return (
        torch.zeros(n_positions, n_positions).masked_fill(hidden, -10.0).softmax(-1)
    )


@future_is_faint.mistake
def minus_fifteen(n_positions):
    hidden = torch.ones(n_positions, n_positions).triu(1)
    return (-15 * hidden).softmax(-1)


@past_weights.refused("expected 0 exactly")
def one_faint_weight(n_positions):
    weights = past_by_division(n_positions)
    weights[0, -1] += 1e-7 * (n_positions > 2)
    return weights


# --- ★★ Which item costs five? ----------------------------------------------------


class Views(Numbers):
    """Three matrices (2V, V), read by what attention answers with them.

    A position's vector is [its word | its left neighbour], each one-hot. Asked with a
    price at the last position, attention over the earlier ones returns words: one row
    of `N_PAIRS` × V numbers for every question.
    """

    N_PAIRS = 4

    def read(self, found: Any, n_words: int) -> tuple[Tensor]:
        views = self._matrices(found, n_words)
        items, prices = self.board(n_words)
        asked = range(self.N_PAIRS)
        return (
            torch.stack(
                [_answered(views, items, prices, a, n_words) for a in asked]
            ),
        )

    def _matrices(self, found: Any, n_words: int) -> list[Tensor]:
        if not has_parts(found, 3):
            raise Wrong(
                f"returns {briefly(found)}: return three matrices: w_q, w_k, w_v"
            )
        views = [tensor_of(view) for view in found]
        for name, view in zip(("w_q", "w_k", "w_v"), views, strict=True):
            shape = tuple(view.shape)
            if shape == (n_words, 2 * n_words):
                raise Wrong(
                    f"returns {name} transposed: x @ {name} needs (2V, V), not (V, 2V)"
                )
            if shape != (2 * n_words, n_words):
                raise Wrong(f"returns {name} of shape {shape}, expected (2V, V)")
        return views

    def board(self, n_words: int) -> tuple[Tensor, Tensor]:
        """Items and prices, different words: any word can be either."""
        generator = torch.Generator().manual_seed(n_words)
        words = torch.randperm(n_words, generator=generator)[: 2 * self.N_PAIRS]
        return words[: self.N_PAIRS], words[self.N_PAIRS :]

    def same(self, a: Tensor, b: Tensor) -> bool:
        """The same word, and by far, in every answer; or all the same."""
        return super().same(a, b) or (
            bool((a.argmax(-1) == b.argmax(-1)).all())
            and _is_clear(a)
            and _is_clear(b)
        )


def _is_clear(answers: Tensor) -> bool:
    """One word is ten times as large as any other, whatever its size."""
    size = answers.sort(-1).values
    return bool(
        (size[:, -1] > 1e-3).all() and (size[:, -2] < size[:, -1] / 10).all()
    )


def _answered(
    views, items: Tensor, prices: Tensor, asked: int, n_words: int
) -> Tensor:
    """What attention answers, (V,), asked for the item with this price."""
    board = torch.stack((items, prices), 1).flatten()
    ids = torch.cat((board, prices[asked : asked + 1]))  # (T,)
    words = torch.eye(n_words, dtype=torch.float64)[ids]
    left = torch.cat((torch.zeros(1, n_words, dtype=torch.float64), words[:-1]))
    x = torch.cat((words, left), 1)
    q, k, v = (x @ view.double() for view in views)
    return (attention_weights(100 * q[-1:], k[:-1]) @ v[:-1])[0]


@exercise("asked with a price, it answers with the item", Views())
def reverse_views() -> Iterator[tuple]:
    """`reverse_views(n_words)`: three matrices (2V, V) for the reverse question."""
    yield (8,)
    yield (11,)


def _blocks(n: int) -> dict[str, Tensor]:
    eye, zero = torch.eye(n), torch.zeros(n, n)
    word, left = torch.cat((eye, zero)), torch.cat((zero, eye))
    return {"word": word, "left": left, "both": word + left, "none": 0 * word}


def _views(q: str, k: str, v: str, loudness: float = 1.0):
    def answer(n_words):
        pick = _blocks(n_words)
        return loudness * pick[q], pick[k], pick[v]

    return answer


@reverse_views.right
def views_of_blocks(n_words):
    word = torch.eye(2 * n_words)[:, :n_words]
    return word, word, torch.eye(2 * n_words)[:, n_words:]


reverse_views.right(_views("word", "word", "left", loudness=9.0))


@reverse_views.right
def views_in_another_basis(n_words):
    """Query and key may be turned together, and the value may be of any size."""
    turn = torch.linalg.qr(torch.randn(n_words, n_words)).Q
    word, _, left = views_of_blocks(n_words)
    return word @ turn, word @ turn, 0.3 * left


@reverse_views.right
def views_in_integers(n_words):
    return [view.long() for view in views_of_blocks(n_words)]


reverse_views.mistake(
    "it answers with the word that follows the price; that is the question of the "
    "chapter. Which position holds both the price and its item?"
)(_views("word", "left", "word"))

reverse_views.mistake(
    "it answers with the price it was asked: what should a value tell?"
)(_views("word", "word", "word"))

reverse_views.mistake(
    "it answers with the item of the position before, or with a word of another pair: "
    "which positions match?"
)(_views("left", "word", "word"))

reverse_views.mistake(
    "it answers with the price: the item's position is found, by its right neighbour? "
    "No vector holds that; the price's position holds both"
)(_views("word", "left", "left"))

reverse_views.mistake(
    "the query holds both halves, so it fits several positions, also those of another "
    "pair: what does the last position need to tell? Only what it is"
)(_views("both", "both", "left"))

ALIKE = (
    "every position gets the same weight: the query fits none of them, or all; what does "
    "the query of the last position hold, and which key is equal to it?"
)
reverse_views.mistake(ALIKE)(_views("none", "none", "left"))
reverse_views.mistake(ALIKE)(_views("word", "none", "left"))
reverse_views.mistake(ALIKE)(_views("left", "left", "left"))


@reverse_views.symptom
def two_words(answers, n_words):
    size = answers.sort(-1).values / answers.amax(-1, keepdim=True)
    if ((size[:, -2] > 0.1) & (size[:, -3] < 0.1)).all():
        return "the answer holds two words at once: what should a value tell?"
    return None


two_words.mistake(_views("word", "word", "both"))


@two_words.mistake
def a_little_of_the_price(n_words):
    word, _, left = views_of_blocks(n_words)
    return word, word, left + 0.2 * word


@reverse_views.symptom
def unclear(answers, n_words):
    if _is_clear(answers):
        return None
    share = answers.amax(-1) / answers.abs().sum(-1).clamp(min=1e-9)
    return (
        f"no word gets more than {float(share.min()):.2f} of the answer: the question "
        f"fits several positions, or none; what does the query of the last position "
        f"hold, and which key is equal to it?"
    )


unclear.mistake(_views("word", "word", "left", loudness=0.01))


@unclear.mistake
def zeros(n_words):
    return ([[0.0] * n_words] * (2 * n_words),) * 3


@reverse_views.symptom
def another_word(answers, n_words):
    items, prices = reverse_views.kind.board(n_words)
    if (answers.argmax(-1) == prices).all():
        return "it answers with the price it was asked: what should a value tell?"
    if (answers.argmax(-1)[:-1] == items[1:]).all():
        return (
            "it answers with the word that follows the price; that is the question of "
            "the chapter. Which position holds both the price and its item?"
        )
    return "it answers with a word of another pair: which positions match?"


another_word.mistake(_views("left", "word", "left"))


@reverse_views.refused("transposed: x @ w_q needs (2V, V), not (V, 2V)")
def transposed_views(n_words):
    return tuple(view.T for view in views_of_blocks(n_words))


@reverse_views.refused("return three matrices")
def one_matrix(n_words):
    return torch.eye(2 * n_words)[:, :n_words]


@reverse_views.refused("w_q of shape (8, 8), expected (2V, V)")
def square_matrices(n_words):
    return [torch.eye(n_words)] * 3


@reverse_views.refused("w_q of shape (16, 8), expected (2V, V) (for n_words = 11)")
def fixed_size(n_words):
    return views_of_blocks(8)


# --- ★★ An attention from 1964 ----------------------------------------------------


@exercise("the smoother of 1964 is an attention with these scores", Weighed())
def kernel_scores() -> Iterator[tuple]:
    """`kernel_scores(at, seen, bandwidth)`: (T,), (S,) to scores (T, S)."""
    yield (
        torch.randn(4, dtype=torch.float64),
        torch.randn(6, dtype=torch.float64),
        0.7,
    )
    yield torch.randn(5), torch.randn(5), 1.9
    yield torch.randn(1), torch.randn(3), 0.4
    yield torch.tensor([1, 5, 2]), torch.tensor([4, 1, 2, 2]), 2.0
    yield torch.tensor([40.0, -40.0, 0.1]), torch.tensor([1.0, -1.0, 0.2]), 0.5
    yield torch.randn(3, 2)[:, 0], torch.randn(2), 1.0


@kernel_scores.right
def gaussian(at, seen, bandwidth):
    return -0.5 * ((at[:, None] - seen) / bandwidth) ** 2


@kernel_scores.right
def gaussian_expanded(at, seen, bandwidth):
    """Without at², which is the same for a whole row."""
    return (at[:, None] * seen - seen**2 / 2) / bandwidth**2


@kernel_scores.right
def gaussian_of_distances(at, seen, bandwidth):
    apart = torch.cdist(at[:, None].double(), seen[:, None].double())
    return 5 - apart.square() / (2 * bandwidth**2)


@kernel_scores.right
def gaussian_by_loop(at, seen, bandwidth):
    return [
        [-((a - x) ** 2) / (2 * bandwidth**2) for x in seen.tolist()]
        for a in at.tolist()
    ]


def _squared(at, seen):
    return (at[:, None] - seen) ** 2


@kernel_scores.mistake(
    "the farthest point gets the largest weight: one sign is wrong"
)
def attracted_by_distance(at, seen, bandwidth):
    return _squared(at, seen) / (2 * bandwidth**2)


@kernel_scores.mistake("the ½ of the Gaussian is missing")
def no_half(at, seen, bandwidth):
    return -_squared(at, seen) / bandwidth**2


@kernel_scores.mistake(
    "the bandwidth is not squared: distance over bandwidth must have no unit"
)
def bandwidth_not_squared(at, seen, bandwidth):
    return -_squared(at, seen) / (2 * bandwidth)


@kernel_scores.mistake(
    "the 2 is squared as well: (2 * h)**2 is 4 h²; only the bandwidth is squared"
)
def two_squared(at, seen, bandwidth):
    return -_squared(at, seen) / (2 * bandwidth) ** 2


@kernel_scores.mistake(
    "this falls off with the distance, not with its square: that is another kernel "
    "(Laplace's), with a corner at every point"
)
def laplace(at, seen, bandwidth):
    return -(at[:, None] - seen).abs() / bandwidth


@kernel_scores.mistake(
    "this falls off with the distance, not with its square: that is another kernel "
    "(Laplace's), with a corner at every point; and its bandwidth is halved"
)
def laplace_of_half(at, seen, bandwidth):
    return -(at[:, None] - seen).abs() / (2 * bandwidth**2)


@kernel_scores.mistake(
    "here the distance has kept its sign: points on the left and on the right must "
    "weigh the same. What makes a distance positive?"
)
def signed_distance(at, seen, bandwidth):
    return -(at[:, None] - seen) / (2 * bandwidth**2)


@kernel_scores.mistake("the bandwidth has no effect")
def no_bandwidth(at, seen, bandwidth):
    return -_squared(at, seen) / 2


@kernel_scores.mistake("a / 2 * h**2 multiplies by h²: put 2 * h**2 in brackets")
def no_brackets(at, seen, bandwidth):
    return -_squared(at, seen) / 2 * bandwidth**2


@kernel_scores.mistake(
    "the places are added; the distance of two places is their difference"
)
def sum_of_places(at, seen, bandwidth):
    return -((at[:, None] + seen) ** 2) / (2 * bandwidth**2)


@kernel_scores.mistake(
    "the columns are normalised: the weights of one place asked about stand in a row, and "
    "the softmax will see to it"
)
def columns_normalised(at, seen, bandwidth):
    return gaussian(at, seen, bandwidth).log_softmax(0)


@kernel_scores.mistake(
    "this is the plain product of the two places: it prefers seen points that are far "
    "from zero, not those that are near"
)
def product(at, seen, bandwidth):
    return at[:, None] * seen / bandwidth**2


@kernel_scores.mistake(
    "these are weights already; return what the softmax is given"
)
def weights_already(at, seen, bandwidth):
    return gaussian(at, seen, bandwidth).softmax(-1)


@kernel_scores.mistake(
    "these are the exponentials already; return what the softmax is given"
)
def exponentials_already(at, seen, bandwidth):
    return gaussian(at, seen, bandwidth).exp()


FAR = (
    "right where points are near; far from all of them exp gives 0, and neither its "
    "logarithm nor a division by the sum gives a number: leave exp to the softmax"
)


@kernel_scores.mistake(FAR)
def logarithm_of_zero(at, seen, bandwidth):
    return gaussian(at, seen, bandwidth).exp().log()


@kernel_scores.mistake(FAR)
def logarithm_of_shares(at, seen, bandwidth):
    return _rows(gaussian(at, seen, bandwidth).exp()).log()


@kernel_scores.mistake(
    "right where points are near; far from all of them what is added inside the "
    "logarithm is all that is left: leave exp to the softmax"
)
def logarithm_of_a_little(at, seen, bandwidth):
    return (gaussian(at, seen, bandwidth).exp() + 1e-9).log()


@kernel_scores.symptom
def turned(scores, at, seen, bandwidth):
    if scores.shape == (len(seen), len(at)) != (len(at), len(seen)):
        return (
            f"the shape is {tuple(scores.shape)}, expected {(len(at), len(seen))}: one "
            f"row for each place asked about, one column for each seen"
        )
    return None


@turned.mistake
def columns_for_places(at, seen, bandwidth):
    return -_squared(seen, at) / (2 * bandwidth**2)


@kernel_scores.refused("the softmax of your scores is")
def shifted(at, seen, bandwidth):
    return gaussian(at + 1, seen, bandwidth)


@kernel_scores.refused("must match the size")
def same_length(at, seen, bandwidth):
    return -((at - seen) ** 2) / (2 * bandwidth**2)


# --- ★★★ How a score feels a change of the weights --------------------------------


@exercise("equal to automatic differentiation")
def scores_gradient() -> Iterator[tuple]:
    """`scores_gradient(weights, upstream)`: both (..., S), gradient (..., S)."""
    for shape in ((3, 5), (2, 3, 4), (6,), (2, 1)):
        yield torch.randn(shape).softmax(-1), torch.randn(shape)
    yield torch.randn(5, 3).softmax(0).T, torch.randn(5, 3).T
    yield torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]), torch.randn(2, 3)
    yield torch.randn(2, 40).double().softmax(-1), torch.randn(2, 40).double()
    yield torch.randn(2, 3).softmax(-1), torch.tensor([[1, -2, 3], [0, 0, 7]])


@scores_gradient.right
def gradient(weights, upstream):
    return weights * (upstream - (weights * upstream).sum(-1, keepdim=True))


@scores_gradient.right
def gradient_by_einsum(weights, upstream):
    got = torch.einsum("...s,...s->...", weights, upstream.to(weights))
    return weights * upstream - weights * got[..., None]


@scores_gradient.right
def gradient_by_loop(weights, upstream):
    """S products for each of S scores, and no matrix."""
    out = torch.zeros(weights.shape)
    for j in range(weights.shape[-1]):
        for i in range(weights.shape[-1]):
            pull = weights[..., j] * (float(i == j) - weights[..., i])
            out[..., j] += upstream[..., i] * pull
    return out


@scores_gradient.right
def gradient_of_what_is_better(weights, upstream):
    centred = upstream - upstream.float().mean(-1, keepdim=True)
    return weights * (centred - (weights * centred).sum(-1, keepdim=True))


@scores_gradient.mistake(
    "raising one score lowers all other weights of the row; here each weight depends "
    "on its own score only (the diagonal of the Jacobian)"
)
def diagonal(weights, upstream):
    return upstream * weights * (1 - weights)


@scores_gradient.mistake("the term for the sum in the denominator is missing")
def no_denominator(weights, upstream):
    return upstream * weights


@scores_gradient.mistake("the sign is wrong: this walks uphill")
def uphill(weights, upstream):
    return -gradient(weights, upstream)


@scores_gradient.mistake(
    "the sum runs over the questions; it must run over the keys of each"
)
def over_questions(weights, upstream):
    return weights * (upstream - (upstream * weights).sum(0, keepdim=True))


@scores_gradient.mistake(
    "with weights (B, T, S) the sum must still run over the last axis: that is axis "
    "-1, and 1 only of a matrix"
)
def middle_keys(weights, upstream):
    return weights * (upstream - (upstream * weights).sum(1, keepdim=True))


@scores_gradient.mistake(
    "the average pull is subtracted, but the whole is not weighted by w"
)
def unweighted_whole(weights, upstream):
    return upstream - (upstream * weights).sum(-1, keepdim=True)


@scores_gradient.mistake(
    "the pull is subtracted, but not weighted by w: both terms are"
)
def unweighted_pull(weights, upstream):
    return upstream * weights - (upstream * weights).sum(-1, keepdim=True)


@scores_gradient.mistake("the average over keys must be weighted: w is the weight")
def plain_average(weights, upstream):
    return weights * (upstream - upstream.double().mean(-1, keepdim=True))


@scores_gradient.mistake(
    "the average is a mean of g·w; the weights sum to one already"
)
def mean_of_products(weights, upstream):
    return weights * (upstream - (upstream * weights).mean(-1, keepdim=True))


@scores_gradient.mistake(
    "it is the weight that the whole is multiplied by, and upstream that the average is "
    "subtracted from; here they have changed places"
)
def places_changed(weights, upstream):
    return upstream * (weights - (weights * upstream).sum(-1, keepdim=True))


@scores_gradient.mistake(
    "only the average is left: a score also feels the change of its own weight, upstream"
)
def average_alone(weights, upstream):
    return -weights * (weights * upstream).sum(-1, keepdim=True)


@scores_gradient.mistake(
    "the weights stand twice in the sum; the average of upstream needs them once"
)
def squared_in_the_sum(weights, upstream):
    return weights * (upstream - (weights**2 * upstream).sum(-1, keepdim=True))


@scores_gradient.mistake(
    "the sum of upstream is subtracted, not its average under the weights"
)
def plain_sum(weights, upstream):
    return weights * (upstream - upstream.sum(-1, keepdim=True))


@scores_gradient.mistake("this is the gradient through a log-softmax")
def log_softmax_gradient(weights, upstream):
    return upstream - weights * upstream.sum(-1, keepdim=True)


@scores_gradient.mistake(
    "the weights are squared where they stand once: the first term is w·g"
)
def weighted_twice(weights, upstream):
    return weights * (
        weights * upstream - (weights * upstream).sum(-1, keepdim=True)
    )


@scores_gradient.mistake(
    "a softmax has been taken of the weights: they are given, and so is their sum, 1"
)
def softmax_again(weights, upstream):
    return gradient(weights.softmax(-1), upstream)


@scores_gradient.mistake(
    "right for a floating-point upstream; for a whole one the gradient is rounded: the "
    "answer is written into a tensor of the type of upstream"
)
def gradient_into_integers(weights, upstream):
    out = torch.empty_like(upstream)
    out.copy_(gradient(weights, upstream))
    return out


ONE_SUM = "one sum for all questions; it must run over the keys of each"


@scores_gradient.mistake(ONE_SUM)
def one_pull_for_all(weights, upstream):
    return weights * (upstream - (upstream * weights).sum())


@scores_gradient.mistake(ONE_SUM)
def gradient_of_one_long_row(weights, upstream):
    w, g = weights.reshape(-1), upstream.reshape(-1)
    return gradient(w, g).view(weights.shape)


@scores_gradient.forbids(
    "this is automatic differentiation: work the formula out by hand; no derivative is "
    "needed, weights and upstream say it all"
)
def derived_by_machine(step: Step, weights: Tensor, upstream: Tensor) -> bool:
    return step.is_automatic


@derived_by_machine.mistake
def gradient_by_autograd(weights, upstream):
    scores = weights.log().requires_grad_()
    (found,) = torch.autograd.grad(scores.softmax(-1), scores, upstream.to(weights))
    return found


@derived_by_machine.mistake
def gradient_by_backward(weights, upstream):
    scores = weights.log().requires_grad_()
    with torch.enable_grad():
        (scores.softmax(-1) * upstream).sum().backward()
    return scores.grad


@derived_by_machine.mistake
def gradient_of_the_library(weights, upstream):
    backward = torch.ops.aten._softmax_backward_data
    return backward(upstream.to(weights), weights, -1, weights.dtype)


@derived_by_machine.mistake
def gradient_by_jvp(weights, upstream):
    """The Jacobian is symmetric."""
    return torch.func.jvp(
        lambda s: s.softmax(-1), (weights.log(),), (upstream.to(weights),)
    )[1]


@derived_by_machine.mistake
def gradient_by_vjp(weights, upstream):
    _, pull = torch.func.vjp(lambda s: s.softmax(-1), weights.log())
    return pull(upstream.to(weights))[0]


@scores_gradient.forbids(
    "on the way there is a tensor with S × S numbers, and the answer can be had with S: "
    "multiply the row of upstream into the Jacobian on paper first. Which part of the "
    "sum is the same for all scores of a row?"
)
def whole_jacobian(step: Step, weights: Tensor, upstream: Tensor) -> bool:
    n_keys = weights.shape[-1]
    return n_keys >= 40 and step.size >= n_keys**2


@whole_jacobian.mistake
def gradient_by_jacobian(weights, upstream):
    jacobian = (
        torch.diag_embed(weights) - weights[..., None] * weights[..., None, :]
    )
    return (jacobian @ upstream.to(weights)[..., None])[..., 0]


@whole_jacobian.mistake
def gradient_by_a_matrix_for_each_row(weights, upstream):
    rows = []
    w, g = weights.reshape(-1, weights.shape[-1]), upstream.to(weights)
    for one, pull in zip(w, g.reshape(w.shape), strict=True):
        rows.append((torch.diag(one) - torch.outer(one, one)) @ pull)
    return torch.stack(rows).view(weights.shape)


@whole_jacobian.mistake
def gradient_with_an_identity(weights, upstream):
    one = torch.eye(weights.shape[-1]).to(weights)
    return (weights * upstream) @ one - weights * (weights * upstream).sum(-1, True)


# --- ★★ Views of equal length -----------------------------------------------------


@exercise(
    "the question asks by direction alone, and hears vectors as long as they are"
)
def unit_look() -> Iterator[tuple]:
    """`unit_look(q, k, v, temperature)`: v (B, T, D) to (B, 1, D)."""
    for shape, temperature in [
        ((3, 5, 4), 1.0),
        ((2, 7, 6), 0.1),
        ((1, 3, 9), 2.5),
        ((4, 1, 3), 0.5),
        ((4, 4, 4), 0.3),
    ]:
        lengths = torch.rand(*shape[:2], 1) * 4 + 0.2
        q = torch.randn(shape[0], 1, shape[2])
        yield q, torch.randn(shape), lengths * torch.randn(shape), temperature


def _unit(x: Tensor, axis: int = -1) -> Tensor:
    return x / x.norm(dim=axis, keepdim=True)


def _hears(
    asking: Tensor, found_by: Tensor, v: Tensor, temperature: float
) -> Tensor:
    """What (B, S, D) hear of v when they are compared with (B, T, D)."""
    return (asking @ found_by.transpose(1, 2) / temperature).softmax(-1) @ v


@unit_look.right
def cosines(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, v, temperature)


@unit_look.right
def cosines_of_the_library(q, k, v, temperature):
    cosine = torch.cosine_similarity(v, v[:, -1:], dim=-1)
    return ((cosine / temperature).softmax(-1)[..., None] * v).sum(1, keepdim=True)


@unit_look.right
def cosines_one_text_at_a_time(q, k, v, temperature):
    told = []
    for text in v.double():
        lengths = (text**2).sum(-1).sqrt()
        scores = text @ text[-1] / lengths / lengths[-1] / temperature
        told.append((scores.exp() / scores.exp().sum()) @ text)
    return torch.stack(told)[:, None]


@unit_look.right
def cosines_through_attention(q, k, v, temperature):
    unit = _unit(v)
    back = v.shape[-1] ** 0.5 / temperature
    return attention_weights(back * unit[:, -1:], unit) @ v


@unit_look.right
def cosines_by_einsum(q, k, v, temperature):
    unit = torch.nn.functional.normalize(v, dim=2)
    scores = torch.einsum("bd,btd->bt", unit[:, -1], unit)
    return torch.einsum("bt,btd->bd", (scores / temperature).softmax(1), v)[:, None]


@unit_look.mistake(
    "the vectors that are averaged have been made one unit long as well: only the "
    "comparison goes by direction, what is heard is v as it is"
)
def unit_values(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, unit, temperature)


@unit_look.mistake(
    "only the question is one unit long: the others still win by length, as they did "
    "before"
)
def unit_question_only(q, k, v, temperature):
    return _hears(_unit(v)[:, -1:], v, v, temperature)


@unit_look.mistake(
    "the question keeps its length: a long one makes large scores, as a low temperature "
    "does"
)
def unit_keys_only(q, k, v, temperature):
    return _hears(v[:, -1:], _unit(v), v, temperature)


@unit_look.mistake("nothing is one unit long here: divide each vector by its norm")
def no_unit(q, k, v, temperature):
    return _hears(v[:, -1:], v, v, temperature)


@unit_look.mistake(
    "the norm is taken over the positions, axis 1; the length of a vector is a sum over "
    "its components, the last axis"
)
def norm_over_positions(q, k, v, temperature):
    unit = _unit(v, 1)
    return _hears(unit[:, -1:], unit, v, temperature)


@unit_look.mistake(
    "everything is divided by one number, the norm of the whole tensor; each vector has "
    "a length of its own"
)
def one_norm_for_all(q, k, v, temperature):
    unit = v / v.norm()
    return _hears(unit[:, -1:], unit, v, temperature)


@unit_look.mistake(
    "each vector is divided by the square of its length: take the root of the sum of "
    "squares"
)
def no_root(q, k, v, temperature):
    unit = v / v.square().sum(-1, keepdim=True)
    return _hears(unit[:, -1:], unit, v, temperature)


@unit_look.mistake(
    "each vector is divided by the sum of its absolute components; its length is the "
    "root of the sum of squares"
)
def sum_of_amounts(q, k, v, temperature):
    unit = v / v.abs().sum(-1, keepdim=True)
    return _hears(unit[:, -1:], unit, v, temperature)


@unit_look.mistake(
    "the scores are multiplied by the temperature; a low temperature must make the "
    "weights more unequal, so divide"
)
def times_temperature(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, v, 1 / temperature)


@unit_look.mistake("the temperature plays no part: divide the scores by it")
def no_temperature(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, v, 1.0)


@unit_look.mistake(
    "the weights are divided by the temperature, after the softmax: they no longer sum "
    "to one. Divide the scores"
)
def temperature_too_late(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, v, 1.0) / temperature


@unit_look.mistake(
    "the scores are divided by √D as well: a cosine is never above 1, whatever D is, and "
    "needs no such division"
)
def root_of_the_width_too(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, -1:], unit, v, temperature * v.shape[-1] ** 0.5)


@unit_look.mistake(
    "the first position asks; the question stands at the end of the list"
)
def the_first_asks(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit[:, :1], unit, v, temperature)


@unit_look.mistake(
    "every position asks here, (B, T, D); only the last one is wanted, (B, 1, D)"
)
def everybody_asks(q, k, v, temperature):
    unit = _unit(v)
    return _hears(unit, unit, v, temperature)


@unit_look.mistake(
    "the numbers are right, the shape is (B, D): the model expects (B, 1, D), one "
    "position that has asked"
)
def no_position_left(q, k, v, temperature):
    return cosines(q, k, v, temperature)[:, 0]


@unit_look.mistake(
    "there is one view here, and it is v: q asks and k is found through matrices of "
    "their own"
)
def three_views(q, k, v, temperature):
    return _hears(_unit(q), _unit(k), v, temperature)


@unit_look.mistake(
    "the softmax runs over the position that asks, of which there is one: every weight "
    "becomes 1. The weights of the positions heard must sum to one"
)
def softmax_over_the_asker(q, k, v, temperature):
    unit = _unit(v)
    return (unit[:, -1:] @ unit.transpose(1, 2) / temperature).softmax(1) @ v


@unit_look.mistake(
    "the question does not hear itself; here it may, and that is the point: nothing "
    "fits a vector as well as itself"
)
def not_itself(q, k, v, temperature):
    if v.shape[1] == 1:
        return torch.zeros_like(v)
    unit = _unit(v)
    return _hears(unit[:, -1:], unit[:, :-1], v[:, :-1], temperature)
