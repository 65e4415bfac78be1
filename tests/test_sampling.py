"""What is drawn has the distribution that was enumerated; processors, automata and
beam search do what they say."""

import itertools
import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm.beam import Found, beam_search
from llm.generate import (
    compose,
    draw,
    generate,
    greedy,
    min_p,
    new_tokens,
    read_afresh,
    temperature,
    top_k,
    top_p,
    typical,
    unchanged,
)
from llm.model import GPTConfig, build
from llm.processors import (
    Automaton,
    choices,
    constrained,
    repetition_penalty,
    token_moves,
)
from llm.tokenizers import END_OF_TEXT, BPETokenizer, ByteTokenizer

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

LOGITS = torch.tensor([2.0, 1.6, 1.5, 0.3, 0.0, -0.4, -1.0, -3.0])


# --- Drawn as enumerated ----------------------------------------------------------
# Each expectation is written down once more, in plain Python, from the definition.


def normalised(weights):
    total = sum(weights)
    return [w / total for w in weights]


def by_temperature(probs, t):
    return normalised([p ** (1 / t) for p in probs])


def by_top_k(probs, k):
    least = sorted(probs)[-k]
    return normalised([p if p >= least else 0 for p in probs])


def by_order(probs, key, enough):
    """The first in this order, until they have the probability `enough`."""
    kept, total = set(), 0
    for i in sorted(range(len(probs)), key=key):
        if total >= enough:
            break
        kept.add(i)
        total += probs[i]
    return normalised([p if i in kept else 0 for i, p in enumerate(probs)])


def by_top_p(probs, p):
    return by_order(probs, lambda i: -probs[i], p)


def by_typical(probs, p):
    entropy = -sum(q * math.log(q) for q in probs)
    return by_order(probs, lambda i: abs(-math.log(probs[i]) - entropy), p)


def by_min_p(probs, p):
    return normalised([q if q >= p * max(probs) else 0 for q in probs])


def p_value(counts, expected):
    """How often chance alone gives counts that are as far from the expected ones: the
    χ² test of Pearson. What is expected never must not occur."""
    counts, expected = (
        torch.tensor(counts).double(),
        torch.tensor(expected).double(),
    )
    assert counts[expected == 0].sum() == 0
    counts, expected = (x[expected > 0] for x in (counts, expected))
    if len(counts) == 1:
        return 1.0
    expected = expected * counts.sum()
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = torch.tensor((len(counts) - 1) / 2, dtype=torch.double)
    return float(torch.special.gammaincc(freedom, statistic / 2))


SAMPLERS = {
    "unchanged": (unchanged, lambda p: p),
    "greedy": (greedy, lambda p: by_top_k(p, 1)),
    "temperature 0.5": (temperature(0.5), lambda p: by_temperature(p, 0.5)),
    "temperature 2": (temperature(2.0), lambda p: by_temperature(p, 2)),
    "top_k 3": (top_k(3), lambda p: by_top_k(p, 3)),
    "top_p 0.7": (top_p(0.7), lambda p: by_top_p(p, 0.7)),
    "min_p 0.2": (min_p(0.2), lambda p: by_min_p(p, 0.2)),
    "typical 0.6": (typical(0.6), lambda p: by_typical(p, 0.6)),
    "temperature, then top_p": (
        compose(temperature(0.5), top_p(0.7)),
        lambda p: by_top_p(by_temperature(p, 0.5), 0.7),
    ),
    "top_p, then temperature": (
        compose(top_p(0.7), temperature(0.5)),
        lambda p: by_temperature(by_top_p(p, 0.7), 0.5),
    ),
}


def drawn(logits, n, seed=0):
    generators = [torch.Generator().manual_seed(seed)] * n
    ids = draw(logits.expand(n, -1), generators)
    return torch.bincount(torch.tensor(ids), minlength=logits.shape[-1]).tolist()


@pytest.mark.parametrize("name", SAMPLERS)
def test_draws_follow_the_enumerated_distribution(name):
    sampler, enumerate_by = SAMPLERS[name]
    expected = enumerate_by(LOGITS.double().softmax(-1).tolist())
    assert p_value(drawn(sampler(LOGITS), 8000), expected) > 1e-3


def test_the_test_tells_samplers_apart():
    probs = LOGITS.double().softmax(-1).tolist()
    counts = drawn(temperature(0.9)(LOGITS), 8000)
    assert p_value(counts, probs) < 1e-6


