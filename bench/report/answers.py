"""What the analysis concludes in, the tables that say which algorithm when out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from bench.plain import counted, joined, plain
from bench.records import (
    AnalysisPlan,
    Candidate,
    Card,
    ClaimVerdict,
    Estimates,
    Fact,
    Interval,
    Reliability,
    Situation,
)
from bench.report import claims as wording
from bench.report import order, sentences, words
from bench.report.order import Places
from bench.report.table import Cell, Column, Table
from bench.report.words import capital

UNSETTLED = "Not enough evidence"
"""Stands where no choice is supported."""
_N = Column("n", hint="Trained runs per algorithm and environment; the smallest where they differ")


def every(estimates: Estimates) -> Iterator[Table]:
    """Yield each table, in the order of the page."""
    yield situations(estimates)
    yield from after_situations(estimates)


def after_situations(estimates: Estimates) -> Iterator[Table]:
    """Yield each table but the first, which the page shows at a glance."""
    yield candidates(estimates)
    yield cards(estimates)
    yield reliability(estimates)
    yield claims(estimates)
    yield conclusions(estimates)
    yield leads(estimates)
    yield sequence(estimates)


def _circumstance(estimates: Estimates, line: Situation) -> str:
    """Return the circumstance of a situation; of one about time, why its timings are not to be trusted, too."""
    timings = sentences.mistimed(estimates.cautions) if line.kind == "seconds" else ""
    return sentences.circumstance(line) + f" ({timings})" * bool(timings)


def situations(estimates: Estimates) -> Table:
    """Return one row per situation: what to choose, what is as good, how sure that is, and from what."""
    at = order.places(estimates)
    return Table(
        "situations",
        "What to choose in each situation, by these trials: who is better than every rival, or as good; else who leads",
        (
            Column("Situation", numeric=False),
            Column("Choose", numeric=False),
            Column(
                "As good",
                numeric=False,
                hint="Equivalent to the leader within the margin; best first",
            ),
            Column("Not yet told apart", numeric=False, hint="From the leader, by this evidence; best first"),
            # On the page they stand with every candidate's: beside a choice they would read as its proof.
            Column(
                "P(best)",
                hint="Share of bootstrap resamples in which it is best: no evidence by itself",
                file_only=True,
            ),
            Column(
                "Regret",
                hint="Expected shortfall against the best, in normalised score or in share of runs",
                file_only=True,
            ),
            Column("Evidence", numeric=False, hint="Trained runs per algorithm and environment, and on how many"),
        ),
        tuple(_situation_row(estimates, at, line) for line in estimates.situations),
        anchors=tuple(f"situation-{place}" for place in range(1, len(estimates.situations) + 1)),
    )


def situations_at_a_glance(estimates: Estimates) -> Table:
    """Return the situations for two minutes: the first, then those with one answer in one row, and who is open last."""
    whole, gathered = situations(estimates), _gathered(estimates)
    alike = _alike(estimates)
    rows = [
        (_together(estimates, [estimates.situations[place] for place in places]), *whole.rows[places[0]][1:])
        for places in alike
    ]
    anchors = [whole.anchors[places[0]] for places in alike]
    if gathered:
        open_ones = [estimates.situations[place] for place in gathered]
        first = _together(estimates, open_ones, sentences.leading)
        rows.append((first, Cell(UNSETTLED), *[Cell("")] * (len(whole.columns) - 2)))
        anchors.append(_OPEN)
    return replace(whole, rows=tuple(rows), anchors=tuple(anchors))


def _alike(estimates: Estimates) -> list[list[int]]:
    """Return the places of situations of one setting with one answer; none of those that are told all together."""
    found: dict[object, list[int]] = {}
    gathered = _gathered(estimates)
    for place, line in enumerate(estimates.situations):
        if place not in gathered:
            answer = (_chosen(line), frozenset(line.as_good), frozenset(line.undecided), frozenset(line.not_judged))
            key = place if line.kind == "full" else (line.setting, *answer, len(line.environments))
            found.setdefault(key, []).append(place)
    return list(found.values())


def _together(estimates: Estimates, lines: Sequence[Situation], more: Callable[[Situation], str] | None = None) -> Cell:
    """Return the circumstances of situations that share a row, their settings named once, with what there is `more`."""
    settings: dict[str, list[str]] = {}
    for line in lines:
        told = f" ({more(line)})" if more and line.candidates else ""
        settings.setdefault(line.setting, []).append(sentences.circumstance_alone(line) + told)
    told = "; ".join(
        f"{sentences.setting_in_short(name)}, {'; '.join(found)}" if name else "; ".join(found)
        for name, found in settings.items()
    )
    timed = any(line.kind == "seconds" for line in lines)
    return Cell(capital(told), note=sentences.mistimed(estimates.cautions) if timed else "")


_OPEN = "situations-open"


def _gathered(estimates: Estimates) -> list[int]:
    """Return the places of the situations that share a row; none where that would be one alone."""
    found = [place for place, line in enumerate(estimates.situations) if place and not line.leads]
    return found if len(found) > 1 else []


def candidates(estimates: Estimates) -> Table:
    """Return one row per situation and algorithm."""
    at = order.places(estimates)
    return Table(
        "candidates",
        f"Every candidate in every situation, with {order.level(estimates)} intervals",
        (
            Column("Situation", numeric=False),
            Column("Algorithm", numeric=False),
            Column(
                "Value", interval=True, places=2, hint="Interquartile mean score, or share of runs that do not fail"
            ),
            Column("Measure", numeric=False),
            Column("P(best)"),
            Column("Regret", places=3),
            _N,
            Column("Environments"),
        ),
        tuple(_candidate_row(at, line, one) for line in estimates.situations for one in line.candidates),
    )


def cards(estimates: Estimates) -> Table:
    """Return one row per algorithm: what was measured for and against it, each phrase with its place."""
    return Table(
        "cards",
        f"What was measured for and against each algorithm ({_span(estimates)} runs per environment)",
        (
            Column("Algorithm", numeric=False),
            Column("Actions", numeric=False),
            Column("Strengths", numeric=False, wraps=True),
            Column("Weaknesses", numeric=False, wraps=True),
            Column("Use when", numeric=False, wraps=True),
        ),
        tuple(_card_row(estimates, line) for line in estimates.cards),
    )


def reliability(estimates: Estimates) -> Table:
    """Return one row per algorithm: how often its runs fail, and how."""
    at = order.places(estimates)
    threshold = words.percent(order.analysis(estimates).threshold)
    return Table(
        "reliability",
        f"How far one can rely on a single run, with {order.level(estimates)} intervals",
        (
            Column("Algorithm", numeric=False),
            Column("Failing", hint="Runs that end below half of the target, failed trials included"),
            Column("Share failing", interval=True, places=2),
            Column("Worst tenth", places=2, hint="Mean score of the worst tenth of the runs, over environments"),
            Column("Spread", places=2, hint="Interquartile range of the scores over seeds, over environments"),
            Column(
                "Reached",
                hint=f"Runs with a score of {threshold} in some evaluation during training, be it by the luck of one",
            ),
            Column(
                "Collapsed",
                hint="Of those at the threshold in two evaluations running: runs whose final policy is below half of "
                "the target",
            ),
            Column("Share collapsed", interval=True, places=2),
            Column("Budget to threshold", hint="By which half of all runs have reached it"),
            _N,
            Column("Environments"),
        ),
        tuple(_reliability_row(at, line) for line in estimates.reliability),
        anchors=tuple(f"reliability-{at.algorithms[line.label]}" for line in estimates.reliability),
    )


def claims(estimates: Estimates) -> Table:
    """Return one row per claim that the suite declares, with its verdict."""
    plan = order.analysis(estimates)
    everywhere = {line.environments for line in estimates.claims}
    # Of the whole plan the first screen says after which data it was written.
    known = order.plan(estimates)["seen"]
    return Table(
        "claims",
        f"Claims declared in the suite, judged; {_confidence(estimates.claims, plan)}"
        + (f". On {', '.join(*everywhere)}" if len(everywhere) == 1 else ""),
        (
            Column("Claim", numeric=False, wraps=True),
            Column("Verdict", numeric=False),
            Column("Estimate", interval=True),
            Column("Unit", numeric=False, file_only=True),
            Column("n", hint="Trained runs per environment; the smallest where they differ"),
            Column("What was compared", numeric=False, wraps=True),
            Column("Why", numeric=False, wraps=True),
            Column("Environments", numeric=False, wraps=True, file_only=len(everywhere) == 1),
            Column("Source", numeric=False, wraps=True),
            Column("Trials", numeric=False, page_only=True),
        ),
        tuple(_claim_row(estimates, line, known) for line in estimates.claims),
    )


def _confidence(lines: Sequence[ClaimVerdict], plan: AnalysisPlan) -> str:
    """Return how sure the intervals of the claims are."""
    if plan.conjunction:
        return "the suite concludes only if all hold, so each is judged alone; its no is corrected for all"
    told = "the intervals hold for all claims together"
    if len(each := {line.confidence for line in lines}) == 1 and each != {plan.confidence}:
        told += f" ({words.level(*each)} for each, {words.level(plan.confidence)} for all {lines[0].family})"
    return told


def conclusions(estimates: Estimates) -> Table:
    """Return one row per conclusion: in how many re-analyses it holds."""
    return Table(
        "robustness",
        "How the conclusions fare when the analysis is done otherwise: one environment or one seed left out, another "
        f"metric, another normalisation ({_span(estimates)} runs per environment)",
        (
            Column("Conclusion", numeric=False, wraps=True),
            Column("Holds in"),
            Column("Re-analyses"),
            Column("Fails when", numeric=False, wraps=True),
        ),
        tuple(
            (
                Cell(sentences.conclusion(line)),
                Cell(line.holds),
                Cell(line.of),
                Cell("; ".join(sentences.failures(line))),
            )
            for line in estimates.conclusions
        ),
    )


def leads(estimates: Estimates) -> Table:
    """Return the crossover chart's numbers: one row per axis, place and algorithm."""
    return Table(
        "crossover",
        "Who leads after how much of the budget and how many seconds",
        (
            Column("Axis", numeric=False),
            Column("At"),
            Column("Algorithm", numeric=False),
            Column("IQM", places=2),
            Column("P(best)", places=2),
            _N,
        ),
        tuple(
            (
                Cell(lead.axis),
                Cell(x),
                Cell(label),
                Cell(lead.iqm[row][place]),
                Cell(lead.probability_best[row][place]),
                Cell(lead.n),
            )
            for lead in estimates.leads
            for row, label in enumerate(lead.labels)
            for place, x in enumerate(lead.x)
        ),
    )


