"""Builds the documentation's site into .build/docs and checks it: `./scripts/dev docs [--serve]`.

Nothing of it is fetched, while it is built or when it is read. Links to other sites are not followed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SITE: Final = ROOT / ".build" / "docs"
BIN: Final = Path(sys.executable).parent


def main() -> int:
    """Build and check, or serve."""
    parser = argparse.ArgumentParser(prog="./scripts/dev docs", description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve the site on this machine, and build what changes")
    if parser.parse_args().serve:
        os.chdir(ROOT)
        os.execv(BIN / "zensical", ["zensical", "serve"])
    return build() or check_links() or check_pages()


def build() -> int:
    """Build the whole site anew; a warning is an error."""
    began = time.monotonic()
    # On a warning zensical ends with a traceback, which tells nothing more.
    done = subprocess.run(
        [BIN / "zensical", "build", "--strict", "--clean"], cwd=ROOT, text=True, stderr=-1, check=False
    )
    said, _, _ = done.stderr.partition("Traceback (most recent call last):")
    sys.stderr.write(said)
    if done.returncode == 0:
        print(f"{len(list(SITE.rglob('*.html')))} pages in {time.monotonic() - began:.1f} s: {SITE / 'index.html'}")
    return done.returncode


def check_links() -> int:
    """Check that what links name is there, with its anchor."""
    command = [
        BIN / "lychee",
        "--offline",
        "--include-fragments",
        "--no-progress",
        "--root-dir",
        SITE,
        SITE / "**/*.html",
    ]
    return subprocess.run(command, check=False).returncode


def check_pages() -> int:
    """Run the tests that look at the built pages."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", ROOT / "tests" / "docs"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
