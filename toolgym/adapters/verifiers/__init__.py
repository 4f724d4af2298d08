"""verifiers: our tasks as one of its tasksets, for `vf-eval` and prime-rl.

    # airline_toolgym.py; then: vf-eval airline_toolgym --env.taskset.options.size small -n 20 -m MODEL
    from toolgym.adapters.verifiers import ToolGymEnv, ToolGymHarness, ToolGymTaskset

    __all__ = ["ToolGymEnv", "ToolGymHarness", "ToolGymTaskset"]

`pip install verifiers` brings its package (its interface of version 1, `verifiers.v1`); nothing of it is imported
before one of these is used.
"""

from typing import TYPE_CHECKING

from toolgym._exports import lazy_exports

if TYPE_CHECKING:
    from toolgym.adapters.verifiers.serving import (
        ToolGymConfig,
        ToolGymEnv,
        ToolGymHarness,
        ToolGymTask,
        ToolGymTaskset,
    )

__all__ = ["ToolGymConfig", "ToolGymEnv", "ToolGymHarness", "ToolGymTask", "ToolGymTaskset"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    globals(),
    {
        "ToolGymConfig": "serving",
        "ToolGymEnv": "serving",
        "ToolGymHarness": "serving",
        "ToolGymTask": "serving",
        "ToolGymTaskset": "serving",
    },
)
