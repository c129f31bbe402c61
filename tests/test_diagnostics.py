"""What is told of updates: the same training with and without, numbers that others give too, and where they end up."""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from bench import suite
from bench.algorithms.diagnostics import Diagnostics
from bench.analysis.curves import diagnostic_curve
from bench.analysis.frames import frames
from bench.analysis.resampling import resample_counts
from bench.catalog import find_algorithm, load
from bench.errors import SuiteError
from bench.plan import plan
from bench.records import DIAGNOSTICS, EvaluationPlan, Outcome, Trial
from bench.report import figures, order, page
from bench.runner.trial import learner_request
from tests import estimates_fixture
from tests.making import carry_out, small_trial
from tests.test_claims import Results, claim, limits, one_verdict, reason_of, record_of, statement_of, trial_of

TELLING = EvaluationPlan(3, 1, 1, diagnostics=True, value_episodes=1)
SMALL = {"policy_kwargs": {"net_arch": [8]}}
CASES: list[tuple[str, str, str, int, dict[str, Any]]] = [
    ("ppo", "sb3", "CartPole-v1", 600, {"n_steps": 64, "n_envs": 2, "normalize": True}),
    ("ppo", "jax", "CartPole-v1", 600, {"n_steps": 64, "n_envs": 2}),
    ("a2c", "sb3", "CartPole-v1", 300, {}),
    ("a2c", "jax", "CartPole-v1", 300, {}),
    ("reinforce", "sb3", "CartPole-v1", 600, {}),
    ("reinforce", "jax", "CartPole-v1", 600, {}),
    ("dqn", "sb3", "CartPole-v1", 300, {"learning_starts": 50, **SMALL}),
    ("dqn", "jax", "CartPole-v1", 300, {"learning_starts": 50}),
    ("sac", "jax", "Pendulum-v1", 150, {"learning_starts": 50}),
    ("td3", "jax", "Pendulum-v1", 150, {"learning_starts": 50}),
    ("sac", "sb3", "Pendulum-v1", 150, {"learning_starts": 50, **SMALL}),
    ("td3", "sb3", "Pendulum-v1", 150, {"learning_starts": 50, **SMALL}),
    ("ddpg", "sb3", "Pendulum-v1", 100, {"learning_starts": 50, "noise_type": "normal", **SMALL}),
    ("tqc", "sb3", "Pendulum-v1", 100, {"learning_starts": 50, "use_sde": True, **SMALL}),
    ("crossq", "sb3", "Pendulum-v1", 100, {"learning_starts": 50, "normalize": True, **SMALL}),
    ("qrdqn", "sb3", "CartPole-v1", 150, {"learning_starts": 50, **SMALL}),
    ("trpo", "sb3", "CartPole-v1", 300, {"n_steps": 64, "batch_size": 64}),
]


def trial_in(name: str, implementation: str, environment: str, steps: int, settings: dict[str, Any]) -> Trial:
    trial = small_trial(name, environment, steps=steps, evaluation=TELLING, hyperparameters=settings)
    return replace(trial, implementation=find_algorithm(name, implementation).identity)


def weights(root: Path, trial: Trial) -> dict[str, Any]:
    with zipfile.ZipFile(root / trial.name / "policy.zip") as archive:
        found: dict[str, Any] = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    return found


@pytest.mark.parametrize(("name", "implementation", "environment", "steps", "settings"), CASES)
def test_listening_changes_no_weight_and_what_the_catalogue_promises_is_told(
    tmp_path: Path, name: str, implementation: str, environment: str, steps: int, settings: dict[str, Any]
) -> None:
    telling = trial_in(name, implementation, environment, steps, settings)
    silent = replace(telling, evaluation=replace(TELLING, diagnostics=None, value_episodes=None))
    found, none = carry_out(telling, tmp_path), carry_out(silent, tmp_path)
    assert none.diagnostics == {}
    assert found.final.returns.tolist() == none.final.returns.tolist()
    one, other = (weights(tmp_path, trial) for trial in (telling, silent))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert set(found.diagnostics) >= find_algorithm(name, implementation).tells
    assert all(len(values) == 3 and np.isfinite(values[-1]) for values in found.diagnostics.values())


def test_a_policy_that_never_changes_diverges_from_none_and_has_its_own_entropy(tmp_path: Path) -> None:
    trial = trial_in("ppo", "sb3", "CartPole-v1", 256, {"n_steps": 64, "learning_rate": 0.0})
    found = carry_out(trial, tmp_path).diagnostics
    assert found["approx_kl"][-1] == pytest.approx(0.0, abs=1e-7)
    assert found["clip_fraction"][-1] == 0.0
    # Two actions that a fresh policy hardly tells apart.
    assert found["entropy"][-1] == pytest.approx(math.log(2), abs=1e-3)


