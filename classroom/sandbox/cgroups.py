"""Control groups: the kernel limits the memory and the number of processes.

A group counts all memory that its processes have caused to be taken, whoever holds
it now: pages of theirs, files in memory, buffers of pipes and sockets. So there is
nothing to be hidden, and no moment between two looks. A group can be made by root,
and by others in a part of the tree that was delegated to them; where neither holds,
memory is counted from outside instead (`monitor`).

There are two versions. Version 1 has a tree for each controller, version 2 one tree,
in which groups with limits are made beside the groups of processes, not below them.

**Source:** Linux, Documentation/admin-guide/cgroup-v1/{memory,pids}.rst and
Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from classroom.sandbox.limits import MEGABYTE, TASKS

PREFIX = "llm-sandbox"
CONTROLLERS = ("memory", "pids")

# The first process enters by itself, then becomes the program that it shall be.
ENTER = 'echo $$ > "$1" && echo $$ > "$2" && shift 2 && exec "$@"'
# Waits until its standard input is closed: by `remove`, or because whoever has made
# the group has ended, in whatever way. Then ends what is in the group, and the group.
REMOVE = """
read -r nothing
for attempt in $(seq 300); do
    left=
    for group; do
        [ -d "$group" ] || continue
        while read -r pid; do kill -9 "$pid"; done < "$group/cgroup.procs"
        rmdir "$group" || left=yes
    done 2> /dev/null
    [ "$left" ] || exit 0
    sleep 0.05
done
exit 1
"""


@dataclass(frozen=True)
class Place:
    """Where groups can be made: a folder for each controller; of version 2 the same."""

    version: int
    memory: Path
    pids: Path


class ControlGroup:
    """The group of one sandbox.

    memory: most bytes of all its processes, swap included. It lasts until `remove`,
    or until this process ends. Raises `OSError` where it cannot be made.
    """

    def __init__(self, place: Place, memory: int) -> None:
        name = f"{PREFIX}-{os.getpid()}-{secrets.token_hex(4)}"
        self.version, self.limit = place.version, memory
        self.memory, self.pids = place.memory / name, place.pids / name
        folders = sorted({self.memory, self.pids})
        self._remover = subprocess.Popen(
            ["sh", "-c", REMOVE, "sh", *map(str, folders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the grader's session spares it
        )
        try:
            for folder in folders:
                folder.mkdir()
            self._limit()
        except OSError:
            self.remove()
            raise

    def _limit(self) -> None:
        (self.pids / "pids.max").write_text(str(TASKS))
        if self.version == 1:
            (self.memory / "memory.limit_in_bytes").write_text(str(self.limit))
            both = self.memory / "memory.memsw.limit_in_bytes"
            if both.exists():
                both.write_text(str(self.limit))
            else:  # this kernel does not count swap: then use none
                (self.memory / "memory.swappiness").write_text("0")
        else:
            (self.memory / "memory.max").write_text(str(self.limit))
            if (swap := self.memory / "memory.swap.max").exists():
                swap.write_text("0")

    @property
    def enter(self) -> list[str]:
        """What stands before a command line that is to run in the group."""
        files = [
            str(folder / "cgroup.procs") for folder in (self.memory, self.pids)
        ]
        return ["sh", "-c", ENTER, "sh", *files]

    def members(self) -> list[int]:
        """The processes in it."""
        return [*map(int, (self.memory / "cgroup.procs").read_text().split())]

    def was_full(self) -> bool:
        """Has the kernel ended a process because the group had reached its limit?

        It may also have ended one because the whole machine had no memory left.
        """
        if self.version == 2:
            events = _counts(self.memory / "memory.events")
            return events["oom_kill"] > 0 and events["oom"] > 0
        killed = _counts(self.memory / "memory.oom_control")["oom_kill"]
        return killed > 0 and self._peak() > self.limit - 4 * MEGABYTE

    def _peak(self) -> int:
        """The most bytes that a group of version 1 has had."""
        files = ("memory.memsw.max_usage_in_bytes", "memory.max_usage_in_bytes")
        found = [file for name in files if (file := self.memory / name).exists()]
        return int(found[0].read_text())

    def remove(self) -> None:
        """End all that is in it, and the group."""
        self._remover.stdin.close()
        self._remover.wait()


def _counts(file: Path) -> dict[str, int]:
    """A file of lines like `oom_kill 1`."""
    lines = file.read_text().splitlines()
    return {name: int(count) for name, count in map(str.split, lines)}


# --- Where -----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def place() -> Place | None:
    """Where this process can make groups, or None; tried by making one."""
    for found in places(Path("/proc/self")):
        _remove_stale(found)
        with suppress(OSError, subprocess.CalledProcessError):
            group = ControlGroup(found, 64 * MEGABYTE)
            try:
                subprocess.run(
                    [*group.enter, "true"], check=True, capture_output=True
                )
            finally:
                group.remove()
            return found
    return None


def places(process: Path) -> Iterator[Place]:
    """Where groups could be made that have the limits, by what /proc says.

    process: its folder in /proc.
    """
    own = _own_groups(process)
    if all(name in own for name in CONTROLLERS):
        yield Place(1, *(own[name] for name in CONTROLLERS))
    if "" in own:
        top, here = _mounts(process)[""][0], own[""]
        for folder in (here, *here.parents):
            if folder.is_relative_to(top) and _passes_on(folder):
                yield Place(2, folder, folder)


def _passes_on(folder: Path) -> bool:
    """Do the groups in this one have the controllers?"""
    with suppress(OSError):
        passed = (folder / "cgroup.subtree_control").read_text().split()
        return set(CONTROLLERS) <= set(passed)
    return False


def _own_groups(process: Path) -> dict[str, Path]:
    """The folder of the group of a process, by controller; of version 2 it is ""."""
    mounts, found = _mounts(process), {}
    for line in (process / "cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            mounted, root = mounts.get(name, (None, ""))
            if mounted and Path(path).is_relative_to(root) and ".." not in path:
                found[name] = mounted / Path(path).relative_to(root)
    return found


def _mounts(process: Path) -> dict[str, tuple[Path, str]]:
    """Where each controller is mounted, and which group is the root there."""
    found = {}
    for line in (process / "mountinfo").read_text().splitlines():
        mount, _, system = line.partition(" - ")
        kind, _, options = system.split(" ", 2)
        root, folder = mount.split()[3:5]
        names = {"cgroup": options.split(","), "cgroup2": [""]}.get(kind, [])
        found |= dict.fromkeys(names, (Path(folder), root))
    return found


def _remove_stale(place: Place) -> None:
    """Remove what a grader has left that ended together with its remover."""
    for parent in {place.memory, place.pids}:
        for group in parent.glob(f"{PREFIX}-*"):
            owner = group.name.split("-")[2]
            if not Path("/proc", owner).exists():
                with suppress(OSError):
                    group.rmdir()


def describe(place: Place | None) -> str:
    """What limits memory there, in words for a report."""
    if place is None:
        return "counting it from outside, five times a second"
    return f"control groups (version {place.version})"
