"""Estimates in; page, figures and tables out."""

from bench.report.folder import write

__all__ = ["write"]
