"""Andon, the coordination layer for software factories."""

__version__ = "0.1.0"
