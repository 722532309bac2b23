"""Every log record of an operation says of which it is."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Wire
from .test_operation import phase


async def test_every_record_of_an_operation_says_of_which(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """Those of Go, and those of Python's own."""

    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit({"op": op, "type": "log", "level": "warning", "message": "from Go", "release": "sub"})
        wire.library.emit({"op": 0, "type": "log", "level": "warning", "message": "of none"}, phase(op, 1))
        wire.library.done(op, "done", dropped=3)

    def fails(event: Any) -> None:
        raise ZeroDivisionError

    wire.library.on_start = start
    await wire.run(on_event=fails)
    about = {
        record.getMessage(): [record.__dict__[name] for name in ("release", "namespace", "action", "operation")]
        for record in caplog.records
    }
    ours = ["shop", "web", "install", 1]
    assert about == {
        "from Go": ["sub", *ours[1:]],
        "of none": [None] * 4,
        "on_event of install of shop in web failed": ours,
        "install of shop in web: on_event was too slow for 3 events, which were dropped": ours,
    }
