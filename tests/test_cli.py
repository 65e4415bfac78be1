"""The command line: the whole way from a text to a text, and every way to go wrong.

Bad input gets one clear line and a non-zero exit, never a traceback, and nothing
that was there is lost.
"""

import errno
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
import torch

import llm
from llm.checkpoints import load_model
from llm.cli import main
from llm.cli.options import COMMANDS, in_one_line
from llm.corpora import load_text
from llm.data import split, windows
from llm.evaluate import evaluate
from llm.generate import generate, greedy
from llm.tokenizers import load
from llm.train import read_log
from tests.command_line import call

LINES = [
    f"The {animal} {verb} the {thing} on {day}, and nobody knows why – naïve?\n"
    for animal in ("cat", "dog", "crow", "fox")
    for verb in ("sees", "takes", "paints", "hides")
    for thing in ("ball", "kite", "bell", "map")
    for day in ("Monday", "Tuesday")
]
TEXT = "".join(LINES[17 * i % len(LINES)] for i in range(len(LINES)))
SETTINGS = """
    --vocab-size 300 --context-length 16 --d-model 16 --n-layers 1 --n-heads 2
    --batch-size 4 --steps 12 --evaluate-every 4 --checkpoint-every 4 --device cpu
"""
TINY = SETTINGS.split()


def tiny(*options, base=TINY):
    """The small settings, but for those that are given."""
    pairs = zip(base[::2], base[1::2], strict=True)
    kept = [word for pair in pairs if pair[0] not in options for word in pair]
    return [*kept, *options]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """An empty folder with a text in it; one thread, as in the other processes."""
    monkeypatch.chdir(tmp_path)
    Path("book.txt").write_text(TEXT, encoding="utf-8")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that is done, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "book.txt").write_text(TEXT, encoding="utf-8")
    before, threads = Path.cwd(), torch.get_num_threads()
    os.chdir(folder)
    torch.set_num_threads(1)
    assert main(["train", "--text", "book.txt", *TINY]) == 0
    os.chdir(before)
    torch.set_num_threads(threads)
    return folder / "runs" / "book"


@pytest.fixture
def run(trained):
    return Path(shutil.copytree(trained, "runs/book"))


def snapshot():
    return {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()}


def refuses(capsys, *argv, code=1):
    """One line on standard error, nothing on standard output, nothing changed."""
    before = snapshot()
    found, out, err = call(capsys, *argv)
    assert found == code
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1 and err.endswith("\n")
    assert "Traceback" not in err
    assert snapshot() == before
    return err


def command(*argv):
    return [sys.executable, "-m", "llm", *map(str, argv)]


def elsewhere():
    root = Path(llm.__file__).parents[1]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}


# The whole way --------------------------------------------------------------------


