"""Execute shape comments: `# (B, H, T, D)` is a claim, and claims are checked.

The comment stands at the end of a line of code, before any other words:

    q, k = x.chunk(2, dim=-1)  # (B, T, D), one half each    every assigned name
    w, o = weigh(q, k, v)  # (T, S), (T, D)                  one for each name
    return weights @ v  # (..., T, D)                        the value returned
    x: Tensor,  # (B, T, C)                                  a parameter, on entry
    for row in scores:  # (S,)                               each item

An entry is a letter, a number, an expression such as `T + 1` or `D/2`, or `...` for
any number of sizes. A letter means one size within a function call (in a notebook:
within a cell). Where the code knows it better, the letter must agree with that: an
integer variable of that name, a field of `self` or of its `config` (C is `d_model`,
…), or the sizes the whole run was told.

The source is rewritten on its way to the compiler: a check follows each line that
makes a claim. Line numbers stay.

`run_shapes` runs the package and the chapters this way.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

FIELDS = {
    "B": "batch_size",
    "C": "d_model",
    "H": "n_heads",
    "D": "head_dim",
    "V": "vocab_size",
    "F": "d_ff",
    "L": "n_layers",
}
_SHAPE = re.compile(r"\([^()]*\)")
_LETTER = re.compile(r"[A-Z]|[A-Z]_[a-z]+|n_[a-z_]+")

Dimensions = tuple[ast.expr, ...]


# Comments -------------------------------------------------------------------------


def parse_shape(text: str) -> Dimensions | None:
    """The entries of `(B, T, D/2)`; None where the parentheses hold no shape."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
    if isinstance(node, ast.Tuple) and all(map(_is_dimension, node.elts)):
        return tuple(node.elts)
    return None


