"""A run keeps what it learns from, refuses what would make its numbers false, and
has one process at a time."""

import doctest
import json
import os
import random
import shutil
import subprocess
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import torch

import llm.runs
from llm.checkpoints import load_model
from llm.cli import main
from llm.data import split, windows
from llm.evaluate import held_out_loss
from llm.files import locked
from llm.runs import BEGUN, KEPT, KEPT_IN_TRAINING, name_of, unused
from llm.tokenizers import BPETokenizer, ByteTokenizer, load
from llm.train import read_log
from tests.command_line import call

DIGITS = "".join(random.Random(0).choices("0123456789", k=400))
SETTINGS = """
    --kind characters --context-length 8 --d-model 16 --n-layers 1 --n-heads 2
    --batch-size 4 --steps 6 --evaluate-every 2 --checkpoint-every 3 --device cpu
"""


def command(*options, text="digits.txt"):
    """Train with small settings, but for those that are given."""
    words = SETTINGS.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    kept = [word for pair in pairs if pair[0] not in options for word in pair]
    return ["train", "--text", text, *kept, *options]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits.txt").write_text(DIGITS)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three of six steps, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("digits.txt").write_text(DIGITS)
        assert main([*command("--steps", "3")]) == 0
    return folder / "runs" / "digits"


@pytest.fixture
def run(trained):
    return Path(shutil.copytree(trained, "runs/digits"))


def refused(capsys, *argv):
    """The one line that says why; nothing on the disk has changed."""
    before = {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()}
    code, out, err = call(capsys, *argv)
    assert code in (1, 2) and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert before == {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()}
    return err


def resume(capsys, *options):
    return call(capsys, "train", "--resume", *options)


# What a run keeps -----------------------------------------------------------------

OTHER = {
    "validation_fraction": 0.9, "tokenizer": "t.json", "kind": "bytes", "seed": 1,
    "batch_size": 2, "vocab_size": 99, "context_length": 4, "dropout": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_what_is_learnt_from_and_how_it_is_cut_stays(capsys, run, name):
    ByteTokenizer.train([], None).save("t.json")
    option = f"--{name.replace('_', '-')}"
    err = refused(capsys, "train", "--resume", "--steps", 9, option, OTHER[name])
    assert f"{name}={OTHER[name]}, but the run has {name}=" in err
    assert "leave the option out, or begin another run with --folder" in err


def test_every_option_of_the_data_is_tried_above():
    assert {*KEPT, *KEPT_IN_TRAINING} - {"corpus"} <= OTHER.keys()


def test_what_a_run_has_learnt_by_heart_is_never_what_it_is_measured_on(capsys):
    """Of random digits nobody can know more than ln 10 = 2.30 nats."""
    assert call(capsys, *command("--steps", 300, "--learning-rate", 0.01))[0] == 0
    for fraction in (0.05, 0.9):
        options = ["--steps", 301, "--validation-fraction", fraction]
        assert "but the run has validation_fraction=0.1" in refused(
            capsys, "train", "--resume", *options
        )
    assert resume(capsys, "--steps", 301)[0] == 0
    log = read_log(Path("runs/digits/log.jsonl"))
    assert log[-1]["loss"] < 2.2 < 2.3 < log[-1]["validation_loss"]


def test_what_is_harmless_may_change(capsys, run):
    options = ["--steps", 5, "--learning-rate", 0.1, "--micro-batch-size", 2]
    assert resume(capsys, *options, "--evaluate-every", 1)[0] == 0
    config = json.loads((run / "config.json").read_text())["training"]
    found = config["steps"], config["learning_rate"], config["micro_batch_size"]
    assert found == (5, 0.1, 2)


def test_what_a_tokenizer_decides_is_written_down_as_it_is(capsys):
    ByteTokenizer.train([], None).save("bytes.json")
    options = ["--tokenizer", "bytes.json", "--vocab-size", 999]
    train = [w for w in command(*options) if w not in ("--kind", "characters")]
    assert call(capsys, *train)[0] == 0
    config = json.loads(Path("runs/digits/config.json").read_text())
    assert (config["kind"], config["model"]["vocab_size"]) == ("bytes", 256)
    assert resume(capsys, "--steps", 7)[0] == 0


@pytest.mark.parametrize("words", [command("--tokenizer", "b.json"), [
    "tokenize", "--text", "digits.txt", "--kind", "characters", "--tokenizer", "b.json",
]])  # fmt: skip
def test_a_kind_that_is_not_that_of_the_tokenizer(capsys, words):
    ByteTokenizer.train([], None).save("b.json")
    message = "--kind characters, but b.json is a tokenizer of bytes; leave one"
    assert message in refused(capsys, *words)


@pytest.mark.parametrize("n", [*range(200, 400, 37)])
def test_words_that_the_cut_tears_can_be_read(capsys, n):
    Path("words.txt").write_text("the cat, seeing an elephant, runs. " * 30)
    options = ["--kind", "words", "--validation-fraction", n / 1000]
    assert call(capsys, *command(*options, text="words.txt"))[0] == 0


# What comes from standard input ---------------------------------------------------


def test_a_text_that_cannot_be_read_again_is_kept(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(DIGITS.encode())))
    assert call(capsys, *command(text="-"))[0] == 0
    monkeypatch.setattr(sys, "stdin", None)  # whoever reads it now gets nothing
    assert Path("runs/text/text.txt").read_text() == DIGITS
    assert call(capsys, "evaluate")[0] == 0
    assert resume(capsys, "--steps", 7)[0] == 0
    err = refused(capsys, "evaluate", "--text", "-")
    assert "standard input is closed: name a file instead of -" in err


