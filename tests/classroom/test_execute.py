"""Tests outside the sandbox use what is in it as if it were here."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import tiny
from nbformat.v4 import new_code_cell

from classroom.execute import Examiner, Given, plain_outputs, without_magics
from classroom.sandbox.limits import Limits
from classroom.sandbox.process import Sandbox

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
    "its-type-has-a-name": "assert type(layer).__name__ == 'Layer'\n"
    "assert not isinstance(layer, torch.nn.Module)",
    "an-array-comes-as-a-tensor": "zeros = torch.zeros(2, dtype=torch.float64)\n"
    "assert torch.equal(array(), zeros)",
    "not-equal": "assert layer != layer.linear and layer.linear != layer",
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
def examiner(sandbox, tmp_path_factory):
    tests = HOLDS | {name: source for name, (source, _) in FAILS.items()}
    given = [Given("setup", SETUP, False)]
    given += [Given(name, source, True) for name, source in tests.items()]
    with Sandbox(tmp_path_factory.mktemp("work"), Limits()) as sandbox:
        examiner = Examiner(sandbox, given)
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


def test_an_assignment_that_is_wrong_is_not_blamed_on_students(examiner):
    with pytest.raises(SyntaxError):
        Examiner(examiner.sandbox, [Given("test", "assert (", True)])
    with pytest.raises(
        ValueError, match=r"given cell plot .* fails before any work"
    ):
        Examiner(examiner.sandbox, [Given("plot", "answer(1)", False)])


# A death in each way there is, by a cell or by what a test asks; the words for it.
DEATHS = {
    "exit": ("import os; os._exit(3)", "ended in the middle (status 3)"),
    "a-signal": ("import os; os.kill(os.getpid(), 9)", "ended in the middle"),
    "a-fork-bomb": ("import os\nwhile True: os.fork()", "a fork bomb?"),
    "memory": (
        "kept = []\nwhile True: kept.append(b'x' * 10**7)",
        "nearly all of its 700 MB",
    ),
    "no-end": (
        "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "while True: time.sleep(1)",
        "did not stop when its time was over",
    ),
    "a-flood": (
        "import os\nfor fd in range(3, 30):\n    try:\n        while True:"
        " os.write(fd, b'x' * 10**6)\n    except OSError: pass",
        "more than 16 MB at once",
    ),
    "forged": (
        "import os\nfor fd in range(3, 30):\n    try: os.write(fd, b'{[\\n')\n"
        "    except OSError: pass",
        "what no cell sends",
    ),
}


@pytest.fixture(scope="module")
def mortal(sandbox, tmp_path_factory):
    """A notebook that ends Python again and again, and goes on each time."""
    tests = {
        "before": "assert first() == 1",
        "after": "assert second() == 2 == first() + 1",
        "deadly": "asked = later()\ndeadly()",
        "healthy": "assert later()() == [1] and VERSION == 7",
        "stale": "asked()",
    }
    given = [Given(name, source, True) for name, source in tests.items()]
    limits = Limits(megabytes=700, cell_seconds=5)
    with Sandbox(tmp_path_factory.mktemp("work"), limits) as sandbox:
        examiner = Examiner(sandbox, given)
        assert outputs(examiner, "VERSION = 7\ndef first(): return 1") == []
        assert outputs(examiner, "def later():\n    return lambda: [1]") == []
        yield examiner


@pytest.fixture
def soon(mortal, death):
    """What has no end is stopped early; all else has its time on a busy machine."""
    limits = mortal.sandbox.limits
    mortal.sandbox.limits = replace(
        limits, cell_seconds=1 if death == "no-end" else 5
    )
    yield mortal.sandbox.starts
    mortal.sandbox.limits = limits


@pytest.mark.parametrize("death", DEATHS)
def test_a_cell_that_ends_python_costs_nobody_else_anything(mortal, soon, death):
    source, words = DEATHS[death]
    (*_, output) = outputs(mortal, source)
    assert output.ename == "Ended" and words in output.evalue
    assert outputs(mortal, "pass", "before") == []
    assert outputs(mortal, "def second(): return 2") == []
    assert outputs(mortal, "pass", "after") == []
    assert mortal.sandbox.starts == soon + 1 and not mortal.sandbox.fault


@pytest.mark.parametrize("death", ["exit", "memory", "no-end"])
def test_a_test_that_ends_python_fails_and_the_next_does_not(mortal, soon, death):
    body = DEATHS[death][0].replace("\n", "\n    ")
    source = f"kept = []\ndef deadly():\n    global kept\n    {body}"
    assert outputs(mortal, source) == []
    (output,) = outputs(mortal, "pass", "deadly")
    words = {"memory": "MemoryError"}.get(death, "this test has ended Python: ")
    assert words in "\n".join(output.traceback)
    assert outputs(mortal, "pass", "healthy") == []
    (output,) = outputs(mortal, "pass", "stale")
    assert "was lost when a test above ended Python" in output.evalue
    assert mortal.sandbox.starts == soon + 1


def test_a_cell_that_dies_only_the_second_time_is_left_out_then(sandbox, tmp_path):
    """It finds what it has left at the first start: nothing."""
    again = "import os\nkept = 7\nif runs > 1: os._exit(1)"
    with Sandbox(tmp_path, Limits()) as sandbox:
        examiner = Examiner(sandbox, [Given("test", "assert after == 8", True)])
        for source in ("runs = 1", again, "after = 8"):
            assert outputs(examiner, source) == []
        examiner.ran[0] = "runs = 2"
        outputs(examiner, "import os; os._exit(1)")
        assert outputs(examiner, "pass", "test") == []
        assert examiner.ran == ["runs = 2", "after = 8"] and sandbox.starts == 3


def test_when_the_time_is_over_nothing_starts_again(sandbox, tmp_path):
    with Sandbox(tmp_path, Limits(total_seconds=1)) as sandbox:
        examiner = Examiner(sandbox, [])
        outputs(examiner, "import time; time.sleep(9)")
        time.sleep(max(sandbox._seconds_left(), 0) + 0.1)
        for _ in range(2):
            (output,) = outputs(examiner, "1")
            assert "more than 1 s in all" in output.evalue
        assert sandbox.starts == 1


# Answers that cannot be sent, and the words for it; what comes after them is asked.
ANSWERS = {
    "a-large-tensor": ("torch.zeros(5_000_000)", "answer is larger than 16 MB"),
    "a-long-text": ("'x' * 17_000_000", "answer is larger than 16 MB"),
    "a-deep-list": ("deep(10**5)", "recursion"),
    "a-list-of-itself": ("itself()", "recursion"),
    "a-part-of-an-object": ("slice(object(), Odd)", "int()"),
    "an-error-without-words": ("worse()", "cannot be shown: Worse"),
    "an-error-without-a-name": ("nameless()", "cannot be shown"),
    "all-memory": ("bytearray(10**9)", "MemoryError"),
}
ODD = """
import torch
class Odd: pass
class Worse(Exception):
    def __str__(self): raise Worse
