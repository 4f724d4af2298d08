"""The airline domain: worlds, policy and tasks."""