def sequence(estimates: Estimates) -> Table:
    """Return one row per look of a sequential experiment; no row where the number of seeds was fixed."""
    run = estimates.sequence
    return Table(
        "sequence",
        "Looks at the data, and what each decided",
        (
            Column("n", hint="Runs per environment at this look, of the pairs still open"),
            Column("Level spent", hint="Of the family-wise error"),
            Column("Decided", numeric=False, wraps=True),
            Column("Pairs still open"),
            Column("Tested", numeric=False, wraps=True, hint="p after Holm within this look, of every pair still open"),
        ),
        tuple(
            (
                Cell(look.n),
                Cell(look.level),
                Cell("; ".join(f"{a} {sentences.BETTER.get(verdict, verdict)} {b}" for a, b, verdict in look.decided)),
                Cell(look.open),
                Cell("; ".join(f"{a} and {b}: {words.probability(p)}" for a, b, _, p in look.tested)),
            )
            for look in (run.looks if run else ())
        ),
    )


def _situation_row(estimates: Estimates, at: Places, line: Situation) -> tuple[Cell, ...]:
    leader = line.candidates[0] if line.candidates else None
    chosen = next((one for one in line.candidates if one.label == line.choose), leader)
    where = line.environments[0] if len(line.environments) == 1 else None
    link = at.anchor(chosen.label, where) if chosen else ""
    choose = Cell(line.choose or UNSETTLED, text=_chosen(line), link=link)
    return (
        Cell(capital(_circumstance(estimates, line))),
        choose,
        Cell(", ".join(line.as_good)),
        Cell(", ".join([*line.undecided, *(f"{one} (not judged)" for one, *_ in line.not_judged)])),
        Cell(chosen.probability_best, words.chance(chosen.probability_best)) if chosen else Cell(None),
        Cell(chosen.regret, _regret(line, chosen)) if chosen else Cell(None),
        Cell(f"n = {line.n}, {counted(len(line.environments), 'environment')}", link=link),
    )


