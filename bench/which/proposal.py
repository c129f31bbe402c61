"""Advice in, the suite that would settle the question on the user's own environment out, with its cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from bench import catalog, hyperparameters
from bench.errors import BenchError, WriteError
from bench.files import publish
from bench.hyperparameters.provenance import effort, made_for
from bench.pipeline.inspection import environment_of
from bench.plain import counted, joined
from bench.plan import cost, plan
from bench.records import AnalysisPlan, Reference, Traits, digest, verdict_on, verdicts_of
from bench.report.words import duration
from bench.suite import parse
from bench.suite.draft import ANALYSIS, Draft, DraftAlgorithm, DraftEnvironment, file_name, text
from bench.which.evidence import TOO_FAR, Source, two_digits
from bench.which.records import Advice, Option, Proposal, Request, first_choices
from bench.which.traits import shipped
from bench.which.transfer import bare, likeness

SUITES = Path("suites")
STEPS_IF_NONE = 100_000
_SEEDS, _MOST_SEEDS = 10, 50
_DAY = 24 * 3600.0
"""Seconds of one core, beyond which more than `_SEEDS` seeds are nothing to be proposed unasked."""
_LEARNERS = 5
"""In a suite for an environment of which too little is known: what a night's computing usually carries."""
_REPLAY_SHARE = 2
"""Of those, at least so many that learn from a replay memory: the cheapest alone would be all of one kind."""


_UNFAIR = (
    "All have their library's defaults: what named sets have for this environment was made for other budgets, or not "
    "for all with equal effort."
)
_MARK = "\n# As `bench which` wrote it ({}): asked again, it writes this file anew as long as nobody has changed it.\n"
_PLACEHOLDER = (
    "THE TARGET IS A PLACEHOLDER: put the return here that you would call solved. Who is better than whom does not "
    "depend on it; shares of the way, what counts as solved or failed, and the margin of equivalence do."
)


def propose(request: Request, advice: Advice, fits: Sequence[Option], sources: Sequence[Source]) -> Proposal:
    """Draft the suite, reckon its cost, and write it unless another one is there.

    Raises:
        WriteError: it cannot be written.
        BenchError: a target below the random policy was given.
    """
    path, target = _path(request, advice), advice.target
    draft, remarks = _draft(request, advice, fits, sources)
    written = _written(draft)
    suite = parse(written, str(path))
    here = environment_of(target)
    here = replace(here, id=request.environment or here.id)
    known = {(entry.label, here.id): here for entry in suite.algorithms}
    trials = plan(suite, known).trials
    spent = cost(trials, environments=known)
    state = _kept(path, written, force=request.force)
    return Proposal(
        path=path,
        text=written,
        state=state,
        kept=_price(path) if state == "kept" else "",
        trials=len(trials),
        core_seconds=sum(spent.seconds.values()),
        longest_seconds=max(spent.seconds.values()) / len(suite.seeds),
        remarks=remarks,
    )


def _written(draft: Draft) -> str:
    drafted = text(draft)
    return f"{drafted}{_MARK.format(digest(drafted))}"


