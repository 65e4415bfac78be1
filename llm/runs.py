"""What a run learns from, what it is measured on, and what it keeps in its folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor

from llm.checkpoints import load_model, newest_checkpoint, read_json, settings_of
from llm.corpora import load_text, story
from llm.count import parameters
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
from llm.distributed import check_alike, check_share, n_processes, pick_device, rank
from llm.files import atomic_write
from llm.memory import check_memory
from llm.model import GPT, GPTConfig, build
from llm.oracle import surprises
from llm.tokenizers import (
    END_OF_TEXT,
    Tokenizer,
    WordTokenizer,
    load,
    train_tokenizer,
)
from llm.train import Rows, TrainConfig, newest_whole, read_log

RUNS = Path("runs")
Config = TypeVar("Config", bound="RunConfig")
# Minutes on two processors for a megabyte of text. On such a text it reaches 2.12 bits
# per byte of the held-out tenth in 150 processor-seconds, and 2.22 in half the steps;
# with AdamW, without the norm of queries and keys and in float32 it was 2.2.
MODEL = GPTConfig(
    architecture="llama",
    vocab_size=1024,
    context_length=128,
    n_heads=2,
    qk_norm=True,
    dropout=0.1,
)
TRAINING = TrainConfig(
    batch_size=16,
    steps=1000,
    optimizer="muon",
    learning_rate=1e-2,
    decay="linear",
    dtype="auto",
)
# The same for the stories: 7 processor-minutes bring it within 0.09 nats per token of
# the floor, 0.03 per character. Most words are one token and every story fits whole;
# none comes twice, so there is nothing to learn by heart, and dropout would only
# disturb.
STORY_MODEL = replace(
    MODEL,
    vocab_size=2048,
    context_length=320,
    d_model=192,
    n_layers=2,
    n_heads=4,
    dropout=0.0,
)
STORY_TRAINING = replace(TRAINING, steps=1500)
# Training takes the stories of its seed, from 0 up, so it never meets these.
HELD_OUT_SEED = -1
TOKENIZER_STORIES = 1000  # so many of the first train the tokenizer
Kind = Literal["bpe", "characters", "words", "bytes"]
# What a run may consist of before its first checkpoint; then there is nothing yet
# that could be lost.
BEGUN = {"config.json", "tokenizer.json", "text.txt", "log.jsonl", "curve.png"}
# What of its settings a run keeps, so that it never learns from what it is measured
# on, and each row comes when it would have come.
KEPT = ("corpus", "validation_fraction", "tokenizer", "kind")
KEPT_IN_TRAINING = ("seed", "batch_size")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a model is to learn from, with which settings, and where it is kept.

    Contradictions raise `ValueError`.
    """

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
    # What a token is: bpe = frequent pieces of words; the others as named. None = as
    # the tokenizer has it, or bpe.
    kind: Kind | None = None
    # Share of a text, at its end, that is held out to measure on; usual: 0.1.
    validation_fraction: float = 0.1
    model: GPTConfig = MODEL
    training: TrainConfig = TRAINING

    def __post_init__(self) -> None:
        if self.text is not None and self.corpus:
            raise ValueError(both_named(self.text, self.corpus))
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} must be above 0 and "
                f"below 1"
            )

    def tokenizer_in(self, run: Path, texts: Iterable[str]) -> Tokenizer:
        """That of the run that goes on, or the one to begin with."""
        if self.resume:
            return tokenizer_of(run)
        size = self.model.vocab_size
        return tokenizer_for(texts, self.kind, size, self.tokenizer)


# --- Texts and tokenizers ---------------------------------------------------------


def tokenizer_for(
    texts: Iterable[str],
    kind: Kind | None,
    vocab_size: int,
    trained: Path | None = None,
) -> Tokenizer:
    """One that was trained before, or one trained on the texts.

    Raises `ValueError` for a trained one of another kind, or a vocabulary that the
    texts are too short for.
    """
    if not trained:
        texts = list(texts)
        size = None
        if kind in (None, "bpe"):
            size = vocab_size
            check_vocab_size(size, texts)
        return train_tokenizer(kind or "bpe", texts, size, [END_OF_TEXT])
    tokenizer = load(trained)
    if kind not in (None, tokenizer.kind):
        raise ValueError(
            f"--kind {kind}, but {trained} is a tokenizer of {tokenizer.kind}; leave "
            f"one of the two out"
        )
    return tokenizer


