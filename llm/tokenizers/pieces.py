"""Tokenizers that cut each pre-token into pieces of the vocabulary."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import ClassVar, TypeVar

from llm.tokenizers.base import Tokenizer
from llm.tokenizers.pretokens import (
    count_pretokens,
    find_pretokens,
    pretokenise,
    sure_length,
)
from llm.tokenizers.special import UNKNOWN, check_special_tokens


class PieceTokenizer(Tokenizer):
    """Cuts text into pre-tokens, and each of these by a rule of its own.

    What no pieces spell is an error, unless the tokenizer was trained with the
    special token `<|unknown|>`: then it gets the id of that.
    """

    size: ClassVar[int] = 1 << 16  # so many pre-tokens are remembered,
    length: ClassVar[int] = 64  # of no more characters than this

    def __init__(
        self, tokens: Sequence[bytes], special_tokens: Iterable[str]
    ) -> None:
        super().__init__(tokens, special_tokens)
        self._ids = {
            token.decode(): id
            for token, id in self.vocab.items()
            if id not in self._special_ids
        }
        self._known: dict[str, list[int]] = {}

    @abstractmethod
    def segment(self, pretoken: str) -> list[str]:
        """The pieces of one pre-token, in a row; `<|unknown|>` for what has none."""

    @staticmethod
    def pretokenise(text: str) -> Iterator[str]:
        """Cut `text` into pre-tokens."""
        return pretokenise(text)

    def _encode_ordinary(self, text: str, start: int) -> list[int]:
        ids: list[int] = []
        for pretoken in self.pretokenise(text):
            ids += self._known.get(pretoken) or self._work_out(pretoken, start)
            start += len(pretoken)
        return ids

    def _id_of_unknown(self) -> int | None:
        return self.special_tokens.get(UNKNOWN)

    def _work_out(self, pretoken: str, start: int) -> list[int]:
        pieces = self.segment(pretoken)
        unknown = self._id_of_unknown()
        ids = [unknown if p == UNKNOWN else self._ids[p] for p in pieces]
        if None in ids:
            raise ValueError(
                f"{pretoken!r} at position {start} has a character that is not in "
                f"the vocabulary: train on text that has it, or with {UNKNOWN!r} "
                "among the special tokens"
            )
        if len(pretoken) <= self.length:
            if len(self._known) >= self.size:
                self._known.clear()
            self._known[pretoken] = ids
        return ids

    def _sure_ordinary_length(self, text: str) -> int:
        return sure_length(find_pretokens(text))


Learnt = TypeVar("Learnt", bound=Sized)


def learn_pieces(
    train: Callable[[Mapping[str, int], int | None], Learnt],
    texts: Iterable[str],
    vocab_size: int | None,
    special_tokens: Sequence[str],
    n_forms: int = 1,
) -> tuple[Learnt, list[str]]:
    """What `train` learns from the counts of pre-tokens, and the special tokens.

    vocab_size: entries in all, special tokens included; None for all that is there.
    n_forms: how many pieces each character is for a start.

    Raises `ValueError` where there is nothing to learn from, no room for the
    characters, or less to be learnt than was asked for.
    """
    special = check_special_tokens(special_tokens)
    counts = count_pretokens(texts, special)
    n_alphabet = n_forms * len(set().union(*counts))
    room = room_for_pieces(vocab_size, n_alphabet, len(special))
    learnt = train(counts, room)
    check_filled(len(learnt), room, vocab_size, len(special))
    return learnt, special


def room_for_pieces(
    vocab_size: int | None, n_alphabet: int, n_special: int
) -> int | None:
    """How many pieces a vocabulary has, special tokens not counted; None for all.

    Raises `ValueError` where there is nothing to learn from, or no room.
    """
    if n_alphabet == 0:
        raise ValueError("the texts are empty: there is nothing to train on")
    least = n_alphabet + n_special
    if vocab_size is not None and vocab_size < least:
        raise ValueError(
            f"vocab_size is {vocab_size}, but {n_alphabet} pieces of one character "
            f"and {n_special} special tokens come first: choose {least} or more"
        )
    return None if vocab_size is None else vocab_size - n_special


def check_filled(
    n_pieces: int, wanted: int | None, vocab_size: int | None, n_special: int
) -> None:
    """Raise `ValueError` if training found fewer pieces than were asked for."""
    if wanted is not None and n_pieces < wanted:
        reached = n_pieces + n_special
        raise ValueError(
            f"vocab_size is {vocab_size}, but the texts yield no more than {reached} "
            f"entries: choose at most {reached}, or give more text"
        )
