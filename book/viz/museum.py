"""Chapter 17: the bug museum, one exhibit at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.bundle import Bundle
from book.viz.page import interactive
from llm.bugs import BUGS
from llm.style import BLACK, GREY, VERMILLION

# What stands there, and what somebody writes: one line of each mistake, in its order.
LINES = {
    "special_tokens_from_any_text": (
        "allowed = allowed_special",
        "allowed = self.special_tokens",
    ),
    "ids_off_by_one": ("ids.append(vocab[token])", "ids.append(vocab[token] + 1)"),
    "latest_merge_first": (
        "pair = min(pairs, key=new_ids.get)",
        "pair = max(pairs, key=new_ids.get)",
    ),
    "targets_unshifted": ("x, y = ids[:-1], ids[1:]", "x, y = ids[:-1], ids[:-1]"),
    "targets_two_on": ("x, y = ids[:-1], ids[1:]", "x, y = ids[:-2], ids[2:]"),
    "targets_of_another_row": ("return x, y", "return x, y.roll(1, dims=0)"),
    "held_out_in_training": (
        "return whole[:cut], whole[cut:]",
        "return whole, whole[cut:]",
    ),
    "same_order_every_epoch": (
        "rng = default_rng([seed, epoch])",
        "rng = default_rng([seed])",
    ),
    "filling_counted": ("y = filled(rows, -100)", "y = filled(rows, 0)"),
    "ends_not_predicted": ("y = [*row, end]", "y = [*row, -100]"),
    "mask_off_by_one": ("everyone.tril()", "everyone.tril(1)"),
    "mask_hides_itself": ("everyone.tril()", "everyone.tril(-1)"),
    "mask_missing": ("attention_weights(q, k, mask)", "attention_weights(q, k)"),
    "mask_upside_down": (
        "scores.masked_fill(~mask, -inf)",
        "scores.masked_fill(mask, -inf)",
    ),
    "hidden_scores_zero": (
        "scores.masked_fill(~mask, -inf)",
        "scores.masked_fill(~mask, 0.0)",
    ),
    "scale_dropped": ("q @ k.mT / math.sqrt(D)", "q @ k.mT"),
    "scale_by_width": ("q @ k.mT / math.sqrt(D)", "q @ k.mT / D"),
    "softmax_over_queries": ("scores.softmax(dim=-1)", "scores.softmax(dim=-2)"),
    "heads_not_transposed": (
        "out.transpose(1, 2).flatten(2)",
        "out.reshape(B, T, C)",
    ),
    "positions_all_zero": (
        "positions = torch.arange(T)",
        "positions = torch.zeros(T)",
    ),
    "rotation_backwards": (
        "a * cos - b * sin, b * cos + a * sin",
        "a * cos + b * sin, b * cos - a * sin",
    ),
    "rotation_sign": (
        "a * cos - b * sin, b * cos + a * sin",
        "a * cos + b * sin, b * cos + a * sin",
    ),
    "rotation_of_neighbours": (
        "a, b = x.chunk(2, dim=-1)",
        "a, b = x[..., ::2], x[..., 1::2]",
    ),
    "keys_not_rotated": (
        "return rotate(q), rotate(k), v",
        "return rotate(q), k, v",
    ),
    "norm_missing": ("x + attention(norm(x))", "x + attention(x)"),
    "norm_over_positions": (
        "x.square().mean(-1, keepdim=True)",
        "x.square().mean(-2, keepdim=True)",
    ),
    "norm_without_eps": (
        "x / (x.square().mean(-1) + eps).sqrt()",
        "x / x.square().mean(-1).sqrt()",
    ),
    "norm_after_part": ("x + attention(norm(x))", "norm(x + attention(x))"),
    "residual_missing": ("x = x + attention(norm(x))", "x = attention(norm(x))"),
    "weights_not_tied": (
        "head.weight = tokens.weight",
        "head.weight = tokens.weight.clone()",
    ),
    "first_weights_too_large": (
        "init.normal_(weight, std=0.02)",
        "init.normal_(weight, std=0.5)",
    ),
    "residual_writers_too_large": ("std = 0.02 / n_residuals**0.5", "std = 0.02"),
    "padding_counted": (
        "cross_entropy(logits, y, ignore_index=-100)",
        "cross_entropy(logits, y.clamp(min=0))",
    ),
    "softmax_twice": (
        "cross_entropy(logits, y)",
        "cross_entropy(logits.softmax(-1), y)",
    ),
    "gradients_not_zeroed": ("optimizer.zero_grad()", "# optimizer.zero_grad()"),
    "never_clipped": (
        "clip_gradients(parameters, 1.0)",
        "clip_gradients(parameters, math.inf)",
    ),
    "clipped_one_by_one": (
        "clip_gradients(parameters, 1.0)",
        "for p in parameters: clip_gradients([p], 1.0)",
    ),
    "vectors_decay": ("decay only where p.dim() > 1", "decay every p"),
    "decay_coupled": (
        "AdamW(parameters, weight_decay=0.1)",
        "Adam(parameters, weight_decay=0.1)",
    ),
    "bias_not_corrected": ("m / (1 - beta1**t)", "m"),
    "warmup_never_ends": ("warmup_steps=10", "warmup_steps=n_steps"),
    "micro_batches_added": ("part = loss.sum() / n_targets", "part = loss.mean()"),
    "micro_batches_averaged": (
        "part = loss.sum() / n_targets",
        "part = loss.mean() / n_micro_batches",
    ),
    "clipped_too_early": (
        "for part in batch: backward(part)\nclip()",
        "for part in batch: backward(part); clip()",
    ),
    "dropout_always_alike": ("manual_seed(mixed(seed, step))", "manual_seed(seed)"),
    "dropout_while_measuring": ("model.eval()", "# model.eval()"),
    "cache_position_late": ("positions = [n_cached]", "positions = [n_cached + 1]"),
    "cache_not_refilled": (
        "if start != old_start: fill(window)",
        "if old_start is None: fill(window)",
    ),
    "filling_read": ("logits[row, length - 1]", "logits[row, -1]"),
    "temperature_multiplies": ("logits / t", "logits * t"),
    "top_p_too_few": ("keep = cumulative - p_i < p", "keep = cumulative < p"),
}
ALT = (
    "Small plots of the held-out loss against the step, one for each mistake, with the "
    "healthy run and the floor: some fall below the floor, some stay high or stop, and "
    "more than half look like the healthy run."
)


def museum_figure(
    record: Mapping[str, Any], name: str = "mask_off_by_one"
) -> Bundle:
    """The exhibits: curve, wrong line beside the right one, what each check says.

    record: what tools/record_museum.py writes; name: of the function of the first
    exhibit. Raises `ValueError` for a record that lacks a bug, and for another name.
    """
    missing = [bug.name for bug in BUGS if bug.name not in record["bugs"]]
    if missing:
        raise ValueError(
            f"the record has no bug {missing[0]!r}; make it again with "
            f"python tools/record_museum.py"
        )
    if name not in LINES:
        raise ValueError(f"name={name!r} is no function of llm.bugs")
    state = {"exhibits": [exhibit(bug, record) for bug in BUGS]}
    state |= {"checks": record["checks"], "floor": record["floor"], "name": name}
    state |= {"healthy": record["healthy"][0]["held_out"], "steps": record["steps"]}
    return interactive("museum", state, alt=ALT, figure=picture(record))


def exhibit(bug: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the page gets of a bug."""
    run, function = record["bugs"][bug.name], bug.wrong.__name__
    right, wrong = LINES[function]
    return {
        "function": function, "name": bug.name, "part": bug.part,
        "symptom": bug.symptom, "right": right, "wrong": wrong,
        "heldOut": run["held_out"], "stopped": run["stopped"], "fired": run["fired"],
    }  # fmt: skip


