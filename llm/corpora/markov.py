"""Markov chains of letters, whose entropy rate is known in closed form."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from random import Random

import numpy as np


class MarkovChain:
    """Text in which each character depends on the `order` characters before it.

    The chain runs as if it had run forever: the first characters of a text are drawn
    from its stationary distribution, so that every place of a text is like any other.

    table: for each context, a string of `order` characters, the probability of each
    next character; for order 0 there is one context, "".

    Raises `ValueError` for a table with contexts that are missing or not equally
    long, with rows that are no probabilities, and for a chain with more than one
    stationary distribution, which never forgets where it began.

    >>> weather = MarkovChain({"s": {"s": 0.9, "r": 0.1}, "r": {"s": 0.5, "r": 0.5}})
    >>> {context: round(p, 3) for context, p in weather.stationary.items()}
    {'r': 0.167, 's': 0.833}
    >>> round(weather.entropy_rate, 3)
    0.386

    **Source:** Shannon (1948), theorem 5 and section 6; stationary distributions of
    higher orders through the chain of contexts, section 4.
    """

    def __init__(self, table: Mapping[str, Mapping[str, float]]) -> None:
        self.table = {context: dict(row) for context, row in table.items()}
        self.order = len(next(iter(self.table), ""))
        self.alphabet = "".join(
            sorted({c for row in self.table.values() for c in row})
        )
        self._check()

    @classmethod
    def random(
        cls, alphabet: str, order: int, seed: int, concentration: float = 0.3
    ) -> MarkovChain:
        """A chain with rows drawn from a Dirichlet distribution.

        concentration: positive; the smaller, the more a few characters dominate.
        Raises `ValueError` for a negative order, a character that comes twice or a
        concentration that is not positive.
        """
        if order < 0 or not concentration > 0:
            raise ValueError(
                f"order={order} must be at least 0, and "
                f"concentration={concentration} above 0"
            )
        if not alphabet or len(set(alphabet)) < len(alphabet):
            raise ValueError(f"alphabet {alphabet!r} must list each character once")
        rng = Random(seed)
        contexts = map("".join, product(alphabet, repeat=order))
        return cls({c: _random_row(alphabet, concentration, rng) for c in contexts})

    @cached_property
    def stationary(self) -> dict[str, float]:
        """The probability of each context in a text without beginning."""
        contexts = sorted(self.table)
        number = {context: i for i, context in enumerate(contexts)}
        flow = np.eye(len(contexts))  # π P = π, that is (I − Pᵀ) π = 0, …
        for context, row in self.table.items():
            for character, p in row.items():
                flow[number[self._slide(context, character)], number[context]] -= p
        if np.linalg.matrix_rank(flow, tol=1e-10) < len(contexts) - 1:
            raise ValueError(
                "the chain falls into parts that never meet, so it has no one "
                "stationary distribution: let every context lead to every other"
            )
        system = np.vstack([flow, np.ones(len(contexts))])  # … and Σ π = 1
        right = np.append(np.zeros(len(contexts)), 1.0)
        solution, *_ = np.linalg.lstsq(system, right, rcond=None)
        return dict(zip(contexts, np.clip(solution, 0, 1).tolist(), strict=True))

    @cached_property
    def entropy_rate(self) -> float:
        """Nats per character that no model can save: Σ π(c) H(next | c), exact."""
        return sum(
            weight
            * -sum(p * math.log(p) for p in self.table[context].values() if p)
            for context, weight in self.stationary.items()
        )

    def sample(self, seed: int, length: int) -> str:
        """A text of so many characters; the same for the same seed.

        Raises `ValueError` for a negative length.
        """
        if length < 0:
            raise ValueError(f"length={length} must be at least 0")
        rng = Random(seed)
        context = _draw(self.stationary, rng)
        text = list(context)
        for _ in range(length - self.order):
            character = _draw(self.table[context], rng)
            text.append(character)
            context = self._slide(context, character)
        return "".join(text[:length])

    def next_char(self, prefix: str) -> dict[str, float]:
        """The probability of each character after `prefix`, of any length.

        Raises `ValueError` for a prefix that this chain cannot write.
        """
        if len(prefix) >= self.order:
            context = prefix[len(prefix) - self.order :]
            if context in self.table:
                return dict(self.table[context])
        law: dict[str, float] = defaultdict(float)
        for context, weight in self.stationary.items():
            if len(prefix) < self.order and context.startswith(prefix):
                law[context[len(prefix)]] += weight
        total = sum(law.values())
        if total == 0:
            raise ValueError(f"this chain never writes {prefix[-self.order :]!r}")
        return {character: weight / total for character, weight in law.items()}

    def log_prob(self, text: str) -> float:
        """ln of the probability of a text of this length, in nats; −inf for never.

        Its mean over long texts, per character, tends to −`entropy_rate`.
        """
        context = text[: self.order]
        total = _log(
            sum(
                p
                for start, p in self.stationary.items()
                if start.startswith(context)
            )
        )
        for character in text[self.order :]:
            total += _log(self.table.get(context, {}).get(character, 0.0))
            context = self._slide(context, character)
        return total

    def _slide(self, context: str, character: str) -> str:
        return (context + character)[1:] if self.order else ""

    def _check(self) -> None:
        if not self.table:
            raise ValueError("the table is empty: give each context a row")
        wanted = set(map("".join, product(self.alphabet, repeat=self.order)))
        if wanted != set(self.table):
            odd = min(wanted ^ set(self.table))
            raise ValueError(
                f"context {odd!r} is missing or superfluous: a chain of order "
                f"{self.order} over {self.alphabet!r} has {len(wanted)} contexts"
            )
        for context, row in self.table.items():
            wrong = any(not 0 <= p <= 1 for p in row.values())
            if wrong or abs(sum(row.values()) - 1) > 1e-9:
                raise ValueError(
                    f"after {context!r} stand {row}: probabilities from 0 to 1 must "
                    "sum to 1"
                )


def _random_row(
    alphabet: str, concentration: float, rng: Random
) -> dict[str, float]:
    weights = [rng.gammavariate(concentration, 1.0) + 1e-12 for _ in alphabet]
    total = sum(weights)
    return {c: weight / total for c, weight in zip(alphabet, weights, strict=True)}


def _draw(law: Mapping[str, float], rng: Random) -> str:
    return rng.choices(list(law), list(law.values()))[0]


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf
