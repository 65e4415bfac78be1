"""How long until a loss is reached, beside a reference recipe in plain PyTorch.

    python benchmarks/time_to_loss.py --text FILE [--seeds 3] [--target 1.90]
        [--changes] [--save FILE.json]

Characters of a text, of which the last tenth is held out: a run counts when its loss
over the whole of that is at most the target, in nats per character. The reference is
a GPT-2 with four blocks of four heads, width 128, context 64, as many tutorials train
it: batches of 12, AdamW at 1e-3, 100 updates of warm-up, half a cosine down to 1e-4
over 2,000 updates, float32. Ours is what `python -m llm train` does by default, with
sizes chosen for this task. Each run has a length that was fixed before it began, and
its last loss counts; ours and theirs take turns, a seed at a time. Only the training
is timed, not the measuring.

--changes: also ours with one change taken back at a time, for as many tokens.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
import torch.nn.functional as F
from plain import PlainGPT
from torch import Tensor, nn

from llm.corpora import load_text
from llm.data import Batches, split, windows
from llm.evaluate import held_out_loss
from llm.files import atomic_write
from llm.model import GPTConfig, build
from llm.runs import MODEL, TRAINING
from llm.tokenizers import CharacterTokenizer
from llm.train import TrainConfig, train

# --- The reference: PyTorch, and nothing of ours ----------------------------------

WIDTH, HEADS, BLOCKS, CONTEXT = 128, 4, 4, 64
UPDATES, WARM_UP, ROWS, PEAK, LEAST = 2000, 100, 12, 1e-3, 1e-4


def reference_rate(step: int) -> float:
    if step < WARM_UP:
        return PEAK * (step + 1) / (WARM_UP + 1)
    done = (step - WARM_UP) / (UPDATES - WARM_UP)
    return LEAST + (PEAK - LEAST) * (1 + math.cos(math.pi * done)) / 2


def train_reference(ids: Tensor, vocab_size: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = PlainGPT(
        vocab_size, CONTEXT, width=WIDTH, n_blocks=BLOCKS, n_heads=HEADS,
        hidden=4 * WIDTH,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK, betas=(0.9, 0.99), weight_decay=0.1, fused=True
    )
    places = torch.arange(CONTEXT)
    for step in range(UPDATES):
        for group in optimizer.param_groups:
            group["lr"] = reference_rate(step)
        starts = torch.randint(len(ids) - CONTEXT, (ROWS, 1)) + places
        logits = model(ids[starts])
        loss = F.cross_entropy(logits.flatten(0, 1), ids[starts + 1].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return model


# --- Ours -------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained."""

    model: GPTConfig
    training: TrainConfig

    def train(self, ids: Tensor, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model, training = build(self.model), replace(self.training, seed=seed)
        length, size = self.model.context_length, training.batch_size
        train(model, Batches(ids, length, size, seed), None, training)
        return model


def ours(vocab_size: int) -> Recipe:
    """The defaults of `python -m llm train`, but for sizes and lengths."""
    return Recipe(
        replace(
            MODEL,
            vocab_size=vocab_size,
            context_length=CONTEXT,
            n_layers=2,
            dropout=0.0,
        ),
        replace(TRAINING, steps=115, batch_size=32, warmup_steps=5, device="cpu"),
    )


def changes(recipe: Recipe) -> dict[str, Recipe]:
    """The recipe with one change taken back, each for as many tokens."""
    model, training = recipe.model, recipe.training
    tokens = training.steps * training.batch_size
    gpt2 = replace(model, architecture="gpt2", qk_norm=False)
    small = replace(training, batch_size=12, steps=round(tokens / 12))
    return {
        "AdamW, at its best rate": Recipe(
            model, replace(training, optimizer="adamw", learning_rate=3e-3)
        ),
        "no norm of queries and keys": Recipe(
            replace(model, qk_norm=False), training
        ),
        "parts of GPT-2": Recipe(gpt2, training),
        "four heads": Recipe(replace(model, n_heads=4), training),
        "four blocks": Recipe(replace(model, n_layers=4), training),
        "cosine to a tenth": Recipe(model, replace(training, decay="cosine")),
        "batches of 12": Recipe(model, small),
        "float32": Recipe(model, replace(training, dtype="float32")),
    }


# --- Side by side -----------------------------------------------------------------


def timed(make: Callable[[], nn.Module], held_out: tuple) -> tuple[float, float]:
    """The seconds that a training takes, and the loss at its end."""
    start = perf_counter()
    model = make()
    seconds = perf_counter() - start
    return seconds, held_out_loss(model, *held_out, batch_size=256)[0]


def compared(args: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Seconds and loss of each way, seed by seed; the ways take turns."""
    text = load_text(args.text)
    parts = split(text, 0.1)
    tokenizer = CharacterTokenizer.train([text])
    ids, rest = (torch.tensor(tokenizer.encode(part)) for part in parts)
    held_out, size = windows(rest, CONTEXT), tokenizer.vocab_size
    recipe = ours(size)
    ways: dict[str, Callable[[int], nn.Module]] = {
        "reference": lambda seed: train_reference(ids, size, seed),
        "ours": lambda seed: recipe.train(ids, seed),
    }
    if args.changes:
        for name, other in changes(recipe).items():
            ways[name] = lambda seed, other=other: other.train(ids, seed)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for seed in range(args.seeds):
        for name, way in ways.items():
            found[name].append(timed(partial(way, seed), held_out))
            seconds, loss = found[name][-1]
            print(f"{name}, seed {seed}: {seconds:.1f} s, {loss:.4f}", flush=True)
    return found


def report(found: dict[str, list[tuple[float, float]]], target: float) -> str:
    """A line for each way: median seconds, their share of the reference's, losses."""
    base = median(seconds for seconds, _ in found["reference"])
    lines = [f"{'':34} {'seconds':>8} {'ratio':>6}  held-out losses"]
    for name, runs in found.items():
        seconds = median(seconds for seconds, _ in runs)
        losses = ", ".join(f"{loss:.3f}" for _, loss in runs)
        reached = all(loss <= target for _, loss in runs)
        lines.append(
            f"{name:34} {seconds:8.1f} {base / seconds:5.1f}×  {losses}"
            f"{'' if reached else f'  (above {target:.2f})'}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--target", type=float, default=1.90)
    parser.add_argument("--changes", action="store_true")
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    found = compared(args)
    print(report(found, args.target))
    if args.save:
        with atomic_write(args.save, "w") as file:
            json.dump({"target": args.target, "runs": found}, file)


if __name__ == "__main__":
    main()
