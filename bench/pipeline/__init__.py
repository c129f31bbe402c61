"""A suite file in; trials run, results kept, a report written: the one place that knows all rooms.

Here stands what neither analyses nor draws, so that `bench status` does not pay for scipy and seaborn. The rest is
imported from where it lies: `results` (estimates, reports), `tidy` (frames), `sequential`, `plotting`, `policies`.
"""

from bench.pipeline.asking import Asked
from bench.pipeline.execution import EXECUTORS, RunOptions, Summary, carry_out, lock_note, prepare, require_devices, run
from bench.pipeline.experiment import (
    CellStatus,
    Experiment,
    SuiteText,
    cells_in_order,
    cost_of,
    measured_seconds,
    open_experiment,
    oversized_here,
    require_asked_for,
    require_runnable,
    slow_after_seconds,
    status,
    trial_seconds,
    unplanned,
    unread,
)
from bench.pipeline.naming import REPORTS, RESULTS, SUITE_COPY
from bench.plan import references
from bench.runner.devices import default_workers

__all__ = [
    "EXECUTORS",
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
    "lock_note",
    "measured_seconds",
    "open_experiment",
    "oversized_here",
    "prepare",
    "references",
    "require_asked_for",
    "require_devices",
    "require_runnable",
    "run",
    "slow_after_seconds",
    "status",
    "trial_seconds",
    "unplanned",
    "unread",
]
