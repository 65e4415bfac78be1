"""How the tests run a command, in their own process."""

from llm.cli import main


def call(capsys, *argv):
    """Exit code, standard output, standard error."""
    capsys.readouterr()
    code = main([str(word) for word in argv])
    return code, *capsys.readouterr()
