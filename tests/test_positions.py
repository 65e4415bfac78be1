"""Other ways to say where a token stands: waves, biases, and other rotations."""

import math

import pytest
import torch

from llm.attention import KVCache, MultiHeadAttention, causal_mask
from llm.checkpoints import save_checkpoint
from llm.export import pack
from llm.fast import FAST, speed_up
from llm.layers import FeedForward, LayerNorm, RotaryPositions
from llm.model import GPTConfig, assemble
from llm.positions import (
    ALiBiAttention,
    InterleavedRotaryPositions,
    InterpolatedRotaryPositions,
    SinusoidalPositions,
    alibi_slopes,
    interleaved_to_halves,
)

B, H, T, C, D = 2, 4, 9, 24, 6
AT = torch.arange(T)


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


# --- Waves ------------------------------------------------------------------------


def test_waves_are_those_of_the_paper():
    found = SinusoidalPositions(C)(AT)
    for p in range(T):
        for i in range(C // 2):
            angle = p / 10_000 ** (2 * i / C)
            assert found[p, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[p, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)


def test_waves_are_those_of_a_known_library():
    from transformers.models.speech_to_text import modeling_speech_to_text as theirs

    part = theirs.Speech2TextSinusoidalPositionalEmbedding(T, C, padding_idx=None)
    # sines first, then cosines, and C/2 − 1 in the place of C/2: the same waves for
    # the base 10,000 ** ((C/2) / (C/2 − 1))
    base = 10_000 ** ((C / 2) / (C / 2 - 1))
    ours = SinusoidalPositions(C, base)(AT)
    expected = part.get_embedding(T, C)
    halves = torch.cat((ours[:, 0::2], ours[:, 1::2]), dim=1)
    torch.testing.assert_close(halves, expected, atol=1e-5, rtol=0)


def test_the_product_of_two_waves_depends_on_their_distance():
    waves = SinusoidalPositions(C).double()
    found = waves(AT) @ waves(AT).T
    moved = waves(AT + 1000) @ waves(AT + 1000).T
    torch.testing.assert_close(found, moved, atol=1e-4, rtol=0)
    assert torch.allclose(found.diag(), torch.tensor(C / 2).double(), atol=1e-4)


def test_waves_have_the_shape_of_the_positions_and_the_scale_asked_for():
    waves = SinusoidalPositions(C, scale=0.5)
    per_text = torch.stack((AT, AT + 7))
    assert waves(per_text).shape == (2, T, C)
    torch.testing.assert_close(waves(per_text)[1], waves(AT + 7))
    assert waves(AT).abs().max() == 0.5
    assert not list(waves.parameters()) and not waves.state_dict()


def test_waves_need_an_even_width():
    with pytest.raises(ValueError, match="must be even, not 7"):
        SinusoidalPositions(7)


# --- A line against the distance --------------------------------------------------


def test_slopes_are_those_of_transformers():
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    for n_heads in (1, 2, 8, 16):
        bias = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float32)
        torch.testing.assert_close(alibi_slopes(n_heads), bias[:, 0, 1])


@pytest.mark.parametrize("n_kv_heads", [H, 2, 1])
def test_scores_fall_with_the_distance(n_kv_heads):
    layer = ALiBiAttention(C, H, n_kv_heads=n_kv_heads)
    x = vectors(B, T, C)
    q, k, v = layer.heads(x, None)
    k, v = (part.repeat_interleave(H // n_kv_heads, 1) for part in (k, v))
    out = torch.zeros(B, H, T, D)
    for h in range(H):
        for t in range(T):
            keys = k[:, h, : t + 1]
            scores = (keys @ q[:, h, t, :, None])[..., 0] / math.sqrt(
                D
            )  # (B, t + 1)
            distances = t - torch.arange(t + 1)
            scores = scores - 2.0 ** (-8 * (h + 1) / H) * distances
            out[:, h, t] = (scores.softmax(-1)[..., None] * v[:, h, : t + 1]).sum(1)
    expected = layer.output(out.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x, causal_mask(T)), expected)


def test_alibi_token_by_token_is_alibi_at_once():
    layer, x = ALiBiAttention(C, H), vectors(B, T, C)
    cache = KVCache(B, H, T, D)
    steps = [
        layer(x[:, t : t + 1], positions=torch.tensor([t]), cache=cache)
        for t in range(T)
    ]
    whole = layer(x, causal_mask(T), AT)
    torch.testing.assert_close(torch.cat(steps, dim=1), whole)
    torch.testing.assert_close(layer(x, causal_mask(T), AT + 100), whole)


def test_positions_with_gaps_have_no_distances():
    layer, x = ALiBiAttention(C, H), vectors(1, 3, C)
    with pytest.raises(ValueError, match="position 1 is followed by 5"):
        layer(x, causal_mask(3), torch.tensor([0, 1, 5]))
    per_text = torch.tensor([[0, 1, 2], [4, 6, 7]])
    with pytest.raises(ValueError, match="position 4 is followed by 6"):
        layer(vectors(2, 3, C), causal_mask(3), per_text)


def test_alibi_refuses_the_masks_that_attention_refuses():
    with pytest.raises(ValueError, match="masks are boolean"):
        ALiBiAttention(C, H)(vectors(B, T, C), torch.ones(T, T).tril())


# --- Rotations --------------------------------------------------------------------


def test_neighbours_are_turned_as_complex_numbers():
    x = vectors(B, H, T, D)
    numbers = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    speeds = 10_000.0 ** (-torch.arange(0, D, 2) / D)
    angles = AT[:, None] * speeds  # (T, D/2)
    turns = torch.polar(torch.ones_like(angles), angles)
    expected = torch.view_as_real(numbers * turns).flatten(-2)
    found = InterleavedRotaryPositions(D, T)(x, AT)
    torch.testing.assert_close(found, expected)


def test_interleaved_angles_are_those_of_transformers():
    from transformers.models.gptj import modeling_gptj as theirs

    x, at = vectors(1, 5, H, 8), torch.tensor([0, 1, 7, 4095, 40_000])
    waves = theirs.create_sinusoidal_positions(40_001, 8)[at][None]  # (1, 5, 8)
    sin, cos = waves.chunk(2, dim=-1)
    expected = theirs.apply_rotary_pos_emb(x, sin, cos).transpose(1, 2)
    found = InterleavedRotaryPositions(8, 40_001)(x.transpose(1, 2), at)
    # their angles come from another product, whose rounding shows far away
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=0)
    torch.testing.assert_close(found[:, :, :3], expected[:, :, :3])


@pytest.mark.parametrize("n_kv_heads", [H, 2])
def test_a_layer_moves_from_one_layout_to_the_other(n_kv_heads):
    settings = dict(n_kv_heads=n_kv_heads)
    theirs = MultiHeadAttention(
        C, H, rotate=InterleavedRotaryPositions(D, T), **settings
    )
    ours = MultiHeadAttention(C, H, rotate=RotaryPositions(D, T), **settings)
    ours.load_state_dict(theirs.state_dict())
    x, mask = vectors(B, T, C), causal_mask(T)
    assert not torch.allclose(ours(x, mask, AT), theirs(x, mask, AT), atol=1e-3)
    with torch.no_grad():
        for part, n in ((ours.query, H), (ours.key, n_kv_heads)):
            part.weight.copy_(interleaved_to_halves(part.weight, n))
            part.bias.copy_(interleaved_to_halves(part.bias, n))
    torch.testing.assert_close(ours(x, mask, AT), theirs(x, mask, AT))


def test_interpolated_positions_lie_between_those_that_were_trained():
    x = vectors(B, H, T, D)
    plain = RotaryPositions(D, T)
    found = InterpolatedRotaryPositions(D, 4 * T, factor=4.0)(x, 4 * AT)
    torch.testing.assert_close(found, plain(x, AT))
    same = InterpolatedRotaryPositions(D, T, factor=1.0)(x, AT)
    torch.testing.assert_close(same, plain(x, AT))


def test_interpolated_angles_are_those_of_transformers():
    from transformers import LlamaConfig
    from transformers.models.llama import modeling_llama as theirs

    config = LlamaConfig(
        hidden_size=64, num_attention_heads=1, max_position_embeddings=1000,
        rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0},
    )  # fmt: skip
    at = torch.tensor([0, 1, 500, 3999])
    x = vectors(1, 2, 4, 64)
    cos, sin = theirs.LlamaRotaryEmbedding(config)(x, at[None])
    expected, _ = theirs.apply_rotary_pos_emb(x, x, cos, sin)
    found = InterpolatedRotaryPositions(64, 4000, factor=4.0)(x, at)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_positions_are_not_pushed_apart():
    with pytest.raises(ValueError, match=r"factor=0.5 would push"):
        InterpolatedRotaryPositions(D, T, factor=0.5)


