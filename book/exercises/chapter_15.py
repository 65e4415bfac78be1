"""The exercises of chapter 15, The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from book.exercises.answers import Exactly, Values
from book.exercises.exercise import exercise
from book.exercises.verdict import Verdict

# --- ★ A schedule with a root ------------------------------------------------------


@exercise("up in a straight line, down with the root, and both meet at the peak")
def root_schedule() -> Iterator[tuple]:
    """`root_schedule(step, peak, warmup_steps)`: the rate after `step` updates."""
    for step in (0, 3, 8, 9, 10, 11, 40, 1000):
        yield step, 0.5, 10
    yield 0, 0.02, 0
    yield 3, 0.02, 0
    yield 0, 1.0, 1
    yield 1, 1.0, 1
    yield 5, 2.0, 100


def then(
    step: int, peak: float, warmup_steps: int, fall: Callable[[], float]
) -> float:
    """The right warm-up, and after it that share of the peak."""
    rising = step < warmup_steps
    return peak * ((step + 1) / (warmup_steps + 1) if rising else fall())


@root_schedule.right
def smaller_of_two(step, peak, warmup_steps):
    share = (step + 1) / (warmup_steps + 1)
    return peak * min(share, 1 / math.sqrt(share))


@root_schedule.right
def by_cases(step, peak, warmup_steps):
    return then(
        step, peak, warmup_steps, lambda: math.sqrt((warmup_steps + 1) / (step + 1))
    )


@root_schedule.right
def from_the_rate_before(step, peak, warmup_steps):
    """Each rate from the one before it."""
    rate = peak / (warmup_steps + 1)
    for t in range(1, step + 1):
        rising = t <= warmup_steps
        rate *= (t + 1) / t if rising else math.sqrt(t / (t + 1))
    return torch.tensor(rate, dtype=torch.float64)


@root_schedule.mistake(
    "the first rate is 0, so the first update does nothing: after `step` updates the "
    "next one is number step + 1"
)
def from_zero(step, peak, warmup_steps):
    if step < warmup_steps:
        return peak * step / (warmup_steps + 1)
    return by_cases(step, peak, warmup_steps)


@root_schedule.mistake(
    "the warm-up divides by w: its last rate is then the peak already, one update too "
    "early, and the two parts do not meet"
)
def divided_by_w(step, peak, warmup_steps):
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return by_cases(step, peak, warmup_steps)


@root_schedule.mistake(
    "after the warm-up the rate begins at a fraction of the peak: it falls with the "
    "root of the share (t + 1)/(w + 1), which is 1 there, not with the root of t + 1"
)
def root_of_the_step(step, peak, warmup_steps):
    return then(step, peak, warmup_steps, lambda: (step + 1) ** -0.5)


@root_schedule.mistake(
    "the steps of the fall are counted from the end of the warm-up; here t counts all "
    "updates, so that the fall is slow from the start"
)
def counted_anew(step, peak, warmup_steps):
    return then(
        step, peak, warmup_steps, lambda: 1 / math.sqrt(step - warmup_steps + 1)
    )


@root_schedule.mistake(
    "after the warm-up w stands over t + 1: with w + 1 over t + 1 the fall begins at the "
    "peak"
)
def falls_from_below(step, peak, warmup_steps):
    return then(
        step, peak, warmup_steps, lambda: math.sqrt(warmup_steps / (step + 1))
    )


@root_schedule.mistake(
    "after the warm-up w stands over t: count both from 1, w + 1 over t + 1, so that the "
    "fall begins at the peak"
)
def falls_with_w_over_t(step, peak, warmup_steps):
    return then(
        step, peak, warmup_steps, lambda: math.sqrt(warmup_steps / max(step, 1))
    )


@root_schedule.mistake(
    "this is the formula of the paper, which has no peak: its highest rate is one over "
    "the root of w. Here the highest is the peak"
)
def formula_of_the_paper(step, peak, warmup_steps):
    t, w = step + 1, max(warmup_steps, 1)
    return peak * min(t**-0.5, t * w**-1.5)


@root_schedule.mistake(
    "after the warm-up the rate is above the peak: below w + 1 stands t + 1, not t"
)
def falls_from_above(step, peak, warmup_steps):
    return then(
        step,
        peak,
        warmup_steps,
        lambda: math.sqrt((warmup_steps + 1) / max(step, 1)),
    )


@root_schedule.mistake("this falls with the step itself; the root is missing")
def without_the_root(step, peak, warmup_steps):
    return then(step, peak, warmup_steps, lambda: (warmup_steps + 1) / (step + 1))


@root_schedule.mistake("there is no warm-up: the rate begins at its highest")
def only_the_fall(step, peak, warmup_steps):
    return peak * min(1.0, math.sqrt((warmup_steps + 1) / (step + 1)))


@root_schedule.mistake("the rate stays at its peak; after the warm-up it falls")
def only_the_rise(step, peak, warmup_steps):
    return peak * min(1.0, (step + 1) / (warmup_steps + 1))


@root_schedule.mistake(
    "the larger of the two parts was taken: the rate begins far above the peak; take "
    "the smaller"
)
def larger_of_two(step, peak, warmup_steps):
    share = (step + 1) / (warmup_steps + 1)
    return peak * max(share, 1 / math.sqrt(share))


@root_schedule.mistake(
    "the root rises with the step: turn the fraction below it around"
)
def root_upside_down(step, peak, warmup_steps):
    share = (step + 1) / (warmup_steps + 1)
    return peak * (share if step < warmup_steps else math.sqrt(share))


@root_schedule.mistake(
    "the peak is missing: this is the shape alone, whose highest value is 1"
)
def without_the_peak(step, peak, warmup_steps):
    return by_cases(step, 1.0, warmup_steps)


@root_schedule.mistake(
    "the warm-up rises with the root as well; it is a straight line"
)
def rise_with_the_root(step, peak, warmup_steps):
    share = (step + 1) / (warmup_steps + 1)
    return peak * min(math.sqrt(share), 1 / math.sqrt(share))


# --- ★★ What each micro-batch adds -------------------------------------------------


@exercise("one number below the line for all, and only what counts above it")
def shares() -> Iterator[tuple]:
    """`shares(losses, targets, size)`: (B, T) twice, to (number of micro-batches,)."""
    for (n, length), size, dtype in (
        ((6, 5), 2, torch.float64),
        ((5, 4), 2, torch.float32),
        ((4, 7), 1, torch.float64),
        ((3, 6), 8, torch.float32),
        ((7, 3), 3, torch.float32),
        ((9, 4), 4, torch.float64),
    ):
        yield (*_unequal_rows(n, length, dtype), size)
    losses, targets = _unequal_rows(4, 5, torch.float32)
    targets[2:] = -100  # a micro-batch in which nothing counts
    yield losses, targets, 2
    losses, targets = _unequal_rows(5, 4, torch.float32)
    yield losses.T.contiguous().T, targets, 3


def _unequal_rows(n: int, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Losses and targets of rows of unequal length; 0 is a target like any other."""
    losses = 3 * torch.rand(n, length, dtype=dtype) + 0.2
    lengths = torch.randint(1, length, (n,))
    lengths[0] = length
    targets = torch.randint(0, 5, (n, length))
    targets[0, 0] = 0
    return losses, targets.masked_fill(
        torch.arange(length) >= lengths[:, None], -100
    )


