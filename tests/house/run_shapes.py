"""Run the package and the chapters with their shape comments turned into checks.

    python -m tests.house.run_shapes                      # the package, by `tour`
    python -m tests.house.run_shapes chapters/08*.ipynb   # a chapter

Prints every complaint. `--json` prints them as one line of JSON, for the tests.

Of a chapter only those cells run that a shape comment needs: those that hold one,
those that call a function that holds one, and whatever these need in turn. A cell
tagged `skip-shapes` or `raises-exception` never runs here. A chapter may use 30
seconds of processor time for this: keep shape comments out of what needs a trained
model, or tag it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from book.workbook.needs import Needs
from tests.house import quotes
from tests.house.notebooks import ROOT, modules, read
from tests.house.shapes import AllReached, Recorder, instrument

SKIPPED = {"skip-shapes", "raises-exception"}
SECONDS = 30


# The package ----------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with its checks in place, and never from or to a .pyc."""

    recorder: Recorder

    def get_code(self, fullname: str) -> CodeType:
        path = Path(self.path)
        source = path.read_text(encoding="utf-8")
        tree = instrument(source, _short(path), self.recorder)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(__shapes__=self.recorder, __letters__={})
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, folder: Path, name: str, recorder: Recorder) -> None:
        self.folder, self.name, self.recorder = folder, name, recorder

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname.split(".")[0] != self.name:
            return None
        search = path or [str(self.folder)]
        spec = importlib.machinery.PathFinder.find_spec(fullname, search)
        if spec is not None and isinstance(
            spec.loader, importlib.machinery.SourceFileLoader
        ):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
            spec.loader.recorder = self.recorder
        return spec


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


@contextlib.contextmanager
def instrumented(folder: Path, name: str, recorder: Recorder) -> Any:
    """In this block, `import name` gives the package in `folder`, with checks."""

    def ours(module: str) -> bool:
        return module.split(".")[0] == name

    before = {m: sys.modules.pop(m) for m in list(sys.modules) if ours(m)}
    finder = _Finder(folder, name, recorder)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module in [m for m in sys.modules if ours(m)]:
            del sys.modules[module]
        sys.modules.update(before)


def run_package(tour: Callable[[Recorder], None]) -> Recorder:
    """What the checks of `llm` saw on a walk through it."""
    recorder = Recorder()
    with instrumented(ROOT, "llm", recorder):
        try:
            tour(recorder)
        except Exception:
            recorder.complaints[f"the tour stopped: {_last_error()}"] = None
        for path in modules():
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if (
                "# (" in path.read_text(encoding="utf-8")
                and name not in sys.modules
            ):
                importlib.import_module(name.removesuffix(".__init__"))
    return recorder


# A chapter ------------------------------------------------------------------------


class OutOfTime(BaseException):
    """A chapter has used the processor time that it may use here."""


def start_clock() -> None:
    """Raise `OutOfTime` after so many seconds of work, where the system can."""

    def ring(*_: Any) -> None:
        raise OutOfTime

    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, ring)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)


def stop_clock() -> None:
    if hasattr(signal, "SIGPROF"):
        signal.setitimer(signal.ITIMER_PROF, 0)


