"""What is predicted of a configuration is what PyTorch allocates and does."""

import dataclasses
import random
from functools import cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from llm import count, optim
from llm.fast import slow_down, speed_up
from llm.fast.functions import cross_entropy
from llm.model import GPTConfig, build


def some_config(seed):
    """A small configuration, every size and switch at random."""
    dice, architecture = random.Random(seed), ["gpt2", "llama"][seed % 2]
    n_heads, head_dim = dice.randint(1, 6), 2 * dice.randint(1, 8)
    return GPTConfig(
        architecture=architecture,
        qk_norm=dice.random() < 0.5,
        vocab_size=dice.randint(2, 300),
        context_length=dice.randint(20, 50),
        d_model=n_heads * head_dim,
        n_layers=dice.randint(1, 4),
        n_heads=n_heads,
        n_kv_heads=dice.choice(
            [None, *(h for h in range(1, n_heads + 1) if n_heads % h == 0)]
        ),
        d_ff=dice.choice([None, dice.randint(1, 150)]),
        tie_embeddings=dice.choice([None, True, False]),
        bias=dice.choice([None, True, False]),
    )


@cache
def case(seed):
    """A configuration, a model of it, and a batch of unusual sizes."""
    config, dice = some_config(seed), random.Random(seed)
    torch.manual_seed(seed)
    batch_size, n_tokens = dice.randint(1, 5), dice.randint(1, 20)
    ids = torch.randint(config.vocab_size, (batch_size, n_tokens + 1))
    return config, build(config), ids[:, :-1], ids[:, 1:]


FIFTY = pytest.mark.parametrize("seed", range(50))


@FIFTY
def test_parameters(seed):
    config, model, *_ = case(seed)
    assert count.parameters(config) == sum(p.numel() for p in model.parameters())


@FIFTY
def test_parameters_by_part(seed):
    config, model, *_ = case(seed)
    marks = {
        "head": "head.",  # one that is shared has the name of the tokens
        "tokens": "embedding.tokens",
        "positions": "embedding.positions",
        "attention": ".attention.",
        "feed-forward": ".feed_forward.",
        "norms": "norm",
    }
    found = dict.fromkeys(marks, 0)
    for name, p in model.named_parameters():
        found[next(part for part, mark in marks.items() if mark in name)] += (
            p.numel()
        )
    assert count.parameters_by_part(config) == found


@FIFTY
def test_operations_forward_and_backward(seed):
    """The counter knows matrix products, but not the fused kernels."""
    config, model, x, y = case(seed)
    try:
        with FlopCounterMode(display=False) as forward:
            logits = slow_down(model)(x)
        with FlopCounterMode(display=False) as backward:
            cross_entropy(logits, y).backward()
    finally:
        speed_up(model)
    batch_size, n_tokens = x.shape
    expected = batch_size * count.forward_flops(config, n_tokens, square=True)
    assert forward.get_total_flops() == expected
    both = forward.get_total_flops() + backward.get_total_flops()
    wanted = batch_size * count.training_flops(config, n_tokens, square=True)
    assert both == wanted


@FIFTY
def test_operations_behind_a_cache(seed):
    config, model, x, _ = case(seed)
    caches, n = model.new_caches(len(x)), x.shape[1]
    try:
        slow_down(model)(x, torch.arange(n), caches)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(x[:, :3], torch.arange(n, n + x[:, :3].shape[1]), caches)
    finally:
        speed_up(model)
    new = x[:, :3].shape[1]
    expected = len(x) * count.forward_flops(config, new, n, square=True)
    assert counter.get_total_flops() == expected


def test_a_causal_model_needs_the_triangle_only():
    config = some_config(0)
    square, needed = (
        count.flops_by_part(config, 20, square=every)["scores"]
        for every in (True, False)
    )
    assert square * 21 == needed * 40
    one_by_one = sum(count.forward_flops(config, 1, n) for n in range(20))
    assert one_by_one == count.forward_flops(config, 20)


@FIFTY
def test_bytes_in_training(seed):
    config, model, x, y = case(seed)
    kept = Kept(model)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda tensor: tensor):
        loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer = torch.optim.AdamW(model.parameters())
    optimizer.step()
    assert count.training_bytes(config, *x.shape) == {
        "parameters": sum(p.nbytes for p in model.parameters()),
        "gradients": sum(p.grad.nbytes for p in model.parameters()),
        "optimizer": remembered(optimizer),
        "activations": kept.n_bytes,
    }


