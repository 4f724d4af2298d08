"""What earlier episodes taught, worn around any policy: cases in the prompt, calls from a graph, tools in view."""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.agents.memory.choosing import MEMORIES, wear
    from toolgym.agents.memory.graph import ToolGraph
    from toolgym.agents.memory.learning import learn
    from toolgym.agents.memory.records import Memory, read_memory, write_memory

__all__ = ["MEMORIES", "Memory", "ToolGraph", "learn", "read_memory", "wear", "write_memory"]

_HOME = {
    "MEMORIES": "choosing",
    "Memory": "records",
    "ToolGraph": "graph",
    "learn": "learning",
    "read_memory": "records",
    "wear": "choosing",
    "write_memory": "records",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)
