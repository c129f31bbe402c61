"""A suite in; every algorithm of it tuned with equal effort at its own budgets, and what tuning is worth, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works, and sets that it has
written stay readable.
"""
