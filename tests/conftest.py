"""What every test runs under: one CPU thread, so that a shared machine does not stretch small
products a hundredfold, and no deadline for hypothesis, whose clock such a machine upsets."""

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
hypothesis.settings.register_profile("book", deadline=None)
hypothesis.settings.load_profile("book")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse cases from a set: each of two workers would list them in an order of its own."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        if isinstance(mark.args[1], set | frozenset):
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid}: cases stand in an order, and a set has none: "
                "give a list or a tuple"
            )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA GPU"))
