"""The MCP servers of PlanArena's scenarios: `toolgym serve planarena:17`."""
