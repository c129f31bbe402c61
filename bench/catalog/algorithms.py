"""What an algorithm is, in one place: what it accepts, what it costs, and where its code lives.

Tests hold names and defaults of the settings against the constructors of the installed classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench.catalog.backends import BACKENDS
from bench.catalog.entries import ACTION_KINDS, OBSERVATION_KINDS, Algorithm, Speed

_EVERY_ACTION = ACTION_KINDS
_ARRAYS = OBSERVATION_KINDS - {"composite"}
_FLAT = frozenset({"vector", "discrete"})
_DISCRETE = frozenset({"discrete"})
_COUNTED = frozenset({"discrete", "composite"})
_CONTINUOUS = frozenset({"continuous"})
_SB3 = ("stable-baselines3", "torch")

KINDS: Mapping[str, str] = {
    "count": "n_steps batch_size n_epochs buffer_size target_update_interval policy_delay n_delta n_critic_updates "
    "cg_max_steps line_search_max_iter sub_sampling_factor n_eval_episodes episodes_per_update value_batch_size "
    "steps_per_pass value_epochs",
    "optional count": "n_top",
    "count or none": "learning_starts top_quantiles_to_drop_per_net",
    "count or -1": "sde_sample_freq",
    "copies": "n_envs frame_stack",
    "gradient steps": "gradient_steps",
    "frequency": "train_freq",
    "share": "gamma gae_lambda tau exploration_fraction exploration_initial_eps exploration_final_eps epsilon "
    "epsilon_final",
    "share above 0": "baseline_step_size",
    "amount": "vf_coef noise_std target_policy_noise target_noise_clip kl_to_start rms_prop_eps",
    "number": "initial_value",
    "optional amount": "target_kl max_grad_norm",
    "optional step size": "value_learning_rate qf_learning_rate",
    "steps": "param_resets",
    "flag": "use_sde use_sde_at_warmup use_rms_prop normalize_advantage optimize_memory_usage zero_policy "
    "normalize_returns gamma_power bootstrap_truncated",
    "schedule": "clip_range delta_std",
    "finite schedule": "learning_rate",
    "optional schedule": "clip_range_vf",
    "entropy": "ent_coef",
    "name": "policy",
    "noise": "noise_type",
    "normalisation": "normalize",
    "policy keywords": "policy_kwargs",
    "buffer keywords": "replay_buffer_kwargs",
    "wrappers": "env_wrapper",
    "discretisation": "discretisation",
    "seed": "training_seed",
}
"""Kind of value -> names of settings that mean it wherever they occur; any other name's value is passed on as it is."""
SETTINGS: Mapping[str, str] = {name: kind for kind, names in KINDS.items() for name in names.split()}
"""Name of a setting -> kind of its value (see `bench.hyperparameters.values`)."""
NETWORK = "net_arch activation_fn optimizer_class optimizer_kwargs"
"""Policy keywords that all of SBX's policies follow."""


def _settings(*names: str, **own: str) -> dict[str, str]:
    """Return names, several to a text, with their kinds; `own` are kinds that only this algorithm means."""
    return {name: SETTINGS.get(name, "") for text in names for name in text.split()} | own


# Words of RL Zoo about the training environments; every algorithm that trains through stable-baselines3 takes them.
_TRAINED = "n_envs normalize frame_stack env_wrapper training_seed"
# Constructor arguments. Left out are those the harness sets itself (env, seed, device, verbose, logging) and those that
# take Python objects (rollout_buffer_class; action_noise, whose place noise_type and noise_std take, as in RL Zoo).
_ROLLOUTS = f"{_TRAINED} policy policy_kwargs learning_rate n_steps gamma gae_lambda normalize_advantage"
_EXPLORING = "use_sde sde_sample_freq"
_CLIPPED = f"{_ROLLOUTS} batch_size n_epochs clip_range clip_range_vf ent_coef vf_coef max_grad_norm target_kl"
_REPLAYED = (
    f"{_TRAINED} policy policy_kwargs learning_rate buffer_size learning_starts batch_size gamma train_freq "
    "gradient_steps optimize_memory_usage replay_buffer_class replay_buffer_kwargs n_steps"
)
_VALUES = (
    f"{_REPLAYED} tau target_update_interval exploration_fraction exploration_initial_eps exploration_final_eps "
    "max_grad_norm"
)
_CRITICS = f"{_REPLAYED} noise_type noise_std"
_SOFT = f"{_CRITICS} ent_coef target_entropy {_EXPLORING} use_sde_at_warmup"


