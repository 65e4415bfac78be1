"""Our models beside the same in plain PyTorch, and beside those of `transformers`.

    python benchmarks/bench_model.py [TEXT] [--runs 7]

Training: a whole update (forward, loss, backward, clipping, AdamW in one call) on the
same batch, on the CPU. Ours computes as `python -m llm train` does: in bfloat16 where
the processor has it; beside it ours in float32, in which the others compute.
Generation: one prompt, greedy, with a cache, in float32. All take turns; the table
gives tokens per second, the median of the runs, and how many times as fast ours is.
The last column is the share of this machine's measured matrix-multiplication peak, in
float32, that our training in float32 reaches.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import islice

import torch
import transformers
from plain import PlainGPT
from torch import Tensor, nn
from turns import Call, in_turns

from llm.corpora import load_text, prose
from llm.count import forward_flops
from llm.data import Batches
from llm.distributed import autocast
from llm.fast.functions import cross_entropy
from llm.fast.linear import linear
from llm.generate import CachedReader, greedy, new_tokens
from llm.layers import swiglu_width
from llm.model import GPT, GPTConfig, build
from llm.tokenizers import BPETokenizer

NEW_TOKENS = 100


def peak_flops(size: int = 2048, runs: int = 5) -> float:
    """Operations per second of a large matrix product, the best of some runs and
    of two libraries."""
    a, b = torch.randn(2, size, size)
    ways = {"mkl": partial(torch.mm, a, b), "onednn": partial(linear, a, b)}
    times = [in_turns(1, **ways) for _ in range(runs)]
    return 2 * size**3 / min(min(each.values()) for each in times)


def theirs_for(config: GPTConfig) -> nn.Module:
    """The model of `transformers` with the same sizes."""
    c = config
    sizes = {"vocab_size": c.vocab_size, "bos_token_id": 0, "eos_token_id": None}
    if c.architecture == "gpt2":
        names = ("n_positions", "n_embd", "n_layer", "n_head")
        values = (c.context_length, c.d_model, c.n_layers, c.n_heads)
        none = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        sizes |= dict(zip(names, values, strict=True)) | none
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))
    sizes |= {
        "hidden_size": c.d_model,
        "num_hidden_layers": c.n_layers,
        "num_attention_heads": c.n_heads,
        "intermediate_size": swiglu_width(c.d_model),
        "max_position_embeddings": c.context_length,
    }
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))


def update(model: nn.Module, loss: Call) -> Call:
    """One training step of any model, with the same optimizer for all."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        model.train()
        loss().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def write_ours(model: GPT, prompt: list[int]) -> None:
    """Greedy, with a cache, as `llm.generate` does it."""
    model.eval()
    reader, dice = CachedReader(model, 1), [torch.Generator()]
    tokens = new_tokens(reader, [prompt], greedy, dice)
    assert len(list(islice(tokens, NEW_TOKENS))) == NEW_TOKENS


def write_theirs(model: nn.Module, prompt: list[int]) -> None:
    model.eval()
    ids = torch.tensor([prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        use_cache=True,
        pad_token_id=0,
    )
    assert out.shape[1] == len(prompt) + NEW_TOKENS


def plain_for(config: GPTConfig) -> nn.Module:
    """The model in plain PyTorch with the same sizes."""
    c, llama = config, config.architecture == "llama"
    return PlainGPT(
        c.vocab_size,
        c.context_length,
        width=c.d_model,
        n_blocks=c.n_layers,
        n_heads=c.n_heads,
        hidden=swiglu_width(c.d_model) if llama else 4 * c.d_model,
        llama=llama,
    )


def loss_in(dtype: str, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The loss, its matrices multiplied in these numbers."""
    with autocast(x.device, dtype):
        logits = model(x)
    return cross_entropy(logits, y)


def contest(
    config: GPTConfig, x: Tensor, y: Tensor, runs: int, peak: float
) -> None:
    """Print two rows: training and generation at one size."""
    ours, single = build(config), build(config)
    plain, theirs = plain_for(config), theirs_for(config)
    name = f"{config.architecture}, {config.n_layers} x {config.d_model}"
    times = in_turns(
        runs,
        ours=update(ours, lambda: loss_in("auto", ours, x, y)),
        float32=update(single, lambda: loss_in("float32", single, x, y)),
        plain=update(plain, lambda: loss_in("float32", plain, x, y)),
        theirs=update(theirs, lambda: theirs(input_ids=x, labels=x).loss),
    )
    flops = 3 * len(x) * forward_flops(config, x.shape[1])
    share = f"{flops / times['float32'] / peak:.0%}"
    row(f"{name}: train at {x.shape[1]}", x.numel(), times, "≥ 1.5", share)
    prompt = x[0, :20].tolist()
    times = in_turns(
        runs,
        ours=partial(write_ours, ours, prompt),
        theirs=partial(write_theirs, theirs, prompt),
    )
    row(f"{name}: write", NEW_TOKENS, times, "≥ 3", "")


COLUMNS = ("ours", "float32", "plain", "theirs")


def row(
    name: str, n: int, times: dict[str, float], target: str, share: str
) -> None:
    rates = [f"{n / times[w]:9,.0f}" if w in times else " " * 9 for w in COLUMNS]
    ratios = [
        f"{times[w] / times['ours']:6.2f}" if w in times else " " * 6
        for w in ("plain", "theirs")
    ]
    print(f"{name:28} {' '.join([*rates, *ratios])}  {target:6} {share}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", help="file or folder; the book's prose")
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    text = load_text(args.text) if args.text else "\n\n".join(prose())
    tokenizer = BPETokenizer.train([text], 2048)
    ids = torch.tensor(tokenizer.encode(text))
    peak = peak_flops()
    print(f"{torch.get_num_threads()} threads, peak {peak / 1e9:.0f} GFLOP/s")
    names = [f"{who:>9}" for who in COLUMNS] + ["/plain", "/their"]
    print(f"{'tokens per second':28} {' '.join(names)}  target peak")
    sizes = ((4, 128, 4, 64, 32), (4, 128, 4, 256, 8), (6, 384, 6, 256, 8))
    for layers, width, heads, context, rows in sizes:
        x, y = Batches(ids, context, rows, seed=0).batch(0)
        for architecture in ("gpt2", "llama"):
            config = GPTConfig(
                architecture=architecture,
                vocab_size=tokenizer.vocab_size,
                context_length=256,
                d_model=width,
                n_layers=layers,
                n_heads=heads,
            )
            contest(config, x, y, args.runs, peak)


if __name__ == "__main__":
    main()
