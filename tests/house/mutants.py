"""Plausible mistakes, and the tests that must notice them.

A mutant is one change of one file of `llm`. `old` stands exactly once in the file;
`tests` is what pytest is asked to run, and at least one of these tests must fail.
Choose the fewest and fastest tests that are *about* the mistake.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """name: what is wrong; file: below llm/; tests: below tests/, for pytest."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def apply(self, source: str) -> str:
        """The source with the mistake in it.

        Raises `ValueError` unless `old` stands in it exactly once.
        """
        count = source.count(self.old)
        if count != 1:
            raise ValueError(
                f"mutant “{self.name}”: the text to change stands {count} times in "
                f"llm/{self.file}, not once; bring it up to date in "
                f"tests/house/mutants.py:\n{self.old}"
            )
        return source.replace(self.old, self.new)


def run_pytest(folder: Path, tests: tuple[str, ...], output: Path) -> None:
    """In a process of its own: run tests of `folder` on the package in `folder`.

    Everything printed goes to the file `output`; the exit status is that of pytest.
    Property tests draw the same examples in every run.
    """
    import pytest
    import torch
    from hypothesis import settings

    settings.register_profile("mutants", derandomize=True, database=None)
    settings.load_profile("mutants")

    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for variable in [v for v in os.environ if v.startswith("PYTEST_")]:
        del os.environ[variable]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(folder)
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    away = Path(__file__).resolve().parents[2]
    elsewhere = [
        p for p in sys.path if Path(p).resolve() not in (away, away / "tests")
    ]
    sys.path[:] = [str(folder), *elsewhere]
    for name in [m for m in sys.modules if m.split(".")[0] in ("llm", "tests")]:
        del sys.modules[name]
    options = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    sys.exit(int(pytest.main([*options, *(f"tests/{test}" for test in tests)])))


