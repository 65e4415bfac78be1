"""What a box asks for, and how a prediction comes into tables and figures."""

import base64
import doctest
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from book_predict import latex_field

from book import notebooks, predictions, viz
from book.predictions import Field, fields
from book.viz import said

mpl.use("Agg")


@pytest.fixture(autouse=True)
def nothing_said():
    yield
    said.said.clear()
    plt.close("all")


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(predictions).failed == 0
    assert doctest.testmod(notebooks).failed == 0


def test_one_field_needs_no_label_and_a_choice_has_its_parts():
    made = fields({"name": "cheat", "choices": "the first | the second"})
    assert made == [Field("cheat", "", "", ["the first", "the second"])]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "a | b"}, "several fields need a label each"),
        ({"name": "a | b", "label": "one"}, "2 names, and 1 labels"),
        ({"name": "The average"}, "a name is of small letters"),
        ({"name": "a-b"}, "a name is of small letters"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        fields(options)


def test_in_print_a_number_is_a_line_and_a_choice_a_box_to_tick():
    number = latex_field(
        Field("a", "the average", "%", []), lambda t: t.replace("%", "\\%")
    )
    assert number == r"\noindent the average\enspace \bkanswer{}\enspace \%"
    choice = latex_field(Field("a", "", "", ["x", "y"]), str)
    assert choice.count(r"\bktick{}~") == 2 and "bkanswer" not in choice


@pytest.mark.parametrize("along", ["x", "y"])
def test_what_the_kernel_knows_is_drawn_and_the_rest_waits_for_the_page(along):
    viz.predict("known", 0.4)
    ax = plt.subplots(figsize=(2, 2))[1]
    bundle = viz.with_prediction(ax, ["known", "later"], along=along, alt="an axis")
    assert [text.get_text() for text in ax.texts] == ["you said 0.4"]
    (line,) = ax.lines
    assert set(getattr(line, f"get_{along}data")()) == {0.4}
    assert re.findall(r'data-said="(\w+)"', bundle.data["text/html"]) == ["later"]
    assert bundle.data["text/plain"] == "an axis"


def test_the_marks_stand_where_the_axes_do():
    """The place of the axes in the page is that in the picture, to a pixel."""
    ax = plt.subplots(figsize=(3, 2))[1]
    ax.set(facecolor="red", xlabel="step", ylabel="loss")
    bundle = viz.with_prediction(ax, "x", alt="red")
    style = re.search(
        r"left:([\d.]+)%;bottom:([\d.]+)%;width:([\d.]+)%", bundle.data["text/html"]
    )
    left, bottom, width = (float(share) / 100 for share in style.groups())
    image = plt.imread(io.BytesIO(base64.b64decode(bundle.data["image/png"])))
    red = (image[..., 0] > 0.9) & (image[..., 1] < 0.1)
    columns, rows = red.any(0).nonzero()[0], red.any(1).nonzero()[0]
    assert left * image.shape[1] == pytest.approx(columns.min(), abs=3)
    assert width * image.shape[1] == pytest.approx(len(columns), abs=5)
    assert (1 - bottom) * image.shape[0] == pytest.approx(rows.max(), abs=3)


def test_a_prediction_stands_along_an_axis():
    with pytest.raises(ValueError, match="along the axis 'x' or 'y', not 'z'"):
        viz.with_prediction(plt.subplots()[1], "a", along="z", alt="")
