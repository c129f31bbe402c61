"""SBX's algorithms through the adapter: trained, evaluated and read back like stable-baselines3's own."""

import inspect
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import torch

from bench import load_policy
from bench.algorithms import acting, sbx
from bench.algorithms.compilation import compile_seconds
from bench.catalog import algorithms, find_algorithm, installed, load
from bench.environments.making import make
from bench.errors import BenchError, DivergedError
from bench.records import LearnerRequest, Trial
from tests.making import carry_out, played_again, small_trial

NAMES = [name for name, entry in algorithms().items() if "sbx" in entry.others]
SMALL: dict[str, Any] = {"learning_starts": 20, "batch_size": 16, "buffer_size": 500}
SETTINGS: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 32, "batch_size": 32, "n_epochs": 2},
    "dqn": {**SMALL, "policy_kwargs": {"net_arch": [16, 16]}},
    "crossq": {**SMALL, "policy_kwargs": {"net_arch": [16, 16]}, "policy_delay": 2},
    **{name: {**SMALL, "policy_kwargs": {"net_arch": [16, 16]}} for name in ("sac", "td3", "ddpg", "tqc")},
}


def trial(name: str, *, steps: int = 64, seed: int = 0, **settings: Any) -> Trial:
    entry = find_algorithm(name, "sbx")
    environment = "CartPole-v1" if "discrete" in entry.actions else "Pendulum-v1"
    given = {**SETTINGS[name], **settings}
    made = small_trial(name, environment, steps=steps, seed=seed, hyperparameters=given)
    return replace(made, implementation=entry.identity, versions=installed((*entry.distributions, "gymnasium")))


def learner(name: str, seed: int = 3, **settings: Any) -> sbx.SBXLearner:
    one = trial(name, **settings)
    return sbx.make(LearnerRequest(one, lambda index: make(one.environment, {}, seed=index)[0], seed=seed))


def trained(made: sbx.SBXLearner, steps: int) -> dict[str, Any]:
    made.learn(steps, lambda taken: taken < steps)
    return dict(made.weights())


@pytest.mark.parametrize(
    # Compiling takes almost all of it.
    "name",
    [name if name in {"dqn", "td3"} else pytest.param(name, marks=pytest.mark.slow) for name in NAMES],
)
def test_every_algorithm_trains_is_evaluated_and_read_back_as_it_was(tmp_path: Path, name: str) -> None:
    record = carry_out(trial(name, normalize=True), tmp_path)
    assert record.final.steps >= 64
    assert np.isfinite(record.final.returns).all()
    assert record.settings["gamma"] == 0.99
    assert "0x" not in str(record.settings)
    seconds = record.timings
    assert seconds["compile"] > 0
    parts = ("setup", "train", "compile", "evaluation")
    assert sum(seconds[part] for part in parts) == pytest.approx(seconds["wall"])
    assert played_again(load_policy(tmp_path / record.trial.name)) == record.final.returns.tolist()


@pytest.mark.parametrize("name", ["ppo", "dqn", "sac"])
def test_equal_seeds_give_equal_weights_though_one_acts_at_random_meanwhile_by_the_evaluations_stream_and_others_others(
    name: str,
) -> None:
    undisturbed, other = (trained(learner(name, seed), 64) for seed in (3, 4))
    made, drawn = learner(name), []
    # Actions are asked of SBX itself: its networks are none of torch's.
    assert not acting.is_plain(made.model, deterministic=True)
    assert acting.plain(made.model) is None

    def act(steps: int) -> bool:
        if steps == 32:
            state = np.random.get_state()  # noqa: NPY002 - what the harness keeps of it
            for _ in range(2):
                np.random.seed(1)  # noqa: NPY002 - as the harness does before an evaluation
                observations = [
                    np.full(made.observation_space.shape or (), place / 9, dtype=np.float32) for place in range(5)
                ]
                drawn.append([made.act(observations, None, [False] * 5, deterministic=False)[0] for _ in range(8)])
            np.random.set_state(state)  # noqa: NPY002 - see above
        return steps < 64

    made.learn(64, act)
    assert np.array_equal(drawn[0], drawn[1])
    assert np.array(drawn[0]).std(axis=0).max() > 0
    disturbed = dict(made.weights())
    assert undisturbed.keys() == disturbed.keys()
    assert all(np.array_equal(undisturbed[key], disturbed[key]) for key in undisturbed)
    assert not all(np.array_equal(undisturbed[key], other[key]) for key in undisturbed)


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_no_numbers_are_divergence(name: str) -> None:
    made = learner(name)
    policy = made.model.policy
    state = "qf1_state" if name == "tqc" else "vf_state" if name == "ppo" else "qf_state"

    def poison(steps: int) -> bool:
        if steps == 10:
            held = getattr(policy, state)
            setattr(policy, state, held.replace(params=jax.tree.map(lambda part: part * np.nan, held.params)))
        return steps < 12

    with pytest.raises(DivergedError, match=rf"weights {state}\.params.* are not finite"):
        made.learn(12, poison)


def test_actions_that_are_no_numbers_are_divergence() -> None:
    made = learner("sac")

    def poison(steps: int) -> bool:
        if steps == 30:
            policy: Any = made.model.policy
            held = policy.actor_state
            policy.actor_state = held.replace(params=jax.tree.map(lambda part: part * np.nan, held.params))
        return steps < 64

    with pytest.raises(DivergedError):
        made.learn(64, poison)


