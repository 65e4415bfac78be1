"""Does the loader ever starve the model, and does memory stay bounded?

    python benchmarks/bench_data.py [TEXT] [--megabytes 1000] [--kind bpe]

A text (the stories, unless one is named) is written out again and again, until a file
is as large as it should be; then it is encoded into a file of ids, and batches are
read from that. The file stands in a temporary folder and is deleted.

Memory is what this process has for itself (RssAnon); pages of a mapped file belong to
the system, which takes them back when it needs them. Speed is tokens per second, each
way to read in turns, and the share of a training step that waiting for a batch takes,
for the model that `python -m llm train` begins with.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from turns import in_turns

from llm.corpora import load_text, read_texts, story
from llm.data import (
    Batches,
    ResumableSampler,
    WindowDataset,
    get_batch,
    write_ids,
)
from llm.model import build
from llm.optim import AdamW
from llm.runs import MODEL, TRAINING
from llm.tokenizers import END_OF_TEXT, Tokenizer, train_tokenizer
from llm.train import training_step

MB = 1_000_000
STATUS = Path("/proc/self/status")
BOUND = 300  # MB that neither writing nor reading may take, whatever the file has
LARGEST_SHARE = 0.05  # of a training step
T, B = MODEL.context_length, TRAINING.batch_size
N_BATCHES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", type=Path, help="instead of stories")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--kind", default="bpe", help="of the tokenizer")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if not STATUS.exists():
        print("memory is measured on Linux only, and counts as 0 here")
    piece = load_text(arguments.text) if arguments.text else stories_text()
    size = MODEL.vocab_size if arguments.kind == "bpe" else None
    tokenizer = train_tokenizer(arguments.kind, [piece[:MB]], size, [END_OF_TEXT])
    with tempfile.TemporaryDirectory() as folder:
        text, ids = Path(folder, "text.txt"), Path(folder, "ids.npy")
        with text.open("w", encoding="utf-8") as file:
            n_bytes = len((piece + END_OF_TEXT).encode())
            for _ in range(-(-arguments.megabytes * MB // n_bytes)):
                file.write(piece + END_OF_TEXT)
        peaks = [encode_file(text, ids, tokenizer), read_file(ids)]
        shares = speeds(np.load(ids, mmap_mode="r"))
    assert max(peaks) < BOUND * MB, f"more than {BOUND} MB of memory"
    assert max(shares) < LARGEST_SHARE, f"waits for {max(shares):.1%} of a step"


def stories_text() -> str:
    return END_OF_TEXT.join(story(0, i) for i in range(2000))


# --- Memory ----------------------------------------------------------------------


def own_memory() -> int:
    """Bytes that this process has for itself alone; 0 where no Linux says."""
    if not STATUS.exists():
        return 0
    status = STATUS.read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """How much more memory the process had in the block than before, at most."""
    before, most, done = own_memory(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], own_memory() - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        done.set()
        watcher.join()


def encode_file(text: Path, ids: Path, tokenizer: Tokenizer) -> int:
    """Write the ids of a text; returns the bytes of memory that this took."""
    start = perf_counter()
    with peak_memory() as most:
        n_ids = write_ids(ids, read_texts(text), tokenizer)
    seconds, sizes = (
        perf_counter() - start,
        [f.stat().st_size / MB for f in (text, ids)],
    )
    print(f"text {sizes[0]:,.0f} MB, ids {sizes[1]:,.0f} MB ({n_ids:,} tokens)")
    print(
        f"encoded at {sizes[0] / seconds:.1f} MB/s, with {most() / MB:.0f} MB of memory"
    )
    return most()


def read_file(ids: Path) -> int:
    """Read windows from all over a file; returns the bytes of memory that took."""
    with peak_memory() as most:
        batches = Batches(np.load(ids, mmap_mode="r"), T, B, seed=0)
        n_steps = min(20_000, batches.n_windows // B)
        for step in range(n_steps):
            batches.batch(step)
    share = n_steps * B / batches.n_windows
    print(
        f"read {share:.0%} of the ids, shuffled, with {most() / MB:.0f} MB of memory"
    )
    return most()


# --- Speed -----------------------------------------------------------------------


def speeds(ids: np.ndarray) -> list[float]:
    """Print how fast each way reads; returns what share of a step each takes."""
    batches, steps = Batches(ids, T, B, seed=0), count()
    batches.batch(0)  # the order of the first epoch is drawn once
    generator = torch.Generator().manual_seed(0)
    dataset = WindowDataset(ids, T)
    loaders = {
        f"DataLoader, {workers} workers": iter(
            DataLoader(
                dataset,
                B,
                sampler=ResumableSampler(len(dataset), seed=0),
                num_workers=workers,
            )
        )
        for workers in (0, 2)
    }
    ways: dict[str, Callable[[], tuple[Tensor, Tensor]]] = {
        "Batches": lambda: batches.batch(next(steps)),
        "get_batch": lambda: get_batch(ids, T, B, generator),
        **{name: loader.__next__ for name, loader in loaders.items()},
    }
    model = build(MODEL)
    optimizer = AdamW(model.parameters(), lr=1e-4)
    step = lambda: training_step(model, optimizer, *batches.batch(0), TRAINING)
    calls = {
        name: lambda way=way: [way() for _ in range(N_BATCHES)]
        for name, way in ways.items()
    }
    times = in_turns(5, **calls, **{"a training step": step})
    for name in ways:
        seconds = times[name] / N_BATCHES
        share = seconds / times["a training step"]
        print(
            f"{name:<22} {B * T / seconds / 1e6:6.1f} M tokens/s {share:8.2%} of a step"
        )
    print(
        f"{'a training step':<22} {B * T / times['a training step'] / 1e6:6.3f} M tokens/s"
    )
    return [times[name] / N_BATCHES / times["a training step"] for name in ways]


if __name__ == "__main__":
    main()
