"""The calculator of the page counts as llm.count does."""

import dataclasses

import pytest

from book.viz import calculator
from llm import count
from llm.model import GPTConfig
from tests.javascript import computed
from tests.test_count import some_config

MODELS = [config for _, config in calculator.preset_models().values()]
CASES = [(some_config(seed), 1 + seed % 4, 3 + seed) for seed in range(16)]
CASES += [(config, 8, 1024) for config in MODELS]
CODE = """return input.cases.map(([c, B, T]) => ({
    parameters: parametersByPart(c), flops: flopsByPart(c, T),
    training: trainingBytes(c, B, T), writing: writingBytes(c, B, T, 2),
    complaint: complaint(input.sizes[c.at]) }));"""


def described(config, at):
    return dataclasses.asdict(config) | {"at": at}


def test_every_count_is_that_of_the_package(tmp_path):
    found = computed(
        tmp_path,
        "calculator",
        CODE,
        cases=[[described(c, i), B, T] for i, (c, B, T) in enumerate(CASES)],
        sizes=[calculator.all_sizes(config) for config, *_ in CASES],
    )
    for (config, B, T), page in zip(CASES, found, strict=True):
        assert page == {
            "parameters": count.parameters_by_part(config),
            "flops": count.flops_by_part(config, T),
            "training": count.training_bytes(config, B, T),
            "writing": count.writing_bytes(config, B, T, 2),
            "complaint": "",
        }, config


WRONG = [
    (dict(d_model=100, n_heads=12), "n_heads=12 does not divide d_model=100"),
    (dict(n_kv_heads=5), "n_kv_heads=5 does not divide n_heads=12"),
    (dict(architecture="llama", d_model=84), "odd width 7"),
    (dict(n_layers=0), "n_layers must be a whole number, at least 1"),
    (dict(d_model=12.5), "d_model must be a whole number"),
]


@pytest.mark.parametrize("sizes, says", WRONG, ids=str)
def test_the_calculator_refuses_what_the_configuration_refuses(
    tmp_path, sizes, says
):
    config = calculator.all_sizes(calculator.gpt2(1024, 768, 12, 12)) | sizes
    code = "return complaint(input.config);"
    assert says in computed(tmp_path, "calculator", code, config=config)
    with pytest.raises(ValueError):
        GPTConfig(**config)


def test_only_head_counts_that_fit_are_offered(tmp_path):
    code = "return input.widths.map(divisors);"
    widths = [1, 7, 64, 768, 1600]
    assert computed(tmp_path, "calculator", code, widths=widths) == [
        [d for d in range(1, n + 1) if n % d == 0] for n in widths
    ]


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="'gpt5' is none of gpt2-small"):
        calculator.size_calculator("gpt5")


def test_numbers_are_said_in_three_digits(tmp_path):
    code = """return [counted(124439808), counted(70), inBytes(26953662464),
        inBytes(999), operations(1.5e12)];"""
    assert computed(tmp_path, "calculator", code) == [
        "124 million", "70", "27.0 GB", "999 B", "1.50 TFLOP",
    ]  # fmt: skip
