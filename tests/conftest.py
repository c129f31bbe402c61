"""What all tests share."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Shared machines are slow now and then: a test fails for what it finds, never for how long it took.
settings.register_profile("bench", deadline=None)
settings.load_profile("bench")

# Before any test imports a numerical library: several test processes run side by side.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Give back what signals do: a command run in this process is deaf at its end, and so would its children be."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        if handler is not None:
            signal.signal(number, handler)
