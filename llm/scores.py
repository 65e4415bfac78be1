"""Score what a model answers: by choice, word by word, and against the truth.

Texts are lists of words here, or of whatever they are cut into: how a text is cut
is part of a score, and is decided by whoever asks."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Words = Sequence[Hashable]
# From ids (B, T) to logits (B, T, V).
Model = Callable[[Tensor], Tensor]

# --- Choices ----------------------------------------------------------------------


@torch.inference_mode()
def continuation_log_probs(
    model: Model, prompt: Sequence[int], continuations: Sequence[Sequence[int]]
) -> Tensor:
    """How likely a model finds each of some continuations of a prompt.

    model: from ids (B, T) to logits (B, T, V); an oracle is one. prompt,
    continuations: ids, none of them empty. Returns (n,), the sum of ln p over the
    tokens of each, −inf for what is impossible. The first token of a continuation
    is predicted by the last one of the prompt.

    Raises `ValueError` for an empty prompt, or an empty continuation.
    """
    if not prompt or not all(continuations):
        raise ValueError(
            "a prompt and each continuation must have at least one token"
        )
    sums = []
    for continuation in continuations:
        ids = torch.tensor([[*prompt, *continuation]])
        logits = model(ids[:, :-1])[0, len(prompt) - 1 :]
        log_probs = logits.double().log_softmax(-1)
        sums.append(log_probs[range(len(continuation)), list(continuation)].sum())
    return torch.stack(sums)


# --- Answers ----------------------------------------------------------------------


def normalise_answer(text: str) -> str:
    """An answer without what is no difference: case, punctuation, articles, spaces.

    **Source:** Rajpurkar et al. (2016), section 6.1.

    >>> normalise_answer(" The silver-grey  bus.")
    'silvergrey bus'
    """
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def exact_match(answer: str, accepted: Iterable[str]) -> bool:
    """Is it one of the accepted answers, but for what is no difference?"""
    return normalise_answer(answer) in {normalise_answer(a) for a in accepted}


# --- Overlap ----------------------------------------------------------------------


class Overlap(NamedTuple):
    """How much of a candidate is in the reference, how much of the reference in the
    candidate, and the harmonic mean of the two; all between 0 and 1."""

    precision: float
    recall: float
    f1: float


def overlap(n_common: int, n_candidate: int, n_reference: int) -> Overlap:
    """The three shares; 0 where there is nothing to divide by.

    >>> overlap(1, 2, 4)
    Overlap(precision=0.5, recall=0.25, f1=0.3333333333333333)
    """
    precision = n_common / n_candidate if n_candidate else 0.0
    recall = n_common / n_reference if n_reference else 0.0
    both = precision + recall
    return Overlap(
        precision, recall, 2 * precision * recall / both if both else 0.0
    )


def ngrams(words: Words, n: int) -> Counter:
    """How often each n-gram, n words in a row, occurs.

    >>> ngrams("a b a b".split(), 2)
    Counter({('a', 'b'): 2, ('b', 'a'): 1})
    """
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def common(a: Counter, b: Counter) -> int:
    """How many are in both, each counted as often as in the one with fewer."""
    return (a & b).total()


def bleu(
    candidates: Sequence[Words],
    references: Sequence[Sequence[Words]],
    *,
    max_n: int = 4,
    smooth: bool = True,
) -> float:
    """How many n-grams, n up to max_n, some texts share with their references.

    references: for each candidate, one or several. Returns a number from 0 to 1, of
    all texts together: the geometric mean of the precisions for each n, times a
    penalty where the candidates are shorter than the references nearest in length.
    smooth: where no n-gram is shared, count 1/2, the next time 1/4, and so
    on.

    Raises `ValueError` unless every candidate has a reference.

    **Source:** Papineni et al. (2002), section 2; the smoothing, Chen and Cherry
    (2014), method 3.
    """
    check_references(candidates, references)
    matches, totals, zeros = [0] * max_n, [0] * max_n, 0
    for candidate, texts in zip(candidates, references, strict=True):
        for n in range(1, max_n + 1):
            found, most = ngrams(candidate, n), Counter()
            for text in texts:
                most |= ngrams(text, n)
            matches[n - 1] += common(found, most)
            totals[n - 1] += found.total()
    log_precision = 0.0
    for match, total in zip(matches, totals, strict=True):
        zeros += match == 0
        match = match or (2.0**-zeros if smooth else 0)
        if match == 0 or total == 0 or not any(matches):
            return 0.0
        log_precision += math.log(match / total) / max_n
    return math.exp(log_precision + brevity(candidates, references))


def brevity(
    candidates: Sequence[Words], references: Sequence[Sequence[Words]]
) -> float:
    """The logarithm of BLEU's penalty: 0, or less where the candidates are shorter.

    Each candidate is compared with the reference nearest in length, of two equally
    near with the shorter one.
    """
    length = sum(map(len, candidates))
    wanted = sum(
        min((abs(len(text) - len(candidate)), len(text)) for text in texts)[1]
        for candidate, texts in zip(candidates, references, strict=True)
    )
    return min(0.0, 1 - wanted / length) if length else -math.inf


def check_references(
    candidates: Sequence[Words], references: Sequence[Sequence[Words]]
) -> None:
    """Refuse candidates that have nothing to be compared with."""
    if len(candidates) != len(references) or not all(references):
        raise ValueError(
            f"{len(candidates)} candidates and references for {len(references)}: "
            "each candidate needs a list of at least one reference"
        )


def rouge_n(candidate: Words, reference: Words, n: int = 2) -> Overlap:
    """How many n-grams a text shares with a reference.

    **Source:** Lin (2004), section 2.

    >>> round(rouge_n("the red kite".split(), "a red kite".split(), 1).f1, 3)
    0.667
    """
    a, b = ngrams(candidate, n), ngrams(reference, n)
    return overlap(common(a, b), a.total(), b.total())


def rouge_l(candidate: Words, reference: Words) -> Overlap:
    """How long the longest row of words is that both texts have in the same order,
    not necessarily side by side.

    **Source:** Lin (2004), section 3.1, with precision and recall equally
    important.

    >>> rouge_l("the red kite".split(), "the small red kite".split()).recall
    0.75
    """
    n = longest_common_subsequence(candidate, reference)
    return overlap(n, len(candidate), len(reference))


def longest_common_subsequence(a: Words, b: Words) -> int:
    """The length of the longest row of words that a and b have in the same order.

    >>> longest_common_subsequence("a b c d".split(), "b x d".split())
    2
    """
    row = [0] * (len(b) + 1)  # row[j]: of what came of a, and the first j of b
    for word in a:
        above = row
        row = [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[j]))
    return row[-1]


# --- Probabilities ----------------------------------------------------------------


def reliability(predicted: Tensor, happened: Tensor, n_bins: int = 10) -> Tensor:
    """Of what was predicted with such a probability, how much happened?

    predicted: (n,), probabilities. happened: (n,), 0 or 1, or the true probability
    where it is known. Returns (n_bins, 3), for equal parts of 0 … 1: the mean
    prediction, the mean of what happened, and how many there are; nan without any.
    A prediction on an edge belongs to the part above, 1 to the last.

    Raises `ValueError` for what is no probability, or numbers of another shape.

    **Source:** Guo et al. (2017), section 2.
    """
    predicted, happened = predicted.flatten().double(), happened.flatten().double()
    if (
        predicted.shape != happened.shape
        or not ((predicted >= 0) & (predicted <= 1)).all()
    ):
        raise ValueError(
            f"{len(predicted)} predictions for {len(happened)} outcomes: one "
            "probability between 0 and 1 for each is needed"
        )
    bins = (predicted * n_bins).long().clamp(max=n_bins - 1)
    counts = torch.bincount(bins, minlength=n_bins)
    means = [
        torch.zeros(n_bins).double().index_add(0, bins, values) / counts
        for values in (predicted, happened)
    ]
    return torch.stack([*means, counts.double()], 1)  # (n_bins, 3)


def calibration_error(
    predicted: Tensor, happened: Tensor, n_bins: int = 10
) -> float:
    """How far predictions are from what happened, averaged over parts of 0 … 1.

    Known as the expected calibration error, ECE. Arguments and errors as
    `reliability`.

    **Source:** Guo et al. (2017), equation 3.
    """
    mean, share, n = reliability(predicted, happened, n_bins).T
    return float(((mean - share).abs().nan_to_num() * n).sum() / n.sum())


# --- Tests that were seen ---------------------------------------------------------


def seen_share(text: Words, training: Iterable[Words], n: int = 13) -> float:
    """The share of a text's n-grams that stand in a training text.

    Raises `ValueError` for a text of fewer than n words.

    **Source:** Brown et al. (2020), appendix C, with n up to 13.
    """
    rows = ngrams(text, n)
    if not rows:
        raise ValueError(f"a text of {len(text)} words has no row of {n}; lower n")
    seen = set()
    for other in training:
        seen |= ngrams(other, n).keys() & rows.keys()
    return sum(rows[row] for row in seen) / rows.total()


# --- Judges -----------------------------------------------------------------------


class Verdicts(NamedTuple):
    """What a judge says of pairs that were shown in both orders."""

    # How often A is preferred, over both orders.
    win_rate: float
    # How often what is shown first is preferred; 1/2 without a bias.
    first_rate: float
    # The share of pairs with the same winner in both orders.
    consistent: float


def both_orders(a_first: Tensor, a_second: Tensor) -> Verdicts:
    """Judge a judge: show each pair twice, in both orders.

    a_first, a_second: (n,), true where A was preferred, when it was shown first,
    and when it was shown second. Raises `ValueError` for no pairs, or unequal
    numbers.

    **Source:** Zheng et al. (2023), section 3.4.
    """
    a_first, a_second = a_first.double(), a_second.double()
    if a_first.shape != a_second.shape or len(a_first) == 0:
        raise ValueError(
            f"verdicts of shape {tuple(a_first.shape)} and "
            f"{tuple(a_second.shape)}: show each pair twice, at least one pair"
        )
    return Verdicts(
        win_rate=float((a_first + a_second).mean() / 2),
        first_rate=float((a_first + 1 - a_second).mean() / 2),
        consistent=float((a_first == a_second).double().mean()),
    )
