"""Runs the airline's MCP server: `python -m toolgym.mcp_servers.airline --help`."""

from toolgym.mcp_servers.airline import TOOLS
from toolgym.mcp_servers.common.command import command

app = command(TOOLS)

if __name__ == "__main__":
    app()
