"""Invariants that a reader can run on their own code.

Each check takes the thing to be checked, says nothing when it holds and raises
`CheckFailed` when it does not, with the place and the likely mistake. A model here
is anything that maps ids (B, T) to logits (B, T, V), positions in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from llm.data import IGNORE
from llm.evaluate import above_the_floor, below_the_floor, with_error
from llm.model import cross_entropy

Model = Callable[[Tensor], Tensor]


class CheckFailed(AssertionError):
    """An invariant does not hold; the message says where and why it might be."""


@contextmanager
def _evaluating(model: Model) -> Iterator[None]:
    """Dropout off while we look, and back as it was."""
    was_training = getattr(model, "training", False)
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()


def causality(
    model: Model,
    ids: Tensor,
    vocab_size: int,
    tolerance: float = 1e-5,
    *,
    past: bool = True,
) -> None:
    """Change the future, and the past must not move.

    One token after another is replaced, and the logits before it are compared with
    those of the original. ids: integers (T,), at least two. tolerance: largest
    change that counts as rounding, relative to the largest logit. past: must some
    logits depend on an earlier token? Where nothing is seen, no leak can be seen
    either; say False for a model that is meant to look at the present token only.

    Raises `CheckFailed` that names who saw whom, or why nothing can be told.
    """
    n = _at_least_two(ids)
    changed = ids.repeat(n, 1)  # (T, T)
    diagonal = torch.arange(n, device=ids.device)
    changed[diagonal, diagonal] = (ids + 1) % vocab_size
    with torch.no_grad(), _evaluating(model):
        # one batch for both: a kernel may round differently for another batch size
        logits = model(torch.cat((ids[None], changed)))  # (1 + T, T, V)
    _finite(logits[0], "logits")
    _finite(logits.transpose(0, 1), "logits")
    moved = (logits[1:] - logits[:1]).abs().amax(-1)  # (T, T)
    limit = tolerance * float(logits[0].abs().max())
    _no_future(moved.T, limit, "logits", "token", past)


def gradient_causality(model: nn.Module, ids: Tensor, *, past: bool = True) -> None:
    """No gradient flows from an earlier output to a later input: not a little,
    none.

    The vectors of the model's embedding are the inputs, so the model must look its
    ids up in an `nn.Embedding`. ids: integers (T,), at least two. past: as in
    `causality`.

    Raises `CheckFailed` that names who saw whom, `ValueError` without an embedding.
    """
    _at_least_two(ids)
    looked_up: list[Tensor] = []

    def catch(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor | None:
        if looked_up or inputs[0].shape != ids[None].shape:
            return None
        looked_up.append(output.detach().requires_grad_())
        return looked_up[0]

    tables = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    hooks = [table.register_forward_hook(catch) for table in tables]
    try:
        with torch.enable_grad(), _evaluating(model):
            logits = model(ids[None])  # (1, T, V)
    finally:
        for hook in hooks:
            hook.remove()
    if not looked_up:
        raise ValueError(
            "the model looked nothing up in an nn.Embedding; use `causality`, "
            "which changes the ids themselves"
        )
    _finite(logits[0], "logits")
    _no_future(_reach(logits[0], looked_up[0]), 0.0, "logits", "vector", past)


def layer_causality(
    layer: Callable[[Tensor], Tensor], x: Tensor, *, past: bool = True
) -> None:
    """`gradient_causality` for a layer that maps vectors (1, T, C) to (1, T, …).

    past: must some outputs depend on an earlier input? False for a layer that works
    on each position alone. Raises `CheckFailed` that names who saw whom.
    """
    _at_least_two(x[0])
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad(), _evaluating(layer):
        out = layer(x)
    _finite(out[0], "output")
    _no_future(_reach(out[0], x), 0.0, "output", "input", past)


def _at_least_two(row: Tensor) -> int:
    """How many positions there are. Raises `ValueError` where no future is."""
    if row.dim() == 0 or len(row) < 2:
        raise ValueError(
            f"shape {tuple(row.shape)} has no future that could be seen: give at "
            f"least two positions"
        )
    return len(row)


def _finite(values: Tensor, of: str) -> None:
    """Refuse what is no number, position by position: with it nothing compares.

    values: (T, …).
    """
    wrong = (~values.detach().flatten(1).isfinite().all(1)).nonzero()
    if len(wrong):
        raise CheckFailed(
            f"the {of} at position {int(wrong[0])} are nan or infinite, so nothing "
            f"can be told: may this position look at nobody, or is the mask upside "
            f"down?"
        )


def _reach(out: Tensor, x: Tensor) -> Tensor:
    """How far each input reaches: (T, T), row = output position, column = input.

    Random weights in the sum, since a sum with equal ones can have zero gradient
    where the output depends on the input (a softmax sums to one).
    """
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(0))
    weights = weights.to(out.device)
    rows = []
    for t in range(len(out)):
        total = (out[t] * weights[t]).sum()
        if not total.requires_grad:
            rows.append(torch.zeros_like(x[0]))
            continue
        (grad,) = torch.autograd.grad(
            total, x, retain_graph=True, allow_unused=True
        )
        rows.append(torch.zeros_like(x[0]) if grad is None else grad[0])
    reach = torch.stack(rows)
    _finite(reach, "gradients")
    return reach.abs().flatten(2).amax(-1)


def _no_future(reach: Tensor, limit: float, of: str, what: str, past: bool) -> None:
    """Refuse anything above the diagonal of reach (T, T), row = looks, column =
    at; and a reach without anything below it, in which a leak would not show."""
    seen = ~(reach <= limit)
    future = seen.triu(1)
    if future.any():
        look, at = (int(i) for i in future.nonzero()[0])
        raise CheckFailed(
            f"the {of} at position {look} depend on the {what} at position {at}, "
            f"which comes later: is the mask {_mask_mistake(seen)}? "
            f"({int(future.sum())} such pairs)"
        )
    if past and not seen.tril(-1).any():
        raise CheckFailed(
            f"the {of} depend on no earlier {what}, so a leak would not show "
            f"either: is the last layer, or the one behind the attention, still "
            f"zero? (past=False, if they are meant to see the present only)"
        )


def _mask_mistake(reach: Tensor) -> str:
    """What a mask with this reach most looks like."""
    future = reach.triu(1)
    if torch.equal(future, torch.ones_like(reach).triu(1)):
        past = reach.tril(-1)
        return (
            "missing, or applied after the softmax" if past.any() else "transposed"
        )
    if not future.triu(2).any():
        return "shifted by one, so that each position sees its successor"
    return "applied to the wrong axis, or added after the softmax"


def cache(
    model: nn.Module, ids: Tensor, chunks: Sequence[int], tolerance: float = 1e-5
) -> None:
    """Reading in chunks with a cache gives the logits of reading at once.

    ids: integers (B, T); chunks: how many tokens to read at a time, adding up to T.
    Raises `CheckFailed` that names the first position that differs.
    """
    if sum(chunks) != ids.shape[1]:
        raise ValueError(f"chunks {list(chunks)} do not add up to T={ids.shape[1]}")
    parts, start = [], 0
    with torch.no_grad(), _evaluating(model):
        at_once = model(ids)  # (B, T, V)
        caches = model.new_caches(len(ids))
        for size in chunks:
            positions = torch.arange(start, start + size, device=ids.device)
            parts.append(model(ids[:, start : start + size], positions, caches))
            start += size
    _finite(at_once.transpose(0, 1), "logits")
    apart = (torch.cat(parts, 1) - at_once).abs().amax((0, 2))  # (T,)
    wrong = (~(apart <= tolerance * float(at_once.abs().max()))).nonzero()
    if len(wrong):
        at = int(wrong[0])
        raise CheckFailed(
            f"with a cache the logits at position {at} differ by {apart[at]:.2g}: "
            f"are the new tokens given their positions, and the old keys kept?"
        )


def batch_order(model: Model, ids: Tensor, tolerance: float = 1e-5) -> None:
    """The rows of a batch know nothing of each other: reordering them reorders the
    logits and does nothing else.

    ids: integers (B, T), at least two different rows. Raises `CheckFailed`.
    """
    if torch.equal(ids, ids.flip(0)):
        raise ValueError("the rows are the same in any order: give different ones")
    with torch.no_grad(), _evaluating(model):
        straight, reversed_ = model(ids), model(ids.flip(0)).flip(0)
    _finite(straight.transpose(0, 1), "logits")
    apart = (straight - reversed_).abs().amax((1, 2))  # (B,)
    if not (apart <= tolerance * float(straight.abs().max())).all():
        row = int(apart.argmax())
        raise CheckFailed(
            f"row {row} of the batch gets other logits when the rows are reordered "
            f"(by {apart[row]:.2g}): is something averaged, normalised or reshaped "
            f"across the batch?"
        )


def initial_loss(
    model: Model, ids: Tensor, targets: Tensor, vocab_size: int, margin: float = 0.1
) -> None:
    """A model that knows nothing yet is as surprised as a uniform guess: ln V nats.

    ids, targets: integers (B, T); margin: allowed distance in nats.
    Raises `CheckFailed` with both numbers.
    """
    with torch.no_grad(), _evaluating(model):
        loss = float(cross_entropy(model(ids), targets))
    if not abs(loss - math.log(vocab_size)) <= margin:
        raise CheckFailed(
            f"the loss of the untrained model is {loss:.3f} nats per token, and a "
            f"uniform guess among {vocab_size} has {math.log(vocab_size):.3f}: are "
            f"the initial weights too large, or do the targets stand in the input?"
        )


def look_at_the_batch(x: Tensor, y: Tensor, end: int | None = None) -> None:
    """Each target is the token that comes next, and nothing else counts.

    x, y: integers (B, T); targets of −100 do not count. end: id of the end mark,
    where each row is a whole document, as `documents` makes them; None for windows
    of a text without filling.
    Raises `CheckFailed` that names the row and the position.
    """
    counts = y != IGNORE  # (B, T)
    if end is None:
        done = (~counts).cumsum(1) > 0  # at the first target that does not count
        _nowhere(counts & done, "a target that counts behind one that does not")
    else:
        is_end = (y == end) & counts
        done = is_end.cumsum(1) > is_end.long()  # behind the first end mark
        _nowhere(~is_end.any(1, keepdim=True), "no end mark to predict")
        _nowhere(
            counts & done, "a target behind the end of the document: is it filling?"
        )
        _nowhere(
            ~counts & ~done, "no target that counts, and the document is not over"
        )
    same = counts[:, :-1] & counts[:, 1:] & (y[:, :-1] != x[:, 1:])
    shift = "the same token" if torch.equal(x[counts], y[counts]) else "another one"
    _nowhere(same, f"a target that is not the next token but {shift}")


def _nowhere(wrong: Tensor, what: str) -> None:
    """Refuse a batch in which something is wrong somewhere: (B, T), or (B, 1)."""
    if wrong.any():
        row, at = (int(i) for i in wrong.nonzero()[0])
        raise CheckFailed(
            f"row {row} has, at position {at}, {what} ({int(wrong.sum())} such "
            f"places): print the batch as text, x above y"
        )


def gradient_flow(
    model: nn.Module, x: Tensor, y: Tensor, *, ratio: float = 1000.0
) -> None:
    """One backward pass reaches every parameter, and the blocks about alike.

    x, y: a batch, integers (B, T). ratio: how many times longer the gradient of one
    block may be than that of another, for models with `blocks`; also the longest
    there may be at all. Gradients that were there are put back.

    Raises `CheckFailed` that names the parameter or the two blocks.
    """
    kept = {p: p.grad for p in model.parameters()}
    try:
        model.zero_grad()
        with torch.enable_grad(), _evaluating(model):
            cross_entropy(model(x), y).backward()
        lengths = {
            name: float("nan") if p.grad is None else float(p.grad.norm())
            for name, p in model.named_parameters()
            if p.requires_grad
        }
        missing = [n for n, p in model.named_parameters() if p.grad is None]
    finally:
        for parameter, grad in kept.items():
            parameter.grad = grad
    if missing:
        raise CheckFailed(
            f"no gradient comes to {missing[0]} ({len(missing)} such parameters): "
            f"is it used, and does nothing detach what is computed from it?"
        )
    for name, length in lengths.items():
        if not 0 < length < ratio:
            raise CheckFailed(
                f"the gradient of {name} has the length {length:.3g}: is a part "
                f"multiplied by 0, or something divided by 0, or never normed?"
            )
    _alike(lengths, ratio)


def _alike(lengths: dict[str, float], ratio: float) -> None:
    """Refuse blocks of which one has a gradient `ratio` times that of another."""
    blocks: dict[str, float] = {}
    for name, length in lengths.items():
        part = ".".join(name.split(".")[:2])
        if part.startswith("blocks."):
            blocks[part] = math.hypot(blocks.get(part, 0.0), length)
    if blocks and max(blocks.values()) > ratio * min(blocks.values()):
        most, least = max(blocks, key=blocks.get), min(blocks, key=blocks.get)
        raise CheckFailed(
            f"the gradient of {most} is {blocks[most] / blocks[least]:.3g} times "
            f"as long as that of {least}: is there a way past each block, and a "
            f"norm before each part?"
        )


def overfit_one_batch(
    update: Callable[[Tensor, Tensor], float],
    x: Tensor,
    y: Tensor,
    *,
    steps: int = 100,
    share: float = 0.1,
) -> list[float]:
    """The same batch again and again is learnt by heart.

    update: makes one update of your own loop and returns its loss (nats per token).
    x, y: a small batch, integers (B, T). share: how much of the first loss may be
    left at the end.

    Returns the losses, one for each update. Raises `CheckFailed` with the first and
    the last.
    """
    losses = [float(update(x, y)) for _ in range(steps)]
    if not losses[-1] <= share * losses[0]:
        raise CheckFailed(
            f"after {steps} updates on one and the same batch the loss is "
            f"{losses[-1]:.3f} nats per token, at first it was {losses[0]:.3f}: "
            f"the loop cannot learn. Are the gradients set to zero, is the softmax "
            f"taken once, has the optimizer the parameters of this model?"
        )
    return losses


def below_floor(sums: Tensor, counts: Tensor, floor: Tensor) -> None:
    """No honest model is cheaper than the best possible one.

    sums, floor: (n,), nats that each row costs the model, and at best; counts:
    (n,), its targets. Raises `CheckFailed` where the mean is further below than
    chance and rounding allow (`llm.evaluate.below_the_floor`), and for a loss that
    is no number.
    """
    said = above_the_floor(sums, counts, floor)
    gap, error = said["gap"], said["gap_standard_error"]
    if not math.isfinite(gap):
        raise CheckFailed(
            f"the loss is {gap}: look for the first number that is none"
        )
    if below_the_floor(gap, error):
        raise CheckFailed(
            f"the loss is {with_error(-gap, error)} nats per token below the "
            f"floor: does a position see the token that it has to predict, is the "
            f"target in the input, or is the floor that of another text?"
        )


def round_trip(tokenizer, texts: Iterable[str]) -> None:
    """Decoding what was encoded gives the text back, character for character.

    tokenizer: anything with `encode` and `decode`. Raises `CheckFailed` that shows
    the first difference.
    """
    for text in texts:
        back = tokenizer.decode(tokenizer.encode(text))
        if back != text:
            pairs = zip(text, back, strict=False)
            at = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
            at = min(len(text), len(back)) if at is None else at
            raise CheckFailed(
                f"decode(encode(text)) differs from character {at} on: "
                f"{text[at : at + 20]!r} became {back[at : at + 20]!r}"
            )
