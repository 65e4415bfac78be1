"""Several ways to do a thing take turns, so that none has the quiet minute alone."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter

Call = Callable[[], object]


def in_turns(
    runs: int, *, prepare: Call = lambda: None, warm: bool = True, **calls: Call
) -> dict[str, float]:
    """The median seconds of each call.

    prepare: goes before each round, unmeasured. warm: is there a round before the
    first, unmeasured as well?
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(runs + warm):
        prepare()
        for name, call in calls.items():
            gc.collect()
            start = perf_counter()
            call()
            if i >= warm:
                times[name].append(perf_counter() - start)
    return {name: median(each) for name, each in times.items()}
