"""A request for devices in, the device of each trial out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import pynvml

from bench import memory
from bench.errors import DeviceError
from bench.runner.jobs import Job

CPU, ANY_GPU = "cpu", "cuda"
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
    visible: str = ""
    """What CUDA_VISIBLE_DEVICES must hold for a program to see it alone; empty: its index."""

    @property
    def device(self) -> str:
        """What it is called in a job."""
        return f"{ANY_GPU}:{self.index}"


@dataclass(frozen=True, slots=True)
class Traits:
    """What decides where a trial runs best."""

    tensors: bool
    """Whether it computes with a library that can use a GPU; tabular methods and the random policy do not."""
    on_policy: bool
    observations: str
    """One of the catalogue's observation kinds."""


def kind(device: str) -> str:
    """Return CPU for that, ANY_GPU for any other device."""
    return CPU if device == CPU else ANY_GPU


def default_workers(threads: int = 1) -> int:
    """Return how many trials of `threads` threads this process may run side by side without crowding its cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // threads)


def available(nvml: Any = pynvml, environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves visible, in its order; none where there is no driver.

    One that does not answer is left out; the others keep their numbers.

    Args:
        nvml: the NVIDIA management library's Python binding.
        environment: where CUDA_VISIBLE_DEVICES is looked up.
    """
    try:
        with _session(nvml):
            found = enumerate(_visible(nvml, _entries(environment)))
            return tuple(_describe(nvml, index, handle, visible) for index, (handle, visible) in found if handle)
    except nvml.NVMLError:
        return ()


def none_answers(nvml: Any = pynvml, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether there is a driver here and no GPU that answers it, of those that `environment` leaves visible."""
    try:
        with _session(nvml):
            pass
    except nvml.NVMLError:
        return False
    return not available(nvml, environment)


@contextmanager
def _session(nvml: Any) -> Iterator[None]:
    nvml.nvmlInit()
    try:
        yield
    finally:
        nvml.nvmlShutdown()


def answers(gpu: Gpu, nvml: Any = pynvml) -> bool:
    """Return whether a GPU is still there: one that has fallen off the bus is known to the driver, and answers nothing.

    Other trouble with asking (no permission, a busy driver) is no sign that it is gone.
    """
    try:
        with _session(nvml):
            nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByUUID(gpu.uuid))
    except nvml.NVMLError as error:
        return not _gone(nvml, error)
    return True


def _gone(nvml: Any, error: Exception) -> bool:
    """Return whether an error of NVML's says that a GPU is no longer there."""
    codes = {nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_NOT_FOUND, nvml.NVML_ERROR_RESET_REQUIRED}
    return getattr(error, "value", None) in codes


def used_mb(gpu: Gpu, nvml: Any = pynvml) -> float | None:
    """Return how much of a GPU's memory is in use, by whomever, in units of 2**20 bytes; None where nobody can tell."""
    try:
        with _session(nvml):
            return float(nvml.nvmlDeviceGetMemoryInfo(nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)).used / 2**20)
    except nvml.NVMLError:
        return None


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


def _visible(nvml: Any, entries: list[str] | None) -> Iterator[tuple[Any, str]]:
    """Yield a handle of each, and what CUDA_VISIBLE_DEVICES must hold to show it alone (empty: its index).

    The handle is None where that GPU does not answer; behind one that is named by its UUID nothing is seen then.
    """
    every = [_handle(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    # Whether CUDA counts one that is lost is its own affair.
    lost, cut = None in every, False
    for entry in [str(index) for index in range(len(every))] if entries is None else entries:
        handle = _find(nvml, entry, every)
        if handle is None:
            if entry.isdecimal() and int(entry) < len(every):
                yield None, entry
                continue
            # CUDA, too, ignores everything from the first unknown entry on.
            return
        slices = [] if entry.startswith("MIG-") else _slices(nvml, handle)
        # Of a GPU that is cut into slices a program sees one slice, which must be named.
        yield from ((one, nvml.nvmlDeviceGetUUID(one)) for one in slices)
        cut = cut or bool(slices)
        if not slices:
            # Behind slices its place among all is no longer its number.
            named = lost or (cut and entries is None)
            yield handle, nvml.nvmlDeviceGetUUID(handle) if named else entry if entries is not None else ""


def _handle(nvml: Any, index: int) -> Any | None:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
    except nvml.NVMLError:
        return None
    try:
        nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        # One that is cut into slices tells its memory to the privileged alone.
        return None if _gone(nvml, error) else handle
    return handle


def _find(nvml: Any, entry: str, every: Sequence[Any]) -> Any | None:
    if entry.isdecimal():
        return every[int(entry)] if int(entry) < len(every) else None
    if entry.startswith("MIG-"):
        try:
            return nvml.nvmlDeviceGetHandleByUUID(entry)
        except nvml.NVMLError:
            return None
    # CUDA takes the beginning of a UUID as long as it fits one device alone.
    fitting = [one for one in every if one is not None and nvml.nvmlDeviceGetUUID(one).startswith(entry)]
    return fitting[0] if len(fitting) == 1 else None


def _slices(nvml: Any, handle: Any) -> list[Any]:
    """Return the MIG slices of a GPU; none where it is whole, or cannot be cut."""
    try:
        cut = nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:
        return []
    places = range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) if cut else ()
    return [one for place in places if (one := _slice(nvml, handle, place)) is not None]


def _slice(nvml: Any, handle: Any, place: int) -> Any | None:
    try:
        return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
    except nvml.NVMLError:  # not every place holds one
        return None


def _describe(nvml: Any, index: int, handle: Any, visible: str) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle).total / 2**30
    return Gpu(index, nvml.nvmlDeviceGetName(handle), round(memory, 1), nvml.nvmlDeviceGetUUID(handle), visible)