# What they tell of themselves. In JAX no critic's error is measured, and no gradient but those of the compiled PPO and
# A2C.
_OF_ACTION_VALUES = frozenset({"predicted_value", "overestimation"})
_OF_VALUES = _OF_ACTION_VALUES | {"critic_loss", "gradient_norm"}
_OF_CRITICS = _OF_ACTION_VALUES | {"critic_loss"}
_OF_SOFT = _OF_CRITICS | {"entropy_coefficient"}
_OF_ACTORS = frozenset({"entropy", "value_loss", "explained_variance", "gradient_norm"})
_OF_CLIPPED = _OF_ACTORS | {"approx_kl", "clip_fraction"}
_HELD = "kl_to_start"
"""A setting that wants the library's own policy while it steps."""
_UNTOLD_IN_JAX = _OF_ACTION_VALUES | {"gradient_norm"}


def _epochs(settings: Mapping[str, Any]) -> float:
    return float(settings["n_epochs"] / settings["batch_size"])


def _once(settings: Mapping[str, Any]) -> float:
    return float(1 / (settings["n_steps"] * settings.get("n_envs", 1)))


def _replayed(settings: Mapping[str, Any]) -> float:
    often, done = settings["train_freq"], settings["gradient_steps"]
    # An update per episode, or as many updates as steps: either comes to about one per step.
    if isinstance(often, list) or done == -1:
        return 1.0
    return float(done / (often * settings.get("n_envs", 1)))


def _quantiles(settings: Mapping[str, Any]) -> float:
    """Count an update by what it costs: the loss compares every pair of quantiles, of which 180,000 double the cost."""
    policy = settings.get("policy_kwargs")
    quantiles = policy.get("n_quantiles") if isinstance(policy, Mapping) else None
    pairs: float = settings["batch_size"] * (quantiles if isinstance(quantiles, int) else 200) ** 2
    return _replayed(settings) * (1 + pairs / 180_000)


def _per(name: str, steps: int) -> Callable[[Mapping[str, Any]], float]:
    return lambda settings: float(settings[name] / steps)


def _once_per_step(train_freq: int = 1, **more: int) -> dict[str, Any]:
    return {"train_freq": train_freq, "gradient_steps": 1, "learning_starts": 100, **more}


def _sb3(name: str, title: str, cls: str, *, contrib: bool = False, **more: Any) -> Algorithm:
    known = {
        "implementation": cls if ":" in cls else f"{'sb3_contrib' if contrib else 'stable_baselines3'}:{cls}",
        "maker": "bench.algorithms.sb3:make",
        "actions": _EVERY_ACTION,
        "observations": _ARRAYS,
        "distributions": ("sb3-contrib", *_SB3) if contrib else _SB3,
        "own": "sb3",
        "backends": frozenset(BACKENDS),
    }
    return Algorithm(name=name, title=title, **{**known, **more})


# Speeds are orders of magnitude from one pinned core of a 2020s server (stable-baselines3 2.9, torch on the CPU):
# acting takes a fraction of a millisecond, a small update a millisecond or two, an update of two 256x256 critics over
# ten. Measured records replace them wherever there are any.
_JAX = ("jax", "jaxlib", "optax", *_SB3)


def _unexploring(entry: Algorithm) -> dict[str, str]:
    """Return the kind of `use_sde` where an implementation cannot: a suite may still say that it is off."""
    return {"use_sde": "off"} if "use_sde" in (entry.settings or {}) else {}


