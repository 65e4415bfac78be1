"""A story and all that is known about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from random import Random

from llm.corpora.stories.grammar import (
    Grammar,
    Marks,
    Memory,
    Option,
    Pick,
    parse_rules,
)
from llm.corpora.stories.world import State, World, errand_rules, replay, use_rules

WHOLE = World()


@dataclass(frozen=True)
class Choice:
    """One choice of a story's author: what was written, and how likely that was."""

    text: str
    probability: float


@dataclass(frozen=True)
class Story:
    """A story, how it came about, what it is about and how it ends.

    text: without the blank line that parts it from the next. derivation: the choices
    whose texts joined are the text. events: what happened, "give Mia|Tom|red kite".
    state: where everyone and everything is at the end. questions: with their
    answers. summary: one sentence. plot: its name. topic: the thing it is about.
    mood: how it ends.
    """

    text: str
    derivation: tuple[Choice, ...]
    events: tuple[str, ...]
    state: State
    questions: tuple[tuple[str, str], ...]
    summary: str
    plot: str
    topic: str
    mood: str

    @property
    def log_prob(self) -> float:
        """The logarithm of its probability, in nats."""
        return sum(math.log(choice.probability) for choice in self.derivation)


def stories(seed: int, world: World = WHOLE) -> Iterator[str]:
    """Stories without end; number i of them is `story(seed, i)`.

    They end with a full stop or a quotation mark and hold no line break. A text of
    several is made by writing a blank line, "\\n\\n", behind each.

    >>> next(stories(0)) == story(0, 0)
    True
    """
    index = 0
    while True:
        yield story(seed, index, world)
        index += 1


def story(seed: int, index: int = 0, world: World = WHOLE) -> str:
    """One story out of the endless row that belongs to a seed."""
    return story_grammar(world).write(_random(seed, index))


def sample_story(seed: int, index: int = 0, world: World = WHOLE) -> Story:
    """The same story as from `story`, with all that is known about it."""
    grammar = story_grammar(world)
    return describe(grammar, grammar.wander(_random(seed, index)))


def _random(seed: int, index: int) -> Random:
    return Random(f"story {index} of {seed}")


def story_grammar(world: World = WHOLE) -> Grammar:
    """The grammar that writes the stories of a world; one object for each world."""
    return _grammar(world)


@cache
def _source(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


@lru_cache(maxsize=32)
def _grammar(world: World) -> Grammar:
    marks = Marks()
    texts = [
        _source("words.txt"),
        _source("plots.txt"),
        errand_rules(),
        use_rules(),
    ]
    rules = parse_rules("\n".join(texts), marks)
    if world.plots is not None:
        rules["plot"] = _only_plots(rules["plot"], world.plots)
    if world.keep is not None:
        rules = {name: _thin(rule, name, world) for name, rule in rules.items()}
    labels = parse_rules(_source("labels.txt"), marks)
    return Grammar(rules | labels, world, marks)


def _only_plots(rule: Pick, plots: Iterable[str]) -> Pick:
    known = {
        row[0].deed.removeprefix("plot="): (w, row) for w, row in rule.alternatives
    }
    for plot in plots:
        if plot not in known:
            raise ValueError(f"{plot!r} is no plot: choose from {', '.join(known)}")
    return Pick(tuple(known[plot] for plot in plots))


def _thin(rule: Pick, name: str, world: World) -> Pick:
    """The first alternatives of a rule, and of what is inside them."""
    kept = rule.alternatives[: world.keep(name, len(rule.alternatives))]
    return Pick(
        tuple(
            (
                w,
                tuple(
                    _thin(s, "", world) if isinstance(s, Pick) else s for s in row
                ),
            )
            for w, row in kept
        )
    )


def describe(grammar: Grammar, options: Iterable[Option]) -> Story:
    """All that follows from the options that were taken."""
    memory: Memory = {}
    choices, deeds = [], []
    for option in options:
        memory = grammar.after(option, memory)
        text = option.template % memory if option.varies else option.template
        choices.append(Choice(text, option.probability))
        deeds += [deed for deed in option.deeds if isinstance(deed, str)]
    events = [_event(deed, memory) for deed in deeds if "=" not in deed]
    plot = memory["plot"]
    return Story(
        text="".join(choice.text for choice in choices),
        derivation=tuple(choices),
        events=tuple(events),
        state=replay(events),
        questions=tuple(_questions(grammar.say(f"questions {plot}", memory))),
        summary=grammar.say(f"summary {plot}", memory),
        plot=plot,
        topic=memory["thing"],
        mood=memory["mood"],
    )


def _event(deed: str, memory: Memory) -> str:
    """An event with the names of this story: "give Mia|Tom|small red kite"."""
    verb, *roles = deed.split()
    return f"{verb} {'|'.join(_named(role, memory) for role in roles)}"


def _named(role: str, memory: Memory) -> str:
    if role == "twin":
        return f"{memory['quality2']} {memory['colour2']} {memory['thing']}"
    if role in ("thing", "thing2"):
        number = role.removeprefix("thing")
        return f"{memory[f'quality{number}']} {memory[f'colour{number}']} {memory[role]}"
    return memory.get(role, role)


def _questions(text: str) -> Iterator[tuple[str, str]]:
    """Split "Who came? Tom. Why? Because." into questions and answers."""
    for pair in filter(None, text.split(" / ")):
        question, _, answer = pair.partition("? ")
        yield f"{question}?", answer
