"""Chapter 1's checkers: right answers pass; each plausible wrong one gets its hint."""

import math
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from book.exercises import chapter_01 as c

# ---------------------------------------------------------------- right answers


def guess(n, k):
    return math.log(n), math.log(k), math.log2(n / k)


def guess_by_cross_entropy(n, k):
    losses = [F.cross_entropy(torch.zeros(m), torch.tensor(0)) for m in (n, k)]
    return torch.stack([*losses, (losses[0] - losses[1]) / math.log(2)])


def shift(ids, end):
    return [end, *ids], [*ids, end]


def shift_in_place(ids, end):
    ids.append(end)
    return torch.tensor([end, *ids[:-1]]), torch.tensor(ids)


def shift_as_rows(ids, end):
    row = torch.tensor([end, *ids, end])
    return torch.stack((row[:-1], row[1:]))


def table(x, y, n):
    real = y >= 0
    counts = torch.zeros(n, n)
    return counts.index_put((x[real], y[real]), torch.tensor(1.0), accumulate=True)


def table_by_loop(x, y, n, counts=None, skip=lambda a, b: b == -100):
    counts = torch.zeros(n, n, dtype=torch.long) if counts is None else counts
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        for a, b in zip(row, targets, strict=True):
            if not skip(a, b):
                counts[a, b] += 1
    return counts


def table_by_bincount(x, y, n):
    real = y != -100
    return torch.bincount((n * x + y)[real], minlength=n * n).view(n, n)


def table_by_product(x, y, n):
    real = y != -100
    return F.one_hot(x[real], n).double().T @ F.one_hot(y[real], n).double()


def tempered(p, t):
    return (p.log() / t).softmax(-1)


def tempered_by_power(p, t):
    power = (p / p.amax(-1, keepdim=True)) ** (1 / t)
    return power / power.sum(-1, keepdim=True)


def tempered_by_loop(p, t):
    rows = []
    for law in p.reshape(-1, p.shape[-1]).tolist():
        power = [(q / max(law)) ** (1 / t) for q in law]
        rows.append([q / sum(power) for q in power])
    return torch.tensor(rows).view(p.shape)


def step(z, x, y, rate, grad=lambda p, counts, n: n * p - counts):
    counts = table(x, y, len(z)).to(z)
    gradient = grad(z.softmax(-1), counts, counts.sum(-1, keepdim=True))
    return z - rate * gradient / counts.sum()


def step_by_loop(z, x, y, rate):
    p, new, total = z.softmax(-1), z.clone(), int((y >= 0).sum())
    for a, b in zip(x.flatten().tolist(), y.flatten().tolist(), strict=True):
        if b >= 0:
            new[a] -= rate * p[a] / total
            new[a, b] += rate / total
    return new


def step_by_one_hot(z, x, y, rate):
    real = y >= 0
    pull = z[x[real]].softmax(-1) - F.one_hot(y[real], len(z))
    gradient = torch.zeros_like(z).index_add(0, x[real], pull)
    return z - rate * gradient / len(pull)


def context(row, t, n):
    return tuple(row[max(0, t + 1 - n) : t + 1])


def best(x, y, n, context=context, real=lambda t, b: b >= 0, weigh=None):
    follow = defaultdict(Counter)
    for row, targets in zip(x.tolist(), y.tolist(), strict=True):
        for t, b in enumerate(targets):
            if real(t, b):
                follow[context(row, t, n)][b] += 1
    parts = [(k, k / g.total()) for g in follow.values() for k in g.values()]
    if weigh:
        return weigh(follow)
    return sum(-k * math.log(p) for k, p in parts) / sum(k for k, _ in parts)


def best_by_difference(x, y, n):
    """H(context, target) − H(context), with windows filled up on the left."""

    def entropy(keys):
        _, counts = np.unique(keys, axis=0, return_counts=True)
        return float(-(counts / len(keys) * np.log(counts / len(keys))).sum())

    seen = F.pad(x, (n - 1, 0), value=-1).unfold(1, n, 1)[y >= 0]
    both = torch.cat((seen, y[y >= 0][:, None]), 1)
    return entropy(both.numpy()) - entropy(seen.numpy())


