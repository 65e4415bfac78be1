"""What students send comes in all shapes; one notebook of each is taken, or none."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import time
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from classroom.collect import Collect, collect, sender
from classroom.course import (
    Course,
    Record,
    check_folder,
    check_name,
    check_notebook,
    fingerprint,
    student_id,
)
from classroom.roster import read_roster


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
        ("Zoë Lee_1234_assignsubmission_file_/ps3.ipynb", "Zoë Lee_1234"),
        ("Zoë Lee_1234_assignsubmission_file_ps3.ipynb", "Zoë Lee_1234"),
        ("leeanna_LATE_12_5678_ps3.ipynb", "leeanna_12"),
        ("leeanna_12_5678_ps3-1.ipynb", "leeanna_12"),
        ("anna+ps3+2026-11-20 10:00:00 UTC/ps3.ipynb", "anna"),
        ("an+na+ps3+2026-11-20 10:00:00 UTC+cafe/ps3.ipynb", "an~2Bna"),
        ("anna_PS3.ipynb.txt", "anna"),
        ("anna_ps3.docx", "anna"),
        ("j.smith", "j.smith"),
        ("ps3.ipynb", "ps3"),
    ],
)
def test_who_has_sent_it(path, student):
    assert sender(PurePosixPath(path), "ps3") == student


SHAPES = {
    "anna/ps3.ipynb": notebook("a"),
    "bob_ps3.ipynb": notebook("b"),
    "carl_1_assignsubmission_file_/My work.ipynb": notebook("c"),
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
    for when, name in enumerate([*order, "anna/other.ipynb"]):
        os.utime(sent / name, (when, when))
    done, _ = collect(sent, course)
    assert taken(course) == {"anna": "second"}
    assert "ps3 (2).ipynb: it is no notebook" in done["anna"]
    assert "1 older left: ps3.ipynb" in done["anna"]
    # named for something else, and yet the newest: a teacher has to see it
    assert "left, though not older: other.ipynb" in done["anna"]
    assert "not older: other.ipynb" in course.notes()["anna"]
    assert (
        "upload can't be read: ps3 (2).ipynb: it is no notebook"
        in course.notes()["anna"]
    )


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
        "x" * 201: (
            entry(f"{'x' * 201}/ps3.ipynb"),
            notebook("x"),
            "too long: 201 bytes",
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
    assert set(refused) == {"anna", "bob", "carl"}
    for student in ("anna", "bob"):
        assert "no regular file" in refused[student]
    assert "no notebook (*.ipynb): carl" in refused["carl"]  # a link to a folder


def test_who_could_not_be_collected_is_not_forgotten(course, tmp_path):
    sent = folder(tmp_path / "sent", {"anna/ps3.ipynb": b"", "bob/ps3.ipynb": b""})
    command = Collect(source=sent, assignment="ps3", course=course.folder)
    assert command() == 1
    record = course.records()["anna"]
    assert not record.graded and record.reason.startswith("not collected: ps3.ip")
    folder(sent, {"anna/ps3.ipynb": notebook("a")})
    assert command() == 1 and "anna" not in course.records()
    course.save_records({"anna": Record("x", "y", True)})
    folder(sent, {"anna/ps3.ipynb": b""})
    assert command() == 1 and course.records()["anna"].graded
    note = course.notes()["anna"]
    assert note.startswith("a newer upload can't be read: ps3.ipynb: it is no")
    assert course.senders()["anna"] == "anna"
    folder(sent, {"anna/ps3.ipynb": notebook("b")})
    assert command() == 1 and "anna" not in course.notes()


@pytest.mark.parametrize(
    "name, said",
    [
        ("nothing", "there is no "),
        ("a.tar", "neither a folder nor a zip: unpack it"),
        ("empty", "is empty: nobody has sent anything"),
        ("cut.zip", "is damaged: "),
    ],
)
def test_a_source_that_is_none(course, tmp_path, name, said):
    (tmp_path / "a.tar").write_bytes(b"tar")
    (tmp_path / "empty").mkdir()
    whole = zipped(tmp_path / "a.zip", {"a/ps3.ipynb": b"x" * 1000}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole.replace(b"PK\x01\x02", b"PK\x01\x03"))
    with pytest.raises(ValueError, match=said):
        collect(tmp_path / name, course)


# --- Who is who ------------------------------------------------------------------------

APART = [
    "José Paz", "Jose Paz", "किरण", "कुरण", "O'Brien", "O Brien", "OBrien", "O’Brien",
    "Li Na", "Li_Na", "Li  Na", "LiNa", "li na", "Li-Na", "李娜", "李那", "Анна", "Anna",
    "anna", "محمد", "محمود", "นิดา", "นดา", "안나", "a+b", "a b", "a&b", "a~b", "a~2Bb",
    "a#b", "100%", "?", "*", "[a]", "-a", "~2Da", "a,b", "a.b", "İpek", "Ipek", "ß", "ss",
    "علی\u200cرضا", "علیرضا", "Ann\u200ba", "🙂", "🙃", "a\u0301\u0327b", "-", "--again",
    "x" * 70 + " 1", "x" * 70 + " 2",
]  # fmt: skip


def test_no_two_people_become_one(course, tmp_path):
    """Each name is the name of one folder, which is that of nobody else."""
    sent = {f"{name}/ps3.ipynb": notebook(name) for name in APART}
    for source in (
        folder(tmp_path / "sent", sent),
        zipped(tmp_path / "a.zip", sent),
        folder(tmp_path / "flat", {f"{n}_ps3.ipynb": d for n, d in zip(
            APART, sent.values(), strict=True)}),
    ):  # fmt: skip
        done, refused = collect(source, course)
        assert not refused and set(done) == {student_id(name) for name in APART}
        assert sorted(taken(course).values()) == sorted(APART)
        assert taken(course) == {student_id(name): name for name in APART}
    assert {"O'Brien", "Li Na", "Li_Na", "किरण", "José Paz"} <= set(done)


def test_one_person_stays_one_whatever_wrote_the_accent(course, tmp_path):
    for i, form in enumerate(("NFC", "NFD")):
        name = unicodedata.normalize(form, "José Paz")
        source = zipped(
            tmp_path / "a.zip", {f"{name}/ps3.ipynb": notebook(form)}, i + 1
        )
        done, _ = collect(source, course)
    assert taken(course) == {"José Paz": "NFD"}
    assert "in the place of an earlier one" in done["José Paz"]
    # the zip of a Mac does not say that its names are UTF-8
    data = source.read_bytes()
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = data.index(mark) + (6 if mark[2] == 3 else 8)
        data = data[: at + 1] + b"\0" + data[at + 2 :]
    source.write_bytes(data)
    done, _ = collect(source, course)
    assert list(done) == ["José Paz"] and "nothing new" in done["José Paz"]


@pytest.mark.parametrize(
    "student", ["", "-", "*", "a ", "~2d", "~FF", "~61", "a/b"]
)
def test_what_cannot_be_a_student(student):
    with pytest.raises(ValueError, match="cannot be the name of a student"):
        check_name(student)


def test_a_disk_that_takes_two_names_for_one_loses_nobody(course, tmp_path):
    collect(folder(tmp_path / "a", {"Anna/ps3.ipynb": notebook("Anna")}), course)
    # what a disk does that knows no capital letters: the other name is found, too
    (course.folder / "submitted" / "anna").symlink_to("Anna")
    folders = course.folder / "submitted"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("classroom.collect.folders_in", lambda place: {"Anna"})
        _, refused = collect(
            folder(tmp_path / "b", {"anna/ps3.ipynb": notebook("anna")}), course
        )
    assert "takes two names for one" in refused["anna"]
    (folders / "anna").unlink()
    assert taken(course) == {"Anna": "Anna"}


def test_a_class_in_one_folder_is_no_student(course, tmp_path):
    """The zip of a folder of submissions, and tutorial groups."""
    for name, sent, said in (
        (
            "a",
            {"all/anna/ps3.ipynb": "a", "all/bob/ps3.ipynb": "b"},
            "of anna, bob",
        ),
        (
            "b",
            {"all/anna_ps3.ipynb": "a", "all/bob_ps3.ipynb": "b"},
            "of anna, bob",
        ),
    ):
        sent = {path: notebook(text) for path, text in sent.items()}
        done, refused = collect(folder(tmp_path / name, sent), course)
        assert not done and said in refused["all"]
        assert "give that folder as SOURCE" in refused["all"]
        assert list(course.records()) == ["all"]
        done, _ = collect(tmp_path / name / "all", course)
        assert set(done) == {"anna", "bob"} and course.records() == {}
    one = {f"anna/{p}": notebook(p) for p in ("ps3/ps3.ipynb", "draft.ipynb")}
    done, _ = collect(folder(tmp_path / "c", one), course)
    assert set(done) == {"anna"}


def test_a_folder_around_what_a_platform_has_named(course, tmp_path):
    sent = {
        "ps3 download/Li Na_1_assignsubmission_file_/ps3.ipynb": notebook("a"),
        "ps3 download/Li Na_2_assignsubmission_file_/v1/ps3.ipynb": notebook("b"),
        "ps3 download/Li Na_2_assignsubmission_file_/v2/ps3.ipynb": notebook("b"),
        "__MACOSX/ps3 download/._x": b"",
    }
    done, refused = collect(zipped(tmp_path / "a.zip", sent), course)
    assert set(done) == {"Li Na_1", "Li Na_2"} and not refused
    assert course.senders()["Li Na_1"] == "Li Na_1_assignsubmission_file_"
    # a student cannot hand in for somebody else by a folder in their own
    eve = {
        "Eve_3_assignsubmission_file_/Li Na_1_assignsubmission_file_/ps3.ipynb": b""
    }
    _, refused = collect(zipped(tmp_path / "b.zip", eve), course)
    assert set(refused) == {"Eve_3"}


def test_what_is_no_student_goes_when_it_is_taken_out(course, tmp_path):
    sent = {"anna/ps3.ipynb": notebook("a"), "readme.pdf": b"", "bo/ps3.ipynb": b""}
    source = folder(tmp_path / "sent", sent)
    collect(source, course)
    assert set(course.records()) == {"readme", "bo"}
    (source / "readme.pdf").unlink()
    collect(folder(tmp_path / "other", {"eve.ipynb": notebook("e")}), course)
    assert set(course.records()) == {"readme", "bo"}
    collect(source, course)
    assert set(course.records()) == {"bo"}


# --- Nobody is lost --------------------------------------------------------------------


def test_every_sender_is_in_the_list_whatever_was_sent(course, tmp_path):
    inner = zipped(
        tmp_path / "inner.zip", {"ps3.ipynb": notebook("x")}
    ).read_bytes()
    sent = {
        "anna/ps3.py": b"print()",
        "bob/ps3.docx": b"PK",
        "carl/ps3.ipynb.txt": notebook("c"),
        "dora/ps3.zip": inner,
        "emil/.ipynb_checkpoints/ps3-checkpoint.ipynb": notebook("old"),
        "finn/ps3.ipynb": b"",
        "gina/ps3.ipynb": inner,
        "hugo/ps3.ipynb": b"\n<!DOCTYPE html><html>",
        "ida_ps3.pdf": b"%PDF",
        "jon": b"?",
        "kim/ps3.ipynb": notebook("k").decode().encode("utf-16"),
        "Lea_1_assignsubmission_onlinetext_/onlinetext.html": b"<p>",
        "meg_LATE_7_8_ps3.py": b"",
        ".nils/ps3.ipynb": notebook("n"),
        "otto/ps3.ipynb/ps3.txt": b"",
        "pia/ps3.ipynb": b'{"nbformat": 4, "cells": [], "n": ' + b"9" * 5000 + b"}",
        "stan/ps3.ipynb": b'{"cells": [\n<<<<<<< HEAD\n' + b'"x"' * 99,
        "rita/ps3.ipynb": b"version https://git-lfs.github.com/spec/v1\n",
        ".DS_Store": b"",
        "Thumbs.db": b"",
    }
    reasons = {
        "anna": "no notebook (*.ipynb): ps3.py",
        "bob": "no notebook (*.ipynb): ps3.docx",
        "dora": "(*.ipynb): ps3.zip; archives are not opened",
        "emil": "nothing but hidden files: .ipynb_checkpoints/ps3-checkpoint",
        "finn": "the file is empty",
        "gina": "the file is a zip, or an office document",
        "hugo": "the file is a web page",
        "ida": "no notebook (*.ipynb): ida_ps3.pdf",
        "jon": "no notebook (*.ipynb): jon",
        "kim": "text in UTF-16",
        "Lea_1": "onlinetext.html",
        "meg_7": "meg_LATE_7_8_ps3.py",
        "otto": "no notebook (*.ipynb): ps3.ipynb/ps3.txt",
        "pia": "a number of 5000 digits",
        "stan": "no JSON in line 2: '<<<<<<< HEAD'",
        "rita": "a pointer of Git LFS",
        "quin": "an empty folder",
    }
    source = folder(tmp_path / "sent", sent)
    (source / "quin").mkdir()
    packed = zipped(tmp_path / "a.zip", {**sent, "quin/": b""})
    for each in (source, packed):
        done, refused = collect(each, course)
        assert set(done) == {"carl", "~2Enils"} and set(refused) == set(reasons)
        for student, reason in reasons.items():
            assert reason in refused[student], student
        records = course.records()
        assert {s for s in records if not records[s].graded} == set(reasons)


def test_what_came_beside_a_notebook_is_said(course, tmp_path):
    sent = folder(
        tmp_path / "sent",
        {
            "anna/ps3.ipynb": notebook("a"), "anna/ps3.py": b"", "anna/me.png": b"",
            "bob_LATE_1_2_ps3.ipynb": notebook("b"), "bob_LATE_1_3_ps3.ipynb": b"",
        },
    )  # fmt: skip
    for when, name in enumerate(sorted(sent.rglob("*.*"), key=str)):
        os.utime(name, (when, when))
    done, _ = collect(sent, course)
    assert course.notes() == {
        "anna": "left, though not older: ps3.py",
        "bob_1": "a newer upload can't be read: bob_LATE_1_3_ps3.ipynb: it is no "
        "notebook: the file is empty; late, says the learning platform",
    }
    assert all(note in done[student] for student, note in course.notes().items())


def test_the_inbound_folder_holds_other_assignments_too(course, tmp_path):
    when = "2026-11-20 10:00:00 UTC+cafe"
    sent = {
        f"anna+ps2+{when}/ps2.ipynb": notebook("other"),
        f"bob+ps2+{when}/ps2.ipynb": notebook("other"),
        f"bob+ps3+{when}/ps3.ipynb": notebook("b"),
    }
    done, refused = collect(folder(tmp_path / "inbound", sent), course)
    assert set(done) == {"bob"} and not refused and taken(course) == {"bob": "b"}


def test_what_is_as_new_is_said(course, tmp_path):
    sent = {f"anna/ps3{mark}.ipynb": notebook(mark) for mark in ("", "-Copy1")}
    sent["anna/other.ipynb"] = notebook("scratch")
    collect(zipped(tmp_path / "a.zip", sent), course)
    assert taken(course) == {"anna": ""}
    assert course.notes() == {"anna": "left, though not older: ps3-Copy1.ipynb"}


@pytest.mark.parametrize("student", ["=cmd()", "@sum", "\x1b[31mred"])
def test_names_are_no_commands_for_a_spreadsheet_or_a_terminal(
    course, tmp_path, capsys, student
):
    sent = {f"{student}/ps3.ipynb": notebook("a"), "anna/\x1b[2J.docx": b""}
    source = folder(tmp_path / "sent", sent)
    Collect(source=source, assignment="ps3", course=course.folder)()
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "[2J.docx" in printed
    (name,) = course.students()
    assert course.senders()[name] == name and name[0] == "~"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_are_printed_whatever_the_encoding(course, tmp_path, encoding):
    sent = folder(tmp_path / "sent", {"किरण/ps3.ipynb": notebook("a")})
    words = [sys.executable, "-m", "classroom.collect", str(sent), "ps3"]
    words += ["--course", str(course.folder)]
    path = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONIOENCODING": encoding,
    }
    done = subprocess.run(words, env={**os.environ, **path}, capture_output=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode("utf-8")  # a pipe gets UTF-8
    assert said.startswith("किरण: ps3.ipynb (new)")
    assert taken(course) == {"किरण": "a"}


def test_an_option_given_twice_is_refused(course, tmp_path):
    words = [sys.executable, "-m", "classroom.grade", "ps3", "--student", "anna"]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*words, "--student", "bob"], env=path, capture_output=True, text=True
    )
    said = "error: --student is given twice: write all its values after one\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_the_tenth_comes_after_the_ninth(course, tmp_path):
    sent = {f"anna_1_{n}_ps3-{n}.ipynb": notebook(str(n)) for n in (9, 10)}
    collect(zipped(tmp_path / "a.zip", sent), course)
    assert taken(course) == {"anna_1": "10"}


ROSTER = """\ufeffstudent
Anna Lee
# a comment

