"""Files that others' tools wrote in; their runs as trials in the store, and what was refused with the reason, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works.
"""

from bench.imports.cells import Prepared, outcomes
from bench.imports.detection import read_source
from bench.imports.found import KINDS, Finding, ForeignRun, Hints, Refusal

__all__ = [
    "KINDS",
    "Finding",
    "ForeignRun",
    "Hints",
    "Prepared",
    "Refusal",
    "outcomes",
    "read_source",
]
