"""Checkers for chapter 9, Causal masking."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from book.exercises.verdict import (
    Wrong,
    answer_of,
    checker,
    compare_numbers,
    mask_of,
    number_of,
)
from llm.attention import attention, attention_weights


def _compare(result: Tensor, expected: Tensor, mistakes: dict[str, Tensor]) -> None:
    """Raise `Wrong` with the hint that fits, or with the first pair that differs."""
    if torch.equal(result, expected):
        return
    if torch.equal(result, ~expected):
        raise Wrong(
            "upside down: True means may look, yours is True where one may not"
        )
    for hint, typical in mistakes.items():
        if torch.equal(result, typical):
            raise Wrong(hint)
    *batch, look, at = (result != expected).nonzero()[0].tolist()
    row = f"in row {batch[0]} of the batch, " if batch else ""
    may, should = (
        ("can", "must not") if result[*batch, look, at] else ("cannot", "must")
    )
    raise Wrong(f"{row}position {look} {may} see position {at}, and {should}")


def _distance(n: int) -> Tensor:
    """How far back each position looks at each other: look - at, (T, T)."""
    return torch.arange(n)[:, None] - torch.arange(n)[None, :]


@checker
def window_mask(function: Callable[[int, int], Tensor]) -> str:
    """Check `window_mask(n_positions, width)`: the last `width` positions, (T, T)."""
    for n, width in ((7, 3), (5, 1), (4, 9)):
        back = _distance(n)
        _compare(
            mask_of(function, n, width, shape=(n, n)),
            (back >= 0) & (back < width),
            {
                "the window reaches into the future as far as into the past": (
                    back.abs() < width
                ),
                "one position too many: the position itself is one of the width": (
                    (back >= 0) & (back <= width)
                ),
                "a position must see itself, or the first has nothing to look at": (
                    (back > 0) & (back <= width)
                ),
                "this looks at the future and not at the past: is it transposed?": (
                    (back <= 0) & (back > -width)
                ),
                "nothing old is forgotten: this is the causal mask": back >= 0,
                "the future is not hidden: only what is too old is": back < width,
                "everyone sees the first positions, not the last ones": (
                    (back >= 0) & (torch.arange(n) < width)
                ),
            },
        )
    return "itself and the width - 1 before, and nobody later"


@checker
def answers_seen(function: Callable[[float, float, int], float]) -> str:
    """Check `answers_seen(loss, floor, n_days)`: how many of its answers it has read."""
    share = 0.2 + 0.6 * float(torch.rand(()))
    floor, n = 0.5 + float(torch.rand(())), int(torch.randint(5, 40, ()))
    for loss in (share * floor, floor / n, floor):
        answer = answer_of(function, loss, floor, n)
        compare_numbers(
            f"for a loss of {loss:.3f} over a floor of {floor:.3f} and {n} days",
            number_of(answer, "your answer"),
            n * (1 - loss / floor),
            _seen_otherwise(loss, floor, n),
        )
    above = number_of(answer_of(function, 1.3 * floor, floor, n), "your answer")
    if above != 0:
        raise Wrong(
            f"a forecaster that loses more than the floor has not read "
            f"{above:.1f} answers: it has read none, and has still to learn"
        )
    return "the loss of a cheat says how much it has seen"


def _seen_otherwise(loss: float, floor: float, n: int) -> dict[str, float]:
    seen = n * (1 - loss / floor)
    return {
        "that many it had to forecast; the others it has read": n * loss / floor,
        "that is their share; of how many days?": 1 - loss / floor,
        "a difference in nats is no number of days: what does one unread answer cost?": (
            n * (floor - loss)
        ),
        "the sign is wrong: below the floor something was read": -seen,
        "upside down: an unread answer costs the floor, so divide by it": (
            n * (floor / loss - 1)
        ),
        "the loss is a mean over all days, the read ones included: it need not be "
        "divided by their number again": n - loss / floor,
        "do not round: the loss may be a mean over many pages": float(round(seen)),
    }


@checker
def left_padded_mask(function: Callable[[Tensor, int], Tensor]) -> str:
    """Check `left_padded_mask(lengths, n_positions)`: (B,) to (B, 1, T, T).

    Row b's text stands in its last `lengths[b]` positions, padding before it.
    Padding must see itself, so that no row of weights is empty.
    """
    lengths, n = torch.tensor([5, 2, 4]), 5
    heads = "(B, T, T) does not broadcast over heads: it takes (B, 1, T, T)"
    hints = {(3, n, n): heads}
    result = mask_of(function, lengths, n, shape=(3, 1, n, n), hints=hints)
    past, itself = _distance(n) >= 0, torch.eye(n, dtype=torch.bool)
    real = torch.arange(n) >= (n - lengths)[:, None]  # (B, T)
    right = torch.arange(n) < lengths[:, None]  # (B, T)
    text = past & real[:, None]
    empty = (~result.any(-1)).nonzero()
    if len(empty):
        row, _, look = empty[0].tolist()
        raise Wrong(
            f"in row {row}, position {look} may look at nobody: a softmax over nothing "
            f"is not a number, and it spreads. Let padding see itself"
        )
    _compare(
        result[:, 0],
        text | itself,
        {
            "padding is expected on the right here, but it stands on the left": (
                (past & right[:, None]) | itself
            ),
            "nobody sees the padding, but the future is not hidden": (
                real[:, None].expand(3, n, n) | itself
            ),
            "padding may not look, but it can be seen: hide columns, not rows": (
                (past & real[:, :, None]) | itself
            ),
            "the lengths have no effect: padding can be seen": past.expand(3, n, n),
            "padding may see itself only, and here it sees the padding before it": (
                text | (past & ~real[:, None] & ~real[:, :, None])
            ),
        },
    )
    return "causal, blind to padding, and no row is empty"


@checker
def document_mask(function: Callable[[Tensor], Tensor]) -> str:
    """Check `document_mask(documents)`: the number of each token's document, (T, T)."""
    documents = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])
    n = len(documents)
    past, same = _distance(n) >= 0, documents[:, None] == documents
    _compare(
        mask_of(function, documents, shape=(n, n)),
        past & same,
        {
            "the future within a document is not hidden": same,
            "earlier documents can still be seen": past,
            "a position must see itself": past & same & (_distance(n) > 0),
            "the same document, or the past: it takes both": past | same,
            "this looks at the future and not at the past: is it transposed?": (
                (past & same).T
            ),
            "everyone sees all documents but their own": past & ~same,
        },
    )
    return "each document is alone in the world"