def _parts(
    losses: Tensor, targets: Tensor, size: int
) -> list[tuple[Tensor, Tensor]]:
    """Losses and what counts of each micro-batch."""
    counted = targets != -100
    return list(zip(losses.double().split(size), counted.split(size), strict=True))


@shares.right
def one_number_below(losses, targets, size):
    n = (targets != -100).sum()
    return torch.stack(
        [(x * c).sum() / n for x, c in _parts(losses, targets, size)]
    )


@shares.right
def token_by_token(losses, targets, size):
    sums, n = [], 0
    for i, (row, asked) in enumerate(
        zip(losses.tolist(), targets.tolist(), strict=True)
    ):
        if i % size == 0:
            sums.append(0.0)
        for loss, target in zip(row, asked, strict=True):
            if target != -100:
                sums[-1] += loss
                n += 1
    return [s / n for s in sums]


@shares.right
def means_with_weights(losses, targets, size):
    n = (targets != -100).sum()
    return torch.stack(
        [
            (x[c].mean() if c.any() else torch.zeros(()).double()) * c.sum() / n
            for x, c in _parts(losses, targets, size)
        ]
    )


@shares.mistake(
    "this is the mean of each micro-batch by itself; their sum is not the loss of the "
    "batch. Divide every sum by the number of targets in the whole batch"
)
def own_means(losses, targets, size):
    return torch.stack([x[c].mean() for x, c in _parts(losses, targets, size)])


