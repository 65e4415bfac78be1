"""Every chapter has the shape of a chapter: see tests/house/rules.py."""

import copy
import json
import re

import pytest
import yaml

from tests.house import rules
from tests.house.notebooks import ROOT, chapters, read

RULES = {rule.__name__: rule for rule in rules.RULES}


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_chapter_follows_every_rule(path):
    found = rules.complaints(read(path))
    assert not found, "\n".join([path.name, *found])


def test_only_cells_that_need_it_are_excepted():
    """tests/house/unconverted.txt gets shorter, and nothing stays in it unseen."""
    needed, excepted = set(), rules.unconverted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "unconverted", frozenset)
        for notebook in map(read, chapters()):
            ids = {cell.name: cell.id for cell in notebook.cells}
            for rule in (
                rules.readable_outputs,
                rules.figure_code,
                rules.housekeeping,
                rules.runs_again,
            ):
                named = {complaint.split(":")[0] for complaint in rule(notebook)}
                needed |= {(rule.__name__, ids[name]) for name in named}
            if rules.balance(notebook):
                needed.add(("balance", notebook.path.stem[:2]))
    gone = sorted(" ".join(entry) for entry in excepted - needed)
    assert not gone, f"take out of {rules.UNCONVERTED.name}: {', '.join(gone)}"


def test_the_contents_list_exactly_what_exists():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    appendices = (ROOT / "chapters").glob("appendix_*.md")
    existing = sorted(path.stem for path in (*chapters(), *appendices))
    found = contents_complaints(toc, existing)
    found += [f"_toc.yml lists {page}" for page in pages(toc) if not exists(page)]
    assert not found, "\n".join(found)


def pages(toc):
    """Every page of the table of contents, in order."""
    if isinstance(toc, dict):
        own = [toc[key] for key in ("root", "file") if key in toc]
        return own + [p for key in toc for p in pages(toc[key])]
    return [p for part in toc for p in pages(part)] if isinstance(toc, list) else []


def exists(page):
    return any((ROOT / f"{page}{end}").exists() for end in ("", ".md", ".ipynb"))


def contents_complaints(toc, existing):
    """Chapters of `existing` that the contents leave out, invent or disorder."""
    listed = [p.removeprefix("chapters/") for p in pages(toc) if "chapters/" in p]
    listed = [p.removesuffix(".ipynb") for p in listed]
    found = [f"_toc.yml leaves out {p}" for p in existing if p not in listed]
    found += [f"_toc.yml promises {p}" for p in listed if p not in existing]
    if listed != sorted(set(listed)):
        found.append(f"_toc.yml is out of order: {', '.join(listed)}")
    return found


# The rules, tested: a chapter that keeps them all, then one change at a time ------

ALT = "Three curves fall; the lowest one touches the dashed line at the end."
PICTURE = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}}
FIGURE = {
    "mystnb": {
        "figure": {"caption": "Attention solves what averaging cannot."},
        "image": {"alt": ALT},
    }
}
LIVE = {
    "output_type": "display_data",
    "data": {
        "text/plain": ALT,
        "text/html": '<div class="llm-figure"><img src="data:image/png;base64,/x">'
        "</div><figcaption>Drag the words about.</figcaption>",
    },
}


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *outputs, tags=(), **metadata):
    return {
        "cell_type": "code", "source": source, "outputs": list(outputs),
        "metadata": {"tags": list(tags), **metadata},
    }  # fmt: skip


def exercise(n):
    label = f"ex-08-{n}"
    return [
        markdown(
            f"### Who?\n\n```{{exercise-start}} ★ Look back\n:label: {label}\n"
            "```\nReturn the weights."
        ),
        code(f"def look_{n}(x):\n    # your code here\n    return None"),
        code(f"check_look(look_{n})", tags=["raises-exception"]),
        markdown(
            f"```{{exercise-end}}\n```\n\n```{{solution-start}} {label}\n"
            ":class: dropdown\n```"
        ),
        code(
            f"def look_{n}_solution(x):\n    return x.softmax(-1)\n\n\n"
            f"check_look(look_{n}_solution)"
        ),
        markdown("```{solution-end}\n```"),
    ]


