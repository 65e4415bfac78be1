"""The forecaster that a page trains is the one of PyTorch, and its limits are true."""

import itertools
import math

import pytest
import torch
from torch import nn

from book.viz import masks
from tests.javascript import computed

V, T, C, HIDDEN = 5, 8, 16, 32
SHAPES = {
    "weather": (V, C), "day": (T, C), "query": (C, C), "key": (C, C), "value": (C, C),
    "up": (HIDDEN, 2 * C), "upBias": (HIDDEN,), "guess": (V, HIDDEN), "guessBias": (V,),
}  # fmt: skip
TRANSITION = torch.tensor(
    [
        [0.6, 0.3, 0.0, 0.0, 0.1],
        [0.2, 0.3, 0.4, 0.0, 0.1],
        [0.0, 0.4, 0.4, 0.2, 0.0],
        [0.0, 0.3, 0.7, 0.0, 0.0],
        [0.5, 0.2, 0.0, 0.0, 0.3],
    ],
    dtype=torch.float64,
)
CAUSAL = torch.ones(T, T, dtype=torch.bool).tril()
HOLES = CAUSAL.clone()
HOLES[2, 6] = HOLES[5, 6] = True
CALLS = "const page = forecasters(dice, draw), { DAYS } = page;\n"
READ = """
const typed = (all) =>
  Object.fromEntries(Object.entries(all).map(([name, p]) => [name, Float64Array.from(p)]));
const plain = (all) =>
  Object.fromEntries(Object.entries(all).map(([name, p]) => [name, [...p]]));
"""


def parameters(seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(*shape, generator=generator, dtype=torch.float64) / 3
        for name, shape in SHAPES.items()
    }


def flat(tensors):
    return {name: tensor.flatten().tolist() for name, tensor in tensors.items()}


def weighed(scores, mask, place):
    hidden = scores.masked_fill(~mask, -math.inf)
    return {
        "before": hidden.softmax(-1),
        "after": scores.softmax(-1) * mask,
        "columns": hidden.softmax(-2),
    }[place]


def loss_of(p, ids, targets, mask, place):
    """The model of chapter 9, in a few lines."""
    x = p["weather"][ids] + p["day"]
    q, k, v = (x @ p[name].T for name in ("query", "key", "value"))
    found = weighed(q @ k.transpose(1, 2) / math.sqrt(C), mask, place) @ v
    hidden = torch.cat((x, found), -1) @ p["up"].T + p["upBias"]
    logits = hidden.relu() @ p["guess"].T + p["guessBias"]
    return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("mask", [CAUSAL, HOLES], ids=["causal", "holes"])
@pytest.mark.parametrize("place", ["before", "after", "columns"])
def test_loss_and_gradients_are_those_of_pytorch(tmp_path, place, mask):
    ids, targets = torch.randint(V, (2, 3, T), generator=torch.manual_seed(1))
    p = {name: tensor.requires_grad_() for name, tensor in parameters(2).items()}
    loss = loss_of(p, ids, targets, mask, place)
    loss.backward()
    got = computed(
        tmp_path,
        "masks",
        CALLS + READ + """
        const how = { mask: input.mask, place: input.place };
        const { loss, gradients } = page.lossAndGradients(
          typed(input.model), input.ids, input.targets, DAYS, how);
        return { loss, gradients: plain(gradients) };""",
        model=flat(p),
        ids=ids.flatten().tolist(),
        targets=targets.flatten().tolist(),
        mask=mask.flatten().tolist(),
        place=place,
    )  # fmt: skip
    assert got["loss"] == pytest.approx(loss.item(), rel=1e-10)
    for name, tensor in p.items():
        found = torch.tensor(got["gradients"][name], dtype=torch.float64)
        torch.testing.assert_close(found.view_as(tensor), tensor.grad, msg=name)


