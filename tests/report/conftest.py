from tests.evidence.conftest import contender

__all__ = ["contender"]