def check_vocab_size(vocab_size: int, texts: Sequence[str]) -> None:
    """Refuse at once what no training could reach: each merge takes a byte or more.

    Raises `ValueError` that names the most there can be.
    """
    most = 257 + sum(len(text.encode()) for text in texts)
    if vocab_size > most:
        raise ValueError(
            f"vocab_size={vocab_size} is more than a text of {most - 257:,} bytes "
            f"can yield, which is {most:,} at the very most; choose a smaller one"
        )


def tokenizer_of(run: Path) -> Tokenizer:
    """The tokenizer of a run. Raises `ValueError` if it is not as it was written."""
    path = run / "tokenizer.json"
    known = config_of(run).get("tokenizer_sha256")
    if known is not None and known != file_digest(path):
        raise ValueError(
            f"{path} has changed since the run began, and the model reads its ids "
            f"otherwise; put the old one back"
        )
    return load(path)


def check_same_size(tokenizer: Tokenizer, model: GPTConfig, run: Path) -> None:
    """Raises `ValueError` where a model and its tokenizer do not fit together."""
    if tokenizer.vocab_size != model.vocab_size:
        raise ValueError(
            f"{run / 'tokenizer.json'} has {tokenizer.vocab_size} entries, but the "
            f"model has vocab_size={model.vocab_size}: it is not the tokenizer that "
            f"the model was trained with; put that back"
        )


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text to learn from, in which `<|endoftext|>` ends a document."""
    return encode_documents(text, tokenizer)


def digest(text: str) -> str:
    """What tells a text from every other."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """What tells the bytes of a file from all others."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- What a model learns from, and is measured on ---------------------------------


class RunData(NamedTuple):
    """What a run learns from and is measured on.

    floor: as in `train`; digest: what tells it from all other data; read: the text
    that came from standard input, where it cannot be read again.
    """

    tokenizer: Tokenizer
    supply: Supply
    held_out: Rows
    floor: Tensor | None
    digest: str
    read: str | None = None


def from_text(config: RunConfig, run: Path) -> RunData:
    """A text, cut into windows; no floor is known under these."""
    text = load_text(config.text)
    parts = split(text, config.validation_fraction)
    # Only bpe can spell what it has not seen; the others see both parts, each by
    # itself, since the cut may tear a word.
    seen = parts[:1] if config.kind in (None, "bpe") else parts
    tokenizer = config.tokenizer_in(run, seen)
    ids, held_out = (torch.tensor(encode(tokenizer, part)) for part in parts)
    length, c = config.model.context_length, config.training
    return RunData(
        tokenizer,
        Batches(ids, length, c.batch_size, c.seed),
        windows(held_out, length),
        None,
        digest(text),
        text if config.text == "-" else None,
    )


def from_stories(config: RunConfig, run: Path) -> RunData:
    """Stories without end, each in a row of its own, and their floor."""
    length, c = config.model.context_length, config.training
    first = [story(c.seed, i) for i in range(TOKENIZER_STORIES)]
    tokenizer = config.tokenizer_in(run, first)
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
    return RunData(tokenizer, supply, held_out, floor, digest("".join(first)))


def stories_and_floor(
    tokenizer: Tokenizer, seed: int, count: int, context_length: int
) -> tuple[Rows, Tensor]:
    """The first stories of a seed, one in each row, and what each costs at best."""
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    what = f"measuring on count={count} stories of context_length={context_length}"
    check_memory(16 * count * context_length, what)
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


def both_named(text: str, corpus: str) -> str:
    """What is wrong where a text is named, and the stories as well."""
    return (
        f"--text {text} and --corpus {corpus} exclude each other; leave one of them "
        f"out"
    )


# --- What a machine can hold ------------------------------------------------------


