"""Which cell of a submission is which, and in which order they run.

Students move cells, merge them, copy them into new ones, turn them into text. What
they have written of an answer counts wherever it stands, and never loses against
the stub that was handed out. Given cells and tests are those of the assignment;
tests run in the order handed out, none before what it tests.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.utils import is_locked

from classroom.cells import is_answer, is_test, name_of, without_region
from classroom.names import (
    asked_by,
    bound_by,
    commented,
    is_note,
    meaning,
    names_in,
    span,
    statements,
)
from classroom.sent import OURS, notes_in

NOBODY = frozenset()
# What is noted of a cell that had to be put right.
PUT_BACK = "was missing, and has been put back"
NOT_ANSWERED = "was missing, and no other cell has an answer"
ELSEWHERE = "was answered in another cell, which counts"
AS_TEXT = "came as text, and was run as code"
CHANGED = "had been changed, and is as it was handed out"
ADDED_TO = "had been changed, and is as it was handed out; what was added is kept"
BESIDE = "was left empty, and something is written beside it"


# --- What was handed out -------------------------------------------------------------


@dataclass(frozen=True)
class HandOut:
    """The cells of an assignment, by their names in their order, and what follows."""

    given: Mapping[str, NotebookNode]
    # The names that each answer in code has to define.
    asked: Mapping[str, frozenset[str]]
    # The answer that each test is for; "" if it is for none.
    tests: Mapping[str, str]
    # What the given cells of code bind, and what the tests bind.
    bound: Mapping[str, frozenset[str]]
    bound_by_tests: frozenset[str]
    # What the stubs say, statement by statement.
    stubs: frozenset[str]

    @classmethod
    def of(cls, given: Mapping[str, NotebookNode]) -> HandOut:
        code = {n: cell for n, cell in given.items() if cell.cell_type == "code"}
        binds = {name: names_in(cell.source).binds for name, cell in code.items()}
        tests, answer = {}, ""
        for name, cell in code.items():
            answer = name if is_answer(cell) else answer
            tests |= {name: answer} if is_test(cell) else {}
        answers = [name for name, cell in code.items() if is_answer(cell)]
        stubs = {
            meaning(statement)
            for name in answers
            for statement in statements(code[name].source)
            if not is_note(statement)
        }
        return cls(
            given,
            {name: asked_of(name, code, binds, tests) for name in answers},
            tests,
            {n: binds[n] for n in code if n not in {*answers, *tests}},
            NOBODY.union(*(binds[name] for name in tests)),
            frozenset(stubs),
        )

    def written(self, source: str) -> frozenset[str]:
        """The names that a cell defines of those that are asked for; not as a stub."""
        wanted = names_in(source).binds & NOBODY.union(*self.asked.values())
        if not wanted:
            return NOBODY
        own = [s for s in statements(source) if meaning(s) not in self.stubs]
        return wanted & NOBODY.union(*map(bound_by, own))

    def is_stub(self, name: str, source: str) -> bool:
        """Is this what was handed out as the place for an answer, and nothing more?"""
        given = self.given[name]
        if given.cell_type != "code":
            return source.strip() in ("", given.source.strip())
        return meanings(source) == meanings(given.source)


def asked_of(
    answer: str,
    code: Mapping[str, NotebookNode],
    binds: Mapping[str, frozenset[str]],
    tests: Mapping[str, str],
) -> frozenset[str]:
    """The names that an answer has to define: those of its stub, or, if the whole cell
    is the answer, those that its tests ask for and no other stub has."""
    if binds[answer]:
        return binds[answer]
    found: set[str] = set()
    known = {n for name in code if not is_answer(code[name]) for n in binds[name]}
    for test in (name for name in tests if tests[name] == answer):
        found |= asked_by(code[test].source, known - binds[test])
    return frozenset(found).difference(*(binds[n] for n in code if n != answer))


def meanings(source: str) -> list[str]:
    """What a cell says; comments, docstrings and the form of it do not count."""
    if source.strip() and not statements(source):
        return [" ".join(without_comments(source).split())]
    return [meaning(s) for s in statements(source) if not is_note(s)]


def without_comments(source: str) -> str:
    lines = source.split("\n")
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


# --- What was sent --------------------------------------------------------------------


@dataclass
class Piece:
    """A cell of a submission on its way to its place."""

    cell: NotebookNode
    # Which of the given cells it is; "" if it is the student's own.
    name: str = ""
    # The names it defines of those that are asked for.
    written: frozenset[str] = NOBODY
    # Handed out without a name, so that it is not the student's own.
    loose: bool = False
    # What had to be put right, and of which cell.
    note: str = ""
    of: str = ""

    @property
    def is_code(self) -> bool:
        return self.cell.cell_type == "code"


def restored(
    sent: Iterable[NotebookNode], given: Mapping[str, NotebookNode]
) -> list[NotebookNode]:
    """The sent cells, with those that were handed out as they have to be.

    given: by their names, in their order. What had to be put right is noted in the
    cells, where `notes` finds it.
    """
    hand_out = HandOut.of(given)
    pieces = split(list(sent), hand_out)
    find_answers(pieces, hand_out)
    put_back(pieces, hand_out)
    silence_stubs(pieces, hand_out)
    pieces = with_tests_in_order(with_given_in_order(pieces, hand_out), hand_out)
    note_written_beside(pieces, hand_out)
    return [finished(piece, hand_out) for piece in pieces]


def notes(cells: Iterable[NotebookNode]) -> list[str]:
    """What had to be put right in a submission, one line for each kind of it."""
    found: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if isinstance(note := notes_in(cell).get("note"), str):
            found[note].append(notes_in(cell).get("of") or name_of(cell))
    return [f"{', '.join(names)}: {note}" for note, names in found.items()]


def finished(piece: Piece, hand_out: HandOut) -> NotebookNode:
    """The cell, with what later steps want to know of it.

    note, of: what was put right, and of which cell. tests: the answer that a test is
    for. answers: those that are written here. unwritten: a stub as it was handed out.
    """
    cell, name, asked = piece.cell, piece.name, hand_out.asked
    own = [name] if name in asked else []
    written = [each for each in asked if asked[each] & piece.written]
    says = {
        "note": piece.note,
        "of": piece.of if piece.note and not name else "",
        "tests": hand_out.tests.get(name, ""),
        "answers": list(dict.fromkeys([*own, *written])),
        "unwritten": bool(own) and hand_out.is_stub(name, cell.source),
    }
    if says := {key: value for key, value in says.items() if value}:
        cell.metadata[OURS] = NotebookNode(says)
    return cell


# --- Which cell is which -------------------------------------------------------------


def split(sent: Sequence[NotebookNode], hand_out: HandOut) -> list[Piece]:
    """The sent cells as pieces; what was added to a locked one is a piece of its own.

    Of several with the name of a locked cell, the first is that cell.
    """
    pieces: list[Piece] = []
    seen: set[str] = set()
    for cell in sent:
        name = name_of(cell) if name_of(cell) in hand_out.given else ""
        if name and is_locked(hand_out.given[name]):
            again = name in seen
            seen.add(name)
            pieces += (
                [own(cell, hand_out)] if again else locked(cell, name, hand_out)
            )
        else:
            pieces.append(
                answer(cell, name, hand_out) if name else own(cell, hand_out)
            )
    here = NOBODY.union(*(piece.written for piece in pieces if piece.is_code))
    for piece in pieces:  # an answer that became text by a slip of the finger
        if not piece.is_code and (piece.written - here):
            piece.cell, piece.of = new_code_cell(piece.cell.source), "a cell"
            piece.note = AS_TEXT
        elif not piece.is_code:
            piece.written = NOBODY
    return pieces


def own(sent: NotebookNode, hand_out: HandOut) -> Piece:
    """A cell that the student has added; a raw one would reach browsers as it is."""
    new = new_code_cell if sent.cell_type == "code" else new_markdown_cell
    cell = with_pictures(new(sent.source), sent)
    loose = bool(notes_in(sent).get("handed_out"))
    return Piece(cell, written=hand_out.written(sent.source), loose=loose)


def answer(sent: NotebookNode, name: str, hand_out: HandOut) -> Piece:
    """A cell for an answer, with what the student has written into it."""
    cell = with_pictures(deepcopy(hand_out.given[name]), sent)
    cell.source = sent.source
    piece = Piece(cell, name)
    if piece.is_code:
        piece.written = hand_out.written(sent.source)
        piece.note = "" if sent.cell_type == "code" else AS_TEXT
    return piece


def locked(sent: NotebookNode, name: str, hand_out: HandOut) -> list[Piece]:
    """A locked cell as it was handed out, and what the student has added to it.

    Before a test, where it can be tested; behind all others, on which it can build.
    """
    given = hand_out.given[name]
    here = Piece(deepcopy(given), name)
    if same_cell(sent, given):
        return [here]
    code = given.cell_type == "code"
    text = (
        added_code(sent.source, name, hand_out) if code else added_text(sent, given)
    )
    here.note = ADDED_TO if text else CHANGED
    new = new_code_cell if code else new_markdown_cell
    added = with_pictures(new(text), sent)
    beside = Piece(added, written=hand_out.written(text) if code else NOBODY)
    if not text:
        return [here]
    return [beside, here] if name in hand_out.tests else [here, beside]


def with_pictures(cell: NotebookNode, sent: NotebookNode) -> NotebookNode:
    """A text with the pictures that were pasted into it."""
    if cell.cell_type == "markdown" and sent.get("attachments"):
        cell.attachments = sent.attachments
    return cell


def visible(given: NotebookNode) -> str:
    """What students see of a locked cell."""
    shown = without_region(given.source, "HIDDEN TESTS")
    return without_region(shown, "MARK SCHEME").strip()


def same_cell(sent: NotebookNode, given: NotebookNode) -> bool:
    """Is a locked cell as it was handed out, but for blanks, comments and form?"""
    shown = visible(given)
    if sent.source.split() in (shown.split(), given.source.split()):
        return True
    return given.cell_type == "code" and meanings(sent.source) == meanings(shown)


def added_text(sent: NotebookNode, given: NotebookNode) -> str:
    """The lines of a text that were not handed out."""
    known = {" ".join(line.split()) for line in given.source.split("\n")}
    lines = sent.source.split("\n")
    return "\n".join(x for x in lines if " ".join(x.split()) not in known).strip()


def added_code(source: str, name: str, hand_out: HandOut) -> str:
    """What a student has added to a locked cell of code, if it defines anything.

    What takes the place of something handed out is left away.
    """
    shown = visible(hand_out.given[name])
    if shown and shown in source:
        text = source.replace(shown, "", 1).strip()
        return text if without_comments(text).strip() else ""
    taken = hand_out.bound_by_tests.union(*hand_out.bound.values())
    known = set(meanings(shown))
    added = [
        statement
        for statement in statements(source)
        if meaning(statement) not in known
        and not isinstance(statement, ast.Assert)
        and not bound_by(statement) & taken
    ]
    lines, spans = source.split("\n"), [span(statement) for statement in added]
    if not any(bound_by(statement) for statement in added):
        return ""
    return "\n".join("\n".join(lines[first - 1 : last]) for first, last in spans)


# --- Where the answers are --------------------------------------------------------------


def find_answers(pieces: list[Piece], hand_out: HandOut) -> None:
    """Of several cells with one name the last counts in which something is written,
    but one before the test goes before one behind it; without any, a cell of the
    student's own that has this answer and no other."""
    for name, given in hand_out.given.items():
        if is_locked(given):
            continue
        claims = [i for i, piece in enumerate(pieces) if piece.name == name]
        good = [i for i in claims if has_answer(pieces[i], name, hand_out)]
        asked = hand_out.asked.get(name, NOBODY)
        if not claims:
            good = [
                i
                for i, piece in enumerate(pieces)
                if not piece.name and piece.written and piece.written <= asked
            ]
        place = first_test(pieces, name, hand_out)
        chosen = ([i for i in good if i < place] or good or claims or [None])[-1]
        for i in claims:
            if i != chosen:
                pieces[i] = demoted(pieces[i])
        if chosen is not None and not claims:
            cell = deepcopy(given)
            cell.source = pieces[chosen].cell.source
            written = pieces[chosen].written
            pieces[chosen] = Piece(cell, name, written, note=ELSEWHERE)


