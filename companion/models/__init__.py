"""The networks of the book."""

from companion.models.mlp import MLP

__all__ = ["MLP"]
