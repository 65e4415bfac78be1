"""Use an interactive figure as a reader does: move each control, and look."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from playwright.sync_api import ElementHandle, Page

from book.bundle import Bundle

OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"
CONTROLS = "input, select, textarea, button"

IS_TEXT = "c => c.matches('textarea, input[type=text], input[type=search]')"
REFUSED = """figure => [...figure.querySelector("*").shadowRoot.querySelectorAll(".error")]
  .some((error) => error.checkVisibility() && error.textContent)"""
TURN = """c => c.tagName === "BUTTON" """

# What a figure shows. <output> is the read-out of a control, and left out: a slider
# that changes nothing but its own read-out does nothing.
SHOWN = """figure => {
  const root = figure.querySelector("*").shadowRoot;
  const copy = root.querySelector(".figure").cloneNode(true);
  copy.querySelectorAll("output").forEach((element) => element.remove());
  const drawn = [...root.querySelectorAll("canvas")].map((c) => c.toDataURL());
  return copy.innerHTML + drawn.join();
}"""
MOVED = """(control) => {
  const hear = (kind) => control.dispatchEvent(new Event(kind, { bubbles: true }));
  if (control.type === "range") {
    const { min, max, value } = control;
    const low = Number(min || 0), high = Number(max || 100);
    control.value = Number(value) < (low + high) / 2 ? high : low;
  } else if (control.tagName === "SELECT") {
    control.selectedIndex = (control.selectedIndex + 1) % control.options.length;
  }
  hear("input");
  hear("change");
}"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Figure</title>
<style>:root { color-scheme: light dark; background: Canvas; color: CanvasText; }</style>
<main><h1>Figure</h1>%s</main></html>"""
AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
SERIOUS = """async () => (await axe.run(document, { preload: false })).violations
  .filter((v) => ["serious", "critical"].includes(v.impact))
  .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target} ${n.failureSummary}`))"""


def move(control: ElementHandle) -> None:
    """Change what the control says, in the way of its kind."""
    kind = control.evaluate("c => c.tagName === 'INPUT' ? c.type : c.tagName")
    if kind in ("text", "search"):
        control.fill("the ball gave Sam")
    elif kind == "TEXTAREA":
        control.fill("the ball gave Sam\nMia waved\nit rained and rained")
    elif kind in ("range", "SELECT"):
        control.evaluate(MOVED)
    elif kind == "number":
        control.press("ArrowUp")
    else:
        control.click()


def dead_controls(page: Page, figure: ElementHandle) -> list[str]:
    """The controls of a figure that change nothing it shows, and can be used.

    Buttons come last: a button that goes back to the start needs something to undo.
    What a control replaces is looked for anew; a text that the figure cannot read is
    taken back, for then nothing else moves.
    """
    dead, i = [], 0
    while i < len(controls := in_order(figure)):
        control, i = controls[i], i + 1
        if control.is_disabled():  # by what another control says
            continue
        before, text = figure.evaluate(SHOWN), control.evaluate("c => c.value")
        move(control)
        page.wait_for_timeout(100)
        if figure.evaluate(SHOWN) == before:
            dead.append(control.evaluate("c => c.outerHTML"))
        elif control.evaluate(IS_TEXT) and figure.evaluate(REFUSED):
            control.fill(text)
    return dead


def in_order(figure: ElementHandle) -> list[ElementHandle]:
    """The controls as they are there now, in the order in which they are tried."""
    controls = figure.query_selector_all(CONTROLS)
    return sorted(controls, key=lambda c: c.evaluate(TURN))


def page_with(bundle: Bundle, folder: Path) -> Path:
    """A page with one figure alone."""
    path = folder / "page.html"
    path.write_text(PAGE % bundle.data["text/html"], encoding="utf-8")
    return path


def assert_usable(page: Page, faults: list[str]) -> None:
    """Each control of the only figure does something; the page fits, axe finds nothing,
    and nothing went wrong. faults: from `visit`."""
    figure = page.query_selector(".llm-figure[data-live]")
    assert dead_controls(page, figure) == []
    assert barriers(page) == []
    assert page.evaluate(OVERFLOW) <= 0
    assert faults == []


def barriers(page: Page) -> list[str]:
    """What axe finds on a page that is serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(SERIOUS)
