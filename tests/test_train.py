"""The loop: what an update does, what is measured, and what is refused."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from llm.data import Batches, windows
from llm.distributed import autocast, pick_device, pick_dtype
from llm.evaluate import above_the_floor, held_out_loss, mean_and_error
from llm.model import GPTConfig, build
from llm.train import TrainConfig, make_optimizer, train, training_step

SIZES = dict(vocab_size=11, context_length=8, d_model=16, n_layers=1, n_heads=2)


def make(seed=0, **sizes):
    torch.manual_seed(seed)
    return build(GPTConfig(**{**SIZES, **sizes}))


def settings(**options):
    defaults = dict(steps=12, batch_size=4, evaluate_every=5, checkpoint_every=5)
    return TrainConfig(**{**defaults, **options}, device="cpu")


def some_ids(n=400, seed=0):
    """A text with something to learn: 0 1 2 … 10 0 1 2 …, one in ten replaced."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(n, generator=generator) < 0.1
    replaced = torch.randint(11, (n,), generator=generator)
    return torch.where(noise, replaced, torch.arange(n) % 11)


def train_on(model, ids, held_out, config, **options):
    """Train on the windows of one row of ids, and measure on those of another."""
    supply = Batches(ids, 8, config.batch_size, config.seed)
    rows = None if held_out is None else windows(held_out, 8)
    return train(model, supply, rows, config, **options)


def some_batch(masked=True):
    """Targets of which rows have 8, 1, 5 and 3 that count."""
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randint(11, (2, 4, 8), generator=generator)
    if masked:
        for row, n in enumerate((8, 1, 5, 3)):
            y[row, n:] = -100
    return x, y


def gradients_after(model, x, y, **options):
    """The gradients that a step works with, by way of plain descent."""
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    descent = torch.optim.SGD(model.parameters(), lr=1.0)
    config = settings(clip_norm=1e9, **options)
    loss, grad_norm = training_step(model, descent, x, y, config)
    change = {n: before[n] - p.detach() for n, p in model.named_parameters()}
    return float(loss), float(grad_norm), change


class TestOneStep:
    @pytest.mark.parametrize("micro_batch_size", [1, 2, 3, 4, None])
    def test_accumulation_is_the_mean_over_tokens(self, micro_batch_size):
        x, y = some_batch()
        model = make().double()
        expected = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        expected.backward()
        wanted = {n: p.grad.clone() for n, p in model.named_parameters()}
        model.zero_grad()
        found = gradients_after(model, x, y, micro_batch_size=micro_batch_size)
        assert found[0] == pytest.approx(float(expected.detach()), abs=1e-6)
        for name, gradient in found[2].items():
            torch.testing.assert_close(gradient, wanted[name], rtol=0, atol=1e-7)

    def test_the_mean_of_means_would_be_another_gradient(self):
        x, y = some_batch()
        rows = [F.cross_entropy(make()(x[[i]])[0], y[i]) for i in range(4)]
        mean_of_means = float(torch.stack(rows).mean().detach())
        loss, _, _ = gradients_after(make(), x, y, micro_batch_size=1)
        assert abs(loss - mean_of_means) > 1e-3

    def test_no_gradient_is_left_over(self):
        model = make()
        gradients_after(model, *some_batch())
        assert all(p.grad is None for p in model.parameters())

    def test_a_batch_without_targets_teaches_nothing(self):
        x, y = some_batch()
        loss, grad_norm, change = gradients_after(
            make(), x, torch.full_like(y, -100)
        )
        assert (loss, grad_norm) == (0.0, 0.0)
        assert not any(c.any() for c in change.values())

    @pytest.mark.parametrize("micro_batch_size", [1, None])
    def test_long_gradients_are_shortened_and_their_true_length_reported(
        self, micro_batch_size
    ):
        x, y = some_batch()
        _, length, _ = gradients_after(make(), x, y)
        model = make()
        before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        descent = torch.optim.SGD(model.parameters(), lr=1.0)
        config = settings(clip_norm=length / 3, micro_batch_size=micro_batch_size)
        _, reported = training_step(model, descent, x, y, config)
        after = nn.utils.parameters_to_vector(model.parameters()).detach()
        assert float(reported) == pytest.approx(length, rel=1e-5)
        assert float((before - after).norm()) == pytest.approx(length / 3, rel=1e-4)

    def test_bfloat16_is_close_and_the_weights_stay_float32(self):
        x, y = some_batch()
        full, _, _ = gradients_after(make(), x, y)
        model = make()
        half, _, _ = gradients_after(model, x, y, dtype="bfloat16")
        assert half != full
        assert half == pytest.approx(full, abs=0.02)
        assert {p.dtype for p in model.parameters()} == {torch.float32}


