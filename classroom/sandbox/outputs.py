"""What a cell shows, as it comes out of a sandbox: text and pictures, checked.

Whoever answers in there may be anybody. So nothing is taken over but text of a
reasonable length, in characters that can be written, and pictures that are PNG by
name and base64 by form; nothing that a browser would run.
"""

from __future__ import annotations

import base64
import json
from itertools import accumulate, groupby
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

TEXT = 20_000  # characters of a piece of output that are worth reading


def error_output(kind: str, message: str, *more: str) -> NotebookNode:
    """An error that a cell is said to have ended with, in our own words."""
    lines = clipped("\n".join([f"{kind}: {message}", *more])).splitlines()
    return new_output("error", ename=kind, evalue=clipped(message), traceback=lines)


def plain_outputs(answer: Any, room: int) -> list[NotebookNode]:
    """The outputs of a cell: text and pictures, nothing that a browser would run.

    room: characters of all of them together; the first that does not fit ends it.
    """
    try:
        whole = answer[:1] == ["error"]  # there is nothing but the reason why
        outputs = [_output(*item) for item in joined([answer] if whole else answer)]
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
        return [error_output("Ended", "the cell sent what no cell sends")]
    sizes = accumulate(len(json.dumps(output)) for output in outputs)
    return [o for o, size in zip(outputs, sizes, strict=True) if size < room + TEXT]


def joined(answer: list) -> list[list]:
    """The outputs, where pieces of the same stream in a row become one."""
    rows: list[list] = []
    for key, items in groupby(answer, key=lambda item: item[:2]):
        if key[0] == "stream":
            rows.append([*key, "".join(str(item[2]) for item in items)])
        else:
            rows.extend(items)
    return rows[:1000]


def _output(kind: str, *content: Any) -> NotebookNode:
    if kind == "stream":
        name = "stderr" if content[0] == "stderr" else "stdout"
        return new_output("stream", name=name, text=clipped(content[1]))
    if kind == "error":
        name, message, lines = content
        return new_output(
            "error",
            ename=clipped(str(name)[:100]),
            evalue=clipped(str(message)[:2000]),
            traceback=clipped("\n".join(map(str, lines))).splitlines(),
        )
    data = {"text/plain": clipped(str(content[0].get("text/plain", "")))}
    if picture := content[0].get("image/png"):
        pixels = base64.b64decode(str(picture))
        data["image/png"] = base64.b64encode(pixels).decode()
    return new_output("display_data", data)


def clipped(text: str) -> str:
    """As much of it as is worth reading, in characters that can be written."""
    text = text if len(text) <= TEXT else text[:TEXT] + "\n... and more"
    return text.encode(errors="replace").decode()