def test_texts_of_two_tokens_follow_the_enumerated_distribution():
    """Whole texts: the second token depends on the first, and the penalty on it too."""
    table = torch.tensor([[1.0, 0.2, -0.5], [0.0, 2.0, 0.5], [0.3, -1.0, 1.0]])
    sampler, process = temperature(0.8), repetition_penalty(1.5)

    def reader(texts):
        return table[[text[-1] for text in texts]]

    expected = []
    for a, b in itertools.product(range(3), repeat=2):
        first = sampler(process(table[:1], [[0]]))[0].softmax(-1)
        second = sampler(process(table[a : a + 1], [[0, a]]))[0].softmax(-1)
        expected.append(float(first[a] * second[b]))
    n = 6000
    dice = [torch.Generator().manual_seed(i) for i in range(n)]
    tokens = new_tokens(reader, [[0]] * n, sampler, dice, processors=[process])
    pairs = list(zip(next(tokens), next(tokens), strict=True))
    counts = [pairs.count(pair) for pair in itertools.product(range(3), repeat=2)]
    assert p_value(counts, expected) > 1e-3


# --- Properties -------------------------------------------------------------------

some_logits = st.lists(
    st.floats(-5, 5).map(lambda x: round(x, 2)), min_size=1, max_size=12
).map(torch.tensor)


def kept(logits):
    return set((logits > -math.inf).nonzero().flatten().tolist())


class TestTruncation:
    @given(some_logits, st.floats(0.01, 1))
    def test_min_p_leaves_what_is_likely_enough(self, logits, p):
        probs = logits.double().softmax(0)
        for i, prob in enumerate(probs):
            if abs(prob / probs.max() - p) > 1e-5:
                assert (i in kept(min_p(p)(logits))) == (prob >= p * probs.max())

    @given(some_logits, st.floats(0, 1))
    def test_min_p_twice_is_min_p_once(self, logits, p):
        once = min_p(p)(logits)
        assert torch.equal(min_p(p)(once), once)

    @given(some_logits, st.integers(1, 15))
    def test_top_k_twice_is_top_k_once(self, logits, k):
        once = top_k(k)(logits)
        assert torch.equal(top_k(k)(once), once)

    def test_top_p_twice_leaves_less(self):
        """Behind the first, what is left is all there is, and p of it is less."""
        logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
        once = top_p(0.6)(logits)
        assert kept(once) == {0, 1}
        assert kept(top_p(0.5)(once)) == {0}

    @given(some_logits, st.floats(0.05, 1))
    def test_typical_leaves_the_fewest_nearest_to_the_entropy(self, logits, p):
        probs = logits.double().softmax(0)
        surprise = -probs.log()
        far = (surprise - (probs * surprise).sum()).abs()
        left = sorted(kept(typical(p)(logits)), key=lambda i: far[i])
        others = set(range(len(logits))) - set(left)
        assert all(far[i] >= far[left[-1]] - 1e-5 for i in others)
        assert probs[left].sum() >= p - 1e-5
        assert probs[left[:-1]].sum() < p + 1e-5

    def test_typical_may_drop_the_likeliest(self):
        logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
        assert 0 not in kept(typical(0.45)(logits))

    def test_typical_works_behind_another_sampler(self):
        logits = typical(0.9)(top_k(3)(torch.tensor([0.5, 0.3, 0.1, 0.1]).log()))
        assert not logits.isnan().any()
        assert kept(logits) <= {0, 1, 2, 3}
        assert kept(typical(0.9)(top_k(1)(LOGITS))) == {0}

    @pytest.mark.parametrize("sampler", [min_p(0.3), typical(0.7)])
    def test_what_is_left_keeps_its_logits_in_every_row(self, sampler):
        logits = torch.randn(3, 4, 20, generator=torch.Generator().manual_seed(0))
        found = sampler(logits)
        left = found > -math.inf
        assert torch.equal(found[left], logits[left])
        for i, j in itertools.product(range(3), range(4)):
            assert torch.equal(found[i, j], sampler(logits[i, j]))

    def test_the_limits_change_nothing(self):
        for sampler in (min_p(0.0), typical(1.0)):
            assert torch.equal(sampler(LOGITS), LOGITS)

    def test_min_p_of_one_leaves_the_best(self):
        assert kept(min_p(1.0)(LOGITS)) == {0}

    def test_the_temperature_moves_the_bound_of_top_p_and_not_that_of_top_k(self):
        for warm in (0.5, 2.0):
            assert kept(top_k(3)(temperature(warm)(LOGITS))) == kept(
                top_k(3)(LOGITS)
            )
        bounds = [kept(top_p(0.7)(temperature(t)(LOGITS))) for t in (0.3, 1.0, 2.0)]
        assert bounds[0] < bounds[1] < bounds[2]

    @pytest.mark.parametrize(("sampler", "value", "message"), [
        (min_p, -0.1, r"min_p=-0\.1 must be between 0 and 1"),
        (min_p, 1.5, r"min_p=1\.5"),
        (min_p, math.nan, "min_p=nan"),
        (typical, 0.0, r"typical=0\.0 must be above 0 and at most 1"),
        (typical, 1.01, r"typical=1\.01"),
        (repetition_penalty, 0.5, r"repetition_penalty=0\.5 must be at least 1"),
        (repetition_penalty, math.inf, "repetition_penalty=inf"),
        (repetition_penalty, math.nan, "repetition_penalty=nan"),
    ])  # fmt: skip
    def test_settings_without_meaning_are_refused(self, sampler, value, message):
        with pytest.raises(ValueError, match=message):
            sampler(value)


