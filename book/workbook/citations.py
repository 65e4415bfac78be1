"""Citations in words, as the site has them: (Author, year)."""

from __future__ import annotations

import re
from pathlib import Path

from pybtex.database import Entry, Person, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text


class Bibliography:
    """The works in a BibTeX file, by their keys."""

    def __init__(self, path: Path) -> None:
        self.entries = parse_file(str(path)).entries

    def entry(self, key: str) -> Entry:
        """The entry of a work; `ValueError` if the file has none of this key."""
        if key not in self.entries:
            raise ValueError(f"references.bib has no entry {key!r}")
        return self.entries[key]

    def who(self, key: str) -> str:
        """Whose work it is: two names, or the first "et al."; else its title."""
        entry = self.entry(key)
        people = entry.persons.get("author") or entry.persons.get("editor")
        if not people:
            return words(entry.fields["title"])
        names = [last_name(person) for person in people]
        return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)

    def year(self, key: str) -> str:
        return self.entry(key).fields.get("year", "n.d.")

    def parenthetical(self, keys: list[str]) -> str:
        """(Bahdanau et al., 2015; Graves et al., 2014)"""
        return f"({'; '.join(f'{self.who(k)}, {self.year(k)}' for k in keys)})"

    def textual(self, keys: list[str]) -> str:
        """Bahdanau et al. (2015), Graves et al. (2014)"""
        return ", ".join(f"{self.who(k)} ({self.year(k)})" for k in keys)

    def listed(self, keys: set[str]) -> list[str]:
        """A line of Markdown for each work, ordered by names and years."""
        ordered = sorted(keys, key=lambda k: (self.who(k).lower(), self.year(k), k))
        style = find_plugin("pybtex.style.formatting", "unsrt")()
        backend = find_plugin("pybtex.backends", "markdown")()
        entries = style.format_entries([self.entry(key) for key in ordered])
        return [plain(entry.text.render(backend)) for entry in entries]


def last_name(person: Person) -> str:
    """ "de Jong", in Unicode."""
    return words(" ".join([*person.prelast_names, *person.last_names]))


def words(latex: str) -> str:
    return str(Text.from_latex(latex))


def plain(markdown: str) -> str:
    """One line, and a backslash only where Markdown would read a mark."""
    return " ".join(re.sub(r"\\([^*_`\[\]\\<])", r"\1", markdown).split())