def test_a_text_that_was_not_kept_is_not_waited_for(capsys, run):
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "text": "-"}))
    assert "was not kept; name one with --text" in refused(capsys, "evaluate")


# How far it has come --------------------------------------------------------------


def test_what_is_said_at_the_end_is_the_loss_of_the_end(capsys, run):
    """The run was stopped at a step that was not to be measured."""
    lines = (run / "log.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    known = last.pop("validation_loss"), last.pop("validation_standard_error")
    text = "\n".join([*lines[:-1], json.dumps(last), ""])
    (run / "log.jsonl").write_text(text)
    code, out, _ = resume(capsys, "--steps", 3)
    assert code == 0
    assert f"held-out loss after 3 steps: {known[0]:.3f} ± {known[1]:.3f}" in out
    model, tokenizer = (
        load_model(run / "checkpoint-000003"),
        load(run / "tokenizer.json"),
    )
    ids = torch.tensor(tokenizer.encode(split(DIGITS, 0.1)[1]))
    assert held_out_loss(model, *windows(ids, 8))[0] == pytest.approx(known[0])
    assert read_log(run / "log.jsonl")[-1]["validation_loss"] == known[0]


def test_fewer_steps_than_were_made_are_refused(capsys, run):
    err = refused(capsys, "train", "--resume", "--steps", 2)
    assert "steps=2, but runs/digits has made 3 updates already; give at" in err


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_log_that_lost_lines_does_not_stop_a_run(capsys, caplog, run, kept):
    path = run / "log.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:kept]))
    if not kept:
        path.unlink()
    assert resume(capsys)[0] == 0
    assert f"log.jsonl has {kept} records of 3 steps" in caplog.text
    assert resume(capsys, "--steps", 6)[0] == 0
    log = read_log(path)
    assert log[-1]["step"] == 6
    assert log[-1]["tokens"] == 6 * 4 * 8


BAD_LINES = {
    "no JSON": "garbage",
    "no record": '{"step": 1}',
    "a list": "[1, 2]",
    "no number": '{"step": 1, "loss": NaN, "tokens": 32}',
    "words": '{"step": "1", "tokens": 32}',
    "too long a number": '{"step": 1, "loss": ' + "9" * 5000 + ', "tokens": 1}',
    "too deep": "[" * 100_000,
    "binary": "\udcff",
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_line_that_is_no_record_is_named(capsys, run, kind):
    path = run / "log.jsonl"
    lines = path.read_text().splitlines()
    text = "\n".join([BAD_LINES[kind], *lines[1:], ""])
    path.write_bytes(text.encode(errors="surrogateescape"))
    err = refused(capsys, "train", "--resume", "--steps", 6)
    assert "runs/digits/log.jsonl: line 1 is no record" in err
    path.unlink()
    assert resume(capsys, "--steps", 6)[0] == 0


def test_the_log_of_another_run_is_noticed(capsys, run):
    path = run / "log.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, *lines, ""]))
    assert "log.jsonl: line 4 is no record" in refused(capsys, "train", "--resume")
    foreign = lines[-1].replace('"tokens": 96', '"tokens": 50')
    path.write_text("\n".join([*lines[:-1], foreign, ""]))
    code, _, err = resume(capsys)
    assert code == 1
    assert "the log of another run: it counts 50 tokens after step 3" in err


def test_a_run_of_which_no_checkpoint_is_whole_does_not_begin_again(capsys, run):
    (run / "checkpoint-000003" / "model.safetensors").write_bytes(b"cut")
    err = refused(capsys, "train", "--resume")
    assert "no checkpoint in runs/digits is whole" in err
    assert len(read_log(run / "log.jsonl")) == 3
    shutil.rmtree(run / "checkpoint-000003")
    assert resume(capsys)[0] == 0


@pytest.mark.parametrize(("content", "message"), [
    ('{"text": "a"}', "config.json does not say corpus"),
    ("[" * 100_000, "config.json is cut short or no JSON"),
    ("\udcff", "config.json is cut short or no JSON"),
    ("3", "config.json holds no JSON object"),
])  # fmt: skip
def test_a_config_that_says_nothing(capsys, run, content, message):
    path = run / "config.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    for name in (["train", "--resume"], ["evaluate"]):
        assert message in refused(capsys, *name)


@pytest.mark.parametrize(("section", "change", "message"), [
    (None, {"text": 5}, "text=5 must be a string"),
    ("training", {"steps": "many"}, "no TrainConfig in the file"),
    ("training", {"steps": 2.5}, "steps=2.5 must be a whole number"),
    ("model", {"n_legs": 4}, "no GPTConfig in the file"),
])  # fmt: skip
def test_a_config_that_was_edited(capsys, run, section, change, message):
    config = json.loads((run / "config.json").read_text())
    (config[section] if section else config).update(change)
    (run / "config.json").write_text(json.dumps(config))
    assert message in refused(capsys, "train", "--resume")


# The tokenizer is the model's -----------------------------------------------------


@pytest.mark.parametrize("argv", [
    ["train", "--resume", "--steps", 6], ["sample"], ["evaluate"],
])  # fmt: skip
def test_another_tokenizer_is_noticed(capsys, run, argv):
    path = run / "tokenizer.json"
    path.write_text(path.read_text().replace('"3"', '"!"'))
    err = refused(capsys, *argv)
    assert "runs/digits/tokenizer.json has changed since the run began" in err
    BPETokenizer.train([DIGITS], 260, ["<|endoftext|>"]).save(path)
    config = json.loads((run / "config.json").read_text())
    del config["tokenizer_sha256"]  # as an older version wrote it
    (run / "config.json").write_text(json.dumps(config))
    message = "tokenizer.json has 260 entries, but the model has vocab_size=11"
    assert message in refused(capsys, *argv)


# The folder -----------------------------------------------------------------------


@pytest.mark.parametrize(("text", "name"), [
    ("..", "parent"), (".", "here"), ("here/", "here"), ("...", "text"), ("-", "text"),
    ("a/b.txt", "b"), (".hidden", "hidden"), ("-x-.md", "x"),
])  # fmt: skip
def test_the_name_of_a_run_is_a_plain_name(monkeypatch, text, name):
    Path("parent/here").mkdir(parents=True)
    monkeypatch.chdir("parent/here" if text in ("..", ".") else "parent")
    assert name_of(text) == name


def test_a_folder_that_holds_this_one_is_a_text_like_any_other(capsys, monkeypatch):
    Path("books/here").mkdir(parents=True)
    shutil.copy("digits.txt", "books/a.txt")
    monkeypatch.chdir("books/here")
    assert call(capsys, *command(text=".."))[0] == 0
    assert [str(path) for path in Path().iterdir()] == ["runs"]
    assert Path("runs/books/checkpoint-000006").is_dir()


@pytest.mark.parametrize("name", ["train", "tokenize", "evaluate"])
def test_no_path_is_not_the_folder_where_we_are(capsys, run, name):
    argv = command(text="") if name == "train" else [name, "--text", ""]
    assert "the path of the text is empty" in refused(capsys, *argv)


def test_what_never_came_to_a_checkpoint_does_not_block_the_name(
    capsys, monkeypatch
):
    def fail(*arguments, **options):
        raise ValueError("before the first checkpoint")

    with monkeypatch.context() as patch:
        patch.setattr("llm.train.timed_step", fail)
        assert call(capsys, *command())[0] == 1
    assert {path.name for path in Path("runs/digits").iterdir()} <= BEGUN
    assert call(capsys, *command())[0] == 0
    assert "is in use" in refused(capsys, *command())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "notes.txt"])
