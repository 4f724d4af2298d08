"""Runs the shop's MCP server: `python -m toolgym.mcp_servers.retail --help`."""

from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.retail import TOOLS

app = command(TOOLS)

if __name__ == "__main__":
    app()
