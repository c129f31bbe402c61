"""Trials and GPUs in; where each trial is to run, with the measurements that say so, out.

Whether a GPU is worth anything to a trial depends on the size of its network, on how the library writes its updates, on
the two machines, and on how many trials share them: eight cores can outrun a GPU that outruns one. Where it matters it
is measured, by training as many seeds as will run side by side for some seconds on each.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import files
from bench.catalog import Environment, algorithm_of
from bench.pipeline.inspection import preload, reach_working_directory
from bench.plain import counted
from bench.plan import Cell
from bench.records import Burst, Limits, Speed, Trial
from bench.runner import provenance
from bench.runner.devices import ANY_GPU, CPU, Gpu, Traits, likely_gains, used_mb
from bench.runner.jobs import OUT_OF_GPU_MEMORY, Ended, Job, Report, RetryPolicy
from bench.runner.local import LocalExecutor
from bench.store import Store

AUTO = "auto"
WORTH_SECONDS = 300.0
"""A cell whose missing trials take less, all together, is not worth a measurement of up to a minute."""
ASSUMED_MEMORY_MB = 2_048.0
"""What a trial takes of a GPU where nobody has measured it."""
_FILLED = 0.9
"""Of a GPU's memory, at most: replay memories and batches grow, and other programs may want some."""
_SPEED = "speed.json"
_MINUTES = 5.0
"""For one measurement, imports and compiling included."""

Measure = Callable[[Trial, str, "Hardware", int], tuple[Speed | None, str]]
"""As `measured`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the trials of a cell run."""

    device: str
    packed: int = 1
    """How many may share a GPU."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What trials may have."""

    request: str
    """As in `bench.runner.devices.choose`."""
    gpus: Sequence[Gpu]
    """Those that may be used; none: all is for the CPU."""
    per_gpu: int | None = None
    """Trials to a GPU; None: as its memory carries, measured where that is worth it."""
    threads: int = 1
    """Of each trial."""
    workers: int = 1
    """Trials side by side, on all devices."""


def places(
    hardware: Hardware,
    trials: Sequence[Trial],
    traits: Mapping[Cell, Environment],
    seconds: Mapping[Cell, float],
    store: Store,
    *,
    tell: Callable[[str], None],
    measure: Measure | None = None,
) -> Mapping[Cell, Place]:
    """Return the place of every cell; keep beside the results what was measured for it.

    Args:
        hardware: what there is.
        trials: missing ones.
        traits: what their environments are like.
        seconds: what a trial of each cell is expected to take.
        store: where measurements are kept, and looked up.
        tell: is given a sentence before each measurement.
        measure: how, if not really.

    Raises:
        HindranceError: a measurement cannot be kept.
    """
    missing = Counter(trial.cell for trial in trials)
    if not hardware.gpus:
        return dict.fromkeys(missing, Place(CPU))
    known = _Known(store, hardware, tell, measure or measured)
    first = {trial.cell: trial for trial in reversed(trials)}
    return {
        cell: _place(first[cell], hardware, traits[cell], known, count if count * seconds[cell] >= WORTH_SECONDS else 0)
        for cell, count in missing.items()
    }


def _place(trial: Trial, hardware: Hardware, environment: Environment, known: _Known, worth: int) -> Place:
    """Return a cell's place, measured if it is `worth` that: so many of its trials are missing."""
    algorithm = algorithm_of(trial)
    if not algorithm.tensors:
        return Place(CPU)
    # Whoever asks for GPUs elsewhere has none to measure here, and whoever says how many share one need not know more.
    here = bool(hardware.gpus[0].uuid) and (hardware.request == AUTO or hardware.per_gpu is None)
    burst = known.burst(trial, worth) if here else None
    if hardware.request == AUTO:
        likely = likely_gains(Traits(algorithm.tensors, algorithm.on_policy, environment.observations))
        if not (likely if burst is None else burst.gains):
            return Place(CPU)
    return Place(ANY_GPU, hardware.per_gpu or _packed(burst, hardware))


