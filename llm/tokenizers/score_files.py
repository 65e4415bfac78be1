"""The file of a tokenizer whose pieces have scores, and what may stand in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Any, Self

from llm.tokenizers import storage
from llm.tokenizers.pieces import PieceTokenizer
from llm.tokenizers.special import UNKNOWN


class ScoreFiles(PieceTokenizer):
    """Saves and loads what is made by `cls(scores, special_tokens, tokens)`."""

    scores: Mapping[str, float]

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "scores": list(self.scores.values())}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        tokens = [
            storage.from_readable(t) for t in storage.strings(fields, "tokens")
        ]
        special = storage.strings(fields, "special_tokens")
        names = {name.encode() for name in special}
        pieces = [token.decode() for token in tokens if token not in names]
        numbers = storage.list_of_numbers(fields, "scores")
        if len(numbers) != len(pieces):
            raise ValueError(
                f"it has {len(pieces)} pieces and {len(numbers)} scores"
            )
        return cls(dict(zip(pieces, numbers, strict=True)), special, tokens)


def check_scores(scores: Mapping[str, float]) -> None:
    """Raise `ValueError` for an empty piece, and for what is no log-probability."""
    for piece, score in scores.items():
        if not -inf < score <= 0 or not piece:
            raise ValueError(
                f"piece {piece!r} has the score {score}: give a log-probability"
            )


def with_unknown(pieces: Sequence[str], known: Collection[str]) -> list[str]:
    """The pieces, with one `<|unknown|>` for each run of those that are not known.

    >>> with_unknown(["a", "é", "ü", "b"], {"a", "b"})
    ['a', '<|unknown|>', 'b']
    """
    row: list[str] = []
    for piece in pieces:
        if piece in known:
            row.append(piece)
        elif row[-1:] != [UNKNOWN]:
            row.append(UNKNOWN)
    return row
