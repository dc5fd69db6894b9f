"""Plain data: what goes into a sandbox and what may come out, as JSON.

Going in, a NumPy array is ``{"__array__": nested list, "dtype": name}``. Coming out there are only
None, True and False, numbers, texts, lists and dicts with texts as keys: nothing that could act.
"""

from __future__ import annotations

import json
from typing import Any

DEPTH = 12
"""How deep an answer may nest."""
TEXT = 20_000
"""Signs of a cell's output that are kept."""


class Refused(TypeError):
    """An answer that is no plain data; its message says why."""


def packed(value: Any) -> Any:
    """An input as JSON's kinds.

    >>> import numpy as np
    >>> packed({"w": np.zeros((1, 2)), "n": np.int64(3)})
    {'w': {'__array__': [[0.0, 0.0]], 'dtype': 'float64'}, 'n': 3}
    """
    if isinstance(value, dict):
        return {str(name): packed(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [packed(part) for part in value]
    if hasattr(value, "dtype"):
        whole = value.tolist()
        return {"__array__": whole, "dtype": value.dtype.name} if value.shape else whole
    return value


def unpacked(value: Any, tensors: bool = False) -> Any:
    """An input as a function gets it: arrays of NumPy, or with `tensors` of torch.

    >>> unpacked(packed({"w": unpacked({"__array__": [1.5], "dtype": "float32"})}))
    {'w': array([1.5], dtype=float32)}
    """
    if isinstance(value, list):
        return [unpacked(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    if "__array__" not in value:
        return {name: unpacked(part, tensors) for name, part in value.items()}
    import numpy as np

    array = np.array(value["__array__"], dtype=value["dtype"])
    if not tensors:
        return array
    import torch

    return torch.from_numpy(array)


def answered(answer: Any, depth: int = DEPTH) -> Any:
    """What a submission made, as plain data; `Refused` where it is nothing plain.

    >>> answered((1, {"a": [True, None]}))
    [1, {'a': [True, None]}]
    >>> answered(object())
    Traceback (most recent call last):
    companion.classroom.plain.Refused: an answer must be plain data, and an object is none
    """
    if depth == 0:
        raise Refused(f"an answer must nest at most {DEPTH} deep")
    if answer is None or type(answer) in (bool, int, float, str):
        return answer
    if hasattr(answer, "detach"):  # a tensor
        answer = answer.detach().cpu()
    if hasattr(answer, "tolist"):  # of NumPy, torch, pandas
        return answered(answer.tolist(), depth - 1)
    if isinstance(answer, list | tuple):
        return [answered(part, depth - 1) for part in answer]
    if isinstance(answer, dict):
        return {str(name): answered(part, depth - 1) for name, part in answer.items()}
    kind = type(answer).__name__
    raise Refused(f"an answer must be plain data, and {_article(kind)} {kind} is none")


def parsed(line: bytes) -> Any:
    """A line of JSON that came out; ValueError for what is none, or nests too deep. NaN and
    infinity are numbers here, which scoring refuses."""
    try:
        return json.loads(line)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def text(value: Any, most: int) -> str:
    """A text from a submission that every file can hold: cut, and without half signs.

    >>> text("a" + chr(0xD800) + "bcd", 3)
    'a\\\\ud800b'
    """
    return str(value)[:most].encode("utf-8", "backslashreplace").decode()


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"
