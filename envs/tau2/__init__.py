"""tau2-bench: its public tasks in its public worlds, on the tools of this project, and the rewards of the reference."""

from toolgym.envs.tau2.replaying import replay

__all__ = ["replay"]
