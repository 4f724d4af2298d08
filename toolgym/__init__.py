"""ToolGym: Gymnasium environments for tool use over MCP, and the agents that learn in them.

`import toolgym` registers the environments and does nothing else: it prints nothing and imports neither torch nor
transformers nor docker.
"""

from toolgym import _checkout

_checkout.install()
