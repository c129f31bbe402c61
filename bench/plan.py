"""`Suite` in; trials, skips with reasons, warnings and cost out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from math import sqrt
from typing import Any

from bench import catalog, hyperparameters
from bench.catalog import BUFFER_SIZE, Algorithm, Environment, Speed, catalogued, did_you_mean
from bench.errors import Complaint, SuiteError
from bench.hyperparameters.budgets import made_for_more, set_apart
from bench.hyperparameters.provenance import found_by_hand, with_changes
from bench.hyperparameters.values import checked
from bench.limits import MOST_SEEDS, too_large
from bench.plain import counted
from bench.records import Reference, Suite, SuiteAlgorithm, SuiteEnvironment, Task, Trial, steps_beyond

SEEDS_FOR_CLAIMS = 10
SEEDS_FOR_INTERVALS = 4
SLOW_FACTOR, SLOW_SECONDS = 20, 3600.0
Cell = tuple[str, str]
"""Label and environment."""


@dataclass(frozen=True, slots=True)
class Skip:
    """A pair that will not run, and why."""

    label: str
    environment: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChosenImplementation:
    """Which implementation a pair takes that asks for the fastest one proven, and why."""

    label: str
    environment: str
    implementation: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a suite comes to.

    Two trials share a fingerprint where two labels mean the same configuration; a warning says so, and running one
    of them is enough.
    """

    trials: tuple[Trial, ...]
    """Longest expected first."""
    skips: tuple[Skip, ...]
    warnings: tuple[str, ...]
    choices: tuple[ChosenImplementation, ...] = ()
    """Of all pairs that ask for it, those too that are not among the trials."""
    idle: tuple[Complaint, ...] = ()
    """Of cells whose budget is spent before the first update: results of theirs can be read, and none are made."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What running trials one after the other takes; an order of magnitude unless measured."""

    steps: int
    """Environment steps of training."""
    seconds: Mapping[Cell, float]
    """All trials of a cell together, on one core."""
    disk_mb: float


@dataclass(frozen=True, slots=True)
class _Pair:
    algorithm: SuiteAlgorithm
    environment: SuiteEnvironment
    entry: Algorithm
    traits: Environment
    settings: Mapping[str, Any]
    provenance: str
    why: str = ""
    """Why this implementation, where the suite leaves that open."""

    @property
    def cell(self) -> Cell:
        return self.algorithm.label, self.environment.environment


def plan(
    suite: Suite,
    traits: Mapping[Cell, Environment] | None = None,
    *,
    only: Sequence[str] = (),
    seeds: int | None = None,
) -> Plan:
    """Return the trials of a suite, longest expected first.

    Args:
        suite: what to run.
        traits: what is known of a cell's environment, with its arguments and wrappers; where nothing is, the catalogue
            is asked, and what it does not know either is taken for possible.
        only: patterns `algorithm`, `@environment` or `algorithm@environment`, where `*` stands for any text; empty
            means all. An algorithm is meant by its label, or by its name where no label fits.
        seeds: how many seeds instead of the suite's: its first ones, continued with unused numbers from 0.

    Raises:
        SuiteError: an impossible pair in a suite that does not skip them, a pattern that matches nothing, a number of
            seeds below 1, or nothing left to run.
    """
    numbers = _seeds(suite.seeds, seeds)
    pairs = _pairs(suite, traits or {})
    choices = tuple(
        ChosenImplementation(*pair.cell, pair.entry.own, pair.why)
        for pair in pairs
        if pair.why and not _missing_entry(pair, suite) and not _impossible(pair)
    )
    chosen, skips = _split(_chosen(pairs, only), suite)
    if not chosen:
        raise SuiteError([Complaint(suite.path or suite.name, "no trial is left to run", _reasons(skips))])
    if why := too_large(len(numbers), len(chosen), suite.analysis.resamples):
        raise SuiteError([Complaint(suite.path or suite.name if seeds is None else "--seeds", why)])
    first = {pair.cell: _trial(pair, suite, numbers[0]) for pair in chosen}
    expected = {pair.cell: expected_seconds(first[pair.cell], pair.traits) for pair in chosen}
    # The longest first, so that no worker is left alone with it at the end.
    trials = sorted(
        (replace(one, seed=seed) for one in first.values() for seed in numbers),
        key=lambda trial: (-expected[trial.cell], trial.seed, trial.label),
    )
    warnings = tuple(_warnings(suite, chosen, trials, len(numbers)))
    idle = tuple(complaint for pair in chosen for complaint in _idle(pair, suite))
    return Plan(tuple(trials), tuple(skips), warnings, choices, idle)