def choose(request: str, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """Return the GPUs that `request` (`auto`, `cpu`, `cuda` or `cuda:0,1`) means here; none where it means the CPU.

    Raises:
        DeviceError: the request cannot be read, or names a GPU that is not there.
    """
    if request in {"cpu", "auto"}:
        return tuple(gpus) if request == "auto" else ()
    there = {gpu.index: gpu for gpu in gpus}
    indices = _indices(request, there)
    missing = [index for index in indices if index not in there]
    if missing or not indices:
        wanted = f"cuda:{missing[0]}" if missing else "cuda"
        raise DeviceError(f"device {wanted!r} is not here; {_inventory(gpus)}")
    return tuple(there[index] for index in dict.fromkeys(indices))


def _indices(request: str, there: Iterable[int]) -> list[int]:
    if request == "cuda":
        return list(there)
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


def likely_gains(traits: Traits) -> bool:
    """Return whether a trial is likely quicker on a GPU, where nobody has measured it.

    On-policy learners on anything but images are not: their networks are small, and moving each step's few numbers to a
    GPU takes longer than computing with them here.
    """
    return traits.tensors and (not traits.on_policy or traits.observations == "image")


def free_memory_mb() -> float:
    """Return how much of this machine's memory can be had now, in units of 2**20 bytes."""
    return memory.free() / 2**20


def memory_mb() -> float:
    """Return how much memory this machine has for trials, in units of 2**20 bytes."""
    return memory.total() / 2**20


def berth(job: Job, gpus: Sequence[Gpu], at_work: Iterable[Job]) -> Job | None:
    """Return the job with the GPU that it is to have, the emptiest; None where it must wait for room.

    A job that asks for no GPU, or has been given its own elsewhere, is returned as it is.

    Args:
        job: with `device` ANY_GPU where it asks for one, of which it takes the `packed`th part.
        gpus: those that there are.
        at_work: jobs that are on them.
    """
    if job.device != ANY_GPU:
        return job
    taken = dict.fromkeys((gpu.device for gpu in gpus), Fraction(0))
    for other in at_work:
        if other.device in taken:
            taken[other.device] += Fraction(1, other.packed)
    free = [gpu for gpu in gpus if taken[gpu.device] + Fraction(1, job.packed) <= 1]
    if not free:
        return None
    gpu = min(free, key=lambda gpu: taken[gpu.device])
    return replace(job, device=gpu.device, visible=gpu.visible)


def worker_environment(device: str, environment: Mapping[str, str], visible: str = "") -> dict[str, str]:
    """Return the variables with which a process sees `device` alone.

    Args:
        device: `cpu` or `cuda:N`, the Nth of what `environment` leaves visible.
        visible: what shows it alone, where that is known.
        environment: where CUDA_VISIBLE_DEVICES is looked up.

    Raises:
        DeviceError: `device` is neither, or CUDA_VISIBLE_DEVICES lists no Nth device.
    """
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": ""}
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number.isdecimal():
        raise DeviceError(f"device {device!r} is not one; write cpu or cuda:N")
    if visible:
        return {"CUDA_VISIBLE_DEVICES": visible, **_SHARED}
    index = int(number)
    entries = _entries(environment)
    if entries is None:
        # The management library numbers by PCI bus; CUDA does only when told to.
        return {"CUDA_VISIBLE_DEVICES": str(index), "CUDA_DEVICE_ORDER": "PCI_BUS_ID", **_SHARED}
    if index >= len(entries):
        listed = ",".join(entries)
        raise DeviceError(f"device {device!r} is not visible; CUDA_VISIBLE_DEVICES lists {listed or 'none'}")
    return {"CUDA_VISIBLE_DEVICES": entries[index], **_SHARED}
