"""Public checks: a file an assignment, a function an exercise. They try laws on random inputs of
their own, and tell a wrong answer which it breaks.
"""
