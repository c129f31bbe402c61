"""Words typed in, words and exit codes out.

0: all done. 1: some trials failed or are missing, or a file cannot be written. 2: the input is wrong. 130: interrupted,
or nobody reads the output any more.
"""

from bench.cli.entry import main

__all__ = ["main"]
