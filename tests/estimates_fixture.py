"""A seed in, synthetic estimates out: everything that a report may have to show, without an analysis."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from bench.records import (
    Aggregate,
    Candidate,
    Card,
    CellEstimate,
    Claim,
    ClaimVerdict,
    Conclusion,
    CurveEstimate,
    Estimates,
    Fact,
    FailureLine,
    Interval,
    Lead,
    Look,
    Pair,
    Profile,
    ReferenceLine,
    Reliability,
    SequentialRun,
    SettingsLine,
    Situation,
    Threshold,
    TrialLine,
)

ALGORITHMS = ("REINFORCE", "A2C", "PPO", "DQN", "PPO without clipping")
ENVIRONMENTS = ("CartPole-v1", "Acrobot-v1", "LunarLander-v3", "FrozenLake-v1")
_SCALE = {"CartPole-v1": (22.3, 475.0), "Acrobot-v1": (-499.0, -100.0), "LunarLander-v3": (-180.0, 200.0)}
_SHARES = np.linspace(0.05, 1.0, 20)
_FEW = (Fact("too few", (1, 4)),)
_TRACEBACK = """Traceback (most recent call last):
  File "sb3.py", line 212, in learn
    self.model.learn(steps, callback=bridge)
bench.errors.DivergedError: the loss is not finite after 41,216 steps"""


def synthetic(
    algorithms: Sequence[str] = ALGORITHMS,
    environments: Sequence[str] = ENVIRONMENTS,
    seeds: int = 10,
    *,
    failed: int = 2,
    missing: int = 1,
    references: bool = True,
    seed: int = 0,
) -> Estimates:
    """Return estimates of a made-up suite; the first `failed` trials failed and the last `missing` are missing."""
    rng = np.random.default_rng(seed)
    trials = _trials(algorithms, environments, seeds, failed, missing, rng)
    cells = tuple(_cell(label, name, trials) for name in environments for label in algorithms)
    count = {state: sum(line.state == state for line in trials) for state in ("done", "failed", "missing")}
    return Estimates(
        suite="discrete",
        title="Discrete actions, from CartPole to LunarLander",
        question="Which algorithm for discrete actions?",
        analysis={
            "metric": "final",
            "threshold": 0.9,
            "margin": 0.05,
            "failures": "random",
            "confidence": 0.95,
            "resamples": 5000,
            "hash": "4f1c2a9be077",
        },
        planned=len(trials),
        done=count["done"],
        failed=count["failed"],
        cautions=tuple(_cautions(seeds, failed, missing, environments)),
        labels=tuple(algorithms),
        references=tuple(_reference(name, known=references) for name in environments),
        aggregates=tuple(_aggregate(label, environments, seeds, rng) for label in algorithms) if references else (),
        cells=cells,
        curves=tuple(_curves(algorithms, environments, seeds, rng, references=references)),
        profiles=tuple(_profile(label, place, seeds) for place, label in enumerate(algorithms)) if references else (),
        pairs=tuple(
            replace(_pair(a, b, environments, seeds, rng), family=math.comb(len(algorithms), 2))
            for a, b in combinations(algorithms, 2)
        ),
        failures=tuple(_failure(line) for line in trials if line.state == "failed"),
        settings=tuple(_settings(label, name) for label in algorithms for name in environments),
        trials=trials,
        machines=_machines(len(trials)),
        suite_hash="4f2a91c07be3",
        **(_answers(algorithms, environments, seeds) if references else {}),
    )


def empty() -> Estimates:
    """Return the estimates of a suite of which nothing has run and nothing is known."""
    nothing: tuple[()] = ()
    return Estimates(
        "empty", "", "", {}, 0, 0, 0, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
        nothing, nothing, nothing, nothing,
    )  # fmt: skip


def _scale(environment: str) -> tuple[float, float]:
    return _SCALE.get(environment, (0.0147, 0.7))


def _strength(label: str, environment: str) -> float:
    """Return a made-up level of skill, the same in every call."""
    order = ("REINFORCE", "A2C", "PPO", "DQN", "PPO without clipping")
    base = (0.45, 0.72, 0.98, 0.86, 0.9)[order.index(label) if label in order else len(label) % 5]
    return base - 0.06 * (len(environment) % 4)


def _trials(
    algorithms: Sequence[str],
    environments: Sequence[str],
    seeds: int,
    failed: int,
    missing: int,
    rng: np.random.Generator,
) -> tuple[TrialLine, ...]:
    keys = [(label, name, run) for label in algorithms for name in environments for run in range(seeds)]
    lines = []
    for place, (label, name, run) in enumerate(keys):
        state = "failed" if place < failed else "missing" if place >= len(keys) - missing else "done"
        score = float(np.clip(rng.normal(_strength(label, name), 0.12), -0.1, 1.05))
        low, high = _scale(name)
        done = state == "done"
        lines.append(
            TrialLine(
                label,
                name,
                run,
                state,
                low + score * (high - low) if done else None,
                score if done else 0.0 if state == "failed" else None,
                100_352 if done else 41_216 if state == "failed" else None,
                float(rng.uniform(20, 60)) if done else None,
                f"{place:012x}",
                f"{label.lower().replace(' ', '_')}--{name}--seed-{run}--{place:012x}",
            )
        )
    return tuple(lines)


def _interval(values: Sequence[float], width: float = 0.15, notes: tuple[Fact, ...] = ()) -> Interval:
    if not values:
        return Interval(None, notes=(Fact("no runs"),))
    centre = float(np.mean(values))
    spread = width * (float(np.std(values)) + 0.02 * abs(centre)) * 4
    if len(values) < 4:
        return Interval(centre, n=len(values), notes=_FEW)
    return Interval(centre, centre - spread, centre + spread, len(values), notes)


def _share(count: int, n: int) -> Interval:
    if n == 0:
        return Interval(None, notes=(Fact("no runs"),))
    return Interval(count / n, max(0.0, count / n - 0.25), min(1.0, count / n + 0.25), n)


def _cell(label: str, environment: str, trials: Sequence[TrialLine]) -> CellEstimate:
    mine = [line for line in trials if line.label == label and line.environment == environment]
    counted = [line for line in mine if line.state != "missing"]
    low, _ = _scale(environment)
    scores = [line.score or 0.0 for line in counted]
    returns = [low if line.final_return is None else line.final_return for line in counted]
    steps = tuple(
        None if score < 0.75 else 30_000.0 + 7_000 * (line.seed % 7)
        for line, score in zip(counted, scores, strict=True)
    )
    reached = [step for step in steps if step is not None]
    most = len(reached) > len(steps) / 2
    share = _share(len(reached), len(steps))
    return CellEstimate(
        label=label,
        environment=environment,
        seeds=tuple(line.seed for line in counted),
        returns=tuple(returns),
        scores=tuple(scores),
        n=len(counted),
        planned=len(mine),
        failed=sum(line.state == "failed" for line in mine),
        missing=sum(line.state == "missing" for line in mine),
        mean_return=_interval(returns),
        iqm_return=_interval(returns),
        iqm_score=_interval(scores),
        auc_score=_interval([0.8 * score for score in scores]),
        threshold=Threshold(
            len(reached),
            len(steps),
            share,
            float(np.median(reached)) if most else None,
            float(np.median(reached)) / 3100 if most else None,
            steps,
        ),
        overshoot=0.024 if label.startswith("PPO") else 0.0,
        steps_per_second=3456.7 if counted else None,
        train_seconds=31.4 if counted else None,
        saturated=bool(scores) and min(scores) >= 0.9,
    )


def _aggregate(label: str, environments: Sequence[str], seeds: int, rng: np.random.Generator) -> Aggregate:
    centre = float(np.mean([_strength(label, name) for name in environments])) if environments else 0.0
    runs = [float(value) for value in rng.normal(centre, 0.08, seeds)]
    return Aggregate(
        label,
        len(environments),
        seeds,
        _interval(runs),
        _interval([value - 0.02 for value in runs]),
        _interval([value + 0.01 for value in runs]),
        _interval([max(0.0, 1 - value) for value in runs]),
        {"aggregate_iqm": Interval(float(np.mean(runs)))} if runs else {},
        complete=label != "DQN",
    )


def _curves(
    algorithms: Sequence[str],
    environments: Sequence[str],
    seeds: int,
    rng: np.random.Generator,
    *,
    references: bool,
) -> list[CurveEstimate]:
    curves = []
    for place, label in enumerate(algorithms):
        speed = (1100.0, 11_000.0, 3200.0, 900.0, 3200.0)[place % 5]
        if references:
            score = 0.9 * (1 - np.exp(-_SHARES * (2 + place)))
            curves.append(_curve(label, None, "share", _SHARES, score[None, :].repeat(seeds, 0), rng))
            curves.append(_curve(label, None, "seconds", _SHARES * 1e5 / speed, score[None, :].repeat(seeds, 0), rng))
        for name in environments:
            low, high = _scale(name)
            rise = _strength(label, name) * (1 - np.exp(-_SHARES * (2 + place)))
            runs = rise[None, :] + rng.normal(0, 0.06, (seeds, 20)) + rng.normal(0, 0.05, (seeds, 1))
            curves.append(_curve(label, name, "steps", _SHARES * 1e5, low + runs * (high - low), rng))
            curves.append(_curve(label, name, "seconds", _SHARES * 1e5 / speed, low + runs * (high - low), rng))
    return curves


def _curve(
    label: str, environment: str | None, axis: str, x: np.ndarray, runs: np.ndarray, rng: np.random.Generator
) -> CurveEstimate:
    centre = runs.mean(axis=0)
    if environment is None:
        centre = centre + rng.normal(0, 0.01, centre.shape)
    spread = 0.05 * (runs.max() - runs.min() + 0.1)
    few = len(runs) < 4
    return CurveEstimate(
        label,
        environment,
        axis,
        tuple(map(float, x)),
        tuple(map(float, centre)),
        tuple(None if few else float(value - spread) for value in centre),
        tuple(None if few else float(value + spread) for value in centre),
        len(runs),
        () if environment is None else tuple(tuple(map(float, run)) for run in runs),
    )


def _profile(label: str, place: int, seeds: int) -> Profile:
    taus = np.linspace(0, 1.2, 61)
    share = 1 / (1 + np.exp(12 * (taus - 0.5 - 0.09 * place)))
    few = seeds < 4
    return Profile(
        label,
        tuple(map(float, taus)),
        tuple(map(float, share)),
        tuple(None if few else float(max(0.0, value - 0.06)) for value in share),
        tuple(None if few else float(min(1.0, value + 0.06)) for value in share),
        seeds,
    )


def _pair(a: str, b: str, environments: Sequence[str], seeds: int, rng: np.random.Generator) -> Pair:
    gap = sum(_strength(a, name) - _strength(b, name) for name in environments) / max(1, len(environments))
    centre = float(np.clip(0.5 + 1.6 * gap, 0.02, 0.98))
    p = float(np.exp(-30 * abs(gap) - rng.uniform(0, 1)))
    few = seeds < 4
    verdict = "undecided" if few or p > 0.01 else "better" if gap > 0 else "worse"
    probability = Interval(centre, max(0.0, centre - 0.11), min(1.0, centre + 0.11), seeds)
    return Pair(
        a,
        b,
        len(environments),
        seeds,
        Interval(centre, n=seeds, notes=_FEW) if few else probability,
        Interval(gap, n=seeds, notes=_FEW) if few else Interval(gap, gap - 0.08, gap + 0.08, seeds),
        None if few else p,
        None if few else min(1.0, 6 * p),
        verdict,
        0.1 if few else 1e-5,
        more_runs=3 * seeds + 4 if verdict == "undecided" else None,
        more_hours=0.23 * (3 * seeds + 4) if verdict == "undecided" else None,
        runs=(seeds, seeds),
        family=6,
    )


def _failure(line: TrialLine) -> FailureLine:
    return FailureLine(
        line.label,
        line.environment,
        line.seed,
        "diverged",
        "the loss is not finite after 41,216 steps",
        1,
        line.name,
        _TRACEBACK,
    )


def _settings(label: str, environment: str) -> SettingsLine:
    name = label.partition(" ")[0].lower()
    return SettingsLine(
        label,
        name,
        f"stable_baselines3:{name.upper()}",
        environment,
        f"{abs(hash((len(label), len(environment)))):012x}"[:12],
        "RL Zoo 2.9.2, tuned with Optuna: 500 trials, 2 seeds" if name == "ppo" else "library defaults",
        {"n_envs": 8, "gamma": 0.98, "clip_range": float("inf")} if name == "ppo" else {},
        {"learning_rate": 0.0003, "gamma": 0.98, "target_kl": None, "clip_range": float("inf"), "policy": "MlpPolicy"},
    )


def _reference(environment: str, *, known: bool) -> ReferenceLine:
    random, target = _scale(environment)
    return ReferenceLine(
        environment,
        100_000,
        random if known else None,
        target if known else None,
        "random: measured by this harness; target: Gymnasium's registered reward threshold" if known else "",
        saturated=environment == "CartPole-v1",
    )


def _machines(trials: int) -> tuple[Mapping[str, object], ...]:
    machine: dict[str, object] = {
        "versions": {"stable-baselines3": "2.9.2", "torch": "2.13.0", "numpy": "2.4.6"},
        "python": "3.11.7",
        "cpu": "Example CPU at 2.4 GHz",
        "gpu": None,
        "threads": 1,
        "workers": 2,
        "trials": trials,
    }
    return machine, {**machine, "cpu": "Example CPU at 3.1 GHz", "gpu": "Example GPU, 24 GB", "trials": 0}


def _cautions(seeds: int, failed: int, missing: int, environments: Sequence[str]) -> Iterator[Fact]:
    if missing:
        yield Fact("missing", (missing, 200))
    if failed:
        yield Fact("failed, as random", (failed, 200), rows=(("REINFORCE", "CartPole-v1", failed),))
    if seeds < 10:
        yield Fact("few runs", (20, 20, 10, seeds))
    yield Fact("incomplete", rows=(("DQN", len(environments)),))
    if "CartPole-v1" in environments:
        yield Fact("saturated", rows=(("CartPole-v1",),))


def _answers(algorithms: Sequence[str], environments: Sequence[str], seeds: int) -> dict[str, Any]:
    """Return what the analysis concludes: enough of everything that each section has something to show."""
    if not algorithms or not environments:
        return {}
    told = tuple(_situations(algorithms, environments, seeds))
    settled = {one.key for one in told if one.choose is not None}
    return {
        "situations": told,
        "leads": tuple(_lead(axis, algorithms, environments, seeds) for axis in ("share", "seconds")),
        "reliability": tuple(_reliability(label, environments, seeds) for label in algorithms),
        "cards": tuple(_card(label, place, settled) for place, label in enumerate(algorithms)),
        "conclusions": _conclusions(algorithms, _best_first(algorithms, environments)[0]),
        "claims": _claims(algorithms, environments, seeds),
        "sequence": _sequence(algorithms, seeds),
    }


def _best_first(algorithms: Sequence[str], environments: Sequence[str]) -> list[str]:
    return sorted(algorithms, key=lambda label: -sum(_strength(label, name) for name in environments))


def _situations(algorithms: Sequence[str], environments: Sequence[str], seeds: int) -> Iterator[Situation]:
    kinds: list[tuple[str, str, tuple[str | int, ...]]] = [
        ("full", "full", (100_000, 100_000)),
        ("steps-25000", "steps", (25_000,)),
        ("steps-50000", "steps", (50_000,)),
        ("seconds-60", "seconds", (60,)),
        ("failures", "failures", ()),
        ("group-discrete-vector", "group", ("discrete", "vector")),
        *((f"environment-{name}", "environment", (name,)) for name in environments),
    ]
    for place, (key, kind, about) in enumerate(kinds):
        unclear = place in {1, 4} or len(algorithms) < 2 or seeds < 4
        yield _situation(key, kind, about, algorithms, environments, seeds, unclear=unclear)


def _situation(
    key: str,
    kind: str,
    about: tuple[str | int, ...],
    algorithms: Sequence[str],
    environments: Sequence[str],
    seeds: int,
    *,
    unclear: bool,
) -> Situation:
    where = tuple(name for name in environments if kind != "environment" or key.endswith(name))
    order = _best_first(algorithms, where)
    few = seeds < 4
    candidates = tuple(
        Candidate(
            label,
            Interval(0.95 - 0.12 * place, n=seeds, notes=_FEW)
            if few
            else Interval(0.95 - 0.12 * place, 0.9 - 0.12 * place, 1.0 - 0.12 * place, seeds),
            None if few else (0.58 if place == 0 else 0.42 / (len(order) - 1)),
            None if few else 0.015 + 0.11 * place,
        )
        for place, label in enumerate(order)
    )
    # As the pairs have it, whoever leads over everything is not told apart from the second.
    still_open = tuple(order[1:] if unclear else order[1:2] if kind == "full" else ())
    measure = "share" if kind == "failures" else "score"
    return Situation(
        key, kind, about, measure, None if unclear or still_open else order[0], (), candidates, where, seeds, still_open
    )


def _lead(axis: str, algorithms: Sequence[str], environments: Sequence[str], seeds: int) -> Lead:
    x = _SHARES * (1.0 if axis == "share" else 60.0)
    curves = np.array(
        [
            (0.9 - 0.04 * place) * (1 - np.exp(-_SHARES * (2.0 + 3 * ((place * 7) % 5))))
            for place in range(len(algorithms))
        ]
    )
    weights = np.exp(18 * curves)
    shares = weights / weights.sum(axis=0)
    return Lead(
        axis=axis,
        x=tuple(map(float, x)),
        labels=tuple(algorithms),
        iqm=tuple(tuple(map(float, line)) for line in curves),
        probability_best=tuple(tuple(map(float, line)) for line in shares),
        environments=tuple(environments),
        n=seeds,
    )


def _reliability(label: str, environments: Sequence[str], seeds: int) -> Reliability:
    runs = seeds * len(environments)
    strength = float(np.mean([_strength(label, name) for name in environments]))
    failing = round(runs * max(0.0, 0.9 - strength))
    reached = round(runs * min(1.0, strength))
    collapsed = round(0.1 * reached)
    return Reliability(
        label=label,
        environments=len(environments),
        n=seeds,
        runs=runs,
        failing=failing,
        failing_share=_share(failing, runs),
        worst_decile=strength - 0.3 if runs else None,
        spread=0.16 if runs else None,
        reached=reached,
        stood=reached,
        collapsed=collapsed,
        collapsed_share=_share(collapsed, reached),
        median_budget_share=0.62 if 2 * reached > runs else None,
    )


def _card(label: str, place: int, settled: Collection[str]) -> Card:
    if place == 0:
        weak = (
            Fact("below", names=("DQN", "PPO")),
            Fact("failing", numbers=(31, 40)),
        )
        return Card(label, ("discrete", "continuous"), (), weak, ())
    return Card(
        label,
        ("discrete",) if label == "DQN" else ("discrete", "continuous"),
        (
            Fact("above", names=("REINFORCE",)),
            Fact("faster", numbers=(2.04,)),
        ),
        (Fact("collapsed", numbers=(4, 40)),),
        tuple(key for key in ("steps-50000", "seconds-60") if key in settled),
    )


def _conclusions(algorithms: Sequence[str], leader: str) -> tuple[Conclusion, ...]:
    return (
        Conclusion(
            Fact("first", names=(leader,)),
            46,
            48,
            ((Fact("environments", names=("CartPole-v1",)), algorithms[0]), (Fact("auc"), algorithms[0])),
        ),
        Conclusion(Fact("better", names=(leader, algorithms[0])), 48, 48),
    )


def _claims(algorithms: Sequence[str], environments: Sequence[str], seeds: int) -> tuple[ClaimVerdict, ...]:
    verdicts = (
        ("supported", Interval(0.21, 0.12, 0.31, seeds)),
        ("contradicted", Interval(-0.3, -0.41, -0.18, seeds)),
        ("undecided", Interval(0.02, -0.06, 0.1, seeds)),
    )
    return tuple(
        ClaimVerdict(
            claim=Claim(
                f"{algorithms[-1]} beats {algorithms[0]} ({place})",
                algorithms[-1],
                algorithms[0],
                "score",
                source="Example et al. 2017, section 5",
            ),
            verdict=verdict,
            estimate=estimate,
            confidence=0.99,
            family=len(verdicts),
            environments=tuple(environments),
            more_runs=12 if verdict == "undecided" else None,
            labels=tuple(dict.fromkeys((algorithms[-1], algorithms[0]))),
        )
        for place, (verdict, estimate) in enumerate(verdicts, start=1)
    )


def _sequence(algorithms: Sequence[str], seeds: int) -> SequentialRun:
    pair = (algorithms[0], algorithms[-1])
    several = len(algorithms) > 1
    looks = (
        Look(5, 0.012, ((*pair, "worse"),) if several else (), 3, ((*pair, 0.001, 0.004),) if several else ()),
        Look(10, 0.021, (), 3),
    )
    return SequentialRun(looks, 20, 10 * seeds, 20 * seeds, (5, 10, 15, 20), (pair,) if several else ())
