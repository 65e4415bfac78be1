"""What is the same in every notebook of the book."""

from __future__ import annotations

import re

METADATA = {
    "kernelspec": {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def python_of(source: str) -> str:
    """The Python of a code cell, line for line: IPython's magics do nothing.

    >>> python_of("%pip install x\\ny = 1")
    'pass\\ny = 1'
    """
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.M)
