"""Name in, catalogue entry out: which algorithms and environments there are, what they accept, where their code lives.

Nothing here imports a learning library: an entry names its code as `module:attribute`, and whoever needs it loads it.
Third parties add entries through the entry points `bench.algorithms` and `bench.environments`; each is checked when
it is registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any, TypeVar

from bench.catalog.algorithms import ALGORITHMS, SETTINGS
from bench.catalog.backends import BACKENDS, GYMNASIUM
from bench.catalog.entries import ACTION_KINDS, BUFFER_SIZE, OBSERVATION_KINDS, Algorithm, Environment, Speed
from bench.catalog.environments import ENVIRONMENTS
from bench.catalog.proofs import AUTO, Choice, Proof, fastest, proofs
from bench.catalog.updates import fewest_by_episodes, fewest_steps, updates
from bench.errors import CatalogError
from bench.records import Reference, Task, Trial

__all__ = [
    "ACTION_KINDS",
    "AUTO",
    "BACKENDS",
    "BUFFER_SIZE",
    "GYMNASIUM",
    "OBSERVATION_KINDS",
    "SETTINGS",
    "Algorithm",
    "Choice",
    "Environment",
    "Proof",
    "Speed",
    "algorithm_of",
    "algorithms",
    "begins_at_chance",
    "catalogued",
    "did_you_mean",
    "environments",
    "fastest",
    "fewest_by_episodes",
    "fewest_steps",
    "find_algorithm",
    "has_settings",
    "install_backend",
    "installed",
    "is_own",
    "load",
    "mismatch",
    "missing",
    "proofs",
    "refused",
    "suggest",
    "unstated",
    "unsuited",
    "updates",
]

_COMPOSITE = (
    "composite observations (a tuple, a nested dictionary, text, ...): "
    "`env_wrapper: gymnasium.wrappers.FlattenObservation` makes one array of most"
)


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


E = TypeVar("E", Algorithm, Environment)
_AS_MEASURED = 0.05
"""Of the way to the target: so far apart two measurements of what random actions return may be."""


@cache
def algorithms() -> Mapping[str, Algorithm]:
    """Return every algorithm by name, plug-ins included."""
    return _with_plugins("bench.algorithms", Algorithm, {entry.name: entry for entry in ALGORITHMS})


@cache
def environments() -> Mapping[str, Environment]:
    """Return every environment the catalogue describes, plug-ins included; other ids are inspected when needed."""
    return _with_plugins("bench.environments", Environment, {entry.id: entry for entry in ENVIRONMENTS})


def begins_at_chance(environment: str, reference: Reference) -> bool:
    """Return whether the return that scores 0 is that of random actions; as told where the catalogue knows of none."""
    known = environments().get(environment)
    if known is None or known.reference is None:
        return True
    return abs(known.reference.random - reference.random) <= _AS_MEASURED * (known.reference.target - reference.random)


def has_settings(algorithm: str) -> bool:
    """Return whether an algorithm has any hyperparameters; one that nobody knows may."""
    known = algorithms().get(algorithm)
    return known is None or known.settings != {}


def find_algorithm(name: str, implementation: str = "") -> Algorithm:
    """Return the algorithm called `name`.

    Args:
        name: of the algorithm.
        implementation: whose; empty means the first.

    Raises:
        CatalogError: no such algorithm, or nobody of that name has implemented it; the message suggests one.
    """
    known = algorithms()
    if name not in known:
        hint = did_you_mean(name, known) or "`bench list algorithms` shows all"
        raise CatalogError(f"algorithm {name!r} is not known; {hint}")
    found = known[name]
    if implementation and implementation not in found.implementations:
        raise CatalogError(
            f"algorithm {name!r} has no implementation {implementation!r}; it has {', '.join(found.implementations)}"
        )
    return found.implementations[implementation] if implementation else found


def algorithm_of(trial: Trial) -> Algorithm:
    """Return the entry of the trial's algorithm, in the implementation that the trial names.

    Raises:
        CatalogError: no such algorithm.
    """
    found = find_algorithm(trial.algorithm)
    return next((one for one in found.others.values() if one.identity == trial.implementation), found)


def implementation_named(algorithm: str, code: str) -> str:
    """Return what a suite calls the implementation that lives there, such as `jax`; the place if nobody names it."""
    entry = algorithms().get(algorithm)
    identity, _, backend = code.partition(" ")
    names = (name for name, one in entry.implementations.items() if one.identity == identity) if entry else ()
    return " ".join(filter(None, (next(iter(names), identity), backend)))


def missing(entry: Algorithm | Environment) -> str:
    """Return the command that installs what an implementation or an environment lacks here; empty if nothing."""
    absent = entry.extra and "absent" in installed(entry.distributions).values()
    return f"pip install 'bench[{entry.extra}]'" if absent else ""


def install_backend(name: str) -> str:
    """Return the command that installs the backend in the version that was compared; empty where it is there."""
    backend = BACKENDS.get(name)
    if backend is None or installed([backend.distribution])[backend.distribution] == backend.version:
        return ""
    return f"pip install 'bench[{backend.extra}]'"


def unsuited(backend: str, algorithm: Algorithm, task: Task) -> str:
    """Return why the algorithm is not trained on the backend's environment, or an empty string."""
    if backend not in BACKENDS:
        return ""
    if backend not in algorithm.backends:
        return f"{algorithm.full_name} steps Gymnasium's environments only"
    return BACKENDS[backend].refusal(task)


