"""Reverse-mode automatic differentiation in a hundred lines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import torch
from torch import Tensor

NUMBERS = count()  # a value gets the next one: its parents have smaller numbers


class Value:
    """A tensor that remembers what it was computed from.

    data: a tensor, or a number. parents: the values it was computed from. pull:
    makes of the gradient of this value the share of each parent. `grad` has the
    shape of `data`, and is zero until `backward` adds to it.

    Raises `ValueError` for whole numbers in a tensor.

    **Source:** Linnainmaa (1976); the form of a program is that of Baydin et al.
    (2018), section 3.2.
    """

    def __init__(
        self,
        data: Tensor | float,
        parents: tuple[Value, ...] = (),
        pull: Callable[[Tensor], tuple[Tensor, ...]] | None = None,
    ) -> None:
        exact = isinstance(data, float | int)  # as exact as Python's own numbers
        self.data = torch.tensor(data, dtype=torch.float64) if exact else data
        if not self.data.is_floating_point():
            raise ValueError(
                f"a value of {self.data.dtype} has no gradient: hand over "
                f"data.float()"
            )
        self.grad = torch.zeros_like(self.data)
        self.parents, self.pull, self.number = parents, pull, next(NUMBERS)

    def __add__(self, other: Value | Tensor | float) -> Value:
        a, b = self, as_value(other)
        return Value(a.data + b.data, (a, b), lambda g: (g, g))

    def __mul__(self, other: Value | Tensor | float) -> Value:
        a, b = self, as_value(other)
        return Value(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data))

    def __matmul__(self, other: Value | Tensor) -> Value:
        a, b = self, as_value(other)
        out = a.data @ b.data
        return Value(out, (a, b), lambda g: (g @ b.data.mT, a.data.mT @ g))

    def __pow__(self, n: float) -> Value:
        x = self.data
        return Value(x**n, (self,), lambda g: (g * n * x ** (n - 1),))

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Value | Tensor | float) -> Value:
        return self + -as_value(other)

    def __truediv__(self, other: Value | Tensor | float) -> Value:
        return self * as_value(other) ** -1

    def __rsub__(self, other: Tensor | float) -> Value:
        return as_value(other) - self

    __radd__, __rmul__ = __add__, __mul__


def as_value(x: Value | Tensor | float) -> Value:
    """A value for a constant; a value stays what it is."""
    return x if isinstance(x, Value) else Value(x)


def exp(x: Value) -> Value:
    """The exponential of each number."""
    out = x.data.exp()
    return Value(out, (x,), lambda g: (g * out,))


def log(x: Value) -> Value:
    """The natural logarithm of each number."""
    return Value(x.data.log(), (x,), lambda g: (g / x.data,))


def tanh(x: Value) -> Value:
    """The hyperbolic tangent of each number."""
    out = x.data.tanh()
    return Value(out, (x,), lambda g: (g * (1 - out**2),))


def total(x: Value, dim: int | None = None) -> Value:
    """The sum of all numbers, or along one dimension, which stays with size 1."""
    out = x.data.sum() if dim is None else x.data.sum(dim, keepdim=True)
    return Value(out, (x,), lambda g: (g.expand_as(x.data),))


def reshape(x: Value, *shape: int) -> Value:
    """The same numbers in another shape; -1 stands for the size that is left."""
    out = x.data.reshape(shape)
    return Value(out, (x,), lambda g: (g.reshape(x.data.shape),))


def pick(x: Value, *ids: Tensor) -> Value:
    """x[ids], or x[ids, more_ids]: the entries that whole numbers point at."""

    def pull(g: Tensor) -> tuple[Tensor]:
        return (torch.zeros_like(x.data).index_put(ids, g, accumulate=True),)

    return Value(x.data[ids], (x,), pull)


def backward(result: Value) -> None:
    """Add to the `grad` of every value the derivative of a result for it.

    Values that were computed get theirs afresh; to those that were given it is
    added, as in PyTorch.

    Raises `ValueError` if the result is not a single number.
    """
    if result.data.numel() != 1:
        raise ValueError(
            f"the result has the shape {tuple(result.data.shape)}: a gradient is "
            f"that of one number; take the total or the mean first"
        )
    values = sorted(ancestors(result), key=lambda value: value.number)
    for value in values:
        if value.parents:
            value.grad = torch.zeros_like(value.data)
    result.grad = result.grad + 1
    for value in reversed(values):  # all that use a value come before it
        if value.pull:
            shares = value.pull(value.grad)
            for parent, share in zip(value.parents, shares, strict=True):
                parent.grad = parent.grad + summed_to(share, parent.data)


def ancestors(result: Value) -> set[Value]:
    """The value itself, and everything that it was computed from."""
    found, waiting = set(), [result]
    while waiting:
        value = waiting.pop()
        if value not in found:
            found.add(value)
            waiting += value.parents
    return found


def summed_to(g: Tensor, x: Tensor) -> Tensor:
    """Undo a broadcast: a number that was used many times gets the sum.

    g: the shape after the broadcast. Returns the shape and the type of x, which was
    there before it.
    """
    while g.ndim > x.ndim:
        g = g.sum(0)
    for dim, size in enumerate(x.shape):
        if size == 1 != g.shape[dim]:
            g = g.sum(dim, keepdim=True)
    return g.to(x.dtype)
