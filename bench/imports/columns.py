"""The header of a table in; which column is what, and what is asked where that is in doubt, out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations

from bench import plain
from bench.imports.found import Hints, RefusedError
from bench.imports.rows import NAMELESS
from bench.imports.series import is_number, number

ROLES = {
    "algorithm": ("algorithm", "algo", "agent", "method", "label", "exp_name", "alg"),
    "environment": ("environment", "env", "env_id", "env_name", "task", "game", "environment_name"),
    "seed": (
        *("seed", "run", "run_id", "trial", "trial_id", "experiment_id", "uuid", "run_uuid", "run_name", "rank"),
        *("random_seed", "replicate", "replication", "repetition", "repeat"),
    ),
    "steps": (
        *("steps", "step", "env_step", "env_steps", "environment_steps", "environment_step", "timesteps", "timestep"),
        *("time/total_timesteps", "global_step", "num_timesteps", "num_env_steps", "frames", "frame", "env_frames"),
        *("timesteps_total", "num_env_steps_sampled_lifetime", "num_env_steps_sampled", "totalenvinteracts"),
        *("total_steps", "total_timesteps", "total_env_steps", "num_frames", "interactions", "samples"),
    ),
    "return": (
        *("return", "returns", "episode_return", "episodic_return", "mean_return", "eval/mean_reward", "eval_return"),
        *("score", "reward", "mean_reward", "episode_reward", "rew", "rollout/ep_rew_mean", "charts/episodic_return"),
        *("episode_reward_mean", "episode_return_mean", "env_runners/episode_return_mean", "averageepret"),
    ),
}
"""Role -> columns that have it where the user names none, the first that is there."""
VARIANTS = ("variant", "ablation", "configuration", "config_name", "setting", "group")
"""Columns that tell variants of an algorithm apart."""
_BUDGETS = ("total_timesteps", "total_steps", "n_timesteps", "max_steps", "num_train_steps", "config/total_timesteps")
"""Columns that may hold a configured budget: no step that was reached."""
_COUNTS = {"iteration", "iterations", "iter", "epoch", "epochs", "training_iteration", "time/iterations", "_step"} | {
    *("update", "updates", "n_updates", "num_updates", "generation", "train/n_updates", "learner_step", "num_episodes"),
    *("episodes_total", "episode_num", "eval_index", "checkpoint"),
}
"""Columns that count something along a run, and no environment steps."""
EPISODES = {"episode", "episode_id", "ep", "eval_episode", "test_episode"}
"""Columns that tell the episodes of one evaluation apart."""
_KNOWN = {"time", "wall_time", "wall time", "timestamp", "date", "hour", "runtime", "_runtime", "_timestamp", "fps"} | {
    *("time_total_s", "time_this_iter_s", "time/fps", "time/time_elapsed", "length", "lengths", "ep_length", "pid"),
    *("episode_length", "total_time", "duration", "seconds", "elapsed", "elapsed_time", "index", "name", "created"),
    *("rollout/ep_len_mean", "eval/mean_ep_length", "hostname", "notes", "user", "tags", "source", "reference"),
}
"""Columns of which it is known that they tell neither runs nor steps."""
_MARGIN = "lower|upper|low|high|std|stddev|stderr|sem|se|ci|ci95|ci_low|ci_high|ci_lower|ci_upper|lb|ub|min|max|iqr"
_MARGIN += "|shaded|sd|err|q1|q3|q25|q75|p25|p75|lcb|ucb|ci95_low|ci95_high|95ci"
_BOUND = re.compile(rf"^(?P<after>.+?)[ _./:()-]+(?:{_MARGIN})\W*$|^(?:{_MARGIN})[ _./:()-]+(?P<before>.+?)\W*$")
_ALONE = re.compile(
    r"(?:\w+_)?(?:std|stderr|sem|ci|ci95|(?:ci_)?lower|(?:ci_)?upper)|(?:std|stderr|sem)_\w+|rew:shaded"
)
"""Columns that are spreads of something, whatever stands beside them."""
_INTERVAL = re.compile(r"lower|upper|ci|sem|stderr|iqr|lcb|ucb")
_RUNS = {"n_seeds", "num_seeds", "n_runs", "num_runs", "seeds", "runs", "n", "nb_seeds", "nb_runs"}
"""Columns that say over how many runs a value is a mean."""
_SUMS = {"mean", "average", "avg", "median", "iqm", "std", "stderr", "sem", "ci", "min", "max", "lower", "upper"} | {
    *("overall", "total", "aggregate", "aggregated", "variance", "iqr", "ci95", "ci_low", "ci_high", "q1", "q3"),
}
"""What columns are named after that sum up others."""
_SUMS_OF_RUNS = {*_SUMS, "all", "sum", "pooled", "combined"}
_QUANTILE = re.compile(r"(?:p|q|pct)_?(?:25|50|75)|(?:25|50|75)(?:%|th percentile)")
_MIXED = {"deterministic", "stochastic", "exploration", "explore", "eval", "evaluation", "is_eval", "is_evaluation"} | {
    *("train", "training", "is_train", "is_training", "test", "is_test", "greedy"),
}
"""Columns of which a true one and a false one tell of two policies, or two kinds of episodes."""
_YES_NO = {"true", "false", "yes", "no", "0", "1", "t", "f", "y", "n"}
_MOST_LISTED = 8


def roles_of(header: Sequence[str], hints: Hints) -> dict[str, str]:
    """Return which column has which role, those that the user names first.

    Raises:
        RefusedError: a named column is not there, or several could be the returns.
    """
    named = {**({"return": hints.metric} if hints.metric else {}), **hints.columns}
    asked = [*hints.columns.items(), *([("return", hints.metric)] if hints.metric else [])]
    if unknown := [column for role, column in asked if column not in header and (role, column) != ROW]:
        raise RefusedError(f"has no column {listed(unknown)}; there are {listed(header)}")
    free = [name for name in header if name not in hints.ignore]
    folded = {name.casefold(): name for name in reversed(free)}
    usual = {
        role: folded[next(name for name in names if name in folded)]
        for role, names in ROLES.items()
        if any(name in folded for name in names)
    }
    several = [folded[name] for name in ROLES["return"] if name in folded]
    evaluated = [name for name in several if name.startswith("eval")]
    trained = [name for name in several if name.startswith(("rollout/", "charts/", "env_runners/"))]
    if len(evaluated) == 1 and len(evaluated) + len(trained) == len(several):
        usual["return"] = evaluated[0]
    elif len(several) > 1 and "return" not in named and not hints.wide:
        raise RefusedError(f"any of {listed(several)} could be the returns; name one with --columns return=...")
    return {**usual, **named}


ROW = ("steps", "row")
"""What `--columns steps=row*1000` names: the number of the row, from 1."""


def budget_of(header: Sequence[str], at: Mapping[str, str], rows: Sequence[Mapping[str, str]], hints: Hints) -> str:
    """Return the column with a configured budget; empty where there is none.

    It is one where another column tells the steps, or where every run has a single row and the same number stands in
    all of them: nobody reaches a step so exactly.
    """
    folded = {name.casefold(): name for name in header}
    found = next((folded[name] for name in _BUDGETS if name in folded), "")
    if not found or "steps" in hints.columns or found in hints.ignore:
        return ""
    if at.get("steps") != found:
        return found
    runs = Counter(
        tuple(row.get(at.get(role, ""), "") for role in ("algorithm", "environment", "seed")) for row in rows
    )
    alone = "seed" in at and max(runs.values()) == 1 and len(runs) > 1
    return found if alone and len({row.get(found) for row in rows}) == 1 else ""


def margins(header: Sequence[str]) -> dict[str, str]:
    """Return the columns that hold bounds or spreads of another -> that other one."""
    folded = {name.casefold(): name for name in header}
    found = {}
    for name in header:
        match = _BOUND.match(name.casefold())
        base = (match["after"] or match["before"]) if match else ""
        other = next(
            (folded[one] for one in (base, f"{base}_mean", f"mean_{base}", f"{base} mean") if one in folded), ""
        )
        if match and other and other != name:
            found[name] = other
    return found


def refuse_means(header: Sequence[str], at: Mapping[str, str], rows: Sequence[Mapping[str, str]], *, own: bool) -> None:
    """Raise RefusedError where a table has means over runs, and no runs.

    The log of one run may tell the spread over its episodes, and the least and the most of them.
    """
    alone = [name for name in header if _ALONE.fullmatch(name.casefold())]
    bounds = [name for name, base in margins(header).items() if base == at.get("return")]
    counts = [name for name in header if name.casefold() in _RUNS and _several(name, rows)]
    if own:
        alone, bounds = ([name for name in names if _INTERVAL.search(name.casefold())] for names in (alone, bounds))
    if "seed" not in at and (found := [*alone, *bounds, *counts]):
        raise RefusedError(f"holds means and spreads over runs (column {found[0]!r}), no runs; --columns seed=...")


def _several(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    return any(number(row.get(name, "")) > 1 for row in rows)


def refuse_wide_means(header: Sequence[str], hints: Hints) -> None:
    """Raise RefusedError where columns are bounds of other columns: such a table holds means, no runs."""
    if summed := [name for name in header if _sums_up(name) and name not in hints.columns.values()]:
        told = f"column {summed[0]!r} sums up other columns, by its name, and is none of a run or algorithm"
        raise RefusedError(f"{told}; --ignore {summed[0]!r} passes it over")
    known = _KNOWN | EPISODES | _RUNS
    if other := [name for name in header if name.casefold() in known and name not in hints.columns.values()]:
        told = f"column {other[0]!r} is none of a run or algorithm, by its name"
        raise RefusedError(f"{told}; --ignore {other[0]!r} passes it over")
    if found := margins(header):
        name, base = next(iter(found.items()))
        told = f"holds means with bounds ({name!r} is one of {base!r}): aggregated over runs, and no runs"
        raise RefusedError(f"{told}; --ignore {name!r} for each column that is none of a run or algorithm")


def sums_up_runs(identifier: str) -> bool:
    """Return whether an identifier is named after what sums up runs, `mean` or `p25`, and after no run."""
    folded = identifier.strip().casefold()
    return folded in _SUMS_OF_RUNS or bool(_QUANTILE.fullmatch(folded))


def _sums_up(column: str) -> bool:
    """Return whether a column is named after what sums up others: `mean`, `p25`, `avg return`."""
    folded = column.strip().casefold()
    words = re.split(r"[ _./-]", folded, maxsplit=1)
    of_returns = any(one in _SUMS and two in ROLES["return"] for one, two in permutations(words, 2))
    return folded in _SUMS or bool(_QUANTILE.fullmatch(folded)) or of_returns


def counts_in(header: Sequence[str], hints: Hints) -> list[str]:
    """Return the columns that count something along a run, and no environment steps."""
    return [name for name in header if name.casefold() in _COUNTS and name not in hints.ignore]


def not_understood(
    header: Sequence[str], rows: Sequence[Mapping[str, str]], taken: Sequence[str], hints: Hints
) -> list[str]:
    """Return the columns of numbers of which nothing is known."""
    left = [name for name in _left(header, taken, hints) if not _ALONE.fullmatch(name.casefold())]
    return [name for name in left if _numbers(name, rows) and not is_index(name, rows)]


def words_not_understood(
    header: Sequence[str], rows: Sequence[Mapping[str, str]], taken: Sequence[str], hints: Hints
) -> list[str]:
    """Return the columns of words of which nothing is known, and that differ between rows: some word stands twice."""
    found = []
    for name in _left(header, taken, hints):
        words = _words(name, rows)
        if len(words) > 1 and max(words.values()) > 1 and not all(map(is_number, words)):
            found.append(name)
    return found


def _words(column: str, rows: Sequence[Mapping[str, str]]) -> Counter[str]:
    """Return how often each word stands in a column."""
    return Counter(word for row in rows if (word := (row.get(column) or "").strip()))


def _left(header: Sequence[str], taken: Sequence[str], hints: Hints) -> list[str]:
    known = {*taken, *hints.ignore, *margins(header)}
    return [name for name in header if name not in known and name.casefold() not in _KNOWN | EPISODES]


def ask_variants(column: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Raise RefusedError where a column tells variants apart of an algorithm that no column names."""
    if len({row.get(column) for row in rows}) > 1:
        raise RefusedError(
            f"column {column!r} tells variants of an algorithm apart, and no column names that: --columns "
            f"algorithm={column} calls the algorithms so; --ignore {column!r} takes all for one"
        )


