"""The learning rate goes up and down as it should; what shrinks, what is cut."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR

from llm.model import GPTConfig, build
from llm.optim import clip_gradients, parameter_groups, warmup_cosine

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


def rates(**options):
    defaults = dict(peak=1.0, minimum=0.1, warmup_steps=10, n_steps=100)
    options = {**defaults, **options}
    return [warmup_cosine(s, **options) for s in range(options["n_steps"])]


@given(st.integers(0, 50), st.integers(1, 100), st.floats(0, 1))
def test_up_to_the_peak_then_down_and_never_out_of_bounds(warmup, more, minimum):
    found = rates(minimum=minimum, warmup_steps=warmup, n_steps=warmup + more)
    assert found[warmup] == max(found) == pytest.approx(1.0)
    assert found[: warmup + 1] == sorted(found[: warmup + 1])
    assert found[warmup:] == sorted(found[warmup:], reverse=True)
    assert min(found[warmup:]) >= minimum * (1 - 1e-9)
    assert min(found) > 0 or minimum == 0


def test_the_warm_up_is_a_straight_line_that_begins_above_zero():
    steps = [b - a for a, b in zip([0, *rates()], rates()[:11], strict=False)]
    assert steps == pytest.approx([1 / 11] * 11)


def test_the_descent_equals_pytorchs_cosine():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = CosineAnnealingLR(optimizer, T_max=90, eta_min=0.1)
    for ours in rates()[10:]:
        assert ours == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_past_the_end_the_rate_stays_lowest():
    options = dict(peak=1.0, minimum=0.1, warmup_steps=10, n_steps=100)
    assert warmup_cosine(100, **options) == pytest.approx(0.1)
    assert warmup_cosine(150, **options) == pytest.approx(0.1)


def test_matrices_shrink_and_vectors_do_not():
    model = build(GPTConfig(vocab_size=11, d_model=8, n_heads=2, n_layers=1))
    decaying, spared = parameter_groups(model, 0.3)
    assert (decaying["weight_decay"], spared["weight_decay"]) == (0.3, 0.0)
    names = {p: name for name, p in model.named_parameters()}
    assert {names[p] for p in spared["params"]} == {
        name for name in names.values() if "norm" in name or name.endswith("bias")
    }
    together = decaying["params"] + spared["params"]
    assert len(together) == len(set(together)) == len(names)


def test_what_is_frozen_is_in_no_group_and_a_frozen_model_is_refused():
    model = build(GPTConfig(vocab_size=11, d_model=8, n_heads=2, n_layers=1))
    model.requires_grad_(False)
    with pytest.raises(
        ValueError, match=r"nothing to train; set requires_grad=True"
    ):
        parameter_groups(model, 0.3)
    model.norm.bias.requires_grad_()
    ((group),) = parameter_groups(model, 0.3)
    assert group["weight_decay"] == 0.0
    assert [p is model.norm.bias for p in group["params"]] == [True]


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_clipping_shortens_all_gradients_alike_and_only_long_ones(length, max_norm):
    parameters = [torch.zeros(3, requires_grad=True), torch.zeros(2, 2)]
    parameters[1].requires_grad_()
    direction = torch.arange(1.0, 8.0) / math.sqrt(140)
    parameters[0].grad = direction[:3] * length
    parameters[1].grad = (direction[3:] * length).view(2, 2)
    assert float(clip_gradients(parameters, max_norm)) == pytest.approx(
        length, 1e-4
    )
    clipped = torch.cat([p.grad.flatten() for p in parameters])
    expected = direction * min(length, max_norm)
    torch.testing.assert_close(clipped, expected, rtol=1e-4, atol=1e-6)
