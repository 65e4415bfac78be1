"""What a run learns from, what it is measured on, and what it keeps in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from llm.checkpoints import newest_checkpoint, read_json
from llm.corpora import load_text, story
from llm.data import (
    Batches,
    DocumentBatches,
    Supply,
    check_documents,
    documents,
    encode_documents,
    split,
    windows,
)
from llm.files import atomic_write
from llm.model import GPT, GPTConfig, build
from llm.oracle import surprises
from llm.tokenizers import (
    END_OF_TEXT,
    Tokenizer,
    WordTokenizer,
    load,
    train_tokenizer,
)
from llm.train import (
    Rows,
    TrainConfig,
    check_share,
    load_model,
    n_processes,
    pick_device,
    rank,
)

RUNS = Path("runs")
# Minutes on two processors for a megabyte of text. In 150 processor-seconds on such
# a text a Llama of this size reaches 2.2 bits per byte on held-out text, a GPT-2 2.4.
MODEL = GPTConfig(
    architecture="llama", vocab_size=1024, context_length=128, dropout=0.1
)
TRAINING = TrainConfig(batch_size=16)
# The same for the stories, in 6 minutes of a single processor: 1.28 nats per token,
# where the floor is 1.01. Most words are one token and every story fits whole; none
# comes twice, so there is nothing to learn by heart, and dropout would only disturb.
# In trials of 40 to 110 seconds a third layer, batches of 16, a vocabulary of 2048, a
# GPT-2 and rates of 1.5e-3 and 5e-3 all stayed further from the floor.
STORY_MODEL = GPTConfig(
    architecture="llama", vocab_size=3072, context_length=256, n_layers=2
)
STORY_TRAINING = TrainConfig(batch_size=8, steps=3000, learning_rate=2.5e-3)
# Training takes the stories of its seed, from 0 up, so it never meets these.
HELD_OUT_SEED = -1
TOKENIZER_STORIES = 1000  # so many of the first train the tokenizer
Kind = Literal["bpe", "characters", "words", "bytes"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a model is to learn from, with which settings, and where it is kept."""

    # The text, in UTF-8: a file, a folder of .txt and .md files, or - for stdin.
    text: str | None = None
    # Learn from stories instead of a text; they are written as they are needed.
    corpus: Literal["stories"] | None = None
    # Folder for tokenizer, checkpoints, log and curve; None = runs/<name of text>.
    folder: Path | None = None
    # Go on with a run (None = the newest); what no option changes stays as it was.
    resume: bool = False
    # A trained tokenizer; None = train one on the text.
    tokenizer: Path | None = None
    # What a token is: bpe = frequent pieces of words; the others as named.
    kind: Kind = "bpe"
    # Share of a text, at its end, that is held out to measure on; usual: 0.1.
    validation_fraction: float = 0.1
    model: GPTConfig = MODEL
    training: TrainConfig = TRAINING

    def tokenizer_in(self, run: Path, texts: Iterable[str]) -> Tokenizer:
        """That of the run that goes on, or the one to begin with."""
        if self.resume:
            return load(run / "tokenizer.json")
        size = self.model.vocab_size
        return tokenizer_for(texts, self.kind, size, self.tokenizer)


# --- Texts and tokenizers ---------------------------------------------------------


