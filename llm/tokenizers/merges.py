"""Learn which neighbours to merge, the plain way: look at everything, every time.

Ids here are those of training: a byte is its own id, and the token that merge
number k makes (counting from 0) has the id 256 + k.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Pair = tuple[int, int]  # two ids
Merge = tuple[bytes, bytes]  # two tokens

BYTES = [bytes([byte]) for byte in range(256)]


def count_pairs(rows: Iterable[tuple[Sequence[int], int]]) -> Counter[Pair]:
    """Count neighbours in rows of ids; each row comes with how often it occurs.

    >>> count_pairs([([1, 2, 1, 2, 3], 10), ([2, 3], 1)])
    Counter({(1, 2): 20, (2, 3): 11, (2, 1): 10})
    """
    counts: Counter[Pair] = Counter()
    for ids, times in rows:
        for pair in pairwise(ids):
            counts[pair] += times
    return counts


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Put `new_id` for every `pair` in `ids`, from left to right.

    >>> merge([1, 2, 3, 1, 2], (1, 2), 4)
    [4, 3, 4]
    >>> merge([1, 1, 1], (1, 1), 4)
    [4, 1]
    """
    merged, place = [], 0
    while place < len(ids):
        if tuple(ids[place : place + 2]) == pair:
            merged.append(new_id)
            place += 2
        else:
            merged.append(ids[place])
            place += 1
    return merged


def train_by_rescanning(
    pretoken_counts: Mapping[str, int], n_merges: int
) -> list[Merge]:
    """Learn `n_merges` merges, counting all pairs afresh before each.

    The most frequent pair is merged; of equals, the one whose two byte strings
    come last in lexicographic order.

    pretoken_counts: how often each pre-token occurs. Returns the merges in the
    order they were learnt, fewer if no pair is left.

    >>> train_by_rescanning({"low": 5, "lowest": 2, "newest": 6}, 3)
    [(b'w', b'e'), (b'we', b's'), (b'wes', b't')]

    **Source:** Sennrich, Haddow and Birch 2016, algorithm 1.
    """
    tokens, merges = list(BYTES), []
    rows = [(list(text.encode()), times) for text, times in pretoken_counts.items()]
    while len(merges) < n_merges and (counts := count_pairs(rows)):
        pair = max(counts, key=lambda p: (counts[p], tokens[p[0]], tokens[p[1]]))
        rows = [(merge(ids, pair, len(tokens)), times) for ids, times in rows]
        left, right = tokens[pair[0]], tokens[pair[1]]
        merges.append((left, right))
        tokens.append(left + right)
    return merges
