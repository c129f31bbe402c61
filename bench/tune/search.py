"""A suite and a protocol in; the two ordinary suites that carry the tuning out, and what they cost, out.

The first holds every configuration of every algorithm (`ppo 07`), the second the best of the first, again on fresh
seeds (`ppo, place 1`). They are planned, run, resumed, watched and read as any suite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from bench import hyperparameters
from bench.catalog import Environment, algorithms, catalogued
from bench.errors import BenchError
from bench.pipeline import Experiment, SuiteText, cost_of, open_experiment, references
from bench.pipeline.experiment import SEARCHED, measured_seconds, trial_seconds
from bench.pipeline.inspection import meet
from bench.plan import plan
from bench.records import Reference, Suite, SuiteAlgorithm, SuiteEnvironment, Task, Traits
from bench.store import Store
from bench.suite import read_untuned
from bench.suite.flow import block
from bench.tune.draws import Place, broken_by_default, configuration
from bench.tune.protocol import Protocol
from bench.tune.spaces import Space, space, spaces

AGAIN = "-confirmed"
"""What the name of the second suite has after that of the first."""
POINTS = 3
"""Evaluations along the way: at thirds of the budget, enough for an area to tell equal final scores apart."""
_EPISODES, _MOST_FINAL = 10, 100
_SET = "default"
"""Set of hyperparameters that configuration 0 has, and that the others start from."""
Pair = tuple[str, str]
"""Algorithm and environment."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is to be tuned."""

    suite: Suite
    entries: Mapping[str, SuiteAlgorithm]
    """Algorithm -> the suite's entry of it."""
    spaces: Mapping[str, Space]
    places: Mapping[str, Place]
    pairs: tuple[Pair, ...]
    """Those that can be trained; of a part those that were asked for."""
    protocol: Protocol
    notes: tuple[str, ...]
    inspected: tuple[tuple[Task, Traits], ...]
    """What was found of environments that no catalogue knows."""

    @property
    def name(self) -> str:
        """Of the first suite, and of the folder of its results."""
        return f"{SEARCHED}{self.suite.name}"

    def drawn(self, algorithm: str, environment: str, number: int) -> dict[str, Any]:
        """Return the settings of a configuration in an environment: the defaults', the drawn ones, the suite's own."""
        fixed = self.entries[algorithm].given(environment)
        place, searched = self.places[environment], self.spaces[algorithm]
        given, _ = hyperparameters.resolve(_SET, algorithm, environment)
        return {**given, **configuration(searched, place, number, self.protocol.tuning_seed, fixed), **fixed}

    def broken_defaults(self) -> Iterator[str]:
        """Yield, for every pair, which limits the defaults break at this budget."""
        for algorithm, environment in self.pairs:
            given = self.entries[algorithm].given(environment)
            for told in broken_by_default(self.spaces[algorithm], self.places[environment], given):
                yield f"{label(algorithm, 0)} on {environment}: the default {told}; it is tried all the same"


def label(algorithm: str, number: int) -> str:
    """Return what a configuration is called."""
    return f"{algorithm} {number:02}"


def place_label(algorithm: str, place: int) -> str:
    """Return what a configuration is called among those that are confirmed; 0 is the best by its first run."""
    return f"{algorithm}, place {place + 1}"


def search(path: Path, protocols: Mapping[str, Protocol]) -> Search:
    """Return what tuning a whole suite comes to.

    Args:
        path: of the suite's file.
        protocols: kind of actions -> protocol; where there are several kinds, `continuous`, the dearest, decides.

    Raises:
        BenchError: nothing of the suite can be tuned, the suite itself is wrong, or more configurations would be
            confirmed than there are.
    """
    suite = read_untuned(path)
    met = meet(suite)
    planned = plan(suite, met.traits, seeds=1)
    known = references(suite)
    cells = {trial.cell: trial for trial in planned.trials}
    pairs, notes, tuned, places = list[Pair](), list(met.notes), dict[str, SuiteAlgorithm](), dict[str, Place]()
    for entry in suite.algorithms:
        mine = [place for place in suite.environments if (entry.label, place.environment) in cells]
        if mine and (why := _not_tuned(entry, tuned)):
            notes.append(why)
            continue
        for place in mine:
            name, reference = place.environment, known[place.environment]
            if reference is None:
                notes.append(f"{name} has no reference returns and is left out: it has no scores to choose by")
                continue
            traits = met.traits.get((entry.label, name)) or catalogued(Task.of(name, place.kwargs, entry.given(name)))
            places[name] = Place(name, place.steps, traits.horizon, traits.actions, _best(traits, reference))
            tuned[entry.algorithm] = entry
            pairs.append((entry.algorithm, name))
    if not pairs:
        raise BenchError(
            f"{path}: there is nothing to tune; {'; '.join(dict.fromkeys(notes)) or 'no algorithm learns'}"
        )
    return Search(
        suite,
        tuned,
        {name: space(name, entry.implementation) for name, entry in tuned.items()},
        places,
        tuple(pairs),
        _protocol(protocols, places),
        tuple(dict.fromkeys(notes)),
        met.inspected,
    )


