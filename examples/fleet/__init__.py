"""One release in many clusters: a few at a time, each within its deadline, one that fails, a table at the end."""
