"""Slow, readable twins of the library's fast code, in Python integers and float64 NumPy.

They share no code with `companion`: each is written from the paper's or the algorithm's formula.
"""
