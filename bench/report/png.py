"""A scene in, a PNG file's bytes out, for slides and papers."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.report import palette
from bench.report.scene import Dots, Fill, Group, Ink, Mark, Points, Scene, Stroke, Words, shape

DPI = 200
Rectangle = tuple[float, float, float, float]
"""Left, top, width, height, in points."""
_SCALE = DPI / 72
_EFFORT = 2
"""Of the compression, 0 to 9; beyond this it takes longer and saves little."""


def to_png(scene: Scene) -> bytes:
    """Return the scene on white at 200 dots per inch, drawn by matplotlib's Agg without its axes and layout."""
    from matplotlib.backends.backend_agg import RendererAgg  # noqa: PLC0415 - half a second that only PNGs should cost
    from PIL import Image  # noqa: PLC0415 - as above; comes with matplotlib

    width, height = round(scene.width * _SCALE), round(scene.height * _SCALE)
    agg: Any = RendererAgg(width, height, DPI)  # type: ignore[no-untyped-call] # matplotlib's own gap
    with warnings.catch_warnings():
        # A label may hold signs that the font lacks; the SVG keeps them as text all the same.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        _draw(agg, scene.marks, scene.height)
    layer = Image.fromarray(np.asarray(agg.buffer_rgba()))
    image = Image.new("RGBA", layer.size, "white")
    image.alpha_composite(layer)
    file = io.BytesIO()
    image.convert("RGB").save(file, "png", compress_level=_EFFORT, dpi=(DPI, DPI))
    return file.getvalue()


def _draw(agg: Any, marks: Sequence[Mark], height: float, clip: Rectangle | None = None) -> None:
    for mark in marks:
        match mark:
            case Group():
                _draw(agg, mark.marks, height, mark.clip or clip)
            case Stroke():
                pen = _pen(agg, mark.ink, mark.alpha, mark.width, mark.dash)
                _limit(pen, clip, height)
                _path(agg, pen, mark.lines, height, None)
            case Fill():
                _path(agg, _pen(agg, mark.ink, mark.alpha, 0.0), mark.outlines, height, palette.hexadecimal(mark.ink))
            case Dots():
                outlines = [np.array(shape(mark.marker, mark.size)) + place for place in mark.at]
                pen = _pen(agg, mark.ink, 1.0, 1.0 if mark.hollow else 0.0)
                _path(agg, pen, outlines, height, None if mark.hollow else palette.hexadecimal(mark.ink), close=True)
            case Words():
                _words(agg, mark, height)


def _limit(pen: Any, clip: Rectangle | None, height: float) -> None:
    from matplotlib.transforms import Bbox  # noqa: PLC0415 - as above

    if clip is not None:
        left, top, wide, tall = clip
        corners = (left, height - top - tall, wide, tall)
        pen.set_clip_rectangle(Bbox.from_bounds(*(_SCALE * value for value in corners)))


def _pen(agg: Any, ink: Ink, alpha: float, width: float, dash: tuple[float, ...] = ()) -> Any:
    from matplotlib.colors import to_rgba  # noqa: PLC0415 - as above

    pen = agg.new_gc()
    pen.set_foreground(to_rgba(palette.hexadecimal(ink)), isRGBA=True)
    pen.set_alpha(alpha)
    # Agg turns points into dots itself, for widths and dashes alone.
    pen.set_linewidth(width)
    pen.set_capstyle("butt")
    pen.set_joinstyle("round")
    pen.set_antialiased(True)
    if dash:
        pen.set_dashes(0, list(dash))
    return pen


def _path(agg: Any, pen: Any, lines: Sequence[Points], height: float, fill: str | None, *, close: bool = False) -> None:
    from matplotlib.colors import to_rgb  # noqa: PLC0415 - as above
    from matplotlib.path import Path  # noqa: PLC0415 - as above
    from matplotlib.transforms import IdentityTransform  # noqa: PLC0415 - as above

    for line in lines:
        if len(line):
            corners = np.column_stack([line[:, 0], height - line[:, 1]]) * _SCALE
            path = Path(np.vstack([corners, corners[:1]]) if close or fill else corners)
            agg.draw_path(pen, path, IdentityTransform(), None if fill is None else to_rgb(fill))


def _words(agg: Any, mark: Words, height: float) -> None:
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415 - as above

    font = FontProperties(family="DejaVu Sans", size=0.92 * mark.size, weight="bold" if mark.bold else "normal")
    wide, _, _ = agg.get_text_width_height_descent(mark.text, font, ismath=False)
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[mark.anchor] * wide
    pen = _pen(agg, mark.ink, 1.0, 0.0)
    # Agg counts rows of text from the top, whatever it does with paths.
    del height
    agg.draw_text(pen, mark.x * _SCALE - shift, mark.y * _SCALE, mark.text, font, 0)
