"""The four tokenizers of the page cut as those of the package do."""

import random
from collections import Counter
from math import exp

import pytest

from book.viz.tokenizers_figure import four_tokenizers, pieces_of, rows_of
from llm.corpora import prose
from llm.tokenizers import (
    UNKNOWN,
    BPETokenizer,
    CharacterTokenizer,
    UnigramTokenizer,
    WordPieceTokenizer,
)
from llm.tokenizers.unigram import PieceScores, forward_sums
from tests.javascript import computed

ESSAYS = prose()[:2]
TEXTS = [
    "she sells sea shells by the sea shore",
    "## #a a## ###b a###b",
    "Don't  shout at 3am! naïve café 猫猫猫 👍🏽👍🏽\n\n  tab\there ",
    "aaaa abab ba",
    "",
    prose()[-1][:1500],
]


@pytest.fixture(scope="module")
def four():
    texts = [*ESSAYS, "##a a##a ### aab abab é"]
    unigram = UnigramTokenizer.train(texts, 400, [UNKNOWN])
    rounded = {piece: round(score, 4) for piece, score in unigram.scores.items()}
    return (
        CharacterTokenizer.train(texts, None, [UNKNOWN]),
        BPETokenizer.train(texts, 400),
        WordPieceTokenizer.train(texts, 400, [UNKNOWN]),
        UnigramTokenizer(rounded, [UNKNOWN]),
    )


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices("aab éthe  #1'☃", k=rng.randrange(60)))


def test_the_page_cuts_as_the_tokenizers_do(four, tmp_path):
    rng = random.Random(3)
    texts = TEXTS + [random_text(rng) for _ in range(150)]
    characters, bpe, wordpiece, unigram = four
    code = """const scores = new Scores(input.scores);
        const cuts = [characters(new Set(input.alphabet)), bpe(input.merges),
            wordpiece(new Set(input.pieces)), (word) => scores.best(word)];
        const rows = (text, cut) => pretokens(text).map((word) => cut(word));
        return input.texts.map((text) => cuts.map((cut) => rows(text, cut)));"""
    found = computed(
        tmp_path,
        "tokenizers",
        code,
        texts=texts,
        alphabet=pieces_of(characters),
        merges=[[p.decode("latin-1") for p in pair] for pair in bpe.merges],
        pieces=pieces_of(wordpiece),
        scores=[*unigram.scores.items()],
    )
    unknown = 0
    for text, cuts in zip(texts, found, strict=True):
        for tokenizer, rows in zip(four, cuts, strict=True):
            ours = rows_of(tokenizer, text)
            if tokenizer is bpe:
                rows = [
                    [
                        t.encode("latin-1").decode(errors="backslashreplace")
                        for t in row
                    ]
                    for row in rows
                ]
            rows = [[UNKNOWN if t is None else t for t in row] for row in rows]
            assert rows == ours, text
            unknown += sum(row.count(UNKNOWN) for row in rows)
    assert unknown > 20


def test_the_page_draws_cuts_by_their_probability(tmp_path):
    scores = {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -3.2, "aba": -4.0}
    n, word, alpha = 3000, "abab", 0.5
    code = """const scores = new Scores(input.scores), random = randomNumbers(7);
        const draw = () => scores.draw(input.word, input.alpha, random).join("|");
        const drawn = Array.from({ length: input.n }, draw);
        return { drawn, sums: scores.sums([...input.word], input.alpha) };"""
    found = computed(
        tmp_path,
        "tokenizers",
        code,
        scores=[*scores.items()],
        n=n,
        word=word,
        alpha=alpha,
    )
    sums = forward_sums(word, PieceScores(scores), alpha)
    assert found["sums"] == pytest.approx(sums)
    for pieces, times in Counter(found["drawn"]).items():
        assert pieces.replace("|", "") == word
        total = sum(scores[piece] for piece in pieces.split("|"))
        share = exp(alpha * total - sums[-1])
        assert times == pytest.approx(n * share, abs=5 * (n * share) ** 0.5)


def test_the_picture_for_paper_is_there(four):
    data = four_tokenizers("the seashells", *four).data
    assert {"image/png", "application/pdf", "text/html"} <= data.keys()
    assert "characters 13, byte-pair encoding" in data["text/plain"]
