"""Two processes that share every batch make the updates that one makes alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import llm.distributed
import llm.runs
import llm.train
from llm.cli import main
from llm.data import IGNORE
from llm.distributed import my_share
from llm.train import read_log

SETTINGS = """
    --kind characters --context-length 8 --d-model 16 --n-layers 1 --n-heads 2
    --batch-size 6 --micro-batch-size 2 --learning-rate 0.01 --evaluate-every 4
    --dropout 0 --device cpu --dtype float32 --steps
"""


def text_file(folder):
    path = folder / "text.txt"
    path.write_text("the cat sat on the mat, and the dog sat on the cat. " * 20)
    return path


def torchrun(*arguments, program=("-m", "llm")):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node=2", *program, *arguments]
    root = str(Path(llm.train.__file__).parents[1])
    here = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    return subprocess.run(
        command, env=here, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same training by one process, and by two."""
    folder = tmp_path_factory.mktemp("runs")
    train = ["train", "--text", str(text_file(folder)), *SETTINGS.split(), "12"]
    result = torchrun(*train, "--folder", str(folder / "two"))
    assert result.returncode == 0, result.stderr
    assert main([*train, "--folder", str(folder / "one")]) == 0
    return folder / "one", folder / "two", result


STORIES = """
    train --corpus stories --vocab-size 1024 --context-length 512 --d-model 16
    --n-layers 1 --n-heads 2
    --batch-size 4 --micro-batch-size 1 --learning-rate 0.01 --evaluate-every 3
    --evaluation-windows 4 --device cpu --dtype float32 --steps 3
"""


FEW = """
import sys
from llm import runs
from llm.cli import main
runs.TOKENIZER_STORIES = 200
sys.exit(main())
"""


def test_documents_of_unequal_length_are_shared_as_well(tmp_path, monkeypatch):
    """Two processes have other numbers of targets, and make one mean of them."""
    one, two, script = tmp_path / "one", tmp_path / "two", tmp_path / "few.py"
    script.write_text(FEW)
    monkeypatch.setattr(llm.runs, "TOKENIZER_STORIES", 200)
    options = *STORIES.split(), "--folder", str(two)
    result = torchrun(*options, program=[str(script)])
    assert result.returncode == 0, result.stderr
    assert main([*STORIES.split(), "--folder", str(one)]) == 0
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)
    (tokens,) = {read_log(run / "log.jsonl")[-1]["tokens"] for run in (one, two)}
    assert 4 * 3 * 60 < tokens < 4 * 3 * 512


def losses(run):
    names = ("loss", "grad_norm", "validation_loss")
    return [
        r[name] for r in read_log(run / "log.jsonl") for name in names if name in r
    ]


def test_two_processes_have_the_losses_of_one(runs):
    one, two, _ = runs
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)


def test_a_parameter_without_a_gradient_is_summed_as_zeros(monkeypatch):
    """Used by both processes, by the other one only, by this one only, by none."""
    model = torch.nn.ParameterList([torch.ones(2, 3) for _ in range(4)])
    for i in (0, 2):
        model[i].grad = torch.full((2, 3), 1.0 + i)
    from_other = torch.tensor([1.0, 1, 0, 0] + [10.0] * 6 + [20.0] * 6 + [0.0] * 12)
    monkeypatch.setattr(llm.distributed, "n_processes", lambda: 2)
    monkeypatch.setattr(
        llm.distributed.dist, "all_reduce", lambda message: message.add_(from_other)
    )
    llm.distributed.sum_gradients(model)
    for parameter, expected in zip(model, (11.0, 20.0, 3.0), strict=False):
        assert torch.equal(parameter.grad, torch.full((2, 3), expected))
    assert model[3].grad is None  # as where one process trains alone


def test_only_the_first_process_writes_and_speaks(runs):
    one, two, result = runs
    assert [r["step"] for r in read_log(two / "log.jsonl")] == list(range(1, 13))
    files = [
        sorted(str(p.relative_to(run)) for p in run.rglob("*"))
        for run in (one, two)
    ]
    assert files[0] == files[1]
    assert result.stdout.count("held-out loss after 12 steps") == 1
    assert result.stderr.count("step 4/12") == 1


