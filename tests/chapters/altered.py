"""Records altered for tests of guards."""

import pandas as pd


def swapped(record, one, two):
    """The record with two arms' names exchanged."""
    names = {one: two, two: one}

    class Swapped:
        def __getattr__(self, name):
            value = getattr(record, name)
            if isinstance(value, pd.DataFrame) and "arm" in value:
                return value.assign(arm=value["arm"].astype(str).replace(names))
            return value

    return Swapped()
