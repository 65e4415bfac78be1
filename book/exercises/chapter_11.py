"""The exercises of chapter 11, Where am I?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from book.exercises.answers import Numbers, Values, Weighed
from book.exercises.exercise import exercise
from llm.layers import RotaryPositions
from llm.positions import SinusoidalPositions, alibi_slopes

# --- ★ A table of waves -----------------------------------------------------------


@exercise("sine and cosine side by side, each pair slower than the one before")
def table_of_waves() -> Iterator[tuple]:
    """`table_of_waves(n_positions, d_model)`: (T, C)."""
    yield 6, 8
    yield 3, 4
    yield 12, 2
    yield 1, 6
    yield 40, 16


@table_of_waves.right
def waves_by_broadcasting(n_positions, d_model):
    return SinusoidalPositions(d_model)(torch.arange(n_positions))


@table_of_waves.right
def waves_by_loop(n_positions, d_model):
    table = torch.zeros(n_positions, d_model)
    for p in range(n_positions):
        for i in range(0, d_model, 2):
            angle = p / 10_000 ** (i / d_model)
            table[p, i], table[p, i + 1] = math.sin(angle), math.cos(angle)
    return table


@table_of_waves.right
def waves_as_lists(n_positions, d_model):
    def wave(p, c):
        angle = p * 10_000 ** (-2 * (c // 2) / d_model)
        return math.cos(angle) if c % 2 else math.sin(angle)

    return [[wave(p, c) for c in range(d_model)] for p in range(n_positions)]


@table_of_waves.right
def waves_by_slices(n_positions, d_model):
    i = torch.arange(0, d_model, 2, dtype=torch.float64)
    angles = torch.outer(
        torch.arange(n_positions).double(),
        torch.exp(-math.log(10_000) * i / d_model),
    )
    table = torch.zeros(n_positions, d_model, dtype=torch.float64)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


def _angles(n_positions: int, d_model: int, exponents: Tensor, first: int = 0):
    positions = torch.arange(first, first + n_positions).double()
    return positions[:, None] * 10_000.0**-exponents


def _pairs(angles: Tensor) -> Tensor:
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def _exponents(d_model: int) -> Tensor:
    return torch.arange(0, d_model, 2).double() / d_model


@table_of_waves.mistake(
    "all sines stand in front and all cosines behind them: here the two of a pair are "
    "neighbours, components 2i and 2i + 1"
)
def sines_then_cosines(n_positions, d_model):
    angles = _angles(n_positions, d_model, _exponents(d_model))
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


@table_of_waves.mistake("sine and cosine have changed places: the sine comes first")
def cosines_first(n_positions, d_model):
    angles = _angles(n_positions, d_model, _exponents(d_model))
    return torch.stack((angles.cos(), angles.sin()), dim=-1).flatten(-2)


@table_of_waves.mistake(
    "every component has a speed of its own: the sine and the cosine of a pair share one, "
    "with the exponent −2i/C of the pair number i"
)
def speed_for_each_component(n_positions, d_model):
    exponents = torch.arange(d_model).double() / d_model
    angles = _angles(n_positions, d_model, exponents)
    odd = torch.arange(d_model) % 2 == 1
    return torch.where(odd, angles.cos(), angles.sin())


@table_of_waves.mistake(
    "the speeds fall too slowly from pair to pair: the exponent is −2i/C, which runs from "
    "0 to nearly −1, and yours goes half of the way"
)
def half_of_the_exponent(n_positions, d_model):
    return _pairs(_angles(n_positions, d_model, _exponents(d_model) / 2))


@table_of_waves.mistake(
    "the waves become quicker from pair to pair: the exponent has a minus, and the speeds "
    "go from 1 downwards"
)
def faster_and_faster(n_positions, d_model):
    return _pairs(_angles(n_positions, d_model, -_exponents(d_model)))


@table_of_waves.mistake(
    "positions are counted from 0: the first row is 0, 1, 0, 1, …"
)
def counted_from_one(n_positions, d_model):
    return _pairs(_angles(n_positions, d_model, _exponents(d_model), first=1))


@table_of_waves.mistake(
    "all components are sines: with the cosine beside it a pair is a point on a circle, "
    "and no two positions of one turn look alike"
)
def sines_only(n_positions, d_model):
    angles = _angles(n_positions, d_model, _exponents(d_model))
    return angles.sin().repeat_interleave(2, dim=-1)


@table_of_waves.mistake(
    "the shape is (C, T): a row is a position, a column a component"
)
def on_its_side(n_positions, d_model):
    return waves_by_broadcasting(n_positions, d_model).T


@table_of_waves.mistake(
    "all pairs have the speed of the first: pair i has 10,000^(−2i/C)"
)
def all_at_one_speed(n_positions, d_model):
    return _pairs(_angles(n_positions, d_model, 0 * _exponents(d_model)))


@table_of_waves.mistake(
    "the last pair is a little too slow: the exponents run from 0 to −(C − 2)/C, and do "
    "not reach −1"
)
def exponents_to_one(n_positions, d_model):
    exponents = torch.linspace(0, 1, d_model // 2, dtype=torch.float64)
    return _pairs(_angles(n_positions, d_model, exponents))


# --- ★★ Turn a vector -------------------------------------------------------------


class Turned(Numbers):
    """Vectors that were turned by angles of seven digits."""

    def _near(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.isclose(a.double(), b.double(), rtol=1e-4, atol=1e-4)


@exercise(
    "each pair is turned by its own angle, and no length has changed",
    Turned("your vector"),
)
def turn_by_position() -> Iterator[tuple]:
    """`turn_by_position(x, positions)`: x (T, D) and positions (T,) to (T, D)."""
    yield torch.randn(5, 8), torch.arange(5)
    yield torch.randn(4, 6), torch.tensor([3, 10, 11, 50])
    yield torch.randn(3, 2), torch.tensor([9, 4, 0])
    yield torch.randn(1, 4), torch.tensor([7])
    yield torch.randn(8, 3).T, torch.tensor([2, 1, 6])
    yield torch.randn(2, 16), torch.tensor([1, 300])


def _rotary(x: Tensor, positions: Tensor) -> Tensor:
    return RotaryPositions(x.shape[-1], 512)(x, positions)


@turn_by_position.right
def turned_in_halves(x, positions):
    return _rotary(x, positions)


@turn_by_position.right
def turned_by_loop(x, positions):
    T, D = x.shape
    out = torch.zeros(T, D)
    for t, p in enumerate(positions.tolist()):
        for i in range(D // 2):
            angle = p * 10_000 ** (-2 * i / D)
            c, s = math.cos(angle), math.sin(angle)
            a, b = float(x[t, i]), float(x[t, i + D // 2])
            out[t, i], out[t, i + D // 2] = a * c - b * s, b * c + a * s
    return out


@turn_by_position.right
def turned_as_complex(x, positions):
    first, second = x.double().chunk(2, dim=-1)
    speeds = 10_000.0 ** (-torch.arange(0, x.shape[1], 2).double() / x.shape[1])
    angles = positions[:, None] * speeds
    turned = torch.complex(first, second) * torch.polar(
        torch.ones_like(angles), angles
    )
    return torch.cat((turned.real, turned.imag), dim=-1)


@turn_by_position.right
def turned_by_swapping(x, positions):
    D = x.shape[1]
    speeds = 1 / 10_000 ** (torch.arange(0, D, 2) / D)
    angles = (positions[:, None] * speeds).repeat(1, 2)
    first, second = x.chunk(2, dim=-1)
    return x * angles.cos() + torch.cat((-second, first), dim=-1) * angles.sin()


def _with(x: Tensor, angles: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    c, s = angles.cos(), angles.sin()
    return torch.cat((first * c - second * s, second * c + first * s), dim=-1)


def _angles_of(x: Tensor, positions: Tensor) -> Tensor:
    speeds = 1 / 10_000 ** (torch.arange(0, x.shape[1], 2) / x.shape[1])
    return positions[:, None] * speeds


@turn_by_position.mistake(
    "neighbours are taken for a pair: that is the other layout. Here component i of the "
    "first half goes with component i of the second"
)
def neighbours_turned(x, positions):
    halves = torch.cat((x[:, 0::2], x[:, 1::2]), dim=-1)
    return torch.stack(_rotary(halves, positions).chunk(2, -1), dim=-1).flatten(-2)


@turn_by_position.mistake(
    "turned the other way round: with the angle p · speed the first coordinate becomes "
    "a · cos − b · sin"
)
def turned_backwards(x, positions):
    return _with(x, -_angles_of(x, positions))


@turn_by_position.mistake(
    "that is no rotation, a sign is missing: one of the two products with the sine is "
    "taken off. A rotation keeps the length of every pair"
)
def both_signs_plus(x, positions):
    first, second = x.chunk(2, dim=-1)
    angles = _angles_of(x, positions)
    c, s = angles.cos(), angles.sin()
    return torch.cat((first * c + second * s, second * c + first * s), dim=-1)


@turn_by_position.mistake(
    "the second coordinate is computed from the first one that is already turned: keep "
    "both as they were until both are done"
)
def first_one_overwritten(x, positions):
    first, second = x.chunk(2, dim=-1)
    angles = _angles_of(x, positions)
    c, s = angles.cos(), angles.sin()
    first = first * c - second * s
    return torch.cat((first, second * c + first * s), dim=-1)


@turn_by_position.mistake(
    "all pairs turn at one speed: pair i turns by p · 10,000^(−2i/D)"
)
def one_speed(x, positions):
    return _with(x, positions[:, None].expand(-1, x.shape[1] // 2).float())


@turn_by_position.mistake(
    "the speeds fall too slowly: the exponent of pair i is −2i/D, where D is the width of "
    "the whole vector"
)
def speeds_of_half_the_width(x, positions):
    D = x.shape[1]
    speeds = 1 / 10_000 ** (torch.arange(D // 2) / D)
    return _with(x, positions[:, None] * speeds)


@turn_by_position.mistake(
    "the speeds fall too fast: the exponent of pair i is −2i/D, and 2i runs up to D − 2"
)
def speeds_too_fast(x, positions):
    D = x.shape[1]
    speeds = 1 / 10_000 ** (2 * torch.arange(0, D, 2) / D)
    return _with(x, positions[:, None] * speeds)


@turn_by_position.mistake(
    "the rows are turned by 0, 1, 2, …: the positions that are given say where they stand"
)
def positions_ignored(x, positions):
    return _rotary(x, torch.arange(len(x)))


@turn_by_position.mistake(
    "positions are counted one too high: what stands at position 0 is not turned"
)
def one_too_far(x, positions):
    return _rotary(x, positions + 1)


@turn_by_position.mistake(
    "a vector for the position is added: here it is turned, and nothing is added"
)
def waves_added(x, positions):
    return x + SinusoidalPositions(x.shape[1])(positions)


@turn_by_position.mistake(
    "the halves have changed places on the way: what was first stays first"
)
def halves_swapped(x, positions):
    return _rotary(x, positions).roll(x.shape[1] // 2, dims=-1)


# --- ★★ Weights for the other layout ----------------------------------------------


@exercise("every row has found its place, head by head")
def for_neighbours() -> Iterator[tuple]:
    """`for_neighbours(rows, n_heads)`: (H·D, C) to the same rows in another order."""
    yield torch.randn(12, 5), 2
    yield torch.randn(16, 3), 2
    yield torch.randn(8, 8), 1
    yield torch.randn(24, 4), 3
    yield torch.randn(8, 2), 4
    yield torch.randn(7, 24).T, 3
    yield torch.arange(16)[:, None] * torch.ones(2, dtype=torch.long), 2


@for_neighbours.right
def neighbours_by_loop(rows, n_heads):
    D = len(rows) // n_heads
    order = []
    for h in range(n_heads):
        for i in range(D // 2):
            order += [h * D + i, h * D + i + D // 2]
    return rows[order]


@for_neighbours.right
def neighbours_by_view(rows, n_heads):
    halves = rows.unflatten(0, (n_heads, 2, -1))
    return halves.transpose(1, 2).flatten(0, 2)


@for_neighbours.right
def neighbours_by_stack(rows, n_heads):
    made = []
    for head in rows.chunk(n_heads):
        first, second = head.chunk(2)
        made.append(torch.stack((first, second), dim=1).flatten(0, 1))
    return torch.cat(made)


@for_neighbours.right
def neighbours_by_filling(rows, n_heads):
    out = torch.empty_like(rows).reshape(n_heads, -1, rows.shape[1])
    heads = rows.reshape(n_heads, -1, rows.shape[1])
    half = heads.shape[1] // 2
    out[:, 0::2], out[:, 1::2] = heads[:, :half], heads[:, half:]
    return out.reshape(rows.shape)


@for_neighbours.mistake(
    "that is the way back: from neighbours to halves. Here the rows come in halves, and "
    "row i is to have row i + D/2 of its head as its neighbour"
)
def the_way_back(rows, n_heads):
    pairs = rows.unflatten(0, (n_heads, -1, 2))
    return pairs.transpose(1, 2).flatten(0, 2)


@for_neighbours.mistake(
    "the heads are mixed: the halves are those of each head, not of the whole matrix"
)
def halves_of_all(rows, n_heads):
    return neighbours_by_view(rows, 1)


@for_neighbours.mistake(
    "the rows are as they were: a different view alone moves nothing"
)
def nothing_moved(rows, n_heads):
    return rows.unflatten(0, (n_heads, -1, 2)).flatten(0, 2)


@for_neighbours.mistake(
    "the second half comes first in each pair: of two neighbours the one from the first "
    "half stands in front"
)
def second_half_first(rows, n_heads):
    halves = rows.unflatten(0, (n_heads, 2, -1)).flip(1)
    return halves.transpose(1, 2).flatten(0, 2)


@for_neighbours.mistake(
    "the columns were moved: queries are made by the rows of `weight` (`nn.Linear` "
    "computes x @ weight.T), and the columns meet the residual stream"
)
def columns_moved(rows, n_heads):
    half = rows.shape[1] // 2
    order = [i // 2 + (i % 2) * half for i in range(2 * half)]
    return torch.cat((rows[:, order], rows[:, 2 * half :]), dim=1)


@for_neighbours.mistake(
    "the two halves of each head have changed places as they are: their rows should "
    "alternate"
)
def halves_exchanged(rows, n_heads):
    return rows.unflatten(0, (n_heads, 2, -1)).flip(1).flatten(0, 2)


@for_neighbours.mistake(
    "the heads themselves were put into another order: each keeps its block of rows"
)
def heads_alternate(rows, n_heads):
    return rows.unflatten(0, (n_heads, -1)).transpose(0, 1).flatten(0, 1)


@for_neighbours.mistake(
    "moved twice: the rows of a head are put into the new order once"
)
def moved_twice(rows, n_heads):
    return neighbours_by_view(neighbours_by_view(rows, n_heads), n_heads)


@for_neighbours.mistake(
    "only the first head was reordered: every head has its rows"
)
def first_head_only(rows, n_heads):
    D = len(rows) // n_heads
    return torch.cat((neighbours_by_view(rows[:D], 1), rows[D:]))


@for_neighbours.mistake(
    "the rows stand in the opposite order: the first row stays the first"
)
def from_the_last(rows, n_heads):
    return neighbours_by_view(rows, n_heads).flip(0)


@for_neighbours.mistake(
    "neighbouring rows have changed places: the neighbour of row i is to be the row that "
    "stood D/2 further on"
)
def neighbours_exchanged(rows, n_heads):
    return rows.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


# --- ★★ The lines of ALiBi --------------------------------------------------------


@exercise("each head has its slope, and the future is hidden", Weighed())
def linear_biases() -> Iterator[tuple]:
    """`linear_biases(n_heads, n_positions)`: (H, T, T), to be added to scores."""
    yield 4, 5
    yield 8, 3
    yield 2, 4
    yield 1, 6
    yield 4, 1


def _distances(n: int) -> Tensor:
    at = torch.arange(n)
    return at[:, None] - at


def _hidden(bias: Tensor) -> Tensor:
    return bias.masked_fill(_distances(bias.shape[-1]) < 0, -math.inf)


@linear_biases.right
def biases_by_broadcasting(n_heads, n_positions):
    return _hidden(-alibi_slopes(n_heads)[:, None, None] * _distances(n_positions))


@linear_biases.right
def biases_by_loops(n_heads, n_positions):
    bias = torch.full((n_heads, n_positions, n_positions), -math.inf)
    for h in range(n_heads):
        for t in range(n_positions):
            for s in range(t + 1):
                bias[h, t, s] = -(t - s) * 2 ** (-8 * (h + 1) / n_heads)
    return bias


@linear_biases.right
def biases_of_keys(n_heads, n_positions):  # a softmax forgets what a row shares
    bias = alibi_slopes(n_heads)[:, None, None] * torch.arange(n_positions)
    return _hidden(bias.expand(-1, n_positions, -1))


@linear_biases.right
def biases_as_lists(n_heads, n_positions):
    n = range(n_positions)
    return [
        [
            [
                -(2 ** (-8 * h / n_heads)) * (t - s) if s <= t else -math.inf
                for s in n
            ]
            for t in n
        ]
        for h in range(1, n_heads + 1)
    ]


@linear_biases.right
def biases_by_ratio(n_heads, n_positions):
    ratio = 2.0 ** (-8 / n_heads)
    slopes = torch.tensor([ratio**h for h in range(1, n_heads + 1)]).double()
    distances = _distances(n_positions).double()
    bias = -slopes.view(-1, 1, 1) * distances
    return bias.where(distances >= 0, torch.tensor(-math.inf).double())


@linear_biases.mistake(
    "what is far gains in place of losing: the slope times the distance is taken off"
)
def far_gains(n_heads, n_positions):
    return _hidden(alibi_slopes(n_heads)[:, None, None] * _distances(n_positions))


@linear_biases.mistake(
    "the future is open: scores of later positions need −∞, or softmax gives them weight"
)
def future_open(n_heads, n_positions):
    return -alibi_slopes(n_heads)[:, None, None] * _distances(n_positions)


@linear_biases.mistake(
    "the future is open, at the same price as the past: later positions need −∞"
)
def both_sides(n_heads, n_positions):
    return -alibi_slopes(n_heads)[:, None, None] * _distances(n_positions).abs()


@linear_biases.mistake(
    "the future has the bias 0, which is the best of all: later positions need −∞"
)
def future_at_zero(n_heads, n_positions):
    slopes = alibi_slopes(n_heads)[:, None, None]
    return -slopes * _distances(n_positions).clamp(min=0)


@linear_biases.mistake(
    "heads are counted from 1: the first has the slope 2^(−8/H), and not 1"
)
def heads_from_zero(n_heads, n_positions):
    slopes = 2.0 ** (-8 * torch.arange(n_heads) / n_heads)
    return _hidden(-slopes[:, None, None] * _distances(n_positions))


@linear_biases.mistake(
    "the slopes come in the opposite order: the first head has the steepest"
)
def gentle_first(n_heads, n_positions):
    slopes = alibi_slopes(n_heads).flip(0)
    return _hidden(-slopes[:, None, None] * _distances(n_positions))


@linear_biases.mistake("all heads have one slope: head h of H has 2^(−8h/H)")
def one_slope(n_heads, n_positions):
    slopes = alibi_slopes(n_heads)[:1].expand(n_heads)
    return _hidden(-slopes[:, None, None] * _distances(n_positions))


@linear_biases.mistake(
    "the slopes are 2^(−h): that is right for eight heads; for H heads the exponent is "
    "−8h/H"
)
def slopes_of_eight(n_heads, n_positions):
    slopes = 0.5 ** torch.arange(1, n_heads + 1)
    return _hidden(-slopes[:, None, None] * _distances(n_positions))


@linear_biases.mistake(
    "rows look and columns are looked at: here the past is hidden, and the future open"
)
def upside_down(n_heads, n_positions):
    return biases_by_broadcasting(n_heads, n_positions).transpose(1, 2)


@linear_biases.mistake("the own position is hidden as well: its distance is 0")
def self_hidden(n_heads, n_positions):
    bias = biases_by_broadcasting(n_heads, n_positions)
    return bias.masked_fill(_distances(n_positions) <= 0, -math.inf)


# --- ★★★ Another base -------------------------------------------------------------


@exercise(
    "the slowest pair is slowed down by the factor, the fastest not at all",
    Values("the base"),
)
def stretched_base() -> Iterator[tuple]:
    """`stretched_base(base, head_dim, factor)`: a number."""
    yield 10_000.0, 8, 4.0
    yield 10_000.0, 128, 2.0
    yield 500_000.0, 64, 8.0
    yield 100.0, 4, 3.0
    yield 10_000.0, 16, 1.0


@stretched_base.right
def base_in_closed_form(base, head_dim, factor):
    return base * factor ** (head_dim / (head_dim - 2))


@stretched_base.right
def base_by_logarithms(base, head_dim, factor):
    last = (head_dim - 2) / head_dim  # exponent of the slowest pair
    return math.exp(math.log(base) + math.log(factor) / last)


@stretched_base.right
def base_from_the_slowest(base, head_dim, factor):
    exponent = (head_dim - 2) / head_dim
    speed = base**-exponent / factor
    return torch.tensor(speed, dtype=torch.float64) ** (-1 / exponent)


@stretched_base.mistake(
    "the base itself is multiplied: the slowest pair has base^(−(D−2)/D), so it would be "
    "slowed down by a little less than the factor"
)
def base_times_factor(base, head_dim, factor):
    return base * factor


@stretched_base.mistake(
    "the exponent is upside down: solve new^(−(D−2)/D) = base^(−(D−2)/D) / factor for new"
)
def exponent_upside_down(base, head_dim, factor):
    return base * factor ** ((head_dim - 2) / head_dim)


@stretched_base.mistake(
    "the base became smaller, and all pairs but the first quicker: slower speeds need a "
    "larger base"
)
def smaller_base(base, head_dim, factor):
    return base / factor ** (head_dim / (head_dim - 2))


@stretched_base.mistake(
    "the exponent of the slowest pair is −(D−2)/D: the pairs are numbered from 0, and the "
    "last is number D/2 − 1"
)
def last_pair_miscounted(base, head_dim, factor):
    return base * factor ** (head_dim / (head_dim - 1))


@stretched_base.mistake(
    "the base is raised to a power: then the slowdown would depend on the base"
)
def base_raised(base, head_dim, factor):
    return (base * factor) ** (head_dim / (head_dim - 2))


@stretched_base.mistake("D is the width of a head, and not the number of its pairs")
def pairs_for_width(base, head_dim, factor):
    n_pairs = head_dim // 2
    return base * factor ** (n_pairs / max(n_pairs - 2, 1))


@stretched_base.mistake("the base is as it was: what should the factor change?")
def base_unchanged(base, head_dim, factor):
    return base


@stretched_base.mistake(
    "that is the speed of the slowest pair, and not the base that gives it"
)
def slowest_speed(base, head_dim, factor):
    return base ** (-(head_dim - 2) / head_dim) / factor


@stretched_base.mistake("the factor is added: how does a speed depend on the base?")
def factor_added(base, head_dim, factor):
    return base + factor


@stretched_base.mistake(
    "far too slow: each pair has its exponent, −2i/D, and for the slowest it is nearly −1"
)
def exponent_of_the_second_pair(base, head_dim, factor):
    return base * factor ** (head_dim / 2)


@stretched_base.mistake(
    "the factor counts twice: the slowest pair has an exponent of nearly −1, not −1/2"
)
def factor_squared(base, head_dim, factor):
    return base * factor**2
