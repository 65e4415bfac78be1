"""Shape comments are claims, and they are true: see tests/house/shapes.py."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tests.house import run_shapes
from tests.house.notebooks import ROOT, chapters
from tests.house.shapes import Recorder, instrument

torch = pytest.importorskip("torch")


def outcome(*paths):
    """What `run_shapes` says about these chapters, or about the package."""
    command = [sys.executable, "-m", "tests.house.run_shapes", "--json"]
    result = subprocess.run(
        [*command, *map(str, paths)], cwd=ROOT, capture_output=True, text=True,
        timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.stdout, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_shape_comment_of_the_package_is_executed_and_true():
    found = outcome()
    assert not found["complaints"], "\n".join(found["complaints"])
    assert found["claims"] > 10


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_every_shape_comment_of_a_chapter_is_executed_and_true(path):
    found = outcome(path)
    assert not found["complaints"], "\n".join(found["complaints"])


# The test, tested -----------------------------------------------------------------


def complaints(source, use="", **sizes):
    """Instrument `source`, run it, then run `use` beside it."""
    recorder = Recorder(sizes)
    tree = instrument(textwrap.dedent(source), "toy.py", recorder)
    names = {"torch": torch, "__shapes__": recorder, "__letters__": {}}
    exec(compile(tree, "toy.py", "exec"), names)
    exec(textwrap.dedent(use), names)
    return "\n".join(run_shapes.report(recorder))


TRUE = """
    def heads(
        x: torch.Tensor,  # (B, T, C)
        mask=None,  # (T, T)
        *,
        n_heads: int = 2,
    ):
        '''Split.'''
        B, T, C = x.shape
        x = x.view(B, T, n_heads, -1)  # (B, T, H, D) split
        q, k = x.chunk(2, dim=-1)  # (B, T, H, D/2), one half each
        q = q.transpose(1, 2)  # (..., T, D // 2)
        rows = torch.zeros(
            T + 1, C
        )  # (T + 1, H*D)
        first, second = rows, rows[0]  # (T + 1, C), (C,)
        k += 1  # (B, T, H, D/2)
        k: torch.Tensor = k[0]  # (T, ..., D/2)
        for row in first:  # (C,)
            row.sum()  # ()
        if mask is not None:
            mask = mask[None]  # (1, T, T)
        return q, rows  # (B, H, T, D/2), (T + 1, C)
    """
USE = "heads(torch.zeros(3, 5, 8)); heads(torch.zeros(7, 2, 4), torch.ones(2, 2))"


def test_true_comments_pass():
    assert complaints(TRUE, USE) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# (B, T, C)", "# (B, C, T)", "toy.py:10: x has shape (3, 5, 2, 4)"),
        ("# (B, T, C)", "# (B, T)", "2 sizes are claimed, there are 3"),
        (
            "# (B, T, H, D) split",
            "# (B, H, T, D)",
            "H is 2 by the variable n_heads",
        ),
        ("# (B, T, H, D) split", "# (T, B, H, D)", "T is 5 earlier in this call"),
        ("# (B, T, H, D) split", "# (B, T, 4, D)", "4 is not 2"),
        (
            "# (B, T, H, D/2), one",
            "# (B, T, H, D), one",
            "D is 4 earlier in this call",
        ),
        ("# (..., T, D // 2)", "# (T, ..., D // 2)", "toy.py:12: q has shape"),
        ("# (T + 1, H*D)", "# (T, H*D)", "toy.py:15: rows has shape (6, 8)"),
        ("# (T + 1, H*D)", "# (T + 1, H + D)", "H + D is not 8 with H = (2,)"),
        ("# (T + 1, C), (C,)", "# (T + 1, C)", "second has shape (8,)"),
        ("# (T + 1, C), (C,)", "# (C,), (C,), (C,)", "3 shapes for 2 values"),
        ("k += 1  # (B, T, H, D/2)", "k += 1  # (B, T, D, D/2)", "toy.py:17"),
        ("# (C,)\n", "# (T,)\n", "toy.py:19: row has shape (8,)"),
        ("# ()", "# (1,)", "toy.py:20: row.sum() has shape ()"),
        ("# (1, T, T)", "# (T, T)", "toy.py:22"),
        ("# (B, H, T, D/2), (T + 1, C)", "# (B, H, T, D/2)", "what is returned"),
        (
            "# (B, T, H, D) split",
            "# (B, T, H, X/3)",
            "nothing says what X in X / 3 is",
        ),
    ],
)
def test_a_comment_that_lies_is_caught(old, new, says):
    assert old in TRUE
    assert says in complaints(TRUE.replace(old, new, 1), USE)


def test_a_comment_that_nothing_reaches_is_reported():
    found = complaints(TRUE, "heads(torch.zeros(3, 5, 8))")
    assert "toy.py:4: `# (T, T)` was never executed" in found
    assert "toy.py:22: `# (1, T, T)` was never executed" in found
    assert len(found.splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x = torch.zeros(3)  # one per row, (T,)", "at the start of the comment"),
        ("x = torch.zeros(3)  # (T)", "is written (T,)"),
        ("if True:  # (T,)\n    pass", "no value to check"),
        ("x = [\n    1,  # (T,)\n]", "no value to check"),
        ("x = 3  # (T,)", "x is a int, not a tensor"),
    ],
)
def test_comments_that_cannot_be_checked_are_refused(line, says):
    assert says in complaints(line)


def test_other_parentheses_are_no_shapes():
    assert (
        complaints("x = 1  # (see above) and f(x, y)\ny = 2  # Su et al. (2021)")
        == ""
    )


def test_letters_agree_with_what_the_module_knows():
    source = """
        class Layer(torch.nn.Module):
            def __init__(self, config, d_ff):
                super().__init__()
                self.config, self.d_ff = config, d_ff
                self.weight = torch.zeros(3, 4)  # (F, C)

            def forward(self, x):
                y = x @ self.weight.T  # (B, F)
                return y
        """
    use = """
        from types import SimpleNamespace
        layer = Layer(SimpleNamespace(d_model={}), {})
        layer(torch.zeros(2, 4))
        """
    assert complaints(source, use.format(4, 3)) == ""
    assert "C is 5 by self.config.d_model" in complaints(source, use.format(5, 3))
    assert "F is 7 by the variable d_ff" in complaints(source, use.format(4, 7))
    assert "B is 9 in this run" in complaints(source, use.format(4, 3), B=9)
    assert complaints(source, use.format(4, 3), B=(2, 9)) == ""


def test_each_item_of_a_list_is_checked():
    assert complaints("xs = [torch.zeros(3), torch.ones(3)]  # (T,) each") == ""
    assert "T is 3" in complaints(
        "xs = [torch.zeros(3), torch.ones(4)]  # (T,) each"
    )


def test_line_numbers_of_errors_stay():
    source = "def f(x):\n    y = x[0]  # (T,)\n    raise KeyError(y)\n"
    with pytest.raises(KeyError) as caught:
        complaints(source, "f(torch.zeros(2, 3))")
    assert caught.traceback[-1].lineno + 1 == 3


def test_a_package_is_instrumented_and_put_back(tmp_path):
    folder = tmp_path / "toylib"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""Toys."""\n')
    (folder / "parts.py").write_text(
        '"""Parts."""\nfrom __future__ import annotations\nimport torch\n\n\n'
        "def rows(n):\n    x = torch.zeros(n, 2)  # (T, 3)\n    return x\n"
    )
    (folder / "use.py").write_text("from toylib.parts import rows\n")
    recorder = Recorder()
    with run_shapes.instrumented(tmp_path, "toylib", recorder):
        from toylib.use import rows

        rows(4)
    assert "rows" not in sys.modules and "toylib" not in sys.modules
    (complaint,) = recorder.complaints
    assert complaint.startswith("parts.py:7: x has shape (4, 2)")


