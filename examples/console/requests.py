"""Reads what a page asks for: everything of the right type and in its range, or an answer that names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from .charts import Charts
from .operations import KINDS, Wanted

NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""What Helm takes as the name of a release (helm: pkg/chart/common/util/validate_name.go)."""

LONGEST: Final = 53


class Refused(Exception):
    """What was asked for can not be done."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def wanted(body: Mapping[str, Any], charts: Charts) -> Wanted:
    """The operation that a request asks for.

    Raises:
        Refused: A field is missing, of the wrong type or out of range.
        UnknownChart: There is no such chart.
    """
    kind = body.get("kind")
    if kind not in KINDS:
        raise Refused("kind", f"is one of {', '.join(KINDS)}")
    release = _text(body, "release")
    if len(release) > LONGEST or not NAME.fullmatch(release):
        raise Refused("release", f"lower case letters, digits, - and ., {LONGEST} at most")
    deploys = kind in ("install", "upgrade")
    chart = _text(body, "chart") if deploys else ""
    return Wanted(
        kind=kind,
        release=release,
        chart=chart,
        source=str(charts.source(chart)) if deploys else "",
        values=_text(body, "values") if deploys else "",
        wait=_flag(body, "wait", True),
        timeout=_number(body, "timeout", 300, 1, 3600),
        rollback_on_failure=_flag(body, "rollback_on_failure", False),
        revision=int(_number(body, "revision", 0, 0, 1 << 31)),
        keep_history=_flag(body, "keep_history", False),
    )


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        raise Refused(field, "is missing" if value is None else "is no text")
    return value


def _flag(body: Mapping[str, Any], field: str, default: bool) -> bool:
    value = body.get(field, default)
    if not isinstance(value, bool):
        raise Refused(field, "is neither true nor false")
    return value


def _number(body: Mapping[str, Any], field: str, default: float, least: float, most: float) -> float:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise Refused(field, f"is no number from {least:g} to {most:g}")
    return value
