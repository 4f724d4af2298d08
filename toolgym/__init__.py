"""ToolGym: Gymnasium environments for tool use over MCP, and the agents that learn in them.

`import toolgym` registers the environments and does nothing else: it prints nothing and imports neither torch nor
transformers nor docker. The names below are imported when they are first used.
"""

from typing import TYPE_CHECKING

from toolgym import _checkout
from toolgym._exports import lazy_exports
from toolgym.registration import register_domain, register_env, register_envs

if TYPE_CHECKING:
    from toolgym.checker import check_tool_env
    from toolgym.custom import CustomDomain
    from toolgym.env import ToolEnv
    from toolgym.messages import ToolCall, Turn, parse, render
    from toolgym.options import EnvOptions
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory, read_trajectories
    from toolgym.vector import ToolVectorEnv
    from toolgym.world import Base, World

__all__ = [
    "Base",
    "CustomDomain",
    "EnvOptions",
    "Task",
    "ToolCall",
    "ToolEnv",
    "ToolVectorEnv",
    "Trajectory",
    "Turn",
    "World",
    "check_tool_env",
    "parse",
    "read_trajectories",
    "register_domain",
    "register_env",
    "render",
]

_HOME = {
    "Base": "world",
    "CustomDomain": "custom",
    "EnvOptions": "options",
    "Task": "tasks",
    "ToolCall": "messages",
    "ToolEnv": "env",
    "ToolVectorEnv": "vector",
    "Trajectory": "trajectory",
    "Turn": "messages",
    "World": "world",
    "check_tool_env": "checker",
    "parse": "messages",
    "read_trajectories": "trajectory",
    "render": "messages",
}

__getattr__, __dir__ = lazy_exports(__name__, globals(), _HOME)

_checkout.install()
register_envs()
