"""Estimates in, the sentences that the reader must see first out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench.plain import counted, joined, listed
from bench.records import Estimates, Fact, SequentialRun
from bench.report.origins import remarks
from bench.report.sentences import otherwise, setting

_MOST = 8


def warnings(estimates: Estimates) -> tuple[str, ...]:
    """Return every warning, what weighs most first."""
    followed = [] if estimates.sequence is None else [_followed(estimates.sequence)]
    first = [found for found in estimates.cautions if found.kind in _FIRST]
    others = [found for found in estimates.cautions if found.kind not in _FIRST]
    told = *estimates.notes, *remarks(estimates.origins), *followed
    return *map(_sentence, first), *told, *map(_sentence, others)


_FIRST = {"idle", "one choice"}
"""Kinds that come before what is known of files and of results of others."""


def _followed(run: SequentialRun) -> str:
    taken = ", ".join(str(one.n) for one in run.looks) or "none yet"
    return (
        f"The number of seeds followed from the results (looks at {taken} seeds, at most {run.most}). Verdicts on "
        "pairs are those of the looks, which hold the error over all of them; intervals, the situations after the "
        "first, claims and re-analyses are computed as if the number had been fixed, and those of pairs decided early "
        "tend to overstate the difference."
    )


def _sentence(found: Fact) -> str:
    row = _ROWS.get(found.kind, "{}".format)
    return _SENTENCES[found.kind].format(*found.numbers, rows=listed((row(*one) for one in found.rows), _MOST))


_FAILED = "{0} of {1} trials failed ({rows}). By the plan, a failed trial "
_SENTENCES = {
    "idle": "Runs that made no update are no evidence, and are left out of every number: {rows}. Their budget ended "
    "before the first one, so what was evaluated is the policy they began with; a longer budget, a shorter rollout or "
    "a shorter warm-up mends it.",
    "one choice": "Most decided verdicts on pairs of learners rest on one choice of the analysis: {rows}.",
    "resumed": "Runs that were interrupted went on from a checkpoint with environments or noise that are not to the "
    "last bit what they were, so that their seeds alone do not make them again: {rows}. `analysis: {{resumed: drop}}` "
    "leaves them out.",
    "resumed, left out": "Runs that were interrupted, and went on from a checkpoint with environments or noise that "
    "are not to the last bit what they were, are left out of every number: {rows}.",
    "configurations": "Results of several configurations (settings, implementation, versions or budget) carry one "
    "label: {rows}. They are not merged: all but the planned one carry the first digits of their configuration.",
    "other budgets": "Not judged beside others, for their settings were made for larger budgets than this suite's: "
    "{rows}. Their curves and scores are shown, and they are compared with whoever has the same settings.",
    "other budgets, judged": "Judged with settings that were made for larger budgets than this suite's, and may do "
    "worse here than settings that fit: {rows}.",
    "by hand": "Not on equal terms: {rows}. This harness has searched for these settings by hand, on these very "
    "environments and at about these budgets; those of the others were not searched for here.",
    "efforts": "Settings that are compared were not chosen with equal effort, which differences may come from: {rows}.",
    "as tuned": "Settings as tuned here, not the best there are: two independent tunings of one algorithm, ten fresh "
    "runs each, differ significantly in about a quarter of comparisons. So were found those of {rows}.",
    "defaults": "With the settings that libraries ship, which nobody chose for these environments and budgets: what is "
    "compared is those settings as much as the algorithms, and tuned the order can be another. So were trained {rows}.",
    "asynchronous": "Not reproducible, for their workers do not wait for each other, and the same seed gives other "
    "numbers in every training: {rows}.",
    "seen": "Not declared before any data was seen: {rows}.",
    "implementations": "Computed by another implementation than the library's own, whose likeness is shown by less "
    "than whole runs on these very environments (`docs/implementations.md`): {rows}.",
    "missing": "{0} of {1} trials are missing: the suite is not finished.",
    "failed, left out": _FAILED + "is not counted.",
    "failed, as random": _FAILED + "counts as a run that scores as the random policy.",
    "failed, as last": _FAILED + "counts as below every run.",
    "failed, no reference": _FAILED + "is not counted without references.",
    "failed somewhere unscored": "On environments without a reference a failed trial cannot be scored and is not "
    "counted.",
    "few runs": "{0} of {1} cells have fewer than {2} runs (the smallest has {3}): intervals are wide, and small "
    "differences cannot be seen.",
    "too few runs": "Cells with fewer than {0} runs have no intervals: no method covers what it states there. Where "
    "others have more, their algorithms have no part in which algorithm when.",
    "no reference": "No environment has usable reference returns, so there is no score: raw returns are shown, and "
    "algorithms are compared by the ranks of their runs alone. `reference` in the suite file makes scores.",
    "some without reference": "No usable reference returns for {rows}: no scores there; the raw returns are shown, and "
    "enter neither aggregates nor comparisons.",
    "incomplete": "Aggregates not comparable with the others, for want of runs on some environments: {rows}. Pairs are "
    "compared on the environments both have.",
    "saturated": "Every run of every learning algorithm solves {rows}: in comparisons nothing beyond the target counts "
    "there, and who gets there first is told by itself.",
    "unlearned": "No run of these ends above what scores 0 by more than the margin: {rows}. A difference from them "
    "there is one between something and nothing.",
    "hidden": "A high aggregate hides a failure on an environment: {rows}.",
    "curveless": "{0} finished trials have no learning curve, hence no area under it, and are left out.",
    "unplanned": "{0} results are not in the suite's plan (other seeds, settings or versions); they are shown too. "
    "Environments outside the suite enter neither aggregates nor comparisons.",
    "unequal": "Budgets or evaluation plans differ between the algorithms on {rows}: no fair comparison.",
    "apart": "Shown, but neither aggregated nor compared, for their budgets: {rows}.",
    "cut": "Evaluation episodes that had not ended were cut by the harness, and count with their return until then: "
    "{rows}.",
    "overshoot": "Training went past the budget: {rows}.",
    "packings": "Timings come from {0} different settings of hardware, threads or trials side by side: speeds and "
    "seconds are not comparable throughout.",
    "busy": "{0} of {1} trials ran beside other load on their machine: their timings are too long.",
}
"""Kind of a caution -> its words, and where its numbers and rows stand in them."""


def _cut(label: str, environment: str, final: int, *steps: int) -> str:
    after = ", ".join(f"{one:,}" for one in steps)
    return f"{label} on {environment} after {after} steps: {final} of the final evaluations'"


def _falling(environment: str, fallen: int, decided: int, turned: int) -> str:
    how = f"without {environment}" if environment else f"with {otherwise(Fact('floor'))}"
    return f"{fallen} of {decided} fall {how}" + (f" ({turned} turn round)" if turned else "")


def _solved(environment: str, *settings: str) -> str:
    return environment + "".join(f" ({setting(name)})" for name in settings)


def _effort(kind: str, least: int, most: int, *labels: str) -> str:
    made = f" for {least:,}{f' to {most:,}' * (most > least)} steps" if most else ""
    return f"{listed(labels, _MOST)} ({kind}{made})"


def _proven(algorithm: str, implementation: str, by: str, *elsewhere: str) -> str:
    told = {"": "not at all", "suite": "by independent runs", "same noise": "by pairs with the same noise alone"}[by]
    return f"{algorithm} by {implementation} {told}{f', none on {joined(elsewhere)}' if elsewhere else ''}"


def _seen(data: str, claims: int = 0, of: int = 0) -> str:
    who = f"{claims} of {counted(of, 'claim')}" if of else "the plan and its claims"
    return f"{who} after {data.rstrip('.')}"


_ROWS: Mapping[str, Callable[..., str]] = {
    "idle": "{} on {} ({} of its runs)".format,
    **dict.fromkeys(("resumed", "resumed, left out"), "{} on {} ({} of its runs)".format),
    "configurations": "{} on {}".format,
    **{kind: "{} on {}: {}".format for kind, told in _SENTENCES.items() if told.startswith(_FAILED)},
    "incomplete": "{} ({})".format,
    "one choice": _falling,
    "efforts": _effort,
    "seen": _seen,
    "implementations": _proven,
    "saturated": _solved,
    "unlearned": lambda environment, *labels: f"{environment} ({listed(labels, _MOST)})",
    "hidden": "{} scores {:.2f} over all and {:.2f} on {}".format,
    "apart": "{} on {} ({:,} steps, the suite has {:,})".format,
    "by hand": "{} on {}".format,
    **dict.fromkeys(("other budgets", "other budgets, judged"), "{} on {} ({:,} steps, the suite has {:,})".format),
    "cut": _cut,
    "overshoot": "{} on {} by {:.0f} %".format,
}
"""Kind of a caution -> how each of its rows is told, where that is no name alone."""
