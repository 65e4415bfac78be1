"""Our models beside those of `transformers`, on the same text.

    python benchmarks/bench_model.py [TEXT] [--runs 7]

Training: a whole update (forward, loss, backward, clipping, AdamW) on the same
batch, in float32, on the CPU. Generation: one prompt, greedy, with a cache. The two
take turns; the table gives the median of the runs and theirs divided by ours, so
that 2 means twice as fast. The last column is the share of this machine's
measured matrix-multiplication peak that our training reaches.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import islice

import torch
import transformers
from torch import Tensor, nn
from turns import Call, in_turns

from llm.corpora import load_text, prose
from llm.count import forward_flops
from llm.data import Batches
from llm.fast.functions import cross_entropy
from llm.fast.linear import linear
from llm.generate import CachedReader, greedy, new_tokens
from llm.layers import swiglu_width
from llm.model import GPT, GPTConfig, build
from llm.tokenizers import BPETokenizer

NEW_TOKENS = 100
TARGETS = {4: "≥ 1.3", 6: "≥ 1.1"}


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
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

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


def contest(
    config: GPTConfig, x: Tensor, y: Tensor, runs: int, peak: float
) -> None:
    """Print two rows: training and generation at one size."""
    ours, theirs = build(config), theirs_for(config)
    name = f"{config.architecture}, {config.n_layers} x {config.d_model}"
    times = in_turns(
        runs,
        ours=update(ours, lambda: cross_entropy(ours(x), y)),
        theirs=update(theirs, lambda: theirs(input_ids=x, labels=x).loss),
    )
    flops = 3 * len(x) * forward_flops(config, x.shape[1])
    share = flops / times["ours"] / peak
    row(
        f"{name}: train", x.numel(), times, TARGETS[config.n_layers], f"{share:.0%}"
    )
    prompt = x[0, :20].tolist()
    times = in_turns(
        runs,
        ours=partial(write_ours, ours, prompt),
        theirs=partial(write_theirs, theirs, prompt),
    )
    row(f"{name}: write", NEW_TOKENS, times, "≥ 2", "")


def row(
    name: str, n: int, times: dict[str, float], target: str, share: str
) -> None:
    ratio = times["theirs"] / times["ours"]
    rates = [n / times[who] for who in ("ours", "theirs")]
    print(
        f"{name:24} {rates[0]:9,.0f} {rates[1]:9,.0f} {ratio:6.2f}  {target:6} "
        f"{share}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", help="file or folder; the book's prose")
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    text = load_text(args.text) if args.text else "\n\n".join(prose())
    tokenizer = BPETokenizer.train([text], 2048)
    ids = torch.tensor(tokenizer.encode(text))
    x, y = Batches(ids, 256, 8, seed=0).batch(0)
    peak = peak_flops()
    print(f"{torch.get_num_threads()} threads, peak {peak / 1e9:.0f} GFLOP/s")
    print(f"{'tokens per second':24} {'ours':>9} {'theirs':>9}  ratio  target peak")
    for layers, width, heads in ((4, 128, 4), (6, 384, 6)):
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
