"""`make lab`: each workbook runs, and runs again, and reads as it should."""

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

from tests.house.plain import left_over

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "for-this-test-only"
MOST = 3  # chapters in one run of these tests, or WORKBOOKS=all


def in_turn(chapters: list[Path], run: int, most: int = MOST) -> list[Path]:
    """The chapters of one run: the next ones after those of the run before.

    >>> in_turn(["a", "b", "c", "d"], run=1)
    ['a', 'b', 'd']
    """
    first = run * most
    chosen = {(first + k) % len(chapters) for k in range(most)}
    return [chapter for i, chapter in enumerate(chapters) if i in chosen]


def this_run() -> int:
    """A number that grows from run to run: that of CI, or how many commits there are."""
    if number := os.environ.get("GITHUB_RUN_NUMBER"):
        return int(number)
    asked = ["git", "rev-list", "--count", "HEAD"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    return int(said.stdout.strip() or 0)


CHAPTERS = sorted((ROOT / "chapters").glob("[0-9]*.ipynb"))
if os.environ.get("WORKBOOKS") != "all":
    CHAPTERS = in_turn(CHAPTERS, this_run())
# All cells of the page, not only those in sight; and no news from the network.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}
# Run all cells, then all of them once more, and gather what went wrong after each run.
RUN_TWICE = """() => {
  const { commands, shell } = window.jupyterapp;
  const { content, context } = shell.currentWidget;
  const said = (cell, kind) => [...cell.node.querySelectorAll(kind)]
    .map((element) => `cell ${content.widgets.indexOf(cell)}: ${element.textContent}`);
  const expected = (cell) => cell.model.getMetadata("tags")?.includes("raises-exception");
  const faults = () => content.widgets.flatMap((cell) => [
    ...said(cell, "[data-mime-type*=stderr]"),
    ...(expected(cell) ? [] : said(cell, "[data-mime-type*=error]")),
    ...(cell.model.type === "code" && !cell.model.executionCount ? said(cell, "*") : []),
  ]);
  window.faults = [];
  const run = async () => {
    await commands.execute("notebook:run-all-cells");
    await new Promise((done) => setTimeout(done, 1000));
    window.faults.push(...faults());
  };
  context.ready
    .then(() => context.sessionContext.ready)
    .then(() => context.sessionContext.session.kernel.info)
    .then(run)
    .then(run)
    .catch((error) => window.faults.push(String(error)))
    .finally(() => { window.ran = true; });
}"""
PROSE = """() => [...document.querySelectorAll(".jp-MarkdownOutput")].map((element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("code, pre, mjx-container").forEach((part) => part.remove());
  return copy.innerText;
}).join("\\n\\n")"""
BROKEN = """() => [
  ...document.querySelectorAll(".jp-Notebook mjx-merror, .jp-Notebook img:not([src])"),
  ...[...document.querySelectorAll(".jp-MarkdownOutput a[href='']")],
].map((element) => element.outerHTML)"""
UNCAPTIONED = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets;
  const shows = (cell) => cell.model.type === "code" && cell.model.outputs.toJSON()
    .some((output) => output.data?.["image/png"]);
  return cells.filter((cell, i) => shows(cell) &&
      !/^\\s*Figure \\d+\\.\\d+\\. \\S/.test(cells[i + 1].node.innerText))
    .map((cell) => cell.model.sharedModel.getSource());
}"""
FOLDED = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.getMetadata("jupyter")?.source_hidden)
  .map((cell) => cell.inputHidden)"""
# Where nbgrader puts its buttons: menus, toolbars, sidebars, the launcher.
TEACHERS = re.compile(
    r"nbgrader|validate|formgrader|create assignment|assignment list"
)
CHROME = """() => [...document.querySelectorAll(
  ".lm-MenuBar, .jp-Toolbar, .jp-SideBar, .jp-Launcher, .lm-Widget[title]"
)].map((element) => element.innerText + " " + element.innerHTML).join(" ").toLowerCase()"""
IN_SIGHT = """(place) => {
  const top = document.querySelector(`[data-jupyter-id="${place}"]`)
    ?.getBoundingClientRect().top;
  return 0 < top && top < window.innerHeight;
}"""
CURRENT = """(name) =>
  window.jupyterapp.shell.currentWidget?.context?.path.endsWith(name)"""
