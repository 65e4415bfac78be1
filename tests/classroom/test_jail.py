"""The wall: what is behind it, what ends it, and where there can be none."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from classroom.jail import Gone, Jail, Limits, NoJail, check_jail

ROOM = 100_000


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
        with pytest.raises(Gone, match="500 MB"):
            jail.ask(
                "cell", "x = bytearray(10**9)\nwhile x: x[::4096] = x[::4096]", 9
            )
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
