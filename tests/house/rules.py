"""The shape of a chapter, as rules: each takes a notebook and returns complaints.

    python -m tests.house.rules chapters/08*.ipynb

The bones, in this order; only the steps are free in their wording and number:

    # Title                   and in the same cell the promise, in one line:
                              After this chapter you can … · needs … ·
                              20 minutes to read · 30 seconds to run
    ## The question           a puzzle, and a box {predict} (_ext/book_predict.py)
    ## Goals                  a list of three to five verbs
    ## Setup                  imports, and `viz.setup(…)` for seed and style
    ## Averaging the past forgets the order
                              … at least two steps, each titled as a claim
    ## The piece we keep      the quoted definition
    ## Check                  assertions
    ## Seen in a real model   (where there is one) the idea in a trained model of ours
    ## Experiment             a figure; then the claims as assertions
    ## In practice            (where there is one) what people do, and how it fails
    ## What we built          a figure, the map; the next question, with its mark
    ## Exercises              four to six, as below
    ## References             a list of three to six, each with "read it for …"

An exercise is a row of cells, with the directives of sphinx-exercise (backticks or
colons; H3 headings between exercises are free):

    Markdown   {exercise-start} ★★ Title; :label: ex-08-mask  the task
    code       the starter: `# your code here` marks the place
    code       the check: `check.name(…)`, or asserts; says what is wrong
    Markdown   {exercise-end}
    Markdown   {solution-start} ex-08-mask; :class: dropdown
    code       the solution, executed under a name of its own (…_solution)
    Markdown   {solution-end}

`{exercise-end}` and `{solution-start}` may share a cell, and the solution may hold
Markdown too. A starter whose check raises is tagged `raises-exception`.

Figures: a code cell that shows one has `mystnb: {figure: {caption: …}, image: {alt:
…}}` in its metadata; an interactive figure or a panel has its alt text as
`text/plain`, and its caption in the metadata or as <figcaption>; a figure file is a
{figure} directive with `:alt:` and a caption. Alt text has 40 characters or more.

An interactive figure carries the script that its module makes today.

Results: a table with names (`viz.table`), not a bare tuple; no `grad_fn`, no number of
more than seven digits, no line that runs out of the page. Code that draws is tagged
`hide-input`; a cell of assertions outside of Check is tagged `checked` and begins with
a comment that says what holds. All visible code is less high than the prose.
tests/house/unconverted.txt lists the cells that do not keep to this yet.

No name means two things: a cell that reads it can be run again after *Run All*.

A prediction asked for in a box {predict} is shown by its name beside the result.

Tags: `allow-print`, `checked`, `hide-input`, `raises-exception`, `nbval-ignore-output`.
"""

from __future__ import annotations

import argparse
import ast
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from functools import cache, wraps
from pathlib import Path

from book.viz.page import JS, SHARED_JS
from book.workbook.needs import Needs
from llm.page import bundled
from tests.house.notebooks import (
    Cell,
    Notebook,
    headings,
    prose_lines,
    read,
    text,
    top_level,
)
from tests.house.quotes import package_definitions

Rule = Callable[[Notebook], list[str]]

OPENING = ["The question", "Goals", "Setup"]
CLOSING = [
    "The piece we keep",
    "Check",
    "Experiment",
    "What we built",
    "Exercises",
    "References",
]
# Sections that a chapter may have, and behind which one they stand.
BEHIND = {"Seen in a real model": "Check", "In practice": "Experiment"}
SHORTEST_ALT = 40
WIDEST, LONGEST, MEDIAN = 84, 20, 8
STARTER = "# your code here"

