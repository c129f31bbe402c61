"""`bench which` in; a recommendation, how sure it is, what it rests on and what to run next, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from textwrap import fill
from typing import Annotated

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.catalog import ACTION_KINDS, OBSERVATION_KINDS, did_you_mean
from bench.console import Terminal, say, say_json, say_table, waiting
from bench.errors import BenchError
from bench.limits import LARGEST, LONGEST_MINUTES, MOST_STEPS, MOST_WORKERS
from bench.options import JsonOption, ResultsOption
from bench.pipeline import RESULTS, default_workers
from bench.pipeline.asking import steps_of
from bench.plain import counted
from bench.records import Candidate, Traits
from bench.report.sentences import between
from bench.report.words import duration, prose
from bench.which.records import Advice, Answer, Likeness, Proposal, Request
from bench.which.transfer import reward_words

_MOST_ROWS = 5
"""Of environments: the nearest."""
_MOST_TRAITS = 3
"""Of what is alike, and of what is not: the weightiest; --json gives all."""


def which(
    *,
    env: Annotated[str | None, typer.Option("--env", help="Gymnasium id, or module:EnvId for one of your own")] = None,
    kwargs: Annotated[
        str | None, typer.Option(help="with --env: arguments that it is made with, as YAML: '{size: 4}'")
    ] = None,
    actions: Annotated[
        str | None, typer.Option(help="instead of --env: discrete, discrete:4 (choices), continuous, continuous:6, ...")
    ] = None,
    observations: Annotated[
        str | None, typer.Option(help="instead of --env: 24 (numbers), discrete:16 (states), image, dict")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, max=MOST_STEPS, help="with a description: steps an episode, at most")
    ] = None,
    sparse: Annotated[
        bool | None, typer.Option("--sparse/--dense", help="with a description: do few steps pay, or most?")
    ] = None,
    steps: Annotated[str | None, typer.Option(help="environment steps you can spend on a run: 200k, 1.5m, 1e6")] = None,
    minutes: Annotated[float | None, typer.Option(help="or minutes of training a run, on one core")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=MOST_WORKERS, help="runs side by side, for the cost of the suite")
    ] = None,
    target: Annotated[float | None, typer.Option(help="the return that you would call solved")] = None,
    nearest: Annotated[
        int, typer.Option(min=1, max=100, help="environments to rest on where yours has no results")
    ] = 3,
    results: ResultsOption = RESULTS,
    to: Annotated[
        Path | None, typer.Option(help="where to write the suite; suites/which-<env>.yaml if not given")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite a suite that is there already")] = False,
    as_json: JsonOption = False,
) -> None:
    """Recommend an algorithm for your environment from stored results, and write the suite that would settle it."""
    _refuse_both(("--steps", steps), ("--minutes", minutes))
    _refuse_both(("--env", env), ("--actions", actions))
    budget, time = None if steps is None else count(steps), _positive(minutes)
    described = _described(actions, observations, horizon, sparse=sparse) if env is None else None
    from bench.which.answer import which as answer_to  # noqa: PLC0415 - seconds of scipy: not for help

    request = Request(
        environment=env,
        kwargs=_arguments(kwargs, env),
        described=described,
        steps=budget,
        minutes=time,
        target=_return(target),
        nearest=nearest,
        results=results,
        to=to,
        force=force,
    )
    with waiting(f"playing at random in {env} ..." if env else "reading stored results ..."):
        answer = answer_to(request)
    if as_json:
        _print_json(answer, workers or default_workers())
    else:
        _say(answer, workers or default_workers())


def count(text: str) -> int:
    """Return the number of steps that `200k`, `1.5m`, `1e6` or `2_000_000` means.

    Raises:
        BenchError: it means none.
    """
    try:
        number = steps_of(text.replace(",", ""))
    except ValueError:
        raise BenchError(f"--steps {text!r} is no number of steps; write 200k, 1.5m, 1e6 or 2_000_000") from None
    if number > MOST_STEPS:
        raise BenchError(f"--steps {text!r} is too many; at most {MOST_STEPS:,}")
    return number


def _arguments(text: str | None, environment: str | None) -> dict[str, object]:
    """Return the mapping that `{size: 4}` means.

    Raises:
        BenchError: it means none, or there is no environment to make with it.
    """
    if text is None:
        return {}
    if environment is None:
        raise BenchError("--kwargs are arguments of an environment; name it with --env")
    try:
        found = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, LookupError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise BenchError(f"--kwargs {text!r} is no mapping of names to values; write '{{size: 4}}'")
    return found


def _positive(minutes: float | None) -> float | None:
    if minutes is not None and not 0 < minutes <= LONGEST_MINUTES:
        raise BenchError(f"--minutes {minutes:g} must be above 0 and at most {LONGEST_MINUTES:,.0f}")
    return minutes


def _return(target: float | None) -> float | None:
    if target is not None and not -LARGEST <= target <= LARGEST:
        raise BenchError(f"--target {target:g} must be a number from {-LARGEST:g} to {LARGEST:g}")
    return target


def _refuse_both(one: tuple[str, object], other: tuple[str, object]) -> None:
    if one[1] is not None and other[1] is not None:
        raise BenchError(f"{one[0]} and {other[0]} exclude each other; give one")


def _described(actions: str | None, observations: str | None, horizon: int | None, *, sparse: bool | None) -> Traits:
    """Return the traits that a description gives."""
    if actions is None or observations is None:
        raise BenchError("say which environment, --env ID, or describe it, --actions discrete --observations 24")
    acts, act_size = _kind("--actions", actions, ACTION_KINDS, "continuous")
    sees, see_size = _kind("--observations", observations, OBSERVATION_KINDS, "vector")
    words = [
        f"{acts} actions{f' ({act_size})' if act_size else ''}",
        f"{sees} observations{f' ({see_size})' if see_size else ''}",
    ]
    return Traits(
        environment=f"an environment with {' and '.join(words)}",
        actions=acts,
        observations=sees,
        action_size=act_size,
        observation_size=see_size,
        horizon=horizon,
        rewards=None if sparse is None else "sparse" if sparse else "dense",
    )


def _kind(option: str, text: str, kinds: frozenset[str], of_numbers: str) -> tuple[str, int | None]:
    """Return kind and size of `discrete:4`, `image` or, for `of_numbers`, a bare `24`."""
    word, _, size = (f"{of_numbers}:{text}" if text.isdigit() else text).partition(":")
    if word not in kinds:
        hint = did_you_mean(word, kinds) or f"write one of {', '.join(sorted(kinds))}, with its size as in discrete:4"
        raise BenchError(f"{option} {text!r} is not known; {hint}")
    if size and not (size.isdigit() and int(size) > 0):
        raise BenchError(f"{option} {text!r}: the size must be a whole number above 0")
    return word, int(size) if size else None


def _say(answer: Answer, workers: int) -> None:
    advice = answer.advice
    further = [one for one in (answer.with_published, answer.after_tuning) if one is not None]
    told = list(advice.caveats)
    _say_verdict(advice)
    for one in further:
        say("")
        _say_verdict(one.advice)
        more = [caveat for caveat in one.advice.caveats if caveat not in told]
        told += more
        for sentence in (*one.worth, *more):
            _item(sentence)
    say("")
    _say_environment(advice.target)
    used = [likeness for one in further for likeness in one.advice.likenesses if likeness.used]
    _say_evidence([*used, *advice.likenesses])
    for caveat in (*advice.caveats, *answer.notes):
        _item(caveat)
    say("")
    _say_next(answer.proposal, workers)


def _say_verdict(advice: Advice) -> None:
    _line(advice.verdict, style="bold")
    for sentence in advice.confidence:
        _line(sentence)
    if advice.candidates:
        runs = f"{advice.n} x {sum(one.used for one in advice.likenesses)}"
        say("")
        say_table(
            ("algorithm", "score", "interval", "P(best)", "short by", "runs x environments"),
            [(*_candidate(one), runs) for one in advice.candidates],
        )


def _line(sentence: str, style: str | None = None, hang: str = "") -> None:
    width = max(40, Terminal().width)
    # A number and its unit stay on one line.
    told = fill(prose(sentence), width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    Terminal().print(told, style=style, soft_wrap=True)


def _item(sentence: str, style: str | None = None) -> None:
    _line(f"- {sentence}", style, hang="  ")


def _candidate(one: Candidate) -> tuple[object, ...]:
    score = _number(one.value.estimate), between(one.value)
    return (one.label, *score, _number(one.probability_best), _number(one.regret))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _say_environment(target: Traits) -> None:
    if not target.steps:
        return
    _line(f"{target.environment}: {'; '.join(_facts(target))}.", hang="  ")
    for trouble in target.troubles:
        _item(trouble, style="yellow")


def _facts(target: Traits) -> Iterator[str]:
    sizes = [f" ({size:,})" if size else "" for size in (target.action_size, target.observation_size)]
    yield f"{target.actions} actions{sizes[0]}, {target.observations} observations{sizes[1]}"
    if target.horizon:
        yield f"up to {target.horizon:,} steps an episode"
    elif target.longest:
        yield f"no time limit, the longest of {counted(target.episodes, 'random episode')} {target.longest:,} steps"
    yield reward_words(target)
    if target.mean_return is not None:
        spread = "" if target.sd_return is None else f" (SD {target.sd_return:.3g})"
        yield f"random play returns {target.mean_return:.4g}{spread}"
    if target.uncommon_returns is not None:
        yield f"it changes the return in {100 * target.uncommon_returns:.0f} % of {target.episodes:,} episodes"
    if target.steps_per_second:
        yield f"{target.steps_per_second:,.0f} steps a second"


def _say_evidence(known: Sequence[Likeness]) -> None:
    shown = [one for one in known if one.level != "none"][:_MOST_ROWS]
    if shown:
        say("")
        say_table(("evidence", "nearness", "distance", "steps", "runs", "from"), [_evidence(one) for one in shown])
    for one in shown:
        if one.used and one.level != "same":
            alike, unlike = "; ".join(one.alike[1 : 1 + _MOST_TRAITS]), "; ".join(one.different[:_MOST_TRAITS])
            told = f"{one.environment}: {f'alike: {alike}. ' if alike else ''}Unlike: {unlike or 'nothing known'}."
            _item(told)
    if shown:
        say("")


def _evidence(one: Likeness) -> tuple[object, ...]:
    distance = "" if one.distance is None else f"{one.distance:.1f}"
    return (one.environment, f"{one.level}{', used' if one.used else ''}", distance, one.budget, one.runs, one.suite)


def _say_next(proposal: Proposal, workers: int) -> None:
    states = {
        "written": "",
        "rewritten": " (in place of an earlier answer, which nobody had changed)",
        "unchanged": " (it was there already)",
        "kept": " (another suite is there and stays; --force replaces it, --to writes elsewhere)",
    }
    wall = max(proposal.core_seconds / workers, proposal.longest_seconds)
    if proposal.state == "kept" and proposal.kept:
        _line(f"The suite that is there would run {proposal.kept} (estimates).")
    for remark in proposal.remarks:
        _item(remark)
    _line(
        f"What to run next: {proposal.trials} trials, {duration(proposal.core_seconds)} of one core, about "
        f"{duration(wall)} on {counted(workers, 'worker')} (estimates){states[proposal.state]}:",
    )
    say(f"  bench run {quote(str(proposal.path))}", "bold", whole=True)


def _print_json(answer: Answer, workers: int) -> None:
    told = asdict(answer) | {"workers": workers}
    told["proposal"]["path"] = str(answer.proposal.path)
    say_json(told)
