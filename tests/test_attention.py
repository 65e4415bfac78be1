"""Attention: against a loop, against PyTorch, and properties that must hold."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from llm.attention import (
    KVCache,
    MultiHeadAttention,
    attention,
    attention_weights,
    causal_mask,
    softmax,
)
from llm.fast import slow_down, speed_up
from llm.fast.functions import attention as fused_attention
from llm.model import TransformerBlock

B, H, T, S, D = 2, 3, 5, 7, 4


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_loops(q, k, v, mask=None):
    """Attention one number at a time, for q (T, D), k and v (S, D)."""
    out = torch.zeros(len(q), v.shape[1], dtype=q.dtype)
    for t in range(len(q)):
        score = {}
        for s in range(len(k)):
            if mask is None or mask[t, s]:
                dot = sum(float(q[t, d] * k[s, d]) for d in range(q.shape[1]))
                score[s] = math.exp(dot / math.sqrt(q.shape[1]))
        for s, e in score.items():
            out[t] += e / sum(score.values()) * v[s]
    return out


def test_softmax_equals_pytorch():
    scores = 5 * vectors(B, T, S)
    torch.testing.assert_close(softmax(scores), scores.softmax(-1))
    torch.testing.assert_close(softmax(scores.mT), scores.mT.softmax(-1))
    hidden = vectors(B, H, T, T).masked_fill(~causal_mask(T), -math.inf)
    torch.testing.assert_close(softmax(hidden), hidden.softmax(-1))
    shifted = scores + 1000
    torch.testing.assert_close(softmax(shifted), shifted.softmax(-1))


@pytest.mark.parametrize("shift", [0, 1000, -1000])
def test_softmax_is_steady_for_scores_of_any_size(shift):
    scores = torch.tensor([[0.0, math.log(3), -math.inf]]) + shift
    expected = torch.tensor([[0.25, 0.75, 0]])
    torch.testing.assert_close(softmax(scores), expected, atol=1e-4, rtol=0)


def test_softmax_over_nothing_is_not_a_number():
    assert softmax(torch.full((2, 3), -math.inf)).isnan().all()


def test_attention_equals_loops():
    q, k, v = vectors(T, D), vectors(S, D, seed=1), vectors(S, 3, seed=2)
    torch.testing.assert_close(attention(q, k, v), by_loops(q, k, v))


def test_masked_attention_equals_loops():
    q, k, v = (vectors(T, D, seed=s) for s in range(3))
    mask = causal_mask(T)
    torch.testing.assert_close(attention(q, k, v, mask), by_loops(q, k, v, mask))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_pytorch(masked):
    q, k, v = (vectors(B, H, T, D, seed=s) for s in range(3))
    mask = causal_mask(T) if masked else None
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(attention(q, k, v, mask), expected)
    torch.testing.assert_close(fused_attention(q, k, v, mask), expected)


def test_weights_are_positive_and_every_row_sums_to_one():
    weights = attention_weights(
        3 * vectors(B, H, T, D), vectors(B, H, S, D, seed=1)
    )
    assert weights.shape == (B, H, T, S)
    assert weights.min() > 0
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_what_the_mask_hides_gets_no_weight_at_all():
    weights = attention_weights(
        vectors(T, D), vectors(T, D, seed=1), causal_mask(T)
    )
    assert weights.triu(1).abs().max() == 0
    assert weights[0, 0] == 1


def test_order_of_the_keys_does_not_matter():
    q, k, v = vectors(T, D), vectors(S, D, seed=1), vectors(S, D, seed=2)
    order = torch.randperm(S, generator=torch.Generator().manual_seed(0))
    shuffled = attention(q, k[order], v[order])
    torch.testing.assert_close(shuffled, attention(q, k, v))


def test_a_query_that_matches_nothing_averages_everything():
    k, v = vectors(S, D), vectors(S, D, seed=1)
    out = attention(torch.zeros(1, D, dtype=k.dtype), k, v)
    torch.testing.assert_close(out[0], v.mean(0))


def test_adding_the_same_vector_to_every_key_changes_nothing():
    q, k, v = vectors(T, D), vectors(S, D, seed=1), vectors(S, D, seed=2)
    shifted = attention(q, k + vectors(1, D, seed=3), v)
    torch.testing.assert_close(shifted, attention(q, k, v))


def test_scores_keep_their_spread_at_any_width():
    for width in (16, 1024):
        q, k = vectors(200, width), vectors(200, width, seed=1)
        logits = attention_weights(q, k).log()
        spread = (logits - logits.mean(-1, keepdim=True)).std()
        assert 0.9 < spread < 1.1, f"width {width}: spread {spread:.2f}"


def test_multi_head_attention_equals_pytorch():
    ours = MultiHeadAttention(24, 3).double()
    theirs = torch.nn.MultiheadAttention(24, 3, batch_first=True).double()
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data.copy_(torch.cat([part.weight for part in parts]))
    theirs.in_proj_bias.data.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    x, mask = vectors(B, T, 24), causal_mask(T)
    expected, _ = theirs(x, x, x, attn_mask=~mask, need_weights=False)
    torch.testing.assert_close(ours(x, mask), expected)


def test_heads_are_separate():
    """Without the projection, a head's output depends on its own values only."""
    attn = MultiHeadAttention(24, 3, bias=False).double()
    attn.output.weight.data.copy_(torch.eye(24))
    x = vectors(B, T, 24)
    before = attn(x)
    attn.value.weight.data[8:16] *= 2  # of head 1
    after = attn(x)
    torch.testing.assert_close(after[..., 8:16], 2 * before[..., 8:16])
    torch.testing.assert_close(after[..., :8], before[..., :8])
    torch.testing.assert_close(after[..., 16:], before[..., 16:])


