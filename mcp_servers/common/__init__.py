"""What the domains' MCP servers share: their making, their command, and the tools that every domain has."""
