"""Which cells of a notebook must run so that another one can.

By names alone: a cell needs the cells that last made, or changed, what it reads. A
cell is given as its syntax tree, or as None where it is not Python.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterable
from dataclasses import dataclass, field

Tree = ast.Module | None
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_ALWAYS = set(dir(builtins)) | {"display", "get_ipython"}


@dataclass
class Names:
    """What a cell has to do with the names of the notebook.

    read: read as soon as the cell runs; used: of these, what it has not made
    itself; made: bound; changed: read and changed; imported: bound by an import;
    inside: for each function or class, the names that it reads when it is called.
    """

    read: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    inside: dict[str, set[str]] = field(default_factory=dict)


def names_of(tree: Tree) -> Names:
    """What a cell reads before it makes it itself, and what it makes."""
    names = Names()
    for statement in tree.body if tree else ():
        _add_statement(names, statement)
    return names


def _add_statement(names: Names, statement: ast.stmt) -> None:
    table = symtable.symtable(ast.unparse(statement), "<cell>", "exec")
    now = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    bound = {s.get_name() for s in table.get_symbols() if s.is_local()}
    later = _globals_inside(table)
    if isinstance(statement, Definition):
        names.inside[statement.name] = later
    else:
        now |= later
    changed = _changed(statement)
    names.read |= now
    names.used |= (now | changed) - names.made - _ALWAYS
    names.changed |= changed
    bound = {s for s in bound if _is_bound(table.lookup(s))}
    names.made |= bound
    if isinstance(statement, ast.Import | ast.ImportFrom):
        names.imported |= bound


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _globals_inside(table: symtable.SymbolTable) -> set[str]:
    """What functions, classes and comprehensions read from the notebook."""
    found, children = set(), list(table.get_children())
    while children:
        child = children.pop()
        children += child.get_children()
        found |= {s.get_name() for s in child.get_symbols() if s.is_global()}
    return found


def _changed(statement: ast.stmt) -> set[str]:
    """`x[0] = 1`, `x.a = 1`, `x += 1` and a bare `x.add_(1)` change x."""
    found = set()
    for node in ast.walk(statement):
        target = isinstance(node, ast.Attribute | ast.Subscript)
        if target and not isinstance(node.ctx, ast.Load):
            found.add(_root(node))
        if isinstance(node, ast.AugAssign):
            found.add(_root(node.target))
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        found.add(_root(function) if isinstance(function, ast.Attribute) else "")
    return found - {""}


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


class Needs:
    """The needs of all cells of a notebook, by their place in the list."""

    def __init__(self, cells: Iterable[Tree]) -> None:
        self.names = [names_of(cell) for cell in cells]
        self.bound = [names.made - names.imported for names in self.names]
        modules = set().union(*(names.imported for names in self.names))
        for names in self.names:
            names.made = names.made | names.changed - modules

    def maker(self, name: str, cell: int) -> int | None:
        """The last cell before this one that made a name; if none did, the next."""
        makers = [i for i, names in enumerate(self.names) if name in names.made]
        before = [i for i in makers if i < cell]
        return before[-1] if before else next((i for i in makers if i > cell), None)

    def closure(self, wanted: Iterable[int]) -> set[int]:
        """These cells, and those that made what they need."""
        todo, found = list(wanted), set()
        while todo:
            cell = todo.pop()
            if cell in found:
                continue
            found.add(cell)
            own = self.names[cell]
            inside = set().union(*own.inside.values()) - own.made - _ALWAYS
            makers = [self.maker(name, cell) for name in own.used | inside]
            todo += [maker for maker in makers if maker is not None]
        return found

    def remade(self, cell: int) -> list[tuple[str, int]]:
        """The names that this cell reads and a later one binds anew: (name, cell).

        What it reads has been made before it, and is not made by the cell itself.
        """
        own, found = self.names[cell], []
        inside = set().union(*own.inside.values()) - _ALWAYS
        for name in sorted((own.used | inside) - own.made):
            made = any(name in names.made for names in self.names[:cell])
            later = (i for i, names in enumerate(self.bound) if name in names)
            after = next((i for i in later if i > cell), None)
            if made and after is not None:
                found.append((name, after))
        return found

    def callers(self, name: str) -> list[int]:
        """The cells that call a function, or another one that calls it."""
        carriers = {name}
        grown = True
        while grown:
            more = {
                function
                for names in self.names
                for function, inside in names.inside.items()
                if inside & carriers
            }
            grown = not more <= carriers
            carriers |= more
        return [i for i, names in enumerate(self.names) if carriers & names.read]
