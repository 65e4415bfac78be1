"""Say exactly how predictable the stories are.

The stories are a stream without end: story, end mark, story, end mark … In plain text
the end mark is a blank line, among tokens the special token `<|endoftext|>`. All
probabilities here are those of a stream that *begins* with the given text. So a text
starts where a story starts. A window cut from the middle of the stream is refused
with a `ParseError`, unless it happens to be the beginning of a story: what would
follow it depends on what the cut hides, and is another question.

What the grammar of `llm.corpora.stories` guarantees makes this short: at every fork
the options are texts of which none is the beginning of another. So the way a text
went is known up to the fork it is at, and only there several options are still open.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from llm.corpora.stories import Story, World, story_grammar
from llm.corpora.stories.grammar import Fork, Grammar, Memory, Option, Point
from llm.corpora.stories.story import WHOLE, describe
from llm.tokenizers import (
    END_OF_TEXT,
    BPETokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
)
from llm.tokenizers.pretokens import find_pretokens
from llm.tokenizers.words import WORD_PATTERN

BLANK_LINE = "\n\n"
IMPOSSIBLE = -1e4  # the logit of what cannot follow: finite, and exp of it is 0.0
MOST_STATES = 5000  # beginnings of texts to remember, of some 20 kB each


# Nats per story of the whole world, end mark included: what `entropy()` computes.
# `python benchmarks/bench_stories.py --entropy` computes it again.
STORY_ENTROPY = 96.024675065


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


# --- Reading ----------------------------------------------------------------------


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

    def open(self) -> Iterator[tuple[Option, Memory, str]]:
        """The options that go on as typed, each with its memory and its text."""
        for option in self.fork.options:
            memory, text = _write(self.grammar, option, self.memory, self.end)
            if text.startswith(self.typed):
                yield option, memory, text

    def mass(self) -> float:
        """The probability of what is typed, given the fork."""
        if not self.typed:
            return 1.0
        return sum(option.probability for option, _, _ in self.open())

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
        law: dict[str, float] = defaultdict(float)
        for option, _, text in self.open():
            law[text[len(self.typed)]] += option.probability
        return _normalised(law)


def _write(
    made: Grammar, option: Option, memory: Memory, end: str
) -> tuple[Memory, str]:
    """The memory after an option, and its text, with the end mark at the end."""
    if option.remembers:
        memory = made.after(option, memory)
    text = option.template % memory if option.varies else option.template
    return memory, text if option.next else text + end


def _match(
    made: Grammar, fork: Fork, memory: Memory, text: str, at: int, end: str
) -> tuple[Option, Memory, int] | None:
    """The option that stands in `text`, whole, at a position."""
    for letter in (text[at], ""):
        for option in fork.by_letter.get(letter, ()):
            if option.plain_head and not text.startswith(option.head, at):
                continue
            after, written = _write(made, option, memory, end)
            if text.startswith(written, at):
                return option, after, at + len(written)
    return None


def _refuse(cursor: Cursor, text: str, at: int) -> None:
    """Raise a `ParseError` for the first letter that no option has."""
    options = [
        _write(cursor.grammar, option, cursor.memory, cursor.end)[1]
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


def _normalised(law: dict) -> dict:
    total = sum(law.values())
    return {key: value / total for key, value in law.items()}


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


# --- How surprising a story is on average -----------------------------------------


def entropy(world: World = WHOLE) -> float:
    """The expected −ln of the probability of a story, in nats: exact.

    The grammar is walked backwards: from any place on, the surprise to expect is that
    of the fork there and, weighted with its probability, that of the way behind each
    option. What is remembered matters only as far as a later fork reads it, and of
    people, animals and the like only how many have been drawn, because all of them
    are equally likely and none has a rule of its own. So there are few cases, and
    each is computed once. It takes half a minute for the whole world.
    """
    return _Expectation(story_grammar(world)).of(story_grammar(world).start, {})


class _Expectation:
    """Expected surprises, each computed once.

    known: for each point, the names of what matters there, and the value for each
    case of what they stand for. ways: what `_summed` makes of each fork.
    """

    def __init__(self, made: Grammar) -> None:
        self.made = made
        self.known: dict[Point, tuple[tuple[str, ...], dict[tuple, float]]] = {}
        self.ways: dict[Fork, tuple] = {}
        self.personal = {
            f"drawn {kind}"
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
        for option in others:
            after = self.made.after(option, memory)
            expected += option.probability * self.of(option.next, after)
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
        is reached with an unchanged memory; and the options that change it."""
        own = sum(option.probability * option.surprise for option in fork.options)
        weights: dict[Point, float] = defaultdict(float)
        for option in fork.options:
            if option.next and not option.remembers:
                weights[option.next] += option.probability
        others = [o for o in fork.options if o.next and o.remembers]
        self.ways[fork] = own, weights, others
        return self.ways[fork]

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
        if name.startswith("drawn ") and name not in self.personal:
            return len(value.split(", ")) if value else 0
        return value


