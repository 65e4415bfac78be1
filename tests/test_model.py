"""The model: each architecture passes the checks and equals its famous namesake."""

import math

import pytest
import torch

from llm import check
from llm.attention import causal_mask
from llm.checkpoints import from_transformers, to_transformers
from llm.count import forward_flops, parameters
from llm.fast import slow_down, speed_up
from llm.model import (
    GPTConfig,
    at_most,
    build,
    cross_entropy,
    gpt2,
    llama,
    n_bytes,
    visible,
)

SIZES = dict(vocab_size=61, context_length=24, d_model=24, n_layers=2, n_heads=6)
CONFIGS = {
    "gpt2": GPTConfig(**SIZES),
    "gpt2-shared": GPTConfig(**SIZES, n_kv_heads=3),
    "llama": GPTConfig(**SIZES, architecture="llama"),
    "llama-shared": GPTConfig(**SIZES, architecture="llama", n_kv_heads=2, d_ff=40),
    "gpt2-bare": GPTConfig(
        **SIZES, bias=False, gelu="exact", tie_embeddings=False, norm_eps=1e-3
    ),
    "llama-tied": GPTConfig(
        **SIZES, architecture="llama", bias=True, tie_embeddings=True,
        rope_base=500_000.0, norm_eps=1e-6,
    ),
    "gpt2-normed": GPTConfig(**SIZES, qk_norm=True, n_kv_heads=2),
    "llama-normed": GPTConfig(
        **SIZES, architecture="llama", qk_norm=True, n_kv_heads=2
    ),
}  # fmt: skip


def make(name):
    return make_of(CONFIGS[name])


def make_of(config, std=0.2):
    """A model with weights large enough that a mistake shows in its logits."""
    torch.manual_seed(0)
    model = build(config).double().eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model


def some_ids(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(61, shape, generator=generator)


@pytest.mark.parametrize("name", CONFIGS)
class TestEveryArchitecture:
    def test_causality_by_perturbation(self, name):
        check.causality(make(name), some_ids(20), 61)

    def test_causality_by_gradient(self, name):
        check.gradient_causality(make(name), some_ids(12))

    def test_every_position_uses_its_whole_past(self, name):
        """The converse of causality: the certificate would also pass a model that
        sees nothing."""
        model, ids = make(name), some_ids(1, 12)
        for at in range(12):
            changed = ids.clone()
            changed[0, at] = (changed[0, at] + 1) % 61
            moved = (model(changed) - model(ids)).abs().amax(-1)[0]
            assert moved[at:].min() > 1e-9, f"nobody noticed the change at {at}"

    @pytest.mark.parametrize(
        "chunks", [[1] * 24, [24], [5, 1, 1, 11, 6], [23, 1], [1, 23]]
    )
    def test_cached_equals_uncached(self, name, chunks):
        check.cache(make(name), some_ids(3, 24), chunks)

    def test_batch_order_is_irrelevant(self, name):
        check.batch_order(make(name), some_ids(5, 24))

    def test_initial_loss_is_that_of_a_uniform_guess(self, name):
        torch.manual_seed(1)
        model = build(CONFIGS[name])
        ids = some_ids(16, 25)
        check.initial_loss(model, ids[:, :-1], ids[:, 1:], 61)

    def test_rows_of_unequal_length_equal_each_row_alone(self, name):
        model, lengths = make(name), [4, 11, 7]
        rows = [some_ids(n, seed=n) for n in lengths]
        padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        caches = model.new_caches(3)
        model(padded, torch.arange(11), caches)
        last = torch.tensor([[row[-1]] for row in rows])
        at = torch.tensor([[n] for n in lengths])
        together = model(last, at, caches)
        for b, row in enumerate(rows):
            alone = model(torch.cat((row, row[-1:]))[None])
            torch.testing.assert_close(together[b, -1], alone[0, -1])

    def test_parameters_are_counted(self, name):
        expected = sum(p.numel() for p in make(name).parameters())
        assert parameters(CONFIGS[name]) == expected

    def test_operations_are_counted(self, name):
        from torch.utils.flop_counter import FlopCounterMode

        # the counter knows matrix products, but not every fused kernel
        model = slow_down(make(name))
        with FlopCounterMode(display=False) as counter:
            model(some_ids(1, 24))
        extra_pairs = 24 * 24 - 24 * 25 // 2  # the counter takes the whole square
        expected = forward_flops(CONFIGS[name], 24) + 2 * 4 * extra_pairs * 24
        assert counter.get_total_flops() == expected


def gpt2_of_theirs(**settings):
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = dict(vocab_size=61, n_positions=24, n_embd=24, n_layer=2, n_head=6)
    none = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0)
    return GPT2LMHeadModel(GPT2Config(**sizes, **none, **settings)).double()


