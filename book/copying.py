"""A tiny language in which every token has a known probability: letters that follow
each other by a table, and a mark that says the letter before it once more.

    a d b ? b c a ? a …

The table is learnt by any model that sees one token back; what comes behind the mark
only by one that looks two back. So short runs come near their floor, and attention has
something to do now and then, and most of the time nothing.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

END, AGAIN = 0, 1  # the end mark of a document, and “once more”
LETTERS = "abcdefghijkl"
SPELLING = "·?" + LETTERS
VOCAB_SIZE = len(SPELLING)
P_AGAIN = 0.08  # of the mark, behind any letter


@cache
def table() -> Tensor:
    """How likely each token is behind each other one: (V, V), without any end.

    Behind the mark the table does not count.
    """
    n = len(LETTERS)
    weights = torch.rand(n + 2, n, generator=torch.Generator().manual_seed(17)) ** 4
    letters = (1 - P_AGAIN) * weights / weights.sum(-1, keepdim=True)
    p = torch.cat(
        (torch.zeros(n + 2, 1), torch.full((n + 2, 1), P_AGAIN), letters), 1
    )
    p[END] = torch.cat((torch.zeros(2), torch.full((n,), 1 / n)))
    return p  # (V, V)


def sample(
    n: int, length: int, seed: int, p_end: float = 0.0
) -> tuple[list[list[int]], Tensor]:
    """n documents of at most `length` tokens, without their end marks, and what each
    costs at best, its end mark included: (n,), in nats.

    p_end: how likely a document ends behind a letter; 0 = it is cut at `length`, and no
    end is to be predicted. At full length the end is certain.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = torch.full((n, length + 1), END)
    alive, costs = torch.ones(n, dtype=torch.bool), torch.zeros(n)
    for t in range(1, length + 1):
        last = ids[:, t - 1]
        drawn = torch.multinomial(table()[last], 1, generator=generator)[:, 0]
        price = -table()[last, drawn].log()
        again = (last == AGAIN) & (t >= 2)
        drawn = torch.where(again, ids[:, t - 2], drawn)
        price = torch.where(again, 0.0, price)
        may_end = ~again if p_end and t >= 2 else torch.zeros_like(again)
        ends = may_end & (torch.rand(n, generator=generator) < p_end) & alive
        costs += ends * -math.log(p_end or 1.0)
        alive &= ~ends
        price -= may_end * math.log(1 - p_end)
        costs += alive * price
        ids[:, t] = torch.where(alive, drawn, END)
    return [[i for i in row if i != END] for row in ids[:, 1:].tolist()], costs


def spelled(ids: Tensor | list[int]) -> str:
    """Ids as characters; the end mark is a dot, what does not count a blank."""
    return "".join(
        SPELLING[i] if i >= 0 else " " for i in torch.as_tensor(ids).tolist()
    )
