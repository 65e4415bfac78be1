"""Markov chains of letters, whose entropy rate is known in closed form."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from random import Random

import numpy as np

MOST_CONTEXTS = 5_000  # takes minutes: the cube of their number


class MarkovChain:
    """Text in which each character depends on the `order` characters before it.

    The chain runs as if it had run forever: the first characters of a text are drawn
    from its stationary distribution, so that every place of a text is like any other.

    table: for each context, a string of `order` characters, the probability of each
    next character; for order 0 there is one context, "".

    Raises `ValueError` for a table with contexts that are missing or not equally
    long, with rows that are no probabilities of single characters, and, when it is
    asked for, where there is more than one stationary distribution.

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
        Raises `ValueError` for a negative order, a character that comes twice, a
        concentration that is not positive, and more than `MOST_CONTEXTS` contexts.
        """
        if order < 0 or not concentration > 0:
            raise ValueError(
                f"order={order} must be at least 0, and "
                f"concentration={concentration} above 0"
            )
        if not alphabet or len(set(alphabet)) < len(alphabet):
            raise ValueError(f"alphabet {alphabet!r} must list each character once")
        if len(alphabet) > 1 and order > math.log(MOST_CONTEXTS, len(alphabet)):
            raise ValueError(
                f"order={order} over {len(alphabet)} characters makes more than "
                f"{MOST_CONTEXTS:,} contexts: choose a lower order or fewer characters"
            )
        rng = Random(seed)
        contexts = map("".join, product(alphabet, repeat=order))
        return cls({c: _random_row(alphabet, concentration, rng) for c in contexts})

    @cached_property
    def stationary(self) -> dict[str, float]:
        """The probability of each context in a text without beginning.

        0 for a context that the chain leaves for ever. Raises `ValueError` for a chain
        that may end in one of several parts, and so never forgets where it began.

        **Source:** Grassmann, Taksar and Heyman (1985), which subtracts nothing, so
        that small probabilities are as exact as large ones.
        """
        contexts = self._recurrent()
        number = {context: i for i, context in enumerate(contexts)}
        flow = np.zeros((len(contexts), len(contexts)))
        for context in contexts:
            for character, p in self.table[context].items():
                if p:
                    after = number[self._slide(context, character)]
                    flow[number[context], after] += p
        # Leave out the last context, and let the flow through it go past it.
        for last in range(len(contexts) - 1, 0, -1):
            flow[:last, last] /= flow[last, :last].sum()
            flow[:last, :last] += np.outer(flow[:last, last], flow[last, :last])
        weights = np.ones(len(contexts))
        for i in range(1, len(contexts)):
            weights[i] = weights[:i] @ flow[:i, i]
        shares = dict(
            zip(contexts, (weights / weights.sum()).tolist(), strict=True)
        )
        return {context: shares.get(context, 0.0) for context in sorted(self.table)}

    def _recurrent(self) -> list[str]:
        """The contexts that the chain comes back to, again and again."""
        after, before = defaultdict(set), defaultdict(set)
        for context, row in self.table.items():
            for next_context in (
                self._slide(context, c) for c, p in row.items() if p
            ):
                after[context].add(next_context)
                before[next_context].add(context)
        context = min(self.table)
        while left := _reachable(after, context) - _reachable(before, context):
            context = min(left)
        if len(_reachable(before, context)) < len(self.table):
            raise ValueError(
                "the chain falls into parts that never meet, so it has no one "
                "stationary distribution: let every context lead to every other"
            )
        return sorted(_reachable(after, context))

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

        Only its last `order` characters matter. Raises `ValueError` if this chain
        never writes these.
        """
        context = prefix[max(0, len(prefix) - self.order) :]
        begun = {c: p for c, p in self.stationary.items() if c.startswith(context)}
        total = sum(begun.values())
        if not total:
            raise ValueError(f"this chain never writes {context!r}")
        if len(context) == self.order:
            return dict(self.table[context])
        probs: dict[str, float] = defaultdict(float)
        for whole, weight in begun.items():
            probs[whole[len(context)]] += weight / total
        return dict(probs)

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

    def _is_context(self, text: str) -> bool:
        return len(text) == self.order and set(text) <= set(self.alphabet)

    def _check(self) -> None:
        if not self.table:
            raise ValueError("the table is empty: give each context a row")
        for context, row in self.table.items():
            if odd := [c for c in row if len(c) != 1]:
                raise ValueError(
                    f"after {context!r} stands {odd[0]!r}: give single characters"
                )
        n_contexts = len(self.alphabet) ** self.order
        wanted = map("".join, product(self.alphabet, repeat=self.order))
        odd = next(
            (context for context in wanted if context not in self.table), None
        )
        if odd is None and n_contexts < len(self.table):
            odd = next(c for c in self.table if not self._is_context(c))
        if odd is not None:
            raise ValueError(
                f"context {odd!r} is missing or superfluous: a chain of order "
                f"{self.order} over {self.alphabet!r} has {n_contexts} contexts"
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


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """Where one can get to from `start`, which is one of these places."""
    found, open_ = {start}, [start]
    while open_:
        new = graph.get(open_.pop(), set()) - found
        found |= new
        open_ += new
    return found


def _draw(probs: Mapping[str, float], rng: Random) -> str:
    return rng.choices(list(probs), list(probs.values()))[0]


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else -math.inf
