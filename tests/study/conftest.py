import pytest

from tlcompare.freezing.layers import build_and_trace


@pytest.fixture(scope="session")
def lite():
    return build_and_trace("efficientnet_lite0", 32)


@pytest.fixture(scope="session")
def mobilenet():
    return build_and_trace("mobilenet", 32)
