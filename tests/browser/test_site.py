"""Every page of the site, from its file, with the network refused."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from figures import OVERFLOW, barriers, dead_controls

from book import viz

VIEWS = [(theme, width) for theme in ("light", "dark") for width in (1400, 390)]
PROBE = Path(__file__).with_name("probe.js")
LOCAL = ("file:", "data:", "blob:")


@pytest.fixture
def visit(chromium):
    """Open a page, and gather what goes wrong on it."""
    contexts = []

    def open_page(path, theme="light", width=1400):
        context = chromium.new_context(
            color_scheme=theme, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page, faults = context.new_page(), []
        context.route("**/*", lambda route: refuse(route, faults))
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda message: hear(message, faults))
        page.goto(path.as_uri(), wait_until="load")
        page.wait_for_timeout(500)
        return page, faults

    yield open_page
    for context in contexts:
        context.close()


def refuse(route, faults):
    """Let files through, and nothing else."""
    if route.request.url.startswith(LOCAL):
        route.continue_()
    else:
        faults.append(f"request: {route.request.url}")
        route.abort()


def hear(message, faults):
    if message.type == "error":
        faults.append(f"console: {message.text}")


def pages(site):
    return [p for p in sorted(site.rglob("*.html")) if "_static" not in p.parts]


@pytest.mark.parametrize(("theme", "width"), VIEWS)
def test_every_page_is_quiet_and_fits_and_can_be_used(site, visit, theme, width):
    found = []
    for path in pages(site):
        page, faults = visit(path, theme, width)
        shown = page.evaluate("document.documentElement.dataset.theme")
        if shown != theme:
            faults.append(f"shown {shown}, not {theme}")
        if (overflow := page.evaluate(OVERFLOW)) > 0:
            faults.append(f"{overflow} pixels too wide")
        faults += barriers(page)
        found += [f"{path.relative_to(site)}: {fault}" for fault in faults]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [1400, 390])
def test_every_figure_is_live_and_its_controls_work(site, visit, width):
    found = []
    for path in pages(site):
        if 'class="llm-figure"' not in path.read_text(encoding="utf-8"):
            continue
        page, faults = visit(path, width=width)
        for figure in page.query_selector_all(".llm-figure"):
            name = f"{path.name}: {figure.get_attribute('aria-label')[:60]}"
            if figure.get_attribute("data-live") is None:
                found.append(f"{name}: not live")
                continue
            found += [f"{name}: dead {c}" for c in dead_controls(page, figure)]
        found += [f"{path.name}: {fault}" for fault in faults]
    assert not found, "\n".join(found)


def probe(tmp_path, source=None):
    """A page with the figure probe.js on it, or a changed one."""
    module = tmp_path / "probe.js"
    original = PROBE.read_text(encoding="utf-8")
    module.write_text(source(original) if source else original)
    state = {"names": ["ball", "</script>"], "scores": [2.0, 1.0]}
    figure = plt.subplots(figsize=(2, 1))[1]
    bundle = viz.interactive(module, state, alt="two bars", figure=figure)
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><body>{bundle.data['text/html'] * 2}</body>")
    return path


def test_two_figures_on_a_page_are_live_on_their_own(visit, tmp_path):
    page, faults = visit(probe(tmp_path))
    first, second = page.query_selector_all(".llm-figure[data-live]")
    before = second.inner_html()
    assert dead_controls(page, first) == []
    assert second.inner_html() == before
    assert faults == []


def test_a_dead_control_is_found(visit, tmp_path):
    path = probe(tmp_path, lambda code: code.replace("/ range.value", ""))
    page, _ = visit(path)
    (dead,) = dead_controls(page, page.query_selector(".llm-figure"))
    assert 'type="range"' in dead


def test_a_figure_that_fails_leaves_its_picture(visit, tmp_path):
    path = probe(
        tmp_path, lambda code: code.replace("draw();\n}", "nonsense();\n}")
    )
    page, faults = visit(path)
    assert page.query_selector(".llm-figure img[alt='two bars']").is_visible()
    assert page.query_selector("[data-live]") is None
    assert "nonsense" in faults[0]
