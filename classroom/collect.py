"""Collect what students have sent: `python -m classroom.collect SOURCE ps3`.

SOURCE is a folder, the zip of a learning platform, or the inbound folder of
nbgrader's exchange. Nothing is unpacked: from each student one notebook is read, a
regular file of at most 10 MB, looked at, and written to submitted/. Who is who:

    anna/ps3/ps3.ipynb, anna/ps3.ipynb, anna_ps3.ipynb, anna.ipynb    a folder
    Anna Lee_1234_assignsubmission_file_/ps3.ipynb                    Moodle
    leeanna_LATE_1234_5678_ps3.ipynb                                  Canvas
    anna+ps3+2026-11-20 10:00:00 UTC+.../ps3.ipynb                    the exchange

Whatever lies at the top of SOURCE is somebody's, so that whoever has sent something
is in the list: with the notebook that was taken, or with the reason why none was. Of
several notebooks from one student the newest counts that is one, those that bear the
name of the assignment before others.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Protocol

import tyro
from tqdm import tqdm

from classroom.commands import run
from classroom.course import (
    MOST_BYTES,
    NOTHING_SENT,
    Arrival,
    Course,
    Record,
    check_name,
    check_notebook,
    one_line,
    read_bytes,
    student_id,
)
from classroom.roster import absent, read_roster
from llm.files import atomic_write

MOST_ENTRIES = 1_000_000
MOST_TRIED = 20  # notebooks of one student
SECRET = "submission_secret.txt"


@dataclass(frozen=True, kw_only=True)
class Collect:
    """Take one notebook of each student from a folder, a zip, or the exchange.

        python -m classroom.collect ~/Downloads/ps3.zip ps3

    Says of each student what was taken, or why nothing was. Exits with 1 if somebody
    has sent something and nothing of it could be taken.
    """

    # A folder or a zip: its entries are students, or their notebooks.
    source: Annotated[Path, tyro.conf.Positional]
    # The name of the assignment: that of its folder in source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # The course directory.
    course: Path = Path("assignments")
    # A text file with a student in each line: also say who has sent nothing.
    roster: Path | None = None

    def __call__(self) -> int:
        course = Course(self.course, self.assignment)
        roster = read_roster(self.roster) if self.roster else []
        with course.alone():
            taken, refused = collect(self.source, course)
            for student, what in sorted((taken | refused).items()):
                print(f"{student}: {what}")
            missing = note_absent(course, roster) if self.roster else None
        print(f"\n{len(taken)} collected, {len(refused)} not", end="")
        print(
            ""
            if missing is None
            else f", {len(missing)} of the roster sent nothing"
        )
        return int(bool(refused))


class Reader(Protocol):
    """Gives the bytes of a file, or raises `ValueError` that says why not."""

    def __call__(self) -> bytes: ...


@dataclass(frozen=True)
class Sent:
    """A file that somebody has sent, or a folder without anything in it."""

    # Where it lies in the source.
    path: PurePosixPath
    # When it was sent or written; what is later compares greater.
    time: str
    # Nothing to read: a folder.
    read: Reader | None
    # What nbgrader's exchange needs to find the way back to who has sent it.
    secret: bytes = b""
    # How the list names it.
    shown: str = ""


def collect(source: Path, course: Course) -> tuple[dict[str, str], dict[str, str]]:
    """Take a notebook of each student; say, by student, what was taken or why not."""
    taken, refused, records, arrivals = {}, {}, course.records(), course.arrivals()
    with sent_files(source) as files:
        senders = by_sender(files, course.assignment)
        if not senders:
            raise ValueError(f"{source} is empty: nobody has sent anything")
        for student, sent in tqdm(sorted(senders.items()), disable=None):
            try:
                check_name(student)
                taken[student], arrivals[student] = take(course, student, sent)
                if student in records and not records[student].submission:
                    del records[student]
            except ValueError as error:
                refused[student] = one_line(f"not collected: {error}")
                if student not in course.students():
                    why, where = refused[student], str(source.resolve())
                    records[student] = Record("", "", False, why, source=where)
                    continue
                before = arrivals.get(student, Arrival(student))
                note = one_line(f"a newer upload can't be read: {error}")
                arrivals[student] = replace(before, note=note)
                refused[student] += "; what was collected before stays"
    records = without_late_arrivals(records, {*taken, *refused})
    course.save_records(without_strangers(records, senders, source.resolve()))
    course.save_arrivals(arrivals)
    return taken, refused


def without_late_arrivals(
    records: dict[str, Record], senders: set[str]
) -> dict[str, Record]:
    """Whoever had sent nothing, by an earlier roster, and now has, is not missing."""
    before = [s for s, record in records.items() if record.reason == NOTHING_SENT]
    still, _ = absent(before, senders)
    removed = set(before) - set(still)
    return {s: record for s, record in records.items() if s not in removed}


def without_strangers(
    records: dict[str, Record], senders: Collection[str], source: Path
) -> dict[str, Record]:
    """Without what was taken for a student and is none: a file that has been removed
    from the source since, or a folder whose inside is now the source."""

    def is_none(student: str, record: Record) -> bool:
        withdrawn = record.source == str(source) and student not in senders
        return not record.submission and (
            withdrawn or student == student_id(source.name)
        )

    return {s: record for s, record in records.items() if not is_none(s, record)}


def note_absent(course: Course, roster: Sequence[str]) -> list[str]:
    """Write down, and print, who of the roster has sent nothing; and who is not on it."""
    records = {
        student: record
        for student, record in course.records().items()
        if record.reason != NOTHING_SENT
    }
    missing, strangers = absent(roster, {*course.students(), *records})
    for name in missing:
        print(f"{name}: {NOTHING_SENT}")
        records[student_id(name)] = Record("", "", False, NOTHING_SENT)
    for student in strangers:
        print(f"{student}: not on the roster")
    course.save_records(records)
    return missing


# --- What is taken -----------------------------------------------------------------


def take(course: Course, student: str, sent: Sequence[Sent]) -> tuple[str, Arrival]:
    """Keep the newest that is a notebook, and say so. Raises `ValueError`."""
    notebooks = by_rank(filter(is_notebook, sent), course.assignment)
    if not notebooks:
        raise ValueError(instead(sent))
    if several := owners(notebooks, course.assignment):
        raise ValueError(
            f"{notebooks[0].path.parts[0]} holds notebooks of {listed(several)}: if "
            f"these are students, unpack it and give that folder as SOURCE; if all "
            f"are by one student, leave one of them"
        )
    failed: dict[PurePosixPath, str] = {}
    for one in notebooks[:MOST_TRIED]:
        try:
            data = one.read().removeprefix(codecs.BOM_UTF8)
            check_notebook(data)
        except ValueError as error:
            failed[one.path] = f"{one.shown}: {error}"
            continue
        notes = remarkable(one, failed, sent, course.assignment)
        others = [x for x in notebooks if x is not one and x.path not in failed]
        older = [other.shown for other in others if other.time < one.time]
        left = [f"{len(older)} older left: {listed(older)}"] if older else []
        said = "; ".join([*notes, *left, keep(course, student, one, data)])
        return one_line(f"{one.shown} ({said})"), arrival(one, student, notes)
    untried = len(notebooks) - len(failed)
    more = f"{untried:,} more notebooks not looked at; " if untried else ""
    raise ValueError(more + "; ".join(failed.values()))


def arrival(taken: Sent, student: str, notes: Iterable[str]) -> Arrival:
    first = taken.path.parts[0]
    note = one_line("; ".join(notes))
    # nothing that a terminal or a spreadsheet would take for a command
    plain = first.isprintable() and first[0] not in "=+-@"
    return Arrival(first if plain else student, note)


def remarkable(
    taken: Sent,
    failed: Mapping[PurePosixPath, str],
    sent: Iterable[Sent],
    assignment: str,
) -> list[str]:
    """What a teacher has to know beside the grade of the notebook that was taken."""
    notes, left = [], []
    for one in sent:
        if one.path in failed:
            newer = one.time > taken.time
            why = "a newer upload can't be read" if newer else "can't be read"
            notes.append(f"{why}: {failed[one.path]}")
        elif one is not taken and is_rival(one, taken, assignment):
            left.append(one.shown)
    if left:
        notes.append(f"left, though not older: {listed(left)}")
    if is_late(taken.path):
        notes.append("late, says the learning platform")
    return notes


def is_rival(one: Sent, taken: Sent, assignment: str) -> bool:
    """Could it be what the student wanted to hand in, not what was taken?"""
    if one.time == taken.time:
        return is_notebook(one) and bears(one.path, assignment)
    meant = is_notebook(one) or (
        bears(one.path, assignment) and one.read is not None
    )
    return one.time > taken.time and meant


def by_rank(files: Iterable[Sent], assignment: str) -> list[Sent]:
    """Those with the name of the assignment first, of these the newest."""

    def rank(sent: Sent) -> tuple:
        parts = re.split(r"([0-9]+)", str(sent.path))  # 10 comes after 9
        numbered = [int(p) if i % 2 else p for i, p in enumerate(parts)]
        return bears(sent.path, assignment), sent.time, numbered

    return sorted(files, key=rank, reverse=True)


def bears(path: PurePosixPath, assignment: str) -> bool:
    return assignment.casefold() in path.name.casefold()


def is_notebook(sent: Sent) -> bool:
    """By its name; `ps3.ipynb.txt` is what some browsers make of a notebook."""
    named = ".ipynb" in sent.path.name.lower()
    return named and sent.read is not None and not is_hidden(sent.path)


def instead(sent: Iterable[Sent]) -> str:
    """What has come, where no notebook has."""
    files = [one for one in sent if one.read is not None]
    seen = [one for one in files if not is_hidden(one.path)]
    if not files:
        return "an empty folder"
    if not seen:
        return f"nothing but hidden files: {listed(one.shown for one in files)}"
    archives = [one for one in seen if one.path.suffix.lower() in ARCHIVES]
    more = "; archives are not opened" if archives else ""
    return f"no notebook (*.ipynb): {listed(one.shown for one in seen)}{more}"


def owners(notebooks: Iterable[Sent], assignment: str) -> list[str]:
    """Whose the notebooks in one folder seem to be, if of several people.

    A folder of folders, or of files that are named as anna_ps3.ipynb and
    bob_ps3.ipynb: a class, perhaps, where one student was expected. Where a learning
    platform has named the folder there is no question.
    """
    found = set()
    for sent in notebooks:
        first, *rest = sent.path.parts
        if not rest or is_of_platform(first):
            return []
        own = flat_name(rest[0], assignment)
        if len(rest) > 1:
            found.add(rest[0])
        elif own != base_name(rest[0]):
            found.add(own)
    return sorted(found) if len(found) > 1 else []


def listed(names: Iterable[str], most: int = 5) -> str:
    """Some names with commas, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def keep(course: Course, student: str, sent: Sent, data: bytes) -> str:
    """Write a submission in the place of what was there."""
    place, file = (
        course.place("submitted", student),
        course.file("submitted", student),
    )
    if place.parent.exists() and student not in folders_in(place.parent.parent):
        raise ValueError("this disk takes two names for one: rename one of them")
    before = file.read_bytes() if file.is_file() else None
    if before == data:
        return "nothing new"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with atomic_write(file) as opened:
        opened.write(data)
    if found := EXCHANGE.match(sent.path.parts[0]):
        (place / "timestamp.txt").write_text(found["time"], encoding="utf-8")
        if sent.secret:
            (place / SECRET).write_bytes(sent.secret)
    return "new" if before is None else "in the place of an earlier one"


