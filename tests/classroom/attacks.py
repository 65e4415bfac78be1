"""Submissions that mean no good, and some that are merely broken.

They are text here. They are run in the sandbox only, by `test_hostile` and
`test_sandbox`. An attack stands in the cell of the task `double`; the task `Tally` is
answered rightly after it, for 3 points, which an attack may cost its author.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import tiny
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from classroom.course import Course

# What each does in the cell of `double`, and the points that are left to it.
CODE: dict[str, tuple[str, set[float]]] = {
    "endless-loop": ("while True:\n    pass", {3}),
    "swallowed-interrupts": (
        """
import signal, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass
""",
        {3},
    ),
    "processes": ("import os\nwhile True:\n    os.fork()", {3}),
    "threads": (
        """
import threading, time
for _ in range(10_000):
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
""",
        {3},
    ),
    "memory-at-once": ("x = bytearray(10**12)", {3}),
    "memory-bit-by-bit": (
        "kept = []\nwhile True:\n    kept.append(b'x' * 10**7)",
        {3},
    ),
    "memory-when-asked": (
        "kept = []\ndef double(x):\n    while True:\n        kept.append(b'x' * 10**7)",
        {3},
    ),
    "memory-of-many": (
        """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = b"x" * 2 * 10**8
        time.sleep(100)
time.sleep(100)
""",
        {3},
    ),
    "disk": (
        """
for folder in ("/tmp", "/dev/shm", "/tmp/work"):
    for i in range(100):
        with open(f"{folder}/{i}", "wb") as file:
            file.write(bytes(10**6))
""",
        {3},
    ),
    "inodes": (
        "for i in range(10**6):\n    open(f'/tmp/{i}', 'w').close()",
        {3},
    ),
    "output": ("while True:\n    print('x' * 1000)", {3}),
    "output-to-the-channel": (
        """
import os
for fd in range(3, 30):
    try:
        while True:
            os.write(fd, b"x" * 10**6)
    except OSError:
        pass
""",
        {3},
    ),
    "a-huge-answer": ("def double(x):\n    return 'x' * 10**9", {3}),
    "a-large-answer": (
        "import torch\ndef double(x):\n    return torch.zeros(5_000_000)",
        {3},
    ),
    "a-long-number": ("def double(x):\n    return 10**5_000", {3}),
    "an-error-that-cannot-be-told": (
        """
class Worse(Exception):
    def __str__(self):
        raise Worse
def double(x):
    raise Worse
double_of_display = display({"text/plain": object()}, raw=True)
raise Worse
""",
        {3},
    ),
    "a-deep-answer": (
        "def double(x):\n    deep = []\n    for _ in range(10**5):\n"
        "        deep = [deep]\n    return deep",
        {3},
    ),
    "environment": (
        """
import os
from pathlib import Path
print(os.environ)
for file in Path("/proc").glob("*/environ"):
    try:
        print(file, file.read_bytes())
    except OSError:
        pass
""",
        {3},
    ),
    "network": (
        """
import socket
for family, address in (
    (socket.AF_INET, ("127.0.0.1", PORT)),
    (socket.AF_INET, ("1.1.1.1", 53)),
    (socket.AF_UNIX, "\\0planted"),
):
    try:
        with socket.socket(family) as s:
            s.settimeout(1)
            s.connect(address)
            print("reached", address)
    except OSError as error:
        print(error)
""",
        {3},
    ),
    "privileges": (
        """
import ctypes, os, subprocess
for change in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/")):
    try:
        change()
        print("became", "root")
    except OSError:
        pass
libc = ctypes.CDLL(None)
print("mounted" if libc.mount(b"x", b"/tmp/work", b"tmpfs", 0, 0) == 0 else "")
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"):
    try:
        open(path, "w")
        print("open", "file")
    except OSError:
        pass
""",
        {3},
    ),
    "kill-everybody": (
        """
import os, signal
for pid in [os.getppid(), 1, -1]:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
""",
        {0, 3},
    ),
    "stay-behind": (
        """
import os, subprocess
if os.fork() == 0:
    os.setsid()
    os.execvp("sleep", ["sleep", "86399"])
""",
        {3},
    ),
    "leave-a-message": (
        """
import time
for folder in ("/tmp", "/dev/shm", "/tmp/work"):
    open(f"{folder}/message", "w").write("planted-in-a-message")
