"""Turn text into tokens, and see how it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llm.corpora import load_text
from llm.runs import (
    Kind,
    encode,
    tokenizer_for,
)
from llm.tokenizers import UNKNOWN, Tokenizer


@dataclass(frozen=True, kw_only=True)
class Tokenize:
    """Turn text into tokens, and see how it is cut.

    Train a tokenizer on a text, look at it, and keep it for `train`:

        python -m llm tokenize --text book.txt --vocab-size 4096 --save book.json
    """

    # UTF-8 text: a file, a folder of .txt and .md files, or - for standard input.
    text: str
    # A tokenizer to cut with; None = train one on the text.
    tokenizer: Path | None = None
    # What a token is: bpe = pieces of words that are frequent; the others as named.
    # None = as the tokenizer has it, or bpe.
    kind: Kind | None = None
    # Entries of the vocabulary, from 257 bytes and specials up; for bpe only.
    vocab_size: int = 1024
    # Where to write the tokenizer, as JSON.
    save: Path | None = None
    # How many tokens to show, from the beginning of the text.
    show: int = 40

    def __call__(self) -> None:
        text = load_text(self.text)
        tokenizer = tokenizer_for(
            [text], self.kind, self.vocab_size, self.tokenizer
        )
        if self.save:  # first of all: nothing that is shown can come in its way
            tokenizer.save(self.save)
        ids = encode(tokenizer, text)
        print(lengths(tokenizer, text, ids))
        print("|".join(repr(tokenizer.decode([i]))[1:-1] for i in ids[: self.show]))
        if self.save:
            print(f"saved in {self.save}")


def lengths(tokenizer: Tokenizer, text: str, ids: list[int]) -> str:
    """How many tokens a text becomes. A mark is no text, and neither is its name."""
    marks = [i for i in ids if tokenizer.spelling(i) == b""]
    names = {i: name for name, i in tokenizer.special_tokens.items()}
    n_bytes = len(text.encode()) - sum(len(names[i].encode()) for i in marks)
    n_tokens = len(ids) - len(marks)
    said = f"{tokenizer.vocab_size:,} entries: {n_bytes:,} bytes are {n_tokens:,} tokens"
    if n_tokens:
        said += f", {n_bytes / n_tokens:.2f} bytes per token"
    if marks:
        said += f"; besides, {len(marks):,} end marks"
    if unknown := sum(tokenizer.spelling(i) is None for i in ids):
        said += f"; {unknown:,} tokens are {UNKNOWN} and stand for anything"
    return said
