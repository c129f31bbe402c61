"""A profile file in, what a batch system is asked for out: written once for a cluster, for every suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.errors import BenchError, Complaint, SuiteError

_MOST_BYTES = 100_000
_OURS = frozenset(
    "--array -a --comment --chdir -D --output -o --open-mode --signal --dependency -d --parsable --no-requeue".split()  # noqa: SIM905
)
"""Options of `sbatch` by which trials are told apart, found again and stored."""


class Profile(BaseModel):
    """What each trial asks Slurm for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    minutes: int = Field(ge=5)
    """Wall minutes of one trial, after which it stores itself and is queued again; Slurm may tell of their end two and
    a half minutes before."""
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    memory_gb: float | None = Field(default=None, ge=0.1, allow_inf_nan=False)
    """In units of 2**30 bytes; Slurm takes none at all for a whole machine's."""
    gpus: int = Field(default=0, ge=0)
    """Of each trial."""
    at_once: int | None = Field(default=None, ge=1)
    """Trials side by side, at most."""
    setup: tuple[str, ...] = ()
    """Lines of shell that run before, such as `module load cuda`."""
    options: tuple[str, ...] = ()
    """Further options of `sbatch`, each as one word such as `--exclusive`."""

    @field_validator("options")
    @classmethod
    def _leave_ours(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        for word in options:
            if word.partition("=")[0] in _OURS or word[:2] in _OURS:
                raise ValueError(f"must not hold {word.partition('=')[0]}, which bench says itself")
        return options


def read_profile(path: Path) -> Profile:
    """Return what a profile file says.

    Raises:
        BenchError: it cannot be read.
        SuiteError: everything that is wrong with it, at once.
    """
    try:
        text = path.read_bytes()[:_MOST_BYTES].decode()
        loaded: Any = YAML(typ="safe", pure=True).load(text)
    except OSError as error:
        raise BenchError(f"{path}: cannot be read ({error.strerror})") from error
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        # A date that is none, a tag without its value, brackets without end: the reader has no words of its own.
        raise BenchError(f"{path}: is no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(loaded, dict):
        raise BenchError(f"{path}: must be a mapping such as `minutes: 60`")
    # A list is what YAML has for a row of words.
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in loaded.items()}
    try:
        return Profile.model_validate(given)
    except ValidationError as error:
        raise SuiteError([_complaint(path, one) for one in error.errors()]) from None


def _complaint(path: Path, one: Any) -> Complaint:
    place = f"{path}: {'.'.join(map(str, one['loc']))}"
    if one["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        return Complaint(place, f"is not known; known here: {', '.join(Profile.model_fields)}")
    if one["type"] in {"missing", "missing_argument"}:
        return Complaint(place, "is missing", "how many minutes a trial may have before it stores itself, such as 240")
    if one["type"] == "tuple_type":
        return Complaint(place, f"must be a list such as [{one['input']}], not {one['input']!r}")
    if one["type"] == "value_error":
        return Complaint(place, str(one["ctx"]["error"]), "leave it out")
    return Complaint(place, f"{str(one['msg'])[:1].lower()}{str(one['msg'])[1:]}, not {one['input']!r}")
