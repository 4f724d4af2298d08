"""A FastMCP server that changes its tools while it runs, and says so: it learns, unlearns and relearns a tool."""

from fastmcp import Context, FastMCP
from mcp_types import ToolListChangedNotification


def make() -> FastMCP:
    """The server, in its initial state."""
    server = FastMCP("workshop")

    @server.tool(annotations={"readOnlyHint": True})
    def list_lamps() -> list[str]:
        """Lists the lamps."""
        return ["l1"]

    @server.tool(annotations={"readOnlyHint": True})
    def open_door() -> str:
        """Opens a door."""
        return "open"

    def add(name: str, what: str) -> None:
        def tool() -> str:
            return what

        tool.__doc__ = f"{what}."
        server.tool(name=name)(tool)

    @server.tool
    async def learn(ctx: Context, name: str, what: str) -> str:
        """Learns to do something; or to do it otherwise."""
        add(name, what)
        await ctx.send_notification(ToolListChangedNotification())
        return "learnt"

    @server.tool
    async def unlearn(ctx: Context, name: str) -> str:
        """Forgets how to do something."""
        server.local_provider.remove_tool(name)
        await ctx.send_notification(ToolListChangedNotification())
        return "unlearnt"

    return server


if __name__ == "__main__":
    make().run(show_banner=False)
