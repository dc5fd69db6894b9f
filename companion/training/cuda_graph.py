"""A function of fixed shapes, replayed on a GPU as one CUDA graph.

A small network's step is hundreds of kernels of a few microseconds; launching them one by one
takes longer than computing them. A graph launches them all at once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3
"""Calls before the capture: libraries choose their algorithms in them."""


class Captured:
    """Calls ``function(tensor)``, always the same one, which changes tensors in place and returns
    nothing.

    On a GPU the first `WARM_UP` calls with a shape run as they are, the next is captured, and from
    then on calls with this shape replay the graph. Calls with another shape, and all calls on a
    CPU, run as they are. The function must not wait for the GPU nor make tensors that outlive it.
    It is not kept: an object that captures its own method stays free of a cycle, and so gives its
    memory back as soon as it is dropped.
    """

    def __init__(self) -> None:
        self.input: Tensor | None = None
        self.graph: torch.cuda.CUDAGraph | None = None
        self.calls = 0

    def __call__(self, function: Callable[[Tensor], None], value: Tensor) -> None:
        """Run or replay ``function(value)``."""
        if value.device.type != "cuda":
            function(value)
            return
        if self.input is None:
            self.input = value.clone()
        if value.shape != self.input.shape:
            function(value)
            return
        if self.graph is None and self.calls < WARM_UP:
            self._warm_up(function, value)
            return
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                function(self.input)
        self.input.copy_(value)
        self.graph.replay()

    def _warm_up(self, function: Callable[[Tensor], None], value: Tensor) -> None:
        """Run beside the main stream, as a capture will."""
        self.calls += 1
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            function(value)
        torch.cuda.current_stream().wait_stream(side)
