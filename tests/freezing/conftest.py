import functools

import pytest
import torch

from tlcompare.freezing.layers import build_and_trace


@pytest.fixture(scope="session")
def layer_list():
    """Layer lists at a small input size, each built once."""

    @functools.cache
    def get(name: str, size: int | None = 64):
        torch.manual_seed(0)
        return build_and_trace(name, size)

    return get
