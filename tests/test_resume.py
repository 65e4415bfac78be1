"""A run that is killed and goes on ends where one that was left alone ends: every
weight, every moment of the optimizer and every line of the log, bit for bit.

The processes are real and die of SIGKILL: at random moments, and at each place
where a checkpoint is half written. They are forked from a server that has imported
PyTorch once, which saves seconds for each.
"""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import llm
from llm.checkpoints import (
    checkpoints,
    load_checkpoint,
    load_model,
    newest_checkpoint,
    read_tensors,
    save_checkpoint,
    set_optimizer_state,
    settings_of,
    weights,
    write_folder,
)
from llm.data import Batches, DocumentBatches, documents, windows
from llm.layers import FeedForward, LearnedPositions, RMSNorm, RotaryPositions
from llm.model import GPTConfig, TransformerBlock, build
from llm.ngram import BigramTable
from llm.train import TrainConfig, make_optimizer, read_log, train

SIZES = dict(vocab_size=11, context_length=8, d_model=16, n_layers=1, n_heads=2)
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["llm.train", "torch._dynamo"])


def make(seed=0, **sizes):
    torch.manual_seed(seed)
    return build(GPTConfig(**{**SIZES, **sizes}))


def some_ids(n, seed):
    return torch.randint(11, (n,), generator=torch.Generator().manual_seed(seed))


def train_on(model, ids, held_out, config, **options):
    """Train on the windows of one row of ids, and measure on those of another."""
    supply = Batches(ids, 8, config.batch_size, config.seed)
    rows = None if held_out is None else windows(held_out, 8)
    return train(model, supply, rows, config, **options)


def learn(run, steps=200, pause=0.0, die=lambda: None, **options):
    """What a process does: train to the end, unless it dies."""
    torch.set_num_threads(1)
    os.fsync = lambda descriptor: None  # matters when the power fails, and is slow
    die()
    config = TrainConfig(
        steps=steps, batch_size=4, evaluate_every=20, learning_rate=0.01,
        device="cpu", **{"checkpoint_every": 6, "optimizer": "muon", **options},
    )  # fmt: skip
    train_on(
        make(dropout=0.2), some_ids(500, 0), some_ids(60, 1), config, run=run,
        on_record=lambda record: time.sleep(pause),
    )  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Another number of threads would add in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(*args, **kwargs):
    process = CONTEXT.Process(target=learn, args=args, kwargs=kwargs, daemon=True)
    process.start()
    return process


def finish(*args, **kwargs):
    process = start(*args, **kwargs)
    process.join(60)
    return process.exitcode


def result(run):
    """All that a run leaves behind, but for how fast it was."""
    newest = newest_checkpoint(run)
    names = ("model.safetensors", "optimizer.safetensors")
    files = {name: (newest / name).read_bytes() for name in names}
    records = read_log(run / "log.jsonl")
    for record in records:
        del record["tokens_per_second"]
    return newest.name, files, records


def left_alone(folder, steps):
    assert finish(folder / "run", steps) == 0
    name, files, records = result(folder / "run")
    assert name == f"checkpoint-{steps:06d}"
    assert [r["step"] for r in records] == list(range(1, steps + 1))
    return name, files, records


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return left_alone(tmp_path_factory.mktemp("undisturbed"), 200)


@pytest.fixture(scope="module")
def undisturbed_60(tmp_path_factory):
    return left_alone(tmp_path_factory.mktemp("undisturbed_60"), 60)


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_again_and_again_at_random(tmp_path, undisturbed, seed):
    moments = random.Random(seed)
    n_killed = 0
    for _ in range(6):
        process = start(tmp_path / "run", pause=0.003)
        time.sleep(moments.uniform(0.05, 0.6))
        process.kill()
        process.join()
        n_killed += process.exitcode == -signal.SIGKILL
    assert n_killed > 0
    assert finish(tmp_path / "run") == 0
    assert result(tmp_path / "run") == undisturbed


