"""A linear layer that takes the fastest way to the same sums."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MANY_ROWS = 128  # from here on the convolution is faster
LARGE = 1 << 17  # entries of a matrix that no longer waits in the nearest cache


class Linear(nn.Linear):
    """`nn.Linear`, faster on a processor: see `linear`.

    x: (..., C_in). Returns (..., C_out). `weight`: (C_out, C_in); `bias`: (C_out,)
    or None.
    """

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: `F.linear`, by the route that suits the number of rows.

    On the processor PyTorch hands matrix products to one library (MKL), convolutions
    to another (oneDNN). The first leaves half the speed of some processors unused,
    and reads a large matrix for few rows at a third of the speed of the memory. So
    many rows go as a convolution, and few, when no gradient is wanted, to oneDNN's
    own matrix product. The routes differ in rounding and in nothing else;
    `benchmarks/bench_linear.py` times them.

    x: (..., C_in); weight: (C_out, C_in); bias: (C_out,). Returns (..., C_out).
    """
    many = x.numel() >= MANY_ROWS * x.shape[-1]
    if not (many or weight.numel() >= LARGE) or not suits(x, weight):
        return F.linear(x, weight, bias)
    if many:
        return by_convolution(x, weight, bias)
    if torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    return by_onednn(x, weight, bias)


def suits(x: Tensor, weight: Tensor) -> bool:
    """Is this a product that oneDNN takes, and is it there?"""
    single = x.dtype == weight.dtype == torch.float32
    return x.is_cpu and single and torch.backends.mkldnn.is_available()


def by_convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` as a convolution with a kernel of one place: each row is a place,
    each of its numbers a channel. No number is copied to see it that way."""
    image = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
    out = F.conv2d(image, weight[:, :, None, None], bias)
    return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` by the operator that `torch.compile` puts in its place; it has no
    gradient, and no public name."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
