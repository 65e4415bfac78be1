"""Models that count contexts of any length, against sums over dictionaries."""

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
import torch

from llm import check
from llm.data import IGNORE, documents
from llm.evaluate import held_out_loss
from llm.model import cross_entropy
from llm.ngram import (
    AddK,
    BigramTable,
    Interpolated,
    KneserNey,
    NGramCounts,
    predecessors,
)

END, V = 0, 6
MODELS = {
    "add-k": lambda counts: AddK(counts, 0.3),
    "interpolated": lambda counts: Interpolated(counts, 0.7),
    "Kneser-Ney": lambda counts: KneserNey(counts, 0.6),
}


def some_texts(seed, n_texts=12, vocab_size=V):
    rng = random.Random(seed)
    return [
        [rng.randrange(1, vocab_size) for _ in range(rng.randrange(1, 9))]
        for _ in range(n_texts)
    ]


def counted(texts, n, vocab_size=V):
    return NGramCounts(*documents(texts, END, 99), n, vocab_size)


# --- The same, written down with dictionaries -------------------------------------


def rows(texts, n):
    """(n − 1 tokens before, the token that came), None for each that is missing."""
    for text in texts:
        row = [None] * (n - 2) + [END, *text, END] if n > 1 else [*text, END]
        for t in range(n - 1, len(row)):
            yield tuple(row[t - n + 1 : t]), row[t]


def shares(counts, context):
    """The counts of what came after a context."""
    return {w: c for (before, w), c in counts.items() if before == context}


def reference(texts, n, kind):
    """P(token | context of at most n − 1 tokens), from the definitions."""
    of_length = {m: Counter(rows(texts, m)) for m in range(1, n + 1)}
    # How many different tokens came before a context and a token.
    continued = {
        m: Counter((before[1:], w) for before, w in of_length[m + 1])
        for m in range(1, n)
    }

    def add_k(context, token, k=0.3):
        found = shares(of_length[n], context)
        return (found.get(token, 0) + k) / (sum(found.values()) + k * V)

    def interpolated(context, token, weight=0.7):
        shorter = interpolated(context[1:], token) if context else 1 / V
        found = shares(of_length[len(context) + 1], context)
        if not found:
            return shorter
        share = found.get(token, 0) / sum(found.values())
        return weight * share + (1 - weight) * shorter

    def kneser_ney(context, token, discount=0.6):
        shorter = kneser_ney(context[1:], token) if context else 1 / V
        longest = len(context) == n - 1
        counts = (of_length if longest else continued)[len(context) + 1]
        found = shares(counts, context)
        if not found:
            return shorter
        total = sum(found.values())
        own = max(found.get(token, 0) - discount, 0) / total
        return own + discount * len(found) / total * shorter

    return {"add-k": add_k, "interpolated": interpolated, "Kneser-Ney": kneser_ney}[
        kind
    ]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_every_probability_is_that_of_the_definition(kind, n):
    for seed in range(5):
        texts, others = some_texts(seed), some_texts(seed + 50, 3)
        model, p = MODELS[kind](counted(texts, n)), reference(texts, n, kind)
        probs = model(documents(others, END, 99)[0]).exp()
        for i, text in enumerate(others):
            for t, (before, _) in enumerate(rows([text], n)):
                expected = [p(before, token) for token in range(V)]
                assert probs[i, t].tolist() == pytest.approx(expected, abs=1e-6)


# --- By hand ----------------------------------------------------------------------


def test_a_small_case_by_hand():
    """a b a b a c, with a = 1, b = 2, c = 3: after a came b twice and c once."""
    counts = counted([[1, 2, 1, 2, 1, 3]], n=2, vocab_size=4)
    after_a = torch.tensor([[1]])
    torch.testing.assert_close(
        AddK(counts, 1)(after_a).exp()[0, 0],
        torch.tensor([1 / 7, 1 / 7, 3 / 7, 2 / 7]),
    )
    # One token: a 3, b 2, c 1, end 1 of 7; with a quarter of equal chances.
    alone = 0.75 * torch.tensor([1 / 7, 3 / 7, 2 / 7, 1 / 7]) + 0.25 / 4
    torch.testing.assert_close(
        Interpolated(counts, 0.75)(after_a).exp()[0, 0],
        0.75 * torch.tensor([0, 0, 2 / 3, 1 / 3]) + 0.25 * alone,
    )
    # Before a came end and b, before b and c only a, before the end only c: 5 pairs.
    alone = torch.tensor([0.5, 1.5, 0.5, 0.5]) / 5 + (4 * 0.5 / 5) / 4
    torch.testing.assert_close(
        KneserNey(counts, 0.5)(after_a).exp()[0, 0],
        torch.tensor([0, 0, 1.5 / 3, 0.5 / 3]) + (2 * 0.5 / 3) * alone,
    )


