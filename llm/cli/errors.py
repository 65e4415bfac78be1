"""What went wrong, in one line."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import torch


def reason(error: Exception) -> str:
    """What an error says, without numbers and the names of temporary files."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    path = Path(error.filename or "")
    where = path.parent if path.name.startswith(".") else path
    return f"{error.strerror}: {where}" if error.filename else error.strerror


def complain(what: str, code: int) -> int:
    """Say it in one line on standard error; return the exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # or Python would complain about it once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if what and sys.stderr is not None:
        with suppress(OSError):
            print(f"error: {' '.join(what.split())}", file=sys.stderr)
    return code


def out_of_memory(error: Exception) -> bool:
    """PyTorch says it in other words on every device."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "allocate memory" in str(error)
