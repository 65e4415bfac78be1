"""Problem set 3: right answers get their points, and each wrong one what it should.

First in this process, every wrong answer; then through the real grader, the right
ones, none, and one wrong answer for each task.
"""

import ast
import csv
import inspect
import math
import re
import shutil
import subprocess
import sys
import zipfile
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import zip_longest
from textwrap import indent

import nbformat
import pytest
import torch
from nbformat import NotebookNode
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
from classroom.wrong_answers import (
    Show,
    as_expected,
    graded,
    hints_cell,
    wrong_answers,
)
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
GIVEN = ("check_mask", "softmax", "attention_weights", "attention", "causal_mask")
# What task 9 takes in the place of an answer to task 6.
WITH_MEAN_OF = """
careful_attention = lambda q, k, v, mask: mean_of(v, mask)
"""


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
    for seed in range(2):
        torch.manual_seed(seed)
        points, messages = graded(NOTEBOOK, answer)
        assert as_expected(answer, points, messages), (points, messages)


@pytest.mark.parametrize("task", CODED, ids=lambda task: task.name)
def test_each_task_is_attacked_and_has_a_right_answer_of_another_kind(task):
    answers = [answer for answer in WRONG if answer.task == task.name]
    wrong = [answer for answer in answers if answer.says]
    right = [answer for answer in answers if answer.gets == task.points]
    assert 22 <= len(wrong) <= 40 and len(right) >= 3
    assert len(wrong) + len(right) == len(answers), "says nothing, and is not right"
    assert all(answer.gets < task.points for answer in wrong)
    assert len({answer.name for answer in answers}) == len(answers)
    assert all(len(answer.says) > 10 for answer in wrong)


def test_the_hints_of_the_visible_tests_are_those_of_the_mistakes():
    (table,) = [cell.source for cell in NOTEBOOK.cells if name_of(cell) == "hints"]
    assert table == hints_cell(NOTEBOOK)


# The right answer to each task, in other forms in which it is right as well.
FORMS = {
    "a numpy array": "def other(x): return x.numpy()",
    "nested lists": "def other(x): return x.tolist()",
    "a list of rows": "def other(x): return list(x) if x.dim() else x",
    "float32": "def other(x): return x if x.dtype == torch.bool else x.float()",
    "with a gradient": "def other(x): return x if x.dtype == torch.bool else "
    "x.detach().requires_grad_() * 1.0",
    "not contiguous": "def other(x): return x.mT.contiguous().mT if x.dim() > 1 else x",
}
NUMBERS = {
    "np.float32": "import numpy\ndef other(x): return numpy.float32(x)",
    "np.float64": "import numpy\ndef other(x): return numpy.float64(x)",
    "a 0-d array": "import numpy\ndef other(x): return numpy.array(x)",
    "an array of one": "import numpy\ndef other(x): return numpy.array([x])",
    "Decimal": "from decimal import Decimal\ndef other(x): return Decimal(x)",
    "Fraction": "from fractions import Fraction\ndef other(x): return Fraction(x)",
    "a tensor": "def other(x): return torch.tensor(x)",
    "a tensor of one": "def other(x): return torch.tensor([x])",
    "float32": "def other(x): return torch.tensor(x, dtype=torch.float32)",
}


def in_another_form(task, form):
    """The solution of a task, whose answer is then given another form."""
    other = (
        NUMBERS.get(form, FORMS["float32"]) if task == "loudness" else FORMS[form]
    )
    return (
        f"{other}\n{SOLUTIONS[task]}\nexact_{task} = {task}\n\n\n"
        f"def {task}(*inputs):\n    found = exact_{task}(*inputs)\n"
        "    return tuple(map(other, found)) if isinstance(found, tuple) "
        "else other(found)\n"
    ).replace("other", f"other_{task}")


