"""A packed model is the model: in Python, and in the JavaScript of a page."""

import dataclasses
import json
import re

import pytest
import regex
import torch
from hypothesis import given
from hypothesis import strategies as st

from book.viz.checkpoints import FOLDER
from llm.corpora import story
from llm.export import (
    as_page,
    edges,
    eight_bit,
    header,
    largest_difference,
    load_packed,
    pack,
    unpack,
)
from llm.generate import compose, greedy, temperature, top_k, top_p
from llm.layers import SwiGLU
from llm.model import GPTConfig, build
from llm.ngram import BigramTable, WindowModel
from llm.tokenizers import (
    END_OF_TEXT,
    UNKNOWN,
    BPETokenizer,
    ByteTokenizer,
    CharacterTokenizer,
    WordTokenizer,
    train_tokenizer,
)
from tests.figure_parts import randomised
from tests.hostile import FRAGMENTS, examples, hostile_text
from tests.javascript import computed
from tests.looks import attention_of

SIZES = {"vocab_size": 61, "context_length": 48, "d_model": 24, "n_layers": 2}
SHAPES = {
    "gpt2": {},
    "gpt2 exact": {"gelu": "exact", "bias": False, "tie_embeddings": False},
    "gpt2 grouped": {"n_kv_heads": 2, "norm_eps": 1e-3, "d_ff": 50},
    "llama": {"architecture": "llama"},
    "llama grouped": {"architecture": "llama", "n_kv_heads": 1, "d_ff": 37},
    "llama odd": {
        "architecture": "llama", "d_model": 18, "n_heads": 3, "n_kv_heads": 3,
        "bias": True, "tie_embeddings": True, "rope_base": 500.0,
    },
    "gpt2 normed": {"qk_norm": True},
    "llama normed": {"architecture": "llama", "n_kv_heads": 2, "qk_norm": True},
}  # fmt: skip
SHIPPED = sorted(FOLDER.glob("*.safetensors"))
LOGITS = """
const model = modelOf(files.model), reader = model.reader();
const logits = input.ids.map((id) => { reader.read(id); return [...reader.logits()]; });
const attention = reader.attention?.(input.look);
return { logits, attention: attention?.map((heads) => heads.map((row) => [...row])) };
"""


def gpt(shape, **sizes):
    return randomised(build(GPTConfig(**{**SIZES, **SHAPES[shape], **sizes})))


def counted(vocab_size=300):
    table = BigramTable(vocab_size, alpha=0.5)
    ids = torch.randint(
        vocab_size - 1, (500,), generator=torch.Generator().manual_seed(1)
    )
    table.count(ids[:-1], ids[1:])
    table.counts[0, [1, 130, 299]] = torch.tensor([1.0, 127.0, 70_000.0])
    return table


def row_of_ids(n, vocab_size):
    return torch.randint(
        vocab_size, (n,), generator=torch.Generator().manual_seed(2)
    )


# --- Python -----------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_packed_comes_out_again(shape):
    model = gpt(shape)
    again, tokenizer = unpack(pack(model))
    assert tokenizer is None
    assert again.config == model.config
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name])
    assert not again.training


def test_models_that_count_and_windows_come_out_again():
    table, window = counted(), randomised(WindowModel(40, 3, 8, 12))
    again, _ = unpack(pack(table))
    assert torch.equal(again.counts, table.counts) and again.alpha == table.alpha
    again, _ = unpack(pack(window))
    ids = torch.randint(40, (2, 9))
    assert torch.equal(again(ids), window(ids))
    quoted = type("BigramTable", (torch.nn.Module,), {})()  # as in a notebook
    quoted.alpha, quoted.counts = table.alpha, table.counts
    assert pack(quoted) == pack(table)
    empty, _ = unpack(pack(BigramTable(5)))
    assert not empty.counts.any()


def test_the_same_model_is_the_same_bytes_and_its_rounding_is_stable():
    model = gpt("llama")
    for precision in ("float32", "float16", "int8"):
        data = pack(model, precision=precision)
        assert data == pack(model, precision=precision)
    once = pack(model, precision="float16")
    assert pack(unpack(once)[0], precision="float16") == once


