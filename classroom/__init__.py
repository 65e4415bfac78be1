"""The classroom: hand out, collect, grade and return assignments in nbgrader's format.

What students send is run, and never trusted: their cells run in a `sandbox`, the tests
outside it (`execute`), and only plain data pass between the two. `collect`, `grade`
and `report` are the commands.
"""
