"""A file or folder in; every file under it that may be read, and all else with the reason why not, out.

Links are followed; a folder that was entered already, under whatever name, is not entered again.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.imports.found import Refusal
from bench.imports.limits import DEEPEST, MOST_FILES
from bench.imports.names import natural


@dataclass(slots=True)
class Tree:
    """What lies under a folder."""

    files: list[Path] = field(default_factory=list)
    """Regular files, links to such included, in natural order."""
    unread: list[Refusal] = field(default_factory=list)
    """What is there and cannot be read, by full path: a run may be missing."""
    passed: list[Refusal] = field(default_factory=list)
    """What is there and is not looked at, by full path: nothing of a run is missing."""


def walk(root: Path) -> Tree:
    """Return every file under a folder, or the file itself."""
    tree = Tree()
    for path in [root] if not root.is_dir() else _entries(root, tree):
        if len(tree.files) >= MOST_FILES:
            told = f"more than {MOST_FILES:,} files: what comes after is not looked at; import its folders one by one"
            tree.unread.append(Refusal(str(path), told))
            break
        _sort(path, tree)
    _once(tree)
    return tree


def _once(tree: Tree) -> None:
    """Sort the files, and pass over links to those that are there already."""
    seen: dict[tuple[int, int], Path] = {}
    for path in sorted(tree.files, key=lambda file: (file.is_symlink(), natural(str(file)))):
        status = path.stat()
        other = seen.setdefault((status.st_dev, status.st_ino), path)
        if other != path and path.is_symlink():
            tree.passed.append(Refusal(str(path), f"a link to {other.name}, which is read already"))
    linked = {one.file for one in tree.passed}
    tree.files[:] = sorted(
        (file for file in tree.files if str(file) not in linked), key=lambda file: natural(str(file))
    )


def _entries(root: Path, tree: Tree) -> Iterator[Path]:
    """Yield everything below a folder that is no folder itself; folders before links, so that names stay."""
    entered: dict[tuple[int, int], Path] = {}
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        for path in _opened(folder, root, tree, entered):
            if path.name.startswith("."):
                tree.passed.append(Refusal(str(path), "hidden: its name begins with a dot"))
            elif path.is_dir():
                (links if path.is_symlink() else folders).append(path)
            else:
                yield path


def _opened(folder: Path, root: Path, tree: Tree, entered: dict[tuple[int, int], Path]) -> list[Path]:
    """Return what lies in a folder; nothing where it was entered before, is too deep or cannot be read."""
    try:
        status = folder.stat()
        paths = sorted(folder.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        tree.unread.append(Refusal(str(folder), f"cannot be read: {error.strerror}"))
        return []
    if (other := entered.setdefault((status.st_dev, status.st_ino), folder)) != folder:
        tree.passed.append(Refusal(str(folder), f"a link to {other.name}, which is read already"))
        return []
    if len(folder.relative_to(root).parts) > DEEPEST:
        tree.unread.append(Refusal(str(folder), f"more than {DEEPEST} folders within each other: not entered"))
        return []
    return paths


def _sort(path: Path, tree: Tree) -> None:
    try:
        status = path.stat()
    except OSError as error:
        dangling = path.is_symlink() and not path.exists()
        told = f"a link to {path.readlink()}, which is not there" if dangling else f"cannot be read: {error.strerror}"
        tree.unread.append(Refusal(str(path), told))
        return
    if not stat.S_ISREG(status.st_mode):
        tree.unread.append(Refusal(str(path), "no regular file (a pipe, a socket or a device): not opened"))
    else:
        tree.files.append(path)
