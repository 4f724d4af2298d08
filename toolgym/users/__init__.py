"""Who the agent talks to."""
