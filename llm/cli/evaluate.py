"""Measure a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from llm.corpora import load_text
from llm.data import (
    windows,
)
from llm.evaluate import (
    below_the_floor,
    evaluate,
    grammatical_share,
)
from llm.generate import (
    generate,
)
from llm.model import GPT
from llm.runs import (
    HELD_OUT_SEED,
    both_named,
    encode,
    held_out_text,
    learnt_stories,
    newest_run,
    open_run,
    stories_and_floor,
)
from llm.tokenizers import Tokenizer
from llm.train import Rows

STORIES_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Measure how well a trained model predicts a text.

    On the part of its own text that was held out, and on another text:

        python -m llm evaluate
        python -m llm evaluate --text other.txt

    Nats per token depend on the tokenizer. Bits per byte do not: 8 is knowing
    nothing, gzip needs about 3 for English, a small model 2, a large one under 1.

    On stories it has never seen, how far it is above the floor, which is the loss
    of the best possible model; and how many of 20 that it writes are without fault:

        python -m llm evaluate --corpus stories --grammatical 20
    """

    # Folder of the run; None = the newest in runs/.
    folder: Path | None = None
    # The text in UTF-8: a file, a folder, or - for stdin; None = what was held out.
    text: str | None = None
    # Measure on stories; None = only if the model has learnt from stories.
    corpus: Literal["stories"] | None = None
    # How many stories to measure on.
    count: int = 500
    # Which supply of stories; training takes seeds from 0 up, never a negative one.
    seed: int = HELD_OUT_SEED
    # Let the model write that many stories, at temperature 1, and say how many are
    # without fault.
    grammatical: int = 0
    # Windows, or stories, that go through the model at once.
    batch_size: int = 32
    # Where to compute: auto, cpu, cuda, mps.
    device: str = "auto"

    def __call__(self) -> int:
        if self.text is not None and self.corpus:
            raise ValueError(both_named(self.text, self.corpus))
        run = self.folder or newest_run("*/checkpoint-*")
        model, tokenizer = open_run(run, self.device)
        rows, floor = self.rows(run, tokenizer, model.context_length)
        x, y = (part.to(model.device) for part in rows)
        options = {"floor": floor, "batch_size": self.batch_size}
        found = evaluate(model, tokenizer, x, y, **options)
        print(found)
        if self.grammatical > 0:
            print(grammar_of(model, tokenizer, self.grammatical))
        return int(below_the_floor(found.gap, found.gap_standard_error))

    def rows(
        self, run: Path, tokenizer: Tokenizer, context_length: int
    ) -> tuple[Rows, Tensor | None]:
        """What to measure on, and its floor if there is one."""
        if self.corpus or (self.text is None and learnt_stories(run)):
            return stories_and_floor(
                tokenizer, self.seed, self.count, context_length
            )
        text = held_out_text(run) if self.text is None else load_text(self.text)
        ids = torch.tensor(encode(tokenizer, text))
        return windows(ids, context_length), None


def grammar_of(model: GPT, tokenizer: Tokenizer, n: int) -> str:
    """How well a model writes stories, as the parser finds."""
    shares: list[float] = []
    while len(shares) < n:  # so many at once that their cache fits into memory
        texts = generate(
            model,
            tokenizer,
            [""] * min(n - len(shares), STORIES_AT_ONCE),
            max_new_tokens=model.context_length - 1,
            seed=len(shares),
        )
        shares += map(grammatical_share, texts)
    return (
        f"{shares.count(1.0)} of {n} stories that it writes are without fault; on "
        f"average the first fault comes after {sum(shares) / n:.0%} of a story"
    )
