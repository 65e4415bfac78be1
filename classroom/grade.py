"""Grade all that was collected: `python -m classroom.grade ps3`.

Each submission is graded in a process of its own (`pool`). What became of it is
written down at once, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from classroom.cells import name_of, read
from classroom.commands import run
from classroom.course import (
    NOTHING_SENT,
    Course,
    Record,
    fingerprint,
    not_collected,
)
from classroom.pool import each_apart
from classroom.report import write_reports
from classroom.sandbox.bubblewrap import check_sandbox
from classroom.sandbox.cgroups import describe, place
from classroom.sandbox.limits import Limits

GRACE_SECONDS = 60  # seconds for all that is not the student's


@dataclass(frozen=True, kw_only=True)
class Grade:
    """Grade all new and changed submissions of an assignment.

        python -m classroom.grade ps3 --jobs 2

    Feedback goes to feedback/<student>/, the class to reports/. Exits with 0 if all
    submissions are graded, with 1 if one is not; the table says which, and why.
    """

    # Its name: that of its folder in source/.
    assignment: Annotated[str, tyro.conf.Positional]
    # How many submissions at a time; best: as many as there are processors.
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
        with course.alone():
            return self.grade(course)

    def grade(self, course: Course) -> int:
        """As the command; raises `ValueError` if nothing can be graded at all."""
        version, limits = course.version(), limits_of(course)
        check_sandbox(course.folder, limits)
        if changed := unreleased(course):
            print(f"note: {changed}", file=sys.stderr)
        students = chosen(course, self.student)
        due = self.due(course, students, version)
        grade_all(course, due, self.jobs, limits.longest_seconds + GRACE_SECONDS)
        print(write_reports(course))
        print(f"graded now: {len(due)}, as before: {len(students) - len(due)}")
        records = course.records()
        wanted = [*students, *([] if self.student else not_collected(records))]
        wanted = [s for s in wanted if records[s].reason != NOTHING_SENT]
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
    memory = describe(place())
    done = each_apart(course, list(due), jobs, seconds)
    with tqdm(total=len(due), disable=None) as bar:
        for number, (student, reason, took) in enumerate(done, 1):
            bar.update()
            what = f"not graded: {reason}" if reason else f"graded in {took:.0f} s"
            bar.write(f"{number}/{len(due)} {student}: {what}", file=sys.stderr)
            if reason:
                course.forget(student)
            values = {"graded": not reason, "reason": reason, "memory": memory}
            records[student] = replace(
                due[student], **values, seconds=round(took, 1)
            )
            course.save_records(records)


def unreleased(course: Course) -> str:
    """Says so if the source has changed since it was released."""
    file = course.file("source", ".")
    if not file.exists():
        return ""
    now = {name_of(cell): cell.source for cell in read(file).cells if name_of(cell)}
    with course.gradebook() as gradebook:
        cells = course.notebook(gradebook).source_cells
        then = {cell.name: cell.source for cell in cells if cell.locked}
    if all(now.get(name) == source for name, source in then.items()):
        return ""
    return (
        f"{file} has changed since it was released; if students shall be graded by "
        f"it, say in {course.folder}: nbgrader generate_assignment {course.assignment}"
    )


def limits_of(course: Course) -> Limits:
    return Limits(**course.config.SandboxedExecute.get("limits", {}))


def chosen(course: Course, wanted: Sequence[str]) -> list[str]:
    """The students to grade. Raises `ValueError` if nobody has sent anything."""
    students = course.students()
    if not students:
        where = course.folder / "submitted"
        raise ValueError(f"nobody has sent {course.assignment}: {where} has none")
    if missing := sorted(set(wanted) - set(students)):
        like = [s for s in students if any(m.lower() in s.lower() for m in missing)]
        hint = f"; there is {', '.join(like)}" if like else ""
        raise ValueError(
            f"nothing from {', '.join(missing)} in {course.folder}{hint}"
        )
    return list(wanted) or students


def is_due(record: Record | None, submission: str, version: str) -> bool:
    """Is it new, changed, or was it not graded?"""
    if record is None or not record.graded:
        return True
    return (record.submission, record.assignment) != (submission, version)


if __name__ == "__main__":
    run(Grade)