def has_answer(piece: Piece, name: str, hand_out: HandOut) -> bool:
    """Has the student written something into the cell for an answer?"""
    if asked := hand_out.asked.get(name):
        return bool(piece.written & asked)
    return not hand_out.is_stub(name, piece.cell.source)


def first_test(pieces: Sequence[Piece], name: str, hand_out: HandOut) -> int:
    """Where the first test of an answer stands; behind everything if there is none."""
    mine = (i for i, p in enumerate(pieces) if hand_out.tests.get(p.name) == name)
    return next((i for i in mine if pieces[i].name), len(pieces))


def demoted(piece: Piece) -> Piece:
    """A cell that bears a name and is not the one that counts."""
    new = new_code_cell if piece.is_code else new_markdown_cell
    return Piece(
        with_pictures(new(piece.cell.source), piece.cell), written=piece.written
    )


def put_back(pieces: list[Piece], hand_out: HandOut) -> None:
    """Put the cells that were lost where they were: each behind the one before it."""
    there = {piece.name for piece in pieces}
    written = NOBODY.union(*(piece.written for piece in pieces))
    for before, name in pairwise([None, *hand_out.given]):
        if name not in there:
            places = [i for i, piece in enumerate(pieces) if piece.name == before]
            place = places[0] + 1 if before else 0
            pieces.insert(place, lost(name, written, hand_out))


