"""The exercises of chapter 6, From text to batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from book.exercises.answers import Numbers, Values
from book.exercises.exercise import exercise, random_numbers

# --- ★ Where windows begin ----------------------------------------------------------


@exercise("every window fits, and so does its last answer", Numbers("the start"))
def starts() -> Iterator[tuple]:
    """`starts(n_tokens, context_length, stride)`: where the windows begin."""
    n = random_numbers().randint(31, 40)
    yield from (
        (13, 4, 4), (12, 4, 4), (9, 4, 4), (12, 3, 2), (13, 3, 5), (20, 4, 7),
        (11, 5, 1), (5, 4, 1), (4, 4, 1), (3, 4, 2), (2, 1, 1), (n, 5, 3),
    )  # fmt: skip


@starts.right
def by_range(n_tokens, context_length, stride):
    return list(range(0, n_tokens - context_length, stride))


@starts.right
def by_asking_each(n_tokens, context_length, stride):
    return [
        start
        for start in range(n_tokens)
        if start % stride == 0 and start + context_length + 1 <= n_tokens
    ]


@starts.right
def by_counting_windows(n_tokens, context_length, stride):
    n = max(0, (n_tokens - context_length - 1) // stride + 1)
    return torch.arange(n) * stride


@starts.mistake(
    "the last window fits, but the answer to its last place does not: a window and its "
    "answers take context_length + 1 tokens"
)
def without_room_for_the_answer(n_tokens, context_length, stride):
    return list(range(0, n_tokens - context_length + 1, stride))


@starts.mistake(
    "a window that would fit is left out: one that ends with the last token but one has "
    "all its answers"
)
def one_window_too_few(n_tokens, context_length, stride):
    return list(range(0, n_tokens - context_length - 1, stride))


@starts.mistake("the stride is ignored: your windows stand side by side")
def side_by_side(n_tokens, context_length, stride):
    return list(range(0, n_tokens - context_length, context_length))


@starts.mistake("the stride is ignored: your windows begin at every token")
def at_every_token(n_tokens, context_length, stride):
    return list(range(n_tokens - context_length))


@starts.mistake(
    "windows that begin near the end are cut short: all must have context_length places"
)
def cut_short(n_tokens, context_length, stride):
    return list(range(0, n_tokens, stride))


@starts.mistake(
    "the last windows are cut short, though each has an answer: all must have "
    "context_length places"
)
def with_one_answer(n_tokens, context_length, stride):
    return list(range(0, n_tokens - 1, stride))


@starts.mistake("these are the numbers of the windows; their starts are asked for")
def numbered(n_tokens, context_length, stride):
    return list(range(len(by_range(n_tokens, context_length, stride))))


@starts.mistake("the first window is missing: it begins at token 0")
def first_missing(n_tokens, context_length, stride):
    return by_range(n_tokens, context_length, stride)[1:]


@starts.mistake(
    "one token lies between two windows: the last answer of one may be the first input "
    "of the next, so the stride needs no + 1"
)
def with_a_gap(n_tokens, context_length, stride):
    return list(range(0, n_tokens - context_length, stride + 1))


@starts.mistake(
    "a last window was added at the very end, so that nothing is left over: it does not "
    "stand a stride after the one before"
)
def one_more_at_the_end(n_tokens, context_length, stride):
    found = by_range(n_tokens, context_length, stride)
    last = n_tokens - context_length - 1
    return found if last < 0 or last in found else [*found, last]


@starts.mistake("these are the places where windows end; they begin before that")
def ends(n_tokens, context_length, stride):
    return [s + context_length for s in by_range(n_tokens, context_length, stride)]


@starts.mistake("the last window that fits is left out")
def last_missing(n_tokens, context_length, stride):
    return by_range(n_tokens, context_length, stride)[:-1]


@starts.refused("returns the shape ()")
def how_many(n_tokens, context_length, stride):
    return torch.tensor(len(by_range(n_tokens, context_length, stride)))


# --- ★★ How much of the validation text was trained on ---------------------------------


@exercise("of each held-out answer it is known", Values("the share"))
def leaked() -> Iterator[tuple]:
    """`leaked(training, held_out, context_length)`: the share that both ask for."""
    rng = random_numbers()
    yield ([0, 4, 8], [12, 16], 4)
    yield ([0, 4, 8, 16], [10], 4)
    yield ([0, 2, 4, 8], [6], 4)
    yield ([0, 3], [6, 7], 4)
    yield ([5, 9], [5, 20], 4)
    yield ([30, 0], [11, 2], 6)
    yield ([4], [], 3)
    yield ([], [4, 9], 3)
    yield ([0, 5, 10, 15, 40], [8, 9, 30], 8)
    everywhere = list(range(0, 120, 3))
    rng.shuffle(everywhere)
    yield (everywhere[:30], everywhere[30:], 7)


def _answers(starts: Sequence[int], context_length: int) -> set[int]:
    return {start + t for start in starts for t in range(1, context_length + 1)}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@leaked.right
def by_sets(training, held_out, context_length):
    asked = _answers(held_out, context_length)
    return _share(len(asked & _answers(training, context_length)), len(asked))


@leaked.right
def by_inputs(training, held_out, context_length):
    # The answers are the inputs moved by one, on both sides.
    read = {s + t for s in training for t in range(context_length)}
    asked = {s + t for s in held_out for t in range(context_length)}
    return len(read & asked) / max(1, len(asked))


@leaked.right
def by_marks(training, held_out, context_length):
    n = max([*training, *held_out], default=0) + context_length + 1
    learnt, asked = torch.zeros(2, n, dtype=torch.bool)
    for start in training:
        learnt[start + 1 : start + context_length + 1] = True
    for start in held_out:
        asked[start + 1 : start + context_length + 1] = True
    return (learnt & asked).sum() / asked.sum().clamp(min=1)


@leaked.mistake(
    "only windows that begin at the same place are counted; two that begin elsewhere "
    "can share most of their answers"
)
def same_starts(training, held_out, context_length):
    return _share(len(set(training) & set(held_out)), len(held_out))


@leaked.mistake(
    "this is a share of windows: one shared answer makes all of a window count"
)
def windows_that_touch(training, held_out, context_length):
    learnt = _answers(training, context_length)
    touched = [s for s in held_out if _answers([s], context_length) & learnt]
    return _share(len(touched), len(held_out))


@leaked.mistake(
    "only windows all of whose answers are known are counted; one that is known in part "
    "leaks too"
)
def windows_inside(training, held_out, context_length):
    learnt = _answers(training, context_length)
    inside = [s for s in held_out if _answers([s], context_length) <= learnt]
    return _share(len(inside), len(held_out))


@leaked.mistake(
    "divided by the answers of the training windows; asked is the share of the held-out "
    "ones"
)
def of_the_training(training, held_out, context_length):
    return by_sets(held_out, training, context_length)


@leaked.mistake(
    "divided by all answers there are; asked is the share of the held-out ones"
)
def of_both(training, held_out, context_length):
    ours, theirs = (_answers(s, context_length) for s in (training, held_out))
    return _share(len(ours & theirs), len(ours | theirs))


@leaked.mistake(
    "one place too many: a window has context_length answers, and its first token is "
    "none of them"
)
def with_the_first_input(training, held_out, context_length):
    return by_sets(
        [s - 1 for s in training], [s - 1 for s in held_out], context_length + 1
    )


@leaked.mistake("one place too few: a window has context_length answers")
def one_short(training, held_out, context_length):
    return by_sets(training, held_out, context_length - 1)


@leaked.mistake(
    "a place that two held-out windows ask for is counted twice; it is one answer"
)
def counted_twice(training, held_out, context_length):
    learnt = _answers(training, context_length)
    asked = [s + t for s in held_out for t in range(1, context_length + 1)]
    return _share(sum(a in learnt for a in asked), len(asked))


@leaked.mistake("this is how many answers are shared; the share is asked for")
def how_many_are_shared(training, held_out, context_length):
    asked = _answers(held_out, context_length)
    return len(asked & _answers(training, context_length))


@leaked.mistake("a share, not per cent: everything is 1")
def per_cent(training, held_out, context_length):
    return 100 * by_sets(training, held_out, context_length)


@leaked.mistake("the other way round: this is the share that is *not* trained on")
def what_is_clean(training, held_out, context_length):
    return 1 - by_sets(training, held_out, context_length)


@leaked.mistake(
    "the inputs of one side are compared with the answers of the other: take answers on "
    "both"
)
def inputs_with_answers(training, held_out, context_length):
    return by_sets([s - 1 for s in training], held_out, context_length)


@leaked.refused("stopped with ZeroDivisionError")
def of_nothing(training, held_out, context_length):
    asked = _answers(held_out, context_length)
    return len(asked & _answers(training, context_length)) / len(asked)


# --- ★★ The price of padding -----------------------------------------------------------


@exercise("every place that no target fills is counted", Values("the share"))
def padding() -> Iterator[tuple]:
    """`padding(lengths, batch_size)`: the share of places that are filled up."""
    rng = random_numbers()
    yield from (
        ([2, 5, 9, 4], 2),
        ([3, 8, 2, 5, 7], 2),
        ([4, 4, 4], 3),
        ([1, 9, 2, 8, 3, 7, 4], 3),
        ([6], 4),
        ([5, 3, 1], 1),
        ([2, 7, 3], 8),
    )
    yield (rng.choices(range(1, 40), k=23), 4)


def _cut(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    return [
        list(lengths[i : i + batch_size])
        for i in range(0, len(lengths), batch_size)
    ]


def _filled(batches: Sequence[Sequence[int]], width=max) -> float:
    places = sum(len(b) * width(b) for b in batches)
    return 1 - sum(map(sum, batches)) / places


@padding.right
def batch_by_batch(lengths, batch_size):
    return _filled(_cut(lengths, batch_size))


@padding.right
def by_adding(lengths, batch_size):
    filled = places = 0
    for first in range(0, len(lengths), batch_size):
        batch = lengths[first : first + batch_size]
        longest = max(batch)
        places += longest * len(batch)
        filled += sum(longest - n for n in batch)
    return filled / places


@padding.right
def by_tensors(lengths, batch_size):
    parts = torch.tensor(lengths).split(batch_size)
    longest = torch.cat([part.max().expand(len(part)) for part in parts])
    return (longest - torch.tensor(lengths)).sum() / longest.sum()


@padding.mistake(
    "all rows are as long as the longest document of all; a batch is filled up to its "
    "own longest one"
)
def to_the_longest_of_all(lengths, batch_size):
    return 1 - sum(lengths) / (len(lengths) * max(lengths))


@padding.mistake(
    "this is the mean of the shares of the batches, in which a narrow batch counts as "
    "much as a wide one"
)
def mean_of_batches(lengths, batch_size):
    shares = [_filled([batch]) for batch in _cut(lengths, batch_size)]
    return sum(shares) / len(shares)


@padding.mistake(
    "the last batch is dropped where it is smaller; its rows are rows too"
)
def last_batch_dropped(lengths, batch_size):
    batches = [b for b in _cut(lengths, batch_size) if len(b) == batch_size]
    return _filled(batches) if batches else 0.0


@padding.mistake(
    "the last batch is given empty rows until it has batch_size; it may be smaller"
)
def last_batch_made_full(lengths, batch_size):
    places = sum(batch_size * max(b) for b in _cut(lengths, batch_size))
    return 1 - sum(lengths) / places


@padding.mistake(
    "divided by the tokens of the documents; the share is of all places"
)
def of_the_tokens(lengths, batch_size):
    filled = sum(max(b) - n for b in _cut(lengths, batch_size) for n in b)
    return filled / sum(lengths)


@padding.mistake(
    "filled up to the first document of each batch, which need not be the longest"
)
def to_the_first(lengths, batch_size):
    batches = _cut(lengths, batch_size)
    filled = sum(max(0, b[0] - n) for b in batches for n in b)
    return filled / sum(len(b) * b[0] for b in batches)


@padding.mistake(
    "the documents are sorted by length first; they come in the order they have"
)
def sorted_first(lengths, batch_size):
    return batch_by_batch(sorted(lengths), batch_size)


@padding.mistake("the other way round: this is the share of places that are used")
def what_is_used(lengths, batch_size):
    return 1 - batch_by_batch(lengths, batch_size)


@padding.mistake("a share, not per cent: everything is 1")
def padding_per_cent(lengths, batch_size):
    return 100 * batch_by_batch(lengths, batch_size)


@padding.mistake("this is how many places are filled up; the share is asked for")
def how_many_are_filled(lengths, batch_size):
    return sum(max(b) - n for b in _cut(lengths, batch_size) for n in b)


@padding.mistake(
    "the lengths count the end mark already: no place has to be added for it"
)
def with_another_end_mark(lengths, batch_size):
    batches = _cut(lengths, batch_size)
    places = sum(len(b) * (max(b) + 1) for b in batches)
    return 1 - sum(lengths) / places


@padding.mistake("only the first batch is looked at")
def first_batch(lengths, batch_size):
    return _filled(_cut(lengths, batch_size)[:1])


@padding.mistake(
    "batch_size is taken for the number of batches; it is the rows in each"
)
def as_many_batches(lengths, batch_size):
    return _filled(
        [b for b in (lengths[i::batch_size] for i in range(batch_size)) if b]
    )


# --- ★★ The batch of any step ----------------------------------------------------------


class Orders:
    """The order of the windows in every epoch: of so many windows, by a seed."""

    def __init__(self, n_windows: int, seed: int) -> None:
        self.n_windows, self.seed = n_windows, seed

    def __call__(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(1000 * self.seed + epoch)
        return (torch.randperm(self.n_windows, generator=generator) + 100).tolist()

    def __repr__(self) -> str:
        return f"{self(0)}, then {self(1)}, …"


@exercise(
    "any step, in any epoch, without the steps before it", Numbers("the window")
)
def batch_of() -> Iterator[tuple]:
    """`batch_of(step, batch_size, order)`: the windows of one step."""
    seed = int(torch.randint(1000, ()))
    for n_windows, batch_size, steps in (
        (7, 3, (0, 1, 2, 3, 4, 7, 9)),
        (6, 3, (0, 1, 2, 5)),
        (5, 2, (2, 3, 12)),
        (3, 8, (0, 1, 2)),
        (4, 1, (0, 3, 4, 9)),
    ):
        for step in steps:
            yield (step, batch_size, Orders(n_windows, seed))


@batch_of.right
def one_by_one(step, batch_size, order):
    n, found = len(order(0)), []
    for number in range(step * batch_size, (step + 1) * batch_size):
        epoch, place = divmod(number, n)
        found.append(order(epoch)[place])
    return found


@batch_of.right
def by_walking(step, batch_size, order):
    def all_windows():
        epoch = 0
        while True:
            yield from order(epoch)
            epoch += 1

    first = step * batch_size
    return list(islice(all_windows(), first, first + batch_size))


@batch_of.right
def by_pieces(step, batch_size, order):
    epoch, place = divmod(step * batch_size, len(order(0)))
    found = torch.tensor(order(epoch)[place:])
    while len(found) < batch_size:
        epoch += 1
        found = torch.cat([found, torch.tensor(order(epoch))])
    return found[:batch_size]


def _whole_batches(step, batch_size, order, n_batches):
    epoch, place = divmod(step, max(1, n_batches))
    return order(epoch)[place * batch_size : (place + 1) * batch_size]


@batch_of.mistake(
    "what is left of an epoch is thrown away when it fills no batch: those windows are "
    "never read in it. The batch goes on with the next epoch"
)
def remainder_dropped(step, batch_size, order):
    n = len(order(0))
    return _whole_batches(step, batch_size, order, n // batch_size)


@batch_of.mistake(
    "the last batch of an epoch is smaller than the others; it goes on with the next "
    "epoch"
)
def last_one_smaller(step, batch_size, order):
    n = len(order(0))
    return _whole_batches(step, batch_size, order, -(-n // batch_size))


@batch_of.mistake(
    "a batch that reaches over the end goes on at the beginning of the *same* order; the "
    "next epoch has its own"
)
def same_order_again(step, batch_size, order):
    n = len(order(0))
    epoch, place = divmod(step * batch_size, n)
    return [order(epoch)[(place + i) % n] for i in range(batch_size)]


@batch_of.mistake("every epoch has the order of epoch 0 here; each has its own")
def always_epoch_0(step, batch_size, order):
    n = len(order(0))
    return [order(0)[(step * batch_size + i) % n] for i in range(batch_size)]


@batch_of.mistake("the step is taken for the epoch: each step begins an epoch anew")
def step_as_epoch(step, batch_size, order):
    return order(step)[:batch_size]


@batch_of.mistake("one batch too far: the first step is step 0")
def one_on(step, batch_size, order):
    return one_by_one(step + 1, batch_size, order)


@batch_of.mistake(
    "the batch begins `step` windows in, so it overlaps the one before; step * "
    "batch_size windows were read"
)
def steps_as_windows(step, batch_size, order):
    n = len(order(0))
    return [
        order(number // n)[number % n] for number in range(step, step + batch_size)
    ]


@batch_of.mistake(
    "a batch may reach over more than one end of an epoch, where it is larger than one"
)
def over_one_end(step, batch_size, order):
    epoch, place = divmod(step * batch_size, len(order(0)))
    return [*order(epoch)[place:], *order(epoch + 1)][:batch_size]


@batch_of.mistake(
    "these are numbers that count windows from the first step on; the order says which "
    "windows they are"
)
def numbers_of_the_count(step, batch_size, order):
    return list(range(step * batch_size, (step + 1) * batch_size))


@batch_of.mistake(
    "these are places within the epoch; the order says which window stands there"
)
def places_in_the_epoch(step, batch_size, order):
    n = len(order(0))
    return [(step * batch_size + i) % n for i in range(batch_size)]


@batch_of.mistake("the windows are sorted; they come in the order of the epoch")
def sorted_windows(step, batch_size, order):
    return sorted(one_by_one(step, batch_size, order))


@batch_of.mistake(
    "after the end of an epoch, the next one is read from the same place on; it begins "
    "at its first window"
)
def next_epoch_from_the_middle(step, batch_size, order):
    n = len(order(0))
    epoch, place = divmod(step * batch_size, n)
    found = order(epoch)[place:]
    while len(found) < batch_size:
        epoch += 1
        found = [*found, *order(epoch)[place:], *order(epoch)[:place]]
    return found[:batch_size]


@batch_of.refused("stopped with IndexError")
def past_the_end(step, batch_size, order):
    first = step * batch_size
    return [order(0)[first + i] for i in range(batch_size)]


# --- ★★★ Places within a document -------------------------------------------------------


@exercise("each document counts from its own beginning", Numbers("the place"))
def places() -> Iterator[tuple]:
    """`places(x, end)`: how many tokens before each belong to its document, (B, T)."""
    yield (torch.tensor([[0, 5, 6, 0, 7, 0, 8, 9]]), 0)
    yield (torch.tensor([[4, 5, 0, 6, 7, 0, 0, 8], [0, 1, 2, 3, 4, 5, 6, 7]]), 0)
    yield (torch.tensor([[1, 2, 3], [3, 9, 1], [2, 2, 3]]), 3)
    yield (torch.tensor([[1, 2, 4, 5, 6], [9, 1, 2, 9, 9]]), 9)
    yield (torch.tensor([[3]]), 0)
    yield (torch.tensor([[0], [1]]), 0)
    yield (torch.randint(0, 4, (4, 15)), 0)


@places.right
def by_running_maximum(x, end):
    t = torch.arange(x.shape[1])
    return t - torch.where(x == end, t, 0).cummax(-1).values  # (B, T)


@places.right
def by_loop(x, end):
    rows = []
    for row in x.tolist():
        found, n = [], -1
        for id in row:
            n = 0 if id == end else n + 1
            found.append(n)
        rows.append(found)
    return rows


@places.right
def by_mask(x, end):
    number = (x == end).cumsum(-1)
    same = number[:, :, None] == number[:, None, :]
    return same.tril(-1).sum(-1)


@places.mistake(
    "this counts from the beginning of the row; each document has its own beginning"
)
def within_the_row(x, end):
    return torch.arange(x.shape[1]).expand(x.shape)


@places.mistake("one too many: the end mark that begins a document has place 0")
def from_one(x, end):
    return by_running_maximum(x, end) + 1


@places.mistake(
    "the count begins anew *after* the end mark; as an input, the mark is the first "
    "token of the document that follows"
)
def after_the_mark(x, end):
    rows = []
    for row in x.tolist():
        found, n = [], -1
        for id in row:
            n += 1
            found.append(n)
            n = -1 if id == end else n
        rows.append(found)
    return torch.tensor(rows)


@places.mistake(
    "these are the numbers of the documents, not the places within them"
)
def numbers_of_documents(x, end):
    return (x == end).cumsum(-1)


@places.mistake(
    "the count runs on from one row into the next; each row of a batch is by itself"
)
def across_rows(x, end):
    return by_running_maximum(x.reshape(1, -1), end).view_as(x)


@places.mistake("the end marks of the first row are used for all rows")
def first_row_for_all(x, end):
    return by_running_maximum(x[:1], end).expand(x.shape)


@places.mistake("only the last end mark of a row begins anew; every end mark does")
def after_the_last(x, end):
    t = torch.arange(x.shape[1])
    last = torch.where(x == end, t, 0).amax(-1, keepdim=True)
    return torch.where(t >= last, t - last, t)


@places.mistake("only the first end mark of a row begins anew; every end mark does")
def after_the_first(x, end):
    t = torch.arange(x.shape[1])
    marks = x == end
    first = torch.where(marks.any(-1), marks.int().argmax(-1), 0)[:, None]
    return torch.where(t >= first, t - first, t)


@places.mistake("this counts tokens that are no end marks and never begins anew")
def never_anew(x, end):
    return ((x != end).cumsum(-1) - (x[:, :1] != end).long()).clamp(min=0)


@places.mistake(
    "end marks are not counted as tokens here: the token after one has place 1"
)
def without_the_marks(x, end):
    return (by_running_maximum(x, end) - 1).clamp(min=0)


@places.mistake("the end mark is looked for as id 0; it is the id that `end` says")
def zero_as_the_mark(x, end):
    return by_running_maximum(x, 0)


@places.mistake(
    "this counts down to the end of each document; it should count up from its beginning"
)
def counting_down(x, end):
    number = (x == end).cumsum(-1)
    same = number[:, :, None] == number[:, None, :]
    return same.triu(1).sum(-1)


@places.refused("expected")
def before_the_first_mark_minus_one(x, end):
    found: Tensor = by_running_maximum(x, end)
    return torch.where((x == end).cumsum(-1) == 0, -1, found)
