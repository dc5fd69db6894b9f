"""Assignments from one source, checks that teach, and grading that trusts no submission.

An assignment is a notebook in ``notebooks/assignments``, a file of public checks in ``checks`` and
a file in ``scoring`` that says what each exercise asks, draws its hidden inputs, and scores what
comes back. ``sources`` makes the students' and the teacher's notebooks, ``secret`` a class's own
numbers, ``sandbox`` runs a submission, and ``grading`` scores its answers outside.
"""
