"""Estimates in, the report's tables out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bench.plain import counted
from bench.records import Aggregate, CellEstimate, Estimates, Interval, Pair, SettingsLine, TrialLine
from bench.report import notes, order, sentences, words
from bench.report.order import Places
from bench.report.table import Cell, Column, Table

Links = tuple[tuple[str, str], ...]
"""(name, path from the report's folder) of files."""
NOT_REACHED = "Fewer than half of the runs reach the threshold within the budget."
_NOTED_OVERSHOOT = 0.005
_DECIDES = "The aggregate that decides; nothing beyond the target counts where every algorithm solves the task"
_RLIABLE = "As rliable.metrics gives it, which trims whole runs and takes plain percentiles: to compare with papers"


def overall(estimates: Estimates) -> Table:
    """Return one row per algorithm: the aggregates over environments, best first as the analysis orders them."""
    at, plan = order.places(estimates), order.analysis(estimates)
    level = order.level(estimates)
    known = dict.fromkeys(name for line in estimates.aggregates for name in line.rliable)
    asked = order.with_rliable(estimates.aggregates)
    cut = any(line.deciding is not None for line in estimates.aggregates)
    # Its other estimates are ours: the columns before.
    theirs = [name for name in known if asked or name == "aggregate_iqm"]
    return Table(
        "overall",
        f"Normalised score over all environments (0 is {words.zero(estimates.references)}, 1 the "
        f"target{sentences.acting(estimates.deterministic)}), with {level} intervals",
        (
            Column("Algorithm", numeric=False),
            *([Column("Decides", interval=True, places=2, hint=_DECIDES)] if cut else []),
            Column("IQM", interval=True, places=2, hint="Mean of the middle half of all environments' runs together"),
            Column("IQM by environment", interval=True, places=2, hint="Mean over environments of each one's own IQM"),
            Column("Mean", interval=True, places=2),
            Column("Worst environment", numeric=False, hint="The lowest IQM on one environment"),
            Column("Median", interval=True, places=2, hint="Median over environments of the mean score"),
            Column("Optimality gap", interval=True, places=2, hint="Mean shortfall below the target; lower is better"),
            Column("n", hint="Trained runs per environment; the smallest where they differ"),
            Column("Environments"),
            Column("Share best", hint="Bootstrap share of resamples in which it is best: no evidence by itself"),
            *(Column(name, interval=asked, places=2, hint=_RLIABLE) for name in theirs),
        ),
        tuple(
            (
                *_overall_row(at, line, plan.decide if cut else ""),
                *(_rliable(line.rliable.get(name), asked=asked) for name in theirs),
            )
            for line in estimates.aggregates
        ),
        anchors=tuple(f"overall-{at.algorithms[line.label]}" for line in estimates.aggregates),
    )


def pairwise(estimates: Estimates) -> Table:
    """Return one row per pair of algorithms: effect, interval, p-values, verdict."""
    at = order.places(estimates)
    plan = order.analysis(estimates)
    level = 1 - plan.confidence
    others = [name for name in sentences.SHORT if any(name in dict(p.others) for p in estimates.pairs)]
    decides = sentences.aggregates(plan.decide, max((pair.environments for pair in estimates.pairs), default=1))
    return Table(
        "pairwise",
        f"Every pair compared: A against B, effects with {order.level(estimates)} intervals, "
        "p-values corrected by Holm",
        (
            Column("A", numeric=False),
            Column("B", numeric=False),
            Column("Verdict on A", numeric=False),
            Column("Difference", interval=True, places=2, hint=f"A minus B: {decides}; this decides"),
            Column("p (Holm)", hint="Corrected over the pairs of one setting, those of baselines included"),
            Column(
                "Holm's interval",
                interval=True,
                places=2,
                hint=f"Leaves 0 out exactly where p (Holm) is at most {words.level(level)}; none where looks decide",
            ),
            Column("P(A > B)", interval=True, places=2, hint="Of a run of A above a run of B: described, not judged"),
            *(
                Column(sentences.SHORT[name], interval=True, places=2, hint="A minus B: described, not judged")
                for name in others
            ),
            Column("n", numeric=False, hint="Trained runs of A and of B per environment; a range where they differ"),
            Column("In words", numeric=False, wraps=True, file_only=True),
            Column(
                "More runs", hint="About how many more per environment would decide, if the effect is what it seems"
            ),
            Column("Hours", hint="On one core, that these runs would take for both"),
            Column("p", hint="Of this pair alone: the level at which the interval just reaches no difference"),
            Column("Environments"),
        ),
        tuple(_pair_row(at, pair, level, estimates, others) for pair in estimates.pairs),
    )


def environment(estimates: Estimates, name: str, at: Places | None = None) -> Table:
    """Return one row per algorithm on the environment `name`: results, cost, failures."""
    at = at or order.places(estimates)
    section = at.section(name)
    share = words.percent(order.analysis(estimates).threshold)
    level = order.level(estimates)
    cells = [cell for cell in estimates.cells if cell.environment == name]
    places = _places(value for cell in cells for value in (cell.iqm_return, cell.mean_return))
    final = order.analysis(estimates).metric == "final"
    what = "the final policies" if final else "the final policies' returns and the score over training"
    return Table(
        section,
        f"{name}: {what}, interquartile mean over runs with {level} intervals",
        (
            Column("Algorithm", numeric=False),
            Column("Final return", interval=True, places=places, hint="Interquartile mean over runs, raw"),
            Column(
                "Score" if final else "Score over training",
                interval=True,
                places=2,
                hint="Interquartile mean over runs, normalised",
            ),
            Column("n", hint="Trained runs counted"),
            Column("Failed"),
            Column("Missing", hint="Planned, not finished yet"),
            Column(
                "Ever solved",
                interval=True,
                places=2,
                hint=f"Share of runs that reach a score of {share} at some point, whether or not they keep it",
            ),
            Column("Steps to threshold", hint="Median over all runs"),
            Column("CPU s to threshold", hint="Median over all runs"),
            Column("Steps/s", hint="Median over runs, training alone, per CPU second"),
            Column("Mean return", interval=True, places=places, hint="Mean over runs, raw"),
        ),
        tuple(_cell_row(at, cell) for cell in cells),
        anchors=tuple(f"{section}-{at.algorithms[cell.label]}" for cell in cells),
    )


def efficiency(estimates: Estimates) -> Table:
    """Return one row per cell: how fast it learns."""
    at = order.places(estimates)
    return Table(
        "efficiency",
        f"How fast they learn: until a score of {words.percent(order.analysis(estimates).threshold)} is first reached "
        "in an evaluation, and over the whole of training",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Reached", hint="Runs that reach the threshold, of all runs (n)"),
            Column("Steps to threshold", hint="Median over all runs"),
            Column("CPU s to threshold", hint="Median over all runs"),
            Column(
                "Score over training",
                interval=True,
                places=2,
                hint="Mean of the learning curve, normalised (area under it)",
            ),
            Column("n", hint="Trained runs counted"),
        ),
        tuple(_efficiency_row(at, cell) for cell in estimates.cells if cell.n),
    )


