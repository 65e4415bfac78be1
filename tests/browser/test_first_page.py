"""The first page: what it is and how to start are seen at once; the game is played."""

from __future__ import annotations

import re

import pytest
import test_site
from PIL import Image

visit = test_site.visit


@pytest.mark.parametrize("width", [1400, 390])
def test_what_it_is_and_how_to_start_stand_on_the_first_screen(site, visit, width):
    page, faults = visit(site / "index.html", width=width)
    for seen in (
        page.locator("article h1"),
        page.get_by_text("from raw text to a language model of your own"),
        page.get_by_role("link", name="Start reading"),
        page.get_by_role("link", name="Run it"),
    ):
        box = seen.bounding_box()
        assert box["y"] + box["height"] < 900
    page.get_by_role("link", name="Start reading").click()
    page.wait_for_load_state()
    assert page.url.endswith("01_the_whole_machine.html")
    assert faults == []


def test_the_game_is_played_by_keyboard_and_names_every_price(site, visit):
    page, faults = visit(site / "index.html")
    game = page.locator(".llm-game .llm-figure")
    field = game.get_by_role("textbox")
    field.fill("the")
    field.press("Enter")
    prices = [row.inner_text() for row in game.locator(".bars li").all()]
    players = ["you", "1-gram", "2-gram", "4-gram", "oracle"]
    assert len(prices) == len(players)
    for player, price in zip(players, prices, strict=True):
        assert re.match(rf"{player}\b.*\b\d+\.\d\d$", price, re.S), price
    assert faults == []


def test_a_whole_card_leads_to_its_chapter(site, visit):
    page, _ = visit(site / "index.html")
    cards = page.locator("ol.llm-cards > li")
    assert cards.count() == 30
    written = page.locator("ol.llm-cards > li:has(a)").nth(2)
    title = written.locator("a").inner_text()
    page.mouse.click(*middle(written.locator("p").last))
    page.wait_for_load_state()
    assert title in page.locator("article h1").inner_text()


def test_the_mark_is_in_the_header_and_the_tab(site, visit):
    page, _ = visit(site / "index.html")
    assert (
        page.locator(".navbar-brand img").first.evaluate("i => i.naturalWidth") > 0
    )
    icon = page.locator("link[rel~=icon]").get_attribute("href")
    assert (site / icon.split("?")[0]).read_text().startswith("<svg")
    with Image.open(site / "_static/share.png") as picture:
        assert picture.size == (1200, 630)


def middle(element) -> tuple[float, float]:
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
