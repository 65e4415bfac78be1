"""Tokenizers that look each piece of text up in a table."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar, NoReturn, Self

from llm.tokenizers.base import Tokenizer
from llm.tokenizers.special import UNKNOWN, check_special_tokens, ordinary_texts


class LookupTokenizer(Tokenizer):
    """One id for each different piece that the training texts are cut into.

    A piece that is not in the table is an error, unless the tokenizer was trained
    with the special token `<|unknown|>`: then it gets the id of that. This is the
    one special token that `encode` gives unasked, and decoding it does not bring
    the piece back.
    """

    piece: ClassVar[str]  # what messages call a piece

    def __init__(
        self, tokens: Sequence[bytes], special_tokens: Iterable[str]
    ) -> None:
        super().__init__(tokens, special_tokens)
        self._ids = {token.decode(): id for token, id in self.vocab.items()}
        for name in self.special_tokens:
            del self._ids[name]
        for piece in self._ids:
            if list(self.cut(piece)) != [piece]:
                raise ValueError(f"token {piece!r} is not one {self.piece}")

    @staticmethod
    @abstractmethod
    def cut(text: str) -> Iterable[str]:
        """The pieces of `text`, in a row."""

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """Give ids to the most frequent pieces, in the order of their code points.

        vocab_size: entries in all, special tokens included; None for all pieces.
        Raises `ValueError` if the texts have fewer different pieces.
        """
        special = check_special_tokens(special_tokens)
        counts: Counter[str] = Counter()
        for text in ordinary_texts(texts, special):
            counts.update(cls.cut(text))
        room = room_for(len(counts), vocab_size, len(special), cls.piece)
        pieces = sorted(counts, key=lambda piece: (-counts[piece], piece))[:room]
        return cls([t.encode() for t in (*sorted(pieces), *special)], special)

    def _encode_ordinary(self, text: str, start: int) -> list[int]:
        unknown = self.special_tokens.get(UNKNOWN)
        ids = [self._ids.get(piece, unknown) for piece in self.cut(text)]
        if None in ids:
            refuse_unknown(self.cut(text), self._ids, start, self.piece)
        return ids


def room_for(
    n_pieces: int, vocab_size: int | None, n_special: int, piece: str
) -> int:
    """How many of so many different pieces to keep.

    Raises `ValueError` where there are none, or fewer than the vocabulary wants.
    """
    if n_pieces == 0:
        raise ValueError("the texts are empty: there is nothing to train on")
    most = n_pieces + n_special
    if vocab_size is not None and not n_special < vocab_size <= most:
        raise ValueError(
            f"vocab_size is {vocab_size}, but {n_pieces} different {piece}s and "
            f"{n_special} special tokens make at most {most} entries: choose "
            f"{n_special + 1} to {most}, or give other text"
        )
    return n_pieces if vocab_size is None else vocab_size - n_special


def refuse_unknown(
    pieces: Iterable[str], known: Collection[str], start: int, piece: str
) -> NoReturn:
    """Raise `ValueError` for the first piece that is not known, with its position.

    start: the position of the first piece, in characters.
    """
    for one in pieces:
        if one not in known:
            raise ValueError(
                f"the {piece} {one!r} at position {start} is not in the vocabulary: "
                f"train on text that has it, or with {UNKNOWN!r} among the special "
                "tokens"
            )
        start += len(one)
    raise AssertionError("every piece is known")
