"""Long campaigns against the library: `./scripts/dev stress faults|kills|cancel`."""
