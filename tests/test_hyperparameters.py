from __future__ import annotations

import inspect
import math
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import hyperparameters
from bench.catalog import SETTINGS, algorithms, environments, find_algorithm, load
from bench.errors import CatalogError
from bench.hyperparameters import provenance
from bench.hyperparameters.values import CHECKS, checked, literal, schedule
from bench.records import Part

# What the harness sets itself, and what takes Python objects.
NOT_OFFERED = {
    "self",
    "env",
    "seed",
    "device",
    "verbose",
    "tensorboard_log",
    "stats_window_size",
    "_init_setup_model",
    "rollout_buffer_class",
    "rollout_buffer_kwargs",
    "action_noise",
}
VOCABULARY = {"n_envs", "normalize", "frame_stack", "env_wrapper", "training_seed"}
DEEP = [name for name, entry in algorithms().items() if entry.maker == "bench.algorithms.sb3:make"]
ENTRIES = [
    (algorithm, environment, settings)
    for part in hyperparameters.parts("rl-zoo")
    for algorithm, rows in part.entries.items()
    for environment, settings in rows.items()
]


@pytest.mark.parametrize("name", DEEP)
def test_accepted_names_are_the_constructors(name: str) -> None:
    parameters = set(inspect.signature(load(find_algorithm(name).implementation).__init__).parameters)
    noise = {"noise_type", "noise_std"} if "action_noise" in parameters else set()
    own = {"kl_to_start"} if name in {"reinforce", "a2c", "ppo"} else set()
    assert set(find_algorithm(name).settings or ()) == (parameters - NOT_OFFERED) | noise | VOCABULARY | own


@pytest.mark.parametrize("name", DEEP)
def test_defaults_of_the_catalogue_are_the_constructors(name: str) -> None:
    parameters = inspect.signature(load(find_algorithm(name).implementation).__init__).parameters
    told = find_algorithm(name).defaults
    assert told == {setting: parameters[setting].default for setting in told}


@pytest.mark.parametrize("name", DEEP)
def test_a_rollout_of_fixed_length_is_one_that_the_constructor_asks_for(name: str) -> None:
    entry = find_algorithm(name)
    steps = inspect.signature(load(entry.implementation).__init__).parameters.get("n_steps")
    # In off-policy algorithms `n_steps` counts the rewards of a target.
    assert entry.rollout == (steps.default if steps and entry.on_policy else None)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("q_learning", "TemporalDifferenceSettings"),
        ("sarsa", "TemporalDifferenceSettings"),
        ("expected_sarsa", "TemporalDifferenceSettings"),
        ("softmax_reinforce", "SoftmaxReinforceSettings"),
    ],
)
def test_accepted_names_are_the_fields_of_the_tabular_learners(name: str, settings: str) -> None:
    names = {field.name for field in fields(load(f"bench.algorithms.tabular:{settings}"))}
    assert set(find_algorithm(name).settings or ()) == names


def test_every_algorithm_of_the_catalogue_has_its_names() -> None:
    assert [name for name, entry in algorithms().items() if entry.settings is None] == []


def test_every_kind_of_value_in_the_catalogue_can_be_read() -> None:
    entries = [one for entry in algorithms().values() for one in entry.implementations.values()]
    kinds = {kind.partition(": ")[0] for entry in entries for kind in (entry.settings or {}).values()}
    assert kinds | set(SETTINGS.values()) == set(CHECKS)


def test_there_are_four_sets() -> None:
    assert hyperparameters.sets() == ("bare", "default", "own", "rl-zoo")


def test_reinforce_begins_with_a_textbooks_values_wherever_nothing_else_is_known() -> None:
    textbook = {
        "learning_rate": 0.001,
        "gamma": 0.99,
        "episodes_per_update": 1,
        "baseline": "none",
        "normalize_returns": False,
    }
    settings, provenance = hyperparameters.resolve("default", "reinforce", "CartPole-v1")
    assert settings == textbook
    assert "Sutton and Barto 2018, section 13.3" in provenance
    assert "tuning budget: none" in provenance
    assert hyperparameters.resolve("rl-zoo", "reinforce", "Mine-v0")[0] == textbook
    # What this harness has searched for stays where it was, and what old trials rest on has a name.
    assert hyperparameters.resolve("rl-zoo", "reinforce", "CartPole-v1")[0]["learning_rate"] == 0.003
    assert hyperparameters.resolve("bare", "reinforce", "CartPole-v1")[0] == {}
    accepted = find_algorithm("reinforce").settings or {}
    assert all(checked("reinforce", name, value) == value for name, value in textbook.items() if name in accepted)
    assert textbook.keys() <= accepted.keys()