@pytest.fixture
def chapter(tmp_path):
    def write(*cells):
        raw = [
            {
                "cell_type": "code", "execution_count": i, "outputs": [],
                "source": textwrap.dedent(source), "metadata": {"tags": list(tags)},
            }
            for i, (source, *tags) in enumerate(cells, start=1)
        ]  # fmt: skip
        path = tmp_path / "08_toy.ipynb"
        path.write_text(json.dumps({"cells": raw}))
        return "\n".join(run_shapes.report(run_shapes.run_chapter(path)))

    return write


def test_a_chapter_runs_only_what_its_claims_need(chapter):
    found = chapter(
        ("%matplotlib inline\nimport torch",),
        ("T, C = 5, 3\nx = torch.zeros(T, C)",),
        ("raise RuntimeError('an experiment that nothing needs')",),
        ("def keep(y):\n    z = y[None]  # (1, T, C)\n    return z",),
        ("x[0] = 2",),
        ("display(x)\nassert x[0, 0] == 2\nw = x.T  # (C, T)",),
        ("raise RuntimeError('never')", "raises-exception"),
        ("v = x  # (C, C)", "skip-shapes"),
        ("out = keep(x)\nout",),
        ("keep(out); raise RuntimeError('keep was called before')",),
    )
    assert found == ""


def test_a_function_is_followed_to_its_callers_and_no_further(chapter):
    found = chapter(
        ("import torch",),
        ("def inner(x):\n    y = x[None]  # (1, T)\n    return y",),
        ("def outer(x):\n    for i in range(2):\n        inner(x + N)\n    1 / 0",),
        ("N = 3",),
        ("runs = [outer(torch.ones(4)) for _ in range(9)]",),
        ("class Net:\n    def go(self):\n        z = torch.ones(3)  # (C,)",),
        ("Net().go()\n1 / 0",),
    )
    assert found == ""


def test_a_chapter_whose_comment_lies_is_caught(chapter):
    imports = ("import torch",)
    found = chapter(
        imports, ("x = torch.zeros(5, 3)",), ("T = 5\ny = x.T  # (T, C)",)
    )
    assert "08_toy.ipynb, cell 3 (In [3]), line:2: y has shape (3, 5)" in found
    inside = ("def f(x):\n    y = x.T  # (C, T)\n    return y",)
    assert "never executed" in chapter(imports, inside)
    called = ("f(torch.zeros(4, 3))",)
    assert chapter(imports, inside, called) == ""
    assert "T is 4" in chapter(
        imports, inside, ("T = 4\ny = torch.zeros(5)  # (T,)",)
    )


def test_a_chapter_that_takes_too_long_is_told_what_to_do(chapter, monkeypatch):
    monkeypatch.setattr(run_shapes, "SECONDS", 0.2)
    found = chapter(
        ("import torch",),
        ("n = 0\nwhile True:\n    n += 1",),
        ("x = torch.ones(n)  # (T,)",),
    )
    assert "cell 2 (In [2]): 0.2 seconds were over" in found
    assert "shape comments in cell 3 (In [3]): take them out, or tag" in found


def test_letters_hold_within_a_cell_and_may_change_between_cells(chapter):
    five, six = "x = torch.zeros(5)  # (T,)", "y = torch.zeros(6)  # (T,)"
    imports = ("import torch",)
    assert chapter(imports, (five,), (six,)) == ""
    assert "T is 5 earlier" in chapter(imports, (f"{five}\n{six}",))


def test_a_cell_that_fails_is_reported_with_its_error(chapter):
    found = chapter(("x = undefined  # (T,)",))
    assert "cell 1 (In [1]): NameError: name 'undefined'" in found
