"""How the commands of the classroom read their options and say what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import tyro

from llm.files import write_utf8


def run(command: type[Callable[[], int]]) -> None:
    """Run a command, a dataclass whose call does the work, and exit as it says.

    Its fields are the options, the comments above them their help. Bad input is one
    line on standard error and the status 1, bad options 2, Ctrl-C 130.
    """
    write_utf8()  # a page of code from Windows has no ✓
    if twice := repeated(sys.argv[1:]):
        print(
            f"error: {twice} is given twice: write all its values after one",
            file=sys.stderr,
        )
        sys.exit(2)
    wanted = tyro.cli(command, config=(tyro.conf.FlagCreatePairsOff,))
    try:
        status = wanted()
    except KeyboardInterrupt:
        print("stopped; what is done is kept", file=sys.stderr)
        status = 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 1
    sys.exit(status)


def repeated(words: Sequence[str]) -> str:
    """An option that stands there more than once: only its last values would count."""
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((o for i, o in enumerate(options) if o in options[:i]), "")
