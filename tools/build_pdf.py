"""Build the printed book, `_build/llm-from-scratch.pdf`; say what TeX lacks.

Usage: python tools/build_pdf.py
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "_ext")]

from book_edition import edition  # noqa: E402

LATEX = ROOT / "_build/latex"
PDF = ROOT / "_build/llm-from-scratch.pdf"
PROGRAMS = ["xelatex", "latexmk", "xindy", "kpsewhich"]
STYLES = ["unicode-math.sty", "titlesec.sty", "tcolorbox.sty", "newunicodechar.sty"]
DEBIAN = (
    "texlive-xetex texlive-latex-recommended texlive-latex-extra latexmk xindy "
    "texlive-fonts-recommended lmodern fonts-texgyre fonts-texgyre-math"
)
FAULT = re.compile(
    r"Missing character: .*|LaTeX Warning: (?:Reference|Citation|Hyper ref).*"
)


def lacking() -> list[str]:
    """The programs and styles that print needs and this machine lacks."""
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    if programs:
        return programs
    return [
        s
        for s in STYLES
        if subprocess.run(["kpsewhich", s], capture_output=True).returncode
    ]


def faults(log: str) -> list[str]:
    """The lines of TeX's log that tell of a lost character or reference."""
    return sorted(set(FAULT.findall(log)))


def day_of_release() -> dict[str, str]:
    """What makes TeX date the PDF by the edition, not by the clock."""
    day = edition().released
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {
        "SOURCE_DATE_EPOCH": f"{moment.timestamp():.0f}",
        "FORCE_SOURCE_DATE": "1",
    }


def build() -> int:
    """Have Sphinx write the TeX and TeX the PDF.

    What an earlier run left is removed: TeX stops at half a file of one that was cut.
    """
    shutil.rmtree(LATEX, ignore_errors=True)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT]
    command += ["--builder", "pdflatex", "--all", "-W", "-n", "--keep-going"]
    return subprocess.run(command, env=os.environ | day_of_release()).returncode


def main() -> int:
    if missing := lacking():
        print(
            f"The printed book needs TeX; here is no {', '.join(missing)}.\n"
            f"On Debian or Ubuntu: sudo apt-get install {DEBIAN}"
        )
        return 1
    if build():
        return 1
    log = (LATEX / "llm-from-scratch.log").read_text(
        encoding="utf-8", errors="replace"
    )
    if found := faults(log):
        print("\n".join(found))
        return 1
    shutil.copyfile(LATEX / "llm-from-scratch.pdf", PDF)
    print(
        f"{PDF.relative_to(ROOT)}; `make book` puts it behind a button of the site"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
