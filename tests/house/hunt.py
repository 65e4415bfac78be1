"""Break the code, run the tests that should notice, mend it, and so on to the end.

    python -m tests.house.hunt "the scale is dropped"    # all mutants, unless named

All happens in this one process, which imports and collects once. It prints, as JSON,
for each mutant the tests that did not fail, with what became of them; for "", without
a mutant, those that did not pass.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from tests.house.mutants import MUTANTS, TOYS, Mutant

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts="]
Outcome = dict[str, str]  # test -> what became of it
PASSED = "passed"


class Hunt:
    """A plugin of pytest: where the collected tests would be run, it runs those of
    each mutant in turn.

    outcomes: for each mutant by name, what it was not caught by.
    """

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.mutants = mutants
        self.outcomes: dict[str, Outcome] = {}
        self.error: type[Exception] = AssertionError
        self.seen = PASSED

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        tests = dict.fromkeys(test for m in self.mutants for test in m.tests)
        whole = {test: self.run(session.items, test) for test in tests}
        self.outcomes[""] = {t: end for t, end in whole.items() if end != PASSED}
        for mutant in self.mutants:
            self.error = mutant.error
            with mutant.on():
                ends = {t: self.run(session.items, t) for t in mutant.tests}
            self.outcomes[mutant.name] = {t: end for t, end in ends.items() if end}
        return True

    def run(self, items: Sequence[pytest.Item], test: str) -> str:
        """Run a test, or its cases until one does not pass. Returns "" where it failed,
        and else what became of it: an error on the way proves nothing."""
        it = re.compile(rf"tests/{re.escape(test)}($|\[|::)")
        cases = [item for item in items if it.match(item.nodeid)]
        self.seen = PASSED if cases else "there is no such test"
        for case in cases:
            case.config.hook.pytest_runtest_protocol(item=case, nextitem=None)
            if self.seen != PASSED:
                break
        return self.seen

    def pytest_exception_interact(self, call: pytest.CallInfo) -> None:
        error = call.excinfo.value
        failed = isinstance(error, (self.error, pytest.fail.Exception))
        self.seen = (
            "" if failed and call.when == "call" else f"{call.when}: {error!r}"
        )


def main(names: Sequence[str]) -> dict[str, Outcome]:
    """Hunt the mutants of these names, or all there are; returns `Hunt.outcomes`."""
    # Property tests draw the same examples in every run, and keep none.
    settings.register_profile(
        "mutants", derandomize=True, database=None,
        phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    settings.load_profile("mutants")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(ROOT)
    mutants = [
        m for m in [*MUTANTS, *TOYS.values()] if m.name in names or not names
    ]
    files = dict.fromkeys(t.partition("::")[0] for m in mutants for t in m.tests)
    hunt = Hunt(mutants)
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main([*QUIET, *(f"tests/{file}" for file in files)], plugins=[hunt])
    return hunt.outcomes


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
