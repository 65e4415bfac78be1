"""Chapter 9's checkers: right answers pass; each plausible wrong one gets its hint."""

import re
from functools import partial

import pytest
import torch

from book.exercises import chapter_09 as c


def back(n):
    return torch.arange(n)[:, None] - torch.arange(n)


def ones(n):
    return torch.ones(n, n, dtype=torch.bool)


def pads(lengths, n):
    return torch.arange(n) < (n - lengths)[:, None]


def left_padded(lengths, n):
    sees = (back(n) >= 0) & ~pads(lengths, n)[:, None]
    return (sees | torch.eye(n, dtype=torch.bool))[:, None]


def left_padded_by_loop(lengths, n):
    mask = torch.zeros(len(lengths), 1, n, n, dtype=torch.bool)
    for b, length in enumerate(lengths.tolist()):
        for look in range(n):
            for at in range(look + 1):
                mask[b, 0, look, at] = at >= n - length or at == look
    return mask


def find_leaks(
    model, ids, vocab_size, changes=None, later_only=True, tolerance=0.0
):
    found = set()
    before = model(ids[None])[0]
    for at in range(len(ids)) if changes is None else changes(len(ids)):
        changed = ids.clone()
        changed[at] = (changed[at] + 1) % vocab_size
        moved = (model(changed[None])[0] - before).abs().amax(-1) > tolerance
        for look in moved.nonzero()[:, 0].tolist():
            if look < at or not later_only:
                found.add((look, at))
    return found


def find_leaks_in_a_batch(model, ids, vocab_size):
    n = len(ids)
    changed = ids.repeat(n + 1, 1)
    changed[range(1, n + 1), range(n)] = (ids + 3) % vocab_size
    logits = model(changed)
    moved = (logits[1:] - logits[0]).abs().amax(-1) > 1e-9
    return {(t, at) for at in range(n) for t in range(at) if moved[at, t]}