def test_what_two_began_one_can_go_on_with(runs):
    for run in runs[:2]:
        assert (
            main(["train", "--resume", "--folder", str(run), "--steps", "16"]) == 0
        )
    one, two, _ = runs
    assert len(read_log(two / "log.jsonl")) == 16
    assert losses(two) == pytest.approx(losses(one), rel=1e-5)


APART = """
import os, sys
from llm.cli import main
sys.exit(main([*sys.argv[1:], "--folder", "runs/" + os.environ["RANK"]]))
"""


def test_processes_with_different_folders_do_not_train_together(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("apart.py").write_text(APART)
    options = [*SETTINGS.split(), "3"]
    train = ["train", "--text", str(text_file(tmp_path)), *options]
    result = torchrun(*train, program=["apart.py"])
    assert result.returncode == 1
    assert (
        "the processes have different folders, texts or settings" in result.stderr
    )
    assert list(tmp_path.rglob("checkpoint-*")) == []


def test_processes_agree_where_they_stop(tmp_path):
    """Only one is asked to, the one that does not write."""
    text, run = text_file(tmp_path), tmp_path / "run"
    script = tmp_path / "stop.py"
    script.write_text(STOP)
    train = ["train", "--text", str(text), *SETTINGS.split(), "5000"]
    result = torchrun(*train, "--folder", str(run), program=[str(script)])
    assert "stopped after 7 of 5000 steps" in result.stdout, result.stderr
    assert [path.name for path in run.glob("check*")] == ["checkpoint-000007"]
    assert len(read_log(run / "log.jsonl")) == 7


STOP = """
import os, signal, sys
from llm import train
from llm.cli import main

def timed_step(*arguments, before=train.timed_step):
    record = before(*arguments)
    if record["step"] == 7 and os.environ["RANK"] == "1":
        signal.raise_signal(signal.SIGTERM)
    return record

train.timed_step = timed_step
sys.exit(0 if main() == 143 else 1)
"""


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_the_shares_of_a_batch_are_the_batch(monkeypatch, n):
    monkeypatch.setattr(llm.distributed, "n_processes", lambda: n)
    batch = torch.arange(30).view(6, 5)
    shares = []
    for rank in range(n):
        monkeypatch.setattr(llm.distributed, "rank", lambda rank=rank: rank)
        shares.append(my_share(batch))
    assert {len(share) for share in shares} == {6 // n}
    assert torch.equal(torch.cat(shares), batch)


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch):
    monkeypatch.setattr(llm.distributed, "n_processes", lambda: 4)
    with pytest.raises(
        ValueError, match=r"batch_size=6 .* by 4 processes; .* of 4"
    ):
        my_share(torch.zeros(6, 5))


def test_processes_with_unequal_numbers_of_targets_still_make_one_mean(monkeypatch):
    """The sum over processes, played by hand: what one process adds up locally must
    be its part of the gradient of the whole."""
    targets = torch.tensor([[3, 4, 5], [6, IGNORE, IGNORE]])
    monkeypatch.setattr(llm.train, "summed", lambda n: (targets != IGNORE).sum())
    weight = torch.nn.Parameter(torch.randn(7, 7))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = weight

        def forward(self, x):
            return self.weight[x]

    inputs = torch.tensor([[0, 1, 2], [3, 4, 5]])
    whole = torch.nn.functional.cross_entropy(
        weight[inputs].flatten(0, 1), targets.flatten(), ignore_index=IGNORE
    )
    (wanted,) = torch.autograd.grad(whole, weight)
    before = weight.detach().clone()
    config = llm.train.TrainConfig(clip_norm=1e9)
    for row in range(2):
        descent = torch.optim.SGD([weight], lr=1.0)
        x, y = inputs[row : row + 1], targets[row : row + 1]
        llm.train.training_step(Model(), descent, x, y, config)
    torch.testing.assert_close(before - weight.detach(), wanted)
