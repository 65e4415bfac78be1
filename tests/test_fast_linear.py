"""Several routes to x Wᵀ + b: each must lead to the same place."""

import pytest
import torch
import torch.nn.functional as F

from llm.fast import linear as routes
from llm.fast.linear import (
    LARGE,
    MANY_ROWS,
    FastLinear,
    by_columns,
    for_one_row,
    linear,
)

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN"
)
# Leading shape of x, width in, width out: few rows and many, small and large.
SIZES = [
    ((3,), 8, 5),
    ((1, 1), 512, 256),
    ((2, 7), 512, 256),
    ((MANY_ROWS - 1,), 32, 16),
    ((MANY_ROWS,), 32, 16),
    ((4, 50), 512, 256),
    ((2, 3, 40), 16, 1),
]


def parts(rows, n_in, n_out, bias=True, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = [(*rows, n_in), (n_out, n_in), (n_out,)]
    x, weight, b = (
        torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
        for shape in shapes
    )
    return x, weight, b if bias else None


def route_taken(monkeypatch, *args):
    taken = []
    for name in ("by_convolution", "by_onednn"):
        monkeypatch.setattr(routes, name, lambda *_, name=name: taken.append(name))
    linear(*args)
    return taken


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_every_route_gives_the_same_sums(sizes, bias):
    x, weight, b = parts(*sizes, bias=bias)
    for wanted in (True, False):
        with torch.set_grad_enabled(wanted):
            torch.testing.assert_close(
                linear(x, weight, b), F.linear(x, weight, b), atol=1e-4, rtol=1e-5
            )


@pytest.mark.parametrize("sizes", SIZES)
def test_every_route_gives_the_same_gradients(sizes):
    inputs = parts(*sizes)
    upstream = torch.randn_like(F.linear(*inputs))
    ours = torch.autograd.grad(linear(*inputs), inputs, upstream)
    theirs = torch.autograd.grad(F.linear(*inputs), inputs, upstream)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


def test_a_row_that_is_not_contiguous_and_one_that_is_shared():
    x, weight, b = parts((40, 6), 24, 12)
    strided = x.transpose(0, 1)
    torch.testing.assert_close(
        linear(strided, weight, b), F.linear(strided, weight, b)
    )
    same = x[:1, :1].expand(200, 1, -1)
    torch.testing.assert_close(linear(same, weight, b), F.linear(same, weight, b))


@needs_onednn
def test_the_route_depends_on_rows_size_and_gradient(monkeypatch):
    few, many = torch.ones(2, 512), torch.ones(MANY_ROWS, 512)
    large, small = torch.ones(LARGE // 512, 512), torch.ones(4, 512)
    assert route_taken(monkeypatch, many, small) == ["by_convolution"]
    assert route_taken(monkeypatch, few, large) == []
    with torch.no_grad():
        assert route_taken(monkeypatch, few, large) == ["by_onednn"]
        assert route_taken(monkeypatch, few, small) == []
        assert route_taken(monkeypatch, many.double(), small.double()) == []


@pytest.mark.parametrize("sizes", [(8, 5), (512, 256), (384, 1000), (512, 257)])
@pytest.mark.parametrize("n_threads", [1, 2, 6])
def test_by_columns_the_sums_are_the_same(monkeypatch, n_threads, sizes):
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    for bias in (True, False):
        part = FastLinear(*sizes, bias=bias)
        with torch.inference_mode():
            calls = for_one_row(part), by_columns(part)
        with torch.no_grad():  # what one mode has made serves in the other
            x = torch.randn(1, sizes[0])
            for call in (*calls, by_columns(part)):
                torch.testing.assert_close(call(x), part(x), atol=1e-5, rtol=1e-5)


def test_the_copy_by_columns_is_made_anew_by_each_call():
    part, x = FastLinear(512, 256), torch.randn(1, 512)
    with torch.no_grad():
        by_columns(part)
        memory = part.columns.data_ptr()
        part.weight.data.neg_()
        torch.testing.assert_close(by_columns(part)(x), part(x))
        assert part.columns.data_ptr() == memory
        part.weight = torch.nn.Parameter(torch.randn(300, 512) / 512**0.5)
        part.bias = None
        torch.testing.assert_close(by_columns(part)(x), part(x))
    assert "columns" not in part.state_dict()


def test_the_layer_is_an_nn_linear_with_the_same_parameters():
    layer = FastLinear(16, 8)
    assert isinstance(layer, torch.nn.Linear)
    x = torch.randn(300, 16)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_bfloat16_under_autocast_is_left_to_pytorch():
    layer, x = FastLinear(64, 32), torch.randn(200, 64)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), layer(x), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_derivatives_in_forward_mode_are_those_of_pytorch(sizes, at):
    """Of x, of the weight, of the bias: with gradients enabled, and without."""
    inputs = [t.detach() for t in parts(*sizes)]
    tangent = torch.randn_like(inputs[at])

    def derivative(function):
        def of_one(x):
            return function(*[x if i == at else t for i, t in enumerate(inputs)])

        return torch.func.jvp(of_one, (inputs[at],), (tangent,))[1]

    expected = derivative(F.linear)
    assert expected.abs().max() > 0
    for wanted in (True, False):
        with torch.set_grad_enabled(wanted):
            torch.testing.assert_close(
                derivative(linear), expected, atol=1e-4, rtol=1e-5
            )
            with torch.autograd.forward_ad.dual_level():
                dual = torch.autograd.forward_ad.make_dual(inputs[at], tangent)
                out = linear(
                    *[dual if i == at else t for i, t in enumerate(inputs)]
                )
                found = torch.autograd.forward_ad.unpack_dual(out).tangent
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
