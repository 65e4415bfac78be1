"""Keep a training run on disk: each checkpoint is there whole, or not at all.

A checkpoint is a folder with three files: `model.safetensors`,
`optimizer.safetensors`, and `config.json`, which has the settings, the number of
updates, the learning rates, and the checksums of the other two.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
from collections import defaultdict
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.optim import Optimizer

from llm.model import GPT, GPTConfig, build, check_described, outline

logger = logging.getLogger(__name__)
Settings = TypeVar("Settings")
CONTIGUOUS = torch.contiguous_format


def save_checkpoint(
    run: Path | str,
    step: int,
    model: nn.Module,
    optimizer: Optimizer,
    settings: dict[str, Any],
    keep: int = 2,
) -> None:
    """Write the folder `checkpoint-<step>` of a run; then delete the oldest.

    step: updates made so far; settings: what else `config.json` should say, maybe
    nothing; keep: how many checkpoints stay. Of a `GPT`, its configuration is
    written as well, so that `load_model` can build it again.

    Raises `ValueError` for a `GPT` that is not what its configuration describes,
    and `OSError` when the disk is full; earlier checkpoints are then as they were.
    """
    run, model = Path(run), unwrapped(model)
    tensors = {
        "model.safetensors": weights(model),
        "optimizer.safetensors": optimizer_state(model, optimizer),
    }
    files = {name: to_bytes(alone(part)) for name, part in tensors.items()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    description = {"step": step, **settings, **described(model), "sha256": sums}
    description["learning_rates"] = [float(g["lr"]) for g in optimizer.param_groups]
    files["config.json"] = json.dumps(description, indent=2).encode()
    write_folder(run / f"checkpoint-{step:06d}", files)
    for old in checkpoints(run, up_to=step)[keep:]:
        delete_folder(old)


def load_checkpoint(
    folder: Path | str, model: nn.Module, optimizer: Optimizer | None = None
) -> int:
    """Put the weights of a checkpoint into a model, its state into an optimizer.

    Returns how many updates the checkpoint has seen. Raises `ValueError` for files
    that are cut, are no safetensors, or belong to a model of another shape or
    precision; the model and the optimizer are then as they were.
    """
    folder, model = Path(folder), unwrapped(model)
    description = read_description(folder)
    tensors = read_tensors(folder / "model.safetensors")
    check_fit(tensors, weights(model), folder)
    if optimizer:
        state = read_tensors(folder / "optimizer.safetensors")
        rates = description.get("learning_rates")
        check_groups(optimizer, rates, folder)
        set_optimizer_state(model, optimizer, state)
        for group, rate in zip(optimizer.param_groups, rates or [], strict=False):
            group["lr"] = rate
    for name, tensor in weights(model).items():
        tensor.copy_(tensors[name])
    return description["step"]


def load_model(folder: Path | str) -> GPT:
    """The model that a checkpoint folder describes, ready to be used.

    Raises `ValueError` for a checkpoint that is cut, or does not say what model it
    belongs to.
    """
    folder = Path(folder)
    values = read_description(folder).get("model")
    if not values:
        raise ValueError(
            f"{folder / 'config.json'} does not describe a GPT; build the model as "
            f"it was, and call load_checkpoint({str(folder)!r}, model)"
        )
    model = build(settings_of(GPTConfig, values))
    kinds = {t.dtype for t in read_tensors(folder / "model.safetensors").values()}
    if len(kinds) == 1:
        model.to(*kinds)
    load_checkpoint(folder, model)
    return model.eval()


def described(model: nn.Module) -> dict[str, Any]:
    """What `config.json` says about a model: of a `GPT` its configuration.

    Raises `ValueError` where the model is not what that describes.
    """
    if not isinstance(model, GPT):
        return {}
    check_described(model)
    return {"model": asdict(model.config)}


def newest_checkpoint(run: Path | str) -> Path | None:
    """The newest checkpoint that is whole; a broken one is skipped with a warning.

    Returns None where there is none.
    """
    for folder in checkpoints(Path(run)):
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
    known = {"step": int, "sha256": dict}
    if any(not isinstance(description.get(n), kind) for n, kind in known.items()):
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


def unwrapped(model: nn.Module) -> nn.Module:
    """The model itself, where `torch.compile` or several processes have wrapped it."""
    for name in ("_orig_mod", "module"):
        inner = model._modules.get(name)
        if inner is not None and type(model).__module__.startswith("torch."):
            return unwrapped(inner)
    return model


def plain_name(name: str) -> str:
    """The name of a tensor without what `torch.compile` puts into it.

    >>> plain_name("blocks.0._orig_mod.norm1.weight")
    'blocks.0.norm1.weight'
    """
    return name.replace("_orig_mod.", "")


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The parameters by name, and the buffers that belong to the state, such as
    counts; a tensor that two parts share stands there once."""
    state = model.state_dict()
    buffers = ((name, b) for name, b in model.named_buffers() if name in state)
    named = chain(model.named_parameters(), buffers)
    return {plain_name(name): tensor.detach() for name, tensor in named}


