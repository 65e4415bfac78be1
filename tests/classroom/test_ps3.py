"""Problem set 3: right answers get their points, and each wrong one what it should.

First in this process, every wrong answer; then through the real grader, the right
ones, none, and one wrong answer for each task.
"""

import ast
import csv
import inspect
import re
import shutil
import subprocess
import sys
from copy import deepcopy
from itertools import zip_longest

import nbformat
import pytest
import torch
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions

from classroom.cells import (
    SOURCE,
    grader,
    is_answer,
    is_test,
    name_of,
    read,
    run_here,
    source_of,
    tasks,
    with_answers,
)
from classroom.wrong_answers import Show, as_expected, graded, wrong_answers
from llm import attention

NOTEBOOK = source_of("ps3")
TASKS = tasks(NOTEBOOK)
CODED = [task for task in TASKS if task.tests]
SOLUTIONS = {
    name_of(c): c.source
    for c in NOTEBOOK.cells
    if is_answer(c) and c.cell_type == "code"
}
WRONG = wrong_answers("ps3")


@pytest.fixture(autouse=True)
def default_dtype():
    """The notebook sets it for itself; put it back."""
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


def released():
    """The notebook as students get it."""
    notebook = deepcopy(NOTEBOOK)
    no_guide = ClearMarkScheme(enforce_metadata=False)
    for step in (ClearSolutions(), ClearHiddenTests(), no_guide):
        notebook, _ = step.preprocess(notebook, {})
    return notebook


# ---------------------------------------------------------------- in this process


@pytest.mark.parametrize("seed", range(20))
def test_the_solution_gets_full_marks_whatever_the_numbers(seed):
    torch.manual_seed(seed)
    complaints = run_here(NOTEBOOK)
    assert {name: said for name, said in complaints.items() if said} == {}
    assert len(complaints) == sum(len(task.tests) for task in CODED)


def test_nothing_done_gets_nothing():
    stubs = {name_of(c): c.source for c in released().cells if is_answer(c)}
    complaints = run_here(with_answers(NOTEBOOK, stubs))
    assert all("NotImplementedError" in said for said in complaints.values())


@pytest.mark.parametrize("answer", WRONG, ids=lambda a: f"{a.task}: {a.name}")
def test_each_answer_gets_its_points_and_a_message_that_names_the_mistake(answer):
    for seed in range(3):
        torch.manual_seed(seed)
        points, messages = graded(NOTEBOOK, answer)
        assert as_expected(answer, points, messages), (points, messages)


@pytest.mark.parametrize("task", CODED, ids=lambda task: task.name)
def test_each_task_is_attacked_and_has_a_right_answer_of_another_kind(task):
    answers = [answer for answer in WRONG if answer.task == task.name]
    wrong = [answer for answer in answers if answer.says]
    right = [answer for answer in answers if answer.gets == task.points]
    assert 5 <= len(wrong) <= 15 and right
    assert len(wrong) + len(right) == len(answers), "says nothing, and is not right"
    assert len({answer.name for answer in answers}) == len(answers)


def test_a_teacher_can_see_what_each_wrong_answer_is_told(capsys):
    assert Show(assignment="ps3", task=("interpreter_mask",))() == 0
    printed = capsys.readouterr().out
    assert "✓ interpreter_mask: one word too late" in printed
    assert "    believes that word number 1 is the first\n    gets 0" in printed
    assert "her word 0 cannot see the speaker's word 3, and must: one wo" in printed
    with pytest.raises(ValueError, match="no assignment 'ps9'; there is ps3"):
        Show(assignment="ps9")()


def test_a_wrong_answer_without_a_head_is_refused(tmp_path):
    (tmp_path / "ps9").mkdir()
    file = tmp_path / "ps9" / "weigh.py"
    file.write_text("# %% too heavy\n# gets: 0\ndef weigh():\n    return 9\n")
    with pytest.raises(ValueError, match=r"weigh.py: a head is"):
        wrong_answers("ps9", tmp_path)


# ---------------------------------------------------------------- the notebook


def test_the_points_are_those_that_the_notebook_and_the_handout_promise():
    promised = NOTEBOOK.cells[0].source
    rows = re.findall(
        r"^\| \w \| (.*?) \| (\S+|in words) \| (\d+) \|$", promised, re.M
    )
    assert [(t, float(p)) for t, _, p in rows] == [
        (task.title.split(maxsplit=2)[2], task.points) for task in TASKS
    ]
    assert [stars for _, stars, _ in rows if "★" in stars] == [
        task.title.split()[1] for task in CODED
    ]
    assert "100 points" in promised and sum(task.points for task in TASKS) == 100