def test_coarser_is_smaller_and_further_away():
    model = gpt("gpt2", vocab_size=500, d_model=64)
    packed = [pack(model, precision=p) for p in ("float32", "float16", "int8")]
    a, b, c = map(len, packed)
    assert a > 1.8 * b > 3 * c
    off = [largest_difference(model, data) for data in packed]
    assert off[0] == 0 < off[1] < 0.02 < off[2] < 2


def test_the_stated_difference_is_that_of_the_rounded_weights():
    model = gpt("gpt2")
    data = pack(model, precision="float16")
    halved = gpt("gpt2")
    for parameter in halved.parameters():
        parameter.copy_(parameter.half())
    ids = torch.randint(61, (8, 48), generator=torch.Generator().manual_seed(0))
    expected = (halved(ids) - model(ids)).abs().max().item()
    assert largest_difference(model, data) == pytest.approx(expected, rel=1e-3)


def test_eight_bits_are_off_by_half_a_scale_at_most():
    matrix = torch.randn(5, 33, generator=torch.Generator().manual_seed(1))
    matrix[2] = 0
    integers, scales = eight_bit(matrix)
    assert integers.dtype == torch.int8
    off = (integers * scales[:, None] - matrix).abs()
    assert (off <= scales[:, None] * 0.501).all()


def test_a_packed_model_says_what_it_is(tmp_path):
    tokenizer = BPETokenizer.train(["low lower lowest"] * 3, 260, [END_OF_TEXT])
    data = pack(gpt("llama", vocab_size=260), tokenizer, title="low", seeds=[0, 1])
    said = header(data)
    assert said["kind"] == "gpt" and said["precision"] == "float32"
    assert said["title"] == "low" and said["seeds"] == [0, 1]
    assert said["config"]["vocab_size"] == 260
    (tmp_path / "low.safetensors").write_bytes(data)
    model, again = load_packed(tmp_path / "low.safetensors")
    assert again.merges == tokenizer.merges
    assert again.vocab == tokenizer.vocab
    assert again.special_tokens == tokenizer.special_tokens
    assert dataclasses.asdict(model.config) == said["config"]


def test_what_cannot_be_packed_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a Linear cannot be packed; .* GPT"):
        pack(torch.nn.Linear(2, 2))
    changed = gpt("gpt2")
    changed.blocks[1].feed_forward = SwiGLU(24)
    with pytest.raises(ValueError, match="not what its GPTConfig describes"):
        pack(changed)
    with pytest.raises(ValueError, match="256 entries, the model vocab_size=61"):
        pack(gpt("gpt2"), ByteTokenizer())
    large = gpt("gpt2")
    large.blocks[0].norm1.weight[3] = 1e5
    pack(large)
    with pytest.raises(ValueError, match=r"blocks\.0\.norm1\.weight .* float16"):
        pack(large, precision="float16")
    large.blocks[1].attention.query.weight[3, 3] = torch.nan
    for precision in ("float32", "int8"):
        with pytest.raises(
            ValueError, match=r"query\.weight .*has the training diverged"
        ):
            pack(large, precision=precision)


def test_what_is_no_packed_model_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    data = pack(gpt("gpt2"))
    for content, message in (
        (data[:-9], "cut short"),
        (b"PK\x03\x04", "cut short or no safetensors"),
        (b"", "cut short or no safetensors"),
        (
            data.replace(b'\\"kind\\":\\"gpt\\"', b'\\"kind\\":\\"car\\"'),
            "unknown kind 'car'",
        ),
        (data.replace(b'"llm"', b'"abc"'), "does not say what model"),
    ):
        with pytest.raises(ValueError, match=message):
            unpack(content)
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as refused:
            load_packed(path)
        assert "model.safetensors" in str(refused.value)


def test_edges_are_those_of_the_class():
    assert edges("[a-cx]") == [97, 3, 20, 1]
    everything = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    at, inside = 0, set()
    for i, step in enumerate(edges(r"\s")):
        if i % 2:
            inside.update(map(chr, range(at, at + step)))
        at += step
    assert inside == {c for c in everything if regex.match(r"\s", c)}


