"""Files and streams: written whole or not at all, by one process at a time, in UTF-8."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout


@contextmanager
def atomic_write(
    path: str | Path, mode: str = "wb", encoding: str | None = None
) -> Iterator[IO]:
    """Open a temporary file beside `path`; give it that name when all is written.

    Whoever reads `path` sees the old content or the new, never a part. If the
    body raises (a full disk, a Ctrl-C), the temporary file is removed and the
    old content stays.

    mode: "wb" or "w"; encoding: as for `open`, UTF-8 unless told, for text.
    Raises `OSError` as `open` does.
    """
    path = Path(path)
    if "b" not in mode:
        encoding = encoding or "utf-8"
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other processes out of a folder, which is made if it is not there.

    This process may ask for it again meanwhile. The lock is a file, `.lock`, of which
    nothing is left when the process lets go of it, or is killed and another comes.

    Raises `ValueError` if another process has it.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"{folder} is in use by another process, which trains there; wait until "
            f"it is done, or choose another folder with --folder"
        ) from None
    try:
        yield
    finally:
        if lock.lock_counter == 1:  # removed while it is ours: no other can have it
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # not empty: what was made is needed
            for path in made:
                path.rmdir()


def write_utf8() -> None:
    """Make standard output and error take every character.

    Into a file or a pipe goes UTF-8, which loses nothing and can be read again. A
    terminal keeps its own encoding; what that lacks is shown as `\\u2713`.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, TextIOWrapper):  # closed, or a notebook's
            continue
        if stream.isatty():
            stream.reconfigure(errors="backslashreplace")
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _umask() -> int:
    """The umask of this process; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