@pytest.mark.parametrize("name", ["ppo", "a2c"])
def test_the_gradients_length_is_what_plain_descent_moves_the_weights_by_before_it_is_cut(name: str) -> None:
    settings: dict[str, Any] = {"n_steps": 32, "learning_rate": 1.0}
    settings["policy_kwargs"] = {"optimizer_class": "torch.optim.SGD"}
    settings |= {"n_epochs": 1, "batch_size": 32} if name == "ppo" else {"use_rms_prop": False}
    moved, told = [], []
    for limit in (1e9, 1e-3):
        trial = trial_in(name, "sb3", "CartPole-v1", 32, {**settings, "max_grad_norm": limit})
        learner: Any = load(find_algorithm(name).maker)(learner_request(trial))
        before = [one.detach().clone() for one in learner.model.policy.parameters()]
        learner.learn(32, lambda steps: steps < 32)
        steps = zip(before, map(torch.Tensor.detach, learner.model.policy.parameters()), strict=True)
        moved.append(math.sqrt(sum(float(((new - old) ** 2).sum()) for old, new in steps)))
        told.append(learner.diagnostics()["gradient_norm"])
    assert told[0] == pytest.approx(moved[0], rel=1e-4)
    assert moved[1] == pytest.approx(1e-3, rel=1e-2)
    assert told[1] == pytest.approx(told[0], rel=1e-6)


def test_each_update_is_heard_once_and_a_stretch_holds_the_updates_since_the_one_before() -> None:
    logged: dict[str, float] = {}
    model: Any = SimpleNamespace(logger=SimpleNamespace(name_to_value=logged), get_env=lambda: None, num_timesteps=0)
    listening = Diagnostics()
    listening.init_callback(model)
    listening.on_training_start({}, {})
    listening.on_rollout_start()
    assert listening.means() == {}
    for updates, entropy in ((10, -0.5), (10, -0.5), (20, -0.25)):
        logged.update({"train/n_updates": updates, "train/entropy_loss": entropy, "train/explained_variance": math.nan})
        listening.on_rollout_start()
    # Two updates: the entropies 0.5 and 0.25. What is no number is not told.
    assert listening.means() == {"entropy": 0.375}
    assert listening.means() == {}
    logged.update({"train/n_updates": 30, "train/entropy_loss": -0.125})
    listening.on_training_end()
    assert listening.means() == {"entropy": 0.125}


def test_identities_from_before_hold_where_nobody_asks() -> None:
    def planned(evaluation: str) -> Trial:
        text = f"seeds: 1\nalgorithms: [ppo]\nenvironments: {{CartPole-v1: 3000}}\nevaluation: {{{evaluation}}}\n"
        return plan(suite.parse(text, "x.yaml")).trials[0]

    plain, refused, asked = map(planned, ("points: 2", "points: 2, diagnostics: false", "points: 2, diagnostics: true"))
    assert refused.fingerprint == plain.fingerprint
    assert "diagnostics" not in plain.definition()["evaluation"]
    assert asked.fingerprint != plain.fingerprint


def test_what_tells_nothing_is_not_asked(tmp_path: Path) -> None:
    trial = small_trial("softmax_reinforce", "bench/Bandit-v0", evaluation=TELLING)
    assert carry_out(trial, tmp_path).diagnostics == {}
    assert "diagnostics" not in json.loads((tmp_path / trial.name / "trial.json").read_text())


def entropies(label: str, values: list[list[float]]) -> list[Outcome]:
    """Per run: entropy at four points."""
    return [
        replace(record_of(trial_of(label, "x", seed), 1.0), diagnostics={"entropy": np.array(run)})
        for seed, run in enumerate(values)
    ]


def test_a_claim_about_a_diagnostic_compares_means_of_the_last_updates_with_a_t_interval() -> None:
    # A run whose last stretch held no update is read before it.
    ours = entropies("a", [[0.7, 0.5, 0.3, 0.1], [0.7, 0.5, 0.2, math.nan], [0.7, 0.5, 0.3, 0.15], [0.7, 0, 0, 0.05]])
    theirs = entropies("b", [[0.7, 0.7, 0.7, last] for last in (0.6, 0.65, 0.7, 0.55)])
    found = one_verdict(ours + theirs, claim(quantity="entropy", direction="less", margin=0.2))
    last = [0.1, 0.2, 0.15, 0.05], [0.6, 0.65, 0.7, 0.55]
    expected = stats.ttest_ind(*last, equal_var=False).confidence_interval(0.95)
    assert limits(found) == pytest.approx((expected.low, expected.high))
    assert found.verdict == "supported"
    assert statement_of(found) == "a minus b in entropy of the policy at the end of training, below -0.2"


