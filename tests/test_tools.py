"""The tools and extensions that make the book: each finds what it should find."""

import os
import subprocess
import sys
from types import SimpleNamespace

import book_addresses
import book_numbers
import book_pages
import book_workbook
import build_pdf
import check_site
import compare_optimizers
import nbformat
import pytest
import run_notebooks
import story_mistakes
import tolerance
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from llm.corpora import story
from llm.page import embedded

CHAPTER = "chapters/08_attention_from_first_principles"


# ------------------------------------------------------------------- notebooks
def a_notebook():
    widget = {run_notebooks.WIDGET: {"model_id": "1"}, "text/plain": "panel"}
    outputs = [
        new_output("stream", name="stdout", text="1 %\r50 %\r"),
        new_output("stream", name="stdout", text="100 %\n"),
        new_output("execute_result", data=widget, execution_count=7),
    ]
    cell = new_code_cell("1", outputs=outputs, execution_count=7)
    cell.metadata = {"tags": ["hide-input"], "collapsed": True}
    return new_notebook(cells=[cell, new_code_cell("2")], metadata={"author": "me"})


def test_clean_keeps_what_says_something():
    notebook = a_notebook()
    run_notebooks.clean(notebook)
    first, second = notebook.cells
    assert [first.execution_count, second.execution_count] == [1, 2]
    assert first.metadata == {"tags": ["hide-input"]}
    assert notebook.metadata == run_notebooks.METADATA
    assert first.outputs[0].text == "100 %\n"
    assert first.outputs[1].data == {"text/plain": "panel"}
    assert first.outputs[1].execution_count == 1


def test_the_code_of_solutions_is_folded():
    texts = ["1", "```{solution-start} a\n```", "2", "```{solution-end}\n```", "3"]
    cells = [
        new_code_cell(t) if t.isdigit() else new_markdown_cell(t) for t in texts
    ]
    notebook = new_notebook(cells=cells)
    run_notebooks.clean(notebook)
    folded = [c.source for c in notebook.cells if "jupyter" in c.metadata]
    assert folded == ["2"]


def test_bytes_of_shipped_models_are_not_stored_again():
    page = "<p>a</p>" + embedded("x", b"own") + embedded("y", b"shipped", "what")
    output = new_output("display_data", data={"text/html": page + "<p>b</p>"})
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[output])])
    run_notebooks.clean(notebook)
    stored = notebook.cells[0].outputs[0].data["text/html"]
    empty = embedded("y", b"", "what")
    assert stored == "<p>a</p>" + embedded("x", b"own") + empty + "<p>b</p>"


def test_a_page_loads_the_models_that_it_names(tmp_path, monkeypatch):
    (tmp_path / "what.safetensors").write_bytes(b"abc")
    monkeypatch.setattr(book_pages.checkpoints, "FOLDER", tmp_path)
    app = SimpleNamespace(outdir=tmp_path / "html")
    body = f"<div>{embedded('m', b'abc', 'what')}{embedded('n', b'', 'what')}</div>"
    context = {"body": body, "pathto": lambda path, resource: f"../{path}"}
    book_pages.bring_models(app, "chapters/x", "page.html", context, None)
    assert context["body"].startswith(
        '<script src="../_static/checkpoints/what.js"></script><div>'
    )
    assert context["body"].endswith(
        f"<div>{embedded('m', b'', 'what') + embedded('n', b'', 'what')}</div>"
    )
    script = (tmp_path / "html/_static/checkpoints/what.js").read_text()
    assert script == '(globalThis.llmCheckpoints ??= {})["what"] = "YWJj";\n'
    context = {"body": embedded("m", b"", "gone"), "pathto": context["pathto"]}
    with pytest.raises(
        ValueError, match=r"gone, which is no longer .* run the notebook"
    ):
        book_pages.bring_models(app, "x", "page.html", context, None)
    empty = {}
    book_pages.bring_models(app, "search", "search.html", empty, None)
    assert empty == {}


def test_clean_twice_changes_nothing(tmp_path):
    path = tmp_path / "chapter.ipynb"
    nbformat.write(a_notebook(), path)
    assert not run_notebooks.is_canonical(path)
    run_notebooks.write(nbformat.read(path, as_version=4), path)
    assert run_notebooks.is_canonical(path)


# ------------------------------------------------------------------- tolerance
@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("loss 1.23", "loss 1.24", True),
        ("loss 1.23", "loss 1.27", False),
        ("loss 123.4", "loss 125.0", True),
        ("tensor([ 0.01, -1.20])", "tensor([-0.00, -1.20])", True),
        ("step 10", "step 11", False),
        ("(3, 4) 0.5", "(3, 5) 0.5", False),
        ("Mia 0.5", "Sam 0.5", False),
        ("0.5 0.5", "0.5", False),
    ],
)
def test_close(a, b, same):
    assert tolerance.close(a, b) is same


