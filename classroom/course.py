"""A course directory of nbgrader, one assignment in it, and what became of each
submission."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry, Notebook
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from llm.files import atomic_write

CONFIG = "nbgrader_config.py"
MOST_BYTES = 10_000_000
DEEPEST = 100
# What a test says that fails without a word.
EMPTY = {
    AssertionError: "this does not hold",
    NotImplementedError: "not written yet",
}
NAME = re.compile(r"\w[\w.@-]{0,63}")


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

    def senders(self) -> dict[str, str]:
        """The name under which each student's work came, where it was collected."""
        file = self.reports / f"{self.assignment}.senders.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def save_senders(self, senders: dict[str, str]) -> None:
        self._save(f"{self.assignment}.senders.json", senders)

    def save_records(self, records: dict[str, Record]) -> None:
        values = {student: asdict(records[student]) for student in sorted(records)}
        self._save(f"{self.assignment}.json", values)

    def _save(self, name: str, values: dict) -> None:
        self.reports.mkdir(exist_ok=True)
        with atomic_write(self.reports / name, "w") as file:
            json.dump(values, file, indent=1)


def one_line(text: str) -> str:
    """What strangers have written, fit for a terminal or a table."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:1000]


def not_collected(records: dict[str, Record]) -> list[str]:
    """Those who have sent something that nobody could take."""
    return [student for student, record in records.items() if not record.submission]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


# --- Files that strangers have written ---------------------------------------------


def fingerprint(folder: Path) -> str:
    """What tells what lies in a folder from everything else; links are not followed."""
    parts = []
    for file in sorted(_regular_files(folder)):
        with open(file, "rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        parts.append((str(file.relative_to(folder)), content))
    return digest(json.dumps(parts).encode())


def check_name(student: str) -> None:
    """Raises `ValueError` unless a name can be that of a folder, everywhere."""
    if not NAME.fullmatch(student):
        raise ValueError(
            f"{student!r} cannot be the name of a student: use up to 64 letters, "
            f"digits, and . _ - @, a letter or digit first"
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
    for number, cell in enumerate(cells, 1):
        _check_cell(number, cell)
    return notebook


def _parsed(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig")
        if _depth(text) > DEEPEST:
            raise ValueError(f"it is no notebook: nested more than {DEEPEST} deep")
        return json.loads(text, parse_int=_number)
    except UnicodeDecodeError:
        raise ValueError("it is no notebook: not even text in UTF-8") from None
    except json.JSONDecodeError as error:
        line = error.lineno
        raise ValueError(f"it is no notebook: no JSON in line {line}") from None


def _number(digits: str) -> int | float:
    """A whole number; Python refuses to read one of thousands of digits as such."""
    return int(digits) if len(digits) < 100 else float(digits)


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
