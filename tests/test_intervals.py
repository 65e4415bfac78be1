"""Intervals hold as often as they say, and tests cry wolf as often as they may."""

import math

import pytest
import torch

from llm.intervals import (
    bootstrap_interval,
    mean_interval,
    normal_quantile,
    rows_needed,
    share_interval,
    sign_flip_test,
    student_quantile,
)


def draws(seed: int, *size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, generator=generator, dtype=torch.double)


def test_the_bootstrap_of_a_mean_agrees_with_the_formula():
    rows = draws(0, 400)
    low, high = bootstrap_interval(rows, torch.mean, n_resamples=4000)
    half = 1.96 * float(rows.std()) / 20
    assert low == pytest.approx(float(rows.mean()) - half, abs=0.01)
    assert high == pytest.approx(float(rows.mean()) + half, abs=0.01)


def test_an_interval_of_95_percent_holds_in_95_of_100():
    held = 0
    for seed in range(300):
        low, high = bootstrap_interval(draws(seed, 50), torch.mean, n_resamples=300)
        held += low <= 0 <= high
    assert 0.9 <= held / 300 <= 0.98


def test_a_ratio_is_resampled_row_by_row():
    counts = torch.tensor([10.0, 100.0] * 50, dtype=torch.double)
    rows = torch.stack([2 * counts, counts], 1)
    ends = bootstrap_interval(rows, lambda r: r[:, 0].sum() / r[:, 1].sum())
    assert ends == pytest.approx((2, 2))


def test_all_signs_are_tried_where_there_are_few():
    # of 2³ = 8 ways, two have a mean as far from 0 as this: all plus, all minus
    assert sign_flip_test(torch.tensor([1.0, 2.0, 3.0])) == 2 / 8
    assert sign_flip_test(torch.tensor([1.0, -1.0])) == 1
    assert sign_flip_test(torch.tensor([0.0, 0.0])) == 1
    with pytest.raises(ValueError, match="say nothing about chance"):
        sign_flip_test(torch.tensor([]))


@pytest.mark.parametrize("n", [8, 40])
def test_no_difference_is_found_in_five_of_a_hundred(n):
    found = [sign_flip_test(draws(s, n), n_flips=500) <= 0.05 for s in range(400)]
    assert 0.02 < sum(found) / 400 < 0.09


def test_the_exact_test_and_the_sample_agree():
    differences = draws(5, 14) + 0.5
    exact = sign_flip_test(differences)
    sampled = sign_flip_test(
        torch.cat([differences, torch.zeros(1).double()]), n_flips=40_000
    )
    assert abs(exact - sampled) < 0.01


def test_shares_by_the_book_and_at_the_ends():
    low, high = share_interval(15, 20)
    assert (round(low, 3), round(high, 3)) == (0.531, 0.888)
    assert share_interval(0, 10)[0] == 0 and share_interval(0, 10)[1] > 0.2
    with pytest.raises(ValueError, match="11 of 10 is no share"):
        share_interval(11, 10)
    with pytest.raises(ValueError, match="confidence=95"):
        share_interval(5, 10, confidence=95)


def test_the_planned_number_finds_the_difference_as_often_as_planned():
    difference, spread = 0.3, 1.0
    n = rows_needed(difference, spread)
    rows = draws(7, 4000, n) * spread + difference
    z = rows.mean(1) / (rows.std(1) / math.sqrt(n))
    assert abs(float((z > 1.96).double().mean()) - 0.8) < 0.03


def test_more_is_needed_for_less():
    assert rows_needed(0.01, 0.1) == pytest.approx(
        4 * rows_needed(0.02, 0.1), rel=0.02
    )
    assert rows_needed(-0.01, 0.1) == rows_needed(0.01, 0.1)
    assert rows_needed(1, 0) == 1
    with pytest.raises(ValueError, match="must not be 0"):
        rows_needed(0, 1)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (4, 2.7764),
        (9, 2.2622),
        (30, 2.0423),
        (1000, 1.9623),
    ],
)
def test_the_factors_are_those_of_the_tables(freedom, expected):
    assert student_quantile(0.975, freedom) == pytest.approx(expected, abs=1e-4)


def test_many_values_need_the_factor_of_the_normal_distribution():
    assert student_quantile(0.975, 10**5) == pytest.approx(
        normal_quantile(0.975), abs=1e-3
    )
    assert normal_quantile(0.975) == pytest.approx(1.959964)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_an_interval_of_few_values_holds_as_often_as_it_says(n):
    held = 0
    for values in draws(n, 2000, n):
        low, high = mean_interval(values)
        held += low <= 0 <= high
    assert abs(held / 2000 - 0.95) < 0.02
    with pytest.raises(ValueError, match="1 rows say nothing"):
        mean_interval(torch.tensor([1.0]))
