"""The routes of `llm.fast.linear` beside `F.linear`.

    python benchmarks/bench_linear.py [--runs 9]

Each product is taken with as many different matrices as fill 60 MB, so that none
waits in the nearest cache, as in a model. The calls take turns; the numbers are
medians: microseconds, and the time of `F.linear` divided by that of the route that
`llm.fast.linear` takes. With a gradient, the backward pass is part of the time; by
columns, the copy of the matrix is not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from turns import in_turns

from llm.fast.linear import LARGE, FastLinear, by_columns

BYTES = 60_000_000
ROWS = (1, 16, 128, 2048)
SIZES = ((128, 384), (128, 2048), (384, 384), (384, 1536), (1536, 384))
Call = Callable[[Tensor], Tensor]
WAYS: dict[str, Callable[[FastLinear], Call]] = {
    "with gradient": lambda part: part,
    "forward": lambda part: part,
    "by columns": by_columns,
}


def theirs(part: FastLinear) -> Call:
    return partial(F.linear, weight=part.weight)


def through(calls: list[Call], x: Tensor) -> None:
    """One product with each matrix, and its gradients if it has any."""
    for call in calls:
        out = call(x)
        if out.requires_grad:
            out.backward(out.detach())


def row(n_rows: int, n_in: int, n_out: int, way: str, runs: int) -> None:
    count = max(2, BYTES // (4 * n_in * n_out)) if n_rows < 128 else 4
    parts = [FastLinear(n_in, n_out, bias=False) for _ in range(count)]
    x = torch.randn(n_rows, n_in, requires_grad=way == "with gradient")
    with torch.set_grad_enabled(way == "with gradient"):
        contest = {"ours": WAYS[way], "theirs": theirs}
        calls = {who: [way(part) for part in parts] for who, way in contest.items()}
        times = in_turns(
            runs, **{w: partial(through, c, x) for w, c in calls.items()}
        )
    ours, others = (spent / count * 1e6 for spent in times.values())
    print(
        f"{n_rows:5} x {n_in:4} -> {n_out:4} {way:13} {ours:9,.0f} {others:9,.0f} "
        f"{others / ours:6.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", help="ignored: the numbers are random")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    print(f"{torch.get_num_threads()} threads")
    print(f"{'microseconds':33} {'ours':>9} {'F.linear':>9}  ratio")
    for n_rows in ROWS:
        for n_in, n_out in SIZES:
            way = "with gradient" if n_rows >= 128 else "forward"
            row(n_rows, n_in, n_out, way, args.runs)
            if n_rows == 1 and n_in * n_out >= LARGE:
                row(n_rows, n_in, n_out, "by columns", args.runs)


if __name__ == "__main__":
    main()
