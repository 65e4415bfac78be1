"""Every part computes the same by its formula and in its quick way."""

import copy
import inspect

import pytest
import torch
from torch import nn

import llm.attention
import llm.layers
import llm.model
import llm.optim
from llm.attention import MultiHeadAttention, causal_mask
from llm.fast import FAST, functions, slow_down, speed_up
from llm.layers import (
    Embedding,
    FeedForward,
    LayerNorm,
    LearnedPositions,
    NormedRotaryPositions,
    RMSNorm,
    RotaryPositions,
    SwiGLU,
)
from llm.model import GPT, GPTConfig, TransformerBlock, build

B, T, C, H = 3, 50, 24, 6
MASK, AT = causal_mask(T), torch.arange(T)
IDS = torch.randint(11, (B, T), generator=torch.Generator().manual_seed(5))


def vectors(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).requires_grad_()


def model(**settings):
    config = GPTConfig(
        vocab_size=11,
        context_length=T,
        d_model=C,
        n_layers=2,
        n_heads=H,
        **settings,
    )
    return build(config)


X = vectors(B, T, C)
# Every part, in all its forms, with what it is called with.
CASES = {
    nn.Linear: [(nn.Linear(C, 7), X), (nn.Linear(C, 7, bias=False), X[:1, :3])],
    LayerNorm: [(LayerNorm(C), X), (LayerNorm(C, 0.1, bias=False), 9 + X)],
    RMSNorm: [(RMSNorm(C), X), (RMSNorm(C, 0.1), 9 + X)],
    FeedForward: [
        (FeedForward(C), 3 * X),
        (FeedForward(C, 7, gelu="exact", bias=False), 3 * X),
    ],
    SwiGLU: [(SwiGLU(C), 3 * X), (SwiGLU(C, 7, bias=True), 3 * X)],
    LearnedPositions: [(LearnedPositions(T, C), AT), (LearnedPositions(T, C), IDS)],
    RotaryPositions: [
        (RotaryPositions(4, T), vectors(B, H, T, 4), AT),
        (RotaryPositions(4, T, 50.0), vectors(B, H, T, 4), AT.expand(B, T)),
        (RotaryPositions(C, T), X, AT),
    ],
    NormedRotaryPositions: [
        (NormedRotaryPositions(4, T), 9 * vectors(B, H, T, 4), AT),
        (NormedRotaryPositions(4, T), vectors(B, H, T, 4), AT.expand(B, T)),
    ],
    MultiHeadAttention: [
        (MultiHeadAttention(C, H), X),
        (MultiHeadAttention(C, H, n_kv_heads=2, bias=False), X, MASK),
        (MultiHeadAttention(C, H, rotate=RotaryPositions(4, T)), X, MASK, AT),
        (MultiHeadAttention(C, H), X, MASK.expand(B, 1, T, T)),
    ],
    Embedding: [(Embedding(11, C, LearnedPositions(T, C)), IDS, AT)],
    TransformerBlock: [(TransformerBlock(C, H), X, MASK)],
    GPT: [
        (model(), IDS),
        (model(architecture="llama", n_kv_heads=2, bias=True), IDS),
        (model(architecture="llama", qk_norm=True), IDS),
        (model(qk_norm=True), IDS),
    ],
}
COMPOSED = {Embedding, TransformerBlock, GPT}  # of parts that have a quick way


def parts_there_are():
    return {nn.Linear} | {
        part
        for module in (llm.layers, llm.attention, llm.model)
        for part in vars(module).values()
        if inspect.isclass(part) and issubclass(part, nn.Module)
        if part.__module__ == module.__name__
    }


def test_every_part_has_its_case_and_its_quick_way():
    assert parts_there_are() == CASES.keys()
    assert parts_there_are() - COMPOSED == FAST.keys()
    for plain, fast in FAST.items():
        assert fast.plain is plain
        assert issubclass(fast, plain)


