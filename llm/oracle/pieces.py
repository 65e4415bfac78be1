"""Where a tokenizer cuts the text that is still to come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache

from llm.oracle.reading import BLANK_LINE, Cursor, normalised, write
from llm.tokenizers import (
    BPETokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    Tokenizer,
    WordTokenizer,
)
from llm.tokenizers.pretokens import find_pretokens
from llm.tokenizers.words import WORD_PATTERN

Cut = Callable[[str], str | None]


def next_pieces(cursor: Cursor, before: str, cut: Cut) -> dict[str, float]:
    """The probability of each piece that can begin where the cursor is.

    before: the piece that ends there, which no longer piece may swallow: behind the
    word "The" comes no "re", though "There" is a word.
    """
    probs: dict[str, float] = defaultdict(float)
    made, end = cursor.grammar, cursor.end
    waiting = [
        (option.probability, text[len(cursor.typed) :], option, cursor.memory)
        for option, text in cursor.open()
    ]
    while waiting:
        probability, text, option, memory = waiting.pop()
        first = cut(before + text) if before else ""
        piece = cut(text) if first == before else None
        if piece is not None:
            probs[piece] += probability
        if piece is not None or first not in (None, before):
            continue
        if option.next is None:
            point, memory = made.start, {}
        else:
            point, memory = option.next, made.after(option, memory)
        for new in made.fork_at(point, memory).options:
            more = text + write(made, new, memory, end)
            waiting.append((probability * new.probability, more, new, memory))
    return normalised(probs)


def cutter(tokenizer: Tokenizer, end: str) -> Cut:
    """A function that gives the first piece of a text, or None while it depends on
    what follows.

    Raises `ValueError` for a tokenizer whose pieces are not known here.
    """
    cutters = {
        CharacterTokenizer: _first_character,
        ByteTokenizer: _first_character,
        WordTokenizer: _first_word,
        BPETokenizer: _first_pretoken,
    }
    if type(tokenizer) not in cutters:
        name = type(tokenizer).__name__
        raise ValueError(
            f"the oracle does not know where a {name} cuts text: it knows "
            + ", ".join(kind.__name__ for kind in cutters)
        )
    first = cutters[type(tokenizer)]
    return lambda text: _first_piece(text, first, end)


@lru_cache(maxsize=1 << 16)
def _first_piece(text: str, first: Callable[[str, bool], str | None], end: str):
    if end == BLANK_LINE:
        return first(text, False)
    if text.startswith(end):
        return end
    before, mark, _ = text.partition(end)  # nothing goes on over a special token
    return first(before, bool(mark))


def _first_character(text: str, whole: bool) -> str | None:
    return text[:1] or None


def _first_word(text: str, whole: bool) -> str | None:
    """A word is complete when something follows that cannot go on with it.

    >>> _first_word("don't", False), _first_word("don't ", False)
    (None, "don't")
    """
    found = WORD_PATTERN.match(text)
    if found is None or whole:
        return found and found[0]
    rest = text[found.end() :]
    one_sign = not (found[0][0].isalnum() or found[0][0] == "_")
    return found[0] if one_sign or (rest and rest not in ("'", "\u2019")) else None


def _first_pretoken(text: str, whole: bool) -> str | None:
    """A pre-token is complete when a character follows that cannot go on with it.

    An apostrophe may become one of 're, 've and 'll, and needs two.

    >>> _first_pretoken(" ball", False), _first_pretoken(" ball.", False)
    (None, ' ball')
    """
    found = next(find_pretokens(text), None)
    if found is None or whole:
        return found and found[0]
    undecided = text[0] == "'" and len(text) < 3
    return None if undecided or found.end() == len(text) else found[0]