def _compiled(entry: Algorithm, cls: str, *without: str, times: float = 10) -> Algorithm:
    """Return an algorithm of stable-baselines3 with its update compiled, which takes fewer settings.

    Args:
        entry: stable-baselines3's.
        cls: the class.
        without: settings that it does not take.
        times: how many times as fast as stable-baselines3's the update is.
    """
    left = {name: kind for name, kind in (entry.settings or {}).items() if name not in without} | _unexploring(entry)
    speed = entry.speed and replace(entry.speed, act=entry.speed.act / 8, update=entry.speed.update / times)
    return replace(
        entry,
        own="jax",
        extra="jax",
        wants_copies=False,
        compiles=True,
        implementation=cls,
        distributions=_JAX,
        actions=_EVERY_ACTION - {"multi-binary"},
        observations=frozenset({"vector"}),
        tells=entry.tells if entry.on_policy else entry.tells - _UNTOLD_IN_JAX,
        settings=left,
        speed=speed,
        others={},
    )


_SBX = ("sbx-rl", "jax", "jaxlib", "flax", "optax", "tfp-nightly", "stable-baselines3")
# What some of SBX's constructors take and nothing follows, beside state-dependent exploration.
_UNFOLLOWED = "use_sde_at_warmup optimize_memory_usage target_update_interval clip_range_vf"


def _sbx(
    entry: Algorithm,
    cls: str,
    *,
    own: str = "",
    without: str = _UNFOLLOWED,
    kinds: Mapping[str, str] | None = None,
) -> Algorithm:
    """Return SBX's implementation of an algorithm of stable-baselines3.

    Args:
        entry: stable-baselines3's.
        cls: SBX's class.
        own: settings and policy keywords that SBX has beside those; policy keywords follow a colon.
        without: settings of stable-baselines3's that SBX has not, or takes and ignores.
        kinds: of settings that take less than elsewhere.
    """
    names, _, keywords = own.partition(":")
    kept = {name: kind for name, kind in (entry.settings or {}).items() if name not in without.split()}
    own_kinds = {"policy_kwargs": f"policy keywords: {NETWORK} {keywords}".strip(), **(kinds or {})}
    speed = entry.speed and replace(entry.speed, update=entry.speed.update / 2)
    return replace(
        entry,
        own="sbx",
        extra="jax",
        compiles=True,
        implementation=f"sbx:{cls}",
        maker="bench.algorithms.sbx:make",
        distributions=_SBX,
        observations=frozenset({"vector"}),
        tells=entry.tells - _UNTOLD_IN_JAX,
        settings={**kept, **_settings(names), **_unexploring(entry), **own_kinds},
        speed=speed,
        others={},
    )


# Tables know no schedule; some of SBX's optimisers are made with its first value and never told another.
_UNSCHEDULED = {"learning_rate": "constant step size"}


def _temporal_difference(name: str, title: str, cls: str, **more: Any) -> Algorithm:
    return Algorithm(
        name=name,
        title=title,
        implementation=f"bench.algorithms.tabular:{cls}",
        maker="bench.algorithms.tabular:make",
        actions=_DISCRETE,
        observations=_COUNTED | {"vector"},
        needs={"vector": "discretisation"},
        distributions=("numpy",),
        settings=_settings(
            "gamma epsilon epsilon_final exploration_fraction initial_value discretisation", **_UNSCHEDULED
        ),
        speed=Speed(2.5e-5, 0.0, policy_mb=0.01),
        **more,
    )


