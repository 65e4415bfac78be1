"""The wall: what is behind it, what ends it, and where there can be none."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attacks
import psutil
import pytest

from classroom.jail import Gone, Jail, Limits, NoJail, check_jail
from classroom.seccomp import CALLS, CLONE, MMAP, SOCKET, SOCKETPAIR, program

ROOM = 100_000
MANY = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        kept = b"x" * 10**8
        time.sleep(9)
time.sleep(9)
"""


def shown(jail: Jail, source: str) -> str:
    return str(jail.ask("cell", source, ROOM))


@pytest.mark.parametrize("user", [0, 1000], ids=["as root", "as anybody"])
def test_what_is_behind_the_wall(jail, user, tmp_path, monkeypatch):
    if os.geteuid() and not user:
        pytest.skip("this needs root")
    monkeypatch.setattr("classroom.jail.os.geteuid", lambda: user)
    try:
        check_jail(tmp_path)
    except NoJail as error:  # a container may let root build one, and nobody else
        pytest.skip(str(error))
    monkeypatch.setenv("PLANTED", "planted")
    (tmp_path / "tables" / "deep").mkdir(parents=True)
    (tmp_path / "tables" / "deep" / "data.txt").write_text("data")
    (tmp_path / "tiny.ipynb").write_text("planted")
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    with Jail(tmp_path, Limits()) as jail:
        assert "data" in shown(jail, "open('tables/deep/data.txt').read()")
        listed = shown(jail, "import os; [*os.walk('.')], dict(os.environ)")
        assert "tables" in listed and "tiny.ipynb" not in listed
        listed += shown(jail, "open('/proc/1/environ').read()")
        assert "link.txt" not in listed and "planted" not in listed
        assert "ImportError" not in shown(
            jail, "from llm.corpora import prose; prose()"
        )
        assert "'image/png'" in shown(
            jail,
            "%matplotlib inline\nimport matplotlib.pyplot as plt; plt.plot([1])",
        )
        processes = shown(
            jail, "len([p for p in os.listdir('/proc') if p.isdigit()])"
        )
        assert int(processes.split("'text/plain': '")[1].split("'")[0]) < 6


def test_a_jail_that_is_gone_says_why_and_stays_gone(jail, tmp_path):
    with Jail(tmp_path, Limits(total_seconds=3)) as jail:
        time.sleep(3)
        for _ in range(2):
            with pytest.raises(Gone, match="more than 3 s in all"):
                jail.ask("cell", "1", ROOM)
    with Jail(tmp_path, Limits()) as jail:
        with pytest.raises(Gone, match="ended in the middle"):
            jail.ask("cell", "import os; os._exit(3)", ROOM)
        assert jail.process.poll() is not None


def test_the_watchman_counts_processors_too(jail, tmp_path):
    with pytest.raises(NoJail, match="processors busy"):
        Jail(tmp_path, Limits(processors=-100))  # any work is too much


def test_a_jail_that_fails_by_itself_says_that_it_was_its_fault(jail, tmp_path):
    with Jail(tmp_path, Limits()) as jail:
        os.killpg(jail.process.pid, signal.SIGKILL)
        with pytest.raises(Gone):
            while True:  # its last words may still be on their way
                jail.ask("cell", "1", ROOM)
        assert "ended from outside" in jail.fault
    with Jail(tmp_path, Limits()) as jail:
        with pytest.raises(Gone):
            jail.ask("cell", "import os; os.kill(os.getpid(), 9)", ROOM)
        assert not jail.fault
    with Jail(tmp_path, Limits(megabytes=500)) as jail:
        with pytest.raises(Gone, match="more than 500 MB of memory"):
            jail.ask("cell", MANY, ROOM)
        assert not jail.fault


def test_a_watchman_who_cannot_see_is_no_fault_of_the_work(
    jail, tmp_path, monkeypatch
):
    with Jail(tmp_path, Limits()) as jail:
        monkeypatch.setattr(Jail, "_excess", lambda self: 1 / 0)
        with pytest.raises(Gone, match="could not be watched"):
            jail.ask("cell", "import time; time.sleep(9)", ROOM)
        assert "division by zero" in jail.fault


def test_nothing_stays_of_a_jail_that_is_ended_while_it_is_built(
    jail, tmp_path, monkeypatch
):
    monkeypatch.setattr(Jail, "_await_start", lambda self: None)
    (tmp_path / "mark-of-this-jail").touch()  # in the command line, to know it by
    for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
        with Jail(tmp_path, Limits()):
            time.sleep(delay)
    for _ in range(100):  # the kernel takes its time to clear up
        lines = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
        left = [line for line in lines if "mark-of-this-jail" in " ".join(line)]
        if not left:
            return
        time.sleep(0.1)
    raise AssertionError(left)


