"""From words to commands: options are read by tyro, from the dataclasses."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import tyro

from llm.cli.corpus import Corpus
from llm.cli.evaluate import Evaluate
from llm.cli.export import Export
from llm.cli.sample import Sample
from llm.cli.tokenize import Tokenize
from llm.cli.train import STORIES, Train
from llm.runs import (
    newest_run,
    saved_config,
)

PROGRAM = "python -m llm"
COMMANDS: dict[str, Callable[..., Callable[[], int | None]]] = {
    "corpus": Corpus,
    "tokenize": Tokenize,
    "train": Train,
    "sample": Sample,
    "evaluate": Evaluate,
    "export": Export,
}


class Usage(ValueError):
    """The options are not understood."""


def parse(argv: Sequence[str]) -> Callable[[], int | None]:
    """The command that the words ask for. Raises `Usage` where they make no sense.

    Stories have their own settings to begin with, and so has a run that goes on.
    """
    refuse_repeated(argv)
    if list(argv[:1]) == ["train"] and corpus_in(argv) == "stories":
        command = parse_train(argv, STORIES)
    else:
        subcommands = tyro.extras.subcommand_cli_from_dict
        command = understood(subcommands, COMMANDS, args=argv, prog=PROGRAM)
    if isinstance(command, Train) and command.resume:
        run = command.folder or newest_run("*/config.json")
        command = parse_train(argv, saved_config(run, Train))
    return command


def refuse_repeated(argv: Sequence[str]) -> None:
    """Raises `Usage` for an option that is given twice; only the last would count."""
    words = [re.match(r"--[A-Za-z][\w-]*(?==|$)", word) for word in argv]
    names = [word.group().replace("_", "-") for word in words if word]
    for name in names:
        if names.count(name) > 1:
            raise Usage(
                f"{name} is given twice; give it once, and what belongs to it behind "
                f"it"
            )


def parse_train(argv: Sequence[str], default: Train) -> Train:
    """The options of `train`, over other defaults than usual."""
    program = f"{PROGRAM} train"
    return understood(tyro.cli, Train, args=argv[1:], prog=program, default=default)


def corpus_in(argv: Sequence[str]) -> str | None:
    """What stands behind --corpus, known before the defaults are."""
    words = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    words.add_argument("--corpus", nargs="?")
    return words.parse_known_args(argv)[0].corpus


def understood(parser: Callable, *args: Any, **options: Any) -> Any:
    """What the parser returns; its complaints become a `Usage` of one line."""
    complaint = StringIO()
    try:
        with redirect_stderr(complaint):
            return parser(*args, config=(tyro.conf.FlagCreatePairsOff,), **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise Usage(in_one_line(complaint.getvalue())) from stop


def in_one_line(complaint: str) -> str:
    """What tyro says, whatever frame a release of it draws around that, in one line.

    >>> in_one_line("╭─ Parsing error ─╮\\n│ Missing --text │\\n╰────────────────╯")
    'Missing --text'
    """
    lines = complaint.splitlines()
    if len(lines) > 1 and "╭" in lines[0]:  # a title
        del lines[0]
    text = re.sub("[\u2500-\u257f]|-{9,}", " ", " ".join(lines))
    text = " ".join(text.split())
    # For beauty alone: where a release words these otherwise, they stay.
    text = re.sub(" (For full|Argument) helptext.*| Perhaps you meant.*", "", text)
    return re.sub(r"Error parsing (__\S+|[A-Z]\w*:) ", "", text)