BANNED = ["simply", "just", "obviously", "of course", "trivially"]
# American -> British, as the beginnings and endings of words.
SPELLING = {
    r"color(\w*)": r"colour\1",
    r"favor(\w*)": r"favour\1",
    r"behavior(\w*)": r"behaviour\1",
    r"neighbor(\w*)": r"neighbour\1",
    r"labor": "labour",
    r"gray(\w*)": r"grey\1",
    r"center(s?)": r"centre\1",
    r"center(ed|ing)": r"centr\1",
    r"fiber(s)?": r"fibre\1",
    r"defense": "defence",
    r"catalog": "catalogue",
    r"model(ed|ing)": r"modell\1",
    r"label(ed|ing)": r"labell\1",
    r"cancel(ed|ing)": r"cancell\1",
    r"travel(ed|ing)": r"travell\1",
    r"analyz(\w+)": r"analys\1",
    r"(re|un|pre)?(normal|general|initial|organ|recogn|real|summar|minim|maxim|optim"
    r"|parameter|parametr|regular|visual|quant|vector|memor|emphas|factor|marginal"
    r"|special|random|penal|standard|local|symbol|util|stabil|discret|serial)"
    r"iz(e|es|ed|ing|ation|ations)": r"\1\2is\3",
}
_AMERICAN = {re.compile(rf"\b{a}\b", re.IGNORECASE): b for a, b in SPELLING.items()}
_ABSOLUTE = re.compile(
    r"(?<![\w.:/~-])(?:/(?:work|home|Users|root|tmp|usr|opt|var|mnt|private|etc|srv)"
    r"(?=/|\b)[^\s'\"`)<]*|[A-Z]:\\(?:Users|Program)[^\s'\"`)<]*|~/[\w.][^\s'\"`)<]*)"
    r"|file:///?[^\s'\"`)<]*|[^\s'\"`(<]*site-packages[^\s'\"`)<]*"
)
# Bytes spelled in letters: those of a picture, or of a model that a page carries.
_BYTES = re.compile(r"(?<=base64,)[A-Za-z0-9+/=\s]+|[A-Za-z0-9+/=]{200,}")
_MODULE = re.compile(r'<div class="llm-figure" data-module="(\w+)"')
_REMOTE = re.compile(
    r"!\[[^\]]*\]\(\s*<?(?:https?:)?//[^)\s]*"
    r"|\{(?:figure|image)\}\s+https?://\S+"
    r"|<(?:img|script|iframe|link|video|audio|source|embed|object)\b[^>]*?"
    r"\b(?:src|href|data)\s*=\s*[\"']?(?:https?:)?//[^\"'>\s]+"
    r"|@import\s+[^;]*//[^;]*|url\(\s*[\"']?(?:https?:)?//[^)]*"
    r"|\b(?:fetch|import|importScripts)\(\s*[\"'`](?:https?:)?//[^)]*",
    re.IGNORECASE,
)


# Sections -------------------------------------------------------------------------


def sections(notebook: Notebook) -> list[tuple[str, list[Cell]]]:
    """The level-2 sections in order: title, and the cells from its heading on."""
    found: list[tuple[str, list[Cell]]] = []
    for cell in notebook.cells:
        titles = [title for level, title, _ in headings([cell]) if level == 2]
        if not titles and found:
            found[-1][1].append(cell)
        found += [(title, [cell]) for title in titles]
    return found


def section(notebook: Notebook, title: str) -> list[Cell]:
    """The cells of the section with this title; none where it is missing."""
    return next((cells for name, cells in sections(notebook) if name == title), [])


def words(cells: list[Cell]) -> str:
    """The text of the Markdown cells."""
    return "\n".join(
        line
        for cell in cells
        if cell.kind == "markdown"
        for line in prose_lines(cell.source)
    )


def bullets(cells: list[Cell]) -> list[str]:
    """The items of the lists in these cells, continuation lines included."""
    items: list[str] = []
    for line in words(cells).splitlines():
        if re.match(r"(?:[-*+]|\d+[.)])\s+\S", line):
            items.append(line)
        elif items and line.startswith((" ", "\t")):
            items[-1] += " " + line.strip()
    return items


def _code(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.kind == "code"]


def _asserts(cell: Cell) -> bool:
    tree = cell.tree()
    return bool(tree) and any(isinstance(n, ast.Assert) for n in ast.walk(tree))


# The bones ------------------------------------------------------------------------


def file_name(notebook: Notebook) -> list[str]:
    """NN_snake_case.ipynb, or appendix_x_snake_case.ipynb."""
    pattern = r"(?:(?!00)\d\d|appendix_[a-z])(?:_[a-z][a-z0-9]*)+\.ipynb"
    if re.fullmatch(pattern, notebook.path.name):
        return []
    return [f"{notebook.path.name} is not named NN_snake_case.ipynb"]


