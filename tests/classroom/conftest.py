"""Where no jail can be built, what needs one is skipped, and says so."""

from pathlib import Path

import pytest

from classroom.jail import NoJail, check_jail


@pytest.fixture(scope="session")
def no_jail() -> str:
    """Why there is no jail here; empty where there is one."""
    try:
        check_jail(Path(__file__).parent)
    except NoJail as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def jail(no_jail: str) -> None:
    """Asked for by tests that run what students have written."""
    if no_jail:
        pytest.skip(no_jail)