def cost(estimates: Estimates) -> Table:
    """Return one row per cell: what its training takes."""
    at = order.places(estimates)
    return Table(
        "cost",
        "What training costs on the machines of this report, evaluation excluded",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("CPU s per run", hint="Median over runs, training alone"),
            Column("Steps/s", hint="Median over runs, training alone, per CPU second"),
            Column("Overshoot", hint="Largest share of steps beyond the budget"),
            Column("n", hint="Trained runs counted"),
        ),
        tuple(_cost_row(at, cell) for cell in estimates.cells if cell.train_seconds is not None),
    )


def failures(estimates: Estimates, files: Mapping[str, Links] = MappingProxyType({})) -> Table:
    """Return one row per failed trial, with links to `files` as in `trials`."""
    at = order.places(estimates)
    return Table(
        "failures",
        "Trials that failed",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Seed"),
            Column("Kind", numeric=False),
            Column("Attempt"),
            Column("Message", numeric=False, wraps=True),
            Column("Folder", numeric=False),
            Column("Files", numeric=False, page_only=True),
        ),
        tuple(
            (
                _trace(at, line.label, line.environment, line.label),
                Cell(line.environment),
                Cell(line.seed, text=str(line.seed)),
                Cell(line.kind.replace("_", " ")),
                Cell(line.attempt),
                Cell(line.message),
                Cell(line.name),
                _files(files.get(line.name, ())),
            )
            for line in estimates.failures
        ),
    )


