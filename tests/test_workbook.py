"""The workbook: nothing is left of MyST, and nothing of the reader's is lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import make_workbook
import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.workbook.book import Book
from book.workbook.carried import carried
from book.workbook.chapters import Chapter
from book.workbook.folder import VERSIONS, update
from book.workbook.labels import SOLUTIONS
from book.workbook.markup import Directive, Prose, Untaught, parse
from book.workbook.plain import Plain
from tests.house.plain import left_over

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
# An appendix without exercises has no notebook of solutions.
CHAPTERS = [
    path for path in NOTEBOOKS if "{solution-start}" in path.read_text("utf-8")
]
CAPTION = re.compile(r"(?:<a id=\"[\w-]+\"></a>)?\*\*Figure [\dA-Z]+\.\d+\.\*\* \S")


def names():
    solutions = [f"{path.stem}{SOLUTIONS}" for path in CHAPTERS]
    return [path.stem for path in NOTEBOOKS] + solutions


def notebook(name):
    return make_workbook.workbooks()[f"{name}.ipynb"]


def prose(notebook) -> str:
    """What nbconvert, which knows plain Markdown only, makes of the text."""
    exporter = HTMLExporter(exclude_input=True, exclude_output=True)
    html, _ = exporter.from_notebook_node(notebook)
    body = html.partition("<body")[2]
    body = re.sub(r'<a [^>]*href="[^"]*"[^>]*></a>', "[](", body)  # points unnamed
    body = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", body, flags=re.S)
    body = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", body, flags=re.S)
    return re.sub(r"<[^>]*>", "", body)


# The chapters ---------------------------------------------------------------------


@pytest.mark.parametrize("name", names())
def test_no_myst_is_left(name):
    assert left_over(prose(notebook(name))) == []


@pytest.mark.parametrize(
    "myst",
    [
        "{cite:p}`a2020b`",
        ":::{note}\nx\n:::",
        "(fig:a)=\n# A",
        "[](#fig:a)",
        "% hidden",
        "$$ a $$ (eq:b)",
        "x[^1]",
        "```{note}\n:class: a\n```",
    ],
)
def test_myst_that_is_left_is_found(myst):
    source = new_notebook(cells=[new_markdown_cell(myst)])
    assert left_over(prose(source)) or "{note}" in myst


@pytest.mark.parametrize("name", names())
def test_every_figure_has_its_number_and_caption_below_it(name):
    cells = notebook(name).cells
    shown = [
        place
        for place, cell in enumerate(cells)
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    for place in shown:
        assert CAPTION.match(cells[place + 1].source), cells[place].source


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_work_cited_is_listed(path):
    text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
    found = re.findall(r"\{cite(?::[pt])?\}`([^`]+)`", text)
    cited = {key.strip() for keys in found for key in keys.split(",")}
    both = [notebook(path.stem), notebook(path.stem + SOLUTIONS)]
    works = {
        line
        for made in both
        for cell in made.cells
        if cell["id"] == "works-cited"
        for line in cell.source.split("\n")[2:]
    }
    assert len(works) == len(cited) > 0


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_links_between_workbooks_lead_somewhere(path):
    for name in (path.stem, path.stem + SOLUTIONS):
        for cell in notebook(name).cells:
            for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
                if cell.cell_type == "markdown" and "://" not in target:
                    file, _, place = target.partition("#")
                    there = make_workbook.workbooks()[file or f"{name}.ipynb"]
                    assert not place or place in places(there), target


def places(notebook) -> set[str]:
    """Where links can jump to: anchors, and headings by their words."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {h.replace(" ", "-") for h in headings} | set(
        re.findall(r'<a id="([^"]+)">', text)
    )


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_solutions_are_apart_and_the_rest_is_there(path):
    chapter = [
        c.source
        for c in nbformat.read(path, as_version=4).cells
        if c.cell_type == "code"
    ]
    work = [c.source for c in notebook(path.stem).cells if c.cell_type == "code"]
    solved = [
        c.source
        for c in notebook(path.stem + SOLUTIONS).cells
        if c.cell_type == "code" and c["id"] != "setup"
    ]
    work = [source for source in work if "viz.predict(" not in source]
    assert sorted(work + solved) == sorted(chapter)
    assert not [source for source in work if "_solution(" in source]
    assert all(
        any(f"def {name}_solution(" in source for source in solved)
        for source in work
        if "# your code here" in source
        for name in re.findall(r"^def (\w+)\(", source, re.MULTILINE)
    )


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_solutions_define_all_that_they_use(path):
    made = notebook(path.stem + SOLUTIONS)
    code = "\n".join(c.source for c in made.cells if c.cell_type == "code")
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select=F821",
        "-",
    ]
    checked = subprocess.run(
        ruff, input=code, capture_output=True, text=True, encoding="utf-8"
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", names())
def test_outputs_are_kept_and_hidden_code_is_folded(name):
    made, chapter = notebook(name), name.removesuffix(SOLUTIONS)
    stored = {
        c["id"]: c
        for c in nbformat.read(ROOT / f"chapters/{chapter}.ipynb", 4).cells
        if c.cell_type == "code"
    }
    for cell in made.cells:
        if cell["id"] in stored and cell.cell_type == "code":
            theirs = stored[cell["id"]]
            hidden = {"hide-input", "checked"} & set(
                theirs.metadata.get("tags", [])
            )
            assert bool(hidden) == cell.metadata.get("jupyter", {}).get(
                "source_hidden", False
            )
            assert len(cell.outputs) == len(theirs.outputs)
            assert "application/pdf" not in str(cell.outputs)
            for mine, old in zip(cell.outputs, theirs.outputs, strict=True):
                assert mine.get("text") == old.get("text")
                assert set(old.get("data", {})) - set(mine.get("data", {})) <= {
                    "application/pdf"
                }


# A chapter made up ------------------------------------------------------------------


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, made of the cells that a test gives."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "references.bib").write_text(
        "@article{a2020b, author={van Dam, Ann and Bo, C. and D{\\'e}, E.}, "
        "title={T}, journal={J}, year={2020}}"
    )

    def make(*cells, online=False, **published):
        made = [
            new_markdown_cell(cell) if isinstance(cell, str) else cell
            for cell in cells
        ]
        path = tmp_path / "chapters/03_counting.ipynb"
        nbformat.write(new_notebook(cells=made), path)
        lines = [f'{key} = "{value}"' for key, value in published.items()]
        (tmp_path / "pyproject.toml").write_text("\n".join(["[tool.book]", *lines]))
        return Chapter(path, Book.of(tmp_path, online)).notebooks()

    return make


