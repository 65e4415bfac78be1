"""Collect what students have sent: `python -m classroom.collect SOURCE ps3`.

SOURCE is a folder, the zip of a learning platform, or the inbound folder of
nbgrader's exchange. Nothing is unpacked: from each student one notebook is read, a
regular file of at most 10 MB, looked at, and written to submitted/. Who is who:

    anna/ps3/ps3.ipynb, anna/ps3.ipynb, anna_ps3.ipynb, anna.ipynb    a folder
    Anna Lee_1234_assignsubmission_file_/ps3.ipynb                    Moodle
    leeanna_LATE_1234_5678_ps3.ipynb                                  Canvas
    anna+ps3+2026-11-20 10:00:00 UTC+.../ps3.ipynb                    the exchange

Of several from one student the newest counts that is a notebook, those that bear
the name of the assignment before others.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Protocol

import tyro
from tqdm import tqdm

from classroom.commands import run
from classroom.course import (
    MOST_BYTES,
    Course,
    Record,
    check_name,
    check_notebook,
    one_line,
    read_bytes,
)
from llm.files import atomic_write

MOST_ENTRIES = 100_000
SECRET = "submission_secret.txt"


@dataclass(frozen=True, kw_only=True)
class Collect:
    """Take one notebook of each student from a folder, a zip, or the exchange.

        python -m classroom.collect ~/Downloads/ps3.zip ps3

    Says of each student what was taken, and why not. Exits with 1 if of somebody
    nothing could be taken.
    """

    # A folder or a zip: its entries are students, or their notebooks.
    source: Annotated[Path, tyro.conf.Positional]
    # The name of the assignment: that of its folder in source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # The course directory.
    course: Path = Path("assignments")

    def __call__(self) -> int:
        course = Course(self.course, self.assignment)
        taken, refused = collect(self.source, course)
        for student, what in sorted((taken | refused).items()):
            print(f"{student}: {what}")
        print(f"\n{len(taken)} collected, {len(refused)} not")
        return int(bool(refused))


class Reader(Protocol):
    """Gives the bytes of a file, or raises `ValueError` that says why not."""

    def __call__(self) -> bytes: ...


@dataclass(frozen=True)
class Sent:
    """A file that somebody has sent."""

    # Where it lies in the source.
    path: PurePosixPath
    # When it was sent or written; what is later compares greater.
    time: str
    read: Reader
    # What nbgrader's exchange needs to find the way back to who has sent it.
    secret: bytes = b""


def collect(source: Path, course: Course) -> tuple[dict[str, str], dict[str, str]]:
    """Take a notebook of each student; say, by student, what was taken or why not."""
    senders: dict[str, list[Sent]] = defaultdict(list)
    for sent in sent_files(source):
        if sent.path.suffix.lower() == ".ipynb" and not is_litter(sent.path):
            senders[sender(sent.path, course.assignment)].append(sent)
    if not senders:
        raise ValueError(f"{source} has no notebooks (*.ipynb)")
    taken, refused, records, names = {}, {}, course.records(), course.senders()
    for student, files in tqdm(sorted(senders.items()), disable=None):
        try:
            check_name(student)
            taken[student], names[student] = take(course, student, files)
            if student in records and not records[student].assignment:
                del records[student]
        except ValueError as error:
            refused[student] = one_line(f"not collected: {error}")
            if student not in course.students():
                records[student] = Record("", "", False, refused[student])
    course.save_records(records)
    course.save_senders(names)
    return taken, refused


def take(course: Course, student: str, files: Iterable[Sent]) -> tuple[str, str]:
    """Keep the newest that is a notebook, and say so. Raises `ValueError`.

    Returns what was taken, in words, and the name of what it came in.
    """
    remarks = []
    for sent in by_rank(files, course.assignment):
        try:
            data = sent.read().removeprefix(codecs.BOM_UTF8)
            check_notebook(data)
        except ValueError as error:
            remarks.append(f"{sent.path}: {error}")
            continue
        others = len(list(files)) - len(remarks) - 1
        remarks += [f"{others} older left"] if others else []
        remarks += [keep(course, student, sent, data)]
        said = one_line(f"{sent.path} ({'; '.join(remarks)})")
        return said, one_line(sent.path.parts[0])
    raise ValueError("; ".join(remarks))


def by_rank(files: Iterable[Sent], assignment: str) -> list[Sent]:
    """Those with the name of the assignment first, of these the newest."""
    return sorted(
        files,
        key=lambda sent: (assignment in sent.path.name, sent.time, str(sent.path)),
        reverse=True,
    )


def keep(course: Course, student: str, sent: Sent, data: bytes) -> str:
    """Write a submission in the place of what was there."""
    place, file = (
        course.place("submitted", student),
        course.file("submitted", student),
    )
    before = file.read_bytes() if file.is_file() else None
    if before == data:
        return "nothing new"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with atomic_write(file) as opened:
        opened.write(data)
    if found := EXCHANGE.match(sent.path.parts[0]):
        (place / "timestamp.txt").write_text(found["time"])
        if sent.secret:
            (place / SECRET).write_bytes(sent.secret)
    return "new" if before is None else "in the place of an earlier one"


# --- Who has sent what -----------------------------------------------------------------

EXCHANGE = re.compile(
    r"(?P<who>.+?)\+(?P<what>[^+]+)\+(?P<time>\d{4}-[^+]+)(\+.*)?"
)
MOODLE = re.compile(r"(?P<who>.+_\d+)_assignsubmission_.*")
CANVAS = re.compile(r"(?P<who>[^_]+)(_LATE)?_(?P<number>\d+)_\d+_.+")


def sender(path: PurePosixPath, assignment: str) -> str:
    """The student whose file this is; see the head of this module."""
    first, *rest = [part for part in path.parts if part != "/"]
    if found := EXCHANGE.fullmatch(first) or MOODLE.fullmatch(first):
        name = found["who"]
    elif rest:
        name = first
    elif found := CANVAS.fullmatch(path.stem):
        name = f"{found['who']}_{found['number']}"
    else:
        name = re.sub(rf"[ _-]+{re.escape(assignment)}$", "", path.stem)
    return re.sub(r"[^\w.@-]+", "_", name).strip("_") or first


def is_litter(path: PurePosixPath) -> bool:
    """Left by JupyterLab or macOS."""
    names = [part for part in path.parts if part != ".."]
    return any(name.startswith((".", "__MACOSX")) for name in names)


def sent_files(source: Path) -> Iterator[Sent]:
    """All files in a folder or a zip. Raises `ValueError` if it is neither."""
    if source.is_dir():
        return files_of_folder(source)
    if zipfile.is_zipfile(source):
        return files_of_zip(source)
    raise ValueError(f"{source} is neither a folder nor a zip")


def files_of_folder(folder: Path) -> Iterator[Sent]:
    """Links are never followed: one that bears a notebook's name will be refused."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            path = PurePosixPath(file.relative_to(folder).as_posix())
            exchange = EXCHANGE.fullmatch(path.parts[0])
            changed = f"{file.lstat().st_mtime:020.6f}"
            time = exchange["time"] if exchange else changed
            secret = secret_beside(file) if exchange else b""
            yield Sent(path, time, partial(read_bytes, file), secret)


def secret_beside(file: Path) -> bytes:
    """What lies beside a submission in the exchange, for `nbgrader release_feedback`."""
    with suppress(ValueError):
        return read_bytes(file.parent / SECRET, most=1000)
    return b""


def files_of_zip(file: Path) -> Iterator[Sent]:
    """The entries, unread; what an entry says of itself is not believed."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"{file} has {len(entries):,} entries")
        for entry in entries:
            path = PurePosixPath(entry.filename)
            if path.parts and not entry.is_dir():
                time = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(
                    *entry.date_time
                )
                yield Sent(path, time, partial(read_entry, file, entry))


def read_entry(file: Path, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry. Raises `ValueError` for all that a notebook is not."""
    name = entry.filename
    if ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name:
        raise ValueError("its name leads out of the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ValueError("it is a link")
    if entry.flag_bits & 1:
        raise ValueError("it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in an unusual way")
    try:
        with zipfile.ZipFile(file) as archive, archive.open(entry) as opened:
            data = opened.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ValueError(f"it is damaged: {error}") from None
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES / 1e6:g} MB")
    return data


if __name__ == "__main__":
    run(Collect)