time.sleep(2)
""",
        {3},
    ),
    "wait-for-a-message": (
        """
import time
from pathlib import Path
for _ in range(20):
    for folder in ("/tmp", "/dev/shm", "/tmp/work"):
        if Path(folder, "message").exists():
            print(Path(folder, "message").read_text())
    time.sleep(0.1)
""",
        {3},
    ),
    "patched-libraries": (
        """
import builtins, sys, torch
torch.equal = torch.allclose = torch.Tensor.__eq__ = lambda *a, **k: True
builtins.AssertionError = builtins.len = builtins.print = lambda *a, **k: True
sys.modules["classroom.sandbox.wire"].pack = lambda *a: True
def double(x):
    return 7
""",
        {0, 3},
    ),
    "equal-to-everything": (
        """
class Anything(int):
    __eq__ = __req__ = lambda self, other: True
    __hash__ = None
    __bool__ = lambda self: True
    __torch_function__ = classmethod(lambda *a, **k: True)
def double(x):
    return Anything(7)
""",
        {3},
    ),
    "an-object-equal-to-everything": (
        """
class Anything:
    __eq__ = lambda self, other: True
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
    __len__ = lambda self: 1
    __iter__ = lambda self: iter([self])
def double(x):
    return Anything()
""",
        {3},
    ),
    "forged-answers": (
        """
import json, os
answers = b"".join(json.dumps(a).encode() + b"\\n" for a in ANSWERS) * 100
for fd in range(3, 30):
    try:
        os.write(fd, answers)
    except OSError:
        pass
""".replace(
            "ANSWERS",
            repr(
                [
                    True,
                    ["ok", True],
                    ["ok", ["handle", 0, "function"]],
                    ["ok", ["name", "double", "x"]],
                    ["ok", ["tensor", "torch.float32", [3, 2], ""]],
                    ["ok", ["tensor", "torch.float32", [10**12], "AAAA"]],
                    ["ok", ["dict", [[["list", []], 1]]]],
                    ["ok", {"a": 1}],
                    ["error", "SystemExit", "0", []],
                    ["error", "KeyboardInterrupt", "", None],
                    ["error", ["list"], {}, 7],
                ]
            ),
        ),
        {0},
    ),
    "exit": ("import os\nos._exit(0)", {3}),
    "exit-politely": ("exit()", {3}),
    "exit-by-exception": ("raise SystemExit", {3}),
    "exit-when-asked": ("import os\ndef double(x):\n    os._exit(0)", {3}),
    "fork": ("import os\nos.fork() and os.wait()", {3}),
    "pickle": (
        """
import os
class Evil:
    def __reduce__(self):
        return os.system, ("touch COURSE/pwned /tmp/pwned",)
def double(x):
    return Evil()
""",
        {3},
    ),
    "terminal": (
        "def double(x):\n    raise ValueError('\\x1b]0;pwned\\x07\\x1b[2J <b>')",
        {3},
    ),
    "odd-characters": (
        "print('\\ud800\\0')\ndef double(x):\n    raise ValueError('\\ud800')",
        {3},
    ),
    "live-outputs": (
        """
from IPython.display import HTML, SVG, Javascript, Markdown, display
for show in (HTML, Javascript, Markdown):
    display(show("<script>planted()</script><img src=x onerror=planted()>"))
display({"image/png": '"><script>planted()</script>'}, raw=True)
display({"image/svg+xml": "<svg onload='planted()'/>"}, raw=True)
print("<script>planted()</script>")
""",
        {3},
    ),
}
READ = """
import os
from pathlib import Path
for start in ("COURSE", "/", "/proc/1/root", "/proc/self/cwd/..", "/proc/1/cwd"):
    for folder, folders, files in os.walk(start):
        folders[:] = [f for f in folders if f not in ("proc", "sys", "usr", "lib")]
        for name in files:
            if name.endswith((".ipynb", ".db", ".json", ".txt", ".html", ".csv")):
                try:
                    print(name, Path(folder, name).read_bytes()[-3000:])
                except OSError:
                    pass