class TestTheLoop:
    def test_equals_a_loop_written_with_pytorch_alone(self):
        config = settings(steps=10, learning_rate=0.01, warmup_steps=2)
        found = [r["loss"] for r in train_on(make(), some_ids(), None, config)]
        assert found == pytest.approx(self.by_hand(config), abs=1e-5)

    def by_hand(self, config):
        model = make()
        decay = [p for p in model.parameters() if p.dim() > 1]
        spared = [p for p in model.parameters() if p.dim() == 1]
        groups = [{"params": decay}, {"params": spared, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.1)
        losses = []
        for step in range(10):
            x, y = Batches(some_ids(), 8, 4, config.seed).batch(step)
            lr = 0.01 * (step + 1) / 3
            if step >= 2:
                lr = 0.001 + 0.009 * (1 + math.cos(math.pi * (step - 2) / 8)) / 2
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x).transpose(1, 2), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
        return losses

    def test_begins_near_the_loss_of_knowing_nothing_and_learns(self):
        config = settings(steps=150, learning_rate=0.01, batch_size=16)
        records = train_on(make(), some_ids(2000), some_ids(300, seed=1), config)
        assert records[0]["loss"] == pytest.approx(math.log(11), abs=0.05)
        assert records[-1]["loss"] < 1.0
        assert records[-1]["validation_loss"] < 1.2

    def test_records_say_when_and_how_much(self):
        config = settings()
        records = train_on(make(), some_ids(), some_ids(50, seed=1), config)
        assert [r["step"] for r in records] == list(range(1, 13))
        assert [r["tokens"] for r in records] == [32 * n for n in range(1, 13)]
        rates = [r["learning_rate"] for r in records]
        assert rates == [config.rate(step) for step in range(12)]
        measured = [r["step"] for r in records if "validation_loss" in r]
        assert measured == [5, 10, 12]
        assert all(
            r["grad_norm"] > 0 and r["tokens_per_second"] > 0 for r in records
        )
        assert records == json.loads(json.dumps(records))

    def test_the_measured_loss_is_that_of_the_held_out_text(self):
        model, held_out = make(), some_ids(50, seed=1)
        last = train_on(model, some_ids(), held_out, settings())[-1]
        found = last["validation_loss"], last["validation_standard_error"]
        assert found == pytest.approx(held_out_loss(model, *windows(held_out, 8)))

    def test_measuring_does_not_disturb_the_training(self):
        config = dict(steps=8)
        often = settings(**config, evaluate_every=1)
        dropout = dict(dropout=0.3)
        a = train_on(make(**dropout), some_ids(), some_ids(50, seed=1), often)
        b = train_on(make(**dropout), some_ids(), None, settings(**config))
        assert [r["loss"] for r in a] == [r["loss"] for r in b]

    def test_the_seed_decides_order_and_dropout(self):
        def losses(seed, drawn_before):
            model, config = make(dropout=0.3), settings(seed=seed)
            torch.manual_seed(drawn_before)
            records = train_on(model, some_ids(), None, config)
            return [r["loss"] for r in records]

        assert losses(1, drawn_before=98) == losses(1, drawn_before=99)
        assert losses(1, drawn_before=98) != losses(2, drawn_before=98)

    def test_dropout_differs_from_step_to_step(self):
        ids = torch.zeros(
            9, dtype=torch.long
        )  # one window: every batch is the same
        config = settings(learning_rate=1e-30, batch_size=1)
        losses = [r["loss"] for r in train_on(make(dropout=0.5), ids, None, config)]
        assert len(set(losses)) == len(losses)

    def test_callbacks_see_every_record_and_can_stop(self, tmp_path):
        seen = []
        records = train_on(
            make(), some_ids(), None, settings(), run=tmp_path / "run",
            on_record=seen.append, should_stop=lambda: len(seen) == 7,
        )  # fmt: skip
        assert seen == records
        assert records[-1]["step"] == 7
        assert (tmp_path / "run" / "checkpoint-000007").is_dir()

    def test_without_a_run_nothing_is_written(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        train_on(make(), some_ids(), some_ids(50), settings())
        assert list(tmp_path.iterdir()) == []

    def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
        self, tmp_path
    ):
        model = make()
        with torch.no_grad():
            model.head.weight[0, 0] = math.nan
        with pytest.raises(
            ValueError, match="loss is nan at step 1, gradient nan; lower"
        ):
            train_on(
                model, some_ids(), None, settings(checkpoint_every=1), run=tmp_path
            )
        assert list(tmp_path.glob("checkpoint-*")) == []

    def test_a_weight_that_is_no_number_is_not_saved(self, tmp_path):
        """The loss before an update says nothing of the weights after it."""
        model = make()
        spoil = lambda record: model.head.weight.data.fill_(math.inf)
        config = settings(checkpoint_every=1)
        with pytest.raises(
            ValueError,
            match=r"tokens.weight has a number .* not finite after step 1",
        ):
            train_on(model, some_ids(), None, config, run=tmp_path, on_record=spoil)
        assert list(tmp_path.glob("checkpoint-*")) == []

    @pytest.mark.parametrize("what", [math.nan, math.inf])
    def test_a_held_out_loss_that_is_no_number_is_not_left_out(
        self, tmp_path, what
    ):
        class Fragile(nn.Module):
            """Fails on the one id that is only held out."""

            def __init__(self):
                super().__init__()
                self.table = nn.Embedding(12, 12)

            def forward(self, ids):
                bad = (ids == 11).unsqueeze(-1)
                return self.table(ids).masked_fill(bad, what)

        with pytest.raises(
            ValueError, match="the held-out loss is nan after step 5"
        ):
            train_on(
                Fragile(), some_ids(), torch.tensor([1, 11, 2]), settings(),
                run=tmp_path,
            )  # fmt: skip
        assert list(tmp_path.glob("checkpoint-*")) == []

    def test_a_model_of_which_nothing_learns_is_refused(self):
        with pytest.raises(ValueError, match="nothing to train"):
            train_on(make().requires_grad_(False), some_ids(), None, settings())

    def test_the_layers_that_learn_may_be_the_vectors_alone(self):
        model = make()
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.dim() < 2)
        assert train_on(model, some_ids(), None, settings(steps=2))[-1]["step"] == 2

    def test_a_run_that_is_done_can_be_measured_after_all(self, tmp_path):
        model, config = make(), settings(steps=3)
        first = train_on(model, some_ids(), None, config, run=tmp_path)
        held_out = some_ids(50, seed=1)
        assert "validation_loss" not in first[-1]
        (*_, last) = train_on(make(1), some_ids(), held_out, config, run=tmp_path)
        loss, _ = held_out_loss(model, *windows(held_out, 8))
        assert last == {**first[-1], **last}
        assert last["validation_loss"] == pytest.approx(loss)

    def test_a_supply_of_other_batches_than_were_asked_for_is_refused(self):
        supply = Batches(some_ids(), 8, 3, seed=0)
        with pytest.raises(ValueError, match="of 3 rows, but batch_size=4; give"):
            train(make(), supply, None, settings())

    def test_a_supply_is_anything_with_batches(self):
        class Same:
            def batch(self, step):
                return some_batch()

        records = train(make(), Same(), None, settings(steps=3))
        assert [r["tokens"] for r in records] == [17, 34, 51]
        assert records[2]["loss"] < records[0]["loss"]


