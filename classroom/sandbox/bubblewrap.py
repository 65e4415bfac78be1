"""The command line by which bubblewrap runs a program in a sandbox.

In there are a Python, with the libraries, the data files of the assignment and two
small folders in memory that go with it: no network, no other process, no
environment, no file of the course, and no system call that leads out another way
(`seccomp`). Linux only: elsewhere, grade in a container.
"""

from __future__ import annotations

import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import llm
from classroom.sandbox import seccomp
from classroom.sandbox.limits import MEGABYTE, TASKS, Limits, SandboxUnavailable

HERE = Path(__file__).parent
PACKAGE = "/sandbox"  # where this package lies in there
WORK = "/tmp/work"
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


def command(
    folder: Path, limits: Limits, program: Sequence[str], filter_fd: int
) -> list[str]:
    """The command line that runs a program in a sandbox.

    folder: its files are there to be read, notebooks and links excepted; a notebook
    holds the hidden tests. filter_fd: the descriptor of `seccomp.descriptor`.
    """
    isolation, drop = _privileges()
    made = {"/tmp", WORK}
    shown = [(path, str(path)) for path in _libraries()]
    shown += [(HERE.parent / n, f"{PACKAGE}/classroom/{n}") for n in _OURS]
    shown += [(f, f"{WORK}/{f.relative_to(folder)}") for f in _data_files(folder)]
    shown += [(f, f"/tmp/{f.relative_to(Path.home())}") for f in _list_of_fonts()]
    binds = [word for file, name in shown for word in _bind(file, name, made)]
    start = [
        "bwrap",
        *isolation,
        "--die-with-parent",
        "--new-session",
        "--clearenv",
    ]
    return [
        *(*start, "--seccomp", str(filter_fd)),
        *(*_environment(), *_system(), *_writable(limits), *binds),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK, "--"),
        *(*drop, *_rlimits(limits), *program),
    ]


_OWN_USERS = ("--unshare-all", "--unshare-user", "--disable-userns")
_OURS = (
    "__init__.py",
    *(f"sandbox/{n}.py" for n in ("__init__", "wire", "inside")),
)


def _privileges() -> tuple[list[str], list[str]]:
    """What bwrap isolates and takes away, and what has to be done once inside.

    An ordinary user becomes the only user of a namespace of its own. Root (in a
    container) could still write to /proc/sys, so it becomes nobody in particular:
    a number of its own for each sandbox, so that none can crowd out another.
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
        raise SandboxUnavailable(f"this container has only {end} numbers for users")
    return found


def _environment() -> list[str]:
    values = {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONPATH": PACKAGE,
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
    """Limits of each process; for memory see `inside`, for all together `process`."""
    return [
        "prlimit",
        f"--cpu={int(limits.total_seconds) + 10}",
        f"--fsize={limits.disk_megabytes * MEGABYTE}",
        *(f"--nproc={TASKS}", "--nofile=1024", "--core=0"),
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
    """What matplotlib would make anew, in seconds, in each sandbox."""
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


def check_sandbox(course: Path, limits: Limits | None = None) -> None:
    """Raises `SandboxUnavailable` unless one can be made here that hides the course."""
    for shown in (Path("/usr"), *_libraries()):
        if course.resolve().is_relative_to(shown.resolve()):
            raise SandboxUnavailable(
                f"{course} lies in {shown}, which it shows; move one of them"
            )
    for name in ("bwrap", "prlimit", "setpriv"):
        if not shutil.which(name):
            raise SandboxUnavailable(f"there is no {name} here\n{REMEDY}")
    if platform.machine() not in seccomp.MACHINES:
        known = " and ".join(seccomp.MACHINES)
        raise SandboxUnavailable(
            f"it knows system calls of {known}, not of {platform.machine()}"
        )
    with tempfile.TemporaryDirectory() as empty:
        program = [sys.executable, "-c", ""]
        try:
            with seccomp.descriptor() as filter_fd:
                done = subprocess.run(
                    command(Path(empty), limits or Limits(), program, filter_fd),
                    capture_output=True,
                    text=True,
                    timeout=60,
                    pass_fds=[filter_fd],
                )
        except subprocess.TimeoutExpired:
            raise SandboxUnavailable(
                "it did not start in a minute; is this machine busy?"
            ) from None
    if done.returncode:
        raise SandboxUnavailable(
            f"bwrap says: {done.stderr.strip()[:300]}\n{REMEDY}"
        )
