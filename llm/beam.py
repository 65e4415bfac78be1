"""Beam search: look for a likely text, instead of drawing one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from llm.generate import CachedReader
from llm.model import GPT


@dataclass(frozen=True, kw_only=True)
class Found:
    """A continuation that a search has found.

    ids: its tokens, without the prompt, with the end mark if it has one; log_prob:
    of all of them, in nats.
    """

    ids: tuple[int, ...]
    log_prob: float

    def score(self, length_power: float) -> float:
        """log_prob over a power of the length: 0 leaves it, 1 is the mean."""
        return self.log_prob / max(1, len(self.ids)) ** length_power


def beam_search(
    model: GPT,
    prompt: list[int],
    *,
    n_beams: int,
    max_new_tokens: int,
    end: int | None = None,
    length_power: float = 0.0,
) -> list[Found]:
    """Continue a text by what is likeliest, keeping n_beams beginnings at a time.

    A beginning that ends, with the id `end` or at max_new_tokens, is put aside. The
    search is over when no beginning can still become better than the n_beams best
    of these: its log-probability can only fall.

    Returns the n_beams best by `Found.score`, the best first (fewer where there are
    fewer). Raises `ValueError` for an empty prompt and for numbers without meaning.

    **Source:** Sutskever, Vinyals and Le (2014), section 3.2.
    """
    check_search(prompt, n_beams, max_new_tokens, length_power)
    was_training = model.training
    reader = CachedReader(model.eval(), n_beams)
    try:
        return search(reader, prompt, max_new_tokens, end, length_power)
    finally:
        model.train(was_training)


@torch.inference_mode()
def search(
    reader: CachedReader,
    prompt: list[int],
    max_new_tokens: int,
    end: int | None,
    length_power: float,
) -> list[Found]:
    """The loop of `beam_search`, with as many beams as the reader reads texts."""
    n_beams = len(reader.starts)

    def best(found: list[Found]) -> list[Found]:
        possible = [f for f in found if f.log_prob > -math.inf]
        return sorted(possible, key=lambda f: -f.score(length_power))[:n_beams]

    # All beginnings are alike at first, so only one of them may go on.
    beams = [Found(ids=(), log_prob=0.0)]
    beams += [Found(ids=(), log_prob=-math.inf)] * (n_beams - 1)
    over: list[Found] = []
    for _ in range(max_new_tokens):
        logits = reader([[*prompt, *beam.ids] for beam in beams])  # (n_beams, V)
        log_probs = logits.cpu().double().log_softmax(dim=-1)  # (n_beams, V)
        if end is not None:
            ended = log_probs[:, end].tolist()
            pairs = zip(beams, ended, strict=True)
            over = best(over + [longer(beam, p, end) for beam, p in pairs])
            log_probs[:, end] = -math.inf
        beams, rows = best_longer(beams, log_probs)
        reader.keep(rows)
        could_reach = beams[0].log_prob / max_new_tokens**length_power
        if len(over) == n_beams and over[-1].score(length_power) >= could_reach:
            return over
    return best(over + beams)


def longer(beam: Found, log_prob: float, id: int) -> Found:
    """One token more."""
    return Found(ids=(*beam.ids, id), log_prob=beam.log_prob + log_prob)


def best_longer(
    beams: list[Found], log_probs: Tensor
) -> tuple[list[Found], list[int]]:
    """The best beams that are one token longer, as many as there were; and of which
    beam each is the continuation. log_probs: (n_beams, V), of each next token."""
    V = log_probs.shape[-1]
    so_far = torch.tensor([[beam.log_prob] for beam in beams]).double()
    places = (so_far + log_probs).flatten().topk(len(beams)).indices.tolist()
    rows, ids = [place // V for place in places], [place % V for place in places]
    chosen = [
        longer(beams[row], float(log_probs[row, id]), id)
        for row, id in zip(rows, ids, strict=True)
    ]
    return chosen, rows


def check_search(
    prompt: list[int], n_beams: int, max_new_tokens: int, length_power: float
) -> None:
    """Raises `ValueError` for what beam search cannot begin with."""
    if not prompt:
        raise ValueError(
            "the prompt has no tokens: begin with one at least, such as the end mark"
        )
    for name, value in (("n_beams", n_beams), ("max_new_tokens", max_new_tokens)):
        if value < 1:
            raise ValueError(f"{name}={value} must be at least 1")
    if not 0 <= length_power < math.inf:
        raise ValueError(
            f"length_power={length_power} must be at least 0 and finite: 0 compares "
            "log-probabilities, 1 their means per token"
        )