def title_and_promise(notebook: Notebook) -> list[str]:
    """The first cell has the only level-1 heading and the promise."""
    titles = [
        (title, cell)
        for level, title, cell in headings(notebook.cells)
        if level == 1
    ]
    if len(titles) != 1 or titles[0][1] is not notebook.cells[0]:
        return [
            f"the first cell has the only level-1 heading; there are {len(titles)}"
        ]
    promise = notebook.cells[0].source
    wanted = {
        r"After this chapter you can\b": "After this chapter you can …",
        r"·\s*needs\b": "· needs …",
        r"·\s*(?:about )?\d+ minutes? to read\b": "· 20 minutes to read",
        r"·\s*(?:about )?\d+ seconds? to run\b": "· 30 seconds to run",
    }
    return [
        f"cell 1: the promise lacks “{what}”"
        for pattern, what in wanted.items()
        if not re.search(pattern, promise)
    ]


def section_order(notebook: Notebook) -> list[str]:
    """The fixed sections, in order, with at least two steps between."""
    every = [title for title, _ in sections(notebook)]
    for title, other in BEHIND.items():
        if title in every and every[every.index(title) - 1] != other:
            return [f"“## {title}” stands right behind “## {other}”"]
    titles = [title for title in every if title not in BEHIND]
    steps = titles[len(OPENING) : len(titles) - len(CLOSING)]
    fixed = OPENING + CLOSING
    complaints = [f"there is no section “## {t}”" for t in fixed if t not in titles]
    complaints += [
        f"there are two sections “## {t}”" for t in fixed if titles.count(t) > 1
    ]
    if complaints:
        return complaints
    if titles[:3] != OPENING or titles[-6:] != CLOSING:
        return [f"the sections stand in the order {', '.join(titles)}"]
    if len(steps) < 2:
        return ["between Setup and The piece we keep there are at least two steps"]
    return []


def steps_are_claims(notebook: Notebook) -> list[str]:
    """A step is titled by what it shows, which takes at least three words."""
    return [
        f"“## {title}” is a topic, not a claim: say what the step shows"
        for title, _ in sections(notebook)
        if title not in [*OPENING, *CLOSING, *BEHIND]
        and (len(title.split()) < 3 or title.endswith(":"))
    ]


def contents(notebook: Notebook) -> list[str]:
    """Each fixed section holds what it is there for."""
    tests: dict[str, tuple[str, Callable[[list[Cell]], bool]]] = {
        "The question": (
            "asks the reader to predict",
            lambda cells: any(
                re.search(r"\{predict\}|\bpredict", cell.source, re.IGNORECASE)
                for cell in cells
            ),
        ),
        "Goals": (
            "is a list of three to five verbs",
            lambda cells: 3 <= len(bullets(cells)) <= 5,
        ),
        "Setup": (
            "imports and calls viz.setup(…)",
            lambda cells: (
                bool(re.search(r"^(?:import|from)\b", _source(cells), re.M))
                and "viz.setup(" in _source(cells)
            ),
        ),
        "The piece we keep": (
            "shows a definition",
            lambda cells: any(list(top_level(c.tree())) for c in _code(cells)),
        ),
        "Check": ("asserts", lambda cells: any(map(_asserts, _code(cells)))),
        "Experiment": (
            "has a figure, and assertions",
            lambda cells: (
                any(map(_asserts, _code(cells))) and bool(list(_figures(cells)))
            ),
        ),
        "What we built": (
            "has the map as a figure, and the next question",
            lambda cells: "?" in words(cells) and bool(list(_figures(cells))),
        ),
        "References": (
            "is a list of three to six",
            lambda cells: 3 <= len(bullets(cells)) <= 6,
        ),
    }
    return [
        f"“## {title}” {what}: this one does not"
        for title, (what, holds) in tests.items()
        if (cells := section(notebook, title)) and not holds(cells)
    ]


def _source(cells: list[Cell]) -> str:
    return "\n".join(cell.source for cell in _code(cells))


def references(notebook: Notebook) -> list[str]:
    """Each reference says what to read it for."""
    return [
        f"a reference does not say “read it for …”: {item[:60]}"
        for item in bullets(section(notebook, "References"))
        if "read it for" not in item.lower()
    ]


# Exercises ------------------------------------------------------------------------

_DIRECTIVE = re.compile(
    r"(?:`{3,}|:{3,})\s*\{(exercise|solution)-(start|end)\}\s*(.*)"
)


