"""Several processes under `torchrun`, each with its share of every batch; and the
device that each computes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def processes() -> Iterator[None]:
    """Join the other processes that `torchrun` started; alone, do nothing."""
    if "LOCAL_RANK" not in os.environ:
        yield
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def n_processes() -> int:
    """How many processes train together: 1 unless `torchrun` started more."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0. Only process 0 writes files."""
    return dist.get_rank() if dist.is_initialized() else 0


def my_share(batch: Tensor) -> Tensor:
    """The rows of a global batch that this process works on.

    batch: (B, T). Returns (B / n_processes, T). Raises what `check_share` raises.
    """
    check_share(len(batch))
    return batch.chunk(n_processes())[rank()]


def check_share(batch_size: int) -> None:
    """Raises `ValueError` when the processes cannot share a batch equally."""
    n = n_processes()
    if batch_size % n:
        raise ValueError(
            f"batch_size={batch_size} cannot be shared equally by {n} processes; "
            f"choose a multiple of {n}"
        )


def summed(number: Tensor) -> Tensor:
    """The sum of a number over all processes."""
    if n_processes() > 1:
        dist.all_reduce(number)
    return number


def any_process(flag: bool, model: nn.Module) -> bool:
    """Is it true in any of the processes? All of them get the same answer."""
    if n_processes() == 1:
        return flag
    device = next(model.parameters()).device
    return bool(summed(torch.tensor(float(flag), device=device)))


def check_alike(value: object, problem: str) -> None:
    """Raises `ValueError`, in every process, if they do not have equal values."""
    if n_processes() > 1:
        values: list[object] = [None] * n_processes()
        dist.all_gather_object(values, value)
        if any(other != values[0] for other in values):
            raise ValueError(f"the processes {problem}: {values}")


def sum_gradients(model: nn.Module) -> None:
    """Add up the gradients of all processes, in one message; each gets the sum.

    A parameter without a gradient in some of them counts as zeros there; without
    one in all of them it is left without.
    """
    if n_processes() == 1:
        return
    parameters = [p for p in model.parameters() if p.requires_grad]
    used = torch.tensor([float(p.grad is not None) for p in parameters])
    gradients = [
        torch.zeros_like(p) if p.grad is None else p.grad for p in parameters
    ]
    parts = [used.to(gradients[0]), *(g.flatten() for g in gradients)]
    message = torch.cat(parts)
    dist.all_reduce(message)
    used, *sums = message.split([part.numel() for part in parts])
    for parameter, n, part in zip(parameters, used.tolist(), sums, strict=True):
        if n:
            parameter.grad = part.view_as(parameter)


def share_weights(model: nn.Module) -> None:
    """Give every process the weights and buffers of process 0."""
    if n_processes() > 1:
        for tensor in (*model.parameters(), *model.buffers()):
            dist.broadcast(tensor.data, src=0)


# --- Where to compute -------------------------------------------------------------


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; for "auto" a GPU if there is one.

    Raises `ValueError` for a device that is not available on this machine.
    """
    if name == "auto" and torch.cuda.is_available():
        name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    elif name == "auto":
        name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={name!r} is not available on this machine; take auto or cpu"
        ) from error


def autocast(device: torch.device, dtype: str) -> AbstractContextManager:
    """Matrix products in the numbers that `pick_dtype` says. The weights stay
    float32."""
    if pick_dtype(device, dtype) is torch.float32:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def pick_dtype(device: torch.device, name: str) -> torch.dtype:
    """The numbers to multiply matrices in: for "auto" bfloat16 where the device
    computes in it, a GPU or a processor, else float32."""
    if name == "auto":
        has = {"cuda": torch.cuda.is_bf16_supported, "cpu": processor_has_bfloat16}
        name = "bfloat16" if has.get(device.type, bool)() else "float32"
    return getattr(torch, name)


def processor_has_bfloat16() -> bool:
    """Has the processor instructions that multiply in bfloat16? Without them it would
    be slower than float32."""
    return (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
