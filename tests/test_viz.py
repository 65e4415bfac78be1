"""Figures show what came in, and each form of a bundle stands alone."""

import base64
import doctest
import html
import io
import json
import math
import re
import subprocess
import sys
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import regex
import torch
from torch.nn.functional import scaled_dot_product_attention

from book import viz
from book.viz import beginning, diagrams, machines, page, plots
from book.viz.checkpoints import FOLDER
from book.viz.frames import attention_frames
from book.viz.plots import visible
from book.viz.style import show_readably
from llm import style
from llm.page import JS, bundled, imports
from tests.hostile import FRAGMENTS

mpl.use("Agg")
WORDS = ["Mia", "gave", "the ball"]
PROBE = "tests/browser/probe.js"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def settings():
    """What `setup` changes, put back afterwards."""
    threads = torch.get_num_threads()
    with mpl.rc_context():
        yield
    torch.set_num_threads(threads)
    torch.set_printoptions(profile="default")
    np.set_printoptions(precision=8, suppress=False, linewidth=75)


def a_figure():
    return plt.subplots(figsize=(2, 1))[1]


def test_setup_makes_the_same_numbers_again(settings):
    viz.setup(seed=3)
    first = torch.rand(4), np.random.rand(4)
    viz.setup(seed=3)
    assert torch.equal(first[0], torch.rand(4))
    assert np.array_equal(first[1], np.random.rand(4))


@pytest.mark.skipif(sys.platform != "linux", reason="about the C library of Linux")
def test_setup_keeps_memory_for_the_next_tensor():
    count = """
import resource, torch
from book import viz
viz.setup()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range(20):
    torch.ones(12_000_000).sum()  # 48 MB
print(faults() - before)
"""
    run = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, text=True, check=True
    )
    pages = 12_000_000 * 4 // 4096
    assert int(run.stdout) < 10 * pages  # without it, 20 times so many


def test_setup_computes_with_one_thread_and_prints_two_decimals(settings):
    viz.setup()
    assert torch.get_num_threads() == 1
    assert str(torch.tensor([1 / 3])) == "tensor([0.33])"


def test_text_in_figures_is_at_least_nine_points():
    sizes = [value for key, value in style.STYLE.items() if key.endswith("size")]
    sizes = [size for size in sizes if not isinstance(size, tuple)]
    assert min(sizes) >= 9


def test_lines_differ_by_more_than_colour():
    looks = list(style.STYLE["axes.prop_cycle"])
    assert len({str(look["linestyle"]) for look in looks}) == len(looks)


