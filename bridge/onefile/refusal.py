"""Why there is no pipe file this time."""

from __future__ import annotations


class BuildRefused(Exception):
    """The sources cannot become a pipe file; the text tells a developer what to change."""