IDLE = ".jp-Notebook-ExecutionIndicator[data-status=idle]"
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
    """The address of the JupyterLab that `make lab` opens, in a folder of its own."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "data", home / "data")
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
    command = [
        sys.executable,
        "tools/make_workbook.py",
        "--folder",
        home / "workbook",
    ]
    command += ["--lab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **folders},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def pages(lab, chromium, request):
    """The workbooks, each in a page of its own, all of them running at once."""
    params = [getattr(item, "callspec", None) for item in request.session.items]
    chosen = {p.params["chapter"] for p in params if p and "chapter" in p.params}
    opened = {}
    for chapter in sorted(chosen):
        context = chromium.new_context(viewport={"width": 1400, "height": 1000})
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        workspace = f"{lab}/lab/workspaces/{chapter.stem}"  # with this chapter only
        page.goto(f"{workspace}/tree/{chapter.name}?token={TOKEN}")
        page.wait_for_selector(IDLE, timeout=180_000)
        opened[chapter] = page, errors
    for page, _ in opened.values():  # when none has to be opened beside the running
        page.evaluate(RUN_TWICE)
    yield opened
    for page, _ in opened.values():
        page.context.close()


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request, pages):
    """A workbook that has been run twice: the chapter, its page, what went wrong."""
    page, errors = pages[request.param]
    page.wait_for_function("window.ran", timeout=900_000)
    return request.param, page, [*page.evaluate("window.faults"), *errors]


@pytest.mark.parametrize("n", [3, 4, 12, 18])
def test_every_workbook_has_its_turn(n):
    chapters = [Path(f"{i}") for i in range(n)]
    runs = [in_turn(chapters, run) for run in range(-(-n // MOST))]
    assert {chapter for run in runs for chapter in run} == {*chapters}
    assert {len(run) for run in runs} == {MOST}


def test_every_cell_runs_and_runs_again_without_a_warning(chapter):
    _, _, faults = chapter
    assert faults == []


def test_a_reader_sees_no_markup_and_every_caption(chapter):
    _, page, _ = chapter
    assert left_over(page.evaluate(PROSE)) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(UNCAPTIONED) == []
    folded = page.evaluate(FOLDED)
    assert folded and all(folded)


def test_nothing_is_there_that_is_for_teachers(chapter):
    _, page, _ = chapter
    assert TEACHERS.findall(page.evaluate(CHROME)) == []


def test_what_moves_answers(chapter):
    path, page, _ = chapter
    source = path.read_text(encoding="utf-8")
    figures = page.query_selector_all(".llm-figure[data-live]")
    assert len(figures) == source.count(
        'class=\\"llm-figure\\"'
    )  # of the stored run
    for figure in figures:
        assert dead_controls(page, figure) == []
    panels = page.query_selector_all(PANELS)
    assert len(panels) == len(
        re.findall(r"\b(viz\.panel|machines_panel)\(", source)
    )
    for panel in panels:
        answers(page, panel)


def test_a_reference_leads_to_its_figure_and_an_exercise_to_its_solution(chapter):
    path, page, _ = chapter
    if link := page.query_selector(".jp-MarkdownOutput a[href^='#fig-']"):
        link.click()
        place = link.get_attribute("href").removeprefix("#")
        page.wait_for_function(IN_SIGHT, arg=place)
    page.query_selector("a[href*='_solutions.ipynb'][href*='#Exercise']").click()
    solutions = f"{path.stem}_solutions.ipynb"
    page.wait_for_function(CURRENT, arg=solutions)


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
