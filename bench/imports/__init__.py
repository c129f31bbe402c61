"""Files that others' tools wrote in; their runs as trials in the store, and what was refused with the reason, out.

A wing: without this folder and its line in `bench/cli/commands.py` the rest works.
"""