def exercises(notebook: Notebook) -> list[str]:
    """Four to six, ★ to ★★★, each with starter, check and executed solution."""
    cells = section(notebook, "Exercises")
    if not cells:
        return []
    complaints, opened = [], []
    for i, cell in enumerate(cells):
        for what, end, argument in _directives(cell):
            if (what, end) == ("exercise", "start"):
                label = re.search(r":label:\s*(\S+)", cell.source)
                opened.append(label[1] if label else "")
                complaints += _exercise(cells[i:], argument, opened[-1])
    complaints += _folded_solutions(cells)
    if not 4 <= len(opened) <= 6:
        complaints.append(
            f"there are four to six exercises; here are {len(opened)}"
        )
    return complaints


def _folded_solutions(cells: list[Cell]) -> list[str]:
    """Complaints about cells that are folded inside a solution, which is folded as a
    whole: on the site, a fold in a fold does not open."""
    complaints, inside = [], False
    for cell in cells:
        for what, end, _ in _directives(cell):
            inside = inside if what != "solution" else end == "start"
        if (
            inside
            and cell.kind == "code"
            and {"checked", "hide-input"} & {*cell.tags}
        ):
            complaints.append(
                f"{cell.name}: no checked or hide-input in a solution"
            )
    return complaints


def _directives(cell: Cell) -> list[tuple[str, str, str]]:
    return _DIRECTIVE.findall(cell.source) if cell.kind == "markdown" else []


def _exercise(cells: list[Cell], title: str, label: str) -> list[str]:
    """Complaints about the exercise that starts in the first of these cells."""
    name = f"{cells[0].name}, exercise “{title}”"
    task = _until(cells, ("exercise", "end"))
    solution = _between(cells, label)
    starters = [c for c in task if STARTER in c.source]
    checks = [c for c in task if STARTER not in c.source and _checks(c)]
    rules = {
        "its title starts with ★, ★★ or ★★★": re.match(r"★{1,3}\s+\S", title),
        "it has a :label:": label,
        f"it has a starter cell with `{STARTER}`": len(starters) >= 1,
        "its starter is followed by a check: a `check…` call or an assert": (
            starters and checks and checks[-1].number > starters[0].number
        ),
        "its solution is a {solution-start} with :class: dropdown": solution
        is not None
        and ":class: dropdown" in solution[0].source,
        "its solution is code, and executed": solution is not None
        and any(c.count for c in _code(solution)),
    }
    return [f"{name}: not so: {rule}" for rule, kept in rules.items() if not kept]


def _until(cells: list[Cell], end: tuple[str, str]) -> list[Cell]:
    """The code cells up to the directive `end`."""
    found = []
    for cell in cells:
        if any(directive[:2] == end for directive in _directives(cell)):
            break
        found.append(cell)
    return _code(found)


def _between(cells: list[Cell], label: str) -> list[Cell] | None:
    """The cells of the solution of `label`, the one with its start first."""
    for i, cell in enumerate(cells):
        for what, end, argument in _directives(cell):
            if (what, end) == ("solution", "start") and argument.strip() == label:
                return [cell, *_until(cells[i + 1 :], ("solution", "end"))]
    return None


def _checks(cell: Cell) -> bool:
    checker = r"\b(?:check\w*|chapter_\d\d|exercises)(?:\.\w+)*\("
    called = re.search(checker, cell.source)
    return bool(called) or _asserts(cell)


# Figures --------------------------------------------------------------------------


def _figures(cells: list[Cell]) -> Iterator[tuple[Cell, str, str]]:
    """Every figure: its cell, its caption and its alt text."""
    for cell in cells:
        if cell.kind == "code":
            yield from _outputs_with_figures(cell)
        elif cell.kind == "markdown":
            yield from _directives_with_figures(cell)


def _outputs_with_figures(cell: Cell) -> Iterator[tuple[Cell, str, str]]:
    myst = cell.metadata.get("mystnb", {})
    caption = myst.get("figure", {}).get("caption", "")
    alt = myst.get("image", {}).get("alt", "")
    for output in cell.outputs:
        data = output.get("data", {})
        page = text(data.get("text/html", ""))
        if _is_picture(data):
            inside = re.search(r"<figcaption[^>]*>(.+?)</figcaption>", page, re.S)
            said = text(data.get("text/plain", ""))
            said = "" if said.startswith("<") else said  # <Figure size 640x480 …>
            yield cell, caption or (inside[1] if inside else ""), alt or said


