"""Pack a model into one file that says what it is, for a page or for a chapter.

A packed model is a safetensors file. Its header says, in JSON, what kind of model the
weights belong to, in which configuration, and with which tokenizer; so Python can
build it again, and js/numbers.js read it where there is no Python.
"""

from __future__ import annotations

import html
import json
import struct
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Literal

import regex
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from llm import page
from llm.checkpoints import alone, check_fit, settings_of, tensors_in, weights
from llm.layers import rotary_speeds
from llm.memory import readable
from llm.model import GPT, GPTConfig, build, check_described
from llm.ngram import BigramTable, WindowModel
from llm.tokenizers import Tokenizer, from_fields
from llm.tokenizers.pretokens import of_unicode_16

Precision = Literal["float32", "float16", "int8"]
SCALES = ".scales"
# What each kind of tokenizer has to tell apart; a page takes them from here, since a
# browser's own classes grow with Unicode.
CLASSES = {
    "bpe": {
        "letter": of_unicode_16(r"\p{L}"),
        "number": of_unicode_16(r"\p{N}"),
        "space": r"\s",
    },
    "words": {"word": r"\w"},
}
# The kinds of tokenizers that llm/js/tokenizer.js has.
IN_A_PAGE = ("bpe", "characters", "words", "bytes")


def pack(
    model: nn.Module,
    tokenizer: Tokenizer | None = None,
    *,
    precision: Precision = "float32",
    **said: Any,
) -> bytes:
    """The weights of a model in one file, with all it takes to use them.

    model: a `GPT`, a `WindowModel` or a `BigramTable`; it is left as it is.
    precision: float16 rounds to three digits; int8 rounds each row of a matrix to 255
    steps between its largest entry and minus that. said: what else the header shall
    say, in strings, numbers and lists of these.

    Returns the same bytes for the same model. Raises `ValueError` for a model of
    another kind, a `GPT` that is not what its configuration describes, a tokenizer of
    another size, and weights that the precision cannot hold.
    """
    kind = kind_of(model)
    described, tensors = DESCRIBED[kind](model)
    if tokenizer is not None:
        check_size(tokenizer, described["config"]["vocab_size"])
        described["tokenizer"] = {**tokenizer.fields(), "ranges": ranges(tokenizer)}
    described |= {"kind": kind, "precision": precision, **said}
    text = json.dumps(
        described, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    rows = {n: t.detach().cpu() for n, t in tensors.items()}
    return to_bytes(alone(rounded(rows, precision)), {"llm": text})


def unpack(data: bytes) -> tuple[nn.Module, Tokenizer | None]:
    """The model in float32, ready to be used, and the tokenizer if there is one.

    data: from `pack`. Raises `ValueError` for anything else.
    """
    tensors, described = tensors_in(data), header(data)
    kind = described.get("kind")
    if kind not in BUILDERS:
        raise ValueError(f"the file holds a model of unknown kind {kind!r}")
    model = BUILDERS[kind](described, exact(tensors))
    fields = described.get("tokenizer")
    return model.eval(), None if fields is None else from_fields(fields)


def load_packed(path: Path | str) -> tuple[nn.Module, Tokenizer | None]:
    """What `unpack` makes of a file. Raises `ValueError` that names it."""
    try:
        return unpack(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from error


def header(data: bytes) -> dict[str, Any]:
    """What a safetensors file says of the model in it. Raises `ValueError` where it says
    nothing."""
    (length,) = struct.unpack_from("<Q", data)
    said = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("llm")
    if said is None:
        raise ValueError(
            "this safetensors file does not say what model it holds; write it with "
            "llm.export.pack"
        )
    return json.loads(said)


@torch.no_grad()
def largest_difference(model: nn.Module, data: bytes, n_tokens: int = 64) -> float:
    """How far rounding moves a logit, at most, on rows of random tokens.

    data: `model`, packed. The same tokens in every call.
    """
    other, _ = unpack(data)
    V = header(data)["config"]["vocab_size"]
    generator = torch.Generator().manual_seed(0)
    n = min(n_tokens, getattr(model, "context_length", n_tokens))
    ids = torch.randint(V, (8, n), generator=generator)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    exact_logits = model(ids.to(device)).float().cpu()
    return (other(ids) - exact_logits).abs().max().item()


# --- What a model consists of -----------------------------------------------------


def kind_of(model: nn.Module) -> str:
    """The name of its kind in a header. Raises `ValueError` for an unknown one.

    A class that a chapter quotes is known by its name, as that of the package.
    """
    names = {base.__name__ for base in type(model).__mro__}
    for name, kind in KINDS.items():
        if kind.__name__ in names:
            return name
    known = ", ".join(kind.__name__ for kind in KINDS.values())
    raise ValueError(
        f"a {type(model).__name__} cannot be packed; what can is: {known}"
    )


def check_size(tokenizer: Tokenizer, vocab_size: int) -> None:
    """Raises `ValueError` where a model has fewer entries than its tokenizer."""
    if tokenizer.vocab_size > vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} entries, the model "
            f"vocab_size={vocab_size}: it is not the one the model was trained with"
        )