"""
WRITE = """
import glob, os, sys
places = ["COURSE", "COURSE/gradebook.db", "COURSE/submitted/right/tiny/tiny.ipynb"]
places += ["COURSE/autograded/evil", "/usr/lib/evil", "/etc/evil", "/sandbox/evil"]
places += ["/sandbox/classroom/sandbox/inside.py", sys.prefix + "/evil", os.__file__]
places += ["/evil"]
for place in places:
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        open(place, "w").write("planted")
        print("written", place)
    except OSError:
        pass
"""


# Ways past namespaces. Each prints "open" if it got through; those about memory hold
# 600 MB of it where nobody looks. Numbers of calls are those of x86_64.
CALL = """
import ctypes, mmap, os, socket, tempfile, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def hold(file, flags):  # a page of a mapping keeps all the others
    for _ in range(6):
        place = call(9, 0, 10**8, 3, flags, file, 0)
        ctypes.memset(ctypes.c_void_p(place), 1, 10**8)
        call(11, ctypes.c_void_p(place + 4096), ctypes.c_size_t(10**8 - 4096))
    time.sleep(0.5)
"""
ESCAPES = {
    "read-a-key": """
found = ctypes.create_string_buffer(100)
key = call(250, 10, -3, b"user", b"planted", 0)
call(250, 11, key, found, 100)
print("open" if found.value == b"planted-in-a-keyring" else "")
""",
    "leave-a-key": """
for keyring in (-3, -4, -5):
    call(248, b"user", b"note", b"hello", 5, keyring)
    print("open")
""",
    "request-a-key": """
print("open" if call(249, b"user", b"planted", 0, -3) else "")
""",
    "vsock": """
with socket.socket(socket.AF_VSOCK) as s:
    print("open")
""",
    "crypto-of-the-kernel": """
with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as s:
    print("open")
""",
    "become-root": """
call(272, 0x10000000)
print("open")
""",
    "become-root-by-clone": """
if (pid := call(56, 0x10000000 | 17, 0, 0, 0, 0)) == 0:
    os._exit(0)
print("open")
""",
    "become-root-by-clone3": """
import struct
flags = struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
if call(435, flags, 64) == 0:
    os._exit(0)
print("open")
""",
    "a-folder-of-its-own": """
own = tempfile.mkdtemp()
user, group = os.getuid(), os.getgid()
call(272, 0x10000000 | 0x00020000)
open("/proc/self/setgroups", "w").write("deny")
open("/proc/self/uid_map", "w").write(f"0 {user} 1")
open("/proc/self/gid_map", "w").write(f"0 {group} 1")
call(165, b"none", own.encode(), b"tmpfs", 0, 0)
for number in range(6):
    open(f"{own}/{number}", "wb").write(bytes(10**8))
time.sleep(0.5)
print("open")
""",
    "rings": """
call(425, 8, bytes(120))
print("open")
""",
    "memory-in-files-without-a-folder": """
kept = [os.memfd_create("kept") for _ in range(6)]
for file in kept:
    os.write(file, bytes(10**8))
time.sleep(0.5)
print("open")
""",
    "memory-in-segments": """
libc.shmat.restype = ctypes.c_void_p
for _ in range(6):
    segment = call(29, 0, 10**8, 0o1600)
    place = libc.shmat(segment, None, 0)
    ctypes.memset(place, 1, 10**8)
    libc.shmdt(ctypes.c_void_p(place))
time.sleep(0.5)
print("open")
""",
    "memory-in-no-table": """
