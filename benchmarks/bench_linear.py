"""The routes of `llm.linear` beside `F.linear`.

    python benchmarks/bench_linear.py [--runs 9]

Each product is taken with as many different matrices as fill 60 MB, so that none
waits in the nearest cache, as in a model. The calls take turns; the numbers are
medians: microseconds, and the time of `F.linear` divided by that of the route that
`llm.linear` takes. With a gradient, the backward pass is part of the time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from llm.linear import linear

BYTES = 60_000_000
ROWS = (1, 16, 128, 2048)
SIZES = ((128, 384), (128, 2048), (384, 384), (384, 1536), (1536, 384))
Product = Callable[[Tensor, Tensor], Tensor]


def seconds(product: Product, x: Tensor, weights: list[Tensor]) -> float:
    """One product with each matrix, and its gradients if it has any."""
    start = perf_counter()
    for weight in weights:
        out = product(x, weight)
        if out.requires_grad:
            out.backward(out.detach())
    return (perf_counter() - start) / len(weights)


def row(n_rows: int, n_in: int, n_out: int, gradient: bool, runs: int) -> None:
    count = max(2, BYTES // (4 * n_in * n_out)) if n_rows < 128 else 4
    weights = [
        torch.randn(n_out, n_in, requires_grad=gradient) for _ in range(count)
    ]
    x = torch.randn(n_rows, n_in, requires_grad=gradient)
    times: dict[Product, list[float]] = {F.linear: [], linear: []}
    for i in range(runs + 1):
        for product, taken in times.items():
            spent = seconds(product, x, weights)
            taken += [spent] * (i > 0)
    theirs, ours = (median(taken) * 1e6 for taken in times.values())
    what = "with gradient" if gradient else "forward"
    print(
        f"{n_rows:5} x {n_in:4} -> {n_out:4} {what:13} {ours:9,.0f} {theirs:9,.0f} "
        f"{theirs / ours:6.2f}"
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
            with torch.set_grad_enabled(n_rows >= 128):
                row(n_rows, n_in, n_out, n_rows >= 128, args.runs)


if __name__ == "__main__":
    main()
