"""Where no sandbox can be made, what needs one is skipped, and says so."""

import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from classroom.sandbox import cgroups
from classroom.sandbox.bubblewrap import check_sandbox
from classroom.sandbox.limits import SandboxUnavailable


@pytest.fixture(scope="session")
def no_sandbox() -> str:
    """Why there is no sandbox here; empty where there is one."""
    try:
        check_sandbox(Path(__file__).parent)
    except SandboxUnavailable as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def sandbox(no_sandbox: str) -> None:
    """Asked for by tests that run what students have written."""
    if no_sandbox:
        pytest.skip(no_sandbox)


@pytest.fixture(scope="session")
def place() -> cgroups.Place:
    """Asked for by tests that need a control group."""
    if (found := cgroups.place()) is None:
        pytest.skip("this user may make no control group here")
    return found


def abandoned_groups() -> list[Path]:
    """The control groups of graders that have ended."""
    found = cgroups.place()
    parents = {found.memory, found.pids} if found else set()
    groups = [g for p in parents for g in p.glob(f"{cgroups.PREFIX}-*")]
    return [g for g in groups if not Path("/proc", g.name.split("-")[2]).exists()]


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """The kernel takes its time to clear up."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def without_filter(patch: pytest.MonkeyPatch) -> None:
    """Let everything pass that `seccomp` would stop, and show what is hidden."""
    patch.setattr("classroom.sandbox.seccomp.descriptor", allow_everything)
    patch.setattr("classroom.sandbox.bubblewrap.HIDDEN", ())


@contextmanager
def allow_everything() -> Iterator[int]:
    """As `seccomp.descriptor`; everything is allowed."""
    reading, writing = os.pipe()
    os.write(writing, struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    os.close(writing)
    yield reading
    os.close(reading)
