"""One token for each byte of UTF-8."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from llm.tokenizers import storage
from llm.tokenizers.base import Tokenizer
from llm.tokenizers.special import check_special_tokens


class ByteTokenizer(Tokenizer):
    """Every byte is its own id: 256 of them, for any text, without training.

    >>> ByteTokenizer().encode("né")
    [110, 195, 169]
    """

    kind = "bytes"

    def __init__(self, special_tokens: Iterable[str] = ()) -> None:
        special = check_special_tokens(special_tokens)
        tokens = [bytes([byte]) for byte in range(256)]
        super().__init__(tokens + [name.encode() for name in special], special)

    @classmethod
    def train(
        cls,
        texts: Iterable[str] = (),
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """The same tokenizer whatever the texts, which are not read."""
        tokenizer = cls(special_tokens)
        if vocab_size not in (None, tokenizer.vocab_size):
            raise ValueError(
                f"vocab_size is {vocab_size}, but 256 bytes and "
                f"{len(tokenizer.special_tokens)} special tokens make "
                f"{tokenizer.vocab_size} entries: leave it out"
            )
        return tokenizer

    def _encode_ordinary(self, text: str, start: int) -> list[int]:
        return list(text.encode())

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        tokenizer = cls(storage.strings(fields, "special_tokens"))
        if tokenizer.fields()["tokens"] != storage.strings(fields, "tokens"):
            raise ValueError(
                "its tokens are not the 256 bytes and the special ones"
            )
        return tokenizer
