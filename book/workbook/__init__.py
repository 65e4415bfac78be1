"""The workbook: chapters as plain notebooks, for whoever runs them.

A chapter is written in MyST, which the site and the printed book understand.
JupyterLab, VS Code, Colab and GitHub's viewer read plain Markdown. So from each
chapter a plain copy is made, and a second notebook with the solutions.

markup      cut MyST into prose, code and directives
labels      the numbers of figures, equations, exercises: those of the site
citations   (Author, year), and the list of what was cited
book        every page a chapter can point at
plain       MyST into plain Markdown
chapters    a chapter into its workbook and its solutions
carried     the lines of a chapter that its solutions use
needs       which cells another cell cannot do without
folder      put new versions beside what the reader has changed, never over it
"""
