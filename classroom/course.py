"""A course directory of nbgrader, one assignment in it, and what became of each
submission."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry, Notebook
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from llm.files import atomic_write

CONFIG = "nbgrader_config.py"
MOST_BYTES = 10_000_000
# What a submission may hold beside its notebook, where a folder was copied as it came.
MOST_FOLDER_BYTES = 100_000_000
MOST_FILES = 1000
# What a notebook may hold: a page with more takes minutes to draw, and to open.
MOST_CELLS = 500
MOST_CHARACTERS = 300_000
DEEPEST = 100
NOTHING_SENT = "nothing sent"
# What a test says that fails without a word.
EMPTY = {
    AssertionError: "this does not hold",
    NotImplementedError: "not written yet",
}
# Of a name, what stays as it is in the name of a folder, a page and an address.
PLAIN = " '’.,_@()-"
LONGEST = 200  # bytes of such a name; file systems end at 255


@dataclass(frozen=True)
class Record:
    """What became of a submission: graded, or why not."""

    # What tells this submission and this form of the assignment from all others.
    submission: str
    assignment: str
    graded: bool
    # Why it was not graded, in words.
    reason: str = ""
    seconds: float = 0.0
    # How the memory of its code was limited, in words.
    memory: str = ""
    # From where it was to be collected, if there was nothing to take.
    source: str = ""


@dataclass(frozen=True)
class Arrival:
    """How a student's work came, where it was collected."""

    # The name of the folder or file, as the learning platform gave it.
    sent_as: str
    # What a teacher has to know beside the grade; empty, most of the time.
    note: str = ""


@dataclass(frozen=True)
class Course:
    """One assignment in a course directory. Raises `ValueError` if it is none."""

    folder: Path
    assignment: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.resolve())
        if not (self.folder / CONFIG).is_file():
            raise ValueError(f"{self.folder} is no course: it has no {CONFIG}")

    @cached_property
    def config(self) -> Config:
        return PyFileConfigLoader(CONFIG, str(self.folder)).load_config()

    def directory(self, student: str = "*") -> CourseDirectory:
        """What nbgrader's commands take; processes wait for each other's writing."""
        names = {"assignment_id": self.assignment, "student_id": student}
        found = CourseDirectory(config=self.config, root=str(self.folder), **names)
        if found.db_url.startswith("sqlite:///") and "?" not in found.db_url:
            found.db_url += "?timeout=60"
        return found

    def gradebook(self) -> Gradebook:
        found = self.directory()
        return Gradebook(found.db_url, found.course_id)

    def notebook(self, gradebook: Gradebook) -> Notebook:
        """The assignment's notebook in the gradebook. Raises `ValueError`."""
        try:
            return gradebook.find_notebook(self.assignment, self.assignment)
        except MissingEntry:
            raise ValueError(
                f"{self.assignment} is not in the gradebook yet: go to {self.folder} "
                f"and say: nbgrader generate_assignment {self.assignment} --create"
            ) from None

    def version(self) -> str:
        """What tells the assignment, as it is in the gradebook, from other forms."""
        with self.gradebook() as gradebook:
            found = self.notebook(gradebook)
            points = {cell.name: cell.max_score for cell in found.grade_cells}
            cells = [
                (cell.name, cell.cell_type, cell.source, points.get(cell.name))
                for cell in found.source_cells
            ]
        return digest(json.dumps(cells).encode())

    # -- files

    def place(self, step: str, student: str) -> Path:
        """The folder of a student at a step: submitted, autograded, feedback."""
        return self.folder / step / student / self.assignment

    def file(self, step: str, student: str) -> Path:
        suffix = ".html" if step == "feedback" else ".ipynb"
        return self.place(step, student) / f"{self.assignment}{suffix}"

    def students(self) -> list[str]:
        """Those who have sent something."""
        folders = (self.folder / "submitted").glob(f"*/{self.assignment}")
        return sorted(folder.parent.name for folder in folders)

    def forget(self, student: str) -> None:
        """Leave no half of a grade: neither files nor, unless a person has marked
        something, what the gradebook says of it."""
        for step in ("autograded", "feedback"):
            shutil.rmtree(self.place(step, student), ignore_errors=True)
        with self.gradebook() as gradebook:
            try:
                found = gradebook.find_submission(self.assignment, student)
            except MissingEntry:
                return
            grades = [grade for each in found.notebooks for grade in each.grades]
            if all(grade.manual_score is None for grade in grades):
                gradebook.remove_submission(self.assignment, student)

    # -- records

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    def records(self) -> dict[str, Record]:
        """What became of each submission, by student."""
        file = self.reports / f"{self.assignment}.json"
        if not file.exists():
            return {}
        saved = json.loads(file.read_text(encoding="utf-8"))
        return {student: Record(**values) for student, values in saved.items()}

    def arrivals(self) -> dict[str, Arrival]:
        """How each student's work came, where it was collected."""
        file = self.reports / f"{self.assignment}.senders.json"
        if not file.exists():
            return {}
        saved = json.loads(file.read_text(encoding="utf-8"))
        return {student: Arrival(**values) for student, values in saved.items()}

    def senders(self) -> dict[str, str]:
        """The name under which each student's work came, where it was collected."""
        return {student: how.sent_as for student, how in self.arrivals().items()}

    def notes(self) -> dict[str, str]:
        """What stands beside the grades of those of whom there is something to say."""
        found = self.arrivals().items()
        return {student: how.note for student, how in found if how.note}

    def save_arrivals(self, arrivals: dict[str, Arrival]) -> None:
        values = {
            student: asdict(arrivals[student]) for student in sorted(arrivals)
        }
        self._save(f"{self.assignment}.senders.json", values)

    def save_records(self, records: dict[str, Record]) -> None:
        values = {student: asdict(records[student]) for student in sorted(records)}
        self._save(f"{self.assignment}.json", values)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else collect, grade or report this assignment meanwhile.

        Whoever comes second says so and waits. A process that ends, however it
        ends, lets the next one in.
        """
        self.reports.mkdir(exist_ok=True)
        with open(self.reports / f".{self.assignment}.lock", "a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                who = file.read().strip() or "unknown"
                print(
                    f"waiting: process {who} is working on {self.assignment}",
                    file=sys.stderr,
                )
                fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def _save(self, name: str, values: dict) -> None:
        self.reports.mkdir(exist_ok=True)
        with atomic_write(self.reports / name, "w") as file:
            json.dump(values, file, indent=1)


def one_line(text: str) -> str:
    """What strangers have written, fit for a terminal or a table."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:1000]