def catalogued(task: Task) -> Environment:
    """Return what the catalogue knows of a task: of an environment with arguments or wrappers, only about its cost."""
    known = environments().get(task.environment)
    if known is None:
        return Environment(task.environment, "", "", None, None)
    return known if task.plain else replace(known, actions="", observations="", horizon=None, reference=None)


def is_own(task: Task) -> bool:
    """Return whether all of the environment's code, wrappers included, is this harness's or Gymnasium's."""
    return not task.wrappers and any(entry.id == task.environment for entry in ENVIRONMENTS)


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
            wants = f"{algorithm.full_name} wants arrays, or a flat dictionary of them"
            return f"{wants}, {environment.id} has {_COMPOSITE}"
        if offered not in accepted:
            wants = f"{algorithm.full_name} wants {' or '.join(sorted(accepted))} {what}"
            return f"{wants}, {environment.id} has {offered} ones"
    if algorithm.needs_masks and not environment.masks:
        return f"{algorithm.full_name} wants action masks, {environment.id} offers none"
    return ""


def unstated(algorithm: Algorithm, environment: Environment, settings: Mapping[str, Any]) -> str:
    """Return which hyperparameter is missing without which the algorithm cannot read the observations, or nothing."""
    name = algorithm.needs.get(environment.observations)
    if not name or settings.get(name) is not None:
        return ""
    given = f"{algorithm.full_name} wants a `{name}` where observations are numbers"
    return f"{given}, {environment.id} has a {environment.observations} of them: docs/environments.md shows one"


def refused(algorithm: Algorithm, environment: Environment, settings: Mapping[str, Any]) -> str:
    """Return which settings, each of which can be meant, the algorithm's constructor refuses together or there.

    Args:
        algorithm: whose they are.
        environment: what is not known of it stands in nobody's way.
        settings: all that are given; what is not has the constructor's value.
    """
    reason = _refused_there(environment, settings) or (
        _of_reinforce(settings) if algorithm.name == "reinforce" else _alone(algorithm, settings) or _memory(settings)
    )
    return f"{algorithm.full_name}: {reason}" if reason else ""


def _refused_there(environment: Environment, settings: Mapping[str, Any]) -> str:
    if settings.get("kl_to_start") is not None and environment.actions == "continuous":
        return f"`kl_to_start` wants discrete actions, {environment.id} has continuous ones"
    if settings.get("use_sde") and environment.actions not in {"", "continuous"}:
        return f"`use_sde` wants continuous actions, {environment.id} has {environment.actions} ones"
    return ""


def _of_reinforce(settings: Mapping[str, Any]) -> str:
    if settings.get("bootstrap_truncated") and settings.get("baseline") != "value":
        return "`bootstrap_truncated` wants `baseline: value`"
    if settings.get("baseline") == "mean" and settings.get("n_envs", 1) == settings.get("episodes_per_update", 8) == 1:
        return "`baseline: mean` wants 2 `episodes_per_update` or more: it is the mean of the others"
    return ""


def _alone(algorithm: Algorithm, settings: Mapping[str, Any]) -> str:
    """Return where advantages would be divided by the deviation of one."""
    if algorithm.name not in {"ppo", "trpo"} or not settings.get("normalize_advantage", True):
        return ""
    if settings.get("n_steps", algorithm.defaults["n_steps"]) * settings.get("n_envs", 1) == 1:
        return "a rollout of one step has no deviation to normalise by; `n_steps` wants 2 or more"
    if algorithm.name == "ppo" and settings.get("batch_size") == 1:
        return "a batch of one has no deviation to normalise by; `batch_size` wants 2 or more"
    return ""


def _memory(settings: Mapping[str, Any]) -> str:
    if not settings.get("optimize_memory_usage"):
        return ""
    if (settings.get("replay_buffer_kwargs") or {}).get("handle_timeout_termination", True):
        return "`optimize_memory_usage` wants `replay_buffer_kwargs: {handle_timeout_termination: false}`"
    return "`optimize_memory_usage` wants `n_steps` of 1" if settings.get("n_steps", 1) > 1 else ""


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
