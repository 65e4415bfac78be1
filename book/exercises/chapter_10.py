"""The exercises of chapter 10, Many heads."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from book.exercises.answers import Values
from book.exercises.exercise import exercise
from llm.attention import attention, causal_mask

# --- ★ Split and merge ------------------------------------------------------------


@exercise("each head has its own share of the width of every position")
def split_heads() -> Iterator[tuple]:
    """`split_heads(x, n_heads)`: (B, T, C) to (B, H, T, D)."""
    yield torch.randn(2, 5, 12), 3
    yield torch.randn(1, 4, 6), 2
    yield torch.randn(3, 4, 4), 4
    yield torch.randn(2, 3, 8), 1
    yield torch.randn(2, 1, 6), 3
    yield torch.randn(2, 6, 5).transpose(1, 2), 2  # not row by row in memory
    yield torch.arange(48).view(2, 4, 6), 2


@split_heads.right
def split_by_slices(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=1)


@split_heads.right
def split_by_view(x, n_heads):
    B, T, _ = x.shape
    return x.reshape(B, T, n_heads, -1).transpose(1, 2)


@split_heads.right
def split_by_unflatten(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).permute(0, 2, 1, 3)


@split_heads.right
def split_by_loop(x, n_heads):
    B, T, C = x.shape
    D = C // n_heads
    heads = torch.zeros(B, n_heads, T, D, dtype=x.dtype)
    for h in range(n_heads):
        heads[:, h] = x[..., h * D : (h + 1) * D]
    return heads


@split_heads.mistake(
    "the shape is right and the numbers are not: each head got a piece of the text in "
    "place of a share of the width. Which two dimensions does the width become, and "
    "which two change places then?"
)
def view_alone(x, n_heads):
    B, T, C = x.shape
    return x.reshape(B, n_heads, T, C // n_heads)


@split_heads.mistake(
    "the heads are told apart, but they still stand after the positions: attention "
    "takes the last two dimensions for positions and components"
)
def not_transposed(x, n_heads):
    B, T, _ = x.shape
    return x.reshape(B, T, n_heads, -1)


@split_heads.mistake(
    "the components of the heads alternate: head h gets every n_heads-th one. Each head "
    "has a block of neighbours: of the two new dimensions that of the heads comes first"
)
def interleaved(x, n_heads):
    B, T, C = x.shape
    return x.reshape(B, T, C // n_heads, n_heads).permute(0, 3, 1, 2)


@split_heads.mistake(
    "positions and components have changed places: a head is (T, D), positions first"
)
def turned(x, n_heads):
    return split_by_view(x, n_heads).transpose(-2, -1)


@split_heads.mistake(
    "heads and width of a head have changed places: n_heads says how many there are, "
    "not how wide they are"
)
def heads_of_that_width(x, n_heads):
    B, T, _ = x.shape
    return x.reshape(B, T, -1, n_heads).transpose(1, 2)


@split_heads.mistake(
    "the heads stand in front of the batch: the batch comes first, then the heads"
)
def before_the_batch(x, n_heads):
    B, T, _ = x.shape
    return x.reshape(B, T, n_heads, -1).permute(2, 0, 1, 3)


@split_heads.mistake(
    "batch and heads have become one dimension: keep both, (B, H, T, D)"
)
def in_one(x, n_heads):
    return split_by_view(x, n_heads).flatten(0, 1)


@split_heads.mistake(
    "every head gets the whole width: that is H layers, not one layer in H parts"
)
def whole_width(x, n_heads):
    return x[:, None].expand(-1, n_heads, -1, -1)


@split_heads.mistake("that is the first head only: all of them are wanted")
def first_head(x, n_heads):
    return x[..., : x.shape[-1] // n_heads]


@split_heads.mistake(
    "the heads come in the opposite order: head 0 has the first components"
)
def from_the_end(x, n_heads):
    return split_by_view(x, n_heads).flip(1)


@exercise("the heads stand side by side again, in their order")
def merge_heads() -> Iterator[tuple]:
    """`merge_heads(heads)`: (B, H, T, D) to (B, T, C)."""
    yield (torch.randn(2, 3, 5, 4),)
    yield (torch.randn(1, 2, 4, 3),)
    yield (torch.randn(2, 4, 4, 4),)
    yield (torch.randn(3, 1, 4, 2),)
    yield (torch.randn(2, 3, 1, 2),)
    yield (torch.randn(2, 5, 3, 4).transpose(1, 2),)
    yield (torch.arange(48).view(2, 2, 4, 3),)


@merge_heads.right
def merge_by_cat(heads):
    return torch.cat(list(heads.unbind(1)), dim=-1)


@merge_heads.right
def merge_by_flatten(heads):
    return heads.transpose(1, 2).flatten(2)


@merge_heads.right
def merge_by_reshape(heads):
    B, H, T, D = heads.shape
    return heads.permute(0, 2, 1, 3).reshape(B, T, H * D)


@merge_heads.right
def merge_by_loop(heads):
    B, H, T, D = heads.shape
    x = torch.zeros(B, T, H * D, dtype=heads.dtype)
    for h in range(H):
        x[..., h * D : (h + 1) * D] = heads[:, h]
    return x


@merge_heads.mistake(
    "the shape is right and the numbers are not: one head came to its end before the "
    "next one began. The heads of one position have to stand beside each other first"
)
def without_transposing(heads):
    B, H, T, D = heads.shape
    return heads.reshape(B, T, H * D)


@merge_heads.mistake(
    "the components of the heads alternate: what split was given is not what comes back"
)
def alternating(heads):
    return heads.permute(0, 2, 3, 1).flatten(2)


@merge_heads.mistake(
    "the heads are averaged: they answer different questions, and all answers are kept"
)
def averaged(heads):
    return heads.mean(1)


@merge_heads.mistake(
    "the heads are added up: then nobody can tell who answered what. Adding comes later, "
    "each head through its own part of the projection"
)
def added(heads):
    return heads.sum(1)


@merge_heads.mistake(
    "the heads are in front of the components, but not joined with them: (B, T, H·D)"
)
def not_flattened(heads):
    return heads.transpose(1, 2)


@merge_heads.mistake(
    "heads and positions became one dimension: it is heads and components that do"
)
def longer_text(heads):
    return heads.flatten(1, 2)


@merge_heads.mistake(
    "positions and components have changed places: first the positions, (B, T, H·D)"
)
def on_its_side(heads):
    return merge_by_flatten(heads).transpose(1, 2)


@merge_heads.mistake("the heads come in the opposite order")
def opposite(heads):
    return merge_by_flatten(heads.flip(1))


@merge_heads.mistake("that is one head: the others have something to say, too")
def one_of_them(heads):
    return heads[:, 0]


@merge_heads.mistake("that is one head: the last one; the others count as well")
def last_of_them(heads):
    return heads[:, -1]


merge_heads.refused("reshape takes any, view does not")(
    lambda heads: heads.transpose(1, 2).view(
        len(heads), heads.shape[2], heads.shape[1] * heads.shape[3]
    )
)


# --- ★ How long a text fits -------------------------------------------------------


@exercise(
    "keys and values, for every layer and every head that has them", Values("it")
)
def tokens_that_fit() -> Iterator[tuple]:
    """`tokens_that_fit(memory, n_layers, n_heads, n_kv_heads, head_dim, each)`."""
    yield 10_000, 3, 4, 2, 5, 2
    yield 24_000_000_000, 80, 64, 8, 128, 2
    yield 24_000_000_000, 80, 64, 64, 128, 2
    yield 1_000_000, 12, 12, 12, 64, 4
    yield 2 * 4 * 3 * 16 * 4 * 100, 4, 6, 3, 16, 4  # fills it to the last byte
    yield 100, 12, 12, 12, 64, 4  # not even one


@tokens_that_fit.right
def whole_tokens(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return memory // (2 * n_layers * n_kv_heads * head_dim * each)


@tokens_that_fit.right
def rounded_down(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return math.floor(memory / (2 * n_layers * n_kv_heads * head_dim * each))


@tokens_that_fit.right
def counted_by_layer(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    a_token = 0
    for _ in range(n_layers):
        key = value = n_kv_heads * head_dim * each
        a_token += key + value
    return torch.tensor(memory // a_token)


def _fits(memory: float, a_token: float) -> int:
    return int(memory // a_token)


@tokens_that_fit.mistake("twice too many: a position leaves a key *and* a value")
def keys_only(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, n_layers * n_kv_heads * head_dim * each)


@tokens_that_fit.mistake(
    "every layer has keys and values of its own: where are the layers?"
)
def one_layer(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 2 * n_kv_heads * head_dim * each)


@tokens_that_fit.mistake(
    "n_heads counts the queries, and queries are not kept: which heads have keys and "
    "values?"
)
def for_each_query(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 2 * n_layers * n_heads * head_dim * each)


@tokens_that_fit.mistake(
    "head_dim is the width of *one* head: there are n_kv_heads of them"
)
def one_head(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 2 * n_layers * head_dim * each)


@tokens_that_fit.mistake("a head keeps head_dim numbers, not one")
def one_number(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 2 * n_layers * n_kv_heads * each)


@tokens_that_fit.mistake(
    "that counts numbers: each takes `each` bytes, and the memory is in bytes"
)
def numbers(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 2 * n_layers * n_kv_heads * head_dim)


@tokens_that_fit.mistake(
    "the memory is in bytes, and `each` too: no bits are needed"
)
def bits(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return _fits(memory, 16 * n_layers * n_kv_heads * head_dim * each)


@tokens_that_fit.mistake(
    "a piece of a token does not fit: the number is a whole one, rounded down"
)
def with_a_piece(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return memory / (2 * n_layers * n_kv_heads * head_dim * each)


@tokens_that_fit.mistake(
    "rounded to the nearest number: where that is the higher one, the last token does "
    "not fit any more"
)
def to_the_nearest(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return round(memory / (2 * n_layers * n_kv_heads * head_dim * each))


@tokens_that_fit.mistake("rounded up: the last token does not fit any more")
def rounded_up(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return -int(-memory // (2 * n_layers * n_kv_heads * head_dim * each))


@tokens_that_fit.mistake(
    "upside down: that is what one token takes, not how many fit"
)
def bytes_per_token(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    return 2 * n_layers * n_kv_heads * head_dim * each


@tokens_that_fit.mistake(
    "the queries are counted as well: they are used at once and not kept"
)
def queries_too(memory, n_layers, n_heads, n_kv_heads, head_dim, each):
    a_token = (n_heads + 2 * n_kv_heads) * n_layers * head_dim * each
    return _fits(memory, a_token)


# --- ★★ One head falls silent -----------------------------------------------------


@exercise("only this head is silent, and the old matrix is as it was")
def silenced() -> Iterator[tuple]:
    """`silenced(weight, n_heads, head)`: the matrix of the projection, (C, C)."""
    yield torch.randn(12, 12), 3, 1
    yield torch.randn(12, 12), 3, 0
    yield torch.randn(12, 12), 3, 2
    yield torch.randn(8, 8), 4, 3
    yield torch.randn(6, 6), 1, 0
    yield torch.randn(6, 6).T, 6, 2
    yield torch.randn(10, 10, dtype=torch.float64), 5, 4


@silenced.right
def columns_zero(weight, n_heads, head):
    D = weight.shape[1] // n_heads
    weight = weight.clone()
    weight[:, head * D : (head + 1) * D] = 0
    return weight


@silenced.right
def by_a_mask(weight, n_heads, head):
    owner = torch.arange(weight.shape[1]) // (weight.shape[1] // n_heads)
    return weight * (owner != head)


@silenced.right
def by_parts(weight, n_heads, head):
    parts = list(weight.chunk(n_heads, dim=1))
    parts[head] = torch.zeros_like(parts[head])
    return torch.cat(parts, dim=1)


@silenced.right
def by_views(weight, n_heads, head):
    parts = weight.reshape(len(weight), n_heads, -1).clone()
    parts[:, head] = 0
    return parts.flatten(1)


@silenced.mistake(
    "rows are what is written *to*: now no head reaches some components, and every head "
    "still speaks. nn.Linear computes x @ weight.T: which dimension meets the heads?"
)
def rows_zero(weight, n_heads, head):
    return columns_zero(weight.T, n_heads, head).T


@silenced.mistake("the other way round: all heads are silent but this one")
def all_but_one(weight, n_heads, head):
    return weight - columns_zero(weight, n_heads, head)


@silenced.mistake(
    "every n_heads-th column is zero: a head has a block of neighbouring columns"
)
def every_nth(weight, n_heads, head):
    weight = weight.clone()
    weight[:, head::n_heads] = 0
    return weight


@silenced.mistake(
    "one column is zero: a head has as many as it is wide, C / n_heads"
)
def one_column(weight, n_heads, head):
    weight = weight.clone()
    weight[:, head] = 0
    return weight


@silenced.mistake(
    "the block begins at the right place, but it is one column: a head has D of them"
)
def first_column(weight, n_heads, head):
    weight = weight.clone()
    weight[:, head * (weight.shape[1] // n_heads)] = 0
    return weight


@silenced.mistake(
    "the block goes to the end: it has to stop where the next head begins"
)
def to_the_end(weight, n_heads, head):
    weight = weight.clone()
    weight[:, head * (weight.shape[1] // n_heads) :] = 0
    return weight


@silenced.mistake(
    "all heads up to this one are silent: where does the block begin?"
)
def from_the_start(weight, n_heads, head):
    weight = weight.clone()
    weight[:, : (head + 1) * (weight.shape[1] // n_heads)] = 0
    return weight


@silenced.mistake(
    "the wrong block: heads are counted from 0, so head 0 has the first columns"
)
def counted_from_one(weight, n_heads, head):
    D = weight.shape[1] // n_heads
    weight = weight.clone()
    weight[:, max(0, head - 1) * D : max(0, head - 1) * D + D] = 0
    return weight


@silenced.mistake(
    "the block is n_heads columns wide and begins at head · n_heads: it is the width of "
    "a head, C / n_heads, that counts"
)
def width_mixed_up(weight, n_heads, head):
    weight = weight.clone()
    weight[:, head * n_heads : (head + 1) * n_heads] = 0
    return weight


@silenced.mistake(
    "the columns of the head are cut out: the matrix keeps its shape, zeros stand there"
)
def cut_out(weight, n_heads, head):
    D = weight.shape[1] // n_heads
    return torch.cat((weight[:, : head * D], weight[:, (head + 1) * D :]), dim=1)


@silenced.mistake("that is the part of the head: the rest of the matrix is missing")
def the_part(weight, n_heads, head):
    return weight.chunk(n_heads, dim=1)[head]


@silenced.refused("`weight` is not what it was")
def in_place(weight, n_heads, head):
    D = weight.shape[1] // n_heads
    weight[:, head * D : (head + 1) * D] = 0
    return weight


# --- ★★ Shared keys and values ----------------------------------------------------


def _grouped_inputs(*sizes: int) -> tuple:
    B, H, G, T, S, D = sizes
    mask = causal_mask(S)[S - T :]
    q, k, v = (
        torch.randn(B, H, T, D),
        torch.randn(B, G, S, D),
        torch.randn(B, G, S, D),
    )
    return q, k, v, mask


@exercise("each group of queries asks its own keys, and hears its own values")
def grouped_attention() -> Iterator[tuple]:
    """`grouped_attention(q, k, v, mask)`: (B, H, T, D), (B, G, S, D) to (B, H, T, D)."""
    yield _grouped_inputs(2, 6, 2, 4, 4, 5)
    yield _grouped_inputs(1, 4, 2, 3, 5, 2)
    yield _grouped_inputs(2, 6, 3, 4, 4, 3)
    yield _grouped_inputs(2, 4, 4, 3, 3, 4)
    yield _grouped_inputs(3, 3, 1, 4, 4, 2)
    yield _grouped_inputs(1, 8, 2, 1, 6, 4)


@grouped_attention.right
def by_repeating(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(n, 1), v.repeat_interleave(n, 1)
    return attention(q, k, v, mask)


@grouped_attention.right
def by_head(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    heads = [
        attention(q[:, h], k[:, h // n], v[:, h // n], mask)
        for h in range(q.shape[1])
    ]
    return torch.stack(heads, dim=1)


@grouped_attention.right
def by_groups(q, k, v, mask):
    """No key is copied: the queries of a group stand in a dimension of their own."""
    B, H, T, D = q.shape
    q = q.reshape(B, k.shape[1], -1, T, D)
    scores = q @ k[:, :, None].transpose(-2, -1) / math.sqrt(D)
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    return (weights @ v[:, :, None]).reshape(B, H, T, D)


@grouped_attention.right
def by_index(q, k, v, mask):
    group = torch.arange(q.shape[1]) * k.shape[1] // q.shape[1]
    return attention(q, k[:, group], v[:, group], mask)


@grouped_attention.mistake(
    "the groups alternate (a, b, a, b): neighbouring queries share their keys and "
    "values (a, a, b, b)"
)
def tiled(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    return attention(q, k.repeat(1, n, 1, 1), v.repeat(1, n, 1, 1), mask)


@grouped_attention.mistake(
    "the keys are shared in groups of neighbours, the values alternate: both in the same "
    "way"
)
def values_tiled(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    return attention(q, k.repeat_interleave(n, 1), v.repeat(1, n, 1, 1), mask)


@grouped_attention.mistake(
    "the values are shared in groups of neighbours, the keys alternate: both in the same "
    "way"
)
def keys_tiled(q, k, v, mask):
    n = q.shape[1] // k.shape[1]
    return attention(q, k.repeat(1, n, 1, 1), v.repeat_interleave(n, 1), mask)


@grouped_attention.mistake(
    "all queries ask the first head of keys and values: that is multi-query attention; "
    "here every group has its own"
)
def first_for_all(q, k, v, mask):
    return attention(q, k[:, :1], v[:, :1], mask)


@grouped_attention.mistake(
    "all heads of keys and values are averaged: each group has its own"
)
def mean_for_all(q, k, v, mask):
    return attention(q, k.mean(1, keepdim=True), v.mean(1, keepdim=True), mask)


@grouped_attention.mistake(
    "the queries of a group are averaged: then they ask one question. It is keys and "
    "values that are shared"
)
def queries_averaged(q, k, v, mask):
    B, _, T, D = q.shape
    mean = q.reshape(B, k.shape[1], -1, T, D).mean(2)
    return attention(mean, k, v, mask)


@grouped_attention.mistake("the mask is missing: the future can be seen")
def unmasked(q, k, v, mask):
    return by_repeating(q, k, v, None)


@grouped_attention.mistake(
    "upside down: a True of the mask means may look, and here it hides"
)
def mask_inverted(q, k, v, mask):
    return by_repeating(q, k, v, ~mask)


@grouped_attention.mistake(
    "the division by √D is missing (or write it with `attention`, which has it)"
)
def unscaled(q, k, v, mask):
    return by_repeating(q * math.sqrt(q.shape[-1]), k, v, mask)


@grouped_attention.mistake(
    "divided by the root of another number: it is the width of one head, D, that makes "
    "the scores spread"
)
def scaled_by_all(q, k, v, mask):
    return by_repeating(q / math.sqrt(q.shape[1]), k, v, mask)


@grouped_attention.mistake(
    "the groups come in the opposite order: the first queries share the first keys"
)
def opposite_groups(q, k, v, mask):
    return by_repeating(q, k.flip(1), v.flip(1), mask)


@grouped_attention.mistake(
    "the heads are merged already: here they stay apart, (B, H, T, D)"
)
def already_merged(q, k, v, mask):
    return by_repeating(q, k, v, mask).transpose(1, 2).flatten(2)


# --- ★★★ Who looks at the same word? ----------------------------------------------


def _text(n: int, n_words: int, uneven: float = 1.0) -> tuple[Tensor, Tensor]:
    """Weights of a causal head and ids in which words repeat."""
    scores = uneven * torch.randn(n, n)
    weights = scores.masked_fill(~causal_mask(n), -math.inf).softmax(-1)
    return weights, torch.randint(n_words, (n,))


@exercise(
    "the mean over those who have such a word before them", Values("the share")
)
def same_word_share() -> Iterator[tuple]:
    """`same_word_share(weights, ids)`: (T, T) and (T,) to a number from 0 to 1."""
    yield _text(14, 6, 3.0)
    yield _text(8, 3)
    yield _text(9, 2, 2.0)
    yield (
        torch.ones(4, 4).tril() / torch.arange(1, 5)[:, None],
        torch.tensor([5, 5, 7, 5]),
    )
    yield torch.eye(3), torch.tensor([1, 1, 1])
    yield _text(6, 40)[0], torch.arange(6)  # no word stands there twice


@same_word_share.right
def share_by_table(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    has = earlier.any(-1)
    return (weights * earlier).sum(-1)[has].mean() if has.any() else 0.0


@same_word_share.right
def share_by_loops(weights, ids):
    shares = []
    for t in range(len(ids)):
        places = [s for s in range(t) if ids[s] == ids[t]]
        if places:
            shares.append(sum(float(weights[t, s]) for s in places))
    return sum(shares) / len(shares) if shares else 0.0


@same_word_share.right
def share_by_division(weights, ids):
    earlier = torch.triu(ids[:, None] == ids, 1).T
    n = earlier.any(-1).sum()
    return (weights * earlier).sum() / n.clamp(min=1)


@same_word_share.mistake(
    "a position is always the same word as itself: only *earlier* places count"
)
def with_itself(weights, ids):
    same = (ids[:, None] == ids).tril()
    has = same.tril(-1).any(-1)
    return (weights * same).sum(-1)[has].mean() if has.any() else 0.0


@same_word_share.mistake(
    "a position is always the same word as itself, and that is counted, even where the "
    "word has not been there before"
)
def with_itself_everywhere(weights, ids):
    return (weights * (ids[:, None] == ids).tril()).sum(-1).mean()


@same_word_share.mistake(
    "the mean is over all positions: one whose word has not been there before has "
    "nothing to find, and does not count"
)
def over_all(weights, ids):
    return (weights * (ids[:, None] == ids).tril(-1)).sum(-1).mean()


@same_word_share.mistake(
    "the word may stand in several earlier places: their weights are added up, and not "
    "averaged"
)
def mean_of_places(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    return weights[earlier].mean() if earlier.any() else 0.0


@same_word_share.mistake(
    "only the last of the earlier places is counted: a head may look at any of them"
)
def latest_only(weights, ids):
    shares = []
    for t in range(len(ids)):
        places = [s for s in range(t) if ids[s] == ids[t]]
        shares += [float(weights[t, places[-1]])] if places else []
    return sum(shares) / len(shares) if shares else 0.0


@same_word_share.mistake(
    "only the first of the earlier places is counted: a head may look at any of them"
)
def earliest_only(weights, ids):
    shares = []
    for t in range(len(ids)):
        places = [s for s in range(t) if ids[s] == ids[t]]
        shares += [float(weights[t, places[0]])] if places else []
    return sum(shares) / len(shares) if shares else 0.0


@same_word_share.mistake(
    "that is the largest of the weights on the word: a head may share its look among "
    "several places, so add them up"
)
def largest_only(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    has = earlier.any(-1)
    return (weights * earlier).amax(-1)[has].mean() if has.any() else 0.0


@same_word_share.mistake(
    "rows look, columns are looked at: here the columns look, and the mask leaves them "
    "nothing of the past"
)
def columns_look(weights, ids):
    return share_by_table(weights.T, ids)


@same_word_share.mistake(
    "the first ten positions are left out, as in the table of the chapter; here every "
    "position counts whose token has stood earlier"
)
def from_the_tenth_on(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    has = earlier.any(-1) & (torch.arange(len(ids)) >= 10)
    return (weights * earlier).sum(-1)[has].mean() if has.any() else 0.0


@same_word_share.mistake(
    "that is how often the word is what the head looks *most* at; asked is the weight"
)
def how_often_most(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    has = earlier.any(-1)
    most = ids[weights.argmax(-1)] == ids
    most &= weights.argmax(-1) != torch.arange(len(ids))
    return most[has].double().mean() if has.any() else 0.0


@same_word_share.mistake(
    "the shares are added up, and not averaged: how many positions are there that have "
    "something to find?"
)
def not_averaged(weights, ids):
    return (weights * (ids[:, None] == ids).tril(-1)).sum()


@same_word_share.mistake(
    "that is a part of all weight, the diagonal excluded: each position that has "
    "something to find counts the same"
)
def of_all_weight(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    return (weights * earlier).sum() / weights.tril(-1).sum().clamp(min=1e-9)


@same_word_share.mistake(
    "where no word stands twice there is nothing to average: return 0, and no NaN"
)
def mean_of_nothing(weights, ids):
    earlier = (ids[:, None] == ids).tril(-1)
    return (weights * earlier).sum(-1)[earlier.any(-1)].mean()
