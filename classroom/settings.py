"""What nbgrader has to be told, whichever of its commands is used."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from traitlets.config import Config

from classroom.course import check_folder
from classroom.execute import SandboxedExecute
from classroom.pages import FeedbackPage, Marks, cell2html
from classroom.report import GradesExport
from classroom.restore import HideTests, NameAssignment, RestoreCells, remove_links
from classroom.sent import SentExporter


def configure(c: Config) -> None:
    """Grade in the sandbox, show nothing that runs, export no silent zero."""
    # nbgrader calls alembic by its name, be the environment activated or not
    os.environ["PATH"] = os.pathsep.join([f"{sys.prefix}/bin", os.environ["PATH"]])
    c.GenerateAssignment.force = True  # what is released follows from the source
    c.ClearMarkScheme.enforce_metadata = (
        False  # a marking guide stands in a question
    )
    c.GenerateAssignment.preprocessors = [
        *GenerateAssignment.preprocessors.default(),
        NameAssignment,
    ]
    c.Autograde.exporter_class = SentExporter
    c.Autograde.sanitize_preprocessors = [RestoreCells]
    c.Autograde.autograde_preprocessors = [
        SandboxedExecute,
        SaveAutoGrades,
        AssignLatePenalties,
    ]
    c.Autograde.pre_convert_hook = before_copying
    c.CourseDirectory.max_file_size = 10_000  # kilobytes
    c.HTMLExporter.filters = {"markdown2html": cell2html}
    c.GenerateFeedback.exporter_class = FeedbackPage
    c.GenerateFeedback.preprocessors = [
        Marks,
        HideTests,
        CSSHTMLHeaderPreprocessor,
    ]
    c.ExportApp.plugin_class = GradesExport


def before_copying(notebooks: Iterable[str], **names: Any) -> None:
    """Take out of a submission what nbgrader should not copy: links, and all that
    lies beside the notebook if it is too much. (`classroom.grade` refuses that.)"""
    remove_links(notebooks, **names)
    kept = {Path(notebook) for notebook in notebooks}
    for folder in {notebook.parent for notebook in kept}:
        try:
            check_folder(folder)
        except ValueError:
            for place in set(folder.iterdir()) - kept:
                shutil.rmtree(place) if place.is_dir() else place.unlink()