# --- The page: logits -------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_computes_the_logits_of_the_model(tmp_path, shape, precision):
    data = pack(gpt(shape), precision=precision)
    model, _ = unpack(data)
    ids = row_of_ids(48, 61)
    found = computed(
        tmp_path, "models", LOGITS, {"model": data}, ids=ids.tolist(), look=20
    )
    with torch.no_grad():
        expected = model(ids[None])[0]
    assert expected.std() > 0.3
    off = (torch.tensor(found["logits"]) - expected).abs().max()
    assert off < 1e-5 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_page_computes_what_the_shipped_models_do(tmp_path, path):
    model, tokenizer = load_packed(path)
    if tokenizer is None:  # the table is read with the tokenizer of the window
        _, tokenizer = load_packed(path.with_stem("stories_window"))
    ids = [tokenizer.special_tokens[END_OF_TEXT], *tokenizer.encode(story(7, 0))]
    found = computed(
        tmp_path, "models", LOGITS, {"model": path.read_bytes()}, ids=ids, look=20
    )
    with torch.no_grad():
        expected = model(torch.tensor([ids]))[0]
    off = (torch.tensor(found["logits"]) - expected).abs().max()
    assert len(ids) > 100 and off < 1e-4


def test_the_page_turns_queries_as_far_out_as_the_model(tmp_path):
    """Angles of thousands of radians: a rounding elsewhere would show."""
    model = gpt("llama", context_length=9000, n_layers=1)
    reader = """
    const model = modelOf(files.model), reader = model.reader();
    reader.length = 8900; // what came before: zeros
    for (const id of input.ids) reader.read(id);
    return [...reader.logits()];
    """
    ids = row_of_ids(20, 61)
    found = computed(
        tmp_path, "models", reader, {"model": pack(model)}, ids=ids.tolist()
    )
    caches = model.new_caches(1)
    with torch.no_grad():
        expected = model(ids[None], torch.arange(8900, 8920), caches)[0, -1]
    torch.testing.assert_close(torch.tensor(found), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", ["gpt2 grouped", "llama grouped"])
def test_the_page_gives_the_attention_of_any_position(tmp_path, shape):
    model, ids, look = gpt(shape), row_of_ids(30, 61), 20
    found = computed(
        tmp_path,
        "models",
        LOGITS,
        {"model": pack(model)},
        ids=ids.tolist(),
        look=look,
    )["attention"]
    for layer, weights in enumerate(attention_of(model, ids.tolist())):
        torch.testing.assert_close(
            torch.tensor(found[layer]),
            weights[:, look, : look + 1],
            atol=1e-5,
            rtol=0,
        )


def test_the_page_computes_tables_and_windows(tmp_path):
    for model, V in ((counted(), 300), (randomised(WindowModel(41, 3, 7, 13)), 41)):
        ids = row_of_ids(30, V)
        found = computed(
            tmp_path, "models", LOGITS, {"model": pack(model)}, ids=ids.tolist()
        )["logits"]
        with torch.no_grad():
            expected = model(ids[None])[0]
        torch.testing.assert_close(
            torch.tensor(found), expected, atol=1e-5, rtol=1e-5
        )


def test_the_quick_products_are_the_plain_ones(tmp_path):
    """Any sizes, fours or not; and they are really used where there is WebAssembly."""
    code = """
    let seed = 1;
    const next = () => Math.sin(seed++ * 12.9898) * 2;
    const random = (length) => Float32Array.from({ length }, next);
    const matrix = (n, m) => Object.assign(random(n * m), { shape: [n, m] });
    return [[1, 1], [3, 5], [4, 4], [5, 12], [64, 33], [130, 128]].map(([n, m]) => {
      const weight = matrix(n, m), bias = m % 2 ? random(n) : undefined;
      const [plain, quick] = [new Linear(weight, bias), new Linear(weight, bias)];
      const other = new Linear(matrix(2, 3)), x = random(m);
      speedUp([other, quick, new Linear(matrix(1, 700))]);
      other.times(random(3), other.room);
      const [a, b] = [plain, quick].map((linear) => linear.times(x, new Float32Array(n)));
      const off = Math.max(...a.map((number, i) => Math.abs(number - b[i])));
      return { off, quick: Object.hasOwn(quick, "times") };
    });
    """
    for found in computed(tmp_path, "models", code):
        assert found["quick"]
        assert found["off"] < 1e-4


def test_without_webassembly_the_page_still_computes(tmp_path):
    model, ids = gpt("llama"), row_of_ids(10, 61)
    found = computed(
        tmp_path, "models", "delete globalThis.WebAssembly;" + LOGITS,
        {"model": pack(model)}, ids=ids.tolist(), look=0,
    )  # fmt: skip
    with torch.no_grad():
        expected = model(ids[None])[0]
    torch.testing.assert_close(
        torch.tensor(found["logits"]), expected, atol=1e-4, rtol=0
    )


def test_the_page_refuses_what_a_model_cannot_read(tmp_path):
    code = """
    const reader = modelOf(files.model).reader(), say = (ids) => {
      try { ids.forEach((id) => reader.read(id)); } catch (error) { return error.message; }
    };
    return [say([61]), say([-1]), say([undefined]), say(Array(49).fill(1))];
    """
    said = computed(tmp_path, "models", code, {"model": pack(gpt("gpt2"))})
    assert said[:2] == [
        "id 61 is not in the vocabulary",
        "id -1 is not in the vocabulary",
    ]
    assert "not in the vocabulary" in said[2]
    assert said[3] == "the context is full: 48 tokens"


# --- The page: tokens -------------------------------------------------------------

TEXTS = [
    "It's 5 o'clock; don't!", "low lower lowest\n\n  slow\r\nx", "naïve “Grüße” 你好 ½ Ⅷ",
    "a" * 200, "".join(FRAGMENTS[:60]),
]  # fmt: skip
TOKENS = """
const tokenizer = new Tokenizer(input.fields);
return input.texts.map((text) => {
  try {
    const ids = tokenizer.encode(text, input.allowed);
    return { ids, text: tokenizer.decode(ids) };
  } catch (error) { return { error: error.message }; }
});
"""


def tokenizers():
    special = [END_OF_TEXT, "<a>", "<a><b>"]
    learned = [*TEXTS, *FRAGMENTS]
    return {
        "bytes": ByteTokenizer(special),
        "bpe": BPETokenizer.train(learned, 420, special),
        "characters": CharacterTokenizer.train(learned, None, [*special, UNKNOWN]),
        "words": WordTokenizer.train(learned, None, [*special, UNKNOWN]),
        "strict": CharacterTokenizer.train(["abc .\n"], None, []),
    }


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_a_page_refuses_a_tokenizer_that_it_cannot_read(kind):
    tokenizer = train_tokenizer(kind, ["to be or not to be"])
    model = BigramTable(tokenizer.vocab_size)
    _, again = unpack(pack(model, tokenizer))
    assert again.encode("to be") == tokenizer.encode("to be")
    with pytest.raises(ValueError, match=f"cannot read a tokenizer of '{kind}'"):
        as_page(model, tokenizer)


def fields_of(tokenizer):
    data = pack(BigramTable(tokenizer.vocab_size), tokenizer)
    return header(data)["tokenizer"]


def expected_of(tokenizer, text, allowed):
    try:
        ids = tokenizer.encode(text, allowed_special=allowed)
        return {"ids": ids, "text": tokenizer.decode(ids)}
    except ValueError as error:
        return {"error": str(error)}


@pytest.mark.parametrize("kind", ["bytes", "bpe", "characters", "words", "strict"])
def test_the_page_cuts_text_as_the_tokenizer_does(tmp_path, kind):
    tokenizer = tokenizers()[kind]
    texts = [
        *TEXTS,
        *FRAGMENTS,
        "",
        "<a><b><a>x" + END_OF_TEXT,
        "\ufeffx",
        "a\ud800b",
    ]

    @given(st.lists(hostile_text, min_size=40, max_size=40))
    @examples(8)
    def gather(found):
        texts.extend(found)

    gather()
    for allowed in ([], list(tokenizer.special_tokens)):
        found = computed(
            tmp_path, "tokenizer", TOKENS,
            fields=fields_of(tokenizer), texts=texts, allowed=allowed,
        )  # fmt: skip
        for text, there in zip(texts, found, strict=True):
            here = expected_of(tokenizer, text, allowed)
            if "error" in here:  # the same place, in fewer words
                place = re.search(r"position \d+", here["error"])[0]
                assert place in there.get("error", str(there)), (text, here, there)
            else:
                assert there == here, text


def test_the_page_decodes_any_ids(tmp_path):
    tokenizer = tokenizers()["bpe"]
    rows = [
        torch.randint(
            420, (30,), generator=torch.Generator().manual_seed(i)
        ).tolist()
        for i in range(200)
    ]
    rows += [[0xEF, 0xBB, 0xBF, 65], [0xF0, 0x9F], [0xE2, 0x28, 0xA1], []]
    code = "const t = new Tokenizer(input.fields);"
    code += "return input.rows.map((ids) => t.decode(ids));"
    found = computed(
        tmp_path, "tokenizer", code, fields=fields_of(tokenizer), rows=rows
    )
    assert found == [tokenizer.decode(ids) for ids in rows]


def test_bytes_that_are_no_characters_are_shown_by_their_numbers(tmp_path):
    tokenizer = BPETokenizer([(b"\xe2", b"\x80"), (b" ", b"b")], [END_OF_TEXT])
    code = "const t = new Tokenizer(input.fields);"
    code += "return input.ids.map((id) => t.shown(id));"
    found = computed(
        tmp_path,
        "tokenizer",
        code,
        fields=fields_of(tokenizer),
        ids=[97, 20, 256, 257, 258],
    )
    assert found == ["a", "⟨14⟩", "⟨e2 80⟩", "␣b", END_OF_TEXT]


# --- The page: samplers -----------------------------------------------------------

SAMPLED = """
const make = { temperature, topK, topP, greedy: () => greedy, unchanged: () => unchanged };
return input.samplers.map((parts) => {
  const sampler = compose(...parts.map(([name, number]) => make[name](number)));
  return input.rows.map((row) => [...distribution(sampler(Float32Array.from(row)))]);
});
"""


def test_the_page_samples_as_python_does(tmp_path):
    rows = torch.randn(20, 50, generator=torch.Generator().manual_seed(3)) * 2
    rows[3, 7] = rows[3, 9] = 9.0  # equals
    rows[4] = 0.0
    here = {"temperature": temperature, "topK": top_k, "topP": top_p}
    here |= {"greedy": lambda _: greedy}
    samplers = [
        [], [("temperature", 0.3)], [("topK", 5)], [("topK", 900)], [("topP", 0.6)],
        [("topP", 1.0)], [("greedy", 0)],
        [("temperature", 1.7), ("topK", 9), ("topP", 0.8)],
    ]  # fmt: skip
    found = computed(
        tmp_path, "sampling", SAMPLED, rows=rows.tolist(), samplers=samplers
    )
    for parts, laws in zip(samplers, found, strict=True):
        sampler = compose(*(here[name](number) for name, number in parts))
        expected = sampler(rows).softmax(-1)
        torch.testing.assert_close(
            torch.tensor(laws, dtype=torch.float32), expected, atol=1e-5, rtol=0
        )


def test_the_dice_of_the_page_are_fair_and_belong_to_their_seed(tmp_path):
    code = """
    const points = Array.from({ length: 4000 }, dice(5));
    const drawn = points.map((point) => draw([0, 0.5, 0, 0.25, 0.25, 0], point));
    return { drawn, again: Array.from({ length: 4000 }, dice(5)).join() === points.join(),
      other: Array.from({ length: 4000 }, dice(6)).join() === points.join() };
    """
    found = computed(tmp_path, "sampling", code)
    counts = torch.bincount(torch.tensor(found["drawn"]), minlength=6)
    assert counts[[0, 2, 5]].sum() == 0
    shares = counts[[1, 3, 4]] / 4000
    assert (shares - torch.tensor([0.5, 0.25, 0.25])).abs().max() < 0.04
    assert found["again"] and not found["other"]


def test_samplers_of_the_page_refuse_what_python_refuses(tmp_path):
    code = """
    const say = (make) => { try { make(); } catch (error) { return error.message; } };
    return [say(() => temperature(0)), say(() => topK(0)), say(() => topP(1.5))];
    """
    said = computed(tmp_path, "sampling", code)
    for make, message in zip(
        (lambda: temperature(0), lambda: top_k(0), lambda: top_p(1.5)),
        said,
        strict=True,
    ):
        with pytest.raises(ValueError) as refused:
            make()
        assert str(refused.value) == message


def test_json_in_a_header_is_small():
    tokenizer = BPETokenizer.train(TEXTS, 300, [END_OF_TEXT])
    said = header(pack(BigramTable(300), tokenizer))["tokenizer"]["ranges"]
    assert len(json.dumps(said)) < 12_000
