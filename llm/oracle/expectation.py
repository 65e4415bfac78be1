"""How surprising a story is on average: the floor under every loss."""

from __future__ import annotations

from collections import defaultdict

from llm.corpora.stories import World, story_grammar
from llm.corpora.stories.grammar import Fork, Grammar, Memory, Option, Point
from llm.corpora.stories.story import WHOLE

# Nats per story of the whole world, end mark included: what `entropy()` computes.
# `python benchmarks/bench_stories.py --entropy` computes it again.
STORY_ENTROPY = 109.920181090


def entropy(world: World = WHOLE) -> float:
    """The expected −ln of the probability of a story, in nats: exact.

    The grammar is walked backwards: from any place on, the surprise to expect is that
    of the fork there and, weighted with its probability, that of the way behind each
    option. What is remembered matters only as far as a later fork reads it, and of
    people, animals and the like only how many have been drawn, because all of them
    are equally likely and none has a rule of its own. So there are few cases, and
    each is computed once.
    """
    return _Expectation(story_grammar(world)).of(story_grammar(world).start, {})


class _Expectation:
    """Expected surprises, each computed once.

    known: for each point, the names of what matters there, and the value for each
    case of what they stand for. ways: what `summed` makes of each fork. personal: the
    kinds of which an entity has a rule of its own.
    """

    def __init__(self, made: Grammar) -> None:
        self.made = made
        self.known: dict[Point, tuple[tuple[str, ...], dict[tuple, float]]] = {}
        self.ways: dict[Fork, tuple] = {}
        self.personal = {
            kind
            for kind in made.words.kinds()
            if any(has_own_rule(made, name) for name in made.words.entities(kind))
        }

    def of(self, point: Point, memory: Memory) -> float:
        """The surprise to expect from a point to the end of the story."""
        names, values = self.known.get(point, ((), {}))
        case = self.case(names, memory)
        if case in values:
            return values[case]
        fork = self.made.fork_at(point, memory)
        expected, weights, others = self.ways.get(fork) or self.summed(fork)
        needed = {*names, *point.reads}
        for after, weight in weights.items():
            expected += weight * self.of(after, memory)
            needed |= {*self.known[after][0]}
        for option, probability in others:
            after = self.made.after(option, memory)
            expected += probability * self.of(option.next, after)
            needed |= self.needed(option, memory, after)
        if needed != {*names} or point not in self.known:
            names, values = (
                tuple(sorted(needed)),
                {},
            )  # the old cases were too coarse
            self.known[point] = names, values
        values[self.case(names, memory)] = expected
        return expected

    def summed(self, fork: Fork) -> tuple:
        """The surprise of a fork itself; the probability of each point behind it that
        is reached with an unchanged memory; and the options that change it, one of
        all that change it alike, with the probability of them all."""
        own = sum(option.probability * option.surprise for option in fork.options)
        weights: dict[Point, float] = defaultdict(float)
        for option in fork.options:
            if option.next and not option.remembers:
                weights[option.next] += option.probability
        others: dict[tuple, tuple[Option, float]] = {}
        for option in fork.options:
            if option.next and option.remembers:
                key = option.next, tuple(map(self.change, option.deeds))
                first, probability = others.get(key, (option, 0.0))
                others[key] = first, probability + option.probability
        self.ways[fork] = own, weights, [*others.values()]
        return self.ways[fork]

    def change(self, deed: tuple[str, str, str] | str) -> tuple[str, ...] | str:
        """A deed as far as it matters: who was drawn does not, unless it is personal."""
        if isinstance(deed, str) or deed[1].split()[0] in self.personal:
            return deed
        return deed[:2]

    def needed(self, option: Option, before: Memory, after: Memory) -> set[str]:
        """What has to be known before an option for what matters behind it."""
        return {
            name
            for name in self.known[option.next][0]
            if name.startswith("drawn ") or before.get(name) == after.get(name)
        }

    def case(self, names: tuple[str, ...], memory: Memory) -> tuple[str | int, ...]:
        return tuple([self.shape(name, memory.get(name, "")) for name in names])

    def shape(self, name: str, value: str) -> str | int:
        """A list of what was drawn counts by its length, unless it is personal."""
        kind = name.removeprefix("drawn ")
        if kind != name and kind not in self.personal:
            return len(value.split(", ")) if value else 0
        return value


def has_own_rule(grammar: Grammar, entity: str) -> bool:
    """Is there a rule for this entity alone, like "use kite"?"""
    return any(rule.endswith(f" {entity}") for rule in grammar.rules)