def test_align_replaces_only_what_says_the_same():
    fresh = [{"data": {"text/plain": "0.501", "image/png": "new"}}, {"text": "x"}]
    stored = [{"data": {"text/plain": "0.500", "image/png": "old"}}, {"text": "y"}]
    tolerance.align(fresh, stored)
    assert fresh == [
        {"data": {"text/plain": "0.500", "image/png": "new"}},
        {"text": "x"},
    ]


# ------------------------------------------------------------------- the site
def site(tmp_path, body):
    (tmp_path / "index.html").write_text(f"<html><body>{body}</body></html>")
    return check_site.faults(tmp_path)


def test_a_whole_site_has_no_faults(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"")
    body = '<a id="x" href="index.html#x">x</a><img src="a%20b.png" alt="a dog">'
    assert site(tmp_path, body + '<a href="https://example.org">away</a>') == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="none.html">x</a>', "broken link none.html"),
        ('<a href="#none">x</a>', "no such anchor #none"),
        ('<img src="none.png" alt="a dog">', "missing picture none.png"),
        ('<img src="data:,">', "no alt text for data:,"),
        ('<img src="data:," alt="figure.png">', "no alt text for data:,"),
        (
            '<script src="https://cdn.org/a.js"></script>',
            "loads https://cdn.org/a.js",
        ),
        ('<link rel="stylesheet" href="//cdn.org/a">', "loads //cdn.org/a"),
        ("<style>@import 'http://cdn.org/a'</style>", "loads http://cdn.org/a"),
    ],
)
def test_faults_are_named(tmp_path, body, fault):
    assert site(tmp_path, body) == [f"index.html: {fault}"]


@pytest.mark.parametrize(
    ("picture", "model", "heavy"),
    [(1.4, 0, False), (1.6, 0, True), (1.6, 1.3, False), (1.8, 1.3, True)],
)
def test_a_page_has_a_budget(tmp_path, picture, model, heavy):
    """In megabytes; what a model of the book's takes is allowed beside the rest."""
    models = tmp_path / "_static/checkpoints"
    models.mkdir(parents=True)
    (tmp_path / "a.png").write_bytes(bytes(int(picture * 1e6)))
    (models / "m.js").write_bytes(bytes(int(model * 1e6)))
    body = '<img src="a.png" alt="a picture">'
    if model:
        body += '<script src="_static/checkpoints/m.js"></script>'
    found = site(tmp_path, body)
    assert bool(found) == heavy
    assert all("bytes with its pictures and models" in fault for fault in found)


def test_a_work_that_nobody_cites_is_found(tmp_path):
    works = "".join(f'<div class="citation" id="id{i}"></div>' for i in (1, 2))
    own = '<a href="bibliography.html#id2">a work that a work cites</a>'
    (tmp_path / "bibliography.html").write_text(works + own)
    found = site(tmp_path, '<a href="bibliography.html#id1">Shannon (1948)</a>')
    assert found == ["bibliography.html: nobody cites the work #id2"]


def test_an_empty_folder_is_no_site(tmp_path):
    assert "make book" in check_site.faults(tmp_path)[0]


# ------------------------------------------------------------------- print
def test_tex_faults_are_found_in_its_log():
    log = (
        "ok\nMissing character: There is no ★\nLaTeX Warning: Reference `a' on\nok"
    )
    assert build_pdf.faults(log) == [
        "LaTeX Warning: Reference `a' on",
        "Missing character: There is no ★",
    ]


def test_without_tex_the_message_names_the_packages(tmp_path):
    run = subprocess.run(
        [sys.executable, build_pdf.__file__],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "no xelatex" in run.stdout
    assert "apt-get install texlive-xetex" in run.stdout
    assert "Traceback" not in run.stderr


# ------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("docname", "number"),
    [
        *(
            (CHAPTER, 8),
            ("30_open_problems", 30),
            ("notation", None),
            ("a/1_x", None),
        ),
        *(("a/appendix_f_guide", "F"), ("appendix_guide", None)),
    ],
)
def test_chapter_number(docname, number):
    assert book_numbers.chapter_number(docname) == number


@pytest.mark.parametrize(
    ("caption", "part"),
    [
        (
            "Part II – From gradients to attention",
            (2, "From gradients to attention"),
        ),
        ("Part IV – Training and writing", (4, "Training and writing")),
        ("Part VIII – Looking inside", (8, "Looking inside")),
        ("Reference", None),
    ],
)
def test_part_number(caption, part):
    assert book_numbers.part_number(caption) == part


def test_sections_take_the_number_of_their_chapter():
    assert book_numbers.own_number(CHAPTER, (1, 2)) == (8, 2)
    assert book_numbers.own_number("notation", (1, 2)) == ()
    assert book_numbers.own_number(CHAPTER, None) == ()


# ------------------------------------------------------------------- addresses
EMPTY = {"site": "", "repository": "", "colab": "", "binder": ""} | {
    "branch": "main",
    "workbook": "workbook",
}