@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_is_right_in_whatever_form_its_numbers_come(form):
    names = [name for name in SOLUTIONS if name != "loudness"]
    answers = {name: in_another_form(name, form) for name in names}
    answers["what_followed"] += WITH_MEAN_OF
    said = run_here(with_answers(NOTEBOOK, answers))
    assert {name: text for name, text in said.items() if text} == {}


@pytest.mark.parametrize("form", NUMBERS)
def test_a_number_is_a_number_in_whatever_form_it_comes(form):
    answers = {"loudness": in_another_form("loudness", form)}
    said = run_here(with_answers(NOTEBOOK, answers))
    assert {name: text for name, text in said.items() if text} == {}


def test_a_missing_task_6_costs_task_9_nothing():
    stub = "def careful_attention(q, k, v, mask):\n    raise NotImplementedError()"
    by_means = next(a for a in WRONG if a.name == "by two averages")
    answers = {"careful_attention": stub, "what_followed": by_means.source}
    said = run_here(with_answers(NOTEBOOK, answers))
    lost = {task.name for task in CODED for t in task.tests if said[t.name]}
    assert lost == {"careful_attention"}
    said = run_here(with_answers(NOTEBOOK, {"careful_attention": stub}))
    assert (
        "careful_attention of task 6 is not written yet: `mean_of`"
        in (said["test_what_followed"])
    )


def test_what_an_answer_does_to_its_inputs_harms_no_test():
    ruins = "\nright_{0} = {0}\ndef {0}(*inputs):\n    out = right_{0}(*inputs)\n"
    ruins += "    for x in inputs:\n        x.zero_()\n    return out"
    names = ("tree_mask", "careful_attention", "merge")
    answers = {name: SOLUTIONS[name] + ruins.format(name) for name in names}
    said = run_here(with_answers(NOTEBOOK, answers))
    lost = {task.name for task in CODED for t in task.tests if said[t.name]}
    assert not lost & set(names)


@pytest.mark.parametrize(
    ("found", "expected", "says"),
    [
        (0.94541, 0.94543, "is 0.94541, expected 0.94543"),
        (1 / 3, 0.3333, "is 0.33333, expected 0.3333"),
        (1e-9, 0.5, "is 1e-09, expected 0.5"),
    ],
)
def test_numbers_that_look_equal_are_told_in_the_digits_that_differ(
    found, expected, says
):
    names = names_after("helpers")
    with pytest.raises(AssertionError) as caught:
        names["check_numbers"](
            torch.tensor([1.0, found]), torch.tensor([1.0, expected]), "f(3)", ""
        )
    assert str(caught.value).startswith(f"f(3): the answer at [1] {says}")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([0.0, 0.0], "only zeros come out"),
        ([2.0, 4.0], "all numbers are 2 times those that are expected"),
        ([-1.0, -2.0], "all numbers are -1 times those that are expected"),
        ([1.5, 2.5], "all numbers are larger than expected by 0.5"),
        ([1.001, 2.0], "close, but not equal; is something rounded"),
        ([1.0, math.nan], "not a number; of what is the softmax taken"),
        ([1.0, math.inf], "what has left the range that a computer can hold"),
    ],
)
def test_an_unknown_mistake_is_told_what_its_numbers_have_to_do_with_the_right_ones(
    found, says
):
    names = names_after("helpers")
    with pytest.raises(AssertionError, match=re.escape(says)):
        names["check_numbers"](
            torch.tensor(found), torch.tensor([1.0, 2.0]), "f", ""
        )


def names_after(last):
    """What is defined after the given cell of that name."""
    names = {}
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
        if name_of(cell) == last:
            return names
    raise AssertionError(last)


def test_a_teacher_can_see_what_each_wrong_answer_is_told(capsys):
    assert Show(assignment="ps3", task=("interpreter_mask",))() == 0
    printed = capsys.readouterr().out
    assert "✓ interpreter_mask: one word too late" in printed
    assert "    believes: Word number 1 is the first.\n    gets 0" in printed
    assert "her word 0 cannot see the speaker's word 1, and must: one wo" in printed
    with pytest.raises(ValueError, match="no assignment 'ps9'; there is ps3"):
        Show(assignment="ps9")()