def test_shared_keys_and_values_equal_repeated_ones():
    few = MultiHeadAttention(24, 6, n_kv_heads=2).double()
    many = MultiHeadAttention(24, 6).double()
    for name in ("query", "output"):
        getattr(many, name).load_state_dict(getattr(few, name).state_dict())
    for name in ("key", "value"):
        mine, theirs = getattr(few, name), getattr(many, name)
        weight = mine.weight.detach().view(2, 4, 24).repeat_interleave(3, 0)
        theirs.weight.data.copy_(weight.flatten(0, 1))
        bias = mine.bias.detach().view(2, 4).repeat_interleave(3, 0)
        theirs.bias.data.copy_(bias.flatten())
    x = vectors(B, T, 24)
    torch.testing.assert_close(few(x, causal_mask(T)), many(x, causal_mask(T)))


@pytest.mark.parametrize("way", [slow_down, speed_up])
def test_weight_dropout_acts_in_training_only(way):
    attn = way(MultiHeadAttention(24, 3, dropout=0.5).double())
    attn.dropout.p = 0.0  # leave the dropout of the weights alone
    x = vectors(B, T, 24)
    assert not torch.equal(attn(x), attn(x))
    attn.eval()
    assert torch.equal(attn(x), attn(x))


# Masks ----------------------------------------------------------------------------


def takes_a_mask():
    """Everything that does, called with a mask for a batch of 2 and 3 heads."""
    q, k, v = (vectors(B, H, T, D, seed=s) for s in range(3))
    x, layer = vectors(B, T, 24), MultiHeadAttention(24, H).double()
    block = TransformerBlock(24, H).double()
    return {
        "weights": lambda mask: attention_weights(q, k, mask),
        "attention": lambda mask: attention(q, k, v, mask),
        "fused": lambda mask: fused_attention(q, k, v, mask),
        "layer": lambda mask: layer(x, mask),
        "block": lambda mask: block(x, mask),
    }