def llama_of_theirs(**settings):
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = dict(
        vocab_size=61, max_position_embeddings=24, hidden_size=24,
        num_hidden_layers=2, num_attention_heads=6,
    )  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**sizes, **settings)).double()


def gpt2_pair():
    return make("gpt2"), gpt2_of_theirs()


def gpt2_exact_pair():
    config = GPTConfig(**SIZES, gelu="exact", norm_eps=1e-3)
    theirs = gpt2_of_theirs(activation_function="gelu", layer_norm_epsilon=1e-3)
    return make_of(config), theirs


def llama_pair():
    return make("llama-shared"), llama_of_theirs(
        num_key_value_heads=2, intermediate_size=40, rms_norm_eps=1e-5,
        rope_theta=10_000.0,
    )  # fmt: skip


def llama_tied_pair():
    return make("llama-tied"), llama_of_theirs(
        intermediate_size=64, rms_norm_eps=1e-6, tie_word_embeddings=True,
        attention_bias=True, mlp_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
    )  # fmt: skip


PAIRS = [gpt2_pair, gpt2_exact_pair, llama_pair, llama_tied_pair]


@pytest.mark.parametrize("way", [slow_down, speed_up])
@pytest.mark.parametrize("pair", PAIRS)
def test_logits_and_gradients_equal_those_of_transformers(pair, way):
    ours, theirs = pair()
    kind = way(ours).config.architecture
    theirs.load_state_dict(to_transformers(ours.state_dict(), kind))
    ids = some_ids(3, 24)
    logits = ours(ids)
    torch.testing.assert_close(logits, theirs(ids).logits, rtol=1e-5, atol=1e-5)

    cross_entropy(logits[:, :-1], ids[:, 1:]).backward()
    theirs(ids, labels=ids).loss.backward()
    gradients = {name: p.grad for name, p in ours.named_parameters()}
    expected = {name: p.grad for name, p in theirs.named_parameters()}
    found = to_transformers(gradients, kind)
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(
            gradient, expected[name], rtol=1e-5, atol=1e-7, msg=name
        )


@pytest.mark.parametrize("pair", PAIRS)
def test_weights_of_transformers_and_nanogpt_are_read(pair):
    ours, theirs = pair()
    state = {name: tensor.float() for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(from_transformers(state, ours.config))
    ids = some_ids(3, 24)
    torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-5, atol=1e-5)
    if ours.config.architecture == "gpt2":
        upright = {
            f"_orig_mod.{n}": t.T if ".h." in n and t.dim() == 2 else t
            for n, t in state.items()
        }
        upright["_orig_mod.transformer.h.0.attn.bias"] = torch.ones(1, 1, 24, 24)
        again = from_transformers(upright, ours.config)
        for name, tensor in ours.state_dict().items():
            assert torch.equal(again[name].double(), tensor), name
    state.popitem()
    state.popitem()
    with pytest.raises(ValueError, match="another model: the model has"):
        from_transformers(state, ours.config)


def test_published_sizes_are_reproduced():
    gpt2_small = GPTConfig(
        vocab_size=50257, context_length=1024, d_model=768, n_layers=12, n_heads=12
    )
    assert parameters(gpt2_small) == 124_439_808
    llama_7b = GPTConfig(
        architecture="llama", vocab_size=32000, context_length=2048,
        d_model=4096, n_layers=32, n_heads=32, d_ff=11008,
    )  # fmt: skip
    assert parameters(llama_7b) == 6_738_415_616


def test_presets_are_what_they_are_called():
    config = CONFIGS["gpt2"]
    model = gpt2(config)
    assert model.head.weight is model.embedding.tokens.weight
    other = llama(CONFIGS["llama"])
    assert other.head.weight is not other.embedding.tokens.weight
    assert not [n for n, _ in other.named_parameters() if n.endswith("bias")]