@checker
def prefix_mask(function: Callable[[int, int], Tensor]) -> str:
    """Check `prefix_mask(n_positions, n_prefix)`: the prefix sees itself whole."""
    for n, prefix in ((6, 3), (4, 0), (3, 3)):
        past = _distance(n) >= 0
        seen, at = torch.arange(n) < prefix, torch.arange(n)
        _compare(
            mask_of(function, n, prefix, shape=(n, n)),
            past | (seen[:, None] & seen),
            {
                "the prefix sees the answer too: hide what comes after it": (
                    past | seen[:, None]
                ),
                "the prefix is still read from left to right": past,
                "the answer cannot see the prefix": (
                    (past & ~seen) | (seen[:, None] & seen)
                ),
                "the prefix is one position too long": (
                    past | ((at <= prefix)[:, None] & (at <= prefix))
                ),
                "the answer has lost its own past": seen.expand(n, n),
                "the answer sees its future: only the prefix is read whole": (
                    torch.ones(n, n, dtype=torch.bool)
                ),
            },
        )
    return "read the question whole, write the answer word by word"


def _toy(mask: Tensor | None, after: bool = False) -> Callable[[Tensor], Tensor]:
    """A small model with any mask (T, T), in float64, ids below 11."""
    generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    table = torch.randn(11, 6, generator=generator, dtype=torch.float64)

    def model(ids: Tensor) -> Tensor:
        x = table[ids]
        if not after:
            return attention(x, x, x, mask) @ table.T
        weights = attention_weights(x, x) * mask
        return weights @ x @ table.T

    return model


@checker
def leaks(function: Callable[[Callable, Tensor, int], set]) -> str:
    """Check `leaks(model, ids, vocab_size)`: all (look, at) where the future shows."""
    n = 6
    past = _distance(n) >= 0
    one = past.clone()
    one[1, 4] = True
    future = {(look, at) for look in range(n) for at in range(look + 1, n)}
    cases = {
        "a causal model": (_toy(past), set()),
        "a model without a mask": (_toy(torch.ones_like(past)), future),
        "a mask shifted by one": (
            _toy(_distance(n) >= -1), {(t, t + 1) for t in range(n - 1)},
        ),
        "a mask applied after the softmax": (_toy(past, after=True), future),
        "a mask with a single hole": (_toy(one), {(1, 4)}),
    }  # fmt: skip
    ids = torch.tensor([3, 1, 4, 1, 5, 9])
    for name, (model, expected) in cases.items():
        _look_at_leaks(name, _pairs(answer_of(function, model, ids, 11)), expected)
    return "every leak is found, with who saw whom, and nothing else"


def _pairs(result) -> set[tuple[int, int]]:
    try:
        return {(int(look), int(at)) for look, at in result}
    except (TypeError, ValueError) as error:
        raise Wrong(
            "return a set of pairs (look, at), empty if there is none"
        ) from error


def _look_at_leaks(name: str, found: set, expected: set) -> None:
    if found == expected:
        return
    if expected and found == {(at, look) for look, at in expected}:
        raise Wrong("the pairs are the wrong way round: (who looks, at whom)")
    past = {(look, at) for look, at in found if at <= look}
    if past:
        look, at = min(past)
        raise Wrong(
            f"{name}: ({look}, {at}) is reported, but position {look} may see {at}: "
            f"only a later position is a leak"
        )
    if found - expected:
        look, at = min(found - expected)
        raise Wrong(
            f"{name}: ({look}, {at}) is reported, but the logits at {look} do not "
            f"depend on token {at}: is more than one token changed at a time?"
        )
    look, at = min(expected - found)
    raise Wrong(
        f"{name}: position {look} depends on token {at}, and it was not found. Is every "
        f"token changed in turn, to a different one, and every position compared, "
        f"however small the difference?"
    )
