"""The sandbox: what is in it, what ends it, and where there can be none."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attacks
import psutil
import pytest

from classroom.sandbox import cgroups
from classroom.sandbox.bubblewrap import check_sandbox
from classroom.sandbox.limits import Limits, SandboxEnded, SandboxUnavailable
from classroom.sandbox.process import Sandbox
from classroom.sandbox.seccomp import (
    CALLS,
    CLONE,
    MMAP,
    SOCKET,
    SOCKETPAIR,
    program,
)
from conftest import without_filter

ROOM = 100_000


def shown(sandbox: Sandbox, source: str) -> str:
    return str(sandbox.ask("cell", source, ROOM))


@pytest.mark.parametrize("user", [0, 1000], ids=["as root", "as anybody"])
def test_what_is_in_the_sandbox(sandbox, user, tmp_path, monkeypatch):
    if os.geteuid() and not user:
        pytest.skip("this needs root")
    monkeypatch.setattr("classroom.sandbox.bubblewrap.os.geteuid", lambda: user)
    try:
        check_sandbox(tmp_path)
    except SandboxUnavailable as error:  # in a container, perhaps only root may
        pytest.skip(str(error))
    monkeypatch.setenv("PLANTED", "planted")
    (tmp_path / "tables" / "deep").mkdir(parents=True)
    (tmp_path / "tables" / "deep" / "data.txt").write_text("data")
    (tmp_path / "tiny.ipynb").write_text("planted")
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    with Sandbox(tmp_path, Limits()) as sandbox:
        assert "data" in shown(sandbox, "open('tables/deep/data.txt').read()")
        listed = shown(sandbox, "import os; [*os.walk('.')], dict(os.environ)")
        assert "tables" in listed and "tiny.ipynb" not in listed
        listed += shown(sandbox, "open('/proc/1/environ').read()")
        assert "link.txt" not in listed and "planted" not in listed
        assert "ImportError" not in shown(
            sandbox, "from llm.corpora import prose; prose()"
        )
        assert "'image/png'" in shown(
            sandbox,
            "%matplotlib inline\nimport matplotlib.pyplot as plt; plt.plot([1])",
        )
        processes = shown(
            sandbox, "len([p for p in os.listdir('/proc') if p.isdigit()])"
        )
        assert int(processes.split("'text/plain': '")[1].split("'")[0]) < 6


def test_a_sandbox_that_has_ended_says_why_and_does_not_start_by_itself(
    sandbox, tmp_path
):
    with Sandbox(tmp_path, Limits(total_seconds=0.5)) as sandbox:
        time.sleep(0.5)
        for _ in range(2):
            with pytest.raises(SandboxEnded, match=r"more than 0\.5 s in all"):
                sandbox.ask("cell", "1", ROOM)
    with Sandbox(tmp_path, Limits()) as sandbox:
        with pytest.raises(SandboxEnded, match="ended in the middle"):
            sandbox.ask("cell", "import os; os._exit(3)", ROOM)
        assert sandbox.process.poll() is not None


def test_the_monitor_counts_processors_too(sandbox, tmp_path):
    with pytest.raises(SandboxUnavailable, match="processors busy"):
        Sandbox(tmp_path, Limits(processors=-100))  # any work is too much


def test_a_sandbox_that_fails_by_itself_says_that_it_was_its_fault(
    sandbox, tmp_path
):
    with Sandbox(tmp_path, Limits()) as sandbox:
        os.killpg(sandbox.process.pid, signal.SIGKILL)
        with pytest.raises(SandboxEnded):
            while True:  # its last words may still be on their way
                sandbox.ask("cell", "1", ROOM)
        assert "ended from outside" in sandbox.fault
        assert not sandbox.can_restart  # it would be forgotten
    with Sandbox(tmp_path, Limits()) as sandbox:
        with pytest.raises(SandboxEnded):
            sandbox.ask("cell", "import os; os.kill(os.getpid(), 9)", ROOM)
        assert not sandbox.fault


def test_a_monitor_that_cannot_see_is_no_fault_of_the_work(
    sandbox, tmp_path, monkeypatch
):
    with Sandbox(tmp_path, Limits()) as sandbox:
        monkeypatch.setattr(Sandbox, "_excess", lambda self: 1 / 0)
        with pytest.raises(SandboxEnded, match="could not be watched"):
            sandbox.ask("cell", "import time; time.sleep(9)", ROOM)
        assert "division by zero" in sandbox.fault


def test_nothing_stays_of_a_sandbox_that_is_ended_while_it_is_built(
    sandbox, tmp_path, monkeypatch
):
    monkeypatch.setattr(Sandbox, "_await_start", lambda self: None)
    (
        tmp_path / "mark-of-this-sandbox"
    ).touch()  # in the command line, to know it by
    for delay in (0, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032):
        with Sandbox(tmp_path, Limits()):
            time.sleep(delay)
    for _ in range(100):  # the kernel takes its time to clear up
        lines = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
        left = [line for line in lines if "mark-of-this-sandbox" in " ".join(line)]
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


@pytest.fixture(scope="module", params=[0, 1000], ids=["as root", "as anybody"])
def with_and_without(
    sandbox, keyring, request, tmp_path_factory
) -> Iterator[list[Sandbox]]:
    """A sandbox, and one with neither filter nor control group; root takes another way."""
    if os.geteuid() and not request.param:
        pytest.skip("this needs root")
    folder, limits = tmp_path_factory.mktemp("escapes"), Limits(megabytes=500)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(
            "classroom.sandbox.bubblewrap.os.geteuid", lambda: request.param
        )
        sandboxes = [stack.enter_context(Sandbox(folder, limits))]
        without_filter(patch)
        patch.setattr(cgroups, "place", lambda: None)
        yield [*sandboxes, stack.enter_context(Sandbox(folder, limits))]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize("escape", attacks.ESCAPES)
def test_an_escape_is_closed_that_would_be_open(with_and_without, escape):
    source = attacks.in_a_process(attacks.CALL + attacks.ESCAPES[escape])
    now, before = (shown(sandbox, source) for sandbox in with_and_without)
    assert "open\\\\n" not in now
    if "open\\\\n" not in before:
        pytest.skip(
            f"it would be closed here without a filter, too: {before[-90:]}"
        )


@pytest.fixture(scope="module")
def honest(sandbox, tmp_path_factory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("honest"), Limits()) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", attacks.WANTED)
def test_honest_notebooks_miss_nothing(honest, name):
    said = honest.ask("cell", attacks.WANTED[name], ROOM)
    assert said and not [item for item in said if item[0] == "error"], said


def test_a_machine_whose_calls_nobody_knows_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no system calls are known of riscv64"):
        program("riscv64")
    monkeypatch.setattr(
        "classroom.sandbox.bubblewrap.platform.machine", lambda: "riscv64"
    )
    with pytest.raises(
        SandboxUnavailable, match="x86_64 and aarch64, not of riscv64"
    ):
        check_sandbox(tmp_path)


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


# --- Starting again --------------------------------------------------------------------


def test_what_has_ended_starts_again_on_time_of_its_own(sandbox, tmp_path):
    with Sandbox(tmp_path, Limits(total_seconds=30)) as sandbox:
        assert not sandbox.can_restart
        before, began = sandbox._seconds_left(), time.monotonic()
        sandbox.end("for a test")
        assert sandbox.can_restart
        sandbox.restart(lambda: shown(sandbox, "import time; time.sleep(1)"))
        took = time.monotonic() - began
        assert abs(sandbox._seconds_left() - before) < 0.5  # as if nothing had been
        assert abs(sandbox.restart_seconds - (30 - took)) < 0.5
        sandbox.restart_seconds = 0
        sandbox.end("for a test")
        sandbox.restart(lambda: None)
        assert sandbox._seconds_left() < before - 0.3  # now it costs the notebook's
        sandbox.deadline = time.monotonic()
        sandbox.end("for a test")
        assert not sandbox.can_restart


def test_outputs_are_kept_in_their_order_and_within_their_room(honest):
    source = "import sys; print(1); print(2, file=sys.stderr); display(3); 4"
    kinds = [
        item[:2] for item in honest.ask("cell", source, ROOM) if item[-1] != ""
    ]
    assert kinds == [
        ["stream", "stdout"],
        ["stream", "stdout"],
        ["stream", "stderr"],
        ["stream", "stderr"],
        ["display", {"text/plain": "3"}],
        ["display", {"text/plain": "4"}],
    ]
    kept = honest.ask("cell", "for i in range(1000): print('x' * 50)", 1000)
    assert len(str(kept)) < 3000


def test_without_bwrap_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"(?s)no bwrap here.*apt install"):
        check_sandbox(tmp_path)


def test_where_bwrap_may_not_its_words_and_a_remedy_are_shown(
    tmp_path, monkeypatch
):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(
        SandboxUnavailable, match=r"(?s)uid map: denied.*docker run"
    ):
        check_sandbox(tmp_path)


@pytest.mark.parametrize("shown", [sys.prefix, "/usr/share"])
def test_a_course_that_would_be_seen_is_refused(shown):
    with pytest.raises(SandboxUnavailable, match="move one of them"):
        check_sandbox(Path(shown))