def alone(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each in a row of memory of its own, as a file wants them."""
    seen: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        memory = tensor.untyped_storage().data_ptr()
        shared = memory in seen or not tensor.is_contiguous()
        found[name] = tensor.clone(memory_format=CONTIGUOUS) if shared else tensor
        seen.add(memory)
    return found


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers, as tensors named `<parameter>/<quantity>`."""
    return {
        f"{plain_name(name)}/{quantity}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for quantity, value in optimizer.state[parameter].items()
        if value is not None
    }


def set_optimizer_state(
    model: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]
) -> None:
    """The opposite of `optimizer_state`.

    Raises `ValueError` for a tensor that fits no parameter, or one that is missing;
    nothing is changed.
    """
    owners = {plain_name(name): p for name, p in model.named_parameters()}
    state: dict[nn.Parameter, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        parameter, _, quantity = name.rpartition("/")
        owner = owners.get(parameter)
        if owner is None or tensor.shape not in ((), owner.shape):
            raise ValueError(
                f"another model: {name} {tuple(tensor.shape)} fits no parameter"
            )
        # PyTorch counts the steps on the CPU, wherever the parameter lives.
        where = "cpu" if quantity == "step" else owner.device
        state[owner][quantity] = tensor.to(where, copy=True)
    names = {p: name for name, p in owners.items()}
    for group in optimizer.param_groups:
        known = [p for p in group["params"] if p in state]
        quantities = set().union(*(state[p] for p in known))
        for p in known:
            if missing := sorted(quantities - state[p].keys()):
                raise ValueError(
                    f"the state of the optimizer has no {names[p]}/{missing[0]}: "
                    f"take an earlier checkpoint, or load the model alone"
                )
    optimizer.state.update(state)


def check_groups(
    optimizer: Optimizer, rates: list[float] | None, folder: Path
) -> None:
    """Raises `ValueError` where an optimizer has another number of groups."""
    n = len(optimizer.param_groups)
    if rates is not None and len(rates) != n:
        raise ValueError(
            f"another optimizer: {len(rates)} groups of parameters in {folder}, {n} "
            f"here"
        )


def check_fit(
    tensors: dict[str, Tensor], wanted: dict[str, Tensor], folder: Path | str
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
        there, here = tensors[name].dtype, parameter.dtype
        if there != here:
            raise ValueError(
                f"another precision: {name} is {there} in {folder}, {here} in the "
                f"model; write model.to({there})"
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


# --- Weights under the names of others --------------------------------------------

# Ours, and those of `transformers`; nanoGPT has those of its GPT-2.
GPT2_NAMES = {
    "embedding.tokens.": "transformer.wte.",
    "embedding.positions_part.": "transformer.wpe.",
    "norm.": "transformer.ln_f.",
    "head.": "lm_head.",
    "blocks.": "transformer.h.",
    ".norm1.": ".ln_1.",
    ".attention.output.": ".attn.c_proj.",
    ".norm2.": ".ln_2.",
    ".feed_forward.up.": ".mlp.c_fc.",
    ".feed_forward.down.": ".mlp.c_proj.",
}
LLAMA_NAMES = {
    "embedding.tokens.": "model.embed_tokens.",
    "norm.": "model.norm.",
    "head.": "lm_head.",
    "blocks.": "model.layers.",
    ".norm1.": ".input_layernorm.",
    ".attention.query.": ".self_attn.q_proj.",
    ".attention.key.": ".self_attn.k_proj.",
    ".attention.value.": ".self_attn.v_proj.",
    ".attention.output.": ".self_attn.o_proj.",
    ".norm2.": ".post_attention_layernorm.",
    ".feed_forward.": ".mlp.",
    ".gate.": ".gate_proj.",
    ".up.": ".up_proj.",
    ".down.": ".down_proj.",
}
NAMES = {"gpt2": GPT2_NAMES, "llama": LLAMA_NAMES}
JOINED = [f".attention.{name}." for name in ("query", "key", "value")]
MASKS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")


def to_transformers(
    tensors: dict[str, Tensor], architecture: str
) -> dict[str, Tensor]:
    """Weights of a `GPT` under the names of `transformers`' GPT-2 or Llama.

    tensors: by our names, from `model.state_dict()`. There, GPT-2's matrices stand
    on their side, (C_in, C_out), and those of query, key and value are one. They know
    no `qk_norm`, and would compute something else.
    """
    found = {}
    for name, tensor in tensors.items():
        if architecture == "gpt2" and JOINED[0] in name:
            parts = [tensors[name.replace(JOINED[0], part)] for part in JOINED]
            tensor, name = (
                torch.cat(parts),
                name.replace(JOINED[0], ".attn.c_attn."),
            )
        elif architecture == "gpt2" and any(part in name for part in JOINED):
            continue
        name = renamed(name, NAMES[architecture])
        lying = architecture == "gpt2" and ".h." in name and tensor.dim() == 2
        found[name] = tensor.T.contiguous() if lying else tensor
    return found


def from_transformers(
    state: dict[str, Tensor], config: GPTConfig
) -> dict[str, Tensor]:
    """The opposite, for a model of this configuration; nanoGPT's weights as well.

    state: from `state_dict()` of a GPT-2 or Llama of `transformers`, or of nanoGPT,
    compiled or not. Returns what `load_state_dict` takes, under our names. Raises
    `ValueError` for tensors that the configuration has no place for, or lacks.
    """
    if config.qk_norm:
        raise ValueError(
            "qk_norm=True, but no such model of transformers, nor nanoGPT's, has a "
            "norm of queries and keys"
        )
    gpt2 = config.architecture == "gpt2"
    back = {theirs: ours for ours, theirs in NAMES[config.architecture].items()}
    kv_width = config.head_dim * (config.n_kv_heads or config.n_heads)
    found = {}
    for name, tensor in state.items():
        name = plain_name(name)
        if name.endswith(MASKS):
            continue
        joined = ".attn.c_attn." in name
        if gpt2 and tensor.dim() == 2 and on_its_side(state):
            tensor = tensor.T if ".h." in name else tensor
        widths = [config.d_model, kv_width, kv_width] if joined else [len(tensor)]
        parts = zip(JOINED if joined else [""], tensor.split(widths), strict=True)
        for place, part in parts:
            ours = renamed(name.replace(".attn.c_attn.", place), back)
            found[ours] = part.contiguous()
    if config.tied:
        found.setdefault("head.weight", found.get("embedding.tokens.weight"))
    wanted = outline(config).state_dict()
    check_fit({n: t.float() for n, t in found.items()}, wanted, "the state")
    return found


def on_its_side(state: dict[str, Tensor]) -> bool:
    """Do the matrices of a GPT-2 stand as (C_in, C_out)?"""
    joined = [t for n, t in state.items() if n.endswith("attn.c_attn.weight")]
    return any(t.shape[0] < t.shape[1] for t in joined)


def renamed(name: str, names: dict[str, str]) -> str:
    """
    >>> renamed("blocks.3.norm1.weight", GPT2_NAMES)
    'transformer.h.3.ln_1.weight'
    """
    for old, new in names.items():
        if old.startswith("."):
            name = name.replace(old, new)
        elif name.startswith(old):
            name = new + name.removeprefix(old)
    return name


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
        found = tensors_in(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is {error}") from error
    return {plain_name(name): tensor for name, tensor in found.items()}


def tensors_in(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file. Raises `ValueError` for others."""
    try:
        return from_bytes(data)
    except SafetensorError as error:
        raise ValueError(
            f"cut short or no safetensors file ({error}); a pickle (.pt, .bin) is "
            f"never opened, because it can run code"
        ) from error
