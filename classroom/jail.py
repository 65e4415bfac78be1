"""The wall around a student's code: bubblewrap, and a watchman.

Behind it there is a Python, with the libraries, the data files of the assignment
and two small folders in memory that go with it: no network, no other process, no
environment, no file of the course, and no system call that leads out another way
(`seccomp`). What a process may take is limited inside, what all of them take
together is watched from here (`monitor`), and whoever takes more is ended. Linux
only: elsewhere, grade in a container.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import llm
from classroom.monitor import addresses_left, used_by
from classroom.seccomp import MACHINES, descriptor

HERE = Path(__file__).parent
INSIDE = "/jail"  # where this package lies behind the wall
WORK = "/tmp/work"
MEGABYTE = 1 << 20
REMEDY = """\
Debian and Ubuntu: apt install bubblewrap (0.8 or later). Where it may not make user
namespaces (Ubuntu since 23.10): sysctl kernel.apparmor_restrict_unprivileged_userns=0
macOS, Windows, and containers that may not: grade in a container that may,
  docker run --rm -it --cap-add SYS_ADMIN --cap-add NET_ADMIN \\
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined \\
    -v "${PWD}:/book" -v llm-venv:/venv -w /book python:3.11 bash -c \\
    "apt-get update; apt-get install -y bubblewrap; make grade ASSIGNMENT=NAME \\
    VENV=/venv TORCH_INDEX=https://download.pytorch.org/whl/cpu; \\
    chown -R --reference=Makefile ."