def check_sizes(model: GPTConfig, training: TrainConfig) -> None:
    """Refuse what cannot fit into memory, before any of it is asked for.

    Counted is what there must be at least: of each parameter its value, its gradient
    and two moments; of each position of the rows that go through the model at once
    the stream of each block and the logits, in four bytes; the ids of a batch.
    Raises `ValueError` that names the sizes.
    """
    c, length = model, model.context_length
    rows = min(
        training.micro_batch_size or training.batch_size, training.batch_size
    )
    stream = 4 * rows * length * (c.vocab_size + c.n_layers * c.d_model)
    n_bytes = 16 * parameters(c) + stream + 16 * training.batch_size * length
    sizes = ("vocab_size", "context_length", "d_model", "n_layers", "d_ff")
    named = [f"{name}={getattr(c, name)}" for name in sizes if getattr(c, name)]
    named += [f"{rows} rows at once, batch_size={training.batch_size}"]
    device = pick_device(training.device)
    there = torch.cuda.mem_get_info(device)[1] if device.type == "cuda" else None
    check_memory(n_bytes, f"training with {', '.join(named)}", there)


# --- The folder of a run ----------------------------------------------------------


def prepare(config: RunConfig, run: Path) -> tuple[GPT, RunData]:
    """Read and check everything; when all is well, begin the folder of the run.

    run: from `folder_of`, reserved for this process. Returns the model, and what it
    is to learn from.
    """
    check_share(config.training.batch_size)
    check_sizes(config.model, config.training)
    if config.resume:
        check_kept(saved_config(run, RunConfig), config)
        if newest_whole(run, config.training.steps):
            read_log(run / "log.jsonl")
    elif run.exists() and not unused(run):
        raise ValueError(
            f"{run} is in use; go on with it by --resume, or choose another folder "
            f"with --folder"
        )
    data = (from_stories if config.corpus else from_text)(config, run)
    tokenizer = data.tokenizer
    if config.resume:
        check_same_size(tokenizer, config.model, run)
    sized = replace(config.model, vocab_size=tokenizer.vocab_size)
    config = replace(config, model=sized, kind=tokenizer.kind)
    check_sizes(sized, config.training)
    torch.manual_seed(config.training.seed)
    model = build(sized)
    write_run(run, config, data)
    return model, data


def folder_of(config: RunConfig) -> Path:
    """Where the run goes. Raises `ValueError` where it is not said from what."""
    if config.text is None and config.corpus is None:
        raise ValueError(
            "--text is missing: name a file, a folder, or - for stdin; or learn "
            "from --corpus stories"
        )
    if config.text == "-" and n_processes() > 1:
        raise ValueError("--text - can be read by one process only; name a file")
    return config.folder or RUNS / (config.corpus or name_of(config.text))


def name_of(text: str) -> str:
    """What a run of a text is called, a plain name whatever the text is.

    >>> name_of("plays/hamlet.txt"), name_of("-"), name_of("/")
    ('hamlet', 'text', 'text')
    """
    if text == "-":
        return "text"
    return Path(text).resolve().stem.strip("-.") or "text"


def unused(folder: Path) -> bool:
    """Is there nothing in a folder but what a run leaves that never came to its
    first checkpoint?"""
    names = {path.name for path in folder.iterdir() if path.name[0] != "."}
    if not names <= BEGUN:
        return False
    return "config.json" not in names or "text_sha256" in config_of(folder)


def write_run(run: Path, config: RunConfig, data: RunData) -> None:
    """Keep what it takes to go on, in `tokenizer.json` and `config.json`.

    Raises `ValueError` where a run goes on with another text.
    """
    values = {**asdict(config), "text_sha256": data.digest}
    del values["folder"], values["resume"]
    if config.resume:
        check_text(config_of(run), values)
    check_alike(
        json.dumps([str(run.resolve()), values], default=str),
        "have different folders, texts or settings, and would train together",
    )  # nobody writes before everybody has checked
    if rank() > 0:
        return
    if data.read is not None:
        values["text"] = str(run / "text.txt")
        with atomic_write(run / "text.txt") as file:
            file.write(data.read.encode())
    if not config.resume:
        data.tokenizer.save(run / "tokenizer.json")
    values["tokenizer_sha256"] = file_digest(run / "tokenizer.json")
    with atomic_write(run / "config.json", "w") as file:
        json.dump(values, file, indent=2, default=str)


