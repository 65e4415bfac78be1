"""The command line: the only place that parses, prints and draws.

A command is a dataclass: its fields are the options, the comments above them are
their help, and calling it does the work. `COMMANDS` lists them.
"""

from __future__ import annotations

import argparse
import errno
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import Tensor
from tqdm import tqdm

from llm.checkpoints import checkpoints
from llm.corpora import Story, download, load_text, sample_story
from llm.data import (
    windows,
)
from llm.evaluate import (
    below_the_floor,
    compare,
    evaluate,
    grammatical_share,
    with_error,
)
from llm.files import atomic_write, write_utf8
from llm.generate import (
    Sampler,
    compose,
    generate,
    greedy,
    stream,
    temperature,
    top_k,
    top_p,
)
from llm.model import GPT, GPTConfig
from llm.oracle import STORY_ENTROPY
from llm.runs import (
    HELD_OUT_SEED,
    MODEL,
    STORY_MODEL,
    STORY_TRAINING,
    TRAINING,
    Kind,
    RunConfig,
    both_named,
    encode,
    folder_of,
    held_out_text,
    learnt_stories,
    newest_run,
    open_run,
    prepare,
    saved_config,
    stories_and_floor,
    tokenizer_for,
)
from llm.tokenizers import UNKNOWN, Tokenizer
from llm.train import (
    SEEDS,
    Record,
    Rows,
    TrainConfig,
    processes,
    rank,
    reserved,
    train,
)

PROGRAM = "python -m llm"
STORIES_AT_ONCE = 64
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True)
class Tokenize:
    """Turn text into tokens, and see how it is cut.

    Train a tokenizer on a text, look at it, and keep it for `train`:

        python -m llm tokenize --text book.txt --vocab-size 4096 --save book.json
    """

    # UTF-8 text: a file, a folder of .txt and .md files, or - for standard input.
    text: str
    # A tokenizer to cut with; None = train one on the text.
    tokenizer: Path | None = None
    # What a token is: bpe = pieces of words that are frequent; the others as named.
    # None = as the tokenizer has it, or bpe.
    kind: Kind | None = None
    # Entries of the vocabulary, from 257 bytes and specials up; for bpe only.
    vocab_size: int = 1024
    # Where to write the tokenizer, as JSON.
    save: Path | None = None
    # How many tokens to show, from the beginning of the text.
    show: int = 40

    def __call__(self) -> None:
        text = load_text(self.text)
        tokenizer = tokenizer_for(
            [text], self.kind, self.vocab_size, self.tokenizer
        )
        if self.save:  # first of all: nothing that is shown can come in its way
            tokenizer.save(self.save)
        ids = encode(tokenizer, text)
        print(lengths(tokenizer, text, ids))
        print("|".join(repr(tokenizer.decode([i]))[1:-1] for i in ids[: self.show]))
        if self.save:
            print(f"saved in {self.save}")


@dataclass(frozen=True, kw_only=True)
class Train(RunConfig):
    """Train a model on your text, or on stories whose floor is known.

    A megabyte takes some five minutes on a laptop; Ctrl-C saves and stops:

        python -m llm train --text book.txt

    So do stories, of which none comes twice. Their loss is printed and drawn above
    its floor, the loss of the best possible model. They have defaults of their own;
    --help behind this shows them:

        python -m llm train --corpus stories

    Go on from where it stopped, on two processors, or with a GPT-2:

        python -m llm train --resume
        torchrun --nproc_per_node=2 -m llm train --text book.txt --folder runs/two
        python -m llm train --text book.txt --folder runs/gpt2 --architecture gpt2
    """

    model: tyro.conf.OmitArgPrefixes[GPTConfig] = MODEL
    training: tyro.conf.OmitArgPrefixes[TrainConfig] = TRAINING

    def __call__(self) -> int:
        with processes(), interruptible() as stop, reserved(run := folder_of(self)):
            model, data = prepare(self, run)
            with Progress(self.training) as progress, how_to_go_on(run):
                records = train(
                    model,
                    data.supply,
                    data.held_out,
                    self.training,
                    floor=data.floor,
                    run=run,
                    on_record=progress,
                    should_stop=stop,
                )
            if rank() > 0:
                return 0
            return conclude(run, records, self.training, stop.code)


