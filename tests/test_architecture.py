"""The map of the code tells of every room, and of no file that is not there."""

import re
from pathlib import Path

TOP = Path(__file__).parents[1]
MAP = (TOP / "docs" / "architecture.md").read_text()


def test_the_tree_has_every_room_once() -> None:
    tree = re.findall(r"^  (\w+(?:/|\.py)) +\S", MAP, re.MULTILINE)
    there = [f"{path.name}/" for path in (TOP / "bench").iterdir() if (path / "__init__.py").is_file()]
    there += [path.name for path in (TOP / "bench").glob("[!_]*.py")]
    assert sorted(tree) == sorted(there)


def test_every_file_of_the_walks_is_there() -> None:
    named = set(re.findall(r"`(?:bench/)?([a-z_0-9]+/[a-z_0-9]+\.py)`", MAP)) - {"tests/test_wings.py"}
    assert len(named) > 30
    assert [name for name in sorted(named) if not (TOP / "bench" / name).is_file()] == []