def has_own_rule(grammar: Grammar, entity: str) -> bool:
    """Is there a rule for this entity alone, like "use kite"?"""
    return any(rule.endswith(f" {entity}") for rule in grammar.rules)


# --- Tokens -----------------------------------------------------------------------


def next_token(
    tokenizer: Tokenizer, prefix: Sequence[int], world: World = WHOLE
) -> dict[int, float]:
    """The probability of each id that can follow the ids `prefix`, exactly.

    These are probabilities of the *canonical* ids, the ones that the tokenizer itself
    gives the stream: it cuts text into pieces (characters, words, pre-tokens) and
    each piece into tokens, and after a prefix the next token is that of any piece that
    can still follow. Ids that spell a story but are not what `encode` makes of it
    (" b", "all" where the tokenizer has " ball") have probability zero, although
    `decode` gives the same text; the probabilities of the canonical ids alone sum to
    one.

    Raises `ParseError` if no stream begins with these ids, and `ValueError` for a
    tokenizer of an unknown kind.
    """
    oracle = Oracle(tokenizer, world)
    state = oracle.after(prefix)
    if state is None:
        text = tokenizer.decode(prefix)
        raise ParseError(text, len(text), "")
    return state.law()


class Oracle:
    """The truth about the stories, with the interface of a model: ids to logits.

    A row of ids begins where a story begins, or with the end mark before it. The end
    mark is the special token `<|endoftext|>` if the tokenizer has it, and else a
    blank line. The logits of a position are the natural logarithms of the
    probabilities of what follows, `IMPOSSIBLE` = −10,000 where that is zero (finite,
    so that differences are numbers; its softmax is exactly 0 in float32). Where the
    ids so far are impossible themselves there is no such law, and all logits are 0:
    the oracle knows nothing. A window cut from the middle of a story is therefore all
    zeros: use it on whole stories. For ids other than canonical ones see `next_token`.

    >>> from llm.corpora.stories import story
    >>> tokenizer = CharacterTokenizer.train([story(0, i) for i in range(99)])
    >>> Oracle(tokenizer)(torch.tensor([tokenizer.encode("Early one")])).shape
    torch.Size([1, 9, 60])
    """

    training = False
    context_length = sys.maxsize  # it reads on for ever
    device = torch.device("cpu")

    def __init__(self, tokenizer: Tokenizer, world: World = WHOLE) -> None:
        self.tokenizer = tokenizer
        special = END_OF_TEXT in tokenizer.special_tokens
        self.end = END_OF_TEXT if special else BLANK_LINE
        self.cut = _cutter(tokenizer, self.end)
        self._encoded: dict[str, tuple[int, ...]] = {}
        self._guesses = ((1.0, start(world, self.end), "", ()),)
        self.forget()
        self._end_id = tokenizer.special_tokens.get(END_OF_TEXT)

    def __call__(self, ids: Tensor) -> Tensor:
        """Logits of what follows each id.

        ids: integers (B, T). Returns float32 (B, T, V).
        """
        logits = torch.zeros(*ids.shape, self.tokenizer.vocab_size)
        for row, of_row in zip(ids.tolist(), logits, strict=True):
            for state, at_place in zip(self._states(row), of_row, strict=False):
                law = state.law()
                at_place.fill_(IMPOSSIBLE)
                at_place[list(law)] = torch.tensor(list(law.values())).log()
        return logits.to(ids.device)

    def forget(self) -> None:
        """Begin anew with no beginnings of texts in memory."""
        self._root, self.n_states = _TokenState(self, self._guesses), 0

    def after(self, ids: Iterable[int]) -> _TokenState | None:
        """What is known after these ids; None if they are impossible."""
        ids, state = list(ids), self._root
        states = list(self._states(ids))
        if len(states) < len(ids):
            return None
        return states[-1] if states else state

    def log_prob(self, ids: Sequence[int]) -> float:
        """ln of the probability that the stream begins with these ids, in nats.

        An end mark at the beginning is taken as given. −inf if it is impossible.
        """
        total, state = 0.0, self._root
        for place, id in enumerate(ids):
            if place == 0 and id == self._end_id:
                continue
            probability = state.law().get(id, 0.0)
            if probability == 0:
                return -math.inf
            total += math.log(probability)
            state = state.step(id)
        return total

    def eval(self) -> Oracle:
        """For whatever switches dropout off before it evaluates."""
        return self

    def train(self, mode: bool = True) -> Oracle:
        """There is nothing to train, and nothing happens."""
        return self

    def _states(self, ids: Sequence[int]) -> Iterator[_TokenState]:
        """What is known after each id, as far as the ids are possible."""
        if self.n_states > MOST_STATES:
            self.forget()
        state: _TokenState | None = self._root
        for place, id in enumerate(ids):
            if place or id != self._end_id:
                state = state.step(id)
            if state is None:
                return
            yield state

    def encode(self, piece: str) -> tuple[int, ...]:
        """The ids of a piece of text."""
        if piece not in self._encoded:
            allowed = (self.end,) if piece == self.end == END_OF_TEXT else ()
            ids = self.tokenizer.encode(piece, allowed_special=allowed)
            self._encoded[piece] = tuple(ids)
        return self._encoded[piece]


