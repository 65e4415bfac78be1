"""The exercises of chapter 13, GPT, assembled and counted."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from book.exercises.answers import Numbers, Values
from book.exercises.exercise import exercise, random_numbers
from book.exercises.watch import Step
from llm.count import activation_numbers, parameters, training_bytes
from llm.model import GPTConfig

# --- ★ Count a GPT-2 --------------------------------------------------------------


@exercise("every weight, every bias, and no matrix twice", Values("the count"))
def count_gpt2() -> Iterator[tuple]:
    """`count_gpt2(vocab_size, context_length, d_model, n_layers, tied)`."""
    dice = random_numbers()
    for tied in (True, False):
        sizes = (dice.randint(n, 9 * n) for n in (50, 30, 10))
        yield (*sizes, dice.randint(2, 9), tied)
    yield 50_257, 1_024, 768, 12, True
    yield 11, 5, 8, 1, False


def _block(C: int) -> int:
    return 12 * C * C + 13 * C


@count_gpt2.right
def in_one_line(vocab_size, context_length, d_model, n_layers, tied):
    rows = (1 if tied else 2) * vocab_size + context_length
    return rows * d_model + n_layers * _block(d_model) + 2 * d_model


@count_gpt2.right
def matrix_by_matrix(vocab_size, context_length, d_model, n_layers, tied):
    C, total = d_model, 0
    for _ in range(n_layers):
        for n_in, n_out in 4 * [(C, C)] + [(C, 4 * C), (4 * C, C)]:
            total += n_in * n_out + n_out
        total += 2 * (C + C)
    total += vocab_size * C + context_length * C + 2 * C
    return total if tied else total + vocab_size * C


@count_gpt2.right
def as_a_tensor(vocab_size, context_length, d_model, n_layers, tied):
    return torch.tensor(
        in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    )


@count_gpt2.mistake("the biases are missing: a layer has one for each output")
def no_biases(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - 9 * n_layers * d_model


@count_gpt2.mistake("neither the biases of the layers nor the norms are counted")
def matrices_only(vocab_size, context_length, d_model, n_layers, tied):
    rows = (1 if tied else 2) * vocab_size + context_length
    return rows * d_model + 12 * n_layers * d_model**2


@count_gpt2.mistake("the norms are missing: two in each block, and one at the end")
def no_norms(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - (4 * n_layers + 2) * d_model


@count_gpt2.mistake("the last norm is missing, the one in front of the head")
def no_last_norm(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - 2 * d_model


@count_gpt2.mistake("a norm has a gain and a shift: two numbers for each component")
def norms_without_shift(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - (2 * n_layers + 1) * d_model


@count_gpt2.mistake("one norm in each block is missing: there are two")
def one_norm_a_block(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - 2 * n_layers * d_model


@count_gpt2.mistake(
    "the positions are missing: a row for each place in the context"
)
def no_positions(vocab_size, context_length, d_model, n_layers, tied):
    return in_one_line(vocab_size, 0, d_model, n_layers, tied)


@count_gpt2.mistake(
    "a tied head has no parameters of its own: its matrix is counted already"
)
def head_twice(vocab_size, context_length, d_model, n_layers, tied):
    return in_one_line(vocab_size, context_length, d_model, n_layers, False)


@count_gpt2.mistake("a head that is not tied has a matrix of its own, V × C")
def head_never(vocab_size, context_length, d_model, n_layers, tied):
    return in_one_line(vocab_size, context_length, d_model, n_layers, True)


@count_gpt2.mistake("it is the other way round: tied means one matrix, not two")
def tied_means_two(vocab_size, context_length, d_model, n_layers, tied):
    return in_one_line(vocab_size, context_length, d_model, n_layers, not tied)


@count_gpt2.mistake(
    "attention has four matrices: query, key, value, and output after the heads"
)
def no_output_matrix(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole - n_layers * (d_model + 1) * d_model


@count_gpt2.mistake("the feed-forward layer is 4 C wide inside, not C")
def narrow_inside(vocab_size, context_length, d_model, n_layers, tied):
    C = d_model
    whole = in_one_line(vocab_size, context_length, C, n_layers, tied)
    return whole - n_layers * (6 * C * C + 3 * C)


@count_gpt2.mistake(
    "the way back is missing: the feed-forward layer has two matrices"
)
def up_only(vocab_size, context_length, d_model, n_layers, tied):
    C = d_model
    whole = in_one_line(vocab_size, context_length, C, n_layers, tied)
    return whole - n_layers * (4 * C * C + C)


@count_gpt2.mistake("this is one block; there are n_layers of them")
def one_block(vocab_size, context_length, d_model, n_layers, tied):
    return in_one_line(vocab_size, context_length, d_model, 1, tied)


@count_gpt2.mistake(
    "these are the blocks alone, without the tables and the last norm"
)
def blocks_alone(vocab_size, context_length, d_model, n_layers, tied):
    return n_layers * _block(d_model)


@count_gpt2.mistake("the head of GPT-2 has no bias")
def head_with_bias(vocab_size, context_length, d_model, n_layers, tied):
    whole = in_one_line(vocab_size, context_length, d_model, n_layers, tied)
    return whole + vocab_size


# --- ★ The first loss -------------------------------------------------------------


@exercise("the uniform guess, and what being sure costs", Values("the loss"))
def first_loss() -> Iterator[tuple]:
    """`first_loss(std, d_model, vocab_size)`: nats, before any training."""
    dice = random_numbers()
    for _ in range(3):
        std = dice.uniform(0.02, 0.3)
        yield std, dice.randint(3, 900), dice.randint(5, 60_000)
    yield 0.0, 64, 100
    yield 1.0, 64, 70
    yield 0.02, 768, 50_257


@first_loss.right
def half_the_variance(std, d_model, vocab_size):
    return math.log(vocab_size) + std**2 * d_model / 2


@first_loss.right
def by_sigma(std, d_model, vocab_size):
    sigma = torch.tensor(std) * torch.tensor(float(d_model)).sqrt()
    return torch.tensor(float(vocab_size)).log() + 0.5 * sigma.square()


@first_loss.right
def of_a_logarithm(std, d_model, vocab_size):
    sigma = std * d_model**0.5
    return [math.log(vocab_size * math.exp(sigma**2 / 4)) + sigma * sigma / 4]


@first_loss.mistake(
    "that is the loss of a uniform guess; what does the spread cost?"
)
def uniform(std, d_model, vocab_size):
    return math.log(vocab_size)


@first_loss.mistake(
    "that is what the spread costs; a uniform guess costs ln V besides"
)
def spread_alone(std, d_model, vocab_size):
    return std**2 * d_model / 2


@first_loss.mistake("half the *square* of σ: it enters as the variance")
def half_of_sigma(std, d_model, vocab_size):
    return math.log(vocab_size) + std * math.sqrt(d_model) / 2


@first_loss.mistake(
    "a half is missing: the mean of e to a normal number is e to σ²/2"
)
def whole_variance(std, d_model, vocab_size):
    return math.log(vocab_size) + std**2 * d_model


@first_loss.mistake("σ is s times the root of C, so its square has one C, not two")
def width_squared(std, d_model, vocab_size):
    return math.log(vocab_size) + (std * d_model) ** 2 / 2


@first_loss.mistake(
    "s is the spread of the weights; a logit is a sum over C of them"
)
def width_ignored(std, d_model, vocab_size):
    return math.log(vocab_size) + std**2 / 2


@first_loss.mistake(
    "σ = s √C: s has to be squared as well, and here it enters as it is"
)
def std_not_squared(std, d_model, vocab_size):
    return math.log(vocab_size) + std * d_model / 2


@first_loss.mistake(
    "the sign is wrong: to be sure without a reason costs something"
)
def minus(std, d_model, vocab_size):
    return math.log(vocab_size) - std**2 * d_model / 2


@first_loss.mistake("in bits; nats have the natural logarithm")
def bits(std, d_model, vocab_size):
    return math.log2(vocab_size) + std**2 * d_model / 2


@first_loss.mistake("log10 is no nat: use math.log")
def tens(std, d_model, vocab_size):
    return math.log10(vocab_size) + std**2 * d_model / 2


@first_loss.mistake(
    "that is e to the loss, a perplexity: the loss is its logarithm"
)
def perplexity(std, d_model, vocab_size):
    return vocab_size * math.exp(std**2 * d_model / 2)


@first_loss.mistake(
    "the vocabulary and the width have changed places: the logits are spread by "
    "sums over C"
)
def swapped(std, d_model, vocab_size):
    return math.log(d_model) + std**2 * vocab_size / 2


# --- ★★ Only the last position writes ---------------------------------------------


@exercise("one row for each text, and no work for the others", Numbers("the logit"))
def last_logits() -> Iterator[tuple]:
    """`last_logits(x, gain, shift, table)`: (B, T, C) to (B, V)."""
    for B, T, C, V in ((3, 5, 4, 7), (1, 2, 6, 6), (2, 1, 3, 5), (4, 4, 4, 4)):
        x = 3 * torch.randn(B, T, C) + 1
        yield x, 1 + torch.rand(C), torch.randn(C), torch.randn(V, C)
    small = 1e-3 * torch.randn(2, 3, 8)
    yield small, torch.ones(8), torch.randn(8), torch.randn(9, 8)


def _normed(x, gain, shift, eps=1e-5, correction=0):
    mean = x.mean(-1, keepdim=True)
    variance = x.var(-1, correction=correction, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * gain + shift


@last_logits.right
def last_written_out(x, gain, shift, table):
    return _normed(x[:, -1], gain, shift) @ table.T


@last_logits.right
def last_by_library(x, gain, shift, table):
    last = F.layer_norm(x[:, -1], gain.shape, gain, shift, 1e-5)
    return F.linear(last, table)


@last_logits.right
def last_by_loops(x, gain, shift, table):
    out = torch.zeros(len(x), len(table), dtype=x.dtype)
    for b in range(len(x)):
        vector = _normed(x[b, -1], gain, shift)
        for v in range(len(table)):
            out[b, v] = (vector * table[v]).sum()
    return out


@last_logits.right
def last_of_a_turned_copy(x, gain, shift, table):
    return _normed(x.double().transpose(0, 1)[-1], gain, shift) @ table.T.double()


@last_logits.right
def last_by_einsum(x, gain, shift, table):
    return torch.einsum("bc,vc->bv", _normed(x[:, -1], gain, shift), table)


@last_logits.mistake(
    "these are the logits of all positions, (B, T, V); only the last one is asked for"
)
def all_positions(x, gain, shift, table):
    return _normed(x, gain, shift) @ table.T


@last_logits.mistake(
    "a row of size 1 is left over: x[:, -1:] keeps the axis of the positions"
)
def axis_kept(x, gain, shift, table):
    return _normed(x[:, -1:], gain, shift) @ table.T


@last_logits.mistake("that is the first position: what follows the text comes last")
def first_position(x, gain, shift, table):
    return _normed(x[:, 0], gain, shift) @ table.T


@last_logits.mistake("the mean over the positions; only the last one is asked for")
def mean_position(x, gain, shift, table):
    return _normed(x.mean(1), gain, shift) @ table.T


@last_logits.mistake(
    "x[-1] is the last *text* of the batch; the positions are the second axis"
)
def last_text(x, gain, shift, table):
    return _normed(x[-1], gain, shift) @ table.T


@last_logits.mistake("the norm is missing: the head reads normalised vectors")
def no_norm(x, gain, shift, table):
    return x[:, -1] @ table.T


@last_logits.mistake("gain and shift of the norm are missing")
def bare_norm(x, gain, shift, table):
    return _normed(x[:, -1], 1, 0) @ table.T


@last_logits.mistake("the shift of the norm is missing")
def no_shift(x, gain, shift, table):
    return _normed(x[:, -1], gain, 0) @ table.T


@last_logits.mistake("the shift comes after the gain, and is not multiplied by it")
def shift_before_gain(x, gain, shift, table):
    return (_normed(x[:, -1], 1, 0) + shift) * gain @ table.T


@last_logits.mistake("this is RMSNorm: LayerNorm also takes the mean away")
def rms(x, gain, shift, table):
    last = x[:, -1]
    scale = (last.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return (last / scale * gain + shift) @ table.T


@last_logits.mistake(
    "the variance divides by C - 1: LayerNorm takes the mean of the squares, "
    "correction=0"
)
def corrected(x, gain, shift, table):
    return _normed(x[:, -1], gain, shift, correction=1) @ table.T


@last_logits.mistake(
    "divided by the variance: it is its root, the standard deviation"
)
def by_variance(x, gain, shift, table):
    last = x[:, -1]
    centred = last - last.mean(-1, keepdim=True)
    variance = last.var(-1, correction=0, keepdim=True)
    return (centred / (variance + 1e-5) * gain + shift) @ table.T


@last_logits.mistake("the epsilon is missing: small vectors are blown up")
def no_epsilon(x, gain, shift, table):
    return _normed(x[:, -1], gain, shift, eps=0) @ table.T


@last_logits.mistake("these are probabilities; the logits are what comes before")
def probabilities(x, gain, shift, table):
    return (_normed(x[:, -1], gain, shift) @ table.T).softmax(-1)


@last_logits.refused("stopped with RuntimeError")
def untransposed(x, gain, shift, table):
    return _normed(x[:, -1], gain, shift) @ table


# What changes no number: to look at all positions in another way is no work.
VIEWS_AND_COPIES = {
    "alias", "as_strided", "clone", "detach", "expand", "flatten", "permute", "reshape",
    "select", "slice", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view",
    "_reshape_alias", "_to_copy", "_unsafe_view",
}  # fmt: skip


@last_logits.forbids(
    "the logits are right, and were computed with work for positions that nobody asked "
    "for: take x[:, -1] first, then norm and head"
)
def work_for_all(step: Step, x, gain, shift, table) -> bool:
    B, T, _ = x.shape
    result = step.result[0] if isinstance(step.result, tuple) else step.result
    if T == 1 or not isinstance(result, torch.Tensor) or step.name.endswith("_"):
        return False  # a change in place has a message of its own
    rows = (
        result.shape[:2] == (B, T)
        if result.dim() == 3
        else result.shape[:1] == (B * T,)
    )
    return bool(rows) and step.name not in VIEWS_AND_COPIES


@work_for_all.mistake
def all_and_then_the_last(x, gain, shift, table):
    return (_normed(x, gain, shift) @ table.T)[:, -1]


@work_for_all.mistake
def all_normed(x, gain, shift, table):
    return F.layer_norm(x, gain.shape, gain, shift, 1e-5)[:, -1] @ table.T


@work_for_all.mistake
def all_in_one_row(x, gain, shift, table):
    B, T, C = x.shape
    logits = _normed(x.reshape(B * T, C), gain, shift) @ table.T
    return logits.view(B, T, -1)[:, -1]


# --- ★★ The cache -----------------------------------------------------------------


@exercise(
    "a key and a value for each text, block, shared head and token",
    Values("the number of bytes"),
)
def cache_bytes() -> Iterator[tuple]:
    """`cache_bytes(n_layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens,
    bytes_per_number)`."""
    dice = random_numbers()
    for _ in range(3):
        n_kv_heads, shared, width = (dice.randint(2, 6) for _ in range(3))
        n_heads = n_kv_heads * shared
        n_layers, batch, n_tokens = (dice.randint(2, 9) for _ in range(3))
        sizes = (n_layers, n_heads * width, n_heads, n_kv_heads)
        yield (*sizes, batch, n_tokens, dice.choice([2, 4]))
    yield 11, 24, 12, 3, 5, 7, 4
    yield 80, 8_192, 64, 8, 1, 4_096, 2


@cache_bytes.right
def two_for_each(layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens, size):
    head_dim = d_model // n_heads
    return 2 * layers * n_kv_heads * head_dim * batch_size * n_tokens * size


@cache_bytes.right
def counted_by_tensors(
    layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens, size
):
    dtype = {2: torch.bfloat16, 4: torch.float32}[size]
    shape = (batch_size, n_kv_heads, n_tokens, d_model // n_heads)
    return layers * 2 * torch.zeros(shape, dtype=dtype, device="meta").nbytes


@cache_bytes.right
def one_by_one(layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens, size):
    total = 0
    for _ in range(layers):
        for _ in ("keys", "values"):
            total += (
                batch_size * n_tokens * (d_model * n_kv_heads // n_heads) * size
            )
    return total


def _of_cache(factor, hint: str) -> None:
    """Register what is wrong by a factor, a function of the inputs."""

    def wrong(layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens, size):
        inputs = (layers, d_model, n_heads, n_kv_heads, batch_size, n_tokens, size)
        return two_for_each(*inputs) * factor(*inputs)

    cache_bytes.mistake(hint)(wrong)


_of_cache(
    lambda *_: 0.5, "keys *and* values are kept: two vectors where you have one"
)
_of_cache(
    lambda L, C, H, kv, B, T, size: H / kv,
    "only the heads for keys and values are kept, n_kv_heads; the others only ask",
)
_of_cache(
    lambda L, C, H, kv, B, T, size: H,
    "d_model is the width of all heads together: one head has d_model / n_heads",
)
_of_cache(
    lambda L, C, H, kv, B, T, size: H / kv / kv,
    "a head has the width d_model / n_heads, not d_model / n_kv_heads, and there are "
    "n_kv_heads of them",
)
_of_cache(
    lambda L, *_: 1 / L, "this is one block; each has keys and values of its own"
)
_of_cache(
    lambda L, C, H, kv, B, T, size: 1 / B,
    "this is one text; each of the batch has keys and values of its own",
)
_of_cache(
    lambda L, C, H, kv, B, T, size: 1 / size,
    "these are numbers; how many bytes does each take?",
)
_of_cache(lambda *_: 8, "these are bits: eight of them are a byte")
_of_cache(
    lambda L, C, H, kv, B, T, size: T,
    "a key and a value for each token, not for each pair: the scores are not kept",
)
_of_cache(
    lambda L, C, H, kv, B, T, size: 1 / kv,
    "this is one head; there are n_kv_heads of them",
)
_of_cache(
    lambda L, C, H, kv, B, T, size: 1 / T,
    "this is one token; every earlier one is kept",
)
_of_cache(
    lambda *_: 1.5,
    "queries are not kept: each is asked once, when its token is read",
)


# --- ★ What a run takes -----------------------------------------------------------


@exercise("operations over what is done in a day", Values("the number of days"))
def training_days() -> Iterator[tuple]:
    """`training_days(n_parameters, n_tokens, peak, utilisation)`."""
    dice = random_numbers()
    for _ in range(3):
        yield (
            dice.uniform(1e9, 1e11),
            dice.uniform(1e11, 1e13),
            dice.uniform(1e17, 1e18),
            dice.uniform(0.2, 0.7),
        )
    yield 175e9, 300e9, 1e17, 0.21
    yield 124e6, 10e9, 1e14, 1.0


@training_days.right
def six_n_d(n_parameters, n_tokens, peak, utilisation):
    return 6 * n_parameters * n_tokens / peak / utilisation / 86_400


@training_days.right
def two_and_four(n_parameters, n_tokens, peak, utilisation):
    forward = 2 * n_parameters * n_tokens
    backward = 2 * forward
    done_in_a_day = (
        24 * 3600 * torch.tensor(peak, dtype=torch.float64) * utilisation
    )
    return (forward + backward) / done_in_a_day


@training_days.right
def by_hours(n_parameters, n_tokens, peak, utilisation):
    rate = peak * utilisation
    hours = 6 * n_parameters * n_tokens / rate / 60 / 60
    return torch.tensor([hours / 24], dtype=torch.float64)


def _of_days(factor, hint: str) -> None:
    """Register what is wrong by a factor, a function of the inputs."""

    def wrong(n_parameters, n_tokens, peak, utilisation):
        inputs = (n_parameters, n_tokens, peak, utilisation)
        return six_n_d(*inputs) * factor(*inputs)

    training_days.mistake(hint)(wrong)


_of_days(
    lambda *_: 1 / 3, "that is the forward pass alone: backward is two more of it"
)
_of_days(lambda *_: 2 / 3, "backward costs twice the forward pass, 4N: together 6N")
_of_days(
    lambda *_: 1 / 6,
    "each parameter costs six operations a token, here it costs one",
)
_of_days(lambda *_: 0.5, "a multiplication *and* an addition: two for each product")
_of_days(
    lambda N, D, peak, use: use**2,
    "a low utilisation makes a run longer: divide by it",
)
_of_days(
    lambda N, D, peak, use: use, "the machines reach only a share of their peak"
)
_of_days(lambda *_: 86_400, "that is in seconds")
_of_days(lambda *_: 1_440, "that is in minutes")
_of_days(lambda *_: 24, "that is in hours")
_of_days(lambda *_: 1 / 365, "that is in years")
_of_days(lambda *_: 24 / 60, "an hour has 60 · 60 seconds, a day 24 hours")
_of_days(lambda *_: 0.01, "the utilisation goes from 0 to 1: it is no percentage")
_of_days(
    lambda N, D, *_: 1 / D, "that is for one token; there are n_tokens of them"
)
_of_days(
    lambda N, D, *_: N,
    "the operations are in proportion to the parameters, not to their square",
)


# --- ★★★ The largest batch --------------------------------------------------------


@exercise("sixteen bytes a parameter, then whole texts", Values("the batch"))
def largest_batch() -> Iterator[tuple]:
    """`largest_batch(memory, config, n_tokens)`."""
    dice = random_numbers()
    wide = {"d_model": 64, "n_heads": 4, "n_layers": 4, "vocab_size": 90}
    long = {"d_model": 16, "n_heads": 4, "n_layers": 3, "vocab_size": 50}
    gpt2, llama = (
        GPTConfig(context_length=80, architecture=kind, **sizes)
        for kind, sizes in (("gpt2", wide), ("llama", long))
    )
    for config, n_tokens in ((gpt2, 9), (llama, 70), (gpt2, 11), (llama, 61)):
        once, each = _once_and_each(config, n_tokens)
        yield once + each * dice.randint(40, 90) + each * 3 // 4, config, n_tokens
    once, each = _once_and_each(gpt2, 9)
    yield once + 7 * each, gpt2, 9  # seven fit to the last byte
    yield once + each + 1, gpt2, 9  # one fits
    yield once + each - 1, gpt2, 9  # none
    yield once // 2, gpt2, 9


def _once_and_each(config: GPTConfig, n_tokens: int) -> tuple[int, int]:
    """Bytes that are taken however many texts there are, and those of each text."""
    one, two = (activation_numbers(config, b, n_tokens) for b in (1, 2))
    return 16 * parameters(config) + 4 * (2 * one - two), 4 * (two - one)


@largest_batch.right
def what_is_left(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return max(0, (memory - once) // each)


@largest_batch.right
def by_trying(memory, config, n_tokens):
    n_texts = 0
    while sum(training_bytes(config, n_texts + 1, n_tokens).values()) <= memory:
        n_texts += 1
    return n_texts


@largest_batch.right
def by_halving(memory, config, n_tokens):
    fits, too_many = 0, 10**6
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if sum(training_bytes(config, middle, n_tokens).values()) <= memory:
            fits = middle
        else:
            too_many = middle
    return float(fits)


def _of_batch(bytes_each: int, hint: str) -> None:
    def wrong(memory, config, n_tokens):
        more = (16 - bytes_each) * parameters(config)
        return what_is_left(memory + more, config, n_tokens)

    largest_batch.mistake(hint)(wrong)


_of_batch(0, "the model itself takes memory too")
_of_batch(4, "these are the weights; training also needs gradients and optimizer")
_of_batch(
    8, "weights and gradients; AdamW keeps two more numbers for each parameter"
)
_of_batch(12, "three numbers for each parameter: weight, gradient, and *two* means")
_of_batch(
    1, "a parameter is not a byte: how many are kept for it, and of what size?"
)
_of_batch(2, "two bytes would be a weight in half precision: this is float32")
_of_batch(20, "weights, gradients and both means: 16 bytes, not 20 or more")


@largest_batch.mistake(
    "the activations of one text are multiplied here. A part of them, the mask in each "
    "block, is kept once, however many texts there are"
)
def masks_for_each(memory, config, n_tokens):
    left = memory - 16 * parameters(config)
    return max(0, left // (4 * activation_numbers(config, 1, n_tokens)))


@largest_batch.mistake(
    "these are numbers; how many bytes does each activation take?"
)
def activations_without_bytes(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return max(0, (memory - once) // (each // 4))


@largest_batch.mistake(
    "these are texts of the whole context; the texts have n_tokens"
)
def whole_contexts(memory, config, n_tokens):
    return what_is_left(memory, config, config.context_length)


@largest_batch.mistake("these are tokens; how many whole texts are they?")
def in_tokens(memory, config, n_tokens):
    return n_tokens * what_is_left(memory, config, n_tokens)


@largest_batch.mistake("half a text is no text: round down")
def not_rounded(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return max(0.0, (memory - once) / each)


@largest_batch.mistake("rounded up or to the nearest: the last text does not fit")
def rounded_up(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return max(0, -(-(memory - once) // each))


@largest_batch.mistake("rounded up or to the nearest: the last text does not fit")
def to_the_nearest(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return max(0, round((memory - once) / each))


@largest_batch.mistake("where not even one text fits, the answer is 0")
def negative(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return (memory - once) // each


@largest_batch.mistake("where not even one text fits, the answer is 0, not 1")
def at_least_one(memory, config, n_tokens):
    return max(1, what_is_left(memory, config, n_tokens))


@largest_batch.mistake("one too few: a text that fits to the last byte fits")
def one_too_few(memory, config, n_tokens):
    return what_is_left(memory - 1, config, n_tokens)


@largest_batch.mistake("this is the first batch that is too large: one less fits")
def one_too_many(memory, config, n_tokens):
    return what_is_left(memory, config, n_tokens) + 1


@largest_batch.mistake("one text fits here, and that is a batch too")
def from_two_on(memory, config, n_tokens):
    n_texts = what_is_left(memory, config, n_tokens)
    return n_texts if n_texts > 1 else 0


@largest_batch.mistake(
    "the parameters are there once, not once for each text: take them off first"
)
def parameters_in_each(memory, config, n_tokens):
    once, each = _once_and_each(config, n_tokens)
    return memory // (once + each)