def good_chapter():
    """A chapter that keeps every rule, as the JSON of a notebook."""
    failed = {
        "output_type": "error",
        "ename": "Hint",
        "evalue": "",
        "traceback": [],
    }
    cells = [
        markdown(
            "(ch:attention)=\n# Attention\n\nAfter this chapter you can weigh · "
            "needs chapter 7 · 25 minutes to read · 40 seconds to run"
        ),
        markdown(
            "## The question\n\nGuess what `color=` does in {cite}`analyze2020`."
            "\n\n```python\nsimply = 'color'\n```\n\n:::{note}\nAn optimizer.\n:::"
            "\n\n```{predict}\n:label: one | two\n:name: first | second\nWhat is it?"
            f"\n```\n\n{'A sentence of the story that goes on. ' * 60}"
        ),
        markdown("## Goals\n\n- weigh\n- mask\n  and hide\n- scale"),
        markdown("## Setup"),
        code("import torch\n\nfrom book import viz\n\nviz.setup(seed=0)"),
        markdown("## Averaging the past forgets the order"),
        code("x = torch.zeros(3)\nx", {
            "output_type": "execute_result", "data": {"text/plain": "tensor(0)"},
        }),
        code("viz.table(y)", {"output_type": "execute_result", "data": {
            "text/plain": "(1, 2)", "text/html": '<i data-said="first"></i>'}}),
        markdown("You said {said}`second`."),
        markdown("## A weight for each word remembers"),
        code("viz.interactive('heat', {})", LIVE),
        markdown("## The piece we keep"),
        code("def weigh(x):\n    return x.softmax(-1)"),
        markdown("## Check"),
        code("timed = 3\ntimed", {
            "output_type": "execute_result", "data": {"text/plain": "3"},
        }, tags=["nbval-ignore-output"]),
        markdown("Look."),
        code("assert timed < 5"),
        markdown("## Experiment"),
        code("viz.curve(x)", PICTURE, **FIGURE),
        code("# attention wins\nassert True, 'attention wins'", tags=["checked"]),
        markdown(
            f"## What we built\n\n```{{figure}} map.svg\n:alt: {ALT}\n:name: x\n\n"
            "One more box of the map is lit.\n```\n\nWho may look at whom?"
        ),
        markdown("## Exercises\n\nWarm up first."),
        *[cell for n in range(4) for cell in exercise(n)],
        markdown(
            "## References\n\n- A. *Layer Normalization.* Read it for the idea.\n"
            "- B. Two. Read it for\n  figures.\n- C. Three. Read it for the proof."
        ),
    ]  # fmt: skip
    n = 0
    for cell in cells:
        if cell["cell_type"] == "code":
            n += 1
            cell["execution_count"] = n
            if "raises-exception" in cell["metadata"]["tags"]:
                cell["outputs"] = [copy.deepcopy(failed)]
            for output in cell["outputs"]:
                if output["output_type"] == "execute_result":
                    output["execution_count"] = n
    return cells


def judge(folder, cells, name="08_attention.ipynb"):
    """Every (rule, complaint) about the notebook of these cells."""
    path = folder / name
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    notebook = read(path)
    return [(r.__name__, c) for r in rules.rules_for(notebook) for c in r(notebook)]


def at(cells, text):
    """The one cell, or the first exercise's, whose source contains `text`."""
    return next(i for i, cell in enumerate(cells) if text in cell["source"])


def replace(old, new):
    """A change of the source of the first cell that contains `old`."""

    def change(cells):
        i = at(cells, old)
        cells[i]["source"] = cells[i]["source"].replace(old, new, 1)

    return change


def remove(text):
    return lambda cells: cells.pop(at(cells, text))


def tag(text, *tags):
    def change(cells):
        cells[at(cells, text)]["metadata"]["tags"] = list(tags)

    return change


