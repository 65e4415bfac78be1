"""Shape comments are executed: `q = self.heads(x)  # (B, H, T, D)` is a claim.

The comment stands at the end of an assignment or a return, before any other words:

    q, k = x.chunk(2, dim=-1)  # (B, T, D/2), one half each    every assigned tensor
    w, o = weigh(q, k, v)  # (T, S), (T, D)                    one shape for each
    return weights @ v  # (..., T, 2D)                         what is returned

An entry is a letter or a name, a number, arithmetic such as `T + 1`, or `...` for any
number of sizes. A name means one size within a call of a function (in a chapter:
within a cell). Where the code knows it, it must agree with that: an integer variable
of that name, or a field of `self` or of its `config` (C is `d_model`, …).

On its way to the compiler each such line gets a check behind it, which raises
`FalseShape`. conftest.py does this to the package, when pytest imports it, and to the
chapters in kernels started with what `kernel` says; so does tools/run_notebooks.py.
With `SHAPES_LOG` in the environment, each process notes there what it has executed.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import importlib.machinery
import io
import itertools
import os
import re
import sys
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("llm", "book")
# Neither B nor T: the last batch may be smaller, and a text than its context.
FIELDS = {
    "C": "d_model",
    "H": "n_heads",
    "D": "head_dim",
    "V": "vocab_size",
    "F": "d_ff",
    "L": "n_layers",
}
Shape = tuple[str, ...]


class FalseShape(Exception):  # no AssertionError: it does not do a test's work
    """A tensor has another shape than the comment on its line says."""


@dataclass
class Claim:
    """where: `llm/layers.py:57`, or `09_causal_masking.ipynb In [5]:2`."""

    where: str
    comment: str
    shapes: list[Shape]
    reached: bool = False

    def __str__(self) -> str:
        return f"{self.where}: `{self.comment}`"


CLAIMS: list[Claim] = []


# Comments -------------------------------------------------------------------------


def claims_in(source: str, file: str) -> dict[int, Claim]:
    """Line -> the claim in the comment that follows code on it."""
    comments, code = {}, set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string
        elif token.string.strip():
            code.add(token.end[0])
    shapes = {n: shapes_in(text) for n, text in comments.items() if n in code}
    return {n: Claim(f"{file}:{n}", comments[n], s) for n, s in shapes.items() if s}


def shapes_in(comment: str) -> list[Shape]:
    """The shapes at the start of a comment.

    Raises `ValueError` for one that stands elsewhere, and for `(T)`.

    >>> shapes_in("# (T, S), (2D,) for both")
    [('T', 'S'), ('2 * D',)]
    """
    words, shapes = comment.lstrip("# "), []
    while (found := re.match(r"\([^()]*\)[, ]*", words)) and (
        shape := _entries(found[0].rstrip(", "))
    ) is not None:
        shapes.append(shape)
        words = words[found.end() :]
    if found := re.search(r"\(([A-Z]|\.\.\.)(,[^()]*)?\)", words):
        raise ValueError(
            f"`{comment}`: a shape stands at the start of its comment, and a shape "
            f"of one size is written (T,); here is {found[0]}"
        )
    return shapes


def _entries(text: str) -> Shape | None:
    """The entries of `(B, T, 2D)`, or None where the parentheses hold words."""
    try:
        tree = ast.parse(re.sub(r"(\d)([A-Z])", r"\1 * \2", text), mode="eval").body
    except SyntaxError:
        return None
    allowed = ast.Tuple, ast.Constant, ast.Name, ast.Load, ast.BinOp, ast.operator
    if isinstance(tree, ast.Tuple) and all(
        isinstance(node, allowed) for node in ast.walk(tree)
    ):
        return tuple(map(ast.unparse, tree.elts))
    return None


# The check ------------------------------------------------------------------------


def check(number: int, value: Any) -> Any:
    """`value` itself, if claim `number` is true of it. Instrumented code calls this.

    Raises `FalseShape`. What a call has bound to its letters so far is kept among its
    own local variables.
    """
    claim, scope = CLAIMS[number], sys._getframe(1).f_locals
    letters = scope.setdefault("__letters__", {})
    tensors = value if isinstance(value, tuple | list) else [value]
    shapes = claim.shapes * (len(tensors) if len(claim.shapes) == 1 else 1)
    problem = f"{len(shapes)} shapes for {len(tensors)} tensors"
    if len(shapes) == len(tensors):
        each = zip(shapes, tensors, strict=True)
        problems = (_mismatch(s, tuple(t.shape), letters, scope) for s, t in each)
        problem = next(filter(None, problems), "")
    if problem:
        raise FalseShape(f"{claim} is false: {problem}")
    if not claim.reached:
        claim.reached = True
        _note("executed", claim)
    return value


builtins.__shape__ = check


def _mismatch(
    shape: Shape, sizes: tuple[int, ...], letters: dict[str, int], scope: Mapping
) -> str:
    """What is wrong with a shape comment for a tensor of these sizes; "" if nothing."""
    dots = shape.index("...") if "..." in shape else len(shape)
    head, tail = shape[:dots], shape[dots + 1 :]
    spare = len(sizes) - len(head) - len(tail)
    if spare < 0 or (spare > 0 and dots == len(shape)):
        return f"the shape is {sizes}"
    pairs = zip(head + tail, sizes[:dots] + sizes[dots + spare :], strict=True)
    # plain letters first, so that `T + 1` finds its T in the same comment
    for entry, size in sorted(pairs, key=lambda pair: not pair[0].isidentifier()):
        if (meant := _value(entry, size, letters, scope)) != size:
            return f"the shape is {sizes}, and {entry} is {meant} here"
    return ""


def _value(
    entry: str, size: int, letters: dict[str, int], scope: Mapping
) -> float | str:
    """What an entry amounts to; a letter that nothing knew is whatever makes it true."""
    code = _compiled(entry)
    for name in code.co_names:
        if name not in letters and (known := _known(name, scope)) is not None:
            letters[name] = known
    new = [name for name in code.co_names if name not in letters]
    for n in itertools.chain([size], range(4 * size + 4)) if len(new) == 1 else ():
        if eval(code, {}, letters | {new[0]: n}) == size:
            letters[new[0]] = n
            return size
    unknown = "another number" if len(new) == 1 else "not known"
    return unknown if new else eval(code, {}, letters)


@functools.cache
def _compiled(entry: str) -> CodeType:
    return compile(entry, "<shape>", "eval")


def _known(name: str, scope: Mapping) -> int | None:
    """The size that the code itself gives to a name, if it does."""
    owner = scope.get("self")
    config = getattr(owner, "config", None)
    for key in (name, FIELDS.get(name, name)):
        for value in (
            scope.get(key),
            *(getattr(x, key, 0.0) for x in (owner, config)),
        ):
            if type(value) is int:
                return value
    return None


# On the way to the compiler -------------------------------------------------------


class _Instrument(ast.NodeTransformer):
    """Puts a check behind every line that makes a claim; takes what it has used."""

    def __init__(self, numbers: dict[int, int]) -> None:
        self.numbers = numbers  # line -> number of its claim

    def visit_Assign(self, node: Any) -> Any:
        if node.value is None or node.end_lineno not in self.numbers:
            return node
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        value = copy.deepcopy(target)
        for part in ast.walk(value):
            if hasattr(part, "ctx"):
                part.ctx = ast.Load()
        # the `pass`: a notebook shows the expression that a cell ends with
        check = ast.Expr(self.call(node, value)), ast.Pass()
        return [node, *(ast.copy_location(new, node) for new in check)]

    visit_AugAssign = visit_AnnAssign = visit_Assign

    def visit_Return(self, node: ast.Return) -> ast.Return:
        if node.value is not None and node.end_lineno in self.numbers:
            node.value = self.call(node, node.value)
        return node

    def call(self, node: ast.stmt, value: ast.expr) -> ast.expr:
        number = ast.Constant(self.numbers.pop(node.end_lineno))
        call = ast.Call(ast.Name("__shape__", ast.Load()), [number, value], [])
        return ast.copy_location(call, value)


def instrument(tree: ast.Module, source: str, file: str) -> ast.Module:
    """The tree of `source` with a check behind every claim; line numbers stay.

    Raises `SyntaxError` where a check has nothing to look at.
    """
    claims = claims_in(source, file)
    numbers = {line: len(CLAIMS) + i for i, line in enumerate(claims)}
    CLAIMS.extend(claims.values())
    for claim in claims.values():
        _note("written", claim)
    tree = ast.fix_missing_locations(_Instrument(numbers).visit(tree))
    if numbers:
        raise SyntaxError(
            f"{CLAIMS[min(numbers.values())]}: a shape comment stands at the end of "
            "an assignment or of a return"
        )
    return tree


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with its checks in place, and never from or to a .pyc."""

    def get_code(self, fullname: str) -> CodeType | None:
        source = Path(self.path).read_text(encoding="utf-8")
        if "# (" not in source:
            return super().get_code(fullname)
        n_parts = fullname.count(".") + 1 + self.is_package(fullname)
        file = "/".join(Path(self.path).parts[-n_parts:])
        tree = instrument(ast.parse(source, self.path), source, file)
        return compile(tree, self.path, "exec", dont_inherit=True)


