"""The main job, shown: charts deployed at once on a real control plane. Run by `./scripts/dev demo`."""
