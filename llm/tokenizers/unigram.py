"""Unigram: pieces with probabilities, and the segmentation that is most likely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import exp, inf, log
from random import Random
from typing import Self

from llm.tokenizers.pieces import learn_pieces
from llm.tokenizers.score_files import ScoreFiles, check_scores, with_unknown
from llm.tokenizers.special import check_special_tokens

LONGEST = 16  # characters of a piece
SEEDS = 10  # times as many pieces as are wanted are there at first
KEPT = 0.75  # of the pieces, in one round of pruning


class PieceScores(dict[str, float]):
    """The log-probability of each piece, and which pieces end at a place.

    >>> scores = PieceScores({"a": -1.0, "b": -2.0, "ab": -2.5})
    >>> list(scores.ending("ab", 2))
    [(0, -2.5), (1, -2.0)]
    """

    def __init__(self, scores: Mapping[str, float]) -> None:
        super().__init__(scores)
        self.longest = max(map(len, self), default=1)
        # A character that no piece spells is possible, and worse than all pieces.
        self.unknown = min(self.values(), default=0.0) - 10

    def ending(self, text: str, end: int) -> Iterator[tuple[int, float]]:
        """Where each piece begins that ends at `end`, and its log-probability."""
        for start in range(max(0, end - self.longest), end):
            if text[start:end] in self:
                yield start, self[text[start:end]]
            elif start == end - 1:
                yield start, self.unknown


def best_segmentation(text: str, scores: PieceScores) -> list[str]:
    """The pieces of `text` whose log-probabilities have the largest sum.

    Of equal sums, the one with the longest last piece.

    >>> best_segmentation("aab", PieceScores({"a": -1.0, "b": -2.0, "ab": -2.5}))
    ['a', 'ab']

    **Source:** Viterbi 1967; on pieces of words, Kudo 2018, section 3.2.
    """
    best, begins = [0.0], [0]  # of the text up to each place
    for end in range(1, len(text) + 1):
        ways = (
            (best[start] + score, -start)
            for start, score in scores.ending(text, end)
        )
        value, start = max(ways)
        best.append(value)
        begins.append(-start)
    pieces, end = [], len(text)
    while end > 0:
        pieces.append(text[begins[end] : end])
        end = begins[end]
    return pieces[::-1]


def log_sum(numbers: Iterable[float]) -> float:
    """ln Σ exp x, without overflow; −inf of no numbers."""
    numbers = list(numbers)
    most = max(numbers, default=-inf)
    return most if most == -inf else most + log(sum(exp(x - most) for x in numbers))


def forward_sums(text: str, scores: PieceScores, alpha: float = 1.0) -> list[float]:
    """Of the text up to each place, ln of the sum over all its segmentations.

    alpha: the power to which each of them counts.

    >>> scores = PieceScores({"a": log(0.5), "b": log(0.2), "ab": log(0.3)})
    >>> sums = forward_sums("ab", scores)
    >>> round(exp(sums[2]), 3)  # 0.5 · 0.2 + 0.3
    0.4

    **Source:** Kudo 2018, section 3.2; the sum of the forward algorithm.
    """
    sums = [0.0]
    for end in range(1, len(text) + 1):
        ways = scores.ending(text, end)
        sums.append(log_sum(sums[start] + alpha * score for start, score in ways))
    return sums


def expected_counts(
    text: str, scores: PieceScores
) -> tuple[dict[str, float], float]:
    """How often each piece is to be expected in `text`, and ln of its probability.

    Each segmentation counts by its share of the probability of the text.
    """
    before = forward_sums(text, scores)
    after = [-inf] * len(text) + [0.0]  # of the text from each place on
    counts: dict[str, float] = {}
    for end in range(len(text), 0, -1):
        for start, score in scores.ending(text, end):
            behind = score + after[end]
            after[start] = log_sum((after[start], behind))
            share = exp(before[start] + behind - before[-1])
            piece = text[start:end]
            counts[piece] = counts.get(piece, 0.0) + share
    return counts, before[-1]


def sample_segmentation(
    text: str, scores: PieceScores, rng: Random, alpha: float = 1.0
) -> list[str]:
    """Draw a segmentation, each by its probability to the power of alpha.

    alpha: 1 draws by the probabilities, 0 all alike; larger, nearer to the best.

    **Source:** Kudo 2018, section 3.3; drawn backwards from the forward sums.
    """
    sums, pieces, end = forward_sums(text, scores, alpha), [], len(text)
    while end > 0:
        shares = {
            start: exp(sums[start] + alpha * score - sums[end])
            for start, score in scores.ending(text, end)
        }
        (start,) = rng.choices([*shares], [*shares.values()])
        pieces.append(text[start:end])
        end = start
    return pieces[::-1]


def seed_pieces(
    pretoken_counts: Mapping[str, int], most: int | None = None
) -> PieceScores:
    """All characters, and the substrings that cover most of the text.

    A substring counts if it occurs twice; what it covers is its count times its
    length. most: how many pieces to keep, None for all.
    """
    counts: Counter[str] = Counter()
    for word, times in pretoken_counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + LONGEST, len(word)) + 1):
                counts[word[start:end]] += times
    letters = sorted(piece for piece in counts if len(piece) == 1)
    longer = [piece for piece, n in counts.items() if len(piece) > 1 and n > 1]
    longer.sort(key=lambda piece: (-counts[piece] * len(piece), piece))
    room = None if most is None else max(0, most - len(letters))
    return log_shares({p: counts[p] for p in (*letters, *longer[:room])})


def log_shares(counts: Mapping[str, float]) -> PieceScores:
    """ln of the share that each count has; what is expected never gets a little."""
    total = sum(counts.values())
    return PieceScores({p: log(max(n, 1e-9) / total) for p, n in counts.items()})


def reestimate(
    pretoken_counts: Mapping[str, int], scores: PieceScores
) -> tuple[PieceScores, float]:
    """One round of expectation and maximisation.

    Returns new log-probabilities, and the log-likelihood of the text, in nats,
    under the old ones: a round never lowers it.

    **Source:** Dempster, Laird and Rubin 1977; for pieces, Kudo 2018, section 3.2.
    """
    counts, likelihood = dict.fromkeys(scores, 0.0), 0.0
    for word, times in pretoken_counts.items():
        expected, log_probability = expected_counts(word, scores)
        likelihood += times * log_probability
        for piece, n in expected.items():
            counts[piece] += times * n
    return log_shares(counts), likelihood


def loss_of_removal(piece: str, scores: PieceScores) -> float:
    """By how many nats a use of `piece` becomes less likely if it has to be cut."""
    n = len(piece)
    parts = {piece[i:j] for i in range(n) for j in range(i + 1, n + 1)} - {piece}
    rest = PieceScores({p: scores[p] for p in sorted(parts) if p in scores})
    return scores[piece] - sum(rest[p] for p in best_segmentation(piece, rest))


def prune_pieces(scores: PieceScores, n_pieces: int) -> PieceScores:
    """Keep the characters, and the pieces that the text would miss most.

    A piece is missed by its probability times what each use of it would lose.
    """
    letters = [piece for piece in scores if len(piece) == 1]
    longer = [piece for piece in scores if len(piece) > 1]
    missed = {p: exp(scores[p]) * loss_of_removal(p, scores) for p in longer}
    longer.sort(key=lambda piece: (-missed[piece], piece))
    room = max(0, n_pieces - len(letters))
    return log_shares({p: exp(scores[p]) for p in (*letters, *longer[:room])})


def train_unigram(
    pretoken_counts: Mapping[str, int], n_pieces: int | None = None
) -> PieceScores:
    """Learn pieces and their log-probabilities: begin with many, drop the worst.

    Between two rounds of pruning, expectation and maximisation act twice.

    pretoken_counts: how often each pre-token occurs. n_pieces: how many to keep,
    characters included; None for all substrings that occur twice. Fewer are
    returned where there are not so many.

    **Source:** Kudo 2018, section 3.2.
    """
    scores = seed_pieces(pretoken_counts, n_pieces and SEEDS * n_pieces)
    while True:
        for _ in range(2):
            scores, _ = reestimate(pretoken_counts, scores)
        if n_pieces is None or len(scores) <= n_pieces:
            return scores
        scores = prune_pieces(scores, max(n_pieces, int(KEPT * len(scores))))


class UnigramTokenizer(ScoreFiles):
    """Cuts each pre-token into the most likely row of pieces.

    scores: the log-probability of each piece. Characters that no piece spells are
    unknown, a run of them as one.

    >>> scores = {"l": -3, "o": -3, "w": -3, "low": -4, "lo": -5}
    >>> tokenizer = UnigramTokenizer(scores)
    >>> tokenizer.segment("lowlo")
    ['low', 'lo']

    **Source:** Kudo 2018.
    """

    kind = "unigram"

    def __init__(
        self,
        scores: Mapping[str, float],
        special_tokens: Iterable[str] = (),
        tokens: Sequence[bytes] | None = None,
    ) -> None:
        """tokens: in the order of their ids; None for pieces, then special ones.

        Raises `ValueError` if these contradict each other.
        """
        special = check_special_tokens(special_tokens)
        expected = [piece.encode() for piece in (*scores, *special)]
        super().__init__(expected if tokens is None else tokens, special)
        if odd := self.vocab.keys() ^ set(expected):
            raise ValueError(f"scores and vocabulary disagree about {min(odd)!r}")
        check_scores(scores)
        self.scores = PieceScores(scores)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int | None = None,
        special_tokens: Sequence[str] = (),
    ) -> Self:
        """Learn pieces, `vocab_size` of them with the special tokens; None for all.

        Raises `ValueError` if the texts do not have so many.
        """
        scores, special = learn_pieces(
            train_unigram, texts, vocab_size, special_tokens
        )
        return cls(scores, special)

    def segment(self, pretoken: str) -> list[str]:
        return with_unknown(best_segmentation(pretoken, self.scores), self.scores)

    def sample(self, pretoken: str, rng: Random, alpha: float = 1.0) -> list[str]:
        """Pieces of a pre-token, drawn: see `sample_segmentation`."""
        drawn = sample_segmentation(pretoken, self.scores, rng, alpha)
        return with_unknown(drawn, self.scores)
