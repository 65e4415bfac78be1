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


def upside_down(ones):
    return ones.triu(1)  # and the last row may look at nobody


@pytest.mark.parametrize("certificate", [
    lambda model: check.causality(model, IDS, 11),
    lambda model: check.gradient_causality(model, IDS),
])  # fmt: skip
class TestNothingHidesALeak:
    def test_an_upside_down_mask_with_an_empty_row(self, certificate):
        message = "position 7 are nan or infinite.*upside down"
        with pytest.raises(check.CheckFailed, match=message):
            certificate(Toy(upside_down))

    @pytest.mark.parametrize("number", [float("nan"), float("inf")])
    @pytest.mark.parametrize("at", [(0, 0), (3, 5), (7, 10)])
    def test_one_logit_that_is_no_number(self, certificate, number, at):
        class Odd(Toy):
            def forward(self, ids):
                logits = super().forward(ids).clone()
                logits[0, at[0], at[1]] = number
                return logits

        message = f"position {at[0]} are nan or infinite"
        with pytest.raises(check.CheckFailed, match=message):
            certificate(Odd(lambda ones: ones))

    def test_a_last_layer_that_is_zero(self, certificate):
        model = Toy(lambda ones: ones)
        nn.init.zeros_(model.head.weight)
        with pytest.raises(check.CheckFailed, match=r"no earlier .* still zero\?"):
            certificate(model)

    def test_a_layer_behind_the_attention_that_is_zero(self, certificate):
        class Residual(Toy):
            def forward(self, ids):
                x = self.embedding(ids)
                return self.head(x + 0 * attention(x, x, x))

        with pytest.raises(check.CheckFailed, match=r"no earlier .*past=False"):
            certificate(Residual(None))

    def test_a_single_token(self, certificate):
        with pytest.raises(ValueError, match=r"shape \(1,\).*at least two"):
            check.causality(Toy(torch.tril), IDS[:1], 11)


def test_a_model_of_the_present_token_passes_where_that_is_meant():
    model = nn.Sequential(nn.Embedding(11, 8), nn.Linear(8, 11))
    check.causality(model, IDS, 11, past=False)
    check.gradient_causality(model, IDS, past=False)
    check.layer_causality(nn.Linear(8, 8), torch.randn(1, 6, 8), past=False)
    for certificate in (
        lambda: check.causality(model, IDS, 11),
        lambda: check.gradient_causality(model, IDS),
        lambda: check.layer_causality(nn.Linear(8, 8), torch.randn(1, 6, 8)),
        lambda: check.layer_causality(torch.zeros_like, torch.randn(1, 6, 8)),
    ):
        with pytest.raises(check.CheckFailed, match="no earlier"):
            certificate()


def test_a_layer_that_is_no_number_is_refused():
    def by_zero(x):
        return x.cumsum(1) / torch.arange(6)[:, None]

    with pytest.raises(
        check.CheckFailed, match="output at position 0 are nan or inf"
    ):
        check.layer_causality(by_zero, torch.randn(1, 6, 8))
    # the output is a number, its gradient is none
    with pytest.raises(check.CheckFailed, match="gradients at position"):
        check.layer_causality(
            lambda x: (0 * x).abs().sqrt() + x.cumsum(1), torch.ones(1, 3, 2)
        )


def nan_model(ids):
    return torch.full((*ids.shape, 11), float("nan"))


def test_no_other_certificate_passes_what_is_no_number():
    with pytest.raises(check.CheckFailed, match="are nan or infinite"):
        check.batch_order(nan_model, torch.stack((IDS, IDS.flip(0))))
    with pytest.raises(
        check.CheckFailed, match="loss of the untrained model is nan"
    ):
        check.initial_loss(nan_model, IDS[None], IDS[None], 11)
    model = build(GPTConfig(vocab_size=11, context_length=8, d_model=8))
    forward = model.forward

    def cached_nan(ids, positions=None, caches=None):
        logits = forward(ids, positions, caches)
        return logits if caches is None else logits * float("nan")

    model.forward = cached_nan
    with pytest.raises(check.CheckFailed, match="position 0 differ by nan"):
        check.cache(model, IDS[None], [4, 4])
    model.forward = lambda ids, *_: nan_model(ids)
    with pytest.raises(check.CheckFailed, match="are nan or infinite"):
        check.cache(model, IDS[None], [4, 4])


def test_rows_that_are_alike_prove_nothing():
    with pytest.raises(ValueError, match="the same in any order"):
        check.batch_order(nan_model, torch.stack((IDS, IDS)))


