"""The exercises of chapter 2, Surprise."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from book.exercises.answers import Values
from book.exercises.exercise import exercise, random_numbers
from llm.ngram import KneserNey, NGramCounts

# --- ★ One loss in three units -------------------------------------------------------

CAFE = "Ångström’s café – ½ price"


@exercise(
    "the mean, its exponential, and the sum in bits over the bytes",
    Values("the loss", "the perplexity", "bits per byte"),
)
def in_units() -> Iterator[tuple]:
    """`in_units(surprises, text)`: nats per token, perplexity, bits per byte."""
    yield torch.tensor([0.5, 1.5, 1.0]), "the cat sat"
    yield torch.rand(9) * 3, CAFE
    yield torch.rand(7).double() * 2, "日本語のテキスト"
    yield torch.tensor([2.0]), "é"
    yield torch.zeros(4), "no surprise"


@in_units.right
def by_tensors(surprises, text):
    loss = surprises.double().mean()
    total = surprises.double().sum()
    return loss, loss.exp(), total / math.log(2) / len(text.encode())


@in_units.right
def one_by_one(surprises, text):
    total = 0.0
    for nats in surprises.tolist():
        total += nats
    loss = total / len(surprises)
    return [
        loss,
        math.e**loss,
        total * math.log2(math.e) / len(bytes(text, "utf-8")),
    ]


@in_units.right
def by_numpy(surprises, text):
    nats = np.asarray(surprises, dtype=float)
    n_bytes = np.frombuffer(text.encode(), dtype=np.uint8).size
    return np.array(
        [nats.mean(), np.exp(nats.mean()), (nats / np.log(2)).sum() / n_bytes]
    )


@in_units.mistake(
    "the third number is bits per character: count the bytes, len(text.encode()); é "
    "takes two of them"
)
def per_character(surprises, text):
    loss, perplexity, _ = by_tensors(surprises, text)
    return loss, perplexity, surprises.double().sum() / math.log(2) / len(text)


@in_units.mistake(
    "the third number is bits per token: divide the sum of all surprises by the bytes"
)
def bits_per_token(surprises, text):
    loss, perplexity, _ = by_tensors(surprises, text)
    return loss, perplexity, loss / math.log(2)


@in_units.mistake(
    "the third number divides the mean surprise by the bytes; it is the sum over all "
    "tokens that they share"
)
def mean_over_bytes(surprises, text):
    loss, perplexity, _ = by_tensors(surprises, text)
    return loss, perplexity, loss / math.log(2) / len(text.encode())


@in_units.mistake("the third number is in nats per byte: a nat is 1 / ln 2 bits")
def nats_per_byte(surprises, text):
    loss, perplexity, bits = by_tensors(surprises, text)
    return loss, perplexity, bits * math.log(2)


@in_units.mistake(
    "the third number was multiplied by ln 2: a nat is more than a bit, so there are "
    "more bits than nats; divide"
)
def times_ln_2(surprises, text):
    loss, perplexity, bits = by_tensors(surprises, text)
    return loss, perplexity, bits * math.log(2) ** 2


@in_units.mistake("the third number is upside down: that is bytes per bit")
def bytes_per_bit(surprises, text):
    loss, perplexity, bits = by_tensors(surprises, text)
    return loss, perplexity, 1 / bits if bits else math.inf


@in_units.mistake(
    "the perplexity is 2 to the power of the loss; the loss is in nats, so it is e to "
    "that power"
)
def power_of_two(surprises, text):
    loss, _, bits = by_tensors(surprises, text)
    return loss, 2**loss, bits


@in_units.mistake(
    "the loss is the sum of the surprises, and the perplexity its exponential; both are "
    "per token: take the mean"
)
def summed(surprises, text):
    _, _, bits = by_tensors(surprises, text)
    total = surprises.double().sum()
    return total, total.exp(), bits


@in_units.mistake(
    "the perplexity is the mean of the exponentials; it is the exponential of the mean"
)
def mean_of_exponentials(surprises, text):
    loss, _, bits = by_tensors(surprises, text)
    return loss, surprises.double().exp().mean(), bits


@in_units.mistake(
    "the perplexity has the wrong sign in its exponent: it counts choices, at least one"
)
def below_one(surprises, text):
    loss, _, bits = by_tensors(surprises, text)
    return loss, (-loss).exp(), bits


# --- ★★ A divergence with zeros ------------------------------------------------------


def some_probs(*shape: int) -> Tensor:
    """Random distributions, in float64."""
    return torch.randn(shape).double().softmax(-1)


@exercise("what can't come costs nothing, and what was called impossible costs all")
def kl_divergence() -> Iterator[tuple]:
    """`kl_divergence(p, q)`: (..., V) each, to (...), in nats."""
    yield torch.tensor([0.9, 0.1]).double(), torch.tensor([0.5, 0.5]).double()
    yield some_probs(3, 5), some_probs(3, 5)
    yield some_probs(2, 3, 4), some_probs(2, 3, 4)
    yield some_probs(5, 3).T.softmax(-1), some_probs(3, 5)
    yield (
        torch.tensor([[0.0, 0.25, 0.75], [0.5, 0.5, 0.0]]).double(),
        torch.tensor([[0.2, 0.3, 0.5], [0.25, 0.75, 0.0]]).double(),
    )
    yield (
        torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]).double(),
        torch.tensor([[1.0, 0.0, 0.0], [0.4, 0.6, 0.0]]).double(),
    )
    p = some_probs(4, 3)
    yield p, p.clone()


@kl_divergence.right
def by_xlogy(p, q):
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


@kl_divergence.right
def where_it_can_come(p, q):
    return torch.where(p > 0, p * (p / q).log(), 0.0).sum(-1)


@kl_divergence.right
def by_pytorch(p, q):
    return (
        F.kl_div(q.log(), p, reduction="none")
        .nan_to_num(nan=0.0, posinf=math.inf)
        .sum(-1)
    )


@kl_divergence.right
def by_loops(p, q):
    found = []
    for row, said in zip(
        p.reshape(-1, p.shape[-1]).tolist(),
        q.reshape(-1, q.shape[-1]).tolist(),
        strict=True,
    ):
        parts = [
            a * math.log(a / b) if b > 0 else math.inf
            for a, b in zip(row, said, strict=True)
            if a > 0
        ]
        found.append(sum(parts))
    return torch.tensor(found, dtype=torch.double).reshape(p.shape[:-1])


@kl_divergence.mistake(
    "that is KL(q ‖ p): the truth p says how often each token comes, so p is in front "
    "of the logarithm and above the line in it"
)
def exchanged(p, q):
    return by_xlogy(q, p)


@kl_divergence.mistake(
    "a divergence is never negative: inside the logarithm stands p / q, not q / p"
)
def turned(p, q):
    return -by_xlogy(p, q)


@kl_divergence.mistake(
    "that is the cross-entropy, all that q pays; the divergence is what it pays more "
    "than the entropy of p"
)
def cross(p, q):
    return -torch.xlogy(p, q).sum(-1)


@kl_divergence.mistake(
    "that is the entropy of p, what everybody pays; q is not in it"
)
def only_entropy(p, q):
    return -torch.xlogy(p, p).sum(-1)


@kl_divergence.mistake(
    "where p is 0 there is a nan: 0 times the logarithm of 0 must count 0, as what "
    "never comes costs nothing"
)
def nan_at_zero(p, q):
    return (p * (p / q).log()).sum(-1)


@kl_divergence.mistake(
    "where p is 0 there is a nan: 0 times the logarithm of 0 must count 0, as what "
    "never comes costs nothing"
)
def nan_in_parts(p, q):
    return (p * p.log() - p * q.log()).sum(-1)


@kl_divergence.mistake(
    "where q is 0 and p is not, the divergence is infinite; here a small number was put "
    "in the place of 0, or such tokens were left out"
)
def left_out(p, q):
    both = (p > 0) & (q > 0)
    return torch.where(both, p * (p / q).log(), 0.0).sum(-1)


@kl_divergence.mistake(
    "the terms are weighted with q; what comes, comes as often as p says"
)
def weighted_with_q(p, q):
    return torch.where(p > 0, q * (p / q).log(), 0.0).sum(-1)


@kl_divergence.mistake(
    "the mean over the tokens was taken; p is the weight of each, so take the sum"
)
def mean_of_terms(p, q):
    return by_xlogy(p, q) / p.shape[-1]


@kl_divergence.mistake("one divergence for each row: sum over the last axis only")
def all_together(p, q):
    return by_xlogy(p, q).sum()


@kl_divergence.mistake("that is in bits: take the natural logarithm")
def in_bits(p, q):
    return by_xlogy(p, q) / math.log(2)


@kl_divergence.mistake(
    "that is a distance of p and q, not a divergence: the logarithm is missing"
)
def total_variation(p, q):
    return (p - q).abs().sum(-1) / 2


# --- ★★ An n-gram model by counting --------------------------------------------------


@exercise("what came after the context, each k more, over the sum of them all")
def after_context() -> Iterator[tuple]:
    """`after_context(ids, context, k, vocab_size)`: the probabilities, (V,)."""
    dice = random_numbers()
    yield [0, 1, 2, 0, 1, 3, 0, 1, 2], [0, 1], 0.5, 5
    yield [1, 2, 1, 2, 1, 3, 1, 2], [1], 0.1, 4
    yield [1, 1, 1, 1, 2, 1, 1], [1, 1], 1.0, 3
    yield [2, 0, 2, 1, 2, 2], [], 0.25, 4
    yield [0, 1, 2, 3, 1, 0, 2], [1, 0], 0.01, 4
    yield [dice.randrange(3) for _ in range(60)], [2, 1, 0], 0.2, 3
    yield [0, 1, 0, 1], [3, 3], 0.3, 4
    yield [0, 1], [0, 1, 2], 0.3, 3


@after_context.right
def by_slices(ids, context, k, vocab_size):
    n = len(context)
    counts = [0] * vocab_size
    for t in range(n, len(ids)):
        if ids[t - n : t] == list(context):
            counts[ids[t]] += 1
    return torch.tensor([(c + k) / (sum(counts) + k * vocab_size) for c in counts])


@after_context.right
def by_tensor(ids, context, k, vocab_size):
    smoothed = torch.full((vocab_size,), float(k), dtype=torch.double)
    n = len(context)
    rows = (
        torch.tensor(ids).unfold(0, n + 1, 1)
        if len(ids) > n
        else torch.zeros(0, n + 1)
    )
    for row in rows.long():
        if row[:n].tolist() == context:
            smoothed[row[n]] += 1
    return smoothed / smoothed.sum()


@after_context.right
def by_counter(ids, context, k, vocab_size):
    n = len(context)
    grams = Counter(zip(*(ids[i:] for i in range(n + 1)), strict=False))
    row = np.array([grams[(*context, i)] for i in range(vocab_size)])
    return (row + k) / (row + k).sum()


def counted_after(ids, context, vocab_size):
    n, counts = len(context), torch.zeros(vocab_size)
    for t in range(n, len(ids)):
        if ids[t - n : t] == list(context):
            counts[ids[t]] += 1
    return counts


@after_context.mistake(
    "the probabilities do not sum to 1: k was added to every count, so the sum below "
    "the line grows by k times the vocabulary"
)
def k_above_only(ids, context, k, vocab_size):
    counts = counted_after(ids, context, vocab_size)
    return (counts + k) / counts.sum().clamp(min=1)


@after_context.mistake(
    "the probabilities do not sum to 1: below the line k was added once, and above it "
    "once for each token"
)
def k_once(ids, context, k, vocab_size):
    counts = counted_after(ids, context, vocab_size)
    return (counts + k) / (counts.sum() + k)


@after_context.mistake(
    "the context was counted at the very end of the text, too, where nothing comes "
    "after it: divide by the number of tokens that came after the context"
)
def context_at_the_end(ids, context, k, vocab_size):
    n = len(context)
    times = sum(ids[t - n : t] == list(context) for t in range(n, len(ids) + 1))
    return (counted_after(ids, context, vocab_size) + k) / (times + k * vocab_size)


@after_context.mistake(
    "only the last token of the context was looked at; all of it has to agree"
)
def last_token_only(ids, context, k, vocab_size):
    return by_slices(ids, context[-1:], k, vocab_size)


@after_context.mistake(
    "the context was read backwards: its last token is the one right before what came"
)
def backwards(ids, context, k, vocab_size):
    return by_slices(ids, context[::-1], k, vocab_size)


@after_context.mistake(
    "these are the frequencies of the tokens, whatever came before; count those that "
    "came after the context"
)
def without_context(ids, context, k, vocab_size):
    return by_slices(ids, [], k, vocab_size)


@after_context.mistake(
    "a context that begins inside another one was missed: go through the text one token "
    "at a time"
)
def without_overlap(ids, context, k, vocab_size):
    n, t, counts = len(context), len(context), torch.zeros(vocab_size)
    while t < len(ids):
        found = ids[t - n : t] == list(context)
        if found:
            counts[ids[t]] += 1
        t += n + 1 if found else 1
    return (counts + k) / (counts + k).sum()


@after_context.mistake(
    "what stands *in* the context's last place was counted, not what comes after it"
)
def one_too_early(ids, context, k, vocab_size):
    n, counts = len(context), torch.zeros(vocab_size)
    for t in range(n, len(ids) + 1):
        if n and ids[t - n : t] == list(context):
            counts[ids[t - 1]] += 1
    return (counts + k) / (counts + k).sum()


@after_context.mistake(
    "k was added only to the tokens that came after the context; those that never did "
    "still have probability zero"
)
def only_to_seen(ids, context, k, vocab_size):
    counts = counted_after(ids, context, vocab_size)
    smoothed = torch.where(counts > 0, counts + k, 0.0)
    return smoothed / smoothed.sum()


@after_context.mistake("these are plain shares of counts; k is not in them")
def unsmoothed(ids, context, k, vocab_size):
    counts = counted_after(ids, context, vocab_size)
    return counts / counts.sum()


@after_context.mistake("these are smoothed counts; divide them by their sum")
def not_divided(ids, context, k, vocab_size):
    return counted_after(ids, context, vocab_size) + k


@after_context.mistake(
    "the tokens in the text were counted as the vocabulary; V is the number of all "
    "tokens there are, also of those that the text does not have"
)
def seen_vocabulary(ids, context, k, vocab_size):
    counts = counted_after(ids, context, vocab_size)
    return (counts + k) / (counts.sum() + k * len(set(ids)))


# --- ★★ Weights for a mixture --------------------------------------------------------


@exercise(
    "each token shares itself out among the models, and the shares are averaged"
)
def mixture_weights() -> Iterator[tuple]:
    """`mixture_weights(probs, n_rounds)`: (N, M) to the weights (M,)."""
    yield torch.tensor([[0.5, 0.1], [0.2, 0.4], [0.6, 0.3]]).double(), 1
    yield torch.rand(20, 3).double() + 1e-3, 4
    yield torch.rand(50, 2).double() ** 4 + 1e-6, 25
    yield torch.rand(6, 4).double() + 0.1, 2
    yield torch.tensor([[0.3, 0.0], [0.5, 0.0], [0.1, 0.2]]).double(), 3
    yield torch.rand(5, 3).double(), 0
    yield torch.rand(3, 40).double().T + 0.01, 2


@mixture_weights.right
def by_shares(probs, n_rounds):
    weights = torch.full((probs.shape[1],), 1 / probs.shape[1]).to(probs)
    for _ in range(n_rounds):
        parts = weights * probs
        weights = (parts / parts.sum(1, keepdim=True)).mean(0)
    return weights


@mixture_weights.right
def by_tokens(probs, n_rounds):
    n, m = probs.shape
    weights = [1 / m] * m
    for _ in range(n_rounds):
        shares = [0.0] * m
        for row in probs.tolist():
            mixed = sum(w * p for w, p in zip(weights, row, strict=True))
            for i, p in enumerate(row):
                shares[i] += weights[i] * p / mixed / n
        weights = shares
    return np.array(weights)


@mixture_weights.right
def by_product(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        weights = weights * (probs.mT @ (1 / (probs @ weights))) / len(probs)
    return weights


@mixture_weights.mistake(
    "the weights follow the mean probability of each model: first divide, for each token, "
    "by what all models together gave it"
)
def by_mean_probability(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        weights = (weights * probs).mean(0)
        weights = weights / weights.sum()
    return weights


@mixture_weights.mistake(
    "every token was given to the best model whole; each shares itself out among all "
    "models, in proportion to weight times probability"
)
def winner_takes_all(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        best = (weights * probs).argmax(1)
        weights = F.one_hot(best, probs.shape[1]).to(probs).mean(0)
    return weights


@mixture_weights.mistake(
    "each round began with equal weights again: the shares are those of the weights from "
    "the round before"
)
def begins_again(probs, n_rounds):
    return by_shares(probs, min(n_rounds, 1))


@mixture_weights.mistake("that is one round more than was asked for")
def one_more(probs, n_rounds):
    return by_shares(probs, n_rounds + 1)


@mixture_weights.mistake("that is one round less than was asked for")
def one_less(probs, n_rounds):
    return by_shares(probs, max(n_rounds - 1, 0))


@mixture_weights.mistake(
    "the shares of a *token* sum to one, over the models; here those of a model do, over "
    "the tokens"
)
def over_the_tokens(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        parts = weights * probs
        weights = (parts / parts.sum(0)).mean(0)
    return weights


@mixture_weights.mistake(
    "the weights do not sum to 1: take the mean of the shares, not their sum"
)
def sums_of_shares(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        parts = weights * probs
        weights = (parts / parts.sum(1, keepdim=True)).sum(0)
    return weights


@mixture_weights.mistake(
    "the shares leave out the weights: they are in proportion to weight times probability"
)
def without_weights(probs, n_rounds):
    weights = torch.ones(probs.shape[1]).to(probs) / probs.shape[1]
    for _ in range(n_rounds):
        weights = weights * (probs / probs.sum(1, keepdim=True)).mean(0)
        weights = weights / weights.sum()
    return weights


@mixture_weights.mistake(
    "that is a softmax of the mean log-probabilities, which judges each model alone; ask "
    "what it adds to the others, token by token"
)
def by_losses(probs, n_rounds):
    if n_rounds == 0:
        return by_shares(probs, 0)
    return probs.log().mean(0).softmax(0)


@mixture_weights.mistake(
    "these are the equal weights of the beginning: each round replaces them by the mean "
    "shares"
)
def stays_equal(probs, n_rounds):
    return by_shares(probs, 0)


# --- ★★★ Kneser–Ney for pairs --------------------------------------------------------


@exercise("discounted, passed on, and below it the predecessors: Kneser–Ney")
def kneser_ney_pairs() -> Iterator[tuple]:
    """`kneser_ney_pairs(ids, discount, vocab_size)`: (V, V), a row for each context."""
    dice = random_numbers()
    yield [0, 1, 2, 0, 1, 3, 0, 1, 2, 2], 0.75, 5
    yield [dice.randrange(4) for _ in range(40)], 0.5, 6
    yield [0, 1, 0, 1, 0, 1, 2, 1, 3], 0.9, 4
    yield [2, 1, 1, 0, 2, 2, 1, 0, 3], 0.3, 4
    yield [1, 0], 0.6, 3


@kneser_ney_pairs.right
def by_tables(ids, discount, vocab_size):
    return kneser_ney_table(ids, discount, vocab_size)


def pair_table(ids, vocab_size) -> Tensor:
    pairs = torch.zeros(vocab_size, vocab_size, dtype=torch.double)
    for now, after in pairwise(ids):
        pairs[now, after] += 1
    return pairs


def kept_and_rest(counts: Tensor, discount: float) -> tuple[Tensor, Tensor]:
    kept = (counts - discount).clamp(min=0) / counts.sum(-1, keepdim=True).clamp(
        min=1
    )
    return kept, 1 - kept.sum(-1, keepdim=True)


def kneser_ney_table(
    ids, discount, vocab_size, below=lambda pairs: (pairs > 0).sum(0).double()
):
    """below: what is counted for the shortest context, of the table of pairs."""
    pairs = pair_table(ids, vocab_size)
    kept, rest = kept_and_rest(below(pairs), discount)
    shortest = kept + rest / vocab_size
    kept, rest = kept_and_rest(pairs, discount)
    return kept + rest * shortest


@kneser_ney_pairs.right
def by_the_package(ids, discount, vocab_size):
    row = torch.as_tensor(ids)[None]
    counts = NGramCounts(row[:, :-1], row[:, 1:], 2, vocab_size)
    return KneserNey(counts, discount)(torch.arange(vocab_size)[None])[0].exp()


@kneser_ney_pairs.right
def by_dictionaries(ids, discount, vocab_size):
    pairs = Counter(pairwise(ids))
    after, before = defaultdict(dict), Counter()
    for (a, b), times in pairs.items():
        after[a][b] = times
        before[b] += 1
    n_kinds = before.total()
    base = discount * len(before) / n_kinds / vocab_size
    short = [
        max(before[b] - discount, 0) / n_kinds + base for b in range(vocab_size)
    ]
    table = []
    for a in range(vocab_size):
        total = sum(after[a].values())
        passed = discount * len(after[a]) / total if total else 1.0
        table.append(
            [
                (after[a][b] - discount) / total + passed * short[b]
                if b in after[a]
                else passed * short[b]
                for b in range(vocab_size)
            ]
        )
    return table


@kneser_ney_pairs.mistake(
    "below the pairs it is counted how often each token came; count after how many "
    "different tokens"
)
def by_times(ids, discount, vocab_size):
    return kneser_ney_table(ids, discount, vocab_size, lambda pairs: pairs.sum(0))


@kneser_ney_pairs.mistake(
    "below the pairs followers are counted: how many different tokens came after each; "
    "count those that came before it"
)
def by_followers(ids, discount, vocab_size):
    return kneser_ney_table(
        ids, discount, vocab_size, lambda pairs: (pairs > 0).sum(1).double()
    )


@kneser_ney_pairs.mistake(
    "the counts of predecessors are not discounted, so a token that never came has no "
    "probability: take the discount there, too, and leave the rest to equal chances"
)
def short_not_discounted(ids, discount, vocab_size):
    pairs = pair_table(ids, vocab_size)
    before = (pairs > 0).sum(0).double()
    kept, rest = kept_and_rest(pairs, discount)
    return kept + rest * before / before.sum()


@kneser_ney_pairs.mistake(
    "the rest goes to equal chances at once; it goes to the shares of the predecessors "
    "first"
)
def straight_to_equal(ids, discount, vocab_size):
    kept, rest = kept_and_rest(pair_table(ids, vocab_size), discount)
    return kept + rest / vocab_size


@kneser_ney_pairs.mistake(
    "the rows do not sum to 1: the discount was taken from every token that came after "
    "the context, so the rest is the discount times their number, over the total"
)
def discounted_once(ids, discount, vocab_size):
    pairs = pair_table(ids, vocab_size)
    kept, rest = kept_and_rest((pairs > 0).sum(0).double(), discount)
    shortest = kept + rest / vocab_size
    kept, _ = kept_and_rest(pairs, discount)
    total = pairs.sum(1, keepdim=True)
    return (
        kept + torch.where(total > 0, discount / total.clamp(min=1), 1.0) * shortest
    )


@kneser_ney_pairs.mistake(
    "a context that never came has a row of zeros: it keeps nothing and leaves all to "
    "the shorter one"
)
def nothing_for_new(ids, discount, vocab_size):
    seen = pair_table(ids, vocab_size).sum(1, keepdim=True) > 0
    return kneser_ney_table(ids, discount, vocab_size) * seen


@kneser_ney_pairs.mistake(
    "a context that never came has equal chances: it leaves all to the shorter one, "
    "which has counted predecessors"
)
def equal_for_new(ids, discount, vocab_size):
    seen = pair_table(ids, vocab_size).sum(1, keepdim=True) > 0
    table = kneser_ney_table(ids, discount, vocab_size)
    return torch.where(seen, table, 1 / vocab_size)


@kneser_ney_pairs.mistake(
    "the last token of the text was counted as a context, though nothing came after it"
)
def last_as_context(ids, discount, vocab_size):
    pairs = pair_table(ids, vocab_size)
    kept, rest = kept_and_rest((pairs > 0).sum(0).double(), discount)
    shortest = kept + rest / vocab_size
    total = torch.bincount(torch.tensor(ids), minlength=vocab_size)[:, None]
    kept = (pairs - discount).clamp(min=0) / total.clamp(min=1)
    n_kinds = (pairs > 0).sum(1, keepdim=True)
    passed = torch.where(total > 0, discount * n_kinds / total.clamp(min=1), 1.0)
    return kept + passed * shortest


@kneser_ney_pairs.mistake(
    "nothing is kept back: these are plain shares of the counts, with nothing left for "
    "a shorter context"
)
def no_discount(ids, discount, vocab_size):
    pairs = pair_table(ids, vocab_size)
    return pairs / pairs.sum(1, keepdim=True)


@kneser_ney_pairs.mistake(
    "rows and columns are exchanged: row a holds what comes after a"
)
def turned_table(ids, discount, vocab_size):
    return kneser_ney_table(ids, discount, vocab_size).T