def ask_mixed(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Raise RefusedError where a column tells two kinds of rows of one run apart: `train` and `eval` are no one curve.

    Args:
        columns: those of which nothing is known.
        rows: of one run.
    """
    for name in columns:
        words = _words(name, rows)
        flags = {word.casefold() for word in words} <= _YES_NO
        told = name.casefold() in _MIXED if flags else not all(map(is_number, words))
        if told and len(words) > 1 and 2 * len(words) <= len(rows):
            one, two = [repr(word[:40]) for word in list(words)[:2]]
            raise RefusedError(
                f"column {name!r} says {one} and {two} in rows of one run: two kinds of returns, or of runs? Keep the "
                f"rows of one kind, or name it with --columns seed={name} or algorithm={name}; --ignore {name!r} takes "
                "all rows as they come"
            )


def is_index(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    """Return whether a column numbers the rows and nothing else."""
    if not name.casefold().startswith((NAMELESS, "index")):
        return False
    values = [number(row.get(name, "")) for row in rows]
    return any(values == list(range(start, start + len(values))) for start in (0, 1))


def _numbers(name: str, rows: Sequence[Mapping[str, str]]) -> bool:
    cells = [cell for row in rows if (cell := (row.get(name) or "").strip())]
    return bool(cells) and all(map(is_number, cells))


def told_apart_by(columns: Sequence[str], rows: Sequence[Mapping[str, str]], steps: str) -> list[str]:
    """Return the columns that explain why steps stand several times: with them no step does, and they repeat."""
    found = []
    for name in columns:
        pairs = [(row.get(name), row.get(steps)) for row in rows]
        groups = Counter(value for value, _ in pairs)
        if len(groups) > 1 and min(groups.values()) > 1 and len(set(pairs)) == len(pairs):
            found.append(name)
    return found


def ask_steps(column: str, *, counted: bool) -> RefusedError:
    """Return the question what a column is that may count steps."""
    if counted:
        return RefusedError(
            f"column {column!r} counts no environment steps: --columns steps={column} takes it for steps all the same, "
            f"steps={column}*2048 where each stands for 2,048 of them; --ignore {column!r} passes it over"
        )
    return RefusedError(
        f"what is column {column!r}? Steps or run identifiers, by its numbers: --columns steps={column} or "
        f"--columns seed={column}; --ignore {column!r} passes it over"
    )


def listed(names: Sequence[str]) -> str:
    """Return names in a row, the first of them where they are many."""
    return plain.listed((repr(name[:80]) for name in names), _MOST_LISTED) or "none"
