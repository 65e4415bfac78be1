"""From a release to grades, feedback and tables; stopped runs, changes, and people
who mark by hand."""

from __future__ import annotations

import csv
import html
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import guide
import nbformat
import pytest
import tiny
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.converters import GenerateAssignment

from classroom import pool
from classroom.cells import name_of
from classroom.collect import Collect, collect
from classroom.course import NOTHING_SENT, Course, Record
from classroom.grade import Grade, limits_of
from classroom.pages import Marks
from classroom.pool import convert, each_apart
from classroom.report import Report
from classroom.sandbox import cgroups
from classroom.sandbox.cgroups import describe
from classroom.sandbox.process import Sandbox
from conftest import abandoned_groups, wait_until

REPOSITORY = Path(__file__).parents[2]
WRONG = {
    **tiny.RIGHT,
    "double": "def double(x):\n    print('own-words')\n    return x**2",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Course:
    return tiny.make_course(tmp_path_factory.mktemp("course"))


@pytest.fixture
def course(made, tmp_path) -> Course:
    """A fresh copy of the course, with nobody in it."""
    shutil.copytree(made.folder, tmp_path / "course")
    return Course(tmp_path / "course", "tiny")


def grade(course: Course, **options) -> int:
    return Grade(assignment="tiny", course=course.folder, **options)()


def table(course: Course) -> dict[str, dict[str, str]]:
    lines = (course.reports / "tiny.csv").read_text().splitlines()
    return {line["student"]: line for line in csv.DictReader(lines)}


def written(course: Course, student: str) -> float:
    return os.path.getmtime(course.file("autograded", student))


def test_what_students_get_has_no_secrets(made):
    text = made.file("release", ".").read_text()
    assert not [s for s in (tiny.SECRET, tiny.SOLUTION, tiny.MARKING) if s in text]


def test_a_class_is_graded_once_and_again_where_something_changed(
    sandbox, course, capsys
):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    tiny.submit(course, "wrong", tiny.answered(course, **WRONG))
    assert grade(course, jobs=2) == 0
    printed = capsys.readouterr().out
    assert "right       8 of 10, 1 to mark" in printed
    assert "1 × double: twice 3 is 6" in printed and "2 of 2 graded" in printed
    memory = f"Memory of students' code was limited by {describe(cgroups.place())}."
    assert memory in printed
    line = table(course)["wrong"]
    assert (line["points"], line["double"], line["Tally"]) == ("3", "0", "3")
    page = (course.reports / "tiny.html").read_text()
    assert "twice 3 is 6" in page and "<script" not in page
    assert html.escape(memory) in page
    feedback = course.file("feedback", "wrong").read_text()
    assert "twice 3 is 6" in feedback and "a hidden test" in feedback
    assert tiny.SECRET not in feedback
    assert feedback.count("own-words") == 1  # in the source; tests show no prints

    before = written(course, "right")
    course.file("submitted", "wrong").unlink()
    nbformat.write(
        tiny.answered(course, **tiny.RIGHT), course.file("submitted", "wrong")
    )
    assert grade(course) == 0
    assert written(course, "right") == before
    assert table(course)["wrong"]["points"] == "8"

    other = tiny.source()
    other.cells[4].source += "\nassert Tally().n == 0"
    other.cells[5].metadata.nbgrader.points = 5
    nbformat.write(other, course.file("source", "."))
    convert(GenerateAssignment, course, ".")
    assert grade(course, student=("right",)) == 0
    assert written(course, "right") > before
    assert table(course)["right"]["of"] == "12"


def test_marks_of_a_person_are_kept_and_reach_the_student(sandbox, course, capsys):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    silent = {name: tiny.RIGHT[name] for name in ("double", "Tally")}
    tiny.submit(course, "silent", tiny.answered(course, **silent))
    assert grade(course, jobs=2) == 0
    assert table(course)["silent"]["to_mark"] == "0"  # no answer, no point
    with course.gradebook() as gradebook:
        found = gradebook.find_grade("why", "tiny", "tiny", "right")
        found.manual_score, found.needs_manual_grade = 1.5, False
        gradebook.find_comment(
            "why", "tiny", "tiny", "right"
        ).manual_comment = "Good!"
        gradebook.db.commit()
    assert Report(assignment="tiny", course=course.folder)() == 0
    line = table(course)["right"]
    assert (line["points"], line["why"], line["to_mark"]) == ("9.5", "1.5", "0")
    assert "Good!" in course.file("feedback", "right").read_text()
    course.forget("right")
    assert grade(course, again=True, student=("right",)) == 0
    assert table(course)["right"]["why"] == "1.5"
    assert table(course)["right"]["to_mark"] == "1"  # nbgrader asks to look again
    page = course.file("feedback", "right").read_text()
    assert "</a>: 1.5 of 2, <a" in page and "not marked yet" not in page


def test_the_marking_guide_is_there_for_who_marks_and_for_nobody_else(
    sandbox, course
):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    assert grade(course) == 0
    assert tiny.MARKING in course.file("autograded", "right").read_text()
    assert tiny.MARKING not in course.file("feedback", "right").read_text()


def test_feedback_lists_the_tasks_and_returns_under_the_names_it_came_with(
    sandbox, course, tmp_path
):
    sent = tmp_path / "sent" / "Zoé O'Brien_12_assignsubmission_file_"
    sent.mkdir(parents=True)
    nbformat.write(tiny.answered(course, **tiny.RIGHT), sent / "tiny.ipynb")
    # tests in front of what they test, and a task of the student's own
    mixed = tiny.answered(course, **tiny.RIGHT)
    mixed.cells = [new_markdown_cell("## Task 9"), *reversed(mixed.cells)]
    tiny.submit(course, "mixed", mixed)
    collect(sent.parent, course)
    assert grade(course) == 0
    student = "Zoé O'Brien_12"
    assert table(course)[student]["sent_as"] == sent.name
    with zipfile.ZipFile(course.reports / "tiny-feedback.zip") as packed:
        assert set(packed.namelist()) == {
            f"{sent.name}/tiny.html", "mixed/tiny.html"
        }  # fmt: skip
        page = packed.read(f"{sent.name}/tiny.html").decode()
    listed = re.findall(r'<li><a href="#(\w+)">(.*?)</a>: (.*?)</li>', page)
    assert listed == [
        ("test_double", "double", "5 of 5"),
        ("test_tally", "Tally", "3 of 3"),
        ("why", "why", "not marked yet, of 2"),
    ]
    assert "not marked yet: 0.0 / 2.0" in page and "pre-wrap" in page
    mixed = course.file("feedback", "mixed").read_text()
    assert len(re.findall(r'<li><a href="#', mixed)) == 3


def test_what_grading_says_on_the_way(sandbox, course, capsys):
    for student in ("Anna_Lee_12", "Ben_13"):
        tiny.submit(course, student, tiny.answered(course, **tiny.RIGHT))
    assert grade(course, student=("Ben_13",)) == 0
    assert grade(course) == 0
    out, err = capsys.readouterr()
    assert out.endswith("graded now: 1, as before: 1\n")
    assert re.search(r"1/1 Anna_Lee_12: graded in \d+ s\n", err)
    assert "has changed since it was released" not in err
    with pytest.raises(
        ValueError, match=r"nothing from anna in .*; there is Anna_Lee_"
    ):
        grade(course, student=("anna",))
    other = tiny.source()
    other.cells[5].source += "\nassert double(4) == 8"
    nbformat.write(other, course.file("source", "."))
    assert grade(course) == 0
    assert "has changed since it was released" in capsys.readouterr().err


def test_nothing_written_is_no_common_mistake(sandbox, course, capsys):
    tiny.submit(course, "nothing", tiny.released(course))
    assert grade(course) == 0
    assert "most often" not in capsys.readouterr().out


def test_an_answer_counts_wherever_it_stands_and_both_are_told(
    sandbox, course, capsys
):
    both = new_code_cell(f"{tiny.RIGHT['double']}\n\n\n{tiny.RIGHT['Tally']}")
    one = tiny.answered(course, why=tiny.RIGHT["why"])
    lost = ("double", "Tally")
    one.cells = [both, *(c for c in one.cells if name_of(c) not in lost)]
    tiny.submit(course, "one_cell", one)
    below = tiny.answered(course, **tiny.RIGHT)
    number = [name_of(cell) for cell in below.cells].index("why")
    below.cells[number].source = "YOUR ANSWER HERE"
    below.cells.insert(number + 1, new_markdown_cell("Because."))
    tiny.submit(course, "below", below)
    begun = "def double(x):\n    y = 2 * x\n    raise NotImplementedError()"
    tiny.submit(course, "begun", tiny.answered(course, double=begun))
    assert grade(course, jobs=2) == 0
    lines = table(course)
    said = "double, Tally: was answered in another cell, which counts"
    assert lines["one_cell"]["points"] == "8" and said in lines["one_cell"]["notes"]
    assert (lines["below"]["points"], lines["below"]["to_mark"]) == ("8", "1")
    assert lines["begun"]["points"] == "0" and lines["begun"]["notes"] == ""
    printed = capsys.readouterr().out
    assert "Put right before grading:\nbelow: why: was left empty, and s" in printed
    assert f"\none_cell: {said}\n" in printed
    for page in (course.reports / "tiny.html", course.file("feedback", "one_cell")):
        assert said in page.read_text()
    begun = re.sub("<[^>]+>", "", course.file("feedback", "begun").read_text())
    assert "double raises NotImplementedError: it is not written yet, or a" in begun
    assert begun.count(": not written yet") == 1  # only Tally is


def test_what_is_no_answer_to_the_assignment_is_not_graded(sandbox, course):
    nameless = tiny.answered(course, **tiny.RIGHT)
    for cell in nameless.cells:
        cell.metadata.clear()
    tiny.submit(course, "nameless", nameless)
    tiny.submit(course, "empty", new_notebook())
    imports = new_code_cell("1", metadata=tiny.marks("imports", locked=True))
    tiny.submit(course, "other", new_notebook(cells=[imports]))
    other = tiny.source()
    nbformat.write(other, course.folder / "source" / "next.ipynb")
    home = course.folder / "source" / "next"
    home.mkdir()
    nbformat.write(tiny.source(), home / "next.ipynb")
    following = Course(course.folder, "next")
    convert(GenerateAssignment, following, ".")
    tiny.submit(course, "next", tiny.released(following))
    assert grade(course, jobs=2) == 1
    said = (
        "the notebook holds no answer to tiny: is it the notebook that was handed out? "
        "Cells that were copied into another notebook lose their names"
    )
    for student in ("nameless", "empty", "other"):
        line = table(course)[student]
        assert (line["graded"], line["points"]) == ("no", "")
        assert line["reason"] == said
    reason = "this is the notebook of next, another assignment"
    assert table(course)["next"]["reason"] == reason


def test_no_points_by_defining_what_the_tests_define(sandbox, course):
    """Hidden tests first, and the tests' helpers in the student's own words."""
    source = tiny.source()
    visible, hidden = source.cells[2:4]
    visible.source = (
        "assert double(3) == 6\n\n\ndef is_twice(y, x):\n    return y == x + x"
    )
    inside = "assert is_twice(double(4), 4)"
    hidden.source = f"### BEGIN HIDDEN TESTS\n{inside}\n### END HIDDEN TESTS"
    nbformat.write(source, course.file("source", "."))
    convert(GenerateAssignment, course, ".")
    cheat = "def double(x):\n    return 1\n\n\ndef is_twice(y, x):\n    return True"
    for student, answer in {"cheat": cheat, "honest": tiny.RIGHT["double"]}.items():
        work = tiny.answered(course, **tiny.RIGHT | {"double": answer})
        work.cells[2:4] = work.cells[3:1:-1]
        tiny.submit(course, student, work)
    assert grade(course, jobs=2) == 0
    assert table(course)["cheat"]["double"] == "0"
    assert table(course)["honest"]["double"] == "5"
    page = html.unescape(course.file("feedback", "cheat").read_text())
    assert "the test above, which defines 'is_twice', did not get so far" in page


PASTED = (
    "Because ![of this](attachment:drawn.png), ![gone](attachment:gone.png), "
    "![a file](x.png) and ![far](http://example.org/x.png)"
)
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
UNDRAWN = """
from classroom.pages import FeedbackPage, Marks
Marks.preprocess = lambda *_: 1 / 0
"""
UNWRITTEN = """
from classroom.pool import GenerateFeedback
def start(self): raise ValueError("no page today")
GenerateFeedback.start = start
"""


def test_no_picture_and_no_text_costs_the_grade(sandbox, course):
    sent = tiny.answered(course, **tiny.RIGHT | {"why": PASTED})
    sent.cells[-1].attachments = {
        "drawn.png": {"image/png": DOT},
        "odd.svg": {"image/svg+xml": "<script>"},
        "none.png": {"image/png": "no picture"},
    }
    flood = "display({'image/png': 'no', 'text/html': '<script>'}, raw=True)\n'x' * 10**7"
    for odd in ("<div>" * 3000, "$" * 9999, "`" * 100_000, "[a](http://[)", "\0"):
        sent.cells += [new_markdown_cell(odd), new_code_cell(f"print({odd!r})")]
    sent.cells.append(new_code_cell(flood))
    tiny.submit(course, "odd", sent)
    assert grade(course) == 0
    assert (
        table(course)["odd"]["points"] == "8" and not table(course)["odd"]["notes"]
    )
    page = course.file("feedback", "odd").read_text()
    assert f'src="data:image/png;base64,{DOT}"' in page and "<script" not in page
    assert page.count("[a picture that is not in the notebook: ") == 3
    graded = nbformat.read(course.file("autograded", "odd"), as_version=4)
    (why,) = [cell for cell in graded.cells if name_of(cell) == "why"]
    assert why.attachments == {"drawn.png": {"image/png": DOT}}  # for who marks it


@pytest.fixture
def undone(monkeypatch):
    """What a course's settings replace in this process, too, is put back."""
    for owner, name in (
        (Marks, "preprocess"), (pool.GenerateFeedback, "start"), (Sandbox, "_excess"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.mark.parametrize("fault", [UNDRAWN, UNWRITTEN])
def test_a_page_that_cannot_be_drawn_leaves_the_grade(
    sandbox, course, fault, undone
):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    config = course.folder / "nbgrader_config.py"
    config.write_text(config.read_text() + fault)
    assert grade(course) == 0
    assert table(course)["right"]["points"] == "8"
    said = "the page of feedback could not be drawn, and is plain text"
    assert table(course)["right"]["notes"] == said
    page = course.file("feedback", "right").read_text()
    assert "could not be drawn as usual" in page and tiny.SECRET not in page
    if fault == UNDRAWN:
        assert "return 2 * x" in page and "<h3>test_double: 2 of 2</h3>" in page
        assert "(ZeroDivisionError: division by zero)" in page
    else:
        assert "(no page today)" in page
    assert Report(assignment="tiny", course=course.folder)() == 0


def test_a_fault_of_the_sandbox_is_no_zero(sandbox, course, undone):
    slow = tiny.RIGHT | {
        "double": f"import time; time.sleep(1)\n{tiny.RIGHT['double']}"
    }
    tiny.submit(course, "right", tiny.answered(course, **slow))
    blind = course.folder / "nbgrader_config.py"
    blind.write_text(blind.read_text() + BLIND)
    assert grade(course) == 1
    line = table(course)["right"]
    assert (line["graded"], line["points"]) == ("no", "")
    assert line["reason"].startswith(
        "the sandbox failed, not the work: it could not"
    )


BLIND = """
from classroom.sandbox.process import Sandbox
Sandbox._excess = lambda self: 1 / 0 if hasattr(self, "deadline") else ""  # once started
"""


@pytest.mark.parametrize("end, reason", [
    ("while True: pass", "OutOfTime: stopped after 3 s"),
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("x = (", "SyntaxError"),
])  # fmt: skip
def test_a_name_that_is_missing_has_its_reason_in_the_table(
    sandbox, course, end, reason
):
    answers = tiny.RIGHT | {"double": f"{end}\n{tiny.RIGHT['double']}"}
    tiny.submit(course, "late", tiny.answered(course, **answers))
    assert grade(course) == 0
    page = (course.reports / "tiny.html").read_text()
    words = "name 'double' is not defined, because its cell ended with "
    assert html.escape(words + reason) in page


def test_who_cannot_be_graded_is_no_zero_and_harms_nobody(
    sandbox, course, tmp_path
):
    for student in ("right", "slow", "crash"):
        tiny.submit(course, student, tiny.answered(course, **tiny.RIGHT))
    (tmp_path / "sent" / "lost").mkdir(parents=True)
    (tmp_path / "sent" / "lost" / "tiny.ipynb").write_text("lost")
    collect(tmp_path / "sent", course)
    tiny.submit(course, "*", tiny.answered(course, **tiny.RIGHT))
    assert grade(course, jobs=2) == 1
    lines = table(course)
    assert lines["right"]["points"] == "8"
    assert "cannot be the name" in lines["*"]["reason"]
    assert "not collected: tiny.ipynb" in lines["lost"]["reason"]
    assert {lines[name]["points"] for name in ("*", "lost")} == {""}


def test_a_grader_that_hangs_or_dies_is_ended(sandbox, course, monkeypatch):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    ((_, reason, _),) = each_apart(course, ["right"], 1, 0.3)
    assert reason == "grading took more than 0.3 s"
    wait_until(lambda: not abandoned_groups())
    monkeypatch.setattr(pool, "work", os.abort)  # which takes no arguments
    ((_, reason, _),) = each_apart(course, ["right"], 1, 60)
    assert "the grader itself ended" in reason


def test_a_stopped_run_goes_on_where_it_was(sandbox, course, monkeypatch):
    for student in ("first", "second"):
        tiny.submit(course, student, tiny.answered(course, **tiny.RIGHT))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("classroom.grade.each_apart", stopped_after_one)
        grade(course)
    records = course.records()
    assert records["first"].graded and not records["second"].graded
    assert records["second"].reason == "grading was stopped"
    before = written(course, "first")
    assert grade(course) == 0
    assert written(course, "first") == before


def stopped_after_one(*args):
    yield next(each_apart(*args))
    raise KeyboardInterrupt


def nbgrader(course: Course, *words: str) -> subprocess.CompletedProcess:
    """A command of nbgrader, as a teacher gives it in the course."""
    path = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "HOME": "/tmp"}
    program = [f"{sys.prefix}/bin/nbgrader", *words]
    return subprocess.run(
        program, cwd=course.folder, env=path, capture_output=True, text=True
    )


def test_plain_nbgrader_does_the_same(sandbox, course):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    tiny.submit(course, "broken", b"broken")
    (holes := course.place("submitted", "right") / "holes").touch()
    os.truncate(holes, 1 << 40)  # nbgrader would copy a terabyte of nothing
    done = nbgrader(course, "autograde", "tiny")
    assert done.returncode == 1 and "broken" in done.stderr
    assert nbgrader(course, "generate_feedback", "tiny").returncode == 0
    assert "<script" not in course.file("feedback", "right").read_text()
    assert nbgrader(course, "export", "--to", "grades.csv").returncode == 0
    lines = csv.DictReader((course.folder / "grades.csv").read_text().splitlines())
    points = {line["student"]: (line["graded"], line["points"]) for line in lines}
    assert points == {"right": ("yes", "8"), "broken": ("no", "")}


def test_all_grades_are_one_table(sandbox, course):
    """A line for each student in each assignment, under one heading."""
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    assert grade(course) == 0
    again = course.folder / "source" / "again"
    again.mkdir()
    shutil.copy(course.file("source", "."), again / "again.ipynb")
    second = Course(course.folder, "again")
    convert(GenerateAssignment, second, ".")
    second.save_records({"late": Record("", "", False, NOTHING_SENT)})
    done = nbgrader(course, "export")
    assert done.returncode == 0, done.stderr
    assert (course.folder / "grades.csv").read_text() == (
        "assignment,student,graded,points,of,to_mark,reason,notes,sent_as\n"
        "again,late,no,,,,nothing sent,,\n"
        "tiny,right,yes,8,10,1,,,\n"
    )


def test_what_stands_beside_a_grade(sandbox, course, tmp_path, capsys):
    """A newer upload that can't be read; and that somebody has sent nothing."""
    sent = tmp_path / "sent" / "anna"
    sent.mkdir(parents=True)
    nbformat.write(tiny.answered(course, **tiny.RIGHT), sent / "tiny.ipynb")
    (tmp_path / "class.txt").write_text("anna\nbo\n")
    options = {"assignment": "tiny", "course": course.folder}
    options |= {"source": sent.parent, "roster": tmp_path / "class.txt"}
    assert Collect(**options)() == 0
    assert grade(course) == 0  # who has sent nothing is no failure of the grader
    (sent / "tiny.ipynb").write_text("<html>please log in</html>")
    assert Collect(**options)() == 1
    said = (
        "a newer upload can't be read: tiny.ipynb: it is no notebook: the file is"
    )
    assert grade(course) == 0  # the old grade stays
    assert f"8 of 10, 1 to mark ({said} a web page" in capsys.readouterr().out
    line = table(course)["anna"]
    assert line["points"] == "8" and line["notes"].startswith(said)
    assert table(course)["bo"]["reason"] == "nothing sent"
    page = (course.reports / "tiny.html").read_text()
    assert html.escape(said) in page


def test_what_came_late_says_so_and_costs_what_the_course_takes(
    sandbox, course, tmp_path
):
    """As the guide has it: a due date, times from the exchange, and a penalty."""
    config = course.folder / "nbgrader_config.py"
    config.write_text(config.read_text() + guide.python("LateSubmissionPlugin"))
    for student, day in (("anna", "20"), ("bob", "22")):
        sent = tmp_path / "in" / f"{student}+tiny+2026-11-{day} 06:00:00 UTC+cafe"
        sent.mkdir(parents=True)
        nbformat.write(tiny.answered(course, **tiny.RIGHT), sent / "tiny.ipynb")
    due = "--duedate=2026-11-20 12:00:00 UTC"
    done = nbgrader(course, "db", "assignment", "add", "tiny", due)
    assert done.returncode == 0, done.stderr
    convert(GenerateAssignment, course, ".")  # keeps the date
    collect(tmp_path / "in", Course(course.folder, "tiny"))
    assert grade(course, jobs=2) == 0
    lines = table(course)
    assert (lines["anna"]["points"], lines["anna"]["notes"]) == ("8", "")
    assert lines["bob"]["points"] == "6.4"
    assert lines["bob"]["notes"] == "42.0 hours late: 1.6 points less"


def test_a_folder_too_large_is_a_reason(sandbox, course):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    (holes := course.place("submitted", "right") / "holes").touch()
    os.truncate(holes, 3_000_000_000)
    assert grade(course) == 1
    assert table(course)["right"]["reason"] == (
        "its folder holds 3,000 MB, more than 100 MB"
    )
    assert not (course.folder / "autograded").exists()


def test_two_graders_at_once_take_turns(sandbox, course):
    """Both at one assignment: the second finds all done, and nothing is torn."""
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    words = [sys.executable, "-m", "classroom.grade", "tiny", "--course"]
    path = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [
        subprocess.Popen([*words, str(course.folder)], env=path, **pipes)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=300) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    ends = sorted(out.splitlines()[-1] for out, _ in said)
    assert ends == ["graded now: 0, as before: 1", "graded now: 1, as before: 0"]
    waited = [err for _, err in said if "is working on tiny" in err]
    assert len(waited) == 1 and waited[0].startswith("waiting: process ")


@pytest.mark.parametrize(
    "assignment, options, said",
    [
        ("nothing", {}, "say: nbgrader generate_assignment nothing"),
        ("tiny", {}, "nobody has sent tiny"),
        ("tiny", {"jobs": 0}, "jobs=0 must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_said(sandbox, course, assignment, options, said):
    with pytest.raises(ValueError, match=said):
        Grade(assignment=assignment, course=course.folder, **options)()


def test_the_command_says_it_in_a_line(tmp_path):
    program = [sys.executable, "-m", "classroom.grade", "tiny"]
    path = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        program, cwd=tmp_path, env=path, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert done.stderr.endswith("is no course: it has no nbgrader_config.py\n")


def test_where_there_is_no_sandbox_nothing_is_graded(course, monkeypatch, tmp_path):
    tiny.submit(course, "right", tiny.answered(course, **tiny.RIGHT))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="in a sandbox or not at all"):
        grade(course)
    assert course.records() == {} and not (course.folder / "autograded").exists()


def test_limits_are_those_of_the_course(course):
    assert limits_of(course).cell_seconds == tiny.SMALL["cell_seconds"]
    assert limits_of(course).answer_megabytes == 16
