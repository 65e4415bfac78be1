"""Give nbval, which compares the notebooks in chapters, a tolerance for numbers."""

import functools

from tolerance import align


def pytest_configure(config) -> None:
    if not config.pluginmanager.hasplugin("nbval"):
        return
    from nbval.plugin import IPyNbCell

    exact = IPyNbCell.compare_outputs

    @functools.wraps(exact)
    def tolerant(self, test, ref, skip_compare=None):
        align(test, ref)
        return exact(self, test, ref, skip_compare)

    IPyNbCell.compare_outputs = tolerant
