"""A folder of reports in, one page that lists them with their verdicts out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from bench.files import publish
from bench.report import html, page

_HEAD = 65_536
"""Bytes of a page in which its head ends: the style sheet is in it, the figures are not."""
_DEEPEST = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """One report as the list tells it."""

    link: str
    title: str
    question: str
    verdict: str
    facts: str


def write(root: Path) -> Path:
    """Write `index.html` into a folder of reports and return it; what each report says is read from its own page."""
    index = root / "index.html"
    found = sorted(_listed(root), key=lambda one: one.link)
    publish(index, html.templates().get_template("index.html").render(reports=found, css=page.style()))
    return index


def _listed(root: Path) -> Iterator[Listed]:
    """Yield the reports in the folder and in the folders of it; a page that is none of ours, or unreadable, is none."""
    for depth in range(1, _DEEPEST + 1):
        for path in root.glob("*/" * depth + "index.html"):
            try:
                head = path.read_bytes()[:_HEAD].decode("utf-8", errors="replace")
            except OSError:
                continue
            told = _Told()
            told.feed(head)
            if "title" in told.found:
                link = path.relative_to(root).as_posix()
                yield Listed(link, *(told.found.get(name, "") for name in ("title", "question", "verdict", "facts")))


class _Told(HTMLParser):
    """What a page says of itself in its head."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what stands in `<meta name="bench:...">`."""
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "meta" and name.startswith("bench:"):
            self.found[name.removeprefix("bench:")] = given.get("content") or ""
