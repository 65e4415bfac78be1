"""Plain data goes into the sandbox and comes back the same; nothing else does."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from classroom.sandbox.wire import DTYPES, pack, unpack

LONG = st.integers(-(10**5), 10**5).map(lambda n: n * 10**5_000)
ATOMS = st.none() | st.booleans() | st.integers() | LONG | st.text() | st.binary()
ATOMS |= st.floats(allow_nan=False)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(ATOMS, inner)
        | st.frozensets(ATOMS)
        | st.builds(slice, st.none() | st.integers(), st.integers(), st.none())
    ),
    max_leaves=20,
)


def refuse(*what):
    raise AssertionError(what)


def there_and_back(value):
    return unpack(json.loads(json.dumps(pack(value, refuse))), refuse)


@given(VALUES)
def test_plain_data_survives(value):
    result = there_and_back(value)
    assert (result, type(result)) == (value, type(value))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3)], ids=str)
def test_tensors_survive(dtype, shape):
    value = torch.randn(shape).mul(10).to(dtype)
    result = there_and_back(value)
    assert result.dtype == dtype and result.shape == value.shape
    assert torch.equal(result, value)


def test_views_and_gradients_do_not_matter():
    value = torch.arange(6.0).view(2, 3).requires_grad_().T
    assert torch.equal(there_and_back(value), value) and math.isnan(
        there_and_back(float("nan"))
    )


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int16(3), 3),
        (np.bool_(True), True),
        (np.array(0.25), torch.tensor(0.25, dtype=torch.float64)),
        (np.eye(2, dtype=np.float32), torch.eye(2)),
        (np.eye(2, dtype=bool).T, torch.eye(2).bool()),
        (Decimal("0.125"), 0.125),
        (Fraction(3, 4), 0.75),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_numbers_and_arrays_of_other_libraries_come_as_plain_ones(value, plain):
    result = there_and_back(value)
    assert type(result) is type(plain)
    if isinstance(plain, torch.Tensor):
        assert result.dtype == plain.dtype and torch.equal(result, plain)
    assert np.array_equal(result, plain)


@pytest.mark.parametrize(
    "value", [1 + 2j, np.array(["a"]), np.array([{}])], ids=str
)
def test_what_is_no_plain_number_stays_where_it_is(value):
    assert pack(value, lambda thing: ["handle", 0, "x"]) == ["handle", 0, "x"]


class Number(int):
    __eq__ = lambda self, other: True
    __hash__ = int.__hash__


class Text(str):
    __str__ = lambda self: self


def test_a_class_of_its_own_becomes_a_plain_number_or_string():
    assert type(there_and_back(Number(7))) is int
    assert type(there_and_back(Number(10**5_000))) is int
    assert type(pack(Text("a"), refuse)) is str


def test_other_objects_are_referred_to():
    assert pack([len], lambda thing: ["handle", 0, "f"]) == [
        "list",
        [["handle", 0, "f"]],
    ]
    sparse = torch.eye(2).to_sparse()
    assert pack(sparse, lambda thing: ["handle", 1, "t"]) == ["handle", 1, "t"]


@pytest.mark.parametrize(
    "message",
    [
        {"a": 1},
        ["code", "1"],
        [["list"]],
        ["tensor", "torch.float32", [3], "AAAA"],
        ["tensor", "float32", [1], "AAAA"],
        ["dict", [[["list", []], 1]]],
        ["slice", ["a", None, None]],
        ["integer", "g"],
        [],
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(message):
    with pytest.raises((ValueError, TypeError, KeyError, RuntimeError)):
        unpack(message, refuse)
