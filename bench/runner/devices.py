"""A request for devices in, the device of each trial out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

import pynvml

from bench.errors import DeviceError

_NOTHING = frozenset({"", "-1", "NoDevFiles"})
_SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Otherwise the first JAX program on a GPU takes three quarters of its memory, and leaves nothing for a second."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU (or a slice of one, under MIG) that CUDA programs started from here can see."""

    index: int
    """N of `cuda:N`: its place among those visible."""
    name: str
    memory_gb: float
    """In units of 2**30 bytes."""
    uuid: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides where a trial runs best."""

    tensors: bool
    """Whether it computes with a library that can use a GPU; tabular methods and the random policy do not."""
    on_policy: bool
    observations: str
    """One of the catalogue's observation kinds."""


def default_workers(threads: int = 1) -> int:
    """Return how many trials of `threads` threads this process may run side by side without crowding its cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def available(nvml: Any = pynvml, environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves visible, in its order; none where there is no driver.

    Args:
        nvml: the NVIDIA management library's Python binding.
        environment: where CUDA_VISIBLE_DEVICES is looked up.
    """
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return ()
    try:
        handles = _visible_handles(nvml, _entries(environment))
        return tuple(_describe(nvml, index, handle) for index, handle in enumerate(handles))
    finally:
        nvml.nvmlShutdown()


def elsewhere(request: str) -> tuple[Gpu, ...]:
    """Return the GPU that a trial has on another machine where GPUs are asked for: the one that it then sees."""
    return (Gpu(0, "of the cluster", 0.0, ""),) if request.startswith("cuda") else ()


def _entries(environment: Mapping[str, str]) -> list[str] | None:
    """Return what CUDA_VISIBLE_DEVICES lists up to the first entry that hides the rest; None: everything."""
    text = environment.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return None
    entries = [entry.strip() for entry in text.split(",")]
    hidden = next((place for place, entry in enumerate(entries) if entry in _NOTHING), len(entries))
    return entries[:hidden]


def _visible_handles(nvml: Any, entries: list[str] | None) -> list[Any]:
    every = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    if entries is None:
        return every
    # CUDA, too, ignores everything from the first unknown entry on.
    return list(takewhile(lambda handle: handle is not None, (_find(nvml, entry, every) for entry in entries)))


def _find(nvml: Any, entry: str, every: Sequence[Any]) -> Any | None:
    if entry.isdecimal():
        return every[int(entry)] if int(entry) < len(every) else None
    if entry.startswith("MIG-"):
        try:
            return nvml.nvmlDeviceGetHandleByUUID(entry)
        except nvml.NVMLError:
            return None
    # CUDA takes the beginning of a UUID as long as it fits one device alone.
    fitting = [handle for handle in every if nvml.nvmlDeviceGetUUID(handle).startswith(entry)]
    return fitting[0] if len(fitting) == 1 else None


def _describe(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle).total / 2**30
    return Gpu(index, nvml.nvmlDeviceGetName(handle), round(memory, 1), nvml.nvmlDeviceGetUUID(handle))


def choose(request: str, gpus: Sequence[Gpu]) -> tuple[str, ...]:
    """Return the devices that `request` (`auto`, `cpu`, `cuda` or `cuda:0,1`) means here, as `cpu` or `cuda:N`.

    Raises:
        DeviceError: the request cannot be read, or names a GPU that is not there.
    """
    every = tuple(f"cuda:{gpu.index}" for gpu in gpus)
    if request == "cpu" or (request == "auto" and not every):
        return ("cpu",)
    if request == "auto":
        return every
    indices = _indices(request, len(every))
    missing = [index for index in indices if index >= len(every)]
    if missing or not indices:
        wanted = f"cuda:{missing[0]}" if missing else "cuda"
        raise DeviceError(f"device {wanted!r} is not here; {_inventory(gpus)}")
    return tuple(f"cuda:{index}" for index in dict.fromkeys(indices))


def _indices(request: str, there: int) -> list[int]:
    if request == "cuda":
        return list(range(there))
    kind, _, listed = request.partition(":")
    parts = [part.strip() for part in listed.split(",")]
    if kind != "cuda" or not all(part.isdecimal() for part in parts):
        raise DeviceError(f"device {request!r} is not understood; write auto, cpu, cuda or cuda:0,1")
    return [int(part) for part in parts]


def _inventory(gpus: Sequence[Gpu]) -> str:
    if not gpus:
        return "no GPU is visible (no NVIDIA driver, or CUDA_VISIBLE_DEVICES hides them); use cpu or auto"
    listed = ", ".join(f"cuda:{gpu.index} ({gpu.name}, {gpu.memory_gb:g} GB)" for gpu in gpus)
    return f"there are cpu, {listed}"


def place(request: str, devices: Sequence[str], trials: Sequence[Traits]) -> tuple[str, ...]:
    """Return one device per trial, GPUs in turn, several trials to each.

    Under `auto` on-policy learners on anything but images stay on the CPU: their networks are small, and moving
    each step's few numbers to a GPU takes longer than computing with them here.
    """
    gpus = [device for device in devices if device != "cpu"]
    turn = count()
    return tuple(gpus[next(turn) % len(gpus)] if gpus and _gains(traits, request) else "cpu" for traits in trials)


def _gains(traits: Traits, request: str) -> bool:
    if not traits.tensors:
        return False
    return request != "auto" or not traits.on_policy or traits.observations == "image"


def worker_environment(device: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with which a process sees `device` alone.

    Args:
        device: `cpu` or `cuda:N`, the Nth of what `environment` leaves visible.
        environment: where CUDA_VISIBLE_DEVICES is looked up.

    Raises:
        DeviceError: `device` is neither, or CUDA_VISIBLE_DEVICES lists no Nth device.
    """
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number.isdecimal():
        raise DeviceError(f"device {device!r} is not one; write cpu or cuda:N")
    index = int(number)
    entries = _entries(environment)
    if entries is None:
        # The management library numbers by PCI bus; CUDA does only when told to.
        return {"CUDA_VISIBLE_DEVICES": str(index), "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **_SHARED}
    if index >= len(entries):
        listed = ",".join(entries)
        raise DeviceError(f"device {device!r} is not visible; CUDA_VISIBLE_DEVICES lists {listed or 'none'}")
    return {"CUDA_VISIBLE_DEVICES": entries[index], **_SHARED}
