"""The repository's results in, `bench/which/evidence.json.gz` out: what `bench which` knows where there are no results.

python benchmarks/which_evidence.py
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

from bench.which.answer import sources
from bench.which.stored import FILE, packed

ROOT = Path(__file__).parents[1]


def content(results: Path) -> str:
    """Return the text of the file, before it is compressed."""
    found, _, _ = sources(results, shipped=False)
    return json.dumps(packed(found), sort_keys=True, separators=(",", ":"))


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--to", type=Path, default=ROOT / "bench" / "which" / FILE)
    arguments = parser.parse_args()
    # Without the time: the same results give the same file.
    arguments.to.write_bytes(gzip.compress(content(arguments.results).encode(), mtime=0))
    print(f"{arguments.to}: {arguments.to.stat().st_size / 1024:,.0f} kB")


if __name__ == "__main__":
    _main()