def test_runs_that_tell_nothing_give_no_verdict() -> None:
    silent = [*entropies("a", [[0.1] * 4] * 3), record_of(trial_of("a", "x", 3), 1.0)]
    found = one_verdict(silent, claim(right=0.5, quantity="entropy"))
    assert found.verdict == "undecided"
    assert "fewer than 4 runs of a cell told it of their updates" in reason_of(found)


def test_a_claim_wants_what_every_implementation_tells_that_auto_may_choose() -> None:
    def complaints(algorithm: str, quantity: str) -> list[str]:
        text = (
            f"algorithms: [{algorithm}]\nenvironments: {{CartPole-v1: 30000}}\nevaluation: {{diagnostics: true}}\n"
            f"claims: [{{claim: one, left: ppo, right: 0.5, quantity: {quantity}}}]\n"
        )
        try:
            suite.parse(text, "x.yaml")
        except SuiteError as error:
            return [str(one) for one in error.complaints]
        return []

    assert complaints("{name: ppo, implementation: auto}", "clip_fraction") == []
    assert complaints("{name: ppo, implementation: auto}", "explained_variance") == []
    assert complaints("{name: ppo, implementation: sb3}", "gradient_norm") == []
    assert complaints("{name: ppo, implementation: jax}", "gradient_norm") == []
    (line,) = complaints("{name: ppo, implementation: auto}", "gradient_norm")
    assert "ppo does not tell gradient_norm of its updates; as it is implemented it tells approx_kl, " in line


def test_the_frame_of_diagnostics_has_a_row_per_number_and_point() -> None:
    (record,) = entropies("a", [[0.7, 0.5, math.nan, 0.1]])
    table = frames([record], {})["diagnostics"]
    assert table[["point", "steps", "name"]].to_numpy().tolist() == [
        [point, 250 * (point + 1), "entropy"] for point in range(4)
    ]
    assert table["value"].fillna(-1).tolist() == [0.7, 0.5, -1, 0.1]


def test_a_curve_begins_where_every_run_has_made_an_update_and_has_no_interval_where_some_told_nothing() -> None:
    told = entropies("a", [[math.nan, 0.5, 0.3, 0.1 * run] for run in range(1, 5)])
    (cell,) = Results(told).cells()
    counts = [resample_counts(4, 200, np.random.default_rng(0))]
    curve = diagnostic_curve(cell, "entropy", counts, 0.95)
    assert curve is not None
    assert (curve.x, curve.n) == ((500.0, 750.0, 1000.0), 4)
    # The lowest and the highest of 0.1, 0.2, 0.3, 0.4 go.
    assert curve.estimate == pytest.approx((0.5, 0.3, 0.25))
    assert curve.low[-1] is not None
    (cell,) = Results([*told, record_of(trial_of("a", "x", 4), 1.0)]).cells()
    bare = diagnostic_curve(cell, "entropy", [resample_counts(5, 200, np.random.default_rng(0))], 0.95)
    assert bare is not None
    assert (bare.estimate, bare.low) == (curve.estimate, (None, None, None))
    assert diagnostic_curve(cell, "approx_kl", counts, 0.95) is None


def test_the_report_draws_a_plot_per_diagnostic_and_none_where_nothing_was_told() -> None:
    plain = estimates_fixture.synthetic(estimates_fixture.ALGORITHMS[:2], estimates_fixture.ENVIRONMENTS[:1])
    assert "diagnostics" not in {figure.section for figure in figures.every(plain)}
    some = tuple(curve for curve in plain.curves if curve.environment and curve.axis == "steps")
    telling = replace(plain, diagnostics={"entropy": some, "approx_kl": some})
    drawn = [figure for figure in figures.every(telling) if figure.section == "diagnostics"]
    assert len(drawn) == len({curve.environment for curve in some})
    assert [panel.title for panel in drawn[0].panels] == [DIAGNOSTICS[name].title for name in ("entropy", "approx_kl")]
    plate = page.plate(drawn[0], order.styles(telling), ())
    told, silent = page.render(telling, [plate], {}, page.Stored()), page.render(telling, [], {}, page.Stored())
    assert 'id="diagnostics"' in told
    assert DIAGNOSTICS["entropy"].title in told
    assert 'id="diagnostics"' not in silent
