"""A published table's name in; its protocol run again, a verdict for every number and the table's own page, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works, and reports go on to judge the
published numbers about their cells (`bench/analysis/published.py`).
"""