def check_text(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises `ValueError` if a run goes on with another text than it began with."""
    if before["text_sha256"] == now["text_sha256"]:
        return
    raise ValueError(
        f"{now['text']} is not the text that the run began with; give what it began "
        f"with, or begin a new run with --folder"
        if now["text"]
        else f"the stories of seed {now['training']['seed']} are not those that the "
        f"run began with: they have been rewritten since; begin a new run with "
        f"--folder"
    )


def check_kept(before: RunConfig, now: RunConfig) -> None:
    """Raises `ValueError` where an option would change what a run keeps."""
    model = [field.name for field in fields(GPTConfig)]
    pairs = [(before, now, KEPT), (before.model, now.model, model)]
    pairs += [(before.training, now.training, KEPT_IN_TRAINING)]
    for old, new, names in pairs:
        for name in names:
            if getattr(old, name) != getattr(new, name):
                raise ValueError(
                    f"{name}={getattr(new, name)}, but the run has {name}="
                    f"{getattr(old, name)}: what a run learns from, in which order, "
                    f"and the shape of its model stay as they were when it began; "
                    f"leave the option out, or begin another run with --folder"
                )


def config_of(run: Path) -> dict[str, Any]:
    """What the `config.json` of a run says; nothing where there is none."""
    path = run / "config.json"
    return read_json(path) if path.exists() else {}


def saved_config(run: Path, kind: type[Config]) -> Config:
    """The settings that a run began with, or last went on with.

    kind: `RunConfig`, or a class made of it. Raises `ValueError` where there are none,
    or not all that it takes.
    """
    path, values = run / "config.json", config_of(run)
    if not values:
        raise ValueError(
            f"there is no run in {run} to resume; begin it with --text or --corpus"
        )
    needed = {"text", "corpus", "text_sha256", "model", "training", *KEPT}
    if missing := sorted(needed - values.keys()):
        raise ValueError(
            f"{path} does not say {missing[0]}: it is not the settings of a run, or "
            f"those of an older version; begin another run with --folder"
        )
    values = {n: v for n, v in values.items() if not n.endswith("_sha256")}
    for name in ("text", "corpus", "tokenizer", "kind"):
        if not isinstance(values[name], str | None):
            raise ValueError(f"{path}: {name}={values[name]!r} must be a string")
    values["model"] = settings_of(GPTConfig, values["model"])
    values["training"] = settings_of(TrainConfig, values["training"])
    values["tokenizer"] = values["tokenizer"] and Path(values["tokenizer"])
    return settings_of(kind, {**values, "folder": run})


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
    return config_of(run).get("corpus") == "stories"


def newest_whole_in(run: Path) -> Path:
    """The newest checkpoint of a run. Raises `ValueError` if there is none."""
    folder = newest_checkpoint(run)
    if folder is None:
        raise ValueError(
            f"there is no whole checkpoint in {run}; train it with: "
            f"python -m llm train --text book.txt --folder {run}"
        )
    return folder


def open_run(run: Path, device: str) -> tuple[GPT, Tokenizer]:
    """The model of a run in its newest whole state, and the tokenizer."""
    model, tokenizer = load_model(newest_whole_in(run)), tokenizer_of(run)
    check_same_size(tokenizer, model.config, run)
    return model.to(pick_device(device)), tokenizer


def held_out_text(run: Path) -> str:
    """The part of a run's text that it was not trained on."""
    config, known = saved_config(run, RunConfig), config_of(run)["text_sha256"]
    if config.text in (None, "-"):
        raise ValueError(
            f"the text that {run} has learnt from was not kept; name one with --text"
        )
    text = load_text(config.text)
    if digest(text) != known:
        raise ValueError(
            f"{config.text} has changed since; name a text with --text"
        )
    return split(text, config.validation_fraction)[1]
