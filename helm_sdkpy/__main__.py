"""The helm command of the version that the library holds: `python -m helm_sdkpy …` and `helm-sdkpy …`.

The library is a program as well: this process becomes it, so that arguments, environment, standard input and output,
signals and exit codes are the command's own, and nothing of Python's stands between.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from ._ffi import command
from .exceptions import HelmLibraryNotFound


def main() -> NoReturn:
    """Become the helm command, with this process's arguments.

    Raises:
        SystemExit: There is no library for this machine, or it can not be run; the reason is on standard error.
    """
    try:
        program, *arguments = command()
        # The console script's own name is that for which `completion` makes scripts, and what plugins find in HELM_BIN.
        name = program if arguments or sys.argv[0].endswith(".py") else sys.argv[0]
        os.execv(program, [name, *arguments, *sys.argv[1:]])
    except HelmLibraryNotFound as missing:
        reason = str(missing)
    except OSError as failed:
        reason = f"the helm command can not be run: {failed.strerror}: {failed.filename}"
    sys.exit(f"helm-sdkpy: {reason}")


if __name__ == "__main__":
    main()
