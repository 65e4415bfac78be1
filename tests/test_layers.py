"""The parts: what each must do to any input."""

import pytest
import torch

from llm.layers import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
)

B, T, C, H, D = 2, 7, 24, 3, 8


def vectors(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def test_layer_norm_leaves_mean_zero_and_variance_one():
    out = LayerNorm(C).double()(5 + 3 * vectors(B, T, C))
    assert out.mean(-1).abs().max() < 1e-9
    assert (out.var(-1, correction=0) - 1).abs().max() < 1e-5


def test_layer_norm_ignores_shift_and_scale_of_its_input():
    norm, x = LayerNorm(C, eps=1e-12).double(), vectors(B, T, C)
    torch.testing.assert_close(norm(4 * x + 7), norm(x))


def test_rms_norm_leaves_root_mean_square_one_and_keeps_the_mean():
    out = RMSNorm(C).double()(5 + 3 * vectors(B, T, C))
    assert (out.square().mean(-1) - 1).abs().max() < 1e-5
    assert out.mean(-1).min() > 0.5


@pytest.mark.parametrize("make", [FeedForward, SwiGLU])
def test_feed_forward_works_on_each_position_alone(make):
    layer, x = make(C).double(), vectors(B, T, C)
    torch.testing.assert_close(layer(x)[:, 3], layer(x[:, 3]))
    assert layer(x).shape == x.shape


def test_swiglu_has_about_as_many_parameters_as_feed_forward():
    def size(layer):
        return sum(p.numel() for p in layer.parameters())

    assert 0.95 < size(SwiGLU(384)) / size(FeedForward(384)) < 1.1


def test_a_closed_gate_lets_nothing_through():
    layer = SwiGLU(C)
    torch.nn.init.zeros_(layer.gate.weight)
    assert layer(vectors(B, T, C, dtype=torch.float32)).abs().max() == 0


def test_dropout_acts_in_training_only():
    layer, x = FeedForward(C, dropout=0.5), torch.ones(1, C)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_learned_positions_are_added_to_the_tokens():
    table = Embedding(11, C, LearnedPositions(T, C))
    torch.nn.init.normal_(table.positions_part.weight)
    ids = torch.full((1, T), 4)
    out = table(ids, torch.arange(T))
    difference = out[0] - table.tokens.weight[4]
    torch.testing.assert_close(difference, table.positions_part.weight)


def test_rotation_keeps_lengths():
    x = vectors(B, H, T, D)
    turned = RotaryPositions(D, 64).double()(x, torch.arange(T))
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


def test_rotated_scores_depend_on_the_distance_only():
    rotary = RotaryPositions(D, 4096).double()
    q, k = vectors(1, 1, 1, D), vectors(1, 1, 1, D, seed=1)

    def score(at_q, at_k):
        turned_q = rotary(q, torch.tensor([at_q]))
        return float((turned_q * rotary(k, torch.tensor([at_k]))).sum())

    for shift in (1, 50, 2000):
        assert score(9 + shift, 4 + shift) == pytest.approx(score(9, 4), abs=1e-3)
    assert abs(score(9, 4) - score(4, 9)) > 1e-2


def test_rotation_at_position_zero_is_none():
    x = vectors(B, H, 1, D)
    assert torch.equal(RotaryPositions(D, 8).double()(x, torch.tensor([0])), x)


def test_rotation_takes_one_row_of_positions_per_sequence():
    rotary, x = RotaryPositions(D, 64), vectors(B, H, T, D, dtype=torch.float32)
    rows = torch.stack((torch.arange(T), torch.arange(T) + 20))
    both = rotary(x, rows)
    for row in range(B):
        alone = rotary(x[row : row + 1], rows[row])
        torch.testing.assert_close(both[row : row + 1], alone)


@pytest.mark.parametrize(("x", "positions", "message"), [
    ((B, T, D), (B, T), r"x has shape \(2, 7, 8\) and positions \(2, 7\)"),
    ((B, H, T, D), (T + 1,), r"\(2, 3, 7, 8\) and positions \(8,\)"),
    ((B, H, T, D), (1,), r"\(2, 3, 7, 8\) and positions \(1,\)"),
    ((B, H, T, D), (H, T), r"wanted as \(B, H, T, D\), positions as"),
    ((D,), (1,), r"x has shape \(8,\)"),
])  # fmt: skip
def test_positions_that_fit_no_x_are_refused_with_both_shapes(
    x, positions, message
):
    with pytest.raises(ValueError, match=message):
        RotaryPositions(D, 64)(torch.ones(x), torch.zeros(positions).long())


@pytest.mark.parametrize("shape", [(T, D), (B, T, D), (B, H, T, D)])
def test_rotation_keeps_the_shape(shape):
    x = vectors(*shape)
    turned = RotaryPositions(D, 64).double()(x, torch.arange(T))
    assert turned.shape == x.shape
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


def test_rotation_without_positions_or_past_its_table_is_refused():
    rotary, x = RotaryPositions(D, 8), torch.ones(B, H, 1, D)
    with pytest.raises(ValueError, match=r"give positions, such as torch.arange"):
        rotary(x, None)
    for at in (8, -1):
        with pytest.raises(ValueError, match=f"position {at} is out of range"):
            rotary(x, torch.tensor([at]))


@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
def test_far_away_the_angles_are_those_of_transformers(base):
    from transformers import LlamaConfig
    from transformers.models.llama import modeling_llama as theirs

    config = LlamaConfig(
        hidden_size=64, num_attention_heads=1, max_position_embeddings=50_000,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )  # fmt: skip
    at = torch.tensor([0, 1, 4095, 40_000, 49_999])
    q, k = vectors(2, 1, 2, 5, 64, dtype=torch.float32)
    cos, sin = theirs.LlamaRotaryEmbedding(config)(q, at[None])
    expected = theirs.apply_rotary_pos_emb(q, k, cos, sin)
    rotary = RotaryPositions(64, 50_000, base)
    for ours, other in zip((q, k), expected, strict=True):
        torch.testing.assert_close(rotary(ours, at), other, atol=1e-6, rtol=1e-5)


def test_odd_heads_cannot_be_rotated():
    with pytest.raises(ValueError, match="even, not 7"):
        RotaryPositions(7, 8)


@pytest.mark.parametrize("make", [LayerNorm, RMSNorm])
def test_a_vector_without_variance_has_a_norm(make):
    x = torch.zeros(1, C, requires_grad=True)
    out = make(C)(x)
    out.sum().backward()
    assert out.abs().max() == 0
    assert x.grad.isfinite().all()
