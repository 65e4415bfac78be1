"""Chapter 8's checkers: right answers pass; each plausible wrong one gets its hint."""

import re

import pytest
import torch

from book.exercises import chapter_08

# ---------------------------------------------------------------- right answers


def softmax_stable(s):
    e = (s - s.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def softmax_by_logsumexp(s):
    return (s - s.logsumexp(-1, keepdim=True)).exp()


def past_by_division(n):
    ones = torch.ones(n, n).tril()
    return ones / ones.sum(1, keepdim=True)


def past_by_softmax(n):
    hidden = torch.ones(n, n).triu(1).bool()
    return torch.zeros(n, n).masked_fill(hidden, -torch.inf).softmax(-1)


def past_by_loop(n):
    weights = torch.zeros(n, n)
    for t in range(n):
        weights[t, : t + 1] = 1 / (t + 1)
    return weights


def views(q, k, v, loudness=1.0):
    def answer(n):
        word = torch.cat((torch.eye(n), torch.zeros(n, n)))
        left = torch.cat((torch.zeros(n, n), torch.eye(n)))
        pick = {"word": word, "left": left, "both": word + left}
        return loudness * pick[q], pick[k], pick[v]

    return answer


def gaussian(at, seen, h):
    return -0.5 * ((at[:, None] - seen) / h) ** 2


def gaussian_expanded(at, seen, h):
    """Without at², which is the same for a whole row."""
    return (at[:, None] * seen - seen**2 / 2) / h**2


def gradient(w, g):
    return w * (g - (w * g).sum(-1, keepdim=True))


def gradient_by_jacobian(w, g):
    jacobian = torch.diag_embed(w) - w[..., None] * w[..., None, :]
    return (jacobian @ g[..., None])[..., 0]


RIGHT = [
    (chapter_08.softmax, softmax_stable),
    (chapter_08.softmax, softmax_by_logsumexp),
    (chapter_08.past_weights, past_by_division),
    (chapter_08.past_weights, past_by_softmax),
    (chapter_08.past_weights, past_by_loop),
    (chapter_08.reverse_views, views("word", "word", "left")),
    (chapter_08.reverse_views, views("word", "word", "left", loudness=9.0)),
    (chapter_08.kernel_scores, gaussian),
    (chapter_08.kernel_scores, gaussian_expanded),
    (chapter_08.scores_gradient, gradient),
    (chapter_08.scores_gradient, gradient_by_jacobian),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass_every_time(check, answer):
    for _ in range(50):  # the inputs are fresh in every call
        verdict = check(answer)
        assert verdict, verdict.message


# ---------------------------------------------------------------- wrong answers


def rows(x):
    return x / x.sum(-1, keepdim=True)


def squared(at, seen):
    return (at[:, None] - seen) ** 2


WRONG = {
    # what somebody believes: (checker, their answer, words of the hint)
    "softmax: exp alone keeps any score in range": (
        chapter_08.softmax, lambda s: rows(s.exp()), "score 1000.*not numbers"),
    "softmax: one maximum does for all rows": (
        chapter_08.softmax, lambda s: rows((s - s.max()).exp()),
        "score -1000.*not numbers"),
    "softmax: subtract the minimum": (
        chapter_08.softmax, lambda s: rows((s - s.amin(-1, keepdim=True)).exp()),
        "score 1000.*not numbers"),
    "softmax: subtract the mean": (
        chapter_08.softmax, lambda s: rows((s - s.mean(-1, keepdim=True)).exp()),
        "score 1000.*not numbers"),
    "softmax: subtract the middle": (
        chapter_08.softmax,
        lambda s: rows((s - (s.amax(-1, True) + s.amin(-1, True)) / 2).exp()),
        "score 1000.*not numbers"),
    "softmax: normalise the columns": (
        chapter_08.softmax, lambda s: s.softmax(0), "columns sum to one"),
    "softmax: normalise everything at once": (
        chapter_08.softmax, lambda s: s.exp() / s.exp().sum(), "all rows together"),
    "softmax: dividing by the sum is enough": (
        chapter_08.softmax, rows, "make them positive"),
    "softmax: absolute values make scores positive": (
        chapter_08.softmax, lambda s: softmax_stable(s.abs()), "whatever its sign"),
    "softmax: logarithms are weights too": (
        chapter_08.softmax, lambda s: s.log_softmax(-1), "logarithms"),
    "softmax: small scores first": (
        chapter_08.softmax, lambda s: softmax_stable(-s), "smallest weight"),
    "softmax: normalising is optional": (
        chapter_08.softmax, torch.exp, "does not sum to one"),
    "past: the divisors in a row": (
        chapter_08.past_weights,
        lambda n: torch.ones(n, n).tril() / torch.arange(1, n + 1), "in a column"),
    "past: hidden from the diagonal on": (
        chapter_08.past_weights,
        lambda n: torch.zeros(n, n)
        .masked_fill(torch.ones(n, n).triu().bool(), -torch.inf).softmax(-1),
        "leaves itself out"),
    "past: a score of zero hides": (
        chapter_08.past_weights, lambda n: torch.ones(n, n).tril().softmax(-1),
        "score of 0 does not hide"),
    "past: upper triangle": (
        chapter_08.past_weights, lambda n: rows(torch.ones(n, n).triu()),
        "upside down"),
    "past: divide by T": (
        chapter_08.past_weights, lambda n: torch.ones(n, n).tril() / n,
        "only t . 1 terms"),
    "past: normalise the columns": (
        chapter_08.past_weights,
        lambda n: torch.ones(n, n).tril() / torch.ones(n, n).tril().sum(0),
        "columns sum to one"),
    "past: the past excludes the present": (
        chapter_08.past_weights, lambda n: rows(torch.ones(n, n).tril(-1)),
        "nan|leaves itself out"),
    "past: average everything": (
        chapter_08.past_weights, lambda n: torch.ones(n, n) / n, "its future"),
    "past: a triangle of ones is an average": (
        chapter_08.past_weights, lambda n: torch.ones(n, n).tril(), "number of its"),
    "views: the chapter's own matrices": (
        chapter_08.reverse_views, views("word", "left", "word"), "that follows"),
    "views: query and key swapped": (
        chapter_08.reverse_views, views("left", "word", "word"), "another pair"),
    "views: the value repeats the word": (
        chapter_08.reverse_views, views("word", "word", "word"), "it was asked"),
    "views: ask with everything": (
        chapter_08.reverse_views, views("both", "both", "left"), "several|another"),
    "views: values mix word and neighbour": (
        chapter_08.reverse_views, views("word", "word", "both"),
        "two words at once"),
    "views: transposed": (
        chapter_08.reverse_views,
        lambda n: tuple(m.T for m in views("word", "word", "left")(n)), "transposed"),
    "views: lists": (
        chapter_08.reverse_views, lambda n: ([[0.0] * n] * (2 * n),) * 3, "is a list"),
    "views: one matrix for all": (
        chapter_08.reverse_views, lambda n: torch.eye(2 * n)[:, :n], "three matrices"),
    "kernel: attracted by distance": (
        chapter_08.kernel_scores, lambda a, s, h: squared(a, s) / (2 * h**2), "sign"),
    "kernel: no half": (
        chapter_08.kernel_scores, lambda a, s, h: -squared(a, s) / h**2, "½"),
    "kernel: bandwidth not squared": (
        chapter_08.kernel_scores, lambda a, s, h: -squared(a, s) / (2 * h),
        "not squared"),
    "kernel: no brackets": (
        chapter_08.kernel_scores,
        lambda a, s, h: -((a[:, None] - s) ** 2) / 2 * h**2, "in brackets"),
    "kernel: shifted": (
        chapter_08.kernel_scores,
        lambda a, s, h: gaussian(a + 1, s, h), "the softmax of your scores is"),
    "kernel: absolute distance": (
        chapter_08.kernel_scores, lambda a, s, h: -squared(a, s).sqrt() / h,
        "Laplace"),
    "kernel: bandwidth forgotten": (
        chapter_08.kernel_scores, lambda a, s, h: -squared(a, s) / 2, "no effect"),
    "kernel: a dot product is nearness": (
        chapter_08.kernel_scores, lambda a, s, h: a[:, None] * s / h**2, "plain product"),
    "kernel: transposed": (
        chapter_08.kernel_scores, lambda a, s, h: -squared(s, a) / (2 * h**2),
        "one row for each place"),
    "kernel: weights instead of scores": (
        chapter_08.kernel_scores, lambda a, s, h: gaussian(a, s, h).softmax(-1),
        "weights already"),
    "kernel: exponentials instead of scores": (
        chapter_08.kernel_scores, lambda a, s, h: gaussian(a, s, h).exp(),
        "exponentials already"),
    "gradient: weights do not compete": (
        chapter_08.scores_gradient, lambda w, g: g * w * (1 - w), "own score only"),
    "gradient: denominator is a constant": (
        chapter_08.scores_gradient, lambda w, g: g * w, "denominator"),
    "gradient: sign": (
        chapter_08.scores_gradient, lambda w, g: -gradient(w, g), "uphill"),
    "gradient: sum over the wrong axis": (
        chapter_08.scores_gradient, lambda w, g: w * (g - (g * w).sum(0)), "keys"),
    "gradient: weight forgotten outside": (
        chapter_08.scores_gradient, lambda w, g: g - (g * w).sum(-1, keepdim=True),
        "not weighted"),
    "gradient: plain average": (
        chapter_08.scores_gradient, lambda w, g: w * (g - g.mean(-1, keepdim=True)),
        "must be weighted"),
    "gradient: that of the log": (
        chapter_08.scores_gradient, lambda w, g: g - w * g.sum(-1, keepdim=True),
        "log-softmax"),
}  # fmt: skip


@pytest.mark.parametrize("belief", WRONG)
def test_wrong_answers_are_refused_with_the_hint_that_names_the_mistake(belief):
    check, answer, hint = WRONG[belief]
    for _ in range(20):
        verdict = check(answer)
        assert not verdict, f"accepted: {belief}"
        assert re.search(hint, verdict.message), verdict.message


@pytest.mark.parametrize("check", [chapter_08.softmax, chapter_08.kernel_scores])
def test_a_list_is_not_a_tensor(check):
    assert "not a tensor" in check(lambda *inputs: [1.0]).message


def test_inputs_cannot_be_changed_to_pass():
    def zero_everything(w, g):
        g.zero_(), w.zero_()
        return torch.zeros(3, 5, dtype=torch.float64)

    assert not chapter_08.scores_gradient(zero_everything)
