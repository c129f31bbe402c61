"""An experiment and a figure's name in, the figure as a file out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.catalog import did_you_mean
from bench.errors import BenchError
from bench.files import publish
from bench.pipeline.experiment import Experiment
from bench.pipeline.results import estimates
from bench.report import drawing, figures, order

POINTS_PER_INCH = 72


def figure_names(experiment: Experiment) -> dict[str, str]:
    """Return the name of each figure there is data for, with what it shows."""
    return {figure.name: figure.caption for figure in figures.every(estimates(experiment))}


def plot(experiment: Experiment, name: str, out: Path, width: float | None = None) -> Path:
    """Draw one figure of the report into a file whose ending, svg, png or pdf, decides its format.

    Args:
        experiment: whose results.
        name: a figure's name, a section's (`learning`) or an environment's: the first figure of these.
        out: the file.
        width: in inches; as wide as on the page if not given.

    Raises:
        BenchError: there is no such figure, or no such format.
        WriteError: the file cannot be written.
    """
    ending = out.suffix.lstrip(".").lower()
    if ending not in drawing.FORMATS:
        raise BenchError(f"{out}: figures are written as {', '.join(drawing.FORMATS)}; end the file's name in one")
    found = estimates(experiment)
    every = list(figures.every(found))
    environments = {place: f"environment-{at}" for at, place in enumerate(order.environments(found), start=1)}
    figure = _named(every, environments.get(name, name), [*environments])
    points = None if width is None else width * POINTS_PER_INCH
    drawn = drawing.draw(figure, order.styles(found), legend=True, width=points)
    publish(out, drawing.to_bytes(drawn, ending))
    return out


def _named(every: Sequence[figures.Figure], name: str, environments: Sequence[str]) -> figures.Figure:
    chosen = next((figure for figure in every if name in (figure.name, figure.section)), None)
    if chosen is None:
        known = list(dict.fromkeys([*(figure.name for figure in every), *(figure.section for figure in every)]))
        hint = did_you_mean(name, [*known, *environments])
        raise BenchError(f"there is no figure {name!r}; {hint or 'without --figure, bench plot lists them'}")
    return chosen
