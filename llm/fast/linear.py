"""A linear layer that takes the fastest way to the same sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

MANY_ROWS = 128  # from here on the convolution is faster
LARGE = 1 << 17  # entries of a matrix that no longer waits in the nearest cache
SUM = 0  # what `torch.embedding_bag` does with the rows of a bag


class FastLinear(nn.Linear):
    """`nn.Linear`, faster on a processor: see `linear`.

    x: (..., C_in). Returns (..., C_out). `weight`: (C_out, C_in); `bias`: (C_out,)
    or None.
    """

    plain = nn.Linear

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
    if torch.is_autocast_enabled(x.device.type):  # PyTorch hands these to oneDNN
        return F.linear(x, weight, bias)
    many = x.numel() >= MANY_ROWS * x.shape[-1]
    if not (many or weight.numel() >= LARGE) or not suits(x, weight):
        return F.linear(x, weight, bias)
    if many:
        return by_convolution(x, weight, bias)
    if torch.is_grad_enabled() or has_tangent(x, weight, bias):
        return F.linear(x, weight, bias)
    return by_onednn(x, weight, bias)


def has_tangent(*tensors: Tensor | None) -> bool:
    """Is a derivative in forward mode wanted? It needs no gradient to be enabled."""
    return any(
        t is not None and forward_ad.unpack_dual(t).tangent is not None
        for t in tensors
    )


def for_one_row(part: nn.Linear) -> Callable[[Tensor], Tensor]:
    """`linear` for a single row without gradient, its route chosen once.

    The result takes (1, C_in) and returns (1, C_out).
    """
    weight, bias = part.weight, part.bias
    if not is_large(weight):
        return partial(F.linear, weight=weight, bias=bias)
    return partial(by_onednn, weight=weight, bias=bias)


def by_columns(part: nn.Linear) -> Callable[[Tensor], Tensor]:
    """The same for many rows to come: with a copy of the matrix, by columns.

    A matrix times a vector is a sum of the columns, each weighted by a number of the
    vector. So is the embedding of a bag of words, and PyTorch sums those at the speed
    of the memory. Each thread takes its share of every column. The copy costs about
    as much as twenty products; it is made anew by each call, in memory that the part
    keeps for it.
    """
    if not is_large(part.weight):
        return for_one_row(part)
    n_out, n_in = part.weight.shape
    n_shares = math.gcd(n_out, 1 << (torch.get_num_threads() - 1).bit_length())
    columns = getattr(part, "columns", None)
    if columns is None or columns.shape != (n_in, n_out):
        with torch.inference_mode(False):  # or it could be filled only in that mode
            columns = torch.empty(n_in, n_out)
        part.columns = columns
    columns.copy_(part.weight.detach().T)
    table = columns.view(n_in * n_shares, -1)  # row j P + p: column j, share p
    rows = torch.arange(len(table)).view(n_in, n_shares).T.flatten()
    starts = torch.arange(n_shares) * n_in
    bias = torch.zeros(n_out) if part.bias is None else part.bias

    def product(x: Tensor) -> Tensor:
        weights = x.expand(n_shares, -1).reshape(-1)
        bags, *_ = torch.embedding_bag(
            table, rows, starts, False, SUM, False, weights
        )
        return bags.view(1, -1) + bias

    return product


def is_large(weight: Tensor) -> bool:
    """Does a product with a single row wait for the memory?"""
    return weight.numel() >= LARGE and suits(weight, weight)


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
    product = torch.ops.mkldnn._linear_pointwise.default
    return product(x, weight, bias, "none", [], "")
