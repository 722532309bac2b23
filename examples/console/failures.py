"""Tells an error as the page shows it."""

from __future__ import annotations

from typing import Any

from helm_sdkpy import HelmError

TOLD = ("field", "file", "line", "phase", "resource", "seconds")
"""Of an error's details, what says more than its message."""


def told(error: BaseException) -> dict[str, Any]:
    """An error's code and message, and why what is not ready is not."""
    if not isinstance(error, HelmError):
        return {"code": "console", "message": f"{type(error).__name__}: {error}", "details": {}, "not_ready": []}
    return {
        "code": error.code,
        "message": str(error),
        "details": {name: error.details[name] for name in TOLD if name in error.details},
        "not_ready": error.details.get("not_ready", []),
    }
