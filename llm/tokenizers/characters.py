"""One token for each character."""

from __future__ import annotations

from llm.tokenizers.lookup import LookupTokenizer


class CharacterTokenizer(LookupTokenizer):
    """Gives every character (code point) of the training texts an id.

    >>> tokenizer = CharacterTokenizer.train(["hello"])
    >>> tokenizer.vocab
    {b'e': 0, b'h': 1, b'l': 2, b'o': 3}
    >>> tokenizer.encode("hole")
    [1, 3, 2, 0]
    """

    kind = "characters"
    piece = "character"

    @staticmethod
    def cut(text: str) -> list[str]:
        """The characters of `text`.

        >>> CharacterTokenizer.cut("né")
        ['n', 'é']
        """
        return list(text)
