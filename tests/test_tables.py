"""A table says the same in each of its forms, and refuses what it cannot show."""

import doctest
import math
import re

import numpy as np
import pytest
import torch
from markdown_it import MarkdownIt

from book import bundle, viz
from book.bundle import escaped
from book.viz import said, tables
from tests.hostile import FRAGMENTS

READERS = ["last two words", "average", "attention"]
LOSSES = {READERS[0]: (2.98, 0.12), READERS[1]: (2.18, 0.13), READERS[2]: (0, 1.0)}
FLOORS = {READERS[0]: 2.953, READERS[1]: 2.0794, READERS[2]: 0}


@pytest.fixture(autouse=True)
def nothing_said():
    yield
    said.said.clear()


def plain(*arguments, **named):
    return viz.table(*arguments, **named).data["text/plain"]


def page(*arguments, **named):
    return viz.table(*arguments, **named).data["text/html"]


def cells(html):
    """The rows of a table of HTML as lists of texts."""
    rows = re.findall(r"<tr.*?</tr>", html)
    return [
        [re.sub(r"<[^>]*>", "", c) for c in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(tables).failed == 0
    assert doctest.testmod(bundle).failed == 0
    assert doctest.testmod(said).failed == 0


def test_numbers_of_a_column_have_their_points_in_one_place():
    lines = plain(LOSSES, ["loss", "right"], floor=FLOORS, units={"loss": "nats"})
    head, *body = lines.splitlines()
    assert head.split() == ["loss", "(nats)", "floor", "(nats)", "right"]
    assert len({tuple(m.start() for m in re.finditer(r"\.", x)) for x in body}) == 1
    assert body[2].split() == ["attention", "0.00", "0.00", "1.00"]


def test_a_page_has_a_real_table_with_caption_and_headers():
    html = page(LOSSES, ["loss", "right"], corner="reader", caption="Back & forth.")
    assert "<caption>Back &amp; forth.</caption>" in html
    assert html.count('<th scope="col"') == 3 and html.count('<th scope="row"') == 3
    assert cells(html)[1] == ["last two words", "2.98", "0.12"]


def test_a_corner_without_a_name_is_no_header():
    assert page(LOSSES, ["loss", "right"]).count('<th scope="col"') == 2


@pytest.mark.parametrize(
    "values",
    [
        {"a": (1.0, 2), "b": (3.5, 4)},
        {"a": {"x": 1.0, "y": 2}, "b": {"y": 4, "x": 3.5}},
        {"a": torch.tensor([1.0, 2]), "b": np.array([3.5, 4])},
        {"a": [torch.tensor(1.0), np.int64(2)], "b": [np.float32(3.5), 4]},
    ],
)
def test_rows_come_as_tuples_dictionaries_tensors_and_arrays(values):
    made = cells(page(values, ["x", "y"]))
    assert [row[:2] for row in made] == [["", "x"], ["a", "1.00"], ["b", "3.50"]]
    assert [float(row[2]) for row in made[1:]] == [2, 4]


def test_a_tensor_is_a_table_whose_rows_may_have_names():
    weights = torch.tensor([[0.25, 0.75]], requires_grad=True)
    assert cells(page(weights, ["a", "b"])) == [["a", "b"], ["0.25", "0.75"]]
    assert cells(page(weights, ["a", "b"], rows=["tea"]))[1][0] == "tea"
    assert "grad" not in plain(weights, ["a", "b"])


def test_a_row_of_one_value_needs_no_list():
    assert plain(
        {"tea": 0.5, "cake": torch.tensor(1.5)}, ["price"]
    ).splitlines() == [
        "      price",
        "tea    0.50",
        "cake   1.50",
    ]


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([math.pi], ["3.14"]),
        ([21.83, 0.0718], ["21.83", "0.07"]),
        ([512.3, 1.25], ["512", "1"]),
        ([0.0661612], ["0.0662"]),
        ([-0.0004, 1.0], ["0.00", "1.00"]),
        ([math.nan, -math.inf, 1.0], ["nan", "−∞", "1.00"]),
        ([3e-7, -2e-8], ["3.0 × 10⁻⁷", "−2.0 × 10⁻⁸"]),
        ([200_000, 9999], ["200,000", "9999"]),
        ([2, 3.0], ["2.00", "3.00"]),
        ([True, False, None], ["yes", "no", "–"]),
        (["1.0", "two\nlines"], ["1.0", "two lines"]),
        ([1.5, None], ["1.50", "–"]),
    ],
)
def test_digits_fit_the_size_of_the_numbers(numbers, shown):
    assert [
        row[0] for row in cells(page([[n] for n in numbers], ["x"]))[1:]
    ] == shown