class Finder:
    """Has the modules of `PACKAGES` loaded with checks; for `sys.meta_path`."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] not in PACKAGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _Loader(name, spec.origin)
        return spec


def kernel(chapter: Path) -> dict[str, Any]:
    """What a kernel is started with so that it checks the cells of a chapter."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": path, "SHAPES_CHAPTER": chapter.name}
    extension = f"--IPKernelApp.extra_extensions={__name__}"
    return {"extra_arguments": [extension], "env": env}


def load_ipython_extension(shell: Any) -> None:
    """Make this kernel check the shape comments of the cells that it runs."""
    parse, chapter = shell.compile.ast_parse, os.environ["SHAPES_CHAPTER"]
    counter = itertools.count(1)  # under nbval, cells have no execution count

    def checked(source: str, *arguments: Any, **options: Any) -> ast.Module:
        shell.user_ns.pop("__letters__", None)
        tree = parse(source, *arguments, **options)
        return instrument(tree, source, f"{chapter} In [{next(counter)}]")

    shell.compile.ast_parse = checked


# What has been executed, in all processes -----------------------------------------


def _note(what: str, claim: Claim) -> None:
    if log := os.environ.get("SHAPES_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{what}\t{claim}\n")


def never_executed(log: Path, root: Path | None) -> list[str]:
    """The claims that no process has noted as executed: those of chapters that ran,
    and, where its root is given, those of the whole package."""
    notes = [line.split("\t", 1) for line in log.read_text("utf-8").splitlines()]
    found = {claim for what, claim in notes if what == "written"}
    found = {claim for claim in found if ".ipynb In [" in claim}
    for path in [
        p for name in PACKAGES if root for p in (root / name).rglob("*.py")
    ]:
        file = path.relative_to(root).as_posix()
        found |= set(map(str, claims_in(path.read_text("utf-8"), file).values()))
    return sorted(found - {claim for what, claim in notes if what == "executed"})
