"""Say exactly how predictable the stories are.

The stories are a stream without end: story, end mark, story, end mark … In plain text
the end mark is a blank line, among tokens the special token `<|endoftext|>`. All
probabilities here are those of a stream that *begins* with the given text. So a text
starts where a story starts. A window cut from the middle of the stream is refused
with a `ParseError`, unless it happens to be the beginning of a story: what would
follow it depends on what the cut hides, and is another question.

`reading` follows a text along the grammar, `expectation` says what a story costs on
average, `tokens` does for ids what `reading` does for characters.
"""

from llm.oracle.expectation import STORY_ENTROPY, entropy, has_own_rule
from llm.oracle.reading import (
    BLANK_LINE,
    Cursor,
    ParseError,
    log_prob,
    next_char,
    parse,
    start,
    surprises,
)
from llm.oracle.tokens import IMPOSSIBLE, Oracle, next_token

__all__ = [
    "BLANK_LINE",
    "IMPOSSIBLE",
    "STORY_ENTROPY",
    "Cursor",
    "Oracle",
    "ParseError",
    "entropy",
    "has_own_rule",
    "log_prob",
    "next_char",
    "next_token",
    "parse",
    "start",
    "surprises",
]
