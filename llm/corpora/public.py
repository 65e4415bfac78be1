"""Public corpora by name: downloaded once, checked, kept.

Neither the book nor its tests need one of them.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from llm.files import atomic_write

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

_BLOCK_SIZE = 1 << 16  # bytes
_TINY_STORIES = (
    "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/"
    "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/"
)


class DownloadError(OSError):
    """A corpus could not be fetched; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class PublicCorpus:
    """Where a corpus is, and how to know that it is the right one."""

    # File name in the cache.
    file: str
    # Where it is downloaded from.
    url: str
    # What it is, whose, and under which licence.
    about: str
    # Bytes; None if not known beforehand.
    size: int | None = None
    # Of its bytes, in hexadecimal; None if not known for certain. Then the first
    # download is trusted, and its checksum written beside it binds all later ones.
    sha256: str | None = None


PUBLIC = {
    "tiny-shakespeare": PublicCorpus(
        file="tinyshakespeare.txt",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
        "tinyshakespeare/input.txt",
        about="Scenes of Shakespeare's plays, put together by Andrej Karpathy; the "
        "text is in the public domain.",
        size=1_115_394,
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "tinystories": PublicCorpus(
        file="TinyStoriesV2-GPT4-train.txt",
        url=_TINY_STORIES + "TinyStoriesV2-GPT4-train.txt",
        about="Short stories written by a language model, for training (Eldan and Li "
        "2023); CDLA-Sharing-1.0.",
        size=2_227_753_162,
        sha256="6418d412de72888f52b5142c761ac21a582f7d1166f0bfbdb5f03ccfdec90443",
    ),
    "tinystories-valid": PublicCorpus(
        file="TinyStoriesV2-GPT4-valid.txt",
        url=_TINY_STORIES + "TinyStoriesV2-GPT4-valid.txt",
        about="The validation part of TinyStories; CDLA-Sharing-1.0.",
        size=22_502_601,
        sha256="6874bae9a4c1a4e7edcf0e53b86c17817e9cf881fc75ff2368da457b80c0585d",
    ),
}


def cache_folder() -> Path:
    """Where corpora are kept: $LLM_CACHE, or the cache folder of the user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LLM_CACHE") or Path(base) / "llm-from-scratch")


def download(
    name: str, folder: str | Path | None = None, *, progress: Progress | None = None
) -> Path:
    """The file of a public corpus, fetched if it is not there yet.

    folder: where to keep it, None for `cache_folder()`. progress: called after each
    block.

    Raises `ValueError` for a name that is not in `PUBLIC`, and `DownloadError` as
    `fetch` does.
    """
    if name not in PUBLIC:
        raise ValueError(f"{name!r} is no corpus: choose from {', '.join(PUBLIC)}")
    return fetch(PUBLIC[name], folder or cache_folder(), progress=progress)


def fetch(
    corpus: PublicCorpus,
    folder: str | Path,
    *,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download a file, go on where an earlier attempt broke off, and check it.

    What has come so far lies in `<file>.part`; the file gets its name when it is
    complete and its checksum right. timeout: seconds without a sign of the server.

    Returns the path. Raises `DownloadError` without a network, if the server does not
    have the file or breaks off, and if what came is not what was expected.
    """
    path = Path(folder) / corpus.file
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    _receive(corpus, part, progress, timeout)
    _check(corpus, part, path)
    os.replace(part, path)
    return path


def _receive(
    corpus: PublicCorpus, part: Path, progress: Progress | None, timeout: float
) -> None:
    """Fetch what is missing of a partial file."""
    have = part.stat().st_size if part.exists() else 0
    if have and have == corpus.size:
        return
    request, total = urllib.request.Request(corpus.url), None
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            if not _goes_on(response, have):
                have = 0
            with part.open("ab" if have else "wb") as file:
                total = _copy(response, file, have, progress)
    except urllib.error.HTTPError as error:
        _refuse(corpus, part, have, error)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(
            f"{corpus.url} could not be fetched ({error}): check the network; what "
            "has come so far is kept, and the next attempt goes on from there"
        ) from error
    if total is not None and part.stat().st_size < total:
        raise DownloadError(
            f"{corpus.url} broke off after {part.stat().st_size:,} of {total:,} "
            "bytes: try again, and it goes on from there"
        )


def _goes_on(response: http.client.HTTPResponse, have: int) -> bool:
    """Does the server send the rest only, from where we are?"""
    content_range = response.headers.get("Content-Range", "")
    return response.status == 206 and content_range.startswith(f"bytes {have}-")


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    have: int,
    progress: Progress | None,
) -> int | None:
    """Write what comes; return how long the file is in all, if the server says so."""
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    while block := response.read1(_BLOCK_SIZE):
        file.write(block)
        have += len(block)
        if progress:
            progress(have, total)
    return total


def _refuse(
    corpus: PublicCorpus, part: Path, have: int, error: urllib.error.HTTPError
) -> None:
    """Say what the status of the server means."""
    if error.code == 416 and have:  # there is nothing behind what we have
        if corpus.size is None:
            return
        part.unlink()
        raise DownloadError(
            f"{part.name} was longer than the file at {corpus.url} and has been "
            "removed: try again"
        ) from error
    raise DownloadError(
        f"{corpus.url} answered {error.code} {error.reason}: the file may have moved; "
        "download it by hand and give its path instead of the name"
    ) from error


def _check(corpus: PublicCorpus, part: Path, path: Path) -> None:
    """Compare with the known checksum, or with that of the first download."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    record = path.with_name(path.name + ".sha256")
    known = corpus.sha256
    if known is None and record.exists():
        known = record.read_text(encoding="utf-8").split()[0]
    if known is not None and found != known:
        part.unlink()
        raise DownloadError(
            f"{corpus.url} has the sha-256 {found}, expected was {known}: the file "
            "there has changed, or was changed on its way; what came was removed"
        )
    with atomic_write(record, "w") as file:
        file.write(f"{found}  {path.name}\n")
