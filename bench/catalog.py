"""Name in, catalogue entry out: which algorithms and environments there are, what they accept, where their code lives.

Nothing here imports a learning library: an entry names its code as `module:attribute`, and whoever needs it loads it.
Third parties add entries through the entry points `bench.algorithms` and `bench.environments`; each is checked when
it is registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any, TypeVar

from bench.errors import CatalogError
from bench.records import Reference, Task

ACTION_KINDS = frozenset({"discrete", "continuous", "multi-discrete", "multi-binary"})
OBSERVATION_KINDS = frozenset({"vector", "discrete", "image", "dict", "composite"})
_EVERY_ACTION = ACTION_KINDS
_EVERY_OBSERVATION = OBSERVATION_KINDS - {"composite"}
_COMPOSITE = (
    "composite observations (a tuple, a nested dictionary, text, ...): "
    "`env_wrapper: gymnasium.wrappers.FlattenObservation` makes one array of most"
)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A learning algorithm the harness can run."""

    name: str
    title: str
    implementation: str
    """The class, `module:attribute`: implementation is part of identity."""
    maker: str
    """Function that builds a learner, `module:attribute`."""
    actions: frozenset[str]
    observations: frozenset[str]
    distributions: tuple[str, ...]
    """Installed packages whose version can change the numbers."""
    on_policy: bool
    summary: str
    needs_masks: bool = False
    """Whether the environment must offer `action_masks()`."""
    revision: int = 1
    """Raised when an implementation of our own changes its numbers."""
    learns: bool = True
    variant_of: str = ""
    """Algorithm from which it differs in one thing: it is there to be compared with it, and not advised by itself."""

    @property
    def identity(self) -> str:
        """The implementation as it enters a fingerprint."""
        return self.implementation if self.revision == 1 else f"{self.implementation}@{self.revision}"


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment with what must be known of it before it is made."""

    id: str
    actions: str
    """One of ACTION_KINDS; empty: not known."""
    observations: str
    """One of OBSERVATION_KINDS (`composite`: a tuple, a nested dictionary, text, ...); empty: not known."""
    horizon: int | None
    """Steps after which an episode is over at the latest; None: it may go on for ever."""
    reference: Reference | None
    distributions: tuple[str, ...] = ("gymnasium",)
    summary: str = ""
    masks: bool = False
    """Whether it offers `action_masks()`."""
    module: str = ""
    """Module to import so that the id is registered."""
    steps_per_second: float = 10_000.0
    """Order of magnitude of plain stepping on one core, for the first cost estimate."""


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was probably meant to be, or None."""
    folded = {entry.casefold(): entry for entry in known}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` or an empty string."""
    guess = suggest(name, known)
    return f"did you mean {guess!r}?" if guess else ""


def load(target: str) -> Any:
    """Import and return what `module:attribute` names.

    Raises:
        CatalogError: the module or the attribute does not exist.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise CatalogError(f"{target!r} cannot be loaded: {error}") from error


def installed(distributions: Iterable[str]) -> dict[str, str]:
    """Return the public version of each distribution (`absent` where not installed); imports none of them."""
    return {name: _installed(name) for name in distributions}


@cache
def _installed(distribution: str) -> str:
    # Kept, because a plan asks for every cell and the answer takes a millisecond of reading metadata.
    try:
        # A local label (+cpu, +cu130) names the build, not the code: it is recorded elsewhere.
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return "absent"


_SB3 = ("stable-baselines3", "torch")
_CONTRIB = ("sb3-contrib", "stable-baselines3", "torch")
_DISCRETE = frozenset({"discrete"})
_CONTINUOUS = frozenset({"continuous"})
_TABULAR = frozenset({"discrete"})


def _sb3(
    name: str, title: str, cls: str, actions: frozenset[str], on_policy: bool, summary: str, **more: Any
) -> Algorithm:
    contrib = more.pop("contrib", False)
    return Algorithm(
        name=name,
        title=title,
        implementation=f"{'sb3_contrib' if contrib else 'stable_baselines3'}:{cls}",
        maker="bench.algorithms.sb3:make",
        actions=actions,
        observations=more.pop("observations", _EVERY_OBSERVATION),
        distributions=_CONTRIB if contrib else _SB3,
        on_policy=on_policy,
        summary=summary,
        **more,
    )


_ALGORITHMS = (
    Algorithm(
        name="reinforce",
        title="REINFORCE",
        implementation="bench.algorithms.reinforce:REINFORCE",
        maker="bench.algorithms.sb3:make",
        actions=_EVERY_ACTION,
        observations=_EVERY_OBSERVATION,
        distributions=_SB3,
        on_policy=True,
        summary="Monte-Carlo policy gradient over whole episodes (Williams 1992), with or without a baseline",
    ),
    _sb3("a2c", "A2C", "A2C", _EVERY_ACTION, True, "synchronous advantage actor-critic (Mnih et al. 2016)"),
    _sb3("ppo", "PPO", "PPO", _EVERY_ACTION, True, "proximal policy optimisation, clipped (Schulman et al. 2017)"),
    _sb3("dqn", "DQN", "DQN", _DISCRETE, False, "deep Q-network with replay and target network (Mnih et al. 2015)"),
    Algorithm(
        name="dqn_mse",
        title="DQN, squared loss",
        implementation="bench.algorithms.squared_dqn:SquaredDQN",
        maker="bench.algorithms.sb3:make",
        actions=_DISCRETE,
        observations=_EVERY_OBSERVATION,
        distributions=_SB3,
        on_policy=False,
        summary="DQN with the squared error as its loss instead of Huber's",
        variant_of="dqn",
    ),
    _sb3("sac", "SAC", "SAC", _CONTINUOUS, False, "soft actor-critic with tuned entropy (Haarnoja et al. 2018)"),
    _sb3("td3", "TD3", "TD3", _CONTINUOUS, False, "twin delayed deterministic policy gradient (Fujimoto et al. 2018)"),
    _sb3("ddpg", "DDPG", "DDPG", _CONTINUOUS, False, "deep deterministic policy gradient (Lillicrap et al. 2016)"),
    _sb3(
        "trpo",
        "TRPO",
        "TRPO",
        _EVERY_ACTION,
        True,
        "trust-region policy optimisation (Schulman et al. 2015)",
        contrib=True,
    ),
    _sb3("qrdqn", "QR-DQN", "QRDQN", _DISCRETE, False, "quantile-regression DQN (Dabney et al. 2018)", contrib=True),
    _sb3("tqc", "TQC", "TQC", _CONTINUOUS, False, "truncated quantile critics (Kuznetsov et al. 2020)", contrib=True),
    _sb3(
        "crossq",
        "CrossQ",
        "CrossQ",
        _CONTINUOUS,
        False,
        "batch-normalised critics without target networks (Bhatt et al. 2024)",
        contrib=True,
        observations=frozenset({"vector", "discrete"}),
    ),
    _sb3(
        "ars",
        "ARS",
        "ARS",
        frozenset({"discrete", "continuous"}),
        True,
        "augmented random search over policy weights (Mania et al. 2018)",
        contrib=True,
        observations=frozenset({"vector", "discrete"}),
    ),
    _sb3(
        "ppo_lstm",
        "Recurrent PPO",
        "RecurrentPPO",
        _EVERY_ACTION,
        True,
        "PPO with an LSTM policy, for partly observed environments",
        contrib=True,
    ),
    _sb3(
        "maskable_ppo",
        "Maskable PPO",
        "MaskablePPO",
        frozenset({"discrete", "multi-discrete", "multi-binary"}),
        True,
        "PPO that never samples invalid actions (Huang and Ontañón 2022)",
        contrib=True,
        needs_masks=True,
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
    ),
    Algorithm(
        name="q_learning",
        title="Q-learning",
        implementation="bench.algorithms.tabular:QLearning",
        maker="bench.algorithms.tabular:make_q_learning",
        actions=_DISCRETE,
        observations=_TABULAR,
        distributions=("numpy",),
        on_policy=False,
        summary="tabular Q-learning with epsilon-greedy exploration (Watkins 1989)",
    ),
    Algorithm(
        name="softmax_reinforce",
        title="Softmax REINFORCE",
        implementation="bench.algorithms.tabular:SoftmaxReinforce",
        maker="bench.algorithms.tabular:make_softmax_reinforce",
        actions=_DISCRETE,
        observations=_TABULAR,
        distributions=("numpy",),
        on_policy=True,
        summary="REINFORCE on a table of action preferences (Sutton and Barto 2018, sections 2.8 and 13.3)",
    ),
)


def _registered(random: float, target: float, how: str = "measured by this harness") -> Reference:
    return Reference(random, target, f"random: {how}; target: Gymnasium's registered reward threshold")


# Random returns are those of uniformly random actions: measured by `python benchmarks/random_references.py` (seed 0)
# and rounded to about the standard error, or, where the whole transition table is known, exact by backward induction.
# CliffWalking has no reference: without a time limit a random walk loses some 70,000; with one, what the limit says.
_ENVIRONMENTS = (
    Environment(
        "CartPole-v1",
        "discrete",
        "vector",
        500,
        _registered(22.4, 475.0),
        summary="balance a pole",
        steps_per_second=165_000,
    ),
    Environment(
        "Acrobot-v1",
        "discrete",
        "vector",
        500,
        _registered(-499.0, -100.0),
        summary="swing up two links",
        steps_per_second=41_000,
    ),
    Environment(
        "MountainCar-v0",
        "discrete",
        "vector",
        200,
        _registered(-200.0, -110.0),
        summary="sparse goal uphill",
        steps_per_second=133_000,
    ),
    Environment(
        "MountainCarContinuous-v0",
        "continuous",
        "vector",
        999,
        _registered(-32.9, 90.0),
        summary="sparse goal uphill, costly actions",
        steps_per_second=100_000,
    ),
    Environment(
        "Pendulum-v1",
        "continuous",
        "vector",
        200,
        Reference(
            -1227.0,
            -150.0,
            "random: measured by this harness; target: about what RL Zoo's tuned agents reach "
            "(its benchmark lists -151 to -172); Gymnasium registers no threshold",
        ),
        summary="swing up and hold",
        steps_per_second=125_000,
    ),
    Environment(
        "LunarLander-v3",
        "discrete",
        "vector",
        1000,
        _registered(-186.0, 200.0),
        ("gymnasium", "box2d"),
        summary="land softly",
        steps_per_second=34_000,
    ),
    Environment(
        "LunarLanderContinuous-v3",
        "continuous",
        "vector",
        1000,
        _registered(-217.0, 200.0),
        ("gymnasium", "box2d"),
        summary="land softly, throttled engines",
        steps_per_second=34_000,
    ),
    Environment(
        "BipedalWalker-v3",
        "continuous",
        "vector",
        1600,
        _registered(-98.4, 300.0),
        ("gymnasium", "box2d"),
        summary="walk on two legs",
        steps_per_second=8_000,
    ),
    Environment(
        "BipedalWalkerHardcore-v3",
        "continuous",
        "vector",
        2000,
        _registered(-106.8, 300.0, "as SLM Lab lists it, 100 episodes"),
        ("gymnasium", "box2d"),
        summary="walk over obstacles",
        steps_per_second=7_000,
    ),
    Environment(
        "CarRacing-v3",
        "continuous",
        "image",
        1000,
        None,
        ("gymnasium", "box2d"),
        summary="drive from pixels",
        steps_per_second=300,
    ),
    Environment(
        "FrozenLake-v1",
        "discrete",
        "discrete",
        100,
        _registered(0.0139, 0.70, "exact"),
        summary="slippery grid, sparse goal",
        steps_per_second=207_000,
    ),
    Environment(
        "CliffWalking-v1",
        "discrete",
        "discrete",
        None,
        None,
        summary="short way along a cliff",
        steps_per_second=200_000,
    ),
    Environment(
        "CliffWalkingSlippery-v1",
        "discrete",
        "discrete",
        None,
        None,
        summary="the cliff on ice",
        steps_per_second=200_000,
    ),
    Environment(
        "Taxi-v4",
        "discrete",
        "discrete",
        200,
        _registered(-771.1, 8.0, "exact"),
        summary="fetch and deliver",
        steps_per_second=152_000,
    ),
    Environment("Blackjack-v1", "discrete", "composite", None, None, summary="the card game", steps_per_second=150_000),
    Environment(
        "bench/Bandit-v0",
        "discrete",
        "discrete",
        1,
        Reference(0.5, 0.9, "exact: the mean and the best of the arms' success probabilities"),
        summary="five Bernoulli arms, one step",
        module="bench.environments.toy",
        steps_per_second=200_000,
    ),
    Environment(
        "bench/Corridor-v0",
        "discrete",
        "discrete",
        50,
        Reference(-0.0696, 0.8891, "exact, by backward induction: uniformly random actions, and the optimum"),
        summary="walk right through a corridor",
        module="bench.environments.toy",
        steps_per_second=200_000,
    ),
)


E = TypeVar("E", Algorithm, Environment)


@cache
def algorithms() -> Mapping[str, Algorithm]:
    """Return every algorithm by name, plug-ins included."""
    return _with_plugins("bench.algorithms", Algorithm, {entry.name: entry for entry in _ALGORITHMS})


@cache
def environments() -> Mapping[str, Environment]:
    """Return every environment the catalogue describes, plug-ins included; other ids are inspected when needed."""
    return _with_plugins("bench.environments", Environment, {entry.id: entry for entry in _ENVIRONMENTS})


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm called `name`.

    Raises:
        CatalogError: no such algorithm; the message suggests one.
    """
    known = algorithms()
    if name not in known:
        hint = did_you_mean(name, known) or "`bench list algorithms` shows all"
        raise CatalogError(f"algorithm {name!r} is not known; {hint}")
    return known[name]


def catalogued(task: Task) -> Environment:
    """Return what the catalogue knows of a task: of an environment with arguments or wrappers, only about its cost."""
    known = environments().get(task.environment)
    if known is None:
        return Environment(task.environment, "", "", None, None)
    return known if task.plain else replace(known, actions="", observations="", horizon=None, reference=None)


def mismatch(algorithm: Algorithm, environment: Environment) -> str:
    """Return why the algorithm cannot be trained on the environment, or an empty string.

    What is not known of the environment stands in nobody's way.
    """
    if not environment.actions:
        return ""
    for what, accepted, offered in (
        ("actions", algorithm.actions, environment.actions),
        ("observations", algorithm.observations, environment.observations),
    ):
        if offered == "composite" and offered not in accepted:
            wants = f"{algorithm.name} wants arrays, or a flat dictionary of them"
            return f"{wants}, {environment.id} has {_COMPOSITE}"
        if offered not in accepted:
            return f"{algorithm.name} wants {' or '.join(sorted(accepted))} {what}, {environment.id} has {offered} ones"
    if algorithm.needs_masks and not environment.masks:
        return f"{algorithm.name} wants action masks, {environment.id} offers none"
    return ""


def _with_plugins(group: str, kind: type[E], known: dict[str, E]) -> Mapping[str, E]:
    for point in entry_points(group=group):
        place = f"plug-in {point.name!r} ({point.value})"
        try:
            entry = point.load()
        except Exception as error:
            # Whatever somebody else's module raises must not end in a traceback of ours.
            raise CatalogError(f"{place}: cannot be loaded: {type(error).__name__}: {error}") from error
        name = _checked(entry, kind, place, known)
        known[name] = entry
    return known


def _checked(entry: object, kind: type[Algorithm | Environment], place: str, known: Mapping[str, object]) -> str:
    if not isinstance(entry, kind):
        raise CatalogError(f"{place}: is {type(entry).__name__}, not bench.catalog.{kind.__name__}")
    name = entry.name if isinstance(entry, Algorithm) else entry.id
    if name in known:
        raise CatalogError(f"{place}: the name {name!r} is taken; choose another")
    actions = entry.actions if isinstance(entry, Algorithm) else frozenset({entry.actions})
    observations = entry.observations if isinstance(entry, Algorithm) else frozenset({entry.observations})
    for kinds, allowed, what in ((actions, ACTION_KINDS, "action"), (observations, OBSERVATION_KINDS, "observation")):
        if unknown := kinds - allowed:
            raise CatalogError(f"{place}: unknown {what} kind {min(unknown)!r}; one of {', '.join(sorted(allowed))}")
    return name
