"""A measure that does not depend on the tokenizer, checked token by token."""

import doctest
import math

import pytest
import torch

import llm.evaluate
from llm.corpora import story
from llm.data import documents, windows
from llm.evaluate import (
    Evaluation,
    below_the_floor,
    compare,
    count_bytes,
    distinct_share,
    evaluate,
    grammatical_share,
)
from llm.model import GPTConfig, build
from llm.tokenizers import (
    END_OF_TEXT,
    UNKNOWN,
    ByteTokenizer,
    CharacterTokenizer,
)

TEXT = "naïve → jà, " * 9
SIZES = dict(context_length=8, d_model=16, n_layers=1, n_heads=2)


def make(vocab_size):
    torch.manual_seed(0)
    return build(GPTConfig(vocab_size=vocab_size, **SIZES)).eval()


@pytest.mark.parametrize("kind", [ByteTokenizer, CharacterTokenizer])
def test_bits_per_byte_are_the_bits_of_all_predictions_over_their_bytes(kind):
    tokenizer = kind.train([TEXT], None)
    model, ids = make(tokenizer.vocab_size), tokenizer.encode(TEXT)
    bits = 0.0
    for i in range(1, len(ids)):
        seen = torch.tensor([ids[(i - 1) // 8 * 8 : i]])
        bits -= model(seen)[0, -1].log_softmax(-1)[ids[i]].item() / math.log(2)
    found = evaluate(model, tokenizer, *windows(torch.tensor(ids), 8))
    n_bytes = len(TEXT.encode()) - len(TEXT[0].encode())
    assert (found.n_tokens, found.n_bytes) == (len(ids) - 1, n_bytes)
    assert found.bits_per_byte == pytest.approx(bits / n_bytes, abs=1e-6)
    assert found.loss == pytest.approx(
        bits * math.log(2) / found.n_tokens, abs=1e-6
    )


def test_to_know_nothing_of_bytes_costs_eight_bits():
    model = make(256)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    tokenizer = ByteTokenizer.train([], None)
    ids = torch.tensor(tokenizer.encode(TEXT))
    found = evaluate(model, tokenizer, *windows(ids, 8))
    assert found.bits_per_byte == pytest.approx(8.0)
    assert found.standard_error == pytest.approx(0.0, abs=1e-6)


def test_the_numbers_are_printed_with_their_units():
    found = Evaluation(loss=1.5, standard_error=0.01, n_tokens=2000, n_bytes=5000)
    assert str(found) == (
        "1.500 ± 0.010 nats per token, 0.866 bits per byte "
        "(2,000 tokens, 5,000 bytes)"
    )
    marks = Evaluation(loss=1.5, standard_error=0.1, n_tokens=2, n_bytes=0)
    assert "nan bits per byte" in str(marks)
    alone = Evaluation(loss=1.5, standard_error=math.nan, n_tokens=2, n_bytes=5)
    assert str(alone).startswith("1.500 nats per token")


# Ids that stand for anything, and for nothing ---------------------------------------


def test_what_stands_for_anything_has_no_price_per_byte():
    """400 characters that the tokenizer does not know are cheap: it is always one id."""
    tokenizer = CharacterTokenizer.train(["ab"], None, [UNKNOWN])
    ids = torch.tensor(tokenizer.encode("ab" + 400 * "Z"))
    found = evaluate(make(tokenizer.vocab_size), tokenizer, *windows(ids, 8))
    assert (found.n_tokens, found.n_bytes, found.n_unknown) == (401, 1, 400)
    assert math.isnan(found.bits_per_byte)
    assert "not comparable in bits per byte: 400 of 401 tokens are <|unkn" in str(
        found
    )
    known = torch.tensor(tokenizer.encode("abab"))
    assert "bits per byte (3" in str(
        evaluate(make(tokenizer.vocab_size), tokenizer, *windows(known, 8))
    )


def test_a_mark_is_no_text():
    tokenizer = ByteTokenizer([END_OF_TEXT, "<|user|>"])
    ids = torch.tensor([97, 98, 256, 257, 257, 99])
    assert count_bytes(tokenizer, ids) == (3, 0)


def test_an_id_of_another_tokenizer_is_refused():
    with pytest.raises(ValueError, match="id 300 is not in the vocabulary"):
        count_bytes(ByteTokenizer([]), torch.tensor([97, 300]))


# Against the floor ----------------------------------------------------------------


class Cheat:
    """A model that looks up what comes next, and believes it by so many nats."""

    context_length, device, training = 64, torch.device("cpu"), False

    def __init__(self, y, certainty):
        self.y, self.certainty = y, certainty

    def __call__(self, x):
        told = torch.nn.functional.one_hot(self.y.clamp(min=0), 257)
        return self.certainty * told.float()

    def train(self, mode=True):
        return self

    eval = train


def measured(certainty, lengths=(3, 9, 5, 7, 12)):
    """The floor is that of five documents of random bytes: ln 257 for each token."""
    tokenizer = ByteTokenizer([END_OF_TEXT])
    rows = [[5 * i % 256 for i in range(n)] for n in lengths]
    x, y = documents(rows, end=256, context_length=64)
    floor = torch.tensor([(n + 1) * math.log(257) for n in lengths])
    return evaluate(Cheat(y, certainty), tokenizer, x, y, floor=floor, batch_size=9)


def test_a_model_that_knows_what_can_be_known_is_at_the_floor():
    found = measured(certainty=0.0)
    assert found.floor == pytest.approx(math.log(257))
    assert found.gap == pytest.approx(0, abs=1e-5)
    assert not below_the_floor(found.gap, found.gap_standard_error)
    assert str(found).endswith("texts is 5.549, so 0.000 ± 0.000 to go")
    assert (found.n_tokens, found.n_bytes) == (41, 36)


def test_a_model_that_knows_more_is_found_out():
    found = measured(certainty=2.0)
    assert found.gap < -1
    assert below_the_floor(found.gap, found.gap_standard_error)
    assert "BELOW the floor of 5.549, where no honest model can be" in str(found)
    assert "to go" not in str(found)


@pytest.mark.parametrize(("gap", "error", "wanted"), [
    (0.2, 0.001, False),
    (-0.003, 0.001, False),  # chance
    (-0.0009, 0.0, False),  # rounding
    (-0.01, 0.001, True),
    (-9.0, math.nan, False),  # one document alone: luck
])  # fmt: skip
def test_only_what_chance_cannot_do_is_an_alarm(gap, error, wanted):
    assert below_the_floor(gap, error) == wanted
    assert ("BELOW" in compare(1.5, gap, error)) == wanted


def test_how_far_a_text_is_a_story():
    text = story(-1, 0)
    assert grammatical_share(text) == 1
    assert grammatical_share(text[:-1]) == (len(text) - 1) / len(text)
    assert grammatical_share(f"{text} And so on.") == len(text) / (len(text) + 12)
    assert grammatical_share("") == grammatical_share("xyz") == 0


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(llm.evaluate).failed == 0


def test_runs_of_tokens_that_are_different():
    assert distinct_share([[1, 2, 3, 4, 5]]) == 1
    assert distinct_share([[7, 7, 7, 7, 7, 7]], n=2) == 1 / 5
    assert distinct_share([[1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1]]) == 2 / 3
    assert (
        distinct_share([[1, 2], [3]], n=2) == 1
    )  # none goes over the end of a text
    with pytest.raises(ValueError, match="no text has 4 tokens"):
        distinct_share([[1, 2, 3], []])
