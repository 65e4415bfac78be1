"""The exercises of chapter 16, Writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

import torch
from torch import Tensor

from book.exercises.answers import Numbers, Values
from book.exercises.exercise import exercise, random_numbers

# --- ★ The nucleus -----------------------------------------------------------------


def _random_probs(n: int) -> list[float]:
    weights = [random_numbers().random() ** 3 + 0.01 for _ in range(n)]
    return [w / sum(weights) for w in weights]


@exercise("the fewest, the likeliest first, that reach p", Numbers("the id"))
def nucleus() -> Iterator[tuple]:
    """`nucleus(probs, p)`: the ids that top-p leaves, in rising order."""
    yield [0.05, 0.35, 0.1, 0.3, 0.2], 0.8
    yield [0.1, 0.45, 0.05, 0.4], 0.6
    yield [0.05, 0.9, 0.05], 0.5
    yield [0.25, 0.25, 0.25, 0.25], 0.5
    yield [0.125, 0.5, 0.25, 0.125], 0.75
    yield [0.125, 0.5, 0.25, 0.125], 1.0
    yield [0.4, 0.1, 0.3, 0.2], 0.65
    yield [1.0], 0.3
    yield [0.2, 0.0, 0.5, 0.3], 1.0
    yield _random_probs(9), 0.7


def _by_rank(probs: list[float]) -> list[int]:
    return sorted(range(len(probs)), key=lambda i: -probs[i])


def _until(probs: list[float], order: list[int], enough: Callable) -> list[int]:
    """The ids in this order, until what has come is enough."""
    left, total = [], 0.0
    for i in order:
        if enough(total, probs[i]):
            break
        left.append(i)
        total += probs[i]
    return sorted(left)


@nucleus.right
def by_a_loop(probs, p):
    return _until(probs, _by_rank(probs), lambda total, _: total >= p)


@nucleus.right
def by_what_comes_before(probs, p):
    order = _by_rank(probs)
    before = [0.0, *accumulate(probs[i] for i in order)]
    return sorted(i for i, b in zip(order, before, strict=False) if b < p)


@nucleus.right
def by_sorting(probs, p):
    values, ids = torch.tensor(probs).double().sort(descending=True, stable=True)
    before = values.cumsum(0) - values
    return ids[before < p - 1e-12].sort().values


@nucleus.mistake(
    "the token with which the sum reaches p is left out: without it, the rest does not "
    "have the probability p"
)
def stops_too_early(probs, p):
    return _until(probs, _by_rank(probs), lambda total, q: total + q > p)


@nucleus.mistake(
    "one token too few: the one that makes the sum reach p belongs to the nucleus"
)
def stops_before_reaching(probs, p):
    return _until(probs, _by_rank(probs), lambda total, q: total + q >= p)


@nucleus.mistake(
    "one token too many where the sum is p exactly: at least p is enough"
)
def goes_past(probs, p):
    return _until(probs, _by_rank(probs), lambda total, _: total > p)


@nucleus.mistake(
    "the tokens were taken in the order of their ids; the likeliest comes first"
)
def in_order_of_ids(probs, p):
    return _until(probs, list(range(len(probs))), lambda total, _: total >= p)


@nucleus.mistake("the least likely were taken first; the likeliest comes first")
def the_rare_first(probs, p):
    return _until(probs, _by_rank(probs)[::-1], lambda total, _: total >= p)


@nucleus.mistake(
    "p is a sum here, not a bound for each token (and min-p is another rule)"
)
def each_above_p(probs, p):
    return [i for i, q in enumerate(probs) if q >= p]


@nucleus.mistake(
    "that is min-p: at least p times as likely as the best. Here the probabilities are "
    "added up"
)
def as_min_p(probs, p):
    return [i for i, q in enumerate(probs) if q >= p * max(probs)]


@nucleus.mistake(
    "these are places in the sorted row, 0, 1, 2 …; the ids of the tokens are asked for"
)
def places_for_ids(probs, p):
    return list(range(len(by_a_loop(probs, p))))


@nucleus.mistake(
    "the right ids, the likeliest first; they are asked for in rising order"
)
def sorted_by_probability(probs, p):
    left = set(by_a_loop(probs, p))
    return [i for i in _by_rank(probs) if i in left]


@nucleus.mistake("the probabilities of the right tokens; their ids are asked for")
def probabilities_for_ids(probs, p):
    return [probs[i] for i in by_a_loop(probs, p)]


@nucleus.mistake(
    "these are the ids that top-p removes; those that it leaves are asked for"
)
def what_is_removed(probs, p):
    left = set(by_a_loop(probs, p))
    return [i for i in range(len(probs)) if i not in left]


@nucleus.mistake(
    "only the likeliest is left; the next ones are, too, until the sum reaches p"
)
def the_likeliest_alone(probs, p):
    return _by_rank(probs)[:1]


@nucleus.mistake(
    "all tokens that are as likely as the last one taken were kept; the fewest are asked "
    "for, of equals those with the smaller ids"
)
def equals_all_kept(probs, p):
    least = min(probs[i] for i in by_a_loop(probs, p))
    return [i for i, q in enumerate(probs) if q >= least]


@nucleus.mistake(
    "a mask says of each token whether it is left; the ids of those that are left are "
    "asked for"
)
def mask_for_ids(probs, p):
    left = set(by_a_loop(probs, p))
    return [i in left for i in range(len(probs))]


@nucleus.mistake(
    "these are the probabilities with the others set to 0; the ids of those that are left "
    "are asked for"
)
def others_set_to_0(probs, p):
    left = set(by_a_loop(probs, p))
    return [q if i in left else 0.0 for i, q in enumerate(probs)]


@nucleus.mistake("so many tokens are left; which they are, their ids, is asked for")
def how_many(probs, p):
    return len(by_a_loop(probs, p))


@nucleus.mistake(
    "of equally likely tokens the one with the smaller id comes first; sorted with "
    "reverse they come the other way round where the ids are sorted along"
)
def equals_backwards(probs, p):
    order = [
        i
        for _, i in sorted(zip(probs, range(len(probs)), strict=True), reverse=True)
    ]
    return _until(probs, order, lambda total, _: total >= p)


# --- ★★ A penalty that counts ------------------------------------------------------


@exercise("alpha once for each time, and what was given is left as it was")
def frequency_penalty() -> Iterator[tuple]:
    """`frequency_penalty(logits, text, alpha)`: (V,) to (V,)."""
    yield torch.randn(6, dtype=torch.float64), [1, 3, 1, 1, 5], 0.5
    yield torch.randn(4), [], 0.7
    yield torch.randn(5), [0, 0], 1.0
    yield -torch.rand(5) - 1, [4, 2, 4], 0.3
    yield torch.randn(3, dtype=torch.float64), [2, 2, 2, 2], 0.0
    yield torch.tensor([1.0, 4.0, 2.0]), [1, 1, 0], 0.5


def _counts(logits: Tensor, text: list[int]) -> Tensor:
    return torch.tensor([text.count(i) for i in range(len(logits))]).double()


@frequency_penalty.right
def by_counts(logits, text, alpha):
    return logits.double() - alpha * _counts(logits, text)


@frequency_penalty.right
def by_bincount(logits, text, alpha):
    ids = torch.tensor(text, dtype=torch.long)
    return logits.double() - alpha * torch.bincount(ids, minlength=len(logits))


@frequency_penalty.right
def token_by_token(logits, text, alpha):
    found = logits.double().clone()
    for i in text:
        found[i] -= alpha
    return found


@frequency_penalty.right
def by_index_add(logits, text, alpha):
    ids = torch.tensor(text, dtype=torch.long)
    return logits.double().index_add(
        0, ids, torch.full((len(text),), -alpha, dtype=torch.float64)
    )


@frequency_penalty.mistake(
    "each token is penalised once, however often it has come: `x[ids] -= alpha` writes "
    "a place that is named twice only once. Count first"
)
def once_for_all(logits, text, alpha):
    return logits.double() - alpha * (_counts(logits, text) > 0)


@frequency_penalty.mistake("the penalty is added: what has come gets *more* likely")
def added(logits, text, alpha):
    return logits.double() + alpha * _counts(logits, text)


@frequency_penalty.mistake(
    "only the last token of the text is counted; all of them are"
)
def the_last_alone(logits, text, alpha):
    last = _counts(logits, text[-1:])
    return logits.double() - alpha * last * _counts(logits, text)


@frequency_penalty.mistake(
    "the count is divided by the length of the text; each time counts alpha, in a long "
    "text too"
)
def shares(logits, text, alpha):
    return logits.double() - alpha * _counts(logits, text) / max(1, len(text))


@frequency_penalty.mistake(
    "the logit is multiplied; here a number is subtracted, which does not depend on the "
    "zero of the logits"
)
def multiplied(logits, text, alpha):
    return logits.double() * (1 - alpha) ** _counts(logits, text)


@frequency_penalty.mistake(
    "that is the repetition penalty, which divides or multiplies; here alpha is "
    "subtracted for each time"
)
def as_repetition_penalty(logits, text, alpha):
    old, seen = logits.double(), _counts(logits, text) > 0
    changed = torch.where(old > 0, old / (1 + alpha), old * (1 + alpha))
    return torch.where(seen, changed, old)


@frequency_penalty.mistake("the others are penalised, those that have not come")
def the_others(logits, text, alpha):
    return logits.double() - alpha * (_counts(logits, text) == 0)


@frequency_penalty.mistake(
    "these are the counts; they are subtracted from the logits"
)
def counts_alone(logits, text, alpha):
    return _counts(logits, text)


@frequency_penalty.mistake("alpha is missing: each time counts alpha, not 1")
def without_alpha(logits, text, alpha):
    return logits.double() - _counts(logits, text)


@frequency_penalty.mistake(
    "the probabilities are changed; the logits are asked for"
)
def on_probabilities(logits, text, alpha):
    return logits.double().softmax(0) - alpha * _counts(logits, text)


@frequency_penalty.mistake("the first time is free here; it counts as well")
def first_time_free(logits, text, alpha):
    return logits.double() - alpha * (_counts(logits, text) - 1).clamp(min=0)


@frequency_penalty.mistake(
    "the penalty is right, and then came a softmax; the logits are asked for"
)
def then_softmax(logits, text, alpha):
    return by_counts(logits, text, alpha).softmax(0)


@frequency_penalty.mistake(
    "the penalty is right, and then came a log-softmax: the same distribution, but other "
    "logits"
)
def then_log_softmax(logits, text, alpha):
    return by_counts(logits, text, alpha).log_softmax(0)


@frequency_penalty.mistake(
    "a negative logit was raised: alpha is subtracted whatever the sign; the signs matter "
    "to the repetition penalty alone, which multiplies"
)
def by_sign(logits, text, alpha):
    return logits.double() - alpha * _counts(logits, text) * logits.double().sign()


@frequency_penalty.mistake(
    "that is the penalty; the logits less the penalty are asked for"
)
def penalty_alone(logits, text, alpha):
    return -alpha * _counts(logits, text)


@frequency_penalty.mistake(
    "every logit is lowered by the length of the text; each by how often its own token "
    "has come"
)
def length_for_count(logits, text, alpha):
    return logits.double() - alpha * len(text)


@frequency_penalty.mistake(
    "the first token of the text is not counted; all of them are"
)
def without_the_first(logits, text, alpha):
    return logits.double() - alpha * _counts(logits, text[1:])


@frequency_penalty.mistake(
    "the last token of the text is not counted; all of them are"
)
def without_the_last(logits, text, alpha):
    return logits.double() - alpha * _counts(logits, text[:-1])


@frequency_penalty.mistake(
    "alpha was subtracted at the places 0, 1, 2 … of the text; the place of a token among "
    "the logits is its id"
)
def at_places_in_the_text(logits, text, alpha):
    found = logits.double().clone()
    for place in range(min(len(text), len(logits))):
        found[place] -= alpha
    return found


# --- ★★ Dead ends ------------------------------------------------------------------


@exercise("backwards from the end, until no more are found", Numbers("the state"))
def alive() -> Iterator[tuple]:
    """`alive(moves, accepting)`: the states that can reach the end, in rising order."""
    yield [{"a": 1, "b": 3}, {"c": 2}, {"d": 5}, {"e": 3}, {"f": 3}, {}], {2}
    yield [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}, {}], {4}
    yield [{"a": 0}, {"b": 1}], {0, 1}
    yield [{"x": 1}, {"x": 0, "y": 2}, {}, {"x": 2}, {"x": 4}], {2}
    yield [{"a": 4}, {"a": 0}, {"a": 1}, {"a": 2}, {}, {"b": 5}], {4}
    yield [{"a": 1, "b": 2}, {}, {"c": 1, "d": 3}, {}], {1}
    yield [{"a": 2}, {"a": 2, "b": 1}, {"a": 0}, {"a": 1, "b": 4}, {}], {2, 4}
    yield [{"a": 1, "b": 2}, {"c": 0}, {}], {2}
    yield [{"a": 1, "b": 3}, {"a": 2}, {"a": 1}, {}], {3}
    yield [{7: 1}, {3: 2}, {1: 2, 2: 3}, {}], {3}


@alive.right
def backwards(moves, accepting):
    found, n = set(accepting), -1
    while len(found) > n:
        n = len(found)
        found |= {s for s, m in enumerate(moves) if found & set(m.values())}
    return sorted(found)


@alive.right
def forwards_from_each(moves, accepting):
    def reached(state: int) -> set[int]:
        seen, todo = {state}, [state]
        while todo:
            new = set(moves[todo.pop()].values()) - seen
            seen |= new
            todo += new
        return seen

    return [s for s in range(len(moves)) if reached(s) & set(accepting)]


@alive.right
def by_a_matrix(moves, accepting):
    n = len(moves)
    steps = torch.eye(n)
    for s, m in enumerate(moves):
        steps[s, list(m.values())] = 1
    reach = torch.linalg.matrix_power(steps, n) > 0
    return [s for s in range(n) if reach[s, list(accepting)].any()]


def _one_pass(moves, accepting, order) -> list[int]:
    found = set(accepting)
    for s in order:
        if found & set(moves[s].values()):
            found.add(s)
    return sorted(found)


@alive.mistake(
    "one step back is not enough: whoever leads to a state that you have found is alive "
    "as well. Repeat until nothing is added"
)
def one_step(moves, accepting):
    near = {s for s, m in enumerate(moves) if set(accepting) & set(m.values())}
    return sorted(set(accepting) | near)


@alive.mistake(
    "only the accepting states; those from which one can get there are alive too"
)
def accepting_alone(moves, accepting):
    return sorted(accepting)


@alive.mistake(
    "going once through the states, from the last to the first, misses a state that "
    "leads to a later one found only afterwards. Repeat until nothing is added"
)
def once_from_the_end(moves, accepting):
    return _one_pass(moves, accepting, reversed(range(len(moves))))


@alive.mistake(
    "going once through the states in their order misses those whose way to the end "
    "was not yet found. Repeat until nothing is added"
)
def once_in_order(moves, accepting):
    return _one_pass(moves, accepting, range(len(moves)))


@alive.mistake(
    "the accepting states are alive as well, in no steps: a string may end there"
)
def without_the_accepting(moves, accepting):
    found = set(backwards(moves, accepting))
    strictly = {s for s in found if found & set(moves[s].values())}
    return sorted(strictly)


@alive.mistake(
    "these are the states that can be reached from the start; asked for are those from "
    "which the end can be reached"
)
def from_the_start(moves, accepting):
    seen, todo = {0}, [0]
    while todo:
        new = set(moves[todo.pop()].values()) - seen
        seen |= new
        todo += new
    return sorted(seen)


@alive.mistake(
    "a state that cannot be reached from the start was left out; the question is only "
    "where one can get from it"
)
def both_ways(moves, accepting):
    seen = set(from_the_start(moves, accepting))
    return [s for s in backwards(moves, accepting) if s in seen]


@alive.mistake(
    "a state with a move is not alive for that: the move may lead nowhere, or to itself"
)
def with_a_move(moves, accepting):
    return [s for s, m in enumerate(moves) if m or s in accepting]


@alive.mistake(
    "a state is alive if *some* of its moves lead to a live state; not all have to"
)
def if_all_moves(moves, accepting):
    found, n = set(accepting), -1
    while len(found) > n:
        n = len(found)
        found |= {s for s, m in enumerate(moves) if m and set(m.values()) <= found}
    return sorted(found)


@alive.mistake(
    "a search that notes a state as dead while it is still looking says so too early: it "
    "may meet that state again, in a circle, before it has found the way out"
)
def noted_too_early(moves, accepting):
    known = {}

    def finds(state: int) -> bool:
        if state not in known:
            known[state] = state in accepting
            known[state] = known[state] or any(map(finds, moves[state].values()))
        return known[state]

    return [s for s in range(len(moves)) if finds(s)]


@alive.mistake(
    "a state with a move to another state is not alive for that: the two may lead to one "
    "another for ever"
)
def with_a_move_elsewhere(moves, accepting):
    return [
        s for s, m in enumerate(moves) if s in accepting or set(m.values()) - {s}
    ]


@alive.mistake(
    "what can be read was taken for states: in `moves[s]` these are the keys, and the "
    "states behind them are the values"
)
def keys_for_states(moves, accepting):
    found = set(accepting)
    for _ in moves:
        found |= {s for s, m in enumerate(moves) if found & set(m)}
    return sorted(found)


@alive.mistake(
    "these are the states that can be reached from the end; asked for are those from "
    "which the end can be reached"
)
def onwards_from_the_end(moves, accepting):
    found = set(accepting)
    for _ in moves:
        found |= {to for s in found for to in moves[s].values()}
    return sorted(found)


def _backwards(moves, accepting, n_rounds):
    found = set(accepting)
    for _ in range(n_rounds):
        found |= {s for s, m in enumerate(moves) if found & set(m.values())}
    return sorted(found)


@alive.mistake(
    "two rounds backwards are not enough for every automaton: repeat until nothing is "
    "added"
)
def two_rounds(moves, accepting):
    return _backwards(moves, accepting, 2)


@alive.mistake(
    "three rounds backwards are not enough for every automaton: repeat until nothing is "
    "added"
)
def three_rounds(moves, accepting):
    return _backwards(moves, accepting, 3)


@alive.mistake(
    "the right states, in the order in which they were found; the rising order is asked "
    "for"
)
def as_they_were_found(moves, accepting):
    found = list(accepting)
    for state in found:
        found += [
            s for s, m in enumerate(moves) if state in m.values() and s not in found
        ]
    return found


@alive.mistake(
    "a list of yes and no; the states themselves are asked for, as numbers"
)
def yes_or_no(moves, accepting):
    return [s in backwards(moves, accepting) for s in range(len(moves))]


@alive.mistake("these are the dead ends; the others are asked for")
def the_dead(moves, accepting):
    return [s for s in range(len(moves)) if s not in backwards(moves, accepting)]


# --- ★★ What the cache saves -------------------------------------------------------


@exercise(
    "every pair of positions once with a cache, and again and again without",
    Values("without a cache", "with a cache"),
)
def products() -> Iterator[tuple]:
    """`products(n_prompt, n_new)`: products of a query and a key, without and with."""
    yield 4, 3
    yield 3, 2
    yield 1, 1
    yield 5, 7
    yield 10, 1
    yield 1, 12
    yield random_numbers().randint(20, 40), random_numbers().randint(20, 40)


def _whole(n: int) -> int:
    return n * (n + 1) // 2


@products.right
def by_lengths(n_prompt, n_new):
    whole = [_whole(n) for n in range(n_prompt, n_prompt + n_new)]
    return sum(whole), whole[-1]


@products.right
def by_counting(n_prompt, n_new):
    without = sum(
        1
        for n in range(n_prompt, n_prompt + n_new)
        for q in range(n)
        for _ in range(q + 1)
    )
    kept, with_cache = 0, 0
    for n in range(n_prompt, n_prompt + n_new):
        with_cache += sum(q + 1 for q in range(kept, n))
        kept = n
    return without, with_cache


@products.right
def by_formula(n_prompt, n_new):
    def tetrahedral(n: int) -> int:
        return n * (n + 1) * (n + 2) // 6

    last = n_prompt + n_new - 1
    return tetrahedral(last) - tetrahedral(n_prompt - 1), _whole(last)


@products.mistake(
    "the last new token is read too; nothing is written after it, so nobody reads it"
)
def reads_the_last(n_prompt, n_new):
    whole = [_whole(n) for n in range(n_prompt, n_prompt + n_new + 1)]
    return sum(whole), whole[-1]


@products.mistake(
    "the first new token comes from reading the prompt: the first text that is read has "
    "n_prompt tokens, and n_new texts are read"
)
def forgets_the_prompt(n_prompt, n_new):
    whole = [_whole(n) for n in range(n_prompt + 1, n_prompt + n_new)]
    return sum(whole), _whole(n_prompt + n_new - 1)


@products.mistake(
    "every position with every other: with a causal mask a position looks at itself and "
    "at what came before, which is about half"
)
def all_pairs(n_prompt, n_new):
    whole = [n * n for n in range(n_prompt, n_prompt + n_new)]
    return sum(whole), whole[-1]


@products.mistake(
    "a position looks at itself too: 1 + 2 + … + n, not 0 + 1 + … + (n - 1)"
)
def not_at_itself(n_prompt, n_new):
    whole = [n * (n - 1) // 2 for n in range(n_prompt, n_prompt + n_new)]
    return sum(whole), whole[-1]


@products.mistake(
    "these are positions that go through the model; each of them has as many products as "
    "there are positions it looks at"
)
def positions(n_prompt, n_new):
    return sum(range(n_prompt, n_prompt + n_new)), n_prompt + n_new - 1


@products.mistake(
    "with a cache the prompt has to be read as well, once: its products are missing"
)
def cache_without_the_prompt(n_prompt, n_new):
    without, with_cache = by_lengths(n_prompt, n_new)
    return without, with_cache - _whole(n_prompt)


@products.mistake(
    "with a cache a new token has one query, but it meets *all* keys: not one product, "
    "as many as there are tokens"
)
def one_product_a_token(n_prompt, n_new):
    without, _ = by_lengths(n_prompt, n_new)
    return without, _whole(n_prompt) + n_new - 1


@products.mistake(
    "without a cache, a step needs the products of *all* positions, not of the last one "
    "alone: the vectors of the past are computed again"
)
def last_row_without(n_prompt, n_new):
    _, with_cache = by_lengths(n_prompt, n_new)
    return sum(range(n_prompt, n_prompt + n_new)), with_cache


@products.mistake(
    "the prompt is read once for each new token with a cache too, here; it is kept"
)
def prompt_again_and_again(n_prompt, n_new):
    without, with_cache = by_lengths(n_prompt, n_new)
    return without, with_cache + (n_new - 1) * _whole(n_prompt)


@products.mistake(
    "every text that is read is one token longer here: the first is the prompt alone, and "
    "the last new token is not read"
)
def one_too_long(n_prompt, n_new):
    return by_lengths(n_prompt + 1, n_new)


@products.mistake(
    "without a cache, every text was counted as if it were as long as the longest; the "
    "text grows by one token each time"
)
def all_as_the_longest(n_prompt, n_new):
    _, with_cache = by_lengths(n_prompt, n_new)
    return n_new * with_cache, with_cache


@products.mistake(
    "without a cache, every text was counted as if it were the prompt; the text grows by "
    "one token each time"
)
def all_as_the_prompt(n_prompt, n_new):
    return n_new * _whole(n_prompt), by_lengths(n_prompt, n_new)[1]


@products.mistake(
    "the prompt is read at once; no text shorter than it is read: begin at n_prompt"
)
def from_one_on(n_prompt, n_new):
    last = n_prompt + n_new - 1
    return sum(map(_whole, range(1, last + 1))), _whole(last)


@products.mistake(
    "the prompt is missing: only the new tokens are counted, as if nothing stood before "
    "them"
)
def new_tokens_alone(n_prompt, n_new):
    return sum(map(_whole, range(1, n_new + 1))), _whole(n_new)


@products.mistake(
    "with a cache, the last token of the prompt is counted twice: reading the prompt gives "
    "the first new token, and the first step after it reads that one"
)
def prompt_end_twice(n_prompt, n_new):
    without, with_cache = by_lengths(n_prompt, n_new)
    return without, with_cache + n_prompt


@products.mistake(
    "these are the products that the cache saves; those that are computed with it are "
    "asked for"
)
def what_is_saved(n_prompt, n_new):
    without, with_cache = by_lengths(n_prompt, n_new)
    return without, without - with_cache


@products.mistake(
    "twice as many: only products of a query and a key count, not those of a weight and a "
    "value"
)
def values_too(n_prompt, n_new):
    without, with_cache = by_lengths(n_prompt, n_new)
    return 2 * without, 2 * with_cache


@products.mistake(
    "with a cache the prompt is missing, and each new token was counted with the tokens "
    "before it: the prompt is read too, and a token meets itself"
)
def new_rows_alone(n_prompt, n_new):
    return by_lengths(n_prompt, n_new)[0], sum(range(n_prompt, n_prompt + n_new))


@products.mistake("the two numbers are right and exchanged: first without a cache")
def exchanged(n_prompt, n_new):
    return by_lengths(n_prompt, n_new)[::-1]


@products.mistake(
    "only the longest text was counted without a cache; each shorter one was read as well"
)
def longest_alone(n_prompt, n_new):
    _, with_cache = by_lengths(n_prompt, n_new)
    return with_cache, with_cache


# --- ★★★ To forbid is not to know --------------------------------------------------


def _all_strings(n: int, letters: str = "ab") -> list[str]:
    strings = [""]
    for _ in range(n):
        strings = [s + letter for s in strings for letter in letters]
    return strings


def _random_model(n: int, letters: str = "ab") -> dict[str, float]:
    strings = _all_strings(n, letters)
    return dict(zip(strings, _random_probs(len(strings)), strict=True))


@exercise(
    "letter by letter, and shared out among what is left there",
    Numbers("the probability"),
)
def masked() -> Iterator[tuple]:
    """`masked(model_probs, allowed)`: how likely each allowed string is, in order."""
    yield {"aa": 0.01, "ab": 0.79, "ba": 0.1, "bb": 0.1}, ["aa", "ba", "bb"]
    yield {"aa": 0.2, "ab": 0.3, "ba": 0.1, "bb": 0.4}, ["bb", "ab"]
    yield _random_model(3), ["aba", "abb", "bab", "aaa"]
    yield _random_model(2, "abc"), ["ca", "ab", "cc", "bc"]
    yield {"aa": 0.5, "ab": 0.0, "ba": 0.2, "bb": 0.3}, ["ab", "ba", "aa"]
    yield {"aa": 0.6, "ab": 0.0, "ba": 0.3, "bb": 0.1}, ["ab", "bb", "ba"]
    yield _random_model(3, "abc"), ["abc", "acc", "bbb", "cab", "bca"]
    yield _random_model(2), ["ba"]


def _mass(model_probs: dict[str, float], beginning: str) -> float:
    return sum(p for s, p in model_probs.items() if s.startswith(beginning))


def _written(model_probs, allowed, share: Callable) -> list[float]:
    """The product over the letters of what `share` makes of each: (mass of a beginning,
    masses of all that are left there, mass before)."""
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    found = []
    for s in allowed:
        probability = 1.0 if s in good else 0.0
        for n in range(1, len(s) + 1) if s in good else ():
            left = {g[:n] for g in good if g.startswith(s[: n - 1])}
            masses = [_mass(model_probs, g) for g in left]
            probability *= share(
                _mass(model_probs, s[:n]), masses, _mass(model_probs, s[: n - 1])
            )
        found.append(probability)
    return found


@masked.right
def by_products(model_probs, allowed):
    return _written(model_probs, allowed, lambda m, masses, _: m / sum(masses))


@masked.right
def by_walking(model_probs, allowed):
    """From the empty string on, sharing out what comes in at each beginning."""
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    at = {"": 1.0}
    for n in range(1, len(allowed[0]) + 1):
        longer = {g[:n] for g in good}
        totals = {}
        for b in longer:
            totals[b[:-1]] = totals.get(b[:-1], 0) + _mass(model_probs, b)
        at = {
            b: at[b[:-1]] * _mass(model_probs, b) / totals[b[:-1]] for b in longer
        }
    return [at.get(s, 0.0) for s in allowed]


@masked.right
def by_recursion(model_probs, allowed):
    good = {s for s in allowed if model_probs.get(s, 0) > 0}

    def go_on(beginning: str, p: float) -> dict[str, float]:
        if beginning in good:
            return {beginning: p}
        n = len(beginning) + 1
        left = {
            g[:n]: _mass(model_probs, g[:n])
            for g in good
            if g.startswith(beginning)
        }
        found = {}
        for b, mass in left.items():
            found |= go_on(b, p * mass / sum(left.values()))
        return found

    found = go_on("", 1.0)
    return torch.tensor([found.get(s, 0.0) for s in allowed])


@masked.mistake(
    "this is what the model gives if all that is not allowed is thrown away, whole "
    "strings at once. Masks act letter by letter, and do not know what comes later"
)
def conditional(model_probs, allowed):
    total = sum(model_probs.get(s, 0) for s in allowed)
    return [model_probs.get(s, 0) / total for s in allowed]


@masked.mistake(
    "these are the model's own probabilities; what the masks take away is shared out "
    "among what is left, so that they sum to one"
)
def unmasked(model_probs, allowed):
    return [model_probs.get(s, 0) for s in allowed]


@masked.mistake(
    "every letter that is left counts the same here; it counts as the model says"
)
def letters_alike(model_probs, allowed):
    return _written(model_probs, allowed, lambda m, masses, _: 1 / len(masses))


@masked.mistake("every allowed string the same; the model prefers some to others")
def strings_alike(model_probs, allowed):
    return [1 / len(allowed)] * len(allowed)


@masked.mistake("the mask acts at the first letter only; it acts at every one")
def first_letter_only(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    total = sum(_mass(model_probs, b) for b in {g[:1] for g in good})
    return [model_probs.get(s, 0) / total for s in allowed]


@masked.mistake("the mask acts at the last letter only; it acts at every one")
def last_letter_only(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    found = []
    for s in allowed:
        alike = [g for g in good if g[:-1] == s[:-1]]
        total = sum(model_probs[g] for g in alike)
        share = model_probs.get(s, 0) / total if s in good else 0.0
        found.append(share * _mass(model_probs, s[:-1]))
    return found


@masked.mistake(
    "a letter that leads only to strings that the model cannot write is a dead end, and "
    "is masked as well"
)
def into_dead_ends(model_probs, allowed):
    found = []
    for s in allowed:
        probability = 1.0
        for n in range(1, len(s) + 1):
            left = {g[:n] for g in allowed if g.startswith(s[: n - 1])}
            total = sum(_mass(model_probs, g) for g in left)
            mass = _mass(model_probs, s[:n])
            probability *= mass / total if total else 0.0
        found.append(probability)
    return found


@masked.mistake(
    "a beginning that several allowed strings share was counted once for each of them: "
    "what may come is a *set* of letters"
)
def once_for_each_string(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    found = []
    for s in allowed:
        probability = 1.0 if s in good else 0.0
        for n in range(1, len(s) + 1) if s in good else ():
            left = [g[:n] for g in good if g.startswith(s[: n - 1])]
            total = sum(_mass(model_probs, g) for g in left)
            probability *= _mass(model_probs, s[:n]) / total
        found.append(probability)
    return found


@masked.mistake(
    "a letter was let in because an allowed string has it at this place; the string must "
    "also begin with the letters that are written already"
)
def letters_of_a_place(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    found = []
    for s in allowed:
        probability = 1.0 if s in good else 0.0
        for n in range(1, len(s) + 1) if s in good else ():
            total = sum(
                _mass(model_probs, s[: n - 1] + letter)
                for letter in {g[n - 1] for g in good}
            )
            probability *= _mass(model_probs, s[:n]) / total
        found.append(probability)
    return found


@masked.mistake(
    "the first letter is drawn with a mask, and then a whole string among those that are "
    "left; the letters that follow are masked one by one as well"
)
def then_whole_strings(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    total = sum(_mass(model_probs, letter) for letter in {g[0] for g in good})
    found = []
    for s in allowed:
        alike = sum(model_probs[g] for g in good if g[0] == s[0])
        share = model_probs.get(s, 0) / alike if s in good else 0.0
        found.append(_mass(model_probs, s[0]) / total * share)
    return found


@masked.mistake(
    "the right numbers for the strings that are possible; one number for each of "
    "`allowed`, 0 for the others"
)
def zeros_left_out(model_probs, allowed):
    return [p for p in by_products(model_probs, allowed) if p > 0]


@masked.mistake(
    "one number for each string that the model can write; asked for is one for each of "
    "`allowed`, in their order"
)
def for_every_string(model_probs, allowed):
    found = dict(zip(allowed, by_products(model_probs, allowed), strict=True))
    return [found.get(s, 0.0) for s in model_probs]


@masked.mistake(
    "right, but in another order: one number for each of `allowed`, as they stand"
)
def in_another_order(model_probs, allowed):
    return by_products(model_probs, sorted(allowed))


@masked.mistake(
    "a letter's probability depends on the letters before it; here it is that of its "
    "place alone, over all strings"
)
def by_place_alone(model_probs, allowed):
    def at_place(n: int, letter: str) -> float:
        return sum(p for s, p in model_probs.items() if s[n] == letter)

    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    found = []
    for s in allowed:
        probability = 1.0 if s in good else 0.0
        for n in range(len(s)) if s in good else ():
            left = {g[n] for g in good if g.startswith(s[:n])}
            total = sum(at_place(n, letter) for letter in left)
            probability *= at_place(n, s[n]) / total
        found.append(probability)
    return found


@masked.mistake(
    "that is greedy decoding under the constraint: one string, always. The letters are "
    "drawn, so that every possible allowed string has a share"
)
def greedily(model_probs, allowed):
    good, beginning = [s for s in allowed if model_probs.get(s, 0) > 0], ""
    for n in range(1, len(good[0]) + 1):
        left = sorted({g[:n] for g in good if g.startswith(beginning)})
        beginning = max(left, key=lambda b: _mass(model_probs, b))
    return [float(s == beginning) for s in allowed]


@masked.mistake(
    "what the masks took away is shared out at the end, over whole strings, in equal "
    "parts; it is shared out at each letter, as the model weighs what is left"
)
def in_equal_parts(model_probs, allowed):
    good = [s for s in allowed if model_probs.get(s, 0) > 0]
    missing = 1 - sum(model_probs[s] for s in good)
    return [
        model_probs[s] + missing / len(good) if s in good else 0.0 for s in allowed
    ]