def test_without_addresses_nothing_points_anywhere():
    options = book_addresses.theme_options(EMPTY)
    assert not options["repository_url"]
    assert not any(
        value for key, value in options.items() if key.startswith("use_")
    )
    assert book_workbook.launches(EMPTY, "08_attention") == []
    assert book_addresses.site_settings(EMPTY) == {}


def test_launch_buttons_need_a_repository():
    book = EMPTY | {"colab": "https://colab.org", "binder": "https://binder.org"}
    assert book_workbook.launches(book, "08_attention") == []
    book["repository"] = "https://host.org/me/book"
    assert book_addresses.theme_options(book)["use_repository_button"]
    colab, binder = book_workbook.launches(book, "08_attention")
    file = "08_attention.ipynb"
    assert colab["url"] == f"https://colab.org/github/me/book/blob/workbook/{file}"
    assert binder["url"] == (
        f"https://binder.org/v2/gh/me/book/workbook?urlpath=lab/tree/{file}"
    )
    book["colab"] = ""
    assert book_workbook.launches(book, "08_attention") == [binder]


def test_a_chapter_is_downloaded_as_its_workbook():
    buttons = book_workbook.downloads(CHAPTER, "../workbook")
    stem = CHAPTER.removeprefix("chapters/")
    assert [button["url"] for button in buttons] == [
        f"../workbook/{stem}.ipynb",
        f"../workbook/{stem}_solutions.ipynb",
    ]
    pdf, source = {"type": "javascript"}, {"type": "link", "url": "_sources"}
    group = {"label": "download-buttons", "buttons": [source, pdf]}
    context = {"header_buttons": [group], "pathto": lambda name, _: f"../{name}"}
    book_workbook.mend_buttons(None, "notation", "", context, None)
    assert group["buttons"] == [source, pdf]
    book_workbook.mend_buttons(None, CHAPTER, "", context, None)
    assert group["buttons"] == [*buttons, pdf]


def test_a_site_with_an_address_knows_its_own_folder():
    settings = book_addresses.site_settings(
        EMPTY | {"site": "https://me.org/book/"}
    )
    assert settings["notfound_urls_prefix"] == "/book/"
    assert settings["html_baseurl"] == settings["ogp_site_url"]


def test_the_addresses_of_this_book_can_be_read():
    assert set(book_addresses.addresses()) == set(EMPTY)


# ------------------------------------------------------------ comparing optimizers
def test_the_steps_to_the_target_lie_between_two_measurements():
    goal = compare_optimizers.TARGET
    curve = [(0, goal + 4), (20, goal + 1), (40, goal - 3)]
    assert compare_optimizers.steps_needed(curve) == 25
    assert compare_optimizers.steps_needed(curve[:2]) is None


def test_a_trial_ends_where_it_is_slower_than_the_best(monkeypatch):
    goal, asked = compare_optimizers.TARGET, []

    def descent(name, rate, seed, steps, held_out):
        asked.append((rate, steps))
        needed = {0.032: 90, 0.064: 50}.get(rate, 1000)
        end = min(steps, 20 * -(-needed // 20))
        return [(0, goal + needed), (end, goal + needed - end)]

    monkeypatch.setattr(compare_optimizers, "descent", descent)
    best, second, *others = compare_optimizers.tuned("Muon", 400, ())
    assert (best["rate"], best["needed"]) == (0.064, 50)
    assert (second["rate"], second["needed"]) == (0.032, 90)
    assert all(trial["needed"] is None for trial in others)
    assert [steps for _, steps in asked] == [400, 400, 400, 100, 100, 60, 60]


def test_where_no_trial_is_on_target_the_lowest_whole_one_is_best(monkeypatch):
    last = {0.008: (400, 3.0), 0.016: (400, 2.7), 0.032: (80, 2.6)}

    def descent(name, rate, *others):
        return [(0, 6.0), last.get(rate, (400, 4.0))]

    monkeypatch.setattr(compare_optimizers, "descent", descent)
    trials = compare_optimizers.tuned("Muon", 400, ())
    assert [t["rate"] for t in trials][:2] == [0.016, 0.008]
    assert trials[-1]["rate"] == 0.032  # it was lost on the way


# ------------------------------------------------------- mistakes of a model's stories
def test_a_story_of_the_grammar_has_no_mistakes():
    assert [story_mistakes.mistakes(story(-2, i)) for i in range(20)] == [[]] * 20


def test_a_mistake_of_a_story_is_one_of_fact_choice_or_form():
    told = story(-2, 5)
    assert told.count("turquoise ball") == 1 and told.count("Lilian") == 4
    other = told.replace("said Lilian. \"It's", "said Caspar. \"It's")
    assert other != told and story_mistakes.mistakes(other) == ["fact"]
    two = told.replace("clowns and magpies", "clowns and hammers")
    assert two != told and story_mistakes.mistakes(two) == ["choice"]
    both = two.replace("said Lilian. \"It's", "said Caspar. \"It's")
    assert story_mistakes.mistakes(both) == ["choice", "fact"]
    cut = told[: told.index("So Caspar")]
    assert story_mistakes.mistakes(cut)[-1] == "form"