Cut = Callable[[str], str | None]
_Guess = tuple[float, Cursor, str, tuple[int, ...]]


@dataclass(eq=False, repr=False, slots=True)
class _TokenState:
    """What is known after some ids.

    guesses: each a weight, where in the text the piece that is being spelled begins,
    the piece before it, and the ids of it so far. There is mostly one; there are
    several when these ids may be a whole piece or the beginning of a longer one
    (" ball", " balloon").
    """

    oracle: Oracle
    guesses: tuple[_Guess, ...]
    _law: dict[int, float] | None = None
    _next: dict[int, _TokenState | None] = field(default_factory=dict)
    _spelled: list | None = None

    def spelled(self) -> list[tuple[float, int, Cursor, str, bool]]:
        """All ways to go on: weight, next id, the piece and where it begins, and
        whether that id is the last of the piece."""
        if self._spelled is None:
            self._spelled = [
                (weight * probability, ids[len(so_far)], cursor, piece, last)
                for weight, cursor, before, so_far in self.guesses
                for piece, probability in _pieces(
                    cursor, before, self.oracle.cut
                ).items()
                for ids in [self.oracle.encode(piece)]
                if ids[: len(so_far)] == so_far and len(ids) > len(so_far)
                for last in [len(ids) == len(so_far) + 1]
            ]
        return self._spelled

    def law(self) -> dict[int, float]:
        """The probability of each next id."""
        if self._law is None:
            law: dict[int, float] = defaultdict(float)
            for weight, id, *_ in self.spelled():
                law[id] += weight
            self._law = _normalised(law)
        return self._law

    def step(self, id: int) -> _TokenState | None:
        """What is known after one more id; None if it is impossible."""
        if id not in self._next:
            self._next[id] = self._step(id)
        return self._next[id]

    def _step(self, id: int) -> _TokenState | None:
        guesses, total = [], self.law().get(id, 0.0)
        if total == 0:
            return None
        scale = sum(weight for weight, *_ in self.spelled()) * total
        begun: set[Cursor] = set()
        for weight, this, cursor, piece, last in self.spelled():
            if this != id:
                continue
            if last:
                guesses.append((weight / scale, cursor.read(piece), piece, ()))
            else:
                begun.add(cursor)
        guesses += [
            (weight / scale, cursor, before, (*so_far, id))
            for weight, cursor, before, so_far in self.guesses
            if cursor in begun
        ]
        self.oracle.n_states += 1
        return _TokenState(self.oracle, tuple(guesses))