def test_every_entry_names_what_exists_and_passes_its_own_check() -> None:
    for algorithm, environment, settings in ENTRIES:
        accepted = find_algorithm(algorithm).settings or {}
        assert environment in environments()
        for name, value in settings.items():
            assert name == "tuned_for_steps" or name in accepted, (algorithm, environment, name)
            assert checked(algorithm, name, value) == value


def test_rl_zoos_ppo_on_cartpole_as_published() -> None:
    settings, provenance = hyperparameters.resolve("rl-zoo", "ppo", "CartPole-v1")
    assert settings == {
        "n_envs": 8,
        "policy": "MlpPolicy",
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "ent_coef": 0.0,
        "learning_rate": "lin_0.001",
        "clip_range": "lin_0.2",
    }
    assert provenance.startswith("RL Baselines3 Zoo 2.9.2; published for 100,000 steps; tuning budget: unknown")


@pytest.mark.skipif(find_spec("rl_zoo3") is None, reason="rl_zoo3 is not installed: pip install 'bench[zoo]'")
def test_the_set_is_what_the_package_ships() -> None:
    """Reads the package's own files, without importing it."""
    spec = find_spec("rl_zoo3")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "hyperparams"
    for algorithm, environment, settings in ENTRIES:
        if algorithm == "reinforce":
            continue
        shipped = YAML(typ="safe", pure=True).load(folder / f"{algorithm}.yml")[environment]
        renamed = {"tuned_for_steps" if name == "n_timesteps" else name: value for name, value in shipped.items()}
        plain = {name: _unpacked(name, value) for name, value in renamed.items()}
        assert plain == settings, (algorithm, environment)


def _unpacked(name: str, value: Any) -> Any:
    return literal(value) if name in {"policy_kwargs", "normalize"} and isinstance(value, str) else value


def test_reinforce_says_that_its_settings_are_not_rl_zoos() -> None:
    settings, provenance = hyperparameters.resolve("rl-zoo", "reinforce", "CartPole-v1")
    assert settings["baseline"] == "value"
    assert "Zoo" not in provenance
    assert not hyperparameters.guessed("rl-zoo", "reinforce", "CartPole-v1")
    assert hyperparameters.guessed("rl-zoo", "reinforce", "MountainCar-v0")


@pytest.mark.parametrize(
    ("name", "algorithm", "environment", "provenance"),
    [
        ("default", "ppo", "CartPole-v1", "the defaults of each learning library, as installed"),
        ("rl-zoo", "ppo", "Mine-v0", "library defaults: set 'rl-zoo' has no entry for ppo on Mine-v0"),
        ("rl-zoo", "random", "CartPole-v1", "no hyperparameters"),
    ],
)
def test_without_an_entry_nothing_is_set_and_the_provenance_says_why(
    name: str, algorithm: str, environment: str, provenance: str
) -> None:
    assert hyperparameters.resolve(name, algorithm, environment) == ({}, provenance)


def test_a_pair_is_covered_by_an_entry_or_by_a_complete_set() -> None:
    assert hyperparameters.covers("rl-zoo", "sac", "Pendulum-v1")
    assert not hyperparameters.covers("rl-zoo", "sac", "Mine-v0")
    assert hyperparameters.covers("default", "sac", "Mine-v0")


def test_changing_a_resolved_setting_leaves_the_set_alone() -> None:
    settings, _ = hyperparameters.resolve("rl-zoo", "dqn", "CartPole-v1")
    settings["policy_kwargs"]["net_arch"].append(7)
    assert hyperparameters.resolve("rl-zoo", "dqn", "CartPole-v1")[0]["policy_kwargs"] == {"net_arch": [256, 256]}


