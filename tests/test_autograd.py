"""Gradients of `llm.autograd` beside those of PyTorch."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random

import pytest
import torch
import torch.nn.functional as F

from llm import autograd
from llm.autograd import Value, backward, exp, log, pick, reshape, tanh, total

SHAPES = [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (3, 3), (4, 2, 3), (4, 1, 1)]
OURS = {
    name: getattr(autograd, name)
    for name in ("exp", "log", "tanh", "total", "reshape", "pick")
}
THEIRS = {
    "exp": torch.exp,
    "log": torch.log,
    "tanh": torch.tanh,
    "total": lambda x, dim=None: (
        x.sum() if dim is None else x.sum(dim, keepdim=True)
    ),
    "reshape": lambda x, *shape: x.reshape(shape),
    "pick": lambda x, *ids: x[ids],
}
OF_TWO = {
    "sum": lambda a, b, of: a + b,
    "difference": lambda a, b, of: a - b,
    "product": lambda a, b, of: a * b,
    "quotient": lambda a, b, of: a / (b**2 + 1),
    "matrix product": lambda a, b, of: a @ b,
}


def of_one(rng: Random, x: torch.Tensor) -> list:
    """Everything that can be done with a tensor of this shape."""
    can = [
        lambda x, of: of["tanh"](x),
        lambda x, of: of["exp"](of["tanh"](-x)),
        lambda x, of: of["log"](x**2 + 0.5),
        lambda x, of: 2 - x**3 / 4,
        lambda x, of: of["total"](x) * 0.1,
        lambda x, of: of["reshape"](x, -1),
    ]
    if x.ndim:
        dim = rng.randrange(-x.ndim, x.ndim)
        ids = torch.tensor([[rng.randrange(len(x)) for _ in range(3)]] * 2)
        can += [
            lambda x, of: of["total"](x, dim),
            lambda x, of: of["pick"](x, ids),
        ]
    if x.ndim == 2:
        columns = torch.tensor([[rng.randrange(x.shape[1])] * 3] * 2)
        can.append(lambda x, of: of["pick"](x, ids, columns))
    return can


def random_graph(seed: int, n_steps: int = 14):
    """Leaves, and a function of them whose result is a number.

    What is computed is chosen by seed; a step that is not defined for the shapes it
    meets, or gives large numbers, is left out.
    """
    rng, generator = Random(seed), torch.Generator().manual_seed(seed)
    leaves = [
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in rng.sample(SHAPES, 5)
    ]
    known, plan = list(leaves), []
    while len(plan) < n_steps:
        i, j = (rng.randrange(len(known)) for _ in "ij")
        if rng.random() < 0.5:
            step, places = rng.choice(of_one(rng, known[i])), (i,)
        else:
            step, places = OF_TWO[rng.choice(list(OF_TWO))], (i, j)
        try:
            made = step(*(known[k] for k in places), THEIRS)
        except RuntimeError:
            continue  # shapes that do not fit, or a matrix product of rows
        if (
            min(known[k].ndim for k in places) < 2
            and step is OF_TWO["matrix product"]
        ):
            continue
        if made.abs().max() < 50 and made.numel() < 300:
            known.append(made)
            plan.append((step, places))

    def compute(leaves, of):
        values = list(leaves)
        for step, places in plan:
            values.append(step(*(values[k] for k in places), of))
        result = of["total"](values[-1])
        for value in values[:-1]:
            result = result + of["total"](value * 0.3)
        return result

    return leaves, compute


@pytest.mark.parametrize("seed", range(100))
def test_a_random_graph_has_the_gradients_of_pytorch(seed):
    leaves, compute = random_graph(seed)
    ours = [Value(leaf) for leaf in leaves]
    theirs = [leaf.clone().requires_grad_() for leaf in leaves]
    result, expected = compute(ours, OURS), compute(theirs, THEIRS)
    torch.testing.assert_close(result.data, expected.detach())
    backward(result)
    expected.backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-9)


def test_the_random_graphs_use_everything_there_is(monkeypatch):
    used = set()
    for name, function in OURS.items():
        monkeypatch.setitem(
            OURS, name, lambda *x, f=function, n=name: used.add(n) or f(*x)
        )
    for name, function in OF_TWO.items():
        monkeypatch.setitem(
            OF_TWO, name, lambda *x, f=function, n=name: used.add(n) or f(*x)
        )
    for seed in range(20):
        leaves, compute = random_graph(seed)
        compute([Value(leaf) for leaf in leaves], OURS)
    assert used == {*OURS, *OF_TWO}


def test_a_value_that_is_used_twice_gets_both_shares():
    x = Value(torch.tensor(3.0))
    backward(x * x + x)
    assert x.grad == 2 * 3 + 1


def test_gradients_of_given_values_add_up_those_of_computed_ones_do_not():
    x = Value(torch.tensor([1.0, 2.0]))
    square = x * x
    loss = total(square)
    backward(loss)
    backward(loss)
    assert x.grad.tolist() == [4, 8]
    assert square.grad.tolist() == [1, 1]


def test_the_derivative_of_a_given_value_for_itself_is_one():
    x = Value(5.0)
    backward(x)
    assert x.grad == 1


def test_what_the_result_does_not_depend_on_keeps_a_gradient_of_zero():
    x, y = Value(torch.ones(2)), Value(torch.ones(2))
    other = x * y
    backward(total(x * 3))
    assert y.grad.tolist() == other.grad.tolist() == [0, 0]


def test_a_chain_of_many_thousand_values_goes_back():
    x = Value(torch.tensor(1.0))
    y = x
    for _ in range(20_000):
        y = y + x
    backward(y)
    assert x.grad == 20_001


def test_the_surprise_has_the_gradient_of_cross_entropy():
    logits = torch.randn(5, 7, dtype=torch.float64)
    targets = torch.tensor([6, 0, 3, 3, 1])
    z = Value(logits)
    lse = log(total(exp(z), -1))
    backward(total(lse - reshape(pick(z, torch.arange(5), targets), 5, 1)) / 5)
    theirs = logits.requires_grad_()
    F.cross_entropy(theirs, targets).backward()
    torch.testing.assert_close(z.grad, theirs.grad)


def test_a_constant_may_stand_on_either_side():
    x = Value(torch.tensor([0.5, 2.0]))
    ones = torch.ones(2)
    backward(total((ones + x) * (ones - x) + (2 * x - 1) / 4 + 3 - tanh(-x)))
    a = torch.tensor([0.5, 2.0], requires_grad=True)
    ((1 + a) * (1 - a) + (2 * a - 1) / 4 + 3 - torch.tanh(-a)).sum().backward()
    torch.testing.assert_close(x.grad, a.grad)


def test_a_gradient_is_that_of_one_number():
    with pytest.raises(ValueError, match=r"the shape \(2, 3\): .* take the total"):
        backward(Value(torch.ones(2, 3)) * 2)


def test_a_constant_changes_no_type():
    x = Value(torch.ones(3))
    picked = pick(x, torch.tensor([0, 0]))
    backward(total(picked) / 4 + Value(2.0))
    assert x.grad.dtype == torch.float32
    assert x.grad.tolist() == [0.5, 0, 0]


def test_whole_numbers_have_no_gradient():
    with pytest.raises(ValueError, match=r"torch.int64 .* data.float\(\)"):
        Value(torch.tensor([1, 2]))


def test_it_is_a_hundred_lines():
    """Of code: documentation and empty lines are not counted."""
    tree = ast.parse(Path(autograd.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node):
            del node.body[0]
    assert len([line for line in ast.unparse(tree).splitlines() if line]) <= 100
