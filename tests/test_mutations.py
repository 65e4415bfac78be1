"""The tests fail when the code is wrong.

Each mutant of tests/house/mutants.py gets a copy of the package with its mistake in
it, and a process of its own that runs the tests named. Only exit status 1 counts, a
test failed: an error before the tests ran proves nothing.
"""

import multiprocessing
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.house.mutants import MUTANTS, Mutant, mutant, run_pytest
from tests.house.notebooks import ROOT

SECONDS = 120
COPIED = ("llm", "tests", "conftest.py", "pyproject.toml")
LINKED = ("data",)
HEAVY = [
    "hypothesis",
    "pytest",
    "torch",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.llama.modeling_llama",
]


def processes():
    """Where it can be had, a server that has imported what is heavy, and forks."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


def workshop(folder: Path) -> Path:
    """A copy of what the tests need, in which things may be broken."""
    folder.mkdir(parents=True)
    leave = shutil.ignore_patterns("__pycache__", "browser", ".*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=leave)
        elif source.exists():
            shutil.copy(source, folder / name)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    return folder


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int | None, str]:
    """pytest in that folder, on the package in that folder: exit status, output."""
    output = folder / "output.txt"
    output.touch()
    process = processes().Process(target=run_pytest, args=(folder, tests, output))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode, output.read_text(encoding="utf-8")


def survival(folder: Path, mutant: Mutant) -> str:
    """Why this mutant is not caught, or "" where it is."""
    path = workshop(folder) / "llm" / mutant.file
    try:
        changed = mutant.apply(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return str(error)
    path.write_text(changed, encoding="utf-8")
    status, output = run_tests(folder, mutant.tests)
    shutil.rmtree(folder)
    if status == 1:
        return ""
    ran = "every test passed" if status == 0 else f"no test could run ({status})"
    return (
        f"mutant “{mutant.name}” (llm/{mutant.file}) is not caught: {ran}\n"
        f"{' '.join(mutant.tests)}\n{output[-3000:]}"
    )


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """Mutant -> a future of its `survival`; as many at once as there are cores."""
    root = tmp_path_factory.mktemp("mutants")
    here = [item for item in request.session.items if item.path == request.path]
    chosen = [item.callspec.params for item in here if hasattr(item, "callspec")]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield {
            mutant: pool.submit(survival, root / str(i), mutant)
            for i, mutant in enumerate(p["mutant"] for p in chosen if "mutant" in p)
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_is_caught(outcomes, mutant):
    why_not = outcomes[mutant].result()
    assert not why_not, why_not


def test_without_a_mistake_the_same_tests_pass(tmp_path):
    """What catches the mutants is not broken by the copying."""
    tests = dict.fromkeys(t for mutant in MUTANTS for t in mutant.tests)
    status, output = run_tests(workshop(tmp_path / "whole"), tuple(tests))
    assert status == 0, output[-4000:]


# The test, tested -----------------------------------------------------------------

TRIL = "return everyone.tril()"
MASKED = "test_attention.py::test_masked_attention_equals_loops"


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("attention.py", "not there", "", "stands 0 times"),
        ("attention.py", "Tensor", "", "not once; bring it up to date"),
        ("museum.py", "a", "b", "No such file"),
        ("attention.py", TRIL, f"{TRIL}[:]", "every test passed"),
        ("attention.py", TRIL, "(", "no test could run"),
    ],
)
def test_a_mutant_that_is_not_caught_is_reported(tmp_path, file, old, new, says):
    assert says in survival(tmp_path / "x", mutant("x", file, old, new, MASKED))


def test_a_mutant_whose_test_is_gone_is_reported(tmp_path):
    gone = mutant("x", "attention.py", TRIL, "return 1", "test_attention.py::gone")
    assert "no test could run" in survival(tmp_path / "x", gone)
