"""The settings of the course; nbgrader reads them in its own directory, this one.

What is needed to grade safely is in `classroom.settings`. Here is the place for what
a teacher may want to change: see `nbgrader generate_config`.
"""

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # where classroom/ lies

from classroom.settings import configure

c = get_config()  # noqa: F821  (nbgrader defines it)
configure(c)
c.CourseDirectory.course_id = "llm-from-scratch"
# What one submission may take; all of them are in classroom.sandbox.limits.Limits.
c.SandboxedExecute.limits = {"cell_seconds": 30, "total_seconds": 300}