def output(text, **data):
    def change(cells):
        kept = {"output_type": "display_data", "data": data}
        cells[at(cells, text)]["outputs"] = [kept]

    return change


def meta(text, **metadata):
    def change(cells):
        cells[at(cells, text)]["metadata"].update(metadata)

    return change


def set_count(text, count):
    def change(cells):
        cells[at(cells, text)]["execution_count"] = count

    return change


def swap(first, second):
    def change(cells):
        i, j = at(cells, first), at(cells, second)
        cells[i], cells[j] = cells[j], cells[i]

    return change


def error(text):
    def change(cells):
        failed = {"output_type": "error", "ename": "KeyError", "traceback": []}
        cells[at(cells, text)]["outputs"] = [failed]

    return change


def said_plainly(shown):
    return output("\nx", **{"text/plain": shown})


OF_MASKS = '<div class="llm-figure" data-module="masks"></div><script>{ '
LONG = "x = (\n" + "    1 +\n" * 20 + "    1\n)"
MUTANTS = {
    "title_and_promise": [
        (replace("# Attention", "Attention"), "only level-1 heading"),
        (replace("## Check", "# Check"), "there are 2"),
        (replace("After this", "In this"), "lacks “After this chapter you can …”"),
        (replace("· needs chapter 7", ""), "lacks “· needs …”"),
        (replace("25 minutes to read", "read"), "lacks “· 20 minutes to read”"),
        (replace("40 seconds to run", "run"), "lacks “· 30 seconds to run”"),
    ],
    "section_order": [
        (replace("## Goals", "## Aims"), "no section “## Goals”"),
        (replace("## The piece we keep", "## The Piece"), "no section “## The p"),
        (replace("## Check", "### Check"), "no section “## Check”"),
        (replace("Warm up", "## Check\n\nWarm up"), "two sections “## Check”"),
        (swap("## Goals", "## Setup"), "The question, Setup, Goals"),
        (swap("## Check", "## Experiment"), "stand in the order"),
        (replace("Look.", "## In practice"), "right behind “## Experiment”"),
        (remove("## A weight"), "at least two steps"),
    ],
    "steps_are_claims": [
        (replace("Averaging the past forgets the", "The"), "not a claim"),
    ],
    "contents": [
        (replace("{predict}", "{note}"), "The question” asks the reader to predict"),
        (replace("- weigh\n", ""), "“## Goals” is a list of three to five verbs"),
        (replace("- weigh", "- a\n- b\n- c\n- d"), "“## Goals” is a list"),
        (replace("import torch\n\nfrom book import viz\n", ""), "## Setup” imports"),
        (replace("viz.setup(seed=0)", "x = 1"), "“## Setup” imports"),
        (replace("def weigh(x):\n    return x", "x"), "shows a definition"),
        (replace("assert timed < 5", "timed < 5"), "“## Check” asserts"),
        (replace("assert True, ", ""), "“## Experiment” has a figure"),
        (remove("viz.curve(x)"), "“## Experiment” has a figure"),
        (replace("whom?", "whom."), "“## What we built” has the map"),
        (replace("{figure}", "{note}"), "“## What we built” has the map"),
        (replace("- C. Three", "C. Three"), "“## References” is a list"),
    ],
    "references": [
        (replace("Read it for the idea", "Good"), "“read it for …”: - A."),
    ],
    "exercises": [
        (replace("{exercise-start} ★", "{note} ★"), "here are 3"),
        (replace("★ Look back", "Look back"), "its title starts with ★"),
        (replace("★ Look back", "★★★★ Look back"), "its title starts with ★"),
        (replace(":label: ex-08-0", ""), "it has a :label:"),
        (replace("# your code here", "# here"), "it has a starter cell"),
        (remove("check_look(look_0)"), "followed by a check"),
        (replace("{solution-start} ex-08-0", "{solution-start} x"), "its solution"),
        (replace(":class: dropdown", ""), ":class: dropdown"),
        (remove("x.softmax(-1)\n\n\ncheck"), "code, and executed"),
        (set_count("x.softmax(-1)\n\n\ncheck", None), "code, and executed"),
    ],
    "captions": [
        (meta("viz.curve", mystnb={"image": {"alt": ALT}}), "has a caption"),
        (output("viz.inter", **{"text/plain": ALT, "text/html": "llm-figure"}),
         "has a caption"),
        (replace("One more box of the map is lit.", ""), "has a caption"),
    ],
    "alt_texts": [
        (meta("viz.curve", mystnb={"figure": {"caption": "Curves that all fall."}}),
         "this one has 0"),
        (meta("viz.curve", mystnb={"figure": {"caption": "Curves that all fall."},
                                   "image": {"alt": "curves"}}), "this one has 6"),
        (replace(f":alt: {ALT}", ":alt: a map"), "this one has 5"),
        (replace("Look.", "![a picture](map.png)"), "an image is a {figure}"),
        (replace("Look.", "<img src='map.png'>"), "an image is a {figure}"),
    ],
    "execution_counts": [
        (set_count("import torch", None), "its execution count is None, not 1"),
        (set_count("assert timed", 9), "its execution count is 9, not 7"),
        (remove("import torch"), "its execution count is 2, not 1"),
        (lambda cells: cells[at(cells, "\nx")]["outputs"][0].update(
            execution_count=7), "its output is of another run"),
    ],
    "errors": [
        (error("viz.curve"), "it ended with KeyError"),
        (tag("assert timed", "raises-exception"), "raises nothing"),
    ],
    "margins": [
        (replace("assert timed < 5", "timed < 5"), "the next code cell"),
        (tag("assert timed", "nbval-ignore-output"), "the next code cell"),
        (tag("\nx", "nbval-ignore-output"), "the next code cell"),
        (lambda cells: cells.insert(at(cells, "assert timed"), code("y = 1")),
         "the next code cell"),
    ],
    "figures_of_today": [
        (
            output("\nx", **{"text/html": f"{OF_MASKS}old(); }}</script>"}),
            "is not what masks.js makes now",
        ),
    ],
    "readable_outputs": [
        (said_plainly("tensor(7.67, grad_fn=<DivBackward0>)"), "shows grad_fn"),
        (said_plainly("(2.44, 3.1)"), "a bare tuple"),
        (said_plainly("{'a': (tensor(1.07), tensor(5.57, dtype=torch.float64))}"),
         "a bare tuple"),
        (said_plainly("{4: (2.0, inf,\n  -1e-07)}"), "a bare tuple"),
        (said_plainly("(['cloud', 'rain'],\n ['rain', 'rain'])"), "a bare tuple"),
        (said_plainly("[(' little', tensor(3.14))]"), "tensors inside of something"),
        (said_plainly("{'a': np.float64(2.5)}"), "tensors inside of something"),
        (said_plainly("loss 7.6246189"), "7.6246189 has more than 7 digits"),
        (output("viz.table", **{"text/plain": "0.066161230", "text/html": "<table>"}),
         "more than 7 digits"),
        (said_plainly("x" * 85), "a line of output has 85 characters"),
        (lambda cells: cells[at(cells, "timed = 3")]["outputs"].append(
            {"output_type": "stream", "name": "stderr", "text": "UserWarning: x"}),
         "a warning stands"),
    ],
    "figure_code": [
        (replace("viz.curve(x)", "viz.curve(x)\n" + "ax.plot(x)\n" * 6), "7 lines"),
        (replace("'heat', {}", "'heat', {}, alt='a map'"), "holds an alt text"),
    ],
    "housekeeping": [
        (tag("assert True"), "only assertions: tag it checked"),
        (replace("# attention wins\n", ""), "begins with # what holds"),
        (replace("assert True, ", ""), "and asserts it"),
        (lambda cells: cells.insert(at(cells, "viz.curve"), code(
            "for x in y:\n    assert x")), "only assertions"),
    ],
    "runs_again": [
        (replace("assert True", "x = 3\nassert True"), "x is another thing from cell"),
        (replace("timed = 3", "torch = 3"), "torch is another thing"),
        (replace("assert True", "x += 3\nassert True"), "x is another thing"),
    ],
    "predictions": [
        (replace("first | second", "first | second | third"), "prediction third is not"),
        (replace("{said}`second`", "two"), "the prediction second is not shown"),
        (replace("first | second", "second"), "nobody asks for the prediction first"),
        (replace("first | second", "first | first"), "two predictions are called first"),
    ],
    "balance": [
        (replace("timed = 3", "1\n" * 200), "as high as prose"),
    ],
    "absolute_paths": [
        (replace("timed = 3", "timed = open('/mnt/data/x')"), "/mnt/data/x"),
        (replace("Look.", "See /home/ada/book."), "/home/ada/book"),
        (replace("Look.", "See ~/book."), "~/book"),
        (replace("Look.", "See C:\\Users\\ada."), "C:\\Users\\ada"),
        (output("viz.curve", **{"text/plain": "File /Users/ada"}), "/Users/ada"),
        (output("viz.curve", **{"text/html": "file:///x/y"}), "file:///x/y"),
        (output("viz.curve", **{"text/plain": "lib/site-packages/x"}), "site-p"),
    ],
    "remote_resources": [
        (replace("Look.", "![x](https://example.org/x.png)"), "https://example.org"),
        (replace("map.svg", "https://example.org/x.png"), "https://example.org"),
        (replace("Look.", "<script src='//cdn.org/x.js'></script>"), "//cdn.org"),
        (output("viz.curve", **{"text/html": "<iframe width=3 src=http://x.org>"}),
         "http://x.org"),
        (output("viz.curve", **{"text/html": "<script>fetch('https://x.org')"}),
         "https://x.org"),
    ],
    "banned_words": [
        (replace("Look.", "This is simply a sum."), "“simply”"),
        (replace("Look.", "Of course it is."), "“Of course”"),
        (replace("Look.", "Just **look**."), "“Just”"),
        (replace("- scale", "- scale, trivially"), "“trivially”"),
        (replace("Look.", ":::{note}\nObviously.\n:::"), "“Obviously”"),
        (meta("viz.curve", mystnb={"figure": {"caption": "It just falls."},
                                   "image": {"alt": ALT}}), "“just”"),
    ],
    "spelling": [
        (replace("Look.", "Look at the colors."), "“colors” is spelt “colours”"),
        (replace("Look.", "Normalize it."), "is spelt “Normalise”"),
        (replace("Look.", "An unnormalized row."), "is spelt “unnormalis"),
        (replace("Look.", "A modeling choice."), "“modelling”"),
        (replace("Look.", "We analyze it."), "“analyse”"),
        (replace("Look.", "A centered row."), "“centred”"),
        (meta("viz.curve", mystnb={"figure": {"caption": "The gray line falls."},
                                   "image": {"alt": ALT}}), "“grey”"),
    ],
    "line_lengths": [
        (replace("timed = 3", f"timed = 3  # {'x' * 74}"), "line 1: 87 characters"),
    ],
    "cell_lengths": [
        (replace("timed = 3\ntimed", LONG), "23 lines of code, at most 20"),
        (lambda cells: [c.update(source=c["source"] + "\n1" * 12) for c in cells
                        if c["cell_type"] == "code"], "half of the cells"),
    ],
    "prints": [
        (replace("timed = 3", "if True:\n    print(3)"), "or tag it allow-print"),
    ],
    "python": [
        (replace("timed = 3", "timed = = 3"), "this is not Python"),
        (replace("timed = 3\ntimed", " "), "an empty code cell"),
    ],
}  # fmt: skip


