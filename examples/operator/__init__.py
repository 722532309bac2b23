"""A kopf operator: an object in the cluster names a chart and values, and the release follows it."""
