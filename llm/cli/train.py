"""Train a model: the command, what it shows meanwhile, and how it stops."""

from __future__ import annotations

import errno
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tyro
from tqdm import tqdm

from llm.checkpoints import checkpoints
from llm.cli.errors import reason
from llm.distributed import processes, rank
from llm.evaluate import (
    below_the_floor,
    compare,
    with_error,
)
from llm.model import GPTConfig
from llm.runs import (
    MODEL,
    STORY_MODEL,
    STORY_TRAINING,
    TRAINING,
    RunConfig,
    folder_of,
    prepare,
)
from llm.train import Record, TrainConfig, reserved, train

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk


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
