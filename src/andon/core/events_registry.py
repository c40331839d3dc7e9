"""The events of a workspace's registry of repositories; part of `events`, where their rules stand."""

from __future__ import annotations

from andon.core.event import Event


class RepositoryAdded(Event, frozen=True, kw_only=True):
    """A repository belongs to the workspace, maybe again. path: its git directory on this machine."""

    repository: str
    path: str


class RepositoryMoved(Event, frozen=True, kw_only=True):
    """It was found at another place."""

    path: str


class RepositoryRemoved(Event, frozen=True, kw_only=True):
    """It belongs to the workspace no more; what was found in it stays."""
