"""How much memory there is, and what does not fit into it."""

from __future__ import annotations

import math
import os
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max",)  # of a container, in bytes or "max"


def check_memory(n_bytes: int, what: str, there: float | None = None) -> None:
    """Refuse what this machine could never hold, before it is begun.

    what: its name, and the sizes that make it so large; there: the memory of another
    device, in bytes. Raises `ValueError` with both amounts.
    """
    there = total_memory() if there is None else there
    if n_bytes > there:
        raise ValueError(
            f"{what} would take {readable(n_bytes)}, and this machine has "
            f"{readable(there)} of memory; choose smaller sizes"
        )


def total_memory() -> float:
    """Bytes of memory that this process may use at most; ∞ where nobody says."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        found = math.inf
    for path in map(Path, LIMITS):
        text = path.read_text().strip() if path.is_file() else ""
        found = min(found, int(text) if text.isdecimal() else math.inf)
    return found


def readable(n_bytes: float) -> str:
    """
    >>> readable(3_000), readable(16_500_000_000), readable(4e18)
    ('3.0 kB', '16.5 GB', '4,000,000.0 TB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"
