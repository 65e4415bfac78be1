"""`python -m llm`: the commands are in `llm.cli`."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C while it is still imported is no traceback."""
    try:
        from llm.cli import main
    except KeyboardInterrupt:
        print("error: stopped", file=sys.stderr)
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(main())
