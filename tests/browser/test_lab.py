"""JupyterLab opens each chapter and runs it; what moves in it answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from figures import dead_controls

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "for-this-test-only"
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))
# All cells of the page, not only those in sight; and no news from the network.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}
RUN_ALL = """() => {
  const { context } = window.jupyterapp.shell.currentWidget;
  const run = () => window.jupyterapp.commands.execute("notebook:run-all-cells");
  context.ready
    .then(() => context.sessionContext.ready)
    .then(() => context.sessionContext.session.kernel.info)
    .then(run)
    .finally(() => { window.ran = true; });
}"""
ERRORS = """() => [...document.querySelectorAll(".jp-Notebook .jp-Cell")]
  .map((element, i) => [i, element.querySelector("[data-mime-type*=error]")])
  .filter(([i, error]) => error && !window.jupyterapp.shell.currentWidget.content
    .widgets[i].model.getMetadata("tags")?.includes("raises-exception"))
  .map(([i, error]) => `cell ${i}: ${error.textContent}`)"""
NOT_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === "code" && !cell.model.executionCount)
  .map((cell) => cell.model.sharedModel.getSource())"""
PANELS = ".jp-OutputArea-output:has(.widget-slider)"
# What a panel shows, without its sliders.
ANSWER = """async (panel) => {
  const copy = panel.cloneNode(true);
  copy.querySelectorAll(".widget-slider").forEach((slider) => slider.remove());
  const read = async (image) => {
    const bytes = await (await fetch(image.src)).arrayBuffer();
    return [...new Uint8Array(bytes)].join();
  };
  const pictures = await Promise.all([...panel.querySelectorAll("img")].map(read));
  return copy.textContent + pictures.join();
}"""


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


def wait_for(address: str, process: subprocess.Popen) -> None:
    """Return when the server answers."""
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            assert process.poll() is None, "JupyterLab has stopped"
            time.sleep(0.2)
    raise AssertionError("JupyterLab does not answer")


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """The address of a JupyterLab of its own, on a copy of the chapters and of what
    they load."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("chapters", "data"):
        shutil.copytree(ROOT / folder, home / folder)
    for name, values in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    folders = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}"]
    command += [
        f"--ServerApp.root_dir={home}",
        "--LabApp.expose_app_in_browser=True",
    ]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **folders}, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_and_answers_in_jupyterlab(lab, chromium, request, chapter):
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    request.addfinalizer(context.close)
    page = context.new_page()
    workspace = f"{lab}/lab/workspaces/{chapter.stem}"  # with this chapter only
    page.goto(f"{workspace}/tree/chapters/{chapter.name}?token={TOKEN}")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.evaluate(RUN_ALL)
    page.wait_for_function("window.ran", timeout=600_000)
    page.wait_for_timeout(1000)
    assert page.evaluate(ERRORS) == []
    assert page.evaluate(NOT_RUN) == []
    source = chapter.read_text(encoding="utf-8")
    figures = page.query_selector_all(".llm-figure[data-live]")
    assert len(figures) == len(
        re.findall(r"\b(viz\.interactive|three_machines)\(", source)
    )
    for figure in figures:
        assert dead_controls(page, figure) == []
    panels = page.query_selector_all(PANELS)
    assert len(panels) == len(
        re.findall(r"\b(viz\.panel|machines_panel)\(", source)
    )
    for panel in panels:
        answers(page, panel)


def answers(page, panel) -> None:
    """Move each slider of a panel to its ends, and see that the rest changes."""
    for slider in panel.query_selector_all(".widget-slider .slider"):
        slider.scroll_into_view_if_needed()
        before = panel.evaluate(ANSWER)
        assert any(moved(page, panel, slider, before, end) for end in (0.98, 0.02))


def moved(page, panel, slider, before: str, end: float) -> bool:
    """Whether the panel shows something else soon after a click at that end."""
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] * end, "y": box["height"] / 2})
    for _ in range(50):
        if panel.evaluate(ANSWER) != before:
            return True
        page.wait_for_timeout(100)
    return False
