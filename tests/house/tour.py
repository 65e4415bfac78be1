"""A walk through the package that executes every shape comment in it.

Every letter has its own size, so that a comment which swaps two of them is wrong.
"""

from __future__ import annotations

from tests.house.shapes import Recorder

B, T, H, D, V, F, L = 5, 7, 6, 4, 31, 22, 2
C = H * D
KV_HEADS, CONTEXT = 3, 13
SIZES = {"B": B, "T": T, "C": C, "H": H, "D": D, "V": V, "F": F, "L": L}


def tour(recorder: Recorder) -> None:
    """Visit every module; `recorder` is told which sizes each stage has."""
    for stage in (
        counting,
        parts,
        models,
        steps,
        checks,
        training,
        writing,
        exercises,
    ):
        recorder.sizes = {}
        stage(recorder)


def counting(recorder: Recorder) -> None:
    """Models of the last token, and of the last few."""
    import torch

    from llm.ngram import BigramTable, WindowModel

    recorder.sizes = {"B": B, "T": T, "V": V}
    ids = torch.randint(V, (B, T))
    BigramTable(V)(ids)
    WindowModel(V, n_tokens=3)(ids)


def parts(recorder: Recorder) -> None:
    """The functions of attention by themselves, with other queries than keys."""
    import torch

    from llm.attention import attention, causal_mask
    from llm.fast import functions

    recorder.sizes = {"B": B, "T": T, "S": CONTEXT, "D": D}
    q = torch.randn(B, H, T, D)
    k, v = torch.randn(2, B, H, CONTEXT, D)
    mask = torch.ones(T, CONTEXT, dtype=torch.bool)
    attention(q, k, v, mask)
    functions.attention(q, k, v, mask)
    attention(q[0, 0], k[0, 0], v[0, 0])
    causal_mask(T)


def a_model(architecture: str, n_kv_heads: int | None):
    """A model in which every letter has its own size."""
    from llm.model import GPTConfig, build

    config = GPTConfig(
        architecture=architecture, vocab_size=V, context_length=CONTEXT,
        d_model=C, n_layers=L, n_heads=H, n_kv_heads=n_kv_heads, d_ff=F,
    )  # fmt: skip
    return build(config)


def models(recorder: Recorder) -> None:
    """Both architectures, heads shared or not: whole, in chunks, and one by one."""
    import torch

    from llm.fast import slow_down, speed_up
    from llm.model import cross_entropy

    ids = torch.randint(V, (B, T))
    for architecture in ("gpt2", "llama"):
        for n_kv_heads in (None, KV_HEADS):
            model = a_model(architecture, n_kv_heads)
            shared = (
                H,
                n_kv_heads or H,
            )  # H heads, or the fewer of keys and values
            for way in (speed_up, slow_down):
                way(model)
                recorder.sizes = {**SIZES, "H": shared, "S": T}
                cross_entropy(model(ids), ids).backward()
                caches = model.new_caches(B)
                model(ids, torch.arange(T), caches)
                recorder.sizes = {**recorder.sizes, "T": 1, "S": T + 1}
                model(ids[:, :1], torch.full((B, 1), T), caches)


def steps(recorder: Recorder) -> None:
    """One token after the other, with heads shared or not."""
    import torch

    from llm.fast.decode import DecodeStep

    for architecture in ("gpt2", "llama"):
        for n_kv_heads in (H, KV_HEADS):
            model = a_model(architecture, n_kv_heads).eval()
            step = DecodeStep(model, model.new_caches(1))
            for position in range(3):
                sizes = {
                    "n_kv_heads": n_kv_heads,
                    "S": position + 1,
                    "B": 1,
                    "T": 1,
                }
                recorder.sizes = {**SIZES, **sizes}
                with torch.no_grad():
                    step(0, position)


def checks(recorder: Recorder) -> None:
    """The invariants, on a model that keeps them."""
    import torch

    from llm import check
    from llm.model import GPTConfig, build

    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=V, context_length=CONTEXT, d_model=C, n_layers=L, n_heads=H
    )
    model = build(config)
    ids = torch.randint(V, (B, T))
    recorder.sizes = {"V": V, "C": C, "D": D, "T": (T, 1, T - 1)}
    check.causality(model, ids[0], V)
    check.gradient_causality(model, ids[0])
    check.cache(model, ids, [T - 1, 1])
    check.batch_order(model, ids)
    check.initial_loss(model, ids, torch.randint(V, (B, T)), V)


def training(recorder: Recorder) -> None:
    """From a row of ids, and from documents, to a held-out loss."""
    import torch

    from llm.data import Batches, documents, windows
    from llm.evaluate import held_out_loss
    from llm.model import GPTConfig, build
    from llm.train import TrainConfig, train

    recorder.sizes = {"B": (B, 3), "T": CONTEXT, "V": V, "n_windows": 9}
    config = GPTConfig(
        vocab_size=V, context_length=CONTEXT, d_model=C, n_layers=L, n_heads=H
    )
    model, ids = build(config), torch.randint(V, (9 * CONTEXT,))
    settings = TrainConfig(steps=1, batch_size=B, device="cpu")
    train(model, Batches(ids, CONTEXT, B, seed=0), None, settings)
    held_out_loss(model, *windows(ids, CONTEXT), batch_size=3)
    recorder.sizes = {"B": 2, "T": T}
    documents([[1] * (T - 1), [2]], end=0, context_length=CONTEXT)


def writing(recorder: Recorder) -> None:
    """Several prompts at once, with and without a cache, past the context."""
    from llm import generate
    from llm.model import GPTConfig, build
    from llm.tokenizers import CharacterTokenizer

    tokenizer = CharacterTokenizer.train(["abcdefghijklmnopqrstuvwxyzABCDE"])
    recorder.sizes = {"B": (B, 1, 2), "V": V}
    config = GPTConfig(
        vocab_size=V, context_length=CONTEXT, d_model=C, n_layers=L, n_heads=H
    )
    model = build(config)
    sampler = generate.compose(
        generate.temperature(0.9), generate.top_k(7), generate.top_p(0.9)
    )
    prompts = ["abc", "d", "efghij", "kl", "mnopqrst"]
    for cached in (True, False):
        options = {"sampler": sampler, "max_new_tokens": 8, "cached": cached}
        generate.generate(model, tokenizer, prompts, **options)
    generate.generate(
        model,
        tokenizer,
        ["a"],
        sampler=generate.compose(generate.greedy),
        max_new_tokens=1,
    )


def exercises(recorder: Recorder) -> None:
    """The checkers, on right answers."""
    import torch

    from book.exercises import chapter_08, chapter_09

    def reverse_views(n_words):
        own, other = torch.eye(n_words), torch.zeros(n_words, n_words)
        return (
            torch.cat((own, other)),
            torch.cat((own, other)),
            torch.cat((other, own)),
        )

    recorder.sizes = {}
    chapter_08.reverse_views(reverse_views)
    square = torch.ones(3, 1, 5, 5, dtype=torch.bool)
    chapter_09.left_padded_mask(lambda lengths, n_positions: square)