class TestHeldOutLoss:
    @pytest.mark.parametrize("n", [2, 5, 8, 9, 10, 17, 40, 43])
    def test_predicts_every_token_but_the_first_once(self, n):
        model, ids = make(), some_ids(n)
        surprises = []
        for i in range(1, n):
            first = (i - 1) // 8 * 8  # the window of the token before
            logits = model(ids[None, first:i])[0, -1]
            surprises.append(-logits.log_softmax(-1)[ids[i]].item())
        loss, _ = held_out_loss(model, *windows(ids, 8), batch_size=3)
        assert loss == pytest.approx(sum(surprises) / (n - 1), abs=1e-5)

    def test_batch_size_does_not_matter(self):
        a, b = (
            held_out_loss(make(), *windows(some_ids(203), 8), batch_size=b)
            for b in (1, 64)
        )
        assert a == pytest.approx(b, abs=1e-6)

    def test_while_training_some_rows_are_looked_at_spread_evenly(self):
        model, config = make(), settings(steps=1, evaluation_windows=4)
        x, y = windows(some_ids(81), 8)
        floor = torch.arange(10.0)
        (record,) = train(
            model, Batches(some_ids(), 8, 4, 0), (x, y), config, floor=floor
        )
        loss, _ = held_out_loss(model, x[::3], y[::3])
        assert record["validation_loss"] == pytest.approx(loss)
        assert record["floor"] == pytest.approx((0 + 3 + 6 + 9) / 32)

    def test_the_error_of_equal_windows_is_the_textbook_one(self):
        means = torch.tensor([1.0, 2.0, 4.0, 5.0])
        loss, error = mean_and_error(8 * means, torch.full((4,), 8))
        assert loss == pytest.approx(3.0)
        assert error == pytest.approx(means.std().item() / 2)

    def test_the_error_says_how_far_the_mean_strays(self):
        generator = torch.Generator().manual_seed(0)
        counts = torch.randint(1, 9, (400, 30), generator=generator)
        noise = torch.randn(400, 30, generator=generator)
        sums = counts * (2 + noise)
        found = [mean_and_error(s, c) for s, c in zip(sums, counts, strict=True)]
        means, errors = torch.tensor(found).T
        assert errors.mean().item() == pytest.approx(means.std().item(), rel=0.15)

    def test_one_window_has_no_error(self):
        assert math.isnan(held_out_loss(make(), *windows(some_ids(9), 8))[1])
        record = train_on(make(), some_ids(), some_ids(9), settings())[-1]
        assert "validation_loss" in record
        assert "validation_standard_error" not in record

    @pytest.mark.parametrize("shape", [(0, 8), (3, 0), (2, 4)])
    def test_where_there_is_no_target_there_is_no_loss(self, shape):
        y = torch.full(shape, -100)
        with pytest.raises(ValueError, match="of which none counts"):
            held_out_loss(make(), torch.zeros(shape, dtype=torch.long), y)

    def test_no_rows_at_a_time_are_refused(self):
        with pytest.raises(ValueError, match="batch_size=0 must be at least 1"):
            held_out_loss(make(), *windows(some_ids(9), 8), batch_size=0)

    def test_dropout_is_off_and_then_on_again(self):
        model = make(dropout=0.5).train()
        rows = windows(some_ids(50), 8)
        first, again = (held_out_loss(model, *rows) for _ in range(2))
        assert first == again
        assert model.training