class DieAt:
    """Kills its own process in the n-th call of a function."""

    def __init__(self, place, n, before):
        self.place, self.n, self.before = place, n, before

    def __call__(self):
        owner, name = {
            "fsync": (os, "fsync"),
            "rename": (Path, "rename"),
            "delete": (shutil, "rmtree"),
            "replace": (os, "replace"),
        }[self.place]
        original = getattr(owner, name)

        def deadly(*args, **kwargs):
            self.n -= 1
            if self.n == 0 and self.before:
                os.kill(os.getpid(), signal.SIGKILL)
            value = original(*args, **kwargs)
            if self.n == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return value

        setattr(owner, name, deadly)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(("place", "n"), [
    ("replace", 1), ("fsync", 1), ("fsync", 17), ("fsync", 18), ("fsync", 19),
    ("rename", 1), ("rename", 7), ("rename", 8), ("delete", 9), ("delete", 10),
])  # fmt: skip
def test_killed_where_a_file_is_half_written(
    tmp_path, undisturbed_60, place, n, before
):
    run = tmp_path / "run"
    assert finish(run, 60, die=DieAt(place, n, before)) == -signal.SIGKILL
    assert finish(run, 60) == 0
    assert result(run) == undisturbed_60
    names = {path.name for path in run.iterdir()}
    assert names == {"log.jsonl", "checkpoint-000054", "checkpoint-000060"}


def test_a_hundred_steps_then_a_hundred_more(tmp_path, undisturbed):
    run = tmp_path / "run"
    seen = {"n": 0}

    def hundred():
        seen["n"] += 1
        return seen["n"] == 100

    config = TrainConfig(
        steps=200, batch_size=4, evaluate_every=20, learning_rate=0.01,
        device="cpu", checkpoint_every=1000, optimizer="muon",
    )  # fmt: skip
    data = some_ids(500, 0), some_ids(60, 1)
    train_on(make(dropout=0.2), *data, config, run=run, should_stop=hundred)
    assert newest_checkpoint(run).name == "checkpoint-000100"
    torch.manual_seed(12345)  # nothing hangs on the state of the process
    records = train_on(make(seed=9, dropout=0.2), *data, config, run=run)
    assert len(records) == 200
    assert result(run)[1:] == undisturbed[1:]


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def document(number):
    """From 1 to 7 ids, whatever was asked for before."""
    return some_ids(1 + number * number % 7, number).tolist()


@pytest.mark.parametrize("stops", [[1], [13, 14], [6, 12, 29]])
def test_documents_too_go_on_bit_for_bit(tmp_path, stops):
    """Each stop is a new process in all but name: model, supply, optimizer anew."""
    config = TrainConfig(
        steps=30, batch_size=4, evaluate_every=10, checkpoint_every=6, device="cpu"
    )
    rows = documents([document(n) for n in range(90, 99)], 0, 8)

    def go(run, seed, n_steps):
        model, supply = make(seed, dropout=0.2), DocumentBatches(document, 0, 8, 4)
        options = {"floor": torch.ones(9), "should_stop": stop_at(n_steps)}
        train(model, supply, rows, config, run=run, **options)
        return result(run)

    places = [0, *stops, 30]
    for seed, (done, stop) in enumerate(pairwise(places)):
        found = go(tmp_path / "stopped", seed, stop - done)
    assert found == go(tmp_path / "alone", 0, 30)
    assert "gap" in found[2][-1]


DAMAGES = {
    "cut": cut,
    "one bit flipped": flip,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
}


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    run = tmp_path_factory.mktemp("half") / "run"
    data = some_ids(500, 0), some_ids(60, 1)
    config = TrainConfig(steps=40, batch_size=4, checkpoint_every=10, device="cpu")
    train_on(make(), *data, config, run=run, should_stop=stop_at(20))
    return run, data, config


def stop_at(n):
    seen = []
    return lambda: seen.append(n) or len(seen) == n


