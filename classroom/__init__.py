"""The classroom: hand out, collect, grade and return assignments in nbgrader's format.

What students send is run, and never trusted: `jail` builds the wall, `inside` runs
their cells behind it, `execute` runs the tests on this side, and `wire` carries
plain data between the two. `collect`, `grade` and `report` are the commands.
"""