def described_gpt(model: GPT) -> tuple[dict[str, Any], dict[str, Tensor]]:
    check_described(model)
    described: dict[str, Any] = {"config": asdict(model.config)}
    if model.config.architecture == "llama":
        speeds = rotary_speeds(model.config.head_dim, model.config.rope_base)
        described["speeds"] = speeds.tolist()
    return described, weights(model)


def described_window(
    model: WindowModel,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    vocab_size, d_model = model.tokens.weight.shape
    config = {"vocab_size": vocab_size, "n_tokens": model.n_tokens}
    config |= {"d_model": d_model, "d_ff": len(model.up.weight)}
    return {"config": config}, weights(model)


def described_bigram(
    model: BigramTable,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Of the counts, those that are not 0: row number r has `ids` and `counts` from
    `starts[r]` up to `starts[r + 1]`."""
    rows, ids = model.counts.nonzero(as_tuple=True)
    starts = rows.bincount(minlength=len(model.counts)).cumsum(0)
    tensors = {
        "starts": torch.cat([starts.new_zeros(1), starts]),
        "ids": ids,
        "counts": model.counts[rows, ids].long(),
    }
    config = {"vocab_size": len(model.counts), "alpha": model.alpha}
    return {"config": config}, {n: smallest(t) for n, t in tensors.items()}


def smallest(numbers: Tensor) -> Tensor:
    """Whole numbers in the smallest kind of 8 to 32 bits that holds them all."""
    for kind in (torch.int8, torch.int16, torch.int32):
        if not numbers.numel() or numbers.max() <= torch.iinfo(kind).max:
            return numbers.to(kind)
    raise ValueError(f"{int(numbers.max())} is more than a packed model can count")


def built_gpt(described: dict[str, Any], tensors: dict[str, Tensor]) -> GPT:
    model = build(settings_of(GPTConfig, described["config"]))
    return filled(model, tensors)


def built_window(
    described: dict[str, Any], tensors: dict[str, Tensor]
) -> WindowModel:
    return filled(WindowModel(**described["config"]), tensors)


def built_bigram(
    described: dict[str, Any], tensors: dict[str, Tensor]
) -> BigramTable:
    model = BigramTable(**described["config"])
    rows = torch.arange(len(model.counts)).repeat_interleave(
        tensors["starts"].long().diff()
    )
    model.counts[rows, tensors["ids"].long()] = tensors["counts"].float()
    return model


def filled(model: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    wanted = weights(model)
    check_fit(tensors, wanted, "the file")
    for name, tensor in wanted.items():
        tensor.copy_(tensors[name])
    return model


Described = Callable[[Any], tuple[dict[str, Any], dict[str, Tensor]]]
Built = Callable[[dict[str, Any], dict[str, Tensor]], nn.Module]
KINDS: dict[str, type[nn.Module]] = {
    "gpt": GPT,
    "window": WindowModel,
    "bigram": BigramTable,
}
DESCRIBED: dict[str, Described] = {
    "gpt": described_gpt,
    "window": described_window,
    "bigram": described_bigram,
}
BUILDERS: dict[str, Built] = {
    "gpt": built_gpt,
    "window": built_window,
    "bigram": built_bigram,
}

# --- Rounding ---------------------------------------------------------------------


def rounded(tensors: dict[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """The tensors in another precision; whole numbers stay as they are.

    Raises `ValueError` for a weight that is no number, or too large for it.
    """
    found = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            found[name] = tensor
        elif precision == "int8" and tensor.dim() == 2:
            found[name], found[name + SCALES] = eight_bit(tensor)
        else:
            kind = torch.float16 if precision == "float16" else torch.float32
            found[name] = tensor.to(kind)
        number = found.get(name + SCALES, found[name])
        if not number.isfinite().all():
            raise ValueError(
                f"{name} has a weight that is no number, or too large for "
                f"{precision}; has the training diverged?"
            )
    return found


def eight_bit(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as whole numbers from −127 to 127, and the scale of each row.

    matrix: (rows, columns). Returns int8 (rows, columns) and float32 (rows,); their
    product is the matrix, to half a scale.
    """
    matrix = matrix.float()
    scales = matrix.abs().amax(dim=1).clamp(min=1e-30) / 127
    return (matrix / scales[:, None]).round().to(torch.int8), scales


def exact(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `rounded` made, in float32 again; whole numbers stay as they are."""
    found = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALES):
            continue
        scales = tensors.get(name + SCALES)
        if scales is not None:
            found[name] = tensor * scales[:, None]
        else:
            found[name] = tensor.float() if tensor.is_floating_point() else tensor
    return found


# --- Characters -------------------------------------------------------------------


def ranges(tokenizer: Tokenizer) -> dict[str, list[int]]:
    """The classes of characters by which a tokenizer cuts, as `edges` gives them."""
    classes = CLASSES.get(tokenizer.kind, {})
    return {name: edges(pattern) for name, pattern in classes.items()}


@cache
def edges(pattern: str) -> list[int]:
    r"""Where the ranges of code points begin and end that a class consists of: each
    number is the step from the edge before.

    >>> edges("[a-cx]")  # from 97, three characters; 20 others; one
    [97, 3, 20, 1]
    """
    everything = "".join(map(chr, range(0x110000)))
    runs = regex.finditer(f"{pattern}+", everything, regex.VERSION1)
    places = [place for run in runs for place in run.span()]
    return [b - a for a, b in zip([0, *places], places, strict=False)]


# --- A page of its own ------------------------------------------------------------

MOST_BYTES = 100_000_000  # of a page: what a browser opens without trouble
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText;
    max-width: 62em; margin: 0 auto; padding: 1em; }}
  h1 {{ font-size: 1.4em; margin: 0 0 .3em; overflow-wrap: anywhere; }}
  footer {{ font-size: .9em; margin-top: 1em; }}
</style>
<main>
<h1>{title}</h1>
{figure}
<footer>{about}</footer>
</main>
</html>
"""


def as_page(
    model: nn.Module,
    tokenizer: Tokenizer,
    *,
    title: str = "A language model",
    beginning: str = "",
    document: bool = False,
    precision: Precision = "float32",
) -> str:
    """One HTML page in which a model writes: with no network, from a file.

    title: what stands above it; beginning: the text that stands there to begin with;
    document: does a beginning begin a document, as in `llm.generate.write`?
    precision: as in `pack`.

    Raises `ValueError` as `pack` does, for a kind of tokenizer that a page cannot
    read, and for a page that no browser would open.
    """
    if tokenizer.kind not in IN_A_PAGE:
        raise ValueError(
            f"a page cannot read a tokenizer of {tokenizer.kind!r}: train the model "
            f"with one of {', '.join(IN_A_PAGE)}"
        )
    data = pack(model, tokenizer, precision=precision)
    if len(data) * 4 // 3 > MOST_BYTES:
        raise ValueError(
            f"a page with this model in {precision} would have "
            f"{readable(len(data) * 4 / 3)}, more than the {readable(MOST_BYTES)} that "
            "browsers open without trouble; choose a smaller precision, float16 or "
            "int8, or a smaller model"
        )
    state = {"beginning": beginning, "document": document}
    figure = page.figure(
        page.JS / "writer.js",
        state | {"temperature": 0.8, "tokens": 200},
        "<p>The model runs in this page, by scripts, which are turned off here.</p>",
        label="write with the model",
        files={"model": data},
    )
    about = described_in_words(model, precision)
    about += " Nothing that you type leaves this page."
    return PAGE.format(title=html.escape(title), figure=figure, about=about)


def described_in_words(model: nn.Module, precision: Precision) -> str:
    """What a model is, in two short sentences."""
    n = sum(p.numel() for p in model.parameters()) or model.counts.count_nonzero()
    kind = type(model).__name__
    config = getattr(model, "config", None)
    if config is not None:
        kind = (
            f"architecture {config.architecture}, n_layers {config.n_layers}, n_heads "
            f"{config.n_heads}, d_model {config.d_model}, context_length "
            f"{config.context_length}"
        )
    return f"{html.escape(kind)}. {n:,} parameters in {precision}."
