"""What students send comes in all shapes; one notebook of each is taken, or none."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from classroom.collect import Collect, collect, sender
from classroom.course import Course, Record, check_notebook


def notebook(text: str) -> bytes:
    return nbformat.writes(new_notebook(cells=[new_code_cell(text)])).encode()


@pytest.fixture
def course(tmp_path) -> Course:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text("c = get_config()\n")
    return Course(folder, "ps3")


def zipped(path: Path, entries: dict[str, bytes], day: int = 1) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, day, 0, 0, 0)), data)
    return path


def folder(path: Path, entries: dict[str, bytes]) -> Path:
    for name, data in entries.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def taken(course: Course) -> dict[str, str]:
    """What lies in submitted/, by student, told by the only cell."""
    files = {s: course.file("submitted", s).read_text() for s in course.students()}
    return {s: nbformat.reads(text, 4).cells[0].source for s, text in files.items()}


@pytest.mark.parametrize(
    "path, student",
    [
        ("anna/ps3/ps3.ipynb", "anna"),
        ("anna/ps3.ipynb", "anna"),
        ("anna_ps3.ipynb", "anna"),
        ("anna.ipynb", "anna"),
        ("Zoë Lee_1234_assignsubmission_file_/ps3.ipynb", "Zoë_Lee_1234"),
        ("Zoë Lee_1234_assignsubmission_file_ps3.ipynb", "Zoë_Lee_1234"),
        ("leeanna_LATE_12_5678_ps3.ipynb", "leeanna_12"),
        ("leeanna_12_5678_ps3-1.ipynb", "leeanna_12"),
        ("anna+ps3+2026-11-20 10:00:00 UTC/ps3.ipynb", "anna"),
        ("an+na+ps3+2026-11-20 10:00:00 UTC+cafe/ps3.ipynb", "an_na"),
    ],
)
def test_who_has_sent_it(path, student):
    assert sender(PurePosixPath(path), "ps3") == student


SHAPES = {
    "anna/ps3.ipynb": notebook("a"),
    "bob_ps3.ipynb": notebook("b"),
    "carl_1_assignsubmission_file_/My work.ipynb": notebook("c"),
    "readme.pdf": b"%PDF",
    "__MACOSX/anna/._ps3.ipynb": b"\0",
    "anna/.ipynb_checkpoints/ps3-checkpoint.ipynb": notebook("old"),
}
RESULT = {"anna": "a", "bob": "b", "carl_1": "c"}


def test_folders_and_zips_come_to_the_same(course, tmp_path):
    for source in (
        folder(tmp_path / "sent", SHAPES),
        zipped(tmp_path / "a.zip", SHAPES),
    ):
        done, refused = collect(source, course)
        assert set(done) == set(RESULT) and not refused
        assert taken(course) == RESULT
    assert "nothing new" in done["anna"]


def test_the_newest_counts_that_is_a_notebook(course, tmp_path):
    sent = folder(
        tmp_path / "sent",
        {
            "anna/ps3.ipynb": notebook("first"),
            "anna/ps3 (1).ipynb": notebook("second"),
            "anna/ps3 (2).ipynb": b"broken",
            "anna/other.ipynb": notebook("other"),
        },
    )
    order = ["anna/ps3.ipynb", "anna/ps3 (1).ipynb", "anna/ps3 (2).ipynb"]
    for time, name in enumerate([*order, "anna/other.ipynb"]):
        os.utime(sent / name, (time, time))
    done, _ = collect(sent, course)
    assert taken(course) == {"anna": "second"}
    assert "ps3 (2).ipynb: it is no notebook" in done["anna"]
    assert "2 older left" in done["anna"]


def test_the_exchange_keeps_its_times(course, tmp_path):
    sent = {
        f"anna+ps3+2026-11-{day} 10:00:00 UTC+cafe/ps3.ipynb": notebook(day)
        for day in ("19", "20", "08")
    }
    collect(folder(tmp_path / "inbound", sent), course)
    assert taken(course) == {"anna": "20"}
    file = course.place("submitted", "anna") / "timestamp.txt"
    assert file.read_text() == "2026-11-20 10:00:00 UTC"


def test_from_the_exchange_the_way_back_comes_along(course, tmp_path):
    """`nbgrader release_feedback` finds a student by this file."""
    name = "anna+ps3+2026-11-20 10:00:00 UTC+cafe"
    inbound = folder(tmp_path / "inbound", {f"{name}/ps3.ipynb": notebook("20")})
    (inbound / name / "submission_secret.txt").write_text("cafe" * 10)
    link = inbound / name.replace("anna", "eve") / "submission_secret.txt"
    folder(inbound, {f"{link.parent.name}/ps3.ipynb": notebook("20")})
    link.symlink_to("/etc/passwd")
    collect(inbound, course)
    kept = course.place("submitted", "anna") / "submission_secret.txt"
    assert kept.read_text() == "cafe" * 10
    assert not (course.place("submitted", "eve") / "submission_secret.txt").exists()


def test_what_comes_later_takes_the_place_with_all_that_was_there(course, tmp_path):
    collect(zipped(tmp_path / "a.zip", {"anna/ps3.ipynb": notebook("a")}), course)
    (course.place("submitted", "anna") / "helper.py").write_text("")
    done, _ = collect(
        zipped(tmp_path / "b.zip", {"anna/ps3.ipynb": notebook("b")}), course
    )
    assert "in the place of an earlier one" in done["anna"]
    assert os.listdir(course.place("submitted", "anna")) == ["ps3.ipynb"]


def hostile_entries() -> dict[str, tuple[zipfile.ZipInfo, bytes, str]]:
    """Entries of a zip that nobody should take, and the reason."""

    def entry(name: str, **values) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        for key, value in values.items():
            setattr(info, key, value)
        return info

    bomb = b'{"nbformat": 4, "cells": [' + b" " * 200_000_000 + b"]}"
    return {
        "up": (entry("up/../../../up.ipynb"), notebook("x"), "leads out"),
        "absolute": (entry("/absolute/ps3.ipynb"), notebook("x"), "leads out"),
        "back": (entry("back\\..\\ps3.ipynb"), notebook("x"), "leads out"),
        "link": (
            entry("link/ps3.ipynb", external_attr=(stat.S_IFLNK | 0o777) << 16),
            b"/etc/passwd",
            "it is a link",
        ),
        "bomb": (entry("bomb/ps3.ipynb"), bomb, "larger than 10 MB"),
        "odd": (
            entry("odd/ps3.ipynb", compress_type=zipfile.ZIP_LZMA),
            notebook("x"),
            "unusual way",
        ),
        "deep": (entry("deep/ps3.ipynb"), b"[" * 1_000_000, "nested more than"),
        "-": (entry("-/ps3.ipynb"), notebook("x"), "cannot be the name"),
        "x" * 65: (
            entry(f"{'x' * 65}/ps3.ipynb"),
            notebook("x"),
            "cannot be the name",
        ),
    }


def test_tricks_in_a_zip(course, tmp_path):
    before = {p for p in tmp_path.rglob("*")}
    file = tmp_path / "a.zip"
    entries = hostile_entries()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("good/ps3.ipynb", notebook("good"))
        for info, data, _ in entries.values():
            archive.writestr(info, data)
    done, refused = collect(file, course)
    assert set(done) == {"good"} and len(refused) == len(entries)
    for _, _, reason in entries.values():
        assert any(reason in why for why in refused.values()), reason
    new = {p for p in tmp_path.rglob("*") if p.is_file()} - before - {file}
    assert {p.name for p in new} == {"ps3.ipynb", "ps3.json", "ps3.senders.json"}


def test_encrypted_and_damaged_entries(course, tmp_path):
    good = zipped(tmp_path / "a.zip", {"anna/ps3.ipynb": notebook("a" * 1000)})
    data = bytearray(good.read_bytes())
    central = data.rindex(b"PK\x01\x02")
    encrypted, damaged = bytearray(data), bytearray(data)
    encrypted[6] |= 1
    encrypted[central + 8] |= 1
    damaged[60:70] = b"\xff" * 10
    for changed, reason in ((encrypted, "encrypted"), (damaged, "damaged")):
        good.write_bytes(changed)
        done, refused = collect(good, course)
        assert not done and reason in refused["anna"]


def test_links_and_pipes_in_a_folder(course, tmp_path):
    sent = folder(tmp_path / "sent", {"good/ps3.ipynb": notebook("good")})
    secret = folder(tmp_path, {"secret/ps3.ipynb": notebook("secret")})
    for name in ("anna", "bob"):
        (sent / name).mkdir()
    (sent / "anna" / "ps3.ipynb").symlink_to(secret / "secret" / "ps3.ipynb")
    os.mkfifo(sent / "bob" / "ps3.ipynb")
    (sent / "carl").symlink_to(secret / "secret")
    done, refused = collect(sent, course)
    assert taken(course) == {"good": "good"} and set(done) == {"good"}
    assert set(refused) == {"anna", "bob"}
    assert all("no regular file" in why for why in refused.values())


def test_who_could_not_be_collected_is_not_forgotten(course, tmp_path):
    sent = folder(tmp_path / "sent", {"anna/ps3.ipynb": b"", "-/ps3.ipynb": b""})
    command = Collect(source=sent, assignment="ps3", course=course.folder)
    assert command() == 1
    record = course.records()["anna"]
    assert not record.graded and record.reason.startswith("not collected: anna/ps3")
    folder(sent, {"anna/ps3.ipynb": notebook("a")})
    assert command() == 1 and "anna" not in course.records()
    course.save_records({"anna": Record("x", "y", True)})
    folder(sent, {"anna/ps3.ipynb": b""})
    assert command() == 1 and course.records()["anna"].graded


@pytest.mark.parametrize("name", ["nothing", "a.tar", "empty"])
def test_a_source_that_is_none(course, tmp_path, name):
    (tmp_path / "a.tar").write_bytes(b"tar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ValueError, match=r"neither a folder nor a zip|no notebooks"
    ):
        collect(tmp_path / name, course)


@pytest.mark.parametrize(
    "change",
    [
        {"nbformat": 3},
        {"nbformat": [4]},
        {"cells": {}},
        {"cells": [[]]},
        {"cells": [{"cell_type": "x", "source": "", "metadata": {}}]},
        {"cells": [{"cell_type": ["code"], "source": "", "metadata": {}}]},
        {"cells": [{"cell_type": "code", "source": 7, "metadata": {}}]},
        {"cells": [{"cell_type": "code", "source": ["a", 7], "metadata": {}}]},
        {"cells": [{"cell_type": "code", "source": "", "metadata": []}]},
    ],
    ids=str,
)
def test_a_notebook_we_cannot_work_with(change):
    with pytest.raises(ValueError, match=r"it is a notebook|its cell 1"):
        check_notebook(json.dumps({**json.loads(notebook("a")), **change}).encode())


def test_a_notebook_we_can_work_with():
    check_notebook(notebook('[[[["\\"{{{{ \\\\" '))
    text = io.StringIO()
    json.dump({**json.loads(notebook("a")), "metadata": {"[": '[[{"'}}, text)
    check_notebook(b"\xef\xbb\xbf" + text.getvalue().encode())
