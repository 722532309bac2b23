"""A web page to deploy charts and to watch them. Run by `./scripts/dev example console`."""