@pytest.mark.parametrize(("name", "damage"), [
    (name, damage)
    for name in ("model.safetensors", "optimizer.safetensors", "config.json")
    for damage in DAMAGES
    if (name, damage) != ("config.json", "one bit flipped")  # still a setting
])  # fmt: skip
def test_a_broken_checkpoint_is_skipped_with_one_line(
    tmp_path, half_way, caplog, name, damage
):
    original, data, config = half_way
    run = tmp_path / "run"
    shutil.copytree(original, run)
    DAMAGES[damage](run / "checkpoint-000020" / name)
    assert newest_checkpoint(run) == run / "checkpoint-000010"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "\n" not in record.getMessage()
    assert f"skipping {run / 'checkpoint-000020'}" in record.getMessage()
    assert name in record.getMessage()
    steps = [r["step"] for r in train_on(make(), *data, config, run=run)]
    assert steps == list(range(1, 41))
    assert newest_checkpoint(run).name == "checkpoint-000040"


def test_the_log_follows_the_checkpoint(tmp_path, half_way):
    run = tmp_path / "run"
    shutil.copytree(half_way[0], run)
    shutil.rmtree(run / "checkpoint-000020")
    with (run / "log.jsonl").open("a") as file:
        file.write('{"step": 21, "lo')  # the line that was cut
    records = train_on(make(), *half_way[1], half_way[2], run=run)
    on_disk = [json.loads(line) for line in (run / "log.jsonl").open()]
    assert on_disk == records
    assert [r["step"] for r in on_disk] == list(range(1, 41))


def test_a_finished_run_has_nothing_to_do(tmp_path, half_way):
    run = tmp_path / "run"
    shutil.copytree(half_way[0], run)
    config = TrainConfig(steps=20, batch_size=4, device="cpu")
    before = {p: p.stat().st_mtime_ns for p in run.glob("checkpoint-*/*")}
    assert len(train_on(make(), *half_way[1], config, run=run)) == 20
    assert before == {p: p.stat().st_mtime_ns for p in run.glob("checkpoint-*/*")}


def test_the_last_checkpoints_are_kept(tmp_path):
    config = TrainConfig(
        steps=9, batch_size=2, checkpoint_every=2, keep_checkpoints=3, device="cpu"
    )
    train_on(make(), some_ids(99, 0), None, config, run=tmp_path)
    kept = [folder.name[-1] for folder in checkpoints(tmp_path)]
    assert kept == ["9", "8", "6"]


def test_a_later_broken_checkpoint_does_not_push_out_a_good_one(tmp_path):
    model = make()
    optimizer = make_optimizer(model, TrainConfig())
    (tmp_path / "checkpoint-000900").mkdir()
    for step in (1, 2):
        save_checkpoint(tmp_path, step, model, optimizer, {"model": {}}, keep=1)
    names = [folder.name for folder in checkpoints(tmp_path)]
    assert names == ["checkpoint-000900", "checkpoint-000002"]
    assert newest_checkpoint(tmp_path).name == "checkpoint-000002"


# What a checkpoint gives back, and what it refuses --------------------------------


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_model_comes_back_as_it_was(tmp_path, architecture):
    model = make(architecture=architecture)
    config = TrainConfig(steps=3, batch_size=2, device="cpu")
    train_on(model, some_ids(99, 0), None, config, run=tmp_path)
    again = load_model(newest_checkpoint(tmp_path))
    assert again.config == model.config
    assert not again.training
    ids = some_ids(8, 2)[None]
    assert torch.equal(again(ids), model.eval()(ids))


def saved(folder, **sizes):
    model = make(**sizes)
    optimizer = make_optimizer(model, TrainConfig())
    model(torch.zeros(1, 4, dtype=torch.long)).sum().backward()
    optimizer.step()
    save_checkpoint(folder, 1, model, optimizer, {"model": SIZES})
    return folder / "checkpoint-000001", model, optimizer


