"""Nothing in; what this machine offers, and whether everything a run needs works, out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from bench import pipeline
from bench.catalog import BACKENDS, installed
from bench.console import say_json, say_table
from bench.options import JsonOption
from bench.runner import devices, provenance

LOWEST_FREE_GB = 1.0
EXTRAS = {"sbx-rl": "jax", "jax": "jax", "minatar": "minatar", "ale-py": "atari"}
"""Package -> extra that brings it, of implementations and environments that a suite may name."""
NEEDED = ("stable-baselines3", "sb3-contrib", "gymnasium", "torch", "numpy", "pandas", "matplotlib", "box2d")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    what: str
    found: str
    good: bool = True


def doctor(*, as_json: JsonOption = False) -> None:
    """Look at this machine: versions, cores, memory, GPUs, and whether everything a run needs works."""
    checks = examine()
    if as_json:
        say_json([asdict(check) for check in checks])
    else:
        say_table(("", "what", "found"), [("ok" if check.good else "✗", check.what, check.found) for check in checks])
    raise typer.Exit(0 if all(check.good for check in checks) else 1)


def examine() -> list[Check]:
    """Look at versions, cores, memory, disk and GPUs, and train for a moment in a worker process."""
    machine = provenance.describe()
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    gpus = devices.available()
    versions = installed(NEEDED)
    return [
        Check("Python", machine["python"], (3, 11) <= sys.version_info < (3, 14)),
        *(Check(name, version, version != "absent") for name, version in versions.items()),
        *optional(),
        Check("processor", f"{machine['processor']}, {machine['cores']} cores"),
        Check("memory", f"{machine['memory_gb']} GB"),
        Check("disk", f"{free:.0f} GB free here", free > LOWEST_FREE_GB),
        Check(
            "GPUs",
            ", ".join(f"cuda:{gpu.index} {gpu.name} ({gpu.memory_gb:g} GB)" for gpu in gpus)
            or "none; trials run on the CPU",
        ),
        _trial_works(),
    ]


def optional(versions: Callable[[Sequence[str]], Mapping[str, str]] = installed) -> Iterator[Check]:
    """Yield what other implementations and backends need; absent is as good, as long as no suite asks for them."""
    compared = {backend.distribution: backend for backend in BACKENDS.values()}
    extras = {**EXTRAS, **{name: backend.extra for name, backend in compared.items()}}
    for name, version in versions(list(extras)).items():
        backend, told = compared.get(name), version
        if version == "absent":
            told = f"absent, and needed by no suite that does not name it; pip install 'bench[{extras[name]}]'"
        elif backend is not None and version != backend.version:
            told = f"{version}; its environments were compared with Gymnasium's in version {backend.version}"
        yield Check(name, told)


def _trial_works() -> Check:
    """Run one small trial the way `bench run` does, in a folder that is removed again."""
    text = (
        "name: doctor\nseeds: 1\nevaluation: {points: 1, episodes: 1, final_episodes: 2}\nhyperparameters: default\n"
        "algorithms: [a2c]\nenvironments: {CartPole-v1: {steps: 100}}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder, "doctor.yaml")
        suite.write_text(text)
        experiment = pipeline.open_experiment(suite, results=Path(folder))
        jobs = pipeline.prepare(experiment, pipeline.RunOptions(workers=1, devices="cpu"))
        summary = pipeline.run(experiment, jobs, lambda _event: None)
        reasons = [reason for cell in pipeline.status(experiment) for reason in cell.reasons]
    return Check("a trial in a worker", "; ".join(reasons) or "trained and evaluated", summary.exit_code == 0)