def test_heatmap_shows_the_weights_and_names_rows_and_columns():
    weights = torch.tensor([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    ax = viz.heatmap(weights, WORDS[:2], WORDS)
    assert np.allclose(ax.images[0].get_array(), weights)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Mia", "gave"]
    assert ax.get_xticklabels()[2].get_text() == "the␣ball"
    assert {text.get_text() for text in ax.texts} == {
        "0.25",
        "0.75",
        "0.00",
        "1.00",
    }


def test_heatmap_of_a_mask_says_0_and_1_and_needs_no_scale():
    for mask in (torch.eye(8, dtype=torch.bool), np.eye(8, dtype=bool)):
        ax = viz.heatmap(mask, list("abcdefgh"))
        assert {text.get_text() for text in ax.texts} == {"0", "1"}
        assert len(ax.figure.axes) == 1
    assert len(viz.heatmap(torch.eye(8), list("abcdefgh")).figure.axes) == 2


@pytest.mark.parametrize("columns", [2, 9, 41])
def test_heatmap_of_one_row_has_room_for_its_names(settings, columns):
    names = [f"price {n}" for n in range(columns)]
    viz.setup()
    ax = viz.heatmap(torch.rand(1, columns), ["item 3?"], names)
    ax.set_title("it answers: 5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax.figure.savefig(io.BytesIO())


def test_heatmap_takes_a_map_around_zero_for_signed_numbers_only():
    signed = viz.heatmap(torch.tensor([[1.0, -3.0]]), ["a"], ["b", "c"]).images[0]
    assert (signed.get_cmap().name, signed.get_clim()) == ("PuOr", (-3.0, 3.0))
    amounts = viz.heatmap(torch.tensor([[1.0, 3.0]]), ["a"], ["b", "c"]).images[0]
    assert (amounts.get_cmap().name, amounts.get_clim()) == ("cividis", (0.0, 3.0))


def test_heatmap_hatches_what_may_not_be_seen():
    scores = torch.tensor([[1.0, -torch.inf], [0.5, 2.0]])
    ax = viz.heatmap(scores, ["a", "b"])
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, -0.5)]
    assert len(ax.texts) == 3


UNDRAWN = r"[\p{C}\p{Z}]"  # no font has a picture of these


@pytest.mark.parametrize(
    "token", ["$$", "a$b$c", "$", r"$\frac$", "\\alpha", "_x", "%"]
)
def test_heatmap_draws_dollars_as_written(token):
    ax = viz.heatmap(torch.eye(3), [token, "b", "c"], row_label=token,
                     column_label=token, label=token)  # fmt: skip
    ax.figure.savefig(io.BytesIO())
    bar = ax.figure.axes[1].yaxis.label
    labels = [ax.get_xticklabels()[0], ax.get_yticklabels()[0]]
    for text in (*labels, ax.xaxis.label, ax.yaxis.label, bar):
        assert (text.get_text(), text.get_parse_math()) == (token, False)


def test_a_box_and_the_bars_of_the_machines_draw_dollars_as_written():
    ax = diagrams.blank(2, 1, 2, 1)
    diagrams.box(ax, 1, 0.5, "a$b$c $$")
    ax.figure.savefig(io.BytesIO())
    coin = torch.tensor([0.5, 0.5])
    figure = machines.draw_all([coin] * 4, 0, "$$ x$y$", ["$$", "a$b$"], 2)
    figure.savefig(io.BytesIO())
    written = {"p": beginning.Written("$$", "x$y$", "$$")}
    beginning.draw_written("$$", "$x$$", written).savefig(io.BytesIO())


@pytest.mark.parametrize(
    "token", [f for f in FRAGMENTS if len(f) < 20] + ["\ud800"]
)
def test_a_token_without_a_picture_is_drawn_by_its_number(token):
    shown = visible(token)
    assert not regex.search(UNDRAWN, shown)
    if not regex.search(UNDRAWN, token):
        assert shown == token
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        viz.heatmap(torch.eye(2), [token, "b"]).figure.savefig(io.BytesIO())


def test_examples_in_docstrings_are_true():
    assert doctest.testmod(plots).failed == 0


def test_what_cannot_be_seen_is_named():
    assert visible(" \n\t") == "␣⏎⇥"
    assert visible("\r\x1b[0m") == "⟨U+000D⟩⟨U+001B⟩[0m"
    assert visible("\xa0\ufeff\U0010ffff") == "⟨U+00A0⟩⟨U+FEFF⟩⟨U+10FFFF⟩"


@pytest.mark.parametrize("nothing", [-torch.inf, torch.nan])
def test_heatmap_of_nothing_to_see_is_hatched_everywhere(nothing, recwarn):
    ax = viz.heatmap(torch.full((3, 3), nothing), WORDS)
    ax.figure.savefig(io.BytesIO())
    assert len(ax.patches) == 9 and not ax.texts and not recwarn
    with pytest.raises(ValueError, match=r"shape \(0, 0\) .* at least one number"):
        viz.heatmap(torch.zeros(0, 0), [])


def test_heatmap_refuses_tokens_that_do_not_fit():
    with pytest.raises(ValueError, match=r"shape \(2, 3\).* 3 row tokens"):
        viz.heatmap(torch.zeros(2, 3), WORDS)


RECORDS = [
    {"step": 1, "loss": 3.0},
    {"step": 2, "loss": 2.0},
    {"step": 2, "validation_loss": 2.5, "validation_standard_error": 0.1},
]


def test_curve_draws_training_validation_band_and_floor():
    ax = viz.curve(RECORDS, floor=1.5)
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["training"].get_xydata().tolist() == [[1, 3.0], [2, 2.0]]
    assert lines["held-out"].get_xydata().tolist() == [[2, 2.5]]
    floor = lines["the floor, 1.50"]
    assert floor.get_linestyle() == "--" and floor.get_color() == style.BLACK
    assert set(floor.get_ydata()) == {1.5}
    band = ax.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((2.3, 2.7))


def test_curve_finds_the_floor_in_the_log():
    with_floor = [*RECORDS, {"step": 3, "loss": 1.9, "floor": 1.25}]
    assert "the floor, 1.25" in {x.get_label() for x in viz.curve(with_floor).lines}
    assert len(viz.curve(RECORDS).lines) == 2


@pytest.mark.parametrize("floor", [0.5, 1.0, 4.0])
def test_curve_shows_the_way_to_the_floor_and_not_the_first_fall(floor):
    """Also where there is none: at the floor, and below it."""
    records = [{"step": s, "loss": 9.0 if s < 4 else 1.0} for s in range(1, 41)]
    low, high = viz.curve(records, floor=floor).get_ylim()
    assert low < min(1.0, floor) <= max(1.0, floor) < high < 9


@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_curve_of_a_run_whose_loss_was_lost_is_drawn(tmp_path, lost):
    records = [*RECORDS, {"step": 3, "loss": lost, "validation_loss": lost}]
    low, high = viz.curve(records, tmp_path / "curve.png", floor=1.5).get_ylim()
    assert low < 1.5 and 3.0 < high < 4
    assert len(viz.curve(RECORDS, floor=lost).lines) == 2
    assert viz.curve([{"step": 1, "loss": lost}], floor=1.5).get_ylim() == (
        0.5,
        2.5,
    )


def test_curve_is_stored_whole_and_leaves_pyplot_alone(tmp_path):
    open_before = plt.get_fignums()
    viz.curve(RECORDS, tmp_path / "curve.png", log_x=True)
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]
    assert plt.get_fignums() == open_before


