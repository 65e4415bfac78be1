"""Shape comments are claims, and are executed: see tests/house/shapes.py."""

import ast
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_notebook

from tests.house import shapes

TRUE = '''
def heads(x, *, n_heads=2):
    """Split."""
    B, T, C = x.shape
    x = x.reshape(B, T, n_heads, -1)  # (B, T, H, D) split
    q, k = np.split(x, 2, -1)  # (B, T, H, D/2), one half each
    q = q.swapaxes(1, 2)  # (..., T, D // 2)
    rows = np.zeros(
        (T + 1, C)
    )  # (T + 1, H*D)
    first, second = rows, rows[0]  # (T + 1, C), (C,)
    k += 1  # (B, T, H, D/2)
    k: object = k[0]  # (T, ..., D/2)
    both = [second, second]  # (2D,) each
    none = x.sum()  # ()
    return q, rows  # (B, H, T, D/2), (T + 1, C)
'''


def run(source, use="heads(np.zeros((3, 5, 8))); heads(np.zeros((7, 2, 4)))"):
    """Instrument `source`, then execute it with `use` behind it."""
    source = textwrap.dedent(source)
    tree = shapes.instrument(ast.parse(source), source, "toy.py")
    names = {"np": np}
    exec(compile(tree, "toy.py", "exec"), names)
    exec(textwrap.dedent(use), names)


def test_true_comments_pass():
    run(TRUE)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("D) split", "D, 1) split", "toy.py:5: `# (B, T, H, D, 1) split` is false"),
        ("(B, T, H, D) split", "(B, H, T, D)", "(3, 5, 2, 4), and H is 2 here"),
        ("(B, T, H, D) split", "(T, B, H, D)", "(3, 5, 2, 4), and T is 5 here"),
        ("(B, T, H, D) split", "(B, T, 4, D)", "(3, 5, 2, 4), and 4 is 4 here"),
        ("(B, T, H, D/2), one", "(B, T, H, D), one", "toy.py:6"),
        ("(B, T, H, D/2), one", "(B, T, H, X/3 + Y)", "X / 3 + Y is not known"),
        ("(..., T, D // 2)", "(T, ..., D // 2)", "toy.py:7"),
        ("(T + 1, H*D)", "(T, H*D)", "toy.py:10: `# (T, H*D)` is false: the shape"),
        ("(T + 1, H*D)", "(T + 1, H + D)", "H + D is 6 here"),
        ("(T + 1, C), (C,)", "(T + 1, C)", "the shape is (8,)"),
        ("(T + 1, C), (C,)", "(C,), (C,), (C,)", "3 shapes for 2 tensors"),
        ("k += 1  # (B", "k += 1  # (T", "toy.py:12"),
        ("(T, ..., D/2)", "(T, ..., B, 1, D/2)", "toy.py:13"),
        ("(2D,)", "(3D,)", "toy.py:14"),
        ("(B, T, H, D) split", "(B, T, H, X * 3)", "and X * 3 is another number"),
        ("# ()", "# (1,)", "the shape is ()"),
        ("(B, H, T, D/2), (T", "(B, T, H, D/2), (T", "toy.py:16"),
    ],
)
def test_a_false_comment_is_caught(old, new, says):
    assert old in TRUE
    with pytest.raises(shapes.FalseShape) as caught:
        run(TRUE.replace(old, new, 1))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ("x = 3  # one per row, (T,)", ValueError, "at the start of its comment"),
        ("x = 3  # (T)", ValueError, "is written (T,); here is (T)"),
        ("if True:  # (T,)\n    pass", SyntaxError, "toy.py:1: `# (T,)`: a shape"),
        ("x = [\n    1,  # (T,)\n]", SyntaxError, "toy.py:2"),
    ],
)
def test_a_comment_that_cannot_be_checked_is_refused(line, error, says):
    with pytest.raises(error) as caught:
        run(line, "")
    assert says in str(caught.value)


def test_other_parentheses_are_no_shapes():
    run(
        "x = 1  # (see above), f(x, y), Su et al. (2021)\n# (T, T) alone\ny = 2", ""
    )


def test_letters_agree_with_the_fields_of_a_module():
    source = """
        class Layer:
            def __init__(self, config, d_ff):
                self.config, self.d_ff = config, d_ff
                self.weight = np.zeros((3, 4))  # (F, C)

            def forward(self, x):
                return x @ self.weight.T  # (B, F)
        """
    use = """
        from types import SimpleNamespace
        Layer(SimpleNamespace(d_model={}), {}).forward(np.zeros((2, 4)))
        """
    run(source, use.format(4, 3))
    with pytest.raises(shapes.FalseShape, match="C is 5 here"):
        run(source, use.format(5, 3))
    with pytest.raises(shapes.FalseShape, match="F is 7 here"):
        run(source, use.format(4, 7))