def not_collected(records: dict[str, Record]) -> list[str]:
    """Those of whom there is no notebook: it could not be taken, or nothing came."""
    return [student for student, record in records.items() if not record.submission]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


# --- Names that strangers have ------------------------------------------------------


def student_id(name: str) -> str:
    """The name of a student as that of a folder; no two names have the same.

    Letters of any script with their marks, digits, and what is in `PLAIN` stay as
    they are; any other character is written as `~` and its bytes in hexadecimal, and
    so is what should not begin or end a name. What Unicode can spell in two ways (é
    as one character, or as e and an accent) is one name.

    >>> student_id("Zoë O'Brien_12"), student_id("a/b"), student_id("-a ")
    ("Zoë O'Brien_12", 'a~2Fb', '~2Da~20')
    """
    name = unicodedata.normalize("NFC", name)
    return "".join(
        c if _stays(c, i, name) else _escaped(c) for i, c in enumerate(name)
    )


def _stays(c: str, i: int, name: str) -> bool:
    kind = unicodedata.category(c)[0]
    if kind == "M":
        return i > 0 and unicodedata.category(name[i - 1])[0] in "LM"
    if kind in "LN":
        return True
    return c in PLAIN and i > 0 and (c != " " or i < len(name) - 1)


def _escaped(c: str) -> str:
    return "".join(f"~{byte:02X}" for byte in c.encode(errors="surrogatepass"))


def _unescaped(found: re.Match) -> str:
    data = bytes.fromhex(found[0].replace("~", ""))
    return data.decode(errors="surrogatepass")


def check_name(student: str) -> None:
    """Raises `ValueError` unless this is what `student_id` makes of some name."""
    try:
        name = re.sub(r"(~[0-9A-F]{2})+", _unescaped, student)
    except UnicodeDecodeError:
        name = ""
    if not name or student_id(name) != unicodedata.normalize("NFC", student):
        raise ValueError(
            f"{student!r} cannot be the name of a student: use letters, digits, "
            f"spaces and . , _ - @ ' ( ), a letter or digit first"
        )
    if (size := len(student.encode())) > LONGEST:
        raise ValueError(
            f"the name {student[:20]!r}… is too long: {size} bytes, at most {LONGEST}"
        )


# --- Files that strangers have written ---------------------------------------------


def fingerprint(folder: Path) -> str:
    """What tells what lies in a folder from everything else; links are not followed.

    Of a file that is too large to be graded only size and time are looked at, and
    of too many files only the first: a file of a terabyte with nothing in it would
    take hours.
    """
    parts = []
    for file in sorted(islice(_regular_files(folder), MOST_FILES + 1)):
        about = file.lstat()
        if about.st_size > MOST_BYTES:
            content = f"{about.st_size} {about.st_mtime_ns}"
        else:
            content = hashlib.sha256(read_bytes(file)).hexdigest()
        parts.append((str(file.relative_to(folder)), content))
    return digest(json.dumps(parts).encode())