def test_the_optimizer_comes_back_as_it_was(tmp_path):
    folder, model, optimizer = saved(tmp_path)
    other = make(seed=5)
    fresh = make_optimizer(other, TrainConfig())
    assert load_checkpoint(folder, other, fresh) == 1
    pairs = zip(model.parameters(), other.parameters(), strict=True)
    for old, new in pairs:
        assert torch.equal(old, new)
        assert optimizer.state[old].keys() == fresh.state[new].keys()
        for key, value in optimizer.state[old].items():
            assert torch.equal(value, fresh.state[new][key])


@pytest.mark.parametrize(("sizes", "message"), [
    (dict(d_model=32), r"another shape: .* is \(11, 16\) in .*, \(11, 32\) in"),
    (dict(n_layers=2), "another model: the model has blocks.1.* has not"),
    (dict(architecture="llama"), "another model: .* has .* has not"),
])  # fmt: skip
def test_a_checkpoint_of_another_model_is_refused(tmp_path, sizes, message):
    folder, _, _ = saved(tmp_path)
    other = make(**sizes)
    before = {name: w.clone() for name, w in weights(other).items()}
    with pytest.raises(ValueError, match=message):
        load_checkpoint(folder, other)
    assert all(torch.equal(before[n], w) for n, w in weights(other).items())


def test_the_state_of_another_optimizer_is_refused(tmp_path):
    folder, _, _ = saved(tmp_path)
    state = read_tensors(folder / "optimizer.safetensors")
    for sizes in (dict(d_model=32), dict(architecture="llama")):
        other = make(**sizes)
        fresh = make_optimizer(other, TrainConfig())
        with pytest.raises(ValueError, match="fits no parameter"):
            set_optimizer_state(other, fresh, state)
        assert not fresh.state


def test_a_tensor_that_the_optimizer_lacks_is_named(tmp_path):
    folder, model, _ = saved(tmp_path)
    state = read_tensors(folder / "optimizer.safetensors")
    del state["norm.weight/exp_avg"]
    fresh = make_optimizer(model, TrainConfig())
    with pytest.raises(ValueError, match=r"has no norm\.weight/exp_avg"):
        set_optimizer_state(model, fresh, state)
    assert not fresh.state


