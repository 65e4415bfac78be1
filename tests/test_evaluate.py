"""A measure that does not depend on the tokenizer, checked token by token."""

import math

import pytest
import torch

from llm.evaluate import Evaluation, evaluate
from llm.model import GPTConfig, build
from llm.tokenizers import ByteTokenizer, CharacterTokenizer

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
    found = evaluate(model, tokenizer, ids)
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
    found = evaluate(model, tokenizer, tokenizer.encode(TEXT))
    assert found.bits_per_byte == pytest.approx(8.0)
    assert found.standard_error == pytest.approx(0.0, abs=1e-6)


def test_the_numbers_are_printed_with_their_units():
    found = Evaluation(loss=1.5, standard_error=0.01, n_tokens=2000, n_bytes=5000)
    assert str(found) == (
        "1.500 ± 0.010 nats per token, 0.866 bits per byte "
        "(2,000 tokens, 5,000 bytes)"
    )
    alone = Evaluation(loss=1.5, standard_error=math.nan, n_tokens=2, n_bytes=5)
    assert str(alone).startswith("1.500 nats per token")
