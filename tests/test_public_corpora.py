"""Downloads from a server that is good, slow, broken, wrong or not there."""

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from llm.corpora.public import (
    PUBLIC,
    DownloadError,
    PublicCorpus,
    cache_folder,
    download,
    fetch,
)
from llm.corpora.sentences import SENTENCES, sentences

DATA = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        if self.path != "/file":
            self.send_error(404)
            return
        start = 0
        if server.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(server.data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(server.data)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("Content-Length", str(len(server.data) - start))
        self.end_headers()
        stop = server.stops.pop(0) if server.stops else len(server.data)
        with suppress(ConnectionError):  # the other side may have given up
            for at in range(start, stop, server.step):
                self.wfile.write(server.data[at : min(at + server.step, stop)])
                time.sleep(server.pause)

    def log_message(self, *arguments):
        pass


@contextmanager
def serving(data=DATA, *, stops=(), ranges=True, step=1 << 16, pause=0.0):
    """A server on this machine. stops: where the first answers break off."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.data, server.stops, server.ranges = data, list(stops), ranges
    server.step, server.pause, server.asked = step, pause, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        server.url = f"http://127.0.0.1:{server.server_port}/file"
        yield server
    finally:
        server.shutdown()
        server.server_close()


def corpus(server, **changes):
    values = {"url": server.url, "size": len(DATA), "sha256": SHA256} | changes
    return PublicCorpus(file="file.txt", about="a test", **values)


def test_a_file_is_fetched_once_and_progress_is_shown(tmp_path):
    seen = []
    with serving() as server:
        made = corpus(server)
        path = fetch(made, tmp_path, progress=lambda *p: seen.append(p))
        assert path.read_bytes() == DATA
        assert fetch(made, tmp_path) == path
        assert len(server.asked) == 1
    assert seen[-1] == (len(DATA), len(DATA)) and seen == sorted(seen)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "file.txt",
        "file.txt.sha256",
    ]


def test_a_slow_server_is_waited_for_and_a_dead_one_is_not(tmp_path):
    with serving(DATA[:2000], step=200, pause=0.01) as server:
        sha256 = hashlib.sha256(DATA[:2000]).hexdigest()
        made = corpus(server, size=2000, sha256=sha256)
        assert fetch(made, tmp_path / "a").stat().st_size == 2000
    with (
        serving(DATA[:2000], step=200, pause=1.0) as server,
        pytest.raises(DownloadError, match=r"timed out.*goes on from there"),
    ):
        fetch(corpus(server, size=2000, sha256=sha256), tmp_path / "b", timeout=0.2)


def test_a_download_that_broke_off_goes_on_where_it_was(tmp_path):
    with serving(stops=[200_000]) as server:
        made = corpus(server)
        with pytest.raises(
            DownloadError, match="broke off after 200,000 of 512,000"
        ):
            fetch(made, tmp_path)
        assert not (tmp_path / "file.txt").exists()
        assert fetch(made, tmp_path).read_bytes() == DATA
        assert server.asked == [None, "bytes=200000-"]


def test_a_server_that_cannot_go_on_begins_again(tmp_path):
    with serving(stops=[200_000], ranges=False) as server:
        made = corpus(server)
        with pytest.raises(DownloadError, match="broke off"):
            fetch(made, tmp_path)
        assert fetch(made, tmp_path).read_bytes() == DATA


def test_what_was_complete_before_it_could_be_checked_is_not_fetched_again(
    tmp_path,
):
    (tmp_path / "file.txt.part").write_bytes(DATA)
    with serving() as server:
        assert fetch(corpus(server), tmp_path).read_bytes() == DATA
        assert server.asked == []
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "file.txt.part").write_bytes(DATA)
    with serving() as server:
        path = fetch(corpus(server, size=None), tmp_path / "b")
        assert path.read_bytes() == DATA and len(server.asked) == 1


def test_a_part_that_is_too_long_is_thrown_away(tmp_path):
    (tmp_path / "file.txt.part").write_bytes(DATA + b"more")
    with serving() as server:
        with pytest.raises(DownloadError, match="longer than the file"):
            fetch(corpus(server), tmp_path)
        assert fetch(corpus(server), tmp_path).read_bytes() == DATA


def test_a_wrong_file_is_removed(tmp_path):
    with (
        serving(DATA[:-1] + b"x") as server,
        pytest.raises(DownloadError, match=f"expected was {SHA256}"),
    ):
        fetch(corpus(server), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_known_checksum_the_first_download_binds_the_next(tmp_path):
    with serving() as server:
        path = fetch(corpus(server, sha256=None, size=None), tmp_path)
        assert path.with_name("file.txt.sha256").read_text().startswith(SHA256)
        path.unlink()
        server.data = DATA[::-1]
        with pytest.raises(DownloadError, match="has changed"):
            fetch(corpus(server, sha256=None, size=None), tmp_path)


def test_a_missing_file_and_a_missing_server_are_named(tmp_path):
    with serving() as server:
        gone = corpus(server, url=server.url + "s")
        with pytest.raises(DownloadError, match=r"404 Not Found.*give its path"):
            fetch(gone, tmp_path)
    with pytest.raises(DownloadError, match="check the network"):
        fetch(corpus(server), tmp_path)  # which is no longer there
    assert not (tmp_path / "file.txt").exists()


def test_names(tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match="'shakespeare' is no corpus: choose from tiny"
    ):
        download("shakespeare", tmp_path)
    assert {"tiny-shakespeare", "tinystories"} <= {*PUBLIC}
    for made in PUBLIC.values():
        assert made.url.startswith("https://") and len(made.sha256) == 64
        (tmp_path / made.file).write_bytes(b"there already")
    monkeypatch.setenv("LLM_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    for name, made in PUBLIC.items():
        assert download(name) == tmp_path / made.file


# --- One sentence in many scripts -------------------------------------------------


def test_the_sentence_comes_in_many_scripts():
    assert len(sentences()) >= 8
    assert len({script for script, _ in SENTENCES.values()}) >= 8
    for text in sentences().values():
        assert text == text.strip() and "\n" not in text
        assert len(text.encode()) >= len(text)
    widths = {len(text.encode()) / len(text) for text in sentences().values()}
    assert min(widths) == 1.0 and max(widths) > 2.5
