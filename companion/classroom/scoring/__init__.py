"""What each assignment asks and how it is scored: a file an assignment, its ``ASSIGNMENT``.

A sandbox shows this folder empty, so that no submission imports what it is scored by.
"""