_FIRST = (
    _sb3(
        "reinforce",
        "REINFORCE",
        "bench.algorithms.reinforce:REINFORCE",
        on_policy=True,
        summary="policy gradient over whole episodes (Williams 1992); baseline: none, running, mean or value",
        settings=_settings(
            f"{_TRAINED} policy policy_kwargs learning_rate gamma episodes_per_update normalize_returns gamma_power",
            "ent_coef vf_coef value_learning_rate value_epochs value_batch_size max_grad_norm bootstrap_truncated",
            "steps_per_pass baseline_step_size kl_to_start",
            baseline="none, running, mean or value",
        ),
        defaults={"value_epochs": 10, "episodes_per_update": 8},
        gradient=True,
        tells=frozenset({"entropy"}),
        speed=Speed(4e-4, 2e-3, _per("value_epochs", 256)),
    ),
    _sb3(
        "a2c",
        "A2C",
        "A2C",
        on_policy=True,
        summary="synchronous advantage actor-critic (Mnih et al. 2016); n-step, or GAE by gae_lambda",
        settings=_settings(
            _ROLLOUTS, _EXPLORING, "ent_coef vf_coef max_grad_norm rms_prop_eps use_rms_prop kl_to_start"
        ),
        defaults={"n_steps": 5},
        tells=_OF_ACTORS,
        speed=Speed(4e-4, 1.7e-3, _once, networks=1.5),
    ),
    _sb3(
        "a3c",
        "A3C",
        "bench.algorithms.asynchronous:A3C",
        maker="bench.algorithms.asynchronous:make",
        on_policy=True,
        summary="asynchronous advantage actor-critic (Mnih et al. 2016): A2C's code, no waiting, no locks",
        settings=_settings(
            "n_envs frame_stack env_wrapper training_seed policy policy_kwargs learning_rate n_steps gamma gae_lambda",
            "normalize_advantage ent_coef vf_coef max_grad_norm rms_prop_eps use_rms_prop",
        ),
        defaults={"n_steps": 5},
        asynchronous=True,
        backends=frozenset(),
        speed=Speed(4e-4, 1.7e-3, lambda settings: float(1 / settings["n_steps"])),
    ),
    _sb3(
        "ppo",
        "PPO",
        "PPO",
        on_policy=True,
        summary="proximal policy optimisation, clipped, with GAE (Schulman et al. 2017)",
        settings=_settings(_CLIPPED, _EXPLORING, "kl_to_start"),
        defaults={"n_steps": 2048, "n_epochs": 10, "batch_size": 64},
        tells=_OF_CLIPPED,
        speed=Speed(4e-4, 1.5e-3, _epochs, networks=1.5),
    ),
    _sb3(
        "dqn",
        "DQN",
        "DQN",
        actions=_DISCRETE,
        on_policy=False,
        summary="deep Q-network with replay and target network (Mnih et al. 2015)",
        settings=_settings(_VALUES),
        defaults=_once_per_step(4),
        tells=_OF_VALUES,
        speed=Speed(1.5e-4, 1.6e-3, _replayed, policy_mb=1.2, rows=32),
    ),
    _sb3(
        "dqn_mse",
        "DQN, squared loss",
        "bench.algorithms.squared_dqn:SquaredDQN",
        actions=_DISCRETE,
        on_policy=False,
        summary="DQN with the squared error as its loss instead of Huber's",
        variant_of="dqn",
        settings=_settings(_VALUES),
        defaults=_once_per_step(4),
        tells=_OF_VALUES,
        speed=Speed(1.5e-4, 1.6e-3, _replayed, policy_mb=1.2, rows=32),
    ),
    _sb3(
        "sac",
        "SAC",
        "SAC",
        actions=_CONTINUOUS,
        on_policy=False,
        summary="soft actor-critic with tuned entropy (Haarnoja et al. 2018)",
        settings=_settings(_SOFT, "tau target_update_interval"),
        defaults=_once_per_step(),
        tells=_OF_SOFT,
        speed=Speed(3e-4, 1.3e-2, _replayed, 5.0, rows=256, widths=(256, 256), networks=4.0),
    ),
    _sb3(
        "td3",
        "TD3",
        "TD3",
        actions=_CONTINUOUS,
        on_policy=False,
        summary="twin delayed deterministic policy gradient (Fujimoto et al. 2018)",
        settings=_settings(_CRITICS, "tau policy_delay target_policy_noise target_noise_clip"),
        defaults=_once_per_step(),
        tells=_OF_CRITICS,
        speed=Speed(2e-4, 1.3e-2, _replayed, 5.0, rows=256, widths=(400, 300), networks=2.0),
    ),
    _sb3(
        "ddpg",
        "DDPG",
        "DDPG",
        actions=_CONTINUOUS,
        on_policy=False,
        summary="deep deterministic policy gradient (Lillicrap et al. 2016)",
        settings=_settings(_CRITICS, "tau"),
        defaults=_once_per_step(),
        tells=_OF_CRITICS,
        speed=Speed(2e-4, 9e-3, _replayed, 4.0, rows=256, widths=(400, 300), networks=1.5),
    ),
    _sb3(
        "trpo",
        "TRPO",
        "TRPO",
        on_policy=True,
        summary="trust-region policy optimisation (Schulman et al. 2015)",
        contrib=True,
        settings=_settings(
            f"{_ROLLOUTS} {_EXPLORING} batch_size cg_max_steps cg_damping line_search_shrinking_factor",
            "line_search_max_iter n_critic_updates target_kl sub_sampling_factor",
        ),
        defaults={"n_steps": 2048, "n_critic_updates": 10},
        tells=frozenset({"approx_kl", "value_loss", "explained_variance"}),
        speed=Speed(4e-4, 1.5e-3, _per("n_critic_updates", 128)),
    ),
    _sb3(
        "qrdqn",
        "QR-DQN",
        "QRDQN",
        actions=_DISCRETE,
        on_policy=False,
        summary="quantile-regression DQN (Dabney et al. 2018)",
        contrib=True,
        settings=_settings(_VALUES),
        defaults=_once_per_step(4, batch_size=32),
        tells=_OF_VALUES,
        speed=Speed(1.5e-4, 1.8e-3, _quantiles, policy_mb=1.5, rows=32),
    ),
    _sb3(
        "tqc",
        "TQC",
        "TQC",
        actions=_CONTINUOUS,
        on_policy=False,
        summary="truncated quantile critics (Kuznetsov et al. 2020)",
        contrib=True,
        settings=_settings(_SOFT, "tau target_update_interval top_quantiles_to_drop_per_net"),
        defaults=_once_per_step(),
        tells=_OF_SOFT,
        speed=Speed(3e-4, 1.8e-2, _replayed, 5.0, rows=256, widths=(256, 256), networks=5.0),
    ),
    _sb3(
        "crossq",
        "CrossQ",
        "CrossQ",
        actions=_CONTINUOUS,
        observations=_FLAT,
        on_policy=False,
        summary="batch-normalised critics without target networks (Bhatt et al. 2024)",
        contrib=True,
        settings=_settings(_SOFT, "policy_delay"),
        defaults=_once_per_step(),
        tells=_OF_SOFT,
        speed=Speed(4e-4, 2.5e-2, _replayed, 5.0, rows=256, widths=(256, 256), networks=4.0),
    ),
    _sb3(
        "ars",
        "ARS",
        "ARS",
        actions=frozenset({"discrete", "continuous"}),
        observations=_FLAT,
        on_policy=True,
        summary="augmented random search over policy weights (Mania et al. 2018)",
        contrib=True,
        settings=_settings(
            f"{_TRAINED} policy policy_kwargs n_delta n_top learning_rate delta_std zero_policy alive_bonus_offset",
            "n_eval_episodes",
        ),
        speed=Speed(2e-4, 0.0, policy_mb=0.02),
    ),
    _sb3(
        "ppo_lstm",
        "Recurrent PPO",
        "RecurrentPPO",
        on_policy=True,
        summary="PPO with an LSTM policy, for partly observed environments",
        contrib=True,
        settings=_settings(_CLIPPED, _EXPLORING),
        defaults={"n_steps": 128, "n_epochs": 10, "batch_size": 128},
        tells=_OF_CLIPPED,
        speed=Speed(1e-3, 2e-2, _epochs, policy_mb=2.0),
    ),
    _sb3(
        "maskable_ppo",
        "Maskable PPO",
        "MaskablePPO",
        actions=frozenset({"discrete", "multi-discrete", "multi-binary"}),
        on_policy=True,
        summary="PPO that never samples invalid actions (Huang and Ontañón 2022)",
        contrib=True,
        needs_masks=True,
        settings=_settings(_CLIPPED),
        defaults={"n_steps": 2048, "n_epochs": 10, "batch_size": 64},
        tells=_OF_CLIPPED,
        speed=Speed(5e-4, 1.5e-3, _epochs, networks=1.5),
    ),
    Algorithm(
        name="random",
        title="Random policy",
        implementation="bench.algorithms.random_policy:RandomPolicy",
        maker="bench.algorithms.random_policy:make",
        actions=_EVERY_ACTION,
        observations=OBSERVATION_KINDS,
        distributions=("numpy",),
        on_policy=True,
        summary="uniform samples of the action space; learns nothing and marks the floor",
        learns=False,
        settings={},
        speed=Speed(5e-6, 0.0, policy_mb=0.0),
    ),
    _temporal_difference(
        "q_learning",
        "Q-learning",
        "QLearning",
        on_policy=False,
        summary="one-step control towards the best action that follows (Watkins 1989)",
    ),
    _temporal_difference(
        "sarsa",
        "SARSA",
        "SARSA",
        on_policy=True,
        summary="one-step control towards the action that follows (Rummery and Niranjan 1994)",
    ),
    _temporal_difference(
        "expected_sarsa",
        "Expected SARSA",
        "ExpectedSARSA",
        on_policy=True,
        summary="one-step control towards the mean of the actions that may follow (van Seijen et al. 2009)",
    ),
    Algorithm(
        name="softmax_reinforce",
        title="Softmax REINFORCE",
        implementation="bench.algorithms.tabular:SoftmaxReinforce",
        maker="bench.algorithms.tabular:make",
        actions=_DISCRETE,
        observations=_COUNTED,
        distributions=("numpy",),
        on_policy=True,
        summary="REINFORCE on a table of action preferences (Sutton and Barto 2018, sections 2.8 and 13.3)",
        settings=_settings("gamma gamma_power", baseline="none or mean", **_UNSCHEDULED),
        speed=Speed(4.5e-5, 0.0, policy_mb=0.01),
    ),
)

