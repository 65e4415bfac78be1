"""The printed book, for all tests of a run."""

import pytest
from printed_book import ROOT, Book


@pytest.fixture(scope="session")
def book() -> Book:
    pdf = ROOT / "_build/llm-from-scratch.pdf"
    log = ROOT / "_build/latex/llm-from-scratch.log"
    if not (pdf.exists() and log.exists()):
        pytest.fail(f"there is no {pdf.name} to look at: run make pdf first")
    return Book(pdf, log)