def tokenizer_for(
    texts: Iterable[str], kind: Kind, vocab_size: int, trained: Path | None = None
) -> Tokenizer:
    """One that was trained before, or one trained on the texts."""
    if trained:
        return load(trained)
    size = vocab_size if kind == "bpe" else None
    return train_tokenizer(kind, texts, size, [END_OF_TEXT])


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text to learn from, in which `<|endoftext|>` ends a document."""
    return encode_documents(text, tokenizer)


def digest(text: str) -> str:
    """What tells a text from every other."""
    return hashlib.sha256(text.encode()).hexdigest()


# --- What a model learns from, and is measured on ---------------------------------


class Material(NamedTuple):
    """What a run learns from and is measured on.

    floor: as in `train`; digest: what tells it from all other material.
    """

    tokenizer: Tokenizer
    supply: Supply
    held_out: Rows
    floor: Tensor | None
    digest: str


def from_text(order: Order, run: Path) -> Material:
    """A text, cut into windows; no floor is known under these."""
    text = load_text(order.text)
    front, tail = split(text, order.validation_fraction)
    # only bpe can spell a text that it has not seen
    seen = front if order.kind == "bpe" else text
    tokenizer = order.tokenizer_in(run, [seen])
    ids, held_out = (
        torch.tensor(encode(tokenizer, part)) for part in (front, tail)
    )
    length, c = order.model.context_length, order.training
    supply = Batches(ids, length, c.batch_size, c.seed)
    return Material(
        tokenizer, supply, windows(held_out, length), None, digest(text)
    )


def from_stories(order: Order, run: Path) -> Material:
    """Stories without end, each in a row of its own, and their floor."""
    length, c = order.model.context_length, order.training
    first = [story(c.seed, i) for i in range(TOKENIZER_STORIES)]
    tokenizer = order.tokenizer_in(run, first)
    if isinstance(tokenizer, WordTokenizer):
        raise ValueError(
            "a tokenizer of words cannot spell a word that it has not seen, and "
            "there is always another story; take bpe, characters or bytes"
        )
    end = end_mark(tokenizer)
    check_documents([len(tokenizer.encode(text)) + 1 for text in first], length)
    held_out, floor = stories_and_floor(
        tokenizer, HELD_OUT_SEED, c.evaluation_windows, length
    )
    supply = DocumentBatches(
        lambda number: tokenizer.encode(story(c.seed, number)),
        end,
        length,
        c.batch_size,
    )
    return Material(tokenizer, supply, held_out, floor, digest("".join(first)))


def stories_and_floor(
    tokenizer: Tokenizer, seed: int, count: int, context_length: int
) -> tuple[Rows, Tensor]:
    """The first stories of a seed, one in each row, and what each costs at best."""
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    texts = [story(seed, i) for i in range(count)]
    rows = [tokenizer.encode(text) for text in texts]
    return documents(rows, end_mark(tokenizer), context_length), surprises(texts)


def end_mark(tokenizer: Tokenizer) -> int:
    """The id that ends a story. Raises `ValueError` where there is none."""
    if END_OF_TEXT not in tokenizer.special_tokens:
        raise ValueError(
            f"the tokenizer has no {END_OF_TEXT} to end a story with; leave "
            f"--tokenizer out, or make one with: python -m llm tokenize"
        )
    return tokenizer.special_tokens[END_OF_TEXT]


def refuse_two_sources(text: str | None, corpus: str | None) -> None:
    """Raises `ValueError` where a text is named, and the stories as well."""
    if text is not None and corpus:
        raise ValueError(
            f"--text {text} and --corpus {corpus} exclude each other; leave one of "
            f"them out"
        )


# --- The folder of a run ----------------------------------------------------------


def prepare(order: Order) -> tuple[Path, GPT, Material]:
    """Read and check everything; when all is well, begin the folder of the run.

    Returns the folder, the model, and what it is to learn from.
    """
    run = free_folder(order)
    pick_device(order.training.device)
    check_share(order.training.batch_size)
    material = (from_stories if order.corpus else from_text)(order, run)
    tokenizer = material.tokenizer
    config = replace(order.model, vocab_size=tokenizer.vocab_size)
    write_run(run, tokenizer, replace(order, model=config), material.digest)
    torch.manual_seed(order.training.seed)
    return run, build(config), material


def free_folder(order: Order) -> Path:
    """Where the run goes. Raises `ValueError` if something else is there."""
    refuse_two_sources(order.text, order.corpus)
    if order.text is None and order.corpus is None:
        raise ValueError(
            "--text is missing: name a file, a folder, or - for stdin; or learn "
            "from --corpus stories"
        )
    if order.text == "-" and n_processes() > 1:
        raise ValueError("--text - can be read by one process only; name a file")
    name = order.corpus or Path(order.text).stem.strip("-") or "text"
    run = order.folder or RUNS / name
    if not order.resume and run.exists() and not unused(run):
        raise ValueError(
            f"{run} is in use; go on with it by --resume, or choose another folder "
            f"with --folder"
        )
    return run


def unused(folder: Path) -> bool:
    """Is there nothing in a folder but what a run killed at its start may leave?"""
    names = {path.name for path in folder.iterdir()}
    return all(name == "tokenizer.json" or name.startswith(".") for name in names)


def write_run(run: Path, tokenizer: Tokenizer, order: Order, text: str) -> None:
    """Keep what it takes to go on, in `tokenizer.json` and `config.json`.

    Raises `ValueError` where a run goes on with another text or another model.
    """
    values = {**asdict(order), "text_sha256": text}
    del values["folder"], values["resume"]
    if order.resume:
        refuse_changes(read_json(run / "config.json"), values)
    if n_processes() > 1:
        dist.barrier()  # nobody writes before everybody has checked
    if rank() == 0:
        run.mkdir(parents=True, exist_ok=True)
        tokenizer.save(run / "tokenizer.json")
        with atomic_write(run / "config.json", "w") as file:
            json.dump(values, file, indent=2, default=str)


def refuse_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises `ValueError` if the text or the shape of the model is another one."""
    if before["text_sha256"] != now["text_sha256"]:
        wrong = f"{now['text']} is not the text"
        if now["corpus"]:
            wrong = f"the stories of seed {now['training']['seed']} are not those"
        raise ValueError(
            f"{wrong} that the run began with; give what it began with, or begin a "
            f"new run with --folder"
        )
    for name, value in now["model"].items():
        if value != before["model"][name]:
            raise ValueError(
                f"{name}={value}, but the run has {name}={before['model'][name]}: "
                f"a model keeps its shape; leave the option out, or begin another "
                f"run with --folder"
            )


def newest_run(pattern: str) -> Path:
    """The folder in runs/ with the newest file of that name."""
    found = sorted(RUNS.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ValueError(
            f"there is no trained model in {RUNS}/; make one with: "
            f"python -m llm train --text book.txt (or --corpus stories)"
        )
    return found[-1].parent


def learnt_stories(run: Path) -> bool:
    """Has the model of this run learnt from stories?"""
    path = run / "config.json"
    return path.exists() and read_json(path).get("corpus") == "stories"


def open_run(run: Path, device: str) -> tuple[GPT, Tokenizer]:
    """The model of a run in its newest whole state, and the tokenizer."""
    folder = newest_checkpoint(run)
    if folder is None:
        raise ValueError(
            f"there is no whole checkpoint in {run}; train it with: "
            f"python -m llm train --text book.txt --folder {run}"
        )
    return load_model(folder).to(pick_device(device)), load(run / "tokenizer.json")


def held_out_text(run: Path) -> str:
    """The part of a run's text that it was not trained on."""
    values = read_json(run / "config.json")
    text = load_text(values["text"])
    if digest(text) != values["text_sha256"]:
        raise ValueError(
            f"{values['text']} has changed since; name a text with --text"
        )
    return split(text, values["validation_fraction"])[1]
