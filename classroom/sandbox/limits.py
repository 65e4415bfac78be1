"""What one submission may take, and what is raised where it cannot be held to it."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1 << 20
TASKS = 256  # processes and threads; the kernel starts no more than these


class SandboxUnavailable(ValueError):
    """None can be made here; the message says what is missing, and the remedy."""

    def __init__(self, what: str) -> None:
        super().__init__(f"students' code runs in a sandbox or not at all: {what}")


class SandboxEnded(Exception):
    """The Python in the sandbox has ended, or was ended; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one submission may take."""

    # Seconds for one cell, and for one answer to the tests.
    cell_seconds: float = 30
    # Seconds for the whole notebook, tests included; and as many once more for
    # starting again what its author's code has ended.
    total_seconds: float = 300
    # Memory of all its processes together, and of the files it writes.
    megabytes: int = 4096
    # Processes at a time.
    processes: int = 32
    # Size of each of the two folders it can write to, and of a file in them.
    disk_megabytes: int = 256
    # Files in these two folders.
    files: int = 20_000
    # Files and sockets that all of its processes together have open.
    handles: int = 2048
    # Characters of output that are kept of a notebook, pictures included.
    characters: int = 5_000_000
    # Size of an answer; a longer one is not read.
    answer_megabytes: int = 16
    # Processors it may keep busy, on average, after its first ten seconds.
    processors: float = 1.5

    @property
    def memory(self) -> int:
        """`megabytes` in bytes."""
        return self.megabytes * MEGABYTE

    @property
    def longest_seconds(self) -> float:
        """Seconds after which it is over, whatever it has done."""
        return 2 * self.total_seconds
