"""`python -m bench.cli` in, the same as `bench` out."""

from bench.cli.entry import main

main()