Li Na
Li Na
O'Brien
O Brien
Bo Ek
"""


def test_a_roster_shows_who_has_sent_nothing(course, tmp_path, capsys):
    (tmp_path / "class.txt").write_text(ROSTER, encoding="utf-8")
    sent = {
        "leeanna_12_5_ps3.ipynb": notebook("a"),
        "Li Na_3_assignsubmission_file_/ps3.ipynb": notebook("l"),
        "O'Brien/ps3.ipynb": b"broken",
        "eve/ps3.ipynb": notebook("e"),
    }
    given = {"assignment": "ps3", "course": course.folder}
    command = Collect(
        source=folder(tmp_path / "sent", sent),
        roster=tmp_path / "class.txt",
        **given,
    )
    assert command() == 1  # O'Brien's cannot be read
    printed = capsys.readouterr().out
    for line in ("Li Na", "O Brien", "Bo Ek"):
        assert printed.count(f"\n{line}: nothing sent\n") == 1
    assert "\neve: not on the roster\n" in printed
    assert printed.endswith("3 collected, 1 not, 3 of the roster sent nothing\n")
    missing = {s for s, r in course.records().items() if r.reason == "nothing sent"}
    assert missing == {"Li Na", "O Brien", "Bo Ek"}

    later = folder(
        tmp_path / "later",
        {
            "Li Na_4_assignsubmission_file_/ps3.ipynb": notebook("n"),
            "Bo Ek/ps3.ipynb": b"broken",
        },
    )
    assert Collect(source=later, **given)() == 1
    missing = {s for s, r in course.records().items() if r.reason == "nothing sent"}
    assert missing == {"O Brien"}


@pytest.mark.parametrize(
    "name, data, names",
    [
        ("a.txt", "Anna Lee\r\nBob\r\n", ["Anna Lee", "Bob"]),
        ("a.csv", 'name;mail\n"Lee, Anna";a@b\nBob;b@b\n', ["Lee, Anna", "Bob"]),
        ("b.csv", '"Lee, Anna",a@b\n\nBob,b@b\n', ["Lee, Anna", "Bob"]),
    ],
)
def test_rosters(tmp_path, name, data, names):
    (tmp_path / name).write_text(data, encoding="utf-8")
    assert read_roster(tmp_path / name) == names


@pytest.mark.parametrize(
    "data, said", [(b"", "names nobody"), (b"\xe9", "not text in UTF-8")]
)
def test_a_roster_that_is_none(tmp_path, data, said):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(ValueError, match=said):
        read_roster(tmp_path / "a.csv")


# --- Floods ----------------------------------------------------------------------------


def test_floods_are_bounded(course, tmp_path):
    cells = {"cell_type": "raw", "source": ""}
    whole = json.loads(notebook("a"))
    short = {"separators": (",", ":")}
    many = json.dumps({**whole, "cells": [cells] * 200_000}, **short).encode()
    long = {"cell_type": "code", "source": ["x" * 1000] * 2000, "metadata": {}}
    sent = {
        "many/ps3.ipynb": many,
        "long/ps3.ipynb": json.dumps({**whole, "cells": [long]}).encode(),
        **{f"tries/ps3-{n}.ipynb": b"broken" for n in range(100)},
    }
    source = folder(tmp_path / "sent", sent)
    (source / "holes").mkdir()
    os.truncate(
        os.open(source / "holes" / "ps3.ipynb", os.O_CREAT | os.O_RDWR), 1 << 40
    )
    began = time.monotonic()
    _, refused = collect(source, course)
    assert "it has 200,000 cells, more than 500" in refused["many"]
    assert "2,000,000 characters, outputs not counted" in refused["long"]
    assert "larger than 10 MB" in refused["holes"]
    assert "80 more notebooks not looked at" in refused["tries"]
    assert time.monotonic() - began < 20


def test_a_picture_in_a_text_is_no_flood():
    """Colab writes what is pasted into the source, as one long address."""
    picture = "![](data:image/png;base64," + "iVBORw0KGgo/" * 50_000 + ")"
    whole = json.loads(notebook("a"))
    cell = {"cell_type": "markdown", "source": picture, "metadata": {}}
    check_notebook(json.dumps({**whole, "cells": [cell]}).encode())


def test_a_submission_with_holes_is_neither_read_nor_copied(tmp_path):
    big = tmp_path / "weights.bin"
    big.touch()
    os.truncate(big, 1 << 42)
    began = time.monotonic()
    before = fingerprint(tmp_path)
    assert time.monotonic() - began < 1
    with pytest.raises(ValueError, match=r"holds 4,398,047 MB, more than 100 MB"):
        check_folder(tmp_path)
    os.truncate(big, 1 << 41)
    assert fingerprint(tmp_path) != before
    big.unlink()
    for n in range(1001):
        (tmp_path / f"{n}").touch()
    with pytest.raises(ValueError, match="more than 1,000 files"):
        check_folder(tmp_path)


def test_two_at_once_wait_for_each_other(course, tmp_path):
    """The second says whom it waits for, and goes on when the first has ended."""
    sent = folder(tmp_path / "sent", {"anna/ps3.ipynb": notebook("a")})
    words = [sys.executable, "-m", "classroom.collect", str(sent), "ps3"]
    words += ["--course", str(course.folder)]
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with course.alone():
        second = subprocess.Popen(
            words, env=path, stderr=subprocess.PIPE, text=True
        )
        said = second.stderr.readline()
        assert said == f"waiting: process {os.getpid()} is working on ps3\n"
        assert second.poll() is None and course.students() == []
    second.communicate(timeout=60)
    assert second.returncode == 0 and course.students() == ["anna"]


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