# What stands where no option is given, when a model learns from stories.
STORIES = Train(corpus="stories", model=STORY_MODEL, training=STORY_TRAINING)


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
        return compose(*parts)


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


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Write stories whose entropy is known exactly, look at them, or fetch a text.

    Ten thousand stories, and the floor under the loss of every model of them:

        python -m llm corpus --count 10000 --save stories.txt

    What is known of a story besides its words; a public corpus, downloaded once:

        python -m llm corpus --inspect --count 1 --seed 7
        python -m llm corpus --download tiny-shakespeare
    """

    # Which supply of stories; the same seed gives the same stories.
    seed: int = 0
    # How many stories.
    count: int = 10
    # Where to write them: UTF-8, a blank line behind each; None = show them.
    save: Path | None = None
    # Show of each its summary, topic, mood, questions, and how surprising it is.
    inspect: bool = False
    # Fetch a public corpus instead, and say where it lies; see llm.corpora.PUBLIC.
    download: (
        Literal["tiny-shakespeare", "tinystories", "tinystories-valid"] | None
    ) = None

    def __call__(self) -> None:
        if self.download:
            print(fetched(self.download))
            return
        if self.count < 1:
            raise ValueError(f"count={self.count} must be at least 1")
        told = Told()
        stories = map(told, (sample_story(self.seed, i) for i in range(self.count)))
        if self.save:
            with atomic_write(self.save, "w") as file:
                file.writelines(f"{story.text}\n\n" for story in stories)
        else:
            for story in stories:
                print(inspection(story) if self.inspect else story.text, end="\n\n")
        print(told)


COMMANDS: dict[str, Callable[..., Callable[[], int | None]]] = {
    "corpus": Corpus,
    "tokenize": Tokenize,
    "train": Train,
    "sample": Sample,
    "evaluate": Evaluate,
}


# --- Tokens, stories and public corpora ---------------------------------------------------


def lengths(tokenizer: Tokenizer, text: str, ids: list[int]) -> str:
    """How many tokens a text becomes. A mark is no text, and neither is its name."""
    marks = [i for i in ids if tokenizer.spelling(i) == b""]
    names = {i: name for name, i in tokenizer.special_tokens.items()}
    n_bytes = len(text.encode()) - sum(len(names[i].encode()) for i in marks)
    n_tokens = len(ids) - len(marks)
    said = f"{tokenizer.vocab_size:,} entries: {n_bytes:,} bytes are {n_tokens:,} tokens"
    if n_tokens:
        said += f", {n_bytes / n_tokens:.2f} bytes per token"
    if marks:
        said += f"; besides, {len(marks):,} end marks"
    if unknown := sum(tokenizer.spelling(i) is None for i in ids):
        said += f"; {unknown:,} tokens are {UNKNOWN} and stand for anything"
    return said


def start_of_line(tokenizer: Tokenizer) -> str:
    """A line end, behind which a line begins; "" where the vocabulary has none."""
    try:
        tokenizer.encode("\n")
    except ValueError:
        return ""
    return "\n"


def inspection(story: Story) -> str:
    """A story, and all that is known of it."""
    nats = -story.log_prob
    asked = [f"  {question} {answer}" for question, answer in story.questions]
    labels = f"plot: {story.plot} · topic: {story.topic} · mood: {story.mood}"
    surprise = f"surprise: {nats:.2f} nats in {len(story.derivation)} choices"
    return "\n".join([story.text, labels, story.summary, *asked, surprise])


@dataclass
class Told:
    """Counts stories as they pass: what no honest model of them can beat, and how
    surprising they are."""

    count: int = 0
    n_characters: int = 0  # with their ends
    nats: float = 0.0

    def __call__(self, story: Story) -> Story:
        self.count += 1
        self.n_characters += len(story.text) + 2
        self.nats -= story.log_prob
        return story

    def __str__(self) -> str:
        said = (
            f"{self.count:,} stories, {self.n_characters:,} characters with their "
            f"ends; the floor is {STORY_ENTROPY:.2f} nats a story (these: "
            f"{self.nats / self.count:.2f})"
        )
        if self.count < 100:  # too few to know how long a story is
            return said
        floor = STORY_ENTROPY * self.count / self.n_characters
        return f"{said}, {floor:.3f} a character"


def fetched(name: str) -> Path:
    """The file of a public corpus; a bar shows what comes, if anything has to."""
    with tqdm(unit="B", unit_scale=True, disable=None, leave=False) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return download(name, progress=progress)


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


# --- What the reader sees ---------------------------------------------------------


class Progress:
    """Shows how the training goes: a bar in a terminal, elsewhere a line now and
    then."""

    def __init__(self, config: TrainConfig) -> None:
        self.n_steps = config.steps
        self.held_out = ""
        self.bar: tqdm | None = None
        self.silent = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.bar is not None:
            with suppress(OSError, ValueError):
                self.bar.close()

    def __call__(self, record: Record) -> None:
        """Take in a new record of the log. Where nobody listens – standard error is
        closed, or full – the training goes on in silence."""
        if rank() > 0 or sys.stderr is None or self.silent:
            return
        try:
            self.show(record)
        except (OSError, ValueError):
            self.silent = True

    def show(self, record: Record) -> None:
        if self.bar is None:
            done = record["step"] - 1
            self.bar = tqdm(
                total=self.n_steps, initial=done, disable=None, unit="step"
            )
            self.began = time.monotonic(), done
        if "validation_loss" in record:
            self.held_out = f"held out {record['validation_loss']:.3f}, "
            if "floor" in record:
                self.held_out += f"floor {record['floor']:.3f}, "
        self.bar.set_postfix_str(self.line(record), refresh=False)
        self.bar.update()
        if self.bar.disable and "validation_loss" in record:
            print(self.plain(record), file=sys.stderr)

    def line(self, record: Record) -> str:
        return (
            f"loss {record['loss']:.3f}, {self.held_out}"
            f"{record['tokens_per_second']:,} tokens/s"
        )

    def plain(self, record: Record) -> str:
        began, done = self.began
        left = (time.monotonic() - began) / (record["step"] - done)
        left *= self.n_steps - record["step"]
        return (
            f"step {record['step']}/{self.n_steps}: {self.line(record)}, "
            f"{tqdm.format_interval(left)} left"
        )


class Stop:
    """Asked to stop? By which signal, and the exit code that says so."""

    signal: int | None = None

    def __call__(self) -> bool:
        return self.signal is not None

    @property
    def code(self) -> int:
        return 128 + (self.signal or signal.SIGINT)

    def note(self, number: int, frame: object) -> None:
        self.signal = self.signal or number
        signal.signal(number, DEFAULTS[number])


# What a second signal of the same kind does: stop at once. (Under torchrun a Ctrl-C
# reaches a process twice: from the terminal, and as SIGTERM from torchrun.)
DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Let Ctrl-C, or a polite kill, ask for a stop after the update in hand; a second
    one stops at once. Several processes agree on the step."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in DEFAULTS}
    for number in DEFAULTS:
        signal.signal(number, stop.note)
    try:
        yield stop
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextmanager
def how_to_go_on(run: Path) -> Iterator[None]:
    """Add to what the system refused what is safe, and what to do."""
    try:
        yield
    except OSError as error:
        safe = (
            "the last checkpoint is safe" if checkpoints(run) else "none is saved"
        )
        mend = "make room" if error.errno in FULL else "when that is mended"
        raise OSError(
            f"{reason(error)}; {safe}: {mend}, go on with {resume_command(run)}"
        ) from error


def resume_command(run: Path) -> str:
    return f"python -m llm train --resume --folder {run}"


def conclude(
    run: Path, records: list[Record], config: TrainConfig, stopped: int = 130
) -> int:
    """Draw the curve, say what was reached and what comes next.

    Returns the exit code: `stopped` for a run that has not come to its end.
    """
    from llm.curve import curve

    if any("loss" in record for record in records):
        curve(records, run / "curve.png")
    last = records[-1]
    if last["step"] < config.steps:
        print(
            f"stopped after {last['step']} of {config.steps} steps, and saved; go on "
            f"with"
        )
        print(f"    {resume_command(run)}")
        return stopped
    print(f"held-out loss after {last['step']} steps: {outcome(last)}")
    if impossible(last):
        return 1
    print(f"{run} has the checkpoints, the log and the curve; write with")
    print(f"    python -m llm sample --folder {run}")
    return 0


def outcome(record: Record) -> str:
    """A held-out loss, and how far it is above its floor if that is known."""
    error = record.get("validation_standard_error", math.nan)
    said = f"{with_error(record['validation_loss'], error)} nats per token"
    if "floor" not in record:
        return said
    error = record.get("gap_standard_error", math.nan)
    return f"{said}; {compare(record['floor'], record['gap'], error)}"


def impossible(record: Record) -> bool:
    """Is a held-out loss so low that no honest model can have it?"""
    error = record.get("gap_standard_error", math.nan)
    return "floor" in record and below_the_floor(record["gap"], error)


# --- From words to commands -------------------------------------------------------


class Usage(ValueError):
    """The options are not understood."""


def parse(argv: Sequence[str]) -> Callable[[], int | None]:
    """The command that the words ask for. Raises `Usage` where they make no sense.

    Stories have their own settings to begin with, and so has a run that goes on.
    """
    refuse_repeated(argv)
    if list(argv[:1]) == ["train"] and corpus_in(argv) == "stories":
        command = parse_train(argv, STORIES)
    else:
        subcommands = tyro.extras.subcommand_cli_from_dict
        command = understood(subcommands, COMMANDS, args=argv, prog=PROGRAM)
    if isinstance(command, Train) and command.resume:
        run = command.folder or newest_run("*/config.json")
        command = parse_train(argv, saved_config(run, Train))
    return command


def refuse_repeated(argv: Sequence[str]) -> None:
    """Raises `Usage` for an option that is given twice; only the last would count."""
    words = [re.match(r"--[A-Za-z][\w-]*(?==|$)", word) for word in argv]
    names = [word.group().replace("_", "-") for word in words if word]
    for name in names:
        if names.count(name) > 1:
            raise Usage(
                f"{name} is given twice; give it once, and what belongs to it behind "
                f"it"
            )


def parse_train(argv: Sequence[str], default: Train) -> Train:
    """The options of `train`, over other defaults than usual."""
    program = f"{PROGRAM} train"
    return understood(tyro.cli, Train, args=argv[1:], prog=program, default=default)


def corpus_in(argv: Sequence[str]) -> str | None:
    """What stands behind --corpus, known before the defaults are."""
    words = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    words.add_argument("--corpus", nargs="?")
    return words.parse_known_args(argv)[0].corpus


def understood(parser: Callable, *args: Any, **options: Any) -> Any:
    """What the parser returns; its complaints become a `Usage` of one line."""
    complaint = StringIO()
    try:
        with redirect_stderr(complaint):
            return parser(*args, config=(tyro.conf.FlagCreatePairsOff,), **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise Usage(without_frame(complaint.getvalue())) from stop


def without_frame(complaint: str) -> str:
    """Of tyro's framed message the part that says what is wrong, in one line."""
    lines = (line.strip(" │╰╯") for line in complaint.splitlines()[1:])
    parts = re.split(r"[-─]{9,}", " ".join(lines))
    first, *others = (part.strip() for part in parts if part.strip())
    first = re.sub(r"Error parsing __\S+ ", "", first)
    return " ".join([first, *(p for p in others if p.startswith("Available"))])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0; 1 for bad input, 2 for bad options, 130 after
    Ctrl-C; what went wrong is said in one line."""
    write_utf8()
    try:
        code = parse(sys.argv[1:] if argv is None else argv)() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return complain("stopped", 130)
    except BrokenPipeError:  # whoever reads has read enough
        return complain("", 0)
    except Usage as error:
        return complain(f"{error} (see {PROGRAM} --help)", 2)
    except (ValueError, OSError) as error:
        return complain(reason(error), 1)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return complain(
            f"memory ran out ({error}): choose a smaller model, or fewer rows at once "
            f"with --micro-batch-size",
            1,
        )


def out_of_memory(error: Exception) -> bool:
    """PyTorch says it in other words on every device."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "allocate memory" in str(error)


def reason(error: Exception) -> str:
    """What an error says, without numbers and the names of temporary files."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    path = Path(error.filename or "")
    where = path.parent if path.name.startswith(".") else path
    return f"{error.strerror}: {where}" if error.filename else error.strerror


def complain(what: str, code: int) -> int:
    """Say it in one line on standard error; return the exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # or Python would complain about it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if what and sys.stderr is not None:
        with suppress(OSError):
            print(f"error: {' '.join(what.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