TAKERS = takes_a_mask()
LOWER = torch.ones(T, T).tril()
NUMBERS = {
    "float32": (LOWER, "torch.float32, not torch.bool.*write mask != 0"),
    "float64": (LOWER.double(), "torch.float64, not torch.bool.*write mask != 0"),
    "int64": (LOWER.long(), "torch.int64, not torch.bool.*write mask != 0"),
    "uint8": (LOWER.byte(), "torch.uint8, not torch.bool.*write mask != 0"),
    "added": (LOWER.log(), "torch.float32, not torch.bool.*write mask == 0"),
    "finite": (-1e9 * (1 - LOWER), "not torch.bool.*write mask == 0"),
    "list": (LOWER.bool().tolist(), "no tensor but list"),
    "array": (LOWER.bool().numpy(), r"no tensor but bool: write torch.tensor\("),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_mask_of_numbers_is_refused_in_words(taker, kind):
    mask, message = NUMBERS[kind]
    with pytest.raises(ValueError, match=message):
        TAKERS[taker](mask)


def test_what_the_message_says_to_write_is_the_mask_that_was_meant():
    wanted = attention(*[vectors(T, D, seed=s) for s in range(3)], causal_mask(T))
    for meant in (LOWER != 0, LOWER.log() == 0):
        found = attention(*[vectors(T, D, seed=s) for s in range(3)], meant)
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(
    "shape", [(T,), (T, T + 1), (T + 1, T), (B, T, T), (H, T, T), (B, B, T, T)]
)
def test_a_mask_that_does_not_fit_is_refused_with_both_shapes(taker, shape):
    message = rf"{re.escape(str(shape))}, the scores have \(2, 3, 5, 5\)"
    with pytest.raises(ValueError, match=message):
        TAKERS[taker](torch.ones(shape, dtype=torch.bool))


def test_a_mask_for_each_text_is_not_taken_for_one_for_each_head():
    x, layer = vectors(H, T, 24), MultiHeadAttention(24, H).double()
    masks = torch.ones(H, T, T, dtype=torch.bool).tril()
    with pytest.raises(ValueError, match=r"mask\[:, None\]"):
        layer(x, masks)
    torch.testing.assert_close(layer(x, masks[:, None]), layer(x, causal_mask(T)))


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize(
    "shape",
    [(T, T), (1, T), (B, 1, T, T), (1, H, T, T), (B, H, T, T), (1, 1, 1, T)],
)
def test_masks_of_every_shape_that_fits_are_what_they_look_like(taker, shape):
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(shape, generator=generator) < 0.5
    mask[..., 0] = True
    whole = mask.expand(B, H, T, T)
    torch.testing.assert_close(TAKERS[taker](mask), TAKERS[taker](whole))


@pytest.mark.parametrize("taker", TAKERS)
def test_a_row_that_may_look_nowhere_is_not_a_number_and_the_others_are(taker):
    mask = causal_mask(T).clone()
    mask[2] = False
    out = TAKERS[taker](mask)
    of_row = out.select(out.dim() - 2, 2)
    assert of_row.isnan().all()
    rest = out[..., [0, 1, 3, 4], :]
    assert rest.isfinite().all()
    whole = TAKERS[taker](causal_mask(T))[..., [0, 1, 3, 4], :]
    torch.testing.assert_close(rest, whole)


# Heads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((10, 3, None), "n_heads=3 does not divide d_model=10"),
        ((24, 6, 4), "n_kv_heads=4 does not divide n_heads=6"),
    ],
)
def test_heads_that_do_not_fit_are_refused(sizes, message):
    d_model, n_heads, n_kv_heads = sizes
    with pytest.raises(ValueError, match=message):
        MultiHeadAttention(d_model, n_heads, n_kv_heads=n_kv_heads)


def test_cache_keeps_what_was_written_where_it_was_written():
    cache = KVCache(B, H, 8, D, dtype=torch.float64)
    k, v = vectors(B, H, 3, D), vectors(B, H, 3, D, seed=1)
    cache.update(k, v, torch.arange(3))
    late = vectors(B, H, 1, D, seed=2)
    all_k, all_v = cache.update(late, late, torch.tensor([3]))
    torch.testing.assert_close(all_k, torch.cat((k, late), 2))
    torch.testing.assert_close(all_v, torch.cat((v, late), 2))


def test_cache_takes_another_position_for_every_row():
    cache = KVCache(2, 1, 8, D, dtype=torch.float64)
    new = vectors(2, 1, 1, D)
    k, _ = cache.update(new, new, torch.tensor([[5], [2]]))
    assert torch.equal(k[0, 0, 5], new[0, 0, 0])
    assert torch.equal(k[1, 0, 2], new[1, 0, 0])
    assert k.abs().sum(-1).count_nonzero() == 2