def _draft(
    request: Request, advice: Advice, fits: Sequence[Option], sources: Sequence[Source]
) -> tuple[Draft, tuple[str, ...]]:
    """Return the suite, and what must be said of whom it does and does not tell apart."""
    target = advice.target
    options = _contenders(advice, fits)
    steps, asked = _steps(request, options), _asked(sources, advice)
    if request.environment is not None:
        place = _place(target, steps, request.target, sources, asked)
        places = [replace(place, id=request.environment, kwargs=dict(request.kwargs))]
        names = [target.environment]
    else:
        places = [DraftEnvironment(name, steps) for name in _nearest(target, request.nearest)]
        names = [place.id for place in places]
    fair = _fair(options, names, steps)
    options = options if fair else _bare(options, names)
    able = [option for option in options if _updates(option, names, steps)]
    idle = [option.label for option in options if option not in able] if len(able) > 1 else []
    options = able if idle else options
    set_name = _set_name(options[0], names)
    needs = _needs(advice, options, steps)
    most = min(_MOST_SEEDS, _affordable(options, steps))
    seeds = max([_SEEDS, *(need for need in needs.values() if need and need <= most)])
    remarks = tuple(_remarks(advice, options, needs, seeds, steps))
    draft = Draft(
        name=_name(target),
        title=f"Which algorithm for {target.environment}",
        question=f"Which algorithm should I use for {target.environment}?",
        seeds=seeds,
        algorithms=(*_entries(options, advice, names, set_name), DraftAlgorithm("random")),
        environments=tuple(places),
        comments=tuple(_comments(request, advice, options, steps, remarks)),
        on_algorithms=(
            *_on_algorithms(options, advice, names),
            *([] if fair else [_UNFAIR]),
            *map(_idle, [idle] if idle else []),
        ),
        set_name=set_name,
        analysis=_analysis(asked),
    )
    return draft, remarks


def _name(target: Traits) -> str:
    kinds = f"{target.actions}-{target.observations}-{target.observation_size or ''}"
    return f"which-{file_name(bare(target.environment) if target.steps else kinds)}"


def _contenders(advice: Advice, fits: Sequence[Option]) -> list[Option]:
    """Return whom the suite compares: the best here, whom it does not beat, the field's first choices, the cheapest."""
    if not fits:
        raise BenchError(f"no algorithm of the catalogue fits {advice.target.environment}")
    if untried := _untried(advice, fits):
        return untried
    open_ = _not_beaten(advice)
    firsts = first_choices(advice.target)
    options = [
        option
        for option in (advice.options if advice.candidates else ())
        if option.label in open_ or option.algorithm in firsts
    ]
    named = {option.algorithm for option in options}
    options += [option for option in fits if option.algorithm in firsts and option.algorithm not in named]
    tried = {option.algorithm for option in (*options, *(advice.options if advice.candidates else ()))}
    room = max(0, _LEARNERS - len({option.algorithm for option in options}))
    contenders = [*options, *_varied([option for option in fits if option.algorithm not in tried], room)]
    # Against nobody there is nothing to settle.
    return contenders if len(contenders) > 1 else list(advice.options[:2])


def _untried(advice: Advice, fits: Sequence[Option]) -> list[Option]:
    """Return who was not compared where nobody of those compared has learned, who did elsewhere first; or nobody."""
    if not (advice.nobody and advice.level == "same"):
        return []
    tried = {option.algorithm for option in advice.options}
    others = {option.algorithm: option for option in fits if option.algorithm not in tried}
    able = [others[name] for name in advice.learned_elsewhere if name in others][:_LEARNERS]
    rest = [option for option in others.values() if option not in able]
    found = [*able, *_varied(rest, _LEARNERS - len(able))]
    return found if len(found) > 1 else []


def _not_beaten(advice: Advice) -> set[str]:
    """Return the first and all that it is not shown to be better than: as good, not yet told apart, or even better."""
    if not advice.candidates:
        return set()
    first, known = advice.candidates[0].label, verdicts_of(advice.pairs)
    return {one.label for one in advice.candidates if verdict_on(first, one.label, known) != "better"}


def _fair(options: Sequence[Option], places: Sequence[str], steps: int) -> bool:
    """Return whether named sets give all their settings with equal effort and for such a budget, or none at all."""
    found = [
        hyperparameters.resolve(option.hyperparameter_set, option.algorithm, place)[1]
        for option in options
        for place in places
        if option.hyperparameter_set not in hyperparameters.UNTUNED and _covered(option, places)
    ]
    if not found:
        return True
    meant = [made_for(told) or 0 for told in found]
    alike = len({effort(told) for told in found}) == 1
    return alike and len(found) == len(options) * len(places) and max(meant) < TOO_FAR * steps


