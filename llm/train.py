"""Lower the loss: the loop, its log, and exact resume."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from llm.checkpoints import (
    checkpoints,
    delete_leftovers,
    described,
    load_checkpoint,
    newest_checkpoint,
    read_json,
    save_checkpoint,
)
from llm.data import IGNORE, Supply
from llm.distributed import (
    any_process,
    autocast,
    check_alike,
    my_share,
    pick_device,
    pick_dtype,
    rank,
    share_weights,
    sum_gradients,
    summed,
)
from llm.evaluate import above_the_floor, mean_and_error, row_losses
from llm.fast import speed_up
from llm.fast.functions import clip_gradients, cross_entropy
from llm.fast.optim import FastMuon
from llm.files import atomic_write, locked
from llm.optim import (
    muon_groups,
    parameter_groups,
    warmup_cosine,
    warmup_stable_decay,
)

logger = logging.getLogger(__name__)
SEEDS = 2**64  # PyTorch takes no seed from here on
DTYPES = ("auto", "float32", "bfloat16")
OPTIMIZERS = ("adamw", "muon")
DECAYS = ("cosine", "linear")
Record = dict[str, Any]
Rows = tuple[Tensor, Tensor]  # inputs and targets, integers (n, T)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train. Contradictions raise `ValueError` with both numbers."""

    # Updates to make in all; more is better until the held-out loss turns.
    steps: int = 2000
    # B: rows (windows, or documents) in one update, over all processes; usual: 16 to
    # 512.
    batch_size: int = 16
    # Rows that go through the model at once; the gradients of one update add up.
    # None = the whole batch; lower it when memory runs out.
    micro_batch_size: int | None = None
    # What moves the parameters; muon moves the matrices of the blocks by Muon, the
    # others by AdamW.
    optimizer: Literal["adamw", "muon"] = "adamw"
    # Highest learning rate; usual: 1e-2 for a toy, 3e-4 for 100 M parameters.
    learning_rate: float = 3e-3
    # How the learning rate falls: in half a cosine, or in a straight line.
    decay: Literal["cosine", "linear"] = "cosine"
    # Updates at the end in which a linear decay falls; None = all after the warm-up.
    decay_steps: int | None = None
    # Learning rate at the end; None = a tenth of the highest for cosine, 0 for linear.
    min_learning_rate: float | None = None
    # Updates until the highest rate is reached; None = a twentieth of the steps.
    warmup_steps: int | None = None
    # How fast matrices shrink, per update and learning rate; usual: 0 to 0.1.
    weight_decay: float = 0.1
    # Muon's memory of the gradient, from 0 up to 1.
    momentum: float = 0.95
    # AdamW's memory of the gradient, from 0 up to 1.
    beta1: float = 0.9
    # AdamW's memory of the squared gradient, from 0 up to 1.
    beta2: float = 0.95
    # Longest gradient that is not shrunk; usual: 1.
    clip_norm: float = 1.0
    # Where the order of the rows and the dropout begin; from 0, below 2**64.
    seed: int = 0
    # Updates from one look at the held-out rows to the next.
    evaluate_every: int = 250
    # Most held-out rows to look at while training.
    evaluation_windows: int = 200
    # Updates from one checkpoint to the next; there is always one at the end.
    checkpoint_every: int = 250
    # Checkpoints to keep; older ones are deleted.
    keep_checkpoints: int = 2
    # Where to compute: auto, cpu, cuda, mps.
    device: str = "auto"
    # Numbers that matrices are multiplied in; auto = bfloat16 where the GPU or the
    # processor computes in it.
    dtype: Literal["auto", "float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in ("seed", "warmup_steps") else 1
            if "int" not in str(field.type) or value is None:
                continue
            if isinstance(value, float):
                raise ValueError(f"{field.name}={value} must be a whole number")
            if value < least:
                raise ValueError(f"{field.name}={value} must be at least {least}")
        top = self.learning_rate
        limits = {
            "learning_rate": (0 < top < math.inf, "above 0, and finite"),
            "min_learning_rate": (0 <= self.lowest_rate <= top, f"from 0 to {top}"),
            "warmup_steps": (
                self.n_warmup < self.steps,
                f"below steps={self.steps}",
            ),
            "optimizer": (self.optimizer in OPTIMIZERS, one_of(OPTIMIZERS)),
            "decay": (self.decay in DECAYS, one_of(DECAYS)),
            "decay_steps": (
                self.decay_steps is None or self.decay == "linear",
                "left out, or decay=linear",
            ),
            "momentum": (0 <= self.momentum < 1, "at least 0 and below 1"),
            "weight_decay": (0 <= self.weight_decay < math.inf, "at least 0"),
            "beta1": (0 <= self.beta1 < 1, "at least 0 and below 1"),
            "beta2": (0 <= self.beta2 < 1, "at least 0 and below 1"),
            "clip_norm": (self.clip_norm > 0, "above 0"),
            "seed": (self.seed < SEEDS, f"below {SEEDS}"),
            "dtype": (self.dtype in DTYPES, one_of(DTYPES)),
        }
        for name, (fine, wanted) in limits.items():
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)} must be {wanted}")

    @property
    def lowest_rate(self) -> float:
        """The learning rate at the end."""
        given = self.min_learning_rate
        if given is not None:
            return given
        return 0.0 if self.decay == "linear" else self.learning_rate / 10

    @property
    def n_warmup(self) -> int:
        """Updates until the learning rate is highest."""
        given = self.warmup_steps
        return self.steps // 20 if given is None else given

    def rate(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates."""
        shape = {
            "peak": self.learning_rate,
            "minimum": self.lowest_rate,
            "warmup_steps": self.n_warmup,
            "n_steps": self.steps,
        }
        if self.decay == "cosine":
            return warmup_cosine(step, **shape)
        n = self.steps - self.n_warmup
        return warmup_stable_decay(step, decay_steps=self.decay_steps or n, **shape)


def one_of(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}"


# --- The loop ---------------------------------------------------------------------


def train(
    model: nn.Module,
    supply: Supply,
    held_out: Rows | None,
    config: TrainConfig,
    *,
    floor: Tensor | None = None,
    run: Path | None = None,
    on_record: Callable[[Record], None] = lambda record: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Update a model until `config.steps` updates are made; where the run has a
    checkpoint, go on from the newest.

    model: from ids (B, T) to logits (B, T, V), with parameters that learn.
    supply: `Batches`, `DocumentBatches`, or anything else with `batch(step)`.
    held_out: x and y to measure on, integers (n, T), from `windows` or `documents`;
    None = do not measure. floor: (n,), nats that each held-out row costs the best
    possible model, if that is known. run: folder for the log and the checkpoints;
    None = leave nothing on disk. on_record: called with each new record.
    should_stop: asked after each update; yes = save and return early.

    Returns one record per update, from the first on: step, loss (nats per token),
    learning_rate, grad_norm, tokens (so far), tokens_per_second and, where it was
    measured, what `held_out_record` says; it always is after the last update.

    Raises `ValueError` for batches of another size than `config.batch_size`, which
    the processes cannot share, or longer than the context; for a run that another
    process works on, that has made more updates than `config.steps`, or has
    checkpoints of which none is whole; for a checkpoint of another model, and for a
    loss or a weight that is no longer a number, before it is saved.
    """
    if run:
        described(model)  # or refuse it now, not when there is something to lose
    speed_up(model).to(pick_device(config.device)).train()
    optimizer = make_optimizer(model, config)
    share_weights(model)
    with reserved(run):
        done = resume(run, model, optimizer, config.steps)
        log = Log(run, done)
        if done == config.steps and not log.measured:
            log.amend(held_out_record(model, held_out, floor, done, config))
        for step in range(done, config.steps):
            record = timed_step(model, optimizer, supply, step, config)
            record["tokens"] += log.tokens
            record |= held_out_record(model, held_out, floor, step + 1, config)
            log.write(record)
            on_record(record)
            stop = any_process(should_stop(), model)
            if stop or due(step + 1, config.checkpoint_every, config):
                save(run, record, model, optimizer, config)
            if stop:
                break
    return log.records


def reserved(run: Path | None) -> AbstractContextManager:
    """The folder of a run for this process alone; nothing if it is not ours to
    write."""
    return locked(run) if run and rank() == 0 else nullcontext()


def resume(
    run: Path | None, model: nn.Module, optimizer: Optimizer, steps: int
) -> int:
    """Go back to the newest whole checkpoint of a run.

    Returns how many updates it has seen; 0 where there is none. Raises `ValueError`
    if these are more than `steps`, and if none of its checkpoints is whole.
    """
    if run is None:
        return 0
    if rank() == 0:
        delete_leftovers(run)
    newest = newest_whole(run, steps)
    done = load_checkpoint(newest, model, optimizer) if newest else 0
    check_alike(done, "have checkpoints of different steps")
    return done


def newest_whole(run: Path, steps: int) -> Path | None:
    """The checkpoint to go on from; None for a run that has made none yet.

    Raises what `resume` does.
    """
    newest = newest_checkpoint(run)
    if newest is None and checkpoints(run):
        raise ValueError(
            f"no checkpoint in {run} is whole: put back what is missing, or delete "
            f"its checkpoint-* folders to begin again at step 0"
        )
    done = read_json(newest / "config.json")["step"] if newest else 0
    if done > steps:
        raise ValueError(
            f"steps={steps}, but {run} has made {done} updates already; give at "
            f"least {done}, or begin another run with --folder"
        )
    return newest


def save(
    run: Path | None,
    record: Record,
    model: nn.Module,
    optimizer: Optimizer,
    config: TrainConfig,
) -> None:
    """Write a checkpoint, if there is a run to write it to and we are process 0.

    record: of the last update. Raises `ValueError` for a weight that is not finite.
    """
    if run and rank() == 0:
        check_finite(model, record["step"])
        settings = {
            "tokens": record["tokens"],
            "training": asdict(config),
            "tokenizer": "tokenizer.json",
        }
        keep = config.keep_checkpoints
        save_checkpoint(run, record["step"], model, optimizer, settings, keep)


def check_finite(model: nn.Module, step: int) -> None:
    """Raises `ValueError` that names a parameter with a number that is not finite."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise ValueError(
                f"{name} has a number that is not finite after step {step}, so no "
                f"checkpoint was written; lower the learning rate, or lengthen the "
                f"warm-up"
            )


def due(step: int, every: int, config: TrainConfig) -> bool:
    """Is it time? Every so many steps, and at the end."""
    return step % every == 0 or step == config.steps


def training_step(
    model: nn.Module,
    optimizer: Optimizer,
    x: Tensor,
    y: Tensor,
    config: TrainConfig,
) -> tuple[Tensor, Tensor]:
    """One update: forward, backward, clip, step.

    x, y: integers (B, T), this process's share; targets equal to −100 do not count.
    Returns the loss (nats per token, over all shares) and the length of the
    gradient before clipping.
    """
    loss = accumulate(model, x, y, config)
    sum_gradients(model)
    grad_norm = clip_gradients(model.parameters(), config.clip_norm)
    optimizer.step()
    optimizer.zero_grad()
    return summed(loss), grad_norm


def accumulate(
    model: nn.Module, x: Tensor, y: Tensor, config: TrainConfig
) -> Tensor:
    """Add the gradient of a batch to what is there, one micro-batch at a time.

    The loss of the whole batch is a sum over tokens divided by their number. So is
    the gradient, however the batch is cut: into micro-batches one after another, or
    into the shares of several processes.

    x, y: as in `training_step`. Returns what these rows add to the loss, in nats
    per token of the whole batch.
    """
    n_targets = summed((y != IGNORE).sum()).clamp(min=1)
    loss = torch.zeros((), device=x.device)
    size = config.micro_batch_size or len(x)
    for some_x, some_y in zip(x.split(size), y.split(size), strict=True):
        with autocast(x.device, config.dtype):
            logits = model(some_x)  # (..., T, V)
        part = cross_entropy(logits, some_y, IGNORE, "sum") / n_targets
        part.backward()
        loss += part.detach()
    return loss


def timed_step(
    model: nn.Module,
    optimizer: Optimizer,
    supply: Supply,
    step: int,
    config: TrainConfig,
) -> Record:
    """Make the update that follows `step` updates, and write down how it went.

    Raises `ValueError` for a batch of another size than the configuration says, and
    when the loss or its gradient is no longer a number.
    """
    began = time.perf_counter()
    device = next(model.parameters()).device
    batch = supply.batch(step)
    check_size(batch, config.batch_size)
    x, y = (my_share(part).to(device) for part in batch)  # (B, T)
    set_rate(optimizer, config.rate(step))
    seed_dropout(config.seed, step)
    loss, grad_norm = (
        float(n) for n in training_step(model, optimizer, x, y, config)
    )
    if not math.isfinite(loss + grad_norm):
        raise ValueError(
            f"the loss is {loss} at step {step + 1}, gradient {grad_norm}; lower "
            f"learning_rate={config.learning_rate}, or lengthen the warm-up"
        )
    n_tokens = int((batch[1] != IGNORE).sum())
    return {
        "step": step + 1,
        "loss": loss,
        "learning_rate": config.rate(step),
        "grad_norm": grad_norm,
        "tokens": n_tokens,
        "tokens_per_second": round(n_tokens / (time.perf_counter() - began)),
    }


def check_size(batch: Rows, batch_size: int) -> None:
    """Raises `ValueError` when a batch is not as large as the configuration says."""
    if len(batch[0]) != batch_size:
        raise ValueError(
            f"the supply gives batches of {len(batch[0])} rows, but batch_size="
            f"{batch_size}; give both the same number"
        )


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """The optimizer of a configuration; vectors are spared the weight decay.

    Raises `ValueError` for a model of which everything is frozen.
    """
    if config.optimizer == "muon":
        return FastMuon(
            muon_groups(model, config.weight_decay),
            config.learning_rate,
            betas=(config.beta1, config.beta2),
            momentum=config.momentum,
            dtype=pick_dtype(next(model.parameters()).device, config.dtype),
        )
    parameters = parameter_groups(model, config.weight_decay)
    learning = [p for group in parameters for p in group["params"]]
    return AdamW(
        parameters,
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        # One walk through memory. Elsewhere it would want its counters on the device.
        fused=learning[0].device.type == "cpu" or None,
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Give all parameter groups the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def seed_dropout(seed: int, step: int) -> None:
    """Make the dropout of a step a function of (seed, step, process), so that there
    is no state of a random generator to be saved."""
    mixed = np.random.SeedSequence([seed, step, rank()])
    torch.manual_seed(int(mixed.generate_state(1)[0]))


# --- What is held out -------------------------------------------------------------


def held_out_record(
    model: nn.Module,
    held_out: Rows | None,
    floor: Tensor | None,
    step: int,
    config: TrainConfig,
) -> Record:
    """The held-out part of a record: validation_loss, validation_standard_error (not
    of one row alone), and what `above_the_floor` says; in float32, as the model will be
    used.

    Empty when it is not due, or not our task. Raises `ValueError` for a loss that is
    no number.
    """
    due_now = due(step, config.evaluate_every, config)
    if held_out is None or rank() > 0 or not due_now:
        return {}
    every = -(-len(held_out[0]) // config.evaluation_windows)  # spread evenly
    x, y = (part[::every] for part in held_out)
    device = next(model.parameters()).device
    size = config.micro_batch_size or config.batch_size
    sums = row_losses(model, x.to(device), y.to(device), batch_size=size)
    counts = (y != IGNORE).sum(1)
    loss, error = mean_and_error(sums, counts)
    if not math.isfinite(loss):
        raise ValueError(
            f"the held-out loss is {loss} after step {step}; lower learning_rate="
            f"{config.learning_rate}, or lengthen the warm-up"
        )
    record = {"validation_loss": loss, "validation_standard_error": error}
    record |= above_the_floor(
        sums, counts, None if floor is None else floor[::every]
    )
    return {name: n for name, n in record.items() if not math.isnan(n)}


# --- The log ----------------------------------------------------------------------


class Log:
    """One line of JSON per update, in step with the checkpoints.

    run: the folder of `log.jsonl`; None = keep the records in memory only. done:
    updates in the checkpoint we go on from; what was written down after it is
    dropped, because it will be done again.

    tokens: how many targets were learnt from so far. The checkpoint knows it as well,
    so a log that was lost, or lost lines in a power failure, does not stop a run.
    Raises `ValueError` for the log of another run, and what `read_log` does.
    """

    def __init__(self, run: Path | None, done: int) -> None:
        path = run / "log.jsonl" if run else None
        self.done = done
        before = (
            read_log(path) if done else []
        )  # nothing is kept of a new beginning
        self.records = [r for r in before if r["step"] <= done]
        self.tokens = tokens_learnt_from(run, done, self.records)
        self.path = path if rank() == 0 else None
        if len(self.records) < done:
            logger.warning(
                "%s has %d records of %d steps; the others are lost, and the run "
                "goes on", path, len(self.records), done,
            )  # fmt: skip
        self._rewrite()

    @property
    def measured(self) -> bool:
        """Is there a held-out loss of the checkpoint that we go on from?"""
        last = self.records[-1] if self.records else {"step": 0}
        return last["step"] == self.done and "validation_loss" in last

    def write(self, record: Record) -> None:
        """Append a record; no other line of the file is touched."""
        self.records.append(record)
        self.tokens = record["tokens"]
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def amend(self, more: Record) -> None:
        """Add to the record of the checkpoint that we go on from."""
        if not more:
            return
        if not self.records or self.records[-1]["step"] < self.done:
            self.records.append({"step": self.done, "tokens": self.tokens})
        self.records[-1] |= more
        self._rewrite()

    def _rewrite(self) -> None:
        if self.path:
            with atomic_write(self.path, "w") as file:
                file.writelines(json.dumps(r) + "\n" for r in self.records)


def tokens_learnt_from(run: Path | None, done: int, records: list[Record]) -> int:
    """How many targets the checkpoint after `done` updates has learnt from.

    Raises `ValueError` if the last of the records is one of another run.
    """
    if not run or not done:
        return 0
    counted = records[-1]["tokens"] if records else 0
    description = read_json(run / f"checkpoint-{done:06d}" / "config.json")
    tokens = description.get("tokens", counted)
    if records and records[-1]["step"] == done and counted != tokens:
        raise ValueError(
            f"{run / 'log.jsonl'} is the log of another run: it counts {counted:,} "
            f"tokens after step {done}, the checkpoint {tokens:,}; put back its own, "
            f"or delete it, and the run goes on without"
        )
    return tokens


def read_log(path: Path | None) -> list[Record]:
    """The records of a log; a last line that was cut short is left out.

    Raises `ValueError` that names the file and the first line which is no record, or
    does not come after the line before it.
    """
    if not path or not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records: list[Record] = []
    for number, line in enumerate(lines, 1):
        record = record_in(line)
        if record is None or (records and record["step"] <= records[-1]["step"]):
            raise ValueError(
                f"{path}: line {number} is no record of the step after the line "
                f"before; delete what is not of this run, or the whole file, and the "
                f"run goes on without"
            )
        records.append(record)
    return records


def record_in(line: str) -> Record | None:
    """The record that a line of a log holds; None if it holds none."""
    try:
        record = json.loads(line)
        numbers = [record["step"], record["tokens"], *record.values()]
        fine = all(math.isfinite(number) for number in numbers)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError):
        return None
    except RecursionError:
        return None
    return record if fine else None
