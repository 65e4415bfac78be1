"""The learning rate goes up and down as it should; what shrinks, what is cut."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import CosineAnnealingLR

from llm.fast.optim import FastMuon
from llm.model import GPTConfig, build
from llm.optim import (
    SGD,
    Adam,
    AdamW,
    Muon,
    clip_gradients,
    muon_groups,
    orthogonalised,
    parameter_groups,
    warmup_cosine,
    warmup_stable_decay,
)

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


# Optimizers ----------------------------------------------------------------------------


def matrices(seed=0):
    """A matrix wide, one tall, and a vector, in float64."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(
            *shape, generator=generator, dtype=torch.float64
        ).requires_grad_()
        for shape in ((3, 5), (6, 2), (4,))
    ]


def travelled(optimizer, parameters, n_steps=100):
    """Where an optimizer takes the parameters on a bowl with steep and flat sides."""
    generator = torch.Generator().manual_seed(7)
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = 0.0
        for p in parameters:
            steep = torch.logspace(-2, 1, p.numel(), dtype=p.dtype).view_as(p)
            noise = torch.randn(p.shape, generator=generator, dtype=p.dtype)
            loss = loss + (steep * (p - 1) ** 2).sum() + 0.1 * (noise * p).sum()
        loss.backward()
        optimizer.step()
    return [p.detach() for p in parameters]


PAIRS = {
    "SGD": (SGD, torch.optim.SGD, dict(lr=0.02)),
    "momentum": (SGD, torch.optim.SGD, dict(lr=0.005, momentum=0.9)),
    "Adam": (Adam, torch.optim.Adam, dict(lr=0.03, betas=(0.8, 0.95), eps=1e-6)),
    "AdamW": (AdamW, torch.optim.AdamW, dict(lr=0.03, weight_decay=0.2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_optimizer_goes_where_pytorchs_goes(name):
    ours, theirs, settings = PAIRS[name]
    mine, other = matrices(), matrices()
    found = travelled(ours(mine, **settings), mine)
    expected = travelled(theirs(other, **settings), other)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(found[0], matrices()[0])


def test_muon_goes_where_pytorchs_goes(monkeypatch):
    mine, other = matrices()[:2], matrices()[:2]
    group = {"params": mine, "orthogonal": True}
    found = travelled(Muon([group], lr=0.02, weight_decay=0.2), mine)
    # Theirs computes in bfloat16, which rounds to three digits.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    theirs = torch.optim.Muon(
        other, lr=0.02, weight_decay=0.2, adjust_lr_fn="match_rms_adamw"
    )
    expected = travelled(theirs, other)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def model_of_matrices():
    """Two kinds of groups: matrices, some of one shape, and all else."""
    many = [p for seed in range(2) for p in matrices(seed)]
    hidden = [p for p in many if p.dim() == 2]
    others = [p for p in matrices(5)]
    return hidden, others


def test_the_quick_muon_goes_where_the_plain_one_goes():
    paths = []
    for kind, more in ((Muon, {}), (FastMuon, {"dtype": torch.float64})):
        hidden, others = model_of_matrices()
        groups = [
            {"params": hidden, "orthogonal": True, "weight_decay": 0.2},
            {"params": others, "orthogonal": False},
        ]
        optimizer = kind(groups, lr=0.02, **more)
        paths.append(travelled(optimizer, hidden + others))
    torch.testing.assert_close(*paths, rtol=1e-10, atol=1e-12)


def test_the_quick_muon_rounds_its_directions_in_bfloat16():
    generator = torch.Generator().manual_seed(3)
    matrix = torch.randn(2, 24, 40, generator=generator)
    rough = orthogonalised(matrix.bfloat16()).float()
    exact = orthogonalised(matrix)
    assert 0 < (rough - exact).abs().max() < 0.1 < exact.abs().max()


def test_a_parameter_without_a_gradient_stays_with_the_quick_muon():
    hidden, others = model_of_matrices()
    before = [p.detach().clone() for p in hidden + others]
    FastMuon([{"params": hidden, "orthogonal": True}, {"params": others}]).step()
    assert all(map(torch.equal, before, hidden + others))


def test_muon_is_adamw_where_nothing_is_orthogonal():
    mine, other = matrices(), matrices()
    found = travelled(Muon(mine, lr=0.03, weight_decay=0.2), mine)
    expected = travelled(AdamW(other, lr=0.03, weight_decay=0.2), other)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5)])
def test_the_singular_values_come_to_about_one_and_the_directions_stay(shape):
    generator = torch.Generator().manual_seed(3)
    matrix = 100 * torch.randn(*shape, generator=generator, dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.mT @ orthogonalised(matrix) @ v.mT  # diagonal if directions stay
    values = found.diagonal()
    torch.testing.assert_close(found, torch.diag(values), rtol=0, atol=1e-9)
    large = s > s.max() / 100  # the least may need more steps
    assert (values[large] > 0.5).all() and (values < 1.3).all()
    assert not orthogonalised(torch.zeros(shape)).any()


def test_an_optimizer_goes_on_from_its_state():
    for kind, options in (
        (SGD, dict(lr=0.005, momentum=0.9)),
        (AdamW, dict(lr=0.03)),
    ):
        mine, other = matrices(), matrices()
        optimizer = kind(mine, **options)
        travelled(optimizer, mine, 10)
        for p, q in zip(other, mine, strict=True):
            p.data = q.detach().clone()
        again = kind(other, **options)
        again.load_state_dict(optimizer.state_dict())
        torch.testing.assert_close(
            travelled(again, other, 5), travelled(optimizer, mine, 5)
        )


def test_what_has_no_gradient_stays():
    parameters = matrices()
    before = [p.detach().clone() for p in parameters]
    AdamW(parameters, lr=1.0, weight_decay=0.5).step()
    assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (SGD, dict(lr=-1), "lr=-1 must be a number from 0"),
        (SGD, dict(lr=float("nan")), "lr=nan must be"),
        (
            SGD,
            dict(lr=1, momentum=1.0),
            "momentum=1.0 must be at least 0 and below 1",
        ),
        (Adam, dict(betas=(0.9, 1.1)), r"betas\[1\]=1.1 must be"),
        (
            AdamW,
            dict(weight_decay=-0.1),
            "weight_decay=-0.1 must be a number from 0",
        ),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(matrices(), **settings)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_hidden_matrices_are_those_of_the_blocks(architecture):
    model = build(
        GPTConfig(vocab_size=11, d_model=8, n_heads=2, architecture=architecture)
    )
    names = {p: name for name, p in model.named_parameters()}
    groups = muon_groups(model, 0.1)
    hidden = {names[p] for g in groups if g["orthogonal"] for p in g["params"]}
    assert hidden == {
        name
        for name, p in model.named_parameters()
        if name.startswith("blocks") and p.dim() == 2
    }
    assert sorted(n for g in groups for n in map(names.get, g["params"])) == sorted(
        names.values()
    )
    assert {g["weight_decay"] for g in groups if g["orthogonal"]} == {0.1}


def test_the_level_schedule_rises_stays_and_falls():
    options = dict(
        peak=2.0, minimum=0.5, warmup_steps=10, decay_steps=20, n_steps=100
    )
    found = [warmup_stable_decay(step, **options) for step in range(100)]
    assert found[:11] == pytest.approx([2 * (i + 1) / 11 for i in range(11)])
    assert set(found[10:81]) == {2.0}
    assert found[80:] == pytest.approx([2 - 1.5 * i / 20 for i in range(20)])
    assert warmup_stable_decay(100, **options) == 0.5