def _packed(burst: Burst | None, hardware: Hardware) -> int:
    """Return how many trials the smallest of the GPUs has memory for, at least one and no more than there will be."""
    wanted = (burst and burst.gpu_memory_mb) or ASSUMED_MEMORY_MB
    room = int(_FILLED * 1024 * min(gpu.memory_gb for gpu in hardware.gpus) / wanted)
    return max(1, min(room, -(-hardware.workers // len(hardware.gpus))))


def going_on(place: Place, stored: str, hardware: Hardware) -> Place:
    """Return where a trial goes on that was stored on a kind of device (CPU, ANY_GPU; empty: it was not).

    On the same, if that is here and no other was asked for: on another it would begin anew.
    """
    if stored in {"", place.device} or hardware.request != AUTO or not hardware.gpus:
        return place
    return Place(CPU) if stored == CPU else Place(ANY_GPU, hardware.per_gpu or _packed(None, hardware))


class _Known:
    """What was measured on this hardware, now or earlier."""

    def __init__(self, store: Store, hardware: Hardware, tell: Callable[[str], None], measure: Measure) -> None:
        self._store, self._hardware, self._tell, self._measure = store, hardware, tell, measure
        self._processor = str(provenance.describe()["processor"])
        self._bursts = store.bursts()

    def burst(self, trial: Trial, worth: int) -> Burst | None:
        """Return what was measured of a cell, or is measured now if it is worth that.

        With most side by side: that fewer of its trials are left, after Ctrl-C say, does not move a cell. What went
        wrong with other software is tried again.
        """
        hardware = self._hardware
        here = trial.configuration, self._processor, hardware.threads, hardware.gpus[0].name
        mine = [one for one in self._bursts if one.of == here]
        mine = [one for one in mine if not one.trouble or one.software == provenance.software()]
        together = min(worth, hardware.workers)
        if all(one.together < together for one in mine) and worth:
            mine.append(self._measured(trial, together))
            self._bursts.append(mine[-1])
            self._store.keep_bursts(mine[-1:])
        return max(mine, key=lambda one: one.together, default=None)

    def _measured(self, trial: Trial, together: int) -> Burst:
        gpus, said = self._hardware.gpus, f"{trial.label} on {trial.environment}"
        self._tell(f"{said}: {counted(together, 'trial')} for some seconds on the CPU, and on {gpus[0].name}")
        # Each GPU has its part of them.
        part = -(-together // len(gpus))
        cpu, first = self._measure(trial, CPU, self._hardware, together)
        one, second = self._with_room(trial, part)
        return Burst(
            *trial.cell,
            trial.configuration,
            self._processor,
            self._hardware.threads,
            gpus[0].name,
            together,
            cpu.steps_per_second if cpu else None,
            one.steps_per_second * together / part if one else None,
            one.memory_mb if one else None,
            "; ".join(f"{where}: {why}" for where, why in (("CPU", first), ("GPU", second)) if why),
            provenance.software(),
        )

    def _with_room(self, trial: Trial, part: int) -> tuple[Speed | None, str]:
        """Measure on the GPU, half as many where these find no room in its memory: in the run the others would wait."""
        found, why = self._measure(trial, ANY_GPU, self._hardware, part)
        while part > 1 and why.startswith(OUT_OF_GPU_MEMORY):
            part //= 2
            found, why = self._measure(trial, ANY_GPU, self._hardware, part)
        return found, why


def measured(trial: Trial, device: str, hardware: Hardware, together: int) -> tuple[Speed | None, str]:
    """Train so many seeds side by side for some seconds, each in a process of its own; return how fast, or why not.

    What is in the way is told by its kind first.

    Args:
        trial: what is trained.
        device: CPU or ANY_GPU, which is the first.
        hardware: what there is.
        together: how many.
    """
    gpus = hardware.gpus[:1] if device == ANY_GPU else ()
    before = used_mb(gpus[0]) if gpus else None
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        jobs = [
            Job(
                replace(trial, seed=trial.seed + number),
                Path(place, str(number)),
                _burst,
                Limits(timeout_minutes=_MINUTES),
                device=device,
                packed=together,
                threads=hardware.threads,
                preload=preload(trial),
            )
            for number in range(together)
        ]
        executor = LocalExecutor(together, RetryPolicy({}), grace_seconds=0.5, gpus=gpus)
        with closing(executor.events(jobs)) as events:
            for event in events:
                if isinstance(event, Ended) and (why := event.hindrance or event.failure):
                    return None, f"{why.kind}: {why.message}"
        told = [json.loads((job.folder / _SPEED).read_text()) for job in jobs]
    if None in told:
        return None, "no two updates were made, or nobody counts them"
    # All are there, with everything that they want of the GPU, when the first has finished.
    used = [one["memory_mb"] for one in told if one["memory_mb"] is not None]
    memory = None if before is None or not used else (max(used) - before) / together
    return Speed(sum(one["steps_per_second"] for one in told), memory), ""


def _burst(job: Job, report: Report) -> None:
    """Be the process that trains."""
    from bench.runner.burst import burst  # noqa: PLC0415 - imports Gymnasium

    del report
    reach_working_directory()
    speed = burst(job.trial, job.device)
    files.replace(job.folder / _SPEED, json.dumps(speed and asdict(speed)))
