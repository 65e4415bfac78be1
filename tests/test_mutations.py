"""The tests fail when the code is wrong.

Each mutant of tests/house/mutants.py breaks one thing, and every test that stands
with it must fail. All of them are tried by one process of its own, tests/house/hunt.py,
so that nothing that is broken can be left so here.
"""

import json
import os
import subprocess
import sys

import pytest

from llm import bugs
from tests.house.mutants import CAUGHT_BY, GONE, MUTANTS, TOYS
from tests.house.notebooks import ROOT


@pytest.fixture(scope="module")
def outcomes(request):
    """For each mutant that is asked for, the tests that did not fail, and how not."""
    here = [item for item in request.session.items if item.path == request.path]
    asked = [i.callspec.params["mutant"] for i in here if hasattr(i, "callspec")]
    names = [mutant.name for mutant in (*asked, *TOYS.values())]
    result = subprocess.run(
        [sys.executable, "-m", "tests.house.hunt", *names],
        cwd=ROOT, capture_output=True, text=True, timeout=400,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(result.stdout)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(outcomes, mutant):
    assert not outcomes[mutant.name]


def test_without_a_mistake_the_same_tests_pass(outcomes):
    assert outcomes[""].keys() == {GONE}


def test_every_mutant_has_a_name_of_its_own_and_every_bug_is_one():
    names = [mutant.name for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    assert set(CAUGHT_BY) == set(bugs.BUGS)


# The test, tested -----------------------------------------------------------------


@pytest.mark.parametrize(("says", "mutant"), TOYS.items(), ids=list(TOYS))
def test_a_mutant_that_is_not_caught_is_reported(outcomes, says, mutant):
    ((test, became),) = outcomes[mutant.name].items()
    assert test in mutant.tests
    assert became.startswith(says)
