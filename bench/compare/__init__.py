"""Two algorithms, or two sets of results, in; which is better and how sure that is, in the terminal, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works.
"""