def test_the_settings_of_a_config_arrive_in_the_parts():
    bare, tied = make("gpt2-bare"), make("llama-tied")
    assert not [n for n, _ in bare.named_parameters() if n.endswith("bias")]
    assert bare.head.weight is not bare.embedding.tokens.weight
    assert {m.eps for m in bare.modules() if hasattr(m, "eps")} == {1e-3}
    assert tied.head.weight is tied.embedding.tokens.weight
    assert {m.eps for m in tied.modules() if hasattr(m, "eps")} == {1e-6}
    assert tied.blocks[0].attention.rotate.base == 500_000.0
    biases = [n for n, _ in tied.named_parameters() if n.endswith("bias")]
    assert (
        len(biases) == 2 * 7
    )  # query, key, value, output, gate, up, down in two blocks


HUGE = [
    dict(d_model=10**9),
    dict(d_model=10**20, n_heads=10),
    dict(n_layers=10**9),
    dict(context_length=10**10),
    dict(vocab_size=10**9),
    dict(d_ff=10**10),
]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("sizes", HUGE, ids=str)
def test_a_model_larger_than_the_memory_is_refused_before_it_is_built(
    architecture, sizes
):
    config = GPTConfig(**{"vocab_size": 99, "architecture": architecture, **sizes})
    ((name, size),) = [pair for pair in sizes.items() if pair[0] != "n_heads"]
    with pytest.raises(ValueError, match=rf"{name}={size}.* this machine has .*GB"):
        build(config)


def test_heads_that_do_not_fit_a_huge_width_are_refused_at_once():
    with pytest.raises(ValueError, match=r"choose from 1, …"):
        GPTConfig(vocab_size=9, d_model=10**9 + 7, n_heads=3)


def test_what_a_model_takes_is_what_it_then_has():
    for config in CONFIGS.values():
        model = build(config)
        tensors = [*model.parameters(), *model.buffers()]
        found = sum(t.numel() * t.element_size() for t in tensors)
        assert n_bytes(config) == found < at_most(config)


def test_visible_is_the_lower_triangle():
    for positions in (torch.arange(3), torch.tensor([4, 5, 9])):
        assert torch.equal(visible(positions), causal_mask(3))


def test_with_a_cache_the_past_is_visible_too():
    mask = visible(torch.tensor([2, 3]), [None])
    assert mask.int().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    each = visible(torch.tensor([[1], [2]]), [None])
    assert each.int().tolist() == [[[[1, 1, 0]]], [[[1, 1, 1]]]]
    assert visible(torch.tensor([7]), [None]) is None


# What a model refuses to read -----------------------------------------------------

IDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
TARGETS = torch.tensor([[1, 4, 1, 5, 9], [2, 6, 5, 3, 5]])
MISREAD = {
    "targets": ((IDS, TARGETS), "4 is followed by 1; targets are no argument"),
    "targets, rising": (
        (IDS[:, :1] + torch.arange(4), IDS[:, :1] + 1 + torch.arange(4)),
        "the ids, moved by one like targets; targets are no argument",
    ),
    "targets, negative": (
        (IDS, torch.full((2, 5), -100)),
        "-100 is followed by -100; targets are no argument",
    ),
    "targets, floats": ((IDS, TARGETS.float()), "integers, not torch.float32; tar"),
    "a mask": ((IDS, TARGETS > 0), "integers, not torch.bool"),
    "one position": (
        (IDS, torch.tensor([0])),
        r"positions have shape \(1,\) and ids \(2, 5\); positions are \(T,\) or",
    ),
    "equal positions": ((IDS, torch.zeros(5).long()), "0 is followed by 0"),
    "falling positions": ((IDS, torch.arange(5).flip(0)), "4 is followed by 3"),
    "a row that falls": (
        (IDS, torch.stack((torch.arange(5), torch.tensor([0, 1, 3, 3, 4])))),
        "3 is followed by 3",
    ),
    "a position past the end": (
        (IDS, torch.arange(20, 25)),
        "position 24 is out of range: context_length=24 goes from 0 to 23",
    ),
    "a position below zero": ((IDS, torch.arange(-1, 4)), "position -1 is out of"),
    "an id past the end": ((IDS + 52,), "id 61 is out of range: vocab_size=61"),
    "an id below zero": ((IDS - 2,), "id -1 is out of range: .* from 0 to 60"),
    "a single text": ((IDS[0],), r"shape \(5,\).*write ids\[None\]"),
    "one-hot": ((torch.zeros(2, 5, 61),), "integers, not torch.float32"),
    "three axes": ((IDS[None],), r"shape \(1, 2, 5\); a model reads a batch"),
    "no token": ((IDS[:, :0],), r"shape \(2, 0\): there is nothing to read"),
    "no text": ((IDS[:0],), r"shape \(0, 5\): there is nothing to read"),
}


