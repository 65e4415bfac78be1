"""Cut text into pre-tokens, the pieces within which byte-pair encoding merges."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter

import regex

from llm.tokenizers.special import ordinary_texts

GPT2_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)

# Unicode grows every year, and `regex` with it; what a vocabulary was trained for
# must not. These are letters and numbers since Unicode 17 or 18. To `tiktoken` 0.14
# and `tokenizers` 0.23, which know Unicode 16, and so to us, they are neither.
_AFTER_UNICODE_16 = (
    "\u0558\u058b\u058c\u088f\u0c5c\u0cdc\u208f\u209d-\u209f\ua7ce\ua7cf\ua7d2"
    "\ua7d4\ua7dd\ua7e2\ua7f1\uab6c\uab6d\U000107bb-\U000107bf"
    "\U00010940-\U00010959\U00010ec5-\U00010ec7\U00010ed9-\U00010eee\U00011b0a"
    "\U00011db0-\U00011ddb\U00011de0-\U00011de9\U00011df1\U0001246f"
    "\U00012475-\U0001247f\U00012550-\U00012686\U00016ea0-\U00016eb8"
    "\U00016ebb-\U00016ed3\U00016ff2-\U00016ff6\U000187f8-\U000187ff"
    "\U00018cd6-\U00018cda\U00018d09-\U00018d20\U00018d80-\U00018df2"
    "\U00018e00-\U00019191\U000191a0-\U000191d2\U0001b123-\U0001b128\U0001b168"
    "\U0001d6a6\U0001df1f-\U0001df24\U0001df2b-\U0001df81\U0001df90-\U0001df96"
    "\U0001dfcd-\U0001dfff\U0001e6c0-\U0001e6de\U0001e6e0-\U0001e6e2\U0001e6e4"
    "\U0001e6e5\U0001e6e7-\U0001e6ed\U0001e6f0-\U0001e6f4\U0001e6fe\U0001e6ff"
    "\U0002b73a-\U0002b73f\U0002b81e\U0002cea2-\U0002cead\U000323b0-\U00033479"
    "\U0003d000-\U0003fc3f"
)


def of_unicode_16(pattern: str) -> str:
    """The same pattern, with the letters and numbers of Unicode 16."""
    for name in (r"\p{L}", r"\p{N}"):
        pattern = pattern.replace(name, f"[{name}--[{_AFTER_UNICODE_16}]]")
    return pattern


_ASCII = regex.compile(GPT2_PATTERN)
_UNICODE = regex.compile(of_unicode_16(GPT2_PATTERN), regex.VERSION1)
# Not `str.isspace`, which takes the separators U+001C to U+001F for white space.
_WHITE_SPACE = regex.compile(r"\s")


def find_pretokens(text: str) -> Iterator[regex.Match]:
    """Where GPT-2 cuts `text`; the pieces in a row are the text again.

    A piece is a run of letters, of numbers or of other characters, each with the
    one space before it; or the end of a contraction; or a run of white space, but
    for the one space that the next piece takes.

    **Source:** Radford et al. 2019, in `encoder.py`.
    """
    return (_ASCII if text.isascii() else _UNICODE).finditer(text)


def pretokenise(text: str) -> Iterator[str]:
    """Cut `text` into pre-tokens.

    >>> list(pretokenise("Don't  shout at 3am!"))
    ['Don', "'t", ' ', ' shout', ' at', ' 3', 'am', '!']
    """
    return map(itemgetter(0), find_pretokens(text))


def count_pretokens(
    texts: Iterable[str], special_tokens: Collection[str] = ()
) -> Counter[str]:
    """How often each pre-token occurs between the special tokens of `texts`.

    >>> count_pretokens(["the cat<|endoftext|>the dog"], ["<|endoftext|>"])
    Counter({'the': 2, ' cat': 1, ' dog': 1})
    """
    counts: Counter[str] = Counter()
    for text in ordinary_texts(texts, special_tokens):
        counts.update(pretokenise(text))
    return counts


def sure_length(matches: Iterable[regex.Match]) -> int:
    r"""How many characters are cut alike whatever text follows, and alike alone.

    These are all pieces but the last two. The last can still grow, and what grows
    can take in the one before: `'` and `r` become `'re`. And white space is cut by
    the visible character behind it, so it is not parted from that.

    >>> sure_length(find_pretokens("we'r")), sure_length(find_pretokens("a\r\nb c"))
    (2, 2)
    """
    last_three = deque(matches, maxlen=3)
    if len(last_three) < 3:
        return 0
    before, behind, _ = last_three
    torn = _ends_in_space(before[0]) and not _WHITE_SPACE.match(behind[0])
    return before.start() if torn else behind.start()


def _ends_in_space(piece: str) -> bool:
    return _WHITE_SPACE.match(piece[-1]) is not None