def text(notebook):
    return [c.source for c in notebook.cells if c["id"] != "your-copy"]


TITLE = "(ch:counting)=\n# Counting"


def test_citations_have_names_and_years(book):
    made = book(TITLE, "So {cite:p}`a2020b`, says {cite:t}`a2020b`.")
    title, said, works = text(made["03_counting.ipynb"])
    assert title == "# 3. Counting"
    assert said == "So (van Dam et al., 2020), says van Dam et al. (2020)."
    assert works.startswith("### Works cited\n\n- Ann van Dam, C. Bo, and E. Dé.")


def test_references_begin_small_and_only_sentences_large(book):
    figure = new_code_cell("1")
    figure.metadata["mystnb"] = {"figure": {"caption": "A *b*.", "name": "fig:a"}}
    made = book(TITLE, "See {numref}`fig:a`. {numref}`fig:a` is one.", figure)
    _, said, _, caption = text(made["03_counting.ipynb"])
    assert said == (
        'See [figure 3.1](#fig-a). [Figure 3.1](#fig-a) is one.<a id="fig-a"></a>'
    )
    assert caption == "**Figure 3.1.** A *b*."


def test_equations_have_their_number_and_boxes_hold_them_on_one_line(book):
    made = book(
        TITLE,
        "$$\na\n+ b\n$$ (eq:a)\n\nBy {eq}`eq:a`.",
        ":::{admonition} In *practice*\n:class: tip\n$$\nb\n+ c\n$$\n\nYes.\n:::",
    )
    _, equation, practice = text(made["03_counting.ipynb"])
    assert equation == "$$\na\n+ b\n\\tag{3.1}\n$$\n\nBy (3.1)."
    assert practice == "> **In *practice***\n>\n> $$ b + c $$\n>\n> Yes."


def test_code_is_left_as_it_is(book):
    code = "`{numref}` and\n\n```python\n(a)=\n% {cite:p}`x`\n\n\n\nb\n```"
    assert text(book(TITLE, code)["03_counting.ipynb"])[1] == code


def test_a_prediction_is_asked_for_in_code(book):
    box = "```{predict}\n:name: a | b\n:label: A | B\n:unit: nats\nHow much?\n```"
    made = book(TITLE, box, "You said {said}`a`.")["03_counting.ipynb"]
    assert text(made)[1:] == [
        "> **Predict**\n>\n> How much?",
        "from book import viz\n\n"
        'viz.predict("a", ...)  # A (nats)\nviz.predict("b", ...)  # B (nats)',
        r"You said \_\_\_\_\_.",
    ]


