"""The `toolgym` command.

The command line is the one part of `toolgym` that knows of `toolgym.agents`, and it imports it inside the commands that
need it, so that `toolgym list` or `toolgym play` starts without loading a training stack.
"""

from toolgym.cli.app import app, main

__all__ = ["app", "main"]
