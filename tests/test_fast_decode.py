"""The decode step computes what `forward` computes, or is not used."""

import gc
import weakref

import pytest
import torch
from torch import nn

from llm.attention import MultiHeadAttention
from llm.fast.decode import TOKENS_THAT_PAY, DecodeStep, can_step
from llm.fast.linear import LARGE
from llm.generate import CachedReader, read_afresh
from llm.model import GPTConfig, build

SIZES = {
    "small": dict(d_model=16, n_layers=2, n_heads=2),
    "one head": dict(d_model=8, n_layers=1, n_heads=1),
    "shared keys": dict(d_model=24, n_layers=2, n_heads=6, n_kv_heads=2),
    "normed": dict(d_model=24, n_layers=2, n_heads=6, n_kv_heads=2, qk_norm=True),
    "large": dict(d_model=384, n_layers=1, n_heads=3, dropout=0.1),
}
T = TOKENS_THAT_PAY + 5


def make(architecture="llama", **sizes):
    """A model of which every parameter counts."""
    torch.manual_seed(0)
    sizes = SIZES["small"] | sizes
    config = GPTConfig(
        architecture=architecture, vocab_size=11, context_length=T, **sizes
    )
    model = build(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    return model


def some_ids(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(11, (n,), generator=generator).tolist()


@torch.no_grad()
def written(model, ids):
    """The logits (T, V) that the step gives, one token after the other."""
    step = DecodeStep(model, model.new_caches(1))
    return torch.cat([step(token, i) for i, token in enumerate(ids)])


@torch.no_grad()
def at_once(model, ids):
    return model(torch.tensor([ids]))[0]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_the_step_gives_the_logits_of_forward(architecture, sizes):
    model, ids = make(architecture, **sizes), some_ids(T)
    assert can_step(model)
    torch.testing.assert_close(
        written(model, ids), at_once(model, ids), atol=2e-5, rtol=1e-5
    )


def test_some_of_these_matrices_are_large():
    large = make(**SIZES["large"])
    assert large.blocks[0].attention.output.weight.numel() >= LARGE
    written(large, some_ids(T))
    assert hasattr(large.blocks[0].attention.output, "columns")
    small = make()
    written(small, some_ids(T))
    assert not hasattr(small.blocks[0].attention.output, "columns")


@pytest.mark.parametrize("sizes", ["small", "large"])
def test_the_reader_gives_them_past_the_context(sizes):
    model = make(**SIZES[sizes])
    reader, text, more = CachedReader(model, 1), some_ids(3), some_ids(3 * T, 1)
    assert reader.step
    with torch.inference_mode():
        for token in more:
            torch.testing.assert_close(
                reader([text]), read_afresh(model, [text]), atol=2e-5, rtol=1e-5
            )
            text.append(token)


def test_a_reader_after_the_weights_have_changed_sees_the_new_ones():
    model, ids = make(**SIZES["large"]), some_ids(T)
    with torch.inference_mode():
        before = written(model, ids)
    for parameter in model.parameters():
        parameter.data *= 0.5  # a change of which autograd keeps no record
    after = written(model, ids)
    assert not torch.allclose(before, after, atol=1e-2)
    torch.testing.assert_close(after, at_once(model, ids), atol=2e-5, rtol=1e-5)


def test_a_head_that_has_grown_is_copied_in_its_new_size():
    model, ids = make(d_model=512), some_ids(T)
    for n in (300, 400):
        model.head.weight = nn.Parameter(torch.randn(n, 512))
        assert written(model, ids).shape == (T, n)


@pytest.mark.parametrize("left_out", [
    "norm", "blocks.0.norm1", "blocks.1.feed_forward", "blocks.0.attention.output",
    "blocks.0.attention.query", "blocks.1.feed_forward.down",
])  # fmt: skip
def test_a_part_that_is_left_out_is_left_out_of_the_step(left_out):
    model, ids = make(d_ff=16), some_ids(T)
    *where, name = left_out.split(".")
    setattr(model.get_submodule(".".join(where)), name, nn.Identity())
    assert can_step(model)
    torch.testing.assert_close(
        written(model, ids), at_once(model, ids), atol=2e-5, rtol=1e-5
    )


def double(model):
    return model.double()


def in_training(model):
    return model.train()


def with_a_hook(model):
    model.blocks[0].feed_forward.register_forward_hook(lambda *_: None)
    return model


def with_a_hook_before(model):
    model.blocks[1].register_forward_pre_hook(lambda *_: None)
    return model


def with_a_forward_of_its_own(model):
    model.norm.forward = lambda x: 2 * x
    return model


def with_a_subclass(model):
    class Louder(MultiHeadAttention):
        def forward(self, *args):
            return 2 * super().forward(*args)

    model.blocks[0].attention.__class__ = Louder
    return model


def with_a_foreign_part(model):
    model.blocks[0].feed_forward = nn.Sequential(nn.Identity())
    return model


def with_two_rotations(model):
    model.blocks[0].attention.rotate = make().blocks[0].attention.rotate
    return model


CHANGES = [
    double,
    in_training,
    with_a_hook,
    with_a_hook_before,
    with_a_forward_of_its_own,
    with_a_subclass,
    with_a_foreign_part,
    with_two_rotations,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_model_that_may_do_otherwise_goes_through_its_forward(change):
    model = change(make())
    assert not can_step(model)
    assert CachedReader(model, 1).step is None


def test_with_gradients_or_several_texts_the_model_reads():
    model = make()
    assert CachedReader(model, 2).step is None
    assert CachedReader(model, 1)([[1, 2]]).requires_grad


def test_what_it_holds_is_freed_with_it():
    gc.disable()
    try:
        step = DecodeStep(make(), caches := make().new_caches(1))
        held = weakref.ref(caches[0])
        del step, caches
        assert held() is None
    finally:
        gc.enable()