class TestFloor:
    """Rows of unequal length, whose floor is known."""

    sums = torch.tensor([5.0, 9.0, 2.0, 4.0])
    counts = torch.tensor([4, 6, 2, 4])

    def test_it_is_the_mean_over_tokens_and_subtracted_row_by_row(self):
        floor = torch.tensor([4.0, 7.0, 1.0, 4.0])
        found = above_the_floor(self.sums, self.counts, floor)
        gap, error = mean_and_error(self.sums - floor, self.counts)
        assert found == {"floor": 1.0, "gap": gap, "gap_standard_error": error}
        assert gap == 0.25

    def test_hard_rows_are_hard_for_both_so_the_gap_is_known_better(self):
        generator = torch.Generator().manual_seed(0)
        floor = 100 + 30 * torch.randn(200, generator=generator)
        sums = floor + 5 + torch.randn(200, generator=generator)
        counts = torch.full((200,), 100)
        gap = above_the_floor(sums, counts, floor)
        assert gap["gap"] == pytest.approx(0.05, abs=0.003)
        assert gap["gap_standard_error"] < mean_and_error(sums, counts)[1] / 10

    def test_where_none_is_known_nothing_is_said(self):
        assert above_the_floor(self.sums, self.counts, None) == {}
        records = train_on(make(), some_ids(), some_ids(50, seed=1), settings())
        assert "floor" not in records[-1] and "gap" not in records[-1]