def test_tables_glossaries_margins_and_theorems(book):
    made = book(
        TITLE,
        "```{list-table} Sizes\n:name: tbl:a\n* - A\n  - B\n* - `a|b`\n  - $c$\n```",
        ":::{glossary}\nkey\n  What {term}`values <value>` have.\n:::",
        "```{margin} Note\nAn aside.\n```",
        "```{prf:theorem} Zero\n:label: thm:a\nIt is.\n```\nBy {prf:ref}`thm:a`.",
    )
    _, table, glossary, margin, theorem = text(made["03_counting.ipynb"])
    assert table == (
        '<a id="tbl-a"></a>**Table 3.1.** Sizes\n\n'
        "| A | B |\n| --- | --- |\n| `a\\|b` | $c$ |"
    )
    assert glossary == "- **key**: What values have."
    assert margin == "> **Note**\n>\n> An aside."
    assert theorem.startswith("> **Theorem 3.1 (Zero)**\n>\n> It is.")
    assert "By [theorem 3.1](#thm-a)." in theorem


EXERCISE = "```{exercise-start} ★ One\n:label: ex-a\n```\nDo."
BETWEEN = "```{exercise-end}\n```\n\n```{solution-start} ex-a\n```\nDone."


def test_exercises_are_headed_and_solutions_apart(book):
    made = book(
        TITLE,
        new_code_cell("import math", id="setup-cell"),
        new_code_cell("two = 2\nthree = math.sqrt(9)\nunused = 4"),
        "## Exercises\n\n" + EXERCISE,
        new_code_cell("def one(): ...  # your code here"),
        BETWEEN,
        new_code_cell("def one_solution():\n    return three - two"),
        "```{solution-end}\n```\n\n## References",
    )
    work, solutions = made["03_counting.ipynb"], made["03_counting_solutions.ipynb"]
    assert text(work)[3:] == [
        "## Exercises\n\n### Exercise 3.1 ★ One\n\nDo.",
        "def one(): ...  # your code here",
        "[Solution](03_counting_solutions.ipynb#Exercise-3.1-★-One)",
        "## References",
    ]
    head, setup, title, solution = text(solutions)
    assert head.startswith("# Solutions to chapter 3: Counting")
    assert setup == "import math\ntwo = 2\nthree = math.sqrt(9)"
    assert title == "## Exercise 3.1 ★ One\n\nDone."
    assert solution == "def one_solution():\n    return three - two"
    space = {}
    exec(f"{setup}\n{solution}", space)
    assert space["one_solution"]() == 1


def test_what_is_carried_keeps_the_order_and_what_changed_it():
    cells = [
        "import math",
        "a = [1]\nb = 2",
        "a.append(3)",
        "@staticmethod\ndef f():\n    return a",
        "f",
    ]
    made = carried([new_code_cell(c) for c in cells], [4])
    assert made == (
        "import math\na = [1]\na.append(3)\n\n\n@staticmethod\ndef f():\n    return a"
    )


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("```{wheel}\n```", "03_counting.ipynb, cell 2: .*directive 'wheel'"),
        ("{wheel}`x`", "cell 2: .*role 'wheel'"),
        ("{numref}`fig:none`", "cell 2: nothing has the label 'fig:none'"),
        ("{cite:p}`none`", "cell 2: references.bib has no entry 'none'"),
        ("```{note}\nx", "cell 2: .*never closed"),
        ("::: note\nx\n:::", "cell 2: .*without the name"),
        ("{{ version }}", "cell 2: .*does not know"),
    ],
)
def test_what_is_not_known_is_an_error_that_names_the_cell(book, source, complaint):
    with pytest.raises((Untaught, ValueError), match=complaint):
        book(TITLE, source)


def test_outputs_lose_what_is_for_print_and_gain_their_alt_text(book):
    data = {
        "image/png": "AA==",
        "application/pdf": "AA==",
        "text/plain": "<Figure>",
    }
    cell = new_code_cell("1", outputs=[new_output("display_data", data=data)])
    cell.metadata = {
        "mystnb": {
            "figure": {"caption": "A.", "name": "fig:a"},
            "image": {"alt": "A line."},
        },
        "tags": ["hide-input", "nbval-ignore-output", "raises-exception"],
    }
    made = book(TITLE, "Look.", cell)["03_counting.ipynb"].cells[3]
    assert set(made.outputs[0].data) == {"image/png", "text/plain"}
    assert made.outputs[0].metadata["image/png"]["alt"] == "A line."
    assert made.metadata == {
        "tags": ["raises-exception"],
        "jupyter": {"source_hidden": True},
        "cellView": "form",
    }


