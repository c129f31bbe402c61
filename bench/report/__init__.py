"""Estimates in; page, figures and tables out."""

from bench.report.folder import write
from bench.report.formats import KINDS, render

__all__ = ["KINDS", "render", "write"]
