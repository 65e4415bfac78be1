"""What pytest does here besides: numbers in a chapter's outputs have a tolerance, and
shape comments are executed (see tests/house/shapes.py)."""

import functools
import os
import sys
import tempfile
from pathlib import Path

import pytest
from tolerance import align

from tests.house import shapes


def pytest_configure(config) -> None:
    if not hasattr(config, "workerinput"):  # workers and kernels write to this, too
        os.environ["SHAPES_LOG"] = tempfile.mkstemp(prefix="shapes-")[1]
    sys.meta_path.insert(0, shapes.Finder)
    if getattr(config.option, "nbval", False):
        change_nbval()


def change_nbval() -> None:
    from nbval import kernel
    from nbval.plugin import IPyNbCell, IPyNbFile

    exact, setup = IPyNbCell.compare_outputs, IPyNbFile.setup
    start = kernel.start_new_kernel

    @functools.wraps(exact)
    def tolerant(self, test, ref, skip_compare=None):
        align(test, ref)
        return exact(self, test, ref, skip_compare)

    @functools.wraps(setup)
    def checking(self):
        options = shapes.kernel(self.path)
        kernel.start_new_kernel = functools.partial(start, **options)
        setup(self)

    IPyNbCell.compare_outputs, IPyNbFile.setup = tolerant, checking


def pytest_sessionfinish(session, exitstatus) -> None:
    """A run that passed fails after all where it left out a shape comment."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    log = Path(os.environ.pop("SHAPES_LOG"))
    if exitstatus == pytest.ExitCode.OK and not is_a_choice(config):
        whole = config.args_source == pytest.Config.ArgsSource.TESTPATHS
        root = config.rootpath if whole else None
        config.shapes_left_out = shapes.never_executed(log, root)
        if config.shapes_left_out:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    log.unlink()


def is_a_choice(config) -> bool:
    """Whether only some of the tests were asked for in the files that ran."""
    names = ("keyword", "markexpr", "deselect", "lf", "collectonly")
    chosen = any(getattr(config.option, name, None) for name in names)
    return chosen or any("::" in argument for argument in config.args)


def pytest_terminal_summary(terminalreporter, config) -> None:
    if left_out := getattr(config, "shapes_left_out", []):
        terminalreporter.section("shape comments that nothing executed", red=True)
        terminalreporter.write_line("\n".join(left_out))
