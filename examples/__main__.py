"""Runs an example by its name, or lists them: `./scripts/dev example [NAME [ARGS]]`."""

from __future__ import annotations

import ast
import runpy
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent


def examples() -> dict[str, str]:
    """What each program here shows, by its name: a module that can be run, or a package with a `__main__`."""
    found: dict[str, str] = {}
    for path in sorted(HERE.iterdir()):
        source = path / "__init__.py" if (path / "__main__.py").is_file() else path
        if source.suffix == ".py" and path != Path(__file__):
            text = source.read_text()
            if path.is_dir() or 'if __name__ == "__main__":' in text:
                docstring = ast.get_docstring(ast.parse(text)) or ""
                found[path.stem] = docstring.partition("\n")[0]
    return found


def main(arguments: list[str]) -> int:
    """Run what the first argument names; gives the exit code."""
    known = examples()
    if not arguments or arguments[0] in {"-h", "--help"}:
        for name, shown in known.items():
            print(f"{name:<16} {shown}")
        return 0
    name = arguments[0]
    if name not in known:
        print(f"there is no example {name}: {', '.join(known)}", file=sys.stderr)
        return 2
    sys.argv = sys.argv[1:]
    try:
        runpy.run_module(f"examples.{name}", run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:  # before the example's own code can take care of it
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