# --- What no namespace closes ----------------------------------------------------------


@pytest.fixture(scope="module")
def keyring() -> None:
    """A secret in the keyring of this session."""
    call = ctypes.CDLL(None).syscall
    call(250, 1, b"tests")  # KEYCTL_JOIN_SESSION_KEYRING: not the one of a teacher
    if call(248, b"user", b"planted", b"planted-in-a-keyring", 20, -3) < 0:
        pytest.skip("this kernel has no keyrings")


@contextmanager
def no_filter() -> Iterator[int]:
    """As `seccomp.descriptor`; everything is allowed."""
    reading, writing = os.pipe()
    os.write(writing, struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
    os.close(writing)
    yield reading
    os.close(reading)


@pytest.fixture(scope="module", params=[0, 1000], ids=["as root", "as anybody"])
def with_and_without(
    jail, keyring, request, tmp_path_factory
) -> Iterator[list[Jail]]:
    """A jail, and one as it was before there was a filter; root takes another way."""
    if os.geteuid() and not request.param:
        pytest.skip("this needs root")
    folder, limits = tmp_path_factory.mktemp("doors"), Limits(megabytes=500)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr("classroom.jail.os.geteuid", lambda: request.param)
        jails = [stack.enter_context(Jail(folder, limits))]
        patch.setattr("classroom.jail.descriptor", no_filter)
        patch.setattr("classroom.jail.HIDDEN", ())
        yield [*jails, stack.enter_context(Jail(folder, limits))]


RUN = """
import subprocess, sys
done = subprocess.run([sys.executable, "-c", SOURCE], capture_output=True, text=True)
done.stdout + done.stderr
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize("door", attacks.DOORS)
def test_a_door_is_closed_that_would_be_open(with_and_without, door):
    source = repr(attacks.CALL + attacks.DOORS[door])
    now, before = (
        shown(jail, RUN.replace("SOURCE", source)) for jail in with_and_without
    )
    assert "open\\\\n" not in now
    if "open\\\\n" not in before:
        pytest.skip(
            f"it would be closed here without a filter, too: {before[-90:]}"
        )


@pytest.fixture(scope="module")
def honest(jail, tmp_path_factory) -> Iterator[Jail]:
    with Jail(tmp_path_factory.mktemp("honest"), Limits()) as jail:
        yield jail


@pytest.mark.parametrize("name", attacks.WANTED)
def test_honest_notebooks_miss_nothing(honest, name):
    said = honest.ask("cell", attacks.WANTED[name], ROOM)
    assert said and not [item for item in said if item[0] == "error"], said


def test_a_machine_whose_calls_nobody_knows_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no system calls are known of riscv64"):
        program("riscv64")
    monkeypatch.setattr("classroom.jail.platform.machine", lambda: "riscv64")
    with pytest.raises(NoJail, match="x86_64 and aarch64, not of riscv64"):
        check_jail(tmp_path)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_of_calls_are_those_of_the_kernel(machine):
    if not HEADERS[machine].exists():
        pytest.skip("the headers of the kernel are not here")
    text = HEADERS[machine].read_text()
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
    kernel = {name: int(number) for name, number in found}
    asked = dict(clone=CLONE, socket=SOCKET, socketpair=SOCKETPAIR, mmap=MMAP)
    at = list(HEADERS).index(machine)
    ours = {name: numbers[at] for name, numbers in {**CALLS, **asked}.items()}
    assert ours == {name: kernel[name] for name in ours}


# --- Memory ----------------------------------------------------------------------------


def test_one_process_that_asks_for_too_much_is_told_so_and_goes_on(jail, tmp_path):
    with Jail(tmp_path, Limits(megabytes=600)) as jail:
        for flood in ("bytearray(10**9)", "import torch; torch.zeros(10**9)"):
            said = shown(jail, flood)
            assert "MemoryError" in said or "can't allocate memory" in said
        held = f"def hold():\n    kept = []\n    {FLOOD}\nhold()"
        assert "MemoryError" in shown(jail, held)  # and what it held is free again
        assert "'300'" in shown(jail, "len(bytearray(3 * 10**8)) // 10**6")
        assert not jail.end_if_full()
        assert "MemoryError" in shown(jail, f"kept = []\n{FLOOD}")
        assert jail.end_if_full() and "nearly all of its 600 MB" in jail.why


FLOOD = "while True: kept.append(b'x' * 10**6)"


def test_files_in_memory_are_memory(jail, tmp_path):
    with Jail(tmp_path, Limits(megabytes=600)) as jail:
        source = "open('/tmp/work/a', 'wb').write(bytes(2 * 10**8))\n"
        assert "error" not in shown(jail, source)
        with pytest.raises(Gone, match="more than 600 MB of memory"):
            shown(
                jail,
                source.replace("tmp/work/a", "dev/shm/b")
                + "kept = b'x' * 2 * 10**8",
            )


def test_what_two_processes_share_is_counted_once(jail, tmp_path):
    with Jail(tmp_path, Limits(megabytes=600)) as jail:
        shared = "kept = b'x' * 2 * 10**8\n" + MANY.replace(
            "kept = b'x'", "b''"
        ).replace("10**8", "0").replace("(9)", "(1)")
        assert shown(jail, shared) is not None and not jail.why


def test_a_fork_bomb_is_called_so(jail, tmp_path):
    bomb = "import os\nwhile True: os.fork()"
    words = r"more than 32 processes: a fork bomb\?"
    with (
        Jail(tmp_path, Limits(megabytes=500)) as jail,
        pytest.raises(Gone, match=words),
    ):
        shown(jail, bomb)


def test_sockets_hold_memory_and_are_counted(jail, tmp_path):
    many = (
        "import os, socket, time\nfor _ in range(3):\n    if os.fork() == 0:\n"
        "        kept = [socket.socketpair() for _ in range(480)]\n"
        "        time.sleep(9)\ntime.sleep(9)"
    )
    words = "more than 2048 files and sockets open"
    with Jail(tmp_path, Limits()) as jail, pytest.raises(Gone, match=words):
        shown(jail, many)


def test_whoever_takes_too_much_is_ended_in_the_cell_that_takes_it(jail, tmp_path):
    with Jail(tmp_path, Limits(processes=6)) as jail:
        jail._watch = lambda process: None
        jail.kill("to start without a watch")
        jail.restart(lambda: None)
        quick = MANY.replace("10**8", "1").rsplit("time.sleep", 1)[0]
        with pytest.raises(Gone, match="more than 6 processes"):
            shown(jail, quick)


# --- Another life ----------------------------------------------------------------------


def test_what_has_ended_starts_again_on_time_of_its_own(jail, tmp_path):
    with Jail(tmp_path, Limits(total_seconds=30)) as jail:
        assert not jail.can_restart
        before, began = jail._seconds_left(), time.monotonic()
        jail.kill("for a test")
        assert jail.can_restart
        jail.restart(lambda: shown(jail, "import time; time.sleep(1)"))
        took = time.monotonic() - began
        assert abs(jail._seconds_left() - before) < 0.5  # as if nothing had been
        assert abs(jail.spare - (30 - took)) < 0.5
        jail.spare = 0
        jail.kill("for a test")
        jail.restart(lambda: None)
        assert jail._seconds_left() < before - 0.3  # now it costs the notebook's
        jail.deadline = time.monotonic()
        jail.kill("for a test")
        assert not jail.can_restart


def test_a_fault_of_the_jail_is_not_forgotten_by_another_start(jail, tmp_path):
    with Jail(tmp_path, Limits()) as jail:
        jail.kill("for a test")
        jail.fault = "for a test"
        assert not jail.can_restart


def test_outputs_are_kept_in_their_order_and_within_their_room(jail, tmp_path):
    with Jail(tmp_path, Limits()) as jail:
        source = "import sys; print(1); print(2, file=sys.stderr); display(3); 4"
        kinds = [
            item[:2] for item in jail.ask("cell", source, ROOM) if item[-1] != ""
        ]
        assert kinds == [
            ["stream", "stdout"],
            ["stream", "stdout"],
            ["stream", "stderr"],
            ["stream", "stderr"],
            ["display", {"text/plain": "3"}],
            ["display", {"text/plain": "4"}],
        ]
        kept = jail.ask("cell", "for i in range(1000): print('x' * 50)", 1000)
        assert len(str(kept)) < 3000


def test_without_bwrap_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoJail, match=r"(?s)no bwrap here.*apt install bubblewrap"):
        check_jail(tmp_path)


def test_where_bwrap_may_not_its_words_and_a_remedy_are_shown(
    tmp_path, monkeypatch
):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(NoJail, match=r"(?s)uid map: denied.*docker run"):
        check_jail(tmp_path)


@pytest.mark.parametrize("shown", [sys.prefix, "/usr/share"])
def test_a_course_that_would_be_seen_is_refused(shown):
    with pytest.raises(NoJail, match="move one of them"):
        check_jail(Path(shown))
