"""Files that others' tools wrote in; their runs, and what was refused with the reason, out."""

from bench.imports.cells import Prepared, imported, outcomes
from bench.imports.detection import read_source
from bench.imports.found import KINDS, Finding, ForeignRun, Hints, Refusal
from bench.imports.telling import origins

__all__ = [
    "KINDS",
    "Finding",
    "ForeignRun",
    "Hints",
    "Prepared",
    "Refusal",
    "imported",
    "origins",
    "outcomes",
    "read_source",
]