def test_a_good_chapter_passes(tmp_path):
    assert judge(tmp_path, good_chapter()) == []


@pytest.mark.parametrize(
    ("rule", "change", "says"),
    [
        pytest.param(rule, change, says, id=f"{rule}-{i}")
        for rule, mutants in MUTANTS.items()
        for i, (change, says) in enumerate(mutants)
    ],
)
def test_a_broken_chapter_is_caught(tmp_path, monkeypatch, rule, change, says):
    monkeypatch.setattr(rules, "unconverted", frozenset)
    cells = good_chapter()
    change(cells)
    found = [
        complaint for name, complaint in judge(tmp_path, cells) if name == rule
    ]
    assert any(says in complaint for complaint in found), found


def test_every_rule_has_a_mutant():
    assert set(MUTANTS) == set(RULES) - {"file_name"}


@pytest.mark.parametrize(
    "name", ["8_attention", "08-attention", "08_Attention", "08"]
)
def test_a_badly_named_chapter_is_caught(tmp_path, name):
    found = judge(tmp_path, good_chapter(), f"{name}.ipynb")
    assert [rule for rule, _ in found] == ["file_name"]


def test_an_appendix_is_free_in_its_bones_only(tmp_path):
    cells = [markdown("Simply text."), code("1 + 1")]
    found = judge(tmp_path, cells, "appendix_a_pytorch.ipynb")
    assert {rule for rule, _ in found} == {"banned_words", "execution_counts"}