RIGHT = [
    (c.window_mask, lambda n, w: ones(n).tril() & ones(n).triu(1 - w)),
    (c.window_mask, lambda n, w: (back(n) >= 0) & (back(n) < w)),
    (c.left_padded_mask, left_padded),
    (c.left_padded_mask, left_padded_by_loop),
    (c.answers_seen, lambda loss, floor, n: max(0, n * (1 - loss / floor))),
    (
        c.answers_seen,
        lambda loss, floor, n: torch.tensor(n - n * loss / floor).relu(),
    ),
    (c.document_mask, lambda d: (d[:, None] == d) & ones(len(d)).tril()),
    (c.prefix_mask, lambda n, p: ones(n).tril() | (torch.arange(n) < p)),
    (c.leaks, find_leaks),
    (c.leaks, find_leaks_in_a_batch),
    (c.leaks, partial(find_leaks, tolerance=1e-5)),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass_every_time(check, answer):
    for _ in range(20):
        verdict = check(answer)
        assert verdict, verdict.message


def whole_future_at_once(model, ids, vocab_size):
    found, before = set(), model(ids[None])[0]
    for look in range(len(ids) - 1):
        changed = ids.clone()
        changed[look + 1 :] = (changed[look + 1 :] + 1) % vocab_size
        if (model(changed[None])[0][look] - before[look]).abs().max() > 0:
            found |= {(look, at) for at in range(look + 1, len(ids))}
    return found


WRONG = {
    # what somebody believes: (checker, their answer, words of the hint)
    "window: both ways": (
        c.window_mask, lambda n, w: back(n).abs() < w, "into the future"),
    "window: plus itself": (
        c.window_mask, lambda n, w: (back(n) >= 0) & (back(n) <= w), "one position too"),
    "window: without itself": (
        c.window_mask, lambda n, w: (back(n) > 0) & (back(n) <= w), "see itself"),
    "window: transposed": (
        c.window_mask, lambda n, w: ((back(n) >= 0) & (back(n) < w)).T, "transposed"),
    "window: only causal": (c.window_mask, lambda n, w: back(n) >= 0, "causal mask"),
    "window: only recent": (
        c.window_mask, lambda n, w: back(n) < w, "future is not hidden"),
    "window: the first ones": (
        c.window_mask, lambda n, w: (back(n) >= 0) & (torch.arange(n) < w), "first pos"),
    "window: True hides": (
        c.window_mask, lambda n, w: ~((back(n) >= 0) & (back(n) < w)), "upside down"),
    "window: numbers for truth": (
        c.window_mask, lambda n, w: ((back(n) >= 0) & (back(n) < w)).float(),
        "a mask is boolean"),
    "seen: what is not": (
        c.answers_seen, lambda loss, floor, n: n * loss / floor, "had to forecast"),
    "seen: a share": (
        c.answers_seen, lambda loss, floor, n: 1 - loss / floor, "of how many days"),
    "seen: nats": (
        c.answers_seen, lambda loss, floor, n: n * (floor - loss), "no number of days"),
    "seen: the sign": (
        c.answers_seen, lambda loss, floor, n: n * (loss / floor - 1), "sign is wrong"),
    "seen: over the loss": (
        c.answers_seen, lambda loss, floor, n: n * (floor / loss - 1), "upside down"),
    "seen: divided again": (
        c.answers_seen, lambda loss, floor, n: n - loss / floor, "mean over all days"),
    "seen: whole days": (
        c.answers_seen, lambda loss, floor, n: round(n * (1 - loss / floor)), "round"),
    "seen: less than none": (
        c.answers_seen, lambda loss, floor, n: n * (1 - loss / floor), "has read none"),
    "padding: sees the padding before it": (
        c.left_padded_mask,
        lambda lengths, n: (left_padded(lengths, n)[:, 0] | (
            (back(n) >= 0) & pads(lengths, n)[:, None] & pads(lengths, n)[:, :, None]
        ))[:, None],
        "may see itself only"),
    "padding: on the right": (
        c.left_padded_mask,
        lambda lengths, n: (((back(n) >= 0) & (torch.arange(n) < lengths[:, None])[:, None])
                            | torch.eye(n, dtype=torch.bool))[:, None],
        "stands on the left"),
    "padding: rows may be empty": (
        c.left_padded_mask,
        lambda lengths, n: ((back(n) >= 0) & ~pads(lengths, n)[:, None])[:, None],
        "may look at nobody"),
    "padding: no need to be causal": (
        c.left_padded_mask,
        lambda lengths, n: (~pads(lengths, n)[:, None].expand(-1, n, n)
                            | torch.eye(n, dtype=torch.bool))[:, None],
        "future is not hidden"),
    "padding: rows instead of columns": (
        c.left_padded_mask,
        lambda lengths, n: (((back(n) >= 0) & ~pads(lengths, n)[:, :, None])
                            | torch.eye(n, dtype=torch.bool))[:, None],
        "columns, not rows"),
    "padding: ignored": (
        c.left_padded_mask,
        lambda lengths, n: (back(n) >= 0).expand(len(lengths), 1, n, n), "no effect"),
    "padding: no axis for the heads": (
        c.left_padded_mask, lambda lengths, n: left_padded(lengths, n)[:, 0],
        "broadcast over heads"),
    "documents: not causal": (
        c.document_mask, lambda d: d[:, None] == d, "future within a document"),
    "documents: only causal": (
        c.document_mask, lambda d: ones(len(d)).tril(), "earlier documents"),
    "documents: or for and": (
        c.document_mask, lambda d: (d[:, None] == d) | ones(len(d)).tril(), "both"),
    "documents: transposed": (
        c.document_mask, lambda d: ((d[:, None] == d) & ones(len(d)).tril()).T,
        "transposed"),
    "documents: without itself": (
        c.document_mask, lambda d: (d[:, None] == d) & ones(len(d)).tril(-1), "itself"),
    "documents: all but mine": (
        c.document_mask, lambda d: (d[:, None] != d) & ones(len(d)).tril(), "but their"),
    "prefix: sees everything": (
        c.prefix_mask, lambda n, p: ones(n).tril() | (torch.arange(n) < p)[:, None],
        "prefix sees the answer"),
    "prefix: causal": (c.prefix_mask, lambda n, p: ones(n).tril(), "left to right"),
    "prefix: hidden from the answer": (
        c.prefix_mask,
        lambda n, p: (ones(n).tril() & (torch.arange(n) >= p))
        | ((torch.arange(n) < p)[:, None] & (torch.arange(n) < p)),
        "cannot see the prefix"),
    "prefix: one too long": (
        c.prefix_mask, lambda n, p: ones(n).tril() | (torch.arange(n) <= p),
        "one position too long"),
    "prefix: nothing but the prefix": (
        c.prefix_mask, lambda n, p: (torch.arange(n) < p).expand(n, n), "own past"),
    "prefix: everything": (c.prefix_mask, lambda n, p: ones(n), "sees its future"),
    "leaks: change the last token only": (
        c.leaks, lambda m, i, v: find_leaks(m, i, v, lambda n: [n - 1]), "was not found"),
    "leaks: the past counts too": (
        c.leaks, lambda m, i, v: find_leaks(m, i, v, later_only=False), "may see"),
    "leaks: the wrong way round": (
        c.leaks, lambda m, i, v: {(b, a) for a, b in find_leaks(m, i, v)}, "wrong way"),
    "leaks: small differences are rounding": (
        c.leaks, lambda m, i, v: find_leaks(m, i, v, tolerance=5.0), "was not found"),
    "leaks: the whole future at once": (c.leaks, whole_future_at_once, "one token"),
    "leaks: a yes or a no": (c.leaks, lambda m, i, v: True, "a set of pairs"),
    "leaks: nothing leaks": (c.leaks, lambda m, i, v: set(), "was not found"),
}  # fmt: skip


@pytest.mark.parametrize("belief", WRONG)
def test_wrong_answers_are_refused_with_the_hint_that_names_the_mistake(belief):
    check, answer, hint = WRONG[belief]
    for _ in range(5):
        verdict = check(answer)
        assert not verdict, f"accepted: {belief}"
        assert re.search(hint, verdict.message), verdict.message
