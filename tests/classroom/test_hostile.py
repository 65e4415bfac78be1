"""Hostile and broken submissions: none gains a point, learns a secret, or costs
anybody else anything, and each ends graded or with a reason in words.

They are all graded in one run, among three honest ones. Their code runs in the
sandbox only: without a sandbox, all of this is skipped.
"""

from __future__ import annotations

import csv
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import attacks
import nbformat
import psutil
import pytest
import tiny

from classroom.course import Course, fingerprint
from classroom.grade import GRACE_SECONDS, Grade
from conftest import abandoned_groups, wait_until

ENVIRONMENT = "planted-in-the-environment"
NEIGHBOUR = "planted-in-a-neighbour"
SECRETS = [
    *(tiny.SECRET, tiny.SOLUTION, tiny.MARKING, ENVIRONMENT, NEIGHBOUR),
    "planted-in-a-message",
]
HONEST = {"right": 8, "released": 0, "neighbour": 8}
CODE = {name: points for name, (_, points) in attacks.CODE.items()}
CODE |= {"read-it-all": {3}, "write-it-all": {3}}


@dataclass(frozen=True)
class Graded:
    """The class after grading, and what it looked like before."""

    course: Course
    status: int
    table: dict[str, dict[str, str]]
    before: str
    visitors: int
    printed: str


@pytest.fixture(scope="module")
def graded(sandbox, tmp_path_factory) -> Graded:
    course = tiny.make_course(tmp_path_factory.mktemp("course"))
    printed = tmp_path_factory.mktemp("printed") / "out.txt"
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("", 0)) as server,
    ):
        patch.setenv("PLANTED", ENVIRONMENT)
        submit_all(course, server.getsockname()[1])
        before = fingerprint(course.folder / "submitted")
        with printed.open("w") as out:
            patch.setattr("sys.stdout", out)
            status = Grade(assignment="tiny", course=course.folder, jobs=2)()
        server.settimeout(0.1)
        visitors = 0
        with pytest.raises(TimeoutError):
            while server.accept():
                visitors += 1
    lines = (course.reports / "tiny.csv").read_text().splitlines()
    table = {line["student"]: line for line in csv.DictReader(lines)}
    return Graded(course, status, table, before, visitors, printed.read_text())


def submit_all(course: Course, port: int) -> None:
    own = tiny.RIGHT | {"double": f"{tiny.RIGHT['double']}  # {NEIGHBOUR}"}
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    tiny.submit(course, "neighbour", tiny.answered(course, **own))
    tiny.submit(course, "released", tiny.released(course))
    for name, notebook in attacks.code_attacks(course, port).items():
        tiny.submit(course, name, notebook)
    for name, (make, _) in attacks.FORMS.items():
        tiny.submit(course, name, make(course))
    for name, (make, _) in attacks.NOT_GRADED.items():
        tiny.submit(course, name, make(course))
    beside = course.place("submitted", "right")
    (beside / "stolen.db").symlink_to(course.folder / "gradebook.db")


@pytest.mark.parametrize("name", HONEST)
def test_honest_students_get_what_they_deserve(graded, name):
    assert float(graded.table[name]["points"]) == HONEST[name]


@pytest.mark.parametrize("name", CODE)
def test_an_attack_gains_nothing(graded, name):
    line = graded.table[name]
    assert line["graded"] == "yes", line["reason"]
    assert float(line["double"]) == 0
    assert float(line["points"]) in CODE[name]


@pytest.mark.parametrize("name", attacks.FORMS)
def test_the_form_of_a_notebook_changes_nothing(graded, name):
    line = graded.table[name]
    assert line["graded"] == "yes", line["reason"]
    assert (float(line["points"]), float(line["of"])) == (
        attacks.FORMS[name][1],
        10,
    )


