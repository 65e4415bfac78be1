"""The exercises of chapter 17, When training goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from book.exercises.answers import Mask, Values
from book.exercises.exercise import exercise
from book.exercises.verdict import Verdict
from llm.bugs import BUGS

# --- ★ The first wrong target -------------------------------------------------------


@exercise(
    "the first target that is not the next token, and what does not count is left out",
    Values("the row", "the position"),
)
def first_wrong() -> Iterator[tuple]:
    """`first_wrong(x, y)`: row and position of the first wrong target, or −1, −1."""
    x = torch.tensor([[5, 6, 7, 8], [9, 3, 3, 4], [2, 6, 1, 7]])
    y = torch.cat((x[:, 1:], torch.tensor([[1], [2], [3]])), 1)
    yield x, y
    for places in (
        [(1, 2)],
        [(2, 0), (1, 1)],
        [(0, 2), (2, 1)],
        [(2, 0)],
        [(0, 0)],
    ):
        wrong = y.clone()
        for place in places:
            wrong[place] += 10
        yield x, wrong
    ignored = y.clone()
    ignored[0, 1:] = -100
    ignored[2, 1] = 30
    yield x, ignored
    yield x[:, :1], y[:, :1]
    yield x, x.clone()
    hole = y.clone()
    hole[:, 0] = -100
    hole[1, 1] += 10
    yield x, hole  # what does not count may stand in front
    zero = x.clone()
    zero[0, 1] = 0
    due = torch.cat((zero[:, 1:], y[:, -1:]), 1)
    due[0, 0] = 30
    yield zero, due  # id 0 is a token like others
    filled = torch.tensor([[5, 6, 0, 0], [7, 8, 9, 0]])
    yield filled, torch.tensor([[6, 1, -100, -100], [8, 9, 1, -100]])


def _wrong(x: Tensor, y: Tensor) -> Tensor:
    """(B, T − 1); the target before one that does not count may be an end mark."""
    counts = y != -100
    return (y[:, :-1] != x[:, 1:]) & counts[:, :-1] & counts[:, 1:]


def _first(wrong: Tensor) -> tuple[int, int]:
    places = wrong.nonzero().tolist()
    return tuple(places[0]) if places else (-1, -1)


@first_wrong.right
def by_slices(x, y):
    return _first(_wrong(x, y))


@first_wrong.right
def by_loops(x, y):
    for row in range(len(x)):
        for t in range(x.shape[1] - 1):
            counts = int(y[row, t]) != -100 and int(y[row, t + 1]) != -100
            if counts and int(y[row, t]) != int(x[row, t + 1]):
                return row, t
    return -1, -1


@first_wrong.right
def by_argmax(x, y):
    wrong = _wrong(x, y)
    if not wrong.any():
        return torch.tensor([-1, -1])
    at = int(wrong.flatten().int().argmax())
    return torch.tensor([at // wrong.shape[1], at % wrong.shape[1]])


@first_wrong.mistake(
    "the targets are compared with the inputs at the same place; a target is the token "
    "that comes next, x one place on"
)
def same_place(x, y):
    return _first((y != x) & (y != -100))


@first_wrong.mistake(
    "shifted to the wrong side: y at t is x at t + 1, not x at t - 1"
)
def other_side(x, y):
    counts = y != -100
    return _first((y[:, 1:] != x[:, :-1]) & counts[:, :-1] & counts[:, 1:])


@first_wrong.mistake(
    "targets of -100 do not count; a row of filling is not a mistake"
)
def filling_is_wrong(x, y):
    return _first(y[:, :-1] != x[:, 1:])


@first_wrong.mistake(
    "the last target before the filling is the end mark, and behind it x holds filling: "
    "compare only where the next target counts as well"
)
def end_is_wrong(x, y):
    return _first((y[:, :-1] != x[:, 1:]) & (y != -100)[:, :-1])


@first_wrong.mistake(
    "the last of all wrong targets was returned; the first is asked for"
)
def last_of_all(x, y):
    places = _wrong(x, y).nonzero().tolist()
    return tuple(places[-1]) if places else (-1, -1)


@first_wrong.mistake(
    "the first by position was taken; row by row is asked for: the first row that has a "
    "wrong target, and in it the first position"
)
def by_columns(x, y):
    t, row = _first(_wrong(x, y).T)
    return row, t


@first_wrong.mistake("the two numbers are right and exchanged: first the row")
def exchanged(x, y):
    return by_slices(x, y)[::-1]


@first_wrong.mistake(
    "the position is that of the token in x; asked for is that of the target in y, one "
    "less"
)
def position_in_x(x, y):
    row, t = by_slices(x, y)
    return (row, t + 1) if row >= 0 else (-1, -1)


@first_wrong.mistake("rows and positions count from 0")
def from_one(x, y):
    row, t = by_slices(x, y)
    return (row + 1, t + 1) if row >= 0 else (-1, -1)


@first_wrong.mistake("only the first row was looked at")
def first_row_only(x, y):
    return _first(_wrong(x[:1], y[:1]))


@first_wrong.mistake("where all is right, -1 and -1 are asked for")
def zeros_where_right(x, y):
    return tuple(max(0, i) for i in by_slices(x, y))


# --- ★★ A softmax that may say nothing ----------------------------------------------


@exercise("weights that may all be near zero, for scores of any size")
def softmax_or_nothing() -> Iterator[tuple]:
    """`softmax_or_nothing(scores)`: (..., S) to weights whose sum is below 1."""
    yield (torch.tensor([[0.0, 1.0, -2.0], [3.0, 3.0, 3.0]]),)
    yield (torch.randn(2, 3, 4, 5),)
    yield (torch.tensor([[-200.0, -300.0, -250.0]]),)
    yield (torch.tensor([[200.0, 199.0, 150.0], [-5.0, 0.0, 1000.0]]),)
    yield (torch.tensor([[-float("inf"), 1.0], [-float("inf"), -float("inf")]]),)
    yield (torch.randn(7, dtype=torch.float64),)


@softmax_or_nothing.right
def zero_beside(scores):
    nothing = torch.zeros_like(scores[..., :1])
    return torch.cat((nothing, scores), -1).softmax(-1)[..., 1:]


@softmax_or_nothing.right
def by_logaddexp(scores):
    total = scores.logsumexp(-1, keepdim=True)
    return (scores - torch.logaddexp(total, torch.zeros_like(total))).exp()


@softmax_or_nothing.right
def by_maximum(scores):
    most = scores.amax(-1, keepdim=True).clamp(min=0)
    e = (scores - most).exp()
    return e / (e.sum(-1, keepdim=True) + (-most).exp())


@softmax_or_nothing.mistake(
    "this is the ordinary softmax: the weights sum to one, and something is always said"
)
def ordinary(scores):
    return scores.softmax(-1)


@softmax_or_nothing.mistake(
    "exp of a large score overflows: subtract the largest first, and from the zero as "
    "well, so that the 1 below becomes exp(-maximum)"
)
def overflows(scores):
    e = scores.exp()
    return e / (1 + e.sum(-1, keepdim=True))


@softmax_or_nothing.mistake(
    "the largest score is subtracted, and the 1 below is left as it was: it is the exp "
    "of a score of 0, and has to become exp(-maximum)"
)
def one_left(scores):
    e = (scores - scores.amax(-1, keepdim=True)).exp()
    return e / (1 + e.sum(-1, keepdim=True))


@softmax_or_nothing.mistake(
    "the largest score is subtracted even where it is negative: then exp(-maximum) "
    "overflows. 0 is one of the scores, so the largest is at least 0"
)
def maximum_below_zero(scores):
    most = scores.amax(-1, keepdim=True)
    e = (scores - most).exp()
    return e / (e.sum(-1, keepdim=True) + (-most).exp())


@softmax_or_nothing.mistake(
    "the weight of nothing was returned too: there is one weight for each score"
)
def nothing_too(scores):
    nothing = torch.zeros_like(scores[..., :1])
    return torch.cat((nothing, scores), -1).softmax(-1)


@softmax_or_nothing.mistake(
    "the zero stands behind the scores; the first weight was cut off in place of the last"
)
def cut_at_the_wrong_end(scores):
    nothing = torch.zeros_like(scores[..., :1])
    return torch.cat((scores, nothing), -1).softmax(-1)[..., 1:]


@softmax_or_nothing.mistake(
    "the sum below runs over all rows; each row has a sum, and a 1, of its own"
)
def all_rows(scores):
    most = scores.max().clamp(min=0)
    e = (scores - most).exp()
    return e / (e.sum() + (-most).exp())


@softmax_or_nothing.mistake(
    "these are logarithms of the weights; one exp is missing"
)
def logarithms(scores):
    total = scores.logsumexp(-1, keepdim=True)
    return scores - torch.logaddexp(total, torch.zeros_like(total))


@softmax_or_nothing.mistake(
    "a 1 was added for each of the scores; there is one nobody, with one 1, below"
)
def one_for_each(scores):
    nobody = torch.zeros_like(scores)
    return torch.cat((nobody, scores), -1).softmax(-1)[..., scores.shape[-1] :]


@softmax_or_nothing.mistake(
    "each weight is cut at 1 for itself; together they may then be more than 1"
)
def cut_at_one(scores):
    return scores.exp().clamp(max=1)


@softmax_or_nothing.mistake(
    "these are sigmoids: each score is weighed for itself. Here all scores share what "
    "there is, with nothing among them"
)
def sigmoids(scores):
    return scores.sigmoid()


# --- ★★ Who stays in the window -----------------------------------------------------


@exercise("the first stay, the last come, and no position sees the future", Mask())
def rolling() -> Iterator[tuple]:
    """`rolling(n, size, n_first)`: who sees whom, boolean (n, n)."""
    yield 6, 3, 1
    yield 8, 4, 2
    yield 7, 3, 0
    yield 5, 9, 2
    yield 5, 2, 2
    yield 1, 1, 1
    yield 9, 5, 4


def _kept(n, recent, n_first):
    look, at = torch.arange(n)[:, None], torch.arange(n)[None]
    return (at <= look) & ((look - at < recent) | (at < n_first))


@rolling.right
def by_comparison(n, size, n_first):
    return _kept(n, size - n_first, n_first)


@rolling.right
def by_triangles(n, size, n_first):
    recent = size - n_first
    past = torch.ones(n, n, dtype=torch.bool).tril()
    mask = past & ~past.tril(-recent)
    mask[:, :n_first] |= past[:, :n_first]
    return mask


@rolling.right
def row_by_row(n, size, n_first):
    rows = [
        [
            at <= look and (look - at < size - n_first or at < n_first)
            for at in range(n)
        ]
        for look in range(n)
    ]
    return torch.tensor(rows)


@rolling.mistake(
    "the window grew by the first tokens: they take the place of others, so that no row "
    "sees more than `size`"
)
def larger(n, size, n_first):
    return _kept(n, size, n_first)


@rolling.mistake("the first tokens are not kept: this is the plain window")
def plain_window(n, size, n_first):
    return _kept(n, size, 0)


@rolling.mistake(
    "the window is too small: the first tokens are not kept, only counted"
)
def not_kept(n, size, n_first):
    return _kept(n, size - n_first, 0)


@rolling.mistake(
    "the first tokens are seen by positions before them: keep the mask causal"
)
def sees_the_future(n, size, n_first):
    mask = _kept(n, size - n_first, n_first)
    mask[:, :n_first] = True
    return mask


@rolling.mistake("one token too many: a window of 1 holds the position itself")
def one_too_many(n, size, n_first):
    return _kept(n, size - n_first + 1, n_first)


@rolling.mistake(
    "one token too few: a window of 1 holds the position itself, so `look - at` runs "
    "from 0"
)
def one_too_few(n, size, n_first):
    return _kept(n, size - n_first - 1, n_first)


@rolling.mistake("a position does not see itself: the newest token is in the cache")
def not_itself(n, size, n_first):
    return _kept(n, size - n_first, n_first) & ~torch.eye(n, dtype=torch.bool)


@rolling.mistake("only one first token is kept; `n_first` says how many")
def one_first(n, size, n_first):
    return _kept(n, size - n_first, 1)


@rolling.mistake(
    "a token is seen if it is one of the first *or* one of the last; this asks for both"
)
def both(n, size, n_first):
    look, at = torch.arange(n)[:, None], torch.arange(n)[None]
    return (at <= look) & (look - at < size - n_first) & (at < n_first)


@rolling.mistake("the table is transposed: rows are those who look")
def transposed(n, size, n_first):
    return _kept(n, size - n_first, n_first).T


@rolling.mistake("True means: may look; this table says who may not")
def upside_down(n, size, n_first):
    return ~_kept(n, size - n_first, n_first)


# --- ★★★ Ten patients ---------------------------------------------------------------

RECORD = Path(__file__).resolve().parents[2] / "data/checkpoints/museum.json"
HEALTHY = "nothing is wrong"
# Which patient has what: no rule, so that none can be guessed.
PATIENTS = {
    "A": "gradients_not_zeroed",
    "B": "hidden_scores_zero",
    "C": "micro_batches_averaged",
    "D": "targets_of_another_row",
    "E": "softmax_twice",
    "F": "keys_not_rotated",
    "G": "targets_unshifted",
    "H": "residual_missing",
    "I": "padding_counted",
    "J": "mask_missing",
}
OTHERS = (
    "targets_two_on", "mask_off_by_one", "positions_all_zero", "micro_batches_added",
    "norm_missing", "first_weights_too_large", "dropout_while_measuring", "none",
)  # fmt: skip


def name_of(function: str) -> str:
    """The name of a bug, by that of its function."""
    names = {bug.wrong.__name__: bug.name for bug in BUGS}
    return HEALTHY if function == "none" else names[function]


def suspects() -> list[str]:
    """What the patients may have, in no telling order."""
    return sorted(map(name_of, (*PATIENTS.values(), *OTHERS)))


@cache
def _record() -> Mapping[str, Any]:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def _of(name: str) -> Mapping[str, Any]:
    """What is on record of a bug, or of the healthy run."""
    return _record()["healthy"][0] if name == HEALTHY else _record()["bugs"][name]


def patients() -> dict[str, tuple[float, float, float, str]]:
    """By letter: first training loss, held-out loss half way and at the end, and the
    checks that fire."""
    found = {}
    for letter, function in PATIENTS.items():
        run = _of(name_of(function))
        half = run["held_out"][len(run["held_out"]) // 2][1]
        fired = ", ".join(run["fired"]) or "none"
        found[letter] = (run["loss"][0], half, run["held_out"][-1][1], fired)
    return found


def diagnoses(answers: Mapping[str, str]) -> Verdict:
    """Whether each patient has what the reader says; of the first who has not, why.

    answers: by letter, one of `suspects()`.
    """
    if not isinstance(answers, Mapping) or not any(answers.values()):
        return Verdict(
            False, "not yet: write the name of a suspect beside each letter"
        )
    known, right = suspects(), 0
    for letter, function in PATIENTS.items():
        claim, truth = answers.get(letter) or "", name_of(function)
        if claim == truth:
            right += 1
            continue
        counted = f"{right} right so far. Patient {letter}"
        if not claim:
            return Verdict(False, f"{counted} has no diagnosis yet")
        if claim not in known:
            said = f"“{claim}” is none of the suspects; take a name from the list"
            return Verdict(False, f"{counted}: {said}")
        return Verdict(False, f"{counted} has not this: {excluded(claim, truth)}")
    return Verdict(True, "all ten, each by what it shows and what it does not")


def excluded(claim: str, truth: str) -> str:
    """Why a patient who has `truth` cannot have `claim`."""
    ours, theirs = _of(claim), _of(truth)
    for check in _record()["checks"]:
        if check in ours["fired"] and check not in theirs["fired"]:
            return f"with “{claim}” the check “{check}” fires, and here it does not"
    for check in _record()["checks"]:
        if check in theirs["fired"] and check not in ours["fired"]:
            return f"here the check “{check}” fires, and with “{claim}” it does not"
    for what, (a, b) in {
        "held-out loss at the end": [
            run["held_out"][-1][1] for run in (ours, theirs)
        ],
        "first loss": [run["loss"][0] for run in (ours, theirs)],
    }.items():
        if abs(a - b) > 0.05:
            return f"with “{claim}” the {what} is {a:.2f}, and here it is {b:.2f}"
    return f"the same checks fire with “{claim}”; look at the whole curve"


# --- ★★ Which token must stay? ------------------------------------------------------


def kept_gap(
    function: Callable[[Any, list[int]], float | None],
    model: Any,
    gaps: Sequence[float],
) -> Verdict:
    """Whether the reader's gap is right where the text has measured it.

    gaps: of the model, with all tokens seen, the window alone, and the window that
    keeps the first token, and the second.
    """
    found = [function(model, kept) for kept in ([], [0], [1])]
    if any(gap is None for gap in found):
        return Verdict(False, "not yet: kept_gap returns nothing; write its body")
    try:
        window, first, second = (float(gap) for gap in found)
    except (TypeError, ValueError, RuntimeError):
        return Verdict(False, "one number is asked for: the mean over the places")
    right = all(
        abs(a - b) < 2e-4
        for a, b in zip((window, first, second), gaps[1:], strict=True)
    )
    if right:
        return Verdict(True, "now the fifth, and the first two, in all three seeds")
    if window > 1:
        return Verdict(
            False, "that is the loss; subtract what the best reader pays"
        )
    if abs(window - gaps[0]) < 2e-4:
        return Verdict(
            False, "all tokens are seen: is the mask that of the window?"
        )
    if abs(first - window) < 1e-6:
        return Verdict(False, "`kept` makes no difference: is it in the mask?")
    if abs(window - gaps[1]) < 2e-4:
        return Verdict(
            False,
            f"the window alone is right; with the first kept it is {first:.4f}, and "
            f"the text has {gaps[2]:.4f}: a kept token takes a place of the window",
        )
    return Verdict(
        False,
        f"with the window alone the gap is {window:.4f}, and the text has "
        f"{gaps[1]:.4f}: are only the places of `plain` counted, and 8 tokens seen?",
    )
