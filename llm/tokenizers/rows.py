"""Merge neighbours in place, without looking at the rest of the row.

A row has one entry for each byte. A token writes its id on its first and on its
last byte, where its neighbours can read it; what stands between is never looked
at. A row ends with `BOUNDARY`, which Python also finds before its first entry,
at -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

from llm.tokenizers.merges import Pair

BOUNDARY = -1  # stands behind each pre-token
SWALLOWED = -2  # a token began here, until its left neighbour took it in


def merge_at(
    row: list[int], place: int, pair: Pair, new_id: int, lengths: Sequence[int]
) -> bool:
    """Merge the pair that begins at `place`; return False if it is not there.

    lengths: how many bytes the token with each id has.

    >>> lengths = {1: 1, 2: 1, 3: 1, 4: 2, 5: 3}
    >>> row = [1, 2, 3, BOUNDARY]
    >>> merge_at(row, 1, (2, 3), 4, lengths), row
    (True, [1, 4, 4, -1])
    >>> merge_at(row, 0, (1, 4), 5, lengths), row
    (True, [5, -2, 5, -1])
    >>> merge_at(row, 1, (2, 3), 4, lengths), row
    (False, [5, -2, 5, -1])
    """
    left, right = pair
    middle = place + lengths[left]
    if row[place] != left or row[middle] != right:
        return False
    row[middle] = SWALLOWED
    row[place] = row[middle + lengths[right] - 1] = new_id
    return True


def apply_merges(
    pretoken: bytes, new_ids: Mapping[Pair, int], lengths: Sequence[int]
) -> list[int]:
    """Merge the bytes of a pre-token as training would have: oldest merge first.

    new_ids: the id that each pair becomes, smaller for older merges.

    >>> new_ids = {(104, 101): 256, (256, 121): 257}  # h+e, then he+y
    >>> apply_merges(b"heyhe", new_ids, [1] * 256 + [2, 3])
    [257, 256]
    """
    row = [*pretoken, BOUNDARY]
    queue = [
        (new_ids[pair], place, pair)
        for place, pair in enumerate(pairwise(row))
        if pair in new_ids
    ]
    heapify(queue)
    while queue:
        new_id, place, pair = heappop(queue)
        if merge_at(row, place, pair, new_id, lengths):
            before = (row[place - 1], new_id)
            behind = (new_id, row[place + lengths[new_id]])
            if before in new_ids:
                start = place - lengths[before[0]]
                heappush(queue, (new_ids[before], start, before))
            if behind in new_ids:
                heappush(queue, (new_ids[behind], place, behind))
    return read_row(row, lengths)


def read_row(row: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """List the tokens of a row, hopping from each to the next.

    >>> read_row([257, -2, 257, 256, 256, BOUNDARY], [1] * 256 + [2, 3])
    [257, 256]
    """
    ids, place = [], 0
    while row[place] != BOUNDARY:
        ids.append(row[place])
        place += lengths[row[place]]
    return ids
