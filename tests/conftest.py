"""What all tests share."""

import os

from hypothesis import settings

# Shared machines are slow now and then: a test fails for what it finds, never for how long it took.
settings.register_profile("bench", deadline=None)
settings.load_profile("bench")

# Before any test imports a numerical library: several test processes run side by side.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
