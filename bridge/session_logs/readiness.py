"""Whether session logs can be kept at all (SPEC 166)."""

from __future__ import annotations

from actors.ports import SessionLogSettings
from bridge.session_logs.aes_zip import has_aes
from bridge.session_logs.places import base_of


def why_not_kept(settings: SessionLogSettings) -> str:
    """Say, in words for an admin, what is missing; "" where nothing is."""
    if not has_aes():
        return "the package pyzipper is not installed"
    if not settings.password.reveal():
        return "SESSION_LOG_ZIP_PASSWORD is empty"
    try:
        base_of(settings.folder)
    except ValueError:
        return "SESSION_LOG_DIR names no folder"
    return ""