def part(search: Search, only: Sequence[str]) -> Search:
    """Return the search with the pairs that were asked for; how each is tuned hangs on the whole suite all the same.

    Args:
        search: of the whole suite.
        only: as in `plan`; empty: all.

    Raises:
        BenchError: a pattern matches nothing, or none of what it matches is tuned.
    """
    cells = {trial.cell for trial in plan(search.suite, only=only, seeds=1).trials}
    pairs = tuple(pair for pair in search.pairs if (search.entries[pair[0]].label, pair[1]) in cells)
    if not pairs:
        raise BenchError(f"--only {', '.join(only)}: nothing of it is tuned; {'; '.join(search.notes)}")
    return replace(search, pairs=pairs)


def first(search: Search, results: Path) -> Experiment:
    """Return every configuration on the tuning seeds, as an experiment."""
    numbers = range(search.protocol.configurations)
    rows = {
        label(algorithm, number): (
            algorithm,
            {place: search.drawn(algorithm, place, number) for place in search.places},
        )
        for algorithm in search.entries
        for number in numbers
    }
    title = f"Tuning for {search.suite.title}"
    question = f"What do {search.protocol.configurations} configurations of each algorithm come to?"
    text = _text(search, search.name, title, question, search.protocol.first_seeds(search.suite.seeds), rows)
    return _opened(search, text, results, [f"{algorithm} *@{place}" for algorithm, place in search.pairs])


def again(search: Search, best: Mapping[Pair, Sequence[int]], results: Path) -> Experiment:
    """Return the best configurations of the first runs on fresh seeds, as an experiment.

    Args:
        search: what is tuned; only its pairs are to be run.
        best: pair -> numbers of its configurations, the best first.
        results: folder that holds the results of all suites.
    """
    rows = {}
    for algorithm in dict.fromkeys(algorithm for algorithm, _ in best):
        mine = {place: numbers for (name, place), numbers in best.items() if name == algorithm}
        for place in range(max(map(len, mine.values()))):
            settings = {
                environment: search.drawn(algorithm, environment, numbers[place])
                for environment, numbers in mine.items()
                if place < len(numbers)
            }
            rows[place_label(algorithm, place)] = (algorithm, settings)
    title = f"Tuning for {search.suite.title}: the best again"
    question = "Which of the best by the first run is the best on fresh seeds?"
    seeds = search.protocol.fresh_seeds(search.suite.seeds)
    text = _text(search, search.name + AGAIN, title, question, seeds, rows)
    chosen = [pair for pair in search.pairs if pair in best]
    return _opened(search, text, results, [f"{algorithm}, place *@{place}" for algorithm, place in chosen])


@dataclass(frozen=True, slots=True)
class Price:
    """What a pair's tuning takes; estimates, unless measured."""

    trials: int
    steps: int
    seconds: float
    """Of one core, for what is still to be run."""


def prices(search: Search, opened: Experiment, confirming: Experiment | None) -> dict[Pair, Price]:
    """Return what every pair takes; a run that confirms is reckoned as dear as the mean of the first ones.

    Args:
        search: what is tuned.
        opened: its first runs.
        confirming: its fresh runs, as far as it is known of which configurations; None: of none.
    """
    survey = opened.store.survey()
    each = trial_seconds(opened, measured_seconds(opened, survey))
    cost, protocol, confirmed = cost_of(opened, survey, each), search.protocol, _confirmed(confirming)
    found = {}
    for algorithm, place in search.pairs:
        cells = [(label(algorithm, number), place) for number in range(protocol.configurations)]
        fresh = protocol.kept * protocol.again - confirmed[algorithm, place]
        seconds = sum(cost.seconds.get(cell, 0.0) for cell in cells) + fresh * mean(
            each.get(cell, 0.0) for cell in cells
        )
        found[algorithm, place] = Price(protocol.total, protocol.total * search.places[place].steps, seconds)
    return found