def _chosen(line: Situation) -> str:
    if line.choose:
        return line.choose
    if line.unlearned:
        return capital(sentences.UNLEARNED)
    if line.leads:
        return f"{line.candidates[0].label} leads" + (f", better than {joined(line.beaten)}" if line.beaten else "")
    return f"{UNSETTLED} ({sentences.leading(line)})" if line.candidates else UNSETTLED


def _regret(line: Situation, chosen: Candidate) -> str:
    return words.percent(chosen.regret, 1) if line.measure == "share" else words.number(chosen.regret, 3)


def _steps(value: Interval) -> str:
    return f"{value.estimate:,.0f}" if words.finite(value.estimate) else "never by half of the runs"


def _candidate_row(at: Places, line: Situation, one: Candidate) -> tuple[Cell, ...]:
    where = line.environments[0] if len(line.environments) == 1 else None
    return (
        Cell(capital(sentences.circumstance(line))),
        Cell(one.label, link=at.anchor(one.label, where)),
        Cell(one.value, _steps(one.value) if line.measure == "steps" else "", link=at.anchor(one.label, where)),
        Cell({"score": "score", "steps": "steps to the threshold"}.get(line.measure, "share of runs")),
        Cell(one.probability_best, words.chance(one.probability_best)),
        Cell(one.regret),
        Cell(line.n),
        Cell(len(line.environments)),
    )


