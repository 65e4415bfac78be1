"""WordPiece and Unigram: their formulas, recounted; other libraries beside them."""

from itertools import combinations, pairwise
from math import exp, log
from random import Random

import pytest
import regex
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers import Tokenizer as Rust
from tokenizers.models import Unigram, WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer, Split

from llm.corpora import prose
from llm.tokenizers import UNKNOWN, UnigramTokenizer, WordPieceTokenizer, load
from llm.tokenizers.bert import BertTokenizer
from llm.tokenizers.pretokens import GPT2_PATTERN, count_pretokens
from llm.tokenizers.unigram import (
    PieceScores,
    best_segmentation,
    expected_counts,
    forward_sums,
    loss_of_removal,
    prune_pieces,
    reestimate,
    sample_segmentation,
    seed_pieces,
    train_unigram,
)
from llm.tokenizers.wordpiece import (
    PieceCounts,
    joined,
    likelihood_gain,
    longest_match,
    merge_pieces,
    to_pieces,
    train_wordpiece,
)
from tests.hostile import any_text, examples, hostile_text

words = st.dictionaries(
    st.text("ab#", min_size=1, max_size=7),
    st.integers(1, 9),
    min_size=1,
    max_size=6,
)
TEXTS = prose()[:6]


# -- WordPiece ---------------------------------------------------------------------


def log_likelihood(counts) -> float:
    total = counts.total()
    return sum(n * log(n / total) for n in counts.values() if n)


@examples(200)
@given(words)
def test_the_gain_of_a_merge_is_that_of_counting_all_again(word_counts):
    rows = [(to_pieces(word), times) for word, times in word_counts.items()]
    counts = PieceCounts(rows)
    for pair in counts.pairs:
        merged = PieceCounts([(merge_pieces(row, pair), n) for row, n in rows])
        gain = log_likelihood(merged.pieces) - log_likelihood(counts.pieces)
        assert counts.gain(pair) == pytest.approx(gain, abs=1e-9)
        assert counts.pairs[pair] == counts.total - merged.total


@examples(100)
@given(words)
def test_counts_that_are_kept_are_those_of_counting_again(word_counts):
    pieces = train_wordpiece(word_counts)
    letters = sorted(set().union(*word_counts))
    assert pieces[: 2 * len(letters)] == [p for a in letters for p in (a, "##" + a)]
    rows = [(to_pieces(word), n) for word, n in word_counts.items()]
    made = []
    while pair := PieceCounts(rows).best():
        made.append(joined(*pair))
        rows = [(merge_pieces(row, pair), n) for row, n in rows]
    assert pieces == list(dict.fromkeys([*pieces[: 2 * len(letters)], *made]))


def test_what_is_frequent_by_chance_is_not_merged():
    # a and b stand together as often as x and y do, but a and b are everywhere
    merges = {"ab": 4, "aa": 40, "bb": 40, "xy": 4}
    counts = PieceCounts([(to_pieces(word), n) for word, n in merges.items()])
    assert counts.gain(("x", "##y")) > counts.gain(("a", "##b"))
    assert likelihood_gain(4, (4, 4), 176) == pytest.approx(
        counts.gain(("x", "##y"))
    )


@examples(200)
@given(
    st.text("abc#", min_size=1, max_size=9), st.sets(st.text("abc#", min_size=1))
)
def test_the_longest_match_is_the_longest_everywhere(word, vocab):
    pieces = longest_match(word, vocab)
    if pieces is None:
        return
    assert "".join(p[2 * (i > 0) :] for i, p in enumerate(pieces)) == word
    start = 0
    for i, piece in enumerate(pieces):
        end = start + len(piece) - 2 * (i > 0)
        mark = "##" if i else ""
        longer = [mark + word[start:e] for e in range(end + 1, len(word) + 1)]
        assert piece in vocab
        assert not [p for p in longer if p in vocab and (i or p[:2] != "##")]
        start = end


def test_a_word_that_looks_like_a_piece_comes_back():
    for kind in (WordPieceTokenizer, UnigramTokenizer):
        tokenizer = kind.train(["##a a##a ### ab ## ####a"])
        for text in ("##a", "###a", "a##a", "####"):
            assert tokenizer.decode(tokenizer.encode(text)) == text


