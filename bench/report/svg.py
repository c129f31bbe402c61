"""A matplotlib figure in; an SVG file, a PNG file, an SVG element for a page out."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from bench.report import palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMESPACE = re.compile(r"^\{[^}]*\}")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_SHORTHAND = re.compile(r"font: ([\d.]+px) [^;]*")
_NO_ROTATION = re.compile(r"^rotate\(-?0 ")
_PNG_DPI = 200
_PNG_EFFORT = {"compress_level": 4}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_DROPPED = frozenset({"metadata", "style"})


def to_svg(figure: Figure, salt: str) -> str:
    """Return the figure as an SVG file's text: letters stay letters, the same figure gives the same bytes."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as in _settings

    page = io.StringIO()
    with _settings({"svg.hashsalt": salt}):
        # Figure.savefig would draw everything twice, for layouts that these figures do not use.
        FigureCanvasSVG(figure).print_svg(page, metadata=_NO_METADATA)  # type: ignore[no-untyped-call] # matplotlib's own gap
    return page.getvalue().replace("'DejaVu Sans'", palette.SANS)


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG on white, for slides and papers."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - as in _settings

    image = io.BytesIO()
    ground, dpi = figure.get_facecolor(), figure.dpi
    figure.set(facecolor="white", dpi=_PNG_DPI)
    with _settings():
        FigureCanvasAgg(figure).print_png(image, pil_kwargs=_PNG_EFFORT)  # type: ignore[no-untyped-call] # as above
    figure.set(facecolor=ground, dpi=dpi)
    return image.getvalue()


def inline(svg: str, prefix: str) -> str:
    """Return the `<svg>` element of a file's text for a page that holds many.

    Ids that are referred to get `prefix`, the others go; colours become the page's variables, so that they turn over
    in dark mode; coordinates are rounded to a hundredth of a point.
    """
    root = ET.fromstring(svg)  # noqa: S314 - our own output of a moment ago
    used = set(re.findall(r"""(?:url\(|href=["'])#([\w-]+)""", svg))
    _strip(root, prefix, used)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    return ET.tostring(root, encoding="unicode")


@contextmanager
def _settings(more: Mapping[Any, Any] = MappingProxyType({})) -> Iterator[None]:
    from matplotlib import rc_context  # noqa: PLC0415 - half a second that only drawing should cost

    with rc_context({**palette.MATPLOTLIB, **more}), warnings.catch_warnings():
        # A label may hold signs that the layout font lacks; the SVG keeps them as text all the same.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def _strip(element: ET.Element, prefix: str, used: set[str]) -> None:
    element.tag = _NAMESPACE.sub("", element.tag)
    attributes = {_NAMESPACE.sub("", name): value for name, value in element.attrib.items()}
    element.attrib.clear()
    for name, value in attributes.items():
        kept = _attribute(name, value, prefix, used)
        if kept is not None:
            element.set(name, kept)
    for child in list(element):
        if _NAMESPACE.sub("", child.tag) in _DROPPED:
            element.remove(child)
        else:
            _strip(child, prefix, used)


def _attribute(name: str, value: str, prefix: str, used: set[str]) -> str | None:
    if name == "id":
        return f"{prefix}-{value}" if value in used else None
    if name == "href":
        return value.replace("#", f"#{prefix}-", 1)
    if name == "style":
        # The page's own font; matplotlib before 3.11 wrote size and family as one.
        return _themed(_FAMILY.sub("", _SHORTHAND.sub(r"font-size: \1", value))).strip()
    if name == "transform" and _NO_ROTATION.match(value):
        return None
    if name in {"d", "x", "y", "transform"}:
        return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
    return value.replace("url(#", f"url(#{prefix}-")


_VARIABLES = {
    **palette.NEUTRALS,
    **{colour: f"--series-{place}" for place, colour in enumerate(palette.LIGHT)},
}


def _themed(style: str) -> str:
    return re.sub(r"#[0-9a-f]{6}", lambda found: _variable(found[0]), style)


def _variable(colour: str) -> str:
    return f"var({_VARIABLES[colour]})" if colour in _VARIABLES else colour
