"""The exercises of chapter 12, The Transformer block."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from book.exercises.answers import Values
from book.exercises.exercise import exercise, random_numbers
from book.exercises.watch import Step

# --- ★ LayerNorm from its formula -------------------------------------------------


@exercise("each vector has its own mean taken off and its own size made 1")
def layer_norm() -> Iterator[tuple]:
    """`layer_norm_by_hand(x, gain, shift, eps)`: x (..., C), gain and shift (C,)."""
    for shape in ((4, 4), (3, 5), (2, 3, 4), (6,), (2, 2, 2, 4)):
        x = 3 * torch.randn(shape) + 2
        yield x, torch.randn(shape[-1]) + 2, torch.randn(shape[-1]), 1e-5
    yield torch.randn(3, 4) / 100, torch.ones(4), torch.zeros(4), 1e-3
    yield torch.zeros(2, 4), torch.ones(4), torch.ones(4), 1e-5
    yield torch.randn(5, 3).T * 2, torch.randn(5), torch.randn(5), 1e-5
    yield torch.randint(-5, 6, (3, 6)), torch.randn(6), torch.randn(6), 1e-5


def _centred(x: Tensor) -> Tensor:
    x = x if x.is_floating_point() else x.float()
    return x - x.mean(-1, keepdim=True)


def _variance(x: Tensor, correction: int = 0) -> Tensor:
    x = x if x.is_floating_point() else x.float()
    return x.var(-1, correction=correction, keepdim=True)


@layer_norm.right
def by_mean_and_variance(x, gain, shift, eps):
    return _centred(x) / (_variance(x) + eps).sqrt() * gain + shift


@layer_norm.right
def by_squares(x, gain, shift, eps):
    c = _centred(x.double())
    return gain * c * ((c * c).mean(-1, keepdim=True) + eps) ** -0.5 + shift


@layer_norm.right
def by_loop(x, gain, shift, eps):
    rows = []
    for row in x.double().reshape(-1, x.shape[-1]).tolist():
        mean = sum(row) / len(row)
        spread = sum((v - mean) ** 2 for v in row) / len(row)
        normed = [(v - mean) / math.sqrt(spread + eps) for v in row]
        rows.append(torch.tensor(normed) * gain + shift)
    return torch.stack(rows).view(x.shape)


@layer_norm.mistake(
    "the variance is divided by C − 1, as var does unless told otherwise; the formula "
    "divides by C: correction=0"
)
def sample_variance(x, gain, shift, eps):
    return _centred(x) / (_variance(x, 1) + eps).sqrt() * gain + shift


@layer_norm.mistake(
    "this is RMSNorm: the mean has not been taken off before the size is measured"
)
def rms(x, gain, shift, eps):
    square = x.double().square().mean(-1, keepdim=True)
    return x / (square + eps).sqrt() * gain + shift


@layer_norm.mistake(
    "the mean is taken off, but the size is measured on x as it was: take the squares "
    "of what is left after the mean"
)
def size_of_the_uncentred(x, gain, shift, eps):
    square = x.double().square().mean(-1, keepdim=True)
    return _centred(x) / (square + eps).sqrt() * gain + shift


@layer_norm.mistake(
    "mean and variance run over the first axis: one position would learn of the others. "
    "They run over the components, the last axis"
)
def over_positions(x, gain, shift, eps):
    x = x.double()
    centred = x - x.mean(0, keepdim=True)
    return centred / (centred.square().mean(0, True) + eps).sqrt() * gain + shift


@layer_norm.mistake(
    "one mean and one variance for the whole tensor; each vector needs its own: "
    "dim=-1, keepdim=True"
)
def over_everything(x, gain, shift, eps):
    x = x.double()
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * gain + shift


@layer_norm.mistake(
    "the centred vector is divided by its variance; divide by the root of it, the "
    "standard deviation"
)
def no_root(x, gain, shift, eps):
    return _centred(x) / (_variance(x) + eps) * gain + shift


@layer_norm.mistake(
    "epsilon stands outside of the root; in the formula it is added to the variance, "
    "under the root. Small vectors show the difference"
)
def eps_outside(x, gain, shift, eps):
    return _centred(x) / (_variance(x).sqrt() + eps) * gain + shift


@layer_norm.mistake(
    "epsilon is missing: a vector of equal components is divided by zero, and small "
    "vectors come out too large"
)
def no_eps(x, gain, shift, eps):
    return _centred(x) / _variance(x).sqrt() * gain + shift


@layer_norm.mistake(
    "epsilon is squared under the root; it is added to the variance as it is"
)
def eps_squared(x, gain, shift, eps):
    return _centred(x) / (_variance(x) + eps**2).sqrt() * gain + shift


@layer_norm.mistake("the gain is missing: each component is multiplied by its own")
def no_gain(x, gain, shift, eps):
    return _centred(x) / (_variance(x) + eps).sqrt() + shift


@layer_norm.mistake("the shift is missing: it is added at the end")
def no_shift(x, gain, shift, eps):
    return _centred(x) / (_variance(x) + eps).sqrt() * gain


@layer_norm.mistake(
    "the shift is added before the gain, and is multiplied by it; the formula multiplies "
    "first"
)
def shift_first(x, gain, shift, eps):
    return (_centred(x) / (_variance(x) + eps).sqrt() + shift) * gain


@layer_norm.mistake(
    "the length of the vector stands below, the root of a sum; here it is the root of a "
    "mean, which does not grow with C"
)
def by_length(x, gain, shift, eps):
    c = _centred(x)
    return c / (c.square().sum(-1, keepdim=True) + eps).sqrt() * gain + shift


@layer_norm.forbids(
    "a norm of the library does inside what is asked for here: write it with mean, "
    "squares and sqrt"
)
def norm_of_the_library(step: Step, *inputs) -> bool:
    kinds = ("layer", "batch", "group", "instance", "rms")
    return any(f"{kind}_norm" in step.name for kind in kinds)


@norm_of_the_library.mistake
def by_functional(x, gain, shift, eps):
    return F.layer_norm(x.float(), x.shape[-1:], gain.float(), shift.float(), eps)


@norm_of_the_library.mistake
def as_one_group(x, gain, shift, eps):
    rows = x.float().reshape(-1, x.shape[-1])
    return F.group_norm(rows, 1, gain.float(), shift.float(), eps).view(x.shape)


# --- ★★ The block in two statements -----------------------------------------------


@exercise("each part reads a normed copy, and the stream itself is only added to")
def block() -> Iterator[tuple]:
    """`block(x, norm1, attend, norm2, think)`: x (T, C), and four functions of it."""
    for T, C in ((5, 4), (3, 6), (1, 3), (4, 4)):
        mix = torch.rand(T, T).tril().double()
        turn = torch.randn(C, C).double()
        g1, g2 = torch.rand(2, C).double() + 0.5
        yield (
            torch.randn(T, C, dtype=torch.float64) * 3,
            lambda x, g=g1: g * F.layer_norm(x, x.shape[-1:]),
            lambda x, m=mix, w=turn: m @ x @ w,
            lambda x, g=g2: g * F.rms_norm(x, x.shape[-1:]),
            lambda x, w=turn: torch.tanh(x @ w.T) + 0.3,
        )


@block.right
def two_statements(x, norm1, attend, norm2, think):
    x = x + attend(norm1(x))
    return x + think(norm2(x))


@block.right
def all_named(x, norm1, attend, norm2, think):
    heard = attend(norm1(x))
    middle = torch.add(x, heard)
    return torch.stack((x, heard, think(norm2(middle)))).sum(0)


@block.right
def in_one_line(x, norm1, attend, norm2, think):
    return (y := x + attend(norm1(x))) + think(norm2(y))


@block.mistake(
    "this is post-norm: the norms stand in the stream, after the additions; put each in "
    "front of its part"
)
def post(x, norm1, attend, norm2, think):
    x = norm1(x + attend(x))
    return norm2(x + think(x))


@block.mistake("there is no norm here: each part reads the stream as it is")
def bare(x, norm1, attend, norm2, think):
    x = x + attend(x)
    return x + think(x)


@block.mistake(
    "the parts replace the stream; nothing is added to it, and what was there is lost"
)
def no_stream(x, norm1, attend, norm2, think):
    return think(norm2(attend(norm1(x))))


@block.mistake(
    "attention replaces the stream: what was there before is lost. Add what it gives "
    "to x"
)
def no_first_addition(x, norm1, attend, norm2, think):
    x = attend(norm1(x))
    return x + think(norm2(x))


@block.mistake(
    "the feed-forward part replaces the stream: add what it gives to what it has read"
)
def no_second_addition(x, norm1, attend, norm2, think):
    x = x + attend(norm1(x))
    return think(norm2(x))


@block.mistake(
    "the norm stands in the stream: x is overwritten by its normed copy, and the part's "
    "result is added to that. The stream itself is only added to"
)
def norm_in_the_stream(x, norm1, attend, norm2, think):
    x = norm1(x)
    x = x + attend(x)
    x = norm2(x)
    return x + think(x)


@block.mistake(
    "both parts read the same x: the second one has to read what attention has written. "
    "(Some models do this for speed; it is called a parallel block.)"
)
def parallel(x, norm1, attend, norm2, think):
    return x + attend(norm1(x)) + think(norm2(x))


@block.mistake(
    "the last addition goes to the x from before attention: what attention wrote reaches "
    "the second part, and is then lost from the stream"
)
def forgets_attention(x, norm1, attend, norm2, think):
    y = x + attend(norm1(x))
    return x + think(norm2(y))


@block.mistake(
    "the second part reads with the first norm; each norm has gains of its own"
)
def one_norm_for_both(x, norm1, attend, norm2, think):
    x = x + attend(norm1(x))
    return x + think(norm1(x))


@block.mistake("the two norms have changed places; each has gains of its own")
def norms_swapped(x, norm1, attend, norm2, think):
    x = x + attend(norm2(x))
    return x + think(norm1(x))


@block.mistake(
    "the feed-forward part comes first; attention gathers, then feed-forward works on "
    "what was gathered"
)
def other_order(x, norm1, attend, norm2, think):
    x = x + think(norm2(x))
    return x + attend(norm1(x))


@block.mistake(
    "what the part gives is normed, and not what it reads: the norm stands in front of "
    "the part"
)
def norm_behind_the_part(x, norm1, attend, norm2, think):
    x = x + norm1(attend(x))
    return x + norm2(think(x))


@block.mistake("attention reads a normed copy, the feed-forward part does not")
def second_norm_missing(x, norm1, attend, norm2, think):
    x = x + attend(norm1(x))
    return x + think(x)


@block.mistake("the feed-forward part reads a normed copy, attention does not")
def first_norm_missing(x, norm1, attend, norm2, think):
    x = x + attend(x)
    return x + think(norm2(x))


@block.mistake(
    "the sum is normed once more at the end; that norm stands after the last block of a "
    "model, not in each"
)
def norm_at_the_end(x, norm1, attend, norm2, think):
    return norm2(two_statements(x, norm1, attend, norm2, think))


# --- ★★ A gate --------------------------------------------------------------------


@exercise("one matrix decides how much of the other goes through")
def swiglu() -> Iterator[tuple]:
    """`swiglu(x, gate, up, down)`: x (..., C), gate and up (F, C), down (C, F)."""
    for shape, width in (((3, 4), 4), ((2, 3, 5), 7), ((6,), 3), ((1, 4), 9)):
        C = shape[-1]
        gate, up = torch.randn(2, width, C)
        yield torch.randn(shape), gate, up, torch.randn(C, width)
    x = torch.randn(2, 4) * 400
    yield torch.cat((x, -x)), *torch.randn(2, 4, 4), torch.randn(4, 4)


def _silu(x: Tensor) -> Tensor:
    return x * x.sigmoid()


@swiglu.right
def gated(x, gate, up, down):
    return (_silu(x @ gate.T) * (x @ up.T)) @ down.T


@swiglu.right
def gated_by_library(x, gate, up, down):
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


@swiglu.right
def gated_by_einsum(x, gate, up, down):
    opened, says = (
        torch.einsum("...c,fc->...f", x, w).double() for w in (gate, up)
    )
    return torch.einsum(
        "...f,cf->...c", opened.sigmoid() * opened * says, down.double()
    )


@swiglu.mistake(
    "the gate is a sigmoid alone; SiLU multiplies that by the number itself. (With a "
    "sigmoid it is called GLU.)"
)
def sigmoid_gate(x, gate, up, down):
    return ((x @ gate.T).sigmoid() * (x @ up.T)) @ down.T


@swiglu.mistake("the gate is a GELU; here it is a SiLU. (With a GELU: GEGLU.)")
def gelu_gate(x, gate, up, down):
    return (F.gelu(x @ gate.T) * (x @ up.T)) @ down.T


@swiglu.mistake("the gate is a ReLU; here it is a SiLU. (With a ReLU: ReGLU.)")
def relu_gate(x, gate, up, down):
    return ((x @ gate.T).relu() * (x @ up.T)) @ down.T


@swiglu.mistake(
    "there is no activation: the product of the two is all there is. The gate goes "
    "through SiLU"
)
def bilinear(x, gate, up, down):
    return ((x @ gate.T) * (x @ up.T)) @ down.T


@swiglu.mistake(
    "gate and up have changed places: what goes through SiLU is the gate"
)
def wrong_one_bent(x, gate, up, down):
    return ((x @ gate.T) * _silu(x @ up.T)) @ down.T


@swiglu.mistake("both go through SiLU; only the gate does")
def both_bent(x, gate, up, down):
    return (_silu(x @ gate.T) * _silu(x @ up.T)) @ down.T


@swiglu.mistake(
    "SiLU is taken of the product; it is taken of the gate, before the product"
)
def bent_product(x, gate, up, down):
    return _silu((x @ gate.T) * (x @ up.T)) @ down.T


@swiglu.mistake("the two are added; a gate multiplies")
def added(x, gate, up, down):
    return (_silu(x @ gate.T) + (x @ up.T)) @ down.T


@swiglu.mistake("up plays no part: this is a feed-forward layer with SiLU, no gate")
def no_gate(x, gate, up, down):
    return _silu(x @ gate.T) @ down.T


@swiglu.mistake(
    "gate plays no part: this is a feed-forward layer with SiLU, no gate"
)
def no_gate_but_up(x, gate, up, down):
    return _silu(x @ up.T) @ down.T


@swiglu.mistake(
    "x is added at the end: that is the work of the block; a part gives only what it "
    "writes"
)
def with_the_stream(x, gate, up, down):
    return x + gated(x, gate, up, down)


@swiglu.mistake(
    "the last matrix is missing: what is inside, (..., F), has to come back to (..., C)"
)
def not_down(x, gate, up, down):
    return _silu(x @ gate.T) * (x @ up.T)


@swiglu.mistake(
    "the sigmoid of the gate is 1 / (1 + e^x) here: the sign of the exponent is wrong, "
    "and the gate opens for negative numbers"
)
def wrong_sign(x, gate, up, down):
    opened = x @ gate.T
    return (opened * (-opened).sigmoid() * (x @ up.T)) @ down.T


@swiglu.symptom
def not_numbers(found, x, gate, up, down):
    if found.shape == x.shape and not found.isfinite().all():
        return (
            "some components are not numbers: e^x is out of range for a large x, and "
            "∞ / ∞ is no number; e^−x in the denominator does no harm"
        )
    return None


@not_numbers.mistake
def by_growing_exponentials(x, gate, up, down):
    opened = x @ gate.T
    return (opened * opened.exp() / (1 + opened.exp()) * (x @ up.T)) @ down.T


# --- ★★ How long the stream becomes -----------------------------------------------


@exercise("orthogonal vectors add their squares", Values("size"))
def stream_size() -> Iterator[tuple]:
    """`stream_size(n_parts, scale, normed)`: the size at the end, 1 at the start."""
    numbers = random_numbers()
    yield 24, 0.9, False  # not 1, where s and s² are the same
    yield 24, 1.0, True
    for n in (1, 2, 7, 12, numbers.randint(13, 40)):
        for normed in (False, True):
            yield n, numbers.choice([0.3, 0.5, 0.8, 1.5]), normed
    yield 24, 24**-0.5, False
    yield 24, 24**-0.5, True
    yield 0, 0.5, False
    yield 0, 2.0, True


@stream_size.right
def by_formula(n_parts, scale, normed):
    if normed:
        return math.sqrt(1 + n_parts * scale**2)
    return (1 + scale**2) ** (n_parts / 2)


@stream_size.right
def by_steps(n_parts, scale, normed):
    square = 1.0
    for _ in range(n_parts):
        square += scale**2 * (1 if normed else square)
    return torch.tensor(square, dtype=torch.float64).sqrt()


@stream_size.right
def by_logarithms(n_parts, scale, normed):
    if not normed:
        return math.exp(n_parts / 2 * math.log1p(scale * scale))
    return math.hypot(1, *[scale] * n_parts)


@stream_size.mistake(
    "the sizes are added; of vectors that are orthogonal to each other, the squares add "
    "up"
)
def sizes_added(n_parts, scale, normed):
    return 1 + n_parts * scale if normed else (1 + scale) ** n_parts


@stream_size.mistake("this is the square of the size: take the root at the end")
def squared(n_parts, scale, normed):
    return by_formula(n_parts, scale, normed) ** 2


@stream_size.mistake(
    "without a norm this is the square of the size: take the root of it, as you do with "
    "a norm"
)
def squared_without_a_norm(n_parts, scale, normed):
    size = by_formula(n_parts, scale, normed)
    return size if normed else size**2


@stream_size.mistake(
    "the scale stands as it is; in the square of a size it is squared"
)
def scale_not_squared(n_parts, scale, normed):
    if normed:
        return math.sqrt(1 + n_parts * scale)
    return (1 + scale) ** (n_parts / 2)


@stream_size.mistake(
    "the scale plays no part here: a part writes scale times what it reads"
)
def no_scale(n_parts, scale, normed):
    return by_formula(n_parts, 1.0, normed)


@stream_size.mistake(
    "without a norm a part writes in proportion to what it reads, and what it reads "
    "grows; this is the answer for parts that read a normed copy"
)
def always_normed(n_parts, scale, normed):
    return by_formula(n_parts, scale, True)


@stream_size.mistake(
    "with a norm every part reads size 1, however large the stream has become; this is "
    "the answer without a norm"
)
def never_normed(n_parts, scale, normed):
    return by_formula(n_parts, scale, False)


@stream_size.mistake("the two cases have changed places")
def cases_swapped(n_parts, scale, normed):
    return by_formula(n_parts, scale, not normed)


@stream_size.mistake(
    "the start is missing: what was there before the first part, of size 1, stays in the "
    "stream"
)
def no_start(n_parts, scale, normed):
    if normed:
        return math.sqrt(n_parts) * scale
    return scale**n_parts


@stream_size.mistake("one part too many has written: with no parts the size is 1")
def one_too_many(n_parts, scale, normed):
    return by_formula(n_parts + 1, scale, normed)


@stream_size.mistake("the last part is missing")
def one_too_few(n_parts, scale, normed):
    return by_formula(max(0, n_parts - 1), scale, normed)


@stream_size.mistake(
    "with a norm in the stream (post-norm) the size is always 1; here the norm stands in "
    "front of the part, and the stream grows"
)
def always_one(n_parts, scale, normed):
    return 1.0 if normed else by_formula(n_parts, scale, False)


@stream_size.mistake(
    "a block has two parts, but n_parts counts parts: no factor of two is needed"
)
def blocks_counted(n_parts, scale, normed):
    return by_formula(2 * n_parts, scale, normed)


# --- ★★★ Who is responsible for a guess? ------------------------------------------


@exercise("every part's own share of each logit, and together they are the logits")
def contributions() -> Iterator[tuple]:
    """`contributions(written, gain, head, eps)`: (P, C), (C,), (V, C) to (P, V)."""
    for P, C, V in ((3, 4, 5), (4, 4, 4), (5, 6, 6), (1, 3, 2), (9, 8, 12)):
        sizes = torch.rand(P, 1, dtype=torch.float64) * 3 + 0.1
        written = sizes * torch.randn(P, C, dtype=torch.float64)
        gain = torch.rand(C, dtype=torch.float64) + 0.5
        yield written, gain, torch.randn(V, C, dtype=torch.float64), 1e-5
    tiny = torch.randn(3, 4, dtype=torch.float64) / 100
    yield tiny, torch.ones(4).double(), torch.randn(5, 4).double(), 1e-3


def _size(x: Tensor, eps: float) -> Tensor:
    return (x.square().mean(-1, keepdim=True) + eps).sqrt()


@contributions.right
def shares_of_the_sum(written, gain, head, eps):
    return written / _size(written.sum(0), eps) * gain @ head.T


@contributions.right
def by_one_matrix(written, gain, head, eps):
    stream = written.sum(0)
    read = gain * head / _size(stream, eps)
    return torch.einsum("pc,vc->pv", written, read)


@contributions.right
def by_loops(written, gain, head, eps):
    stream = [sum(column) for column in written.T.tolist()]
    size = math.sqrt(sum(v * v for v in stream) / len(stream) + eps)
    return [
        [float((part * gain * row).sum()) / size for row in head]
        for part in written
    ]


@contributions.mistake(
    "each part is divided by its own size: then a part that wrote a little counts as much "
    "as one that wrote a lot, and the rows do not add up to the logits. The last norm "
    "divides the whole stream by one number"
)
def each_by_its_own_size(written, gain, head, eps):
    return written / _size(written, eps) * gain @ head.T


@contributions.mistake(
    "the norm is missing: the head reads the stream divided by its size"
)
def no_norm(written, gain, head, eps):
    return written * gain @ head.T


@contributions.mistake("the gain of the last norm is missing")
def without_gain(written, gain, head, eps):
    return written / _size(written.sum(0), eps) @ head.T


@contributions.mistake(
    "these are the logits after each part (the logit lens): row p holds all that was "
    "written up to there. Asked for is what part p alone brings, at the end"
)
def lens(written, gain, head, eps):
    stream = written.cumsum(0)
    return stream / _size(stream, eps) * gain @ head.T


@contributions.mistake(
    "the rows add up from part to part: row p holds all parts up to p; it should hold "
    "part p alone"
)
def running_sum(written, gain, head, eps):
    return shares_of_the_sum(written, gain, head, eps).cumsum(0)


@contributions.mistake(
    "each row is the change that a part makes to the logits after it. That counts the "
    "norm, which changes from part to part; asked for is its share under the last one"
)
def steps_of_the_lens(written, gain, head, eps):
    logits = lens(written, gain, head, eps)
    return torch.cat((logits[:1], logits.diff(dim=0)))


@contributions.mistake(
    "the size is that of all parts together, as one long row of numbers; the stream is "
    "their sum, and its size another"
)
def size_of_the_parts(written, gain, head, eps):
    size = (written.square().mean() + eps).sqrt()
    return written / size * gain @ head.T


@contributions.mistake(
    "the sizes of the parts are added; the size that counts is that of their sum, and "
    "parts may cancel"
)
def sum_of_sizes(written, gain, head, eps):
    return written / _size(written, eps).sum() * gain @ head.T


@contributions.mistake(
    "divided by the length, the root of a sum; RMSNorm divides by the root of a mean"
)
def by_length_of_the_sum(written, gain, head, eps):
    length = (written.sum(0).square().sum() + eps).sqrt()
    return written / length * gain @ head.T


@contributions.mistake(
    "the stream is taken as the mean of what was written; it is the sum"
)
def mean_stream(written, gain, head, eps):
    return written / _size(written.mean(0), eps) * gain @ head.T


@contributions.mistake(
    "epsilon is missing under the root: with a small stream it shows"
)
def contributions_without_eps(written, gain, head, eps):
    return shares_of_the_sum(written, gain, head, 0.0)


@contributions.mistake(
    "these are the logits of the whole model, (V,); asked for is a row for each part"
)
def logits_only(written, gain, head, eps):
    return shares_of_the_sum(written, gain, head, eps).sum(0)


@contributions.mistake(
    "a softmax has been taken: shares of a logit may be negative, and add up to the "
    "logits, not to 1"
)
def as_probabilities(written, gain, head, eps):
    return shares_of_the_sum(written, gain, head, eps).softmax(-1)


@contributions.mistake("parts and tokens have changed places: a row for each part")
def turned(written, gain, head, eps):
    return shares_of_the_sum(written, gain, head, eps).T
