"""What the teacher's guide shows, for tests to try."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "chapters/appendix_f_teachers_guide.md").read_text(encoding="utf-8")


def python(word: str) -> str:
    """The one block of Python in the guide that holds a word."""
    blocks = re.findall(r"(?ms)^ *```python\n(.*?)^ *```", GUIDE)
    (found,) = [block for block in blocks if word in block]
    indent = re.match(" *", found)[0]
    return re.sub(rf"(?m)^{indent}", "", found)