def test_a_row_is_chosen_alike_however_many_there_are() -> None:
    made = learner("sac")
    observations = [np.full(3, place / 9, dtype=np.float32) for place in range(5)]
    together, _ = made.act(observations, None, [False] * 5, deterministic=True)
    alone = [made.act([one], None, [False], deterministic=True)[0][0] for one in observations]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    assert len(together) == 5


def constructor(name: str) -> set[str]:
    return set(inspect.signature(load(find_algorithm(name, "sbx").implementation).__init__).parameters)


THE_HARNESS_SETS = {
    *("self", "env", "seed", "device", "verbose", "tensorboard_log", "stats_window_size", "_init_setup_model"),
    *("rollout_buffer_class", "rollout_buffer_kwargs", "action_noise"),
}
UNFOLLOWED = {"use_sde_at_warmup", "clip_range_vf"}
"""What a constructor takes and the algorithm does not follow."""


@pytest.mark.parametrize("name", NAMES)
def test_accepted_names_are_the_constructors_that_are_followed(name: str) -> None:
    noise = {"noise_type", "noise_std"} if "action_noise" in constructor(name) else set()
    ours = {"n_envs", "normalize", "frame_stack", "env_wrapper", "training_seed"} | noise
    accepted = set(find_algorithm(name, "sbx").settings or ())
    assert accepted == (constructor(name) - THE_HARNESS_SETS - UNFOLLOWED) | ours


@pytest.mark.parametrize("name", NAMES)
def test_keywords_of_a_policy_are_arguments_of_its_constructor(name: str) -> None:
    entry = find_algorithm(name, "sbx")
    policy = load(entry.implementation).policy_aliases["MlpPolicy"]
    accepted = (entry.settings or {})["policy_kwargs"].partition(": ")[2].split()
    assert set(accepted) <= set(inspect.signature(policy.__init__).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_of_the_catalogue_are_the_constructors(name: str) -> None:
    entry = find_algorithm(name, "sbx")
    parameters = inspect.signature(load(entry.implementation).__init__).parameters
    assert entry.defaults == {setting: parameters[setting].default for setting in entry.defaults}


def test_activations_have_torchs_names_and_values() -> None:
    numbers = np.linspace(-3, 3, 13, dtype=np.float32)
    for name, function in sbx.ACTIVATIONS.items():
        expected = getattr(torch.nn, name)()(torch.as_tensor(numbers)).numpy()
        np.testing.assert_allclose(function(jax.numpy.asarray(numbers)), expected, atol=1e-6)


def test_policy_keywords_are_functions_of_jax() -> None:
    found = sbx.policy_keywords("dict(net_arch=dict(pi=[8], vf=[8]), activation_fn=nn.ReLU)")
    assert found == {"net_arch": {"pi": [8], "vf": [8]}, "activation_fn": sbx.ACTIVATIONS["ReLU"]}
    assert sbx.policy_keywords({"activation_fn": "jax.nn.swish"}) == {"activation_fn": jax.nn.swish}
    for wrong in ("nn.PReLU", "torch.nn.PReLU", "jax.nn.nothing", "nowhere.at_all"):
        with pytest.raises(BenchError, match=f"'{wrong}' is no function of JAX"):
            sbx.policy_keywords({"activation_fn": wrong})


def test_whole_numbers_are_taken_where_sbx_wants_floats() -> None:
    made = learner("sac", ent_coef=1, qf_learning_rate=1)
    assert made.settings()["ent_coef"] == 1
    assert learner("sac").settings()["ent_coef"] == "auto"


def test_what_is_compiled_inside_something_compiled_is_timed_once() -> None:
    inner = jax.jit(lambda numbers: numbers * 3.25)
    outer = jax.jit(lambda numbers: inner(numbers) + inner(numbers + 1.0))
    before, began = compile_seconds(), time.perf_counter()
    outer(np.zeros(7))
    compiled, passed = compile_seconds() - before, time.perf_counter() - began
    assert 0 < compiled <= passed
    outer(np.zeros(7))
    assert compile_seconds() - before == compiled


WITHOUT_JAX = """
import sys
from importlib.machinery import PathFinder

HIDDEN = {"jax", "jaxlib", "flax", "optax", "sbx", "sbx-rl", "tfp-nightly"}

class Hiding:
    find_distributions = staticmethod(
        lambda *given: (one for one in PathFinder.find_distributions(*given) if one.name.lower() not in HIDDEN)
    )

    @staticmethod
    def find_spec(name, *given):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, *given)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
from bench import suite
from bench.errors import SuiteError
from bench.pipeline import SuiteText, open_experiment, require_runnable
from tests.making import carry_out, small_trial
from pathlib import Path

text = "implementation: sbx\\nalgorithms: [dqn]\\nenvironments: {CartPole-v1: 1000}\\n"
experiment = open_experiment(SuiteText(text, "x.yaml"), results=Path(sys.argv[1]))
try:
    require_runnable(experiment)
except SuiteError as error:
    print(error)
suite.parse(text.replace("sbx", "sb3"), "x.yaml")
settings = {"learning_starts": 20, "buffer_size": 500}
print(carry_out(small_trial("dqn", "CartPole-v1", steps=32, hyperparameters=settings), Path(sys.argv[1])).final.steps)
assert not HIDDEN & set(sys.modules)
"""


def test_without_jax_the_rest_works_and_the_command_that_installs_it_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_JAX, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "the implementation sbx of dqn is not installed" in told.stdout
    assert "pip install 'bench[jax]'" in told.stdout
    assert told.stdout.endswith("\n32\n")