def test_a_run_has_all_it_takes(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {
        "config.json", "tokenizer.json", "log.jsonl", "curve.png",
        "checkpoint-000008", "checkpoint-000012",
    }  # fmt: skip
    assert (trained / "curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [r["step"] for r in read_log(trained / "log.jsonl")] == list(
        range(1, 13)
    )
    settings = json.loads(
        (trained / "checkpoint-000012" / "config.json").read_text()
    )
    assert settings["step"] == 12
    assert settings["model"]["vocab_size"] == 300
    assert settings["training"]["batch_size"] == 4
    assert settings["tokenizer"] == "tokenizer.json"
    for name, digest in settings["sha256"].items():
        data = (trained / "checkpoint-000012" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest


def test_train_says_how_it_goes_and_what_comes_next(capsys):
    code, out, err = call(capsys, "train", "--text", "book.txt", *TINY)
    assert code == 0
    lines = err.splitlines()
    assert len(lines) == 3
    for step, line in zip((4, 8, 12), lines, strict=True):
        assert line.startswith(f"step {step}/12: loss ")
        for word in ("held out", "tokens/s", "left"):
            assert word in line
    assert "held-out loss after 12 steps: " in out
    assert "python -m llm sample --folder runs/book" in out


def test_train_draws_a_bar_in_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, _, err = call(capsys, "train", "--text", "book.txt", *TINY)
    assert code == 0
    assert "\r" in err
    assert "12/12" in err
    assert "tokens/s" in err
    assert "step 4/12: " not in err


def test_the_tokenizer_does_not_see_the_held_out_text(capsys, trained):
    front, _ = split(TEXT, 0.1)
    Path("front.txt").write_text(front, encoding="utf-8")
    size = ("--vocab-size", 300)
    call(capsys, "tokenize", "--text", "front.txt", *size, "--save", "front.json")
    assert load("front.json").vocab == load(trained / "tokenizer.json").vocab


def test_sample_writes_from_the_newest_run(capsys, run):
    shutil.copytree(run, "runs/older")
    for path in Path("runs/older").glob("checkpoint-*"):
        os.utime(path, (1, 1))
    shutil.rmtree("runs/older/checkpoint-000012")
    options = ["--prompt", "The cat", "--max-new-tokens", 20, "--temperature", 0]
    code, out, err = call(capsys, "sample", *options)
    assert (code, err) == (0, "")
    model, tokenizer = (
        load_model(run / "checkpoint-000012"),
        load(run / "tokenizer.json"),
    )
    (text,) = generate(
        model, tokenizer, ["The cat"], sampler=greedy, max_new_tokens=20
    )
    assert out == f"The cat{text}\n"


def test_samples_repeat_by_seed_only(capsys, run):
    def sample(*options):
        return call(capsys, "sample", "--temperature", 2, *options)[1]

    assert sample("--seed", 1) == sample("--seed", 1) != sample("--seed", 2)
    assert sample() != sample()


def test_sample_takes_all_samplers_and_stops(capsys, run):
    options = ["--top-k", 5, "--top-p", 0.9, "--stop", "e", "a", "--seed", 1]
    code, out, _ = call(capsys, "sample", "--prompt", "The", *options)
    assert code == 0
    assert not {"e", "a"} & set(out.removeprefix("The"))


@pytest.mark.parametrize(("options", "only"), [
    (["--min-p", 1], True),
    (["--min-p", 1e-9], False),
    (["--typical", 1e-9], None),
    (["--repetition-penalty", 1], False),
])  # fmt: skip
def test_sample_takes_min_p_typical_and_a_penalty(capsys, run, options, only):
    """Where one token is left, the seed does not matter; where all are, the options
    do not."""

    def sample(seed, *options):
        options = ("--temperature", 1, "--seed", seed, *options)
        return call(capsys, "sample", "--prompt", "The", *options)[1]

    texts = {sample(seed, *options) for seed in (1, 2)}
    assert len(texts) == (2 if only is False else 1)
    if only:
        greedy = call(capsys, "sample", "--prompt", "The", "--temperature", 0)[1]
        assert texts == {greedy}
    if only is False:
        assert texts == {sample(1), sample(2)}


def test_a_penalty_makes_a_model_repeat_itself_less(capsys, run):
    options = ["--prompt", "The", "--temperature", 0, "--max-new-tokens", 100]
    plain = call(capsys, "sample", *options)[1]
    penalised = call(capsys, "sample", *options, "--repetition-penalty", 5)[1]
    assert len(set(penalised.split())) > len(set(plain.split()))


def test_an_empty_prompt_begins_a_document(capsys, run):
    code, out, _ = call(capsys, "sample", "--prompt", "", "--max-new-tokens", 5)
    assert code == 0
    assert out.strip()


def test_evaluate_measures_the_held_out_part_or_another_text(capsys, run):
    model = load_model(run / "checkpoint-000012")
    tokenizer = load(run / "tokenizer.json")
    _, tail = split(TEXT, 0.1)
    ids = torch.tensor(tokenizer.encode(tail))
    wanted = str(evaluate(model, tokenizer, *windows(ids, 16)))
    assert call(capsys, "evaluate") == (0, wanted + "\n", "")
    Path("tail.txt").write_text(tail, encoding="utf-8")
    assert call(capsys, "evaluate", "--text", "tail.txt")[1] == wanted + "\n"
    assert "nats per token" in wanted and "bits per byte" in wanted


def test_tokenize_shows_how_the_text_is_cut(capsys):
    code, out, _ = call(
        capsys, "tokenize", "--text", "book.txt", "--vocab-size", 300
    )
    assert code == 0
    assert out.startswith(f"300 entries: {len(TEXT.encode()):,} bytes are ")
    shown = out.splitlines()[1].split("|")
    assert len(shown) == 40
    assert TEXT.startswith("".join(shown).replace("\\n", "\n"))


def test_a_tokenizer_can_be_made_first_and_used_then(capsys):
    kind = ["--kind", "words", "--save", "words.json"]
    assert call(capsys, "tokenize", "--text", "book.txt", *kind)[0] == 0
    made = ["--tokenizer", "words.json"]
    assert call(capsys, "train", "--text", "book.txt", *TINY, *made)[0] == 0
    assert load("runs/book/tokenizer.json").vocab == load("words.json").vocab
    assert "The" in call(capsys, "sample", "--prompt", "The cat")[1]


@pytest.mark.parametrize("kind", ["characters", "bytes"])
def test_other_kinds_of_tokens(capsys, kind):
    options = [*TINY, "--kind", kind]
    assert call(capsys, "train", "--text", "book.txt", *options)[0] == 0
    assert call(capsys, "sample", "--max-new-tokens", 5)[0] == 0


def test_another_architecture_dropout_and_micro_batches(capsys):
    more = ["--architecture", "gpt2", "--dropout", 0.2, "--micro-batch-size", 3]
    assert call(capsys, "train", "--text", "book.txt", *TINY, *more)[0] == 0
    assert call(capsys, "sample", "--max-new-tokens", 40)[0] == 0


def test_text_from_standard_input_and_from_a_folder(capsys, monkeypatch):
    Path("texts").mkdir()
    for name in ("a.txt", "b.md"):
        Path("texts", name).write_text(TEXT)
    assert call(capsys, "train", "--text", "texts", *TINY)[0] == 0
    assert Path("runs/texts/checkpoint-000012").is_dir()
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(TEXT.encode())))
    assert call(capsys, "train", "--text", "-", *TINY)[0] == 0
    assert Path("runs/text/checkpoint-000012").is_dir()


