"""BERT's vocabulary file: one piece to a line, its id the number of the line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import regex

from llm.tokenizers.special import UNKNOWN
from llm.tokenizers.storage import read_text
from llm.tokenizers.wordpiece import WordPieceTokenizer

NAMES = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
)  # special where they are there
MOST_CHARACTERS = 100  # a longer word is unknown

# ASCII signs such as $ and + are no punctuation to Unicode; to BERT they are.
_SIGN = r"[\p{P}!-/:-@\[-`{-~]"
_WORD = regex.compile(rf"{_SIGN}|(?:(?!{_SIGN})\S)+")


class BertTokenizer(WordPieceTokenizer):
    """WordPiece as BERT cuts: words without their spaces, each sign by itself.

    What stands between words is lost, and `decode` does not bring it back. The text
    is taken as it is: an uncased vocabulary wants it in lower case and without
    accents before.

    **Source:** Devlin et al. 2019, in `tokenization.py` of BERT.
    """

    kind = "bert"

    @classmethod
    def load_bert(cls, path: str | Path) -> Self:
        """Read `vocab.txt`. Raises `ValueError` if it has no line `[UNK]`."""
        tokens = read_text(path).removesuffix("\n").split("\n")
        if "[UNK]" not in tokens:
            raise ValueError(
                f"{path} has no line [UNK]: is it a vocabulary of BERT?"
            )
        special = [name for name in NAMES if name in tokens]
        return cls([token.encode() for token in tokens], special)

    @staticmethod
    def pretokenise(text: str) -> Iterator[str]:
        """Words and signs of `text`.

        >>> list(BertTokenizer.pretokenise("Don't  pay $5."))
        ['Don', "'", 't', 'pay', '$', '5', '.']
        """
        return (match[0] for match in _WORD.finditer(text))

    def segment(self, pretoken: str) -> list[str]:
        if len(pretoken) > MOST_CHARACTERS:
            return [UNKNOWN]
        return super().segment(pretoken)

    def _id_of_unknown(self) -> int | None:
        return self.special_tokens.get("[UNK]")

    def _sure_ordinary_length(self, text: str) -> int:
        starts = [match.start() for match in _WORD.finditer(text)]
        return starts[-1] if starts else 0
