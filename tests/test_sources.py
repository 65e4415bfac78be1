"""data/: everything in it is listed with its checksum."""

import subprocess
import sys

from tools import list_sources


def test_the_list_is_that_of_the_files():
    assert (
        list_sources.SOURCES.read_text(encoding="utf-8") == list_sources.listing()
    )


def test_a_changed_file_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "data" / "prose").mkdir(parents=True)
    text = tmp_path / "data" / "prose" / "01_a.txt"
    text.write_text("Title\n\nText.\n")
    monkeypatch.setattr(list_sources, "ROOT", tmp_path)
    monkeypatch.setattr(list_sources, "SOURCES", tmp_path / "data" / "SOURCES.md")
    assert list_sources.main([]) == 0
    assert list_sources.main(["--check"]) == 0
    text.write_text("Title\n\nText!\n")
    assert list_sources.main(["--check"]) == 1


def test_the_script_runs_by_itself():
    command = [sys.executable, "tools/list_sources.py", "--check"]
    assert subprocess.run(command, cwd=list_sources.ROOT).returncode == 0
