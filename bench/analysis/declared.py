"""What a suite declares in, the hashes by which two declarations are told apart out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from bench.records import Suite, digest

_NO_TEST = {"text", "source", "seen"}
"""What a claim says besides what is tested."""


def plan_hash(suite: Suite) -> str:
    """Return the hash of the analysis as declared, claims included, their words left out."""
    tested = [{key: value for key, value in asdict(claim).items() if key not in _NO_TEST} for claim in suite.claims]
    plan = suite.analysis.declared()
    return digest({**plan, "claims": tested} if tested else plan)


_NO_DECLARATION = {"path", "lines", "written", "title", "question", "answer", "tensorboard", "chosen", "seen"}
_SINCE = {
    "evaluation": {"environments", "max_episode_steps", "gradient_episodes", "diagnostics", "value_episodes"},
    "limits": {"stall_minutes", "checkpoint_minutes"},
}
_OF_SETS = ("entries", "everywhere", "complete")
"""What of a part of a set can change a number; where it comes from, and what its search saw and took, are words."""


def suite_hash(suite: Suite) -> str:
    """Return the hash of what the suite declares, its place on disk, its words and what changes no number left out.

    Settings that suites have only since their first reports are left out while they are not given: an old suite keeps
    its hash.
    """
    said = _given(
        {key: value for key, value in asdict(suite).items() if key not in _NO_DECLARATION},
        {"sets", "accept_settings_for_other_budgets"},
    )
    said["claims"] = [{key: value for key, value in claim.items() if key != "seen"} for claim in said["claims"]]
    if "sets" in said:
        said["sets"] = {
            name: [{key: part[key] for key in _OF_SETS} for part in parts] for name, parts in said["sets"].items()
        }
    for part, names in _SINCE.items():
        said[part] = _given(said[part], names)
    algorithms = [
        _given(one, {"implementation", "backend", "per_environment", "setting"}) for one in said["algorithms"]
    ]
    said["environments"] = [_given(one, {"evaluation_kwargs"}) for one in said["environments"]]
    return digest({**said, "algorithms": algorithms, "analysis": suite.analysis.declared()})


def _given(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in names or value}