def test_a_word_that_follows_one_other_is_not_expected_elsewhere():
    """“Francisco” comes often, and only after “San”; “today” seldom, after many."""
    san, francisco, today, a, b, c, d = range(1, 8)
    texts = [[san, francisco]] * 20 + [[w, today] for w in (a, b, c)] + [[d]]
    counts = counted(texts, n=2, vocab_size=8)
    after_d = torch.tensor([[END, d]])
    by_counts = Interpolated(counts)(after_d)[0, 1]
    assert by_counts[francisco] > by_counts[today]
    by_what_came_before = KneserNey(counts)(after_d)[0, 1]
    assert by_what_came_before[francisco] < by_what_came_before[today]


# --- Properties -------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODELS)
def test_probabilities_sum_to_one_whatever_was_read(kind):
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(V, (4, 30), generator=generator)
    for n in range(1, 6):
        logits = MODELS[kind](counted(some_texts(n, 4), n))(ids)
        probs = logits.exp()
        torch.testing.assert_close(probs.sum(-1), torch.ones(4, 30))
        assert probs.min() > 0


@pytest.mark.parametrize("kind", MODELS)
def test_what_was_never_read_leaves_the_shorter_context(kind):
    """After token 5, which no text has, nothing is known but how often tokens come."""
    texts = some_texts(1, vocab_size=5)
    longer, single = MODELS[kind](counted(texts, 4)), counted(texts, 1)
    at_last = longer(torch.tensor([[END, 1, 5]]))[0, -1].exp()
    if kind == "add-k":
        torch.testing.assert_close(at_last, torch.full((V,), 1 / V))
    elif kind == "interpolated":
        expected = MODELS[kind](single)(torch.tensor([[1]]))[0, 0].exp()
        torch.testing.assert_close(at_last, expected)
    else:
        assert at_last[1:5].min() > at_last[5]


@pytest.mark.parametrize("kind", MODELS)
def test_they_see_n_minus_1_tokens_and_no_future(kind):
    texts = some_texts(3, 60, 4)
    model = MODELS[kind](counted(texts, 3))
    ids = torch.randint(1, 4, (1, 8), generator=torch.Generator().manual_seed(0))
    check.causality(model, ids[0], V)
    here = model(ids)[0, 5]
    for place in range(8):
        other = ids.clone()
        other[0, place] = ids[0, place] % 3 + 1
        moved = not torch.equal(model(other)[0, 5], here)
        assert moved == (place in (4, 5)), place


def test_pairs_with_k_added_are_the_table():
    x, y = documents(some_texts(4), END, 99)
    table = BigramTable(V, alpha=0.2)
    table.count(x, y)
    model = AddK(NGramCounts(x, y, 2, V), k=0.2)
    torch.testing.assert_close(model(x), table(x))


def test_on_what_was_counted_a_longer_context_is_never_worse():
    x, y = documents(some_texts(5, 30), END, 99)
    losses = [
        cross_entropy(AddK(NGramCounts(x, y, n, V), 1e-6)(x), y).item()
        for n in range(1, 7)
    ]
    assert all(longer <= shorter + 1e-4 for shorter, longer in pairwise(losses))
    assert losses[0] - losses[-1] > 0.5


def test_no_token_is_counted_that_is_no_target():
    x, y = documents([[1, 2], [1, 2, 3, 4, 5]], END, 99)
    assert (y == IGNORE).any()
    counts = NGramCounts(x, y, 3, V)
    for count in counts.counts:
        assert count.sum() == (y != IGNORE).sum()
    assert counts.contexts[1].tolist() == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]  # each made of 0 and it
    torch.testing.assert_close(
        predecessors(counts, 1), torch.ones_like(counts.counts[1])
    )


def test_they_can_be_evaluated_like_every_model():
    x, y = documents(some_texts(6), END, 99)
    model = KneserNey(NGramCounts(x, y, 3, V))
    loss, error = held_out_loss(model, x, y, batch_size=5)
    assert math.isclose(loss, cross_entropy(model(x), y).item(), rel_tol=1e-5)
    assert 0 < error < 1


# --- What is refused --------------------------------------------------------------


def test_what_cannot_be_is_refused_in_words():
    x, y = documents(some_texts(7), END, 99)
    counts = NGramCounts(x, y, 2, V)
    for make, message in (
        (lambda: NGramCounts(x, y, 0, V), "n=0"),
        (lambda: NGramCounts(x, torch.full_like(y, IGNORE), 2, V), "0 targets"),
        (lambda: NGramCounts(x, y, 2, 3), "vocab_size=3"),
        (lambda: AddK(counts, 0), "k=0 must be above 0"),
        (lambda: Interpolated(counts, 1), "weight=1 must be above 0 and below 1"),
        (lambda: KneserNey(counts, 0), "discount=0 must be above 0 and below 1"),
        (lambda: KneserNey(counts)(torch.tensor([[V]])), "id 6 is out of range"),
        (lambda: KneserNey(counts)(torch.tensor([1])), r"write ids\[None\]"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
