"""The toy training of these tests, and the record that it makes where nothing disturbs it."""

import pytest

from companion.evidence import records
from tests.references.toy import small, train


@pytest.fixture
def toy_size(monkeypatch):
    """Made images, and stacks of two with a checkpoint after every epoch."""
    small(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> records.Record:
    """The record of a training that nothing interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        return train(tmp_path_factory.mktemp("whole"))
