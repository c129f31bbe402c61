"""On which device a cell is quicker, as measured before its trials."""

from __future__ import annotations

from dataclasses import dataclass

WORTH = 1.1
"""A GPU must be so many times as fast to be taken: less is within what a burst can tell."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a trial trains on one device."""

    steps_per_second: float
    memory_mb: float | None
    """What is in use of the GPU's memory, in units of 2**20 bytes: context, weights, batches; None on the CPU."""


@dataclass(frozen=True, slots=True)
class Burst:
    """How fast the trials of a cell train on this machine's processor and on its GPUs, as many as run side by side."""

    label: str
    environment: str
    configuration: str
    """The cell's, as of `Trial.configuration`."""
    processor: str
    threads: int
    gpu: str
    """The model."""
    together: int
    """Trials side by side."""
    cpu_steps: float | None
    """Environment steps per second of training, of all together; None: could not be measured."""
    gpu_steps: float | None
    gpu_memory_mb: float | None
    """What a trial takes of the GPU's memory, in units of 2**20 bytes."""
    trouble: str = ""
    """What went wrong with measuring."""
    software: str = ""
    """With which, as a digest; empty: from before that was kept."""

    @property
    def of(self) -> tuple[str, str, int, str]:
        """What was measured, and on what: configuration, processor, threads and GPU."""
        return self.configuration, self.processor, self.threads, self.gpu

    @property
    def gains(self) -> bool:
        """Whether its trials belong on the GPU."""
        if self.cpu_steps is None or self.gpu_steps is None:
            return False
        return self.gpu_steps >= WORTH * self.cpu_steps
