"""The figure of chapter 10 shows the weights that PyTorch computes."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch

from book.viz.heads import heads_at_work, picture, weights_of_heads
from llm.attention import attention_weights
from llm.corpora import story
from llm.export import pack, unpack
from llm.tokenizers import END_OF_TEXT, BPETokenizer
from tests.figure_parts import small_gpt
from tests.javascript import computed

mpl.use("Agg")
LOOKS = """
const model = modelOf(files.model), tokenizer = new Tokenizer(model.said.tokenizer);
const text = new Text(model);
text.set(idsOf(tokenizer, input.text, model.contextLength));
const rows = text.ids.map((_, at) => allHeads(text, at).map(({ weights }) => [...weights]));
return { ids: text.ids, names: allHeads(text, 0).map(named), rows };
"""


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def packed(request):
    texts = [story(0, i) for i in range(20)]
    tokenizer = BPETokenizer.train(texts, 400, [END_OF_TEXT])
    sizes = dict(architecture=request.param, d_model=24, n_heads=4, n_kv_heads=2)
    return pack(small_gpt(tokenizer, 0.3, **sizes), tokenizer)


def test_the_page_looks_where_the_model_looks(packed, tmp_path):
    text = "Mia gave the kite to Sam. She waved."
    found = computed(tmp_path, "heads", LOOKS, {"model": packed}, text=text)
    model, _ = unpack(packed)
    weights = weights_of_heads(model, torch.tensor(found["ids"]))  # (L, H, T, T)
    assert found["names"] == [f"{i}.{h}" for i in (1, 2) for h in (1, 2, 3, 4)]
    for at, rows in enumerate(found["rows"]):
        ours = weights[:, :, at, : at + 1].flatten(0, 1)
        assert torch.allclose(torch.tensor(rows).float(), ours, atol=1e-4)
        assert ours.std(0).max() > 0.01 or at == 0  # the heads differ


def test_the_weights_are_those_with_which_the_model_computes(packed, monkeypatch):
    model, tokenizer = unpack(packed)
    ids = torch.tensor(tokenizer.encode("Sam ran home."))
    seen = []

    def watched(*inputs):
        seen.append(attention_weights(*inputs))
        return seen[-1]

    weights = weights_of_heads(model, ids)
    monkeypatch.setattr("llm.attention.attention_weights", watched)
    from llm.fast import slow_down

    slow_down(model)(ids[None])
    assert torch.allclose(torch.cat(seen), weights, atol=1e-5)


def test_in_print_a_row_for_each_head_shows_what_the_last_token_looks_at():
    weights = torch.rand(2, 4, 5, 5)  # 2 layers of 4 heads, 5 tokens
    figure = picture(weights, ["▷", "Sam", " ran", " home", "."])
    drawn = torch.tensor(figure.axes[0].images[0].get_array().filled())
    plt.close(figure)
    assert torch.allclose(drawn.float(), weights[:, :, 4].reshape(8, 5), atol=1e-6)


def test_a_head_that_there_is_not_is_refused(packed):
    for head in ((0, 1), (3, 1), (1, 5), (1, 0)):
        with pytest.raises(ValueError, match="the model has 2 layers of 4 heads"):
            heads_at_work(packed, "Sam ran.", alt="a figure", head=head)


@pytest.mark.parametrize("words", ["", "word " * 600])
def test_what_cannot_be_read_is_said(packed, tmp_path, words):
    code = """const model = modelOf(files.model);
    try { idsOf(new Tokenizer(model.said.tokenizer), input.text, 512); }
    catch (error) { return error.message; }"""
    says = computed(tmp_path, "heads", code, {"model": packed}, text=words)
    assert says and ("empty" in says) == (words == "")