class Kept:
    """Bytes that autograd keeps for the backward pass, each piece of memory once.

    Parameters are there anyway; ids and targets, whole numbers, are the data's, and
    the loss keeps a scalar.
    """

    def __init__(self, model):
        self.seen = {p.untyped_storage().data_ptr() for p in model.parameters()}
        self.tensors, self.n_bytes = [], 0

    def pack(self, tensor):
        memory = tensor.untyped_storage()
        new = memory.data_ptr() not in self.seen
        if new and tensor.is_floating_point() and tensor.dim():
            self.n_bytes += memory.nbytes()
            self.seen.add(memory.data_ptr())
            self.tensors.append(tensor)  # or its address could be given away again
        return tensor


def remembered(optimizer):
    """Bytes of the state of an optimizer, but for the number of the step."""
    return sum(
        tensor.nbytes
        for state in optimizer.state.values()
        for name, tensor in state.items()
        if name != "step"
    )


OPTIMIZERS = {
    "sgd": lambda m: optim.SGD(m.parameters(), lr=0.1),
    "momentum": lambda m: optim.SGD(m.parameters(), lr=0.1, momentum=0.9),
    "adamw": lambda m: optim.AdamW(m.parameters()),
    "muon": lambda m: optim.Muon(optim.muon_groups(m, 0.1)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_an_optimizer_remembers(name, seed):
    config, model, x, y = case(seed)
    cross_entropy(model(x), y).backward()
    optimizer = OPTIMIZERS[name](model)
    optimizer.step()
    found = remembered(optimizer)
    assert count.training_bytes(config, 1, 1, name)["optimizer"] == found


@FIFTY
def test_bytes_in_writing(seed):
    config, model, x, _ = case(seed)
    found = {
        "parameters": sum(p.nbytes for p in model.parameters()),
        "cache": sum(c.k.nbytes + c.v.nbytes for c in model.new_caches(len(x))),
    }
    assert count.writing_bytes(config, len(x), config.context_length) == found


def test_dropout_is_not_counted():
    config = dataclasses.replace(some_config(0), dropout=0.1)
    with pytest.raises(ValueError, match=r"dropout=0\.1 keeps more"):
        count.activation_numbers(config, 1, 8)


# The sizes of the papers and of the published weights -----------------------------

GPT2_SIZES = {
    (12, 768, 12): 124_439_808,
    (24, 1024, 16): 354_823_168,
    (36, 1280, 20): 774_030_080,
    (48, 1600, 25): 1_557_611_200,
}
LLAMA_SIZES = {
    (32, 4096, 32, 11008): 6_738_415_616,
    (40, 5120, 40, 13824): 13_015_864_320,
    (60, 6656, 52, 17920): 32_528_943_616,
    (80, 8192, 64, 22016): 65_285_660_672,
}
SHARED_HEADS = {  # Llama 2 of 70 billion, and Llama 3 of 8 billion
    (32_000, 80, 8192, 64, 8, 28672): 68_976_648_192,
    (128_256, 32, 4096, 32, 8, 14336): 8_030_261_248,
}


@pytest.mark.parametrize("sizes", GPT2_SIZES)
def test_sizes_of_gpt2(sizes):
    n_layers, d_model, n_heads = sizes
    config = GPTConfig(
        vocab_size=50_257,
        context_length=1024,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
    )
    assert count.parameters(config) == GPT2_SIZES[sizes]


@pytest.mark.parametrize("sizes", LLAMA_SIZES)
def test_sizes_of_llama(sizes):
    n_layers, d_model, n_heads, d_ff = sizes
    config = GPTConfig(
        architecture="llama",
        vocab_size=32_000,
        context_length=2048,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        d_ff=d_ff,
    )
    assert count.parameters(config) == LLAMA_SIZES[sizes]


@pytest.mark.parametrize("sizes", SHARED_HEADS)
def test_sizes_of_llama_with_shared_heads(sizes):
    names = ("vocab_size", "n_layers", "d_model", "n_heads", "n_kv_heads", "d_ff")
    config = GPTConfig(architecture="llama", **dict(zip(names, sizes, strict=True)))
    assert count.parameters(config) == SHARED_HEADS[sizes]
