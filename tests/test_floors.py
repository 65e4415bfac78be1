"""Imports go down only, and importing does nothing but import."""

import ast
import json
import os
import subprocess
import sys
import tomllib

import pytest

from tests.house.notebooks import PACKAGE, ROOT, module_name, modules

# Each module, or package, stands on a floor and imports from lower ones only.
# `files` is the ground that every floor stands on.
FLOORS = {
    "files": -1,
    "memory": -1,
    "style": -1,
    "corpora": 0,
    "tokenizers": 0,
    "ngram": 2,
    "oracle": 1,
    "data": 1,
    "layers": 1,
    "attention": 2,
    "fast": 2.5,  # the parts, beside the plain ones
    "model": 3,
    "optim": 3,
    "fast.decode": 4,  # a whole model
    "checkpoints": 4,
    "count": 4,
    "train": 5,
    "generate": 5,
    "runs": 6,
    "evaluate": 6,
    "bugs": 6,
    "check": 6,
    "export": 6,
    "curve": 7,
    "__main__": 8,
}
OUTSIDE = {
    "book",
    "tests",
    "tools",
    "benchmarks",
    "classroom",
    "assignments",
    "conftest",
}


def imports(source, module):
    """Every module that `source`, the text of `module`, imports: (line, name)."""
    package = ["llm", *module.split(".")]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            if name in ("llm", ""):
                yield from (
                    (node.lineno, f"llm.{alias.name}") for alias in node.names
                )
            else:
                yield node.lineno, name


def floor_complaints(package=PACKAGE, floors=FLOORS):
    """Imports that go up or sideways, and modules that stand on no floor."""
    found = []
    for path in modules(package):
        module = module_name(path, package)
        here = place_of(module, floors)
        if here and here not in floors:
            found.append(f"llm.{module} stands on no floor: add it to FLOORS")
            continue
        for line, name in imports(path.read_text(encoding="utf-8"), module):
            found += [
                f"{path.relative_to(package.parent)}:{line}: {problem}"
                for problem in import_problems(here, name, package, floors)
            ]
    return found


def place_of(module, floors):
    """What of a module's name has a floor: a package, or a module listed by itself."""
    parts = module.split(".")
    return ".".join(parts[:2]) if ".".join(parts[:2]) in floors else parts[0]


def import_problems(here, name, package, floors):
    top, _, rest = name.partition(".")
    there, first = place_of(rest, floors), rest.split(".")[0]
    if top in OUTSIDE:
        return [f"imports {name}: the package stands without it"]
    inside = (package / first).is_dir() or (package / f"{first}.py").exists()
    if top != "llm" or there == here or not there or not inside:
        return []
    if not here:
        return [f"imports {name}: `import llm` imports nothing"]
    if there in floors and floors[there] < floors[here]:
        return []
    return [
        f"imports {name}, floor {floors.get(there)}, from floor {floors[here]}: "
        "imports go down only"
    ]


def test_imports_go_down_only():
    found = floor_complaints()
    assert not found, "\n".join(found)


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
import contextlib, importlib, io, json, random, socket, sys, warnings
import numpy, torch

def refuse(*arguments, **options):
    raise OSError("the network was asked for")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse

def state():
    seeds = random.getstate(), str(numpy.random.get_state()), torch.get_rng_state()
    torch_is = torch.get_num_threads(), torch.get_default_dtype()
    return *map(str, seeds), *torch_is, torch.is_grad_enabled()

torch.set_printoptions(profile="full")
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


# The test, tested -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("layers.py", "from llm.model import GPT", "from floor 1"),
        (
            "layers.py",
            "import llm.attention as a",
            "imports llm.attention, floor 2",
        ),
        ("layers.py", "from llm import model", "imports llm.model, floor 3"),
        ("layers.py", "from .model import GPT", "imports llm.model, floor 3"),
        (
            "layers.py",
            "def f():\n    from llm.curve import loss",
            "layers.py:2",
        ),
        ("layers.py", "if 1:\n    import llm.data", "imports llm.data, floor 1"),
        (
            "curve/style.py",
            "from .. import __main__",
            "imports llm.__main__, floor 8",
        ),
        ("curve/style.py", "from tests.house import rules", "stands without it"),
        ("model.py", "import conftest", "imports conftest"),
        ("__init__.py", "from llm import files", "`import llm` imports nothing"),
        ("museum.py", "", "llm.museum stands on no floor: add it to FLOORS"),
    ],
)
def test_an_import_that_goes_up_is_caught(tmp_path, file, line, says):
    found = floor_complaints(toy_package(tmp_path, file, line))
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("model.py", "from llm.attention import attention\nimport llm.files"),
        ("corpora.py", "from llm.files import atomic_write"),
        (
            "curve/plots.py",
            "from . import style\nfrom llm import model, __version__",
        ),
        ("__main__.py", "from llm.curve import style\nfrom llm import curve"),
        ("layers.py", "import torch.nn\nfrom tests_of_others import x"),
    ],
)
def test_an_import_that_goes_down_passes(tmp_path, file, line):
    assert floor_complaints(toy_package(tmp_path, file, line)) == []


def toy_package(folder, file, line):
    package = folder / "llm"
    (package / "curve").mkdir(parents=True)
    for name in ("files", "corpora", "data", "layers", "attention", "model",
                 "__main__", "__init__", "curve/__init__", "curve/style"):  # fmt: skip
        (package / f"{name}.py").touch()
    (package / file).write_text(line)
    return package


def test_a_loud_or_meddling_module_is_caught(tmp_path):
    bodies = {
        "llm_loud": "print('hello')",
        "llm_seed": "import torch; torch.manual_seed(3)",
        "llm_numpy": "import numpy; numpy.random.seed(3)",
        "llm_random": "import random; random.seed(3)",
        "llm_net": "import socket; socket.create_connection(('localhost', 1))",
        "llm_good": "import math",
    }
    for name, body in bodies.items():
        (tmp_path / f"{name}.py").write_text(body)
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{IMPORT_EACH}"
    found = json.loads(run(script, *bodies).stdout)
    assert found["llm_loud"] == "hello\n"
    assert "the network was asked for" in found["llm_net"]
    assert found["llm_good"] == ""
    for name in ("llm_seed", "llm_numpy", "llm_random"):
        assert found[name] == "it changed a seed or a setting"