def lost(name: str, written: frozenset[str], hand_out: HandOut) -> Piece:
    """A cell that was handed out and did not come back; an answer says so."""
    cell = deepcopy(hand_out.given[name])
    if is_locked(cell):
        return Piece(cell, name, note=PUT_BACK)
    said = "This cell was missing from the notebook that was sent."
    if cell.cell_type != "code":
        cell.source = f"*{said}*"
        return Piece(cell, name, note=PUT_BACK)
    if hand_out.asked[name] & written:
        cell.source = f"# {said} The answer stands in another one."
        return Piece(cell, name, note=ELSEWHERE)
    cell.source = f"# {said}\n{cell.source}"
    return Piece(cell, name, note=NOT_ANSWERED)


def silence_stubs(pieces: Iterable[Piece], hand_out: HandOut) -> None:
    """Make comments of stubs whose answer is written elsewhere: they would undo it."""
    pieces = [piece for piece in pieces if piece.is_code]
    written = NOBODY.union(*(piece.written for piece in pieces))
    for piece in pieces:
        asked = hand_out.asked.get(piece.name, NOBODY) & written
        if asked and not piece.written & asked and not piece.note:
            piece.note = ELSEWHERE
        if piece.name in {*hand_out.tests, *hand_out.bound}:
            continue
        whole = bool(asked) and hand_out.is_stub(piece.name, piece.cell.source)
        stubs = [
            span(s)
            for s in statements(piece.cell.source)
            if whole or (bound_by(s) & written and meaning(s) in hand_out.stubs)
        ]
        piece.cell.source = commented(piece.cell.source, stubs)


