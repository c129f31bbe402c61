"""A suite file in; trials run, results kept, a report written: the one place that knows all rooms.

The heavy rooms are imported where they are used: `bench --help` and `bench status` must not pay for pandas.
"""

from bench.pipeline.asking import Asked
from bench.pipeline.execution import RunOptions, Summary, carry_out, lock_note, prepare, run
from bench.pipeline.experiment import (
    RESULTS,
    SUITE_COPY,
    CellStatus,
    Experiment,
    SuiteText,
    cells_in_order,
    cost_of,
    default_workers,
    measured_seconds,
    open_experiment,
    require_extras,
    slow_after_seconds,
    status,
    unread,
)
from bench.pipeline.results import (
    BOOTSTRAP_SEED,
    DOCUMENTS,
    REPORTS,
    estimates,
    export,
    gather,
    load,
    report_document,
    write_report,
)
from bench.plan import references

__all__ = [
    "BOOTSTRAP_SEED",
    "DOCUMENTS",
    "REPORTS",
    "RESULTS",
    "SUITE_COPY",
    "Asked",
    "CellStatus",
    "Experiment",
    "RunOptions",
    "SuiteText",
    "Summary",
    "carry_out",
    "cells_in_order",
    "cost_of",
    "default_workers",
    "estimates",
    "export",
    "gather",
    "load",
    "lock_note",
    "measured_seconds",
    "open_experiment",
    "prepare",
    "references",
    "report_document",
    "require_extras",
    "run",
    "slow_after_seconds",
    "status",
    "unread",
    "write_report",
]