def references(estimates: Estimates) -> Table:
    """Return one row per environment: what scores 0, what scores 1, and who says so."""
    return Table(
        "references",
        f"Reference returns: {words.zero(estimates.references)} scores 0, the target scores 1",
        (
            Column("Environment", numeric=False),
            Column("Budget (steps)"),
            Column("Random" if all(line.by_chance for line in estimates.references) else "Lower reference"),
            Column("Target"),
            Column("Source", numeric=False, wraps=True),
            Column("Saturated", numeric=False, hint="Every algorithm solves it, so it cannot tell them apart"),
        ),
        tuple(
            (
                Cell(line.environment),
                Cell(line.steps),
                Cell(line.random, note=_no_reference(line.random)),
                Cell(line.target, note=_no_reference(line.target)),
                Cell(line.source),
                Cell("yes" if line.saturated else "no"),
            )
            for line in estimates.references
        ),
    )


def settings(estimates: Estimates, lines: tuple[SettingsLine, ...], name: str, caption: str) -> Table:
    """Return one row per cell in `lines`: what was set, by whom, and the configuration's hash."""
    at = order.places(estimates)
    return Table(
        name,
        caption,
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Implementation", numeric=False),
            Column("Set", numeric=False, wraps=True, hint="Hyperparameters that the suite or its named set gives"),
            Column("Provenance", numeric=False, wraps=True),
            Column("Configuration", numeric=False, hint="Hash of everything that can change the numbers"),
        ),
        tuple(
            (
                _trace(at, line.label, line.environment, line.label),
                Cell(line.environment),
                Cell(line.implementation),
                Cell(
                    words.settings(line.hyperparameters), note="" if line.hyperparameters else "The library's defaults."
                ),
                Cell(line.provenance or "not recorded"),
                Cell(line.configuration),
            )
            for line in lines
        ),
    )


def machines(estimates: Estimates) -> Table:
    """Return one row per recorded fact, one column per distinct machine and set of versions."""
    flat = [dict(_flatten(machine)) for machine in estimates.machines]
    facts = list(dict.fromkeys(fact for machine in flat for fact in machine if fact != "trials"))
    heads = [f"Machine {place} ({_ran(machine)})" for place, machine in enumerate(estimates.machines, start=1)]
    return Table(
        "machines",
        "Versions and hardware",
        (Column("Recorded", numeric=False), *(Column(head, numeric=False, wraps=True) for head in heads)),
        tuple((Cell(fact), *(Cell(machine.get(fact, "")) for machine in flat)) for fact in facts),
    )


def devices(estimates: Estimates) -> Table:
    """Return one row per cell that was measured on the CPU and on a GPU, and which of them its trials were given."""
    return Table(
        "devices",
        "CPU or GPU: some seconds of training on each, as many trials as run side by side",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Side by side"),
            Column("CPU, steps/s", places=0, hint="All together"),
            Column("GPU, steps/s", places=0, hint="All together"),
            Column("GPU memory, MiB", places=0, hint="What a trial takes of it: decides how many share one"),
            Column("Taken", numeric=False),
            Column("GPU", numeric=False),
        ),
        tuple(
            (
                Cell(burst.label),
                Cell(burst.environment),
                Cell(burst.together),
                Cell(burst.cpu_steps, note=burst.trouble),
                Cell(burst.gpu_steps, note=burst.trouble),
                Cell(burst.gpu_memory_mb),
                Cell("GPU" if burst.gains else "CPU"),
                Cell(burst.gpu),
            )
            for burst in estimates.bursts
        ),
    )


