"""The truth about the stories as a model of tokens: ids to logits."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from llm.corpora.stories import World
from llm.corpora.stories.story import WHOLE
from llm.oracle.pieces import cutter, next_pieces
from llm.oracle.reading import BLANK_LINE, Cursor, ParseError, normalised, start
from llm.tokenizers import END_OF_TEXT, Tokenizer

IMPOSSIBLE = -1e4  # the logit of what cannot follow: finite, and exp of it is 0.0
MOST_STATES = 5000  # beginnings of texts to remember, of some 20 kB each


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
    return state.distribution()


class Oracle:
    """The truth about the stories, with the interface of a model: ids to logits.

    A row of ids begins where a story begins, or with the end mark before it. The end
    mark is the special token `<|endoftext|>` if the tokenizer has it, and else a
    blank line. The logits of a position are the natural logarithms of the
    probabilities of what follows, `IMPOSSIBLE` = −10,000 where that is zero (finite,
    so that differences are numbers; its softmax is exactly 0 in float32). Where the
    ids so far are impossible themselves there is no distribution, and all logits are 0:
    the oracle knows nothing. A window cut from the middle of a story is therefore all
    zeros: use it on whole stories. For ids other than canonical ones see `next_token`.

    >>> from llm.corpora.stories import story
    >>> tokenizer = CharacterTokenizer.train([story(0, i) for i in range(99)])
    >>> Oracle(tokenizer)(torch.tensor([tokenizer.encode("One sunny")])).shape
    torch.Size([1, 9, 70])
    """

    training = False
    context_length = sys.maxsize  # it reads on for ever
    device = torch.device("cpu")

    def __init__(self, tokenizer: Tokenizer, world: World = WHOLE) -> None:
        self.tokenizer = tokenizer
        special = END_OF_TEXT in tokenizer.special_tokens
        self.end = END_OF_TEXT if special else BLANK_LINE
        self.cut = cutter(tokenizer, self.end)
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
                probs = state.distribution()
                at_place.fill_(IMPOSSIBLE)
                at_place[list(probs)] = torch.tensor(list(probs.values())).log()
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
            probability = state.distribution().get(id, 0.0)
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
    _distribution: dict[int, float] | None = None
    _next: dict[int, _TokenState | None] = field(default_factory=dict)
    _spelled: list | None = None

    def spelled(self) -> list[tuple[float, int, Cursor, str, bool]]:
        """All ways to go on: weight, next id, the piece and where it begins, and
        whether that id is the last of the piece."""
        if self._spelled is None:
            self._spelled = [
                (weight * probability, ids[len(so_far)], cursor, piece, last)
                for weight, cursor, before, so_far in self.guesses
                for piece, probability in next_pieces(
                    cursor, before, self.oracle.cut
                ).items()
                for ids in [self.oracle.encode(piece)]
                if ids[: len(so_far)] == so_far and len(ids) > len(so_far)
                for last in [len(ids) == len(so_far) + 1]
            ]
        return self._spelled

    def distribution(self) -> dict[int, float]:
        """The probability of each next id."""
        if self._distribution is None:
            probs: dict[int, float] = defaultdict(float)
            for weight, id, *_ in self.spelled():
                probs[id] += weight
            self._distribution = normalised(probs)
        return self._distribution

    def step(self, id: int) -> _TokenState | None:
        """What is known after one more id; None if it is impossible."""
        if id not in self._next:
            self._next[id] = self._step(id)
        return self._next[id]

    def _step(self, id: int) -> _TokenState | None:
        guesses, total = [], self.distribution().get(id, 0.0)
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
