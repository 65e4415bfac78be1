"""Read a text along the grammar: where it stands, what may follow, what it cost.

What the grammar guarantees makes this short: at every fork the options are texts of
which none is the beginning of another. So the way a text went is known up to the fork
it is at, and only there several options are still open.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from llm.corpora.stories import Story, World, story_grammar
from llm.corpora.stories.grammar import Fork, Grammar, Memory, Option, Point
from llm.corpora.stories.story import WHOLE, describe

BLANK_LINE = "\n\n"


class ParseError(ValueError):
    """A text that is not a beginning of the stream.

    position: of the first character that cannot stand there; if the text breaks off
    too early, its length. expected: the characters that could have come.
    """

    def __init__(self, text: str, position: int, expected: Iterable[str]) -> None:
        self.position, self.expected = position, "".join(sorted(set(expected)))
        before = text[max(0, position - 20) : position]
        found = text[position : position + 10]
        super().__init__(
            f"after {before!r} stands {found!r} at position {position}, where the "
            f"stories go on with one of {self.expected!r}"
        )


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Cursor:
    """How far a text has come: at a fork, and so many letters into its options.

    typed: the text since the fork. surprise: −ln of the probability of all before.
    """

    grammar: Grammar
    end: str
    point: Point
    memory: Memory
    typed: str = ""
    surprise: float = 0.0

    @property
    def fork(self) -> Fork:
        return self.grammar.fork_at(self.point, self.memory)

    def open(self) -> Iterator[tuple[Option, str]]:
        """The options that go on as typed, each with its text."""
        for option in self.fork.options:
            if option.plain_head and not _agree(option.head, self.typed):
                continue
            text = write(self.grammar, option, self.memory, self.end)
            if text.startswith(self.typed):
                yield option, text

    def mass(self) -> float:
        """The probability of what is typed, given the fork."""
        if not self.typed:
            return 1.0
        return sum(option.probability for option, _ in self.open())

    def read(self, text: str, taken: list[Option] | None = None) -> Cursor:
        """Where a text leads from here. Raises `ParseError` if it leads nowhere.

        taken: a list to which the options are added.
        """
        text = self.typed + text
        point, memory, surprise = self.point, self.memory, self.surprise
        at, length, made, end = 0, len(text), self.grammar, self.end
        while at < length:
            fork = point.fork or made.fork_at(point, memory)
            found = _match(made, fork, memory, text, at, end)
            if found is None:
                break
            option, memory, at = found
            surprise += option.surprise
            if taken is not None:
                taken.append(option)
            if option.next is None:
                point, memory = made.start, {}
            else:
                point = option.next
        cursor = Cursor(made, end, point, memory, text[at:], surprise)
        if at < length and not any(cursor.open()):
            _refuse(cursor, text, at)
        return cursor

    def next_char(self) -> dict[str, float]:
        """The probability of each character that can follow."""
        probs: dict[str, float] = defaultdict(float)
        for option, text in self.open():
            probs[text[len(self.typed)]] += option.probability
        return normalised(probs)


def write(made: Grammar, option: Option, memory: Memory, end: str) -> str:
    """The text of an option that is taken with a memory, and at the end the mark."""
    if option.varies and option.remembers:
        memory = made.after(option, memory)
    return _written(option, memory, end)


def _written(option: Option, after: Memory, end: str) -> str:
    """The same, where it is known what is remembered after the option."""
    text = option.template % after if option.varies else option.template
    return text if option.next else text + end


def _agree(a: str, b: str) -> bool:
    """Does one of two texts go on with the other?"""
    return a.startswith(b) or b.startswith(a)


def _match(
    made: Grammar, fork: Fork, memory: Memory, text: str, at: int, end: str
) -> tuple[Option, Memory, int] | None:
    """The option that stands in `text`, whole, at a position."""
    for letter in (text[at], ""):
        for option in fork.by_letter.get(letter, ()):
            if option.plain_head and not text.startswith(option.head, at):
                continue
            after = made.after(option, memory) if option.remembers else memory
            written = _written(option, after, end)
            if text.startswith(written, at):
                return option, after, at + len(written)
    return None


def _refuse(cursor: Cursor, text: str, at: int) -> None:
    """Raise a `ParseError` for the first letter that no option has."""
    options = [
        write(cursor.grammar, option, cursor.memory, cursor.end)
        for option in cursor.fork.options
    ]
    typed = ""
    for letter in text[at:]:
        left = [option for option in options if option.startswith(typed + letter)]
        if not left:
            break
        typed, options = typed + letter, left
    raise ParseError(
        text, at + len(typed), [option[len(typed)] for option in options]
    )


def normalised(probs: dict) -> dict:
    total = sum(probs.values())
    return {key: value / total for key, value in probs.items()}


def start(world: World = WHOLE, end: str = BLANK_LINE) -> Cursor:
    """The beginning of the stream."""
    made = story_grammar(world)
    return Cursor(made, end, made.start, {})


def log_prob(text: str, world: World = WHOLE, end: str = BLANK_LINE) -> float:
    """ln of the probability that the stream begins with `text`, in nats.

    For a whole story that is the probability of the story, with or without its end
    mark. −inf if no stream begins like this.
    """
    try:
        cursor = start(world, end).read(text)
    except ParseError:
        return -math.inf
    return math.log(cursor.mass()) - cursor.surprise


def surprises(texts: Iterable[str], world: World = WHOLE) -> Tensor:
    """What each story costs the best possible model: −ln of its probability, with
    its end mark.

    On average no honest model pays less, whatever its tokenizer: a text has one row
    of canonical ids, so the surprises of its tokens sum to this.

    texts: n whole stories. Returns float64 (n,), in nats. Raises `ParseError` for a
    text that is none.
    """
    beginning = start(world)
    ends = [beginning.read(text + BLANK_LINE) for text in texts]
    return torch.tensor([end.surprise for end in ends], dtype=torch.float64)


def next_char(
    prefix: str, world: World = WHOLE, end: str = BLANK_LINE
) -> dict[str, float]:
    """The probability of each character that can follow `prefix`.

    Raises `ParseError` if no stream begins with it.
    """
    return start(world, end).read(prefix).next_char()


def parse(text: str, world: World = WHOLE) -> Story:
    """The derivation of one whole story, and all that is known about it.

    Raises `ParseError` with the place where it stops being one.
    """
    taken: list[Option] = []
    cursor = start(world).read(text + BLANK_LINE, taken)
    if cursor.typed or not taken or taken[-1].next:
        raise ParseError(text, len(text), cursor.next_char())
    return describe(story_grammar(world), taken)
