"""A name and what was asked for in, a suite file to begin with on disk out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench import catalog
from bench.catalog import Environment
from bench.errors import BenchError, Complaint, SuiteError
from bench.pipeline.asking import PLACE, Asked, in_terms_of_options, steps_of, suite_text
from bench.pipeline.experiment import SuiteText, open_experiment
from bench.suite.starter import starter

ENVIRONMENT, STEPS = "CartPole-v1", "50k"
PREFERRED = ("ppo", "dqn", "sac", "a2c", "random")
"""Those that fit the environments are proposed where no algorithm was asked for."""


def start(path: Path, asked: Asked) -> Path:
    """Write a commented suite that validates; return its file.

    Raises:
        SuiteError: what was asked for makes no suite; all complaints together.
        BenchError: the path names no file, there is such a file, or it cannot be written.
    """
    if path.name in {"", ".."}:
        raise BenchError(f"{str(path)!r} names no suite: wants a name, as in `bench init my-suite`")
    file = path if path.suffix in {".yaml", ".yml"} else path.with_name(f"{path.name}.yaml")
    wanted = replace(asked, environments=asked.environments or (ENVIRONMENT,), steps=asked.steps or STEPS)
    written = in_terms_of_options(wanted, lambda: _text(file, wanted))
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(written)
    except FileExistsError:
        raise BenchError(f"{file}: there is such a file, and it stays as it is; choose another name") from None
    except OSError as error:
        raise BenchError(f"{file}: cannot be written: {error.strerror}; choose another place") from error
    return file


def _text(file: Path, wanted: Asked) -> str:
    """Return the suite's text, once it has been read as any suite is."""
    asked = suite_text(replace(wanted, algorithms=wanted.algorithms or ("random",)))
    traits = {place: known for (_, place), known in open_experiment(asked, met=True).traits.items()}
    algorithms = list(wanted.algorithms or _fitting(traits))
    scored = {id_: traits[id_].reference is not None for id_ in wanted.environments}
    written = starter(file.stem, str(file), algorithms, scored, steps_of(wanted.steps or STEPS))
    try:
        open_experiment(SuiteText(written, PLACE))
    except SuiteError as error:
        named = [one for one in error.complaints if one.place.endswith(": name")]
        raise SuiteError([Complaint(str(file), one.message, one.hint) for one in named] or error.complaints) from None
    return written


def _fitting(traits: Mapping[str, Environment]) -> list[str]:
    known = catalog.algorithms()
    return [name for name in PREFERRED if not any(catalog.mismatch(known[name], place) for place in traits.values())]