RIGHT = [
    (c.guessing_loss, guess),
    (c.guessing_loss, guess_by_cross_entropy),
    (c.guessing_loss, lambda n, k: [-math.log(1 / n), -math.log(1 / k), np.log2(n / k)]),
    (c.shift, shift),
    (c.shift, shift_in_place),
    (c.shift, shift_as_rows),
    (c.pair_table, table),
    (c.pair_table, table_by_loop),
    (c.pair_table, table_by_bincount),
    (c.pair_table, table_by_product),
    (c.temperature_law, tempered),
    (c.temperature_law, tempered_by_power),
    (c.temperature_law, tempered_by_loop),
    (c.temperature_law, lambda p, t: tempered(p.float(), t)),
    (c.table_step, step),
    (c.table_step, step_by_loop),
    (c.table_step, step_by_one_hot),
    (c.table_step, lambda z, x, y, rate: step(z.double(), x, y, rate)),
    (c.best_loss, best),
    (c.best_loss, best_by_difference),
    (c.best_loss, lambda x, y, n: torch.tensor(best(x, y, n))),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass_every_time(check, answer):
    for seed in range(10):
        torch.manual_seed(seed)
        verdict = check(answer)
        assert verdict, verdict.message


# ---------------------------------------------------------------- wrong answers


def rows(x):
    return x / x.sum(-1, keepdim=True)


def table_once(x, y, n):
    counts, real = torch.zeros(n, n), y >= 0
    counts[x[real], y[real]] += 1
    return counts


def autograd_step(z, x, y, rate):
    z = z.clone().requires_grad_()
    F.cross_entropy(z[x].mT, y).backward()
    return (z - rate * z.grad).detach()


def step_row_once(z, x, y, rate):
    new, real = z.clone(), y >= 0
    pull = z[x[real]].softmax(-1) - F.one_hot(y[real], len(z))
    new[x[real]] -= rate * pull / len(pull)
    return new


def step_pair_once(z, x, y, rate):
    counts = table(x, y, len(z))
    gradient = z.softmax(-1) * counts.sum(-1, keepdim=True)
    gradient[x[y >= 0], y[y >= 0]] -= 1
    return z - rate * gradient / counts.sum()


def step_on_everything(z, x, y, rate):
    pull = z[x].softmax(-1) - F.one_hot(y.clamp(min=0), len(z))
    gradient = torch.zeros_like(z).index_add(0, x.flatten(), pull.flatten(0, 1))
    return z - rate * gradient / y.numel()


def step_with_index(z, x, y, rate):
    pull = z[x].softmax(-1)
    for b in range(len(y)):
        for t in range(len(y[0])):
            pull[b, t, y[b, t]] -= 1
    gradient = torch.zeros_like(z).index_add(0, x.flatten(), pull.flatten(0, 1))
    return z - rate * gradient / y.numel()


def step_of_probability(z, x, y, rate):
    real = y >= 0
    p = z[x[real]].softmax(-1)
    pull = p.gather(1, y[real][:, None]) * (p - F.one_hot(y[real], len(z)))
    return z - rate * torch.zeros_like(z).index_add(0, x[real], pull) / len(pull)


def wrong_step(grad):
    return lambda z, x, y, rate: step(z, x, y, rate, grad)


def each_row_its_mean(unseen_move):
    def answer(z, x, y, rate):
        counts = table(x, y, len(z))
        seen = counts.sum(-1, keepdim=True)
        gradient = z.softmax(-1) - counts / seen.clamp(min=1)
        return z - rate * (gradient if unseen_move else gradient * (seen > 0))

    return answer


def in_view(key):
    return lambda x, y, n: best(x, y, n, key)


def weighed(weigh):
    return lambda x, y, n: best(x, y, n, weigh=weigh)


def surprise(g):
    return -sum(k * math.log(k / g.total()) for k in g.values()) / g.total()


def joint(follow):
    counts = [k for g in follow.values() for k in g.values()]
    return -sum(k * math.log(k / sum(counts)) for k in counts) / sum(counts)


def greedy(follow):
    total = sum(g.total() for g in follow.values())
    likely = [(g.total(), max(g.values()) / g.total()) for g in follow.values()]
    return sum(-n * math.log(p) for n, p in likely) / total


def errors(follow):
    total = sum(g.total() for g in follow.values())
    return 1 - sum(max(g.values()) for g in follow.values()) / total


def best_of_one_long_row(x, y, n):
    return best(x.reshape(1, -1), y.reshape(1, -1), n)


def step_by_step(logits, x, y, rate):
    """Each target changes the table that the next one is read from."""
    table = logits.clone()
    count = (y >= 0).sum()
    for a, b in zip(x.flatten(), y.flatten(), strict=True):
        if b >= 0:
            pull = table[a].softmax(-1)
            pull[b] -= 1
            table[a] -= rate / count * pull
    return table


WRONG = {
    # what somebody believes: (checker, their answer, words of the hint)
    "guess: ln p is the loss": (
        c.guessing_loss, lambda n, k: (-math.log(n), -math.log(k), 0.0), "not negative"),
    "guess: log2 for everything": (
        c.guessing_loss, lambda n, k: (math.log2(n), math.log2(k), math.log2(n / k)),
        "log2.*natural"),
    "guess: the second is the gain": (
        c.guessing_loss,
        lambda n, k: (math.log(n), math.log(n / k), math.log2(n / k)), "what remains"),
    "guess: log10": (
        c.guessing_loss, lambda n, k: (math.log10(n), math.log10(k), 1.0), "base 10"),
    "guess: the probability is the loss": (
        c.guessing_loss, lambda n, k: (1 / n, 1 / k, n / k), "probability of each"),
    "guess: the number of choices is the loss": (
        c.guessing_loss, lambda n, k: (n, k, n / k), "number of tokens left"),
    "guess: the chance to be wrong": (
        c.guessing_loss, lambda n, k: (1 - 1 / n, 1 - 1 / k, 0.0), "to be wrong"),
    "guess: one part of the sum": (
        c.guessing_loss, lambda n, k: (math.log(n) / n, math.log(k) / k, 0.0),
        "part of the sum"),
    "guess: the wrong way round": (
        c.guessing_loss, lambda n, k: (math.log(k), math.log(n), math.log2(n / k)),
        "knows nothing"),
    "guess: gain in nats": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log(n / k)), "in nats"),
    "guess: times ln 2": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log(n / k) * math.log(2)),
        "smaller than a nat"),
    "guess: a gain lowers the loss, so it is negative": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log2(k / n)), "negative"),
    "guess: what is left is the gain": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log2(k)), "remains"),
    "guess: the whole loss is the gain": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log2(n)), "still loses"),
    "guess: a quotient of losses": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log(n, max(k, 2))),
        "divided"),
    "guess: the factor itself": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], n / k), "halvings"),
    "guess: the number ruled out": (
        c.guessing_loss, lambda n, k: (*guess(n, k)[:2], math.log2(n - k)), "ruled out"),
    "guess: one number": (c.guessing_loss, lambda n, k: math.log(n), "three numbers"),
    "guess: words": (c.guessing_loss, lambda n, k: ("a", 1, 1), "expected one number"),

    "shift: nothing to shift": (c.shift, lambda i, e: ([e, *i], [e, *i]), "read already"),
    "shift: not even the mark": (c.shift, lambda i, e: (i, i), "read already"),
    "shift: the wrong way": (c.shift, lambda i, e: shift(i, e)[::-1], "one place back"),
    "shift: begin with the story": (
        c.shift, lambda i, e: (i, [*i[1:], e]), "first token is never asked"),
    "shift: no marks": (
        c.shift, lambda i, e: (i[:-1], i[1:]), "first token is never asked"),
    "shift: no stop": (c.shift, lambda i, e: ([e, *i[:-1]], i), "never stops"),
    "shift: roll": (c.shift, lambda i, e: (i, list(np.roll(i, -1).tolist())), "circle"),
    "shift: the stop does not count": (
        c.shift, lambda i, e: ([e, *i], [*i, -100]), "where to stop"),
    "shift: read the stop": (
        c.shift, lambda i, e: ([e, *i, e], [*i, e, -100]), "another story"),
    "shift: two places": (
        c.shift, lambda i, e: ([e, *i[:-1]], [*i[1:], e]), "two places"),
    "shift: rows of two lengths": (
        c.shift, lambda i, e: ([e, *i, e], [*i, e]), "one target"),
    "shift: an id for the end of one's own": (
        c.shift, lambda i, e: ([0, *i], [*i, 0]), "expected"),
    "shift: numbers with a point": (
        c.shift, lambda i, e: (torch.tensor([e, *i]).float(), i), "integers"),
    "shift: one row": (c.shift, lambda i, e: [e, *i, e, e], "two things"),

    "table: += adds up": (c.pair_table, table_once, "counted once"),
    "table: -100 is an index": (
        c.pair_table, lambda x, y, n: table_by_loop(x, y, n, skip=lambda a, b: False),
        "from the end, so it became the token 20"),
    "table: the filling is a token": (
        c.pair_table, lambda x, y, n: table(x, y.clamp(min=0), n), "filling is counted"),
    "table: target 0 is filling": (
        c.pair_table, lambda x, y, n: table_by_loop(x, y, n, skip=lambda a, b: b <= 0),
        "target is 0 are missing"),
    "table: x = 0 is filling": (
        c.pair_table,
        lambda x, y, n: table_by_loop(x, y, n, skip=lambda a, b: a == 0 or b < 0),
        "begin with 0"),
    "table: transposed": (c.pair_table, lambda x, y, n: table(x, y, n).T, "transposed"),
    "table: shares": (
        c.pair_table, lambda x, y, n: rows(table(x, y, n)), "shares.*counts"),
    "table: careful shares": (
        c.pair_table, lambda x, y, n: rows(table(x, y, n)).nan_to_num(0),
        "shares.*counts"),
    "table: one row": (
        c.pair_table, lambda x, y, n: table(x[:1], y[:1], n), "first row only"),
    "table: neighbours in x": (
        c.pair_table, lambda x, y, n: table(x[:, :-1], x[:, 1:], n), "last target"),
    "table: across the rows": (
        c.pair_table, lambda x, y, n: table(x.flatten()[:-1], x.flatten()[1:], n),
        "across the ends"),
    "table: begin at one": (
        c.pair_table, lambda x, y, n: table(x, y, n) + 1, "begins at 0"),
    "table: a long row": (
        c.pair_table, lambda x, y, n: table(x, y, n).flatten(), "a row for each token"),
    "table: a token for -100": (
        c.pair_table, lambda x, y, n: table(x, torch.where(y < 0, n, y), n + 1),
        "no token"),

    "warm: no effect": (
        c.temperature_law, lambda p, t: rows(p / t), "cancels"),
    "warm: times t": (
        c.temperature_law, lambda p, t: (p.log() * t).softmax(-1), "mixed up"),
    "warm: probabilities are logits": (
        c.temperature_law, lambda p, t: (p / t).softmax(-1), "taken for logits"),
    "warm: a power is enough": (
        c.temperature_law, lambda p, t: p ** (1 / t), "do not sum"),
    "warm: a quotient is enough": (c.temperature_law, lambda p, t: p / t, "not made"),
    "warm: one sum for all": (
        c.temperature_law, lambda p, t: p ** (1 / t) / (p ** (1 / t)).sum(),
        "sum of its own"),
    "warm: over the laws": (
        c.temperature_law, lambda p, t: (p.log() / t).softmax(0), "over the laws"),
    "warm: over the laws, by power": (
        c.temperature_law, lambda p, t: p ** (1 / t) / (p ** (1 / t)).sum(0),
        "over the laws"),
    "warm: logarithms": (
        c.temperature_law, lambda p, t: (p.log() / t).log_softmax(-1), "are logarithms"),
    "warm: bits": (
        c.temperature_law, lambda p, t: (p.log2() / t).softmax(-1), "base 2"),
    "warm: tens": (
        c.temperature_law, lambda p, t: (p.log10() / t).softmax(-1), "base 10"),
    "warm: greedy": (
        c.temperature_law, lambda p, t: F.one_hot(p.argmax(-1), p.shape[-1]).double(),
        "only the likeliest"),
    "warm: surprises are logits": (
        c.temperature_law,
        lambda p, t: (-p.log() / t).softmax(-1), "a sign wrong"),
    "warm: something small for ln 0": (
        c.temperature_law, lambda p, t: ((p + 1e-9).log() / t).softmax(-1),
        "something small"),
    "warm: clamp for ln 0": (
        c.temperature_law, lambda p, t: (p.clamp(min=1e-30).log() / t).softmax(-1),
        "something small"),
    "cold: powers never vanish": (
        c.temperature_law, lambda p, t: rows(p ** (1 / t)), "powers of small"),
    "cold: one largest for all": (
        c.temperature_law, lambda p, t: rows((p / p.max()) ** (1 / t)),
        "powers of small"),
    "cold: one winner": (
        c.temperature_law,
        lambda p, t: tempered(p, t) if t > 0.1
        else F.one_hot(p.argmax(-1), p.shape[-1]).double(), "equally likely"),

    "step: let autograd do it": (c.table_step, autograd_step, "by hand"),
    "step: uphill": (c.table_step, wrong_step(lambda p, k, n: k - n * p), "uphill"),
    "step: the sum": (
        c.table_step, wrong_step(lambda p, k, n: (n * p - k) * k.sum()), "the mean over"),
    "step: all places": (
        c.table_step,
        lambda z, x, y, r: step(z, x, y, r * int((y >= 0).sum()) / y.numel()),
        "all places"),
    "step: each row its mean": (
        c.table_step, each_row_its_mean(False), "mean of its own"),
    "step: rows that did not occur": (
        c.table_step, each_row_its_mean(True), "never occurred"),
    "step: given once": (c.table_step, wrong_step(lambda p, k, n: p - k), "every time"),
    "step: only up": (c.table_step, wrong_step(lambda p, k, n: -k), "nothing is pushed"),
    "step: only what came": (
        c.table_step, wrong_step(lambda p, k, n: k * (p - 1)), "only the token that"),
    "step: read and changed at once": (
        c.table_step, step_by_step, "before the step"),
    "step: rows written once": (c.table_step, step_row_once, "the last one stays"),
    "step: pairs written once": (c.table_step, step_pair_once, "pushed up once"),
    "step: softmax over columns": (
        c.table_step,
        lambda z, x, y, r: z - r * (table(x, y, len(z)).sum(-1, keepdim=True)
                                    * z.softmax(0) - table(x, y, len(z)))
        / (y >= 0).sum(), "over the columns"),
    "step: logits are probabilities": (
        c.table_step,
        lambda z, x, y, r: step(z, x, y, r, lambda p, k, n: n * z - k), "stand where"),
    "step: 0/0": (
        c.table_step, wrong_step(lambda p, k, n: p - k / n), "divided by its count, 0"),
    "step: of the probability": (c.table_step, step_of_probability, "of −p"),
    "step: transposed": (
        c.table_step, wrong_step(lambda p, k, n: n * p - k.T), "transposed"),
    "step: the filling is a token": (c.table_step, step_on_everything, "token 0 came"),
    "step: -100 is an index": (c.table_step, step_with_index, "became the token 5"),
    "step: the gradient": (
        c.table_step, lambda z, x, y, r: z - step(z, x, y, 1.0), "is the gradient;"),
    "step: no rate": (
        c.table_step, lambda z, x, y, r: step(z, x, y, 1.0), "rate has no effect"),
    "step: nothing": (c.table_step, lambda z, x, y, r: z, "nothing has moved"),

    "best: over all places": (
        c.best_loss,
        lambda x, y, n: best(x, y, n) * int((y >= 0).sum()) / y.numel(),
        "the filling included"),
    "best: bits": (c.best_loss, lambda x, y, n: best(x, y, n) / math.log(2), "in bits"),
    "best: sign": (c.best_loss, lambda x, y, n: -best(x, y, n), "not negative"),
    "best: sum": (
        c.best_loss, lambda x, y, n: best(x, y, n) * int((y >= 0).sum()), "the sum over"),
    "best: perplexity": (
        c.best_loss, lambda x, y, n: math.exp(best(x, y, n)), "e to the loss"),
    "best: every context alike": (
        c.best_loss, weighed(lambda f: sum(map(surprise, f.values())) / len(f)),
        "counts the same"),
    "best: both together": (c.best_loss, weighed(joint), "together"),
    "best: the present is the target": (
        c.best_loss, in_view(lambda r, t, n: tuple(r[max(0, t - n) : t])),
        "read now is not"),
    "best: one more": (
        c.best_loss, in_view(lambda r, t, n: context(r, t, n + 1)), "too many"),
    "best: one less": (
        c.best_loss, in_view(lambda r, t, n: context(r, t, n - 1)), "one token short"),
    "best: always the table": (
        c.best_loss, in_view(lambda r, t, n: r[t]), "only the present"),
    "best: nothing in view": (
        c.best_loss, in_view(lambda r, t, n: 0), "nothing is in view"),
    "best: everything in view": (
        c.best_loss, in_view(lambda r, t, n: tuple(r[: t + 1])), "whole past"),
    "best: place by place": (
        c.best_loss, in_view(lambda r, t, n: (t, context(r, t, n))), "kept apart"),
    "best: a heap": (
        c.best_loss, in_view(lambda r, t, n: tuple(sorted(context(r, t, n)))), "heap"),
    "best: a set": (
        c.best_loss, in_view(lambda r, t, n: frozenset(context(r, t, n))), "not a set"),
    "best: negative index": (
        c.best_loss, in_view(lambda r, t, n: tuple(r[t + 1 - n : t + 1])),
        "negative index"),
    "best: only full windows": (
        c.best_loss, lambda x, y, n: best(x, y, n, real=lambda t, b: t >= n - 1 and b >= 0),
        "left out"),
    "best: -100 counts": (
        c.best_loss, lambda x, y, n: best(x, y, n, real=lambda t, b: True),
        "−100 are counted"),
    "best: one long row": (c.best_loss, best_of_one_long_row, "across the ends"),
    "best: the likeliest": (c.best_loss, weighed(greedy), "likeliest"),
    "best: errors": (c.best_loss, weighed(errors), "how often the best"),
    "best: a table of losses": (
        c.best_loss, lambda x, y, n: [best(x, y, n)] * 2, "expected one number"),
    "best: nan": (c.best_loss, lambda x, y, n: math.nan, "expected a number"),
}  # fmt: skip


@pytest.mark.parametrize("belief", WRONG)
def test_wrong_answers_are_refused_with_the_hint_that_names_the_mistake(belief):
    check, answer, hint = WRONG[belief]
    for seed in range(5):
        torch.manual_seed(seed)
        verdict = check(answer)
        assert not verdict, f"accepted: {belief}"
        assert re.search(hint, verdict.message), verdict.message


@pytest.mark.parametrize("check", [c.pair_table, c.temperature_law, c.table_step])
def test_a_list_is_not_a_tensor(check):
    assert "not a tensor" in check(lambda *inputs: [[1.0]]).message


def test_inputs_cannot_be_changed_to_pass():
    def forget_everything(logits, x, y, rate):
        y.fill_(-100)
        return logits.zero_()

    assert not c.table_step(forget_everything)