def _seeds(given: tuple[int, ...], wanted: int | None) -> tuple[int, ...]:
    if wanted is None:
        return given
    if not 1 <= wanted <= MOST_SEEDS:
        raise SuiteError([Complaint("--seeds", f"wants a number from 1 to {MOST_SEEDS:,}, not {wanted:,}")])
    taken = frozenset(given)
    unused = (number for number in count() if number not in taken)
    return (*given[:wanted], *islice(unused, max(0, wanted - len(given))))


def tasks(suite: Suite) -> dict[Cell, Task]:
    """Return what each cell trains on, the impossible ones among them."""
    return {
        (algorithm.label, environment.environment): Task.of(
            environment.environment, environment.kwargs, settings_of(suite, algorithm, environment.environment)[0]
        )
        for algorithm in suite.algorithms
        for environment in suite.environments
    }


def settings_of(suite: Suite, algorithm: SuiteAlgorithm, environment: str) -> tuple[dict[str, Any], str]:
    """Return the hyperparameters of a cell, the suite's own over those of the named set, and where they come from."""
    named = algorithm.hyperparameter_set, algorithm.algorithm, environment
    settings, provenance = hyperparameters.resolve(*named, suite.sets)
    given = algorithm.given(environment)
    return {**settings, **given}, with_changes(provenance, given)


def _pairs(suite: Suite, traits: Mapping[Cell, Environment]) -> list[_Pair]:
    return [
        _pair(suite, algorithm, environment, traits)
        for algorithm in suite.algorithms
        for environment in suite.environments
    ]


def _pair(
    suite: Suite, algorithm: SuiteAlgorithm, environment: SuiteEnvironment, traits: Mapping[Cell, Environment]
) -> _Pair:
    name = environment.environment
    settings, provenance = settings_of(suite, algorithm, name)
    known = traits.get((algorithm.label, name)) or catalogued(Task.of(name, environment.kwargs, settings))
    if algorithm.implementation != catalog.AUTO:
        entry = catalog.find_algorithm(algorithm.algorithm, algorithm.implementation)
        return _Pair(algorithm, environment, entry, known, settings, provenance)
    first = catalog.find_algorithm(algorithm.algorithm)
    choice = catalog.fastest(
        first,
        known,
        settings,
        lambda entry: catalog.mismatch(entry, known) or _unknown_settings(entry, settings),
        suite.chosen.get(algorithm.label, {}).get(name, ""),
    )
    return _Pair(algorithm, environment, choice.entry, known, settings, provenance, choice.why)


def _split(pairs: Iterable[_Pair], suite: Suite) -> tuple[list[_Pair], list[Skip]]:
    """Return the possible pairs, and the others as skips where the suite allows that."""
    possible, skips, complaints = [], [], []
    for pair in pairs:
        missing = _missing_entry(pair, suite)
        if not (reason := missing or _impossible(pair)):
            possible.append(pair)
        elif suite.skip_incompatible:
            skips.append(Skip(*pair.cell, reason))
        else:
            mend = _entry_to_come(pair, suite) if missing else _mend(pair)
            hint = f"{mend}, or set `skip_incompatible: true`"
            complaints.append(Complaint(place_of(suite, pair.algorithm.label), reason, hint))
    if complaints:
        raise SuiteError(list(dict.fromkeys(complaints)))
    return possible, skips


def _missing_entry(pair: _Pair, suite: Suite) -> str:
    """Return that a set beside the suite has nothing for the pair; empty where it has, or there is nothing to set."""
    name, algorithm, place = pair.algorithm.hyperparameter_set, pair.algorithm.algorithm, pair.environment.environment
    lacking = pair.entry.settings != {} and hyperparameters.lacks(name, algorithm, place, suite.sets)
    return f"the set {name!r} has no entry for {algorithm} on {place}" if lacking else ""