def test_updates_are_those_of_pytorch(tmp_path):
    p = {name: tensor.requires_grad_() for name, tensor in parameters(3).items()}
    gradients = [parameters(seed) for seed in (4, 5, 6)]
    optimizer = torch.optim.AdamW(p.values(), lr=0.01, weight_decay=0)
    warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=30)
    before = flat(p)
    for step in gradients:
        for name, tensor in p.items():
            tensor.grad = step[name].clone()
        nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimizer.step()
        warm_up.step()
    got = computed(
        tmp_path,
        "masks",
        CALLS + READ + """
        const model = typed(input.model), moments = {};
        for (const [name, p] of Object.entries(model)) {
          moments[name] = [new Float64Array(p.length), new Float64Array(p.length)];
        }
        input.gradients.forEach((g, i) => page.update(model, typed(g), moments, i + 1));
        return plain(model);""",
        model=before,
        gradients=[flat(step) for step in gradients],
    )  # fmt: skip
    for name, tensor in p.items():
        found = torch.tensor(got[name], dtype=torch.float64)
        torch.testing.assert_close(found.view_as(tensor), tensor.detach(), msg=name)


def test_a_later_day_is_worth_what_counting_all_weathers_says():
    """H(tomorrow | today, the day `gap` ahead), by adding up every row of weathers."""
    costs, shares = masks.least_by_gap(TRANSITION), masks.stationary(TRANSITION)
    for gap in (1, 2, 3):
        joint = torch.zeros(V, V, V, dtype=torch.float64)
        for row in itertools.product(range(V), repeat=gap + 1):
            steps = [TRANSITION[a, b] for a, b in itertools.pairwise(row)]
            joint[row[0], row[1], row[-1]] += shares[row[0]] * math.prod(steps)
        known = joint.sum(1, keepdim=True)
        wanted = -(joint * (joint / known).log()).nansum()
        assert costs[gap] == pytest.approx(float(wanted), abs=1e-9)
    assert costs[1:] == sorted(costs[1:]) and costs[0] == max(costs)
    floor = shares @ torch.special.entr(TRANSITION).sum(1)
    assert costs[0] == pytest.approx(float(floor))


def test_the_least_loss_of_the_page_is_that_of_the_picture(tmp_path):
    costs = masks.least_by_gap(TRANSITION)
    got = computed(
        tmp_path,
        "masks",
        CALLS + """
        const least = (mask, place) => page.leastLoss({ mask, place }, input.costs);
        return { before: input.names.map((name) => least(MASKS[name][1], "before")),
          after: least(MASKS.causal[1], "after"),
          columns: least(MASKS.causal[1], "columns"),
          alone: least(MASKS.itself[1], "columns") };""",
        costs=costs,
        names=list(masks.MASKS),
    )  # fmt: skip
    wanted = [masks.least_loss(name, costs) for name in masks.MASKS]
    assert got["before"] == pytest.approx(wanted)
    assert wanted[:2] == pytest.approx([costs[0], costs[0] * 7 / 8])
    # behind a softmax that sums over all, the whole page is known: but for the last day
    assert got["after"] == got["columns"] == pytest.approx(costs[0] / 8)
    assert got["alone"] == pytest.approx(costs[0])


def test_the_certificate_of_the_page_finds_what_a_mask_lets_through(tmp_path):
    got = computed(
        tmp_path,
        "masks",
        CALLS + """
        const model = page.newForecaster(dice(7));
        const moved = (mask, place) => page.movedBy(model, PAGE, { mask, place });
        return [moved(input.causal, "before"), moved(input.holes, "before"),
          moved(input.causal, "after"), moved(input.causal, "columns")];""",
        causal=CAUSAL.flatten().tolist(),
        holes=HOLES.flatten().tolist(),
    )  # fmt: skip
    causal, holes, after, columns = (torch.tensor(moved) > 1e-9 for moved in got)
    assert torch.equal(causal, CAUSAL) and torch.equal(holes, HOLES)
    assert after.all() and columns[:-1].triu(1).sum() == 7 * 8 / 2
