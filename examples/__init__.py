"""Programs to read and to copy: what each shows is its first line."""
