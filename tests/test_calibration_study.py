"""The simulation of wrong verdicts judges by the aggregate that it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows(decide: str) -> list[str]:
    command = [sys.executable, "benchmarks/calibration.py", "--table", "equivalence", "--families", "4"]
    done = subprocess.run([*command, "--decide", decide], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith(("| 1", "| 3"))]


def test_on_one_environment_the_rules_are_one_and_on_several_the_one_asked_for_decides() -> None:
    pooled, by_environment = rows("score"), rows("iqm-by-environment")
    assert pooled[0] == by_environment[0]
    assert pooled[1] != by_environment[1]