# --- In a model -------------------------------------------------------------------

CONFIG = GPTConfig(
    vocab_size=11, context_length=T, d_model=C, n_layers=2, n_heads=H
)
IDS = torch.randint(11, (B, T), generator=torch.Generator().manual_seed(5))


def models():
    def rotated(part):
        return lambda d_model, n_heads: MultiHeadAttention(
            d_model, n_heads, rotate=part
        )

    kinds = {
        "waves": (SinusoidalPositions(C), MultiHeadAttention),
        "alibi": (None, ALiBiAttention),
        "interleaved": (None, rotated(InterleavedRotaryPositions(D, T))),
        "interpolated": (
            None,
            rotated(InterpolatedRotaryPositions(D, T, factor=2)),
        ),
    }
    torch.manual_seed(0)
    return {
        name: assemble(CONFIG, part, attention, FeedForward, LayerNorm)
        for name, (part, attention) in kinds.items()
    }


@pytest.mark.parametrize("kind", models())
def test_a_model_of_these_parts_reads_one_by_one_as_at_once(kind):
    model = models()[kind]
    caches = model.new_caches(B)
    steps = [model(IDS[:, t : t + 1], torch.tensor([t]), caches) for t in range(T)]
    torch.testing.assert_close(torch.cat(steps, dim=1), model(IDS))


@pytest.mark.parametrize("kind", models())
def test_these_parts_keep_their_own_way_in_a_model_that_is_sped_up(kind):
    model = models()[kind]
    expected = model(IDS)
    before = [type(part) for part in model.modules()]
    assert not {SinusoidalPositions, ALiBiAttention} & FAST.keys()
    torch.testing.assert_close(speed_up(model)(IDS), expected, atol=2e-4, rtol=1e-4)
    own = {SinusoidalPositions, ALiBiAttention, InterleavedRotaryPositions,
           InterpolatedRotaryPositions}  # fmt: skip
    kept = [part for part in map(type, model.modules()) if part in own]
    assert kept == [part for part in before if part in own] != []


@pytest.mark.parametrize("kind", models())
def test_a_model_that_its_config_does_not_describe_is_not_saved(kind, tmp_path):
    model = models()[kind]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="not what its GPTConfig describes"):
        save_checkpoint(tmp_path, 1, model, optimizer, {})
    with pytest.raises(ValueError, match="not what its GPTConfig describes"):
        pack(model)