def _entry_to_come(pair: _Pair, suite: Suite) -> str:
    name, environment = pair.algorithm.hyperparameter_set, pair.environment.environment
    if name != "tuned":
        return f"add it to {name}"
    if references(suite)[environment] is None:
        return f"give {environment} `reference: {{random: ..., target: ...}}`, without which nothing is tuned there"
    return f"`bench tune {suite.path or suite.name}` tunes it"


def _impossible(pair: _Pair) -> str:
    """Return why the pair cannot run, in words; empty where it can."""
    task = Task.of(pair.environment.environment, pair.environment.kwargs, pair.settings)
    return (
        catalog.mismatch(pair.entry, pair.traits)
        # Of what the catalogue does not know, the learner itself has been asked.
        or catalog.unstated(pair.entry, catalogued(task), pair.settings)
        or _unknown_settings(pair.entry, pair.settings)
        or catalog.refused(pair.entry, pair.traits, pair.settings)
        or catalog.unsuited(pair.algorithm.backend, pair.entry, task)
    )


def _mend(pair: _Pair) -> str:
    refused = catalog.refused(pair.entry, pair.traits, pair.settings)
    return "change the setting" if refused and _impossible(pair) == refused else "remove one of them"


def _unknown_settings(entry: Algorithm, settings: Mapping[str, Any]) -> str:
    """Return which of a named set's settings another implementation than the first does not take, in words."""
    if entry.settings is None or not entry.extra:
        return ""
    if unknown := sorted(settings.keys() - entry.settings.keys()):
        return f"{entry.full_name} has no {' or '.join(unknown)}"
    for name, value in settings.items():
        try:
            checked(entry.name, name, value, entry.own)
        except ValueError as error:
            return f"{entry.full_name}: {name} {error}"
    return ""


def place_of(suite: Suite, label: str) -> str:
    """Return where in its file a suite has an algorithm, for complaints: `s.yaml:4: algorithms.2`."""
    labels = [entry.label for entry in suite.algorithms]
    dotted = f"algorithms.{suite.written.get(label, labels.index(label))}"
    line = suite.lines.get(dotted)
    return f"{suite.path or suite.name}{f':{line}' if line else ''}: {dotted}"


def _chosen(pairs: list[_Pair], only: Sequence[str]) -> list[_Pair]:
    if not only:
        return pairs
    names = {pair.algorithm.label: pair.algorithm.algorithm for pair in pairs}
    cells = [pair.cell for pair in pairs]
    wanted: set[Cell] = set()
    complaints = []
    for pattern in only:
        # Nothing is no pattern: of an unset variable nobody means everything.
        found = _matching(pattern, cells, names) if pattern.strip(" @") else set()
        wanted |= found
        if not found:
            complaints.append(Complaint(f"--only {pattern!r}", "matches nothing in this suite", _hint(pattern, cells)))
    if complaints:
        raise SuiteError(complaints)
    return [pair for pair in pairs if pair.cell in wanted]


def _matching(pattern: str, cells: Iterable[Cell], names: Mapping[str, str]) -> set[Cell]:
    label, _, environment = pattern.partition("@")
    there = [cell for cell in cells if _fits(environment, cell[1])]
    return {cell for cell in there if _fits(label, cell[0])} or {
        cell for cell in there if _fits(label, names.get(cell[0], cell[0]))
    }


def _fits(pattern: str, text: str) -> bool:
    anything = ".*".join(re.escape(part) for part in (pattern or "*").split("*"))
    return re.fullmatch(anything, text, re.IGNORECASE) is not None


def _hint(pattern: str, cells: Sequence[Cell]) -> str:
    label, at, _ = pattern.partition("@")
    labels, environments = dict.fromkeys(cell[0] for cell in cells), dict.fromkeys(cell[1] for cell in cells)
    known = [*(f"{a}@{b}" for a in labels for b in environments)] if label and at else []
    known += [*labels] if not at else [f"@{b}" for b in environments] if not label else []
    return did_you_mean(pattern, known) or f"it has {', '.join(labels)} on {', '.join(environments)}"


def _reasons(skips: Iterable[Skip]) -> str:
    return "; ".join(skip.reason for skip in skips)