def mutant(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    assert tests and old != new
    return Mutant(name, file, old, new, tests)


ATTENTION = [
    mutant(
        "the mask shows one position of the future",
        "attention.py",
        "return everyone.tril()",
        "return everyone.tril(1)",
        "test_attention.py::test_what_the_mask_hides_gets_no_weight_at_all",
    ),
    mutant(
        "the mask hides the position itself",
        "attention.py",
        "return everyone.tril()",
        "return everyone.tril(-1)",
        "test_attention.py::test_what_the_mask_hides_gets_no_weight_at_all",
    ),
    mutant(
        "the mask is transposed",
        "attention.py",
        "return everyone.tril()",
        "return everyone.triu()",
        "test_attention.py::test_what_the_mask_hides_gets_no_weight_at_all",
    ),
    mutant(
        "the mask is applied the wrong way round",
        "attention.py",
        "masked_fill(~mask, -math.inf)",
        "masked_fill(mask, -math.inf)",
        "test_attention.py::test_masked_attention_equals_loops",
    ),
    mutant(
        "masked scores are set to zero",
        "attention.py",
        "masked_fill(~mask, -math.inf)",
        "masked_fill(~mask, 0.0)",
        "test_attention.py::test_what_the_mask_hides_gets_no_weight_at_all",
    ),
    mutant(
        "the scale is dropped",
        "attention.py",
        " / math.sqrt(q.shape[-1])",
        "",
        "test_attention.py::test_attention_equals_loops",
        "test_attention.py::test_scores_keep_their_spread_at_any_width",
    ),
    mutant(
        "the scale is D, not its root",
        "attention.py",
        "math.sqrt(q.shape[-1])",
        "q.shape[-1]",
        "test_attention.py::test_attention_equals_loops",
        "test_attention.py::test_scores_keep_their_spread_at_any_width",
    ),
    mutant(
        "the scale is that of the number of queries",
        "attention.py",
        "math.sqrt(q.shape[-1])",
        "math.sqrt(q.shape[-2])",
        "test_attention.py::test_attention_equals_loops",
    ),
    mutant(
        "the softmax runs over the queries",
        "attention.py",
        "scores.softmax(dim=-1)",
        "scores.softmax(dim=-2)",
        "test_attention.py::test_weights_are_positive_and_every_row_sums_to_one",
    ),
    mutant(
        "the heads are merged without transposing",
        "attention.py",
        "out.transpose(1, 2).flatten(2)",
        "out.reshape(x.shape)",
        "test_attention.py::test_heads_are_separate",
    ),
    mutant(
        "the keys are not turned",
        "attention.py",
        "self.rotate(k, positions), v",
        "k, v",
        "test_model.py::test_logits_and_gradients_equal_those_of_transformers[llama_pair-slow_down]",
    ),
    mutant(
        "values and keys change places in the cache",
        "attention.py",
        "((self.k, k), (self.v, v))",
        "((self.k, v), (self.v, k))",
        "test_model.py::TestEveryArchitecture::test_cached_equals_uncached[chunks0-gpt2]",
    ),
    mutant(
        "the cache returns one slot too few",
        "attention.py",
        "return self.k[:, :, :n_slots]",
        "return self.k[:, :, 1 : n_slots + 1]",
        "test_model.py::TestEveryArchitecture::test_cached_equals_uncached[chunks0-gpt2]",
    ),
    mutant(
        "dropout acts on the weights when the model is used",
        "fast/attention.py",
        'getattr(self.weight_dropout, "p", 0.0) if self.training else 0.0',
        'getattr(self.weight_dropout, "p", 0.0)',
        "test_attention.py::test_weight_dropout_acts_in_training_only",
    ),
]

EVERY = "test_model.py::TestEveryArchitecture"
TRANSFORMERS = (
    "test_model.py::test_logits_and_gradients_equal_those_of_transformers"
)

DECODE = "test_fast_decode.py::test_the_step_gives_the_logits_of_forward"

LAYERS = [
    mutant(
        "the decode step does not see the token itself",
        "fast/decode.py",
        "self.n_visible = position + 1",
        "self.n_visible = max(1, position)",
        f"{DECODE}[small-gpt2]",
    ),
    mutant(
        "the decode step rotates the wrong halves",
        "fast/decode.py",
        "qk.roll(half, -1)",
        "qk.roll(1, -1)",
        f"{DECODE}[small-llama]",
    ),
    mutant(
        "the decode step passes by the hooks",
        "fast/decode.py",
        "hooks = part._forward_hooks or part._forward_pre_hooks",
        "hooks = part._forward_pre_hooks",
        "test_fast_decode.py::test_a_model_that_may_do_otherwise_goes_through_its_forward",
    ),
    mutant(
        "each thread takes the share of another column",
        "fast/linear.py",
        ".view(n_in, n_shares).T.flatten()",
        ".flatten()",
        "test_fast_linear.py::test_by_columns_the_sums_are_the_same[2-sizes1]",
    ),
    mutant(
        "the convolution forgets the bias",
        "fast/linear.py",
        "weight[:, :, None, None], bias)",
        "weight[:, :, None, None])",
        "test_fast_linear.py::test_every_route_gives_the_same_sums",
    ),
    mutant(
        "a product without gradient is taken while training",
        "fast/linear.py",
        "torch.is_grad_enabled() or has_tangent",
        "has_tangent",
        "test_fast_linear.py::test_every_route_gives_the_same_gradients",
    ),
    mutant(
        "the angle turns the other way",
        "layers.py",
        "first * cos - second * sin, second * cos + first * sin",
        "first * cos + second * sin, second * cos - first * sin",
        f"{TRANSFORMERS}[llama_pair-slow_down]",
    ),
    mutant(
        "the rotation also stretches",
        "layers.py",
        "first * cos - second * sin, second",
        "first * cos + second * sin, second",
        "test_fast.py::test_every_part_computes_the_same_in_its_quick_way",
    ),
    mutant(
        "neighbours are turned together, not halves",
        "layers.py",
        "first, second = x.chunk(2, dim=-1)",
        "first, second = x[..., ::2], x[..., 1::2]",
        f"{TRANSFORMERS}[llama_pair-slow_down]",
    ),
    mutant(
        "the norm forgets the mean",
        "layers.py",
        "x = (x - mean) /",
        "x = x /",
        "test_fast.py::test_every_part_computes_the_same_in_its_quick_way",
    ),
    mutant(
        "the root-mean-square norm takes the mean away",
        "layers.py",
        "return x / (mean_square",
        "return (x - x.mean(-1, keepdim=True)) / (mean_square",
        "test_fast.py::test_every_part_computes_the_same_in_its_quick_way",
    ),
    mutant(
        "the gate has no bend",
        "layers.py",
        "silu(self.gate(x)) * self.up(x)",
        "self.gate(x) * self.up(x)",
        f"{TRANSFORMERS}[llama_pair-slow_down]",
    ),
    mutant(
        "the positions are left out of the embedding",
        "layers.py",
        "x = x + self.positions_part(positions)",
        "x = x + 0 * self.positions_part(positions)",
        "test_layers.py::test_learned_positions_are_added_to_the_tokens",
    ),
]

MODEL = [
    mutant(
        "the model sees one position of the future",
        "model.py",
        "return causal_mask(positions.shape[-1], positions.device)",
        "return causal_mask(positions.shape[-1] + 1, positions.device)[1:, :-1]",
        "test_model.py::test_visible_is_the_lower_triangle",
        f"{EVERY}::test_causality_by_perturbation[gpt2]",
        f"{EVERY}::test_causality_by_gradient[gpt2]",
    ),
    mutant(
        "the model does not see itself",
        "model.py",
        "slots <= positions.unsqueeze(-1)",
        "slots < positions.unsqueeze(-1)",
        "test_model.py::test_with_a_cache_the_past_is_visible_too",
    ),
    mutant(
        "the newest slot of the cache stays hidden",
        "model.py",
        "int(positions.max()) + 1",
        "int(positions.max())",
        f"{EVERY}::test_cached_equals_uncached[chunks2-gpt2]",
    ),
    mutant(
        "the first residual connection is cut",
        "model.py",
        "x = x + self.attention(",
        "x = self.attention(",
        f"{TRANSFORMERS}[gpt2_pair-slow_down]",
    ),
    mutant(
        "the norm comes after the part",
        "model.py",
        "x + self.feed_forward(self.norm2(x))",
        "self.norm2(x + self.feed_forward(x))",
        f"{TRANSFORMERS}[gpt2_pair-slow_down]",
    ),
    mutant(
        "the writers of the residual stream do not start smaller",
        "model.py",
        "std=std / n_residuals**0.5",
        "std=std",
        "test_model.py::test_residual_writers_start_smaller",
    ),
    mutant(
        "the first weights are too large",
        "model.py",
        "std: float = 0.02",
        "std: float = 0.5",
        f"{EVERY}::test_initial_loss_is_that_of_a_uniform_guess[gpt2]",
    ),
    mutant(
        "embedding and head share nothing",
        "model.py",
        "    head.weight = embedding.tokens.weight\n",
        "",
        "test_model.py::test_presets_are_what_they_are_called",
    ),
    mutant(
        "targets that do not count are counted",
        "model.py",
        "counts = targets != ignore_index",
        "counts = targets != -101",
        "test_model.py::test_loss_is_a_mean_over_the_targets_that_count",
    ),
]

DATA = [
    mutant(
        "the end mark is text like all else",
        "data.py",
        "return tokenizer.encode(text, allowed_special=[END_OF_TEXT])",
        "return tokenizer.encode(text)",
        "test_data.py::test_an_end_mark_in_a_text_has_its_id",
    ),
    mutant(
        "no random window begins at the last place",
        "data.py",
        "n_starts = len(ids) - context_length",
        "n_starts = len(ids) - context_length - 1",
        "test_data.py::test_random_windows_begin_anywhere_and_are_drawn_independently",
    ),
    mutant(
        "the targets are the inputs",
        "data.py",
        "return both[:-1], both[1:]",
        "return both[:-1], both[:-1]",
        "test_data.py::test_a_window_is_a_piece_of_the_row",
    ),
    mutant(
        "the targets are the tokens before",
        "data.py",
        "return both[:-1], both[1:]",
        "return both[1:], both[:-1]",
        "test_data.py::test_a_window_is_a_piece_of_the_row",
    ),
    mutant(
        "the last window is dropped",
        "data.py",
        "// self.stride + 1",
        "// self.stride",
        "test_data.py::test_there_is_no_room_for_one_more_window",
    ),
    mutant(
        "every epoch has the same order",
        "data.py",
        "default_rng([self.seed, epoch])",
        "default_rng([self.seed])",
        "test_data.py::test_seeds_and_epochs_give_different_orders",
    ),
    mutant(
        "the order depends on what was asked before",
        "data.py",
        "if epoch != self._epoch:",
        "if epoch > self._epoch:",
        "test_data.py::test_a_batch_depends_on_seed_and_step_alone",
    ),
    mutant(
        "the held-out part overlaps the training part",
        "data.py",
        "return whole[:cut], whole[cut:]",
        "return whole[: cut + 1], whole[cut:]",
        "test_data.py::test_split_works_alike_on_text_and_ids",
    ),
    mutant(
        "the filling of the last window is counted",
        "data.py",
        "value=IGNORE).view_as(x)",
        "value=0).view_as(x)",
        "test_train.py::TestHeldOutLoss::"
        "test_predicts_every_token_but_the_first_once[10]",
    ),
    mutant(
        "the filling of a document is counted",
        "data.py",
        "padding_value=IGNORE",
        "padding_value=0",
        "test_data.py::test_a_row_is_one_whole_document_between_end_marks",
    ),
    mutant(
        "nobody has to predict the end of a document",
        "data.py",
        "as_ids(row).tolist(), end])",
        "as_ids(row).tolist()])",
        "test_data.py::test_a_row_is_one_whole_document_between_end_marks",
    ),
    mutant(
        "the last document of a batch is the first of the next",
        "data.py",
        "range(step * self.batch_size, (step + 1) * self.batch_size)\n        rows",
        "range(step * (self.batch_size - 1), (step + 1) * (self.batch_size - 1) + 1)"
        "\n        rows",
        "test_data.py::test_no_document_comes_twice",
    ),
]

OPTIM = [
    mutant(
        "biases and norms decay as well",
        "optim.py",
        '"params": vectors, "weight_decay": 0.0',
        '"params": vectors, "weight_decay": weight_decay',
        "test_optim.py::test_matrices_shrink_and_vectors_do_not",
    ),
    mutant(
        "nothing is clipped",
        "optim.py",
        "gradient *= (max_norm",
        "gradient *= (1e9 * max_norm",
        "test_optim.py::test_clipping_shortens_all_gradients_alike_and_only_long_ones",
    ),
    mutant(
        "the rate begins at zero",
        "optim.py",
        "peak * (step + 1) / (warmup_steps + 1)",
        "peak * step / warmup_steps",
        "test_optim.py::test_the_warm_up_is_a_straight_line_that_begins_above_zero",
    ),
    mutant(
        "the rate ends at zero, not at its minimum",
        "optim.py",
        "return minimum + (peak - minimum) *",
        "return peak *",
        "test_optim.py::test_the_descent_equals_pytorchs_cosine",
    ),
]

STEP = "test_train.py::TestOneStep"
LOOP = "test_train.py::TestTheLoop"

TRAIN = [
    mutant(
        "accumulation is a mean of means",
        "train.py",
        'cross_entropy(logits, some_y, IGNORE, "sum") / n_targets',
        "cross_entropy(logits, some_y, IGNORE) * len(some_x) / len(x)",
        f"{STEP}::test_accumulation_is_the_mean_over_tokens[1]",
    ),
    mutant(
        "every micro-batch counts as a whole batch",
        "train.py",
        'cross_entropy(logits, some_y, IGNORE, "sum") / n_targets',
        "cross_entropy(logits, some_y, IGNORE)",
        f"{STEP}::test_accumulation_is_the_mean_over_tokens[1]",
    ),
    mutant(
        "the gradient is clipped after the step",
        "train.py",
        "    grad_norm = clip_gradients(model.parameters(), config.clip_norm)\n"
        "    optimizer.step()\n",
        "    optimizer.step()\n"
        "    grad_norm = clip_gradients(model.parameters(), config.clip_norm)\n",
        f"{STEP}::test_long_gradients_are_shortened_and_their_true_length_reported",
    ),
    mutant(
        "the gradient is never set to zero",
        "train.py",
        "    optimizer.zero_grad()\n",
        "",
        f"{STEP}::test_no_gradient_is_left_over",
        f"{LOOP}::test_equals_a_loop_written_with_pytorch_alone",
    ),
    mutant(
        "the rate is that of the step before",
        "train.py",
        "set_rate(optimizer, config.rate(step))",
        "set_rate(optimizer, config.rate(max(0, step - 1)))",
        f"{LOOP}::test_equals_a_loop_written_with_pytorch_alone",
    ),
    mutant(
        "dropout leaves out the same numbers at every step",
        "train.py",
        "seed_dropout(config.seed, step)",
        "seed_dropout(config.seed, 0)",
        f"{LOOP}::test_dropout_differs_from_step_to_step",
    ),
    mutant(
        "dropout is on while we measure",
        "evaluate.py",
        "    model.eval()\n",
        "",
        "test_train.py::TestHeldOutLoss::test_dropout_is_off_and_then_on_again",
    ),
    mutant(
        "the floor is that of other rows",
        "train.py",
        "None if floor is None else floor[::every]",
        "None if floor is None else floor[: len(x)]",
        "test_train.py::TestHeldOutLoss::"
        "test_while_training_some_rows_are_looked_at_spread_evenly",
    ),
    mutant(
        "what was not learnt from counts as read",
        "train.py",
        "int((batch[1] != IGNORE).sum())",
        "batch[1].numel()",
        "test_train.py::TestTheLoop::test_a_supply_is_anything_with_batches",
    ),
]

BPE = [
    mutant(
        "a tie goes to the lesser pair",
        "tokenizers/merges.py",
        "max(counts, key=lambda p: (counts[p], tokens[p[0]], tokens[p[1]]))",
        "min(counts, key=lambda p: (-counts[p], tokens[p[0]], tokens[p[1]]))",
        "test_tokenizers.py::test_a_tie_goes_to_the_greater_pair_of_byte_strings",
    ),
    mutant(
        "the later merge comes first",
        "tokenizers/rows.py",
        "(new_ids[pair], place, pair)\n        for place",
        "(-new_ids[pair], place, pair)\n        for place",
        "test_tokenizers.py::"
        "test_encoding_is_making_every_merge_in_the_order_of_training",
    ),
    mutant(
        "a stream is cut behind white space that looks ahead",
        "tokenizers/pretokens.py",
        "return before.start() if torn else behind.start()",
        "return behind.start()",
        "test_tokenizers.py::"
        "test_a_sure_beginning_is_cut_alike_alone_and_before_any_text",
    ),
    mutant(
        "the name of the unknown token is its spelling",
        "tokenizers/base.py",
        'return None\n        return b"" if',
        'return token\n        return b"" if',
        "test_tokenizers.py::test_an_unknown_piece_has_no_spelling",
    ),
    mutant(
        "special tokens come from any text",
        "tokenizers/base.py",
        "split_at_special(text, allowed)",
        "split_at_special(text, self.special_tokens)",
        "test_tokenizers.py::test_special_tokens_come_from_the_caller_only",
    ),
    mutant(
        "a stream is cut wherever it is cut",
        "tokenizers/pretokens.py",
        "before, behind, _ = last_three",
        "_, before, behind = last_three",
        "test_tokenizers.py::"
        "test_examples_in_docstrings_are_true[llm.tokenizers.pretokens]",
    ),
]

SAMPLERS = "test_generate.py::TestSamplers"
CACHE = "test_generate.py::TestCache"

GENERATE = [
    mutant(
        "top-p drops the token that crosses p",
        "generate.py",
        "before = probs.cumsum(dim=-1) - probs",
        "before = probs.cumsum(dim=-1)",
        f"{SAMPLERS}::test_top_p_leaves_the_fewest_that_reach_p",
    ),
    mutant(
        "top-p puts the logits back unsorted",
        "generate.py",
        "torch.empty_like(logits).scatter(-1, ids, ranked)",
        "ranked",
        f"{SAMPLERS}::test_what_is_left_keeps_its_logits",
    ),
    mutant(
        "top-k leaves one too many",
        "generate.py",
        "logits.topk(min(k, logits",
        "logits.topk(min(k + 1, logits",
        f"{SAMPLERS}::test_top_k_leaves_the_k_best_and_their_equals",
    ),
    mutant(
        "temperature multiplies",
        "generate.py",
        "lambda logits: logits / t",
        "lambda logits: logits * t",
        f"{SAMPLERS}::test_temperature_makes_daring_or_timid",
    ),
    mutant(
        "samplers are applied last to first",
        "generate.py",
        "sampler(x), samplers, logits)",
        "sampler(x), samplers[::-1], logits)",
        f"{SAMPLERS}::test_compose_goes_from_first_to_last",
    ),
    mutant(
        "the logits of the filling are taken",
        "generate.py",
        "row[len(window) - 1]",
        "row[-1]",
        f"{CACHE}::test_logits_equal_those_read_afresh_far_past_the_context[gpt2]",
    ),
    mutant(
        "a new token is one slot late",
        "generate.py",
        "len(text) - 1 - start",
        "min(len(text) - start, context_length - 1)",
        f"{CACHE}::test_logits_equal_those_read_afresh_far_past_the_context[gpt2]",
    ),
    mutant(
        "a window that moved is not read again",
        "generate.py",
        "if start != self.starts[i]]",
        "if self.starts[i] < 0]",
        f"{CACHE}::test_logits_equal_those_read_afresh_far_past_the_context[gpt2]",
    ),
    mutant(
        "the window does not move",
        "generate.py",
        "-(-(n_tokens - context_length) // half)",
        "(n_tokens - context_length) // half",
        "test_generate.py::TestWindow",
    ),
    mutant(
        "the beginning of a stop string is shown",
        "generate.py",
        "self.release(len(self.held) - self.n_doubtful())",
        "self.release(len(self.held))",
        "test_generate.py::TestWriter::test_nothing_of_a_stop_string_is_ever_shown",
    ),
]

AROUND = [
    mutant(
        "the optimizer does not come back",
        "checkpoints.py",
        "        set_optimizer_state(model, optimizer, state)\n",
        "",
        "test_resume.py::test_the_optimizer_comes_back_as_it_was",
    ),
    mutant(
        "a checkpoint of another model is taken",
        "checkpoints.py",
        "    check_fit(tensors, weights(model), folder)\n",
        "",
        "test_resume.py::test_a_checkpoint_of_another_model_is_refused",
    ),
    mutant(
        "the certificate changes nothing, and so finds nothing",
        "check.py",
        "(ids + 1) % vocab_size",
        "ids",
        "test_check.py::test_both_certificates_catch_a_wrong_mask",
    ),
    mutant(
        "shared keys and values are counted for every head",
        "count.py",
        "    kv_width = c.head_dim * (c.n_kv_heads or c.n_heads)\n    norm",
        "    kv_width = c.head_dim * c.n_heads\n    norm",
        f"{EVERY}::test_parameters_are_counted[llama-shared]",
    ),
    mutant(
        "the scores are counted for the whole square",
        "count.py",
        "n_tokens * (n_tokens + 1) // 2",
        "n_tokens * n_tokens",
        f"{EVERY}::test_operations_are_counted[gpt2]",
    ),
]

MUTANTS = [
    *ATTENTION,
    *LAYERS,
    *MODEL,
    *DATA,
    *OPTIM,
    *TRAIN,
    *BPE,
    *GENERATE,
    *AROUND,
]