def test_curve_refuses_a_log_without_losses():
    with pytest.raises(ValueError, match="no record has a loss"):
        viz.curve([{"step": 1}])


def test_tokens_show_blanks_and_escape_markup():
    data = viz.tokens([" <b>", "\n", "a`b"]).data
    assert data["text/plain"] == "␣<b>|⏎|a`b"
    assert "␣&lt;b&gt;" in data["text/html"]
    assert data["text/markdown"] == "`␣<b>` `⏎` `` a`b ``"


def test_a_passage_breaks_its_lines_and_escapes_markup():
    data = viz.passage("<b> *loud* " + "word " * 30).data
    assert max(map(len, data["text/plain"].splitlines())) <= 76
    assert "&lt;b&gt; *loud*" in data["text/html"]
    assert data["text/markdown"].startswith(r"> \<b\> \*loud\*")


def state_of(bundle):
    stored = re.search(
        r'<script type="application/json">(.*?)</script>', bundle.data["text/html"]
    )
    return stored[1]


def test_interactive_holds_a_page_and_pictures():
    state = {"names": ["a"], "scores": [1.0]}
    bundle = viz.interactive(PROBE, state, alt='bars "1 < 2"', figure=a_figure())
    data, metadata = bundle._repr_mimebundle_()
    assert data["text/plain"] == 'bars "1 < 2"'
    assert html.escape('bars "1 < 2"') in data["text/html"]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert base64.b64decode(data["application/pdf"]).startswith(b"%PDF")
    width = int.from_bytes(base64.b64decode(data["image/png"])[16:20], "big")
    assert metadata["image/png"]["width"] == width // 2


def test_interactive_is_the_same_in_every_run(settings):
    viz.setup()

    def bundle():
        ax = a_figure()
        ax.plot([1, 2])
        return viz.interactive(PROBE, {"scores": [0.1]}, alt="x", figure=ax).data

    assert bundle() == bundle()


def test_state_cannot_end_the_page_and_is_rounded():
    state = {"names": ["</script><!--"], "scores": torch.tensor([1 / 3])}
    text = state_of(viz.interactive(PROBE, state, alt="x", figure=a_figure()))
    assert "<" not in text
    assert json.loads(text) == {"names": ["</script><!--"], "scores": [0.33333]}


