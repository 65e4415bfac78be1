"""Markov chains: what is said in closed form agrees with counting."""

import doctest
import math
import statistics
from collections import Counter
from itertools import product

import pytest

from llm.corpora import markov
from llm.corpora.markov import MarkovChain


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(markov).failed == 0


def chain(order):
    return MarkovChain.random("abc", order, seed=5)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_probabilities_of_all_texts_of_a_length_sum_to_one(order):
    made = chain(order)
    for length in range(5):
        texts = map("".join, product("abc", repeat=length))
        total = sum(math.exp(made.log_prob(text)) for text in texts)
        assert total == pytest.approx(1)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_log_prob_is_the_sum_of_its_steps(order):
    made = chain(order)
    text = made.sample(3, 30)
    total = sum(math.log(made.next_char(text[:i])[c]) for i, c in enumerate(text))
    assert made.log_prob(text) == pytest.approx(total)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_entropy_rate_is_met(order):
    made = chain(order)
    rates = [-made.log_prob(made.sample(seed, 500)) / 500 for seed in range(200)]
    error = statistics.stdev(rates) / math.sqrt(len(rates))
    assert abs(statistics.fmean(rates) - made.entropy_rate) < 3 * error + 0.01
    assert 0 < made.entropy_rate < math.log(3)


def test_the_stationary_distribution_does_not_change():
    made = chain(2)
    after = Counter()
    for context, weight in made.stationary.items():
        for character, p in made.table[context].items():
            after[context[1:] + character] += weight * p
    assert dict(after) == pytest.approx(made.stationary)


def test_known_cases():
    coin = MarkovChain({"": {"h": 0.5, "t": 0.5}})
    assert coin.entropy_rate == pytest.approx(math.log(2))
    clock = MarkovChain({"a": {"b": 1.0}, "b": {"a": 1.0}})
    assert clock.entropy_rate == pytest.approx(0)
    assert clock.sample(1, 6) in ("ababab", "bababa")
    assert clock.log_prob("aa") == -math.inf
    assert clock.log_prob("ab") == pytest.approx(math.log(0.5))


def test_a_small_probability_is_exact():
    """Also one that a subtraction from 1 would swallow, or call two parts."""
    rare = 1e-13
    made = MarkovChain(
        {"a": {"b": rare, "a": 1 - rare}, "b": {"b": 1 - 3 * rare, "a": 3 * rare}}
    )
    assert made.stationary == pytest.approx({"a": 0.75, "b": 0.25}, rel=1e-2)
    once = MarkovChain({"a": {"a": 1 - rare, "b": rare}, "b": {"a": 1.0}})
    assert once.stationary["b"] == pytest.approx(rare, rel=1e-9)


def test_what_a_chain_leaves_for_ever_it_never_writes():
    made = MarkovChain({
        "a": {"a": 0.2, "b": 0.3, "c": 0.5},
        "b": {"b": 0.7, "c": 0.3},
        "c": {"b": 0.1, "c": 0.9},
    })  # fmt: skip
    assert made.stationary == pytest.approx({"a": 0, "b": 0.25, "c": 0.75})
    assert made.stationary["a"] == 0
    assert made.log_prob("ab") == -math.inf
    assert made.next_char("")["a"] == 0
    with pytest.raises(ValueError, match="never writes 'a'"):
        made.next_char("ba")


def test_the_beginning_is_that_of_any_place():
    made = chain(2)
    assert made.next_char("") == pytest.approx({
        c: sum(p for context, p in made.stationary.items() if context[0] == c)
        for c in "abc"
    })  # fmt: skip
    assert made.next_char("xyzab") == made.table["ab"]


def test_the_same_seed_gives_the_same_text():
    made = chain(2)
    assert made.sample(1, 50) == made.sample(1, 50) != made.sample(2, 50)
    assert made.sample(1, 1) in "abc" and made.sample(1, 0) == ""


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MarkovChain({}), "table is empty"),
        (
            lambda: MarkovChain({"a": {"a": 0.5, "b": 0.5}}),
            "context 'b' is missing",
        ),
        (lambda: MarkovChain({"": {"a": 0.5}}), "sum to 1"),
        (lambda: MarkovChain({"": {"a": math.nan}}), "sum to 1"),
        (lambda: MarkovChain({"": {"ab": 1.0}}), "'ab': give single characters"),
        (lambda: MarkovChain({"": {"": 1.0}}), "'': give single characters"),
        (lambda: MarkovChain({"a" * 50: {"a": 0.5, "b": 0.5}}), "b' is missing or"),
        (
            lambda: MarkovChain({"a": {"a": 1.0}, "b": {"a": 1.0}}),
            "context 'b' is missing or superfluous",
        ),
        (
            lambda: MarkovChain.random("ab", 50, 0),
            "order=50 over 2 characters makes",
        ),
        (lambda: MarkovChain.random("ab", 10**9, 0), "more than 5,000 contexts"),
        (lambda: MarkovChain({"": {"a": 1.5, "b": -0.5}}), "from 0 to 1"),
        (
            lambda: MarkovChain({"a": {"a": 1.0}, "b": {"b": 1.0}}).stationary,
            "never meet",
        ),
        (lambda: MarkovChain.random("aa", 1, 0), "list each character once"),
        (lambda: MarkovChain.random("ab", -1, 0), "order=-1"),
        (lambda: MarkovChain.random("ab", 1, 0, 0.0), "concentration=0.0"),
        (lambda: chain(1).sample(0, -1), "length=-1"),
        (lambda: chain(1).next_char("x"), "never writes 'x'"),
    ],
)
def test_mistakes_are_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()
