"""What changes logits by what has been written: a penalty, an automaton.

A sampler sees logits alone. A processor also sees the texts so far, and stands before
the sampler.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llm.tokenizers import END_OF_TEXT, Tokenizer

# logits (B, V), and the ids of the B texts so far, prompts included; returns (B, V)
Processor = Callable[[Tensor, list[list[int]]], Tensor]


# --- Against repetition -----------------------------------------------------------


def repetition_penalty(penalty: float, spare: Iterable[int] = ()) -> Processor:
    """Make every token less likely that the text holds already.

    Its logit is divided by the penalty if it is positive, and multiplied if it is
    negative. spare: ids that are never penalised, such as the end mark. Raises
    `ValueError` unless the penalty is at least 1 and finite; 1 changes nothing.

    **Source:** Keskar et al. (2019), section 4.1.

    >>> repetition_penalty(2.0)(torch.tensor([[4.0, 4.0, -1.0]]), [[0, 2, 0]])
    tensor([[ 2.,  4., -2.]])
    """
    if not 1 <= penalty < math.inf:
        raise ValueError(
            f"repetition_penalty={penalty} must be at least 1 and finite; 1 "
            "changes nothing, 1.2 is usual"
        )
    spared = set(spare)

    def penalise(logits: Tensor, texts: list[list[int]]) -> Tensor:
        logits = logits.clone()
        for row, text in zip(logits, texts, strict=True):
            seen = [id for id in set(text) - spared if id < len(row)]
            old = row[seen]
            row[seen] = torch.where(old > 0, old / penalty, old * penalty)
        return logits

    return penalise


# --- Only what an automaton reads -------------------------------------------------


@dataclass(frozen=True)
class Automaton:
    """A machine that reads bytes one by one, and says which strings are allowed.

    moves: for each state the bytes that it can read, and the state each leads to;
    the first state is 0. accepting: the states in which the string may end. Raises
    `ValueError` for a state that does not exist.

    >>> digits = Automaton([{}, {}], {1})
    >>> for state in (0, 1):
    ...     digits.moves[state].update({byte: 1 for byte in b"0123456789"})
    >>> [digits.accepts(text) for text in ("2024", "", "20x4")]
    [True, False, False]
    """

    moves: Sequence[Mapping[int, int]]
    accepting: Collection[int]

    def __post_init__(self) -> None:
        named = {s for moves in self.moves for s in moves.values()}
        for state in {0, *named, *self.accepting}:
            if not 0 <= state < len(self.moves):
                raise ValueError(
                    f"state {state} does not exist: moves has {len(self.moves)}"
                )

    def read(self, state: int, data: bytes) -> int | None:
        """The state after these bytes; None where one of them cannot be read."""
        for byte in data:
            if byte not in self.moves[state]:
                return None
            state = self.moves[state][byte]
        return state

    def accepts(self, text: str) -> bool:
        """Is it one of the strings?"""
        return self.read(0, text.encode()) in set(self.accepting)


def choices(*parts: Sequence[str]) -> Automaton:
    """Reads one string of the first part, then one of the second, and so on.

    A state is all the places where one may be: which part, and what is still to
    come of a string of it. (So it is no harm if one string begins like another.)
    Raises `ValueError` for a part without strings.

    >>> choices(["a ", "an "], ["egg"]).accepts("an egg")
    True
    """
    if empty := [i for i, part in enumerate(parts) if not part]:
        raise ValueError(f"part {empty[0]} has no strings to choose from")

    def opened(part: int, rest: bytes) -> set[tuple[int, bytes]]:
        """This place; where the string is over, those that one is at without
        reading on."""
        if rest or part == len(parts):
            return {(part, rest)}
        following = parts[part + 1] if part + 1 < len(parts) else [""]
        return set().union(*(opened(part + 1, s.encode()) for s in following))

    states = [frozenset(opened(-1, b""))]
    moves: list[dict[int, int]] = []
    while len(moves) < len(states):
        places, onwards = states[len(moves)], {}
        for byte in {rest[0] for _, rest in places if rest}:
            after = (opened(i, r[1:]) for i, r in places if r[:1] == bytes([byte]))
            reached = frozenset(set().union(*after))
            states += [] if reached in states else [reached]
            onwards[byte] = states.index(reached)
        moves.append(onwards)
    return Automaton(
        moves, {i for i, s in enumerate(states) if (len(parts), b"") in s}
    )


def token_moves(automaton: Automaton, tokenizer: Tokenizer) -> list[dict[int, int]]:
    """For each state the tokens that can be read in it, and where each leads.

    A token is a row of bytes, and can be read if the automaton reads all of them.
    It is left out if no row of tokens leads from there to an accepting state: a
    dead end. Raises `ValueError` where that leaves nothing at the start.
    """
    spelt = {i: tokenizer.spelling(i) for i in range(tokenizer.vocab_size)}
    states = range(len(automaton.moves))
    moves = [
        {i: to for i, data in spelt.items() if data
         if (to := automaton.read(state, data)) is not None}
        for state in states
    ]  # fmt: skip
    alive = set(automaton.accepting)
    while more := {
        s for s in states if s not in alive and alive & {*moves[s].values()}
    }:
        alive |= more
    if 0 not in alive:
        raise ValueError(
            "no row of tokens of this tokenizer spells an allowed string"
        )
    return [
        {i: to for i, to in onwards.items() if to in alive} for onwards in moves
    ]


def constrained(automaton: Automaton, tokenizer: Tokenizer) -> Processor:
    """Leave only tokens with which the text still begins an allowed string.

    The automaton reads the whole text, the prompt included, but for an end mark at
    the beginning. In an accepting state the end mark `<|endoftext|>` is left as
    well, and after it nothing else. Raises `ValueError` for a tokenizer without an
    end mark, for strings that no tokens spell, and, when it is called, for a text
    that begins no allowed string.

    **Source:** Willard and Louf (2023), section 3.
    """
    end = tokenizer.special_tokens.get(END_OF_TEXT)
    if end is None:
        raise ValueError(f"the tokenizer has no {END_OF_TEXT}: no text could end")
    moves, accepting = token_moves(automaton, tokenizer), set(automaton.accepting)
    over = len(moves)  # one more state: the text has ended
    moves = [m | {end: over} if s in accepting else m for s, m in enumerate(moves)]
    moves.append({end: over})
    allowed = [torch.tensor(list(m), dtype=torch.long) for m in moves]

    def state_of(text: list[int]) -> int:
        state = 0
        for place, id in enumerate(text):
            if place == 0 and id == end:
                continue
            if id not in moves[state]:
                raise ValueError(
                    f"{tokenizer.decode(text)!r} is not the beginning of any "
                    "string that the automaton allows"
                )
            state = moves[state][id]
        return state

    def leave_allowed(logits: Tensor, texts: list[list[int]]) -> Tensor:
        left = torch.full_like(logits, -math.inf)
        for row, old, text in zip(left, logits, texts, strict=True):
            ids = allowed[state_of(text)].to(logits.device)
            row[ids] = old[ids]
        return left

    return leave_allowed