@pytest.mark.parametrize(
    "change",
    [
        tag("viz.curve", "hide-input"),
        replace("## Experiment", "## Seen in a real model\n\nSo.\n\n## Experiment"),
        replace("timed = 3", LONG.replace("    1 +\n" * 20, "    1 +\n" * 16)),
        replace("Look.", "Look [here](https://example.org/colors/just)."),
        replace("Look.", "The `color` of $normalize$, said the justified judge."),
        replace("timed = 3", "timed = 3  # simply the color"),
        tag("viz.interactive", "nbval-ignore-output"),
        tag("import torch", "nbval-ignore-output"),
        said_plainly("torch.Size([2, 3])"),
        said_plainly("tensor([[0.2500000, 0.75],\n        [1.00, 0.00]])"),
        said_plainly("[('<|endoftext|>', 'On'),\n ('On', ' a')]"),
        said_plainly("{'a': 2.079, 4194304: 36028797018963968}"),
        said_plainly("the shape is right (as it should be), 12 times"),
        replace("assert timed < 5", "# fast\nassert timed < 5"),
        replace("viz.curve(x)", "alt = 3\nviz.curve(x)"),
    ],
)
def test_what_is_allowed_passes(tmp_path, change):
    cells = good_chapter()
    change(cells)
    assert judge(tmp_path, cells) == []