def test_no_table_shows_seventeen_digits():
    rng = np.random.default_rng(0)
    for size in 10.0 ** np.arange(-12, 13):
        column = (rng.standard_normal((9, 1)) * size).tolist()
        for number in cells(page(column, ["x"]))[1:]:
            assert len(re.sub(r" ×.*|\D", "", number[0]).lstrip("0")) <= 10


def test_digits_can_be_chosen_for_all_columns_or_by_name():
    one = {"a": (1.23456, 1.23456)}
    assert plain(one, ["x", "y"], digits=3).split()[-2:] == ["1.235", "1.235"]
    assert plain(one, ["x", "y"], digits={"y": 1}).split()[-2:] == ["1.23", "1.2"]
    assert "1.2 × 10⁻⁵" in page([[1.2e-5], [1.0]], ["x"], digits=".1e")


def test_the_floor_is_a_column_by_row_and_a_row_by_column():
    column = cells(page(LOSSES, ["loss", "right"], floor={"average": 2.0794}))
    assert [row[2] for row in column] == ["floor", "", "2.08", ""]
    row = page(LOSSES, ["loss", "right"], floor={"loss": 1.0})
    assert cells(row)[-1] == ["the floor", "1.00", ""]
    assert 'class="floor"' in row
    only = cells(page({"a": (1.5, 3)}, ["loss", "n"], floor=1.06))
    assert only[-1] == ["the floor", "1.06", ""]


def test_a_column_of_its_own_stands_beside_the_one_it_belongs_to():
    made = page(
        LOSSES,
        ["loss", "right"],
        units={"right": "%"},
        floor={"loss": {"average": 2.0794}},
        said={"right": {"average": "ch"}, "loss": "mean"},
    )
    assert cells(made) == [
        ["", "loss", "floor", "right (%)", "you said (%)"],
        ["last two words", "2.98", "", "0.12", ""],
        ["average", "2.18", "2.08", "0.13", said.BLANK],
        ["attention", "0.00", "", "1.00", ""],
        ["you said", said.BLANK, "", "", ""],
    ]


def test_the_floor_has_the_digits_and_the_unit_of_the_loss():
    made = plain({"a": 1.0}, ["loss"], units="nats", digits=4, floor={"a": 0.5})
    assert made.splitlines()[0].endswith("loss (nats)  floor (nats)")
    assert made.split()[-2:] == ["1.0000", "0.5000"]


def test_what_was_predicted_stands_beside_the_result():
    made = dict(columns=["loss", "right"], said={"average": "ch"})
    assert cells(page(LOSSES, **made))[2] == ["average", "2.18", said.BLANK, "0.13"]
    assert 'data-said="ch"' in page(LOSSES, **made)
    viz.predict("ch", 0.4)
    column = [row[2] for row in cells(page(LOSSES, **made))]
    assert column == ["you said", "", "0.4", ""]
    assert plain(LOSSES, **made).splitlines()[2].split()[-2:] == ["0.4", "0.13"]
    row = viz.table(LOSSES, ["loss", "right"], said={"right": "ch"})
    assert cells(row.data["text/html"])[-1] == ["you said", "", "0.4"]
    viz.predict("ch", ...)
    assert cells(page(LOSSES, **made))[2][2] == said.BLANK