# --- In which order they run --------------------------------------------------------------


def with_given_in_order(pieces: list[Piece], hand_out: HandOut) -> list[Piece]:
    """Given cells of code in the order handed out, none behind a cell of the student's
    that needs it, or behind a test that stood below it."""
    order = list(hand_out.bound)
    place = {name: number for number, name in enumerate(hand_out.given)}
    waiting = {
        piece.name: piece for piece in pieces if piece.name in hand_out.bound
    }
    done: list[Piece] = []
    have: set[str] = set()
    for piece in pieces:
        due = [piece.name] if piece.name in waiting else []
        if piece.name in hand_out.tests:
            due = [n for n in waiting if place[n] < place[piece.name]]
        elif piece.is_code and piece.name not in order:
            found = names_in(piece.cell.source)
            lacks = found.needs - found.binds - have
            due = [name for name in waiting if hand_out.bound[name] & lacks]
            have |= found.binds
        last = max(map(order.index, due), default=-1)
        for name in order[: last + 1]:
            if name in waiting:
                have |= hand_out.bound[name]
                done.append(waiting.pop(name))
        if piece.name not in order:
            done.append(piece)
    return done


def with_tests_in_order(pieces: list[Piece], hand_out: HandOut) -> list[Piece]:
    """Tests in the order handed out, and none before what it tests."""
    others = [piece for piece in pieces if piece.name not in hand_out.tests]
    tests = {piece.name: piece for piece in pieces if piece.name in hand_out.tests}
    left, n = {}, 0
    for piece in pieces:
        left[piece.name] = n
        n += piece.name not in hand_out.tests
    at: dict[int, list[Piece]] = defaultdict(list)
    place = 0
    for name, its in hand_out.tests.items():
        place = max(place, left[name], earliest(others, its, left[name], hand_out))
        at[place].append(tests[name])
    rows = [[*at[i], piece] for i, piece in enumerate(others)]
    return [piece for row in [*rows, at[len(others)]] for piece in row]


def earliest(
    others: Sequence[Piece], name: str, left: int, hand_out: HandOut
) -> int:
    """Behind how many cells a test can run: where the student has left it, if what it
    asks for is written above; else behind the last cell that writes it."""
    place = 0
    for asked in hand_out.asked.get(name, NOBODY):
        writers = [i for i, piece in enumerate(others) if asked in piece.written]
        if writers and writers[0] >= left:
            place = max(place, writers[-1] + 1)
    if not place:  # even an answer that fails comes before its test
        place = 1 + next((i for i, p in enumerate(others) if p.name == name), -1)
    return place


# --- Answers in words ----------------------------------------------------------------


def note_written_beside(pieces: Sequence[Piece], hand_out: HandOut) -> None:
    """An answer in words that was left empty, with text of the student's next to it,
    is one that somebody has to read."""
    for number, piece in enumerate(pieces):
        name = piece.name
        if not name or piece.is_code or is_locked(piece.cell):
            continue
        if piece.note != PUT_BACK and not hand_out.is_stub(name, piece.cell.source):
            continue
        above = takewhile_own(reversed(pieces[:number]))
        below = takewhile_own(pieces[number + 1 :])
        if any(each.cell.source.strip() for each in [*above, *below]):
            piece.cell.source = f"*{SEE_BESIDE}*"
            piece.note = BESIDE


SEE_BESIDE = "Nothing was written here, but in a cell beside this one."


def takewhile_own(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The student's own cells up to the next one that was handed out."""
    for piece in pieces:
        if piece.name or piece.loose:
            return
        yield piece