def test_tags_lift_the_rules_they_name(tmp_path):
    cells = good_chapter()
    i = at(cells, "timed = 3")
    cells[i]["source"] = f"timed = 3\nprint({LONG[4:]})"
    cells[i]["metadata"]["tags"] += ["allow-print", "hide-input"]
    assert judge(tmp_path, cells) == []


def test_a_draft_can_be_judged_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "08_attention.ipynb"
    path.write_text(json.dumps({"cells": good_chapter()}), encoding="utf-8")
    assert rules.main([str(path)]) == 0
    path.rename(tmp_path / "draft.ipynb")
    assert rules.main([str(tmp_path / "draft.ipynb")]) == 1
    assert re.match(r"draft.ipynb: .* NN_snake_case.ipynb", capsys.readouterr().out)


def test_contents_that_promise_forget_or_shuffle_are_caught():
    toc = {
        "root": "index",
        "parts": [
            {"chapters": [{"file": "chapters/09_b"}, {"file": "chapters/08_a"}]},
            {"chapters": [{"file": "notation"}, {"file": "chapters/30_z"}]},
        ],
    }
    found = contents_complaints(toc, ["08_a", "09_b", "10_c"])
    assert found == [
        "_toc.yml leaves out 10_c",
        "_toc.yml promises 30_z",
        "_toc.yml is out of order: 09_b, 08_a, 30_z",
    ]
    right = {"parts": [{"chapters": [{"file": "chapters/08_a"}]}]}
    assert contents_complaints(right, ["08_a"]) == []