@pytest.mark.parametrize("name", attacks.NOT_GRADED)
def test_what_is_no_notebook_has_a_reason_and_no_points(graded, name):
    line = graded.table[name]
    assert line["graded"] == "no" and line["points"] == ""
    assert attacks.NOT_GRADED[name][1] in line["reason"]
    assert not graded.course.place("autograded", name).exists()
    with graded.course.gradebook() as gradebook, pytest.raises(ValueError):
        gradebook.find_submission("tiny", name)


def test_the_class_is_complete_and_the_status_says_that_some_are_not_graded(graded):
    assert set(graded.table) == {
        *HONEST,
        *CODE,
        *attacks.FORMS,
        *attacks.NOT_GRADED,
    }
    assert graded.status == 1


def test_no_secret_is_to_be_seen(graded):
    """Not on pages for students, and not in the outputs of their cells."""
    for student in graded.table:
        page = graded.course.file("feedback", student)
        seen = page.read_text() if page.exists() else ""
        file = graded.course.file("autograded", student)
        if file.exists():
            cells = nbformat.read(file, as_version=4).cells
            seen += str([cell.get("outputs") for cell in cells])
        own = {NEIGHBOUR} if student == "neighbour" else set()
        own |= {"planted-in-a-message"} if student == "leave-a-message" else set()
        found = {secret for secret in SECRETS if secret in seen} - own
        assert not found, f"{student} has seen {found}"


def test_reports_hold_no_secrets_and_nothing_for_terminals(graded):
    files = graded.course.reports.iterdir()  # the zip holds pages, seen above
    reports = [file.read_text() for file in files if file.suffix != ".zip"]
    for text in [*reports, graded.printed]:
        assert not [secret for secret in SECRETS if secret in text]
        assert "\x1b" not in text and "\x07" not in text


def test_nobody_went_out(graded):
    assert graded.visitors == 0
    outputs = str(outputs_of(graded.course, "network"))
    assert "reached" not in outputs and "rror" in outputs


def test_nothing_was_written_and_nobody_became_root(graded):
    assert fingerprint(graded.course.folder / "submitted") == graded.before
    assert not (graded.course.folder / "autograded" / "evil").exists()
    assert not list(graded.course.folder.rglob("pwned"))
    assert not Path("/tmp/pwned").exists()
    for student, words in {
        "write-it-all": ["written"],
        "privileges": ["became root", "mounted", "open file"],
    }.items():
        shown = str(outputs_of(graded.course, student))
        shown = shown.replace("written /tmp/", "")  # that was its own
        assert not [word for word in words if word in shown], shown


def test_links_do_not_travel(graded):
    assert not (graded.course.place("autograded", "right") / "stolen.db").exists()


def test_everything_ended_and_in_time(graded):
    lines = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert ["sleep", "86399"] not in lines
    wait_until(lambda: not abandoned_groups())
    most = 2 * tiny.SMALL["total_seconds"] + GRACE_SECONDS
    records = graded.course.records()
    assert max(record.seconds for record in records.values()) < most + 10


def test_pages_run_nothing(graded):
    pages = list((graded.course.folder / "feedback").rglob("*.html"))
    assert len(pages) == len(HONEST) + len(CODE) + len(attacks.FORMS)
    for page in [*pages, graded.course.reports / "tiny.html"]:
        html = page.read_text()
        tags = " ".join(re.findall(r"<[^>]*>", html)).lower()
        assert (
            "<script" not in tags and "<iframe" not in tags and "<svg" not in tags
        )
        assert not re.search(r"<[^>]*\son\w+\s*=", html)
        assert "javascript:" not in tags and "http://planted" not in tags
        assert "default-src 'none'" in html


def test_nothing_is_graded_twice(graded, monkeypatch):
    """What could not be graded is tried again; what was, is not."""
    marker = time.time()
    for name in attacks.NOT_GRADED:
        assert not graded.course.records()[name].graded
    status = Grade(
        assignment="tiny", course=graded.course.folder, student=("right",)
    )()
    assert status == 0
    assert os.path.getmtime(graded.course.file("autograded", "right")) < marker


def outputs_of(course: Course, student: str) -> list:
    notebook = nbformat.read(course.file("autograded", student), as_version=4)
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