def test_line_numbers_of_errors_stay():
    with pytest.raises(KeyError) as caught:
        run(
            "def f(x):\n    y = x[0]  # (T,)\n    raise KeyError(y)", "f(np.eye(3))"
        )
    assert caught.traceback[-1].lineno + 1 == 3


# Whole runs of pytest -------------------------------------------------------------

PACKAGE = """
import numpy as np

def rows(n):
    x = np.zeros((n, 2))  # (T, 2)
    return x

def columns(n):
    return np.zeros((2, n))  # (2, T)
"""
CELLS = (
    "%matplotlib agg\nimport numpy as np",
    "x = np.zeros(5)  # (T,)",
    "y = np.zeros((3, 6))  # (3, T)\ny.shape",
    "def last(x):\n    z = x[-1:]  # (1,)\n    return z\n\nlast(x)",
)


@pytest.fixture
def project(tmp_path):
    """Write a package, two tests and a chapter; returns what runs pytest there."""
    options = "-q -p xdist -p nbval.plugin --nbval --nbval-lax --nbval-current-env"
    paths = [".", *map(str, (shapes.ROOT, shapes.ROOT / "tools"))]

    def write(package=PACKAGE, tests=("rows", "columns"), cells=CELLS):
        for name in ("llm", "tests", "chapters"):
            (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(shapes.ROOT / "conftest.py", tmp_path)
        (tmp_path / "pyproject.toml").write_text(
            f"[tool.pytest.ini_options]\ntestpaths = ['tests', 'chapters']\n"
            f"pythonpath = {paths}\naddopts = '{options}'\n"
        )
        (tmp_path / "llm" / "__init__.py").touch()
        (tmp_path / "llm" / "toy.py").write_text(package)
        for name in tests:
            test = f"from llm.toy import {name}\ndef test_it(): {name}(3)\n"
            (tmp_path / "tests" / f"test_{name}.py").write_text(test)
        notebook = new_notebook(cells=list(map(new_code_cell, cells)))
        nbformat.write(notebook, tmp_path / "chapters" / "08_toy.ipynb")

    def run_pytest(*arguments):
        environment = {k: v for k, v in os.environ.items() if "PYTEST" not in k}
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a quick start
        command = [sys.executable, "-m", "pytest", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout

    return write, run_pytest


def test_false_comments_fail_the_run_of_the_package_and_of_the_chapter(project):
    write, run_pytest = project
    write(PACKAGE.replace("(T, 2)", "(2, T)"), cells=(*CELLS, "x = x[1:]  # (5,)"))
    code, out = run_pytest()
    assert code == 1 and "2 failed, 5 passed" in out, out
    assert "llm/toy.py:5: `# (2, T)` is false: the shape is (3, 2)" in out
    assert "08_toy.ipynb In [5]:1: `# (5,)` is false: the shape is (4,)" in out


def test_comments_that_nothing_executes_fail_a_whole_run_only(project):
    write, run_pytest = project
    more = "\ndef never(n):\n    return np.zeros(n)  # (T,)\n"
    write(PACKAGE + more, cells=(*CELLS, more))
    code, out = run_pytest("-n", "2", "--dist", "loadfile")
    assert code == 1 and "7 passed" in out, out
    _, left_out = out.split("shape comments that nothing executed")
    assert "08_toy.ipynb In [5]:2: `# (T,)`\nllm/toy.py:12: `# (T,)`\n" in left_out
    assert left_out.count("`# ") == 2  # the rest is executed, by either worker
    code, out = run_pytest("tests/test_rows.py", "chapters/08_toy.ipynb::Cell 4")
    assert code == 0 and "2 passed" in out, out


def test_a_chapter_with_a_false_comment_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.delenv("SHAPES_LOG", raising=False)
    path = Path(tmp_path, "08_toy.ipynb")
    nbformat.write(new_notebook(cells=[*map(new_code_cell, CELLS)]), path)
    assert run_notebooks.execute(path).cells[2].outputs[0].data == {
        "text/plain": "(3, 6)"
    }
    cells = [new_code_cell("import numpy as np\nx = np.zeros(5)  # (4,)")]
    nbformat.write(new_notebook(cells=cells), path)
    with pytest.raises(Exception, match=r"08_toy.ipynb In \[1\]:2: `# \(4,\)`"):
        run_notebooks.execute(path)
