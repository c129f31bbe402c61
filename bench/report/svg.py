"""A matplotlib figure in; an SVG file, a PNG file, an SVG element for a page out."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from bench.report import palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMESPACE = re.compile(r"^\{[^}]*\}")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font: (?:(?P<weight>bold|\d00) )?(?P<size>[\d.]+)px [^;]*")
_PNG_DPI = 220
_DROPPED = frozenset({"metadata", "style"})


def to_svg(figure: Figure, salt: str) -> str:
    """Return the figure as an SVG file's text: letters stay letters, the same figure gives the same bytes."""
    with _settings(**{"svg.hashsalt": salt}):
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None})
    return page.getvalue().replace("'DejaVu Sans'", palette.SANS)


def to_png(figure: Figure) -> bytes:
    """Return the figure as a PNG on white, for slides and papers."""
    with _settings():
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=_PNG_DPI, facecolor="white")
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
def _settings(**more: str) -> Iterator[None]:
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
        return _themed(_FONT.sub(_font_size, value)).strip()
    if name in {"d", "x", "y", "transform"}:
        return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
    return value.replace("url(#", f"url(#{prefix}-")


def _font_size(found: re.Match[str]) -> str:
    weight = f"; font-weight: {found['weight']}" if found["weight"] else ""
    return f"font-size: {found['size']}px{weight}"


_VARIABLES = {
    **palette.NEUTRALS,
    **{colour: f"--series-{place}" for place, colour in enumerate(palette.LIGHT)},
}


def _themed(style: str) -> str:
    return re.sub(r"#[0-9a-f]{6}", lambda found: _variable(found[0]), style)


def _variable(colour: str) -> str:
    return f"var({_VARIABLES[colour]})" if colour in _VARIABLES else colour
