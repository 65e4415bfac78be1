"""One token for each word, and for each sign between words."""

from __future__ import annotations

import regex

from llm.tokenizers.lookup import LookupTokenizer
from llm.tokenizers.pretokens import sure_length

WORD_PATTERN = regex.compile(r"\w+(?:['\u2019]\w+)*|\W")


class WordTokenizer(LookupTokenizer):
    """Gives every word, punctuation mark and space of the training texts an id.

    >>> tokenizer = WordTokenizer.train(["Don't stop. Don't!"])
    >>> tokenizer.vocab
    {b' ': 0, b'!': 1, b'.': 2, b"Don't": 3, b'stop': 4}
    >>> tokenizer.encode("stop! stop!")
    [4, 1, 0, 4, 1]
    """

    kind = "words"
    piece = "word"

    @staticmethod
    def cut(text: str) -> list[str]:
        """Words, with the apostrophes inside them, and all else sign by sign.

        >>> WordTokenizer.cut("It's 5 o'clock.")
        ["It's", ' ', '5', ' ', "o'clock", '.']
        """
        return WORD_PATTERN.findall(text)

    def _sure_ordinary_length(self, text: str) -> int:
        return sure_length(WORD_PATTERN.finditer(text))
