"""What the chapters quote from `llm` stands there: see tests/house/quotes.py."""

import json
import subprocess
import sys

import pytest

from tests.house import quotes
from tests.house.notebooks import ROOT, chapters, read

PACKAGE = quotes.package_definitions()


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_quotations_are_true(path):
    complaints = quotes.wrong_quotes(read(path), PACKAGE)
    assert not complaints, "\n\n".join(complaints)


def test_every_definition_is_quoted_once_where_it_is_born():
    notebooks = [read(path) for path in chapters()]
    complaints = quotes.misplaced_quotes(notebooks, PACKAGE)
    complaints += quotes.missing_quotes(notebooks, PACKAGE)
    assert not complaints, "\n".join(complaints)


def test_every_module_has_a_birthplace():
    complaints = quotes.unplaced(PACKAGE) + quotes.stale(PACKAGE)
    assert not complaints, "\n".join(complaints)


# The tests, tested: a small package, and a chapter that breaks each rule once -----

ATTENTION = '''\
@torch.no_grad()
def attention(q, k):
    """Weigh."""
    scores = q @ k.T  # (T, T)

    return scores.softmax(-1)


def _helper(x):
    return x
'''
QUOTED = ATTENTION.split("\n\n\n")[0]


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "llm"
    (folder / "tokenizers").mkdir(parents=True)
    (folder / "attention.py").write_text(ATTENTION)
    body = "".join(f"    x = {i}\n" for i in range(quotes.MOST_LINES))
    (folder / "model.py").write_text(f"class GPT:\n{body}")
    for module in ("bytes", "words"):
        (folder / "tokenizers" / f"{module}.py").write_text(
            f"class Tok:\n    '{module}'\n"
        )
    return quotes.package_definitions(folder)


@pytest.fixture
def chapter(tmp_path):
    def write(*sources, name="08_attention.ipynb"):
        cells = [
            {
                "cell_type": "code", "execution_count": i, "id": f"c{i}",
                "source": source.splitlines(True), "metadata": {"tags": ["kept"]},
                "outputs": [{"output_type": "stream", "name": "out", "text": "é"}]
            }
            for i, source in enumerate(sources, start=1)
        ]  # fmt: skip
        whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path = tmp_path / name
        text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        return read(path)

    return write


def test_a_true_quotation_passes(package, chapter):
    notebook = chapter(f"import torch\n\n\n{QUOTED}\n\n\nattention(q, k)")
    assert quotes.wrong_quotes(notebook, package) == []
    assert quotes.misplaced_quotes([notebook], package) == []
    assert quotes.missing_quotes([notebook], package) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("q @ k.T", "q @ k"),
        ("  # (T, T)", ""),
        ("(T, T)", "(T, S)"),
        ("@torch.no_grad()\n", ""),
        ('    """Weigh."""\n', ""),
        ("\n\n    return", "\n    return"),
        ("softmax(-1)", "softmax(-1)\n    # the end"),
    ],
)
def test_any_difference_is_shown_with_its_place_and_its_cure(
    package, chapter, old, new
):
    assert old in QUOTED
    notebook = chapter("x = 1", QUOTED.replace(old, new))
    (complaint,) = quotes.wrong_quotes(notebook, package)
    assert "08_attention.ipynb, cell 2 (In [2])" in complaint
    assert "tools/refresh_quotes.py" in complaint
    assert "another name" in complaint
    assert "--- llm.attention.attention" in complaint
    assert any(line[0] in "+-" for line in complaint.splitlines()[6:])


def test_private_definitions_are_quotations_too(package, chapter):
    notebook = chapter("def _helper(x):\n    return -x")
    assert len(quotes.wrong_quotes(notebook, package)) == 1


def test_other_names_magics_and_nested_definitions_are_free(package, chapter):
    notebook = chapter(
        "%timeit 1 + 1\n!ls\ndef attention_unscaled(q, k):\n    return q @ k.T",
        "class A:\n    def attention(self):\n        return 1",
        "%%time\ndef attention(): pass",
    )
    assert quotes.wrong_quotes(notebook, package) == []


