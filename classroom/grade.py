"""Grade all that was collected: `python -m classroom.grade ps3`.

Each submission is graded in a process of its own (`pool`). What became of it is
written down at once, so that a stopped run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from classroom.commands import run
from classroom.course import Course, Record, fingerprint, not_collected
from classroom.jail import Limits, check_jail
from classroom.pool import each_apart
from classroom.report import write_reports

PATIENCE = 60  # seconds for all that is not the student's


@dataclass(frozen=True, kw_only=True)
class Grade:
    """Grade all new and changed submissions of an assignment.

        python -m classroom.grade ps3 --jobs 2

    Feedback goes to feedback/<student>/, the class to reports/. Exits with 0 if all
    submissions are graded, with 1 if one is not; the table says which, and why.
    """

    # Its name: that of its folder in source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # How many submissions at a time; usual: the number of processors.
    jobs: int = 1
    # The course directory.
    course: Path = Path("assignments")
    # Only these students.
    student: tuple[str, ...] = ()
    # Grade again what was graded before.
    again: bool = False

    def __call__(self) -> int:
        if self.jobs < 1:
            raise ValueError(f"jobs={self.jobs} must be at least 1")
        course = Course(self.course, self.assignment)
        version, limits = course.version(), limits_of(course)
        check_jail(course.folder, limits)
        students = chosen(course, self.student)
        due = self.due(course, students, version)
        grade_all(course, due, self.jobs, limits.total_seconds + PATIENCE)
        print(write_reports(course))
        records = course.records()
        wanted = [*students, *([] if self.student else not_collected(records))]
        return int(not all(records[student].graded for student in wanted))

    def due(
        self, course: Course, students: Sequence[str], version: str
    ) -> dict[str, Record]:
        """Who has to be graded, each as if grading had been stopped in the middle."""
        records, due = course.records(), {}
        for student in students:
            submission = fingerprint(course.place("submitted", student))
            if self.again or is_due(records.get(student), submission, version):
                due[student] = Record(
                    submission, version, False, "grading was stopped"
                )
        return due


def grade_all(
    course: Course, due: dict[str, Record], jobs: int, seconds: float
) -> None:
    """Grade, and write down at once what became of each."""
    records = course.records() | due
    course.save_records(records)
    done = each_apart(course, list(due), jobs, seconds)
    for student, reason, took in tqdm(done, total=len(due), disable=None):
        if reason:
            course.forget(student)
        values = {"graded": not reason, "reason": reason, "seconds": round(took, 1)}
        records[student] = replace(due[student], **values)
        course.save_records(records)


def limits_of(course: Course) -> Limits:
    return Limits(**course.config.JailedExecute.get("limits", {}))


def chosen(course: Course, wanted: Sequence[str]) -> list[str]:
    """The students to grade. Raises `ValueError` if nobody has sent anything."""
    students = course.students()
    if not students:
        where = course.folder / "submitted"
        raise ValueError(f"nobody has sent {course.assignment}: {where} has none")
    if missing := sorted(set(wanted) - set(students)):
        raise ValueError(f"nothing from {', '.join(missing)} in {course.folder}")
    return list(wanted) or students


def is_due(record: Record | None, submission: str, version: str) -> bool:
    """Is it new, changed, or was it not graded?"""
    if record is None or not record.graded:
        return True
    return (record.submission, record.assignment) != (submission, version)


if __name__ == "__main__":
    run(Grade)
