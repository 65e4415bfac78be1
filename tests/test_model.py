"""The model: each architecture passes the checks and equals its famous namesake."""

import math

import pytest
import torch

from llm import check
from llm.attention import attention, causal_mask
from llm.count import forward_flops, parameters
from llm.model import (
    GPTConfig,
    at_most,
    build,
    gpt2,
    llama,
    n_bytes,
    next_token_loss,
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
}  # fmt: skip


def make(name, std=0.2):
    """A model with weights large enough that a mistake shows in its logits."""
    torch.manual_seed(0)
    model = build(CONFIGS[name]).double().eval()
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

    def test_operations_are_counted(self, name, monkeypatch):
        from torch.utils.flop_counter import FlopCounterMode

        def by_hand(q, k, v, mask, dropout):
            n_shared = q.shape[1] // k.shape[1]
            k, v = (x.repeat_interleave(n_shared, 1) for x in (k, v))
            return attention(q, k, v, mask)

        # the counter knows matrix products, but not every fused kernel
        monkeypatch.setattr("llm.attention.fused_attention", by_hand)
        model = make(name)
        with FlopCounterMode(display=False) as counter:
            model(some_ids(1, 24))
        extra_pairs = 24 * 24 - 24 * 25 // 2  # the counter takes the whole square
        expected = forward_flops(CONFIGS[name], 24) + 2 * 4 * extra_pairs * 24
        assert counter.get_total_flops() == expected


def gpt2_pair():
    """Ours and the library's GPT-2 with the same random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    ours = make("gpt2")
    theirs = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=61, n_positions=24, n_embd=24, n_layer=2, n_head=6,
            resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
        )
    ).double()  # fmt: skip
    names = {
        "wte.weight": ours.embedding.tokens.weight,
        "wpe.weight": ours.embedding.positions_part.weight,
        "ln_f.weight": ours.norm.weight,
        "ln_f.bias": ours.norm.bias,
    }
    for i, block in enumerate(ours.blocks):
        for theirs_name, part in {
            "ln_1": block.norm1, "attn.c_attn": block.attention.qkv,
            "attn.c_proj": block.attention.project, "ln_2": block.norm2,
            "mlp.c_fc": block.feed_forward.up, "mlp.c_proj": block.feed_forward.down,
        }.items():  # fmt: skip
            names[f"h.{i}.{theirs_name}.weight"] = part.weight
            names[f"h.{i}.{theirs_name}.bias"] = part.bias
    return ours, theirs, names, theirs.transformer


def llama_pair():
    """Ours and the library's Llama with the same random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    ours = make("llama-shared")
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=61, max_position_embeddings=24, hidden_size=24,
            num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
            intermediate_size=40, rms_norm_eps=1e-5, rope_theta=10_000.0,
        )
    ).double()  # fmt: skip
    names = {
        "model.embed_tokens.weight": ours.embedding.tokens.weight,
        "model.norm.weight": ours.norm.weight,
        "lm_head.weight": ours.head.weight,
    }
    for i, block in enumerate(ours.blocks):
        for theirs_name, part in {
            "input_layernorm": block.norm1, "self_attn.o_proj": block.attention.project,
            "post_attention_layernorm": block.norm2,
            "mlp.gate_proj": block.feed_forward.gate,
            "mlp.up_proj": block.feed_forward.up,
            "mlp.down_proj": block.feed_forward.down,
        }.items():  # fmt: skip
            names[f"model.layers.{i}.{theirs_name}.weight"] = part.weight
    return ours, theirs, names, theirs


def llama_qkv(theirs, i, what):
    attn = theirs.model.layers[i].self_attn
    weights = [getattr(attn, f"{x}_proj").weight for x in "qkv"]
    return torch.cat([getattr(w, what) for w in weights])


@pytest.mark.parametrize("pair", [gpt2_pair, llama_pair])
def test_logits_and_gradients_equal_those_of_transformers(pair):
    ours, theirs, names, root = pair()
    parameters_of = dict(root.named_parameters())
    for name, ours_p in names.items():
        p = parameters_of[name]
        transposed = pair is gpt2_pair and p.dim() == 2 and "h." in name
        p.data.copy_(ours_p.data.T if transposed else ours_p.data)
    if pair is llama_pair:
        for i, block in enumerate(ours.blocks):
            parts = block.attention.qkv.weight.data.split([24, 8, 8])
            attn = theirs.model.layers[i].self_attn
            for x, part in zip("qkv", parts, strict=True):
                getattr(attn, f"{x}_proj").weight.data.copy_(part)
    ids = some_ids(3, 24)
    logits = ours(ids)
    torch.testing.assert_close(logits, theirs(ids).logits, rtol=1e-5, atol=1e-5)

    next_token_loss(logits[:, :-1], ids[:, 1:]).backward()
    theirs(ids, labels=ids).loss.backward()
    for name, ours_p in names.items():
        grad = parameters_of[name].grad
        if pair is gpt2_pair and grad.dim() == 2 and "h." in name:
            grad = grad.T
        torch.testing.assert_close(
            ours_p.grad, grad, rtol=1e-5, atol=1e-7, msg=name
        )
    if pair is llama_pair:
        for i, block in enumerate(ours.blocks):
            expected = llama_qkv(theirs, i, "grad")
            ours_grad = block.attention.qkv.weight.grad
            torch.testing.assert_close(ours_grad, expected, rtol=1e-5, atol=1e-7)


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
    assert tied.blocks[0].attention.rotary.base == 500_000.0
    biases = [n for n, _ in tied.named_parameters() if n.endswith("bias")]
    assert len(biases) == 2 * 5  # qkv, project, gate, up, down in two blocks


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
    each = next_token_loss(logits, targets, reduction="none")
    assert each.count_nonzero() == 7
    torch.testing.assert_close(next_token_loss(logits, targets), each.sum() / 7)


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