class TestConfig:
    @pytest.mark.parametrize(("options", "message"), [
        (dict(steps=0), "steps=0 must be at least 1"),
        (dict(batch_size=-3), "batch_size=-3 must be at least 1"),
        (dict(seed=-1), "seed=-1 must be at least 0"),
        (dict(micro_batch_size=0), "micro_batch_size=0 must be at least 1"),
        (dict(steps=10, warmup_steps=10), "warmup_steps=10 must be below steps=10"),
        (dict(learning_rate=1.0, min_learning_rate=2), "=2 must be from 0 to 1.0"),
        (dict(learning_rate=-1.0), "learning_rate=-1.0"),
        (dict(clip_norm=0.0), "clip_norm=0.0 must be above 0"),
        (dict(beta2=1.0), "beta2=1.0 must be at least 0 and below 1"),
        (dict(weight_decay=-0.1), "weight_decay=-0.1 must be at least 0"),
        (dict(learning_rate=math.inf), "learning_rate=inf must be above 0, and finite"),
        (dict(seed=2**64), "seed=18446744073709551616 must be below"),
        (dict(steps=2.0), "steps=2.0 must be a whole number"),
        (dict(dtype="float8"), "dtype=float8 must be one of auto"),
        (dict(optimizer="lion"), "optimizer=lion must be one of adamw, muon"),
        (dict(decay="step"), "decay=step must be one of cosine, linear"),
        (dict(decay_steps=9), "decay_steps=9 must be left out, or decay=linear"),
        (dict(decay_steps=0, decay="linear"), "decay_steps=0 must be at least 1"),
        (dict(momentum=1.0), "momentum=1.0 must be at least 0 and below 1"),
    ])  # fmt: skip
    def test_contradictions_are_refused_with_their_numbers(self, options, message):
        with pytest.raises(ValueError, match=message):
            TrainConfig(**options)

    def test_what_is_not_given_follows_from_the_rest(self):
        config = TrainConfig(steps=200, learning_rate=0.01)
        assert (config.lowest_rate, config.n_warmup) == (0.001, 10)

    def test_the_rate_falls_as_it_is_told(self):
        options = dict(steps=100, learning_rate=1.0, warmup_steps=9)
        cosine, line, late = (
            [TrainConfig(**options, **more).rate(step) for step in range(100)]
            for more in (
                {},
                {"decay": "linear"},
                {"decay": "linear", "decay_steps": 20},
            )
        )
        assert cosine[:10] == line[:10] == late[:10]
        assert cosine[99] == pytest.approx(0.1, abs=0.01)
        falls = [(100 - step) / 91 for step in range(9, 100)]
        assert line[9:] == pytest.approx(falls)
        assert late[9:81] == [1.0] * 72 and late[99] == pytest.approx(1 / 20)

    def test_an_unknown_device_is_refused(self):
        with pytest.raises(
            ValueError, match=r"device='quantum' .* take auto or cpu"
        ):
            pick_device("quantum")

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
    def test_a_device_that_is_not_there_is_refused(self):
        with pytest.raises(ValueError, match="device='cuda' is not available"):
            pick_device("cuda")
        assert pick_device().type in ("cpu", "mps")

    def test_the_optimizer_gets_what_the_configuration_says(self):
        config = TrainConfig(
            learning_rate=0.02, beta1=0.8, beta2=0.9, weight_decay=0.3
        )
        decaying, spared = make_optimizer(make(), config).param_groups
        assert decaying["lr"] == 0.02
        assert decaying["betas"] == (0.8, 0.9)
        assert (decaying["weight_decay"], spared["weight_decay"]) == (0.3, 0.0)

    def test_so_does_muon(self):
        config = TrainConfig(
            optimizer="muon", momentum=0.7, beta1=0.8, weight_decay=0.3
        )
        model = make()
        groups = make_optimizer(model, config).param_groups
        hidden, *others = groups
        assert [g["orthogonal"] for g in groups] == [True, False, False]
        assert len(hidden["params"]) == 6 * len(model.blocks)
        assert (hidden["momentum"], others[0]["betas"]) == (0.7, (0.8, 0.95))
        assert [g["weight_decay"] for g in groups] == [0.3, 0.3, 0.0]

    @pytest.mark.parametrize("has", [True, False])
    def test_auto_takes_bfloat16_where_the_processor_has_it(self, monkeypatch, has):
        monkeypatch.setattr("llm.distributed.processor_has_bfloat16", lambda: has)
        cpu = torch.device("cpu")
        wanted = torch.bfloat16 if has else torch.float32
        assert pick_dtype(cpu, "auto") is wanted
        with autocast(cpu, "auto"):
            product = make()(torch.zeros(1, 2, dtype=torch.long))
        assert product.dtype is wanted
        assert pick_dtype(cpu, "float32") is torch.float32
