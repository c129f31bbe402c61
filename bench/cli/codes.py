"""Nothing in; the exit code of a command that was interrupted, or that nobody listens to any more, out."""

INTERRUPTED = 130