def _confirmed(confirming: Experiment | None) -> Counter[Pair]:
    """Return how many fresh runs of every pair there are."""
    if confirming is None:
        return Counter()
    done = confirming.store.survey().done
    return Counter((one.algorithm, one.environment) for one in confirming.plan.trials if one.name in done)


def _protocol(protocols: Mapping[str, Protocol], places: Mapping[str, Place]) -> Protocol:
    kinds = {place.actions for place in places.values()}
    found = protocols["discrete" if kinds <= {"discrete"} else "continuous"]
    if found.kept > found.configurations:
        raise BenchError("--confirm: asks for more configurations than there are; --configurations draws more")
    return found


def _not_tuned(entry: SuiteAlgorithm, chosen: Mapping[str, SuiteAlgorithm]) -> str:
    """Return why an entry of the suite is not tuned, in words; empty where it is."""
    known = algorithms().get(entry.algorithm)
    if known is None or not known.learns:
        return f"{entry.label} does not learn and is not tuned"
    if entry.algorithm not in spaces():
        return f"{entry.label} is not tuned: there is no search space for {entry.algorithm}"
    if entry.algorithm in chosen:
        return f"{entry.label} is not tuned by itself: {entry.algorithm} is, as {chosen[entry.algorithm].label} has it"
    return ""


def _best(traits: Environment, reference: Reference) -> float:
    return reference.target if traits.ceiling is None else traits.ceiling


def _text(
    search: Search,
    name: str,
    title: str,
    question: str,
    seeds: Sequence[int],
    rows: Mapping[str, tuple[str, Mapping[str, Mapping[str, Any]]]],
) -> SuiteText:
    """Return a suite: label -> algorithm and its settings in every environment."""
    suite = search.suite
    given: dict[str, Any] = {
        "name": name,
        "title": title,
        "question": question,
        "seeds": list(seeds),
        "evaluation": _evaluation(suite),
        "hyperparameters": _SET,
        "skip_incompatible": True,
        "analysis": {"metric": suite.analysis.metric, "threshold": suite.analysis.threshold},
        "environments": {
            place.environment: _environment(place) for place in suite.environments if place.environment in search.places
        },
        "algorithms": [
            _entry(search.entries[algorithm], label, settings) for label, (algorithm, settings) in rows.items()
        ],
    }
    if limits := {key: value for key, value in asdict(suite.limits).items() if value is not None}:
        given["limits"] = limits
    head = f"# Made by `bench tune {suite.name}`, which goes on with it: {search.protocol.words()}.\n"
    return SuiteText(f"{head}\n{block(given)}", name)


def _evaluation(suite: Suite) -> dict[str, Any]:
    asked = suite.evaluation
    found = {
        "points": min(POINTS, asked.points),
        "episodes": min(_EPISODES, asked.episodes),
        "final_episodes": min(_MOST_FINAL, asked.final_episodes),
        "deterministic": asked.deterministic,
    }
    more = {"environments": asked.environments, "max_episode_steps": asked.max_episode_steps}
    return found | {key: value for key, value in more.items() if value is not None}


def _environment(place: SuiteEnvironment) -> dict[str, Any]:
    given: dict[str, Any] = {"steps": place.steps}
    if place.kwargs:
        given["kwargs"] = dict(place.kwargs)
    if place.evaluation_kwargs:
        given["evaluation_kwargs"] = dict(place.evaluation_kwargs)
    if place.reference is not None:
        given["reference"] = asdict(place.reference)
    return given


def _entry(entry: SuiteAlgorithm, label: str, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return an entry of a suite: what is the same everywhere once, what differs per environment."""
    one = next(iter(settings.values()))
    common = {
        name: value
        for name, value in one.items()
        if all(name in other and other[name] == value for other in settings.values())
    }
    own = {
        place: rest
        for place, given in settings.items()
        if (rest := {name: value for name, value in given.items() if name not in common})
    }
    told: dict[str, Any] = {"name": entry.algorithm, "label": label}
    told |= {"implementation": entry.implementation} if entry.implementation else {}
    told |= {"backend": entry.backend} if entry.backend else {}
    told |= {"hyperparameters": common} if common else {}
    return told | ({"per_environment": own} if own else {})


def _opened(search: Search, text: SuiteText, results: Path, only: Sequence[str]) -> Experiment:
    if search.inspected:
        # Nobody looks at an environment once for every configuration: what was found lies where the plan looks.
        store = Store(results / text.place)
        store.prepare()
        store.keep_inspected(search.inspected)
    return open_experiment(text, results=results, only=only)
