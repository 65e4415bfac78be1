"""Tests on this side of the wall use what is on the other as if it were here."""

from __future__ import annotations

import pytest
import tiny
from nbformat.v4 import new_code_cell

from classroom.execute import Examiner, Given, plain_outputs, without_magics
from classroom.jail import Jail, Limits

SETUP = """%matplotlib inline
import random
from dataclasses import dataclass
import torch

@dataclass
class Sizes:
    width: int = 3

def helper(x):
    return x + 1
"""
STUDENT = """
import numpy, torch
from torch import nn

VERSION = 7

class Layer(nn.Module):
    def __init__(self, sizes, bias=True):
        super().__init__()
        self.linear = nn.Linear(sizes.width, 2, bias=bias)

    def forward(self, x):
        return self.linear(x)

def apply(function, x):
    return function(x)

def noise():
    print("noise")
    return torch.randn(2)

def count():
    n = 0
    while True:
        yield n
        n += 1

def careful(x):
    if x < 0:
        raise ValueError(f"negative: {x}")
    return {"x": (x, [x])}

def array():
    return numpy.zeros(2)
"""
# What holds of the student's names, on this side.
HOLDS = {
    "a-number": "assert VERSION == 7",
    "an-object": "layer = Layer(Sizes(4), bias=False)\n"
    "assert layer(torch.ones(5, 4)).shape == (5, 2)",
    "parameters": "assert [p.shape for p in layer.parameters()] == [(2, 4)]",
    "a-state": "layer.load_state_dict({'linear.weight': torch.zeros(2, 4)})\n"
    "assert not layer(torch.ones(1, 4)).any()",
    "an-attribute": "assert layer.linear.in_features == 4 and layer.linear.bias is None",
    "a-helper": "assert apply(helper, 2) == 3",
    "a-student's-function": "assert apply(careful, 1) == {'x': (1, [1])}",
    "seeds": "torch.manual_seed(1); a = noise()\ntorch.manual_seed(1)\n"
    "assert torch.equal(noise(), a) and not torch.equal(noise(), a)",
    "a-generator": "n = iter(count())\nassert [next(n) for _ in range(3)] == [0, 1, 2]",
    "an-error": "try:\n    careful(-1)\nexcept ValueError as e:\n"
    "    assert str(e) == 'negative: -1'\nelse:\n    raise AssertionError",
    "a-name-that-is-not": "try:\n    nowhere\nexcept NameError:\n    pass",
    "functions-see-names": "def twice():\n    return VERSION * 2\nassert twice() == 14",
    "its-type-has-a-name": "assert type(array()).__name__ == 'ndarray'\n"
    "assert not isinstance(array(), torch.Tensor)",
    "not-equal": "assert array() != array() and layer != layer.linear",
}
# What fails, and the words.
FAILS = {
    "message": ("assert VERSION == 8, f'{VERSION} is not 8'", "7 is not 8"),
    "no-message": ("\nassert VERSION == 8", "this does not hold"),
    "truth": ("assert layer", "neither true nor false"),
    "set": ("layer.training = False", "a test cannot set training"),
    "hand": ("def own(x): 1\napply(own, 1)", "a test cannot hand own"),
    "not-written": ("raise NotImplementedError", "not written yet"),
    "hidden": (
        "### BEGIN HIDDEN TESTS\nassert VERSION == 'secret'\n### END HIDDEN TESTS",
        "this does not hold",
    ),
    "visible-after-hidden": (
        "### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS\nassert VERSION == 9",
        "in: assert VERSION == 9",
    ),
    "lines": ("careful(-5)", "line 29, in careful"),
    "two-in-a-line": (
        "a = 1; assert VERSION == a",
        "in: a = 1; assert VERSION == a",
    ),
    "one-in-three": (
        "assert (\n    VERSION == 8\n)",
        "in: assert ( VERSION == 8 )",
    ),
    "hidden-in-part": (
        "assert (\n    VERSION == 8\n    ### BEGIN HIDDEN TESTS\n"
        "    and 'secret'\n    ### END HIDDEN TESTS\n)",
        "in: VERSION == 8",
    ),
}


@pytest.fixture(scope="module")
def examiner(jail, tmp_path_factory):
    tests = HOLDS | {name: source for name, (source, _) in FAILS.items()}
    given = [Given("setup", SETUP, False)]
    given += [Given(name, source, True) for name, source in tests.items()]
    with Jail(tmp_path_factory.mktemp("work"), Limits()) as jail:
        examiner = Examiner(jail, given)
        assert examiner.run(SETUP) == [] and examiner.run(STUDENT) == []
        assert examiner.examine("an-object") == []
        yield examiner


@pytest.mark.parametrize("name", HOLDS)
def test_it_holds(examiner, name):
    assert examiner.examine(name) == []


@pytest.mark.parametrize("name", FAILS)
def test_it_fails_in_words(examiner, name):
    (output,) = examiner.examine(name)
    said = "\n".join(output.traceback)
    assert output.output_type == "error" and FAILS[name][1] in said
    assert "secret" not in said


def test_the_cell_that_counts_is_the_teachers(examiner):
    sent = new_code_cell("pass", metadata=tiny.marks("message", grade=True))
    assert examiner.outputs(sent)[0].evalue == "7 is not 8"


def test_an_assignment_that_is_wrong_is_not_blamed_on_students(jail, tmp_path):
    with Jail(tmp_path, Limits()) as jail:
        with pytest.raises(SyntaxError):
            Examiner(jail, [Given("test", "assert (", True)])
        with pytest.raises(
            ValueError, match=r"given cell plot .* fails before any work"
        ):
            Examiner(jail, [Given("plot", "answer(1)", False)])


def test_lines_for_ipython_are_left_out():
    assert (
        without_magics("%matplotlib inline\nx = 5 % 3\n!ls\ny")
        == "\nx = 5 % 3\n\ny"
    )


@pytest.mark.parametrize(
    "answer",
    [
        *(7, None, [7], {"a": 1}, ["stream"], [["stream"]], [["stream", [], {}]]),
        *([["display", 7]], [["error", 1, 2]], [["evil", "x"]]),
        *([["display", {"image/png": picture}]] for picture in (7, "§", "a")),
    ],
    ids=str,
)
def test_outputs_that_make_no_sense_do_no_harm(answer):
    outputs = plain_outputs(answer, 1000)
    assert (
        len(outputs) <= 1 and "output_type" in (outputs or [{"output_type": 0}])[0]
    )


def test_only_so_much_is_kept():
    flood = [["display", {"text/plain": "x" * 1000}]] * 500
    assert len(plain_outputs(flood, 10_000)) < 50
    (stream,) = plain_outputs([["stream", "stdout", "x" * 100]] * 1000, 10**6)
    assert stream.text.endswith("and more") and len(stream.text) < 30_000
