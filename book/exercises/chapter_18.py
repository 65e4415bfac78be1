"""The exercises of chapter 18, Measuring honestly."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterator
from itertools import product

import torch

from book.exercises.answers import Numbers
from book.exercises.exercise import exercise, random_numbers


def _losses(n: int) -> list[float]:
    return [0.5 + 0.02 * random_numbers().gauss(0, 1) for _ in range(n)]


# --- ★ Seed by seed ----------------------------------------------------------------


@exercise("the luck that both share is gone before anything is averaged")
def paired() -> Iterator[tuple]:
    """`paired(usual, other)`: the mean difference and its standard error."""
    yield [0.51, 0.48, 0.55], [0.50, 0.46, 0.55]
    yield [0.5, 0.6, 0.7, 0.8], [0.6, 0.6, 0.7, 1.2]
    yield [0.4, 0.9], [0.5, 0.7]
    yield [0.4, 0.5, 0.6], [0.5, 0.6, 0.65]
    yield _losses(7), _losses(7)


def _mean_and_error(less: list[float], n_less: int = 1) -> tuple[float, float]:
    mean = sum(less) / len(less)
    square = sum((d - mean) ** 2 for d in less) / (len(less) - n_less)
    return mean, math.sqrt(square / len(less))


def _differences(usual, other) -> list[float]:
    return [float(b) - float(a) for a, b in zip(usual, other, strict=True)]


@paired.right
def by_a_sum(usual, other):
    return _mean_and_error(_differences(usual, other))


@paired.right
def by_the_library(usual, other):
    less = _differences(usual, other)
    return statistics.fmean(less), statistics.stdev(less) / math.sqrt(len(less))


@paired.right
def by_tensors(usual, other):
    less = torch.tensor(other).double() - torch.tensor(usual).double()
    return less.mean(), less.std() / len(less) ** 0.5


@paired.right
def from_squares(usual, other):
    less = _differences(usual, other)
    n, mean = len(less), statistics.fmean(less)
    return [mean, math.sqrt(sum((d - mean) ** 2 for d in less) / n / (n - 1))]


@paired.mistake("usual less other; the difference is other less usual")
def the_other_way(usual, other):
    return _mean_and_error(_differences(other, usual))


@paired.mistake(
    "the spread is divided by n; with n − 1 it is right on average, since the mean "
    "comes from the same numbers"
)
def divided_by_n(usual, other):
    return _mean_and_error(_differences(usual, other), 0)


@paired.mistake(
    "that is the spread of the differences; the error of their mean is smaller, by the "
    "root of their number"
)
def the_spread(usual, other):
    less = _differences(usual, other)
    return sum(less) / len(less), statistics.stdev(less)


@paired.mistake("the spread is divided by n; by the root of n it is to be")
def over_n(usual, other):
    less = _differences(usual, other)
    return sum(less) / len(less), statistics.stdev(less) / len(less)


@paired.mistake(
    "the errors of two separate means were combined; so the luck of each seed counts "
    "twice, where it should cancel. Subtract first"
)
def apart(usual, other):
    errors = [statistics.stdev(map(float, x)) ** 2 / len(x) for x in (usual, other)]
    less = _differences(usual, other)
    return sum(less) / len(less), math.sqrt(sum(errors))


@paired.mistake("the sizes of the differences were averaged; they have signs")
def sizes(usual, other):
    return _mean_and_error([abs(d) for d in _differences(usual, other)])


@paired.mistake("the error first; the mean is the first number")
def error_first(usual, other):
    return _mean_and_error(_differences(usual, other))[::-1]


@paired.mistake("the sum of the differences; their mean is asked for")
def the_sum(usual, other):
    less = _differences(usual, other)
    return sum(less), statistics.stdev(less) / math.sqrt(len(less))


@paired.mistake("the size of the mean; it keeps its sign")
def without_a_sign(usual, other):
    mean, error = _mean_and_error(_differences(usual, other))
    return abs(mean), error


@paired.mistake(
    "each difference is divided by the usual loss: a share. The plain difference is asked "
    "for, in nats"
)
def as_shares(usual, other):
    return _mean_and_error(
        [
            (float(b) - float(a)) / float(a)
            for a, b in zip(usual, other, strict=True)
        ]
    )


@paired.mistake("the variance over n has to be put under a root")
def no_root(usual, other):
    mean, error = _mean_and_error(_differences(usual, other))
    return mean, error**2


# --- ★★ Which answer does it choose? ---------------------------------------------------


@exercise("per byte, and of equal ones the first", Numbers("the number"))
def chosen() -> Iterator[tuple]:
    """`chosen(log_probs, answers)`: the number of the answer, counted from 0."""
    yield [-4.0, -6.0, -9.0], ["kite", "toy bus", "magnifying glass"]
    yield [-2.0, -3.0], ["drum", "tambourine"]
    yield [-2.0, -4.4], ["cat", "ape hut"]
    yield [-6.0, -6.6], ["été", "rains"]
    yield [-3.0, -6.0, -3.0], ["box", "tiger", "fox"]
    yield [-1.0, -1.0, -8.0], ["kite", "doll", "cup and ball"]
    yield [-9.0, -12.0], ["a b c", "drumstick"]
    yield [-5.0, -2.0], ["ox", "kite"]
    yield [-2.0, -2.3], ["xylophone set", "cup"]
    yield [-6.0, -6.6], ["a b c d", "unicorn"]
    yield [-1.0, -3.0], ["skateboard", "cup"]


@chosen.right
def by_a_list(log_probs, answers):
    scores = [p / len(a.encode()) for p, a in zip(log_probs, answers, strict=True)]
    return scores.index(max(scores))


@chosen.right
def by_max(log_probs, answers):
    return max(
        range(len(answers)),
        key=lambda i: log_probs[i] / len(bytes(answers[i], "utf-8")),
    )


@chosen.right
def by_a_loop(log_probs, answers):
    best, most = 0, -math.inf
    for i, (p, answer) in enumerate(zip(log_probs, answers, strict=True)):
        if p / len(answer.encode()) > most:
            best, most = i, p / len(answer.encode())
    return best


@chosen.right
def by_argmax(log_probs, answers):
    lengths = torch.tensor([len(a.encode()) for a in answers])
    return (torch.tensor(log_probs).double() / lengths).argmax()


@chosen.mistake(
    "the sums were compared; divide each by the bytes of its answer first"
)
def by_the_sum(log_probs, answers):
    return max(range(len(answers)), key=lambda i: log_probs[i])


@chosen.mistake("divided by characters; é has two bytes: answer.encode()")
def by_characters(log_probs, answers):
    return max(range(len(answers)), key=lambda i: log_probs[i] / len(answers[i]))


@chosen.mistake("divided by words; bytes are asked for")
def by_words(log_probs, answers):
    return max(
        range(len(answers)), key=lambda i: log_probs[i] / len(answers[i].split())
    )


@chosen.mistake("the longest answer was taken; the logarithms decide")
def the_longest(log_probs, answers):
    return max(range(len(answers)), key=lambda i: len(answers[i].encode()))


@chosen.mistake("the shortest answer was taken; the logarithms decide")
def the_shortest(log_probs, answers):
    return min(range(len(answers)), key=lambda i: len(answers[i].encode()))


@chosen.mistake(
    "the probability, not its logarithm, was divided; that is another number and gives "
    "another order"
)
def of_probabilities(log_probs, answers):
    return max(
        range(len(answers)),
        key=lambda i: math.exp(log_probs[i]) / len(answers[i].encode()),
    )


@chosen.mistake(
    "divided by the length and a byte more, for a blank; the answer is given without one"
)
def with_a_blank(log_probs, answers):
    return max(
        range(len(answers)),
        key=lambda i: log_probs[i] / (len(answers[i].encode()) + 1),
    )


@chosen.mistake("the score of the answer; its number is asked for")
def the_score(log_probs, answers):
    return max(p / len(a.encode()) for p, a in zip(log_probs, answers, strict=True))


@chosen.mistake("the blanks were not counted; they are bytes of the answer as well")
def without_blanks(log_probs, answers):
    return max(
        range(len(answers)),
        key=lambda i: log_probs[i] / len(answers[i].replace(" ", "").encode()),
    )


@chosen.mistake("the logarithms were multiplied by the length; divide")
def times_bytes(log_probs, answers):
    return max(
        range(len(answers)), key=lambda i: log_probs[i] * len(answers[i].encode())
    )


@chosen.mistake(
    "the least likely was chosen; logarithms of probabilities are negative, and the "
    "largest is the one nearest to zero"
)
def the_least(log_probs, answers):
    return min(
        range(len(answers)), key=lambda i: log_probs[i] / len(answers[i].encode())
    )


@chosen.mistake("of equal ones the last was taken; the first is asked for")
def the_last(log_probs, answers):
    scores = [p / len(a.encode()) for p, a in zip(log_probs, answers, strict=True)]
    return max(range(len(answers)), key=lambda i: (scores[i], i))


@chosen.mistake("numbers are counted from 0 here")
def from_one(log_probs, answers):
    return by_a_list(log_probs, answers) + 1


# --- ★★ Precision, clipped ------------------------------------------------------------


@exercise("each run at most as often as in the reference that has it most often")
def clipped_precision() -> Iterator[tuple]:
    """`clipped_precision(candidate, references, n)`: a share."""
    cat = _words("the cat is on the mat")
    yield _words("the cat sat on the mat"), [cat], 1
    yield _words("the the the the the the the"), [cat], 1
    yield _words("the cat the cat on the mat"), [cat, _words("a cat")], 2
    yield _words("a a b"), [_words("a c"), _words("a a")], 1
    yield _words("a a a a a"), [_words("a x a"), _words("a y")], 1
    yield _words("a b"), [_words("b a")], 2
    yield _words("a b c"), [_words("a b c d e")], 2
    yield ["a"], [_words("a b")], 2
    yield _words("b a b a b"), [_words("a b a b")], 3
    yield _words("A cat"), [_words("a cat")], 1
    yield _words("a b"), [_words("a x"), _words("b y")], 1
    yield _words("a cat"), [_words("the cat sat")], 1


def _words(text: str) -> list[str]:
    return text.split()


def _runs(text, n) -> Counter:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _most(references, n) -> Counter:
    most = Counter()
    for text in references:
        most |= _runs(text, n)
    return most


@clipped_precision.right
def by_counters(candidate, references, n):
    found = _runs(candidate, n)
    return (found & _most(references, n)).total() / max(1, found.total())


@clipped_precision.right
def by_loops(candidate, references, n):
    runs = [candidate[i : i + n] for i in range(len(candidate) - n + 1)]
    lists = [
        [text[i : i + n] for i in range(len(text) - n + 1)] for text in references
    ]
    right, seen = 0, []
    for run in runs:
        seen.append(run)
        right += any(seen.count(run) <= have.count(run) for have in lists)
    return right / len(runs) if runs else 0


@clipped_precision.right
def by_taking_the_smaller(candidate, references, n):
    have = [_runs(text, n) for text in references]
    found = _runs(candidate, n)
    right = sum(min(c, max(h[run] for h in have)) for run, c in found.items())
    return right / sum(found.values()) if found else 0.0


@clipped_precision.mistake(
    "nothing is clipped: a run that the candidate repeats counts each time"
)
def not_clipped(candidate, references, n):
    found, most = _runs(candidate, n), _most(references, n)
    return sum(c for run, c in found.items() if run in most) / max(1, found.total())


@clipped_precision.mistake(
    "every run counts once, above and below the line; a run that is there twice in both "
    "counts twice"
)
def as_sets(candidate, references, n):
    found = _runs(candidate, n).keys()
    return len(found & _most(references, n).keys()) / max(1, len(found))


@clipped_precision.mistake(
    "the counts of all references were added; of each run the reference counts that has "
    "it most often"
)
def added_up(candidate, references, n):
    total = Counter()
    for text in references:
        total += _runs(text, n)
    found = _runs(candidate, n)
    return (found & total).total() / max(1, found.total())


@clipped_precision.mistake("only the first reference was looked at")
def the_first_alone(candidate, references, n):
    found = _runs(candidate, n)
    return (found & _runs(references[0], n)).total() / max(1, found.total())


@clipped_precision.mistake(
    "divided by the runs of the reference: that is recall. Precision divides by those "
    "of the candidate"
)
def recall(candidate, references, n):
    most = _most(references, n)
    return (_runs(candidate, n) & most).total() / max(1, most.total())


@clipped_precision.mistake(
    "divided by the number of words; there are fewer runs of n words than words"
)
def over_words(candidate, references, n):
    found = _runs(candidate, n)
    return (found & _most(references, n)).total() / len(candidate)


@clipped_precision.mistake("the last run is missing: there are len − n + 1 of them")
def one_run_short(candidate, references, n):
    def runs(text):
        return Counter(tuple(text[i : i + n]) for i in range(len(text) - n))

    most = Counter()
    for text in references:
        most |= runs(text)
    found = runs(candidate)
    return (found & most).total() / max(1, found.total())


@clipped_precision.mistake("the share that is *not* in a reference")
def what_is_missing(candidate, references, n):
    found = _runs(candidate, n)
    return 1 - by_counters(candidate, references, n) if found else 0.0


@clipped_precision.mistake(
    "of each run the reference counts that has it least often; it is the one that has it "
    "most often"
)
def the_least_often(candidate, references, n):
    found, have = _runs(candidate, n), [_runs(text, n) for text in references]
    right = sum(min(c, min(h[run] for h in have)) for run, c in found.items())
    return right / max(1, found.total())


@clipped_precision.mistake(
    "the best reference as a whole was taken; each n-gram has a best reference of its own"
)
def the_best_reference(candidate, references, n):
    found = _runs(candidate, n)
    best = max((found & _runs(text, n)).total() for text in references)
    return best / max(1, found.total())


@clipped_precision.mistake(
    "part of a word was found inside another; compare whole words"
)
def inside_words(candidate, references, n):
    runs = [" ".join(run) for run in _runs(candidate, n).elements()]
    texts = [" ".join(text) for text in references]
    right = sum(
        min(runs.count(run), max(text.count(run) for text in texts))
        for run in set(runs)
    )
    return right / max(1, len(runs))


@clipped_precision.mistake("only the last reference was looked at")
def the_last_alone(candidate, references, n):
    return by_counters(candidate, references[-1:], n)


@clipped_precision.mistake(
    "each n-gram counts at most once above the line, and as often as it comes below it"
)
def clipped_to_one(candidate, references, n):
    found = _runs(candidate, n)
    return len(found.keys() & _most(references, n).keys()) / max(1, found.total())


@clipped_precision.mistake(
    "capitals were made small; words are compared as they are"
)
def lower_case(candidate, references, n):
    small = [[word.lower() for word in text] for text in (candidate, *references)]
    return by_counters(small[0], small[1:], n)


@clipped_precision.mistake("single words were compared, whatever n is")
def words_alone(candidate, references, n):
    return by_counters(candidate, references, 1)


@clipped_precision.mistake(
    "how many; the share of all runs of the candidate is asked for"
)
def how_many(candidate, references, n):
    return (_runs(candidate, n) & _most(references, n)).total()


# --- ★★ Too sure -----------------------------------------------------------------------


@exercise("two numbers: one may be zero while the other is not")
def too_sure() -> Iterator[tuple]:
    """`too_sure(predicted, truth)`: on average, and at the single event."""
    yield [0.9, 0.75, 0.3], [0.7, 0.9, 0.2]
    yield [0.5, 0.5], [0.1, 0.9]
    yield [0.2, 0.4, 0.6, 0.8], [0.5, 0.4, 0.1, 0.9]
    yield [1.0], [0.6]
    yield [0.1, 0.4], [0.5, 0.2]
    dice = random_numbers()
    yield [dice.random() for _ in range(9)], [dice.random() for _ in range(9)]


@too_sure.right
def by_lists(predicted, truth):
    less = [p - q for p, q in zip(predicted, truth, strict=True)]
    return sum(less) / len(less), sum(map(abs, less)) / len(less)


@too_sure.right
def by_arithmetic_of_tensors(predicted, truth):
    less = torch.tensor(predicted).double() - torch.tensor(truth).double()
    return less.mean(), less.abs().mean()


@too_sure.right
def by_a_running_sum(predicted, truth):
    mean = size = 0.0
    for p, q in zip(predicted, truth, strict=True):
        mean += (p - q) / len(truth)
        size += abs(p - q) / len(truth)
    return mean, size


@too_sure.mistake("truth less prediction; a model that claims too much is positive")
def not_sure_enough(predicted, truth):
    mean, size = by_lists(predicted, truth)
    return -mean, size


@too_sure.mistake("the two numbers are in the other order")
def exchanged(predicted, truth):
    return by_lists(predicted, truth)[::-1]


@too_sure.mistake(
    "the second number averages first and takes the size then; at the single event it is "
    "the other way round"
)
def size_of_the_mean(predicted, truth):
    mean, _ = by_lists(predicted, truth)
    return mean, abs(mean)


@too_sure.mistake(
    "the second number is the root of the mean square; sizes are asked for"
)
def root_mean_square(predicted, truth):
    mean, _ = by_lists(predicted, truth)
    square = sum((p - q) ** 2 for p, q in zip(predicted, truth, strict=True))
    return mean, math.sqrt(square / len(truth))


@too_sure.mistake("sums; the means are asked for")
def summed(predicted, truth):
    return tuple(x * len(truth) for x in by_lists(predicted, truth))


@too_sure.mistake("both numbers are the signed one; the second takes sizes")
def signed_twice(predicted, truth):
    return (by_lists(predicted, truth)[0],) * 2


@too_sure.mistake("both numbers are the one with sizes; the first keeps signs")
def sizes_twice(predicted, truth):
    return (by_lists(predicted, truth)[1],) * 2


@too_sure.mistake("divided by n − 1; a mean divides by n")
def over_one_less(predicted, truth):
    n = len(truth)
    return tuple(x * n / max(1, n - 1) for x in by_lists(predicted, truth))


@too_sure.mistake("the share of events that are too sure; by how much is asked for")
def how_many_too_sure(predicted, truth):
    share = sum(p > q for p, q in zip(predicted, truth, strict=True)) / len(truth)
    return share, by_lists(predicted, truth)[1]


@too_sure.mistake("the mean prediction; the mean truth is to be subtracted from it")
def the_mean_prediction(predicted, truth):
    return sum(predicted) / len(predicted), by_lists(predicted, truth)[1]


@too_sure.mistake(
    "the differences were divided by the true probabilities; they are to be taken as they "
    "are"
)
def relative(predicted, truth):
    less = [(p - q) / q for p, q in zip(predicted, truth, strict=True)]
    return sum(less) / len(less), sum(map(abs, less)) / len(less)


@too_sure.mistake("the first number is a size; it keeps its sign")
def without_sign(predicted, truth):
    mean, size = by_lists(predicted, truth)
    return abs(mean), size


# --- ★★★ The number of ways ---------------------------------------------------------------


@exercise("all ways, both directions, and what was measured among them")
def flips() -> Iterator[tuple]:
    """`flips(differences)`: a share, the p-value."""
    yield ([1.0, 2.0, 3.0],)
    yield ([-0.01, -0.02, -0.015, 0.005],)
    yield ([0.1, -0.1],)
    yield ([0.1, 0.2, 0.3, -0.6],)
    yield ([0.1, 0.2, -0.3, 0.3],)
    yield ([1e-4, 2e-4, -3e-4, 5e-4, 1e-4],)
    yield ([0.3],)
    yield ([0.0, 0.0, 0.2],)
    yield ([0.02, 0.01, 0.03, -0.005, 0.015, 0.01],)
    yield (_losses(5),)


def _sums(differences) -> list[float]:
    d = [float(x) for x in differences]
    return [
        sum(s * x for s, x in zip(w, d, strict=True))
        for w in product((1, -1), repeat=len(d))
    ]


@flips.right
def by_product(differences):
    sums = _sums(differences)
    return sum(abs(x) >= abs(sums[0]) - 1e-9 for x in sums) / len(sums)


@flips.right
def by_a_matrix_product(differences):
    d = torch.tensor(differences).double()
    signs = torch.tensor(list(product((1.0, -1.0), repeat=len(d)))).double()
    means = (signs @ d).abs() / len(d)
    return (means >= d.mean().abs() - 1e-9).double().mean()


@flips.right
def by_bits(differences):
    d = [float(x) for x in differences]
    far = sum(
        abs(sum(-x if ways >> i & 1 else x for i, x in enumerate(d)))
        >= abs(sum(d)) - 1e-9
        for ways in range(2 ** len(d))
    )
    return far / 2 ** len(d)


@flips.mistake(
    "only one direction: a mean that is as far below zero counts as well as one above"
)
def one_side(differences):
    sums = _sums(differences)
    return sum(x >= abs(sums[0]) - 1e-9 for x in sums) / len(sums)


@flips.mistake(
    "strictly farther; what is as far as the measured mean counts, and so the measured "
    "one does itself"
)
def strictly(differences):
    sums = _sums(differences)
    return sum(abs(x) > abs(sums[0]) + 1e-9 for x in sums) / len(sums)


@flips.mistake("how many ways; the share of all ways is asked for")
def a_number_of_ways(differences):
    return by_product(differences) * 2 ** len(differences)


@flips.mistake(
    "the signs of the measured differences were forgotten: their sizes were added up to "
    "what the others are compared with"
)
def of_the_sizes(differences):
    most = sum(abs(float(x)) for x in differences)
    sums = _sums(differences)
    return sum(abs(x) >= most - 1e-9 for x in sums) / len(sums)


@flips.mistake(
    "the share of ways that are *nearer* to zero; as far or farther is asked for"
)
def nearer(differences):
    sums = _sums(differences)
    return sum(abs(x) <= abs(sums[0]) + 1e-9 for x in sums) / len(sums)


@flips.mistake(
    "the share of differences with the sign of the mean: that is another test, which "
    "does not look at sizes"
)
def share_of_signs(differences):
    d = [float(x) for x in differences]
    return sum(x * sum(d) > 0 for x in d) / len(d)


@flips.mistake("all orders were tried; it is the signs that are flipped")
def by_orders(differences):
    return 1.0


@flips.mistake(
    "signs were 0 and 1: that leaves differences out, where it should turn them round"
)
def zeros_and_ones(differences):
    d = [float(x) for x in differences]
    sums = [
        sum(s * x for s, x in zip(w, d, strict=True))
        for w in product((0, 1), repeat=len(d))
    ]
    return sum(abs(x) >= abs(sum(d)) - 1e-9 for x in sums) / len(sums)


@flips.mistake(
    "the difference of a thousandth counts; only a billionth is rounding"
)
def too_tolerant(differences):
    sums = _sums(differences)
    return sum(abs(x) >= abs(sums[0]) - 1e-3 for x in sums) / len(sums)


@flips.mistake(
    "equal sums differ in their last digits, and were counted as smaller: allow a "
    "billionth"
)
def without_tolerance(differences):
    sums = _sums(differences)
    return sum(abs(x) >= abs(sums[0]) for x in sums) / len(sums)


@flips.mistake("divided by the number of differences; there are 2ⁿ ways")
def over_n_ways(differences):
    return by_product(differences) * 2 ** len(differences) / len(differences)


@flips.mistake("one sign at a time; any number of them can be flipped at once")
def one_at_a_time(differences):
    d = [float(x) for x in differences]
    sums = [sum(d), *(sum(d) - 2 * x for x in d)]
    return sum(abs(x) >= abs(sums[0]) - 1e-9 for x in sums) / len(sums)


@flips.mistake("one way is missing: to flip nothing is a way too")
def without_the_measured(differences):
    sums = _sums(differences)
    n = sum(abs(x) >= abs(sums[0]) - 1e-9 for x in sums)
    return (n - 1) / (len(sums) - 1)
