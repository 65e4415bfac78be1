"""Write a file whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


def _umask() -> int:
    """The umask of this process; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