def _bare(options: Sequence[Option], places: Sequence[str]) -> list[Option]:
    """Return every algorithm once, by its own name and with its library's defaults."""
    found: dict[str, Option] = {}
    for one in options:
        # A set that does not have the place falls back to the defaults by itself, and is known as another place's.
        chosen = "default" if _covered(one, places) else one.hyperparameter_set
        plain = replace(one, label=one.algorithm, hyperparameter_set=chosen, changes={})
        found.setdefault(one.algorithm, plain)
    return list(found.values())


def _updates(option: Option, places: Sequence[str], steps: int) -> bool:
    """Return whether the algorithm learns anything in so many steps with the settings that it would have."""
    given = [hyperparameters.resolve(_set_name(option, places), option.algorithm, place)[0] for place in places]
    entry = catalog.algorithms()[option.algorithm]
    taken = [{**settings, **option.changes} for settings in given]
    return all(
        catalog.updates(entry, settings, steps) != 0 and steps >= _after_episodes(entry, settings, place)
        for settings, place in zip(taken, places, strict=True)
    )


def _after_episodes(entry: catalog.Algorithm, settings: Mapping[str, object], place: str) -> int:
    """Return the budget of the first update where episodes always last as long; 0 where they may be shorter."""
    known = catalog.environments().get(place)
    if known is None or known.lasts != "always" or known.horizon is None:
        return 0
    return catalog.fewest_by_episodes(entry, settings, known.horizon) or 0


def _idle(labels: Sequence[str]) -> str:
    return f"Left out, for by their defaults they make no update within the budget: {joined(labels)}."


