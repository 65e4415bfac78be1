"""`python -m llm corpus`: stories written, stories inspected, public corpora."""

import re

import pytest

from llm.cli import main
from llm.corpora import PUBLIC, load_text, story
from llm.corpora.public import DownloadError
from llm.oracle import log_prob


def test_stories_are_written_whole_and_the_same_every_time(tmp_path, capsys):
    for name in ("a.txt", "b.txt"):
        options = ["--count", "20", "--seed", "3", "--save", str(tmp_path / name)]
        assert main(["corpus", *options]) == 0
    text = load_text(tmp_path / "a.txt")
    assert text == load_text(tmp_path / "b.txt")
    assert text == "".join(story(3, i) + "\n\n" for i in range(20))
    assert "20 stories" in capsys.readouterr().out


def test_the_floor_is_said(capsys):
    main(["corpus", "--count", "200"])
    said = capsys.readouterr().out.splitlines()[-1]
    floor, these = map(
        float, re.search(r"is ([\d.]+) .*these: ([\d.]+)", said).groups()
    )
    assert abs(floor - these) < 8  # the spread of a story is about 24 nats
    assert re.search(r"0\.1(49|5\d) a character", said)


def test_inspection_shows_what_the_oracle_says(capsys):
    assert main(["corpus", "--inspect", "--count", "1", "--seed", "7"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(story(7, 0))
    assert f"surprise: {-log_prob(story(7, 0)):.2f} nats" in out
    assert "mood: " in out and "?" in out


def test_no_stories_is_refused(capsys):
    assert main(["corpus", "--count", "0"]) == 1
    assert "count=0 must be at least 1" in capsys.readouterr().err


def test_an_unknown_corpus_is_refused_with_the_known_names(capsys):
    assert main(["corpus", "--download", "moby-dick"]) == 2
    assert "tiny-shakespeare" in capsys.readouterr().err


def test_a_failed_download_is_one_line(monkeypatch, capsys):
    def refuse(name, progress):
        raise DownloadError("no network: try again later")

    monkeypatch.setattr("llm.cli.corpus.download", refuse)
    assert main(["corpus", "--download", "tiny-shakespeare"]) == 1
    assert capsys.readouterr().err == "error: no network: try again later\n"


def test_a_cached_corpus_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / PUBLIC["tiny-shakespeare"].file).write_text("To be")
    monkeypatch.setenv("LLM_CACHE", str(tmp_path))
    assert main(["corpus", "--download", "tiny-shakespeare"]) == 0
    assert capsys.readouterr().out.strip().startswith(str(tmp_path))


@pytest.mark.parametrize("place", ["missing/folder/stories.txt", "."])
def test_a_place_that_cannot_be_written_is_one_line(place, tmp_path, capsys):
    assert main(["corpus", "--save", str(tmp_path / place)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
