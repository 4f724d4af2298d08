"""Doors to other projects: our environments in theirs, and theirs as ours. Each needs the other's package."""
