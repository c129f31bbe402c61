"""What only a real GPU can show. `make test-gpu` runs these where there is one, about four minutes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench import pipeline
from bench.pipeline.bursts import Hardware, places
from bench.records import Burst, Record
from bench.runner.devices import answers, available, used_mb
from bench.runner.jobs import RetryPolicy
from bench.runner.local import LocalExecutor
from tests import misbehaviour
from tests.making import suite_file
from tests.test_local_executor import ends, make_job

pytestmark = [
    pytest.mark.timeout(580),
    pytest.mark.skipif("GPU_TESTS" not in os.environ, reason="make test-gpu runs it: it wants a GPU"),
]

FRAMES = "gpu_environments:gpu/Catch-v0"
TOGETHER = 8
ONLY = ["sac@Pendulum-v1", f"frames@{FRAMES}"]
SUITE = f"""
name: real-gpu
seeds: {TOGETHER}
evaluation: {{points: 1, episodes: 2, final_episodes: 2}}
hyperparameters: default
skip_incompatible: true
algorithms:
  - sac
  - name: ppo
    label: frames
    hyperparameters: {{policy: CnnPolicy, frame_stack: 4, n_envs: 8, n_steps: 128, batch_size: 256, n_epochs: 4}}
environments:
  Pendulum-v1: {{steps: 1500}}
  "{FRAMES}": {{steps: 4096}}
"""


def test_a_real_gpu_is_seen_and_answers() -> None:
    gpu = available()[0]
    assert answers(gpu)
    assert gpu.memory_gb > 1
    assert (used_mb(gpu) or 0) > 0


def test_two_that_want_six_tenths_of_its_memory_each_have_it_one_after_the_other(tmp_path: Path) -> None:
    crowd = [make_job(tmp_path, misbehaviour.fills_its_gpu, n, device="cuda", packed=2) for n in range(2)]
    told = ends(list(LocalExecutor(2, gpus=available()[:1]).events(crowd)))
    lost = [event.failure.kind for event in told if event.failure]
    assert lost in (["out_of_gpu_memory"], ["out_of_gpu_memory"] * 2), [event.failure for event in told]
    assert sum(event.done for event in told) == 2


def test_what_a_failing_kernel_leaves_is_an_exception_and_no_lost_device(tmp_path: Path) -> None:
    job = make_job(tmp_path, misbehaviour.asserts_on_its_gpu, device="cuda")
    (told,) = ends(list(LocalExecutor(1, RetryPolicy({}), gpus=available()[:1]).events([job])))
    assert told.failure is not None
    assert told.failure.kind == "exception"


def test_the_quicker_device_is_found_by_measuring_and_records_tell_what_a_gpu_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Convolutions gain by the GPU; eight of SAC's trials, whose updates are hundreds of small kernels, do not."""
    monkeypatch.chdir(Path(__file__).parents[1] / "benchmarks")
    experiment = pipeline.open_experiment(suite_file(tmp_path, SUITE), only=ONLY, results=tmp_path, met=True)
    found = bursts(experiment, TOGETHER, tmp_path / "together")
    assert found["frames"].gains
    assert not found["sac"].gains
    assert all((burst.gpu_memory_mb or 0) > 100 for burst in found.values())
    experiment.store.keep_bursts(found.values())
    options = pipeline.RunOptions(workers=TOGETHER, devices="auto")
    jobs = pipeline.prepare(experiment, options, say)
    assert {job.trial.label: job.device for job in jobs} == {"frames": "cuda", "sac": "cpu"}
    summary = pipeline.run(experiment, jobs, lambda _: None, options)
    assert summary.done == summary.planned
    for record in experiment.store.outcomes():
        assert isinstance(record, Record)
        told, timings = record.resources, record.timings
        say(f"{record.trial.name}: {dict(told)}, {dict(timings)}")
        if record.trial.label == "frames":
            assert str(told["device"]).startswith("cuda:0 (NVIDIA")
            assert told["trials_per_gpu"] == TOGETHER
            assert told["gpu_memory_mb"] > 10
            assert 0 <= told["gpu_utilisation"] <= 1
            assert timings["gpu"] == pytest.approx(timings["wall"] / told["trials_per_gpu"], rel=0.1)
        else:
            assert told["device"] == "cpu"
            assert "gpu" not in timings
    bursts(experiment, 1, tmp_path / "alone")


def bursts(experiment: pipeline.Experiment, together: int, root: Path) -> dict[str, Burst]:
    hardware = Hardware("auto", available()[:1], workers=together)
    trials = experiment.plan.trials
    store = replace(experiment.store, root=root)
    places(hardware, trials, experiment.traits, dict.fromkeys(experiment.traits, 1e6), store, tell=say)
    found = {burst.label: burst for burst in store.bursts()}
    for burst in found.values():
        say(str(burst))
        assert not burst.trouble
    return found


def say(text: str) -> None:
    print(f"{time.monotonic():.0f} {text}", flush=True)  # noqa: T201 - what was measured is worth reading
