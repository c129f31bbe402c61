"""Words of the command line in, what it says and its exit code out, without a process of its own.

A process takes a second to import what a command needs, and a run in one takes several to start a fork server.
"""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.cli.app import main


@dataclass(frozen=True)
class Told:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def bench(*words: object, cwd: Path | None = None) -> Told:
    """Carry out a command in this process, 200 columns wide; `cwd` is the working directory."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["bench", *map(str, words)])
        patch.setattr(sys, "path", [*sys.path])
        patch.setenv("COLUMNS", "200")
        if cwd is not None:
            patch.chdir(cwd)
        with pytest.raises(SystemExit) as end:
            main()
    return Told(int(end.value.code or 0), out.getvalue(), err.getvalue())