def trials(estimates: Estimates, files: Mapping[str, Links] = MappingProxyType({})) -> Table:
    """Return one row per trial: the evidence behind every other number.

    Args:
        estimates: what is shown.
        files: trial's folder name -> links to what lies in it.
    """
    at = order.places(estimates)
    lines = order.trials(estimates)
    return Table(
        "trials",
        "Every trial",
        (
            Column("Algorithm", numeric=False),
            Column("Environment", numeric=False),
            Column("Seed"),
            Column("State", numeric=False),
            Column("Final return", hint="Mean over the final evaluation's episodes, raw"),
            Column("Score", places=2, hint="The plan's metric, normalised"),
            Column("Steps"),
            Column("CPU s", hint="Training alone"),
            Column("Fingerprint", numeric=False, hint="Hash of everything that can change the numbers"),
            Column("Folder", numeric=False),
            Column("Files", numeric=False, page_only=True),
        ),
        tuple(_trial_row(line, files.get(line.name, ())) for line in lines),
        tuple(at.group(line.label, line.environment) for line in lines),
    )


def every(estimates: Estimates) -> Iterator[Table]:
    """Yield each table that is written as files."""
    yield overall(estimates)
    yield pairwise(estimates)
    if estimates.worth:
        yield worth(estimates)
    at = order.places(estimates)
    for name in at.environments:
        yield environment(estimates, name, at)
    yield efficiency(estimates)
    yield cost(estimates)
    yield failures(estimates)
    yield references(estimates)
    yield settings(estimates, estimates.settings, "settings", "Hyperparameters and where they come from")
    yield machines(estimates)
    if estimates.bursts:
        yield devices(estimates)
    yield trials(estimates)


def _places(values: Iterable[Interval]) -> int:
    return words.decimals(bound for value in values for bound in (value.estimate, value.low, value.high))


def _trace(at: Places, label: str, where: str | None, value: Any, *, text: str = "", note: str = "") -> Cell:
    return Cell(value, text, note, at.anchor(label, where))


def _overall_row(at: Places, line: Aggregate, decide: str) -> tuple[Cell, ...]:
    """Return a row; `decide` names the aggregate that decides where it counts less than the others do."""
    lacking = "" if line.complete else "Lacks environments that others have: not comparable with the other rows."
    if line.not_judged is not None:
        lacking = f"Not judged: settings made for up to {line.not_judged:.2g} times this suite's budget."
    return (
        _trace(at, line.label, None, line.label, note=lacking),
        *([_trace(at, line.label, None, line.value(decide))] if decide else []),
        *(_trace(at, line.label, None, value) for value in (line.iqm, line.by_environment, line.mean)),
        Cell(line.worst[1], f"{round(line.worst[0], 2) + 0.0:.2f} on {line.worst[1]}") if line.worst else Cell(None),
        *(_trace(at, line.label, None, value) for value in (line.median, line.optimality_gap)),
        Cell(line.n),
        Cell(line.environments),
        Cell(line.probability_best, text=words.chance(line.probability_best)),
    )


def _rliable(value: Interval | None, *, asked: bool) -> Cell:
    if value is None:
        return Cell(None, note="No estimate by rliable where environments have unequal numbers of runs.")
    return Cell(value if asked else value.estimate)


def worth(estimates: Estimates) -> Table:
    """Return what settings are worth: a row per algorithm and later setting."""
    return Table(
        "worth",
        "What settings are worth: each algorithm against itself under the suite's first settings, with "
        f"{order.level(estimates)} intervals",
        (
            Column("Algorithm", numeric=False),
            Column("Against", numeric=False),
            Column("Difference", interval=True, places=2, hint="Of the score that decides"),
            Column("Verdict", numeric=False),
            Column("p (Holm)"),
            Column("Environments"),
            Column("n"),
        ),
        tuple(
            (
                Cell(pair.a),
                Cell(pair.b),
                Cell(pair.difference, bounds=(0.0,)),
                Cell(pair.verdict),
                Cell(pair.p_holm, text=words.probability(pair.p_holm)),
                Cell(pair.environments),
                Cell(pair.n),
            )
            for pair in estimates.worth
        ),
    )


