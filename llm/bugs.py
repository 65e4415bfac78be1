"""What people get wrong: one list of mistakes, each put into the code from outside.

A bug replaces a function or a method of the taught code, wherever it is used, as long
as its block lasts:

    with bugs.scale_dropped():
        train(model, supply, held_out, config)

Nothing in the model knows of it. While a bug is on, everything takes its plain way,
since what is broken is the formula and not the quick call beside it; `none` does that
and breaks nothing, for comparison. What is made meanwhile (first weights, an
optimizer's groups) stays as it was made; what it computes afterwards is right again.
"""

from __future__ import annotations

import copy
import functools
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isfunction
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam, Optimizer

from llm import model as plain_model
from llm import optim as plain_optim
from llm.attention import MultiHeadAttention, attention_weights, causal_mask
from llm.data import IGNORE, Batches, documents, split, window, windows, windows_at
from llm.fast import FAST
from llm.fast import functions as quick
from llm.fast.decode import can_step
from llm.generate import (
    CachedReader,
    read_afresh,
    right_padded,
    temperature,
    top_p,
    window_start,
)
from llm.layers import LayerNorm, LearnedPositions, RMSNorm, RotaryPositions
from llm.model import (
    GPT,
    TransformerBlock,
    assemble,
    cross_entropy,
    initialise,
    visible,
)
from llm.optim import clip_gradients, parameter_groups, warmup_cosine
from llm.tokenizers import Tokenizer
from llm.tokenizers.merges import merge
from llm.tokenizers.rows import apply_merges
from llm.train import accumulate, make_optimizer, seed_dropout, set_rate

Function = Callable[..., Any]
LARGE = ("torch.", "transformers.", "sympy.")  # their modules import none of ours
BUGS: list[Bug] = []  # in the order of the course
_on: list[Bug] = []  # none or one