def _directives_with_figures(cell: Cell) -> Iterator[tuple[Cell, str, str]]:
    block = re.compile(r"^(`{3,}|:{3,})\s*\{figure\}[^\n]*\n(.*?)^\1", re.M | re.S)
    for match in block.finditer(cell.source):
        lines = match[2].splitlines()
        alt = next((x[5:].strip() for x in lines if x.startswith(":alt:")), "")
        body = [x for x in lines if x.strip() and not re.match(r":[\w-]+:|---", x)]
        yield cell, " ".join(body), alt


def captions(notebook: Notebook) -> list[str]:
    """Every figure has a caption."""
    return [
        f"{cell.name}: a figure has a caption (mystnb: figure: caption in metadata)"
        for cell, caption, _ in _figures(list(notebook.cells))
        if len(caption.split()) < 3
    ]


def alt_texts(notebook: Notebook) -> list[str]:
    """Every figure has alt text that says something."""
    complaints = [
        f"{cell.name}: a figure has alt text of {SHORTEST_ALT} characters or more; "
        f"this one has {len(alt.strip())} (mystnb: image: alt, in the metadata)"
        for cell, _, alt in _figures(list(notebook.cells))
        if len(alt.strip()) < SHORTEST_ALT
    ]
    for cell in notebook.markdown:
        if re.search(r"!\[|<img\b", re.sub(r"`[^`]*`", "", words([cell]))):
            complaints.append(
                f"{cell.name}: an image is a {{figure}} directive, with :alt: and "
                "a caption"
            )
    return complaints


# What was run ---------------------------------------------------------------------


def execution_counts(notebook: Notebook) -> list[str]:
    """Every code cell was executed, from top to bottom, in one go."""
    complaints = []
    for expected, cell in enumerate(notebook.code, start=1):
        if cell.count != expected:
            complaints.append(
                f"cell {cell.number}: its execution count is {cell.count}, not "
                f"{expected}: run the notebook from top to bottom "
                "(tools/run_notebooks.py)"
            )
            break
    for cell in notebook.code:
        stored = {
            o["execution_count"] for o in cell.outputs if "execution_count" in o
        }
        if stored - {cell.count}:
            complaints.append(f"{cell.name}: its output is of another run")
    return complaints


def errors(notebook: Notebook) -> list[str]:
    """No error but those that are meant, and those that are meant are there."""
    complaints = []
    for cell in notebook.code:
        names = [
            o.get("ename") for o in cell.outputs if o["output_type"] == "error"
        ]
        meant = "raises-exception" in cell.tags
        if names and not meant:
            complaints.append(f"{cell.name}: it ended with {names[0]}")
        if meant and not names:
            complaints.append(
                f"{cell.name}: tagged raises-exception, raises nothing"
            )
    return complaints


def margins(notebook: Notebook) -> list[str]:
    """Text that is not compared is followed by an assertion: in the next code cell,
    or the next but for others like it. A picture claims nothing by itself."""
    complaints = []
    for i, cell in enumerate(notebook.code):
        if "nbval-ignore-output" not in cell.tags or not _says_something(cell):
            continue
        later = [c for c in notebook.code[i + 1 :] if not _unchecked(c)]
        if not later or not _asserts(later[0]):
            complaints.append(
                f"{cell.name}: tagged nbval-ignore-output, so the next code cell "
                "is untagged and asserts, with a margin, what was seen"
            )
    return complaints


def _says_something(cell: Cell) -> bool:
    return any(not _is_picture(output.get("data", {})) for output in cell.outputs)


def _is_picture(data: dict) -> bool:
    live = "llm-figure" in text(data.get("text/html", ""))
    return live or any(kind.startswith("image/") for kind in data)


def _unchecked(cell: Cell) -> bool:
    return bool(
        cell.tags & {"nbval-ignore-output", "nbval-skip", "raises-exception"}
    )


# Results --------------------------------------------------------------------------

UNCONVERTED = Path(__file__).with_name("unconverted.txt")
MOST_DIGITS, MOST_LINES_THAT_DRAW = 7, 6
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|nan|inf)"
_ONE = rf"(?:{_NUMBER}|(?:tensor|np\.\w+)\({_NUMBER}[^()]*\))"
_TUPLE = re.compile(rf"(?<![\w\]])\({_ONE}(?:,\s*{_ONE})+,?\)|\A\(.*\)\Z", re.S)
_INSIDE = re.compile(rf"(?!\A)(?:tensor|np\.\w+)\({_NUMBER}[^()]*\)")


