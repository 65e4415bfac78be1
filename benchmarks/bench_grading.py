"""How long a class waits for its grades, beside nbgrader as it comes.

    python benchmarks/bench_grading.py [--assignment ps3] [--submissions 10]

The submissions are the teacher's own solution, so that nbgrader, which would run
anything, may run them too. Ours are graded in the sandbox, two at a time, as with
`make grade JOBS=2`, feedback and tables included, and one at a time; theirs by
`nbgrader autograde`, without feedback. Each is a command of its own, started cold.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
SAFE = "from classroom.settings import configure\nc = get_config()\nconfigure(c)\n"
STOCK = "c = get_config()\nc.ClearMarkScheme.enforce_metadata = False\n"
TARGET = 60  # seconds for ten


def course(folder: Path, config: str, assignment: str, n: int) -> Path:
    """A course with n submissions that are the solution."""
    source = ROOT / "assignments" / "source" / assignment
    shutil.copytree(source, folder / "source" / assignment)
    (folder / "nbgrader_config.py").write_text(config)
    run(folder, "-m", "nbgrader", "generate_assignment", assignment, "--create")
    for number in range(n):
        place = folder / "submitted" / f"student{number:02}" / assignment
        place.mkdir(parents=True)
        shutil.copy(source / f"{assignment}.ipynb", place)
    return folder


def run(folder: Path, *words: str) -> float:
    """Run Python with these words in a folder; the seconds it takes."""
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    start = perf_counter()
    subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=settings,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", nargs="?", help="not needed here")
    parser.add_argument("--assignment", default="ps3")
    parser.add_argument("--submissions", type=int, default=10)
    options = parser.parse_args()
    name, n = options.assignment, options.submissions
    grade = ("-m", "classroom.grade", name, "--course", ".", "--again", "--jobs")
    with tempfile.TemporaryDirectory() as place:
        safe = course(Path(place, "safe"), SAFE, name, n)
        stock = course(Path(place, "stock"), STOCK, name, n)
        times = {
            "ours, two at a time": run(safe, *grade, "2"),
            "ours, one at a time": run(safe, *grade, "1"),
            "nbgrader autograde": run(stock, "-m", "nbgrader", "autograde", name),
        }
    theirs = times["nbgrader autograde"]
    print(f"{n} submissions of {name}:")
    for who, seconds in times.items():
        each, ratio = seconds / n, seconds / theirs
        print(f"{who:<22}{seconds:7.1f} s {each:6.2f} s each {ratio:6.2f} × theirs")
    print(f"target: two at a time in less than {TARGET * n / 10:g} s")


if __name__ == "__main__":
    main()