def test_a_picture_travels_in_the_notebook(book, tmp_path):
    (tmp_path / "chapters").mkdir(exist_ok=True)
    (tmp_path / "chapters/a.png").write_bytes(b"\x89PNG")
    figure = "```{figure} a.*\n:name: fig:a\n:alt: A dot\nThe dot.\n```"
    cell = book(TITLE, figure)["03_counting.ipynb"].cells[2]
    assert cell.source.startswith("![A dot](attachment:a.png)\n\n")
    assert cell.attachments == {"a.png": {"image/png": "iVBORw=="}}


REPOSITORY = {"repository": "https://host.org/me/book", "branch": "main"}


def test_alone_on_another_machine_links_lead_to_the_site_or_nowhere(book):
    source = "{numref}`ch:counting` {doc}`09_other`"
    made = book(TITLE, source, online=True, **REPOSITORY)
    assert text(made["03_counting.ipynb"])[2] == "Chapter 3 09_other"
    cells = (TITLE, EXERCISE, BETWEEN, "```{solution-end}\n```")
    made = book(*cells, online=True, site="https://book.org/", **REPOSITORY)
    assert text(made["03_counting.ipynb"])[3] == (
        "[Solution](https://book.org/chapters/03_counting.html#ex-a)"
    )


def test_alone_on_another_machine_it_installs_what_it_needs(book, tmp_path):
    def git(*arguments, home=None):
        subprocess.run(
            ["git", *arguments], cwd=home, check=True, capture_output=True
        )

    origin, away = tmp_path / "origin", tmp_path / "away"
    for folder in (origin / "data", away):
        folder.mkdir(parents=True)
    (origin / "data/SOURCES.md").write_text("all")
    git("init", "-q", "-b", "main", home=origin)
    git("add", "-A", home=origin)
    who = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    git(*who, "commit", "-qm", "all", home=origin)
    made = book(TITLE, online=True, repository=origin.as_uri(), branch="main")
    first = made["03_counting.ipynb"].cells[0].source
    assert first.endswith("\n%pip install -q ..")
    code = first.removesuffix("%pip install -q ..") + "print(os.getcwd())\n"
    (away / "first.ipy").write_text(2 * code)  # it can be run again
    ran = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "first.ipy"],
        cwd=away,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == 2 * [str(away / "llm-from-scratch/workbook")]


def test_parsing_nests_by_the_length_of_fences():
    inner = "```{note}\nx\n```"
    prose, outer = parse(f"a\n````{{tip}} b\n:c: d\n{inner}\n````")
    assert prose == Prose("a")
    assert outer == Directive("tip", "b", {"c": "d"}, inner)


def test_the_numbers_are_counted_on_the_whole_page(book):
    plain = Plain(Book.of(ROOT), "09_causal_masking")
    assert plain.markdown("{numref}`fig:recall`") == (
        "[Figure 8.8](08_attention_from_first_principles.ipynb#fig-recall)"
    )


# The reader's folder ----------------------------------------------------------------