@pytest.mark.parametrize("value", [math.nan, math.inf, [1, 2], object()])
def test_a_prediction_is_one_number_or_one_choice(value):
    with pytest.raises(ValueError, match="one number or one choice, not"):
        viz.predict("x", value)
    assert viz.predict("x", "rain") == "You said rain. Run on, and compare."
    assert viz.predict("y", torch.tensor(1 / 4)).startswith("You said 0.25.")


LONG = "the logits at position 0 depend on the token at position 1: " * 4


def test_long_texts_wrap_in_plain_text_and_lose_no_word():
    made = plain(
        {"right": ("holds", 1.0), "missing": (LONG, 2.0)}, ["says", "loss"]
    )
    assert max(map(len, made.splitlines())) <= tables.WIDTH
    column = " ".join(line[9:72].strip() for line in made.splitlines()[2:])
    assert column.split() == LONG.split()


@pytest.mark.parametrize("text", [f for f in FRAGMENTS if f.isprintable()])
def test_a_text_is_shown_as_it_is_whatever_signs_it_has(text):
    made = viz.table({text: (text, 1.0)}, ["text", "n"], caption=text).data
    assert "<script" not in made["text/html"]
    read = MarkdownIt("commonmark").enable("table").parse(made["text/markdown"])
    kept = [t for t in read if t.type == "inline" and t.children is not None]
    shown = "".join(t.content for t in kept[-3].children)
    assert shown.split() == text.split()


def test_two_calls_make_the_same_table():
    make = lambda: viz.table(LOSSES, ["loss", "right"], floor=FLOORS)
    assert make().data == make().data


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({"a": (1, 2)}, ["x"]), "row a has 2 values for 1 columns: x"),
        (({"a": 1.0},), "give the columns their names"),
        (({}, ["x"]), "0 rows"),
        (([[torch.zeros(3)]], ["x"]), "'x' takes one number; this value has 3"),
        (([{"x": 1}, {"y": 2}],), "a row has not the columns x"),
    ],
)
def test_what_is_no_table_is_refused(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        viz.table(*arguments)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"floor": {"mean": 1.0}}, "floor: no row and no column is called 'mean'"),
        ({"floor": 1.0}, "floor: say of which column: {name: …}; loss, right"),
        ({"said": {"mean": "x"}}, "you said: no row and no column is called"),
        ({"floor": {"loss": {"mean": 1}}}, "floor: no row is called 'mean'"),
        ({"units": {"mean": "nats"}}, "units: no column is called 'mean'"),
        ({"digits": {"mean": 2}}, "digits: no column is called 'mean'"),
        ({"rows": ["a"]}, "3 rows of values"),
    ],
)
def test_a_name_that_the_table_has_not_is_refused(named, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        viz.table(LOSSES, ["loss", "right"], **named)


def test_a_row_of_its_own_needs_rows_with_names():
    with pytest.raises(ValueError, match="floor: needs rows with names"):
        viz.table([[1.0]], ["x"], floor=0.5)


@pytest.mark.parametrize(
    "line",
    ["- a", "+ a", "1. a", "2) a", "% a", ":::note", "(a)=", "===", "# a", "> a",
     "a\\", "[a](b)", "![a](b)", "<b>", "a_b_ *c*", "~~a~~", "{sub}`a`", "$a$", "&lt;",
     "| a |", "-1.5 and 2.25", *FRAGMENTS],
)  # fmt: skip
def test_markdown_sees_nothing_of_its_own_in_a_text(line):
    """Each line of a passage is one paragraph of plain text."""
    line = " ".join(line.replace("\0", "?").split()) or "x"
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"> {escaped(line)}")
    kinds = ["blockquote_open", "paragraph_open", "inline"]
    assert [token.type for token in tokens][:3] == kinds
    assert {t.type for t in tokens[2].children} <= {
        "text",
        "text_special",
        "softbreak",
    }
    assert "".join(t.content for t in tokens[2].children) == line


def test_numbers_in_markdown_can_be_compared():
    assert escaped("loss 2.98 nats, 1,234.5") == "loss 2.98 nats, 1,234.5"
