"""Write with a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from llm.generate import (
    Processor,
    Sampler,
    compose,
    greedy,
    min_p,
    stream,
    temperature,
    top_k,
    top_p,
    typical,
)
from llm.processors import repetition_penalty
from llm.runs import (
    learnt_stories,
    newest_run,
    open_run,
)
from llm.tokenizers import Tokenizer
from llm.train import SEEDS


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Write with a trained model.

    Two ways to continue a prompt, close to what it has read and more daring:

        python -m llm sample --prompt "ROMEO:" --temperature 0.7
        python -m llm sample --prompt "ROMEO:" --temperature 1 --top-p 0.95

    A model that has learnt from stories writes one, if nothing is asked:

        python -m llm sample --folder runs/stories
    """

    # Folder of the run; None = the newest in runs/.
    folder: Path | None = None
    # The text to continue; empty = begin a new document; None = begin as what it has
    # learnt from: a story, or a line of the text.
    prompt: str | None = None
    # Where to end at the latest.
    max_new_tokens: int = 300
    # How daring: 0 = always the likeliest token, 1 = as the model says; usual: 0.8.
    temperature: float = 0.8
    # Choose among that many likeliest tokens; None = all.
    top_k: int | None = None
    # Choose among the likeliest tokens with this probability in all; None = 1.
    top_p: float | None = None
    # Choose among tokens at least that many times as likely as the likeliest; None = 0.
    min_p: float | None = None
    # Choose among the tokens whose surprise is nearest to the expected one, with this
    # probability in all; None = 1.
    typical: float | None = None
    # Divide the logits of tokens that are in the text already; None = 1, usual: 1.2.
    repetition_penalty: float | None = None
    # End before any of these strings; none = only at the length or a special token.
    stop: tuple[str, ...] = ()
    # The same seed gives the same text; None = another text each time.
    seed: int | None = None
    # Where to compute: auto, cpu, cuda, mps.
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.seed is not None and not -SEEDS / 2 <= self.seed < SEEDS:
            raise ValueError(f"seed={self.seed} must be below {SEEDS}")

    def __call__(self) -> None:
        run = self.folder or newest_run("*/checkpoint-*")
        model, tokenizer = open_run(run, self.device)
        stories, prompt = learnt_stories(run), self.prompt
        if prompt is None:
            prompt = "" if stories else start_of_line(tokenizer)
        pieces = stream(
            model,
            tokenizer,
            prompt,
            sampler=self.sampler(),
            processors=self.processors(tokenizer),
            max_new_tokens=self.max_new_tokens,
            stop=self.stop,
            document=stories,
            seed=torch.seed() % 2**32 if self.seed is None else self.seed,
        )
        start = prompt + next(pieces, "")
        for piece in chain([start], pieces):
            print(piece, end="", flush=True)
        print()

    def sampler(self) -> Sampler:
        """The samplers that the options ask for, in their usual order."""
        if self.temperature == 0:
            return greedy
        parts = [temperature(self.temperature)]
        parts += [] if self.top_k is None else [top_k(self.top_k)]
        parts += [] if self.top_p is None else [top_p(self.top_p)]
        parts += [] if self.min_p is None else [min_p(self.min_p)]
        parts += [] if self.typical is None else [typical(self.typical)]
        return compose(*parts)

    def processors(self, tokenizer: Tokenizer) -> list[Processor]:
        """What the options ask for that depends on the text so far."""
        if self.repetition_penalty is None:
            return []
        spare = tokenizer.special_tokens.values()
        return [repetition_penalty(self.repetition_penalty, spare)]


def start_of_line(tokenizer: Tokenizer) -> str:
    """A line end, behind which a line begins; "" where the vocabulary has none."""
    try:
        tokenizer.encode("\n")
    except ValueError:
        return ""
    return "\n"