def test_a_model_without_an_embedding_is_told_what_to_use():
    model = nn.Sequential(nn.Unflatten(1, (8, 1)), nn.Linear(1, 11))
    with pytest.raises(ValueError, match="use `causality`"):
        check.gradient_causality(model, torch.ones(8))


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


# --- Before a long run ------------------------------------------------------------

X = torch.tensor([[0, 5, 6, 7], [0, 8, 9, 0]])
Y = torch.tensor([[5, 6, 7, 0], [8, 9, 0, -100]])


def test_a_sound_batch_passes_whole_documents_and_windows():
    check.look_at_the_batch(X, Y, end=0)
    check.look_at_the_batch(torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]]))
    filled = torch.tensor([[1, 2, 0]]), torch.tensor([[2, 3, -100]])
    check.look_at_the_batch(*filled)


@pytest.mark.parametrize(("y", "end", "message"), [
    (X, 0, "row 0 has, at position 1, a target behind the end"),
    (X, None, "row 0 .* position 0, a target that is not the next token but the same"),
    (torch.tensor([[6, 7, 8, 0], [9, 1, 0, -100]]), 0, "position 0.*but another one"),
    (torch.tensor([[5, 6, 7, 0], [8, 9, 0, 0]]), 0, "row 1 .* position 3.*filling"),
    (torch.tensor([[5, 6, 7, 4], [8, 9, 0, -100]]), 0, "row 0 .*no end mark"),
    (torch.tensor([[5, -100, 7, 0], [8, 9, 0, -100]]), 0, "position 1, no target"),
    (torch.tensor([[5, -100, 7, 4], [8, 9, 0, 3]]), None, "behind one that does not"),
])  # fmt: skip
def test_a_wrong_target_is_named(y, end, message):
    with pytest.raises(check.CheckFailed, match=message):
        check.look_at_the_batch(X, y, end)


def small(seed=0):
    torch.manual_seed(seed)
    sizes = dict(vocab_size=11, context_length=8, d_model=16, n_layers=2, n_heads=2)
    return build(GPTConfig(architecture="llama", **sizes))


def test_gradients_flow_and_those_that_were_there_stay():
    model = small()
    check.gradient_flow(model, X, Y)
    assert all(p.grad is None for p in model.parameters())
    model.head.weight.grad = torch.ones_like(model.head.weight)
    check.gradient_flow(model, X, Y)
    assert (model.head.weight.grad == 1).all()


def test_a_part_that_is_cut_off_is_named():
    model = small()
    model.unused = nn.Linear(2, 2)
    with pytest.raises(check.CheckFailed, match=r"comes to unused.weight \(2 such"):
        check.gradient_flow(model, X, Y)
    model = small()
    nn.init.zeros_(model.blocks[1].feed_forward.down.weight)
    with pytest.raises(check.CheckFailed, match="has the length 0"):
        check.gradient_flow(model, X, Y)
    model = small()
    for parameter in model.blocks[0].parameters():
        parameter.register_hook(lambda grad: grad * 1e-6)
    with pytest.raises(check.CheckFailed, match=r"blocks.1 is .* of blocks.0"):
        check.gradient_flow(model, X, Y)


def test_one_batch_is_learnt_by_heart_or_the_loop_is_wrong():
    table = torch.zeros(11, 11, requires_grad=True)

    def update(x, y, rate=20.0):
        loss = nn.functional.cross_entropy(table[x].flatten(0, 1), y.flatten())
        loss.backward()
        with torch.no_grad():
            table.sub_(rate * table.grad)
            table.grad = None
        return loss.detach()

    x, y = torch.tensor([[1, 2, 3]]), torch.tensor([[2, 3, 4]])
    losses = check.overfit_one_batch(update, x, y)
    assert len(losses) == 100 and losses[-1] < losses[0] / 10
    table.data.zero_()
    with pytest.raises(check.CheckFailed, match=r"after 5 updates .*set to zero"):
        check.overfit_one_batch(lambda x, y: update(x, y, 0.0), x, y, steps=5)
    with pytest.raises(check.CheckFailed, match="loss is nan"):
        check.overfit_one_batch(lambda x, y: float("nan"), x, y, steps=2)


def test_below_the_floor_sounds_for_no_luck_and_for_every_leak():
    torch.manual_seed(0)
    floor, counts = 20 + torch.rand(50), torch.full((50,), 10)
    check.below_floor(floor, counts, floor)
    check.below_floor(floor + torch.randn(50), counts, floor)
    with pytest.raises(check.CheckFailed, match=r"is 1.000 ± .* below the floor"):
        check.below_floor(floor - 10, counts, floor)
    with pytest.raises(check.CheckFailed, match="the loss is nan"):
        check.below_floor(floor * float("nan"), counts, floor)