@dataclass(frozen=True, eq=False)
class Bug:
    """A mistake that can be made and unmade: `with bug(): …`.

    name: what is wrong, in words; part: of what; seams: the functions and methods
    that are replaced; wrong: what replaces them, called with the right one and then
    with its arguments.
    """

    name: str
    part: str
    seams: tuple[Function, ...]
    wrong: Function

    @property
    def symptom(self) -> str:
        """What goes wrong because of it, in a sentence."""
        return " ".join((self.wrong.__doc__ or "").split())

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The mistake is there until the block ends, also by an exception.

        Raises `ValueError` inside the block of another: each would hide what the
        other does.
        """
        if _on:
            raise ValueError(
                f"one bug at a time: “{_on[0].name}” is on; leave its block before "
                f"you try “{self.name}”"
            )
        _on.append(self)
        try:
            with replaced({**PLAIN_WAY, **dict.fromkeys(self.seams, self.wrong)}):
                yield
        finally:
            _on.clear()


def bug(name: str, *seams: Function, part: str) -> Callable[[Function], Bug]:
    """Make a `Bug` of the function below, and put it on the list."""

    def enter(wrong: Function) -> Bug:
        BUGS.append(Bug(name, part, seams, wrong))
        return BUGS[-1]

    return enter


# Everything in its plain way, and no mistake: what a bug is compared with.
none = Bug("nothing is wrong", "", (), lambda right: right)


@contextmanager
def replaced(wrong: dict[Function, Function]) -> Iterator[None]:
    """Until the block ends, call `wrong[f]` where `f` would be called, a function
    or a method: with `f` itself, and then with its arguments.

    Not for an `f` that is replaced already, which could not be found.
    """
    swaps = {right: standing_in(right, wrong[right]) for right in wrong}
    swap(swaps)
    try:
        yield
    finally:
        swap({new: old for old, new in swaps.items()})


def standing_in(right: Function, wrong: Function) -> Function:
    """A function that looks like `right` and does what `wrong` makes of it."""

    @functools.wraps(right)
    def instead(*args: Any, **options: Any) -> Any:
        return wrong(right, *args, **options)

    return instead


def swap(swaps: dict[Function, Function]) -> None:
    """Put the values of `swaps` in the place of its keys, in the classes they belong
    to and in every module that has imported them, under whatever name."""
    for old, new in swaps.items():
        *classes, name = old.__qualname__.split(".")
        if classes:
            owner = functools.reduce(getattr, classes, sys.modules[old.__module__])
            setattr(owner, name, new)
    by_id = {id(old): new for old, new in swaps.items()}
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(LARGE):
            continue
        known = getattr(module, "__dict__", {})
        for name in [name for name, value in known.items() if id(value) in by_id]:
            known[name] = by_id[id(known[name])]


def plainly(owner: Any, name: str) -> Function:
    """What a quick function is replaced by: the plain one, as it is by then."""
    return lambda right, *args, **options: getattr(owner, name)(*args, **options)


PLAIN_WAY: dict[Function, Function] = {
    method: plainly(plain, name)
    for plain, fast in FAST.items()
    for name, method in vars(fast).items()
    if isfunction(method)
}
PLAIN_WAY[quick.cross_entropy] = plainly(plain_model, "cross_entropy")
PLAIN_WAY[quick.clip_gradients] = plainly(plain_optim, "clip_gradients")
PLAIN_WAY[can_step] = lambda right, model: False

# --- Tokenizers -------------------------------------------------------------------


@bug("special tokens come from any text", Tokenizer._allowed, part="tokenizer")
def special_tokens_from_any_text(right, self, names):
    """Whoever types the name of the end mark ends the document."""
    return list(self.special_tokens)


@bug(
    "ids behind a special token are off by one", Tokenizer.encode, part="tokenizer"
)
def ids_off_by_one(right, self, text, **options):
    """The text does not come back, and the model learns other words after a mark."""
    ids, special = right(self, text, **options), set(self.special_tokens.values())
    sound = next((n for n, id in enumerate(ids, 1) if id in special), len(ids))
    return ids[:sound] + [(id + 1) % self.vocab_size for id in ids[sound:]]


@bug("the latest merge is made first", apply_merges, part="tokenizer")
def latest_merge_first(right, pretoken, new_ids, lengths):
    """Text is cut into other tokens than those that the vocabulary was made for."""
    ids = list(pretoken)
    while pairs := [pair for pair in pairwise(ids) if pair in new_ids]:
        pair = max(pairs, key=new_ids.get)
        ids = merge(ids, pair, new_ids[pair])
    return ids


# --- Data -------------------------------------------------------------------------


@bug("the targets are the inputs", window, windows, documents, part="data")
def targets_unshifted(right, *args):
    """The loss falls to nothing: the model learns to repeat what it has read."""
    x, y = right(*args)
    return x, x.where(y != IGNORE, IGNORE)


@bug("the targets are two places on", window, windows, documents, part="data")
def targets_two_on(right, *args):
    """The loss stays high, and what is written leaves out every other token."""
    x, y = right(*args)
    return x, F.pad(y[..., 1:], (0, 1), value=IGNORE)


@bug("the targets are those of another row", windows_at, documents, part="data")
def targets_of_another_row(right, *args):
    """Nothing can be learnt but how often each token occurs at each place."""
    x, y = right(*args)
    return x, y.roll(1, dims=0)


@bug("the held-out text is in the training text", split, part="data")
def held_out_in_training(right, whole, validation_fraction):
    """The held-out loss falls with the other, however much is learnt by heart."""
    return whole, right(whole, validation_fraction)[1]


@bug("every epoch has the same order", Batches.starts, part="data")
def same_order_every_epoch(right, self, epoch):
    """Windows are always cut at the same places, and follow each other alike."""
    return right(self, 0)


@bug("the filling of short rows is counted", windows, documents, part="data")
def filling_counted(right, *args):
    """The loss is that of a text with long runs of token 0, and too low."""
    x, y = right(*args)
    return x, y.where(y != IGNORE, 0)


@bug("nobody has to predict the end of a document", documents, part="data")
def ends_not_predicted(right, rows, end, context_length):
    """What the model writes never ends."""
    x, y = right(rows, end, context_length)
    return x, y.masked_fill(y == end, IGNORE)


# --- Attention --------------------------------------------------------------------


@bug("the mask is off by one", causal_mask, part="attention")
def mask_off_by_one(right, n_positions, device=None):
    """Each position sees the token that it has to predict: the loss falls below its
    floor."""
    return right(n_positions + 1, device)[1:, :-1]


@bug("the mask hides the position itself", causal_mask, part="attention")
def mask_hides_itself(right, n_positions, device=None):
    """The first position may look nowhere, and everything becomes nan."""
    return right(n_positions + 1, device)[:-1, 1:]


@bug("the mask is missing", visible, part="attention")
def mask_missing(right, positions, caches=None):
    """All positions see the answer in training, and have none when they write."""


@bug("the mask is upside down", attention_weights, part="attention")
def mask_upside_down(right, q, k, mask=None):
    """Positions see the future and no past, the last one nothing at all: nan."""
    return right(q, k, None if mask is None else ~mask)


@bug("hidden scores are set to 0, not to −∞", attention_weights, part="attention")
def hidden_scores_zero(right, q, k, mask=None):
    """What is hidden keeps its share of the weight, and the future leaks."""
    if mask is None:
        return right(q, k)
    return scores(q, k).masked_fill(~mask, 0.0).softmax(dim=-1)


@bug("the scale is dropped", attention_weights, part="attention")
def scale_dropped(right, q, k, mask=None):
    """Scores grow with the width, the softmax sees one key, gradients vanish."""
    return right(q * math.sqrt(q.shape[-1]), k, mask)


@bug("the scale is the width, not its root", attention_weights, part="attention")
def scale_by_width(right, q, k, mask=None):
    """All keys get nearly the same weight, and attention is slow to form."""
    return right(q / math.sqrt(q.shape[-1]), k, mask)


@bug("the softmax runs over the queries", attention_weights, part="attention")
def softmax_over_queries(right, q, k, mask=None):
    """How much a position gets depends on those after it; no row sums to one."""
    hidden = scores(q, k)
    if mask is not None:
        hidden = hidden.masked_fill(~mask, -math.inf)
    return hidden.softmax(dim=-2)


def scores(q, k):
    """How well each key fits each query, before any mask."""
    return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])


@bug("the heads are merged without transposing", MultiHeadAttention.mixed,
     part="attention")  # fmt: skip
def heads_not_transposed(right, self, q, k, v, mask):
    """What one position has heard goes to others, and the future leaks."""
    out = right(self, q, k, v, mask)
    B, H, T, D = out.shape
    return out.reshape(B, T, H, D).transpose(1, 2)


# --- Positions --------------------------------------------------------------------


@bug("all positions are 0", LearnedPositions.forward, RotaryPositions.forward,
     part="positions")  # fmt: skip
def positions_all_zero(right, self, *args):
    """The model knows which tokens came, and not in what order."""
    *x, positions = args
    return right(self, *x, torch.zeros_like(positions))


@bug("the angle turns the other way", RotaryPositions.forward, part="positions")
def rotation_backwards(right, self, x, positions):
    """Training notices nothing; weights of other models write nonsense."""
    half = x.shape[-1] // 2
    return right(self, x.roll(half, -1), positions).roll(half, -1)


@bug("one sign of the rotation is wrong", RotaryPositions.forward, part="positions")
def rotation_sign(right, self, x, positions):
    """It stretches as it turns: scores depend on more than the distance."""
    first, _ = rotation_backwards.wrong(right, self, x, positions).chunk(2, dim=-1)
    _, second = right(self, x, positions).chunk(2, dim=-1)
    return torch.cat((first, second), dim=-1)


@bug("neighbours are turned together, not halves", RotaryPositions.forward,
     part="positions")  # fmt: skip
def rotation_of_neighbours(right, self, x, positions):
    """Training notices nothing; weights made for the other layout are misread."""
    return right(self, torch.cat((x[..., ::2], x[..., 1::2]), -1), positions)


@bug("the keys are not rotated", MultiHeadAttention.heads, part="positions")
def keys_not_rotated(right, self, x, positions):
    """Scores depend on where the query stands, and not on how far away the key is."""
    q, _, v = right(self, x, positions)
    k = self.key(x).unflatten(-1, (self.n_kv_heads, -1))
    return q, k.transpose(1, 2), v


# --- Norms and blocks -------------------------------------------------------------


@bug("the norms are missing", LayerNorm.forward, RMSNorm.forward, part="block")
def norm_missing(right, self, x):
    """The stream grows from block to block, and training is fragile."""
    return x


@bug("the norms run over the positions", LayerNorm.forward, RMSNorm.forward,
     part="block")  # fmt: skip
def norm_over_positions(right, self, x):
    """The mean and the spread tell of the future: a leak past a sound mask."""
    x = x - x.mean(-2, keepdim=True)
    spread = (x.square().mean(-2, keepdim=True) + self.eps).sqrt()
    return x / spread * self.weight


@bug("the norms have no eps", LayerNorm.forward, RMSNorm.forward, part="block")
def norm_without_eps(right, self, x):
    """A vector without variance is divided by zero: nan, perhaps after hours."""
    bare = copy.copy(self)
    bare.eps = 0.0
    return right(bare, x)


@bug("the norm comes after the part", TransformerBlock.forward, part="block")
def norm_after_part(right, self, x, mask=None, positions=None, cache=None):
    """There is no straight way through the blocks: a deep model is hard to train
    without a long warm-up."""
    x = self.norm1(x + self.attention(x, mask, positions, cache))
    return self.norm2(x + self.feed_forward(x))


@bug("a residual connection is missing", TransformerBlock.forward, part="block")
def residual_missing(right, self, x, mask=None, positions=None, cache=None):
    """Each block forgets the token that it stands on, and gradients fade."""
    x = self.attention(self.norm1(x), mask, positions, cache)
    return x + self.feed_forward(self.norm2(x))


# --- Model and loss ---------------------------------------------------------------


@bug("embedding and head share nothing", assemble, part="model")
def weights_not_tied(right, *args):
    """More parameters than were counted, and a checkpoint that fits no other model."""
    model = right(*args)
    model.head.weight = nn.Parameter(model.head.weight.detach().clone())
    return model


@bug("the first weights are too large", initialise, part="model")
def first_weights_too_large(right, model, n_residuals, std=0.02):
    """The first loss is far above ln V: it takes long to unlearn what was drawn."""
    right(model, n_residuals, 0.5)


@bug("the writers of the residual stream do not start smaller", initialise,
     part="model")  # fmt: skip
def residual_writers_too_large(right, model, n_residuals, std=0.02):
    """The stream grows with the depth, and a deep model is harder to train."""
    right(model, 1, std)


@bug("targets that do not count are counted", cross_entropy, part="loss")
def padding_counted(right, logits, targets, ignore_index=-100, reduction="mean"):
    """The model learns to write filling, and is praised for it."""
    counted = targets.where(targets != ignore_index, 0)
    return right(logits, counted, ignore_index, reduction)


@bug("the softmax is taken twice", cross_entropy, part="loss")
def softmax_twice(right, logits, *args):
    """No logit can exceed 1, so no token becomes likely: the loss stays near
    ln V."""
    return right(logits.softmax(dim=-1), *args)


# --- Optimizer --------------------------------------------------------------------


@bug("the gradients are never set to zero", Optimizer.zero_grad, part="optimizer")
def gradients_not_zeroed(right, self, set_to_none=True):
    """Every step goes along the sum of all gradients so far."""


@bug("nothing is clipped", clip_gradients, part="optimizer")
def never_clipped(right, parameters, max_norm):
    """One odd batch can undo the work of hundreds."""
    return right(parameters, math.inf)


@bug("each tensor is clipped by itself", clip_gradients, part="optimizer")
def clipped_one_by_one(right, parameters, max_norm):
    """The step has another direction than the gradient."""
    return torch.stack([right([p], max_norm) for p in parameters]).norm()


@bug("biases and norms decay as well", parameter_groups, part="optimizer")
def vectors_decay(right, model, weight_decay):
    """Gains are pulled towards zero, and with them all that a block says."""
    groups = right(model, weight_decay)
    return [{**group, "weight_decay": weight_decay} for group in groups]


@bug("the weight decay is added to the gradient", make_optimizer, part="optimizer")
def decay_coupled(right, model, config):
    """Adam divides it away again: weights with large gradients hardly decay."""
    groups = parameter_groups(model, config.weight_decay)
    return Adam(groups, config.learning_rate, (config.beta1, config.beta2))


@bug("Adam does not correct its bias", set_rate, part="optimizer")
def bias_not_corrected(right, optimizer, rate):
    """The averages begin at zero and are taken for full: the first steps are too
    short, or for a beta2 near 1 too long."""
    t = 1 + max((int(s["step"]) for s in optimizer.state.values()), default=0)
    beta1, beta2 = optimizer.param_groups[0]["betas"]
    right(optimizer, rate * (1 - beta1**t) / math.sqrt(1 - beta2**t))


@bug("the warm-up never ends", warmup_cosine, part="optimizer")
def warmup_never_ends(right, step, *, n_steps, warmup_steps, **rates):
    """The rate is highest where it should be lowest, and the loss does not settle."""
    return right(step, n_steps=n_steps, warmup_steps=n_steps, **rates)


# --- Loop and evaluation ----------------------------------------------------------


def micro_batches(x, y, config):
    """The rows that go through the model at once."""
    size = config.micro_batch_size or len(x)
    return zip(x.split(size), y.split(size), strict=True)


@bug("every micro-batch counts as a whole batch", accumulate, part="loop")
def micro_batches_added(right, model, x, y, config):
    """With n micro-batches the loss and its gradient are n times too large."""
    return sum(right(model, *some, config) for some in micro_batches(x, y, config))


@bug("accumulation is a mean of means", accumulate, part="loop")
def micro_batches_averaged(right, model, x, y, config):
    """Tokens of short rows count more, and the gradient depends on how we cut."""
    losses = [right(model, *some, config) for some in micro_batches(x, y, config)]
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= len(losses)
    return sum(losses) / len(losses)


@bug("gradients are clipped before all are there", accumulate, part="loop")
def clipped_too_early(right, model, x, y, config):
    """The last micro-batches weigh most, and the length reported is not that of the
    gradient."""
    loss, n_targets = 0.0, (y != IGNORE).sum()
    for some_x, some_y in micro_batches(x, y, config):
        part = cross_entropy(model(some_x), some_y, IGNORE, "sum") / n_targets
        part.backward()
        clip_gradients(model.parameters(), config.clip_norm)
        loss += part.detach()
    return loss


@bug("dropout leaves out the same numbers at every step", seed_dropout, part="loop")
def dropout_always_alike(right, seed, step):
    """The same places of a batch are silent every time, and dropout protects little."""
    right(seed, 0)


@bug("dropout is on while we measure", nn.Module.eval, part="evaluation")
def dropout_while_measuring(right, self):
    """The held-out loss is too high, and another one each time."""
    return self


# --- Writing ----------------------------------------------------------------------


@bug("a new token is one slot late in the cache", GPT.forward, part="generation")
def cache_position_late(right, self, ids, positions=None, caches=None):
    """The text drifts away from what the model would have written."""
    if caches is not None and ids.shape[1] == 1:
        positions = (positions + 1).clamp(max=self.context_length - 1)
    return right(self, ids, positions, caches)


@bug("a window that moved is not read again", CachedReader.fill, part="generation")
def cache_not_refilled(right, self, rows, windows):
    """The text falls apart as soon as it is longer than the context."""
    new = [i for i, row in enumerate(rows) if self.starts[row] < 0]
    if new:
        right(self, [rows[i] for i in new], [windows[i] for i in new])


@bug("the logits of the filling are taken", read_afresh, part="generation")
def filling_read(right, model, texts):
    """The shorter prompts of a batch are continued as if they ended in filling."""
    size = model.context_length
    read = [text[window_start(len(text), size) :] for text in texts]
    return model(right_padded(read, model))[:, -1]


@bug("temperature multiplies", temperature, part="generation")
def temperature_multiplies(right, t):
    """Cold is wild and warm is dull."""
    return right(1 / t)


@bug("top-p drops the token that crosses p", top_p, part="generation")
def top_p_too_few(right, p):
    """Where one token alone has probability p, none is left."""
    keep_p = right(p)

    def keep_fewer(logits):
        kept = keep_p(logits)
        least = kept.masked_fill(kept == -math.inf, math.inf).amin(-1, keepdim=True)
        return kept.masked_fill(kept == least, -math.inf)

    return keep_fewer
