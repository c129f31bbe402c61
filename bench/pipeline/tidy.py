"""Stored results in; tidy frames, and files of them, out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import pandas as pd

from bench.analysis.frames import frames
from bench.errors import BenchError
from bench.files import publishing
from bench.pipeline.experiment import Experiment, open_experiment, unread
from bench.pipeline.gathering import gather
from bench.plain import plain, spreadsheet
from bench.plan import references


def load(path: str | Path) -> Mapping[str, pd.DataFrame]:
    """Return results as tidy pandas frames: `trials`, `points` (of the learning curves), `episodes`, `diagnostics`.

    Args:
        path: a results folder such as `results/discrete`, or a suite file.

    Raises:
        BenchError: nothing is there, or it cannot be read.
    """
    experiment = open_experiment(Path(path))
    for sentence in unread(experiment):
        warnings.warn(sentence, stacklevel=2)
    _, outcomes = gather(experiment)
    return frames(outcomes, references(experiment.suite))


def export(experiment: Experiment, folder: Path, kind: str) -> list[Path]:
    """Write the tidy frames into `folder` as `csv` or `parquet`; return the files.

    Raises:
        BenchError: another kind.
        WriteError: a file cannot be written.
    """
    if kind not in ("csv", "parquet"):
        raise BenchError(f"format {kind!r} is not known; csv or parquet")
    _, outcomes = gather(experiment)
    clean = spreadsheet if kind == "csv" else plain
    written = []
    for name, frame in frames(outcomes, references(experiment.suite)).items():
        written.append(folder / f"{name}.{kind}")
        readable = _with_text(frame, clean)
        with publishing(written[-1]) as path:
            readable.to_csv(path, index=False) if kind == "csv" else readable.to_parquet(path, index=False)
    return written


def _with_text(frame: pd.DataFrame, clean: Callable[[str], str]) -> pd.DataFrame:
    """Return the frame with every text cleaned; each different one once, for there are few among many rows."""
    known = lru_cache(maxsize=None, typed=True)(lambda value: clean(value) if isinstance(value, str) else value)
    return frame.assign(**{str(name): frame[name].map(known) for name in frame.select_dtypes(["object", "string"])})
