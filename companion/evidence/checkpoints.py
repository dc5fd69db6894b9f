"""A checkpoint: where a stack that still trains can go on, with a digest of itself.

The file is a `torch.save` of the state's bytes and their SHA-256, because torch itself does not
notice a flipped bit.
"""

import io
from pathlib import Path
from typing import Any

from companion.evidence import files


def encode(state: Any) -> bytes:
    """Return the bytes of a checkpoint: nested dicts and lists of tensors, numbers and text.

    Anything else is a `ValueError`: it could be saved, but not loaded without trusting the file.
    """
    import torch

    _check(state, "state")
    inner, outer = io.BytesIO(), io.BytesIO()
    torch.save(state, inner)
    data = bytearray(inner.getvalue())
    tensor = torch.frombuffer(data, dtype=torch.uint8)
    torch.save({"sha256": files.digest(data), "state": tensor}, outer)
    return outer.getvalue()


def read(path: Path) -> Any:
    """Return the state in a checkpoint, on the CPU; `ValueError` when the file is damaged."""
    import torch

    try:
        outer = torch.load(path, map_location="cpu", weights_only=True)
        data = outer["state"].numpy().tobytes()
        whole = files.digest(data) == outer["sha256"]
    except Exception:  # a damaged file fails in as many ways as there are readers
        whole = False
    if not whole:
        raise ValueError(
            f"checkpoint {path} is damaged (it differs from its digest); "
            "delete it to train this stack from its start."
        )
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _check(value: Any, where: str) -> None:
    """Refuse what cannot be loaded again, before hours of work rest on it."""
    import torch

    if isinstance(value, dict):
        for name, inner in value.items():
            _check(inner, f"{where}[{name!r}]")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _check(inner, f"{where}[{index}]")
    elif value is not None and type(value) not in (int, float, bool, str, torch.Tensor):
        raise ValueError(
            f"a checkpoint holds dicts, lists, tensors, numbers and text, got "
            f"{type(value).__name__} at {where}; convert it."
        )
