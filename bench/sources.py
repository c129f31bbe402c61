"""Loaded modules in, their files and what tells when these change out."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

_INSTALLED = Path(sys.prefix).resolve()


def loaded_since(before: Collection[str]) -> dict[str, str]:
    """Return path -> stamp of the files of all modules that are loaded now and are not among the names given."""
    modules = [module for name, module in list(sys.modules.items()) if name not in before]
    paths = {Path(file).resolve() for module in modules if (file := getattr(module, "__file__", None))}
    return {str(path): stamp(path) for path in sorted(paths) if path.is_file()}


def stamp(path: Path) -> str:
    """Return what changes whenever the file does: of installed files size and time, as there may be thousands."""
    if path.is_relative_to(_INSTALLED):
        status = path.stat()
        return f"{status.st_size}-{status.st_mtime_ns}"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def unchanged(stamps: Mapping[str, str]) -> bool:
    """Return whether every file is what it was."""
    try:
        return all(stamp(Path(path)) == told for path, told in stamps.items())
    except OSError:
        return False