def _is_dimension(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_dimension(node.left) and _is_dimension(node.right)
    if isinstance(node, ast.Constant):
        return node.value is ... or type(node.value) is int
    return isinstance(node, ast.Name) and bool(_LETTER.fullmatch(node.id))


def claimed(comment: str) -> list[Dimensions]:
    """The shapes at the start of a comment: `# (T, S), (T, D) for both`.

    Raises `ValueError` for a shape that is not at the start, and for `(T)`.
    """
    words = comment.lstrip("#").strip()
    shapes = []
    while (match := _SHAPE.match(words)) and (
        shape := parse_shape(match[0])
    ) is not None:
        shapes.append(shape)
        words = words[match.end() :].lstrip(", ")
    if not shapes:
        _refuse_hidden(words)
    return shapes


def _refuse_hidden(words: str) -> None:
    for match in _SHAPE.finditer(words):
        inside = match[0][1:-1].strip()
        if _LETTER.fullmatch(inside) and match.start() == 0:
            raise ValueError(f"a shape of one size is written ({inside},)")
        shape = parse_shape(match[0])
        if shape and any(
            isinstance(n, ast.Name) for d in shape for n in ast.walk(d)
        ):
            raise ValueError(
                f"put the shape {match[0]} at the start of the comment"
            )


def trailing_comments(source: str) -> dict[int, str]:
    """Line -> the comment that follows code on it."""
    comments, code = {}, set()
    silent = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string
        elif token.type not in silent:
            code.update(range(token.start[0], token.end[0] + 1))
    return {line: text for line, text in comments.items() if line in code}


# Claims and how they are judged ---------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A shape comment that a check was attached to."""

    file: str
    line: int
    text: str
    shapes: tuple[Dimensions, ...]
    function: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class AllReached(BaseException):
    """Every claim that was waited for has been checked; no need to go on."""


@dataclass
class Recorder:
    """Judges the claims while the instrumented code runs.

    sizes: the size, or the sizes, that a letter may have all through this run.
    awaited: claims to wait for; the last of them raises `AllReached`.
    """

    sizes: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    reached: Counter[int] = field(default_factory=Counter)
    complaints: dict[str, None] = field(default_factory=dict)
    awaited: set[int] | None = None

    def __call__(self, number: int, names: tuple[str, ...], *values: Any) -> Any:
        """Check `values` against claim `number`: instrumented code calls this."""
        claim, frame = self.claims[number], sys._getframe(1)
        self.reached[number] += 1
        parts, shapes = values, claim.shapes
        if len(shapes) > 1 and len(values) == 1 and isinstance(values[0], tuple):
            parts, names = values[0], names * len(values[0])
        if len(shapes) == 1:
            shapes = shapes * len(parts)
        if len(shapes) != len(parts):
            self._complain(claim, f"{len(shapes)} shapes for {len(parts)} values")
        for name, value, shape in zip(names, parts, shapes, strict=False):
            self._check(claim, name, value, shape, frame)
        self._cross_off(number)
        return values[0]

    def parameter(self, number: int, names: tuple[str, ...], value: Any) -> None:
        """As a call, but an argument that was left out (None) claims nothing."""
        if value is not None:
            self.reached[number] += 1
            claim, frame = self.claims[number], sys._getframe(1)
            self._check(claim, names[0], value, claim.shapes[0], frame)
            self._cross_off(number)

    def _cross_off(self, number: int) -> None:
        if self.awaited is not None:
            self.awaited.discard(number)
            if not self.awaited:
                raise AllReached

    def _check(
        self,
        claim: Claim,
        name: str,
        value: Any,
        shape: Dimensions,
        frame: FrameType,
    ) -> None:
        parts = value if isinstance(value, list | tuple) else [value]
        for part in parts:
            if not hasattr(part, "shape"):
                self._complain(
                    claim, f"{name} is a {type(part).__name__}, not a tensor"
                )
                continue
            problem = self._mismatch(shape, tuple(part.shape), frame)
            if problem:
                says = f"({', '.join(map(ast.unparse, shape))})"
                found = (
                    f"{name} has shape {tuple(part.shape)}, the comment says {says}"
                )
                self._complain(claim, f"{found}: {problem}")

    def _complain(self, claim: Claim, problem: str) -> None:
        self.complaints[f"{claim.where}: {problem}"] = None

    def _mismatch(
        self, shape: Dimensions, sizes: tuple[int, ...], frame: FrameType
    ) -> str | None:
        pairs = _pair(shape, sizes)
        if pairs is None:
            return f"{len(shape)} sizes are claimed, there are {len(sizes)}"
        bound = _bindings(frame)
        # plain letters first, so that `T + 1` finds its T in the same comment
        for entry, size in sorted(
            pairs, key=lambda p: not isinstance(p[0], ast.Name)
        ):
            if problem := self._disagreement(entry, size, bound, frame):
                return problem
        return None

    def _disagreement(
        self, entry: ast.expr, size: int, bound: dict[str, int], frame: FrameType
    ) -> str | None:
        letters = [n.id for n in ast.walk(entry) if isinstance(n, ast.Name)]
        if isinstance(entry, ast.Name):
            for meaning, source in self._meanings(entry.id, bound, frame):
                if size not in meaning:
                    number = " or ".join(map(str, meaning))
                    return f"{entry.id} is {number} {source}, and {size} here"
            bound.setdefault(entry.id, size)
            return None
        options = {x: self._values(x, bound, frame) for x in letters}
        if missing := [x for x in letters if not options[x]]:
            return f"nothing says what {missing[0]} in {ast.unparse(entry)} is"
        if size not in _evaluations(entry, options):
            known = ", ".join(f"{x} = {options[x]}" for x in letters)
            return f"{ast.unparse(entry)} is not {size}" + f" with {known}" * bool(
                known
            )
        return None

    def _values(
        self, letter: str, bound: dict[str, int], frame: FrameType
    ) -> tuple[int, ...]:
        return next((m for m, _ in self._meanings(letter, bound, frame)), ())

    def _meanings(
        self, letter: str, bound: dict[str, int], frame: FrameType
    ) -> Iterator[tuple[tuple[int, ...], str]]:
        """Everything that is known about a letter here, nearest first."""
        if letter in bound:
            yield (bound[letter],), "earlier in this call"
        for name in {letter, FIELDS.get(letter, letter)}:
            yield from _known(frame.f_locals.get(name), f"by the variable {name}")
        if (owner := frame.f_locals.get("self")) is not None:
            yield from _fields(owner, letter)
        if letter in self.sizes:
            size = self.sizes[letter]
            yield (size if isinstance(size, tuple) else (size,)), "in this run"

    def unreached(self) -> list[Claim]:
        return [c for i, c in enumerate(self.claims) if not self.reached[i]]


def _known(value: Any, source: str) -> Iterator[tuple[tuple[int], str]]:
    if type(value) is int:
        yield (value,), source


def _fields(owner: Any, letter: str) -> Iterator[tuple[tuple[int], str]]:
    name = FIELDS.get(letter, letter)
    config = getattr(owner, "config", None)
    for where, path in ((owner, f"self.{name}"), (config, f"self.config.{name}")):
        yield from _known(getattr(where, name, None), f"by {path}")


def _bindings(frame: FrameType) -> dict[str, int]:
    """The letters that this call has bound so far; instrumented code keeps them."""
    return frame.f_locals.get("__letters__", frame.f_globals.get("__letters__", {}))


def _pair(
    shape: Dimensions, sizes: tuple[int, ...]
) -> list[tuple[ast.expr, int]] | None:
    """Which entry claims which size; None where the numbers of them differ."""
    dots = [i for i, e in enumerate(shape) if getattr(e, "value", None) is ...]
    if not dots:
        same = len(shape) == len(sizes)
        return list(zip(shape, sizes, strict=True)) if same else None
    before, after = shape[: dots[0]], shape[dots[0] + 1 :]
    if len(dots) > 1 or len(before) + len(after) > len(sizes):
        return None
    tail = sizes[len(sizes) - len(after) :]
    head = zip(before, sizes, strict=False)
    return [*head, *zip(after, tail, strict=True)]


def _evaluations(
    entry: ast.expr, options: Mapping[str, tuple[int, ...]]
) -> set[int | float]:
    """Every value the expression can have."""
    code = compile(ast.Expression(entry), "<shape>", "eval")
    worlds: list[dict[str, int]] = [{}]
    for letter, values in options.items():
        worlds = [{**world, letter: v} for world in worlds for v in values]
    return {eval(code, {"__builtins__": {}}, world) for world in worlds}


# Instrumentation ------------------------------------------------------------------


class _Instrument(ast.NodeTransformer):
    """Put a check behind every line that makes a claim."""

    def __init__(
        self,
        source: str,
        file: str,
        recorder: Recorder,
        names: tuple[str, ...] = (),
    ) -> None:
        self.file, self.recorder = file, recorder
        self.functions = list(names)
        self.pending: dict[int, tuple[str, list[Dimensions]]] = {}
        for line, comment in trailing_comments(source).items():
            try:
                if shapes := claimed(comment):
                    self.pending[line] = comment, shapes
            except ValueError as problem:
                recorder.complaints[f"{file}:{line}: {problem}"] = None

    def claim(self, line: int) -> int | None:
        """The number of the claim on this line, if there is one, now attached."""
        if line not in self.pending:
            return None
        text, shapes = self.pending.pop(line)
        function = ".".join(self.functions)
        claim = Claim(self.file, line, text, tuple(shapes), function)
        self.recorder.claims.append(claim)
        return len(self.recorder.claims) - 1

    def call(
        self,
        number: int,
        names: list[str],
        values: list[ast.expr],
        method: str = "",
    ) -> ast.Call:
        tuple_of_names = ast.Tuple([ast.Constant(n) for n in names], ast.Load())
        arguments = [ast.Constant(number), tuple_of_names, *values]
        function: ast.expr = ast.Name("__shapes__", ast.Load())
        if method:
            function = ast.Attribute(function, method, ast.Load())
        return ast.Call(function, arguments, [])

    def after(self, node: ast.stmt, targets: list[ast.expr]) -> Any:
        number = self.claim(node.end_lineno)
        self.generic_visit(node)
        if number is None:
            return node
        return [node, self.check(number, targets, node)]

    def check(self, number: int, targets: list[ast.expr], at: ast.AST) -> ast.stmt:
        names = [ast.unparse(target) for target in targets]
        values = [ast.parse(name, mode="eval").body for name in names]
        check = ast.Expr(self.call(number, names, values))
        return ast.fix_missing_locations(_place(check, at))

    def visit_Assign(self, node: ast.Assign) -> Any:
        return self.after(node, _flat(node.targets[-1]))

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        return self.after(node, [node.target])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return self.after(node, [node.target]) if node.value else node

    def visit_Return(self, node: ast.Return) -> Any:
        return self.wrap(node, "what is returned")

    def visit_Expr(self, node: ast.Expr) -> Any:
        return self.wrap(node, ast.unparse(node.value))

    def wrap(self, node: ast.Return | ast.Expr, name: str) -> Any:
        number = self.claim(node.end_lineno)
        self.generic_visit(node)
        if number is not None and node.value is not None:
            call = self.call(number, [name], [node.value])
            node.value = ast.fix_missing_locations(
                ast.copy_location(call, node.value)
            )
        return node

    def visit_For(self, node: ast.For) -> Any:
        number = self.claim(node.iter.end_lineno)
        self.generic_visit(node)
        if number is not None:
            node.body.insert(0, self.check(number, _flat(node.target), node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.functions.append(node.name)
        checks = [_place(ast.parse("__letters__ = {}").body[0], node.body[0])]
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            number = self.claim(argument.end_lineno)
            if number is not None:
                value = ast.Name(argument.arg, ast.Load())
                call = self.call(number, [argument.arg], [value], "parameter")
                checks.append(_place(ast.Expr(call), node.body[0]))
        self.generic_visit(node)
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        node.body[start:start] = [ast.fix_missing_locations(c) for c in checks]
        self.functions.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


def _flat(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        return [part for element in target.elts for part in _flat(element)]
    return [target.value if isinstance(target, ast.Starred) else target]


def _place(new: ast.AST, at: ast.AST) -> Any:
    """Give every node of `new` the line of `at`, so that tracebacks stay true."""
    for node in ast.walk(new):
        if isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(node, at)
    return new


def instrument(source: str, file: str, recorder: Recorder) -> ast.Module:
    """The syntax tree of `source` with a check behind every claim.

    A shape comment that no check can be attached to is a complaint.
    """
    tree = ast.parse(source, filename=file)
    transformer = _Instrument(source, file, recorder)
    tree = ast.fix_missing_locations(transformer.visit(tree))
    for line, (comment, _) in transformer.pending.items():
        recorder.complaints[
            f"{file}:{line}: no value to check against `{comment}`; shape comments "
            "stand at the end of an assignment, a return, a parameter or a for"
        ] = None
    return tree