_OTHERS: Mapping[str, Callable[[Algorithm], tuple[Algorithm, ...]]] = {
    "reinforce": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.reinforce:REINFORCE", "steps_per_pass", _HELD),
    ),
    "a2c": lambda entry: (_compiled(entry, "bench.algorithms.compiled.actor_critic:A2C", _HELD),),
    "ppo": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.actor_critic:PPO", _HELD),
        _sbx(
            entry,
            "PPO",
            own=":ortho_init log_std_init",
            without=f"{_UNFOLLOWED} {_HELD}",
            kinds={"max_grad_norm": "amount"},
        ),
    ),
    "dqn": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.dqn:DQN", times=8),
        _sbx(
            entry,
            "DQN",
            without="max_grad_norm",
            kinds={**_UNSCHEDULED, "policy_kwargs": f"policy keywords, two equal layers: {NETWORK}"},
        ),
    ),
    "sac": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.critics:SAC", times=2),
        _sbx(entry, "SAC", own="qf_learning_rate policy_delay param_resets: n_critics dropout_rate layer_norm"),
    ),
    "td3": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.critics:TD3", times=1.4),
        _sbx(
            entry,
            "TD3",
            own="qf_learning_rate param_resets: n_critics dropout_rate layer_norm",
            kinds=_UNSCHEDULED,
        ),
    ),
    "ddpg": lambda entry: (
        _compiled(entry, "bench.algorithms.compiled.critics:DDPG", times=1.4),
        _sbx(entry, "DDPG", own="qf_learning_rate: n_critics dropout_rate layer_norm", kinds=_UNSCHEDULED),
    ),
    "tqc": lambda entry: (
        _sbx(entry, "TQC", own="qf_learning_rate policy_delay param_resets: n_quantiles dropout_rate layer_norm"),
    ),
    "crossq": lambda entry: (
        _sbx(
            entry,
            "CrossQ",
            own="qf_learning_rate param_resets: n_critics dropout_rate layer_norm batch_norm batch_norm_actor "
            "batch_norm_momentum renorm_warmup_steps",
            kinds=_UNSCHEDULED,
        ),
    ),
}
"""Name of an algorithm -> what other implementations there are of it."""


def _with_others(entry: Algorithm) -> Algorithm:
    others = _OTHERS[entry.name](entry) if entry.name in _OTHERS else ()
    return replace(entry, others={other.own: other for other in others})


ALGORITHMS = tuple(map(_with_others, _FIRST))
