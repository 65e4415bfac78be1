"""What all tokenizers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import index
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

from llm.tokenizers import storage
from llm.tokenizers.special import (
    UNKNOWN,
    check_special_tokens,
    check_text,
    refuse_surrogates,
    special_pattern,
    split_at_special,
)


class Tokenizer(ABC):
    """Turns text into ids and back.

    vocab: the id of each token, a byte string; ids count from 0 without a gap.
    special_tokens: the id of each special token; they are in `vocab` too.
    """

    kind: ClassVar[str]  # its name in files and on the command line
    chunk_size: ClassVar[int] = 1 << 16  # characters encoded in one go

    def __init__(
        self, tokens: Sequence[bytes], special_tokens: Iterable[str]
    ) -> None:
        """tokens: in the order of their ids, the special ones among them."""
        self.vocab = {token: id for id, token in enumerate(tokens)}
        if len(self.vocab) < len(tokens):
            twice = next(t for id, t in enumerate(tokens) if self.vocab[t] != id)
            raise ValueError(
                f"token {twice!r} is in the vocabulary twice: give special tokens "
                "names that are no other token"
            )
        self.special_tokens: dict[str, int] = {}
        for name in check_special_tokens(special_tokens):
            if name.encode() not in self.vocab:
                raise ValueError(f"special token {name!r} is not in the vocabulary")
            self.special_tokens[name] = self.vocab[name.encode()]
        self._special_ids = set(self.special_tokens.values())
        self._tokens = dict(enumerate(tokens))

    @property
    def vocab_size(self) -> int:
        """How many different ids there are."""
        return len(self.vocab)

    @classmethod
    @abstractmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """Make the vocabulary from texts, which are read once, one by one.

        vocab_size: entries in all, special tokens included; None for as many as
            the kind of tokenizer makes of these texts by itself.
        special_tokens: cut out of the texts, and given the last ids.
        Raises `ValueError` if the texts do not yield so many entries.
        """

    def encode(
        self, text: str, *, allowed_special: Collection[str] = ()
    ) -> list[int]:
        """The ids of `text`.

        allowed_special: the special tokens that text may produce. The name of any
            other in `text` is text like all else, so that what a stranger typed
            cannot pose as a special token.
        Raises `ValueError` for a name that is no special token, and for text that
        the vocabulary cannot spell.
        """
        check_text(text)
        return self._encode(text, self._allowed(allowed_special), start=0)

    def encode_iterable(
        self, texts: Iterable[str], *, allowed_special: Collection[str] = ()
    ) -> Iterator[int]:
        """The ids of all `texts` joined, wherever they are cut, one by one.

        Holds some `chunk_size` characters, more only if a text or a word is longer.
        """
        allowed = self._allowed(allowed_special)
        start, waiting, size, enough = 0, [], 0, self.chunk_size
        for text in texts:
            check_text(text)
            waiting.append(text)
            size += len(text)
            if size < enough:
                continue
            text = "".join(waiting)
            sure = self._sure_length(text, allowed)
            yield from self._encode(text[:sure], allowed, start)
            start, waiting, size = start + sure, [text[sure:]], len(text) - sure
            enough = max(self.chunk_size, 2 * size)
        yield from self._encode("".join(waiting), allowed, start)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`; bytes that are not UTF-8 become U+FFFD, `�`.

        A special token becomes its name. Raises `ValueError` for ids that are no
        row of whole numbers, or not in the vocabulary.
        """
        try:
            data = b"".join([self._tokens[id] for id in map(index, ids)])
        except KeyError as error:
            self._refuse_id(error.args[0])
        except TypeError:
            shape = getattr(ids, "shape", None)
            what = type(ids).__name__ + (
                f" of shape {tuple(shape)}" if shape else ""
            )
            raise ValueError(
                f"ids are a {what}: give one row of whole numbers, ids[0] of a batch"
            ) from None
        return data.decode("utf-8", errors="replace")

    def spelling(self, id: int) -> bytes | None:
        """The bytes of text that `id` stands for: UTF-8, or a part of it.

        A special token stands for no text: b"". The id of `<|unknown|>` may
        stand for any text: None, so that nobody takes its name for what was there.
        Raises `ValueError` for an id that is not in the vocabulary.
        """
        token = self._tokens.get(id := index(id))
        if token is None:
            self._refuse_id(id)
        if id == self.special_tokens.get(UNKNOWN):
            return None
        return b"" if id in self._special_ids else token

    def save(self, path: str | Path) -> None:
        """Write one JSON file, whole or not at all."""
        storage.write_fields(path, self.fields())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote. Raises `ValueError` on any other file."""
        fields = storage.read_fields(path)
        if fields.get("kind") != cls.kind:
            kind = fields.get("kind")
            raise ValueError(
                f"{path} holds a tokenizer of {kind!r}, not {cls.kind!r}"
            )
        try:
            return cls.from_fields(fields)
        except ValueError as error:
            raise ValueError(f"{path} cannot be used: {error}") from None

    def _refuse_id(self, id: int) -> NoReturn:
        raise ValueError(
            f"id {id} is not in the vocabulary, whose ids go from 0 to "
            f"{self.vocab_size - 1}: was it made by another tokenizer, or by a model "
            "with more entries than the tokenizer?"
        )

    def _encode(self, text: str, allowed: Collection[str], start: int) -> list[int]:
        refuse_surrogates(text, start)
        ids: list[int] = []
        for number, piece in enumerate(split_at_special(text, allowed)):
            if number % 2 == 0:
                ids += self._encode_ordinary(piece, start)
            else:
                ids.append(self.special_tokens[piece])
            start += len(piece)
        return ids

    def _sure_length(self, text: str, allowed: Collection[str]) -> int:
        """How many characters of `text` are encoded alike whatever text follows."""
        longest = max(map(len, allowed), default=1)
        # Behind this place a name may begin of which we do not see the end.
        open_from = max(0, len(text) - longest + 1)
        start = 0
        for match in special_pattern(allowed).finditer(text):
            if match.start() < open_from:
                start = match.end()
        return start + self._sure_ordinary_length(text[start:open_from])

    def _allowed(self, names: Collection[str]) -> list[str]:
        allowed = check_special_tokens(names)
        for name in allowed:
            if name not in self.special_tokens:
                known = ", ".join(self.special_tokens) or "none"
                raise ValueError(
                    f"{name!r} is not a special token of this tokenizer (it has "
                    f"{known}): train with special_tokens=[{name!r}]"
                )
        return allowed

    @abstractmethod
    def _encode_ordinary(self, text: str, start: int) -> list[int]:
        """The ids of text without special tokens; `start` is where it begins."""

    def _sure_ordinary_length(self, text: str) -> int:
        """How many characters of such text are encoded alike whatever follows."""
        return len(text)

    def fields(self) -> dict[str, Any]:
        """What its file says: all that `from_fields` needs to make it again."""
        tokens = [storage.readable(token) for token in self.vocab]
        special = list(self.special_tokens)
        return {"kind": self.kind, "special_tokens": special, "tokens": tokens}

    @classmethod
    def from_fields(cls, fields: dict[str, Any]) -> Self:
        """The tokenizer with these fields. Raises `ValueError` if there is none."""
        tokens = [
            storage.from_readable(t) for t in storage.strings(fields, "tokens")
        ]
        return cls(tokens, storage.strings(fields, "special_tokens"))
