"""Models that see only the last few tokens: by counting, and by a small network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm.layers import check_ids


class BigramTable(nn.Module):
    """For every token, how often each other came next: a model that counts.

    ids: integers (B, T). Returns logits (B, T, V): ln of (count + alpha) over the
    sum of its row, a share that is never zero. alpha: what is added to every count,
    above 0.

    **Source:** Shannon (1948), section 3; alpha from Lidstone (1920).
    """

    def __init__(self, vocab_size: int, alpha: float = 0.01) -> None:
        super().__init__()
        if not alpha > 0:
            raise ValueError(
                f"alpha={alpha} must be above 0, or a pair that was never seen "
                f"would be infinitely surprising"
            )
        self.alpha = alpha
        self.register_buffer("counts", torch.zeros(vocab_size, vocab_size))

    def count(self, x: Tensor, y: Tensor) -> None:
        """Take in pairs: y came after x. Negative targets do not count.

        x, y: integers of the same shape.
        """
        real = y >= 0
        ones = torch.ones(int(real.sum()))
        self.counts.index_put_((x[real], y[real]), ones, accumulate=True)

    def forward(self, ids: Tensor) -> Tensor:
        rows = self.counts[ids] + self.alpha  # (B, T, V)
        return (rows / rows.sum(-1, keepdim=True)).log()


# --- Contexts of any length, counted ------------------------------------------------


class NGramCounts:
    """How often each token came after each context of 0 to n − 1 tokens.

    x, y: integers (B, T), what is read and what came next; negative targets do not
    count. Where fewer tokens have come than a context has, the number V, which is
    no token's, stands for each that is missing.

    Every context has a number, its place in the sorted `contexts[m]`, m its length.
    An entry there is made of the number of the context without its oldest token,
    and of that token; an entry of `pairs[m]`, sorted as well, of the number of a
    context and of a token that came after it, `counts[m]` times.

    Raises `ValueError` for n below 1, ids outside the vocabulary, or no target.
    """

    def __init__(self, x: Tensor, y: Tensor, n: int, vocab_size: int) -> None:
        check_ids(x, vocab_size)
        real = y >= 0
        if n < 1 or not real.any():
            raise ValueError(f"n={n}, {int(real.sum())} targets: give at least 1")
        check_ids(y[real][None], vocab_size)
        self.n, self.vocab_size = n, vocab_size
        self.contexts, self.pairs, self.counts = [], [], []
        context = torch.zeros_like(y[real])  # no tokens: there is one such context
        for m in range(n):
            if m > 0:
                context = self.longer(context, self.back(x, m - 1)[real])
            known, context = context.unique(return_inverse=True)  # now its number
            pair = context * vocab_size + y[real]
            pair, count = pair.unique(return_counts=True)
            self.contexts.append(known)
            self.pairs.append(pair)
            self.counts.append(count)

    def back(self, ids: Tensor, steps: int) -> Tensor:
        """The token so many places before each, V where there is none."""
        return F.pad(ids, (steps, 0), value=self.vocab_size)[:, : ids.shape[1]]

    def longer(self, number: Tensor, older: Tensor) -> Tensor:
        """One number for a context and the token before it."""
        return number * (self.vocab_size + 1) + older

    def find(self, ids: Tensor) -> Iterator[Tensor]:
        """The number of the context at each place (B, T): of no tokens, of the
        last, and so on to n − 1 tokens; −1 where it was never seen."""
        number = torch.zeros_like(ids)
        yield number
        for m in range(1, self.n):
            wanted = self.longer(number, self.back(ids, m - 1))
            known = self.contexts[m]
            number = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
            number = torch.where(known[number] == wanted, number, -1)
            yield number


def followers(
    pairs: Tensor, number: Tensor, vocab_size: int
) -> tuple[Tensor, Tensor]:
    """All that came after some contexts.

    pairs: one of `NGramCounts.pairs`; number: (N,), of contexts of that length.
    Returns two rows of equal length: which of the N contexts, and where in `pairs`.
    """
    first = torch.searchsorted(pairs, number * vocab_size)
    end = torch.searchsorted(pairs, (number + 1) * vocab_size)
    which = torch.arange(len(number)).repeat_interleave(end - first)
    written = (end - first).cumsum(0)  # how many there are up to each context
    return which, torch.arange(len(which)) + (end - written)[which]


def predecessors(counts: NGramCounts, m: int) -> Tensor:
    """For each of `counts.pairs[m]`, how many different tokens came before it."""
    V = counts.vocab_size
    context, token = counts.pairs[m + 1] // V, counts.pairs[m + 1] % V
    shorter = counts.contexts[m + 1][context] // (V + 1)
    return (shorter * V + token).unique(return_counts=True)[1]


class NGram(nn.Module):
    """The next token from what was counted after the last few.

    A context keeps a share for every token that came after it, `kept`, and leaves
    the rest of 1 to the context without its oldest token; the shortest leaves it to
    equal chances. So the probabilities sum to 1, whatever `kept` is, and after a
    context that was never seen, which keeps nothing.

    ids: integers (B, T). Returns logits (B, T, V), logarithms of probabilities.
    lengths: of the contexts that are asked, in tokens, from short to long.
    """

    def __init__(self, counts: NGramCounts, lengths: Sequence[int]) -> None:
        super().__init__()
        self.counts, self.shares = counts, {}
        for m in lengths:
            context = counts.pairs[m] // counts.vocab_size
            nothing = torch.zeros(len(counts.contexts[m]), dtype=torch.double)
            count = self.counted(m).double()
            total = nothing.index_add(0, context, count)[context]
            kept = self.kept(count, total)
            rest = 1 - nothing.index_add(0, context, kept)
            self.shares[m] = kept.float(), rest.float()

    def counted(self, m: int) -> Tensor:
        """The count of each of `pairs[m]`."""
        return self.counts.counts[m]

    def kept(self, count: Tensor, total: Tensor) -> Tensor:
        """The share of a token that came `count` times of `total`."""
        raise NotImplementedError

    def forward(self, ids: Tensor) -> Tensor:
        V = self.counts.vocab_size
        check_ids(ids, V)
        probs = torch.full((1, V), 1 / V)
        for m, number in enumerate(self.counts.find(ids)):
            if m in self.shares:
                probs = self.mixed(
                    probs, m, number.flatten() if m else ids.new_zeros(1)
                )
        return probs.log().expand(ids.numel(), V).view(*ids.shape, V)  # (B, T, V)

    def mixed(self, probs: Tensor, m: int, number: Tensor) -> Tensor:
        """What longer contexts keep, and the rest of them times `probs`.

        number: (N,), of the contexts. Returns (N, V).
        """
        kept, rest = self.shares[m]
        probs = probs * torch.where(number < 0, 1, rest[number])[:, None]
        pairs, V = self.counts.pairs[m], self.counts.vocab_size
        which, at = followers(pairs, number, V)
        probs[which, pairs[at] % V] += kept[at]
        return probs


class AddK(NGram):
    """Every token is counted k times more than it came; for n = 2 a `BigramTable`.

    Only contexts of n − 1 tokens are asked. k: above 0.

    **Source:** Lidstone (1920).
    """

    def __init__(self, counts: NGramCounts, k: float = 0.01) -> None:
        if not k > 0:
            raise ValueError(
                f"k={k} must be above 0, or what never came is impossible"
            )
        self.k = k
        super().__init__(counts, [counts.n - 1])

    def kept(self, count: Tensor, total: Tensor) -> Tensor:
        return count / (total + self.k * self.counts.vocab_size)


class Interpolated(NGram):
    """Every context keeps the same part of 1, shared as its counts are.

    weight: that part, above 0 and below 1.

    **Source:** Jelinek and Mercer (1980), with one weight for all contexts.
    """

    def __init__(self, counts: NGramCounts, weight: float = 0.8) -> None:
        if not 0 < weight < 1:
            raise ValueError(f"weight={weight} must be above 0 and below 1")
        self.weight = weight
        super().__init__(counts, range(counts.n))

    def kept(self, count: Tensor, total: Tensor) -> Tensor:
        return self.weight * count / total


class KneserNey(NGram):
    """Each count is reduced by a discount; short contexts count what came before.

    After a context of fewer than n − 1 tokens it is not asked how often a token
    came, but after how many different tokens: a word that comes after one other
    only is not to be expected after a third. discount: above 0 and below 1.

    **Source:** Kneser and Ney (1995), interpolated as in Chen and Goodman (1999),
    equations 25 and 26.
    """

    def __init__(self, counts: NGramCounts, discount: float = 0.75) -> None:
        if not 0 < discount < 1:
            raise ValueError(f"discount={discount} must be above 0 and below 1")
        self.discount = discount
        super().__init__(counts, range(counts.n))

    def counted(self, m: int) -> Tensor:
        longest = m == self.counts.n - 1
        return self.counts.counts[m] if longest else predecessors(self.counts, m)

    def kept(self, count: Tensor, total: Tensor) -> Tensor:
        return (count - self.discount) / total


# --- A small network ----------------------------------------------------------------


class WindowModel(nn.Module):
    """A small network that looks at the last few tokens, each in its own place.

    ids: integers (B, T). Returns logits (B, T, V). Where fewer than `n_tokens` have
    come, the missing ones count as token 0.

    n_tokens: how many it sees, the present one included; d_model: width of a
    token's vector; d_ff: width of the hidden layer.

    **Source:** Bengio et al. (2003), section 2, without the direct connections.
    """

    def __init__(
        self, vocab_size: int, n_tokens: int = 4, d_model: int = 32, d_ff: int = 128
    ) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.up = nn.Linear(n_tokens * d_model, d_ff)
        self.head = nn.Linear(d_ff, vocab_size)

    def forward(self, ids: Tensor) -> Tensor:
        check_ids(ids, self.tokens.num_embeddings)
        windows = F.pad(ids, (self.n_tokens - 1, 0)).unfold(1, self.n_tokens, 1)
        seen = self.tokens(windows).flatten(2)  # (B, T, ...)
        return self.head(self.up(seen).tanh())  # (B, T, V)
