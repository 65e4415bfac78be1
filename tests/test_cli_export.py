"""`python -m llm export`: any checkpoint of ours as one page, or a reason why not."""

import base64
import json
import re
import shutil

import pytest
import torch

from llm.checkpoints import load_model
from llm.cli import main
from llm.export import header, largest_difference, pack, unpack
from llm.model import GPTConfig, build
from llm.ngram import WindowModel
from llm.tokenizers import load
from tests.command_line import call

TEXT = "The cat sees the ball. The dog takes the kite on Monday – naïve?\n" * 9
SIZES = "--context-length 16 --d-model 16 --n-layers 1 --n-heads 2 --steps 2"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "book.txt").write_text(TEXT, encoding="utf-8")
        train = ["train", "--text", "book.txt", "--kind", "characters"]
        assert main([*train, *SIZES.split()]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs" / "book"


def packed_in(path):
    """The bytes of the model in a page."""
    stored = re.search(
        r'<script type="text/plain" data-name="model">([^<]*)<', path.read_text()
    )
    return base64.b64decode(stored[1])


def state_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'"application/json">(.*?)</script>', text)[1])


def test_the_newest_run_becomes_a_page(capsys, run, tmp_path):
    code, out, err = call(capsys, "export", "--html", "model.html")
    assert (code, err) == (0, "")
    assert re.match(
        r"model\.html: [\d.]+ kB, weights in float32, as they are\n", out
    )
    page = tmp_path / "model.html"
    assert "<title>book</title>" in page.read_text()
    model, tokenizer = unpack(packed_in(page))
    original = load_model(run / "checkpoint-000002")
    for name, weight in original.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name])
    assert tokenizer.vocab == load(run / "tokenizer.json").vocab
    assert state_of(page)["document"] is False


@pytest.mark.parametrize("named", ["runs/book", "runs/book/checkpoint-000002"])
def test_a_run_and_a_checkpoint_can_be_named(capsys, run, tmp_path, named):
    options = ["--beginning", "The", "--title", "A & B"]
    assert call(capsys, "export", "--html", "x.html", *options, named)[0] == 0
    page = tmp_path / "x.html"
    assert "<title>A &amp; B</title>" in page.read_text()
    assert state_of(page)["beginning"] == "The"


def test_rounding_makes_it_smaller_and_is_measured(capsys, run, tmp_path):
    sizes = {}
    for precision in ("float32", "float16", "int8"):
        code, out, _ = call(
            capsys,
            "export",
            "--html",
            f"{precision}.html",
            "--precision",
            precision,
        )
        data = packed_in(tmp_path / f"{precision}.html")
        assert code == 0 and header(data)["precision"] == precision
        sizes[precision] = len(data)
        if precision != "float32":
            model = load_model(run / "checkpoint-000002")
            most = largest_difference(model, data)
            assert most > 0
            assert f"moves a logit by at most {most:.2g} " in out
    assert sizes["float32"] > sizes["float16"] > sizes["int8"]


def test_a_packed_model_becomes_a_page(capsys, tmp_path, monkeypatch, run):
    tokenizer = load(run / "tokenizer.json")
    window = WindowModel(tokenizer.vocab_size)
    (tmp_path / "window.safetensors").write_bytes(pack(window, tokenizer))
    assert call(capsys, "export", "--html", "w.html", "window.safetensors")[0] == 0
    assert header(packed_in(tmp_path / "w.html"))["kind"] == "window"
    assert state_of(tmp_path / "w.html")["document"] is True


@pytest.mark.parametrize(
    ("change", "argv", "message"),
    [
        (None, ["nowhere"], "nowhere is not there; name a run"),
        (None, ["book.txt"], "book.txt cannot be used: cut short or no safetensors"),
        ("empty", ["empty"], "no whole checkpoint in empty"),
        ("no tokenizer", ["runs/book/checkpoint-000002"], "name the one .*--tokenizer"),
        ("no tokenizer", ["runs/book"], "name the one .*--tokenizer"),
        ("no tokenizer", ["bare.safetensors"], "bare.safetensors came without its tok"),
        ("other tokenizer", ["runs/book/checkpoint-000002"], "tokenizer.json has changed"),
        ("cut", ["runs/book/checkpoint-000002"], "model.safetensors is cut short"),
        (None, ["--beginning", "§"], "character '§' at position 0"),
        (None, ["--html", "nowhere/model.html"], "nowhere"),
    ],
)  # fmt: skip
def test_what_cannot_become_a_page_is_said(
    capsys, run, tmp_path, change, argv, message
):
    (tmp_path / "book.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    tokenizer = load(run / "tokenizer.json")
    bare = build(GPTConfig(vocab_size=tokenizer.vocab_size, d_model=8))
    (tmp_path / "bare.safetensors").write_bytes(pack(bare))
    if change == "no tokenizer":
        (run / "tokenizer.json").unlink()
    if change == "other tokenizer":
        with (run / "tokenizer.json").open("a") as file:
            file.write("\n")
    if change == "cut":
        path = run / "checkpoint-000002" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-4])
    target = [] if "--html" in argv else ["--html", "model.html"]
    code, out, err = call(capsys, "export", *target, *argv)
    assert code == 1 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert re.search(message, err)
    assert not (tmp_path / "model.html").exists()


def test_a_tokenizer_can_be_named(capsys, run, tmp_path):
    (run / "tokenizer.json").rename(tmp_path / "other.json")
    argv = ["runs/book/checkpoint-000002", "--tokenizer", "other.json"]
    assert call(capsys, "export", "--html", "model.html", *argv)[0] == 0
    assert unpack(packed_in(tmp_path / "model.html"))[1] is not None


def test_a_page_that_no_browser_would_open_is_refused(
    capsys, run, monkeypatch, tmp_path
):
    monkeypatch.setattr("llm.export.MOST_BYTES", 9000)
    code, _, err = call(capsys, "export", "--html", "model.html")
    assert code == 1
    assert "more than the 9.0 kB that browsers open" in err and "int8" in err
    assert not (tmp_path / "model.html").exists()
