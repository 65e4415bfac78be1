"""The checks catch what they are there to catch, and say what it is."""

import pytest
import torch
from torch import nn

from llm import check
from llm.attention import attention
from llm.model import GPTConfig, build
from llm.tokenizers import ByteTokenizer


class Toy(nn.Module):
    """One attention over embedded ids, with any mask (T, T) the test likes."""

    def __init__(self, make_mask, after_softmax=False):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(11, 8)
        self.head = nn.Linear(8, 11)
        self.make_mask = make_mask

    def forward(self, ids):
        x = self.embedding(ids)
        mask = self.make_mask(torch.ones(ids.shape[1], ids.shape[1])).bool()
        return self.head(attention(x, x, x, mask))


IDS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
WRONG = {
    "missing": (lambda ones: ones, "position 0 depend on .* position 1,.*missing"),
    "transposed": (lambda ones: ones.triu(), "transposed"),
    "shifted": (
        lambda ones: ones.tril(1),
        "position 0 .* position 1.*shifted by one",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_both_certificates_catch_a_wrong_mask(name):
    make_mask, message = WRONG[name]
    with pytest.raises(check.CheckFailed, match=message):
        check.causality(Toy(make_mask), IDS, 11)
    with pytest.raises(check.CheckFailed, match=message):
        check.gradient_causality(Toy(make_mask), IDS)


def test_both_certificates_pass_a_right_mask():
    check.causality(Toy(torch.tril), IDS, 11)
    check.gradient_causality(Toy(torch.tril), IDS)


def test_a_single_leak_is_found_and_named():
    def leak(ones):
        mask = ones.tril()
        mask[3, 6] = 1
        return mask

    message = r"position 3 depend on .* position 6.*1 such pairs"
    with pytest.raises(check.CheckFailed, match=message):
        check.causality(Toy(leak), IDS, 11)


def test_a_layer_has_its_own_certificate():
    x = torch.randn(1, 6, 8)
    check.layer_causality(lambda x: x.cumsum(1), x)
    with pytest.raises(check.CheckFailed, match="position 0 depend"):
        check.layer_causality(lambda x: x - x.mean(1, keepdim=True), x)


def test_a_model_without_an_embedding_is_told_what_to_use():
    with pytest.raises(ValueError, match="use `causality`"):
        check.gradient_causality(nn.Linear(8, 8), torch.ones(8))


def test_checks_leave_the_mode_of_the_model_alone():
    model = build(
        GPTConfig(vocab_size=11, context_length=8, d_model=8, dropout=0.5)
    )
    model.train()
    check.causality(model, IDS, 11)
    assert model.training


def test_a_cache_that_forgets_is_caught():
    model = build(GPTConfig(vocab_size=11, context_length=8, d_model=8)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    for block in model.blocks:
        update = block.attention.forward

        def forgets(x, mask, positions, cache, update=update):
            if cache is not None:
                cache.k.zero_()
            return update(x, mask, positions, cache)

        block.attention.forward = forgets
    with pytest.raises(check.CheckFailed, match="position 4 differ"):
        check.cache(model, IDS[None], [4, 4])


def test_chunks_must_add_up():
    model = build(GPTConfig(vocab_size=11, context_length=8, d_model=8))
    with pytest.raises(ValueError, match=r"\[3, 3\] do not add up to T=8"):
        check.cache(model, IDS[None], [3, 3])


def test_rows_that_see_each_other_are_caught():
    table = torch.randn(11, 11)

    def first_row_leaks(ids):
        return table[ids] + table[ids[:1]]

    with pytest.raises(check.CheckFailed, match="across"):
        check.batch_order(first_row_leaks, torch.stack((IDS, IDS.flip(0))))


def test_a_loud_start_is_caught():
    torch.manual_seed(0)
    table = 10 * torch.randn(11, 11)
    with pytest.raises(check.CheckFailed, match="too large"):
        check.initial_loss(lambda ids: table[ids], IDS[None], IDS[None], 11)


def test_a_round_trip_that_loses_something_is_shown():
    check.round_trip(ByteTokenizer(), ["", "naïve 🙂 \x00"])

    class Lossy(ByteTokenizer):
        def decode(self, ids):
            return super().decode(ids).lower()

    with pytest.raises(
        check.CheckFailed, match=r"character 6 .*'World' became 'world'"
    ):
        check.round_trip(Lossy(), ["Hello"[1:] + "  World"])
