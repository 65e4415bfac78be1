"""A Python in a sandbox: it is started, asked, watched, and ended.

What one process may take is limited inside (`inside`), the memory of all of them by
a control group where there is one (`cgroups`); what else they take together is
counted from here (`monitor`), and whoever takes more is ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from classroom.sandbox import cgroups, seccomp
from classroom.sandbox.bubblewrap import REMEDY, command
from classroom.sandbox.limits import (
    MEGABYTE,
    Limits,
    SandboxEnded,
    SandboxUnavailable,
)
from classroom.sandbox.monitor import addresses_left, family, memory_of, used_by

START_SECONDS = 45  # for Python and its libraries, on a busy machine
MONITOR_SECONDS = 0.2  # between two looks


class Sandbox:
    """A Python in a sandbox that answers requests until it is closed or has ended.

        with Sandbox(folder, Limits()) as sandbox:
            sandbox.ask("cell", "print(1)", 1000)

    `folder`: see `bubblewrap.command`. `fault`: why what it said does not count, if
    so. Raises `SandboxUnavailable` where it cannot be started.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.fault = ""  # what went wrong with the sandbox, and not in it
        self.starts = 0
        self.restart_seconds = limits.total_seconds  # left for starting again
        self._start()
        self.deadline = time.monotonic() + limits.total_seconds

    def _start(self) -> None:
        self.why, self.rest, self.began = "", b"", time.monotonic()
        self.starts += 1
        program = [sys.executable, "-P", "-m", "classroom.sandbox.inside"]
        program += [str(self.limits.megabytes), str(self.limits.answer_megabytes)]
        self.group = self._control_group()
        self.channel, theirs = socket.socketpair()
        with theirs, seccomp.descriptor() as filter_fd:
            bwrap = command(self.folder, self.limits, program, filter_fd)
            self.process = subprocess.Popen(
                [*(self.group.enter if self.group else []), *bwrap],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[filter_fd],
                # /proc/1/environ shows what bwrap has
                env={"PATH": os.environ["PATH"]},
                start_new_session=True,
            )
        threading.Thread(
            target=self._monitor, args=[self.process], daemon=True
        ).start()
        self._await_start()

    def _control_group(self) -> cgroups.ControlGroup | None:
        place = cgroups.place()
        try:
            return place and cgroups.ControlGroup(place, self.limits.memory)
        except OSError as error:
            raise SandboxUnavailable(f"no control group: {error}") from None

    def _await_start(self) -> None:
        try:
            ready = self._receive(time.monotonic() + START_SECONDS)
        except SandboxEnded as ended:
            said = self.process.stderr.read(2000).decode(errors="replace").strip()
            self._close()
            raise SandboxUnavailable(
                f"it did not start: {said or ended}\n{REMEDY}"
            ) from None
        assert ready == "ready"

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.end("it was closed")
        self.channel.close()
        self.process.stderr.close()
        if self.group:
            self.group.remove()

    # -- starting again

    @property
    def can_restart(self) -> bool:
        """Has it ended, by no fault of its own, while there was time left?"""
        return bool(self.why and not self.fault and self._seconds_left() > 0)

    def restart(self, rebuild: Callable[[], None]) -> None:
        """Start again what has ended, and let `rebuild` ask for what was there.

        The time for it is not taken from the notebook's, as long as some is left of
        `restart_seconds`. Raises `SandboxUnavailable` where it cannot be started, and
        what `rebuild` raises.
        """
        began = time.monotonic()
        self.deadline += self.restart_seconds
        try:
            self._close()
            self._start()
            rebuild()
        finally:
            took = time.monotonic() - began
            self.restart_seconds = max(self.restart_seconds - took, 0)
            self.deadline -= self.restart_seconds

    def end_if_full(self) -> bool:
        """End it if it keeps so much that what comes next would have no memory."""
        share = self.limits.memory / 4
        if not self.why and addresses_left(self.process.pid) < share:
            self.end(
                f"it kept nearly all of its {self.limits.megabytes} MB of memory"
            )
        return bool(self.why)

    def _seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    # -- conversation

    def ask(self, kind: str, *content: Any) -> Any:
        """Send a request, return the answer: any JSON, and not to be believed.

        Raises `SandboxEnded` where there is none: in time, whole, and of reasonable
        size.
        """
        seconds = min(self.limits.cell_seconds, self._seconds_left())
        if seconds <= 0:
            self.end(f"it took more than {self.limits.total_seconds:g} s in all")
        if self.why:
            raise SandboxEnded(self.why)
        deadline = time.monotonic() + 1.2 * seconds + 1  # it stops itself, or not
        self._send([kind, seconds, *content], deadline)
        answer = self._receive(deadline)
        self._end_excess(self.process)  # before somebody else is blamed for it
        if self.why:
            raise SandboxEnded(self.why)
        return answer

    def _send(self, request: list, deadline: float) -> None:
        data = json.dumps(request).encode() + b"\n"
        try:
            self.channel.settimeout(max(deadline - time.monotonic(), 0.01))
            self.channel.sendall(data)
        except OSError as error:
            raise self._no_answer(error) from None

    def _receive(self, deadline: float) -> Any:
        """The next line, as JSON; what comes after it waits for its turn."""
        most = self.limits.answer_megabytes * MEGABYTE
        parts, size = [self.rest], len(self.rest)
        try:
            while b"\n" not in parts[-1]:
                if size > most:
                    self.end(f"it sent more than {most // MEGABYTE} MB at once")
                self.channel.settimeout(max(deadline - time.monotonic(), 0.01))
                parts.append(self.channel.recv(MEGABYTE))
                size += len(parts[-1])
                if not parts[-1]:
                    raise ConnectionError
            line, _, self.rest = b"".join(parts).partition(b"\n")
            return json.loads(line)
        except (OSError, ValueError, RecursionError) as error:
            raise self._no_answer(error) from None

    def _no_answer(self, error: Exception) -> SandboxEnded:
        """Why there is none; whatever it is, the sandbox is over."""
        if isinstance(error, TimeoutError):
            # On a busy machine the monitor may have come too late to say why.
            self.end(
                self._last_excess() or "it did not stop when its time was over"
            )
        elif isinstance(error, OSError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            excess, status = self._last_excess(), self.process.returncode
            if (status or 0) < 0 and not (excess or self.why):
                # bwrap itself had a signal, which nothing inside can send
                self.fault = "it was ended from outside; is there enough memory?"
            self.end(excess or f"Python ended in the middle (status {status})")
        else:
            self.end("it sent what no cell sends")
        return SandboxEnded(self.why)

    def _last_excess(self) -> str:
        with suppress(Exception):
            return self._excess()
        return ""

    # -- the monitor

    def end(self, why: str) -> None:
        """End everything in the sandbox; the first reason stands."""
        self.why = self.why or why
        if self.process.poll() is None:
            # bwrap and what is not yet inside; --die-with-parent does the rest
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _monitor(self, process: subprocess.Popen) -> None:
        while process.poll() is None:
            self._end_excess(process)
            time.sleep(MONITOR_SECONDS)

    def _end_excess(self, process: subprocess.Popen) -> None:
        """End it if it takes too much, or if nobody can say how much it takes."""
        fault = ""
        try:
            excess = self._excess()
        except Exception as error:
            excess = fault = f"it could not be watched: {error}"
        if excess and process is self.process and process.poll() is None:
            self.fault = self.fault or fault
            self.end(excess)

    def _excess(self) -> str:
        """What all of it takes too much of, in words; empty while all is well.

        Memory comes last: whoever starts too many processes also takes memory.
        """
        limits, elapsed = self.limits, time.monotonic() - self.began
        pids = self._pids()
        if too_many := self._too_many(pids):
            return too_many
        use = used_by(pids)
        if use.files > limits.files:
            return f"it made more than {limits.files} files"
        if use.handles > limits.handles:
            return f"it had more than {limits.handles} files and sockets open"
        if self._too_much_memory(pids):
            # To measure takes time, in which a fork bomb has grown.
            if too_many := self._too_many(self._pids()):
                return too_many
            return f"it used more than {limits.megabytes} MB of memory"
        if use.processor_seconds > limits.processors * elapsed + 10:
            return f"it kept more than {limits.processors:g} processors busy"
        return ""

    def _pids(self) -> list[int]:
        return self.group.members() if self.group else family(self.process.pid)

    def _too_many(self, pids: list[int]) -> str:
        most = self.limits.processes
        if len(pids) > most:
            return f"it started more than {most} processes: a fork bomb?"
        return ""

    def _too_much_memory(self, pids: list[int]) -> bool:
        if self.group:
            return self.group.was_full()
        return memory_of(pids, self.limits.memory) > self.limits.memory