def test_a_mistake_of_which_nobody_says_what_is_believed_is_refused(tmp_path):
    notebook = deepcopy(NOTEBOOK)
    for cell in notebook.cells:
        believed = '    """What is shown is returned."""\n'
        cell.source = cell.source.replace(believed, "")
    (tmp_path / "ps9").mkdir()
    nbformat.write(notebook, tmp_path / "ps9" / "ps9.ipynb")
    with pytest.raises(
        ValueError, match="printed, an answer to loudness, has no doc"
    ):
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
    assert imported == {"math", "collections.abc", "torch"}


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_given_is_what_the_book_defines(name):
    given = next(cell for cell in NOTEBOOK.cells if name_of(cell) == "given")
    assert inspect.getsource(getattr(attention, name)) in given.source + "\n"


def test_what_is_handed_out_holds_no_solution_no_hidden_test_and_no_marking_guide():
    text = "\n".join(cell.source for cell in released().cells)
    secrets = ("logaddexp", "HIDDEN", "SOLUTION", "MARK SCHEME", "Ada's can")
    mistakes = ("@exercise", *(answer.believes for answer in WRONG))
    for secret in (*secrets, *mistakes):
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
FULL = {task.name: task.points for task in CODED}
ENDLESS = "while True:\n    pass"
SPY = """
import os, socket
for name in ("/etc/shadow", "gradebook.db", "../../../gradebook.db"):
    try:
        print(open(name, "rb").read())
    except OSError:
        pass
socket.create_connection(("127.0.0.1", 22), timeout=1)
"""


@dataclass(frozen=True)
class Sent:
    """What a student sends, what each task should get, and what has to be said."""

    student: str
    notebook: NotebookNode | None  # None: a file that is no notebook
    gets: dict[str, float]
    says: dict[str, str] = field(default_factory=dict)


def submissions():
    """A class: some who did everything right, nothing, or half of it; a third of the
    wrong answers, each with one to every task; answers in other forms; and some who
    break things, or try to."""
    nothing = dict.fromkeys(FULL, 0.0)
    yield Sent("nothing", released(), nothing)
    yield Sent("right", with_answers(released(), SOLUTIONS), FULL)
    half = {name: SOLUTIONS[name] for name in list(FULL)[:4]}
    points = {name: FULL[name] if name in half else 0 for name in FULL}
    yield Sent("half", with_answers(released(), half), points)
    yield from wrong_ones()
    for form in ("a numpy array", "nested lists", "float32"):
        forms = {
            name: in_another_form(name, form)
            for name in SOLUTIONS
            if name != "loudness"
        }
        number = {"a numpy array": "np.float32", "nested lists": "Decimal"}.get(
            form, form
        )
        forms |= {"loudness": in_another_form("loudness", number)}
        forms["what_followed"] += WITH_MEAN_OF
        yield Sent(form, with_answers(released(), forms), FULL)

    def spoilt(student, name, source, gets, says):
        sources = SOLUTIONS | {name: f"{source}\n{SOLUTIONS[name]}"}
        return Sent(student, with_answers(released(), sources), FULL | gets, says)

    missing = "'tree_mask' is not defined, because its cell ended with OutOfTime"
    lost = {"tree_mask": 0}
    yield spoilt("endless", "tree_mask", ENDLESS, lost, {"tree_mask": missing})
    leave, over = "import os\nos._exit(0)", "has ended Python"
    yield spoilt("leaves", "merge", leave, {"merge": 0}, {"merge": over})
    yield spoilt("spy", "loudness", f"try:\n{indent(SPY, '    ')}\n"
                 "except OSError:\n    pass", {}, {})  # fmt: skip
    rewritten = released()
    for cell in rewritten.cells:
        cell.source = "assert True" if is_test(cell) else cell.source
    yield Sent("rewritten", rewritten, nothing)
    yield Sent("garbage", None, {})


