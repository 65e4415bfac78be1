"""The bug museum: every mistake of `llm.bugs`, what its run looks like, and which
invariants see it.

A check of this list takes the code as it is at that moment, so it is called inside the
block of a bug; it makes all that it needs, small, and takes a fraction of a second. It
says nothing or raises, as the checks of `llm.check` do, of which half the list
consists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW

from book import copying
from book.small_stories import small_story, small_tokenizer
from llm import check, data, evaluate, generate, train
from llm.attention import attention, causal_mask
from llm.bugs import Bug
from llm.check import CheckFailed
from llm.count import parameters
from llm.model import GPT, GPTConfig, build
from llm.tokenizers import END_OF_TEXT, BPETokenizer

STEPS, EVERY, BATCH_SIZE, N_HELD_OUT = 120, 10, 16, 96
CONTEXT_LENGTH, P_END = 24, 0.05
LEARN, HELD_OUT = 0, 10**6  # seeds of the texts
Rows = tuple[Tensor, Tensor]
Check = Callable[[int], None]  # of a seed; raises where something is wrong
CHECKS: dict[str, Check] = {}  # in the order of the museum


# --- A small run that a bug can get at everywhere -----------------------------------


def config(
    steps: int = STEPS, micro_batch_size: int | None = None
) -> train.TrainConfig:
    """How the runs of the museum are trained."""
    return train.TrainConfig(
        steps=steps,
        batch_size=BATCH_SIZE,
        micro_batch_size=micro_batch_size,
        learning_rate=0.03,
        warmup_steps=10,
        evaluate_every=EVERY,
        device="cpu",
    )


def new_model(
    seed: int, dropout: float = 0.0, context_length: int = CONTEXT_LENGTH
):
    """Two blocks of the width 32, with the first parameters of a seed."""
    torch.manual_seed(seed)
    return build(
        GPTConfig(
            architecture="llama",
            vocab_size=copying.VOCAB_SIZE,
            context_length=context_length,
            d_model=32,
            n_layers=2,
            n_heads=4,
            dropout=dropout,
            tie_embeddings=True,
        )
    )


@cache
def merges() -> list:
    """Of the tokenizer of the small stories, learnt without any bug."""
    return small_tokenizer().merges


def new_tokenizer() -> BPETokenizer:
    """One that remembers nothing of what it encoded, rightly or wrongly."""
    return BPETokenizer(merges(), [END_OF_TEXT])


def rows(seed: int, n: int) -> tuple[Rows, Tensor]:
    """Texts of the copying language, one in each row: x and y (n, T), and what each
    costs at best, in nats: (n,)."""
    ids, costs = copying.sample(n, CONTEXT_LENGTH - 1, seed, P_END)
    return data.documents(ids, copying.END, CONTEXT_LENGTH), costs


def short_rows(seed: int) -> Rows:
    """Four texts of unequal length, the longest of them first."""
    x, y = rows(HELD_OUT + 1 + seed, 12)[0]
    order = (y != data.IGNORE).sum(1).argsort(descending=True, stable=True)
    return x[order[::3]], y[order[::3]]


class Supply:
    """Batches of texts, none of which comes twice."""

    def batch(self, step: int) -> Rows:
        return rows(LEARN + step, BATCH_SIZE)[0]


@dataclass
class Run:
    """What a run said: losses in nats per token, and [step, loss] held out."""

    loss: list[float]
    held_out: list[tuple[int, float]]
    stopped: str  # why it ended early; empty for a run to the end
    below: str  # what the alarm below the floor says at the end, or nothing


def trained(
    seed: int = 0, steps: int = STEPS, micro_batch_size: int | None = None
) -> Run:
    """Train as the code is at this moment, and look at the held-out loss."""
    run, model = Run([], [], "", ""), new_model(seed, dropout=0.1)
    held_out, costs = rows(HELD_OUT, N_HELD_OUT)

    def note(record: train.Record) -> None:
        run.loss.append(record["loss"])
        if "validation_loss" in record:
            run.held_out.append((record["step"], record["validation_loss"]))

    settings = config(steps, micro_batch_size)
    try:
        train.train(
            model, Supply(), held_out, settings, floor=costs, on_record=note
        )
        sums = evaluate.row_losses(model, *held_out)
        check.below_floor(sums, (held_out[1] != data.IGNORE).sum(1), costs)
    except CheckFailed as failed:
        run.below = str(failed)
    except ValueError as error:
        run.stopped = str(error)
    return run


# --- The invariants -----------------------------------------------------------------


def invariant(name: str) -> Callable[[Check], Check]:
    """Put the function below on the list, under this name."""

    def enter(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return enter


def demand(holds: bool, otherwise: str) -> None:
    """Raises `CheckFailed` that says what does not hold."""
    if not holds:
        raise CheckFailed(otherwise)


@invariant("text comes back")
def text_comes_back(seed: int) -> None:
    tokenizer = new_tokenizer()
    for text in (small_story(3 * seed + i) for i in range(3)):
        two = f"{text}{END_OF_TEXT}{text}"
        ids = tokenizer.encode(two, allowed_special=[END_OF_TEXT])
        back = tokenizer.decode(ids)
        demand(back == two, "decode(encode(text)) is another text")
        typed = tokenizer.encode(two)
        mark = tokenizer.special_tokens[END_OF_TEXT]
        demand(mark not in typed, "who types the end mark ends the document")


@invariant("tokens as trained")
def tokens_as_trained(seed: int) -> None:
    tokenizer = new_tokenizer()
    for token, i in list(tokenizer.vocab.items())[256:-1]:
        ids = tokenizer.encode(token.decode("utf-8", "replace"))
        demand(
            ids == [i], f"the token {token!r}, as a text, is cut into {len(ids)}"
        )


@invariant("look at the batch")
def look_at_the_batch(seed: int) -> None:
    check.look_at_the_batch(*short_rows(seed), copying.END)
    check.look_at_the_batch(*data.windows(torch.arange(40), 8))
    ids = torch.arange(100)
    check.look_at_the_batch(*data.Batches(ids, 8, 4, seed).batch(0))


@invariant("texts kept apart")
def texts_kept_apart(seed: int) -> None:
    """Also: the second time through a text is not the first again."""
    whole = list(range(100 + seed))
    front, tail = data.split(whole, 0.1)
    demand(
        not set(front) & set(tail), "a held-out text is in the training text too"
    )
    batches = data.Batches(torch.arange(1000), 8, 4, seed)
    starts = [batches.starts(epoch).tolist() for epoch in (0, 1)]
    demand(
        starts[0] != starts[1], "every epoch has the same windows in the same order"
    )


@invariant("loss at first: ln V")
def loss_at_first(seed: int) -> None:
    model, (x, y) = new_model(seed), short_rows(seed)
    loss = float(train.accumulate(model, x, y, config(micro_batch_size=2)))
    apart = abs(loss - math.log(copying.VOCAB_SIZE))
    demand(apart < 0.1, f"the first loss is {loss:.2f}, ln V is {loss - apart:.2f}")
    check.initial_loss(model, x, y, copying.VOCAB_SIZE)


@invariant("gradient flow")
def gradient_flow(seed: int) -> None:
    model, (x, y) = new_model(seed), short_rows(seed)
    check.gradient_flow(model, x, y)
    size = model.blocks[0].norm1.weight.shape
    norm = model.blocks[0].norm1(torch.zeros(1, 3, *size))
    demand(
        bool(norm.isfinite().all()), "the norm of a vector of zeros is no number"
    )


@invariant("causality")
def causality(seed: int) -> None:
    check.causality(awake(seed), short_rows(seed)[0][0][:12], copying.VOCAB_SIZE)


def awake(seed: int) -> GPT:
    """A model whose parts all say something, as in one that has learnt for long."""
    model = new_model(seed).double()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.3)
    return model.eval()


@invariant("order matters")
def order_matters(seed: int) -> None:
    """Of one layer: in two, the mask alone tells the order."""
    model, ids = awake(seed), short_rows(seed)[0][:1, :12]
    del model.blocks[1:]
    other = ids.clone()
    other[0, 3], other[0, 7] = ids[0, 7], ids[0, 3]
    with torch.no_grad():
        apart = float((model(ids) - model(other))[0, -1].abs().max())
    demand(apart > 1e-6, "tokens may change places, and the end notices nothing")


@invariant("distance alone")
def distance_alone(seed: int) -> None:
    """Scores of rotated queries and keys, and their lengths."""
    torch.manual_seed(seed)
    layer = awake(seed).blocks[0].attention
    x = torch.randn(1, 1, 32, dtype=torch.double).expand(1, 9, 32)
    q, k, _ = layer.heads(x, torch.arange(9))
    near = (q @ k.transpose(-2, -1))[0]
    early, late = near[:, 2, 0], near[:, 8, 6]
    demand(torch.allclose(early, late), "scores depend on more than the distance")


@invariant("attention as PyTorch’s")
def attention_as_pytorchs(seed: int) -> None:
    torch.manual_seed(seed)
    q, k, v = torch.randn(3, 2, 4, 7, 16, dtype=torch.double)
    ours = attention(q, k, v, causal_mask(7))
    theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    same = ours.isfinite().all() and torch.allclose(ours, theirs)
    demand(bool(same), "attention is not that of PyTorch")


@invariant("parts and counts")
def parts_and_counts(seed: int) -> None:
    """Norms, the way past the parts, the size of the first weights, their number."""
    model = new_model(seed)
    n = sum(p.numel() for p in model.parameters())
    wanted = parameters(model.config)
    demand(n == wanted, f"{n} parameters, and {wanted} were counted")
    block, x = model.blocks[0], 5 * torch.randn(1, 6, 32)
    theirs = F.rms_norm(x, (32,), eps=block.norm1.eps)
    demand(
        torch.allclose(block.norm1(x), theirs, atol=1e-4), "the norm is another one"
    )
    for part in (block.attention.output, block.feed_forward.down):
        nn.init.zeros_(part.weight)
    demand(
        torch.equal(block(x, causal_mask(6), torch.arange(6)), x),
        "a block that says nothing changes the stream",
    )
    size = float(model.blocks[1].attention.output.weight.detach().std())
    demand(size < 0.75 * 0.02, "what writes into the stream does not begin smaller")


@invariant("cutting changes nothing")
def cutting_changes_nothing(seed: int) -> None:
    """Loss and gradient of a batch, in micro-batches of one row and in one."""
    (x, y), found = short_rows(seed), []
    for size in (1, 4):
        model = new_model(seed).double()
        settings = train.TrainConfig(
            micro_batch_size=size, device="cpu", clip_norm=1e-3
        )
        loss = train.accumulate(model, x, y, settings)
        grads = torch.cat([p.grad.flatten() for p in model.parameters()])
        found.append(torch.cat((loss.reshape(1), grads)))
    demand(torch.allclose(*found), "the gradient depends on how the batch is cut")


@invariant("an update by hand")
def an_update_by_hand(seed: int) -> None:
    """Three updates of the loop, and the same with PyTorch alone."""
    settings = train.TrainConfig(
        steps=9, warmup_steps=4, device="cpu", clip_norm=0.1
    )
    ours, theirs = new_model(seed), new_model(seed)
    decays = [p for p in theirs.parameters() if p.dim() > 1]
    spared = [p for p in theirs.parameters() if p.dim() <= 1]
    groups = [{"params": decays, "weight_decay": 0.1}]
    groups += [{"params": spared, "weight_decay": 0.0}]
    by_hand = AdamW(groups, betas=(0.9, 0.95))
    optimizer = train.make_optimizer(ours, settings)
    for step in range(3):
        x, y = short_rows(seed + step)
        rate = settings.rate(step)
        train.set_rate(optimizer, rate)
        train.training_step(ours, optimizer, x, y, settings)
        for group in by_hand.param_groups:
            group["lr"] = rate
        for parameter in theirs.parameters():
            parameter.grad = None  # not by `zero_grad`, which may be the bug
        kept = y.flatten() >= 0
        logits = theirs(x).flatten(0, 1)[kept]
        F.cross_entropy(logits, y.flatten()[kept]).backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), settings.clip_norm)
        by_hand.step()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    same = all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
    demand(same, "after three updates the weights are not those of PyTorch’s loop")


@invariant("the rate falls")
def the_rate_falls(seed: int) -> None:
    settings = config(100 + seed)
    first, last = settings.rate(20), settings.rate(99 + seed)
    demand(
        last < first / 2, "the learning rate at the end is not below that at first"
    )


@invariant("overfit one batch")
def overfit_one_batch(seed: int) -> None:
    model, settings = new_model(seed), train.TrainConfig(device="cpu")
    optimizer = train.make_optimizer(model, settings)
    train.set_rate(optimizer, 0.01)

    def update(x: Tensor, y: Tensor) -> float:
        return float(train.training_step(model, optimizer, x, y, settings)[0])

    check.overfit_one_batch(update, *short_rows(seed), steps=60)


@invariant("chance by step")
def chance_by_step(seed: int) -> None:
    """Dropout is another one at each step, and none while we measure."""
    masks = []
    for step in range(2):
        train.seed_dropout(seed, step)
        masks.append(torch.rand(8))
    demand(not torch.equal(*masks), "dropout is the same at every step")
    model, (x, y) = new_model(seed, dropout=0.5), short_rows(seed)
    losses = [evaluate.row_losses(model, x, y) for _ in range(2)]
    demand(torch.equal(*losses), "the same model, measured twice, has two losses")


@invariant("cache = none")
def cache_is_none(seed: int) -> None:
    """Also past the context, and in company of a longer text."""
    model = awake(seed)
    ids = short_rows(seed)[0][:1, :12]
    check.cache(model, ids, [5, 1, 1, 5])
    short = new_model(seed, context_length=8).eval()
    reader = generate.CachedReader(short, 2)
    text = ids[0].tolist()
    for n in range(4, 12):
        pair = [text[:n], text[1 : n - 1]]
        cached, together = reader(pair), generate.read_afresh(short, pair)
        alone = torch.cat([generate.read_afresh(short, [one]) for one in pair])
        demand(
            torch.allclose(together, alone, atol=1e-5), "in company it reads else"
        )
        demand(torch.allclose(cached, alone, atol=1e-5), "the cache reads else")


@invariant("samplers")
def samplers(seed: int) -> None:
    probs = torch.tensor([0.6, 0.3, 0.1])
    cold = generate.temperature(0.5)(probs.log()).softmax(-1)
    demand(
        float(cold[0]) > 0.6, "a low temperature makes the likeliest less likely"
    )
    for p in (0.5, 0.7, 0.95):
        kept = float(probs[generate.top_p(p)(probs.log()).isfinite()].sum())
        demand(kept >= p, f"top-p with p = {p} leaves {kept:.2f}")


BELOW = "below the floor"  # the last column: it takes a whole run


def verdicts(seed: int = 0) -> dict[str, str]:
    """What each check says of the code as it is at this moment; nothing = it holds.

    An error that is no `CheckFailed` is one as well: the code could not be run.
    """
    said = {}
    for name, function in CHECKS.items():
        try:
            with torch.random.fork_rng(devices=[]):
                function(seed)
        except Exception as error:
            said[name] = f"{error}" or type(error).__name__
        else:
            said[name] = ""
    return said


def verdicts_with(bug: Bug, seed: int = 0) -> dict[str, str]:
    """`verdicts` while a bug is on."""
    with bug():
        return verdicts(seed)