@cache
def unconverted() -> frozenset[tuple[str, str]]:
    """The cells, by id, that do not keep to a rule yet: (rule, id)."""
    lines = UNCONVERTED.read_text(encoding="utf-8").splitlines()
    entries = (line.split() for line in lines if not line.startswith("#"))
    return frozenset((rule, cell) for rule, cell in filter(None, entries))


def per_cell(rule: Callable[[Cell], list[str]]) -> Rule:
    """The rule about each code cell, but for the cells that are not converted yet."""

    @wraps(rule)
    def of_notebook(notebook: Notebook) -> list[str]:
        return [
            f"{cell.name}: {complaint}"
            for cell in notebook.code
            if (rule.__name__, cell.id) not in unconverted()
            for complaint in rule(cell)
        ]

    of_notebook.of_cell = rule
    return of_notebook


@per_cell
def readable_outputs(cell: Cell) -> list[str]:
    """No result that the reader has to decode, or cannot see to its end."""
    return [
        complaint
        for output in cell.outputs
        if (shown := _shown_as_text(output)) is not None
        for complaint in _unreadable(output, shown)
    ]


def _shown_as_text(output: dict) -> str | None:
    data = output.get("data", {})
    if output["output_type"] == "error" or _is_picture(data):
        return None
    return text(output.get("text", data.get("text/plain", ""))).rstrip("\n")


def _unreadable(output: dict, shown: str) -> Iterator[str]:
    """What is wrong with the text that an output shows."""
    if output.get("name") == "stderr":
        yield "a warning stands in its output: mend what it warns of"
    if "grad_fn" in shown:
        yield "its output shows grad_fn: detach(), or item()"
    for number in re.findall(r"\d*\.\d+", shown):
        if len(number.replace(".", "").lstrip("0")) > MOST_DIGITS:
            yield f"{number} has more than {MOST_DIGITS} digits: round it, or viz.table"
    if "text/html" in output.get("data", {}):
        return  # the page shows something better
    if _TUPLE.search(shown) or _INSIDE.search(shown):
        yield "a bare tuple, or tensors inside of something: use viz.table"
    if (longest := max(map(len, shown.splitlines()), default=0)) > WIDEST:
        yield f"a line of output has {longest} characters: use viz.table or viz.passage"


@per_cell
def figures_of_today(cell: Cell) -> list[str]:
    """The script that a stored figure carries is the one its module makes now."""
    shown = [text(o.get("data", {}).get("text/html", "")) for o in cell.outputs]
    return [
        f"the script of its figure {name} is not what {name}.js makes now: run "
        "tools/run_notebooks.py on the chapter"
        for html in shown
        for name in _MODULE.findall(html)
        if f"</div><script>{_script(name)}</script>" not in html
    ]


@cache
def _script(name: str) -> str:
    return bundled(JS / f"{name}.js", (JS, SHARED_JS))


@per_cell
def figure_code(cell: Cell) -> list[str]:
    """Code that draws is folded, and alt texts with it."""
    if "hide-input" in cell.tags:
        return []
    draws = any(_is_picture(output.get("data", {})) for output in cell.outputs)
    n = len(cell.source.splitlines())
    if draws and n > MOST_LINES_THAT_DRAW:
        return [f"{n} lines that draw: tag it hide-input"]
    calls = [
        n for n in ast.walk(cell.tree() or ast.Module([], [])) if _takes_alt(n)
    ]
    return ["it holds an alt text: tag it hide-input"] if calls else []