def test_the_learning_rates_come_back(tmp_path):
    model = make()
    groups = [
        {"params": [p], "lr": 0.1 * i} for i, p in enumerate(model.parameters())
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    save_checkpoint(tmp_path, 1, model, optimizer, {})
    fresh = torch.optim.SGD([{"params": [p]} for p in model.parameters()], lr=7.0)
    load_checkpoint(tmp_path / "checkpoint-000001", model, fresh)
    assert [g["lr"] for g in fresh.param_groups] == [g["lr"] for g in groups]
    other = torch.optim.SGD(model.parameters(), lr=7.0)
    with pytest.raises(ValueError, match=r"20 groups of parameters in .*, 1 here"):
        load_checkpoint(tmp_path / "checkpoint-000001", model, other)
    assert other.param_groups[0]["lr"] == 7.0


def test_no_settings_and_paths_as_words_are_enough(tmp_path):
    model = make()
    run = str(tmp_path / "run")
    save_checkpoint(run, 3, model, torch.optim.SGD(model.parameters(), lr=1.0), {})
    folder = newest_checkpoint(run)
    assert folder == tmp_path / "run" / "checkpoint-000003"
    again = load_model(str(folder))
    assert again.config == model.config
    assert load_checkpoint(str(folder), make(seed=4)) == 3


def trip(tmp_path, model, other):
    """Save a model and put what was saved into another."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    save_checkpoint(tmp_path, 1, model, optimizer, {})
    load_checkpoint(tmp_path / "checkpoint-000001", other)
    return other


def test_buffers_come_back(tmp_path):
    table = BigramTable(11)
    table.count(some_ids(50, 0), some_ids(50, 1))
    assert torch.equal(trip(tmp_path, table, BigramTable(11)).counts, table.counts)
    norm = torch.nn.BatchNorm1d(4)
    norm(torch.randn(9, 4))
    again = trip(tmp_path, norm, torch.nn.BatchNorm1d(4))
    assert torch.equal(again.running_mean, norm.running_mean)
    assert again.num_batches_tracked == 1


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_compiled_model_is_saved_as_what_it_is(tmp_path, architecture):
    model, ids = make(architecture=architecture).eval(), some_ids(8, 2)[None]
    expected = model(ids)
    for compiled in (torch.compile(model), with_a_compiled_block(model)):
        again = trip(tmp_path, compiled, make(seed=3, architecture=architecture))
        assert torch.equal(again.eval()(ids), expected)
        other = load_model(tmp_path / "checkpoint-000001")
        assert torch.equal(other(ids), expected)
    into = torch.compile(make(seed=3, architecture=architecture))
    assert torch.equal(trip(tmp_path, model, into)._orig_mod.eval()(ids), expected)


def with_a_compiled_block(model):
    model.blocks[0] = torch.compile(model.blocks[0], backend="eager")
    return model


def test_weights_that_are_not_contiguous_or_share_memory_are_saved(tmp_path):
    one, other = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    both = torch.nn.Sequential(one, other)
    one.weight = torch.nn.Parameter(torch.randn(4, 4).T)
    other.weight = torch.nn.Parameter(one.weight.data)  # two names, one memory
    again = trip(
        tmp_path,
        both,
        torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)),
    )
    for mine, theirs in zip(both, again, strict=True):
        assert torch.equal(mine.weight, theirs.weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_precision_comes_back_or_is_refused(tmp_path, dtype):
    model = make(architecture="llama").to(dtype)
    save_checkpoint(tmp_path, 1, model, make_optimizer(model, TrainConfig()), {})
    again = load_model(tmp_path / "checkpoint-000001").eval()
    ids = some_ids(8, 2)[None]
    assert torch.equal(again(ids), model.eval()(ids))
    message = rf"is {dtype} in .*, torch.float32 in the model; write model.to"
    with pytest.raises(ValueError, match=message):
        load_checkpoint(tmp_path / "checkpoint-000001", make(architecture="llama"))


# A saved model is the trained model -----------------------------------------------


SETTINGS = [
    dict(norm_eps=1e-2),
    dict(gelu="exact"),
    dict(tie_embeddings=False),
    dict(bias=False),
    dict(architecture="llama", rope_base=100.0),
    dict(architecture="llama", tie_embeddings=True),
    dict(architecture="llama", bias=True, norm_eps=1e-2),
    dict(architecture="llama", d_ff=7, n_kv_heads=1),
]


@pytest.mark.parametrize("sizes", SETTINGS, ids=str)
def test_every_setting_of_a_model_comes_back(tmp_path, sizes):
    model = make(**sizes).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    save_checkpoint(tmp_path, 1, model, make_optimizer(model, TrainConfig()), {})
    again = load_model(tmp_path / "checkpoint-000001")
    ids = some_ids(8, 2)[None]
    assert torch.equal(again(ids), model(ids))
    assert (again.head.weight is again.embedding.tokens.weight) == model.config.tied
    if "tie_embeddings" in sizes:
        return
    plain = make(architecture=model.config.architecture).eval()
    with pytest.raises((RuntimeError, AssertionError)):  # the setting matters
        plain.load_state_dict(model.state_dict())
        assert torch.equal(plain(ids), model(ids))


def another_base(model):
    rotary = RotaryPositions(8, 8, base=500_000.0)
    for block in model.blocks:
        block.attention.rotate = rotary


def another_eps(model):
    model.blocks[0].norm2.eps = 1e-2


def an_exact_gelu(model):
    model.blocks[0].feed_forward = FeedForward(16, gelu="exact")


def an_untied_head(model):
    model.head.weight = torch.nn.Parameter(model.head.weight.clone())


def another_norm(model):
    model.norm = RMSNorm(16)


def a_block_more(model):
    model.blocks.append(TransformerBlock(16, 2))


def a_part_left_out(model):
    model.blocks[0].feed_forward = torch.nn.Identity()


def a_forward_of_its_own(model):
    model.norm.forward = lambda x: 2 * x


def a_wider_context(model):
    model.embedding.positions_part = LearnedPositions(9, 16)


def a_rotation_where_there_was_none(model):
    model.blocks[0].attention.rotate = RotaryPositions(8, 8)


def more_dropout(model):
    model.embedding.dropout = torch.nn.Dropout(0.5)


@pytest.mark.parametrize(("architecture", "change", "message"), [
    ("llama", another_base, r"rotate.base is 500000.0, and build\(.* has 10000.0"),
    ("gpt2", another_eps, "blocks.0.norm2.eps is 0.01, and .* has 1e-05"),
    ("gpt2", an_exact_gelu, "blocks.0.feed_forward.activation is"),
    ("gpt2", an_untied_head, r"head.weight is \(11, 16\), and .* has nothing"),
    ("gpt2", another_norm, "norm is RMSNorm, and .* has LayerNorm"),
    ("gpt2", a_block_more, "blocks.1 is TransformerBlock, and .* has nothing"),
    ("gpt2", a_part_left_out, "feed_forward is Identity, and .* has FeedForward"),
    ("gpt2", a_forward_of_its_own, "norm.forward is .*, and .* has nothing"),
    ("gpt2", a_wider_context, r"positions_part.weight is \(9, 16\), .*\(8, 16\)"),
    ("gpt2", a_rotation_where_there_was_none, "attention.rotate is"),
    ("gpt2", more_dropout, "embedding.dropout is Dropout, and .* has Identity"),
])  # fmt: skip
def test_a_model_that_no_configuration_describes_is_not_saved(
    tmp_path, architecture, change, message
):
    model = make(architecture=architecture)
    change(model)
    with pytest.raises(ValueError, match=f"{message}.*What GPTConfig can say"):
        save_checkpoint(
            tmp_path, 1, model, make_optimizer(model, TrainConfig()), {}
        )
    assert not list(tmp_path.iterdir())


def test_training_refuses_such_a_model_before_the_first_step(tmp_path):
    model, steps = make(architecture="llama"), []
    another_base(model)
    config = TrainConfig(steps=3, batch_size=2, device="cpu")
    options = {"run": tmp_path, "on_record": steps.append}
    with pytest.raises(ValueError, match="What GPTConfig can say"):
        train_on(model, some_ids(99, 0), None, config, **options)
    assert not steps


class Bomb:
    """A pickle of this would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "model.safetensors"
    torch.save(Bomb(tmp_path / "exploded"), path)
    with pytest.raises(ValueError, match=r"model.safetensors .* never opened"):
        read_tensors(path)
    assert not (tmp_path / "exploded").exists()


def test_no_module_of_the_package_can_unpickle():
    package = Path(llm.__file__).parent
    for path in package.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for word in ("import pickle", " torch.load(", " torch.save(", "joblib"):
            assert word not in source, f"{path} has {word}"


@pytest.mark.parametrize(("text", "message"), [
    ('{"step": 1', "config.json is cut short or no JSON"),
    ("[1, 2]", "config.json holds no JSON object"),
    ('{"step": 1}', "config.json does not describe a checkpoint"),
    ('{"step": "x", "sha256": {}}', "config.json does not describe a checkpoint"),
    ('{"step": 1, "sha256": {}}', r"does not describe a GPT; .* load_checkpoint\("),
])  # fmt: skip
def test_a_description_that_describes_nothing_is_refused(tmp_path, text, message):
    folder, _, _ = saved(tmp_path)
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_model(folder)


@pytest.mark.parametrize(("change", "message"), [
    (dict(n_legs=4), "no GPTConfig in the file: .*n_legs"),
    (dict(n_heads=5), "n_heads=5 does not divide d_model=16"),
])  # fmt: skip
def test_settings_from_elsewhere_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        settings_of(GPTConfig, {**SIZES, **change})


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    folder, _, _ = saved(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*s*")}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in (folder.name, "checkpoint-000002"):
        with pytest.raises(OSError, match="No space left"):
            write_folder(tmp_path / name, {"a": b"new"})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*s*")} == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
