"""Chapter 7: a computation graph, with the gradients that `llm.autograd` finds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from book.bundle import Bundle
from book.viz.page import interactive
from llm import autograd
from llm.autograd import Value, backward
from llm.style import BLUE, GREY, VERMILLION

FUNCTIONS = {"exp": autograd.exp, "log": autograd.log, "tanh": autograd.tanh}
OF_TWO: dict[type, tuple[str, Callable[[Value, Value], Value]]] = {
    ast.Add: ("+", lambda a, b: a + b),
    ast.Sub: ("−", lambda a, b: a - b),
    ast.Mult: ("·", lambda a, b: a * b),
    ast.Div: ("/", lambda a, b: a / b),
}
ALT = (
    "A computation graph, three times. In the first, the given numbers stand at the top "
    "and each box below holds a value that was computed from those above it. In the "
    "second the boxes below have gradients, the result the gradient 1; in the third "
    "every box has one."
)


class Part(NamedTuple):
    """A number of an expression: given, or computed from earlier parts.

    title: what stands in its box; parents: the numbers of the parts it is computed
    from; value: the same for `llm.autograd`.
    """

    title: str
    parents: tuple[int, ...]
    value: Value


def parts_of(expression: str, inputs: Mapping[str, float]) -> list[Part]:
    """The parts of an expression, in the order in which they are computed.

    Names stand for `inputs`; there are + − * /, exp, log and tanh. Raises `ValueError`
    for anything else, and for a name without a number.
    """
    letters = [x for x in "abcdefghijklmnopqrstuvwxyz" if x not in inputs]
    parts: list[Part] = []
    given: dict[str, int] = {}

    def add(title: str, parents: tuple[int, ...], value: Value) -> int:
        parts.append(Part(title, parents, value))
        return len(parts) - 1

    def name(i: int) -> str:
        return parts[i].title.split(" ")[0]

    def computed(whole: bool, form: str, function: Callable, *of: int) -> int:
        letter = "L" if whole else letters.pop(0)
        title = f"{letter} = " + form.format(*map(name, of))
        return add(title, of, function(*(parts[i].value for i in of)))

    def visit(node: ast.expr, whole: bool = False) -> int:
        match node:
            case ast.Constant(value=int() | float() as x):
                key = f"{x:g}"
            case ast.Name(id=key) if key in inputs:
                x = inputs[key]
            case ast.Name(id=key):
                raise ValueError(f"{key} has no number: give inputs={{{key!r}: …}}")
            case ast.BinOp(left, op, right) if type(op) in OF_TWO:
                sign, function = OF_TWO[type(op)]
                sides = visit(left), visit(right)
                return computed(whole, f"{{}} {sign} {{}}", function, *sides)
            case ast.UnaryOp(ast.USub(), x):
                return computed(whole, "−{}", lambda a: -a, visit(x))
            case ast.Call(ast.Name(id=key), [x], []) if key in FUNCTIONS:
                return computed(whole, f"{key} {{}}", FUNCTIONS[key], visit(x))
            case _:
                raise ValueError(
                    f"{ast.unparse(node)!r} is none of the operations +, -, *, /, exp, "
                    f"log and tanh"
                )
        if key not in given:
            given[key] = add(key, (), Value(float(x)))
        return given[key]

    visit(ast.parse(expression, mode="eval").body, whole=True)
    return parts


def places(parts: Sequence[Part]) -> list[tuple[float, int]]:
    """Where each part stands: its place in the layer, 0 in the middle, and its layer.

    What is computed stands below all that it is computed from; what is given, just
    above its first use. As in js/graph.js.
    """
    layer = [0] * len(parts)
    for i, part in enumerate(parts):
        layer[i] = 1 + max((layer[p] for p in part.parents), default=-1)
    for i, part in enumerate(parts):
        uses = [layer[j] for j, other in enumerate(parts) if i in other.parents]
        if not part.parents and uses:
            layer[i] = min(uses) - 1
    found = []
    for i, y in enumerate(layer):
        row = [j for j, other in enumerate(layer) if other == y]
        found.append((row.index(i) - (len(row) - 1) / 2, y))
    return found


def computation_graph(
    examples: Mapping[str, tuple[str, str, Mapping[str, float]]], example: str
) -> Bundle:
    """A computation graph, with its values and gradients, one step at a time.

    examples: by name a title, an expression as for `parts_of`, and its inputs.
    example: the one to begin with. On paper, three frames of it.
    """
    _, expression, inputs = examples[example]
    state = {
        "examples": {
            name: {"title": title, "expression": text, "inputs": dict(numbers)}
            for name, (title, text, numbers) in examples.items()
        },
        "example": example,
    }
    picture = frames(parts_of(expression, inputs))
    return interactive("graph", state, alt=ALT, figure=picture)


def frames(parts: Sequence[Part]) -> Figure:
    """The values; gradients half the way up; all of them."""
    backward(parts[-1].value)
    n_computed = sum(bool(part.parents) for part in parts)
    done = {
        "forward": 0,
        "back: on the way": 1 + n_computed // 2,
        "back: all": len(parts),
    }
    deepest = max(y for _, y in places(parts))
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 0.4 + 0.82 * (deepest + 1)))
    for ax, (title, n) in zip(axes, done.items(), strict=True):
        draw(ax, parts, finished(parts, n))
        ax.set_title(title, fontsize=9)
    return figure


def finished(parts: Sequence[Part], n: int) -> set[int]:
    """The parts whose gradient is complete when the last n of them may have one.

    A gradient is complete when everything that uses the part has passed on its own.
    """
    order = [i for i in reversed(range(len(parts))) if parts[i].parents][:n]
    if n < len(parts):
        return set(order)
    return set(range(len(parts)))


def draw(ax: Axes, parts: Sequence[Part], with_gradient: set[int]) -> None:
    """One frame: a box for each part, with its value, and its gradient if it has one."""
    at = places(parts)
    for i, part in enumerate(parts):
        for p in part.parents:
            line(ax, at[p], at[i], back=bool(with_gradient & {p}))
    for i, (part, (x, y)) in enumerate(zip(parts, at, strict=True)):
        lines = [part.title, f"{float(part.value.data):.3g}"]
        if i in with_gradient:
            lines.append(f"grad {float(part.value.grad):.2g}")
        ax.text(
            x,
            -y,
            "\n".join(lines).replace("-", "−"),
            ha="center",
            va="center",
            fontsize=9,
            linespacing=1.1,
            bbox={
                "boxstyle": "round,pad=0.25",
                "fc": "white",
                "ec": VERMILLION if i in with_gradient else BLUE,
                "lw": 1.6 if i in with_gradient else 0.8,
            },
        )
    reach = max(abs(x) for x, _ in at) + 0.6
    ax.set(xlim=(-reach - 0.45, reach), ylim=(-max(y for _, y in at) - 0.5, 0.5))
    ax.axis("off")


def line(
    ax: Axes, start: tuple[float, int], end: tuple[float, int], back: bool
) -> None:
    """From a part to one that uses it; around what stands between them."""
    bend = -0.5 * (1 if start[0] <= 0 else -1) if end[1] - start[1] > 1 else 0
    style = {
        "arrowstyle": "<|-" if back else "-|>",
        "color": VERMILLION if back else GREY,
        "connectionstyle": f"arc3,rad={-bend}",
        "lw": 1.2,
        "shrinkA": 14,
        "shrinkB": 16,
    }
    ax.annotate("", (end[0], -end[1]), (start[0], -start[1]), arrowprops=style)