@pytest.mark.parametrize("name", ["gpt2", "llama"])
@pytest.mark.parametrize("case", MISREAD)
def test_what_would_be_misread_is_refused_in_words(name, case):
    given, message = MISREAD[case]
    with pytest.raises(ValueError, match=message):
        make(name)(*given)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_cache_without_positions_is_refused(name):
    model = make(name)
    caches = model.new_caches(2)
    model(IDS, torch.arange(5), caches)
    with pytest.raises(ValueError, match=r"caches need positions.*arange"):
        model(IDS[:, :1], caches=caches)
    layer = model.blocks[0].attention
    with pytest.raises(ValueError, match="give positions"):
        layer(torch.zeros(2, 1, 24).double(), cache=caches[0])


def test_positions_with_gaps_and_of_each_text_are_read_causally():
    model = make("llama")
    rows = torch.tensor([[0, 2, 3, 9, 23], [5, 6, 7, 8, 9]])
    together = model(IDS, rows)
    for row in range(2):
        alone = model(IDS[row : row + 1], rows[row])
        torch.testing.assert_close(together[row : row + 1], alone)
    changed = IDS.clone()
    changed[:, 3:] += 1
    assert torch.equal(model(changed, rows)[:, :3], together[:, :3])


def test_a_cache_larger_than_the_memory_is_refused():
    with pytest.raises(ValueError, match=r"batch_size=1000000000 would take .*TB"):
        make("gpt2").new_caches(10**9)


def test_residual_writers_start_smaller():
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=500, d_model=128, n_layers=8, n_heads=4)
    layer = build(config).blocks[0].feed_forward
    ratio = layer.up.weight.std() / layer.down.weight.std()
    assert ratio.item() == pytest.approx(math.sqrt(16), rel=0.05)


def test_loss_is_a_mean_over_the_targets_that_count():
    logits, targets = torch.randn(2, 5, 61), some_ids(2, 5)
    targets[0, :3] = -100
    each = cross_entropy(logits, targets, reduction="none")
    assert each.count_nonzero() == 7
    torch.testing.assert_close(cross_entropy(logits, targets), each.sum() / 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(n_heads=5), "n_heads=5 does not divide d_model=24"),
        (dict(n_kv_heads=4), "n_kv_heads=4 does not divide n_heads=6"),
        (dict(n_layers=0), "n_layers=0 must be at least 1"),
        (dict(vocab_size=-3), "vocab_size=-3 must be at least 1"),
        (dict(dropout=1.0), "dropout=1.0 must be"),
        (dict(architecture="rnn"), "architecture='rnn' is not one of gpt2, llama"),
        (dict(architecture="llama", n_heads=8), "odd width 3"),
        (dict(d_model=24.0), "d_model=24.0 is no whole number"),
        (dict(dropout=math.nan), "dropout=nan must be"),
        (dict(norm_eps=0.0), "norm_eps=0.0 must be above 0"),
        (dict(gelu="fast"), "gelu=fast must be one of tanh, exact"),
        (
            dict(architecture="llama", rope_base=0.5),
            "rope_base=0.5 must be above 1",
        ),
        (dict(rope_base=5e5), "rope_base=500000.0 means nothing to .*'gpt2'"),
        (
            dict(architecture="llama", gelu="exact"),
            "gelu=exact means nothing to .*'llama': .* SwiGLU",
        ),
    ],
)
def test_contradictions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**{**SIZES, **change})


def test_too_long_a_sequence_is_refused():
    with pytest.raises(
        ValueError, match="25 tokens are more than context_length=24"
    ):
        make("gpt2")(some_ids(1, 25))