def _trial(pair: _Pair, suite: Suite, seed: int) -> Trial:
    algorithm, environment = pair.algorithm, pair.environment
    backend = catalog.BACKENDS.get(algorithm.backend)
    packages = (*pair.entry.distributions, *pair.traits.distributions, *([backend.distribution] if backend else ()))
    return Trial(
        label=algorithm.label,
        algorithm=algorithm.algorithm,
        environment=environment.environment,
        seed=seed,
        steps=environment.steps,
        evaluation=suite.evaluation,
        implementation=pair.entry.identity,
        versions=catalog.installed(dict.fromkeys(packages)),
        hyperparameters=pair.settings,
        environment_kwargs=environment.kwargs,
        evaluation_kwargs=environment.evaluation_kwargs,
        backend=algorithm.backend,
        provenance=pair.provenance,
    )


def _warnings(suite: Suite, pairs: Sequence[_Pair], trials: Sequence[Trial], seeds: int) -> Iterable[str]:
    yield from _few_seeds(seeds)
    yield from unscored(suite, dict.fromkeys(pair.environment.environment for pair in pairs))
    for environment in dict.fromkeys(pair.environment.environment for pair in pairs):
        pair = next(pair for pair in pairs if pair.environment.environment == environment)
        yield from _endless(pair, next(trial for trial in trials if trial.environment == environment))
    first = {trial.cell: trial for trial in trials}
    for pair in pairs:
        yield from _uncovered(pair, suite)
        yield from _unfit(first[pair.cell])
        yield from _idle_at_random(pair)
    yield from _made_for_more(suite, pairs)
    yield from _searched_here(suite, pairs)
    yield from _same(first[pair.cell] for pair in pairs)


def _endless(pair: _Pair, trial: Trial) -> Iterable[str]:
    """Yield what becomes of episodes that nothing ends."""
    if not pair.traits.actions:
        # Nobody has looked at it yet.
        return
    limited = pair.traits.horizon or pair.environment.kwargs.get("max_episode_steps")
    if not limited and trial.evaluation.max_episode_steps is None:
        yield (
            f"{trial.environment} declares no time limit: an evaluation episode that has not ended after "
            f"{trial.longest_episode(None):,} steps is cut there, and the record says so; `kwargs: "
            "{max_episode_steps: N}` gives the environment a limit, `evaluation: {max_episode_steps: N}` the "
            "evaluation alone"
        )


def references(suite: Suite) -> dict[str, Reference | None]:
    """Return each environment's reference: the suite's own, else the catalogue's where it holds, else None."""
    known = catalog.environments()
    return {
        place.environment: place.reference
        or (known[place.environment].reference if place.environment in known and not _changed(suite, place) else None)
        for place in suite.environments
    }