def _card_row(estimates: Estimates, line: Card) -> tuple[Cell, ...]:
    def phrases(found: tuple[Fact, ...]) -> Cell:
        return _linked((sentences.strength(one), _measured_at(estimates, one, line.label)) for one in found)

    # Those with one answer share the row of the first.
    said = {estimates.situations[place].key: places[0] + 1 for places in _alike(estimates) for place in places}
    found = {one.key: one for one in estimates.situations}
    uses = ((sentences.use(line.label, found[key]), f"#situation-{said[key]}") for key in line.use_when)
    return (
        Cell(line.label),
        Cell(", ".join(line.actions)),
        phrases(line.strengths),
        phrases(line.weaknesses),
        _linked(uses) if line.use_when else Cell("", text=_unused(line.label, estimates.situations)),
    )


def _unused(label: str, situations: Iterable[Situation]) -> str:
    """Return what stands for an algorithm that has won no situation over all others."""
    if ahead := sum(one.leads and one.candidates[0].label == label for one in situations):
        return f"ahead in {counted(ahead, 'situation')}, in none shown to be above all others"
    return "nothing measured speaks for it"


def _linked(phrases: Iterable[tuple[str, str]]) -> Cell:
    parts = tuple((capital(plain(text)), link) for text, link in phrases)
    return Cell("; ".join(text for text, _ in parts), parts=parts)


def _measured_at(estimates: Estimates, phrase: Fact, label: str) -> str:
    """Return the link to where a phrase was measured: the algorithm's row, else the section."""
    if phrase.kind in {"forgiving", "demanding"}:
        return "#hyperparameters"
    if phrase.kind in {"faster", "slower"}:
        return "#efficiency"
    if phrase.kind not in {"failing", "collapsed"}:
        return "#pairwise"
    there = any(line.label == label for line in estimates.reliability)
    return f"#reliability-{order.places(estimates).algorithms[label]}" if there else "#reliability"


def _reliability_row(at: Places, line: Reliability) -> tuple[Cell, ...]:
    link = at.anchor(line.label)

    def trace(value: str | float | Interval | None, text: str = "", note: str = "") -> Cell:
        return Cell(value, text, note, link)

    late = "" if line.median_budget_share is not None else "Fewer than half of the runs reach the threshold."
    return (
        trace(line.label),
        trace(line.failing, f"{line.failing} of {line.runs}"),
        trace(line.failing_share),
        trace(line.worst_decile),
        trace(line.spread),
        trace(line.reached, f"{line.reached} of {line.runs}"),
        trace(line.collapsed, f"{line.collapsed} of {line.stood}"),
        trace(line.collapsed_share),
        trace(line.median_budget_share, words.percent(line.median_budget_share), late),
        Cell(line.n),
        Cell(line.environments),
    )


def _claim_row(estimates: Estimates, line: ClaimVerdict, known: str) -> tuple[Cell, ...]:
    at, plan, pairs = order.places(estimates), order.analysis(estimates), (*estimates.pairs, *estimates.worth)
    where = line.environments[0] if len(line.environments) == 1 else None
    trials = tuple((label, at.anchor(label, where)) for label in line.labels)
    link = trials[0][1] if trials else ""
    return (
        Cell(line.claim.text),
        Cell(line.verdict),
        Cell(line.estimate, link=link, bounds=wording.bounds(line.claim)),
        Cell(wording.unit(line.claim)),
        Cell(line.estimate.n),
        Cell(wording.statement(line.claim, plan, len(line.environments))),
        Cell(wording.reason(line, plan, pairs, seen=line.claim.seen != known, interval=False)),
        Cell(", ".join(line.environments)),
        Cell(line.claim.source),
        Cell(", ".join(line.labels), parts=trials),
    )


def _span(estimates: Estimates) -> str:
    return words.span(line.n for line in estimates.cells if line.n)
