"""The laws of each assignment's exercises, and how their inputs are drawn: for checks and marks.

``draw_<exercise>(generator)`` gives inputs, and ``<exercise>_law(given, answer)`` says which law an
answer to one of them breaks, empty if none.
"""