def test_documents_may_end_with_the_special_token(capsys):
    Path("book.txt").write_text("<|endoftext|>".join(LINES), encoding="utf-8")
    assert call(capsys, "train", "--text", "book.txt", *TINY)[0] == 0
    tokenizer = load("runs/book/tokenizer.json")
    assert tokenizer.vocab_size == 300
    assert not any(b"<|" in t for t in tokenizer.vocab if t != b"<|endoftext|>")


# Help -----------------------------------------------------------------------------


def help_of(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        main([*argv, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_help_names_the_commands_and_shows_one_example_each(capsys):
    text = help_of(capsys)
    for name in COMMANDS:
        assert name in text
        assert f"python -m llm {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_option(capsys, name):
    text = help_of(capsys, name)
    assert f"    python -m llm {name}" in text
    options = " ".join(re.sub(r"[│─╭╮╰╯]|--{9,}", " ", text).split())
    rows = re.split(r" (?=--[a-z])", options[options.index("show this help") :])[1:]
    assert len(rows) >= 4
    for row in rows:
        assert re.search(r"[a-z].{15,}\((default:.*|required)\)", row), row


# Going on -------------------------------------------------------------------------


def comparable(run):
    records = read_log(run / "log.jsonl")
    for record in records:
        del record["tokens_per_second"]
    newest = max(run.glob("checkpoint-*"))
    return records, {p.name: p.read_bytes() for p in newest.glob("*.safetensors")}


def test_a_run_goes_on_with_more_steps_by_its_own_settings(capsys, run):
    assert call(capsys, "train", "--resume", "--steps", 16)[0] == 0
    assert [r["step"] for r in read_log(run / "log.jsonl")] == list(range(1, 17))
    settings = json.loads((run / "config.json").read_text())
    assert settings["training"]["steps"] == 16
    assert settings["training"]["batch_size"] == 4


def test_a_finished_run_says_so(capsys, run):
    before = comparable(run)
    code, out, _ = call(capsys, "train", "--resume")
    assert code == 0
    assert "after 12 steps" in out
    assert comparable(run) == before


def wait_for(path, n_lines, process):
    for _ in range(3000):
        if path.exists() and len(path.read_text().splitlines()) >= n_lines:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError(f"{path} has fewer than {n_lines} lines after 30 seconds")


LONG = tiny("--steps", 300, "--dropout", 0.1, "--checkpoint-every", 20)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What is comparable of a run that goes through 300 steps."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "book.txt").write_text(TEXT, encoding="utf-8")
    train = command("train", "--text", "book.txt", *LONG)
    subprocess.run(train, cwd=folder, env=elsewhere(), check=True)
    return comparable(folder / "runs" / "book")


@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_and_resumed_equals_undisturbed(capsys, undisturbed, death):
    train = ["train", "--text", "book.txt", *LONG]
    process = subprocess.Popen(
        command(*train, "--folder", "runs/stopped"), env=elsewhere(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(Path("runs/stopped/log.jsonl"), 30, process)
    process.send_signal(death)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if death != signal.SIGKILL:
        assert process.returncode == 128 + death
        assert (
            len(read_log(Path("runs/stopped/log.jsonl"))) % 20
        )  # saved where it was
        assert "python -m llm train --resume --folder runs/stopped" in out
        assert Path("runs/stopped/curve.png").exists()
    else:
        assert process.returncode == -signal.SIGKILL
    assert len(read_log(Path("runs/stopped/log.jsonl"))) < 300
    assert call(capsys, "train", "--resume", "--folder", "runs/stopped")[0] == 0
    assert comparable(Path("runs/stopped")) == undisturbed


def test_ctrl_c_before_the_first_step_is_no_traceback(capsys, monkeypatch):
    def interrupt(source):
        raise KeyboardInterrupt

    monkeypatch.setattr("llm.runs.load_text", interrupt)
    err = refuses(capsys, "train", "--text", "book.txt", code=130)
    assert err == "error: stopped\n"


# Going wrong ----------------------------------------------------------------------

BAD_TEXTS = {
    "missing": (None, "bad.txt does not exist"),
    "empty": (b"", "bad.txt is empty"),
    "binary": (b"abc\0def", "bad.txt is not text: byte 3 is zero"),
    "not UTF-8": (b"caf\xe9 au lait", "bad.txt is not UTF-8: see byte 3"),
}


@pytest.mark.parametrize("name", ["train", "tokenize", "evaluate"])
@pytest.mark.parametrize("kind", BAD_TEXTS)
def test_a_bad_text(capsys, run, kind, name):
    content, message = BAD_TEXTS[kind]
    if content is not None:
        Path("bad.txt").write_bytes(content)
    assert message in refuses(capsys, name, "--text", "bad.txt")


def shorter(n):
    Path("short.txt").write_text(TEXT[:n], encoding="utf-8")
    return "short.txt"


def book(*options):
    return ["--text", "book.txt", *tiny(*options)]


@pytest.mark.parametrize(("options", "message"), [
    ([], "--text is missing"),
    (book("--vocab-size", 99_999), "99999"),
    (book("--n-heads", 3), "n_heads=3 does not divide d_model=16"),
    (book("--context-length", 5000), "context_length=5000"),
    (book("--steps", 0), "steps=0 must be at least 1"),
    (book("--warmup-steps", 50), "warmup_steps=50 must be below"),
    (book("--validation-fraction", 1), "validation_fraction=1"),
    (book("--device", "quantum"), "device='quantum'"),
    (book("--learning-rate", "nan"), "learning_rate=nan"),
    (book("--tokenizer", "book.txt"), "book.txt"),
    (book("--tokenizer", "gone.json"), "gone.json"),
    (["--text", "book.txt", "--folder", "book.txt"], "book.txt"),
])  # fmt: skip
def test_settings_that_cannot_be(capsys, options, message):
    before = snapshot()
    code, out, err = call(capsys, "train", *options)
    assert code in (1, 2)
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err
    assert snapshot() == before


def test_a_text_shorter_than_the_context(capsys):
    err = refuses(capsys, "train", "--text", shorter(100), "--kind", "characters")
    assert "the text has 89 tokens, but context_length=" in err


def test_a_vocabulary_larger_than_the_text_allows(capsys):
    err = refuses(capsys, "tokenize", "--text", shorter(40), "--vocab-size", 1000)
    assert "1000" in err


@pytest.mark.parametrize(("argv", "message"), [
    ([], "corpus, tokenize, train, sample, evaluate"),
    (["dance"], "Available subcommands: corpus, tokenize, train, sample, evaluate, export"),
    (["train", "--txt", "book.txt"], "Unrecognized options: --txt"),
    (["train", "--steps", "many"], "Error parsing --steps: invalid literal"),
    (["sample", "--prompt"], "--prompt"),
    (["tokenize"], "--text"),
    (["train", "--n-heads", "3"], "error: n_heads=3 does not divide d_model="),
])  # fmt: skip
def test_words_that_are_no_command(capsys, argv, message):
    err = refuses(capsys, *argv, code=2)
    assert message in err
    assert "see python -m llm --help" in err
    assert not set("╭╮╰╯│─") & set(err)


@pytest.mark.parametrize("said", [
    "╭─ Parsing error ─╮\n│ no such thing │\n╰──────╯",
    "+-----------------+\n| no such thing |\n+-----------+",
    "Error: no such\n   thing",
    "━━ no such ━━\n┃ thing ┃",
])  # fmt: skip
def test_whatever_frame_a_release_draws_what_it_says_is_one_line(said):
    line = in_one_line(said)
    assert "no such thing" in line and "\n" not in line
    assert not re.search("[\u2500-\u257f]", line)


INTERRUPTED = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from llm.__main__ import main
sys.exit(main())
"""


def test_ctrl_c_while_it_is_imported_is_no_traceback():
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], env=elsewhere(), text=True,
        capture_output=True,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (130, "error: stopped\n")


def test_a_run_is_not_overwritten(capsys, run):
    err = refuses(capsys, "train", "--text", "book.txt", *TINY)
    assert "runs/book is in use" in err
    assert "--resume" in err and "--folder" in err


def test_a_start_that_was_killed_does_not_block_the_name(capsys):
    Path("runs/book").mkdir(parents=True)
    Path("runs/book/tokenizer.json").write_text("{")
    Path("runs/book/.config.json.a1b2c3d4").write_text("{")
    assert call(capsys, "train", "--text", "book.txt", *TINY)[0] == 0
    assert not Path("runs/book/.config.json.a1b2c3d4").exists()


@pytest.mark.parametrize(("options", "message"), [
    (["--d-model", 32], "d_model=32, but the run has d_model=16"),
    (["--architecture", "gpt2"], "architecture=gpt2, but the run has"),
    (["--text", "other.txt"], "other.txt is not the text that the run began with"),
    (["--folder", "runs/none"], "no run in runs/none"),
])  # fmt: skip
def test_a_run_cannot_go_on_as_another(capsys, run, options, message):
    Path("other.txt").write_text(TEXT + "!")
    assert message in refuses(capsys, "train", "--resume", *options)


def test_a_text_that_has_changed_is_noticed(capsys, run):
    Path("book.txt").write_text(TEXT.replace("cat", "cow"), encoding="utf-8")
    assert "book.txt" in refuses(capsys, "train", "--resume")
    assert "book.txt has changed" in refuses(capsys, "evaluate")


@pytest.mark.parametrize("name", ["sample", "evaluate", "train"])
def test_without_any_run(capsys, name):
    options = ["--resume"] if name == "train" else []
    err = refuses(capsys, name, *options)
    assert "python -m llm train --text" in err


@pytest.mark.parametrize(("argv", "message"), [
    (["tokenize", "--text", "book.txt", "--vocab-size", 300, "--save", "no/x.json"],
     "/no\n"),
    (["train", *book("--folder", "book.txt/run")], "error: Not a directory: book.txt/"),
    (["sample", "--folder", "no"], "there is no whole checkpoint in no; train it with"),
    (["evaluate", "--folder", "no"], "there is no whole checkpoint in no; train it"),
    (["train", "--resume", "--folder", "no"], "there is no run in no to resume"),
])  # fmt: skip
def test_folders_that_are_not_there(capsys, argv, message):
    before = snapshot()
    code, _, err = call(capsys, *argv)
    assert code == 1
    assert message in err and err.count("\n") == 1
    assert snapshot() == before


def test_a_run_without_a_checkpoint(capsys, run):
    for folder in run.glob("checkpoint-*"):
        shutil.rmtree(folder)
    err = refuses(capsys, "sample", "--folder", run)
    assert "no whole checkpoint in runs/book" in err


def test_a_cut_checkpoint_gives_way_to_the_one_before(capsys, caplog, run):
    path = run / "checkpoint-000012" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    code, out, err = call(capsys, "sample", "--max-new-tokens", 5)
    assert (code, err) == (0, "")  # pytest has the log; otherwise it goes to stderr
    assert out
    (line,) = caplog.messages
    assert "skipping runs/book/checkpoint-000012: model.safetensors is cut" in line


def describe(folder, **changes):
    """Make the description fit the files, as a forger would."""
    description = json.loads((folder / "config.json").read_text())
    description["model"].update(changes)
    for name in description["sha256"]:
        data = (folder / name).read_bytes()
        description["sha256"][name] = hashlib.sha256(data).hexdigest()
    (folder / "config.json").write_text(json.dumps(description))


def test_a_checkpoint_of_another_shape(capsys, run):
    describe(run / "checkpoint-000012", d_model=32)
    err = refuses(capsys, "sample")
    assert "another shape: " in err and "(300, 16)" in err and "(300, 32)" in err


def test_a_pickle_in_place_of_a_checkpoint(capsys, run):
    folder = run / "checkpoint-000012"
    torch.save({"weight": torch.zeros(2)}, folder / "model.safetensors")
    describe(folder)
    err = refuses(capsys, "sample")
    assert "model.safetensors" in err and "never opened" in err


def test_a_tokenizer_file_that_is_cut(capsys, run):
    path = run / "tokenizer.json"
    path.write_text(path.read_text()[:-20])
    assert "tokenizer.json" in refuses(capsys, "sample")


@pytest.mark.parametrize(("options", "message"), [
    (["--temperature", -1], "temperature=-1"),
    (["--top-k", 0], "top_k=0"),
    (["--top-p", 2], "top_p=2"),
    (["--min-p", 2], "min_p=2"),
    (["--typical", 0], "typical=0"),
    (["--repetition-penalty", 0.5], "repetition_penalty=0.5"),
    (["--stop", ""], "empty stop string"),
    (["--max-new-tokens", -1], "max_new_tokens=-1"),
])  # fmt: skip
def test_samplers_that_cannot_be(capsys, run, options, message):
    assert message in refuses(capsys, "sample", *options)


def test_a_prompt_with_an_unknown_character(capsys):
    options = [*TINY, "--kind", "characters"]
    assert call(capsys, "train", "--text", "book.txt", *options)[0] == 0
    err = refuses(capsys, "sample", "--prompt", "The ß")
    assert "'ß' at position 4 is not in the vocabulary" in err


# A full disk ----------------------------------------------------------------------


def test_a_disk_that_is_full_at_the_second_checkpoint(capsys, monkeypatch):
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 6:  # tokenizer, settings, log, and one checkpoint fit
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = call(capsys, "train", "--text", "book.txt", *TINY)
    assert code == 1
    (line,) = [line for line in err.splitlines() if not line.startswith("step")]
    assert "No space left on device" in line
    assert "--resume --folder runs/book" in line
    assert [p.name for p in Path("runs/book").glob("*check*")] == [
        "checkpoint-000004"
    ]
    monkeypatch.setattr(os, "fsync", real)
    assert call(capsys, "train", "--resume")[0] == 0
    assert Path("runs/book/checkpoint-000012").is_dir()


def test_files_that_may_not_grow_as_far_as_a_checkpoint():
    """The system itself refuses to write: no file may have more than 12 kB."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
    result = subprocess.run(
        command("train", "--text", "book.txt", *TINY), env=elsewhere(), text=True,
        capture_output=True, preexec_fn=limit,
    )  # fmt: skip
    assert result.returncode == 1
    (line,) = [
        line for line in result.stderr.splitlines() if not line.startswith("step")
    ]
    assert "File too large" in line
    assert list(Path("runs/book").glob("*checkpoint*")) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written(run):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command("sample"), env=elsewhere(), text=True, stdout=full,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "No space left on device" in result.stderr


def test_a_reader_who_has_read_enough(run):
    process = subprocess.Popen(
        command("sample", "--max-new-tokens", 100_000), env=elsewhere(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("where", ["closed", "full"])
def test_where_nobody_listens_the_training_goes_on(where):
    redirected = "2>&-" if where == "closed" else "2>/dev/full"
    train = " ".join(map(str, command("train", *book("--folder", where))))
    result = subprocess.run(
        f"exec {train} {redirected}", shell=True, env=elsewhere(), text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert result.returncode == 0
    assert "held-out loss after 12 steps" in result.stdout


def test_without_standard_output_a_command_does_its_work(run):
    saved = "tokenize --text book.txt --vocab-size 300 --save made.json"
    line = " ".join([*command(), saved, ">&-"])
    result = subprocess.run(
        f"exec {line}", shell=True, env=elsewhere(), stderr=subprocess.PIPE
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert load("made.json").vocab_size == 300


# In every encoding ----------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
def test_into_a_file_goes_utf8(run, encoding):
    """As on Windows, where a file or a pipe would have the code page of the system."""
    Path("signs.txt").write_text("→✓ naïve 日本 " * 9, encoding="utf-8")
    options = [
        "tokenize",
        "--text",
        "signs.txt",
        "--kind",
        "characters",
        "--save",
        "signs.json",
    ]
    here = {**elsewhere(), "PYTHONIOENCODING": encoding}
    with open("out.txt", "wb") as out:
        result = subprocess.run(
            command(*options), env=here, stdout=out, stderr=subprocess.PIPE
        )
    assert (result.returncode, result.stderr) == (0, b"")
    shown = Path("out.txt").read_text(encoding="utf-8").splitlines()[1]
    assert shown.replace("|", "").startswith("→✓ naïve 日本 →")
    assert load("signs.json").encode("✓")


def test_a_terminal_keeps_its_encoding_and_shows_what_it_lacks():
    read, write = os.openpty()
    here = {**elsewhere(), "PYTHONIOENCODING": "cp1252"}
    script = "from llm.files import write_utf8; write_utf8(); print('é✓')"
    subprocess.run(
        [sys.executable, "-c", script], env=here, stdout=write, check=True
    )
    assert os.read(read, 99).decode("cp1252").strip() == "é\\u2713"


def test_the_commands_of_the_classroom_speak_utf8_too(tmp_path):
    script = """
from dataclasses import dataclass
from classroom.commands import run
@dataclass
class Tick:
    def __call__(self) -> int:
        print("✓")
        return 0
run(Tick)
"""
    here = {**elsewhere(), "PYTHONIOENCODING": "cp1252"}
    result = subprocess.run(
        [sys.executable, "-c", script], env=here, capture_output=True, check=True
    )
    assert result.stdout.decode("utf-8").strip() == "✓"


# Twice ----------------------------------------------------------------------------


@pytest.mark.parametrize(("argv", "name"), [
    (["sample", "--stop", "a", "--stop", "b"], "--stop"),
    (["train", "--text", "book.txt", "--batch-size", 1, "--batch_size=2"], "--batch-size"),
    (["tokenize", "--text", "a.txt", "--text=b.txt"], "--text"),
])  # fmt: skip
def test_an_option_that_is_given_twice(capsys, run, argv, name):
    assert f"{name} is given twice; give it once" in refuses(capsys, *argv, code=2)


def test_a_value_may_look_like_an_option(capsys, run):
    options = ["--prompt=--stop", "--stop", "a", "--max-new-tokens", 3]
    assert "twice" not in call(capsys, "sample", *options)[2]


# Marks and lines ------------------------------------------------------------------


def test_a_mark_is_not_counted_as_text(capsys):
    Path("two.txt").write_text("abc<|endoftext|>de")
    options = ["--text", "two.txt", "--kind", "bytes", "--show", 5]
    out = call(capsys, "tokenize", *options)[1].splitlines()
    assert out[0] == (
        "257 entries: 5 bytes are 5 tokens, 1.00 bytes per token; besides, 1 end marks"
    )


def test_a_model_that_knows_no_line_end_begins_without(capsys):
    Path("line.txt").write_text("abcde" * 90)
    options = tiny("--kind", "characters")
    assert call(capsys, "train", "--text", "line.txt", *options)[0] == 0
    code, out, _ = call(capsys, "sample", "--max-new-tokens", 4)
    assert code == 0 and set(out.strip()) <= set("abcde")


@pytest.mark.parametrize(("number", "message"), [
    (errno.ENOSPC, "; none is saved: make room, go on with"),
    (errno.EACCES, "; none is saved: when that is mended, go on with"),
])  # fmt: skip
def test_what_to_mend_is_said_as_it_is(capsys, monkeypatch, number, message):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("llm.train.save_checkpoint", fail)
    code, _, err = call(capsys, "train", *book())
    assert code == 1
    assert os.strerror(number) + message in err


def test_text_is_read_in_full(run):
    assert load_text("book.txt") == TEXT
