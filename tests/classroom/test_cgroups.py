"""Control groups: where they can be made, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from classroom.sandbox import cgroups
from classroom.sandbox.cgroups import ControlGroup, Place, places
from classroom.sandbox.limits import MEGABYTE, TASKS, Limits, SandboxUnavailable
from classroom.sandbox.process import Sandbox
from conftest import wait_until

ROOT = Path(__file__).resolve().parents[2]


# --- Where -----------------------------------------------------------------------------

V1 = """\
25 30 0:22 {root} {top}/memory rw,relatime - cgroup cgroup rw,memory
26 30 0:23 {root} {top}/pids rw,relatime shared:9 - cgroup cgroup rw,pids,misc
27 30 0:24 / {top}/unified rw,relatime - cgroup2 cgroup2 rw
28 30 8:1 / / rw - ext4 /dev/sda rw
"""
V2 = "24 30 0:22 {root} {top} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def process(folder: Path, mounts: str, groups: str, root: str = "/") -> Path:
    """What /proc says of a process, with the trees of groups in `folder`."""
    (folder / "mountinfo").write_text(mounts.format(top=folder / "tree", root=root))
    (folder / "cgroup").write_text(groups)
    return folder


def tree(folder: Path, **passed: str) -> Path:
    """Groups below each other, and what each passes on to those in it."""
    folder = folder / "tree"
    for name, controllers in passed.items():
        folder = folder if name == "top" else folder / name
        folder.mkdir()
        (folder / "cgroup.subtree_control").write_text(controllers + "\n")
    return folder


def test_in_version_1_groups_go_into_the_own_one(tmp_path):
    groups = "5:memory:/a/b\n4:pids,misc:/a\n0::/\n"
    (found,) = places(process(tmp_path, V1, groups))
    top = tmp_path / "tree"
    assert found == Place(1, top / "memory/a/b", top / "pids/a")


def test_in_a_container_the_tree_begins_at_its_own_group(tmp_path):
    groups = "5:memory:/docker/7\n4:pids,misc:/docker/7/a:b\n"
    (found,) = places(process(tmp_path, V1, groups, root="/docker/7"))
    top = tmp_path / "tree"
    assert found == Place(1, top / "memory", top / "pids/a:b")


@pytest.mark.parametrize(
    "groups", ["5:memory:/x\n", "5:memory:/../x\n4:pids:/../x\n"]
)
def test_without_a_tree_that_holds_the_own_group_there_is_no_place(
    tmp_path, groups
):
    assert not list(places(process(tmp_path, V1, groups)))


def test_in_version_2_groups_go_where_limits_are_passed_on(tmp_path):
    """Beside the own group, as in a session of systemd; else further up."""
    own = tree(tmp_path, top="cpu memory pids", user="memory pids", scope="")
    proc = process(tmp_path, V2, "0::/user/scope\n")
    assert [p.memory for p in places(proc)] == [own.parent, own.parent.parent]
    assert {p.version for p in places(proc)} == {2}
    (own.parent / "cgroup.subtree_control").write_text("pids\n")
    assert [p.memory for p in places(proc)] == [own.parent.parent]


def test_a_tree_that_passes_nothing_on_is_no_place(tmp_path):
    tree(tmp_path, top="cpu pids", user="")
    assert not list(places(process(tmp_path, V2, "0::/user\n")))


def test_a_place_where_nothing_can_be_made_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(
        cgroups, "places", lambda process: [Place(2, *[tmp_path] * 2)]
    )
    (tmp_path / "file").touch()
    cgroups.place.cache_clear()
    try:
        monkeypatch.setattr(Path, "mkdir", denied)
        assert cgroups.place() is None
    finally:
        cgroups.place.cache_clear()


def denied(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


# --- What it does ----------------------------------------------------------------------


def test_limits_of_version_2(tmp_path):
    """By the names of its files; this folder is none of the kernel's."""
    (tmp_path / "swap").touch()
    group = ControlGroup(Place(2, tmp_path, tmp_path), 100 * MEGABYTE)
    folder = group.memory
    assert (folder / "memory.max").read_text() == str(100 * MEGABYTE)
    assert (folder / "pids.max").read_text() == str(TASKS)
    for oom, kill, full in ((0, 0, False), (0, 1, False), (1, 1, True)):
        (folder / "memory.events").write_text(
            f"low 0\noom {oom}\noom_kill {kill}\n"
        )
        assert group.was_full() is full
    for file in folder.iterdir():
        file.unlink()
    group.remove()
    assert not folder.exists()