# --- Repetition -------------------------------------------------------------------


class TestRepetitionPenalty:
    def test_only_what_the_row_holds_gets_less_likely(self):
        logits = torch.tensor([[2.0, -2.0, 1.0], [2.0, -2.0, 1.0]])
        found = repetition_penalty(2.0)(logits, [[0, 1, 1], [2]])
        expected = torch.tensor([[1.0, -4.0, 1.0], [2.0, -2.0, 0.5]])
        torch.testing.assert_close(found, expected)
        assert logits[0, 0] == 2.0

    def test_a_penalty_of_one_changes_nothing(self):
        assert torch.equal(
            repetition_penalty(1.0)(LOGITS[None], [[0, 3]])[0], LOGITS
        )

    def test_spared_ids_stay(self):
        found = repetition_penalty(3.0, spare=[0])(LOGITS[None], [[0, 1]])
        assert found[0, 0] == LOGITS[0] and found[0, 1] < LOGITS[1]

    def test_ids_beyond_the_logits_are_passed_over(self):
        """A padded vocabulary is cut before."""
        assert repetition_penalty(2.0)(LOGITS[None], [[99]])[0].equal(LOGITS)

    def test_the_penalty_depends_on_the_zero_of_the_logits(self):
        """The softmax does not know a constant added to all logits; the penalty does."""
        process = repetition_penalty(1.5)
        a, b = (
            process(LOGITS[None] + c, [[0]]).softmax(-1)[0, 0] for c in (0.0, 4.0)
        )
        assert a - b > 0.05

    def test_a_loop_is_left(self):
        """A model that repeats one token forever goes through all others first."""
        reader = lambda texts: torch.tensor([[5.0, 2.0, 1.0, 0.5]])
        orders = []
        for processors in ((), [repetition_penalty(20.0)]):
            tokens = new_tokens(
                reader, [[0]], greedy, [torch.Generator()], processors=processors
            )
            orders.append([new for (new,) in itertools.islice(tokens, 3)])
        assert orders == [[0, 0, 0], [1, 2, 3]]


BYTES = ByteTokenizer.train(["x"], None, [END_OF_TEXT])