class Chapter:
    """The cells of a notebook that may run, instrumented."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        notebook = read(path)
        self.name, self.recorder = path.name, recorder
        self.cells = [c for c in notebook.code if not SKIPPED & c.tags and c.tree()]
        self.needs = Needs(cell.tree() for cell in self.cells)
        self.code: list[CodeType] = []
        self.home: dict[int, int] = {}  # claim -> cell
        for i, cell in enumerate(self.cells):
            first = len(recorder.claims)
            file = f"{path.name}, {cell.name}, line"
            tree = instrument(cell.python, file, recorder)
            self.code.append(compile(tree, file, "exec", dont_inherit=True))
            self.home |= dict.fromkeys(range(first, len(recorder.claims)), i)
        package = quotes.package_definitions()
        for number, claim in enumerate(recorder.claims):
            if claim.function.split(".")[0] in package:
                recorder.reached[number] += 1  # a quotation: reached in the package

    def run(self, wanted: set[int], until: set[int] | None = None) -> None:
        """Execute these cells and what they need, in order, in a fresh namespace.

        until: stop early, as soon as all these claims have been reached.
        """
        namespace = {"__name__": "__main__", "__shapes__": self.recorder}
        namespace["display"] = lambda *_, **__: None
        self.recorder.awaited = until
        for i in sorted(self.needs.closure(wanted)):
            namespace["__letters__"] = {}
            try:
                exec(self.code[i], namespace)
            except AllReached:
                return
            except OutOfTime:
                held = {self.home[number] for number in until or ()} or wanted
                self.recorder.complaints[self.too_long(i, held)] = None
                return
            except Exception:
                self.recorder.complaints[
                    f"{self.name}, {self.cells[i].name}: {_last_error()}"
                ] = None
                return

    def too_long(self, cell: int, held: set[int]) -> str:
        """The complaint about a cell during which the time ran out.

        held: the cells of the claims for which it ran.
        """
        needing = held if len(held) == 1 else self._which_need(cell, held)
        names = ", ".join(self.cells[i].name for i in sorted(needing))
        return (
            f"{self.name}, {self.cells[cell].name}: {SECONDS} seconds were over; "
            f"its result is needed for the shape comments in {names}: take them "
            "out, or tag `skip-shapes`"
        )

    def _which_need(self, cell: int, others: set[int]) -> set[int]:
        return {i for i in others if cell in self.needs.closure({i})}

    def next_call(self, tried: set[tuple[str, int]]) -> tuple[str, int] | None:
        """A function with unreached claims, and a cell that calls it."""
        for number in sorted(self.unreached()):
            name = self.recorder.claims[number].function.split(".")[0]
            for cell in self.needs.callers(name) if name else []:
                if cell >= self.home[number] and (name, cell) not in tried:
                    return name, cell
        return None

    def unreached(self, function: str = "") -> set[int]:
        """The claims that no check has seen yet: all, or those of one function."""
        claims, reached = self.recorder.claims, self.recorder.reached
        return {
            number
            for number in self.home
            if not reached[number]
            and function in ("", claims[number].function.split(".")[0])
        }


def _last_error() -> str:
    lines = traceback.format_exc(limit=-1).strip().splitlines()
    return f"{lines[-1]} ({lines[1].strip()})"


def run_chapter(path: Path) -> Recorder:
    """What the checks of a chapter saw.

    First the cells that hold claims; then, for each function whose claims were not
    reached, the cells that call it, one after another and no longer than it takes.
    """
    recorder = Recorder()
    chapter = Chapter(path, recorder)
    start_clock()
    chapter.run({chapter.home[number] for number in chapter.unreached()})
    tried: set[tuple[str, int]] = set()
    while not recorder.complaints and (call := chapter.next_call(tried)):
        tried.add(call)
        function, cell = call
        chapter.run({cell}, until=chapter.unreached(function))
    stop_clock()
    return recorder


# The command ----------------------------------------------------------------------


def report(recorder: Recorder) -> list[str]:
    """Every complaint: comments that lie, then comments that nothing reached."""
    return [
        *recorder.complaints,
        *(
            f"{c.where}: `{c.text}` was never executed"
            for c in recorder.unreached()
        ),
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("chapters", nargs="*", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    os.environ["MPLBACKEND"] = "Agg"
    warnings.simplefilter("ignore")
    chapters = [path.resolve() for path in options.chapters]
    with contextlib.redirect_stdout(io.StringIO()):
        recorders = [_run_in_folder(path) for path in chapters] or [_run_tour()]
    complaints = [line for recorder in recorders for line in report(recorder)]
    n_claims = sum(len(recorder.claims) for recorder in recorders)
    if options.json:
        print(json.dumps({"complaints": complaints, "claims": n_claims}))
    else:
        print("\n".join(complaints or [f"{n_claims} shape comments are true"]))
    return int(bool(complaints))


def _run_tour() -> Recorder:
    from tests.house.tour import tour

    return run_package(tour)


def _run_in_folder(path: Path) -> Recorder:
    os.chdir(path.parent)
    return run_chapter(path)


if __name__ == "__main__":
    sys.exit(main())
