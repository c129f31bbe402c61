"""An environment in; the algorithm that stored results recommend, and the suite that would settle it, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works.
"""
