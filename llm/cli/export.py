"""Write a trained model into one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from torch import nn

from llm.checkpoints import load_model
from llm.export import as_page, largest_difference, load_packed, pack
from llm.files import atomic_write
from llm.memory import readable
from llm.runs import (
    check_same_size,
    learnt_stories,
    newest_run,
    newest_whole_in,
    tokenizer_of,
)
from llm.tokenizers import END_OF_TEXT, Tokenizer, load


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a trained model into one HTML page, which runs it without a network.

    The newest run, and any other; the page opens in a browser from its file:

        python -m llm export --html model.html
        python -m llm export --html model.html runs/stories

    A quarter of the size, its weights rounded to eight bits:

        python -m llm export --html small.html --precision int8
    """

    # A run, a checkpoint of it, or a model packed into one file; None = the newest run.
    checkpoint: tyro.conf.Positional[Path | None] = None
    # Where to write the page.
    html: Path
    # Of the weights: float32 = as they are; float16 and int8 are rounded, and smaller.
    precision: Literal["float32", "float16", "int8"] = "float32"
    # The tokenizer that the model was trained with; None = that of its run.
    tokenizer: Path | None = None
    # The text that stands in the page to begin with.
    beginning: str = ""
    # What stands above it; None = the name of the run.
    title: str | None = None

    def __call__(self) -> None:
        model, tokenizer, name, documents = self.opened()
        tokenizer.encode(self.beginning)  # or the page would open with an error
        options = {"beginning": self.beginning, "document": documents}
        text = as_page(
            model,
            tokenizer,
            title=self.title or name,
            precision=self.precision,
            **options,
        )
        with atomic_write(self.html, "w") as file:
            file.write(text)
        print(
            f"{self.html}: {readable(len(text.encode()))}, {self.rounding(model)}"
        )

    def rounding(self, model: nn.Module) -> str:
        """What the precision does to the logits."""
        if self.precision == "float32":
            return "weights in float32, as they are"
        most = largest_difference(model, pack(model, precision=self.precision))
        return (
            f"weights in {self.precision}, which moves a logit by at most {most:.2g} "
            "(on random tokens)"
        )

    def opened(self) -> tuple[nn.Module, Tokenizer, str, bool]:
        """The model, its tokenizer, its name, and has it learnt from documents?"""
        path = self.checkpoint or newest_run("*/checkpoint-*")
        if path.is_file():
            model, tokenizer = load_packed(path)
            tokenizer = self.known(tokenizer, path)
            return (
                model,
                tokenizer,
                path.stem,
                END_OF_TEXT in tokenizer.special_tokens,
            )
        if not path.is_dir():
            raise ValueError(
                f"{path} is not there; name a run, such as runs/stories"
            )
        folder, run = path, path.resolve().parent
        if not (path / "model.safetensors").is_file():
            folder, run = newest_whole_in(path), path
        there = (run / "tokenizer.json").is_file()
        tokenizer = self.known(tokenizer_of(run) if there else None, path)
        model = load_model(folder)
        check_same_size(tokenizer, model.config, run)
        return model, tokenizer, run.resolve().name, learnt_stories(run)

    def known(self, tokenizer: Tokenizer | None, path: Path) -> Tokenizer:
        """The tokenizer that is named, or that the checkpoint came with."""
        if self.tokenizer:
            return load(self.tokenizer)
        if tokenizer is None:
            raise ValueError(
                f"{path} came without its tokenizer; name the one that the model was "
                "trained with: --tokenizer tokenizer.json"
            )
        return tokenizer