def test_without_a_character_a_word_is_refused_or_unknown():
    text = "one two"
    for kind in (WordPieceTokenizer, UnigramTokenizer):
        with pytest.raises(
            ValueError, match="' twé' at position 3 has a character"
        ):
            kind.train([text]).encode("one twé")
        tokenizer = kind.train([text], None, [UNKNOWN])
        ids = tokenizer.encode("one twé")
        assert tokenizer.special_tokens[UNKNOWN] in ids
        assert tokenizer.decode(ids).startswith("one")


def test_impossible_sizes_are_refused():
    for kind in (WordPieceTokenizer, UnigramTokenizer):
        with pytest.raises(ValueError, match="come first: choose"):
            kind.train(["low lower"], 3)
        with pytest.raises(ValueError, match="yield no more than"):
            kind.train(["low lower"], 10_000)
        with pytest.raises(ValueError, match="nothing to train on"):
            kind.train([""])


# -- Unigram -----------------------------------------------------------------------

SCORES = PieceScores(
    {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -3.2, "aba": -4.0, "bb": -4.5}
)
short = st.text("ab", min_size=1, max_size=8)


def segmentations(text: str, scores=SCORES) -> dict[tuple[str, ...], float]:
    """All of them, with their probabilities."""
    found = {}
    for n in range(len(text)):
        for cuts in combinations(range(1, len(text)), n):
            ends = [0, *cuts, len(text)]
            pieces = tuple(text[a:b] for a, b in pairwise(ends))
            if all(piece in scores for piece in pieces):
                found[pieces] = exp(sum(scores[piece] for piece in pieces))
    return found


@examples(100)
@given(short)
def test_sums_best_and_expectations_are_those_of_enumeration(text):
    every = segmentations(text)
    assert exp(forward_sums(text, SCORES)[-1]) == pytest.approx(sum(every.values()))
    best = tuple(best_segmentation(text, SCORES))
    assert every[best] == pytest.approx(max(every.values()))
    counts, log_probability = expected_counts(text, SCORES)
    assert exp(log_probability) == pytest.approx(sum(every.values()))
    for piece in SCORES:
        share = sum(p * s.count(piece) for s, p in every.items())
        expected = share / sum(every.values())
        assert counts.get(piece, 0.0) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_segmentations_are_drawn_by_their_probability(alpha):
    text, n, rng = "abab", 4000, Random(5)
    every = {s: p**alpha for s, p in segmentations(text).items()}
    drawn = [tuple(sample_segmentation(text, SCORES, rng, alpha)) for _ in range(n)]
    chi2 = 0.0
    for pieces, p in every.items():
        expected = n * p / sum(every.values())
        chi2 += (drawn.count(pieces) - expected) ** 2 / expected
    assert set(drawn) <= set(every)
    assert chi2 < len(every) + 5 * (2 * len(every)) ** 0.5


@examples(30)
@given(words)
def test_a_round_of_estimation_never_lowers_the_likelihood(word_counts):
    scores, before = seed_pieces(word_counts), float("-inf")
    for _ in range(6):
        scores, likelihood = reestimate(word_counts, scores)
        assert likelihood >= before - 1e-4
        assert sum(map(exp, scores.values())) == pytest.approx(1, abs=1e-5)
        before = likelihood


def test_pruning_drops_what_the_text_misses_least():
    scores = PieceScores({"a": -1.0, "b": -1.0, "ab": -1.5, "ba": -3.0})
    assert loss_of_removal("ab", scores) == pytest.approx(0.5)
    assert loss_of_removal("ba", scores) == pytest.approx(-1.0)
    assert list(prune_pieces(scores, 3)) == ["a", "b", "ab"]
    assert set(prune_pieces(scores, 1)) == {"a", "b"}


def test_training_ends_with_the_wanted_size_and_all_characters():
    counts = count_pretokens(TEXTS[:2])
    scores = train_unigram(counts, 150)
    assert len(scores) == 150 and set().union(*counts) <= set(scores)
    assert sum(map(exp, scores.values())) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [-1.0]}, "pieces and 1 scores"),
        ({"scores": ["x"]}, "'scores' is not a list of numbers"),
        ({"scores": [True, -1.0]}, "'scores' is not a list of numbers"),
        ({"scores": [0.5, -1.0]}, "has the score 0.5: give a log-probability"),
        ({"special_tokens": ["<|x|>"]}, "is not in the vocabulary"),
    ],
)
def test_scores_that_are_none_are_refused(change, message):
    fields = UnigramTokenizer({"a": -1.0, "b": -1.0}).fields()
    with pytest.raises(ValueError, match=message):
        UnigramTokenizer.from_fields(fields | change)