def _takes_alt(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and any(k.arg == "alt" for k in node.keywords)


def housekeeping(notebook: Notebook) -> list[str]:
    """Assertions that nobody reads are folded, under a line that says what holds."""
    free = {c.number for t in ("Check", "Exercises") for c in section(notebook, t)}
    return [
        f"{cell.name}: {complaint}"
        for cell in notebook.code
        if ("housekeeping", cell.id) not in unconverted()
        for complaint in _unfolded(cell, free)
    ]


def _unfolded(cell: Cell, free: set[int]) -> list[str]:
    if "checked" in cell.tags:
        if not cell.source.startswith("#") or not _asserts(cell):
            return ["tagged checked: it begins with # what holds, and asserts it"]
        return []
    if cell.number not in free and _only_asserts(cell):
        return ["only assertions: tag it checked, and begin with # what holds"]
    return []


def _only_asserts(cell: Cell) -> bool:
    """Whether a cell does nothing but assert, in loops or not."""
    tree = cell.tree()
    kinds = ast.Assert | ast.For | ast.With | ast.If
    return _asserts(cell) and all(isinstance(n, kinds) for n in tree.body)


def runs_again(notebook: Notebook) -> list[str]:
    """After *Run All*, a cell finds what it found before: no name means two things."""
    needs = Needs(cell.tree() for cell in notebook.code)
    return [
        f"{cell.name}: {name} is another thing from {notebook.code[later].name} on, "
        "so this cell can't be run again alone: give one of them another name"
        for place, cell in enumerate(notebook.code)
        if ("runs_again", cell.id) not in unconverted()
        for name, later in needs.remade(place)
    ]


def predictions(notebook: Notebook) -> list[str]:
    """What the reader predicted stands beside a result; what is shown was asked for."""
    source = "\n".join(cell.source for cell in notebook.markdown)
    boxes = re.findall(r"\{predict\}\s*\n\s*(?::\w+:.*\n)*?:name:(.*)", source)
    asked = [name.strip() for names in boxes for name in names.split("|")]
    pages = [
        text(output.get("data", {}).get("text/html", ""))
        for cell in notebook.code
        for output in cell.outputs
    ]
    shown = set(re.findall(r'data-said="(\w+)"', "\n".join(pages)))
    shown |= set(re.findall(r"\{said\}`(\w+)`", source))
    return [
        *(
            f"two predictions are called {n}"
            for n in set(asked)
            if asked.count(n) > 1
        ),
        *(
            f"the prediction {n} is not shown again"
            for n in asked
            if n not in shown
        ),
        *(
            f"nobody asks for the prediction {n}"
            for n in sorted(shown - set(asked))
        ),
    ]


# Heights on a page of full width, in pixels: tests/browser/test_form.py measures them.
CODE_LINE, CODE_FRAME, PROSE_LINE, PROSE_COLUMNS = 16.2, 20.4, 34.0, 86


def heights(notebook: Notebook) -> tuple[float, float]:
    """How high the code in view and the prose are, without exercises and references."""
    aside = {
        c.number for t in ("Exercises", "References") for c in section(notebook, t)
    }
    cells = [cell for cell in notebook.cells if cell.number not in aside]
    code = [
        cell.source.count("\n") + 1
        for cell in cells
        if cell.kind == "code" and not cell.tags & {"hide-input", "checked"}
    ]
    lines = words(cells).splitlines()
    prose = sum(math.ceil(len(line) / PROSE_COLUMNS) for line in lines)
    return CODE_LINE * sum(code) + CODE_FRAME * len(code), PROSE_LINE * prose


def balance(notebook: Notebook) -> list[str]:
    """The code takes less height than the prose."""
    code, prose = heights(notebook)
    if code <= prose or ("balance", notebook.path.stem[:2]) in unconverted():
        return []
    return [
        f"code is {code / prose:.2f} times as high as prose: fold, or shorten it"
    ]


# Paths and addresses --------------------------------------------------------------


def _texts(notebook: Notebook) -> Iterator[tuple[Cell, str]]:
    """Sources and outputs, without what is bytes in letters."""
    for cell in notebook.cells:
        yield cell, cell.source
        for output in cell.outputs:
            stored = [output.get("text", ""), *output.get("traceback", [])]
            data = output.get("data", {})
            stored += [v for k, v in data.items() if k.startswith("text/")]
            for value in stored:
                yield cell, _BYTES.sub("", text(value))


def absolute_paths(notebook: Notebook) -> list[str]:
    """No path of the machine it was written on, in sources or outputs."""
    return [
        f"{cell.name}: a path of one machine: {match[0]}"
        for cell, value in _texts(notebook)
        if (match := _ABSOLUTE.search(value))
    ]


def remote_resources(notebook: Notebook) -> list[str]:
    """No picture, script or style from another host."""
    return [
        f"{cell.name}: it loads something from the network: {match[0][:70]}"
        for cell, value in _texts(notebook)
        if (match := _REMOTE.search(value))
    ]


# Prose ----------------------------------------------------------------------------


def _without_code(source: str) -> Iterator[str]:
    """The lines of prose, without code spans, formulas, roles and addresses."""
    for line in prose_lines(source):
        if re.match(r"\s*:(?!alt:|caption:)[\w-]+:", line) or re.match(
            r"\(.+\)=$", line
        ):
            continue
        line = re.sub(r"\{[\w:-]+\}`[^`]*`|`[^`]*`|\$[^$]*\$", " ", line)
        yield re.sub(r"https?://\S+|\]\([^)]*\)|<[^>]+>", " ", line)


def _prose(notebook: Notebook) -> Iterator[tuple[str, str]]:
    """What the reader reads: Markdown, captions and alt texts. (cell, text)"""
    for cell in notebook.markdown:
        yield cell.name, "\n".join(_without_code(cell.source))
    for cell, caption, alt in _figures(notebook.code):
        yield cell.name, f"{caption}\n{alt}"


def banned_words(notebook: Notebook) -> list[str]:
    """No word that tells the reader how easy it should be."""
    pattern = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)
    return [
        f"{name}: the word “{match[0]}” is not used in this book"
        for name, prose in _prose(notebook)
        for match in pattern.finditer(prose)
    ]


