"""What all processes of a jail take together, counted from outside.

Memory is what would be free again if the jail ended: private pages, shared out
where two processes have the same (`Pss`, so that a fork costs what it changes),
what is swapped out, and what the two folders in memory hold. Memory outside
processes and folders cannot be had behind the wall: see `seccomp`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

FOLDERS = ("/tmp", "/dev/shm")  # in memory, and the jail's own


@dataclass(frozen=True)
class Use:
    """What processes take: bytes, seconds, and how many there are."""

    memory: int
    busy: float
    processes: int
    files: int  # in its folders
    handles: int  # open files and sockets; each may hold data in the kernel


def used_by(pid: int, memory_limit: int, process_limit: int) -> Use:
    """What a process and its descendants take.

    memory_limit: in bytes; while a first, larger estimate stays below, nothing is
    counted page by page. process_limit: where there are more, they are only counted.
    """
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return Use(0, 0, 0, 0, 0)
    if len(family) > process_limit:
        return Use(0, 0, len(family), 0, 0)
    memory = busy = count = handles = 0
    for process in family:
        with suppress(psutil.Error), process.oneshot():
            memory += process.memory_info().rss + _swapped(process.pid)
            busy += sum(process.cpu_times()[:4])
            handles += _handles(process.pid)
            count += 1
    pids = [process.pid for process in family]
    taken, files = max(map(_in_folders, pids), default=(0, 0))
    if memory + taken > memory_limit:
        memory = sum(map(_own_memory, pids))
    return Use(memory + taken, busy, count, files, handles)


def addresses_left(pid: int) -> int:
    """Bytes by which the fullest of a process and its descendants may grow."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
        return min(_growth(process.pid) for process in family)
    return 0


def _growth(pid: int) -> int:
    """Bytes between the size of a process and its limit, if it has one."""
    with suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        (most,) = (
            line.split()[3]
            for line in limits
            if line.startswith("Max address space")
        )
        if most != "unlimited":
            return int(most) - pages * os.sysconf("SC_PAGE_SIZE")
    return sys.maxsize


def _own_memory(pid: int) -> int:
    """Its private pages, and its share of those it has in common, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended, or this kernel keeps it to itself
        with suppress(psutil.Error):
            return psutil.Process(pid).memory_info().rss + _swapped(pid)
        return 0
    return _kilobytes(lines, ("Pss_Anon:", "SwapPss:"))


def _swapped(pid: int) -> int:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return _kilobytes(lines, ("VmSwap:",))
    return 0


def _kilobytes(lines: Sequence[str], names: tuple[str, ...]) -> int:
    """The sum of some lines of /proc, `Name:   123 kB`, in bytes."""
    return 1024 * sum(
        int(line.split()[1]) for line in lines if line.startswith(names)
    )


def _handles(pid: int) -> int:
    with suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0


def _in_folders(pid: int) -> tuple[int, int]:
    """Bytes and files in the folders in memory, as a process sees them."""
    taken = files = 0
    for name in FOLDERS:
        with suppress(OSError):  # it has just ended
            place = f"/proc/{pid}/root{name}"
            where = os.statvfs(place)
            if os.stat(place).st_dev != os.stat(name).st_dev:  # bwrap's is ours
                taken += (where.f_blocks - where.f_bfree) * where.f_frsize
                files += where.f_files - where.f_ffree
    return taken, files
