"""Imports go down only, and importing does nothing but import."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from tests.house.notebooks import PACKAGE, ROOT, module_name, modules


def lint(root):
    """What import-linter says of the contracts in `pyproject.toml`."""
    here = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=root, env=here, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return result.returncode, result.stdout + result.stderr


LINT_IMPORTS = """
from importlinter.cli import lint_imports_command
lint_imports_command()
"""


def test_imports_go_down_only():
    code, said = lint(ROOT)
    assert code == 0, said


def test_the_distribution_leaves_the_name_of_a_popular_tool_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"].lower() != "llm"
    kinds = [project.get("scripts", {}), project.get("gui-scripts", {})]
    kinds += project.get("entry-points", {}).values()
    assert not [name for scripts in kinds for name in scripts if name == "llm"]


def run(script, *arguments):
    """Run `script` in a new Python, with warnings shown and no network."""
    result = subprocess.run(
        [sys.executable, "-W", "default", "-c", script, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result


def test_importing_the_package_is_quiet_and_quick():
    result = run("import sys, llm; sys.exit('torch' in sys.modules)")
    assert (result.stdout, result.stderr) == ("", "")


IMPORT_EACH = """
import contextlib, importlib, io, json, pickle, random, socket, sys, warnings
import numpy, torch

def refuse(*arguments, **options):
    raise OSError("the network was asked for")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse

def state():
    seeds = torch.get_rng_state().numpy(), numpy.random.get_state()
    torch_is = torch.get_num_threads(), torch.get_default_dtype()
    return pickle.dumps((random.getstate(), seeds)), *torch_is, torch.is_grad_enabled()

found = {}
for module in sys.argv[1:]:
    for name in [m for m in sys.modules if m.split(".")[0] in ("llm", "book")]:
        del sys.modules[name]
    before, said = state(), io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            importlib.import_module(module)
    except BaseException as error:
        found[module] = f"{type(error).__name__}: {error}"
    else:
        changed = "" if state() == before else "it changed a seed or a setting"
        found[module] = said.getvalue() or changed
print(json.dumps(found))
"""


def test_each_module_can_be_imported_alone_and_does_nothing_else():
    names = [
        f"{package.name}.{module_name(path, package)}".rstrip(".")
        for package in (PACKAGE, ROOT / "book")
        for path in modules(package)
    ]
    found = json.loads(run(IMPORT_EACH, *names).stdout)
    assert set(found) == set(names)
    loud = {name: said for name, said in found.items() if said}
    assert not loud, loud


# The contracts, tested ------------------------------------------------------------

SANDBOX = "../classroom/sandbox"


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("layers.py", "from llm.model import GPT", "llm.layers -> llm.model"),
        ("layers.py", "def f():\n    import llm.train", "llm.layers -> llm.train"),
        ("model.py", "from llm import optim", "llm.model -> llm.optim"),
        ("files.py", "from .runs import prepare", "llm.files -> llm.runs"),
        ("files.py", "import book.viz", "llm.files -> book.viz"),
        ("files.py", "import tests.house", "llm.files -> tests.house"),
        ("museum.py", "", "llm.museum"),
        (
            f"{SANDBOX}/seccomp.py",
            "import classroom.course",
            "seccomp -> classroom.c",
        ),
        (
            f"{SANDBOX}/inside.py",
            "from .limits import Limits",
            "inside -> classroom.s",
        ),
        (f"{SANDBOX}/secrets.py", "", "classroom.sandbox.secrets"),
    ],
)
def test_an_import_that_goes_up_is_caught(tmp_path, file, line, says):
    for name in ("llm", "book", "classroom", "tests"):
        shutil.copytree(
            ROOT / name, tmp_path / name,
            ignore=lambda folder, names: [n for n in names if unwanted(folder, n)],
        )  # fmt: skip
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "llm" / file).open("a") as module:
        module.write(f"\n{line}\n")
    code, said = lint(tmp_path)
    assert code == 1
    assert says in said


def unwanted(folder, name):
    return not name.endswith(".py") and not os.path.isdir(
        os.path.join(folder, name)
    )
