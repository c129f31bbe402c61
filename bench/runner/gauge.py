"""The GPU that a trial sees in, how much of it the trial needed out."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import pynvml

from bench.errors import HindranceError
from bench.runner.devices import available

EVERY_SECONDS = 0.5
"""NVML's utilisation is itself a mean over up to a second."""


@dataclass(slots=True)
class Gauge:
    """What was seen of a GPU while a trial was at work."""

    busy: list[int] = field(default_factory=list)
    """Percent of the moments before each look in which a kernel ran, any program's."""

    def seen(self) -> dict[str, float]:
        """Return what a record's resources hold of it: nothing where there is none, or nobody can tell."""
        reserved = _reserved_mb()
        return {
            **({"gpu_memory_mb": round(reserved, 1)} if reserved is not None else {}),
            **({"gpu_utilisation": round(fmean(self.busy) / 100, 3)} if self.busy else {}),
        }


@contextmanager
def watched(nvml: Any = pynvml, environment: Mapping[str, str] = os.environ) -> Iterator[Gauge]:
    """Look at the one GPU that this process sees, if any, as long as the context lasts."""
    gauge, over = Gauge(), threading.Event()
    gpus = available(nvml, environment) if environment.get("CUDA_VISIBLE_DEVICES") else ()
    looks = [threading.Thread(target=_look, args=(gauge, gpu.uuid, nvml, over), daemon=True) for gpu in gpus[:1]]
    for thread in looks:
        thread.start()
    try:
        yield gauge
    finally:
        over.set()
        for thread in looks:
            thread.join()


def _look(gauge: Gauge, uuid: str, nvml: Any, over: threading.Event) -> None:
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
        while not over.wait(EVERY_SECONDS):
            gauge.busy.append(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        # A slice of a GPU does not say how busy it is; one that is gone says nothing.
        return


def _reserved_mb() -> float | None:
    """Return the most that the libraries of this process have had reserved on its GPU, in units of 2**20 bytes."""
    found = []
    if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
        found.append(torch.cuda.max_memory_reserved())
    if jax := sys.modules.get("jax"):
        devices = [device for device in jax.local_devices() if device.platform == "gpu"]
        found += [told["peak_bytes_in_use"] for device in devices if (told := device.memory_stats())]
    return sum(found) / 2**20 if found else None


def require_gpu(distributions: tuple[str, ...]) -> None:
    """Refuse to train where the library that computes would quietly do it on the CPU.

    Args:
        distributions: packages that the algorithm needs.

    Raises:
        HindranceError: it sees no GPU.
    """
    if "jax" in distributions:
        import jax  # noqa: PLC0415 - for who needs it alone

        there, build = any(device.platform == "gpu" for device in jax.local_devices()), "jax with its CUDA plugin"
    else:
        import torch  # noqa: PLC0415 - as above

        there, build = torch.cuda.is_available(), "the CUDA build of torch"
    if not there:
        why = "a GPU was asked for and the installed library sees none"
        raise HindranceError(f"{why}: install {build}, or run with --devices cpu")