def folders_in(place: Path) -> set[str]:
    """Their names, as `student_id` spells them: some disks spell é in two."""
    return {unicodedata.normalize("NFC", name) for name in os.listdir(place)}


# --- Who has sent what -----------------------------------------------------------------

EXCHANGE = re.compile(
    r"(?P<who>.+?)\+(?P<what>[^+]+)\+(?P<time>\d{4}-[^+]+)(\+.*)?"
)
MOODLE = re.compile(r"(?P<who>.+_\d+)_assignsubmission_.*")
CANVAS = re.compile(r"(?P<who>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_\d+_.+")
ARCHIVES = {".zip", ".7z", ".rar", ".gz", ".tgz", ".tar", ".bz2", ".xz"}
# What is no part of a name at the end of a file's: others may be (j.smith).
SUFFIXES = ARCHIVES | {
    *(".ipynb", ".py", ".json", ".txt", ".md", ".html", ".htm", ".pdf", ".csv"),
    *(".doc", ".docx", ".odt", ".rtf", ".pages", ".png", ".jpg", ".jpeg", ".heic"),
}
# Left by systems and programs; nobody has sent them.
LITTER = {
    *("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"),
    *(".git", ".gitignore", ".directory", ".localized"),
}


def by_sender(files: Iterable[Sent], assignment: str) -> dict[str, list[Sent]]:
    """What each student has sent. The exchange's other assignments are left."""
    senders: dict[str, list[Sent]] = defaultdict(list)
    for sent in without_wrapper(files):
        first = sent.path.parts[0]
        other = EXCHANGE.fullmatch(first)
        if other and other["what"] != assignment:
            continue
        senders[sender(sent.path, assignment)].append(sent)
    return {student: labelled(sent) for student, sent in senders.items()}


