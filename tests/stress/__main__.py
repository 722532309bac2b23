"""Runs a campaign: `./scripts/dev stress [faults|kills|cancel] [--seed N] [--count N] [--rows …]`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

CAMPAIGNS = tuple(name for name in ("faults", "kills", "cancel") if (Path(__file__).parent / f"{name}.py").exists())


def main(arguments: Sequence[str]) -> int:
    """Run the campaign that is named, or all."""
    named = arguments[0] if arguments and not arguments[0].startswith("-") else ""
    if named and named not in CAMPAIGNS:
        print(f"there is no campaign {named!r}: it is one of {', '.join(CAMPAIGNS)}", file=sys.stderr)
        return 2
    rest = arguments[1:] if named else arguments
    codes = [_campaign(name)(rest) for name in ([named] if named else CAMPAIGNS)]
    return max(codes)


def _campaign(name: str) -> Callable[[Sequence[str]], int]:
    return cast("Callable[[Sequence[str]], int]", importlib.import_module(f"tests.stress.{name}").main)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