def test_a_definition_that_does_not_fit_on_a_screen_cannot_be_quoted(
    package, chapter
):
    notebook = chapter(package["GPT"][0].text, name="13_gpt.ipynb")
    (complaint,) = quotes.wrong_quotes(notebook, package)
    assert "GPT has 61 lines and does not fit on a screen" in complaint


def test_a_second_quotation_is_refused(package, chapter):
    here = chapter(QUOTED)
    again = chapter(QUOTED, name="09_causal_masking.ipynb")
    complaints = quotes.misplaced_quotes([here, again], package)
    assert "already quoted in 08_attention.ipynb, cell 1" in complaints[0]
    assert "attention belongs to chapter 8" in complaints[1]
    twice = chapter(QUOTED, QUOTED)
    assert len(quotes.misplaced_quotes([twice], package)) == 1


def test_a_birthplace_that_does_not_quote_is_reported(package, chapter):
    notebook = chapter("x = 1")
    (complaint,) = quotes.missing_quotes([notebook], package)
    assert "08_attention.ipynb: does not quote llm.attention.attention" in complaint
    elsewhere = chapter("x = 1", name="07_gradients.ipynb")
    assert quotes.missing_quotes([elsewhere], package) == []


def test_names_that_two_modules_share(package, chapter):
    own = chapter("class Tok:\n    'words'", name="03_text.ipynb")
    assert quotes.wrong_quotes(own, package) == []
    neither = chapter("class Tok:\n    'runes'", name="20_many.ipynb")
    (complaint,) = quotes.wrong_quotes(neither, package)
    assert "exists in llm.tokenizers.bytes and llm.tokenizers.words" in complaint


def test_a_new_module_or_name_needs_a_birthplace(package):
    strangers = {
        "f": [quotes.Source("museum", "f", "")],
        "g": [quotes.Source("attention", "g", "")],
        "h": [quotes.Source("corpora.text", "h", "")],
        "i": [quotes.Source("tokenizers.runes", "i", "")],
    }
    complaints = "\n".join(quotes.unplaced(strangers))
    assert "llm.museum: in which chapter" in complaints
    assert "llm.attention.g: in which chapter" in complaints
    assert "llm.tokenizers.runes: in which chapter" in complaints
    assert "corpora" not in complaints
    assert any("llm.attention has no KVCache" in c for c in quotes.stale(package))


# The tool that repairs ------------------------------------------------------------


def refresh(*arguments):
    return subprocess.run(
        [sys.executable, "tools/refresh_quotes.py", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def test_the_tool_repairs_a_quotation_and_nothing_else(chapter):
    whole = PACKAGE["attention"][0].text
    cell = "import torch  # kept\n\n\n{}\n\n\nattention(q, k, v)  # kept"
    good = chapter(cell.format(whole), "y = 'ü'").path
    before = good.read_bytes()
    bad = whole.replace("@ v", "@ v.T").replace("\n\n", "\n")
    path = chapter(cell.format(bad), "y = 'ü'").path
    wrong = path.read_bytes()
    assert wrong != before

    checked = refresh("--check", path)
    assert checked.returncode == 1, checked.stderr
    assert (
        "differs: 08_attention.ipynb, cell 1 (In [1]): attention" in checked.stdout
    )
    assert path.read_bytes() == wrong

    repaired = refresh(path)
    assert repaired.returncode == 0, repaired.stderr
    assert path.read_bytes() == before
    assert refresh("--check", path).returncode == 0


def test_the_tool_refuses_what_is_no_notebook(tmp_path):
    path = tmp_path / "08_cut.ipynb"
    path.write_text('{"cells": [')
    assert refresh(path).returncode == 2
    assert path.read_text() == '{"cells": ['


def test_the_chapters_need_no_repair():
    result = refresh("--check")
    assert result.returncode == 0, result.stdout + result.stderr