def labelled(sent: Sequence[Sent]) -> list[Sent]:
    """Each with what it is called in the list: without the folder of the student."""
    tops = {one.path.parts[0] for one in sent}
    inside = len(tops) == 1 and all(len(one.path.parts) > 1 for one in sent)
    start = 1 if inside and not any(map(EXCHANGE.fullmatch, tops)) else 0
    return [replace(one, shown="/".join(one.path.parts[start:])) for one in sent]


def without_wrapper(files: Iterable[Sent]) -> list[Sent]:
    """Without a folder that holds all that a platform has named, if there is one."""
    files = [replace(one, path=relative(one.path)) for one in files]
    files = [one for one in files if not is_litter(one.path.parts[0])]
    tops = {one.path.parts[0] for one in files}
    inside = [one for one in files if len(one.path.parts) > 1]
    inside = [one for one in inside if not is_litter(one.path.parts[1])]
    if len(tops) != 1 or is_of_platform(*tops) or not inside:
        return files
    if not all(is_of_platform(one.path.parts[1]) for one in inside):
        return files
    return [replace(one, path=PurePosixPath(*one.path.parts[1:])) for one in inside]


def relative(path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(*[part for part in path.parts if part != "/"])


def sender(path: PurePosixPath, assignment: str) -> str:
    """The student whose file this is; see the head of this module."""
    first, *rest = relative(path).parts
    base = base_name(first)
    if found := EXCHANGE.fullmatch(first) or MOODLE.fullmatch(first):
        name = found["who"]
    elif rest:
        name = first
    elif found := CANVAS.fullmatch(base):
        name = f"{found['who']}_{found['number']}"
    else:
        name = flat_name(first, assignment)
    return student_id(name)


def base_name(name: str) -> str:
    """The name of a file without what says of which kind it is."""
    path = PurePosixPath(name)
    while path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return path.name


def flat_name(name: str, assignment: str) -> str:
    """The name of a student in that of a file: anna in anna_ps3.ipynb."""
    base = base_name(name)
    return re.sub(rf"(?i)[ _-]{re.escape(assignment)}$", "", base) or base


def is_of_platform(name: str) -> bool:
    """Is it a name that a learning platform, or the exchange, has given?"""
    return bool(
        EXCHANGE.fullmatch(name)
        or MOODLE.fullmatch(name)
        or CANVAS.fullmatch(base_name(name))
    )


def is_late(path: PurePosixPath) -> bool:
    found = CANVAS.fullmatch(base_name(path.parts[0]))
    return bool(found and found["late"]) and len(path.parts) == 1


def is_litter(name: str) -> bool:
    """Left by a system or a program."""
    return name in LITTER or name.startswith("._")


def is_hidden(path: PurePosixPath) -> bool:
    """Below what somebody has sent, but not meant: checkpoints of JupyterLab."""
    return any(is_litter(name) or name.startswith(".") for name in path.parts[1:])


@contextmanager
def sent_files(source: Path) -> Iterator[Iterator[Sent]]:
    """All files in a folder or a zip. Raises `ValueError` if it is neither."""
    if source.is_dir():
        yield files_of_folder(source)
    elif zipfile.is_zipfile(source):
        try:
            with zipfile.ZipFile(source) as archive:
                yield files_of_zip(archive)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{source} is damaged: {error}") from None
    elif not source.exists():
        raise ValueError(f"there is no {source}")
    else:
        raise ValueError(
            f"{source} is neither a folder nor a zip: unpack it, and give the folder"
        )


def files_of_folder(folder: Path) -> Iterator[Sent]:
    """Links are never followed: one that bears a notebook's name will be refused."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        links = [name for name in folders if os.path.islink(Path(place, name))]
        for name in sorted([*names, *links]):
            file = Path(place, name)
            path = PurePosixPath(file.relative_to(folder).as_posix())
            exchange = EXCHANGE.fullmatch(path.parts[0])
            changed = f"{file.lstat().st_mtime:020.6f}"
            time = exchange["time"] if exchange else changed
            secret = secret_beside(file) if exchange else b""
            yield Sent(path, time, partial(read_bytes, file), secret)
        if not names and not folders and Path(place) != folder:
            path = PurePosixPath(Path(place).relative_to(folder).as_posix())
            yield Sent(path, "", None)


def _raise(error: OSError) -> None:
    raise error


def secret_beside(file: Path) -> bytes:
    """What lies beside a submission in the exchange, for `nbgrader release_feedback`."""
    with suppress(ValueError):
        return read_bytes(file.parent / SECRET, most=1000)
    return b""


def files_of_zip(archive: zipfile.ZipFile) -> Iterator[Sent]:
    """The entries, unread; what an entry says of itself is not believed."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ValueError(f"{archive.filename} has {len(entries):,} entries")
    for entry in entries:
        path = PurePosixPath(entry_name(entry))
        time = "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*entry.date_time)
        if path.parts not in ((), ("/",)):
            is_folder = entry.is_dir()
            reader = None if is_folder else partial(read_entry, archive, entry)
            yield Sent(path, "" if is_folder else time, reader)


def entry_name(entry: zipfile.ZipInfo) -> str:
    """The name of an entry, with `/` between its parts.

    macOS writes names in UTF-8 without saying so, and Python takes them for the code
    page of old PCs; some programs for Windows write backslashes.
    """
    name = entry.filename
    if not entry.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/")


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of an entry. Raises `ValueError` for all that a notebook is not."""
    name = entry_name(entry)
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise ValueError("its name leads out of the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ValueError("it is a link")
    if entry.flag_bits & 1:
        raise ValueError("it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in an unusual way")
    try:
        with archive.open(entry) as opened:
            data = opened.read(MOST_BYTES + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
    ) as error:
        raise ValueError(f"it is damaged: {error}") from None
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES / 1e6:g} MB")
    return data


if __name__ == "__main__":
    run(Collect)
