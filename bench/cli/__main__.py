"""`python -m bench.cli` in, the same as `bench` out."""

from bench.cli.app import main

main()