@shares.mistake(
    "a mean of means: each micro-batch counts the same, however few tokens it has. "
    "Divide every sum by the number of targets in the whole batch"
)
def mean_of_means(losses, targets, size):
    means = own_means(losses, targets, size)
    return means / len(means)


@shares.mistake(
    "the means are weighted by rows; a row with many targets counts more than a row "
    "with few, so weight by targets"
)
def weighted_by_rows(losses, targets, size):
    parts = _parts(losses, targets, size)
    return torch.stack([x[c].mean() * len(x) / len(losses) for x, c in parts])


@shares.mistake(
    "a mean of the means of rows: a token of a short row counts more than one of a long "
    "row. Divide every sum by the number of targets in the whole batch"
)
def means_of_rows(losses, targets, size):
    counted = targets != -100
    means = (losses.double() * counted).sum(1) / counted.sum(1)
    return torch.stack([part.sum() for part in means.split(size)]) / len(losses)


@shares.mistake(
    "each part is divided by the mean number of targets of a micro-batch; divide it by "
    "the number in the whole batch"
)
def by_an_average_number(losses, targets, size):
    found = one_number_below(losses, targets, size)
    return found * len(found)


@shares.mistake(
    "the places that do not count are in the sums: targets of -100 have a loss, and it "
    "means nothing"
)
def sums_with_padding(losses, targets, size):
    n = (targets != -100).sum()
    return torch.stack([x.sum() / n for x, _ in _parts(losses, targets, size)])


@shares.mistake(
    "divided by all places, those included that do not count; divide by the number of "
    "targets that do"
)
def divided_by_places(losses, targets, size):
    n = targets.numel()
    return torch.stack(
        [(x * c).sum() / n for x, c in _parts(losses, targets, size)]
    )


@shares.mistake(
    "everything counts here, above and below the line: leave out what has the target "
    "-100"
)
def padding_everywhere(losses, targets, size):
    n = targets.numel()
    return torch.stack([x.sum() / n for x, _ in _parts(losses, targets, size)])


@shares.mistake("these are sums; divide them by the number of targets in the batch")
def sums_alone(losses, targets, size):
    return torch.stack([(x * c).sum() for x, c in _parts(losses, targets, size)])


@shares.mistake(
    "the last micro-batch is missing: where the rows do not divide by `size`, it is "
    "smaller, and counts"
)
def last_one_dropped(losses, targets, size):
    whole = len(losses) // size
    return one_number_below(losses, targets, size)[:whole]


@shares.mistake(
    "these add up from micro-batch to micro-batch; each by itself is asked for"
)
def running_sum(losses, targets, size):
    return one_number_below(losses, targets, size).cumsum(0)


@shares.mistake(
    "targets of 0 were left out: 0 is a token like any other, and only -100 does not "
    "count"
)
def zero_left_out(losses, targets, size):
    return one_number_below(losses, torch.where(targets > 0, targets, -100), size)


