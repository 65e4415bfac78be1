"""WordPiece: merge what makes the text most likely, encode the longest match first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from math import log
from typing import Self

from llm.tokenizers.pieces import PieceTokenizer, learn_pieces
from llm.tokenizers.special import UNKNOWN

INSIDE = "##"  # in front of a piece that goes on with a word


def to_pieces(word: str) -> list[str]:
    """The characters of a word as pieces; all but the first go on with it.

    >>> to_pieces("low")
    ['l', '##o', '##w']
    """
    return [word[0], *(INSIDE + character for character in word[1:])]


def joined(left: str, right: str) -> str:
    """The piece that two neighbours make.

    >>> joined("l", "##ow"), joined("##o", "##w")
    ('low', '##ow')
    """
    return left + right.removeprefix(INSIDE)


class PieceCounts:
    """How often each piece occurs, and how often each pair could be merged.

    >>> counts = PieceCounts([(["a", "##b", "##b", "##b"], 10)])
    >>> counts.pairs  # of three equal pieces in a row, only two can be merged
    Counter({('a', '##b'): 10, ('##b', '##b'): 10})
    """

    def __init__(self, rows: Iterable[tuple[Sequence[str], int]] = ()) -> None:
        """rows: pieces, and how often they occur."""
        self.pieces: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.total = 0
        for pieces, times in rows:
            self.add(pieces, times)

    def add(self, pieces: Sequence[str], times: int) -> None:
        """Count a row so many times more; take it out again with times below 0."""
        for piece in pieces:
            self.pieces[piece] += times
        self.total += times * len(pieces)
        taken = False
        for pair in pairwise(pieces):
            taken = pair[0] == pair[1] and not taken
            if taken or pair[0] != pair[1]:
                self.pairs[pair] += times

    def gain(self, pair: tuple[str, str]) -> float:
        """By how many nats merging the pair raises the log-likelihood."""
        counts = [self.pieces[piece] for piece in dict.fromkeys(pair)]
        return likelihood_gain(self.pairs[pair], counts, self.total)

    def best(self) -> tuple[str, str] | None:
        """The pair of largest gain, of equals the last; None if none is left."""
        return max(
            (pair for pair, n in self.pairs.items() if n and may_merge(*pair)),
            key=lambda pair: (self.gain(pair), pair),
            default=None,
        )


def may_merge(left: str, right: str) -> bool:
    """False where the piece would begin a word, and read as the inside of one."""
    return not (left == "#" and right.startswith(INSIDE + "#"))


def likelihood_gain(together: int, counts: Sequence[int], total: int) -> float:
    """By how many nats a merge raises the log-likelihood of the training data.

    Each piece has the probability that is its share of all pieces, so the data
    have the log-likelihood Σ c ln c − N ln N. together: how often the pair is
    merged; counts: how often each of the two pieces occurs, one number where both
    are the same piece; total: N, of all pieces.

    **Source:** the criterion of Schuster and Nakajima 2012.
    """
    used = together * (3 - len(counts))  # of each piece
    after = [together, *(count - used for count in counts)]
    gain = sum(map(xlogx, after)) - sum(map(xlogx, counts))
    return gain - xlogx(total - together) + xlogx(total)


def xlogx(count: float) -> float:
    """x ln x, which is 0 at 0."""
    return count * log(count) if count else 0.0


def merge_pieces(pieces: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """Put the joined piece for every `pair`, from left to right.

    >>> merge_pieces(["l", "##o", "##w"], ("##o", "##w"))
    ['l', '##ow']
    """
    merged: list[str] = []
    place = 0
    while place < len(pieces):
        here = tuple(pieces[place : place + 2]) == pair
        merged.append(joined(*pair) if here else pieces[place])
        place += 2 if here else 1
    return merged


def train_wordpiece(
    pretoken_counts: Mapping[str, int], n_pieces: int | None = None
) -> list[str]:
    """Learn pieces: each merge is the one that raises the likelihood most.

    Of equals, the pair that comes last in lexicographic order is merged. The
    first pieces are all characters, at the beginning of a word and inside.

    pretoken_counts: how often each pre-token occurs. n_pieces: how many to learn,
    None for all. Returns them in the order they were made, fewer if none is left.

    >>> train_wordpiece({"low": 5, "lot": 2}, 10)
    ['l', '##l', 'o', '##o', 't', '##t', 'w', '##w', 'lo', 'low']
    """
    letters = sorted(set().union(*pretoken_counts))
    found = dict.fromkeys(p for a in letters for p in (a, INSIDE + a))
    rows = [(to_pieces(word), times) for word, times in pretoken_counts.items()]
    counts = PieceCounts(rows)
    while n_pieces is None or len(found) < n_pieces:
        if (pair := counts.best()) is None:
            break
        found[joined(*pair)] = None
        for i, (pieces, times) in enumerate(rows):
            if pair[0] in pieces and pair[1] in pieces:
                rows[i] = (merge_pieces(pieces, pair), times)
                counts.add(pieces, -times)
                counts.add(rows[i][0], times)
    return list(found)


def longest_match(word: str, vocab: Collection[str]) -> list[str] | None:
    """Cut off the longest piece that fits, again and again; None where none fits.

    >>> longest_match("lowest", {"l", "lo", "##w", "##west", "##we"})
    ['lo', '##west']

    **Source:** Devlin et al. 2019, in `tokenization.py` of BERT.
    """
    pieces: list[str] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = (INSIDE if start else "") + word[start:end]
            if piece in vocab and (start or not piece.startswith(INSIDE)):
                break
        else:
            return None
        pieces.append(piece)
        start = end
    return pieces


class WordPieceTokenizer(PieceTokenizer):
    """Cuts each pre-token by the longest match, from the left.

    A piece that goes on with a pre-token is written with `##` in front; the text
    it stands for has none. A pre-token that no pieces spell is unknown as a whole.

    >>> tokenizer = WordPieceTokenizer.train(["low lower lowest"], vocab_size=18)
    >>> tokenizer.segment(" lowest")
    [' l', '##ow', '##e', '##s', '##t']

    **Source:** Schuster and Nakajima 2012; `##` from Devlin et al. 2019.
    """

    kind = "wordpiece"

    def __init__(
        self, tokens: Sequence[bytes], special_tokens: Iterable[str] = ()
    ) -> None:
        """tokens: in the order of their ids, special ones among them."""
        super().__init__(tokens, special_tokens)
        for piece, id in self._ids.items():
            self._tokens[id] = piece.removeprefix(INSIDE).encode()

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """Learn pieces until the vocabulary has `vocab_size` entries; None for all.

        Raises `ValueError` if the texts run out of pairs before.
        """
        pieces, special = learn_pieces(
            train_wordpiece, texts, vocab_size, special_tokens, n_forms=2
        )
        return cls([t.encode() for t in (*pieces, *special)], special)

    def segment(self, pretoken: str) -> list[str]:
        return longest_match(pretoken, self._ids) or [UNKNOWN]