def _pieces(cursor: Cursor, before: str, cut: Cut) -> dict[str, float]:
    """The probability of each piece that can begin where the cursor is.

    before: the piece that ends there, which no longer piece may swallow: behind the
    word "The" comes no "re", though "There" is a word.
    """
    law: dict[str, float] = defaultdict(float)
    made, end = cursor.grammar, cursor.end
    waiting = [
        (option.probability, text[len(cursor.typed) :], option, memory)
        for option, memory, text in cursor.open()
    ]
    while waiting:
        probability, text, option, memory = waiting.pop()
        first = cut(before + text) if before else ""
        piece = cut(text) if first == before else None
        if piece is not None:
            law[piece] += probability
        if piece is not None or first not in (None, before):
            continue
        point, memory = (option.next, memory) if option.next else (made.start, {})
        for new in made.fork_at(point, memory).options:
            after, more = _write(made, new, memory, end)
            waiting.append((probability * new.probability, text + more, new, after))
    return _normalised(law)


def _cutter(tokenizer: Tokenizer, end: str) -> Cut:
    """A function that gives the first piece of a text, or None while it depends on
    what follows.

    Raises `ValueError` for a tokenizer whose pieces are not known here.
    """
    cutters = {
        CharacterTokenizer: _first_character,
        ByteTokenizer: _first_character,
        WordTokenizer: _first_word,
        BPETokenizer: _first_pretoken,
    }
    if type(tokenizer) not in cutters:
        name = type(tokenizer).__name__
        raise ValueError(
            f"the oracle does not know where a {name} cuts text: it knows "
            + ", ".join(kind.__name__ for kind in cutters)
        )
    return lru_cache(maxsize=1 << 16)(
        lambda text: _first_piece(text, cutters[type(tokenizer)], end)
    )


def _first_piece(text: str, first: Callable[[str, bool], str | None], end: str):
    if end == BLANK_LINE:
        return first(text, False)
    if text.startswith(end):
        return end
    before, mark, _ = text.partition(end)  # nothing goes on over a special token
    return first(before, bool(mark))


def _first_character(text: str, whole: bool) -> str | None:
    return text[:1] or None


def _first_word(text: str, whole: bool) -> str | None:
    """A word is complete when something follows that cannot go on with it.

    >>> _first_word("don't", False), _first_word("don't ", False)
    (None, "don't")
    """
    found = WORD_PATTERN.match(text)
    if found is None or whole:
        return found and found[0]
    rest = text[found.end() :]
    one_sign = not (found[0][0].isalnum() or found[0][0] == "_")
    return found[0] if one_sign or (rest and rest not in ("'", "\u2019")) else None


def _first_pretoken(text: str, whole: bool) -> str | None:
    """A pre-token is complete when a character follows that cannot go on with it.

    An apostrophe may become one of 're, 've and 'll, and needs two.

    >>> _first_pretoken(" ball", False), _first_pretoken(" ball.", False)
    (None, ' ball')
    """
    found = next(find_pretokens(text), None)
    if found is None or whole:
        return found and found[0]
    undecided = text[0] == "'" and len(text) < 3
    return None if undecided or found.end() == len(text) else found[0]