def unscored(suite: Suite, environments: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each of the environments that has no reference, and says what is to be done."""
    known, places = references(suite), {place.environment: place for place in suite.environments}
    for name in environments:
        if known[name] is None:
            entry = catalog.environments().get(name)
            why = _changed(suite, places[name]) if entry and entry.reference else ""
            yield (
                f"{name} has no reference returns{why and f' ({why})'}: it is shown in raw returns and counts in no "
                "score; give it `reference: {random: ..., target: ...}`"
            )


def _changed(suite: Suite, place: SuiteEnvironment) -> str:
    """Return why the catalogue's reference does not hold, in words; empty where it does.

    Rewards are counted innermost, so what a wrapper does to them does not matter; whether it ends or prolongs episodes
    does, and of classes that are not known here nobody knows. Wrappers of a named set were published for that very
    environment.
    """
    if place.changed:
        return f"the catalogue's hold without `{'kwargs' if place.kwargs else 'evaluation_kwargs'}`"
    for algorithm in suite.algorithms:
        for wrapper in Task.of(place.environment, {}, algorithm.given(place.environment)).wrappers:
            name = wrapper if isinstance(wrapper, str) else next(iter(wrapper), "")
            if name not in _HARMLESS:
                return f"the catalogue's may not hold under the wrapper {name} of {algorithm.label}"
    return ""


_HARMLESS = frozenset({"bench.environments.wrappers.ScaleReward"}) | frozenset(
    f"gymnasium.wrappers.{name}"
    for name in (
        *("AddWhiteNoise", "DelayObservation", "DiscretizeObservation", "DtypeObservation", "FilterObservation"),
        *("FlattenObservation", "FrameStackObservation", "GrayscaleObservation", "NormalizeObservation"),
        *("ObstructView", "RescaleObservation", "ReshapeObservation", "ResizeObservation", "TimeAwareObservation"),
        *("TransformObservation", "ClipReward", "NormalizeReward", "TransformReward"),
        *("ClipAction", "RescaleAction", "OrderEnforcing", "PassiveEnvChecker", "RecordEpisodeStatistics"),
    )
)
"""Wrappers under which episodes and raw returns are what they are without them."""


def _few_seeds(seeds: int) -> Iterable[str]:
    if seeds < SEEDS_FOR_INTERVALS:
        yield f"{counted(seeds, 'seed')} per cell: too few for any interval; {SEEDS_FOR_CLAIMS} are advised"
    elif seeds < SEEDS_FOR_CLAIMS:
        yield f"{seeds} seeds per cell: intervals will be wide; {SEEDS_FOR_CLAIMS} are advised"


def _uncovered(pair: _Pair, suite: Suite) -> Iterable[str]:
    chosen, name, environment = (
        pair.algorithm.hyperparameter_set,
        pair.algorithm.algorithm,
        pair.environment.environment,
    )
    if pair.entry.settings != {} and not hyperparameters.covers(chosen, name, environment, suite.sets):
        yield (
            f"{pair.algorithm.label} on {environment}: the set {chosen!r} has no entry, so the library's defaults are "
            "used; it is not compared on equal terms with tuned algorithms"
        )
    if hyperparameters.guessed(chosen, name, environment, suite.sets):
        yield (
            f"{pair.algorithm.label} on {environment}: the settings in {chosen!r} are first guesses that nobody tuned; "
            "it is not compared on equal terms with tuned algorithms"
        )


def _unfit(trial: Trial) -> Iterable[str]:
    """Yield what in the settings does not go with several environments."""
    cell, settings = f"{trial.label} on {trial.environment}", trial.hyperparameters
    environments = settings.get("n_envs", 1)
    known = _entry(trial)
    if known and known.replays and environments > 1 and settings.get("gradient_steps", 1) != -1:
        yield (
            f"{cell}: with {environments} environments one call of train_freq covers {environments} steps, so it "
            "updates that much less often; `gradient_steps: -1` keeps the ratio"
        )


def _idle(pair: _Pair, suite: Suite) -> Iterable[Complaint]:
    """Yield that the budget ends before anything is learned, with the smallest that does not."""
    entry, settings, steps = pair.entry, pair.settings, pair.environment.steps
    whole = _after_episodes(pair, "always")
    if not entry.learns or not (steps < whole or catalog.updates(entry, settings, steps) == 0):
        return
    fewest = whole or catalog.fewest_steps(entry, settings)
    if entry.rollout:
        why, instead = f"one rollout takes {fewest:,}", "a smaller n_steps"
    elif not whole or steps <= _warm_up(entry, settings):
        why, instead = f"learning starts after {_warm_up(entry, settings):,}", "a smaller learning_starts"
    else:
        why = f"it learns after whole episodes, which last {pair.traits.horizon:,} steps"
        several = pair.settings.get("episodes_per_update", 0) > pair.settings.get("n_envs", 1)
        instead = "train_freq in steps" if entry.replays else "fewer episodes_per_update" if several else ""
    yield Complaint(
        place_of(suite, pair.algorithm.label),
        f"{pair.algorithm.label} on {pair.environment.environment} would make no update in {steps:,} steps: {why}",
        f"give it {fewest:,} steps at least" + (f", or {instead}" if instead else ""),
    )


def _idle_at_random(pair: _Pair) -> Iterable[str]:
    """Yield that nothing is learned unless random actions end an episode early, which they hardly ever do there."""
    fewest, steps = _after_episodes(pair, "at random"), pair.environment.steps
    if steps < fewest:
        yield (
            f"{pair.algorithm.label} on {pair.environment.environment} learns after whole episodes, and under random "
            f"actions nearly all last {pair.traits.horizon:,} steps: a run that ends none earlier makes no update in "
            f"{steps:,} steps; give it {fewest:,} steps at least"
        )


def _after_episodes(pair: _Pair, lasts: str) -> int:
    """Return the budget of the first update that comes after episodes which last so; 0 where nothing is known of it."""
    if pair.traits.lasts != lasts or pair.traits.horizon is None:
        return 0
    return catalog.fewest_by_episodes(pair.entry, pair.settings, pair.traits.horizon) or 0


def _made_for_more(suite: Suite, pairs: Sequence[_Pair]) -> Iterable[str]:
    """Yield which settings were made for larger budgets than the suite's, what comes of it, and the ways out."""
    there = {pair.cell: pair.environment.steps for pair in pairs}
    apart, cells = set_apart(suite), defaultdict(list)
    for (label, place), steps in made_for_more(suite).items():
        if (label, place) in there:
            told = f"{label} on {place} ({steps:,} steps, the suite has {there[label, place]:,})"
            cells[(label, place) in apart].append(told)
    tune = f"`bench tune {suite.path or suite.name}`"
    out = f"take `hyperparameters: default`, or have all tuned at these budgets ({tune})"
    if cells[True]:
        yield (
            f"settings made for larger budgets than this suite's: {', '.join(cells[True])}: they have no place in the "
            f"verdict; {out}, or say `accept_settings_for_other_budgets: true`"
        )
    if cells[False]:
        yield (
            f"settings made for larger budgets than this suite's: {', '.join(cells[False])}: they are judged all the "
            f"same, and may do worse here than settings that fit; {out}"
        )


def _searched_here(suite: Suite, pairs: Sequence[_Pair]) -> Iterable[str]:
    """Yield whose settings this harness has searched for by hand, where others' in the same setting are not."""
    told = {
        (pair.algorithm.setting, pair.environment.environment, pair.algorithm.label): pair.provenance for pair in pairs
    }
    found = [f"{label} on {place}" for label, place in found_by_hand(told)]
    if found:
        yield (
            f"settings that this harness has searched for by hand on these very environments: {', '.join(found)}; the "
            "others' were not, which is no comparison on equal terms; take `hyperparameters: default`, or have all "
            f"tuned at these budgets (`bench tune {suite.path or suite.name}`)"
        )


def _same(trials: Iterable[Trial]) -> Iterable[str]:
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trial in trials:
        labels[trial.environment, trial.configuration].append(trial.label)
    for (environment, _), same in sorted(labels.items()):
        if len(same) > 1:
            yield f"{' and '.join(same)} are the same configuration on {environment}: their runs are the same runs"


_UNKNOWN_SPEED = Speed(3e-4, 1e-3, lambda _: 1.0)
UNKNOWN_EPISODE = 200
_UNKNOWN_STEPPING = 10_000.0
_USUAL_GAMMA = 0.99
_RECORD_MB = 0.05
PROCESS_MB = 500.0
"""Of memory that a trial takes beside its replay memory, in units of 2**20 bytes."""
_BESIDE_OBSERVATIONS = 20
"""Bytes of an action, a reward and two ends."""
_START_SECONDS = 0.3


def expected_seconds(trial: Trial, environment: Environment | None = None) -> float:
    """Return about how many seconds the trial takes on one core, its evaluations included.

    `environment` are the traits of one that the catalogue does not know.
    """
    traits = environment or catalog.environments().get(trial.environment)
    stepping = 1 / (traits.steps_per_second if traits else _UNKNOWN_STEPPING)
    known = _entry(trial)
    speed, settings = _speed(known), {**(known.defaults if known else {}), **trial.hyperparameters}
    acting, update = (_convolved(traits) * one for one in (speed.act, speed.update_under(settings)))
    training = stepping + acting / settings.get("n_envs", 1)
    learning = max(0, trial.steps - _warm_up(known, settings)) if known and known.replays else trial.steps
    # Evaluation steps several episodes side by side, so acting costs them less than a training step.
    evaluating = stepping + acting / min(trial.evaluation.episodes, 10)
    updating = learning * speed.updates(settings) * update
    return float(_START_SECONDS + trial.steps * training + updating + _evaluation_steps(trial, traits) * evaluating)


def _convolved(traits: Environment | None) -> float:
    """Return how many times a small network's seconds a network for such observations takes.

    Four for MinAtar's 10 x 10 cells, by PPO's, DQN's and A2C's speeds there; from there with the side of the picture.
    """
    if traits is None or traits.observations != "image":
        return 1.0
    return 4 * sqrt(traits.observation_bytes / 1_000)


def expected_memory(trial: Trial, environment: Environment | None = None) -> float:
    """Return about what the trial will take of the machine's memory, in units of 2**20 bytes.

    A process with its libraries, and a full replay memory: every step with two observations, as many as are trained.
    `environment` are the traits of one that the catalogue does not know.
    """
    kept, each = replay_memory(trial, environment)
    return PROCESS_MB + kept * each / 2**20


def replay_memory(trial: Trial, environment: Environment | None = None) -> tuple[int, int]:
    """Return how many steps a trial's replay memory comes to keep, and the bytes of each; nothing where it has none."""
    size, observation = replay_layout(trial, environment)
    if not size:
        return 0, 0
    observations = 1 if trial.hyperparameters.get("optimize_memory_usage") else 2
    return min(size, trial.steps), observations * observation + _BESIDE_OBSERVATIONS


def replay_layout(trial: Trial, environment: Environment | None = None) -> tuple[int, int]:
    """Return for how many steps a trial's replay memory is laid out, and the bytes of an observation in it.

    The library lays out one array for all observations before it trains, and the machine gives the memory as that
    fills; nothing where there is no replay memory.
    """
    traits = environment or catalog.environments().get(trial.environment)
    known = _entry(trial)
    if not known or not known.replays or not traits:
        return 0, 0
    return int(trial.hyperparameters.get("buffer_size", BUFFER_SIZE)), traits.observation_bytes


def _entry(trial: Trial) -> Algorithm | None:
    return catalog.algorithm_of(trial) if trial.algorithm in catalog.algorithms() else None


def slow_after(expected: float) -> float:
    """Return after how many seconds a trial that was expected to take `expected` is worth a word, still at work."""
    return max(SLOW_SECONDS, SLOW_FACTOR * expected)


def _speed(algorithm: Algorithm | None) -> Speed:
    return algorithm.speed if algorithm and algorithm.speed else _UNKNOWN_SPEED


def _warm_up(algorithm: Algorithm, settings: Mapping[str, Any]) -> int:
    """Return the steps that fill the replay buffer before the first update."""
    return int(settings.get("learning_starts", algorithm.defaults.get("learning_starts", 0)))


def _evaluation_steps(trial: Trial, traits: Environment | None) -> int:
    """Return environment steps of evaluation, at most: as if every episode lasted to its time limit."""
    horizon = traits.horizon if traits and traits.horizon else UNKNOWN_EPISODE
    evaluation = trial.evaluation
    entry = _entry(trial)
    looks = len(evaluation.gradient_looks) * (evaluation.gradient_episodes or 0) if entry and entry.gradient else 0
    valued = evaluation.points * (evaluation.value_episodes or 0) if entry and "overestimation" in entry.tells else 0
    beyond = valued * steps_beyond(trial.hyperparameters.get("gamma", _USUAL_GAMMA))
    return (evaluation.points * evaluation.episodes + evaluation.final_episodes + looks + valued) * horizon + beyond


def cost(
    trials: Sequence[Trial],
    measured: Mapping[Cell, float] | None = None,
    environments: Mapping[Cell, Environment] | None = None,
) -> Cost:
    """Return what the trials take, one after the other.

    Args:
        trials: what will run.
        measured: seconds of one trial by (label, environment), where more is known than the estimate.
        environments: what is known of each cell's environment; the catalogue is asked about the others.
    """
    environments, measured = environments or {}, measured or {}
    steps = 0
    seconds: dict[Cell, float] = {}
    disk = 0.0
    first = {trial.cell: trial for trial in trials}
    counts = Counter(trial.cell for trial in trials)
    for cell, trial in first.items():
        number = counts[cell]
        traits = environments.get(cell) or catalog.environments().get(trial.environment)
        steps += number * trial.steps
        seconds[cell] = number * (measured.get(cell) or expected_seconds(trial, traits))
        disk += number * (_RECORD_MB + _speed(_entry(trial)).policy_mb)
    return Cost(steps, seconds, disk)