# -- Other libraries ---------------------------------------------------------------


def cut_alike(character: str) -> bool:
    text = f"a{character}b"
    theirs = [word for word, _ in BertPreTokenizer().pre_tokenize_str(text)]
    return theirs == list(BertTokenizer.pretokenise(text))


def test_only_new_punctuation_is_cut_otherwise():
    """The library's table of punctuation is older than ours: 147 of a million."""
    others = [c for c in map(chr, range(0x600)) if not cut_alike(c)]
    assert not others
    signs = regex.findall(r"\p{P}", "".join(map(chr, [*range(0x600, 0xD800)])))
    assert len(signs) > 400 and sum(not cut_alike(c) for c in signs) < 45


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A vocabulary as BERT's, in its file, read by both."""
    path = tmp_path_factory.mktemp("bert") / "vocab.txt"
    counts: dict[str, int] = {}
    for text in TEXTS:
        for word in BertTokenizer.pretokenise(text):
            counts[word] = counts.get(word, 0) + 1
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    path.write_text(
        "\n".join([*names, *train_wordpiece(counts, 500)]) + "\n", "utf-8"
    )
    rust = Rust(WordPiece.from_file(str(path), unk_token="[UNK]"))
    rust.pre_tokenizer = BertPreTokenizer()
    return BertTokenizer.load_bert(path), rust


@examples(300)
@given(text=st.one_of(any_text, hostile_text, st.sampled_from(prose())))
def test_bert_words_are_cut_as_tokenizers_cuts_them(bert, text):
    ours, rust = bert
    assume(all(map(cut_alike, set(text))))
    assert ours.encode(text) == rust.encode(text).ids


@examples(100)
@given(
    st.lists(
        st.sampled_from(["the", "$5", "river,", "it's", "a", "fox-cub", "\n", "é"])
    )
)
def test_a_stream_of_bert_is_encoded_as_the_whole(bert, pieces):
    ours, _ = bert
    whole = ours.encode(" ".join(pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BertTokenizer, "chunk_size", 3)
        assert list(ours.encode_iterable(" ".join(pieces))) == whole


def test_a_vocabulary_of_bert_needs_a_line_for_the_unknown(tmp_path):
    (tmp_path / "vocab.txt").write_text("a\n##b\n")
    with pytest.raises(ValueError, match=r"no line \[UNK\]"):
        BertTokenizer.load_bert(tmp_path / "vocab.txt")


def test_a_word_of_more_than_a_hundred_characters_is_unknown_to_bert(bert):
    ours, rust = bert
    for n in (100, 101):
        assert ours.encode("t" * n) == rust.encode("t" * n).ids
    assert len(ours.encode("t" * 101)) == 1 < len(ours.encode("t" * 100))


@pytest.fixture(scope="module")
def unigram(tmp_path_factory):
    """A vocabulary with scores, in two libraries."""
    path = tmp_path_factory.mktemp("unigram") / "tokenizer.json"
    UnigramTokenizer.train(TEXTS, 400, [UNKNOWN]).save(path)
    ours = load(path)
    pairs = [*ours.scores.items(), (UNKNOWN, 0.0)]
    rust = Rust(Unigram(pairs, unk_id=len(pairs) - 1, byte_fallback=False))
    rust.pre_tokenizer = Split(Regex(GPT2_PATTERN), "isolated")
    return ours, rust


@examples(300)
@given(text=st.one_of(any_text, hostile_text, st.sampled_from(prose())))
def test_unigram_cuts_as_tokenizers_does(unigram, text):
    ours, rust = unigram
    assert ours.encode(text) == rust.encode(text).ids


def test_rules_for_the_unknown_are_needed(bert, unigram):
    """The texts above do have what they test: words and characters not known."""
    assert bert[0].encode("xé") == [bert[0].special_tokens["[UNK]"]]
    mark = unigram[0].special_tokens[UNKNOWN]
    assert unigram[0].encode("a☃☃☃b").count(mark) == 1
