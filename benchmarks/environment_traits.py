"""Environment ids in, `bench/which/traits.yaml` out: the traits by which `bench which` tells what is near.

Every environment is probed by the same random policy that `bench which` plays on a user's own. Those that cannot be
made here (a missing extra) are named and left out. Run it on an idle machine: the steps a second depend on it.

    python benchmarks/environment_traits.py
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from zlib import crc32

from bench.catalog import environments, installed
from bench.errors import CatalogError
from bench.pipeline.inspection import look_at
from bench.records import Traits
from bench.which.answer import SECONDS, STEPS
from bench.which.traits import FILE, written

PLACE = Path(__file__).parents[1] / "bench" / "which" / FILE
HEADER = """What a random policy finds in each environment of the catalogue; fields as in bench/records/transfer.py.
Written by `python benchmarks/environment_traits.py`; not to be edited by hand."""


def _probed(names: list[str], seed: int, seconds: float) -> list[Traits]:
    found = []
    for name in names:
        try:
            found.append(look_at(name, seed=seed ^ crc32(name.encode()) & 0x7FFFFFFF, steps=STEPS, seconds=seconds))
        except CatalogError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        print(f"{name}: {found[-1].steps:,} steps, {found[-1].episodes:,} episodes", file=sys.stderr)
    return found


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("environments", nargs="*", default=list(environments()), help="all of the catalogue if none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of play, at most, for each")
    parser.add_argument("--to", type=Path, default=PLACE)
    arguments = parser.parse_args()
    found = _probed(arguments.environments, arguments.seed, arguments.seconds)
    versions = installed(dict.fromkeys(package for entry in environments().values() for package in entry.distributions))
    source = {"python": platform.python_version(), "machine": platform.machine(), **versions}
    arguments.to.write_text(written(found, HEADER, source), encoding="utf-8")
    print(arguments.to)


if __name__ == "__main__":
    _main()
