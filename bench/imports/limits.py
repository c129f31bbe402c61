"""How much of a source is read: nothing in, the caps that every reader keeps to out."""

from __future__ import annotations

MOST_FILES = 200_000
"""Files and folders of one source."""
DEEPEST = 40
"""Folders within each other."""
MOST_TEXT_BYTES = 64 * 2**20
"""A table."""
MOST_MONITOR_BYTES = 32 * 2**20
MOST_JSON_BYTES = 16 * 2**20
MOST_SETTINGS_BYTES = 2**20
MOST_ARCHIVE_BYTES = 16 * 2**20
"""An evaluations.npz, packed."""
MOST_ARRAY_BYTES = 64 * 2**20
"""One array of it, unpacked."""
MOST_EVENT_BYTES = 128 * 2**20
MOST_RECORD_BYTES = 2**20
"""One record of an event file; a larger one holds pictures, and is passed over."""
MOST_SCALARS = 2_000_000
"""Numbers of one event file."""
LONGEST_LINE = 2**20
"""Characters of a line of a table; a longer one is damaged."""
MOST_RUNS = 20_000
"""Of one import: each becomes a folder."""
MOST_CELLS = 5_000_000
"""Cells of one table."""


def in_words(size: int) -> str:
    """Return a number of bytes as a person would say it."""
    return f"{size / 2**20:,.0f} MB" if size >= 2**20 else f"{size / 2**10:,.0f} kB"
