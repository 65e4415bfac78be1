"""The graph of the page has the values and gradients of `llm.autograd`."""

import pytest

from book.viz import graph
from llm.autograd import backward
from tests.figure_parts import state_of
from tests.javascript import computed

EXPRESSIONS = [
    ("log(exp(u) + exp(v)) - u", {"u": 1, "v": 2}),
    ("(x + y) * x", {"x": 2, "y": 3}),
    ("tanh(w*tanh(w*tanh(w*x)))", {"w": 0.3, "x": 1}),
    ("x * x", {"x": -1.5}),
    ("x + x", {"x": 3}),
    ("a - b - c / b / 2", {"a": 1, "b": 2, "c": -4}),
    ("-(a * 3 - 2 * a) / (a + 0.5) + 3", {"a": 0.25}),
    ("exp(-L) * L", {"L": 0.5}),
    ("2 * (c + 2) - a", {"a": 1, "c": 7}),
]


@pytest.fixture(scope="module")
def of_the_page(tmp_path_factory):
    return computed(
        tmp_path_factory.mktemp("graph"),
        "graph",
        """return input.graphs.map(({ text, inputs }) => {
          const parts = read(text), done = steps(parts, inputs), end = done.at(-1);
          return { values: end.values, grads: end.grads, places: places(parts),
            n: done.length, names: parts.map(({ name }) => name),
            first: done[0].grads, words: done.map((step) => inWords(parts, step)) };
        });""",
        graphs=[{"text": text, "inputs": inputs} for text, inputs in EXPRESSIONS],
    )


@pytest.mark.parametrize("i", range(len(EXPRESSIONS)))
def test_values_gradients_and_places_are_those_of_python(i, of_the_page):
    parts, page = graph.parts_of(*EXPRESSIONS[i]), of_the_page[i]
    backward(parts[-1].value)
    values = [float(part.value.data) for part in parts]
    grads = [float(part.value.grad) for part in parts]
    assert page["values"] == pytest.approx(values)
    assert page["grads"] == pytest.approx(grads)
    assert [(p["x"], p["y"]) for p in page["places"]] == graph.places(parts)


def test_each_part_has_a_step_forward_and_each_use_one_back(of_the_page):
    for (expression, inputs), page in zip(EXPRESSIONS, of_the_page, strict=True):
        parts = graph.parts_of(expression, inputs)
        computed_ones = [part for part in parts if part.parents]
        uses = sum(len(part.parents) for part in parts)
        assert page["n"] == 1 + len(computed_ones) + 1 + uses
        assert len(set(page["names"])) == len(parts)
        assert all(grad is None for grad in page["first"])


def test_a_step_is_said_with_its_sum(of_the_page):
    words = of_the_page[0]["words"]
    assert words[3] == ["Forward", "c = a + b = 2.718 + 7.389 = 10.107"]
    title, slope, sums = words[-2]
    assert title == "Back: from b to v"
    assert "its own slope" in slope and slope.endswith("Here it is 7.389.")
    assert sums.startswith("Gradient times slope: 0.099 · 7.389 = 0.731")
    assert "the shares add up" in words[-1][2]


def test_what_cannot_be_read_is_named(tmp_path):
    texts = [
        "",
        "x",
        "3",
        "x +",
        "(x",
        "sin(x)",
        "x y",
        "x $ y",
        "+".join("x" * 40),
    ]
    said = computed(
        tmp_path,
        "graph",
        """return input.texts.map((text) => {
          try { read(text); return "read"; } catch (error) { return error.message; }
        });""",
        texts=texts,
    )
    for part, message in zip(
        (
            "too early",
            "nothing to compute",
            "nothing to compute",
            "too early",
            ") is missing",
            "no function sin",
            "y is one too many",
            "$ is one too many",
            "too long",
        ),
        said,
        strict=True,
    ):
        assert message.startswith("This cannot be read: ") and part in message


def test_the_page_is_told_the_examples():
    examples = {"one": ("a sum", "x + y", {"x": 1, "y": 2})}
    bundle = graph.computation_graph(examples, "one")
    state = state_of(bundle)
    assert state["example"] == "one"
    assert state["examples"]["one"]["expression"] == "x + y"
    assert bundle.data["text/plain"] == graph.ALT
    assert "image/png" in bundle.data and "application/pdf" in bundle.data


@pytest.mark.parametrize(
    ("expression", "message"),
    [("x + z", "z has no number"), ("sin(x)", "none of the operations"),
     ("x ** 2", "none of the operations")],
)  # fmt: skip
def test_python_refuses_what_it_cannot_compute(expression, message):
    with pytest.raises(ValueError, match=message):
        graph.parts_of(expression, {"x": 1})