@shares.mistake(
    "`size` is the number of rows in a micro-batch, not the number of micro-batches"
)
def size_as_number(losses, targets, size):
    return one_number_below(losses, targets, -(-len(losses) // size))


@shares.mistake(
    "micro-batches of about equal size were cut; each has `size` rows, and only the last "
    "may have fewer (`chunk` takes the number of parts, `split` their size)"
)
def equal_chunks(losses, targets, size):
    number = -(-len(losses) // size)
    return one_number_below(losses, targets, -(-len(losses) // number))


@shares.mistake(
    "the sums are divided by the number of rows; divide by the number of targets in the "
    "whole batch"
)
def divided_by_rows(losses, targets, size):
    n = len(losses)
    return [(x * c).sum() / n for x, c in _parts(losses, targets, size)]


@shares.mistake(
    "the sums are divided by the number of micro-batches; divide by the number of "
    "targets in the whole batch"
)
def divided_by_parts(losses, targets, size):
    parts = _parts(losses, targets, size)
    return [(x * c).sum() / len(parts) for x, c in parts]


@shares.mistake(
    "the rows were laid end to end before the cut: `size` counts rows, not tokens"
)
def tokens_cut(losses, targets, size):
    return one_number_below(losses.flatten(), targets.flatten(), size)


@shares.mistake(
    "one number for each row; add up the rows of a micro-batch, `size` of them"
)
def row_by_row(losses, targets, size):
    return one_number_below(losses, targets, 1)


@shares.mistake(
    "cut along the positions: a micro-batch has whole rows, `size` of them"
)
def columns_cut(losses, targets, size):
    return one_number_below(losses.T, targets.T, size)


@shares.mistake(
    "one number for the whole batch; what each micro-batch adds to it is asked for"
)
def whole_loss(losses, targets, size):
    return one_number_below(losses, targets, size).sum(0, keepdim=True)


# --- ★★ Stop in time ---------------------------------------------------------------


@exercise(
    "the best one is kept, and nothing is looked at after the stop",
    Values("the index of the best", "the index of the last"),
)
def stop_early() -> Iterator[tuple]:
    """`stop_early(losses, patience)`: the best index, and the last looked at."""
    yield [3.0, 2.0, 1.5, 1.6, 1.4, 1.7, 1.8, 1.9, 1.0], 3
    yield [3.0, 2.5, 2.6, 2.4, 2.7, 2.3, 2.2], 2
    yield [2.0, 1.0, 1.5, 1.4, 1.3, 1.2, 0.5], 3
    yield [5.0, 4.0, 3.0], 2
    yield [1.0, 2.0, 0.5, 0.4], 1
    yield [2.0, 1.0, 1.0, 1.0, 0.9], 3
    yield [2.0, 1.0, 1.0, 3.0], 5
    yield [2.0, 1.0, 1.5, 1.0, 1.5, 1.5, 1.5, 0.5], 3
    yield [1.0], 2
    yield [1.0, 1.2, 1.1, 0.9, 1.3, 1.4, 1.5], 3


@stop_early.right
def distance_from_the_best(losses, patience):
    best = 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        if i - best == patience:
            break
    return best, i


@stop_early.right
def with_a_counter(losses, patience):
    lowest, best, since = math.inf, -1, 0
    for i, loss in enumerate(losses):
        if loss < lowest:
            lowest, best, since = loss, i, 0
        else:
            since += 1
            if since >= patience:
                return best, i
    return best, len(losses) - 1


@stop_early.right
def nothing_lower_since(losses, patience):
    """The last `patience` losses are compared with the one before them."""
    for i in range(patience, len(losses)):
        if min(losses[i - patience + 1 : i + 1]) >= losses[i - patience]:
            return i - patience, i
    return losses.index(min(losses)), len(losses) - 1


@stop_early.right
def by_search(losses, patience):
    for n in range(1, len(losses) + 1):
        best = losses.index(min(losses[:n]))
        if n - 1 - best >= patience:
            return best, n - 1
    return losses.index(min(losses)), len(losses) - 1


@stop_early.mistake(
    "the best of all losses was taken, those after the stop included: nobody has seen "
    "them when the run stops"
)
def sees_the_future(losses, patience):
    return losses.index(min(losses)), distance_from_the_best(losses, patience)[1]


@stop_early.mistake(
    "the second number is one too low: the loss at which patience runs out was looked at, "
    "too"
)
def last_but_one(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return best, last - (last - best == patience)


@stop_early.mistake(
    "each loss is compared with the one before it; compare with the lowest so far. "
    "Losses that fall again, and stay above the best, are no progress"
)
def compared_with_the_last(losses, patience):
    best, rises = 0, 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        rises = rises + 1 if i and loss >= losses[i - 1] else 0
        if rises == patience:
            break
    return best, i


@stop_early.mistake(
    "the count of losses without progress is never set back: it begins anew with every "
    "new best"
)
def never_set_back(losses, patience):
    best, since = 0, 0
    for i, loss in enumerate(losses):
        if loss < losses[best]:
            best = i
        elif i:
            since += 1
        if since == patience:
            break
    return best, i


@stop_early.mistake(
    "one too late: `patience` losses in a row without progress are enough"
)
def one_too_late(losses, patience):
    return distance_from_the_best(losses, patience + 1)


@stop_early.mistake(
    "one too early: only `patience` - 1 losses have come after the best"
)
def one_too_early(losses, patience):
    if patience == 1:
        return 0, 0
    return distance_from_the_best(losses, patience - 1)


@stop_early.mistake(
    "a loss equal to the best counts as progress here; it has not been lower, so it "
    "does not, and the first of them stays the best"
)
def equal_is_progress(losses, patience):
    best = 0
    for i, loss in enumerate(losses):
        if loss <= losses[best]:
            best = i
        if i - best == patience:
            break
    return best, i


def _counted(losses, patience, more):
    """The rule with a count of one's own. more: the count after a loss, of the count
    before it, the loss, and the lowest so far; a lower loss ends the count."""
    best = since = 0
    for i, loss in enumerate(losses):
        since = more(since, loss, losses[best])
        if loss < losses[best]:
            best, since = i, 0
        if since == patience:
            break
    return best, i


@stop_early.mistake(
    "a loss equal to the best is not counted: it has not been lower, so it counts like "
    "one that is higher"
)
def equal_not_counted(losses, patience):
    return _counted(losses, patience, lambda n, loss, best: n + (loss > best))


@stop_early.mistake(
    "a loss equal to the best sets the count back; only one that is lower does"
)
def equal_sets_back(losses, patience):
    return _counted(losses, patience, lambda n, loss, best: (n + 1) * (loss > best))


@stop_early.mistake(
    "the first loss is counted as one without progress: it is the best so far, and the "
    "count begins after it"
)
def first_is_counted(losses, patience):
    return _counted(losses, patience, lambda n, loss, best: n + 1)


@stop_early.mistake(
    "where it never comes to a stop, nothing is returned: the loop ends, and the two "
    "numbers have to be returned after it, too"
)
def nothing_at_the_end(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return (best, last) if last - best == patience else None


@stop_early.mistake(
    "where it never comes to a stop, the second number is how many losses there are; "
    "the index of the last is one less"
)
def number_at_the_end(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return best, last if last - best == patience else len(losses)


@stop_early.mistake(
    "where it never comes to a stop, the best need not lie `patience` before the last"
)
def last_less_patience(losses, patience):
    last = distance_from_the_best(losses, patience)[1]
    return last - patience, last


@stop_early.mistake(
    "the second number is how far the last is from the best; its index is asked for"
)
def distance_for_index(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return best, last - best


@stop_early.mistake(
    "the last one looked at is not the best: it is the one at which patience ran out"
)
def last_as_best(losses, patience):
    last = distance_from_the_best(losses, patience)[1]
    return last, last


@stop_early.mistake("it stops at the first rise, whatever the patience is")
def at_the_first_rise(losses, patience):
    return distance_from_the_best(losses, 1)


@stop_early.mistake(
    "it never stops: the loop has to be left when patience runs out"
)
def never_stops(losses, patience):
    return losses.index(min(losses)), len(losses) - 1


@stop_early.mistake(
    "the best *loss* was returned, not its index: whoever loads a checkpoint needs to "
    "know which"
)
def loss_for_index(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return losses[best], last


@stop_early.mistake("the two numbers are right and exchanged: first the best")
def exchanged(losses, patience):
    return distance_from_the_best(losses, patience)[::-1]


@stop_early.mistake("indices count from 0: the first loss has the index 0")
def from_one(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return best + 1, last + 1


@stop_early.mistake(
    "the second number is how many were looked at; its index is one less"
)
def number_for_index(losses, patience):
    best, last = distance_from_the_best(losses, patience)
    return best, last + 1


# --- ★★★ Take over -----------------------------------------------------------------

N_MORE = 3  # updates that are made after the interruption


class SmallRun:
    """A run of training small enough for an exercise, with all that a run knows.

    most: after so many updates the machine is switched off. How many are left belongs
    to the machine, so it is not among the `vars` of the run.
    """

    __slots__ = ("__dict__", "_left", "_seed")

    def __init__(self, seed: int, most: int) -> None:
        start = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(4, generator=start, dtype=torch.float64)
        self.velocity = torch.zeros(4, dtype=torch.float64)
        self.step = 0
        self.generator = torch.Generator().manual_seed(seed + 1)
        self._seed, self._left = seed, most

    def update(self) -> None:
        """One update, on the batch of this step, with dropout."""
        if not self._left:
            raise RuntimeError(
                "the machine of this run is switched off: begin() a new one"
            )
        self._left -= 1
        batch = torch.Generator().manual_seed(1000 * self._seed + self.step)
        target = torch.randn(4, generator=batch, dtype=torch.float64)
        kept = torch.rand(4, generator=self.generator, dtype=torch.float64) < 0.8
        gradient = (self.weights - target) * kept / 0.8
        self.velocity = 0.9 * self.velocity + gradient
        rate = 0.2 * min(1.0, (self.step + 1) / 5)
        self.weights = self.weights - rate * self.velocity
        self.step += 1


@exercise("as if nothing had happened, to the last bit", Exactly())
def take_over() -> Iterator[tuple]:
    """`take_over(begin, n)`: the weights after n updates of one run, 3 of another."""
    yield partial(SmallRun, 3, 6), 6
    yield partial(SmallRun, 11, 4), 4
    yield partial(SmallRun, 5, 9), 9


def _taken_over(
    begin: Callable, n: int, saved: tuple[str, ...], more: int = N_MORE
):
    """The weights, where only what is named was saved."""
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    for name in saved:
        if name == "generator":
            run.generator.set_state(old.generator.get_state())
        else:
            setattr(run, name, getattr(old, name))
    for _ in range(more):
        run.update()
    return run.weights


ALL = ("weights", "velocity", "step", "generator")


@take_over.right
def everything(begin, n):
    return _taken_over(begin, n, ALL)


@take_over.right
def same_generator(begin, n):
    """The generator itself is handed over, with its state."""
    run = begin()
    for _ in range(n):
        run.update()
    saved = {name: getattr(run, name) for name in ALL}
    run = begin()
    vars(run).update(saved)
    for _ in range(N_MORE):
        run.update()
    return run.weights


@take_over.right
def all_there_is(begin, n):
    """Whatever the run has, without a look at what it is."""
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    vars(run).update(vars(old))
    for _ in range(N_MORE):
        run.update()
    return run.weights


@take_over.right
def drawn_again(begin, n):
    """The generator goes where it was, by drawing as often."""
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    run.weights, run.velocity = old.weights.clone(), old.velocity.clone()
    run.step = old.step
    for _ in range(n):
        torch.rand(4, generator=run.generator, dtype=torch.float64)
    for _ in range(N_MORE):
        run.update()
    return run.weights


FORGOTTEN = {
    ("velocity",): "the state of the optimizer was forgotten: the new run begins with a "
    "velocity of zero",
    ("step",): "the step was forgotten: the new run begins with its warm-up again, and "
    "with the first batch",
    ("generator",): "the state of the generator was forgotten: the dropout of the new run "
    "is that of the first updates",
    ("weights",): "the weights were forgotten: the new run goes on from those it began "
    "with",
    ("velocity", "step", "generator"): "only the weights were saved; the next update "
    "depends on three more things",
    ("velocity", "step"): "velocity and step were forgotten",
    ("velocity", "generator"): "velocity and the state of the generator were forgotten",
    ("step", "generator"): "weights and velocity are there; the step and the state of the "
    "generator were forgotten",
    ("weights", "velocity"): "weights and velocity were forgotten: they are what was "
    "learned",
    ALL: "nothing was put back: this is the result of a run that began anew",
}  # fmt: skip


def _register(missing: tuple[str, ...], hint: str) -> None:
    """A mistake in which something was not saved."""
    saved = tuple(name for name in ALL if name not in missing)

    @take_over.mistake(hint)
    def forgetful(begin, n):
        return _taken_over(begin, n, saved)


for _missing, _hint in FORGOTTEN.items():
    _register(_missing, _hint)


@take_over.mistake(
    "the three further updates are missing: these are the weights as they were saved"
)
def not_gone_on(begin, n):
    return _taken_over(begin, n, ALL, more=0)


@take_over.mistake("one update too few after the interruption: three are asked for")
def two_more(begin, n):
    return _taken_over(begin, n, ALL, more=2)


@take_over.mistake(
    "one update too many after the interruption: three are asked for"
)
def four_more(begin, n):
    return _taken_over(begin, n, ALL, more=4)


@take_over.symptom
def nearly(found, begin, n):
    """Near is not enough: a mistake in what was saved can be as small as rounding."""
    right = everything(begin, n)
    if found.shape == right.shape and torch.allclose(found.double(), right):
        return (
            "nearly, and not to the last bit: somewhere numbers were rounded, or "
            "saved with fewer digits than they have"
        )
    return None


@nearly.mistake
def saved_in_float32(begin, n):
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    vars(run).update(vars(old))
    run.weights, run.velocity = old.weights.float().double(), old.velocity.float()
    for _ in range(N_MORE):
        run.update()
    return run.weights


@nearly.mistake
def rounded(begin, n):
    return everything(begin, n).round(decimals=6)


def _with_step(begin, n, step):
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    vars(run).update(vars(old))
    run.step = step
    for _ in range(N_MORE):
        run.update()
    return run.weights


@take_over.mistake(
    "the step is one too high: `step` counts the updates made, and none was made in "
    "between"
)
def step_too_high(begin, n):
    return _with_step(begin, n, n + 1)


@take_over.mistake(
    "the step is one too low: `step` counts the updates made, so after n of them it is n"
)
def step_too_low(begin, n):
    return _with_step(begin, n, n - 1)


@take_over.mistake(
    "the generator begins anew with a seed; what it had drawn already is lost. Save and "
    "set its state"
)
def generator_with_a_seed(begin, n):
    run = begin()
    for _ in range(n):
        run.update()
    old, run = run, begin()
    vars(run).update({name: getattr(old, name) for name in ALL[:3]})
    run.generator.manual_seed(0)
    for _ in range(N_MORE):
        run.update()
    return run.weights


@take_over.refused("the machine of this run is switched off")
def uninterrupted(begin, n):
    run = begin()
    for _ in range(n + N_MORE):
        run.update()
    return run.weights


# --- ★★ A cheap repair -------------------------------------------------------------

N_REPAIRED = 20  # updates after the parameters were loaded


def repaired(
    function: Callable[[int], list[float] | None], lost: Sequence[float]
) -> Verdict:
    """Whether a warm-up of the reader's avoids the jump of the loss.

    function: `repaired(n)`, n + 1 held-out losses. lost: those of a run that goes on
    with a new optimizer and no warm-up.
    """
    losses = function(N_REPAIRED)
    if losses is None:
        return Verdict(False, "not yet: repaired returns nothing; write its body")
    if len(losses) != N_REPAIRED + 1:
        said = (
            f"one loss before, and one after each update: {N_REPAIRED + 1} numbers"
        )
        return Verdict(False, f"{said}, and not {len(losses)}")
    start, after = losses[0], losses[1:]
    if abs(start - lost[0]) > 1e-4:
        said = "begin with the parameters that were saved, and measure before you update"
        return Verdict(False, said)
    if abs(after[0] - start) < 1e-6:
        said = (
            "the first update changes nothing: its rate is a tenth of the due one"
        )
        return Verdict(False, f"{said}, not 0")
    if max(after) - start > (max(lost[1 : N_REPAIRED + 1]) - start) / 2:
        return Verdict(False, "the loss still jumps: are the first rates smaller?")
    return Verdict(
        True, "the jump is gone; is the run the one that was interrupted?"
    )