def check_folder(folder: Path) -> None:
    """Raises `ValueError` if a submission is too large to be copied.

    The sizes are those that the files claim: a copy of a file with holes has none.
    """
    files = list(islice(_regular_files(folder), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise ValueError(f"its folder holds more than {MOST_FILES:,} files")
    size = sum(file.lstat().st_size for file in files)
    if size > MOST_FOLDER_BYTES:
        raise ValueError(
            f"its folder holds {size / 1e6:,.0f} MB, more than "
            f"{MOST_FOLDER_BYTES / 1e6:g} MB"
        )


def _regular_files(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        return
    for path, _, names in os.walk(folder):
        files = (Path(path, name) for name in names)
        yield from (file for file in files if stat.S_ISREG(file.lstat().st_mode))


def read_bytes(file: Path, most: int = MOST_BYTES) -> bytes:
    """A regular file of reasonable size. Raises `ValueError` for all that is none."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ValueError(f"there is no {file.name}") from None
    except OSError as error:
        why = error.strerror
        raise ValueError(f"{file.name} is no regular file: {why}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ValueError(f"{file.name} is no regular file")
    with os.fdopen(handle, "rb") as opened:
        data = opened.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{file.name} is larger than {most / 1e6:g} MB")
    return data


def check_notebook(data: bytes) -> dict:
    """What is in a notebook. Raises `ValueError`, in words, unless we can work with it.

    Only what we use is looked at; how much time that takes is bounded by the size.
    """
    check_kind(data)
    notebook = _parsed(data)
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise ValueError("it is JSON, but no notebook")
    if notebook["nbformat"] != 4:
        raise ValueError(
            f"it is a notebook of format {str(notebook['nbformat'])[:20]}, not 4: "
            f"open it in JupyterLab and save it again"
        )
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise ValueError("it is a notebook without a list of cells")
    if len(cells) > MOST_CELLS:
        raise ValueError(f"it has {len(cells):,} cells, more than {MOST_CELLS:,}")
    for number, cell in enumerate(cells, 1):
        _check_cell(number, cell)
    if (size := sum(map(_length, cells))) > MOST_CHARACTERS:
        raise ValueError(
            f"its cells hold {size:,} characters, outputs not counted, more than "
            f"{MOST_CHARACTERS:,}"
        )
    return notebook


def _length(cell: dict) -> int:
    """Characters of a cell's source; pictures that Colab writes into it not counted."""
    source = "".join(cell.get("source") or "")
    return len(re.sub(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]*", "", source))


def check_kind(data: bytes) -> None:
    """Raises `ValueError`, in words, if this is plainly a file of another kind."""
    if not data.strip(b"\0 \t\r\n"):
        raise ValueError("it is no notebook: the file is empty")
    for start, kind in KINDS.items():
        if data.lstrip()[: len(start)].lower() == start.lower():
            raise ValueError(f"it is no notebook: the file is {kind}")


# How files of other kinds begin that get the name of a notebook by mistake.
KINDS = {
    b"PK\x03\x04": "a zip, or an office document",
    b"%PDF": "a PDF",
    b"<!doctype html": "a web page, saved in place of the notebook",
    b"<html": "a web page, saved in place of the notebook",
    b"version https://git-lfs": "a pointer of Git LFS, and the notebook elsewhere",
    b"\x1f\x8b": "compressed (gzip)",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xff\xfe": "text in UTF-16: open it in JupyterLab and save it again",
    b"\xfe\xff": "text in UTF-16: open it in JupyterLab and save it again",
}


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
        if _depth(text) > DEEPEST:
            raise ValueError(f"it is no notebook: nested more than {DEEPEST} deep")
        return json.loads(text, parse_int=_integer)
    except UnicodeDecodeError:
        raise ValueError("it is no notebook: not even text in UTF-8") from None
    except json.JSONDecodeError as error:
        number, line = error.lineno, text.split("\n")[error.lineno - 1]
        raise ValueError(
            f"it is no notebook: no JSON in line {number}: {line[:40]!r}"
        ) from None


def _integer(digits: str) -> int:
    if len(digits) > 1000:
        raise ValueError(
            f"it is no notebook: it has a number of {len(digits)} digits"
        )
    return int(digits)


def _depth(text: str) -> int:
    """How deep brackets are nested, as if there were none in strings."""
    outside = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    steps = {"[": 1, "{": 1, "]": -1, "}": -1}
    return max(accumulate(steps[c] for c in outside if c in steps), default=0)


def _check_cell(number: int, cell: Any) -> None:
    if not isinstance(cell, dict):
        raise ValueError(f"its cell {number} is no cell")
    if cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise ValueError(f"its cell {number} is neither code nor text")
    source = cell.get("source") or ""
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise ValueError(f"its cell {number} has no source")
    if not isinstance(cell.get("metadata"), dict | None):
        raise ValueError(f"its cell {number} has no proper metadata")
