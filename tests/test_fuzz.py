"""The study that feeds wrong inputs, on few of them; and equal seeds give equal inputs."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent.parent / "benchmarks" / "fuzz.py"


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, FUZZ, *words], check=False, capture_output=True, text=True, timeout=280)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["suites", "imports"])
def test_a_few_wrong_inputs_are_read_or_refused_in_a_sentence(kind: str) -> None:
    tried = fuzz("--inputs", "60", "--only", kind, "--workers", "1")
    assert tried.stdout.endswith(", seed 0: 0 did what they should not\n"), tried.stdout + tried.stderr
    assert tried.returncode == 0
