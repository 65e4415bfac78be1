"""Turn text into ids and back: characters, words, bytes, BPE, WordPiece, Unigram."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from llm.tokenizers.base import Tokenizer
from llm.tokenizers.bpe import BPETokenizer
from llm.tokenizers.bytes import ByteTokenizer
from llm.tokenizers.characters import CharacterTokenizer
from llm.tokenizers.special import END_OF_TEXT, UNKNOWN
from llm.tokenizers.storage import read_fields
from llm.tokenizers.unigram import UnigramTokenizer
from llm.tokenizers.wordpiece import WordPieceTokenizer
from llm.tokenizers.words import WordTokenizer

__all__ = [
    "END_OF_TEXT",
    "KINDS",
    "UNKNOWN",
    "BPETokenizer",
    "ByteTokenizer",
    "CharacterTokenizer",
    "Tokenizer",
    "UnigramTokenizer",
    "WordPieceTokenizer",
    "WordTokenizer",
    "from_fields",
    "load",
    "train_tokenizer",
]

KINDS: dict[str, type[Tokenizer]] = {
    kind.kind: kind
    for kind in (
        CharacterTokenizer,
        WordTokenizer,
        ByteTokenizer,
        BPETokenizer,
        WordPieceTokenizer,
        UnigramTokenizer,
    )
}


def train_tokenizer(
    kind: str,
    texts: Iterable[str],
    vocab_size: int | None = None,
    special_tokens: Sequence[str] = (),
) -> Tokenizer:
    """Train a tokenizer of a kind in `KINDS`. Raises `ValueError` as `train` does.

    >>> train_tokenizer("characters", ["abba"]).vocab_size
    2
    """
    return _class_of(kind).train(texts, vocab_size, special_tokens)


def load(path: str | Path) -> Tokenizer:
    """Read the file of a tokenizer of any kind.

    Raises `ValueError` for a file that no tokenizer's `save` wrote.
    """
    return _class_of(str(read_fields(path).get("kind"))).load(path)


def from_fields(fields: dict[str, Any]) -> Tokenizer:
    """The tokenizer of any kind that has these `fields`.

    Raises `ValueError` where no tokenizer has.
    """
    return _class_of(str(fields.get("kind"))).from_fields(fields)


def _class_of(kind: str) -> type[Tokenizer]:
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise ValueError(f"{kind!r} is no kind of tokenizer: choose from {known}")
    return KINDS[kind]
