"""What all processes of a sandbox take together, counted from outside.

Where there is no control group (`cgroups`), memory is counted here too. It is what
would be free again if the sandbox ended: private pages, shared out where two
processes have the same (`Pss`, so that a fork costs what it changes), what is swapped
out, and what the two folders in memory hold. Memory outside processes and folders
cannot be had inside: see `seccomp`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

FOLDERS = ("/tmp", "/dev/shm")  # in memory, and the sandbox's own


@dataclass(frozen=True)
class Use:
    """What processes take, memory aside."""

    processor_seconds: float
    files: int  # in its folders
    handles: int  # open files and sockets; each may hold data in the kernel


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def used_by(pids: Sequence[int]) -> Use:
    """What some processes take together."""
    seconds = handles = 0
    for pid in pids:
        with suppress(psutil.Error):
            seconds += sum(psutil.Process(pid).cpu_times()[:4])
            handles += _handles(pid)
    return Use(seconds, _in_folders(pids)[1], handles)


def memory_of(pids: Sequence[int], enough: int) -> int:
    """Bytes that some processes and their folders take.

    enough: while a first, larger estimate stays below, nothing is counted page by
    page.
    """
    taken, _ = _in_folders(pids)
    estimate = sum(map(_resident, pids))
    if taken + estimate > enough:
        estimate = sum(map(_own_memory, pids))
    return taken + estimate


def addresses_left(pid: int) -> int:
    """Bytes by which the fullest of a process and its descendants may grow."""
    return min(map(_growth, family(pid)), default=0)


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
        return _resident(pid)
    return _kilobytes(lines, ("Pss_Anon:", "SwapPss:"))


def _resident(pid: int) -> int:
    """Its pages, shared ones too, and what is swapped out, in bytes."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return _kilobytes(lines, ("VmRSS:", "VmSwap:"))
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


def _in_folders(pids: Sequence[int]) -> tuple[int, int]:
    """Bytes and files in the folders in memory, as the processes see them."""
    return max(map(_in_folders_of, pids), default=(0, 0))


def _in_folders_of(pid: int) -> tuple[int, int]:
    taken = files = 0
    for name in FOLDERS:
        with suppress(OSError):  # it has just ended
            folder = os.open(f"/proc/{pid}/root{name}", os.O_PATH)
            try:
                # By one descriptor: while a sandbox starts, the path is this
                # machine's folder at one moment and the sandbox's own at the next.
                where, device = os.statvfs(folder), os.stat(folder).st_dev
                if device != os.stat(name).st_dev:  # bwrap's is ours
                    taken += (where.f_blocks - where.f_bfree) * where.f_frsize
                    files += where.f_files - where.f_ffree
            finally:
                os.close(folder)
    return taken, files