hold(-1, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
print("open")
""",
    "memory-of-zeros": """
hold(os.open("/dev/zero", os.O_RDWR), mmap.MAP_SHARED)
print("open")
""",
}
# Those that hold memory where no process has it.
HOARDS = [n for n in ESCAPES if n.startswith("memory-")] + ["a-folder-of-its-own"]


def in_a_process(source: str) -> str:
    """A cell that runs this in a Python of its own, and shows what it prints."""
    return (
        "import subprocess, sys\n"
        f"words = [sys.executable, '-c', {source!r}]\n"
        "done = subprocess.run(words, capture_output=True, text=True)\n"
        "done.stdout + done.stderr"
    )


# What takes more than 400 MB together, and no process much of it.
MEMORY = {
    "many-processes": """
import mmap, os, time
for number in range(5):
    if os.fork():
        continue
    if number % 2:
        kept = b"x" * 10**8
    else:
        kept = mmap.mmap(-1, 10**8, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for _ in range(10):
            kept.write(bytes(10**7))
    time.sleep(60)
time.sleep(60)
""",
    "files": """
import tempfile, time
without_a_name = tempfile.TemporaryFile(dir="/tmp")
for number in range(20):
    open(f"/dev/shm/{number}", "wb").write(bytes(10**7))
    without_a_name.write(bytes(10**7))
time.sleep(60)
""",
    "shared-memory": """
import os, tempfile, time, torch
from multiprocessing.shared_memory import SharedMemory
for number in range(4):
    if os.fork():
        continue
    if number % 2:
        kept = SharedMemory(create=True, size=10**8)
        for start in range(0, 10**8, 10**7):
            kept.buf[start : start + 10**7] = bytes(10**7)
    else:
        file = tempfile.NamedTemporaryFile()
        kept = torch.from_file(file.name, shared=True, size=10**8 // 4).fill_(1)
    time.sleep(60)
time.sleep(60)
""",
}
# As much, in buffers of the kernel: only a control group counts these.
SOCKETS = """
import os, socket, time
def fill(pair):
    pair[0].setblocking(False)
    try:
        while True:
            pair[0].send(bytes(10**5))
    except BlockingIOError:
        return pair
for _ in range(4):
    if os.fork() == 0:
        kept = [fill(socket.socketpair()) for _ in range(480)]
        time.sleep(60)
time.sleep(60)
"""
# What an honest notebook may want of the system.
WANTED = {
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda n: n * n, range(10))))
""",
    "torch-with-threads": """
import torch
torch.set_num_threads(4)
x = torch.ones(500, 500, requires_grad=True)
(x @ x).sum().backward()
print(int(x.grad[0, 0]))
""",
    "torch-compiled-without-a-compiler": """
import torch
print(int(torch.jit.script(torch.nn.Linear(3, 1))(torch.zeros(2, 3)).shape[0]))
""",
    "shared-tensors": """
import torch
print(int(torch.ones(10).share_memory_().sum()))
""",
    "a-data-loader": """
from torch.utils.data import DataLoader
print(len(list(DataLoader(range(10), batch_size=5))))
""",
    "a-program": """
import subprocess
print(subprocess.run(["echo", "7"], capture_output=True, text=True).stdout)
""",
    "a-line-for-the-shell": "!echo 7",
    "sockets-of-its-own": """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()) as s:
        print(s.family.name)
""",
    "asyncio": """
import asyncio
async def seven():
    await asyncio.sleep(0.01)
    return 7
print(await seven())
""",
    "temporary-files": """
import mmap, tempfile
with tempfile.TemporaryFile() as file:
    file.write(b"seven")
    file.flush()
    print(mmap.mmap(file.fileno(), 0)[:5])
""",
    "a-fork": "import os\nprint(os.wait()[1] if os.fork() else '')",
    "random-bytes": "import os, secrets\nprint(len(secrets.token_bytes(7)))",
    "a-plot": "import matplotlib.pyplot as plt\nplt.plot([1])\nprint(7)",
}


def code_attacks(course: Course, port: int) -> dict[str, NotebookNode]:
    """A notebook of each attack by code."""
    home = str(course.folder)
    code = {name: source for name, (source, _) in CODE.items()}
    code |= {"read-it-all": READ, "write-it-all": WRITE}
    return {
        name: tiny.answered(
            course,
            double=source.replace("COURSE", home).replace("PORT", str(port)),
            Tally=tiny.RIGHT["Tally"],
        )
        for name, source in code.items()
    }


# --- Attacks by the form of a notebook -------------------------------------------------


def rewritten_tests(course: Course) -> NotebookNode:
    """All tests say yes, are worth more, and are said to be something else."""
    notebook = tiny.answered(course, double="def double(x):\n    return 7")
    for cell in notebook.cells:
        marks = cell.metadata.nbgrader
        if marks.grade and marks.locked:
            cell.source = "pass"
            marks.update(points=1000, solution=True, locked=False)
    return notebook


def relabelled(course: Course) -> NotebookNode:
    """The answer bears the names of the tests, and the tests are gone."""
    notebook = tiny.released(course)
    notebook.cells = [
        new_code_cell("pass", metadata=tiny.marks(name, points=5, grade=True))
        for name in ("test_double", "test_double_hidden", "test_tally")
    ]
    return notebook


def nonsense_in_metadata(course: Course) -> NotebookNode:
    """Right answers, and metadata of another world; 8 points."""
    notebook = tiny.answered(course, **tiny.RIGHT)
    for number, cell in enumerate(notebook.cells):
        cell.metadata.nbgrader.update(schema_version=99, points="many", task=7)
        cell.metadata["tags"] = ["raises-exception"] * number
    notebook.cells.append(new_code_cell("1", metadata={"nbgrader": [1, 2]}))
    notebook.cells.append(
        new_code_cell("2", metadata={"nbgrader": {"grade_id": []}})
    )
    notebook.metadata = {"kernelspec": {"name": "evil", "display_name": "x"}}
    return notebook


def missing_cells(course: Course) -> NotebookNode:
    """Right answers, and nothing else is left; 8 points."""
    notebook = tiny.answered(course, **tiny.RIGHT)
    keep = ("double", "Tally")
    notebook.cells = [
        c for c in notebook.cells if c.metadata.nbgrader.grade_id in keep
    ]
    return notebook


def duplicated_cells(course: Course) -> NotebookNode:
    """Every cell twice, the right answers last; 8 points."""
    wrong = tiny.released(course).cells
    for number, cell in enumerate(wrong):
        cell.id = f"again-{number}"
    notebook = tiny.answered(course, **tiny.RIGHT)
    notebook.cells = [*wrong, *notebook.cells]
    return notebook


def live_text(course: Course) -> NotebookNode:
    """Scripts in every way that text can carry them; 8 points."""
    live = (
        "<script>planted()</script> <img src=x onerror=planted()> "
        "<a href='javascript:planted()'>x</a> [y](javascript:planted()) "
        "<svg onload=planted()> <iframe srcdoc='<script>planted()</script>'>"
        "</iframe> $\\href{javascript:planted()}{x}$ ![z](http://planted.example)"
    )
    notebook = tiny.answered(course, **{**tiny.RIGHT, "why": live})
    notebook.cells += [new_markdown_cell(live), new_raw_cell(live)]
    notebook.cells[-1].metadata["raw_mimetype"] = "text/html"
    notebook.cells.append(new_code_cell(f"'''{live}'''"))
    notebook.metadata["title"] = live
    return notebook


def markers(course: Course) -> NotebookNode:
    """Right answers with the marks of hidden regions in them; 8 points."""
    answers = {
        name: f"{text}\n### BEGIN HIDDEN TESTS\n### BEGIN MARK SCHEME"
        for name, text in tiny.RIGHT.items()
    }
    return tiny.answered(course, **answers)


FORMS: dict[str, tuple[Callable[[Course], NotebookNode], float]] = {
    "rewritten-tests": (rewritten_tests, 0),
    "relabelled": (relabelled, 0),
    "nonsense-in-metadata": (nonsense_in_metadata, 8),
    "missing-cells": (missing_cells, 8),
    "duplicated-cells": (duplicated_cells, 8),
    "live-text": (live_text, 8),
    "markers": (markers, 8),
}

# --- What is no notebook at all ----------------------------------------------------


def old_format(course: Course) -> bytes:
    return nbformat.writes(nbformat.convert(tiny.released(course), 3), 3).encode()


def link_to_the_solution(course: Course) -> Callable[[Path], None]:
    return lambda file: file.symlink_to(course.file("source", "."))


NOT_GRADED: dict[str, tuple[Callable[[Course], object], str]] = {
    "garbage": (lambda _: os.urandom(1000), "no notebook"),
    "empty": (lambda _: b"", "no notebook"),
    "only-json": (lambda _: b"[1, 2]", "no notebook"),
    "no-cells": (lambda _: json.dumps({"nbformat": 4}).encode(), "list of cells"),
    "odd-cells": (lambda _: b'{"nbformat": 4, "cells": [7]}', "cell 1 is no cell"),
    "huge": (lambda _: b" " * 10_000_001, "larger than 10 MB"),
    "deep": (lambda _: b"[" * 1_000_000, "nested more than 100 deep"),
    "old-format": (old_format, "format 3, not 4"),
    "link": (link_to_the_solution, "no regular file"),
    "pipe": (lambda _: os.mkfifo, "no regular file"),
    "folder": (lambda _: Path.mkdir, "no regular file"),
    "nothing": (lambda _: lambda file: None, "there is no tiny.ipynb"),
}
