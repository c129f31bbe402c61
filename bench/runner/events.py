"""Evaluations in, TensorBoard's event files out, for whoever wants to watch; no number of a record comes from here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.runner.evaluation import Episodes

EVENTS = "tensorboard"
"""Folder within a trial's."""


class Events:
    """The event files of one trial: the harness's evaluations, beside those of the learning library.

    Each writer has a folder of its own, since TensorBoard follows only the newest file of a folder.
    """

    def __init__(self, folder: Path, *, anew: bool = True) -> None:
        """Begin `anew`, for an earlier attempt's files would be drawn into the same curve, or go on with them."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415 - an extra

        if anew:
            rmtree(folder, ignore_errors=True)
        self.training = folder / "training"
        self._writer = EventFileWriter(str(folder / "evaluation"))

    def tell(self, what: str, steps: int, played: Episodes) -> None:
        """Write the means of one evaluation, at once."""
        from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 - an extra
        from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415 - an extra

        means = {f"{what}/mean_return": played.returns.mean(), f"{what}/mean_length": played.lengths.mean()}
        values = [Summary.Value(tag=tag, simple_value=float(mean)) for tag, mean in means.items()]
        with self._merely_told():
            self._writer.add_event(Event(wall_time=time.time(), step=steps, summary=Summary(value=values)))
            self._writer.flush()

    def close(self) -> None:
        """Close the harness's own file."""
        with self._merely_told():
            self._writer.close()

    @staticmethod
    @contextmanager
    def _merely_told() -> Iterator[None]:
        """Let no full disk end a trial for the sake of a curve to watch."""
        try:
            yield
        except OSError as error:
            # A worker's standard output is its log.
            print(f"--- TensorBoard's event file could not be written: {error}")  # noqa: T201