def result(part, arguments):
    """What a part returns, and all gradients, of a random sum of it."""
    out = part(*arguments)
    into = [t for t in arguments if t.is_floating_point()]
    into += list(part.parameters())
    upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    gradients = torch.autograd.grad(out, into, upstream) if into else ()
    return out.detach(), gradients


@pytest.mark.parametrize(
    ("part", "arguments"),
    [(part, rest) for cases in CASES.values() for part, *rest in cases],
    ids=lambda x: type(x).__name__,
)
def test_every_part_computes_the_same_in_its_quick_way(part, arguments):
    torch.manual_seed(2)
    part = slow_down(copy.deepcopy(part))
    for parameter in part.parameters():
        nn.init.normal_(parameter, std=0.3)
    names = list(part.state_dict())
    plain = result(part, arguments)
    assert speed_up(part) is part
    torch.testing.assert_close(result(part, arguments), plain, atol=2e-4, rtol=1e-4)
    assert list(part.state_dict()) == names
    kinds = {type(p) for p in part.modules()}
    assert not kinds & FAST.keys()
    torch.testing.assert_close(result(slow_down(part), arguments), plain)


PLAIN_FUNCTIONS = {
    "attention": (llm.attention.attention, [
        (vectors(B, H, T, 4), vectors(B, H, T, 4, seed=1), vectors(B, H, T, 4), MASK),
        (vectors(B, H, T, 4), vectors(B, H, 9, 4), vectors(B, H, 9, 4)),
    ]),
    "gelu_tanh": (llm.layers.gelu_tanh, [(4 * X,)]),
    "gelu_exact": (llm.layers.gelu_exact, [(4 * X,)]),
    "silu": (llm.layers.silu, [(4 * X,), (X + 200,), (X - 80,)]),
    "cross_entropy": (llm.model.cross_entropy, [
        (vectors(B, T, 11), IDS),
        (100 * vectors(B, T, 11), IDS, 3),
        (vectors(B, T, 11), IDS, -100, "sum"),
        (vectors(B, T, 11), IDS.where(IDS > 4, -100), -100, "none"),
    ]),
    "clip_gradients": (llm.optim.clip_gradients, []),
}  # fmt: skip


def test_every_quick_function_has_its_plain_one():
    quick = {
        name
        for name, function in vars(functions).items()
        if inspect.isfunction(function)
        and function.__module__ == functions.__name__
    }
    assert quick - {"added_mask"} == PLAIN_FUNCTIONS.keys()


@pytest.mark.parametrize("name", PLAIN_FUNCTIONS)
def test_every_quick_function_returns_the_same(name):
    plain, cases = PLAIN_FUNCTIONS[name]
    for arguments in cases:
        torch.testing.assert_close(
            getattr(functions, name)(*arguments), plain(*arguments)
        )


@pytest.mark.parametrize("max_norm", [0.1, 1e9])
def test_gradients_are_clipped_alike(max_norm):
    found = []
    for clip in (llm.optim.clip_gradients, functions.clip_gradients):
        parameters = [torch.zeros(3, 4), torch.zeros(5), torch.zeros(2)]
        for parameter in parameters[:2]:
            parameter.grad = vectors(*parameter.shape).detach()
        length = clip(parameters, max_norm)
        found.append((length, *(p.grad for p in parameters[:2])))
    torch.testing.assert_close(*found)
    assert clip([torch.zeros(2)], 1.0) == 0


def test_a_part_that_is_not_known_keeps_its_forward():
    class Louder(LayerNorm):
        def forward(self, x):
            return 2 * super().forward(x)

    both = nn.Sequential(Louder(C), nn.Tanh())
    expected = both(X)
    assert torch.equal(speed_up(both)(X), expected)
    assert [type(part) for part in both] == [Louder, nn.Tanh]


def test_a_model_that_is_built_is_quick_and_the_presets_are_plain():
    assert not {type(part) for part in model().modules()} & FAST.keys()
    config = GPTConfig(vocab_size=11)
    kinds = {type(part) for part in llm.model.gpt2(config).modules()}
    assert not kinds & set(FAST.values())