class Meta(type):
    __name__ = 7j
class Nameless(Exception, metaclass=Meta): pass
def worse(): raise Worse
def nameless(): raise Nameless
def itself():
    kept = []
    kept.append(kept)
    return kept
def deep(n):
    kept = []
    for _ in range(n): kept = [kept]
    return kept
"""


def test_an_answer_that_cannot_be_sent_fails_alone(sandbox, tmp_path):
    tests = [Given(n, f"{n.replace('-', '_')}()", True) for n in ANSWERS]
    long = "assert long() == 10**5000 and -long() == minus()"
    tests.append(Given("long", long, True))
    with Sandbox(tmp_path, Limits(megabytes=700)) as sandbox:
        examiner = Examiner(sandbox, tests)
        assert outputs(examiner, ODD) == []
        asked = {n.replace("-", "_"): what for n, (what, _) in ANSWERS.items()}
        asked |= {"long": "10**5000", "minus": "-10**5000"}
        for name, what in asked.items():
            assert outputs(examiner, f"def {name}(): return {what}") == []
        for name, (_, words) in ANSWERS.items():
            (output,) = outputs(examiner, "pass", name)
            assert words in "\n".join(output.traceback), output
        assert outputs(examiner, "pass", "long") == []
        assert sandbox.starts == 1


@pytest.mark.parametrize(
    "source, words",
    [
        ("display({'text/plain': object()}, raw=True)", "object object"),
        (f"{ODD}worse()", "its message cannot be shown: Worse"),
        ("import os\nprint(os.fork() and os.wait()[1])", "0"),
        ("for _ in range(400):\n    try: 1 / 0\n    except Exception: "
         "get_ipython()._showtraceback(OSError, '', ['x' * 2000] * 50)", "16 MB"),
    ],
)  # fmt: skip
def test_what_a_cell_shows_never_ends_it(examiner, source, words):
    assert words in str(outputs(examiner, source))
    (output,) = outputs(examiner, "6 * 7")[:1]
    assert output.data["text/plain"] == "42" and examiner.sandbox.starts == 1


def outputs(examiner: Examiner, source: str, name: str = "work") -> list:
    return examiner.outputs(new_code_cell(source, metadata=tiny.marks(name)))


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