def test_the_frames_of_attention_hold_what_pytorch_computes():
    torch.manual_seed(0)
    queries, keys, values = torch.randn(3, 5, 4, dtype=torch.float64)
    past = torch.ones(5, 5, dtype=torch.bool).tril()
    frames = attention_frames(
        queries, keys, values, past, ["one", "two", "one", "two", "$"], list("abcd"),
        temperature=0.5,
    )  # fmt: skip
    state = json.loads(state_of(frames))
    answers = scaled_dot_product_attention(
        queries, keys, values, past, scale=1 / (0.5 * math.sqrt(4))
    )
    torch.testing.assert_close(
        torch.tensor(state["answers"], dtype=torch.float64), answers,
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip
    weights = torch.tensor(state["weights"], dtype=torch.float64)
    assert (weights[~past] == 0).all()
    torch.testing.assert_close(
        weights.sum(1), torch.ones_like(weights[0]), atol=1e-4, rtol=0
    )


def test_every_figure_of_the_book_is_one_script():
    folders, modules = (page.JS, JS), set(page.JS.glob("*.js"))
    drawing = {file for file in modules if "export default" in file.read_text()}
    assert (
        modules
        == drawing
        | {part for file in drawing for part in imports(file, folders)} & modules
    )
    for file in drawing:
        assert bundled(file, folders).count("return { render };") == 1


def test_bytes_come_with_a_figure_and_shipped_ones_under_their_name():
    path = next(FOLDER.glob("*.safetensors"))
    given = {"own": b"abc", "model": path.read_bytes()}
    bundle = viz.interactive(PROBE, {}, alt="x", figure=a_figure(), files=given)
    stored = re.findall(
        r'<script type="text/plain" ([^>]*)>([^<]*)<', bundle.data["text/html"]
    )
    assert stored[0] == ('data-name="own"', "YWJj")
    assert stored[1][0] == f'data-name="model" data-checkpoint="{path.stem}"'
    assert base64.b64decode(stored[1][1]) == given["model"]


def test_panel_redraws_when_a_control_moves():
    ipywidgets = pytest.importorskip("ipywidgets")
    drawn = []

    def draw(width):
        drawn.append(width)
        ax = a_figure()
        ax.plot(range(width))
        return ax

    slider = ipywidgets.IntSlider(value=3, min=1, max=9)
    bundle = viz.panel(draw, alt="a line", width=slider)
    view = bundle.data[page.WIDGET]["model_id"]
    image = ipywidgets.widgets.widget._instances[view].children[-1]
    before = image.value
    slider.value = 5
    assert drawn == [3, 5]
    assert image.value != before
    assert bundle.data["text/plain"] == "a line"


def test_importing_the_package_does_not_import_ipython_or_widgets():
    import subprocess

    code = (
        "import sys, book.viz; print({'IPython', 'ipywidgets'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


@pytest.fixture
def shell(settings):
    """IPython as a notebook has it after `setup`."""
    InteractiveShell = pytest.importorskip("IPython").InteractiveShell
    shell = InteractiveShell()
    show_readably(shell)
    return lambda value: shell.display_formatter.format(value)[0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1 / 3, "0.3333"),
        (
            {"a": 2.0794415416798357, "b": [1.0, -1e-9]},
            "{'a': 2.079, 'b': [1.0, -1e-09]}",
        ),
        (np.float64(0.06616123020648956), "0.06616"),
        (
            [math.inf, math.nan, 119743.24, 4194304.5],
            "[inf, nan, 119743.2, 4.194e+06]",
        ),
        (True, "True"),
        (36028797018963968, "36028797018963968"),
    ],
)
def test_a_notebook_shows_floats_with_four_digits(shell, value, shown):
    assert shell(value)["text/plain"] == shown


def test_a_notebook_shows_a_long_text_as_a_passage_and_a_short_one_as_python(shell):
    assert shell("a\nb") == {"text/plain": r"'a\nb'"}
    story = "<b> once upon a time\n" + "there was a toy train " * 9
    forms = shell(story)
    assert forms["text/html"].startswith(
        "<blockquote><p>&lt;b&gt; once upon a time<br>"
    )
    assert max(map(len, forms["text/plain"].splitlines())) <= 76
    assert forms["text/plain"].split() == story.split()
    assert shell([story]) == {"text/plain": repr([story])}


def test_a_passage_keeps_its_lines():
    data = viz.passage("one\n" + "two " * 30).data
    assert data["text/plain"].splitlines()[0] == "one"
    assert data["text/html"].count("<br>") == 1
    assert data["text/markdown"].startswith("> one\\\n> two")


def test_many_tokens_stand_on_lines_that_can_be_read():
    pieces = [" word", "\n", "x" * 90] * 30
    lines = viz.tokens(pieces).data["text/plain"].splitlines()
    assert max(map(len, lines)) <= 91
    assert "".join(lines).split("|") == [visible(piece) for piece in pieces]
