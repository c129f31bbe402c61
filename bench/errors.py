"""A user's mistake in, a sentence that names the thing, the place and the next step out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BenchError(Exception):
    """A mistake the user can mend, in one sentence or several; told a line each, without a traceback (exit code 2)."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong with an input: where, what, and what to do about it."""

    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class SuiteError(BenchError):
    """Everything wrong with a suite file, told at once."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__(*map(str, self.complaints))


class CatalogError(BenchError):
    """A name that no catalogue knows, or a plug-in that does not fit."""


class StoreError(BenchError):
    """Results on disk that cannot be read: another format, another protocol, a damaged file."""


class WriteError(BenchError):
    """A file that cannot be written, on a full or a read-only disk for instance (exit code 1)."""


class DeviceError(BenchError):
    """A device that was asked for and is not there."""


class MissingExtraError(BenchError):
    """An optional dependency is not installed; the message holds the install command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency; install it with: pip install 'bench[{extra}]'")


class DivergedError(Exception):
    """Training produced a number that is not finite; the trial is recorded as diverged."""


class OverrunError(Exception):
    """Training goes on far beyond its budget; the trial is recorded as a timeout."""
