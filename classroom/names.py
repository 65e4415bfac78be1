"""Which names a piece of code binds, and which it takes from elsewhere.

Only read, never run: what students send is looked at on the grader's side. What is
no Python, or too long to be looked at, binds nothing and needs nothing.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

MOST = (
    100_000  # characters of a cell; parsing takes a thousand times that in memory
)
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
BODY_IS_RUN = ("%%time", "%%capture")
OWN_SCOPE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
WITH_BODY = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Names:
    """What a piece of code binds at its top level, and what it reads that is global."""

    binds: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def without_magics(source: str) -> str:
    """A cell without its lines for IPython: `%matplotlib inline`, `!pip list`."""
    return re.sub(r"(?m)^[ \t]*[%!].*$", "", source)


@lru_cache(maxsize=32)
def _parsed(source: str) -> tuple[str, ast.Module]:
    """The Python in a cell, as text and as a tree."""
    first = (source.split() or [""])[0]
    if len(source) > MOST or (first.startswith("%%") and first not in BODY_IS_RUN):
        return "", ast.Module([], [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in (source, without_magics(source)):
            try:
                return text, ast.parse(text)
            except NO_PYTHON:
                continue
    return "", ast.Module([], [])


def statements(source: str) -> list[ast.stmt]:
    """The statements of a cell at its top level; none if it is no Python."""
    return _parsed(source)[1].body


def names_in(source: str) -> Names:
    """What a cell binds and what it needs, the bodies of its functions included.

    >>> found = names_in("import torch as t\\ndef f(x): return t.exp(x) + g(x)")
    >>> sorted(found.binds), sorted(found.needs)
    (['f', 't'], ['g', 't'])
    """
    try:
        table = symtable.symtable(_parsed(source)[0], "cell", "exec")
    except NO_PYTHON:
        return Names()
    own = table.get_symbols()
    binds = {s.get_name() for s in own if s.is_assigned() or s.is_imported()}
    reads = {s.get_name() for s in own if s.is_referenced()}
    reads.update(_globals_in(table.get_children()))
    return Names(frozenset(binds), frozenset(reads - set(dir(builtins))))


def _globals_in(tables: Iterable[symtable.SymbolTable]) -> Iterator[str]:
    for table in tables:
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                yield symbol.get_name()
        yield from _globals_in(table.get_children())


def asked_by(test: str, known: Iterable[str]) -> set[str]:
    """The names that a test takes from the student: it reads them before it binds
    them, and nobody else has bound them.

    known: what given cells and earlier tests bind.

    >>> sorted(asked_by("x = answer(1)\\nfor y in more: x += y", {"more"}))
    ['answer']
    """
    bound, later, found = set(known), names_in(test).binds, set()
    for statement in statements(test):
        each = _names_of(statement)
        here = bound | (later if isinstance(statement, WITH_BODY) else set())
        if not isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
            here |= each.binds  # a loop reads what it has bound itself
        found |= each.needs - here
        bound |= each.binds
    return found


def _names_of(statement: ast.stmt) -> Names:
    try:
        return names_in(ast.unparse(statement))
    except NO_PYTHON:
        return Names(frozenset(bound_by(statement)))


def kept_by_tests(given: Iterable[str], tests: Iterable[str]) -> frozenset[str]:
    """The names that tests define for themselves: no student is ever asked for one.

    given, tests: their sources, in the order in which they are handed out.
    """
    known = {name for source in given for name in names_in(source).binds}
    asked, bound = set(), set()
    for source in tests:
        asked |= asked_by(source, known | bound)
        bound |= names_in(source).binds
    return frozenset(bound - asked)


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, however deep its expressions are."""
    found: set[str] = set()
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            found |= {node.name} - {None}
        if isinstance(node, WITH_BODY):
            found.add(node.name)
        elif not isinstance(node, OWN_SCOPE):
            left.extend(ast.iter_child_nodes(node))
    return found


def is_note(statement: ast.stmt) -> bool:
    """A text on a line of its own, which does nothing."""
    return isinstance(statement, ast.Expr) and isinstance(
        statement.value, ast.Constant
    )


def meaning(statement: ast.stmt) -> str:
    """What tells a statement from others; comments and docstrings do not."""
    try:
        tree = deepcopy(statement)
        for node in ast.walk(tree):
            if isinstance(node, WITH_BODY) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        return ast.dump(tree)
    except NO_PYTHON:
        return f"too deep to be compared: {id(statement)}"


def commented(source: str, lines: Iterable[tuple[int, int]]) -> str:
    """A cell whose lines from … to … (counted from 1, both included) are comments."""
    out = {n for first, last in lines for n in range(first, last + 1)}
    return "\n".join(
        f"# {line}" if number in out else line
        for number, line in enumerate(source.split("\n"), 1)
    )


def span(statement: ast.stmt) -> tuple[int, int]:
    """The lines of a statement, decorators included."""
    marks = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(mark.lineno for mark in marks)])
    return first, statement.end_lineno
