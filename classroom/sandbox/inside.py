"""What runs in the sandbox: a Python that runs a student's cells and answers.

It is started by `process`, reads one JSON request a line on its standard input, which
is a socket, and writes one JSON answer a line to the same. Whatever an answer is –
too large, too deep, of a class whose methods fail – something is answered. The
student's code lives in the same process and may change all of this: nothing that is
said here is believed outside, and nothing here is a secret.
"""

from __future__ import annotations

import gc
import io
import itertools
import json
import os
import random
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stack_data  # noqa: F401  (IPython would look for it when memory is short)
import torch
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from classroom.sandbox.wire import pack, unpack

MEGABYTE = 1 << 20
MARGIN = 64 * MEGABYTE  # of memory: for the processes around this one
RESERVE = 32 * MEGABYTE  # to say in words that there is no memory


class OutOfTime(BaseException):
    """Raised in the student's code when its time is over."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what runs inside when its time is over; the sandbox itself insists."""

    def stop(*_: object) -> None:
        raise OutOfTime(f"stopped after {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# --- A notebook's shell whose outputs are kept -------------------------------------


class Stream(io.TextIOBase):
    """Standard output or error of the student's code."""

    encoding = "utf-8"

    def __init__(self, name: str, keep: Callable[..., None]) -> None:
        self.name, self.keep = name, keep

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.keep("stream", self.name, str(text))
        return len(text)


class Publisher(DisplayPublisher):
    """What `display(...)` and plots show."""

    def publish(self, data: dict, metadata: object = None, **_: object) -> None:
        self.shell.keep("display", _seen(data))


class LastValue(DisplayHook):
    """What the last expression of a cell shows."""

    def write_output_prompt(self) -> None:
        """No prompt."""

    def write_format_data(self, format_dict: dict, md_dict: object = None) -> None:
        self.shell.keep("display", _seen(format_dict))


def _seen(data: dict) -> dict:
    """What is looked at outside, as text, whatever a cell has put there."""
    return {
        kind: str(data[kind])
        for kind in ("text/plain", "image/png")
        if kind in data
    }


class Shell(InteractiveShell):
    """IPython, with outputs as lists: stream, display or error, and what is in it."""

    displayhook_class = Type(LastValue)
    display_pub_class = Type(Publisher)
    kept: list
    room = 0

    def run(self, seconds: float, source: str, room: int) -> list:
        """Run a cell; return its outputs, of at most `room` characters."""
        self.kept, self.room = [], room
        sys.stdout, sys.stderr = (
            Stream(n, self.keep) for n in ("stdout", "stderr")
        )
        with at_most(seconds):
            result = self.run_cell(source, store_history=True)
        if result.error_in_exec:
            result.error_in_exec = None
            self.forget_error()
        return self.kept

    def forget_error(self) -> None:
        """What failed may hold much memory by the names of its functions."""
        tables = (self.InteractiveTB, self.SyntaxTB)
        for table in tables:
            table.etype = table.evalue = table.tb = None
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        gc.collect()

    def ask_exit(self) -> None:
        """A notebook does not end because a cell says `exit()`."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window to show; `%matplotlib inline` asks all the same."""

    def keep(self, kind: str, *content: Any) -> None:
        if kind == "stream":
            content = (content[0], content[1][: max(self.room, 0)])
        size = len(json.dumps(content))
        self.room -= size
        if self.room > 0 or kind == "error":
            self.kept.append([kind, *content])

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        with reserve():
            super().showtraceback(*args, **kwargs)

    def _showtraceback(self, etype: type, evalue: object, stb: Any) -> None:
        lines = stb if isinstance(stb, list) else str(stb).splitlines()
        lines = [line for line in lines if __file__ not in line]
        lines = [str(line)[:2000] for line in lines[-50:]]
        self.keep("error", etype.__name__, _said(evalue)[:2000], lines)


def new_shell() -> Shell:
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=settings)


# --- Answers to the tests ------------------------------------------------------------