SHOWN = (
    "targets_unshifted", "mask_off_by_one", "hidden_scores_zero",
    "scale_by_width", "residual_missing", "softmax_twice",
    "gradients_not_zeroed", "warmup_never_ends", "rotation_of_neighbours",
)  # fmt: skip


def picture(record: Mapping[str, Any]) -> Figure:
    """Nine of the exhibits on paper."""
    figure, axes = plt.subplots(
        3, 3, figsize=(6.4, 5.6), sharex=True, sharey=True, layout="constrained"
    )
    by_function = {bug.wrong.__name__: bug for bug in BUGS}
    healthy = record["healthy"][0]["held_out"]
    for name, ax in zip(SHOWN, axes.flat, strict=True):
        run = record["bugs"][by_function[name].name]
        ax.plot(*zip(*healthy, strict=True), color=GREY, lw=2.5, label="healthy")
        ax.plot(
            *zip(*run["held_out"], strict=True), color=VERMILLION, marker="o", ms=2
        )
        ax.axhline(record["floor"], color=BLACK, ls="--", lw=1)
        ax.set_title(name, fontsize=9)
        ax.set(ylim=(0, 4))
    for ax in axes[-1]:
        ax.set_xlabel("step")
    axes[1, 0].set_ylabel("held-out loss (nats per token)")
    return figure
