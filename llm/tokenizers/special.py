"""Special tokens: names with ids of their own, cut out of the text around them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unknown|>"


def special_pattern(names: Collection[str]) -> re.Pattern[str]:
    """Find any of `names`, the longest where several begin; with no names, nothing.

    >>> special_pattern(["<a>", "<a><b>"]).findall("<a><b><a>")
    ['<a><b>', '<a>']
    """
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def split_at_special(text: str, names: Collection[str]) -> list[str]:
    """Cut `text` around the special tokens: text, special token, text, …, text.

    >>> split_at_special("one<|endoftext|>two", ["<|endoftext|>"])
    ['one', '<|endoftext|>', 'two']
    >>> split_at_special("<|endoftext|>", ["<|endoftext|>"])
    ['', '<|endoftext|>', '']
    """
    return re.split(f"({special_pattern(names).pattern})", text)


def ordinary_texts(texts: Iterable[str], names: Collection[str]) -> Iterator[str]:
    """What stands between the special tokens, of one text after the other.

    >>> list(ordinary_texts(["one<|endoftext|>two", "three"], ["<|endoftext|>"]))
    ['one', 'two', 'three']
    """
    if isinstance(texts, str):
        raise ValueError("texts is a single string: put it in a list, [text]")
    for text in texts:
        check_text(text)
        refuse_surrogates(text)
        yield from split_at_special(text, names)[::2]


def check_special_tokens(names: Iterable[str]) -> list[str]:
    """The names as a list. Raises `ValueError` if they cannot be told apart."""
    if isinstance(names, str):
        raise ValueError(
            f"special tokens are the single string {names!r}: put it in a list"
        )
    names = list(names)
    for name in names:
        check_text(name)
        refuse_surrogates(name)
        if not name:
            raise ValueError(
                "a special token is empty: give it at least one character"
            )
        if names.count(name) > 1:
            raise ValueError(f"special token {name!r} is given twice: give it once")
    return names


def check_text(text: object) -> None:
    """Raise `ValueError` for what is no string: bytes, a list, nothing."""
    if not isinstance(text, str):
        raise ValueError(f"text is a {type(text).__name__}: give a string")


def refuse_surrogates(text: str, start: int = 0) -> None:
    """Raise `ValueError` if `text` holds half of a UTF-16 pair, which UTF-8 lacks.

    start: position of `text` in what the caller gave, for the message.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        where = start + error.start
        raise ValueError(
            f"position {where} holds a lone surrogate, {text[error.start]!r}, half "
            "of a character. Read the text with errors='replace', or repair it: "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
        ) from None
