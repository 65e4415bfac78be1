"""What the teacher's guide names is there: commands, options, files, messages."""

import re

import pytest
from guide import GUIDE, ROOT

from classroom.course import Course
from classroom.grade import GRACE_SECONDS, limits_of
from classroom.wrong_answers import wrong_answers

COMMANDS = sorted(set(re.findall(r"python -m (classroom\.\w+)", GUIDE)))
SOURCES = "\n".join(
    re.sub(r"[\"'({]?\s*\n\s*f?[\"']", "", path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "classroom").rglob("*.py"))
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_has_the_options_that_it_shows(command):
    module = ROOT / f"{command.replace('.', '/')}.py"
    source = module.read_text(encoding="utf-8")
    assert "run(" in source.partition("__main__")[2]
    for option in re.findall(rf"{command} [^`\n]*?--(\w+)", GUIDE):
        assert re.search(rf"^    {option}: ", source, re.M), option


def test_every_target_of_make_in_the_guide_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (book|grade|test|lab)\b", GUIDE)):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize(
    "message",
    [
        "students' code runs in a sandbox or not at all",
        "is not in the gradebook yet",
        "nobody has sent",
        "has ended Python",
        "stopped after",
        "has changed since it was released",
        "the sandbox failed, not the work",
        "changed since it was graded",
        "is working on",
        "a newer upload can't be read",
        "left, though not older",
        "holds notebooks of",
        "nothing sent",
        "not on the roster",
        "no notebook (*.ipynb): ",
        "points less",
    ],
)
def test_every_message_that_the_guide_explains_is_one(message):
    assert message in GUIDE
    assert message in SOURCES


def test_guide_handout_and_grader_name_the_same_limits(tmp_path):
    limits = limits_of(Course(ROOT / "assignments", "ps3"))
    handout = ROOT / "assignments/source/ps3/handout.md"
    for text in (GUIDE, handout.read_text(encoding="utf-8")):
        ((cell, call, whole),) = re.findall(
            r"cell may run for (\d+) seconds, each call .*? may take (\d+) seconds,? "
            r"and (?:a|the) whole notebook (\d+)",
            text,
        )
        assert int(cell) == int(call) == limits.cell_seconds
        assert int(whole) == limits.total_seconds
    assert not re.search(r"ten seconds\b", handout.read_text(encoding="utf-8"))


def test_the_points_in_the_guide_are_those_of_the_wrong_answers():
    given = {(answer.task, answer.gets) for answer in wrong_answers("ps3")}
    names = {
        "loudness": "loudness", "half-life": "half_life_bias",
        "interpreter": "interpreter_mask", "branches": "tree_mask",
        "hearsay": "hearsay", "nobody": "careful_attention", "readers": "merge",
        "looking back": "look_back_views", "what followed": "what_followed",
    }  # fmt: skip
    rows = re.findall(
        r"^\| (?:\d ([\w -]+))? ?\| .* \| (\d+)( to \d+)?", GUIDE, re.M
    )
    assert len(rows) > 25
    task = ""
    for name, points, _ in rows:
        task = names[name.strip()] if name else task
        assert (task, float(points)) in given


def test_the_guide_says_how_long_a_submission_can_take():
    limits = limits_of(Course(ROOT / "assignments", "ps3"))
    longest = limits.longest_seconds + GRACE_SECONDS
    assert "longer than eleven minutes" in GUIDE and longest == 11 * 60
