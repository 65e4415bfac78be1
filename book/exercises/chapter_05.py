"""The exercises of chapter 5, WordPiece, Unigram, and comparing tokenizers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import combinations, pairwise
from math import exp, inf, log, log2

import torch

from book.exercises.answers import Numbers, Values
from book.exercises.exercise import exercise, random_numbers
from llm.tokenizers.unigram import PieceScores, best_segmentation, forward_sums
from llm.tokenizers.wordpiece import PieceCounts, merge_pieces, to_pieces

# --- ★ Bits per byte ----------------------------------------------------------------


@exercise("all nats of the text, in bits, over its bytes", Values("bits per byte"))
def bits_per_byte() -> Iterator[tuple]:
    """`bits_per_byte(loss, n_tokens, text)`: from nats per token to bits per byte."""
    n = int(torch.randint(3, 9, ()))
    yield from (
        (1.5, n, "the cat sat on the mat"),
        (2.25, 4, "naïve café 猫"),
        (0.3, 17, "seashells on shelves"),
        (4.0, 1, "👍" * n),
        (log(256), 8, "the cats"),
        (0.0, 3, "aaa"),
        (3.1, 2, "\n é"),
    )


def _size(text: str) -> int:
    return len(text.encode())


@bits_per_byte.right
def nats_then_bits(loss, n_tokens, text):
    return loss * n_tokens / log(2) / _size(text)


@bits_per_byte.right
def bits_first(loss, n_tokens, text):
    return loss * log2(exp(1)) * (n_tokens / len(bytes(text, "utf-8")))


@bits_per_byte.right
def in_torch(loss, n_tokens, text):
    probability = torch.tensor(-loss * n_tokens, dtype=torch.float64).exp()
    return -probability.log2() / _size(text)


@bits_per_byte.mistake("these are nats per byte: a bit is ln 2 nats")
def nats_per_byte(loss, n_tokens, text):
    return loss * n_tokens / _size(text)


@bits_per_byte.mistake(
    "multiplied by ln 2; a bit is ln 2 nats, which is less than one, so there are more "
    "bits than nats: divide"
)
def times_ln_2(loss, n_tokens, text):
    return loss * n_tokens * log(2) / _size(text)


@bits_per_byte.mistake(
    "this is bits per character; é has two bytes in UTF-8, and 猫 has three"
)
def per_character(loss, n_tokens, text):
    return loss * n_tokens / log(2) / len(text)


@bits_per_byte.mistake(
    "these are bits per token: what a token is depends on the tokenizer, a byte does not"
)
def per_token(loss, n_tokens, text):
    return loss / log(2)


@bits_per_byte.mistake(
    "the loss is a mean over tokens: multiply by their number to have the whole text "
    "before dividing by its bytes"
)
def mean_over_bytes(loss, n_tokens, text):
    return loss / log(2) / _size(text)


@bits_per_byte.mistake(
    "the loss was divided by the number of tokens, and it is a mean over tokens already: "
    "multiply"
)
def divided_twice(loss, n_tokens, text):
    return loss / n_tokens / log(2) / _size(text)


@bits_per_byte.mistake(
    "multiplied by the bytes of a token; a token of many bytes spreads its surprise over "
    "them, so divide"
)
def bytes_for_each_token(loss, n_tokens, text):
    return loss / log(2) * _size(text) / n_tokens


@bits_per_byte.mistake("these are bits for the whole text: divide by its bytes")
def whole_text(loss, n_tokens, text):
    return loss * n_tokens / log(2)


@bits_per_byte.mistake(
    "this counts bits of a byte, eight of them: a byte is the unit here, not a bit of it"
)
def eight_bits(loss, n_tokens, text):
    return loss * n_tokens / log(2) / (8 * _size(text))


@bits_per_byte.mistake(
    "this is the perplexity per byte in place of its logarithm: take no exponential"
)
def perplexity(loss, n_tokens, text):
    return exp(loss * n_tokens / _size(text))


# --- ★ How many cuts? -----------------------------------------------------------------

PIECES = ["s", "h", "e", "l", "she", "shell", "ll", "lls", "ells"]


@exercise("every way to cut the word, each once", Numbers("the number of cuts"))
def count_cuts() -> Iterator[tuple]:
    """`count_cuts(word, pieces)`: in how many ways pieces spell a word."""
    rng = random_numbers()
    for word in ("shells", "s", "shell", "llll", "hell", "x", "shexl", ""):
        yield (word, PIECES)
    yield ("aaaa", ["a", "aa", "aaa"])
    yield ("aaa", ["aa"])
    yield ("abab", ["ab", "a", "b", "abab", "ba"])
    yield ("abc", ["ab", "bc"])
    yield ("abcd", ["ab", "abc", "c", "d", "cd"])
    yield ("shells", [])
    yield ("a" * 14, ["a", "aa"])
    for _ in range(3):
        yield ("".join(rng.choices("shel", k=9)), PIECES)


@count_cuts.right
def by_ends(word, pieces):
    ways = [1]
    for end in range(1, len(word) + 1):
        ways.append(sum(ways[s] for s in range(end) if word[s:end] in pieces))
    return ways[-1]


@count_cuts.right
def by_memory(word, pieces):
    @cache
    def count(rest):
        if not rest:
            return 1
        return sum(count(rest[len(p) :]) for p in pieces if rest.startswith(p))

    return count(word)


@count_cuts.right
def by_listing(word, pieces):
    n = 0
    for k in range(max(len(word), 1)):
        for places in combinations(range(1, len(word)), k):
            row = [word[a:b] for a, b in pairwise([0, *places, len(word)])]
            n += all(p in pieces or not word for p in row)
    return n


@count_cuts.mistake(
    "this is 2 to the power of n − 1, the cuts there would be if every string were a "
    "piece: count those only whose parts are all pieces"
)
def every_string(word, pieces):
    return 2 ** max(len(word) - 1, 0)


@count_cuts.mistake(
    "the word of no characters has one cut, the empty one: begin with 1, or every sum "
    "is 0"
)
def empty_has_none(word, pieces):
    ways = [0]
    for end in range(1, len(word) + 1):
        ways.append(sum(ways[s] for s in range(end) if word[s:end] in pieces))
    return ways[-1]


@count_cuts.mistake(
    "this counts the pieces that stand somewhere in the word; a cut is a whole row of "
    "pieces"
)
def pieces_inside(word, pieces):
    return sum(piece in word for piece in pieces)


@count_cuts.mistake(
    "this counts the places at which some piece stands, one by one; how the rest is "
    "spelled has to be counted with them"
)
def all_places(word, pieces):
    return sum(
        word[a:b] in pieces for a, b in combinations(range(len(word) + 1), 2)
    )


@count_cuts.mistake("a piece is used at most once here; it may come again")
def each_once(word, pieces):
    def count(rest, left):
        if not rest:
            return 1
        return sum(
            count(rest[len(p) :], [q for q in left if q != p])
            for p in left
            if rest.startswith(p)
        )

    return count(word, list(pieces))


@count_cuts.mistake(
    "only the longest piece that fits is followed; every piece that fits begins cuts of "
    "its own"
)
def longest_only(word, pieces):
    while word:
        fitting = [p for p in pieces if word.startswith(p)]
        if not fitting:
            return 0
        word = word[max(map(len, fitting)) :]
    return 1


@count_cuts.mistake(
    "a single character is taken for a piece whether it is in the list or not: only what "
    "is in the list is one"
)
def characters_always(word, pieces):
    return by_ends(word, [*pieces, *word])


@count_cuts.mistake("the whole word as one piece is a cut, too")
def without_the_whole(word, pieces):
    return by_ends(word, pieces) - (word in pieces)


@count_cuts.mistake("only cuts into one piece or two are counted; go on")
def at_most_two(word, pieces):
    halves = sum(
        word[:n] in pieces and word[n:] in pieces for n in range(1, len(word))
    )
    return halves + (word in pieces or not word)


@count_cuts.mistake(
    "cuts with the same pieces in another order are counted as one; the order makes "
    "another cut"
)
def without_order(word, pieces):
    @cache
    def rows(rest):
        if not rest:
            return frozenset({()})
        return frozenset(
            (p, *row)
            for p in set(pieces)
            if rest.startswith(p)
            for row in rows(rest[len(p) :])
        )

    return len({tuple(sorted(row)) for row in rows(word)})


@count_cuts.mistake(
    "this adds one for each piece instead of the number of ways to spell what stands "
    "before it"
)
def one_for_each(word, pieces):
    ways = [1]
    for end in range(1, len(word) + 1):
        ways.append(sum(ways[s] > 0 for s in range(end) if word[s:end] in pieces))
    return ways[-1]


# --- ★★ From the right ------------------------------------------------------------------

ENDS = ["ab", "abc", "cde", "de", "bcdef", "aa", "aaa", "hen", "the", "then"]


@exercise("the longest piece that ends the rest, every time", Numbers("the length"))
def lengths_from_the_right() -> Iterator[tuple]:
    """`lengths_from_the_right(word, pieces)`: lengths of the pieces, left to right."""
    rng = random_numbers()
    for word in ("abcde", "aaaa", "aaaaa", "thenab", "thens", "abcdef", "abab"):
        yield (word, ENDS)
    yield ("x", ENDS)
    yield ("xyz", [])
    yield ("abcde", ENDS[::-1])
    yield ("cabab", ["aba", "bab", "cab", "ab"])
    yield ("naïve", ["ïve", "na", "aïv"])
    for letters in ("abcde", "aab", "then"):
        yield ("".join(rng.choices(letters, k=11)), ENDS)


def _longest_end(word, pieces):
    return max([1, *(len(p) for p in pieces if word.endswith(p))])


@lengths_from_the_right.right
def cut_off_the_end(word, pieces):
    found = []
    while word:
        found.append(_longest_end(word, pieces))
        word = word[: -found[-1]]
    return found[::-1]


@lengths_from_the_right.right
def by_places(word, pieces):
    found, end, known = [], len(word), set(pieces)
    while end > 0:
        start = next(s for s in range(end) if word[s:end] in known or s == end - 1)
        found.insert(0, end - start)
        end = start
    return torch.tensor(found)


@lengths_from_the_right.right
def word_turned_round(word, pieces):
    word, pieces = word[::-1], {p[::-1] for p in pieces}
    found = []
    while word:
        n = next(n for n in range(len(word), 0, -1) if n == 1 or word[:n] in pieces)
        found, word = [n, *found], word[n:]
    return found


def _from_the_left(word, pieces):
    found = []
    while word:
        found.append(max([1, *(len(p) for p in pieces if word.startswith(p))]))
        word = word[found[-1] :]
    return found


@lengths_from_the_right.mistake(
    "this goes from the left, as WordPiece does: begin at the end of the word"
)
def from_the_left(word, pieces):
    return _from_the_left(word, pieces)


@lengths_from_the_right.mistake(
    "the lengths stand in the order in which they were found, from the right: turn the "
    "list round"
)
def not_turned_round(word, pieces):
    return cut_off_the_end(word, pieces)[::-1]


@lengths_from_the_right.mistake(
    "the word is turned round, and the pieces are not: they have to be turned, too"
)
def only_the_word_turned(word, pieces):
    return _from_the_left(word[::-1], pieces)[::-1]


@lengths_from_the_right.mistake(
    "the first piece of the list that fits is taken; the longest one is asked for"
)
def first_that_fits(word, pieces):
    found = []
    while word:
        n = next((len(p) for p in pieces if word.endswith(p)), 1)
        found, word = [n, *found], word[:-n]
    return found


@lengths_from_the_right.mistake(
    "every character is a piece of its own here: take the longest piece that fits"
)
def characters(word, pieces):
    return [1] * len(word)


@lengths_from_the_right.mistake(
    "this is the cut into the fewest pieces; the longest match does not look ahead, and "
    "may need more"
)
def fewest(word, pieces):
    best = [[]]
    for end in range(1, len(word) + 1):
        rows = [
            [*best[s], end - s]
            for s in range(end)
            if end - s == 1 or word[s:end] in pieces
        ]
        best.append(min(rows, key=len))
    return best[-1]


@lengths_from_the_right.mistake(
    "where no piece fits, this stops; a single character is a piece, too"
)
def stops(word, pieces):
    found = []
    while word and any(word.endswith(p) for p in pieces):
        found = [_longest_end(word, pieces), *found]
        word = word[: -found[0]]
    return found


@lengths_from_the_right.mistake(
    "these are the places of the cuts; the lengths of the pieces are asked for"
)
def places(word, pieces):
    ends, at = [], 0
    for n in cut_off_the_end(word, pieces):
        at += n
        ends.append(at)
    return ends


@lengths_from_the_right.mistake(
    "a piece is used at most once here; it may come again"
)
def each_piece_once(word, pieces):
    found, left = [], list(pieces)
    while word:
        n = _longest_end(word, left)
        left = [p for p in left if p != word[-n:]]
        found, word = [n, *found], word[:-n]
    return found


@lengths_from_the_right.mistake(
    "the longest piece anywhere in the word is taken first; go from the end"
)
def longest_anywhere(word, pieces):
    for piece in sorted(set(pieces), key=lambda p: (-len(p), p)):
        if piece and piece in word:
            before, _, after = word.rpartition(piece)
            return [
                *longest_anywhere(before, pieces),
                len(piece),
                *longest_anywhere(after, pieces),
            ]
    return [1] * len(word)


# --- ★★ What a merge is worth -----------------------------------------------------------


@exercise(
    "the log-likelihood after the merge, less that before",
    Values("the gain, in nats"),
)
def merge_gain() -> Iterator[tuple]:
    """`merge_gain(words, pair)`: how many nats a merge adds to the log-likelihood."""
    n = int(torch.randint(2, 9, ()))
    little = {"tea": 5, "eat": 5, "ate": 5, "quit": 4, "tie": n}
    for pair in (("t", "##e"), ("q", "##u"), ("##a", "##t"), ("##t", "##e")):
        yield (little, pair)
    yield ({"bbbb": 3, "ab": n}, ("##b", "##b"))
    yield ({"abab": 2, "bb": 1, "ba": n}, ("##b", "##a"))
    yield ({"ab": n}, ("a", "##b"))
    yield ({"abc": 2, "ab": 3, "cab": 1}, ("a", "##b"))
    yield ({"xaaaaax": 1, "aa": n}, ("##a", "##a"))


def _rows(words):
    return [(to_pieces(word), n) for word, n in words.items()]


def _merged(words, pair):
    return [(merge_pieces(row, pair), n) for row, n in _rows(words)]


def _counts(rows):
    counts = Counter()
    for row, n in rows:
        for piece in row:
            counts[piece] += n
    return counts


def _likelihood(counts, total=None, ln=log):
    total = total or counts.total()
    return sum(n * ln(n / total) for n in counts.values() if n)


def _difference(likelihood):
    """The likelihood of the counts after the merge, less that before."""

    def answer(words, pair):
        before, after = _counts(_rows(words)), _counts(_merged(words, pair))
        return likelihood(after) - likelihood(before)

    return answer


@merge_gain.right
def counted_again(words, pair):
    before, after = _counts(_rows(words)), _counts(_merged(words, pair))
    return _likelihood(after) - _likelihood(before)


@merge_gain.right
def by_kept_counts(words, pair):
    return PieceCounts(_rows(words)).gain(pair)


@merge_gain.right
def by_probabilities(words, pair):
    def value(rows):
        counts = _counts(rows)
        p = {piece: n / counts.total() for piece, n in counts.items()}
        return sum(n * log(p[piece]) for row, n in rows for piece in row)

    return torch.tensor(value(_merged(words, pair)) - value(_rows(words)))


merge_gain.mistake("this is in bits: take the natural logarithm for nats")(
    _difference(lambda counts: _likelihood(counts, ln=log2))
)

merge_gain.mistake(
    "each word counts once here; it counts as often as it occurs in the text"
)(lambda words, pair: counted_again(dict.fromkeys(words, 1), pair))

merge_gain.mistake(
    "this is the likelihood before less that after: the sign is turned round"
)(lambda words, pair: -counted_again(words, pair))

merge_gain.mistake(
    "this is how often the pair occurs; what is asked is what its merge adds"
)(lambda words, pair: PieceCounts(_rows(words)).pairs[pair])

merge_gain.mistake(
    "this is the likelihood after the merge; subtract that before it"
)(lambda words, pair: _likelihood(_counts(_merged(words, pair))))


@merge_gain.mistake(
    "after the merge there are fewer pieces in all, so the total changes: this divides "
    "by the old one"
)
def old_total(words, pair):
    before, after = _counts(_rows(words)), _counts(_merged(words, pair))
    return _likelihood(after, before.total()) - _likelihood(before)


@merge_gain.mistake(
    "the new piece is counted, and its two parts still have the old counts: a merge "
    "takes them away"
)
def parts_not_taken_away(words, pair):
    before = _counts(_rows(words))
    together = PieceCounts(_rows(words)).pairs[pair]
    return _likelihood(before + Counter({pair: together})) - _likelihood(before)


merge_gain.mistake(
    "a probability is weighted by itself here, which gives nats per piece: weight ln p "
    "by the count of the piece"
)(_difference(lambda counts: _likelihood(counts) / counts.total()))


@merge_gain.mistake(
    "pairs that overlap are all counted here: in bbb there are two pairs of b with b, and "
    "one of them can be merged"
)
def overlapping(words, pair):
    counts = PieceCounts(_rows(words))
    counts.pairs[pair] = sum(
        n * list(pairwise(row)).count(pair) for row, n in _rows(words)
    )
    return counts.gain(pair)


@merge_gain.mistake(
    "this is the count of the pair over the counts of its pieces, a ratio; the gain is a "
    "difference of two log-likelihoods"
)
def ratio(words, pair):
    counts = PieceCounts(_rows(words))
    return counts.pairs[pair] / (counts.pieces[pair[0]] * counts.pieces[pair[1]])


@merge_gain.mistake(
    "this is the count of the pair times ln of p(pair) / p(left) p(right); it forgets "
    "that all other shares change, too"
)
def pointwise(words, pair):
    counts = PieceCounts(_rows(words))
    together, n = counts.pairs[pair], counts.total
    left, right = counts.pieces[pair[0]], counts.pieces[pair[1]]
    return together * log(together * n / (left * right))


# --- ★★★ How likely is a cut here? --------------------------------------------------------

PROBABILITIES = {
    **{"s": 0.2, "h": 0.1, "e": 0.2, "l": 0.2, "she": 0.1},
    **{"shell": 0.02, "ll": 0.05, "lls": 0.08, "ells": 0.05},
}
TOY = {piece: log(p) for piece, p in PROBABILITIES.items()}
OTHER = {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -3.2, "aba": -4.0}


@exercise(
    "the share of the cuts that part the word at this place",
    Values("the probability"),
)
def cut_probability() -> Iterator[tuple]:
    """`cut_probability(word, scores, place)`: how likely the word is cut there."""
    n = int(torch.randint(1, 6, ()))
    for place in (n, 1, 3, 4, 5):
        yield ("shells", TOY, place)
    for place in (1, 2, 3):
        yield ("abab", OTHER, place)
    yield ("ss", TOY, 1)
    yield ("hell", TOY, 3)
    yield ("abaababaab" * 2, OTHER, 7)
    yield ("abab" * 300, OTHER, 601)


def _ln(text, scores, alpha=1.0):
    """ln of the sum over all cuts."""
    return forward_sums(text, PieceScores(scores), alpha)[-1]


@cut_probability.right
def both_sides(word, scores, place):
    before = _ln(word[:place], scores)
    after = _ln(word[place:], scores)
    return exp(before + after - _ln(word, scores))


@cut_probability.right
def less_what_reaches_across(word, scores, place):
    pieces = PieceScores(scores)
    forward = forward_sums(word, pieces)
    turned = PieceScores({p[::-1]: s for p, s in scores.items()})
    backward = forward_sums(word[::-1], turned)[::-1]
    across = 0.0
    for end in range(place + 1, len(word) + 1):
        for start, score in pieces.ending(word, end):
            if start < place:
                across += exp(forward[start] + score + backward[end] - forward[-1])
    return 1 - across


@cut_probability.right
def by_own_sums(word, scores, place):
    def ln_sum(text):
        sums = [0.0]
        for end in range(1, len(text) + 1):
            ways = [
                sums[s] + scores[text[s:end]]
                for s in range(max(0, end - 8), end)
                if text[s:end] in scores
            ]
            sums.append(
                torch.tensor(ways or [-inf], dtype=torch.float64)
                .logsumexp(0)
                .item()
            )
        return sums[-1]

    return exp(ln_sum(word[:place]) + ln_sum(word[place:]) - ln_sum(word))


@cut_probability.mistake(
    "this is the probability of the word cut there, not its share: divide by that of the "
    "word"
)
def not_divided(word, scores, place):
    before = _ln(word[:place], scores)
    return exp(before + _ln(word[place:], scores))


@cut_probability.mistake(
    "this looks at the best cut alone, and says yes or no; all cuts count, each by its "
    "share"
)
def best_only(word, scores, place):
    ends, at = set(), 0
    for piece in best_segmentation(word, PieceScores(scores)):
        at += len(piece)
        ends.add(at)
    return float(place in ends)


@cut_probability.mistake(
    "this is the share of the *best* cut with a cut there; every cut that has one there "
    "counts"
)
def best_of_each_side(word, scores, place):
    def value(text):
        pieces = PieceScores(scores)
        return sum(scores[p] for p in best_segmentation(text, pieces))

    total = _ln(word, scores)
    return exp(value(word[:place]) + value(word[place:]) - total)


@cut_probability.mistake(
    "every cut counts alike here; count each by its probability"
)
def all_alike(word, scores, place):
    def ln_number(text):
        return _ln(text, scores, 0.0)

    return exp(ln_number(word[:place]) + ln_number(word[place:]) - ln_number(word))


@cut_probability.mistake(
    "the logarithm is missing its exponential: a probability is between 0 and 1"
)
def still_a_logarithm(word, scores, place):
    before = _ln(word[:place], scores)
    after = _ln(word[place:], scores)
    return before + after - _ln(word, scores)


@cut_probability.mistake("this is the probability that the word is *not* cut there")
def not_cut(word, scores, place):
    return 1 - both_sides(word, scores, place)


@cut_probability.mistake(
    "the place is one too far to the right: `place` characters stand before the cut"
)
def one_to_the_right(word, scores, place):
    return both_sides(word, scores, min(place + 1, len(word)))


@cut_probability.mistake(
    "the place is one too far to the left: `place` characters stand before the cut"
)
def one_to_the_left(word, scores, place):
    return both_sides(word, scores, place - 1)


@cut_probability.mistake(
    "only what stands before the place is looked at; what comes after it has to be "
    "spelled, too"
)
def before_alone(word, scores, place):
    before = _ln(word[:place], scores)
    return exp(before - _ln(word, scores))


@cut_probability.mistake(
    "the share of cuts with a *short* word is right, but exp of a long one's sum is 0: "
    "subtract the logarithms before the exponential"
)
def exponentials_too_early(word, scores, place):
    before = exp(_ln(word[:place], scores))
    after = exp(_ln(word[place:], scores))
    total = exp(_ln(word, scores))
    return before * after / total if total else float("nan")
