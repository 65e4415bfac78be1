"""Many submissions at a time, each in a process of its own that has an end.

A process takes one submission through nbgrader's Autograde and GenerateFeedback,
with the steps of `settings`, and sends back why it could not, or nothing.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from nbformat.v4 import new_notebook
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import BaseConverter, NbGraderException

from classroom.course import (
    Course,
    check_folder,
    check_name,
    check_notebook,
    one_line,
    read_bytes,
)
from classroom.pages import plain_page
from llm.files import atomic_write


@dataclass(frozen=True)
class Job:
    """A submission that is being graded."""

    student: str
    process: multiprocessing.process.BaseProcess
    answer: Connection
    began: float


def each_apart(
    course: Course, students: Sequence[str], jobs: int, seconds: float
) -> Iterator[tuple[str, str, float]]:
    """Grade each in a process of its own, `jobs` at a time, none beyond `seconds`.

    Yields of each the student, why there is no grade (empty if there is one), and
    how many seconds it took, in the order in which they end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["classroom.pool", "classroom.settings"])
    waiting, running = deque(students), []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(started(context, course, waiting.popleft()))
            wait([job.process.sentinel for job in running], timeout=1)
            for job in [job for job in running if is_over(job, seconds)]:
                running.remove(job)
                took = time.monotonic() - job.began
                yield job.student, outcome(job, seconds), took
    finally:
        for job in running:
            job.process.kill()


def started(
    context: multiprocessing.context.BaseContext, course: Course, student: str
) -> Job:
    answer, channel = context.Pipe(duplex=False)
    what = (course.folder, course.assignment, student, channel)
    process = context.Process(target=work, args=what, daemon=True)
    process.start()
    channel.close()
    return Job(student, process, answer, time.monotonic())


def is_over(job: Job, seconds: float) -> bool:
    return not job.process.is_alive() or time.monotonic() - job.began > seconds


def outcome(job: Job, seconds: float) -> str:
    """Why a job that is over gave no grade; empty if it gave one."""
    if job.process.is_alive():
        job.process.kill()  # the sandbox dies with it
        job.process.join()
        return f"grading took more than {seconds:g} s"
    job.process.join()
    try:
        return job.answer.recv_bytes(10_000).decode()
    except (EOFError, OSError):
        return f"the grader itself ended (status {job.process.exitcode})"
    finally:
        job.answer.close()


# --- One of them ---------------------------------------------------------------------


def work(folder: Path, assignment: str, student: str, channel: Connection) -> None:
    """In a process of its own: grade, and send why not, or nothing."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who has started this will end it
    try:
        grade(Course(folder, assignment), student)
        reason = ""
    except Exception as error:
        reason = str(error) or type(error).__name__
    channel.send_bytes(one_line(reason).encode())


def grade(course: Course, student: str) -> None:
    """Grade a submission and write its feedback. Raises `ValueError` if it cannot."""
    check_name(student)
    place = course.place("submitted", student)
    if place.is_symlink() or place.parent.is_symlink():
        raise ValueError("its folder is a link")
    check_notebook(read_bytes(course.file("submitted", student)))
    check_folder(place)
    convert(Autograde, course, student)
    give_feedback(course, student)


def give_feedback(course: Course, student: str) -> None:
    """Write a student's page; if nbgrader cannot, one that says so: work that is
    graded stays graded."""
    try:
        convert(GenerateFeedback, course, student)
    except ValueError as error:
        file = course.file("feedback", student)
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file, "w") as opened:
            opened.write(plain_page(new_notebook(), {}, str(error)))


def convert(step: type[BaseConverter], course: Course, student: str) -> None:
    """One step of nbgrader for one student. Raises `ValueError` with its reason."""
    converter = step(coursedir=course.directory(student), config=course.config)
    converter.force = True
    log = Reasons()
    converter.log = logging.Logger(step.__name__, logging.ERROR)
    converter.log.addHandler(log)
    try:
        converter.start()
    except NbGraderException:
        raise ValueError(log.reason or "nbgrader could not say why") from None


class Reasons(logging.Handler):
    """Keeps the first error that nbgrader catches, and only logs."""

    reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        error = sys.exception()
        if error and not self.reason:
            said, kind = str(error).split("\n")[0], type(error).__name__
            plain = isinstance(error, ValueError)  # ours, and in words
            self.reason = said if plain else f"{kind}: {said}"
