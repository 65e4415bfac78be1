"""Chapter 13: the sizes of a model, and what they cost."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from book.viz.page import Bundle, interactive
from llm.count import feed_forward_width, parameters_by_part
from llm.model import GPTConfig
from llm.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILLION

ALT = (
    "Bars of equal length for eight models of the GPT-2 and Llama families, each cut "
    "into the shares of its parts. In the smallest GPT-2 the table of the tokens is "
    "almost a third; in the larger models nearly everything is attention and "
    "feed-forward layers."
)
COLOURS = {
    "tokens": VERMILLION,
    "positions": BLACK,
    "attention": BLUE,
    "feed-forward": GREEN,
    "norms": GREY,
    "head": PURPLE,
}
SIZES = ("context_length", "d_model", "n_layers", "n_heads")


def gpt2(*sizes: int) -> GPTConfig:
    """A model of the GPT-2 family."""
    return GPTConfig(vocab_size=50_257, **dict(zip(SIZES, sizes, strict=True)))


def llama(vocab_size: int, *sizes: int, d_ff: int, n_kv_heads: int) -> GPTConfig:
    """A model of the Llama family."""
    return GPTConfig(
        architecture="llama",
        vocab_size=vocab_size,
        d_ff=d_ff,
        n_kv_heads=n_kv_heads,
        **dict(zip(SIZES, sizes, strict=True)),
    )


def preset_models() -> dict[str, tuple[str, GPTConfig]]:
    """The models to begin with: a title and the sizes of each."""
    return {
        "gpt2-small": ("GPT-2 small", gpt2(1024, 768, 12, 12)),
        "gpt2-medium": ("GPT-2 medium", gpt2(1024, 1024, 24, 16)),
        "gpt2-large": ("GPT-2 large", gpt2(1024, 1280, 36, 20)),
        "gpt2-xl": ("GPT-2 XL", gpt2(1024, 1600, 48, 25)),
        "llama-7b": (
            "Llama 7B",
            llama(32_000, 2048, 4096, 32, 32, d_ff=11_008, n_kv_heads=32),
        ),
        "llama-13b": (
            "Llama 13B",
            llama(32_000, 2048, 5120, 40, 40, d_ff=13_824, n_kv_heads=40),
        ),
        "llama2-70b": (
            "Llama 2 70B",
            llama(32_000, 4096, 8192, 80, 64, d_ff=28_672, n_kv_heads=8),
        ),
        "llama3-8b": (
            "Llama 3 8B",
            llama(128_256, 8192, 4096, 32, 32, d_ff=14_336, n_kv_heads=8),
        ),
    }


def size_calculator(preset: str = "gpt2-small") -> Bundle:
    """A calculator: sizes in; parameters, operations and bytes out, by part.

    preset: the model to begin with, a name in `preset_models()`. In print: the shares
    of the parts in all of them.
    """
    models = preset_models()
    if preset not in models:
        raise ValueError(f"preset={preset!r} is none of {', '.join(models)}")
    state = {
        "preset": preset,
        "presets": {
            name: {"title": title, "config": all_sizes(config)}
            for name, (title, config) in models.items()
        },
    }
    return interactive("calculator", state, alt=ALT, figure=picture())


def all_sizes(config: GPTConfig) -> dict[str, int | str]:
    """The sizes of a configuration, with those filled in that were left out."""
    names = ("architecture", "vocab_size", *SIZES)
    given = {name: getattr(config, name) for name in names}
    heads = config.n_kv_heads or config.n_heads
    return given | {"n_kv_heads": heads, "d_ff": feed_forward_width(config)}


def picture() -> Figure:
    """The shares of the parts in each model, under its name."""
    figure, ax = plt.subplots(figsize=(6.6, 3.6))
    models = list(preset_models().values())
    for y, (_, config) in enumerate(models):
        counts = parameters_by_part(config)
        left, whole = 0.0, sum(counts.values())
        for part, n in counts.items():
            label = part if y == 0 else None
            ax.barh(
                y, 100 * n / whole, left=left, color=COLOURS[part], height=0.7,
                edgecolor="white", linewidth=0.6, label=label,
            )  # fmt: skip
            left += 100 * n / whole
        ax.text(101, y, size_in_words(whole), va="center", fontsize=9)
    ax.set(xlim=(0, 100), xlabel="share of the parameters (%)")
    ax.set_yticks(range(len(models)), [title for title, _ in models])
    ax.invert_yaxis()
    ax.grid(False)
    ax.legend(ncols=6, loc="lower center", bbox_to_anchor=(0.45, 1.0), fontsize=9,
              handlelength=1.0, columnspacing=1.0)  # fmt: skip
    return figure


def size_in_words(n: int) -> str:
    """
    >>> size_in_words(124_439_808), size_in_words(6_738_415_616)
    ('124 million', '6.7 billion')
    """
    return f"{n / 1e9:.1f} billion" if n >= 1e9 else f"{n / 1e6:.0f} million"
