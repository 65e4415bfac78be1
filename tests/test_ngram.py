"""Counting, and a window of a few tokens: what they may see and what they say."""

import math

import pytest
import torch

from llm import check
from llm.model import cross_entropy
from llm.ngram import BigramTable, WindowModel

V = 7


def counted(x, y, alpha=0.01):
    table = BigramTable(V, alpha)
    table.count(torch.tensor(x), torch.tensor(y))
    return table


def test_the_table_gives_the_shares_of_what_came_next():
    table = counted([[1, 1, 1, 2]], [[3, 3, 4, 1]], alpha=1e-9)
    law = table(torch.tensor([[1, 2]])).exp()
    torch.testing.assert_close(law[0, 0, [3, 4]], torch.tensor([2 / 3, 1 / 3]))
    assert law[0, 1].argmax() == 1


def test_every_row_of_the_table_is_a_law_even_one_never_seen():
    table = counted([[1, 1]], [[2, 3]], alpha=0.5)
    sums = table(torch.arange(V)[None]).exp().sum(-1)
    torch.testing.assert_close(sums, torch.ones(1, V))
    torch.testing.assert_close(
        table(torch.tensor([[6]])).exp(), torch.full((1, 1, V), 1 / V)
    )


def test_counting_twice_adds_and_targets_below_zero_do_not_count():
    table = counted([[1, 2, 0]], [[2, 3, -100]])
    table.count(torch.tensor([[1]]), torch.tensor([[2]]))
    assert table.counts.sum() == 3
    assert table.counts[1, 2] == 2


def test_no_other_table_is_less_surprised_by_what_was_counted():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randint(V, (2, 8, 50), generator=generator)
    table = counted(x.tolist(), y.tolist(), alpha=1e-6)
    least = cross_entropy(table(x), y)
    for _ in range(20):
        noise = 0.1 * torch.randn(V, V, generator=generator)
        other = (table(torch.arange(V)[None])[0] + noise)[x]
        assert cross_entropy(other, y) > least


@pytest.mark.parametrize("alpha", [0, -1.0, math.nan])
def test_a_prior_that_is_not_positive_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha="):
        BigramTable(V, alpha)


@pytest.mark.parametrize("model", [WindowModel(V, 3), BigramTable(V)])
def test_neither_sees_the_future(model):
    ids = torch.randint(V, (2, 9), generator=torch.Generator().manual_seed(0))
    later = ids.clone()
    later[:, 5:] = (later[:, 5:] + 1) % V
    assert torch.equal(model(ids)[:, :5], model(later)[:, :5])


def test_the_window_sees_its_tokens_and_nothing_before():
    model = WindowModel(V, 3)
    ids = torch.randint(V, (1, 8), generator=torch.Generator().manual_seed(0))
    here = model(ids)[0, 6]
    for place in range(7):
        other = ids.clone()
        other[0, place] = (other[0, place] + 1) % V
        moved = not torch.equal(model(other)[0, 6], here)
        assert moved == (place in (4, 5, 6)), place


def test_the_window_knows_the_place_of_each_token():
    model = WindowModel(V, 2)
    one, other = model(torch.tensor([[1, 2], [2, 1]]))[:, -1]
    assert not torch.allclose(one, other)


def test_check_accepts_the_window():
    ids = torch.randint(V, (8,), generator=torch.Generator().manual_seed(0))
    check.causality(WindowModel(V, 3), ids, V)


def test_ids_that_are_none_are_refused_in_words():
    for ids, message in (
        (torch.tensor([[0, V]]), "id 7 is out of range: vocab_size=7"),
        (torch.tensor([[-1, 0]]), "id -1 is out of range"),
        (torch.tensor([0, 1]), r"write ids\[None\]"),
        (torch.ones(1, 2), r"integers, not torch\.float32"),
    ):
        with pytest.raises(ValueError, match=message):
            WindowModel(V, 3)(ids)
