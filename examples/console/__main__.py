"""Begins the console such that Ctrl-C ends it without a traceback from the first moment, before all is imported."""

import sys

try:
    from .command import main

    code = main()
except KeyboardInterrupt:
    code = 130
sys.exit(code)
