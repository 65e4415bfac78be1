"""What is wrong with a story that the grammar cannot read: its words, or its facts.

A mistake is a place where a word stands that no story has there. It is mended by the
likeliest word, with what must follow it, with which the grammar can read on for forty
characters more, in place of up to seven words; and so on to the end of the story. A
mistake is one of *fact* where a single word could stand, because of what was said
before: a name, a colour, a toy, a place, *he* or *she*. It is one of *choice* where
there were several, of which none came; and one of *form* where no word mends it, and
the reading ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from llm.oracle import ParseError, parse
from llm.oracle.pieces import cutter, next_pieces
from llm.oracle.reading import BLANK_LINE, Cursor, start
from llm.tokenizers import WordTokenizer

FAR, MOST_MISTAKES, MOST_WORDS = 40, 12, 400
CUT = cutter(WordTokenizer.train(["a"]), BLANK_LINE)


def mistakes(text: str) -> list[str]:
    """The kinds of the mistakes in a story, in order; none for one of the grammar."""
    kinds: list[str] = []
    while len(kinds) < MOST_MISTAKES:
        try:
            parse(text)
            return kinds
        except ParseError as mistake:
            begin = beginning_of_word(text, mistake.position)
        cursor = start().read(text[:begin])
        words = next_pieces(cursor, "", CUT)
        mended = without_mistake(text, begin, cursor, words)
        if mended is None:
            return [*kinds, "form"]
        kinds.append("fact" if len(words) == 1 else "choice")
        text = mended
    return [*kinds, "form"]


def beginning_of_word(text: str, at: int) -> int:
    """Where the word begins in which a place is, or which begins there."""
    while at > 0 and (text[at - 1].isalnum() or text[at - 1] in "-'"):
        at -= 1
    return at


def without_mistake(
    text: str, begin: int, cursor: Cursor, words: dict[str, float]
) -> str | None:
    """The text with another word at a place, likely words first; None where none
    helps."""
    likely = sorted(words, key=words.get, reverse=True)
    ends = [m.end() for m in islice(re.finditer(r"[\w'-]+\W?", text[begin:]), 7)]
    for word in likely[:MOST_WORDS]:
        for phrase, here in phrases(cursor, word):
            for n in (*ends, 0):
                rest = text[begin + n :]
                for between in ("", " "):
                    if reads(here, between + rest[:FAR]):
                        return text[:begin] + phrase + between + rest
    return None


def phrases(cursor: Cursor, word: str) -> Iterator[tuple[str, Cursor]]:
    """A word, and what must follow it: "next", "next to", "next to the" …"""
    phrase, cursor = word, cursor.read(word)
    yield phrase, cursor
    for _ in range(5):
        if reads(cursor, " "):
            phrase, cursor = f"{phrase} ", cursor.read(" ")
        words = next_pieces(cursor, "", CUT)
        if len(words) > 1:
            return
        (word,) = words
        phrase, cursor = phrase + word, cursor.read(word)
        yield phrase, cursor


def reads(cursor: Cursor, text: str) -> bool:
    try:
        cursor.read(text)
    except ParseError:
        return False
    return True
