"""The exercises of chapter 7, Learning by gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from book.exercises.answers import Values
from book.exercises.exercise import exercise, random_numbers

# --- ★ The shares of a quotient ------------------------------------------------------


@exercise("each share is the gradient times the slope for that part")
def quotient_shares() -> Iterator[tuple]:
    """`quotient_shares(a, b, g)`: the shares of a and of b in a / b, stacked."""
    yield (
        torch.randn(4).double(),
        torch.rand(4).double() + 0.5,
        torch.ones(4).double(),
    )
    yield torch.randn(3, 2), -torch.rand(3, 2) - 0.5, torch.randn(3, 2)
    yield (
        torch.tensor([6.0, 1.0]),
        torch.tensor([2.0, -4.0]),
        torch.tensor([3.0, 0.0]),
    )
    yield torch.randn(2, 3).T, torch.rand(2, 3).T + 1, torch.randn(3, 2)
    yield torch.randn(1), torch.tensor([0.25]), torch.tensor([-2.0])


@quotient_shares.right
def by_the_rule(a, b, g):
    return torch.stack((g / b, -g * a / b**2))


@quotient_shares.right
def by_the_quotient(a, b, g):
    share = g / b
    return share, -share * (a / b)


@quotient_shares.right
def by_pytorch(a, b, g):
    a, b = (x.detach().clone().requires_grad_() for x in (a, b))
    with torch.enable_grad():
        (a / b * g).sum().backward()
    return torch.stack((a.grad, b.grad))


@quotient_shares.mistake(
    "the share of a is right; that of b has the wrong sign: a larger b makes a / b "
    "smaller, for a positive a"
)
def without_the_sign(a, b, g):
    return torch.stack((g / b, g * a / b**2))


@quotient_shares.mistake(
    "these are the slopes; a share is the slope times the gradient g that comes back"
)
def slopes_alone(a, b, g):
    return torch.stack((1 / b, -a / b**2))


@quotient_shares.mistake(
    "the share of b is missing g: both shares are g times a slope"
)
def g_for_a_only(a, b, g):
    return torch.stack((g / b, -a / b**2))


@quotient_shares.mistake(
    "the share of a is missing g: both shares are g times a slope"
)
def g_for_b_only(a, b, g):
    return torch.stack((1 / b, -g * a / b**2))


@quotient_shares.mistake(
    "the share of a is right; in that of b the b is not squared: the slope of 1/b is "
    "-1/b²"
)
def not_squared(a, b, g):
    return torch.stack((g / b, -g * a / b))


@quotient_shares.mistake(
    "the share of a is right; in that of b the factor a is missing: a / b is a times 1/b"
)
def without_a(a, b, g):
    return torch.stack((g / b, -g / b**2))


@quotient_shares.mistake(
    "the share of a is right; that of b has lost its g * a / b² to the power rule of "
    "another exponent: the slope of b to the power -1 is -1 times b to the power -2"
)
def exponent_kept(a, b, g):
    return torch.stack((g / b, -g * a * b**-1 * b**-2))


@quotient_shares.mistake("the two shares are right and exchanged: first that of a")
def exchanged(a, b, g):
    return by_the_rule(a, b, g).flip(0)


@quotient_shares.mistake(
    "these are the shares of a product a * b; here a is divided by b"
)
def of_a_product(a, b, g):
    return torch.stack((g * b, g * a))


@quotient_shares.mistake(
    "these are the shares of b / a: in a / b the second part is below the line"
)
def upside_down(a, b, g):
    return torch.stack((-g * b / a**2, g / a))


@quotient_shares.mistake(
    "the shares are divided by g, where they are to be multiplied by it"
)
def divided_by_g(a, b, g):
    return torch.stack((1 / (g * b), -a / (g * b**2)))


@quotient_shares.mistake(
    "the share of a is right; that of b contains a / b itself only once more divided by "
    "a: write a / b as a · b⁻¹ and take the slope for b"
)
def logarithm(a, b, g):
    return torch.stack((g / b, -g / b))


# --- ★★ Back through a graph ---------------------------------------------------------


@exercise("each number has waited for all that use it, and its shares were added")
def gradients_of() -> Iterator[tuple]:
    """`gradients_of(parents)`: for each number its pairs (parent, slope)."""
    yield ([[], [(0, 3.0)], [(1, 2.0)]],)
    yield ([[], [], [(0, 1.0), (1, 1.0)], [(2, 4.0), (0, 5.0)]],)
    yield ([[], [(0, 2.0), (0, 2.0)], [(1, 0.5), (0, 1.0)]],)
    yield (
        [[], [(0, 1.0)], [(0, 2.0)], [(1, -1.0), (2, 3.0)], [(3, 1.0), (1, 7.0)]],
    )
    yield ([[], [], [(0, 2.0)], [(2, 0.0)]],)
    yield ([[]],)
    dice = random_numbers()
    for size in (7, 12):
        graph: list[list[tuple[int, float]]] = [[], []]
        while len(graph) < size:
            n = len(graph)
            pairs = [
                (dice.randrange(n), dice.choice((-2, -1, 0.5, 3))) for _ in "ab"
            ]
            graph.append([(n - 1, 1.5), *pairs[: dice.randrange(3)]])
        yield (graph,)


def _walk(parents, order=None, add=lambda old, new: old + new, first=1.0, use=None):
    grads = [0.0] * len(parents)
    grads[-1] = first
    use = use or (lambda g, slope: g * slope)
    for i in order or range(len(parents) - 1, -1, -1):
        for parent, slope in parents[i]:
            grads[parent] = add(grads[parent], use(grads[i], slope))
    return grads


@gradients_of.right
def from_the_last(parents):
    return _walk(parents)


@gradients_of.right
def along_every_way(parents):
    grads = [0.0] * len(parents)

    def send(i, gradient):
        grads[i] += gradient
        for parent, slope in parents[i]:
            send(parent, gradient * slope)

    send(len(parents) - 1, 1.0)
    return grads


@gradients_of.right
def by_matrices(parents):
    """(1 − A)⁻¹, where A holds the slope for each parent."""
    slopes = torch.zeros(len(parents), len(parents), dtype=torch.float64)
    for i, pairs in enumerate(parents):
        for parent, slope in pairs:
            slopes[i, parent] += slope
    eye = torch.eye(len(parents), dtype=torch.float64)
    return torch.linalg.inv(eye - slopes)[-1]


@gradients_of.mistake(
    "a share replaces the one before: where ways meet, gradients are added, so use +="
)
def replaced(parents):
    return _walk(parents, add=lambda old, new: new)


@gradients_of.mistake(
    "only the parents of the result get a share: whoever goes from the first number to "
    "the last passes on zeros. Begin with the result, and go back"
)
def from_the_first(parents):
    return _walk(parents, order=range(len(parents)))


@gradients_of.mistake(
    "along a way, slopes are multiplied; here the slope is added to the gradient"
)
def slopes_added(parents):
    return _walk(parents, use=lambda g, slope: g + slope)


@gradients_of.mistake(
    "a slope is passed on without the gradient of the number it comes from: multiply "
    "the two"
)
def slopes_only(parents):
    return _walk(parents, use=lambda g, slope: slope)


@gradients_of.mistake(
    "the gradient is passed on unchanged: multiply it by the slope of the step"
)
def without_slopes(parents):
    return _walk(parents, use=lambda g, slope: g)


@gradients_of.mistake(
    "the derivative of the result for itself is 1; here it is 0, and so is all the rest"
)
def not_begun(parents):
    return _walk(parents, first=0.0)


@gradients_of.mistake(
    "only the first parent of each number gets its share; go through all pairs"
)
def first_parent_only(parents):
    return _walk([pairs[:1] for pairs in parents])


@gradients_of.mistake(
    "a parent that stands twice in a list gets two shares; as a dictionary the list has "
    "it once"
)
def twice_is_once(parents):
    return _walk([list(dict(pairs).items()) for pairs in parents])


@gradients_of.mistake(
    "a number passes on what it has before all its shares have come, and again with "
    "each new one, in full: wait until everything that uses it has sent, then pass on "
    "once"
)
def in_full_each_time(parents):
    grads = [0.0] * len(parents)

    def send(i, gradient):
        grads[i] += gradient
        for parent, slope in parents[i]:
            send(parent, grads[i] * slope)

    send(len(parents) - 1, 1.0)
    return grads


@gradients_of.mistake(
    "each number is passed on once, at the first visit, when not all of its shares have "
    "come; go through the numbers from the last to the first instead"
)
def at_the_first_visit(parents):
    grads, seen, waiting = [0.0] * len(parents), set(), [len(parents) - 1]
    grads[-1] = 1.0
    while waiting:
        i = waiting.pop(0)
        if i in seen:
            continue
        seen.add(i)
        for parent, slope in parents[i]:
            grads[parent] += grads[i] * slope
            waiting.append(parent)
    return grads


@gradients_of.mistake("the gradients are right and in the order of the way back")
def backwards(parents):
    return _walk(parents)[::-1]


@gradients_of.mistake(
    "only the gradients of what was given are returned; every number has one"
)
def given_only(parents):
    return [
        g for g, pairs in zip(_walk(parents), parents, strict=True) if not pairs
    ]


# --- ★★ The gradient of the logits ---------------------------------------------------


@exercise("p − y, over those that count, and nothing for the others")
def logits_gradient() -> Iterator[tuple]:
    """`logits_gradient(logits, targets)`: (N, V) and (N,) to (N, V)."""
    yield torch.randn(5, 4).double(), torch.tensor([3, 0, -100, 2, 2])
    yield torch.randn(3, 6), torch.tensor([5, 0, 1])
    yield torch.randn(4, 4), torch.tensor([1, 1, -100, 3])
    yield torch.tensor([[0.0, 200.0], [500.0, 0.0]]), torch.tensor([0, 0])
    yield torch.randn(1, 3), torch.tensor([2])
    yield torch.randn(7, 2).T * 3, torch.tensor([6, -1])


def _gradient(logits, targets, p=None, y=None, n=None, others=0.0, sign=1):
    real = targets >= 0
    p = logits.softmax(-1) if p is None else p
    hot = F.one_hot(targets.clamp(min=0), logits.shape[-1]) if y is None else y
    out = sign * (p - hot) / (int(real.sum()) if n is None else n)
    return torch.where(real[:, None], out, others)


@logits_gradient.right
def p_minus_y(logits, targets):
    return _gradient(logits, targets)


@logits_gradient.right
def row_by_row(logits, targets):
    out, n = torch.zeros_like(logits), sum(int(t) >= 0 for t in targets)
    for i, t in enumerate(targets.tolist()):
        if t >= 0:
            e = (logits[i] - logits[i].max()).exp()
            out[i] = e / e.sum()
            out[i, t] -= 1
    return out / n


@logits_gradient.right
def from_log_probs(logits, targets):
    real = (targets >= 0).double()[:, None]
    p = logits.double().log_softmax(-1).exp()
    p = p.scatter_add(1, targets.clamp(min=0)[:, None], -torch.ones_like(real))
    return p * real / real.sum()


@logits_gradient.mistake(
    "the sign is turned: the gradient is p − y, and a step *against* it raises the "
    "logit of the token that came"
)
def y_minus_p(logits, targets):
    return _gradient(logits, targets, sign=-1)


@logits_gradient.mistake(
    "this is the gradient of the sum; of the mean it is that divided by the number of "
    "targets that count"
)
def of_the_sum(logits, targets):
    return _gradient(logits, targets, n=1)


@logits_gradient.mistake(
    "divided by all N positions; the mean is over the targets that count"
)
def by_all_positions(logits, targets):
    return _gradient(logits, targets, n=len(targets))


@logits_gradient.mistake(
    "divided by N · V numbers; the mean is over positions, not over logits"
)
def by_all_logits(logits, targets):
    return _gradient(logits, targets, n=int((targets >= 0).sum()) * logits.shape[1])


@logits_gradient.mistake(
    "a position whose target does not count has a gradient: there it is zero, whatever "
    "the model says"
)
def others_get_p(logits, targets):
    real = targets >= 0
    hot = F.one_hot(targets.clamp(min=0), logits.shape[1]) * real[:, None]
    return (logits.softmax(-1) - hot) / real.sum()


@logits_gradient.mistake(
    "negative targets were counted from the end, as Python counts, or taken for token 0: "
    "a position whose target is negative has a gradient of zero"
)
def others_as_token_0(logits, targets):
    hot = F.one_hot(targets.clamp(min=0), logits.shape[1])
    return (logits.softmax(-1) - hot) / (targets >= 0).sum()


@logits_gradient.mistake(
    "the softmax runs over the positions; it belongs over the V logits of each position"
)
def over_positions(logits, targets):
    return _gradient(logits, targets, p=logits.softmax(0))


@logits_gradient.mistake(
    "only the logit of the token that came has a gradient here; the probabilities of "
    "the others depend on their logits as well"
)
def only_the_target(logits, targets):
    hot = F.one_hot(targets.clamp(min=0), logits.shape[1])
    return _gradient(logits, targets) * hot


@logits_gradient.mistake("the one of the one-hot vector is missing: p − y, not p")
def p_alone(logits, targets):
    return _gradient(logits, targets, y=0)


@logits_gradient.mistake(
    "this is the gradient of the probability of the token that came; the loss is −ln of "
    "it, which divides by −p"
)
def of_the_probability(logits, targets):
    p = logits.softmax(-1)
    of_came = p.gather(1, targets.clamp(min=0)[:, None])
    return _gradient(logits, targets) * -of_came


@logits_gradient.mistake(
    "y was taken from the logits themselves: before p − y the logits go through the "
    "softmax"
)
def without_the_softmax(logits, targets):
    return _gradient(logits, targets, p=logits)


@logits_gradient.mistake(
    "the logarithm of p stands in place of p: the derivative of −ln p for the logits has "
    "no logarithm left in it"
)
def logarithm_of_p(logits, targets):
    return _gradient(logits, targets, p=logits.log_softmax(-1))


@logits_gradient.mistake(
    "e to the power of 500 is infinite: subtract the largest logit of each row first, "
    "or let softmax do so"
)
def overflowing(logits, targets):
    e = logits.exp()
    return _gradient(logits, targets, p=e / e.sum(-1, keepdim=True))


@logits_gradient.forbids("work it out by hand, without automatic differentiation")
def automatic(step, *inputs):
    return step.is_automatic


@automatic.mistake
def with_backward(logits, targets):
    z = logits.detach().clone().requires_grad_()
    with torch.enable_grad():
        F.cross_entropy(z, targets.where(targets >= 0, -100)).backward()
    return z.grad


# --- ★★ What a table of vectors receives ---------------------------------------------


@exercise("every row that came back is added to the row of its token")
def table_gradient() -> Iterator[tuple]:
    """`table_gradient(ids, came_back, vocab_size)`: (B, T), (B, T, C) to (V, C)."""
    yield torch.tensor([[1, 3, 1], [0, 3, 3]]), torch.randn(2, 3, 4).double(), 6
    yield torch.tensor([[4, 0, 2]]), torch.randn(1, 3, 2), 5
    yield torch.tensor([[2, 2], [2, 2], [0, 1]]), torch.randn(3, 2, 3), 3
    yield torch.tensor([[0]]), torch.randn(1, 1, 5), 2
    yield torch.zeros(1, 0, dtype=torch.int64), torch.randn(1, 0, 3), 4
    yield torch.tensor([[5, 1], [5, 4]]).T, torch.randn(2, 2, 3).transpose(0, 1), 7


def _rows(ids, came_back):
    return ids.reshape(-1), came_back.reshape(-1, came_back.shape[-1])


@table_gradient.right
def by_one_hot(ids, came_back, vocab_size):
    flat, rows = _rows(ids, came_back)
    return F.one_hot(flat, vocab_size).to(rows.dtype).mT @ rows


@table_gradient.right
def by_adding(ids, came_back, vocab_size):
    out = came_back.new_zeros(vocab_size, came_back.shape[-1])
    for b in range(ids.shape[0]):
        for t in range(ids.shape[1]):
            out[ids[b, t]] += came_back[b, t]
    return out


@table_gradient.right
def by_index_add(ids, came_back, vocab_size):
    flat, rows = _rows(ids, came_back)
    return rows.new_zeros(vocab_size, rows.shape[1]).index_add(0, flat, rows)


@table_gradient.mistake(
    "where a token comes twice, only one of its rows is left: `out[ids] += rows` writes "
    "each place once. The shares must add up"
)
def last_one_wins(ids, came_back, vocab_size):
    flat, rows = _rows(ids, came_back)
    out = rows.new_zeros(vocab_size, rows.shape[1])
    for token, row in zip(flat, rows, strict=True):
        out[token] = row
    return out


@table_gradient.mistake(
    "where a token comes twice, its first row stays; the shares must add up"
)
def first_one_wins(ids, came_back, vocab_size):
    flat, rows = _rows(ids, came_back)
    return last_one_wins(flat.flip(0), rows.flip(0), vocab_size)


@table_gradient.mistake(
    "the rows of a token are averaged; a number that was used twice gets the *sum* of "
    "two shares"
)
def averaged(ids, came_back, vocab_size):
    times = ids.reshape(-1).bincount(minlength=vocab_size).clamp(min=1)
    return by_one_hot(ids, came_back, vocab_size) / times[:, None]


@table_gradient.mistake(
    "the sum is divided by the number of positions; nothing in a look-up divides"
)
def mean_of_all(ids, came_back, vocab_size):
    return by_one_hot(ids, came_back, vocab_size) / max(1, ids.numel())


@table_gradient.mistake(
    "only the first row of the batch is used; B texts were looked up at once"
)
def first_text(ids, came_back, vocab_size):
    return by_one_hot(ids[:1], came_back[:1], vocab_size)


@table_gradient.mistake(
    "the table has as many rows as there are ids here; it has `vocab_size` rows, those "
    "of tokens that were not seen with zeros"
)
def rows_up_to_the_largest(ids, came_back, vocab_size):
    return by_one_hot(ids, came_back, int(ids.max()) + 1 if ids.numel() else 0)


@table_gradient.mistake(
    "rows and columns are exchanged: the gradient has the shape of the table, (V, C)"
)
def turned(ids, came_back, vocab_size):
    return by_one_hot(ids, came_back, vocab_size).T


@table_gradient.mistake(
    "the token 0 has no gradient here; it is a token like the others"
)
def without_token_0(ids, came_back, vocab_size):
    out = by_one_hot(ids, came_back, vocab_size)
    out[0] = 0
    return out


@table_gradient.mistake(
    "every row is one too low: the ids begin with 0, as the rows do"
)
def one_too_low(ids, came_back, vocab_size):
    return by_one_hot(ids, came_back, vocab_size).roll(1, 0)


@table_gradient.mistake(
    "this looks up rows of what came back; the way back adds to the rows of the table"
)
def looked_up_again(ids, came_back, vocab_size):
    flat, rows = _rows(ids, came_back)
    return rows[flat.clamp(max=len(rows) - 1)]


@table_gradient.mistake(
    "each row was multiplied by its id; the one-hot vector has a 1, not the id"
)
def times_the_id(ids, came_back, vocab_size):
    return by_one_hot(ids, came_back * ids[..., None], vocab_size)


# --- ★★ The spread behind many layers ------------------------------------------------


@exercise(
    "the mean square is halved by the ReLU, and multiplied by the square of the scale",
    Values("the size behind the layers", "the scale that keeps it"),
)
def relu_sizes() -> Iterator[tuple]:
    """`relu_sizes(scale, n_layers)`: the root mean square, and the scale to keep it."""
    yield 1.0, 1
    yield 2.0, 3
    yield 0.5, 6
    yield 1.4, 10
    yield 3, 2
    yield 1.0, 0


def _sizes(scale, n_layers, factor=0.5**0.5, keeps=2**0.5):
    return (scale * factor) ** n_layers, keeps


@relu_sizes.right
def by_formula(scale, n_layers):
    return _sizes(scale, n_layers)


@relu_sizes.right
def layer_by_layer(scale, n_layers):
    mean_square = 1.0
    for _ in range(n_layers):
        mean_square = mean_square * scale**2 / 2
    return math.sqrt(mean_square), 2**0.5


@relu_sizes.right
def through_logarithms(scale, n_layers):
    return math.exp(n_layers * (math.log(scale) - math.log(2) / 2)), math.sqrt(2.0)


@relu_sizes.mistake(
    "the ReLU is missing: it sets half of the numbers to zero, and so halves the mean "
    "square"
)
def without_relu(scale, n_layers):
    return _sizes(scale, n_layers, 1.0, 1.0)


@relu_sizes.mistake(
    "the ReLU halves the mean *square*; the size, its root, is multiplied by √½"
)
def halved_size(scale, n_layers):
    return _sizes(scale, n_layers, 0.5, 2.0)


@relu_sizes.mistake(
    "the size is right; the scale that keeps it solves scale · √½ = 1"
)
def keeps_with_two(scale, n_layers):
    return _sizes(scale, n_layers, keeps=2.0)


@relu_sizes.mistake(
    "the size is right; with a scale of 1 the ReLU makes it smaller in each layer. "
    "Which scale makes up for that?"
)
def keeps_with_one(scale, n_layers):
    return _sizes(scale, n_layers, keeps=1.0)


@relu_sizes.mistake(
    "the size is right; the scale that keeps it is larger than 1, as it must make up "
    "for what the ReLU takes away"
)
def keeps_with_less(scale, n_layers):
    return _sizes(scale, n_layers, keeps=math.sqrt(0.5))


@relu_sizes.mistake("this is the mean square; the size asked for is its root")
def mean_square_itself(scale, n_layers):
    return (scale**2 / 2) ** n_layers, math.sqrt(2)


@relu_sizes.mistake(
    "each layer multiplies: after n layers the factor stands to the power of n, not "
    "times n"
)
def times_n(scale, n_layers):
    return n_layers * scale * math.sqrt(0.5), math.sqrt(2)


@relu_sizes.mistake(
    "the ReLU comes after every layer, so √½ stands in every factor, not once"
)
def relu_once(scale, n_layers):
    return scale**n_layers * math.sqrt(0.5), math.sqrt(2)


@relu_sizes.mistake(
    "there is one layer too many: with no layer at all the size is 1"
)
def one_more_layer(scale, n_layers):
    return _sizes(scale, n_layers + 1)


@relu_sizes.mistake(
    "this is the standard deviation around the mean behind a ReLU; the next layer sums "
    "squares, and for these the mean counts too"
)
def spread_around_the_mean(scale, n_layers):
    return _sizes(scale, n_layers, math.sqrt(0.5 - 0.5 / math.pi), math.sqrt(2))


# --- ★★★ The whole way back, by hand -------------------------------------------------


@exercise("from p − y through the head, the tanh and the first matrix")
def window_gradient() -> Iterator[tuple]:
    """`window_gradient(x, up, head, targets)`: the gradient of up, (D, F)."""
    for n, wide, hidden, vocab, big in (
        (6, 4, 3, 5, 1),
        (1, 3, 4, 2, 1),
        (9, 2, 5, 4, 2),
    ):
        yield (
            torch.randn(n, wide, dtype=torch.float64),
            torch.randn(wide, hidden, dtype=torch.float64) * big,
            torch.randn(hidden, vocab, dtype=torch.float64),
            torch.randint(vocab, (n,)),
        )


def _back(x, up, head, targets, bend=None, error=None, n=None, through=None):
    pre = x @ up
    h = pre.tanh()
    p = (h @ head).softmax(-1)
    y = F.one_hot(targets, head.shape[1]).double()
    d_logits = (p - y if error is None else error(p, y)) / (n or len(x))
    d_h = d_logits @ head.mT if through is None else through(d_logits, head, h)
    d_pre = d_h * (1 - h**2 if bend is None else bend(pre, h))
    return x.mT @ d_pre


@window_gradient.right
def all_by_hand(x, up, head, targets):
    return _back(x, up, head, targets)


@window_gradient.right
def example_by_example(x, up, head, targets):
    of_up = torch.zeros_like(up)
    for row, target in zip(x, targets, strict=True):
        h = torch.tanh(row @ up)
        error = (h @ head).softmax(-1)
        error[target] -= 1
        of_up += torch.outer(row, (head @ error) * (1 - h * h))
    return of_up / len(x)


@window_gradient.right
def in_one_sum(x, up, head, targets):
    h = torch.tanh(x @ up)
    error = (h @ head).softmax(-1) - F.one_hot(targets, head.shape[1]).double()
    return torch.einsum("nd,nv,fv,nf->df", x, error, head, 1 - h**2) / len(x)


@window_gradient.mistake(
    "the slope of the tanh is missing on the way back, 1 − tanh²"
)
def without_the_tanh(x, up, head, targets):
    return _back(x, up, head, targets, bend=lambda pre, h: 1)


@window_gradient.mistake(
    "the slope of the tanh is 1 − h² with h behind the "
    "tanh, not with what goes into it"
)
def slope_of_what_goes_in(x, up, head, targets):
    return _back(x, up, head, targets, bend=lambda pre, h: 1 - pre**2)


@window_gradient.mistake(
    "h is a tanh already, and its slope is 1 − h²: one tanh too many"
)
def tanh_twice(x, up, head, targets):
    return _back(x, up, head, targets, bend=lambda pre, h: 1 - h.tanh() ** 2)


@window_gradient.mistake(
    "the slope of the tanh is 1 − h², not h(1 − h), "
    "which belongs to the logistic function"
)
def logistic(x, up, head, targets):
    return _back(x, up, head, targets, bend=lambda pre, h: h * (1 - h))


@window_gradient.mistake("the slope of the tanh is 1 − h²: the h is not squared")
def not_squared_h(x, up, head, targets):
    return _back(x, up, head, targets, bend=lambda pre, h: 1 - h)


@window_gradient.mistake("the sign is turned: the gradient of the logits is p − y")
def turned_error(x, up, head, targets):
    return _back(x, up, head, targets, error=lambda p, y: y - p)


@window_gradient.mistake("the gradient of the logits is p − y; y is missing")
def without_y(x, up, head, targets):
    return _back(x, up, head, targets, error=lambda p, y: p)


@window_gradient.mistake("the loss is the mean over N examples: divide by N")
def sum_of_examples(x, up, head, targets):
    return _back(x, up, head, targets, n=1)


@window_gradient.mistake(
    "on its way to up the gradient passes through head: multiply by head transposed"
)
def past_the_head(x, up, head, targets):
    return _back(
        x,
        up,
        head,
        targets,
        through=lambda d, head, h: d.sum(-1, keepdim=True).expand_as(h),
    )


@window_gradient.mistake(
    "the model has a tanh between its matrices; on the way forward it is missing, so p "
    "is that of another model"
)
def straight_forward(x, up, head, targets):
    h = x @ up
    p = (h @ head).softmax(-1)
    d = (p - F.one_hot(targets, head.shape[1]).double()) / len(x)
    return x.mT @ (d @ head.mT)


@window_gradient.mistake(
    "this is the gradient transposed: it has the shape of up, as what goes in stands on "
    "the left, transposed"
)
def turned_up(x, up, head, targets):
    return _back(x, up, head, targets).T


@window_gradient.mistake(
    "this is the gradient of head; go on through the head and the tanh to up"
)
def of_the_activations(x, up, head, targets):
    h = (x @ up).tanh()
    p = (h @ head).softmax(-1)
    d = (p - F.one_hot(targets, head.shape[1]).double()) / len(x)
    return h.mT @ d


@window_gradient.forbids("work it out by hand, without automatic differentiation")
def automatic_window(step, *inputs):
    return step.is_automatic


@automatic_window.mistake
def window_with_backward(x, up, head, targets):
    up, head = (w.detach().clone().requires_grad_() for w in (up, head))
    with torch.enable_grad():
        F.cross_entropy((x @ up).tanh() @ head, targets).backward()
    return up.grad
