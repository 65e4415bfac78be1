"""Every page for who has no mouse, who listens, and who wants nothing to move.

What axe finds on a page, test_site asks.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import test_site

visit, pages = test_site.visit, test_site.pages
QUESTIONS = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")


def ask(page, question):
    """What a function of accessibility.js finds on a page."""
    return page.evaluate(f"() => ({QUESTIONS}).{question}()")


@pytest.mark.parametrize(("theme", "width"), [("light", 390), ("dark", 1400)])
def test_the_focus_is_seen_and_targets_can_be_hit(site, visit, theme, width):
    found = []
    for path in pages(site):
        page, _ = visit(path, theme, width)
        page.keyboard.press("Tab")  # from here on the focus is that of the keyboard
        faults = ask(page, "withoutRing") + ask(page, "small")
        found += [f"{path.name}: {fault}" for fault in faults]
    assert not found, "\n".join(found)


def test_headings_stops_and_what_is_said_aloud(site, visit):
    found = []
    for path in pages(site):
        page, _ = visit(path)
        stops = ask(page, "stops")
        if stops["formulas"] or stops["copyButtons"] > 1:
            found.append(f"{path.name}: {stops}")
        faults = ask(page, "skipped") + ask(page, "silent")
        found += [f"{path.name}: {fault}" for fault in faults]
    assert not found, "\n".join(found)


def test_the_arrow_keys_go_from_one_copy_button_to_the_next(site, visit):
    page, _ = visit(next(site.glob("chapters/08_*.html")))
    page.locator("button.copybtn").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert ask(page, "copyButton") == 2
    page.keyboard.press("ArrowUp")
    assert ask(page, "copyButton") == 1
    assert ask(page, "stops")["copyButtons"] == 1


def test_nothing_moves_for_who_wants_nothing_to_move(site, visit):
    page, _ = visit(next(site.glob("chapters/08_*.html")))
    page.emulate_media(reduced_motion="reduce")
    assert ask(page, "moving") == []
