"""A path and its content in, a file out that holds the old or the new content at every moment."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

from bench.errors import WriteError
from bench.plain import printable

T = TypeVar("T")
TRIES = 3
ABANDONED_SECONDS = 3600.0
"""A temporary file of another machine that is older belongs to a writer that is gone."""


def yaml_names(package: str) -> tuple[str, ...]:
    """Return the names of the YAML files that lie beside a package's modules, without their ending, sorted."""
    found = (entry.name for entry in files(package).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


def replace(path: Path, text: str) -> None:
    """Write `text` so that `path` holds the old or the new content at every moment, a power cut included."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a file to be written, which takes the place of `path` once all went well and else goes."""
    temporary = path.with_name(f"{path.name}{mine()}")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        # On a full disk it would stand in the way of the next try.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def publish(path: Path, content: str | bytes) -> None:
    """Write a page, figure or table for readers, in a folder made where missing; text of others is made printable.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    with publishing(path) as file:
        file.write_bytes(printable(content).encode() if isinstance(content, str) else content)


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Give the path of a file for readers to be written, which takes the place of `path` once all went well.

    Raises:
        WriteError: it cannot be written; what was there is as it was.
    """
    # A link stays a link, and a device or a pipe (`--to /dev/stdout`) is written to rather than replaced.
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file() and not target.is_dir():
            yield target
            return
        with replacing(target) as temporary:
            yield temporary
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from None


def write_into(folder: Path, write: Callable[[], T]) -> T:
    """Make `folder` and return what `write` returns; again where somebody removes the folder at this very moment."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError, FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
            return write()
    folder.mkdir(parents=True, exist_ok=True)
    return write()


def mine() -> str:
    """Return how the name of a temporary file or folder of this process ends, by which `sweep` knows its writer."""
    return f".{_host()}.{os.getpid()}.tmp"


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in `folder` whose writers are gone."""
    for temporary in folder.glob("*.tmp"):
        with suppress(OSError):
            if not _abandoned(temporary):
                continue
            if temporary.is_dir():
                rmtree(temporary)
            else:
                temporary.unlink()


def _abandoned(temporary: Path) -> bool:
    *_, host, process, _ = ("", "", *temporary.name.rsplit(".", 3))
    if host == _host() and process.isdecimal() and not _runs(int(process)):
        return True
    return time.time() - temporary.stat().st_mtime > ABANDONED_SECONDS


def _host() -> str:
    return socket.gethostname().replace(".", "-")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's, or no process id at all
        return True
    return True