def test_an_unknown_set_is_refused_by_name() -> None:
    with pytest.raises(CatalogError, match="'zoo' is not known; one of bare, default, own, rl-zoo"):
        hyperparameters.resolve("zoo", "ppo", "CartPole-v1")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("n_steps", 1e3, 1000),
        ("learning_rate", "lin_3e-4", "lin_3e-4"),
        ("clip_range", math.inf, math.inf),
        ("clip_range_vf", None, None),
        ("ent_coef", "auto_0.1", "auto_0.1"),
        ("train_freq", [1, "episode"], [1, "episode"]),
        ("gradient_steps", -1, -1),
        ("normalize", "dict(norm_obs=True, norm_reward=False)", "dict(norm_obs=True, norm_reward=False)"),
        ("policy_kwargs", "dict(activation_fn=nn.GELU)", "dict(activation_fn=nn.GELU)"),
        ("env_wrapper", [{"a.B": {"skip": 2}}, "c.D"], [{"a.B": {"skip": 2}}, "c.D"]),
        ("replay_buffer_kwargs", {"handle_timeout_termination": False}, {"handle_timeout_termination": False}),
        ("anything_else", object, object),
    ],
)
def test_values_as_rl_zoo_writes_them_pass(name: str, value: Any, read: Any) -> None:
    assert checked("ppo", name, value) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_envs", 0),
        ("n_envs", True),
        ("n_envs", 1.5),
        ("n_envs", math.inf),
        ("learning_rate", "lin_"),
        ("learning_rate", "lin_-1"),
        ("learning_rate", "cos_0.1"),
        ("learning_rate", 0),
        ("learning_rate", math.inf),
        ("learning_rate", math.nan),
        ("clip_range", -0.2),
        ("gamma", 1.1),
        ("ent_coef", "auto_x"),
        ("ent_coef", -0.1),
        ("train_freq", [1, "year"]),
        ("train_freq", [1, ["episode"]]),
        ("gradient_steps", 0),
        ("normalize", "yes"),
        ("normalize", {"norm_observation": True}),
        ("normalize", "dict(norm_obs=5)"),
        ("normalize", {"gamma": 2}),
        ("normalize", {"norm_obs_keys": "image"}),
        ("noise_type", "gaussian"),
        ("noise_type", ["normal"]),
        ("use_sde", 1),
        ("policy_kwargs", [64, 64]),
        ("policy_kwargs", "dict(net_arch=open('x'))"),
        ("policy_kwargs", "dict(net_arch=[64]*2)"),
        ("policy_kwargs", "dict(net_arch=[64"),
        ("env_wrapper", [{"a": {}, "b": {}}]),
        ("replay_buffer_kwargs", {"handle_timeout_termination": 0}),
        ("replay_buffer_kwargs", {"optimize_memory_usage": True}),
        ("replay_buffer_kwargs", "handle_timeout_termination"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|wants|schedule|has no setting") as caught:
        checked("ppo", name, value)
    assert " at 0x" not in str(caught.value)


def test_a_baseline_is_judged_by_the_algorithm_it_is_for() -> None:
    assert checked("reinforce", "baseline", "value") == "value"
    assert checked("reinforce", "baseline", "running") == "running"
    with pytest.raises(ValueError, match="wants none or mean, not 'value'"):
        checked("softmax_reinforce", "baseline", "value")


@pytest.mark.parametrize(
    ("algorithm", "name", "value", "wanted"),
    [
        ("reinforce", "value_epochs", 0, "must be at least 1"),
        ("reinforce", "baseline_step_size", 0, "wants a number above 0, up to 1"),
        ("a2c", "rms_prop_eps", None, "wants a number from 0"),
        ("q_learning", "learning_rate", "lin_0.1", "follows no schedule"),
        ("softmax_reinforce", "learning_rate", "lin_0.1", "follows no schedule"),
        ("q_learning", "epsilon", 2, "wants a number from 0 to 1"),
        ("sarsa", "epsilon_final", -0.1, "wants a number from 0 to 1"),
        ("q_learning", "initial_value", "high", "wants a number"),
    ],
)
def test_what_a_constructor_refuses_is_refused_before(algorithm: str, name: str, value: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        checked(algorithm, name, value)


def test_a_schedule_starts_where_it_says() -> None:
    assert schedule("lin_2.5e-4") == 0.00025


def test_python_literals_are_read_without_running_them() -> None:
    text = "dict(net_arch=dict(pi=[64], vf=(64,)), activation_fn=nn.ReLU, log_std_init=-2, clip={'a': None}, )"
    assert literal(text) == {
        "net_arch": {"pi": [64], "vf": [64]},
        "activation_fn": "nn.ReLU",
        "log_std_init": -2,
        "clip": {"a": None},
    }


@pytest.mark.parametrize(
    "text", ["__import__('os').system('ls')", "dict([1])", "dict(**a)", "f(x=1)", "{[1]: 2}", "1 +"]
)
def test_anything_but_literals_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"literal|malformed|dotted"):
        literal(text)


OF = {
    "source": "bench tune discrete",
    "version": "1",
    "licence": "",
    "tuning_budget": "60 runs: 24 configurations x 2 runs",
    "notes": (),
    "entries": {},
    "seeds": "1000 and 1001",
}


@pytest.mark.parametrize(
    ("changes", "for_steps", "beside", "told", "effort", "runs"),
    [
        ({}, 2_000, True, "bench tune discrete 1; made for 2,000 steps; tuning budget: 60 runs", provenance.TUNED, 60),
        ({"source": "mine"}, None, True, "mine 1; made for no stated budget; tuning", provenance.BESIDE, 60),
        ({"source": "RL Zoo", "tuning_budget": "unknown"}, 2_000, False, "RL Zoo 1; published for 2,000 steps; tun",
         provenance.PUBLISHED, None),
        ({"source": "this harness's own"}, None, False, "this harness's own 1; tuning", provenance.HAND, 60),
        ({"tuning_budget": "none"}, None, False, "bench tune discrete 1; tuning", provenance.DEFAULTS, None),
        ({"source": "bins", "tuning_budget": "five ways tried"}, None, False, "bins 1; tuning", provenance.HAND, None),
    ],
)  # fmt: skip
def test_what_a_trial_keeps_of_where_its_settings_come_from_is_read_back(
    changes: dict[str, Any], for_steps: int | None, beside: bool, told: str, effort: str, runs: int | None
) -> None:
    line = provenance.line(Part(**{**OF, **changes}), for_steps, beside=beside)
    assert line.startswith(told)
    found = provenance.made_for(line), provenance.effort(line), provenance.tuning_runs(line)
    assert found == (for_steps, effort, runs)
    # A suite's own changes are meant for its own budget, where the set states none.
    assert provenance.made_for(provenance.with_changes(line, ["gamma"]), 7) == (for_steps or 7)
    assert provenance.with_changes(line, []) == line


def test_settings_searched_for_by_hand_here_stand_out_beside_others_alone() -> None:
    names, here = ("reinforce", "ppo", "random"), "CartPole-v1"
    lines = {("", here, name): hyperparameters.resolve("rl-zoo", name, here)[1] for name in names}
    mine, other = ("", here, "reinforce"), ("", here, "ppo")
    assert lines[mine].startswith("this harness's own settings for REINFORCE 0.1; made for 100,000 steps; tuning ")
    assert provenance.found_by_hand(lines) == [("reinforce", here)]
    assert provenance.found_by_hand({**lines, other: lines[mine]}) == []
    # Nor beside another setting of the suite, or another environment.
    assert provenance.found_by_hand({mine: lines[mine], ("tuned", here, "ppo"): lines[other]}) == []
    assert provenance.found_by_hand({mine: lines[mine], ("", "Acrobot-v1", "ppo"): lines[other]}) == []
    # Nobody searched for a guess.
    guess = hyperparameters.resolve("own", "reinforce", "MountainCar-v0")[1]
    assert provenance.effort(guess) == provenance.GUESSED
    assert provenance.found_by_hand({**lines, mine: guess}) == []


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_beyond_any_float_is_told_and_not_a_crash(value: int) -> None:
    with pytest.raises(ValueError, match="wants"):
        checked("ppo", "learning_rate", value)
    with pytest.raises(ValueError, match="wants"):
        checked("ppo", "n_steps", value)