def versions(*sources, outputs=()):
    cells = [new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    cells[0].outputs = list(outputs)
    return {"a.ipynb": new_notebook(cells=cells)}


def said(changes):
    return [(change.name, change.what) for change in changes]


def edit(path, *sources, **cell):
    made = nbformat.read(path, as_version=4)
    made.cells = [new_code_cell(source, **cell) for source in sources]
    nbformat.write(made, path)


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def folder(tmp_path):
    update(tmp_path, versions("one"))
    return tmp_path


def test_the_folder_is_made_and_filled(tmp_path):
    assert said(update(tmp_path / "new", versions("one"))) == [("a.ipynb", "new")]
    assert update(tmp_path / "new", versions("one")) == []


def test_what_was_not_changed_is_renewed(folder):
    assert said(update(folder, versions("two"))) == [("a.ipynb", "renewed")]
    assert sources(folder / "a.ipynb") == ["two"]


def test_to_have_run_it_is_no_change_and_keeps_its_outputs(folder):
    result = new_output("stream", text="mine")
    edit(folder / "a.ipynb", "one", "", outputs=[result], execution_count=9)
    before = (folder / "a.ipynb").read_bytes()
    assert update(folder, versions("one")) == []
    assert (folder / "a.ipynb").read_bytes() == before
    assert said(update(folder, versions("two"))) == [("a.ipynb", "renewed")]


def test_newer_outputs_come_to_those_who_have_not_run_it(folder):
    newer = [new_output("stream", text="newer")]
    update(folder, versions("one", outputs=newer))
    made = nbformat.read(folder / "a.ipynb", as_version=4)
    assert made.cells[0].outputs[0].text == "newer"


def test_what_the_reader_changed_stays_and_the_new_version_is_beside_it(folder):
    edit(folder / "a.ipynb", "mine")
    assert update(folder, versions("one")) == []  # nothing new to offer
    (change,) = update(folder, versions("two"))
    assert str(change) == (
        "a.ipynb: yours, and left as it is; the new version is beside it, in "
        "a.new.ipynb"
    )
    assert sources(folder / "a.ipynb") == ["mine"]
    assert sources(folder / "a.new.ipynb") == ["two"]
    (folder / "a.new.ipynb").unlink()
    assert update(folder, versions("two")) == []  # offered once
    update(folder, versions("three"))
    assert sources(folder / "a.new.ipynb") == ["three"]


def test_a_version_beside_it_that_the_reader_changed_stays_too(folder):
    edit(folder / "a.ipynb", "mine")
    update(folder, versions("two"))
    edit(folder / "a.new.ipynb", "also mine")
    update(folder, versions("three"))
    assert sources(folder / "a.new.ipynb") == ["also mine"]
    assert sources(folder / "a.new-2.ipynb") == ["three"]


def test_whoever_takes_the_new_version_gets_the_next_one(folder):
    edit(folder / "a.ipynb", "mine")
    update(folder, versions("two"))
    (folder / "a.new.ipynb").replace(folder / "a.ipynb")
    assert update(folder, versions("two")) == []
    assert said(update(folder, versions("three"))) == [("a.ipynb", "renewed")]


def test_what_was_deleted_or_renamed_comes_again(folder):
    (folder / "a.ipynb").rename(folder / "b.ipynb")
    edit(folder / "b.ipynb", "mine")
    assert said(update(folder, versions("one"))) == [("a.ipynb", "again")]
    assert sources(folder / "b.ipynb") == ["mine"]


def test_a_chapter_with_another_name_takes_its_old_copy_away(folder):
    renamed = {"b.ipynb": versions("one")["a.ipynb"]}
    gone = ("a.ipynb", "removed; the book no longer has it")
    assert said(update(folder, renamed)) == [("b.ipynb", "new"), gone]
    assert not (folder / "a.ipynb").exists()
    edit(folder / "b.ipynb", "mine")
    (change,) = update(folder, {})
    assert "left as it is" in change.what
    assert sources(folder / "b.ipynb") == ["mine"]
    assert update(folder, {}) == []


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"cells": 3}', "\x00"])
def test_what_cannot_be_read_is_the_reader_s(folder, damage):
    (folder / "a.ipynb").write_text(damage)
    update(folder, versions("two"))
    assert (folder / "a.ipynb").read_text() == damage
    assert sources(folder / "a.new.ipynb") == ["two"]


@pytest.mark.parametrize("damage", ["", "[]", "{"])
def test_without_a_memory_everything_is_the_reader_s(folder, damage):
    (folder / VERSIONS).write_text(damage)
    assert update(folder, versions("one")) == []
    (folder / VERSIONS).write_text(damage)
    update(folder, versions("two"))
    assert sources(folder / "a.ipynb") == ["one"]
    assert sources(folder / "a.new.ipynb") == ["two"]


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path):
    nbformat.write(versions("mine")["a.ipynb"], tmp_path / "a.ipynb")
    update(tmp_path, versions("one"))
    assert sources(tmp_path / "a.ipynb") == ["mine"]


def test_a_failing_disk_leaves_the_old_version(folder, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    before = (folder / "a.ipynb").read_bytes()
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        update(folder, versions("two"))
    assert (folder / "a.ipynb").read_bytes() == before
    assert sorted(p.name for p in folder.iterdir()) == [VERSIONS, "a.ipynb"]


def test_the_site_hands_out_the_same_files(tmp_path):
    made = make_workbook.workbooks()
    update(tmp_path / "lab", made)
    make_workbook.write_all(tmp_path / "site", made)
    for name in made:
        mine, theirs = tmp_path / "lab" / name, tmp_path / "site" / name
        assert mine.read_bytes() == theirs.read_bytes()


def test_lab_starts_without_the_teachers_buttons(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    paths = make_workbook.environment()["JUPYTER_CONFIG_PATH"]
    first, *rest = paths.split(os.pathsep)
    assert rest == ["mine"]
    assert (Path(first) / "labconfig/page_config.json").exists()
