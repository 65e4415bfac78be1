"""Breakages, and the tests that must notice them: those of `llm.bugs`, and more that
are too small or too far from a model to be shown to anybody.

Each stands with tests below tests/, of which every one must fail; for a test with
parameters, or a class, one case is enough. Choose the fewest and fastest tests that
are *about* the mistake.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F

import llm.fast.linear as routes
from llm import bugs, check, checkpoints, count
from llm.attention import KVCache, attention_weights, causal_mask
from llm.bugs import PLAIN_WAY, replaced
from llm.data import (
    Batches,
    DocumentBatches,
    ResumableSampler,
    WindowDataset,
    best_fit,
    document_hash,
    encode_documents,
    get_batch,
    pack,
    same_document,
    split,
    window,
    write_ids,
)
from llm.fast.attention import FastAttention
from llm.fast.decode import Place, is_plain
from llm.fast.functions import attention as fused_attention
from llm.generate import CachedReader, Writer, window_start
from llm.layers import LayerNorm, LearnedPositions, RMSNorm, silu
from llm.model import visible
from llm.optim import Adam, AdamW, warmup_cosine
from llm.processors import Automaton, repetition_penalty, token_moves
from llm.sampling import compose, min_p, top_k, top_p, typical
from llm.tokenizers import Tokenizer
from llm.tokenizers.merges import count_pairs
from llm.tokenizers.pretokens import sure_length
from llm.train import TrainConfig, held_out_record, timed_step


@dataclass(frozen=True)
class Mutant:
    """name: what is wrong; on: a block in which it is; tests: that must fail;
    error: how. Any other error may be one of the breakage itself."""

    name: str
    on: Callable[[], AbstractContextManager[None]]
    tests: tuple[str, ...]
    error: type[Exception] = AssertionError


def mutant(
    name: str,
    seam: Callable,
    wrong: Callable,
    *tests: str,
    error: type[Exception] = AssertionError,
) -> Mutant:
    """A breakage of our own, made as `bugs.replaced` makes it; what is broken in
    `llm.fast` is not slowed down, or it would not be called."""
    plain = {} if seam.__module__.startswith("llm.fast") else PLAIN_WAY
    return Mutant(name, partial(replaced, {**plain, seam: wrong}), tests, error)


GONE = "test_attention.py::test_that_is_gone"
HIDDEN = "test_attention.py::test_what_the_mask_hides_gets_no_weight_at_all"
LOOPS = "test_attention.py::test_attention_equals_loops"
SPREAD = "test_attention.py::test_scores_keep_their_spread_at_any_width"
EVERY = "test_model.py::TestEveryArchitecture"
CACHED = f"{EVERY}::test_cached_equals_uncached"
EQUALS = "test_model.py::test_logits_and_gradients_equal_those_of_transformers"
GPT2 = f"{EQUALS}[gpt2_pair-slow_down]"
LLAMA = f"{EQUALS}[llama_pair-slow_down]"
LAYER_NORM = "test_layers.py::test_layer_norm_leaves_mean_zero_and_variance_one"
RMS_NORM = (
    "test_layers.py::test_rms_norm_leaves_root_mean_square_one_and_keeps_the_mean"
)
WINDOW = "test_data.py::test_a_window_is_a_piece_of_the_row"
ROWS = "test_data.py::test_a_row_is_one_whole_document_between_end_marks"
RANDOM = (
    "test_data.py::test_random_windows_begin_anywhere_and_are_drawn_independently"
)
HELD_OUT = "test_train.py::TestHeldOutLoss"
ONCE = f"{HELD_OUT}::test_predicts_every_token_but_the_first_once[10]"
STEP = "test_train.py::TestOneStep"
MEAN = f"{STEP}::test_accumulation_is_the_mean_over_tokens[1]"
CLIPPED = (
    f"{STEP}::test_long_gradients_are_shortened_and_their_true_length_reported"
)
LOOP = "test_train.py::TestTheLoop"
BY_HAND = f"{LOOP}::test_equals_a_loop_written_with_pytorch_alone"
CLIPPING = (
    "test_optim.py::test_clipping_shortens_all_gradients_alike_and_only_long_ones"
)
THEIRS = "test_optim.py::test_an_optimizer_goes_where_pytorchs_goes"
WARM_UP = (
    "test_optim.py::test_the_warm_up_is_a_straight_line_that_begins_above_zero"
)
SAMPLERS = "test_generate.py::TestSamplers"
CUTS = "test_sampling.py::TestTruncation"
AFRESH = (
    "test_generate.py::TestCache::"
    "test_logits_equal_those_read_afresh_far_past_the_context[gpt2]"
)
STREAM = (
    "test_tokenizers.py::"
    "test_a_sure_beginning_is_cut_alike_alone_and_before_any_text"
)

# --- What the museum shows --------------------------------------------------------

CAUGHT_BY: dict[bugs.Bug, tuple[str, ...]] = {
    bugs.special_tokens_from_any_text: (
        "test_tokenizers.py::test_special_tokens_come_from_the_caller_only",
    ),
    bugs.ids_off_by_one: (
        "test_tokenizers.py::test_special_tokens_come_from_the_caller_only",
    ),
    bugs.latest_merge_first: (
        "test_tokenizers.py::"
        "test_encoding_is_making_every_merge_in_the_order_of_training",
    ),
    bugs.targets_unshifted: (WINDOW, ROWS, ONCE),
    bugs.targets_two_on: (WINDOW, ROWS, ONCE),
    bugs.targets_of_another_row: (RANDOM, ROWS),
    bugs.held_out_in_training: (
        "test_data.py::test_split_works_alike_on_text_and_ids",
    ),
    bugs.same_order_every_epoch: (
        "test_data.py::test_seeds_and_epochs_give_different_orders",
    ),
    bugs.filling_counted: (ONCE, ROWS),
    bugs.ends_not_predicted: (ROWS,),
    bugs.mask_off_by_one: (HIDDEN, f"{EVERY}::test_causality_by_perturbation[gpt2]"),
    bugs.mask_hides_itself: (HIDDEN,),
    bugs.mask_missing: (
        f"{EVERY}::test_causality_by_perturbation[llama]",
        f"{EVERY}::test_causality_by_gradient[gpt2]",
    ),
    bugs.mask_upside_down: (
        "test_attention.py::test_masked_attention_equals_loops",
    ),
    bugs.hidden_scores_zero: (HIDDEN,),
    bugs.scale_dropped: (LOOPS, SPREAD),
    bugs.scale_by_width: (LOOPS, SPREAD),
    bugs.softmax_over_queries: (
        "test_attention.py::test_weights_are_positive_and_every_row_sums_to_one",
    ),
    bugs.heads_not_transposed: (
        "test_attention.py::test_heads_are_separate",
        f"{EVERY}::test_causality_by_perturbation[gpt2]",
    ),
    bugs.positions_all_zero: (
        "test_layers.py::test_learned_positions_are_added_to_the_tokens",
        "test_layers.py::test_rotated_scores_depend_on_the_distance_only",
    ),
    bugs.rotation_backwards: (LLAMA,),
    bugs.rotation_sign: ("test_layers.py::test_rotation_keeps_lengths",),
    bugs.rotation_of_neighbours: (LLAMA,),
    bugs.keys_not_rotated: (LLAMA,),
    bugs.norm_missing: (LAYER_NORM, RMS_NORM),
    bugs.norm_over_positions: (
        LAYER_NORM, RMS_NORM, f"{EVERY}::test_causality_by_perturbation[llama]",
    ),
    bugs.norm_without_eps: (
        "test_layers.py::test_a_vector_without_variance_has_a_norm",
    ),
    bugs.norm_after_part: (GPT2,),
    bugs.residual_missing: (GPT2,),
    bugs.weights_not_tied: ("test_model.py::test_presets_are_what_they_are_called",),
    bugs.first_weights_too_large: (
        f"{EVERY}::test_initial_loss_is_that_of_a_uniform_guess[gpt2]",
    ),
    bugs.residual_writers_too_large: (
        "test_model.py::test_residual_writers_start_smaller",
    ),
    bugs.padding_counted: (
        "test_model.py::test_loss_is_a_mean_over_the_targets_that_count",
    ),
    bugs.softmax_twice: (GPT2, MEAN),
    bugs.gradients_not_zeroed: (f"{STEP}::test_no_gradient_is_left_over",),
    bugs.never_clipped: (CLIPPING, CLIPPED),
    bugs.clipped_one_by_one: (CLIPPING, CLIPPED),
    bugs.vectors_decay: ("test_optim.py::test_matrices_shrink_and_vectors_do_not",),
    bugs.decay_coupled: (BY_HAND,),
    bugs.bias_not_corrected: (BY_HAND,),
    bugs.warmup_never_ends: (
        "test_optim.py::test_the_descent_equals_pytorchs_cosine",
    ),
    bugs.micro_batches_added: (MEAN,),
    bugs.micro_batches_averaged: (MEAN,),
    bugs.clipped_too_early: (CLIPPED,),
    bugs.dropout_always_alike: (
        f"{LOOP}::test_dropout_differs_from_step_to_step",
    ),
    bugs.dropout_while_measuring: (
        f"{HELD_OUT}::test_dropout_is_off_and_then_on_again",
    ),
    bugs.cache_position_late: (AFRESH, f"{CACHED}[chunks0-gpt2]"),
    bugs.cache_not_refilled: (AFRESH,),
    bugs.filling_read: (AFRESH,),
    bugs.temperature_multiplies: (
        f"{SAMPLERS}::test_temperature_makes_daring_or_timid",
    ),
    bugs.top_p_too_few: (
        f"{SAMPLERS}::test_top_p_leaves_the_fewest_that_reach_p",
    ),
}  # fmt: skip

# --- Attention, layers, model -----------------------------------------------------

PARTS = [
    mutant(
        "the mask is transposed",
        causal_mask,
        lambda right, n, device=None: right(n, device).T,
        HIDDEN,
    ),
    mutant(
        "the scale is that of the number of queries",
        attention_weights,
        lambda right, q, k, mask=None: right(
            q * (q.shape[-1] / q.shape[-2]) ** 0.5, k, mask
        ),
        LOOPS,
    ),
    mutant(
        "values and keys change places in the cache",
        KVCache.update,
        lambda right, self, k, v, positions: right(self, v, k, positions),
        f"{CACHED}[chunks0-gpt2]",
    ),
    mutant(
        "the cache returns one slot too few",
        KVCache.update,
        lambda right, self, *new: [part.roll(-1, 2) for part in right(self, *new)],
        f"{CACHED}[chunks2-gpt2]",
    ),
    mutant(
        "the norm forgets the mean",
        LayerNorm.forward,
        lambda right, self, x: (
            self.weight
            * x
            / (x.var(-1, correction=0, keepdim=True) + self.eps) ** 0.5
        ),
        LAYER_NORM,
    ),
    mutant(
        "the root-mean-square norm takes the mean away",
        RMSNorm.forward,
        lambda right, self, x: right(self, x - x.mean(-1, keepdim=True)),
        RMS_NORM,
    ),
    mutant("the gate has no bend", silu, lambda right, x: x, LLAMA),
    mutant(
        "the positions are left out of the embedding",
        LearnedPositions.forward,
        lambda right, self, positions: 0 * right(self, positions),
        "test_layers.py::test_learned_positions_are_added_to_the_tokens",
    ),
    mutant(
        "the model sees one position of the future",
        visible,
        lambda right, positions, caches=None: (
            right(positions, caches)
            if caches
            else right(F.pad(positions, (0, 1)))[1:, :-1]
        ),
        "test_model.py::test_visible_is_the_lower_triangle",
        f"{EVERY}::test_causality_by_perturbation[gpt2]",
        f"{EVERY}::test_causality_by_gradient[gpt2]",
    ),
    mutant(
        "the model does not see itself",
        visible,
        lambda right, *where: (
            None if (mask := right(*where)) is None else mask & F.pad(mask, (-1, 1))
        ),
        "test_model.py::test_with_a_cache_the_past_is_visible_too",
    ),
    mutant(
        "the newest slot of the cache stays hidden",
        visible,
        lambda right, *where: (
            None
            if (mask := right(*where)) is None
            else F.pad(mask[..., :-1], (0, 1))
        ),
        f"{CACHED}[chunks2-gpt2]",
    ),
]

# --- The quick ways ---------------------------------------------------------------

DECODE = "test_fast_decode.py::test_the_step_gives_the_logits_of_forward"


def with_itself_unseen(right, self, position):
    right(self, position)
    self.n_visible = max(1, position)


def turned_the_other_way(right, self, rotate):
    right(self, rotate)
    if self.rotated:
        cos, sin = self.tables
        self.tables = cos, -sin


FAST = [
    mutant(
        "dropout acts on the weights when the model is used",
        FastAttention.mixed,
        lambda right, self, *heads: fused_attention(
            *heads, getattr(self.weight_dropout, "p", 0.0)
        ),
        "test_attention.py::test_weight_dropout_acts_in_training_only",
    ),
    mutant(
        "the decode step does not see the token itself",
        Place.move,
        with_itself_unseen,
        f"{DECODE}[small-gpt2]",
    ),
    mutant(
        "the decode step rotates the wrong halves",
        Place.__init__,
        turned_the_other_way,
        f"{DECODE}[small-llama]",
    ),
    mutant(
        "the decode step passes by the hooks",
        is_plain,
        lambda right, part: right(part) or bool(part._forward_hooks),
        "test_fast_decode.py::"
        "test_a_model_that_may_do_otherwise_goes_through_its_forward",
    ),
    mutant(
        "each thread takes the share of another column",
        routes.by_columns,
        lambda right, part: (
            lambda x: right(part)(x).view(2, -1).flip(0).reshape(1, -1)
        ),
        "test_fast_linear.py::test_by_columns_the_sums_are_the_same[2-sizes1]",
    ),
    mutant(
        "the convolution forgets the bias",
        routes.by_convolution,
        lambda right, x, weight, bias: right(x, weight, None),
        "test_fast_linear.py::test_every_route_gives_the_same_sums",
    ),
    mutant(
        "a product without gradient is taken while training",
        routes.linear,
        lambda right, x, weight, bias=None: (
            routes.by_onednn(x, weight, bias)
            if routes.is_large(weight)
            else right(x, weight, bias)
        ),
        "test_fast_linear.py::test_every_route_gives_the_same_gradients",
        error=RuntimeError,  # of PyTorch, which finds no gradient
    ),
]

# --- Data and training ------------------------------------------------------------


def first_is_last_again(right, self, step):
    late = copy.copy(self)
    late.document = lambda number: self.document(number - step)
    return right(late, step)


COPIES = itertools.count()


def counting_all(right, model, optimizer, supply, step, config):
    record = right(model, optimizer, supply, step, config)
    return record | {"tokens": supply.batch(step)[1].numel()}


TRAINING = [
    mutant(
        "the end mark is text like all else",
        encode_documents,
        lambda right, text, tokenizer: tokenizer.encode(text),
        "test_data.py::test_an_end_mark_in_a_text_has_its_id[bytes]",
    ),
    mutant(
        "no random window begins at the last place",
        get_batch,
        lambda right, ids, *sizes: right(ids[:-1], *sizes),
        RANDOM,
    ),
    mutant(
        "the targets are the tokens before",
        window,
        lambda right, *where: right(*where)[::-1],
        WINDOW,
    ),
    mutant(
        "the last window is dropped",
        WindowDataset.__len__,
        lambda right, self: right(self) - 1,
        "test_data.py::test_there_is_no_room_for_one_more_window",
    ),
    mutant(
        "each copy of a document is drawn for itself",
        document_hash,
        lambda right, text, seed: right(f"{text}{next(COPIES)}", seed),
        "test_data.py::test_fifty_copies_are_held_out_together_or_not_at_all",
    ),
    mutant(
        "an epoch that is resumed is shuffled as the first one",
        ResumableSampler.__iter__,
        lambda right, self: right(ResumableSampler(self.n_windows, self.seed)),
        "test_data.py::test_an_order_goes_on_from_wherever_it_was_left",
    ),
    mutant(
        "a document is packed without its end mark",
        pack,
        lambda right, rows, end, context_length: tuple(
            part[:, :-1] for part in right(rows, end, context_length)
        ),
        "test_data.py::test_packed_every_document_is_there_whole_and_once",
        error=IndexError,
    ),
    mutant(
        "a row is filled to one token more than it holds",
        best_fit,
        lambda right, lengths, context_length: right(lengths, context_length + 1),
        "test_data.py::test_packed_every_document_is_there_whole_and_once",
    ),
    mutant(
        "a document sees the end of the one before",
        same_document,
        lambda right, x, end: right(x.roll(1, -1), end),
        "test_data.py::test_nobody_looks_into_another_document",
    ),
    mutant(
        "the text that comes last is not written",
        write_ids,
        lambda right, path, texts, tokenizer: right(
            path, list(texts)[:-1], tokenizer
        ),
        "test_data.py::test_ids_are_written_text_by_text_as_they_are_in_one[bpe]",
    ),
    mutant(
        "the order depends on what was asked before",
        Batches.starts,
        lambda right, self, epoch: right(self, max(epoch, self._epoch)),
        "test_data.py::test_a_batch_depends_on_seed_and_step_alone",
    ),
    mutant(
        "the held-out part overlaps the training part",
        split,
        lambda right, whole, share: (
            whole[: len((parts := right(whole, share))[0]) + 1],
            parts[1],
        ),
        "test_data.py::test_split_works_alike_on_text_and_ids",
    ),
    mutant(
        "the last document of a batch is the first of the next",
        DocumentBatches.batch,
        first_is_last_again,
        "test_data.py::test_no_document_comes_twice",
    ),
    mutant(
        "the rate begins at zero",
        warmup_cosine,
        lambda right, step, **rates: right(step, **rates) if step else 0.0,
        WARM_UP,
    ),
    mutant(
        "the rate ends at zero, not at its minimum",
        warmup_cosine,
        lambda right, step, **rates: right(step, **{**rates, "minimum": 0.0}),
        "test_optim.py::test_the_descent_equals_pytorchs_cosine",
    ),
    mutant(
        "the written-out Adam does not correct its bias",
        Adam.move,
        lambda right, self, p, grad, state, group: (
            state.setdefault("step", 10**6),
            right(self, p, grad, state, group),
        ),
        f"{THEIRS}[Adam]",
    ),
    mutant(
        "the written-out AdamW lets the decay pass through the means",
        AdamW.move,
        lambda right, self, p, grad, state, group: Adam.move(
            self, p, grad + group["weight_decay"] * p, state, group
        ),
        f"{THEIRS}[AdamW]",
    ),
    mutant(
        "the rate is that of the step before",
        TrainConfig.rate,
        lambda right, self, step: right(self, max(0, step - 1)),
        BY_HAND,
    ),
    mutant(
        "the floor is that of other rows",
        held_out_record,
        lambda right, model, rows, floor, *rest: right(
            model, rows, None if floor is None else floor.roll(1), *rest
        ),
        f"{HELD_OUT}::test_while_training_some_rows_are_looked_at_spread_evenly",
    ),
    mutant(
        "what was not learnt from counts as read",
        timed_step,
        counting_all,
        f"{LOOP}::test_a_supply_is_anything_with_batches",
    ),
]

# --- Tokenizers and writing -------------------------------------------------------


def lesser_pairs_first(right, rows):
    counts = sorted(right(rows).items())
    return Counter({pair: n - i * 1e-6 for i, (pair, n) in enumerate(counts)})


TEXT = [
    mutant(
        "a tie goes to the lesser pair",
        count_pairs,
        lesser_pairs_first,
        "test_tokenizers.py::"
        "test_a_tie_goes_to_the_greater_pair_of_byte_strings[train_by_rescanning]",
    ),
    mutant(
        "a stream is cut behind white space that looks ahead",
        sure_length,
        lambda right, pieces: [0, 0, *(m.start() for m in pieces)][-2],
        STREAM,
    ),
    mutant(
        "a stream is cut wherever it is cut",
        sure_length,
        lambda right, pieces: [0, *(m.start() for m in pieces)][-1],
        STREAM,
    ),
    mutant(
        "the name of the unknown token is its spelling",
        Tokenizer.spelling,
        lambda right, self, id: (
            self._tokens[id] if right(self, id) is None else right(self, id)
        ),
        "test_tokenizers.py::test_an_unknown_piece_has_no_spelling",
    ),
    mutant(
        "top-p puts the logits back unsorted",
        top_p,
        lambda right, p: (
            lambda logits: right(p)(logits).sort(descending=True).values
        ),
        f"{SAMPLERS}::test_what_is_left_keeps_its_logits",
    ),
    mutant(
        "top-k leaves one too many",
        top_k,
        lambda right, k: right(k + 1),
        f"{SAMPLERS}::test_top_k_leaves_the_k_best_and_their_equals",
    ),
    mutant(
        "samplers are applied last to first",
        compose,
        lambda right, *samplers: right(*samplers[::-1]),
        f"{SAMPLERS}::test_compose_goes_from_first_to_last",
    ),
    mutant(
        "min-p compares with p itself",
        min_p,
        lambda right, p: (
            lambda logits: logits.masked_fill(logits.softmax(-1) < p, float("-inf"))
        ),
        f"{CUTS}::test_min_p_leaves_what_is_likely_enough",
    ),
    mutant(
        "typical takes the likeliest first",
        typical,
        lambda right, p: top_p(p),
        f"{CUTS}::test_typical_may_drop_the_likeliest",
    ),
    mutant(
        "the end mark is penalised too",
        repetition_penalty,
        lambda right, penalty, spare=(): right(penalty),
        "test_sampling.py::TestRepetitionPenalty::test_spared_ids_stay",
    ),
    mutant(
        "dead ends are let in",
        token_moves,
        lambda right, automaton, tokenizer: right(
            Automaton(automaton.moves, range(len(automaton.moves))), tokenizer
        ),
        "test_sampling.py::TestConstrained::test_dead_ends_are_left_out",
    ),
    mutant(
        "the cache does not follow the beams",
        CachedReader.keep,
        lambda right, self, rows: None,
        "test_sampling.py::test_the_search_may_stop_early_and_loses_nothing[5]",
        "test_sampling.py::test_a_wide_beam_finds_what_enumeration_finds[0-None-0.0]",
    ),
    mutant(
        "the window does not move",
        window_start,
        lambda right, n, size: right(n - 1, size),
        "test_generate.py::TestWindow",
    ),
    mutant(
        "the beginning of a stop string is shown",
        Writer.n_doubtful,
        lambda right, self: 0,
        "test_generate.py::TestWriter::test_nothing_of_a_stop_string_is_ever_shown",
    ),
]

# --- What stands around -----------------------------------------------------------

AROUND = [
    mutant(
        "the optimizer does not come back",
        checkpoints.set_optimizer_state,
        lambda right, *state: None,
        "test_resume.py::test_the_optimizer_comes_back_as_it_was",
    ),
    mutant(
        "a checkpoint of another model is taken",
        checkpoints.check_fit,
        lambda right, *both: None,
        "test_resume.py::test_a_checkpoint_of_another_model_is_refused",
        error=RuntimeError,  # of PyTorch, when half of it is in the model
    ),
    mutant(
        "the certificate changes nothing, and so finds nothing",
        check.causality,
        lambda right, model, *rest: right(
            lambda ids: model(ids[:1].expand_as(ids)), *rest
        ),
        "test_check.py::test_both_certificates_catch_a_wrong_mask",
    ),
    mutant(
        "shared keys and values are counted for every head",
        count.parameters,
        lambda right, config: right(dataclasses.replace(config, n_kv_heads=None)),
        f"{EVERY}::test_parameters_are_counted[llama-shared]",
    ),
    mutant(
        "the scores are counted for the whole square",
        count.forward_flops,
        lambda right, c, n: right(c, n) + 2 * c.n_layers * n * (n - 1) * c.d_model,
        f"{EVERY}::test_operations_are_counted[gpt2]",
    ),
    mutant(
        "what the loss keeps for the backward pass is not counted",
        count.activation_numbers,
        lambda right, c, B, T: right(c, B, T) - B * T * c.vocab_size,
        "test_count.py::test_bytes_in_training[0]",
    ),
    mutant(
        "keys are counted without their values",
        count.cache_numbers,
        lambda right, *sizes: right(*sizes) // 2,
        "test_count.py::test_bytes_in_writing[0]",
    ),
]

MUTANTS = [
    *(Mutant(bug.name, bug, tests) for bug, tests in CAUGHT_BY.items()),
    *(*PARTS, *FAST, *TRAINING, *TEXT, *AROUND),
]

# What must not be taken for a mutant that is caught, with what is said of it.
TOYS = {
    "passed": mutant(
        "nothing is wrong",
        causal_mask,
        lambda right, *shape: right(*shape),
        HIDDEN,
    ),
    "call: TypeError": mutant(
        "it does not fit its seam", causal_mask, lambda right: right(1), HIDDEN
    ),
    "there is no such test": mutant(
        "its test is gone", causal_mask, lambda right, n: right(n), GONE
    ),
}
