"""The command line: the only place that parses, prints and draws.

A command is a dataclass in a file of its own: its fields are the options, the comments
above them are their help, and calling it does the work. `COMMANDS` lists them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from llm.cli.errors import complain, out_of_memory, reason
from llm.cli.options import PROGRAM, Usage, parse
from llm.files import write_utf8


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0; 1 for bad input, 2 for bad options, 130 after
    Ctrl-C; what went wrong is said in one line."""
    write_utf8()
    try:
        code = parse(sys.argv[1:] if argv is None else argv)() or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return complain("stopped", 130)
    except BrokenPipeError:  # whoever reads has read enough
        return complain("", 0)
    except Usage as error:
        return complain(f"{error} (see {PROGRAM} --help)", 2)
    except (ValueError, OSError) as error:
        return complain(reason(error), 1)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return complain(
            f"memory ran out ({error}): choose a smaller model, or fewer rows at once "
            f"with --micro-batch-size",
            1,
        )
