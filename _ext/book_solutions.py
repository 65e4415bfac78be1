"""In print the solutions stand at the back of the book, by chapter.

- An exercise begins with the page of its solution, and a solution with the page of its
  exercise; both are links.
- What only a notebook needs is left out: the cells that check an answer, with what
  they say of an answer that is not written yet, and in solutions the assertions.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from book_nodes import shows_code, within
from book_numbers import chapter_number
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

CHECKER = re.compile(r"from book\.exercises import (\w+)(?: as (\w+))?")
BACK = "bk-solutions"
NUMBERED = re.compile(r"Exercise (\S+?)(?: \((.*)\))?", re.S)


def raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="latex")


def inline(text: str) -> nodes.inline:
    return nodes.inline("", "", raw(text))


class PrintExercises(SphinxPostTransform):
    """Leave out what checks answers; move the solutions to the back."""

    default_priority = 195  # cells are folded, boxes are still to come

    def run(self, **options) -> None:
        from sphinx_exercise.nodes import solution_node

        chapters = []
        for page in self.document.findall(addnodes.start_of_file):
            number = chapter_number(page.get("docname", ""))
            if number is None:
                continue
            leave_out_checks(page, solution_node)
            number_equations(page, number, solution_node)
            if solutions := list(page.findall(solution_node)):
                chapters.append(chapter_of_solutions(page, number, solutions))
        if chapters:
            back = nodes.container("", raw(r"\bksolutions"), *chapters)
            self.document += nodes.container("", back, classes=[BACK])


# What only a notebook needs ----------------------------------------------------------


def leave_out_checks(page: nodes.Element, solution_class: type) -> None:
    """Take the checks of answers out of the cells of a chapter, and empty cells."""
    checker = ""
    for cell in list(page.findall(shows_code)):
        code = next(cell.findall(nodes.literal_block))
        if found := CHECKER.search(code.astext()):
            checker = found[2] or found[1]
        text, checked = without_checks(
            code.astext(), checker, within(cell, solution_class)
        )
        if text == code.astext():
            continue
        if checked:
            del cell[1:]
        if text:
            code.rawsource, code[:] = text, [nodes.Text(text)]
        else:
            cell.parent.remove(cell)


def without_checks(
    source: str, checker: str, in_solution: bool = False
) -> tuple[str, bool]:
    """The code without checks, and whether its last statement was one.

    checker: the name of the module that checks answers; "" where there is none yet.

    >>> without_checks("x = f()\\n\\n\\ncheck.f(x)", "check")
    ('x = f()', True)
    >>> without_checks("assert x == 1\\nx", "check", in_solution=True)
    ('x', False)
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a magic of IPython
        return source, False
    if in_solution and proves(statements):
        return "", True
    lines, last = source.splitlines(), False
    for statement in statements:
        last = is_check(statement, checker, in_solution)
        if last:
            for i in range(statement.lineno - 1, statement.end_lineno):
                lines[i] = None
    kept = "\n".join(line for line in lines if line is not None).strip("\n")
    only_comments = all(
        not line or line.startswith("#") for line in kept.splitlines()
    )
    if only_comments and None in lines:
        kept = ""
    return kept if None in lines else source, last


def proves(statements: list[ast.stmt]) -> bool:
    """Whether they only prepare and state assertions: they define nothing to keep."""
    kept = (ast.FunctionDef, ast.ClassDef)
    return (
        bool(statements)
        and any(isinstance(x, ast.Assert) for x in ast.walk(statements[-1]))
        and not any(isinstance(x, kept) for x in statements)
    )


def is_check(statement: ast.stmt, checker: str, in_solution: bool) -> bool:
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "book.exercises"
    if isinstance(statement, ast.Assert):
        return in_solution
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        bool(checker)
        and isinstance(call, ast.Call)
        and ast.unparse(call.func).split(".")[0] == checker
    )


# The back ----------------------------------------------------------------------------


def number_equations(
    page: nodes.Element, number: int | str, solution_class: type
) -> None:
    """Give the equations of solutions the numbers that they have on the site."""
    numbered = [m for m in page.findall(nodes.math_block) if m.get("number")]
    for i, math in enumerate(numbered):
        if within(math, solution_class):
            place = math.parent.index(math)
            math.parent.insert(place, raw(r"\bkequation{%s}{%d}" % (number, i)))


def chapter_of_solutions(
    page: nodes.Element, number: int | str, solutions: list[nodes.Element]
) -> nodes.container:
    """The solutions of a chapter under its title; their exercises refer to them."""
    title = next(page.findall(nodes.title))
    begin = [raw(r"\bksolutionsof{%s}{" % number), *copies(title), raw("}")]
    chapter = nodes.container("", *begin)
    for solution in solutions:
        exercise = exercise_of(page, solution)
        solution.parent.remove(solution)
        keep_references(solution, page["docname"])
        chapter += printed(solution, exercise)
        exercise[0] += inline(r"\bktosolution{%s}" % exercise["label"])
    return chapter


def keep_references(solution: nodes.Element, docname: str) -> None:
    """Have references into the page of the solution name the page that it leaves."""
    for node in solution.findall(nodes.Element):
        if "refid" in node:
            node["refuri"] = f"%{docname}#{node.attributes.pop('refid')}"


def copies(node: nodes.Element) -> list[nodes.Node]:
    return [child.deepcopy() for child in node.children]


def exercise_of(page: nodes.Element, solution: nodes.Element) -> nodes.Element:
    from sphinx_exercise.nodes import is_exercise_node

    label = solution["target_label"]
    return next(
        node for node in page.findall(is_exercise_node) if node["label"] == label
    )


def printed(
    solution: nodes.Element, exercise: nodes.Element
) -> Iterator[nodes.Node]:
    """A solution as it is printed: its number and name, the page of the exercise."""
    found = NUMBERED.fullmatch(exercise[0].astext().strip())
    number, name = (found[1], found[2] or "") if found else ("", "")
    yield raw(r"\bksolution{%s}{%s}{" % (exercise["label"], number))
    yield nodes.inline("", name)
    yield raw("}")
    for child in solution.children[1:]:
        yield from child.children if isinstance(child, nodes.section) else [child]


def take_solutions(document: nodes.document) -> list[nodes.Node]:
    """What `PrintExercises` has put aside, to be put where it belongs."""
    aside = [n for n in document.findall(nodes.container) if BACK in n["classes"]]
    for node in aside:
        node.parent.remove(node)
    return [child for node in aside for child in node.children]