def _pair_row(at: Places, pair: Pair, level: float, estimates: Estimates, others: Sequence[str]) -> tuple[Cell, ...]:
    plan = order.analysis(estimates)
    hopeless, solved = pair.smallest_p is not None and pair.smallest_p > level, order.solved(estimates)
    note = f"With so few runs p cannot fall below {words.probability(pair.smallest_p)}: no claim is possible."
    if pair.smallest_p == 1:
        note = "So few runs have no p-value: no claim is possible."
    return (
        _trace(at, pair.a, None, pair.a),
        _trace(at, pair.b, None, pair.b),
        Cell(pair.verdict),
        Cell(pair.difference, bounds=(0.0, plan.margin, -plan.margin)),
        Cell(pair.p_holm, text=words.probability(pair.p_holm), note=note if hopeless else ""),
        Cell(pair.matched),
        Cell(pair.probability, bounds=(0.5,)),
        *(Cell(dict(pair.others).get(name), bounds=(0.0,)) for name in others),
        Cell(sentences.counts(pair)),
        Cell(sentences.in_full(pair, plan, estimates.sequence, solved)),
        Cell(pair.more_runs),
        Cell(pair.more_hours),
        Cell(pair.p_value, text=words.probability(pair.p_value)),
        Cell(pair.environments),
    )


def _cell_row(at: Places, cell: CellEstimate) -> tuple[Cell, ...]:
    def trace(value: Any, note: str = "") -> Cell:
        return _trace(at, cell.label, cell.environment, value, note=note)

    ceiling = "All of its runs are at or above the threshold." if cell.saturated else ""
    return (
        trace(cell.label, ceiling),
        trace(cell.iqm_return),
        trace(cell.iqm_score),
        trace(cell.n),
        trace(cell.failed),
        trace(cell.missing),
        trace(cell.threshold.share),
        trace(_whole(cell.threshold.median_steps), _unreached(cell, cell.threshold.median_steps)),
        trace(cell.threshold.median_seconds, _unreached(cell, cell.threshold.median_seconds)),
        trace(_whole(cell.steps_per_second)),
        trace(cell.mean_return),
    )


def _efficiency_row(at: Places, cell: CellEstimate) -> tuple[Cell, ...]:
    def trace(value: Any, text: str = "", note: str = "") -> Cell:
        return _trace(at, cell.label, cell.environment, value, text=text, note=note)

    reached = cell.threshold
    return (
        trace(cell.label),
        Cell(cell.environment),
        trace(None, note=notes.note(reached.share))
        if reached.share.estimate is None
        else trace(reached.reached, f"{reached.reached} of {reached.n}"),
        trace(_whole(reached.median_steps), note=_unreached(cell, reached.median_steps)),
        trace(reached.median_seconds, note=_unreached(cell, reached.median_seconds)),
        trace(cell.auc_score),
        Cell(cell.n),
    )


def _cost_row(at: Places, cell: CellEstimate) -> tuple[Cell, ...]:
    return (
        _trace(at, cell.label, cell.environment, cell.label),
        Cell(cell.environment),
        _trace(at, cell.label, cell.environment, cell.train_seconds),
        _trace(at, cell.label, cell.environment, _whole(cell.steps_per_second)),
        Cell(cell.overshoot, words.percent(cell.overshoot, 1), _overshoot(cell)),
        Cell(cell.n),
    )


def _trial_row(line: TrialLine, files: Links) -> tuple[Cell, ...]:
    return (
        Cell(line.label),
        Cell(line.environment),
        Cell(line.seed, text=str(line.seed)),
        Cell(line.state),
        Cell(line.final_return),
        Cell(line.score),
        Cell(line.steps),
        Cell(line.seconds),
        Cell(line.fingerprint),
        Cell(line.name),
        _files(files),
    )


def _files(links: Links) -> Cell:
    return Cell(", ".join(name for name, _ in links), parts=links)


def _unreached(cell: CellEstimate, median: float | None) -> str:
    if median is not None:
        return ""
    known = cell.threshold.n and cell.threshold.share.estimate is not None
    return NOT_REACHED if known else notes.note(cell.threshold.share) or "No runs."


def _overshoot(cell: CellEstimate) -> str:
    return "Longer than the budget: its rollouts do not divide it." if cell.overshoot > _NOTED_OVERSHOOT else ""


def _no_reference(value: float | None) -> str:
    return "" if words.finite(value) else "Unknown, so this environment has no normalised score."


def _whole(value: float | None) -> int | None:
    return round(value) if words.finite(value) else None


def _ran(machine: Mapping[str, Any]) -> str:
    return counted(machine["trials"], "trial") if isinstance(machine.get("trials"), int) else "trials not counted"


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key} ")
        else:
            yield f"{prefix}{key}", "" if value is None else words.setting(value)