FLOOD = "kept = []\nwhile True: kept.append(b'x' * 10**6)"


def test_the_kernel_ends_who_takes_too_much_and_says_so(place):
    group = ControlGroup(place, 64 * MEGABYTE)
    try:
        assert not group.members() and not group.was_full()
        flood = subprocess.run([*group.enter, sys.executable, "-c", FLOOD])
        assert flood.returncode == -signal.SIGKILL and group.was_full()
    finally:
        group.remove()


def test_the_kernel_starts_no_more_processes_than_that(place, tmp_path):
    group = ControlGroup(place, 512 * MEGABYTE)
    many = "import os, time\nwhile os.fork(): pass\ntime.sleep(100)"
    try:
        with (tmp_path / "said").open("w") as said:  # all of them hold it open
            program = [*group.enter, sys.executable, "-c", many]
            subprocess.run(program, stderr=said, timeout=30)
        assert "BlockingIOError" in (tmp_path / "said").read_text()
        assert 0 < len(group.members()) < TASKS
    finally:
        group.remove()


# --- What is left ----------------------------------------------------------------------


def test_what_is_in_a_group_ends_with_it(place):
    group = ControlGroup(place, 64 * MEGABYTE)
    sleep = subprocess.Popen([*group.enter, "sleep", "1000"])
    while sleep.pid not in group.members():
        time.sleep(0.01)
    group.remove()
    assert sleep.wait(5) == -signal.SIGKILL
    assert not group.memory.exists() and not group.pids.exists()


ENDS = {
    "a crash": "1 / 0",
    "an exit": "import os; os._exit(1)",
    "a signal": "import os; os.kill(os.getpid(), 9)",
    "a signal to all": "import os; os.killpg(0, 9)",
    "no memory": "import ctypes; ctypes.string_at(0)",
}
GRADER = """
import subprocess
from classroom.sandbox import cgroups
group = cgroups.ControlGroup(cgroups.place(), 1 << 26)
subprocess.Popen([*group.enter, "sleep", "1000"])
while not group.members():
    pass
print(group.memory, group.pids, flush=True)
"""
WITH_SANDBOX = """
from pathlib import Path
from classroom.sandbox.limits import Limits
from classroom.sandbox.process import Sandbox
group = Sandbox(Path("."), Limits()).group
print(group.memory, group.pids, flush=True)
"""


@pytest.mark.parametrize("end", [*ENDS, "while it runs a sandbox"])
def test_no_group_is_left_behind_by_a_grader_that_ends(
    sandbox, place, tmp_path, end
):
    source = GRADER + ENDS[end] if end in ENDS else WITH_SANDBOX + ENDS["a signal"]
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    folders = [*map(Path, done.stdout.split())]
    assert done.returncode and len(folders) == 2
    wait_until(lambda: not any(folder.exists() for folder in folders))


def test_what_a_grader_left_together_with_its_remover_is_removed_by_the_next(place):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = place.memory / f"{cgroups.PREFIX}-{ended.pid}-0"
    others = place.memory / f"{cgroups.PREFIX}-{os.getpid()}-0"
    left.mkdir()
    others.mkdir()
    cgroups.place.cache_clear()
    try:
        assert cgroups.place() == place
        assert not left.exists() and others.exists()
    finally:
        others.rmdir()


def test_no_group_is_left_of_a_sandbox_that_never_started(
    sandbox, place, tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        cgroups, "ControlGroup", lambda *a: made.append(ControlGroup(*a)) or made[0]
    )
    with pytest.raises(SandboxUnavailable, match="processors busy"):
        Sandbox(tmp_path, Limits(processors=-100))
    assert not made[0].memory.exists()


def test_where_a_group_cannot_be_made_after_all_nothing_runs(
    sandbox, place, tmp_path, monkeypatch
):
    monkeypatch.setattr(cgroups.ControlGroup, "_limit", denied)
    with pytest.raises(SandboxUnavailable, match=r"no control group: .*denied"):
        Sandbox(tmp_path, Limits())
    assert not list(place.memory.glob(f"{cgroups.PREFIX}-{os.getpid()}-*"))
