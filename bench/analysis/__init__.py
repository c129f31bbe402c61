"""Records in, estimates out: scores, curves, intervals, comparisons, verdicts.

Pure: no disk, no clock, no plot; randomness comes in as a generator.
"""

from bench.analysis.assemble import analyse

__all__ = ["analyse"]