def wrong_ones():
    by_task = {
        t.name: [a for a in WRONG if a.task == t.name and a.says][::3]
        for t in CODED
    }
    for number, row in enumerate(zip_longest(*by_task.values())):
        answers = [answer for answer in row if answer]
        sources = SOLUTIONS | {a.task: a.source for a in answers}
        yield Sent(
            f"student-{number:02}",
            with_answers(released(), sources),
            FULL | {a.task: a.gets for a in answers},
            {a.task: a.says for a in answers},
        )


CLASS = list(submissions())


@pytest.fixture(scope="module")
def graded_course(tmp_path_factory, sandbox):
    """The course as after the commands of the guide: generate, collect, grade."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(SOURCE / "ps3", course / "source" / "ps3")
    config = (SOURCE.parent / CONFIG).read_text(encoding="utf-8")
    faster = config.replace('"cell_seconds": 30', '"cell_seconds": 6')
    assert faster != config
    (course / CONFIG).write_text(
        f"import sys\nsys.path[:0] = [{str(ROOT)!r}]\n{faster}"
    )
    say(course, "nbgrader", "generate_assignment", "ps3", "--create")
    sent = course.with_name("ps3.zip")
    with zipfile.ZipFile(sent, "w") as file:
        for each in CLASS:
            text = nbformat.writes(each.notebook) if each.notebook else "garbage"
            name = f"{each.student}_1234_assignsubmission_file_/my ps3.ipynb"
            file.writestr(name, text)
    where = ("--course", str(course))
    said = say(ROOT, "classroom.collect", str(sent), "ps3", *where, status=1)
    assert f"{len(CLASS) - 1} collected, 1 not" in said
    say(ROOT, "classroom.grade", "ps3", *where, "--jobs", "2", status=1)
    return course


def say(folder, module, *words, status=0):
    command = [sys.executable, "-m", module, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def grades(course, student):
    """The row of a student in the table, and what the tests say."""
    with open(course / "reports" / "ps3.csv", encoding="utf-8", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["student"] == student)
    place = course / "autograded" / student / "ps3" / "ps3.ipynb"
    cells = read(place).cells if place.exists() else []
    said = {
        name_of(cell): [o.evalue for o in cell.outputs if o.output_type == "error"]
        for cell in cells
        if is_test(cell)
    }
    return row, said


def test_the_class_is_large_enough():
    assert len(CLASS) >= 20


@pytest.mark.parametrize("sent", CLASS, ids=lambda sent: sent.student)
def test_the_grader_gives_each_answer_its_points(graded_course, sent):
    row, said = grades(graded_course, f"{sent.student}_1234")
    if not sent.notebook:
        assert row["points"] == "" and "it is no notebook" in row["reason"]
        return
    assert row["graded"] == "yes"
    for task in CODED:
        messages = [m for test in task.tests for m in said[test.name]]
        assert float(row[task.name]) == sent.gets[task.name], messages
        if task.name in sent.says:
            assert any(sent.says[task.name] in m for m in messages)
        elif sent.gets[task.name] == task.points:
            assert not messages
        else:
            assert all("not written yet" in message for message in messages)


def test_the_table_of_the_class_has_the_reasons(graded_course):
    page = (graded_course / "reports" / "ps3.html").read_text(encoding="utf-8")
    assert "because its cell ended with OutOfTime: stopped after 6 s" in page
    assert "garbage_1234</td>" in page
    assert "not collected: my ps3.ipynb: it is no notebook: no JSON" in page


def test_feedback_shows_the_message_and_no_hidden_test(graded_course):
    student, says = next(
        (s.student, s.says["tree_mask"]) for s in CLASS if "student" in s.student
    )
    page = graded_course / "feedback" / f"{student}_1234" / "ps3" / "ps3.html"
    text = page.read_text(encoding="utf-8")
    assert says in text
    assert ">3 ★ The interpreter</a>: " in text
    assert (
        "def by_walking" not in text
        and "@exercise" not in text
        and "Ada's can" not in text
    )