def bytes_model(seed=0, **sizes):
    torch.manual_seed(seed)
    sizes = dict(context_length=16, d_model=16, n_layers=2, n_heads=2) | sizes
    sizes = dict(vocab_size=BYTES.vocab_size) | sizes
    model = build(GPTConfig(architecture="llama", **sizes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model, BYTES


def test_processors_stand_before_the_sampler_and_in_their_order():
    seen = []

    def note(name):
        def process(logits, texts):
            seen.append((name, [list(text) for text in texts]))
            return logits + 1

        return process

    def sampler(logits):
        seen.append(("sampler", float(logits[0, 0])))
        return logits

    reader = lambda texts: torch.zeros(len(texts), 4)
    dice = [torch.Generator()]
    tokens = new_tokens(
        reader, [[3]], sampler, dice, processors=[note("first"), note("second")]
    )
    (new,) = next(tokens)
    next(tokens)
    assert seen[:3] == [("first", [[3]]), ("second", [[3]]), ("sampler", 2.0)]
    assert seen[3] == ("first", [[3, new]])


# --- Automata ---------------------------------------------------------------------

some_parts = st.lists(
    st.lists(st.text("ab", max_size=3), min_size=1, max_size=3),
    min_size=0,
    max_size=3,
)


class TestAutomaton:
    @given(some_parts)
    def test_choices_accept_what_can_be_put_together_and_nothing_else(self, parts):
        strings = {"".join(chosen) for chosen in itertools.product(*parts)}
        automaton = choices(*parts)
        for n in range(7):
            for letters in itertools.product("ab", repeat=n):
                text = "".join(letters)
                assert automaton.accepts(text) == (text in strings)

    def test_characters_of_several_bytes(self):
        automaton = choices(["naïve", "naïf"], [" 🙂", ""])
        assert automaton.accepts("naïve 🙂") and automaton.accepts("naïf")
        assert not automaton.accepts("na")

    def test_a_part_without_strings_is_refused(self):
        with pytest.raises(ValueError, match="part 1 has no strings"):
            choices(["a"], [])

    @pytest.mark.parametrize(
        ("moves", "accepting"), [([{97: 1}], {0}), ([{}], {3}), ([], {0})]
    )
    def test_states_that_do_not_exist_are_refused(self, moves, accepting):
        with pytest.raises(ValueError, match="does not exist"):
            Automaton(moves, accepting)


MERGED = BPETokenizer.train(
    ["the ball the ball the balloon a ball"] * 9, 265, [END_OF_TEXT]
)


class TestConstrained:
    def test_the_tokens_are_those_that_the_automaton_reads(self):
        automaton = choices(["the ball", "a balloon"])
        for state, moves in enumerate(token_moves(automaton, MERGED)):
            for id in range(MERGED.vocab_size):
                data = MERGED.spelling(id)
                wanted = automaton.read(state, data) if data else None
                assert moves.get(id) == wanted

    def test_dead_ends_are_left_out(self):
        """From state 1, behind a, nothing leads to the accepting state 2."""
        a, b, c = b"abc"
        automaton = Automaton([{a: 1, b: 2}, {a: 1, c: 3}, {}, {a: 1}], {2})
        moves = token_moves(automaton, BYTES)
        assert moves[0] == {b: 2}
        process = constrained(automaton, BYTES)
        left = process(torch.zeros(1, BYTES.vocab_size), [[BYTES.vocab_size - 1]])
        assert kept(left[0]) == {b}

    def test_a_dead_end_for_the_tokens_is_one_too(self):
        """The bytes could go on; no token spells the next of them."""

        class WithoutZ(ByteTokenizer):
            def spelling(self, id):
                return b"" if id == ord("z") else super().spelling(id)

        tokenizer = WithoutZ.train(["x"], None, [END_OF_TEXT])
        moves = token_moves(choices(["az", "ab"], ["c"]), tokenizer)
        assert [len(m) for m in moves].count(2) == 0
        with pytest.raises(ValueError, match="no row of tokens"):
            token_moves(choices(["az"]), tokenizer)

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_written_is_always_allowed_and_ends(self, seed):
        automaton = choices(["ab", "a"], ["", "c", "cc"], ["🙂", "!"])
        model, tokenizer = bytes_model(seed)
        texts = generate(
            model, tokenizer, [""] * 20, processors=[constrained(automaton, tokenizer)],
            sampler=temperature(2.0), max_new_tokens=30, seed=100 * seed,
        )  # fmt: skip
        assert all(automaton.accepts(text) for text in texts)
        assert len(set(texts)) > 3

    def test_the_prompt_belongs_to_the_string(self):
        automaton = choices(["who? "], ["Mia", "Ben", "Mian"])
        model, tokenizer = bytes_model()
        process = constrained(automaton, tokenizer)
        for document in (False, True):
            (text,) = generate(
                model, tokenizer, ["who? "], processors=[process], document=document
            )
            assert text in ("Mia", "Ben", "Mian")

    def test_after_the_end_only_the_end(self):
        end = BYTES.special_tokens[END_OF_TEXT]
        process = constrained(choices(["a"]), BYTES)
        for text in ([97], [97, end], [end, 97, end, end]):
            assert kept(process(torch.zeros(1, BYTES.vocab_size), [text])[0]) == {
                end
            }

    def test_a_text_that_is_no_beginning_is_refused(self):
        process = constrained(choices(["ab"]), BYTES)
        with pytest.raises(ValueError, match="'b' is not the beginning of any"):
            process(torch.zeros(1, BYTES.vocab_size), [[98]])

    def test_a_tokenizer_without_end_mark_is_refused(self):
        with pytest.raises(ValueError, match="no text could end"):
            constrained(choices(["ab"]), ByteTokenizer.train(["x"], None))

    def test_the_probabilities_of_what_is_left_keep_their_ratios(self):
        logits = torch.randn(1, BYTES.vocab_size)
        left = constrained(choices(["a", "b", "c"]), BYTES)(logits, [[256]])
        ids = list(b"abc")
        assert kept(left[0]) == set(ids)
        assert torch.equal(left[0, ids], logits[0, ids])


# --- Beam search ------------------------------------------------------------------


def everything(model, prompt, n, end):
    """Every continuation that ends, or has n tokens, and its log-probability."""
    V, found = model.config.vocab_size, []

    def go_on(ids, so_far):
        if len(ids) == n or (ids and ids[-1] == end):
            found.append(Found(ids=tuple(ids), log_prob=so_far))
            return
        with torch.inference_mode():
            logits = read_afresh(model, [[*prompt, *ids]])[0]
        log_probs = logits.double().log_softmax(-1)
        for id in range(V):
            go_on([*ids, id], so_far + float(log_probs[id]))

    go_on([], 0.0)
    return found


def best(found, power, n):
    return sorted(found, key=lambda f: -f.score(power))[:n]


def same(found, wanted):
    assert [f.ids for f in found] == [f.ids for f in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert a.log_prob == pytest.approx(b.log_prob, abs=1e-4)


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("end", [None, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_what_enumeration_finds(seed, end, power):
    model, _ = bytes_model(seed, vocab_size=4)
    prompt, n = [1, 3], 4
    wanted = best(everything(model, prompt, n, end), power, 64)
    found = beam_search(
        model, prompt, n_beams=64, max_new_tokens=n, end=end, length_power=power
    )
    same(found, wanted)


@pytest.mark.parametrize("n_beams", [1, 2, 5])
def test_the_search_may_stop_early_and_loses_nothing(n_beams):
    """As long as possible, and as early as possible: the same result."""
    for seed in range(4):
        model, _ = bytes_model(seed, vocab_size=5)
        options = dict(n_beams=n_beams, end=0, length_power=0.5)
        found = beam_search(model, [1], max_new_tokens=12, **options)
        same(found, plain_beam(model, [1], 12, **options))


def plain_beam(model, prompt, n, *, n_beams, end, length_power):
    """Without a cache, without stopping early, in lists."""
    live, over = [Found(ids=(), log_prob=0.0)], []
    for _ in range(n):
        longer = []
        for beam in live:
            with torch.inference_mode():
                logits = read_afresh(model, [[*prompt, *beam.ids]])[0]
            for id, p in enumerate(logits.double().log_softmax(-1).tolist()):
                longer.append(
                    Found(ids=(*beam.ids, id), log_prob=beam.log_prob + p)
                )
        over += [f for f in longer if f.ids[-1] == end]
        live = best([f for f in longer if f.ids[-1] != end], 0, n_beams)
    return best(over + live, length_power, n_beams)


def test_one_beam_without_an_end_is_greedy():
    model, tokenizer = bytes_model(seed=1)
    prompt = tokenizer.encode("abc")
    (found,) = beam_search(model, prompt, n_beams=1, max_new_tokens=20)
    dice = [torch.Generator()]
    tokens = new_tokens(lambda t: read_afresh(model, t), [prompt], greedy, dice)
    wanted = [new for (new,) in itertools.islice(tokens, 20)]
    assert list(found.ids) == wanted


def test_more_beams_than_continuations_give_what_there_is():
    model, _ = bytes_model(vocab_size=3)
    found = beam_search(model, [0], n_beams=20, max_new_tokens=2, end=1)
    assert len(found) == len(everything(model, [0], 2, 1)) == 7
    assert sum(math.exp(f.log_prob) for f in found) == pytest.approx(1, abs=1e-4)


def test_a_search_past_the_context_reads_the_moved_window():
    model, _ = bytes_model(vocab_size=5, context_length=6)
    prompt = random.Random(0).choices(range(5), k=5)
    options = dict(n_beams=3, end=None, length_power=0.0)
    found = beam_search(model, prompt, max_new_tokens=9, **options)
    same(found, plain_beam(model, prompt, 9, **options))


def test_a_model_in_training_goes_on_training():
    model, _ = bytes_model(vocab_size=5)
    beam_search(model.train(), [0], n_beams=2, max_new_tokens=2)
    assert model.training


@pytest.mark.parametrize(("options", "message"), [
    (dict(n_beams=0), "n_beams=0 must be at least 1"),
    (dict(max_new_tokens=0), "max_new_tokens=0 must be at least 1"),
    (dict(length_power=-1), "length_power=-1 must be at least 0"),
    (dict(prompt=[]), "the prompt has no tokens"),
])  # fmt: skip
def test_searches_without_meaning_are_refused(options, message):
    model, _ = bytes_model(vocab_size=5)
    options = dict(prompt=[0], n_beams=2, max_new_tokens=2) | options
    with pytest.raises(ValueError, match=message):
        beam_search(model, options.pop("prompt"), **options)