def spelling(notebook: Notebook) -> list[str]:
    """British spelling; titles of other people's works are in the references."""
    free = {cell.name for cell in section(notebook, "References")}
    return [
        f"{name}: “{match[0]}” is spelt “{match.expand(british)}”"
        for name, prose in _prose(notebook)
        if name not in free
        for american, british in _AMERICAN.items()
        for match in american.finditer(prose)
    ]


# Code -----------------------------------------------------------------------------


@cache
def _package_names() -> frozenset[str]:
    return frozenset(package_definitions())


def _quoted(cell: Cell) -> bool:
    return any(node.name in _package_names() for node in top_level(cell.tree()))


def line_lengths(notebook: Notebook) -> list[str]:
    """No line that scrolls."""
    return [
        f"{cell.name}, line {number}: {len(line)} characters, at most {WIDEST}"
        for cell in notebook.code
        for number, line in enumerate(cell.source.splitlines(), start=1)
        if len(line) > WIDEST
    ]


def cell_lengths(notebook: Notebook) -> list[str]:
    """No wall of code; quotations and hidden cells aside."""
    seen = [
        c for c in notebook.code if "hide-input" not in c.tags and not _quoted(c)
    ]
    lengths = {cell.name: len(cell.source.splitlines()) for cell in seen}
    complaints = [
        f"{name}: {n} lines of code, at most {LONGEST}"
        for name, n in lengths.items()
        if n > LONGEST
    ]
    if lengths and (median := statistics.median(lengths.values())) > MEDIAN:
        complaints.append(f"half of the cells are longer than {median:g} lines")
    return complaints


def prints(notebook: Notebook) -> list[str]:
    """The last expression of a cell is its output."""
    return [
        f"{cell.name}: end with the value, not print(…); or tag it allow-print"
        for cell in notebook.code
        if "allow-print" not in cell.tags
        and any(
            isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
            for node in ast.walk(cell.tree() or ast.Module([], []))
        )
    ]


def python(notebook: Notebook) -> list[str]:
    """Every code cell is Python, and none is empty."""
    return [
        f"{cell.name}: this is not Python"
        if cell.source.strip()
        else f"{cell.name}: an empty code cell"
        for cell in notebook.code
        if not cell.source.strip()
        or (cell.tree() is None and "raises-exception" not in cell.tags)
    ]


BONES: list[Rule] = [
    title_and_promise,
    section_order,
    steps_are_claims,
    contents,
    references,
    exercises,
    balance,
]
RULES: list[Rule] = [
    file_name,
    *BONES,
    captions,
    alt_texts,
    execution_counts,
    errors,
    margins,
    readable_outputs,
    figures_of_today,
    figure_code,
    housekeeping,
    runs_again,
    predictions,
    absolute_paths,
    remote_resources,
    banned_words,
    spelling,
    line_lengths,
    cell_lengths,
    prints,
    python,
]


def rules_for(notebook: Notebook) -> list[Rule]:
    """An appendix is free in its bones."""
    appendix = notebook.path.name.startswith("appendix")
    return [rule for rule in RULES if not (appendix and rule in BONES)]


def complaints(notebook: Notebook) -> list[str]:
    """Everything that is wrong with a chapter, by all rules."""
    return [c for rule in rules_for(notebook) for c in rule(notebook)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    found = [(p.name, c) for p in options.chapters for c in complaints(read(p))]
    for name, complaint in found:
        print(f"{name}: {complaint}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