"""


class NoJail(ValueError):
    """No wall can be built here; the message says what is missing, and the remedy."""

    def __init__(self, what: str) -> None:
        super().__init__(f"students' code runs in a jail or not at all: {what}")


class Gone(Exception):
    """The Python behind the wall has ended, or was ended; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one submission may take."""

    # Seconds for one cell, and for one answer to the tests.
    cell_seconds: float = 30
    # Seconds for the whole notebook, tests included; and as many once more for
    # starting again what its author's code has ended.
    total_seconds: float = 300
    # Memory of all its processes together, and of the files it writes.
    megabytes: int = 4096
    # Processes at a time.
    processes: int = 32
    # Size of each of the two folders it can write to, and of a file in them.
    disk_megabytes: int = 256
    # Files in these two folders.
    files: int = 20_000
    # Files and sockets that all of its processes together have open.
    handles: int = 2048
    # Characters of output that are kept of a notebook, pictures included.
    characters: int = 5_000_000
    # Size of an answer; a longer one is not read.
    answer_megabytes: int = 16
    # Processors it may keep busy, on average, after its first ten seconds.
    processors: float = 1.5

    @property
    def longest_seconds(self) -> float:
        """Seconds after which it is over, whatever it has done."""
        return 2 * self.total_seconds


# --- The command ---------------------------------------------------------------------


def command(
    folder: Path, limits: Limits, program: Sequence[str], calls: int
) -> list[str]:
    """The command line that runs a program behind the wall.

    folder: its files are there to be read, notebooks and links excepted; a notebook
    holds the hidden tests. calls: the file descriptor of `seccomp.descriptor`.
    """
    lower, drop = _privileges()
    made = {"/tmp", WORK}
    shown = [(path, str(path)) for path in _libraries()]
    shown += [(HERE / n, f"{INSIDE}/classroom/{n}") for n in _OURS]
    shown += [(f, f"{WORK}/{f.relative_to(folder)}") for f in _data_files(folder)]
    shown += [(f, f"/tmp/{f.relative_to(Path.home())}") for f in _list_of_fonts()]
    binds = [word for file, name in shown for word in _bind(file, name, made)]
    start = ["bwrap", *lower, "--die-with-parent", "--new-session", "--clearenv"]
    return [
        *(*start, "--seccomp", str(calls)),
        *(*_environment(), *_system(), *_writable(limits), *binds),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK, "--"),
        *(*drop, *_rlimits(limits), *program),
    ]


_OWN_USERS = ("--unshare-all", "--unshare-user", "--disable-userns")
_OURS = ("__init__.py", "wire.py", "inside.py")


def _privileges() -> tuple[list[str], list[str]]:
    """What bwrap shall take away, and what has to be done behind the wall.

    An ordinary user becomes the only user of a namespace of its own. Root (in a
    container) could still write to /proc/sys, so it becomes nobody in particular:
    a number of its own for each jail, so that none can crowd out another.
    """
    if os.geteuid():
        return [*_OWN_USERS, "--cap-drop", "ALL"], []
    names = ("ipc", "pid", "net", "uts", "cgroup-try")
    spaces = [f"--unshare-{name}" for name in names]
    kept = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
    caps = ["--cap-drop", "ALL", *(w for cap in kept for w in ("--cap-add", cap))]
    nobody = random.SystemRandom().choice(_unused_numbers())
    drop = [f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups"]
    sets = ("bounding-set", "inh-caps", "ambient-caps")
    drop += [f"--{name}=-all" for name in sets]
    return [*spaces, *caps], ["setpriv", *drop, "--no-new-privs"]


def _unused_numbers() -> range:
    """Numbers of users that nobody has: in a container without root there are few."""
    spans = Path("/proc/self/uid_map").read_text().splitlines()
    end = max(int(first) + int(count) for first, _, count in map(str.split, spans))
    found = (
        range(1 << 20, 1 << 30) if end > 1 << 30 else range(end // 2, end - 1000)
    )
    if not found:
        raise NoJail(f"this container has only {end} numbers for users")
    return found


def _environment() -> list[str]:
    values = {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": INSIDE,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    names = ("OMP", "OPENBLAS", "MKL")
    values |= {f"{name}_NUM_THREADS": "1" for name in names}
    values["MALLOC_ARENA_MAX"] = "2"  # each reserves addresses, which are limited
    return [w for name, value in values.items() for w in ("--setenv", name, value)]


def _system() -> list[str]:
    """/usr to read, and the short names that lead there; /proc and /dev of its own.

    What /proc says of keys is not: it names those of whoever grades. Memory mapped
    from /dev/zero is nobody's once it is in no process's table.
    """
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/lib", "/lib64"):
        if os.path.islink(name):
            words += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            words += ["--ro-bind", name, name]
    proc = ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    there = [name for name in HIDDEN if os.path.exists(name)]
    masks = [w for name in there for w in ("--dev-bind", "/dev/null", name)]
    return [*words, *proc, "--dev", "/dev", *masks]


HIDDEN = ("/proc/keys", "/proc/key-users", "/dev/zero")


def _writable(limits: Limits) -> list[str]:
    size = str(limits.disk_megabytes * MEGABYTE)
    words = []
    for name in ("/dev/shm", "/tmp"):
        words += ["--perms", "1777", "--size", size, "--tmpfs", name]
    return [*words, "--perms", "1777", "--dir", WORK]


def _rlimits(limits: Limits) -> list[str]:
    """Limits of each process; of many processes see `_excess`, of memory `inside`."""
    return [
        "prlimit",
        f"--cpu={int(limits.total_seconds) + 10}",
        f"--fsize={limits.disk_megabytes * MEGABYTE}",
        *("--nproc=256", "--nofile=1024", "--core=0"),
    ]


def _libraries() -> list[Path]:
    """Python, the environment, and the package of the book with its texts."""
    package = Path(llm.__file__).parent
    prefixes = {sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)}
    paths = {Path(prefix) for prefix in prefixes}
    paths |= {package, package.parent / "data" / "prose"}
    outside = (p for p in paths if not p.is_relative_to("/usr") and p.exists())
    return sorted(outside)


def _data_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.suffix != ".ipynb":
            yield path


def _list_of_fonts() -> list[Path]:
    """What matplotlib would make anew, in seconds, in each jail."""
    return sorted(Path.home().glob(".cache/matplotlib/fontlist-*.json"))


def _bind(file: Path, name: str, made: set[str]) -> list[str]:
    """Show a file or folder, read-only; its parents shall be open to everybody."""
    words = []
    for parent in map(str, reversed(Path(name).parents[:-1])):
        if parent not in made:
            mode = "1777" if parent.startswith("/tmp/") else "0755"
            words += ["--perms", mode, "--dir", parent]
            made.add(parent)
    return [*words, "--ro-bind", str(file), name]


def check_jail(course: Path, limits: Limits | None = None) -> None:
    """Raises `NoJail` unless a wall can be built here that hides the course."""
    for shown in (Path("/usr"), *_libraries()):
        if course.resolve().is_relative_to(shown.resolve()):
            raise NoJail(
                f"{course} lies in {shown}, which it shows; move one of them"
            )
    for name in ("bwrap", "prlimit", "setpriv"):
        if not shutil.which(name):
            raise NoJail(f"there is no {name} here\n{REMEDY}")
    if platform.machine() not in MACHINES:
        known = " and ".join(MACHINES)
        raise NoJail(
            f"it knows system calls of {known}, not of {platform.machine()}"
        )
    with tempfile.TemporaryDirectory() as empty:
        program = [sys.executable, "-c", ""]
        try:
            with descriptor() as calls:
                done = subprocess.run(
                    command(Path(empty), limits or Limits(), program, calls),
                    capture_output=True,
                    text=True,
                    timeout=60,
                    pass_fds=[calls],
                )
        except subprocess.TimeoutExpired:
            raise NoJail(
                "it did not start in a minute; is this machine busy?"
            ) from None
    if done.returncode:
        raise NoJail(f"bwrap says: {done.stderr.strip()[:300]}\n{REMEDY}")


# --- The jail ------------------------------------------------------------------------


class Jail:
    """A Python behind the wall that answers requests until it is closed or gone.

        with Jail(folder, Limits()) as jail:
            jail.ask("cell", "print(1)", 1000)

    `folder`: see `command`. `fault`: why what it said does not count, if so. Raises
    `NoJail` where it cannot be started.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.fault = ""  # what went wrong with the jail, and not in it
        self.lives = 0  # how often it has started
        self.spare = limits.total_seconds  # for starting again
        self._start()
        self.deadline = time.monotonic() + limits.total_seconds

    def _start(self) -> None:
        self.why, self.rest, self.began = "", b"", time.monotonic()
        self.lives += 1
        program = [sys.executable, "-P", "-m", "classroom.inside"]
        program += [str(self.limits.megabytes), str(self.limits.answer_megabytes)]
        self.channel, theirs = socket.socketpair()
        with theirs, descriptor() as calls:
            self.process = subprocess.Popen(
                command(self.folder, self.limits, program, calls),
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[calls],
                # /proc/1/environ shows what bwrap has
                env={"PATH": os.environ["PATH"]},
                start_new_session=True,
            )
        threading.Thread(
            target=self._watch, args=[self.process], daemon=True
        ).start()
        self._await_start()

    def _await_start(self) -> None:
        try:
            ready = self._receive(time.monotonic() + 45)
        except Gone as gone:
            said = self.process.stderr.read(2000).decode(errors="replace").strip()
            raise NoJail(f"it did not start: {said or gone}\n{REMEDY}") from None
        assert ready == "ready"

    def __enter__(self) -> Jail:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.kill("it was closed")
        self.channel.close()
        self.process.stderr.close()

    # -- another life

    @property
    def can_restart(self) -> bool:
        """Has it ended, by no fault of its own, while there was time left?"""
        return bool(self.why and not self.fault and self._seconds_left() > 0)

    def restart(self, rebuild: Callable[[], None]) -> None:
        """Start again what has ended, and let `rebuild` ask for what was there.

        The time for it is not taken from the notebook's, as long as there is some to
        spare. Raises `NoJail` where it cannot be started, and what `rebuild` raises.
        """
        began, self.deadline = time.monotonic(), self.deadline + self.spare
        try:
            self._close()
            self._start()
            rebuild()
        finally:
            left = max(self.spare - (time.monotonic() - began), 0)
            self.deadline, self.spare = self.deadline - left, left

    def end_if_full(self) -> bool:
        """End it if it keeps so much that what comes next would have no memory."""
        share = self.limits.megabytes * MEGABYTE / 4
        if not self.why and addresses_left(self.process.pid) < share:
            self.kill(
                f"it kept nearly all of its {self.limits.megabytes} MB of memory"
            )
        return bool(self.why)

    def _seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    # -- conversation

    def ask(self, kind: str, *content: Any) -> Any:
        """Send a request, return the answer: any JSON, and not to be believed.

        Raises `Gone` where there is none: in time, whole, and of reasonable size.
        """
        seconds = min(self.limits.cell_seconds, self._seconds_left())
        if seconds <= 0:
            self.kill(f"it took more than {self.limits.total_seconds:g} s in all")
        if self.why:
            raise Gone(self.why)
        deadline = time.monotonic() + 1.2 * seconds + 1  # it stops itself, or not
        self._send([kind, seconds, *content], deadline)
        answer = self._receive(deadline)
        self._end_excess(self.process)  # before somebody else is blamed for it
        if self.why:
            raise Gone(self.why)
        return answer

    def _send(self, request: list, deadline: float) -> None:
        data = json.dumps(request).encode() + b"\n"
        try:
            self.channel.settimeout(max(deadline - time.monotonic(), 0.01))
            self.channel.sendall(data)
        except OSError as error:
            raise self._gone(error) from None

    def _receive(self, deadline: float) -> Any:
        """The next line, as JSON; what comes after it waits for its turn."""
        most = self.limits.answer_megabytes * MEGABYTE
        parts, size = [self.rest], len(self.rest)
        try:
            while b"\n" not in parts[-1]:
                if size > most:
                    self.kill(f"it sent more than {most // MEGABYTE} MB at once")
                self.channel.settimeout(max(deadline - time.monotonic(), 0.01))
                parts.append(self.channel.recv(MEGABYTE))
                size += len(parts[-1])
                if not parts[-1]:
                    raise ConnectionError
            line, _, self.rest = b"".join(parts).partition(b"\n")
            return json.loads(line)
        except (OSError, ValueError, RecursionError) as error:
            raise self._gone(error) from None

    def _gone(self, error: Exception) -> Gone:
        """Why there is no answer; whatever it is, the jail is over."""
        if isinstance(error, TimeoutError):
            # On a busy machine the watch may have come too late to say why.
            excess = ""
            with suppress(Exception):
                excess = self._excess()
            self.kill(excess or "it did not stop when its time was over")
        elif isinstance(error, OSError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(1)
            if (self.process.returncode or 0) < 0 and not self.why:
                # bwrap itself had a signal, which nothing behind the wall can send
                self.fault = "it was ended from outside; is there enough memory?"
            self.kill(
                f"Python ended in the middle (status {self.process.returncode})"
            )
        else:
            self.kill("it sent what no cell sends")
        return Gone(self.why)

    # -- the watchman

    def kill(self, why: str) -> None:
        """End everything behind the wall; the first reason stands."""
        self.why = self.why or why
        if self.process.poll() is None:
            # bwrap and what is not yet behind the wall; --die-with-parent does the rest
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _watch(self, process: subprocess.Popen) -> None:
        while process.poll() is None:
            self._end_excess(process)
            time.sleep(0.2)

    def _end_excess(self, process: subprocess.Popen) -> None:
        """End it if it takes too much, or if nobody can say how much it takes."""
        try:
            excess = self._excess()
        except Exception as error:
            excess = self.fault = f"it could not be watched: {error}"
        if excess and process is self.process and process.poll() is None:
            self.kill(excess)

    def _excess(self) -> str:
        """What all of it takes too much of, in words; empty while all is well.

        Memory comes last: whoever starts too many processes also takes memory.
        """
        limits, elapsed = self.limits, time.monotonic() - self.began
        most = limits.megabytes * MEGABYTE
        use = used_by(self.process.pid, most, limits.processes)
        if use.processes > limits.processes:
            return (
                f"it started more than {limits.processes} processes: a fork bomb?"
            )
        if use.files > limits.files:
            return f"it made more than {limits.files} files"
        if use.handles > limits.handles:
            return f"it had more than {limits.handles} files and sockets open"
        if use.memory > most:
            return f"it used more than {limits.megabytes} MB of memory"
        if use.busy > limits.processors * elapsed + 10:
            return f"it kept more than {limits.processors:g} processors busy"
        return ""
