"""Keep a training run on disk: each checkpoint is there whole, or not at all.

A checkpoint is a folder with three files: `model.safetensors`,
`optimizer.safetensors`, and `config.json`, which has the settings, the number of
updates, and the checksums of the other two.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.optim import Optimizer

logger = logging.getLogger(__name__)
Settings = TypeVar("Settings")


def save_checkpoint(
    run: Path,
    step: int,
    model: nn.Module,
    optimizer: Optimizer,
    settings: dict[str, Any],
    keep: int = 2,
) -> None:
    """Write the folder `checkpoint-<step>` of a run; then delete the oldest.

    step: updates made so far; settings: what else `config.json` should say; keep:
    how many checkpoints stay.

    Raises `OSError` when the disk is full; earlier checkpoints are then as they
    were.
    """
    tensors = {
        "model.safetensors": weights(model),
        "optimizer.safetensors": optimizer_state(model, optimizer),
    }
    files = {name: to_bytes(part) for name, part in tensors.items()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    description = {"step": step, **settings, "sha256": sums}
    files["config.json"] = json.dumps(description, indent=2).encode()
    write_folder(run / f"checkpoint-{step:06d}", files)
    for old in checkpoints(run, up_to=step)[keep:]:
        delete_folder(old)


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: Optimizer | None = None
) -> int:
    """Put the weights of a checkpoint into a model, its state into an optimizer.

    Returns how many updates the checkpoint has seen. Raises `ValueError` for files
    that are cut, are no safetensors, or belong to a model of another shape; the
    model and the optimizer are then as they were.
    """
    step = read_description(folder)["step"]
    tensors = read_tensors(folder / "model.safetensors")
    check_fit(tensors, weights(model), folder)
    if optimizer:
        state = read_tensors(folder / "optimizer.safetensors")
        set_optimizer_state(model, optimizer, state)
    for name, parameter in weights(model).items():
        parameter.copy_(tensors[name])
    return step


def newest_checkpoint(run: Path) -> Path | None:
    """The newest checkpoint that is whole; a broken one is skipped with a warning.

    Returns None where there is none.
    """
    for folder in checkpoints(run):
        try:
            read_description(folder)
        except (OSError, ValueError) as error:
            logger.warning("skipping %s: %s", folder, error)
        else:
            return folder
    return None


def checkpoints(run: Path, up_to: float = math.inf) -> list[Path]:
    """The checkpoint folders of a run, whole or not, newest first."""
    names = {
        path.name.removeprefix("checkpoint-"): path for path in run.glob("c*-*")
    }
    steps = {int(name): path for name, path in names.items() if name.isdecimal()}
    return [steps[step] for step in sorted(steps, reverse=True) if step <= up_to]


def read_description(folder: Path) -> dict[str, Any]:
    """The `config.json` of a checkpoint whose other files are as they were written.

    Raises `ValueError` that names the file which is not.
    """
    description = read_json(folder / "config.json")
    if not {"step", "model", "sha256"} <= description.keys():
        raise ValueError(f"{folder / 'config.json'} does not describe a checkpoint")
    for name, expected in description["sha256"].items():
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != expected:
            raise ValueError(
                f"{name} is cut short or changed: its checksum differs"
            )
    return description


# --- What is in a checkpoint ------------------------------------------------------


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The parameters by name; a tensor that two parts share stands there once."""
    return {name: p.detach() for name, p in model.named_parameters()}


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers, as tensors named `<parameter>/<quantity>`."""
    return {
        f"{name}/{quantity}": value
        for name, parameter in model.named_parameters()
        for quantity, value in optimizer.state[parameter].items()
    }


def set_optimizer_state(
    model: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]
) -> None:
    """The opposite of `optimizer_state`.

    Raises `ValueError` for a tensor that fits no parameter; nothing is changed.
    """
    owners = dict(model.named_parameters())
    state: dict[nn.Parameter, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        parameter, quantity = name.rsplit("/", 1)
        owner = owners.get(parameter)
        if owner is None or tensor.shape not in ((), owner.shape):
            raise ValueError(
                f"another model: {name} {tuple(tensor.shape)} fits no parameter"
            )
        # PyTorch counts the steps on the CPU, wherever the parameter lives.
        where = "cpu" if quantity == "step" else owner.device
        state[owner][quantity] = tensor.to(where, copy=True)
    optimizer.state.update(state)


def check_fit(
    tensors: dict[str, Tensor], wanted: dict[str, Tensor], folder: Path
) -> None:
    """Refuse the weights of another model.

    Raises `ValueError` that names the first tensor that is missing, left over, or
    of another shape.
    """
    for name in sorted(wanted.keys() ^ tensors.keys()):
        has, lacks = folder, "the model"
        if name in wanted:
            has, lacks = lacks, has
        raise ValueError(f"another model: {has} has {name}, {lacks} has not")
    for name, parameter in wanted.items():
        there, here = tuple(tensors[name].shape), tuple(parameter.shape)
        if there != here:
            raise ValueError(
                f"another shape: {name} is {there} in {folder}, {here} in the model"
            )


def settings_of(kind: type[Settings], values: dict[str, Any]) -> Settings:
    """A configuration from what a file says about it.

    Raises `ValueError` for fields that are unknown, missing or contradictory.
    """
    try:
        return kind(**values)
    except TypeError as error:
        reason = str(error).removeprefix(f"{kind.__name__}.__init__() ")
        raise ValueError(f"no {kind.__name__} in the file: {reason}") from error


# --- Files ------------------------------------------------------------------------


def write_folder(path: Path, files: dict[str, bytes]) -> None:
    """Make a folder of files that is seen whole or not at all.

    It is written under a hidden name, forced to the disk, and renamed. What was
    there under that name is replaced.
    """
    hidden = path.parent / f".{path.name}.part"
    shutil.rmtree(hidden, ignore_errors=True)
    hidden.mkdir(parents=True)
    try:
        for name, content in files.items():
            with (hidden / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        delete_folder(path)
        hidden.rename(path)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def delete_folder(path: Path) -> None:
    """Remove a folder, if it is there, so that no half of it is ever seen."""
    if path.exists():
        hidden = path.parent / f".{path.name}.old"
        path.rename(hidden)
        shutil.rmtree(hidden)


def delete_leftovers(run: Path) -> None:
    """Remove the hidden folders and files that a killed process left in a run."""
    for folder in run.glob(".checkpoint-*"):
        shutil.rmtree(folder)
    for file in run.glob(".*.json*.????????"):
        file.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `ValueError` for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is cut short or no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object")
    return content


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file.

    Raises `ValueError` for anything else. A pickle is never opened: to read one is
    to run it.
    """
    try:
        return from_bytes(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(
            f"{path} is cut short or no safetensors file ({error}); a pickle (.pt, "
            f".bin) is never opened, because it can run code"
        ) from error
