"""The files of a tokenizer with merges: ours, and GPT-2's."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from llm.tokenizers import gpt2_files, storage
from llm.tokenizers.base import Tokenizer
from llm.tokenizers.merges import Merge
from llm.tokenizers.pretokens import GPT2_PATTERN
from llm.tokenizers.special import check_special_tokens


class MergeFiles(Tokenizer):
    """Saves and loads what is made by `cls(merges, special_tokens, tokens)`."""

    merges: list[Merge]

    def save_gpt2(self, folder: str | Path) -> None:
        """Write `vocab.json` and `merges.txt` in `folder`, as GPT-2 has them."""
        gpt2_files.write(folder, self.vocab, self.merges, self.special_tokens)

    @classmethod
    def load_gpt2(
        cls, folder: str | Path, special_tokens: Collection[str] = ()
    ) -> Self:
        """Read `vocab.json` and `merges.txt`; the ids are those of the file.

        special_tokens: their names, needed only for names that could be words, such
            as END; a name like <|endoftext|> shows what it is.
        Raises `ValueError` for files that are missing, cut off or at odds.
        """
        known = check_special_tokens(special_tokens)
        tokens, merges, special = gpt2_files.read(folder, known)
        return cls(merges, special, tokens)

    def fields(self) -> dict[str, Any]:
        merges = [[storage.readable(part) for part in pair] for pair in self.merges]
        first = {"kind": self.kind, "pattern": GPT2_PATTERN}
        return {**first, **super().fields(), "merges": merges}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        if fields.get("pattern") != GPT2_PATTERN:
            raise ValueError("it cuts text by another pattern than GPT-2's")
        read = storage.from_readable
        pairs = storage.string_pairs(fields, "merges")
        tokens = [read(token) for token in storage.strings(fields, "tokens")]
        special = storage.strings(fields, "special_tokens")
        return cls([(read(a), read(b)) for a, b in pairs], special, tokens)
