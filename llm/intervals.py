"""How sure can we be? Intervals, a test for pairs, and how many rows a question
needs.

Every function takes what was measured, one number a row or a run, and assumes
nothing about how the numbers are distributed, but `rows_needed`, which plans and
says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

# Up to so many differences, all ways to flip signs are tried; beyond, a sample.
EXACT_FLIPS = 14


def bootstrap_interval(
    rows: Tensor,
    statistic: Callable[[Tensor], Tensor],
    *,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Where a number that was computed from rows lies, as far as they can tell.

    rows: (n, …), what was measured of each row. statistic: from such a tensor to
    one number. As many rows are drawn, with replacement, again and again; the
    interval leaves out the same share of the results at both ends.

    Raises `ValueError` for fewer than two rows, or a confidence not between 0 and
    1.

    **Source:** Efron (1979); the percentile method, Efron and Tibshirani (1993),
    chapter 13.
    """
    check_rows(len(rows))
    check_share("confidence", confidence)
    generator = torch.Generator().manual_seed(seed)
    results = []
    for _ in range(n_resamples):
        drawn = torch.randint(len(rows), (len(rows),), generator=generator)
        results.append(float(statistic(rows[drawn])))
    outside = (1 - confidence) / 2
    ends = torch.tensor([outside, 1 - outside], dtype=torch.double)
    low, high = torch.tensor(results, dtype=torch.double).quantile(ends).tolist()
    return low, high


def sign_flip_test(
    differences: Tensor, *, n_flips: int = 10_000, seed: int = 0
) -> float:
    """How often chance alone makes a mean difference as large as this one.

    differences: (n,), of pairs: the same row, or the same seed, measured for two
    models. If the models are equally good, each difference could as well have the
    other sign. Up to 14 differences all signs are tried, beyond that `n_flips`
    random ones. Returns the p-value, between 0 and 1, for a difference in either
    direction.

    Raises `ValueError` where there is no difference to look at.

    **Source:** Fisher (1935), section 21.
    """
    differences = differences.flatten().double()
    check_rows(len(differences), least=1)
    n = len(differences)
    if n <= EXACT_FLIPS:
        signs = torch.tensor(list(product((1.0, -1.0), repeat=n))).double()
    else:
        generator = torch.Generator().manual_seed(seed)
        signs = torch.randint(2, (n_flips, n), generator=generator).double() * 2 - 1
        signs[0] = 1  # what was measured is one of the possible outcomes
    means = (signs @ differences).abs() / n
    measured = differences.mean().abs()
    return float((means >= measured * (1 - 1e-9)).double().mean())


def mean_interval(
    values: Tensor, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Where a mean lies, as far as a few independent values can tell, such as the
    losses of a few seeds.

    values: (n,). The fewer there are, the more standard errors the interval takes
    to each side: of three values 4.3, of many 1.96. For values that are roughly
    normally distributed. Raises `ValueError` for fewer than two.

    **Source:** Student (1908).
    """
    check_rows(len(values))
    values = values.double()
    half = student_quantile((1 + confidence) / 2, len(values) - 1)
    half *= float(values.std()) / math.sqrt(len(values))
    mean = float(values.mean())
    return mean - half, mean + half


def share_interval(
    n_right: int, n: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of a share, such as the accuracy on n questions.

    Never below 0 or above 1, and wider than nothing where all or none were right.
    Raises `ValueError` unless 0 ≤ n_right ≤ n and n ≥ 1.

    **Source:** Wilson (1927).

    >>> [round(end, 3) for end in share_interval(10, 10)]
    [0.722, 1.0]
    """
    if n < 1 or not 0 <= n_right <= n:
        raise ValueError(
            f"{n_right} of {n} is no share: give how many are right, of how many"
        )
    check_share("confidence", confidence)
    z = normal_quantile((1 + confidence) / 2)
    share = n_right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    half /= 1 + z * z / n
    return max(0.0, middle - half), min(1.0, middle + half)


def rows_needed(
    difference: float, spread: float, *, level: float = 0.05, power: float = 0.8
) -> int:
    """How many rows, or seeds, a comparison of pairs needs to see a difference.

    difference: the smallest one that we should not like to miss. spread: the
    standard deviation of the difference from row to row, in the same unit. level:
    how often a test may find a difference where there is none; power: how often it
    is to find one that is there. For means that are normally distributed, so of
    many rows.

    Raises `ValueError` for a difference of 0, which no number of rows shows, a
    negative spread, or shares that are not between 0 and 1.

    **Source:** Cohen (1988), chapter 2.

    >>> rows_needed(0.01, 0.05)
    197
    """
    if difference == 0 or spread < 0:
        raise ValueError(
            f"difference={difference}, spread={spread}: the difference must not be "
            "0, the spread not negative"
        )
    check_share("level", level)
    check_share("power", power)
    z = normal_quantile(1 - level / 2) + normal_quantile(power)
    return max(1, math.ceil((z * spread / difference) ** 2))


def normal_quantile(share: float) -> float:
    """Below which point a share of a standard normal distribution lies."""
    return float(torch.special.ndtri(torch.tensor(share, dtype=torch.double)))


def student_quantile(share: float, freedom: int) -> float:
    """Below which point a share of Student's distribution lies.

    share: 1/2 or more. freedom: how many values were measured, less one. The area
    under the density is summed up from 0, in steps of an angle in which it is
    smooth.

    >>> round(student_quantile(0.975, 2), 3)
    4.303
    """
    check_share("share", share)
    angle = torch.linspace(0, math.pi / 2, 20_001, dtype=torch.double)
    height = angle.cos() ** (freedom - 1)  # of t = √freedom · tan(angle)
    area = torch.cumulative_trapezoid(height, angle)
    wanted = (2 * share - 1) * area[-1]
    place = int(torch.searchsorted(area, wanted))
    before = float(area[place - 1]) if place else 0.0
    inside = (float(wanted) - before) / (float(area[place]) - before)
    found = float(angle[place]) + inside * float(angle[1])
    return math.sqrt(freedom) * math.tan(found)


def check_rows(n: int, least: int = 2) -> None:
    """Refuse to speak of chance where nothing was measured, or only once."""
    if n < least:
        raise ValueError(
            f"{n} rows say nothing about chance; give at least {least}"
        )


def check_share(name: str, share: float) -> None:
    """Refuse what is not strictly between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"{name}={share} must be between 0 and 1, such as 0.95")
