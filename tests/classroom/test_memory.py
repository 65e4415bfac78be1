"""Memory and processes: limited by a control group, or counted; both ways are tried."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import attacks
import pytest

from classroom.sandbox import cgroups, monitor, process, seccomp
from classroom.sandbox.bubblewrap import command
from classroom.sandbox.cgroups import ControlGroup
from classroom.sandbox.limits import MEGABYTE, Limits, SandboxEnded
from classroom.sandbox.process import Sandbox
from conftest import wait_until, without_filter

ROOM = 100_000


def shown(sandbox: Sandbox, source: str) -> str:
    return str(sandbox.ask("cell", source, ROOM))


@pytest.fixture(params=["control-group", "counted"])
def either_way(sandbox, request, monkeypatch) -> None:
    if request.param == "counted":
        monkeypatch.setattr(cgroups, "place", lambda: None)
    else:
        request.getfixturevalue("place")


@pytest.mark.parametrize("attack", attacks.MEMORY)
def test_all_memory_is_counted(either_way, tmp_path, attack):
    with Sandbox(tmp_path, Limits(megabytes=400)) as sandbox:
        with pytest.raises(SandboxEnded, match="more than 400 MB of memory"):
            shown(sandbox, attacks.MEMORY[attack])
        assert not sandbox.fault and sandbox.can_restart


def test_what_stays_below_the_limit_goes_on(either_way, tmp_path):
    """What processes share is counted once; one that asks for too much is told so."""
    with Sandbox(tmp_path, Limits(megabytes=600)) as sandbox:
        assert shown(sandbox, SHARED) == "[]"
        for flood in ("bytearray(10**9)", "import torch; torch.zeros(10**9)"):
            said = shown(sandbox, flood)
            assert "MemoryError" in said or "can't allocate memory" in said
        held = f"def hold():\n    kept = []\n    {FLOOD}\nhold()"
        assert "MemoryError" in shown(sandbox, held)
        # and what it held is free again
        assert "'300'" in shown(sandbox, "len(bytearray(3 * 10**8)) // 10**6")
        assert not sandbox.end_if_full()
        assert "MemoryError" in shown(sandbox, f"kept = []\n{FLOOD}")
        assert sandbox.end_if_full() and "nearly all of its 600 MB" in sandbox.why


FLOOD = "while True: kept.append(b'x' * 10**6)"
SHARED = """
import os, time
kept = b"x" * 2 * 10**8
for _ in range(6):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
time.sleep(0.5)
del kept
"""


def test_a_fork_bomb_is_called_so(either_way, tmp_path):
    bomb = "import os\nwhile True: os.fork()"
    words = r"more than 32 processes: a fork bomb\?"
    with (
        Sandbox(tmp_path, Limits(megabytes=500)) as sandbox,
        pytest.raises(SandboxEnded, match=words),
    ):
        shown(sandbox, bomb)


def test_a_bomb_that_grows_while_its_memory_is_measured_is_called_so(
    sandbox, tmp_path, monkeypatch
):
    """Both are too much at the end of the look; at its begin there were few."""
    monkeypatch.setattr(cgroups, "place", lambda: None)
    monkeypatch.setattr(Sandbox, "_monitor", lambda self, process: None)
    with Sandbox(tmp_path, Limits(processes=6)) as watched:
        looks = iter([[watched.process.pid], [watched.process.pid] * 7])
        monkeypatch.setattr(process, "family", lambda pid: next(looks))
        monkeypatch.setattr(process, "memory_of", lambda pids, enough: enough + 1)
        assert "more than 6 processes: a fork bomb" in watched._excess()


def test_whoever_starts_too_much_is_ended_in_the_cell_that_does(
    either_way, tmp_path, monkeypatch
):
    monkeypatch.setattr(Sandbox, "_monitor", lambda self, process: None)
    quick = "import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n"
    quick += "        time.sleep(9)"
    with (
        Sandbox(tmp_path, Limits(processes=6)) as sandbox,
        pytest.raises(SandboxEnded, match="more than 6 processes"),
    ):
        shown(sandbox, quick)


# --- What only a control group counts --------------------------------------------------


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize("hoard", attacks.HOARDS)
def test_a_group_counts_what_is_in_no_process(
    sandbox, place, tmp_path, monkeypatch, hoard
):
    """Were the filter not there, it would be the second line."""
    without_filter(monkeypatch)
    source = attacks.CALL + attacks.ESCAPES[hoard]
    group = ControlGroup(place, 500 * MEGABYTE)
    try:
        with seccomp.descriptor() as filter_fd:
            program = [sys.executable, "-c", source]
            done = subprocess.run(
                [*group.enter, *command(tmp_path, Limits(), program, filter_fd)],
                pass_fds=[filter_fd],
                capture_output=True,
                text=True,
            )
        assert "open" not in done.stdout
        if not group.was_full():
            pytest.skip(f"closed here without a filter, too: {done.stderr[-90:]}")
    finally:
        group.remove()


def test_a_group_counts_buffers_of_the_kernel(sandbox, place, tmp_path):
    limits = Limits(megabytes=300, handles=10_000)
    with Sandbox(tmp_path, limits) as sandbox:
        with pytest.raises(SandboxEnded, match="more than 300 MB of memory"):
            shown(sandbox, attacks.SOCKETS)
        assert not sandbox.fault


def test_open_files_and_sockets_are_counted(sandbox, tmp_path):
    """Where there is no group, nothing else limits what their buffers hold."""
    words = "more than 1500 files and sockets open"
    with (
        Sandbox(tmp_path, Limits(handles=1500)) as sandbox,
        pytest.raises(SandboxEnded, match=words),
    ):
        shown(sandbox, attacks.SOCKETS)


def test_a_folder_that_changes_while_it_is_looked_at_is_not_mixed_up(
    sandbox, tmp_path, monkeypatch
):
    """A sandbox mounts its own /tmp between two looks: the machine's files, held to
    be the sandbox's, would be more than it may make."""
    mounts = "read _ && mount -t tmpfs none /tmp && echo mounted && read _"
    program = "bwrap --dev-bind / / --cap-add ALL --unshare-user sh -c"
    child = subprocess.Popen(
        [*program.split(), mounts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    inside = wait_for_child(child.pid)
    real, looks = os.statvfs, []

    def statvfs(place: int | str) -> os.statvfs_result:
        """The first look; then the mount."""
        looks.append(found := real(place))
        if len(looks) == 1:
            child.stdin.write("\n")
            child.stdin.flush()
            assert child.stdout.readline() == "mounted\n"
        return found

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(monitor, "FOLDERS", ("/tmp",))
    before, after = (monitor.used_by([inside]).files for _ in range(2))
    child.communicate("\n", timeout=20)
    assert before == 0 and after < 10


def wait_for_child(pid: int) -> int:
    """The first process that another has started, once it has."""
    wait_until(lambda: len(monitor.family(pid)) > 1)
    return monitor.family(pid)[-1]