def test_the_notebook_is_valid_and_stored_without_outputs():
    MetadataValidator().validate_nb(NOTEBOOK)
    for cell in NOTEBOOK.cells:
        assert grader(cell).get("schema_version", 3) == 3
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_it_runs_where_only_torch_is_installed():
    imported = {
        alias.name.partition(".")[0]
        if isinstance(node, ast.Import)
        else node.module
        for cell in NOTEBOOK.cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported == {"math", "torch"}


@pytest.mark.parametrize("name", ["attention_weights", "attention", "causal_mask"])
def test_what_is_given_is_what_the_book_defines(name):
    given = next(cell for cell in NOTEBOOK.cells if name_of(cell) == "given")
    assert inspect.getsource(getattr(attention, name)) in given.source + "\n"


def test_what_is_handed_out_holds_no_solution_no_hidden_test_and_no_marking_guide():
    text = "\n".join(cell.source for cell in released().cells)
    for secret in ("logaddexp", "HIDDEN", "SOLUTION", "MARK SCHEME", "Ada's can"):
        assert secret in "\n".join(cell.source for cell in NOTEBOOK.cells)
        assert secret not in text
    assert text.count("raise NotImplementedError()") == len(CODED)
    assert text.count("YOUR ANSWER HERE") == len(TASKS) - len(CODED)


def test_every_visible_test_says_what_it_is_worth():
    for task in CODED:
        for test in task.tests:
            first = test.source.splitlines()[0]
            assert first.startswith(f"# {test.points:g} points"), test.name


# ---------------------------------------------------------------- through the grader

CONFIG = "nbgrader_config.py"
ROOT = SOURCE.parents[1]


def submissions():
    """A class: one who did everything right, one who did nothing, and as many as it
    takes to hand in every wrong answer, each with one to every task."""
    yield "nothing", released(), {}
    yield "right", with_answers(released(), SOLUTIONS), {}
    by_task = {
        t.name: [a for a in WRONG if a.task == t.name and a.says] for t in CODED
    }
    for number, row in enumerate(zip_longest(*by_task.values())):
        answers = {answer.task: answer for answer in row if answer}
        sources = SOLUTIONS | {name: a.source for name, a in answers.items()}
        careful = SOLUTIONS["careful_attention"]  # which the last task may build on
        sources["what_followed"] = f"{careful}\n\n\n{sources['what_followed']}"
        yield f"student-{number:02}", with_answers(released(), sources), answers


CLASS = list(submissions())


@pytest.fixture(scope="module")
def graded_course(tmp_path_factory, jail):
    """The course after `nbgrader generate_assignment` and `classroom.grade`."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(SOURCE / "ps3", course / "source" / "ps3")
    config = (SOURCE.parent / CONFIG).read_text(encoding="utf-8")
    (course / CONFIG).write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT)!r}]\n{config}"
    )
    say(course, "nbgrader", "generate_assignment", "ps3", "--create")
    for student, notebook, _ in CLASS:
        folder = course / "submitted" / student / "ps3"
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "ps3.ipynb")
    say(ROOT, "classroom.grade", "ps3", "--course", str(course), "--jobs", "2")
    return course


def say(folder, module, *words):
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def grades(course, student):
    """The points of each task, and what the tests say."""
    with open(course / "reports" / "ps3.csv", encoding="utf-8", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["student"] == student)
    page = read(course / "autograded" / student / "ps3" / "ps3.ipynb")
    said = {
        name_of(cell): [o.evalue for o in cell.outputs if o.output_type == "error"]
        for cell in page.cells
        if is_test(cell)
    }
    return {task.name: float(row[task.name]) for task in CODED}, said


@pytest.mark.parametrize(
    ("student", "answers"),
    [(s, a) for s, _, a in CLASS],
    ids=[s for s, _, _ in CLASS],
)
def test_the_grader_gives_each_answer_its_points(graded_course, student, answers):
    points, said = grades(graded_course, student)
    for task in CODED:
        answer = answers.get(task.name)
        expected = answer.gets if answer else task.points * (student != "nothing")
        messages = [m for test in task.tests for m in said[test.name]]
        assert points[task.name] == expected, messages
        assert not answer or as_expected(answer, expected, messages), messages
        assert answer or student == "nothing" or not messages


def test_feedback_shows_the_message_and_no_hidden_test(graded_course):
    page = graded_course / "feedback" / "student-06" / "ps3" / "ps3.html"
    text = page.read_text(encoding="utf-8")
    assert "is the mask transposed" in text  # tree_mask: descendants
    assert "def mask_of_paths" not in text and "Ada's can" not in text
