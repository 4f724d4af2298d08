"""tau-bench: its public tasks in its public worlds, on the tools of this project."""
