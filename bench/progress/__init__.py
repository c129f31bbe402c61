"""A run's events in; how far it is, on a terminal, in a log or for a program, out."""
