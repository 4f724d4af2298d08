"""Runs the operator's MCP server: `python -m toolgym.mcp_servers.telecom --help`."""

from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.telecom import TOOLS

app = command(TOOLS)

if __name__ == "__main__":
    app()