class Responder:
    """Does what the tests ask of the student's objects, which stay here."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names, self.objects = names, []

    def refer(self, thing: Any) -> list:
        self.objects.append(thing)
        return ["handle", len(self.objects) - 1, type(thing).__name__]

    def resolve(self, kind: str, key: Any, fields: Any = None) -> Any:
        """An object handed out before, a name, or a new dataclass of that name."""
        if kind == "handle":
            return self.objects[key]
        if kind == "name":
            return self.names[key]
        return self.names[key](**unpack(fields, self.resolve))

    def answer(
        self, seconds: float, action: str, seed: int, *operands: Any
    ) -> list:
        """`["ok", value]`, or `["error", type, message, lines of the student]`."""
        args, kwargs = unpack(["tuple", operands], self.resolve)
        torch.manual_seed(seed)
        random.seed(seed)
        with at_most(seconds):
            result = ACTIONS[action](self.names, *args, **kwargs)
            return ["ok", pack(result, self.refer)]


ACTIONS: dict[str, Callable[..., Any]] = {
    "name": lambda names, name: names[name],
    "call": lambda _, function, *args, **kwargs: function(*args, **kwargs),
    "attribute": lambda _, thing, name: getattr(thing, name),
    "item": lambda _, thing, key: thing[key],
    "length": lambda _, thing: len(thing),
    "list": lambda _, thing: list(itertools.islice(thing, 10_000)),
}


def _where(error: BaseException) -> list[str]:
    """The lines of the student's cells that led to an error, the last five."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith("<ipython-input")]
    return [f"line {f.lineno}, in {f.name}: {f.line}"[:200] for f in own[-5:]]


def _failure(error: BaseException) -> list:
    """`["error", type, message, lines]`, whatever the student's class of error does."""
    return ["error", type(error).__name__, _said(error)[:500], _where(error)]


def _said(error: object) -> str:
    try:
        return str(error)
    except BaseException as worse:
        return f"its message cannot be shown: {type(worse).__name__}"


# --- The conversation ------------------------------------------------------------------


def main(megabytes: int, answer_megabytes: int) -> None:
    """Answer until nobody asks any more.

    megabytes: the memory of all processes. answer_megabytes: the size of an answer.
    """
    channel = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    limit_memory(megabytes)
    sys.path.insert(0, os.getcwd())  # the assignment's own modules
    shell = new_shell()
    responder = Responder(shell.user_ns)
    handlers = {"cell": shell.run, "ask": responder.answer}
    most, me = answer_megabytes * MEGABYTE, os.getpid()
    channel.sendall(b'"ready"\n')
    for line in channel.makefile("rb"):
        kind, *rest = json.loads(line)
        answer = _answered(handlers[kind], rest, most)
        if os.getpid() != me:  # a cell has called `fork`, and its copy comes back
            os._exit(0)
        channel.sendall(answer + b"\n")


def limit_memory(megabytes: int) -> None:
    """Let the address space grow by what is left below the limit of the monitor.

    So one process that asks for too much gets a `MemoryError`, in the line that
    asks, and is not ended.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":") for line in lines if line.endswith(" kB"))
    size, own = (1024 * int(values[n].split()[0]) for n in ("VmSize", "RssAnon"))
    most = size + max(megabytes * MEGABYTE - own - MARGIN, MARGIN)
    resource.setrlimit(resource.RLIMIT_AS, (most - RESERVE, most))


@contextmanager
def reserve() -> Iterator[None]:
    """Use what was kept back of the memory, for an error that must be told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answered(handler: Callable[..., list], rest: list, most: int) -> bytes:
    """An answer in JSON: what the handler returns, or why there is none."""
    try:
        data = json.dumps(handler(*rest)).encode()
        if len(data) <= most:
            return data
        too_long = f"the answer is larger than {most // MEGABYTE} MB"
        return json.dumps(["error", "ValueError", too_long, []]).encode()
    except BaseException as error:  # whatever it is, the tests want to know
        try:
            with reserve():
                return json.dumps(_failure(error)).encode()
        except BaseException:
            return b'["error", "Exception", "it cannot be shown", []]'


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
