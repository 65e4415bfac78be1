"""`look` shows its arguments as they are written, with the shape and the content."""

import doctest
import linecache

import pytest
import torch

from book.viz import lines


def looked(source: str):
    """What a cell with this source, ending in look(…), shows."""
    name = "<a cell of a test>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    names = {"torch": torch, "look": lines.look}
    exec(compile(f"{source}", name, "exec"), names)
    return names["shown"].data


def test_examples_in_docstrings_are_true():
    tried = doctest.testmod(lines)
    assert tried.attempted > 0 == tried.failed


def test_each_argument_is_shown_as_it_is_written():
    shown = looked(
        "x = torch.arange(6).view(2, 3)\n"
        "shown = look(x[0, :2], lambda: x.view(4), x.mean, [len(row)\n"
        "  for row in x], 'é' + \"a\")\n"
    )
    plain = shown["text/plain"].splitlines()
    assert plain[1].split("  ")[0] == "x[0, :2]"
    assert "(2,)" in plain[1] and plain[1].endswith("[0, 1]")
    assert plain[2].startswith("x.view(4) ") and "RuntimeError: shape" in plain[2]
    assert "[len(row) for row in x]" in shown["text/plain"]
    assert "'é' + \"a\"" in shown["text/plain"]
    assert "<code>x[0, :2]</code>" in shown["text/html"]
    assert "| `x[0, :2]` | " in shown["text/markdown"]


def test_a_bar_in_the_code_does_not_end_a_cell_of_the_table():
    shown = looked("shown = look({1} | {2})\n")
    assert r"| `{1} \| {2}` |" in shown["text/markdown"]
    assert "<code>{1} | {2}</code>" in shown["text/html"]


def test_a_line_that_should_stop_and_does_not_is_an_error():
    with pytest.raises(ValueError, match="did not"):
        looked("shown = look(lambda: 1 + 1)\n")


def test_without_its_source_it_says_so():
    with pytest.raises(ValueError, match="finds no source"):
        exec("look(1)", {"look": lines.look})