def test_what_somebody_else_has_there_is_not_overwritten(capsys, name):
    Path("runs/digits").mkdir(parents=True)
    Path("runs/digits", name).write_text('{"model_type": "gpt2"}')
    assert not unused(Path("runs/digits"))
    assert "runs/digits is in use" in refused(capsys, *command())


def test_where_nothing_could_begin_nothing_is_left(capsys):
    refused(capsys, *command("--folder", "a/b/c", "--tokenizer", "none.json"))
    assert not Path("a").exists()


HOLD = """
import sys
from llm.files import locked
with locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def holder(folder):
    """Another process that works on a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(llm.__file__).parents[1])},
    )  # fmt: skip
    assert process.stdout.readline() == "locked\n"
    return process


def test_two_processes_do_not_write_into_one_run(capsys, run):
    other = holder(run)
    for argv in (["train", "--resume", "--steps", 6], command()):
        assert "runs/digits is in use by another process" in refused(capsys, *argv)
    other.kill()  # what it leaves behind keeps nobody out
    other.wait()
    assert resume(capsys, "--steps", 6)[0] == 0
    assert not (run / ".lock").exists()


def test_a_lock_may_be_asked_for_again_and_leaves_nothing():
    with locked("a/b"):
        with locked("a/b"):
            assert Path("a/b/.lock").exists()
        assert Path("a/b/.lock").exists()
    assert not Path("a").exists()


