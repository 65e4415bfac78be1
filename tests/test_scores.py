"""Scores are those of the libraries that everybody quotes, and of the papers."""

import math
import random

import pytest
import sacrebleu
import torch
from rouge_score import rouge_scorer, tokenizers

from llm.corpora import story
from llm.oracle import Oracle
from llm.scores import (
    bleu,
    both_orders,
    calibration_error,
    continuation_log_probs,
    exact_match,
    longest_common_subsequence,
    reliability,
    rouge_l,
    rouge_n,
    seen_share,
)
from llm.tokenizers import CharacterTokenizer

WORDS = [
    "the",
    "a",
    "red",
    "blue",
    "kite",
    "bus",
    "boy",
    "ran",
    "away",
    "and",
    ",",
    ".",
]


def random_text(dice: random.Random, most: int = 14, least: int = 0) -> list[str]:
    return [dice.choice(WORDS) for _ in range(dice.randint(least, most))]


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_bleu_is_that_of_sacrebleu(seed, smooth):
    dice = random.Random(seed)
    candidates = [random_text(dice) for _ in range(dice.randint(1, 5))]
    n_references = dice.randint(1, 3)
    references = [
        [random_text(dice, least=1) for _ in range(n_references)]
        for _ in candidates
    ]
    if seed % 3 == 0:  # something to share
        references[0][0] = [*candidates[0], "end"]
    expected = sacrebleu.corpus_bleu(
        [" ".join(words) for words in candidates],
        [[" ".join(texts[i]) for texts in references] for i in range(n_references)],
        tokenize="none",
        smooth_method="exp" if smooth else "none",
    )
    found = bleu(candidates, references, smooth=smooth)
    assert math.isclose(100 * found, expected.score, abs_tol=1e-9)


class Spaces(tokenizers.Tokenizer):
    """What the library is to compare: the same words as we do."""

    def tokenize(self, text):
        return text.split()


@pytest.mark.parametrize("seed", range(60))
def test_rouge_is_that_of_rouge_score(seed):
    dice = random.Random(seed)
    candidate, reference = random_text(dice), random_text(dice)
    scorer = rouge_scorer.RougeScorer(
        ["rouge1", "rouge2", "rougeL"], tokenizer=Spaces()
    )
    expected = scorer.score(" ".join(reference), " ".join(candidate))
    for name, found in (
        ("rouge1", rouge_n(candidate, reference, 1)),
        ("rouge2", rouge_n(candidate, reference, 2)),
        ("rougeL", rouge_l(candidate, reference)),
    ):
        assert found == pytest.approx(tuple(expected[name])), name


def test_bleu_by_hand():
    reference = ["the", "cat", "is", "on", "the", "mat"]
    # "the" comes seven times, and counts twice (Papineni et al., example 2)
    found = bleu([["the"] * 7], [[reference]], max_n=1)
    assert math.isclose(found, 2 / 7)
    # a half as long as the reference: e^(1 − 2)
    found = bleu([reference[:3]], [[reference]], max_n=2)
    assert math.isclose(found, math.exp(-1))
    with pytest.raises(
        ValueError, match="each candidate needs a list of at least one"
    ):
        bleu([["a"]], [[]])


def test_subsequences_need_not_be_side_by_side_but_in_order():
    assert longest_common_subsequence("abcbdab", "bdcaba") == 4
    assert longest_common_subsequence("ab", "ba") == 1
    assert longest_common_subsequence("", "ab") == 0


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("The bus", True),
        ("bus.", True),
        ("a  BUS", True),
        ("buses", False),
        ("", False),
    ],
)
def test_what_is_no_difference_is_none(answer, right):
    assert exact_match(answer, ["bus", "van"]) is right


@pytest.fixture(scope="module")
def tokenizer():
    return CharacterTokenizer.train([story(0, i) for i in range(400)])


def test_continuations_cost_what_the_oracle_says(tokenizer):
    oracle, text = Oracle(tokenizer), story(3, 0)
    prompt, rest = tokenizer.encode(text[:40]), tokenizer.encode(text[40:60])
    wrong = tokenizer.encode(text[40:50] + "qqq")
    found = continuation_log_probs(oracle, prompt, [rest, wrong])
    both = oracle.log_prob([*prompt, *rest]) - oracle.log_prob(prompt)
    assert math.isclose(float(found[0]), both, rel_tol=1e-5)
    assert found[1] < -1e3
    with pytest.raises(ValueError, match="at least one token"):
        continuation_log_probs(oracle, prompt, [[]])


def test_reliability_by_hand():
    predicted = torch.tensor([0.0, 0.05, 0.1, 0.95, 1.0])
    happened = torch.tensor([0, 1, 0, 1, 1])
    table = reliability(predicted, happened)
    assert table[0].tolist() == pytest.approx([0.025, 0.5, 2])
    assert table[1].tolist() == pytest.approx([0.1, 0.0, 1])
    assert table[9].tolist() == pytest.approx([0.975, 1.0, 2])
    assert table[5, :2].isnan().all() and table[:, 2].sum() == 5
    expected = (0.475 * 2 + 0.1 + 0.025 * 2) / 5
    assert math.isclose(
        calibration_error(predicted, happened), expected, rel_tol=1e-6
    )
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability(torch.tensor([1.2]), torch.tensor([1]))


def test_true_probabilities_are_calibrated_with_labels_too():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(200_000, generator=generator)
    labels = torch.rand(200_000, generator=generator) < truth
    assert calibration_error(truth, truth) < 1e-12
    assert calibration_error(truth, labels) < 0.01
    assert calibration_error(truth**2, labels) > 0.1


def test_what_was_seen_is_counted_by_runs():
    text = ["a", "b", "c", "d", "e"]
    assert seen_share(text, [["x", "b", "c", "d", "y"]], n=3) == pytest.approx(
        1 / 3
    )
    assert seen_share(text, [text, text], n=3) == 1
    assert seen_share(text, [["e", "d", "c", "b", "a"]], n=2) == 0
    with pytest.raises(ValueError, match="no row of 13"):
        seen_share(text, [], n=13)


def test_a_judge_that_takes_the_first_says_nothing_of_the_pairs():
    always = torch.ones(10, dtype=torch.bool)
    assert both_orders(always, ~always) == (0.5, 1.0, 0.0)
    assert both_orders(always, always) == (1.0, 0.5, 1.0)
    with pytest.raises(ValueError, match="show each pair twice"):
        both_orders(always, always[:3])


@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_a_bias_is_found_and_leaves_the_win_rate_alone(bias):
    generator = torch.Generator().manual_seed(1)
    better = torch.rand(40_000, generator=generator) * 0.4 + 0.3  # how often A wins
    first = torch.rand(40_000, generator=generator) < better + bias
    second = torch.rand(40_000, generator=generator) < better - bias
    verdicts = both_orders(first, second)
    assert abs(verdicts.win_rate - 0.5) < 0.01
    assert abs(verdicts.first_rate - 0.5 - bias) < 0.01
