"""Another browser: the exported page and the site's figures answer in Firefox too."""

from __future__ import annotations

import shutil

import pytest
import test_export_page
import torch

from llm.generate import first_ids

NAMES = ("firefox-esr", "firefox")
ROOT_OF_FIGURE = 'document.querySelector(".llm-figure > div").shadowRoot'
TOKENS = f"""[...{ROOT_OF_FIGURE}.querySelectorAll(".tokens [role=option]")]
  .map((token) => token.ariaLabel)"""
# Set a control by its label, as a reader's keyboard does.
SET = f"""((name, value) => {{
  const labels = [...{ROOT_OF_FIGURE}.querySelectorAll("label")];
  const control = labels.find((label) => label.textContent.trim().startsWith(name))
    .querySelector("input");
  control.value = value;
  control.dispatchEvent(new Event("input", {{ bubbles: true }}));
  control.dispatchEvent(new Event("change", {{ bubbles: true }}));
}})"""
WRITE = f"""(async () => {{
  const write = () => [...{ROOT_OF_FIGURE}.querySelectorAll("button")]
    .find((button) => button.textContent === "Write");
  write().click();
  while (!write()) await new Promise((done) => setTimeout(done, 20));
}})()"""
LIVE = """[...document.querySelectorAll(".llm-figure")]
  .map((figure) => figure.dataset.live !== undefined)"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Firefox on this machine")
    api = pytest.importorskip("firefox")
    browser = api.Firefox(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def quiet(firefox):
    """No page may have an error, or ask the network for something."""
    firefox.faults.clear()
    yield
    firefox.run("1")  # what has happened until now is heard before its answer
    assert firefox.faults == []


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_exported_page_writes_what_the_model_writes(
    firefox, tmp_path, architecture
):
    path, model, tokenizer = test_export_page.page_with(
        tmp_path, architecture=architecture, beginning="The cat"
    )
    firefox.open(path)
    firefox.run(f'{SET}("Temperature", "0")')
    firefox.run(f'{SET}("Tokens", "20")')
    firefox.run(WRITE)
    ids = first_ids(tokenizer, "The cat")
    for _ in range(20):
        with torch.no_grad():
            ids.append(model(torch.tensor([ids]))[0, -1].argmax().item())
    assert firefox.run(TOKENS) == [
        test_export_page.named(tokenizer, i) for i in ids
    ]


def test_every_figure_of_the_site_is_live(site, firefox):
    dead = []
    for path in sorted(site.rglob("*.html")):
        if 'class="llm-figure"' in path.read_text(encoding="utf-8"):
            firefox.open(path)
            if not (alive := firefox.run(LIVE)) or not all(alive):
                dead.append(f"{path.name}: {alive}")
    assert not dead


def test_an_error_of_a_page_is_heard(firefox, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<script>nonsense()</script><img src='http://a.invalid/b.png'>")
    firefox.open(path)
    firefox.run("1")
    assert any("nonsense" in fault for fault in firefox.faults)
    assert any("a.invalid" in fault for fault in firefox.faults)
    firefox.faults.clear()