# What does not fit into memory ----------------------------------------------------


@pytest.mark.parametrize("name", [
    "d-model", "d-ff", "n-layers", "batch-size", "context-length", "vocab-size",
])  # fmt: skip
def test_what_cannot_fit_is_refused_at_once(capsys, name):
    began = time.monotonic()
    option = f"--{name}"
    err = refused(capsys, *command(option, 10**9, "--kind", "bpe"))
    assert time.monotonic() - began < 5
    assert f"{name.replace('-', '_')}={10**9}" in err
    assert "and this machine has" in err and "choose smaller sizes" in err
    assert not Path("runs").exists()


@pytest.mark.parametrize("argv", [
    ["evaluate", "--corpus", "stories", "--count", 10**9],
    ["tokenize", "--text", "digits.txt", "--vocab-size", 10**9],
    ["sample", "--seed", 2**64],
    command("--seed", 2**64),
])  # fmt: skip
def test_numbers_that_are_too_large(capsys, run, argv):
    began = time.monotonic()
    err = refused(capsys, *argv)
    assert time.monotonic() - began < 5
    assert f"{argv[-2][2:].replace('-', '_')}={argv[-1]}" in err


@pytest.mark.parametrize("error", [
    MemoryError("no more"), RuntimeError("DefaultCPUAllocator: can't allocate memory"),
])  # fmt: skip
def test_memory_that_runs_out_is_one_line(capsys, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("llm.train.timed_step", fail)
    code, _, err = call(capsys, *command())
    assert code == 1 and err.count("\n") == 1
    assert "memory ran out" in err and "--micro-batch-size" in err


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(llm.runs).failed == 0
