"""Learn which neighbours to merge, the quick way: look only where things change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from llm.tokenizers.merges import BYTES, Merge, Pair
from llm.tokenizers.rows import BOUNDARY, merge_at


def train_incrementally(
    pretoken_counts: Mapping[str, int], n_merges: int
) -> list[Merge]:
    """Learn the merges of `train_by_rescanning`, by looking only where they act.

    >>> train_incrementally({"low": 5, "lowest": 2, "newest": 6}, 3)
    [(b'w', b'e'), (b'we', b's'), (b'wes', b't')]
    """
    corpus = CorpusRow(pretoken_counts)
    queue = PairQueue(corpus)
    merges: list[Merge] = []
    while len(merges) < n_merges and (pair := queue.pop()):
        left, right = pair
        merges.append((corpus.tokens[left], corpus.tokens[right]))
        for made in corpus.merge(pair):
            queue.push(made)
    return merges


class CorpusRow:
    """All pre-tokens in one row; how often each pair occurs, and where.

    A pair is made only by the merge that makes the younger of its two tokens.
    When that merge is done, the places of the pair are known for good, from left
    to right, and its count can only fall.
    """

    def __init__(self, pretoken_counts: Mapping[str, int]) -> None:
        self.tokens = list(BYTES)
        self.lengths = [1] * 256
        self.row: list[int] = []
        self.times: list[int] = []  # how often the pre-token at this place occurs
        for text, times in pretoken_counts.items():
            pretoken = [*text.encode(), BOUNDARY]
            self.row += pretoken
            self.times += [times] * len(pretoken)
        self.counts: dict[Pair, int] = defaultdict(int)
        self.places: dict[Pair, list[int]] = defaultdict(list)
        for place, pair in enumerate(pairwise(self.row)):
            if BOUNDARY not in pair:
                self._add(pair, place, self.times[place])

    def _add(self, pair: Pair, place: int, times: int) -> None:
        self.counts[pair] += times
        self.places[pair].append(place)

    def merge(self, pair: Pair) -> set[Pair]:
        """Make `pair` one token wherever it stands; return the pairs this makes."""
        a, b = pair
        new_id, length = len(self.tokens), self.lengths[a] + self.lengths[b]
        self.tokens.append(self.tokens[a] + self.tokens[b])
        self.lengths.append(length)
        made = set()
        for place in self.places.pop(pair):
            if not merge_at(self.row, place, pair, new_id, self.lengths):
                continue
            times = self.times[place]
            left, right = self.row[place - 1], self.row[place + length]
            if left != BOUNDARY:
                self.counts[left, a] -= times
                self._add((left, new_id), place - self.lengths[left], times)
                made.add((left, new_id))
            if right != BOUNDARY:
                self.counts[b, right] -= times
                self._add((new_id, right), place, times)
                made.add((new_id, right))
        del self.counts[pair]
        return made


class PairQueue:
    """Hands out the most frequent pair; of equals, the last in lexicographic order.

    A heap in which an entry may be out of date. Counts only fall, so an entry is
    never too far down; one that reaches the top with an old count goes back in
    with the new one.
    """

    def __init__(self, corpus: CorpusRow) -> None:
        self.counts = corpus.counts
        self.tokens = corpus.tokens
        self.heap = [self._entry(pair) for pair in self.counts]
        heapify(self.heap)

    def _entry(self, pair: Pair) -> tuple[int, str, str, Pair]:
        left, right = self.tokens[pair[0]], self.tokens[pair[1]]
        return -self.counts[pair], descending(left), descending(right), pair

    def push(self, pair: Pair) -> None:
        """Let `pair` wait for its turn, if it occurs at all."""
        if self.counts[pair] > 0:
            heappush(self.heap, self._entry(pair))

    def pop(self) -> Pair | None:
        """Take out the pair whose turn it is; None if no pair is left."""
        while self.heap:
            count, *_, pair = heappop(self.heap)
            if -count == self.counts[pair]:
                return pair
            self.push(pair)
        return None


_COMPLEMENT = bytes(range(255, -1, -1))


def descending(token: bytes) -> str:
    """A key by which byte strings sort from the last to the first.

    Python's heaps hand out the least entry, and a tie goes to the greatest.

    >>> sorted([b"a", b"b", b"ab"], key=descending)
    [b'b', b'ab', b'a']
    """
    return token.translate(_COMPLEMENT).decode("latin-1") + "\u0100"