def _varied(fits: Sequence[Option], most: int) -> list[Option]:
    """Return the cheapest, some that learn from a replay memory among them."""
    known = catalog.algorithms()
    replay = [option for option in fits if not known[option.algorithm].on_policy][: min(most // 2, _REPLAY_SHARE)]
    fresh = [option for option in fits if known[option.algorithm].on_policy][: most - len(replay)]
    return sorted([*replay, *fresh], key=lambda option: option.seconds_per_step or math.inf)


def _steps(request: Request, options: Sequence[Option]) -> int:
    """Return one budget for all: the fewest steps that any of them manages in the time."""
    if request.steps is not None:
        return request.steps
    if request.minutes is not None:
        seconds = 60 * request.minutes
        reach = [seconds / option.seconds_per_step for option in options if option.seconds_per_step]
        return two_digits(min(reach)) if reach else STEPS_IF_NONE
    return max((option.steps for option in options), default=0) or STEPS_IF_NONE


def _affordable(options: Sequence[Option], steps: int) -> int:
    """Return how many seeds of all are trained in a day of one core."""
    price = steps * sum(option.seconds_per_step or 0.0 for option in options)
    return int(_DAY / price) if price else _MOST_SEEDS


def _needs(advice: Advice, options: Sequence[Option], steps: int) -> dict[str, int | None]:
    """Return who is not yet told apart from the first, with the runs that it would take; None: more than within reason.

    On the very environment alone, and of those whom the suite has with the settings of the evidence.
    """
    reach = 2 * max((one.budget for one in advice.likenesses if one.used), default=0)
    if advice.level != "same" or advice.n < _SEEDS or advice.nobody or steps > reach:
        return {}
    leader = advice.candidates[0].label
    there = {(one.label, one.hyperparameter_set, str(one.changes)) for one in options}
    kept = {one.label for one in advice.options if (one.label, one.hyperparameter_set, str(one.changes)) in there}
    if leader not in kept:
        return {}
    more = {label: pair.more_runs for pair in advice.pairs for label in (pair.a, pair.b) if leader in (pair.a, pair.b)}
    prices = {label: more[label] for label in advice.undecided if label in kept}
    return {label: advice.n + price if price else None for label, price in prices.items()}


def _remarks(
    advice: Advice, options: Sequence[Option], needs: Mapping[str, int | None], seeds: int, steps: int
) -> Iterator[str]:
    """Yield what the seeds are for, which pair stays open at what price, and who is not tried again."""
    tried = [one.label for one in advice.options if one.algorithm not in {option.algorithm for option in options}]
    if advice.nobody and tried:
        yield f"Not tried again: {joined(tried)}, which did not learn it."
    if not needs:
        return
    leader = advice.candidates[0].label
    paces = {option.label: option.seconds_per_step or 0.0 for option in options}
    settled = [label for label, need in needs.items() if need and need <= seeds]
    if settled:
        yield f"{seeds} seeds would tell {leader} apart from {joined(settled)}, if they differ by as much as it seems."
    for label, need in needs.items():
        if need is None:
            yield f"{leader} against {label} stays open: no number of runs within reason would tell them apart."
        elif need > seeds:
            spent = duration(need * steps * (paces[leader] + paces[label]))
            yield f"{leader} against {label} stays open: that takes about {need} runs each, {spent} of one core."


def _nearest(target: Traits, most: int) -> list[str]:
    """Return the catalogue's environments that are most like a description and can be scored."""
    known = catalog.environments()
    near = [likeness(target, traits) for name, traits in shipped().items() if name in known and known[name].reference]
    ranked = sorted((one for one in near if one.distance is not None), key=lambda one: one.distance or 0.0)
    if not ranked:
        raise BenchError(
            f"no environment of the catalogue has {target.actions} actions and {target.observations} observations; "
            "name one of your own with --env"
        )
    return [one.environment for one in ranked[:most]]


def _asked(sources: Sequence[Source], advice: Advice) -> Source | None:
    """Return the stored results on the very environment that the advice rests on; None where it rests on others."""
    used = {one.suite for one in advice.likenesses if one.used and one.level == "same"}
    # A suite of several settings has a ground for each, whose place begins with the suite's.
    return next((one for one in sources if any(f"{place}, ".startswith(f"{one.place}, ") for place in used)), None)


def _analysis(asked: Source | None) -> AnalysisPlan:
    """Return how the suite is judged: as the results were that the advice rests on, if they are on the environment."""
    if asked is None:
        return ANALYSIS
    plan = asked.suite.analysis
    return replace(ANALYSIS, threshold=plan.threshold, margin=plan.margin, decide=plan.decide, floor=plan.floor)


def _place(
    target: Traits, steps: int, goal: float | None, sources: Sequence[Source], asked: Source | None
) -> DraftEnvironment:
    """Return the user's environment with the returns that score 0 and 1, wherever they are known from."""
    name = target.environment
    known = catalog.environments().get(name)
    declared = asked.references.get(name) if asked else None
    if known and known.reference and declared in {None, known.reference} and goal is None:
        return DraftEnvironment(name, steps)
    declared = declared or next((one for source in sources if (one := source.references.get(name)) is not None), None)
    if declared is not None and goal is None:
        return DraftEnvironment(name, steps, declared, ("As declared in the stored results.",))
    if target.mean_return is None:
        return DraftEnvironment(name, steps)
    low = float(f"{target.mean_return:.4g}")
    high, source, comments = _goal(target, low, goal)
    measured = f"random: mean of {target.episodes:,} episodes of uniformly random actions"
    return DraftEnvironment(name, steps, Reference(low, high, f"{measured}; target: {source}"), comments)


def _goal(target: Traits, low: float, goal: float | None) -> tuple[float, str, tuple[str, ...]]:
    """Return the return that scores 1, where it comes from, and what must be said of it."""
    if goal is not None:
        if goal <= low:
            raise BenchError(f"--target {goal:g} must be above what random actions reach, {low:g}")
        return goal, "as given", ()
    if target.threshold is not None and target.threshold > low:
        return target.threshold, "the reward threshold that the environment registers", ()
    best = target.best_return
    if best is not None and best > low:
        found, what = float(f"{best:.4g}"), f"PLACEHOLDER, the luckiest of {target.episodes:,} random episodes"
    else:
        found, what = low + max(1.0, abs(low)), "PLACEHOLDER, nothing is known of it"
    if found <= low:
        found = low + max(1.0, abs(low))
    return found, what, (_PLACEHOLDER,)


def _entries(options: Sequence[Option], advice: Advice, places: Sequence[str], common: str) -> Iterator[DraftAlgorithm]:
    for option in options:
        chosen = _set_name(option, places)
        yield DraftAlgorithm(option.algorithm, option.label, "" if chosen == common else chosen, option.changes)
        if settings := _borrowed(option, advice, places):
            yield DraftAlgorithm(option.algorithm, f"{option.label} as for {option.settings_of}", "", settings)


def _set_name(option: Option, places: Sequence[str]) -> str:
    return option.hyperparameter_set if _covered(option, places) else "default"


def _covered(option: Option, places: Sequence[str]) -> bool:
    chosen = option.hyperparameter_set
    return all(hyperparameters.covers(chosen, option.algorithm, place) for place in places)


def _borrowed(option: Option, advice: Advice, places: Sequence[str]) -> Mapping[str, object]:
    """Return the nearest environment's settings where it is close and the user's has none of its own."""
    if advice.level != "close" or _covered(option, places):
        return {}
    # A wrapper belongs to the environment it was written for.
    return {name: value for name, value in option.settings.items() if name != "env_wrapper"}


def _comments(
    request: Request, advice: Advice, options: Sequence[Option], steps: int, remarks: Sequence[str]
) -> Iterator[str]:
    path = quote(str(_path(request, advice)))
    yield f"Written by `bench which`, to settle what stored results could not. {advice.verdict}"
    yield from remarks
    yield f"  bench validate {path}"
    yield f"  bench run {path}"
    if request.minutes is not None:
        paces = {option.label: option.seconds_per_step for option in options if option.seconds_per_step}
        reach = [f"{label} {two_digits(60 * request.minutes / pace):,}" for label, pace in paces.items()]
        yield (
            f"All train for {steps:,} steps, which the slowest manages in {request.minutes:g} minutes a run; in that "
            f"time the steps are about: {', '.join(reach)}. The report also compares them by seconds."
        )


def _on_algorithms(options: Sequence[Option], advice: Advice, places: Sequence[str]) -> Iterator[str]:
    uncovered = [option for option in options if not _covered(option, places)]
    if not uncovered or not advice.candidates:
        return
    yield "No named set has settings for this environment, so the library's defaults are used."
    if any(_borrowed(option, advice, places) for option in options):
        yield (
            f"Beside them stand the settings tuned for {uncovered[0].settings_of}, the nearest environment: whether "
            "they carry over is part of the question."
        )


def _path(request: Request, advice: Advice) -> Path:
    return request.to or SUITES / f"{_name(advice.target)}.yaml"


def _kept(path: Path, written: str, *, force: bool) -> str:
    there = path.read_text(encoding="utf-8") if path.exists() else None
    if there == written:
        return "unchanged"
    if there is not None and not force and not _untouched(there):
        return "kept"
    try:
        publish(path, written)
    except WriteError as error:
        raise WriteError(f"{error}; choose another place with --to") from None
    return "written" if there is None or force else "rewritten"


def _untouched(there: str) -> bool:
    """Return whether a suite is as an earlier answer has written it: nobody's work is lost with it."""
    drafted, mark, _ = there.partition(_MARK.partition("{")[0])
    return bool(mark) and there == f"{drafted}{_MARK.format(digest(drafted))}"


def _price(path: Path) -> str:
    """Return what a suite that stays would run, in words; empty where it cannot be read."""
    try:
        suite = parse(path.read_text(encoding="utf-8"), str(path))
        trials = plan(suite).trials
    except BenchError:
        return ""
    steps = joined([f"{place.steps:,}" for place in suite.environments])
    hours = duration(sum(cost(trials).seconds.values()))
    return f"{counted(len(trials), 'trial')} of {steps} steps, {hours} of one core"
