"""Plain data in and out of the sandbox: Python values to JSON and back, never by pickle.

The same file serves both sides. What comes from the student's side is rebuilt from
exact builtins and CPU tensors; of anything else comes a handle, a number that names
an object over there. So a hostile answer is at worst a wrong answer.
"""

from __future__ import annotations

import base64
import numbers
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    str(dtype): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
        *(torch.bool, torch.complex64),
    )
}
PLAIN = (bool, int, float, str)
COLLECTIONS = {kind.__name__: kind for kind in (list, tuple, set, frozenset)}
LARGE = 2**1000  # Python refuses to write, or read, much larger numbers in decimal
UNDERLYING = {int: int.__int__, float: float.__float__, str: str.__str__}
REFERENCES = ("handle", "name", "new")


def pack(value: Any, refer: Callable[[Any], list]) -> Any:
    """Describe a value by what JSON can carry: `(1, "a")` is `["tuple", [1, "a"]]`.

    refer: gives the description of an object that is not plain data.
    """
    if type(value) is int and abs(value) >= LARGE:
        return ["integer", hex(value)]
    if value is None or type(value) in PLAIN:
        return value
    if isinstance(value, Tensor):
        return _pack_tensor(value, refer)
    if isinstance(value, bytes | bytearray):
        return ["bytes", _text(value)]
    if (same := _other_number(value)) is not value:
        return pack(same, refer)
    if isinstance(value, dict):
        pairs = [[pack(k, refer), pack(v, refer)] for k, v in value.items()]
        return ["dict", pairs]
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return ["slice", [pack(part, refer) for part in parts]]
    for name, kind in COLLECTIONS.items():
        if isinstance(value, kind):
            return [name, [pack(item, refer) for item in value]]
    for (
        kind,
        plain,
    ) in UNDERLYING.items():  # a number or string of a class of its own
        if isinstance(value, kind):
            return pack(plain(value), refer)
    return refer(value)


def _other_number(value: Any) -> Any:
    """The plain number, or the tensor, that says the same as a number or an array of
    another library; else the value itself."""
    numpy = sys.modules.get("numpy")
    try:
        if numpy and isinstance(value, numpy.generic):
            return value.item()
        if numpy and isinstance(value, numpy.ndarray):
            return torch.tensor(value)
        if isinstance(value, Decimal | numbers.Rational) and not isinstance(
            value, int
        ):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    return value


def unpack(message: Any, resolve: Callable[..., Any]) -> Any:
    """The value that `pack` has described.

    resolve: gives the object that a reference names. Raises `ValueError`, `TypeError`
    or `KeyError` where the description makes no sense.
    """
    if message is None or type(message) in PLAIN:
        return message
    if not isinstance(message, list):
        raise ValueError(f"{type(message).__name__} is not plain data")
    kind, *rest = message
    if kind in COLLECTIONS:
        return COLLECTIONS[kind](unpack(item, resolve) for item in rest[0])
    if kind == "dict":
        return {unpack(k, resolve): unpack(v, resolve) for k, v in rest[0]}
    if kind == "tensor":
        return _unpack_tensor(*rest)
    if kind == "bytes":
        return base64.b64decode(rest[0])
    if kind == "integer":
        return int(rest[0], 16)
    if kind == "slice":
        parts = (unpack(part, resolve) for part in rest[0])
        return slice(*(None if part is None else int(part) for part in parts))
    if kind in REFERENCES:
        return resolve(kind, *rest)
    raise ValueError(f"{kind!r} is no kind of plain data")


def _pack_tensor(value: Tensor, refer: Callable[[Any], list]) -> list:
    if str(value.dtype) not in DTYPES or value.layout is not torch.strided:
        return refer(value)
    flat = value.detach().cpu().resolve_conj().contiguous().reshape(-1)
    data = _text(flat.view(torch.uint8).numpy().tobytes())
    return ["tensor", str(value.dtype), list(value.shape), data]


def _unpack_tensor(dtype: str, shape: list, data: str) -> Tensor:
    raw = bytearray(base64.b64decode(data))
    flat = (
        torch.frombuffer(raw, dtype=torch.uint8) if raw else torch.empty(0).byte()
    )
    kind = DTYPES[dtype]
    flat = flat.ne(0) if kind is torch.bool else flat.view(kind)
    return flat.reshape([int(size) for size in shape])


def _text(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode()
