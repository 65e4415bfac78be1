"""`python -m llm train --corpus stories`, and all that knows the floor."""

import json
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch

from llm.checkpoints import load_model
from llm.cli import main
from llm.cli.options import parse
from llm.cli.train import STORIES, conclude
from llm.corpora import story
from llm.data import documents
from llm.evaluate import evaluate, grammatical_share
from llm.generate import generate, greedy
from llm.oracle import surprises
from llm.runs import HELD_OUT_SEED, TOKENIZER_STORIES
from llm.tokenizers import END_OF_TEXT, BPETokenizer, load
from llm.train import TrainConfig, read_log
from tests.command_line import call

SETTINGS = """
    --vocab-size 2560 --d-model 16 --n-layers 1 --n-heads 2 --batch-size 4 --steps 4
    --evaluate-every 2 --evaluation-windows 6 --checkpoint-every 2 --device cpu
"""
TINY = SETTINGS.split()


def command(*options):
    """Train with small settings, but for those that are given."""
    pairs = zip(TINY[::2], TINY[1::2], strict=True)
    kept = [word for pair in pairs if pair[0] not in options for word in pair]
    return ["train", "--corpus", "stories", *kept, *options]


TRAIN = command()


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that is done, to be copied, and what it said."""
    folder = tmp_path_factory.mktemp("trained") / "stories"
    before, out = torch.get_num_threads(), folder.parent / "out.txt"
    torch.set_num_threads(1)
    with out.open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", file)
        assert main([*TRAIN, "--folder", str(folder)]) == 0
    torch.set_num_threads(before)
    return folder, out.read_text()


@pytest.fixture
def run(trained):
    return Path(shutil.copytree(trained[0], "runs/stories"))


def held_out(tokenizer, seed, count):
    texts = [story(seed, i) for i in range(count)]
    rows = [tokenizer.encode(text) for text in texts]
    end = tokenizer.special_tokens[END_OF_TEXT]
    return *documents(rows, end, STORIES.model.context_length), surprises(texts)


# The whole way --------------------------------------------------------------------


def test_training_says_how_far_the_floor_is(trained):
    run, out = trained
    tokenizer = load(run / "tokenizer.json")
    _, y, floor = held_out(tokenizer, HELD_OUT_SEED, 6)
    last = read_log(run / "log.jsonl")[-1]
    assert last["floor"] == pytest.approx(float(floor.sum() / (y != -100).sum()))
    loss, gap = last["validation_loss"], last["gap"]
    assert gap == pytest.approx(loss - last["floor"])
    found = re.search(
        r"after 4 steps: ([\d.]+) ± [\d.]+ nats per token; the floor of these "
        r"texts is ([\d.]+), so ([\d.]+) ± [\d.]+ to go\n",
        out,
    )
    said = tuple(map(float, found.groups()))
    assert said == pytest.approx((loss, last["floor"], gap), abs=6e-4)
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_log_counts_what_was_learnt_from(trained):
    tokenizer = load(trained[0] / "tokenizer.json")
    lengths = [len(tokenizer.encode(story(0, i))) + 1 for i in range(16)]
    counted = [record["tokens"] for record in read_log(trained[0] / "log.jsonl")]
    assert counted == [sum(lengths[: 4 * step]) for step in (1, 2, 3, 4)]


def test_training_never_meets_what_is_held_out():
    assert HELD_OUT_SEED < 0
    with pytest.raises(ValueError, match="seed=-1 must be at least 0"):
        TrainConfig(seed=HELD_OUT_SEED)
    texts = {story(HELD_OUT_SEED, i) for i in range(300)}
    assert not texts & {story(0, i) for i in range(300)}


@pytest.mark.parametrize(("options", "seed", "count"), [
    ([], HELD_OUT_SEED, 500),
    (["--count", 5], HELD_OUT_SEED, 5),
    (["--count", 5, "--corpus", "stories", "--seed", -3], -3, 5),
])  # fmt: skip
def test_evaluate_measures_on_stories_never_seen(
    capsys, monkeypatch, run, options, seed, count
):
    if not options:  # the default, without the minute it takes
        shorter = lambda seed, i: story(seed, i % 5)
        monkeypatch.setattr("llm.runs.story", shorter)
        count = 5
    model = load_model(run / "checkpoint-000004")
    tokenizer = load(run / "tokenizer.json")
    x, y, floor = held_out(tokenizer, seed, count)
    wanted = evaluate(model, tokenizer, x, y, floor=floor)
    code, out, _ = call(capsys, "evaluate", *options)
    assert code == 0
    assert wanted.gap > 4
    if options:
        assert out == f"{wanted}\n"
    else:
        assert f"{500 * wanted.n_tokens // 5:,} tokens" in out
        assert f"the floor of these texts is {wanted.floor:.3f}" in out


def test_evaluate_on_a_text_has_no_floor(capsys, run):
    Path("other.txt").write_text(f"{story(5)}\n\n{story(6)}\n")
    code, out, _ = call(capsys, "evaluate", "--text", "other.txt")
    assert code == 0
    assert "bits per byte" in out and "floor" not in out


def test_evaluate_counts_stories_without_fault(capsys, monkeypatch, run):
    options = ["--count", 2, "--grammatical", 3]
    model = load_model(run / "checkpoint-000004")
    texts = generate(
        model, load(run / "tokenizer.json"), [""] * 3, max_new_tokens=255
    )
    share = sum(map(grammatical_share, texts)) / 3
    out = call(capsys, "evaluate", *options)[1].splitlines()
    assert out[-1].startswith("0 of 3 stories that it writes are without fault")
    assert f"after {share:.0%} of a story" in out[-1]
    told = lambda model, tokenizer, prompts, **_: [story(1), story(2), "It"]
    monkeypatch.setattr("llm.cli.evaluate.generate", told)
    out = call(capsys, "evaluate", *options)[1].splitlines()
    assert out[-1].startswith("2 of 3 stories") and "89%" in out[-1]


def test_sample_begins_a_story(capsys, run):
    model = load_model(run / "checkpoint-000004")
    tokenizer = load(run / "tokenizer.json")
    (wanted,) = generate(model, tokenizer, [""], sampler=greedy, max_new_tokens=20)
    options = ["--temperature", 0, "--max-new-tokens", 20]
    assert call(capsys, "sample", *options) == (0, f"{wanted}\n", "")
    assert call(capsys, "sample", *options, "--prompt", "Mia")[1].startswith("Mia")


def test_a_run_goes_on_as_if_it_had_not_stopped(capsys, run):
    more = ["--steps", 6, "--learning-rate", 0.01, "--folder"]
    alone = command("--checkpoint-every", 3, *more, "alone")
    assert call(capsys, *alone)[0] == 0
    first = command(*more, "stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llm.cli.train.Progress.__call__", stop_at(3))
        assert call(capsys, *first)[0] == 130
    resume = ["train", "--resume", "--folder", "stopped"]
    assert call(capsys, *resume)[0] == 0
    alone, stopped = (
        [
            {k: v for k, v in record.items() if k != "tokens_per_second"}
            for record in read_log(Path(name, "log.jsonl"))
        ]
        for name in ("alone", "stopped")
    )
    assert stopped == alone and len(alone) == 6
    weights = [
        Path(name, "checkpoint-000006", "model.safetensors").read_bytes()
        for name in ("alone", "stopped")
    ]
    assert weights[0] == weights[1]


def stop_at(step):
    """Presses Ctrl-C when a step is done."""

    def watch(progress, record):
        if record["step"] == step:
            signal.raise_signal(signal.SIGINT)

    return watch


# What stands where no option is given ---------------------------------------------


@pytest.mark.parametrize("words", [["--corpus", "stories"], ["--corpus=stories"]])
def test_stories_have_settings_of_their_own(words):
    assert parse(["train", *words]) == STORIES
    other = parse(["train", "--steps", "7", *words, "--d-model", "64"])
    assert (other.training.steps, other.model.d_model) == (7, 64)
    assert other.model.vocab_size == STORIES.model.vocab_size
    assert parse(["train", "--text", "a.txt"]).model != STORIES.model


def test_help_shows_them(capsys):
    texts = []
    for words in (["--corpus", "stories"], []):
        with pytest.raises(SystemExit):
            main(["train", *words, "--help"])
        texts.append(" ".join(capsys.readouterr().out.split()))
    for text, command in zip(texts, (STORIES, parse(["train"])), strict=True):
        assert f"(default: {command.model.vocab_size})" in text
        assert f"(default: {command.training.steps})" in text
        assert "python -m llm train --corpus stories" in text


def test_every_story_fits_into_the_context():
    tokenizer = BPETokenizer.train(
        [story(0, i) for i in range(TOKENIZER_STORIES)],
        STORIES.model.vocab_size,
        [END_OF_TEXT],
    )
    lengths = [len(tokenizer.encode(story(3, i))) + 1 for i in range(500)]
    assert 150 < max(lengths) < 0.95 * STORIES.model.context_length


# Going wrong ----------------------------------------------------------------------


def refused(capsys, *argv):
    before = {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()}
    code, out, err = call(capsys, *argv)
    assert code in (1, 2) and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert before == {p: p.read_bytes() for p in Path().rglob("*") if p.is_file()}
    return err


@pytest.mark.parametrize(("options", "message"), [
    (["--text", "a.txt", "--corpus", "stories"],
     "--text a.txt and --corpus stories exclude each other; leave one of them out"),
    ([], "--text is missing: name a file, a folder, or - for stdin; or learn from --co"),
    ([*TRAIN[1:], "--context-length", 99], "with its end mark, but context_length=99"),
    ([*TRAIN[1:], "--kind", "words"], "take bpe, characters or bytes"),
    ([*TRAIN[1:], "--tokenizer", "plain.json"], "no <|endoftext|> to end a story with"),
])  # fmt: skip
def test_what_cannot_be_learnt_from(capsys, options, message):
    Path("a.txt").write_text("A text.")
    BPETokenizer.train(["A text."], 257).save("plain.json")
    assert message in refused(capsys, "train", *options)


@pytest.mark.parametrize(("options", "message"), [
    (["train", "--resume", "--seed", 3], "seed=3, but the run has seed=0"),
    (["train", "--resume", "--text", "a.txt"], "--text a.txt and --corpus stories exclude"),
    (["train", "--resume", "--d-model", 32], "d_model=32, but the run has d_model=16"),
    (["train", "--corpus", "stories"], "runs/stories is in use"),
    (["evaluate", "--text", "a.txt", "--corpus", "stories"], "exclude each other"),
    (["evaluate", "--count", 0], "count=0 must be at least 1"),
])  # fmt: skip
def test_what_a_run_of_stories_refuses(capsys, run, options, message):
    Path("a.txt").write_text("A text.")
    assert message in refused(capsys, *options)


def test_a_model_of_a_text_too_small_for_stories(capsys, run):
    """Any run can be measured on stories, if it can read them."""
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, "corpus": None}))
    stories = ["evaluate", "--corpus", "stories", "--count", 3]
    assert "the floor" in call(capsys, *stories)[1]
    Path("a.txt").write_text(story(4) * 4)
    small = command("--vocab-size", 300, "--context-length", 32)[3:]
    assert call(capsys, "train", "--text", "a.txt", *small)[0] == 0
    message = "but context_length=32; choose a context_length of at least"
    assert message in refused(capsys, *stories, "--folder", "runs/a")


# Too good to be true --------------------------------------------------------------


def test_a_loss_below_the_floor_is_no_success(capsys, monkeypatch, run):
    real = surprises
    monkeypatch.setattr("llm.runs.surprises", lambda texts: 100 * real(texts))
    code, out, _ = call(capsys, "evaluate", "--count", 4)
    assert code == 1
    assert "BELOW the floor" in out and "to go" not in out


def test_training_below_the_floor_is_no_success(capsys):
    record = {
        "step": 2000, "loss": 0.4, "validation_loss": 0.5,
        "validation_standard_error": 0.01, "floor": 1.2, "gap": -0.7,
        "gap_standard_error": 0.02,
    }  # fmt: skip
    Path("run").mkdir()
    assert conclude(Path("run"), [record], TrainConfig()) == 1
    out = capsys.readouterr().out
    assert "0.700 ± 0.020 BELOW the floor of 1.200" in out
    assert "sample" not in out
